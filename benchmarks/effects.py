"""Random effects integrated out: lme4's sleepstudy by us and, where R has it, by lme4; and very many groups.

R is wanted here alone and is no part of the project's environment: where it is not installed, its rows say so.
"""

import re
import resource
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from threadpoolctl import threadpool_limits

import pymc_landscape as pml

HERE = Path(__file__).resolve().parent
PUBLISHED = 1751.93934446  # −2LL of lme4


def sleepstudy(repeats: int) -> dict[str, Any]:
    """Time a fit and its six profile intervals, all graphs compiled; seconds, and how far −2LL is off."""
    with threadpool_limits(1):
        objective = pml.Objective(sleepstudy_model(), latent="u", backend="numba")
        fit = pml.fit_mle(objective, progressbar=False)
        answer = {
            "fit": _fastest(lambda: pml.fit_mle(objective, starts=1, progressbar=False), repeats),
            "default": _fastest(lambda: pml.fit_mle(objective, progressbar=False), repeats),
            "intervals": _fastest(lambda: pml.confidence_intervals(fit, progressbar=False), 3),
            "off": abs(fit.minus2ll - PUBLISHED),
        }
    return answer | _lme4()


def sleepstudy_model() -> pm.Model:
    """Build lme4's model of the drivers, lines with correlated effects."""
    data = pd.read_csv(HERE.parent / "examples" / "data" / "sleepstudy.csv")
    subject, days = pd.factorize(data["subject"])[0], data["days"].to_numpy(float)
    with pm.Model() as model:
        b, sd, rho = pm.Normal("b", 0, 1000, shape=2), pm.HalfNormal("sd", 100, shape=2), pm.Uniform("rho", -1.0, 1.0)
        sigma = pm.HalfNormal("sigma", 100)
        root = pt.stack([pt.stack([sd[0], 0.0]), pt.stack([rho * sd[1], sd[1] * pt.sqrt(1 - rho**2)])])
        u = pm.MvNormal("u", np.zeros(2), chol=root, shape=(18, 2))
        mean = b[0] + u[subject, 0] + (b[1] + u[subject, 1]) * days
        pm.Normal("y", mean, sigma, observed=data["reaction_ms"].to_numpy())
    return model


def _fastest(work: Callable[[], Any], repeats: int) -> float:
    took = []
    for _ in range(max(repeats, 3)):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return float(np.median(took))


def _lme4() -> dict[str, float]:
    """Return lme4's medians of the same work, in seconds; nothing where there is no lme4."""
    if shutil.which("Rscript") is None:
        return {}
    said = subprocess.run(["Rscript", str(HERE / "lme4.R")], capture_output=True, text=True, check=False).stdout
    found = [float(number) for number in re.findall(r"median +([0-9.]+)", said)]
    return {"lme4_fit": found[0] / 1e3, "lme4_intervals": found[1]} if len(found) == 2 else {}


def groups(n: int, rows: int, repeats: int) -> dict[str, Any]:
    """Time one marginal value with gradient of a model with n intercepts; seconds, bytes, and the error of −2LL."""
    rng = np.random.default_rng(1)
    group, x = rng.integers(0, n, rows), rng.normal(size=rows)
    y = 1 + 0.5 * x + rng.normal(0, 1, n)[group] + rng.normal(0, 0.7, rows)
    with pm.Model() as model:
        b, spread, sigma = pm.Normal("b", 0, 10, shape=2), pm.HalfNormal("spread", 3), pm.HalfNormal("sigma", 3)
        u = pm.Normal("u", 0, spread, shape=n)
        pm.Normal("y", b[0] + b[1] * x + u[group], sigma, observed=y)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    objective = pml.Objective(model, latent="u")
    theta = objective.pack({"b": [1.0, 0.5], "spread": 1.1, "sigma": 0.8})
    start = time.perf_counter()
    value = float(objective.value_and_gradient(theta)[0])
    first, steps = time.perf_counter() - start, iter(np.linspace(1e-3, 1e-2, 100))
    seconds = _fastest(lambda: objective.value_and_gradient(theta + next(steps)), repeats)
    peak = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return {"seconds": seconds, "first": first, "peak": peak, "error": abs(value - _closed(y - 1 - 0.5 * x, group, n))}


def _closed(residual: Any, group: Any, n: int) -> float:
    """−2LL of normal effects and errors: each group's covariance is σ² I + τ² 1 1'."""
    tau2, sigma2, counts = 1.1**2, 0.8**2, np.bincount(group, minlength=n)
    sums = np.bincount(group, residual, minlength=n)
    log_det = len(residual) * np.log(sigma2) + np.log1p(counts * tau2 / sigma2).sum()
    square = residual @ residual / sigma2 - (tau2 / (sigma2 * (sigma2 + counts * tau2)) * sums**2).sum()
    return float(len(residual) * np.log(2 * np.pi) + log_det + square)
