"""Refits to simulated data: bootstraps, and studies of coverage against the exact shares."""

import time
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
from scipy import stats

import pymc_landscape as pml
from benchmarks.fitting import EXAMPLES, MODELS
from pymc_landscape.inference import coverage as coverage_room

Answer = dict[str, Any]
CUTOFF = float(pml.chi2_cutoff(0.95))
FIVE, TRIES, SHARE = np.array([1.2, -0.4, 3.1, 2.2, 0.7]), 10, 0.7
SAMPLER = {"draws": 500, "tune": 500, "chains": 1}


def bootstrap(name: str, draws: int) -> Answer:
    """Time a bootstrap after a first short one; seconds, and how many refits claim an optimum."""
    fit = pml.fit_mle(_nbd() if name == "nbd" else MODELS[name](), progressbar=False)
    pml.parametric_bootstrap(fit, draws=3, random_seed=1, progressbar=False)
    start = time.perf_counter(), time.process_time()
    drawn = pml.parametric_bootstrap(fit, draws=draws, random_seed=2, progressbar=False)
    return _since(start) | {"arrived": int(drawn["status"].isin(["converged", "at_bound"]).sum())}


def coverage(name: str, draws: int) -> Answer:
    """Time a study of coverage; seconds, and how far it is from the exact shares, in standard errors."""
    fit = pml.fit_mle(_mean() if name == "normal" else _proportion(), progressbar=False)
    exact = _of_mean() if name == "normal" else _of_proportion()
    what = "mu" if name == "normal" else "p"
    pml.coverage_study(fit, what, draws=3, random_seed=1, progressbar=False)
    start = time.perf_counter(), time.process_time()
    found = pml.coverage_study(fit, what, draws=draws, method=list(exact), random_seed=2, progressbar=False)
    taken = _since(start)
    off = [
        abs(float(found["coverage"].sel(interval_method=m, parameter=what)) - share)
        / np.sqrt(share * (1 - share) / draws)
        for m, share in exact.items()
    ]
    return taken | {"off": max(off)}


def _since(start: tuple[float, float]) -> Answer:
    """Return seconds on the clock and of a processor: on a busy machine they differ."""
    return {"seconds": time.perf_counter() - start[0], "processor": time.process_time() - start[1]}


def hdi(draws: int) -> Answer:
    """Time a study of the posterior's HDI beside profile and Wald; seconds a data set, and of the first's sampling."""
    clock: list[tuple[float, float]] = []

    class Timed(coverage_room.Sampler):
        def __call__(self, *args: Any) -> Any:
            start = time.perf_counter()
            found = super().__call__(*args)
            clock.append((start, time.perf_counter()))
            return found

    fit, plain = pml.fit_mle(_mean(), progressbar=False), coverage_room.Sampler
    coverage_room.Sampler = Timed
    try:
        methods = ["wald", "profile", "hdi"]
        pml.coverage_study(fit, draws=draws, method=methods, sampler=SAMPLER, random_seed=1, progressbar=False)
    finally:
        coverage_room.Sampler = plain
    ends = [end for _, end in clock]
    return {"first": ends[0] - clock[0][0], "each": float(np.median(np.diff(ends)))}


# --- models, and what is exact about them ----------------------------------------------------------------------------


def _nbd() -> pm.Model:
    """Purchases of 2,357 customers at rates ~ Gamma(r, α), nobody ever leaving."""
    data = pd.read_csv(EXAMPLES / "data" / "cdnow.csv")
    with pm.Model() as model:
        r, alpha = pm.HalfNormal("r", 5), pm.HalfNormal("alpha", 50)
        mean = r / alpha * data["age_weeks"].to_numpy(float)
        pm.NegativeBinomial("x", mu=mean, alpha=r, observed=data["frequency"].to_numpy())
    return model


def _mean() -> pm.Model:
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 100), pm.HalfNormal("sigma", 10), observed=FIVE)
    return model


def _proportion() -> pm.Model:
    with pm.Model() as model:
        pm.Binomial("y", TRIES, pm.Beta("p", 1, 1), observed=round(TRIES * SHARE))
    return model


def _of_mean() -> dict[str, float]:
    """By Student's t: the profile interval is ȳ ± s √((exp(q/n) − 1)(n − 1)/n), Wald's has √q s √((n − 1)/n²)."""
    n = len(FIVE)
    reach = {"profile": np.sqrt((n - 1) * np.expm1(CUTOFF / n)), "wald": np.sqrt(CUTOFF * (n - 1) / n)}
    return {method: float(1 - 2 * stats.t(n - 1).sf(t)) for method, t in reach.items()}


def _of_proportion() -> dict[str, float]:
    """By a sum over the counts; Wald has no interval at 0 and at all."""
    counts = np.arange(TRIES + 1)
    chance, share = stats.binom(TRIES, SHARE).pmf(counts), counts / TRIES
    ratio = 2 * (stats.binom.logpmf(counts, TRIES, share) - stats.binom.logpmf(counts, TRIES, SHARE))
    inner = (counts > 0) & (counts < TRIES)
    wald = np.abs(share - SHARE) <= np.sqrt(CUTOFF * share * (1 - share) / TRIES)
    of_wald = chance[inner] @ wald[inner] / chance[inner].sum()
    return {"profile": float(chance @ (ratio <= CUTOFF)), "wald": float(of_wald)}
