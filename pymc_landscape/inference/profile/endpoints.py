"""Any end of an interval: by Newton's steps from afar, and where these do not arrive, along the profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.active_set import settle_active_set
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.inference.profile.constraint_manifold import minimize_on
from pymc_landscape.inference.profile.continuation import LOWER, ProfileContinuation
from pymc_landscape.inference.profile.endpoint_newton import (
    EndpointProblem,
    newton_endpoint,
    newton_endpoints_batch,
    refine_endpoint,
)
from pymc_landscape.inference.profile.local_minima import dips, lowest_local_minimum
from pymc_landscape.objective import RestrictedObjective, screen_batch
from pymc_landscape.optimize import search

# Points of the walk to a cut-off, at the least.
WALK = 4
# Where on the line from the estimate to the end, and beyond, the surface is looked at.
SCREEN = np.linspace(0.0, 3.0, 25)[1:]
# Points on the way to an end, the values there, and values in the last digits of the end.
Screen = tuple[Array, Array, Array]
# A last value that is less than this share of the estimate is 0.
NOTHING = 1e-7
# So often another valley is changed to.
VALLEYS = 3
NEW_OPTIMUM = "a lower optimum than the estimate was met"


@dataclass(frozen=True)
class Endpoint:
    """One end.

    Parameters
    ----------
    value : float
        ψ there; the edge of the support for ``at_bound``, ±inf for ``open``, NaN for ``failed``.
    status : str
        ``finite``, ``at_bound``, ``open``, ``new_optimum`` or ``failed``.
    rise : float
        Δ(−2LL) there; for an open end, where the search ended.
    message : str
        Says more.
    spot : ConstrainedPoint or None
        The point.
    """

    value: float
    status: str
    rise: float
    message: str = ""
    spot: ConstrainedPoint | None = None


def find_endpoints(tasks: Sequence[EndpointProblem], others: Sequence[Mapping[str, Array]] = ()) -> list[Endpoint]:
    """Find ends of intervals of one fit.

    Parameters
    ----------
    tasks : sequence of EndpointProblem
        Of each end the minimum, in a frame in which the quantity moves, the side, and the cut-off.
    others : sequence of points, optional
        Natural points that may lie in other valleys.

    Returns
    -------
    list of Endpoint
        One an end; ``new_optimum`` where the walk met a surface lower than the estimate: `spot` is there.
    """
    spots = [spot if spot is not None and _stands_at_bound(spot) else None for spot in _solved(tasks)]
    screens = _screens(tasks, spots)
    found = [_end(task, spot, screen) for task, spot, screen in zip(tasks, spots, screens, strict=True)]
    ends = [end.spot for end in found if end.status == "finite" and end.spot is not None]
    beside = dict(zip(map(id, ends), dips(ends), strict=True))
    return [_in_the_lowest(task, end, others, beside.get(id(end.spot))) for task, end in zip(tasks, found, strict=True)]


def _solved(tasks: Sequence[EndpointProblem]) -> list[ConstrainedPoint | None]:
    """Return the ends that Newton's steps lead to, all together while they agree on what is free."""
    inside = [task for task in tasks if not _begins_at_bound(task)]
    near = dict(zip(map(id, inside), newton_endpoints_batch(inside), strict=True))
    begun = [(task, near.get(id(task))) for task in tasks]
    return [
        refine_endpoint(task, spot) if spot is not None else None if id(task) not in near else newton_endpoint(task)
        for task, spot in begun
    ]


def _in_the_lowest(
    task: EndpointProblem, end: Endpoint, others: Sequence[Mapping[str, Array]], beside: Sequence[Array] | None
) -> Endpoint:
    """Look for a lower valley of the others at an end; where there is one, the end is further out along it."""
    for _ in range(VALLEYS):
        finite = end.status == "finite" and end.spot is not None
        lower = lowest_local_minimum(end.spot, others, beside) if finite and end.spot is not None else None
        if lower is None:
            return end
        if lower.value < task.estimate.value - LOWER - lower.rounding():
            return Endpoint(lower.natural, "new_optimum", lower.value - task.estimate.value, NEW_OPTIMUM, lower)
        end, beside = _along(task, lower), None
    return end


