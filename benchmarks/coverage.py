"""Whether intervals hold what they should, tests reject what they should, and Laplace's integral can be trusted.

``python -m benchmarks.coverage`` simulates, prints the tables and keeps them in ``benchmarks/coverage.json``, from
which the page of the docs is made. ``--sets 100`` tries it with fewer data sets, and keeps nothing.

- Intervals: `coverage_study` of six models, 2,000 data sets each, by Wald, profile and bootstrap, beside the exact
  share where there is a closed form.
- Tests: the likelihood ratio at 5 % under the null, by χ² and by the mixture that a bound asks for.
- Laplace: p-values of `laplace_check`, and intervals, where the integral is exact and where it is rough.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from typing import Any

import numpy as np

from benchmarks.coverage_results import SECTIONS, keep, tables

SETS, SEED, LEVEL = 2000, 1950, 0.05
CHECKS, CHECK_DRAWS, INTEGRALS = 200, 60, 400
Rows = list[dict[str, Any]]


def share(held: int | np.integer[Any], of: int) -> dict[str, Any]:
    """Return a share of data sets and its Monte Carlo error; of none or all, with half of one added."""
    found = float(held) / of
    smoothed = (float(held) + 0.5) / (of + 1)
    return {"share": found, "error": float(np.sqrt(smoothed * (1 - smoothed) / of)), "sets": of}


# --- intervals -------------------------------------------------------------------------------------------------------


def intervals(name: str, methods: tuple[str, ...], sets: int) -> Rows:
    """Return a row a method and parameter of a model."""
    import pymc_landscape as pml
    from benchmarks.coverage_models import COVERED

    judged = COVERED[name]
    draws, refits = judged.bootstrap
    draws = min(sets, draws) if "bootstrap" in methods else sets
    fit = pml.fit_mle(judged.build(), progressbar=False)
    study = pml.coverage_study(
        fit, draws=draws, method=methods, bootstrap_draws=refits, random_seed=SEED, progressbar=False
    )
    exact, rows = judged.exact(), list[dict[str, Any]]()
    for method in methods:
        for label in study["parameter"].to_numpy().tolist():
            one = study.sel(interval_method=method, parameter=label)
            known = exact.get((method, label), 1 - LEVEL if method in judged.promised else None)
            words = {"model": judged.title, "says": judged.says, "parameter": label, "method": method}
            words |= share(round(float(one["coverage"]) * draws), draws)
            rows.append(
                words | {"theory": known, "is_exact": (method, label) in exact, "without": int(one["n_failed"])}
            )
    return rows


# --- tests -----------------------------------------------------------------------------------------------------------


def rejections(name: str, sets: int) -> Rows:
    """Return how often the likelihood ratio rejects a true null: by χ², and on a bound by the mixture."""
    from benchmarks.size import DESIGNS, Study
    from pymc_landscape.numerics import chibar2_tail, one_blas_thread

    study, rng = Study(DESIGNS[name]()), np.random.default_rng(SEED)
    with one_blas_thread(), np.errstate(all="ignore"):
        ratios = np.array([study.ratio(study.design.draw(rng)) for _ in range(sets)])
    df = len(study.weights) - 1
    laws = {"χ²": np.eye(df + 1)[-1]}
    if not np.allclose(study.weights, laws["χ²"]):
        laws["mixture"] = study.weights
    rows = []
    for law, weights in laws.items():
        p_values = np.array([chibar2_tail(ratio if ratio > 1e-8 else 0.0, weights) for ratio in ratios])
        is_edge = len(laws) == 2
        # on a bound χ² of one degree rejects half as often; the mixture is the law there, χ² elsewhere
        theory = LEVEL / 2 if is_edge and law == "χ²" else LEVEL
        found = share(int((p_values <= LEVEL).sum()), sets)
        rows.append({"model": study.design.title, "law": law, "theory": theory} | found)
    return rows


# --- Laplace ---------------------------------------------------------------------------------------------------------


def checks(kind: str, sets: int) -> Rows:
    """Return how often `laplace_check` doubts the integral at 5 %: where it is exact, and where it is rough."""
    import pymc_landscape as pml
    from benchmarks.coverage_models import binary_effects, normal_effects

    title, (model, draw) = {
        "exact": ("normal effects: the integral is exact", normal_effects(4, 12)),
        "rough": ("binary data, 2 a group, spread 2: the integral is rough", binary_effects(2, 60, 2.0)),
    }[kind]
    objective, rng, p_values = pml.Objective(model, quadrature=1), np.random.default_rng(SEED), []
    for seed in range(min(sets, CHECKS)):
        fit = pml.fit_mle(objective.with_data(y=draw(rng)), starts=1, progressbar=False)
        if fit.status.value == "converged":
            p_values.append(pml.laplace_check(fit, draws=CHECK_DRAWS, random_seed=seed, progressbar=False).p_value)
    found = share(int((np.array(p_values) <= LEVEL).sum()), len(p_values))
    return [{"model": title, "theory": LEVEL if kind == "exact" else None} | found]


def integrals(quadrature: int, sets: int) -> Rows:
    """Return how often profile intervals of a logistic model with effects hold the truth, with so many nodes."""
    import pymc_landscape as pml
    from benchmarks.coverage_models import binary_effects

    spread = 1.5
    model, draw = binary_effects(4, 40, spread)
    objective, rng = pml.Objective(model, quadrature=quadrature), np.random.default_rng(SEED)
    truth, n = {"mu": 0.0, "tau": spread}, min(sets, INTEGRALS)
    held, estimates = dict.fromkeys(truth, 0), []
    for _ in range(n):
        fit = pml.fit_mle(objective.with_data(y=draw(rng)), starts=1, progressbar=False)
        ends = pml.confidence_intervals(fit, progressbar=False)["interval"].isel(interval_method=0)
        for label, value in truth.items():
            low, high = ends.sel(parameter=label).to_numpy()
            held[label] += bool(low <= value <= high)
        estimates.append(float(fit.point["tau"]))
    words = "Laplace" if quadrature == 1 else f"{quadrature} nodes"
    return [
        {"integral": words, "parameter": label, "median": float(np.median(estimates)) if label == "tau" else None}
        | {"truth": truth[label]}
        | share(held[label], n)
        for label in truth
    ]


# --- all of it -------------------------------------------------------------------------------------------------------


def pieces(sets: int) -> dict[tuple[str, int], Callable[[], Rows]]:
    """Return the pieces of work by section and place, the longest first where possible."""
    from benchmarks.coverage_models import COVERED

    found: dict[tuple[str, int], Callable[[], Rows]] = {}
    for i, name in enumerate(COVERED):
        found["intervals", 2 * i] = partial(intervals, name, ("wald", "profile"), sets)
        found["intervals", 2 * i + 1] = partial(intervals, name, ("bootstrap",), sets)
    for i, name in enumerate(("logistic", "poisson", "normal", "gamma", "signal", "spread")):
        found["tests", i] = partial(rejections, name, sets)
    found |= {("checks", i): partial(checks, kind, sets) for i, kind in enumerate(("exact", "rough"))}
    return found | {("integrals", i): partial(integrals, nodes, sets) for i, nodes in enumerate((1, 9))}


def _quietly(piece: Callable[[], Rows]) -> Rows:
    logging.getLogger("pymc_landscape").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return piece()


def main() -> None:
    """Simulate in as many processes as there are cores; print the tables, and keep them if all sets were simulated."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=main.__doc__)
    parser.add_argument("--sets", type=int, default=SETS, help="data sets of each model")
    asked = parser.parse_args()
    begin, found = time.perf_counter(), dict[tuple[str, int], Rows]()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        waiting = {pool.submit(_quietly, piece): place for place, piece in pieces(asked.sets).items()}
        for done in as_completed(waiting):
            found[waiting[done]] = done.result()
            seconds = time.perf_counter() - begin
            print(f"{seconds:6.0f} s  {waiting[done]}", flush=True)
            if asked.sets == SETS:  # what is finished survives an interruption
                keep(_in_order(found), seconds / 60)
    print(tables(_in_order(found)))


def _in_order(found: dict[tuple[str, int], Rows]) -> dict[str, Rows]:
    """Return the rows of each section in the order of its pieces."""
    return {name: [row for (s, _), rows in sorted(found.items()) if s == name for row in rows] for name in SECTIONS}


if __name__ == "__main__":
    main()
