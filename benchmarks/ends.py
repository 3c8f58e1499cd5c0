"""Interval ends, contours and profiles, by us and by others on the same function, in turns and on one core.

*Fresh* is the function as a user has it after a fit; *compiled* is what it comes to after use: then value and slope,
all that the others ask for, are machine code.
"""

import importlib.util
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
from threadpoolctl import threadpool_limits

import pymc_landscape as pml
from benchmarks.clocks import Way, in_turns, once
from benchmarks.isolate import Caches
from benchmarks.rows import Bar, Row, compared, median
from benchmarks.with_r import r_seconds
from benchmarks.workloads import budworm, logistic, logistic_data

VERTICES = 40
CUTOFF = pml.chi2_cutoff(0.95)
FRESH_CALLS, USED_SECONDS = 5, 3.0


def intervals() -> dict[str, Any]:
    """Time all six 95 % ends of the budworm model after a fit, beside MINOS; calls of each, and largest error of Δ."""
    with threadpool_limits(1):
        fit = pml.fit_mle(budworm(), progressbar=False)
        ours = partial(pml.confidence_intervals, fit, progressbar=False)
        found = ours()
        answer = {
            "evaluations": found.attrs["n_evaluations"],
            "error": float(np.abs(found["delta_minus2ll"] - CUTOFF).max()),
        }
        ways: dict[str, Way] = {"ours": lambda: float(ours()["interval"][0, 0, 0])}
        if _has("iminuit"):
            for name, gradient in (("minos", False), ("minos_gradient", True)):
                ways[name], answer[f"{name}_calls"] = _timed(_minuit(fit, gradient), lambda it: it.minos(cl=0.95))
        return answer | _in_both_states(fit, ways)


def contour() -> dict[str, Any]:
    """Time 40 vertices of a joint 95 % contour of two of them, beside mncontour; calls, and largest error of Δ."""
    with threadpool_limits(1):
        fit = pml.fit_mle(budworm(), progressbar=False)
        ours = partial(pml.confidence_contour, fit, ["b[0]", "b[2]"], level=0.95, num=VERTICES, progressbar=False)
        edge, rise = ours(), pml.chi2_cutoff(0.95, df=2)
        answer = {
            "evaluations": edge.attrs["n_evaluations"],
            "error": float(np.abs(edge["delta_minus2ll"] - rise).max()),
        }
        ways: dict[str, Way] = {"ours": lambda: float(ours()["b[0]"][0, 0])}
        if _has("iminuit"):
            walk = partial(_around, names=("x0", "x2"))
            ways["mncontour"], answer["mncontour_calls"] = _timed(_minuit(fit, True), walk)
        return answer | _in_both_states(fit, ways)


def profiles() -> dict[str, Any]:
    """Time three profiles to 99 %, beside pyPESTO's of the same function."""
    with threadpool_limits(1):
        fit = pml.fit_mle(budworm(), progressbar=False)
        ways: dict[str, Way] = {"ours": lambda: pml.profile_likelihood(fit, progressbar=False)}
        if _has("pypesto"):
            ways["pypesto"] = _pypesto(fit)
        for way in ways.values():
            way()
        return in_turns(ways, 3)


def profiles_of_many() -> dict[str, Any]:
    """Time profiles of all coefficients of a logistic regression to 99 %, beside R's of a `glm`."""
    fit, (design, y) = pml.fit_mle(logistic(5000), progressbar=False), logistic_data(5000)
    answer = once(lambda: pml.profile_likelihood(fit, progressbar=False), "ours")[0]
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        pd.DataFrame(design).add_prefix("x").assign(y=y).to_csv(file.name, index=False)
        return answer | r_seconds("profiles", file.name)


def many_rows(rows: str) -> dict[str, Any]:
    """Time a fit and ten interval ends of a logistic regression of many rows × 5; evaluations that are told."""
    n = int(rows)
    rng = np.random.default_rng(21)
    design = rng.normal(size=(n, 5))
    y = rng.binomial(1, 1 / (1 + np.exp(-design @ [0.5, -0.3, 0.2, 0.0, 0.8])))
    with pm.Model() as model:
        pm.Bernoulli("y", logit_p=pm.math.dot(design, pm.Normal("beta", 0, 2, shape=5)), observed=y)
    objective = pml.Objective(model)
    pml.fit_mle(objective, progressbar=False)  # what is compiled is compiled
    pml.confidence_intervals(pml.fit_mle(budworm(), progressbar=False), progressbar=False)  # what is imported is, too
    took, fit = once(lambda: pml.fit_mle(objective, progressbar=False), "fit")
    again, found = once(lambda: pml.confidence_intervals(fit, progressbar=False), "ends")
    return took | again | {"evaluations": found.attrs["n_evaluations"]}