def _begins_at_bound(task: EndpointProblem) -> bool:
    return task.estimate.natural == task.estimate.quantity.bounds[int(task.side > 0)]


def _end(task: EndpointProblem, spot: ConstrainedPoint | None, screen: Screen) -> Endpoint:
    if _begins_at_bound(task):
        why = "the estimate is on the edge of the support"
        return Endpoint(task.estimate.natural, "at_bound", 0.0, why, task.estimate)
    if spot is not None:
        return _lower_on_the_way(task, spot, screen) or _finite(task, spot)
    return _at_bound(task) or _along(task)


def _finite(task: EndpointProblem, spot: ConstrainedPoint) -> Endpoint:
    return Endpoint(spot.natural, "finite", spot.value - task.estimate.value, "", spot)


def _screens(tasks: Sequence[EndpointProblem], spots: Sequence[ConstrainedPoint | None]) -> list[Screen]:
    """Return values on the straight line to each end and beyond it, and in the last digits of the end."""
    estimates = [task.estimate for task in tasks]
    moves = [here if spot is None else spot for here, spot in zip(estimates, spots, strict=True)]
    lines = [here.x + SCREEN[:, None] * (there.x - here.x) for here, there in zip(estimates, moves, strict=True)]
    points = [np.concatenate([line, there.last_digits()]) for line, there in zip(lines, moves, strict=True)]
    values = screen_batch([here.restricted for here in estimates], points)
    return [(line, both[: len(line)], both[len(line) :]) for line, both in zip(lines, values, strict=True)]


def _lower_on_the_way(task: EndpointProblem, spot: ConstrainedPoint, screen: Screen) -> Endpoint | None:
    """Look along the straight line to the end and beyond it: nothing there is lower than the estimate.

    Where the line bends down before the end, there may be another valley beside it, and the profile is walked instead.
    """
    begin, (points, values, last) = task.estimate, screen
    gains = np.diff(values[SCREEN <= 1.0], prepend=begin.value)
    if (gains < 0.5 * np.maximum.accumulate(gains)).any() or spot.is_rough(last):
        return _along(task)
    lowest = int(np.argmin(values))
    if not values[lowest] < begin.value - LOWER - begin.rounding():
        return None
    there = evaluate_at(spot.restricted, spot.quantity, points[lowest])
    if there.is_rough():
        return None
    return Endpoint(there.natural, "new_optimum", there.value - begin.value, NEW_OPTIMUM, there)


def _stands_at_bound(spot: ConstrainedPoint) -> bool:
    """Whether no element wants to leave an edge, or to go to one."""
    return settle_active_set(spot, spot.coordinate) is spot


def _at_bound(task: EndpointProblem) -> Endpoint | None:
    """Return the edge of the support itself where the surface there is not above the cut-off."""
    quantity, estimate = task.estimate.quantity, task.estimate
    edge = quantity.bounds[int(task.side > 0)]
    if quantity.element is None or not np.isfinite(edge):
        return None
    variable, i = quantity.element
    fixed = {**estimate.restricted.fixed_elements, (variable.name, i): edge}
    restricted, x = estimate.restricted.with_fixed(estimate.x, fixed)
    found = _lowest_at_bound(restricted, x)
    if found is None or not found < task.target:
        return None
    rise = found - estimate.value
    return Endpoint(edge, "at_bound", rise, "-2LL stays below the cut-off up to the edge of the support")


def _lowest_at_bound(restricted: RestrictedObjective, x: Array) -> float | None:
    if not np.isfinite(restricted.value(x)):
        return None
    found = search(restricted, x)
    return found.value if found.is_minimum else None


def _along(task: EndpointProblem, begin: ConstrainedPoint | None = None) -> Endpoint:
    """Walk out, from the estimate or a point of the profile, until the cut-off is passed; then close in on it."""
    before = begin or task.estimate
    trace = ProfileContinuation(task.estimate, task.direction, np.sqrt(task.rise) / WALK)
    if begin is not None:
        trace.resume(begin, trace.first_length(), [begin.value - task.estimate.value])
    step = None
    for step in trace.steps(task.rise):
        if step.state in ("converged", "kink") and step.spot.value >= task.target:
            return _close_in(task, before, step.spot)
        if step.state in ("converged", "kink"):
            before = step.spot
    if step is None:
        return Endpoint(np.nan, "failed", np.nan, "no step could be made from the estimate")
    return _never(task, step.state, step.spot)


