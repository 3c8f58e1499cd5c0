"""Fits after the first, by us and by others, in turns and on one core; and what the default takes beside one search.

One core for all sides, so that no one's library gains by threads that the other does not start. lifetimes is no longer
maintained and asks for an old pandas; ``uv pip install --no-deps lifetimes autograd dill`` gives one that runs.
"""

import importlib.util
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
from scipy import optimize
from threadpoolctl import threadpool_limits

import pymc_landscape as pml
from benchmarks.clocks import Way, in_turns
from benchmarks.isolate import Caches
from benchmarks.rows import Row, alone, compared, median
from benchmarks.workloads import EXAMPLES, MODELS, logistic_data, many_groups

CONCENTRATION = np.repeat([0.02, 0.06, 0.11, 0.22, 0.56, 1.1], 2)
RATE = np.array([76, 47, 97, 107, 123, 139, 159, 152, 191, 201, 207, 200.0])  # Puromycin, treated cells

GROUPS = 9998  # of the model whose spectrum is taken

# What is fitted; who else does so, and within how many times their time ours is to be.
TITLES = {
    "logistic": "logistic, 20 predictors × 5,000 rows",
    "customers": "BG/NBD, 2,357 customers",
    "budworm": "budworm, logistic, 12 rows",
    "puromycin": "Michaelis–Menten, 12 rows",
}
PEERS = {
    "statsmodels": ("`Logit.fit` of statsmodels", "logistic", 1.0),
    "lifetimes": ("`BetaGeoFitter` of lifetimes", "customers", 1.0),
    "scipy": ("`scipy.optimize.minimize` on handwritten NumPy", "budworm", None),
    "glm": ("`GLM.fit` of statsmodels", "budworm", None),
    "lmfit": ("`Model.fit` of lmfit", "puromycin", None),
}


def fits(name: str) -> dict[str, Any]:
    """Time one search of ours and what the default takes beside the peers of a model; each with standard errors."""
    with threadpool_limits(1):
        objective = pml.Objective(_model(name))
        ways: dict[str, Way] = {"ours": partial(_ours, objective, 1), "default": partial(_ours, objective, "auto")}
        ways |= {
            peer: _makers()[peer](objective) for peer, (_, model, _) in PEERS.items() if model == name and _has(peer)
        }
        values = {way: run() for way, run in ways.items()}
        if max(values.values()) - min(values.values()) > 1e-3:
            raise AssertionError(f"not all reach the same maximum: {values}")
        return in_turns(ways, repeats=5)


def spectrum(groups: str) -> dict[str, Any]:
    """Time the ten leading eigenvalues of a model of many parameters, after a first time."""
    with threadpool_limits(1):
        objective = pml.Objective(many_groups(int(groups)))
        work = partial(pml.hessian_spectrum, objective, num=10, random_seed=1)
        work()
        return in_turns({"ours": work}, 1)


def _ours(objective: pml.Objective, starts: Any) -> float:
    fit = pml.fit_mle(objective, starts=starts, progressbar=False)
    _ = fit.standard_error  # part of what the others return
    return float(fit.log_likelihood)


def _has(peer: str) -> bool:
    return peer == "scipy" or importlib.util.find_spec({"glm": "statsmodels"}.get(peer, peer)) is not None


def _model(name: str) -> pm.Model:
    if name != "puromycin":
        return MODELS[name]()
    with pm.Model() as model:
        top, half, sigma = pm.HalfNormal("Vm", 300), pm.HalfNormal("K", 1), pm.HalfNormal("sigma", 30)
        pm.Normal("rate", top * CONCENTRATION / (half + CONCENTRATION), sigma, observed=RATE)
    return model


# --- peers: each returns the log-likelihood that it found ----------------------------------------------------------


def _makers() -> dict[str, Callable[[pml.Objective], Way]]:
    return {
        "statsmodels": lambda _: _statsmodels(),
        "lifetimes": _lifetimes,
        "scipy": lambda _: _scipy,
        "glm": lambda _: _glm(),
        "lmfit": lambda _: _lmfit(),
    }


def _statsmodels() -> Way:
    from statsmodels.api import Logit

    design, y = logistic_data(5000)

    def fit() -> float:
        result = Logit(y, design).fit(disp=0)
        _ = result.bse
        return float(result.llf)

    return fit


def _lifetimes(objective: pml.Objective) -> Way:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes import BetaGeoFitter

    data = pd.read_csv(EXAMPLES / "data" / "cdnow.csv")

    def fit() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitter = BetaGeoFitter().fit(data["frequency"], data["recency_weeks"], data["age_weeks"])
        return float(objective.log_likelihood(objective.pack(dict(fitter.params_))))  # its own has other constants

    return fit


def _budworm() -> tuple[Any, Any, Any]:
    data = pd.read_csv(EXAMPLES / "data" / "budworm.csv")
    design = np.column_stack([np.ones(len(data)), data["sex"] == "M", data["ldose"]]).astype(float)
    return design, data["dead"].to_numpy(float), data["n"].to_numpy(float)


def _glm() -> Way:
    from statsmodels.api import GLM, families

    design, dead, n = _budworm()

    def fit() -> float:
        result = GLM(np.column_stack([dead, n - dead]), design, family=families.Binomial()).fit()
        _ = result.bse
        return float(result.llf)

    return fit


def _scipy() -> float:
    from scipy.special import gammaln

    design, dead, n = _budworm()
    constant = (gammaln(n + 1) - gammaln(dead + 1) - gammaln(n - dead + 1)).sum()

    def height(b: np.ndarray) -> tuple[float, np.ndarray]:
        eta = design @ b
        slope = design.T @ (dead - n / (1 + np.exp(-eta)))
        return float((n * np.logaddexp(0, eta) - dead * eta).sum() - constant), -slope

    found = optimize.minimize(height, np.zeros(3), jac=True, method="BFGS")
    _ = np.sqrt(np.diag(found.hess_inv))
    return -float(found.fun)


def _lmfit() -> Way:
    from lmfit import Model

    curve = Model(lambda c, Vm, K: Vm * c / (K + c))

    def fit() -> float:
        result = curve.fit(RATE, c=CONCENTRATION, Vm=200, K=0.1)
        variance = float((result.residual**2).mean())
        return -0.5 * len(RATE) * (np.log(2 * np.pi * variance) + 1)

    return fit


def rows(caches: Caches, repeats: int) -> list[Row]:
    """Fits after a first one, against what people use; the spectrum of a large model."""
    tasks = [(fits, name) for name in TITLES] + [(spectrum, GROUPS)]
    for task in tasks:
        caches.warm(*task)
    *answers, large = caches.in_turns(tasks, repeats)
    by_model = dict(zip(TITLES, answers, strict=True))
    found = []
    for name, (peer, model, within) in PEERS.items():
        work = f"`fit_mle(starts=1)` with standard errors, {TITLES[model]}"
        found.append(compared(work, by_model[model], "ours", name, peer, within=within))
    for name, title in TITLES.items():
        of_one = median(by_model[name], "ours_processor")
        default = median(by_model[name], "default_processor")
        note = f"{default / of_one:.2f} × one search"
        found.append(alone(f'`fit_mle` by default, `starts="auto"`, {title}', default, note=note))
    work = f"ten leading eigenvalues of {GROUPS + 2:,} parameters, by products"
    return [*found, alone(work, median(large, "ours_processor"))]
