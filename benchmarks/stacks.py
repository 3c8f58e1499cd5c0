"""Many refits to simulated data: bootstraps beside R's `glm`, and studies of coverage against exact shares."""

from typing import Any

import numpy as np
import pymc as pm
from scipy import stats

import pymc_landscape as pml
from benchmarks.clocks import once
from benchmarks.isolate import Caches
from benchmarks.rows import Bar, Row, alone, at_most, compared, median
from benchmarks.with_r import r_seconds
from benchmarks.workloads import MODELS

CUTOFF = float(pml.chi2_cutoff(0.95))
FIVE, TRIES, SHARE = np.array([1.2, -0.4, 3.1, 2.2, 0.7]), 10, 0.7
ALONE = 30  # refits that are timed one by one


def bootstrap(name: str, draws: str) -> dict[str, Any]:
    """Time a bootstrap after a first short one; how many refits claim an optimum."""
    fit = pml.fit_mle(MODELS[name](), progressbar=False)
    pml.parametric_bootstrap(fit, draws=3, random_seed=1, progressbar=False)
    took, drawn = once(
        lambda: pml.parametric_bootstrap(fit, draws=int(draws), random_seed=2, progressbar=False), "ours"
    )
    arrived = int(drawn["status"].isin(["converged", "at_bound"]).sum())
    peers = r_seconds("glm") if name == "budworm" else {}
    return took | _one_by_one(fit, int(draws)) | peers | {"arrived": arrived}


def _one_by_one(fit: pml.Fit, draws: int) -> dict[str, float]:
    """Time refits as anyone would write them, a `fit_mle` after the other, and scale to so many."""
    model = fit.objective.model
    (observed,) = model.observed_RVs
    at = {name: fit.point[name].to_numpy() for name in fit.point.data_vars}
    name, data = observed.name, pm.draw(pm.do(model, at)[observed.name], draws=ALONE, random_seed=3)

    def refit() -> None:
        for y in data:
            pml.fit_mle(fit.objective.with_data(**{name: y}), starts=1, progressbar=False)

    return {clock: draws / ALONE * seconds for clock, seconds in once(refit, "alone")[0].items()}


def coverage(name: str, draws: str) -> dict[str, Any]:
    """Time a study of coverage; how far it is from the exact shares, in standard errors."""
    fit = pml.fit_mle(_mean() if name == "normal" else _proportion(), progressbar=False)
    exact = _of_mean() if name == "normal" else _of_proportion()
    what, n = "mu" if name == "normal" else "p", int(draws)
    pml.coverage_study(fit, what, draws=3, random_seed=1, progressbar=False)
    took, found = once(
        lambda: pml.coverage_study(fit, what, draws=n, method=list(exact), random_seed=2, progressbar=False), "ours"
    )
    off = [
        abs(float(found["coverage"].sel(interval_method=m, parameter=what)) - share) / np.sqrt(share * (1 - share) / n)
        for m, share in exact.items()
    ]
    return took | {"off": max(off)}


# --- models, and what is exact about them ----------------------------------------------------------------------------


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
    """By a sum over the counts; Wald has no interval at 0 and at all, which covers nothing."""
    counts = np.arange(TRIES + 1)
    chance, share = stats.binom(TRIES, SHARE).pmf(counts), counts / TRIES
    ratio = 2 * (stats.binom.logpmf(counts, TRIES, share) - stats.binom.logpmf(counts, TRIES, SHARE))
    wald = np.abs(share - SHARE) <= np.sqrt(CUTOFF * share * (1 - share) / TRIES)
    return {"profile": float(chance @ (ratio <= CUTOFF)), "wald": float(chance @ wald)}


def rows(caches: Caches, repeats: int) -> list[Row]:
    """Refits to simulated data, and coverage against what is exact."""
    tasks = [(bootstrap, "budworm", 1000), (bootstrap, "nbd", 999)]
    tasks += [(coverage, "binomial", 2000), (coverage, "normal", 2000)]
    moths, nbd, binomial, normal = caches.in_turns(tasks, repeats)
    arrived = f"{moths[0]['arrived']} arrived"
    work, of_nbd = "1,000 bootstrap refits, budworm", "999 bootstrap refits, NBD, 2,357 customers"
    nbd_arrived = f"{nbd[0]['arrived']} arrived"
    return [
        compared(work, moths, "ours", "glm", "R's `glm` in a loop", faster=5, note=arrived),
        compared(work, moths, "ours", "alone", "`fit_mle(starts=1)` of each in a loop"),
        compared(of_nbd, nbd, "ours", "alone", "`fit_mle(starts=1)` of each in a loop", faster=10, note=nbd_arrived),
        *_covers("binomial", binomial, 1.5),
        *_covers("normal, σ unknown,", normal, None),
    ]


def _covers(data: str, answers: list[dict[str, Any]], limit: float | None) -> list[Row]:
    took, off = median(answers, "ours_processor"), max(answer["off"] for answer in answers)
    bars = [at_most(took, limit)] if limit else []
    bars.append(Bar("≤ 4 standard errors off", off <= 4))
    note = f"at most {off:.1f} standard errors off the exact shares"
    return [alone(f"coverage study, 2,000 {data} data sets, profile and Wald", took, *bars, note=note)]