def _never(task: EndpointProblem, state: str, spot: ConstrainedPoint) -> Endpoint:
    rise = spot.value - task.estimate.value
    edge = task.estimate.quantity.bounds[int(task.side > 0)]
    if state == "new_optimum":
        return Endpoint(spot.natural, "new_optimum", rise, NEW_OPTIMUM, spot)
    if state == "open" and np.isfinite(edge):
        return Endpoint(edge, "at_bound", rise, f"-2LL rises by {rise:.4g} only on the way to the edge", spot)
    if state == "open":
        return Endpoint(task.side * np.inf, "open", rise, f"-2LL rises by {rise:.4g} only, however far one goes", spot)
    if state == "at_bound" and np.isfinite(edge):
        return Endpoint(edge, "at_bound", rise, "the profile reaches the edge of the support", spot)
    if state == "at_bound":
        value = _last_value(task, spot)
        return Endpoint(value, "at_bound", rise, f"the quantity itself goes no further than {value:.6g}", spot)
    return Endpoint(np.nan, "failed", rise, f"the profile could not be followed beyond {spot.natural:.6g}", spot)


def _last_value(task: EndpointProblem, spot: ConstrainedPoint) -> float:
    """Return the value at which a quantity ends; what is 0 in units of the way there is 0."""
    return spot.natural if abs(spot.natural) > NOTHING * abs(task.estimate.natural) else 0.0


def _close_in(task: EndpointProblem, low: ConstrainedPoint, high: ConstrainedPoint) -> Endpoint:
    """Find the crossing between two points of the profile: Newton's steps, else a bracket of refits."""
    for near in (high, low):
        spot = refine_endpoint(task, near)
        inside = spot is not None and _between(low, high, spot)
        if spot is not None and inside and _stands_at_bound(spot):
            return _finite(task, spot)
    return _bracketed(task, low, high)


def _between(low: ConstrainedPoint, high: ConstrainedPoint, spot: ConstrainedPoint) -> bool:
    return (spot.coordinate - low.coordinate) * (spot.coordinate - high.coordinate) <= 0


def _bracketed(task: EndpointProblem, low: ConstrainedPoint, high: ConstrainedPoint) -> Endpoint:
    """Close in by ``scipy.optimize.toms748`` over refits, each from the nearest point so far."""
    if (low.quantity.element is not None) and low.restricted.natural != high.restricted.natural:
        low = _in_same_restriction(low, high)
    known: list[ConstrainedPoint] = [low, high]

    def height(level: float) -> float:
        nearest = min(known, key=lambda s: abs(s.coordinate - level))
        begin = evaluate_at(
            nearest.restricted, nearest.quantity, nearest.x + (level - nearest.coordinate) * nearest.tangent()
        )
        found = minimize_on(begin if begin.is_finite else nearest, level)
        if found is None:
            raise ArithmeticError("no minimum across")
        known.append(settle_active_set(found, level))
        return known[-1].value - task.target

    try:
        optimize.toms748(height, low.coordinate, high.coordinate, xtol=1e-14, rtol=1e-13, maxiter=200)
    except (ArithmeticError, ValueError):
        rise = high.value - task.estimate.value
        return Endpoint(np.nan, "failed", rise, f"refits between {low.natural:.6g} and {high.natural:.6g} failed", high)
    best = min(known, key=lambda s: abs(s.value - task.target))
    if abs(best.value - task.target) > 1e-6:
        return Endpoint(best.natural, "finite", best.value - task.estimate.value, "the profile jumps here", best)
    return _finite(task, best)


def _in_same_restriction(spot: ConstrainedPoint, other: ConstrainedPoint) -> ConstrainedPoint:
    restricted, x = spot.restricted.with_fixed(spot.x, other.restricted.fixed_elements)
    return evaluate_at(restricted, spot.quantity, x)