def _in_both_states(fit: pml.Fit, ways: dict[str, Way]) -> dict[str, float]:
    """Time fresh functions by single calls, too few to change them; then use and compile them, and time again."""
    calls: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for name, way in list(ways.items()) * FRESH_CALLS:
        calls[name].append(once(way, "call")[0])
    fresh = {
        f"{name}_fresh{clock}": median(took, f"call{clock}")
        for name, took in calls.items()
        for clock in ("", "_processor")
    }
    for kind in ("density", "gradient", "hessian"):
        fit.objective.engine(kind, fit.objective.names).compile()
    end = time.perf_counter() + USED_SECONDS
    while time.perf_counter() < end:
        ways["ours"]()
    return fresh | in_turns(ways, 5)


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _minuit(fit: pml.Fit, gradient: bool) -> Any:
    """Return iminuit at the same minimum, of −2LL: a rise of 1 is one standard error."""
    from iminuit import Minuit

    slope = fit.objective.value_and_gradient_function()
    options: dict[str, Any] = {"grad": lambda x: slope(np.asarray(x))[1]} if gradient else {}
    minuit = Minuit(lambda x: slope(np.asarray(x))[0], fit.theta, **options)
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.migrad()
    return minuit


def _around(minuit: Any, names: tuple[str, str]) -> None:
    minuit.mncontour(*names, cl=0.95, size=VERTICES)


def _timed(minuit: Any, work: Callable[[Any], Any]) -> tuple[Way, int]:
    """Return the work as something to be timed, and how many calls of value and gradient it takes."""
    before = minuit.nfcn + minuit.ngrad
    work(minuit)
    return partial(work, minuit), minuit.nfcn + minuit.ngrad - before


def _pypesto(fit: pml.Fit) -> Way:
    """Return profiles by pyPESTO, of half of −2LL as it wants it, from the same optimum to the same height."""
    import logging

    import pypesto
    from pypesto import optimize, profile

    logging.getLogger("pypesto").setLevel(logging.ERROR)
    slope = fit.objective.value_and_gradient_function()
    objective = pypesto.Objective(
        fun=lambda x: slope(np.asarray(x))[0] / 2, grad=lambda x: np.asarray(slope(np.asarray(x))[1]) / 2
    )
    wide = 10 * np.abs(fit.theta) + 1
    problem = pypesto.Problem(objective, lb=fit.theta - wide, ub=fit.theta + wide, x_guesses=[fit.theta])
    found = optimize.minimize(problem, n_starts=1, progress_bar=False)
    options = profile.ProfileOptions(ratio_min=float(np.exp(-pml.chi2_cutoff(0.99) / 2)))
    return lambda: profile.parameter_profile(
        problem=problem, result=found, optimizer=optimize.ScipyOptimizer(), profile_options=options, progress_bar=False
    )


def rows(caches: Caches, repeats: int) -> list[Row]:
    """Time ends, a contour and profiles after a fit; ends of many rows beside the fit."""
    tasks = [(intervals,), (contour,), (profiles,)]
    for task in tasks:
        caches.warm(*task)
    six, ring, traced = caches.in_turns(tasks, repeats)
    of_six = f"{six[0]['evaluations']} evaluations; Δ off by {max(a['error'] for a in six):.0e} at most"
    of_ring = f"{ring[0]['evaluations']} evaluations; Δ off by {max(a['error'] for a in ring):.0e} at most"
    work, edge = "six 95 % ends, budworm", "40-vertex exact contour, budworm"
    minos, mncontour = "`Minuit.minos`", "`Minuit.mncontour`, with gradient"
    found = [
        compared(f"{work}, compiled", six, "ours", "minos", f"{minos}, without gradient", faster=2, note=of_six),
        compared(f"{work}, compiled", six, "ours", "minos_gradient", f"{minos}, with gradient", faster=2),
        compared(f"{work}, right after the fit", six, "ours_fresh", "minos_gradient_fresh", f"{minos}, with gradient"),
        compared(f"{edge}, compiled", ring, "ours", "mncontour", mncontour, faster=2, note=of_ring),
        compared(f"{edge}, right after the fit", ring, "ours_fresh", "mncontour_fresh", mncontour),
        compared("three profiles to 99 %, budworm", traced, "ours", "pypesto", "`parameter_profile` of pyPESTO"),
    ]
    caches.warm(profiles_of_many)
    (traced,) = caches.in_turns([(profiles_of_many,)], repeats)
    work, peer = "20 profiles to 99 %, logistic, 5,000 rows", "`profile(glm)` of R"
    found.append(compared(f"{work}, right after the fit", traced, "ours", "profiles", peer))
    for n in (200_000, 1_000_000):
        (answers,) = caches.in_turns([(many_rows, n)], 1)
        took, of_fit = median(answers, "ends_processor"), median(answers, "fit_processor")
        bar = Bar("≤ 4 × the fit", took <= 4 * of_fit)
        work = f"ten interval ends, logistic, {n:,} rows × 5"
        note = f"{took / of_fit:.1f} × the fit; {answers[0]['evaluations']} evaluations told"
        found.append(Row(work, took, "the fit", of_fit, bars=(bar,), note=note))
    return found
