"""Interval ends and contours, by us and by iminuit on the same function, in turns and on one core.

Each is timed in two states. *Fresh* is the function as a user has it after a fit: interpreted. *Used* is what it comes
to after much use: value and slope, all that iminuit asks for, are machine code then; our Hessians are not, but several
are looked at in one go. iminuit is wanted here alone and is no part of the project's environment: where it is not
installed, its rows say so.
"""

import importlib.util
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import pymc_landscape as pml
from benchmarks.fitting import MODELS, Way, in_turns

VERTICES = 40
HEAT = 41  # points an axis of a heat map
CUTOFF = pml.chi2_cutoff(0.95)
FRESH_CALLS, USED_SECONDS = 5, 5.0


def intervals(repeats: int) -> dict[str, Any]:
    """Time all six 95 % ends of the budworm model after a fit; seconds, calls of each, and largest error of Δ."""
    with threadpool_limits(1):
        fit = pml.fit_mle(MODELS["budworm"](), progressbar=False)
        ours, start = partial(pml.confidence_intervals, fit, progressbar=False), time.perf_counter()
        found = ours()
        answer = {
            "first": time.perf_counter() - start,
            "evaluations": found.attrs["n_evaluations"],
            "error": float(np.abs(found["delta_minus2ll"] - CUTOFF).max()),
        }
        ways: dict[str, Way] = {"ours": lambda: float(ours()["interval"][0, 0, 0])}
        for name, gradient in (("minos", False), ("minos_gradient", True)):
            if importlib.util.find_spec("iminuit") is not None:
                ways[name], answer[f"{name}_calls"] = _minos(fit, gradient)
        return answer | _in_both_states(fit, ways, repeats)


def contour(repeats: int) -> dict[str, Any]:
    """Time 40 vertices of a joint 95 % contour of two of them; seconds, calls, and largest error of Δ."""
    with threadpool_limits(1):
        fit = pml.fit_mle(MODELS["budworm"](), progressbar=False)
        ours = partial(pml.confidence_contour, fit, ["b[0]", "b[2]"], level=0.95, num=VERTICES, progressbar=False)
        edge = ours()
        rise = pml.chi2_cutoff(0.95, df=2)
        answer = {
            "evaluations": edge.attrs["n_evaluations"],
            "error": float(np.abs(edge["delta_minus2ll"] - rise).max()),
        }
        ways: dict[str, Way] = {"ours": lambda: float(ours()["b[0]"][0, 0])}
        if importlib.util.find_spec("iminuit") is not None:
            ways["mncontour"], answer["mncontour_calls"] = _mncontour(fit)
        return answer | _in_both_states(fit, ways, repeats)


def _in_both_states(fit: pml.Fit, ways: dict[str, Way], repeats: int) -> dict[str, float]:
    """Time fresh functions by single calls, too few to change them; then use and compile them, and time again."""
    calls: dict[str, list[float]] = {name: [] for name in ways}
    for name, way in list(ways.items()) * FRESH_CALLS:
        start = time.perf_counter()
        way()
        calls[name].append(time.perf_counter() - start)
    objective = fit.objective
    for kind in ("density", "gradient"):
        objective.engine(kind, objective.names).compile()
    end = time.perf_counter() + USED_SECONDS
    while time.perf_counter() < end:
        ways["ours"]()
    return {f"{name}_fresh": float(np.median(times)) for name, times in calls.items()} | in_turns(ways, repeats)


def profiles(repeats: int) -> dict[str, Any]:
    """Time three profiles, the ends of ten levels read off them, and a heat map of profiles; seconds, and errors."""
    with threadpool_limits(1):
        fit = pml.fit_mle(MODELS["budworm"](), progressbar=False)
        trace = partial(pml.profile_likelihood, fit, progressbar=False)
        traced, levels = trace(), np.linspace(0.5, 0.985, 10)
        exact = pml.confidence_intervals(fit, level=levels, progressbar=False)
        read, wanted = pml.read_intervals(traced, level=levels)["interval"], exact["interval"]
        heat = partial(
            pml.evaluate_landscape, fit.objective, _around(fit), at=fit, nuisance="profile", progressbar=False
        )
        answer = {
            "evaluations": traced.attrs["n_evaluations"],
            "error": float(np.abs(read.transpose(*wanted.dims).to_numpy() / wanted.to_numpy() - 1).max()),
            "solved": float((heat()["status"] == "converged").mean()),
        }
        ways: dict[str, Way] = {
            "trace": lambda: float(trace()["value"][0, 0]),
            "read": lambda: float(pml.read_intervals(traced, level=levels)["interval"].sum()),
            "heat": lambda: float(heat()["minus2ll"].min()),
        }
        return answer | in_turns(ways, repeats)


def _around(fit: pml.Fit) -> Any:
    """Return a grid of three standard errors around the estimate."""
    point, error = fit.point["b"].values, fit.standard_error["b"].values
    ends = {i: (point[i] - 3 * error[i], point[i] + 3 * error[i], HEAT) for i in (0, 2)}
    return pml.regular_grid({f"b[{i}]": spec for i, spec in ends.items()})


def _minuit(fit: pml.Fit, gradient: bool) -> Any:
    """Return iminuit at the same minimum, of −2LL: a rise of 1 is one standard error."""
    from iminuit import Minuit

    slope = fit.objective.value_and_gradient_function()
    options: dict[str, Any] = {"grad": lambda x: slope(np.asarray(x))[1]} if gradient else {}
    minuit = Minuit(lambda x: slope(np.asarray(x))[0], fit.theta, **options)
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.migrad()
    return minuit


def _minos(fit: pml.Fit, gradient: bool) -> tuple[Way, int]:
    return _timed(_minuit(fit, gradient), lambda minuit: minuit.minos(cl=0.95))


def _mncontour(fit: pml.Fit) -> tuple[Way, int]:
    return _timed(_minuit(fit, True), lambda minuit: minuit.mncontour("x0", "x2", cl=0.95, size=VERTICES))


def _timed(minuit: Any, work: Callable[[Any], Any]) -> tuple[Way, int]:
    """Return the work as something to be timed, and how many calls of value and gradient it takes."""
    before = minuit.nfcn + minuit.ngrad
    work(minuit)

    def way() -> float:
        work(minuit)
        return float(minuit.values[0])

    return way, minuit.nfcn + minuit.ngrad - before
