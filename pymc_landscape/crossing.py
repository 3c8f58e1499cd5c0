"""Any end of an interval: by Newton's steps from afar, and where these do not arrive, along the profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from pymc_landscape.aliases import Array
from pymc_landscape.approach import approach
from pymc_landscape.frame import Frame, screened_together
from pymc_landscape.interval_end import Task, refine_end, solve_end
from pymc_landscape.level_set import descend_across
from pymc_landscape.other_valleys import dips, lowest_valley
from pymc_landscape.search import search
from pymc_landscape.spot import Spot, look
from pymc_landscape.stance import held_places, settle, with_places
from pymc_landscape.trace import LOWER, Trace

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
class Crossing:
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
    spot : Spot or None
        The point.
    """

    value: float
    status: str
    rise: float
    message: str = ""
    spot: Spot | None = None


def crossings(tasks: Sequence[Task], others: Sequence[Mapping[str, Array]] = ()) -> list[Crossing]:
    """Find ends of intervals of one fit.

    Parameters
    ----------
    tasks : sequence of Task
        Of each end the minimum, in a frame in which the quantity moves, the side, and the cut-off.
    others : sequence of points, optional
        Natural points that may lie in other valleys.

    Returns
    -------
    list of Crossing
        One an end; ``new_optimum`` where the walk met a surface lower than the estimate: `spot` is there.
    """
    spots = [spot if spot is not None and _stands(spot) else None for spot in _solved(tasks)]
    screens = _screens(tasks, spots)
    found = [_end(task, spot, screen) for task, spot, screen in zip(tasks, spots, screens, strict=True)]
    ends = [end.spot for end in found if end.status == "finite" and end.spot is not None]
    beside = dict(zip(map(id, ends), dips(ends), strict=True))
    return [_in_the_lowest(task, end, others, beside.get(id(end.spot))) for task, end in zip(tasks, found, strict=True)]


def _solved(tasks: Sequence[Task]) -> list[Spot | None]:
    """Return the ends that Newton's steps lead to, all together while they agree on what is free."""
    inside = [task for task in tasks if not _begins_at_edge(task)]
    near = dict(zip(map(id, inside), approach(inside), strict=True))
    begun = [(task, near.get(id(task))) for task in tasks]
    return [
        refine_end(task, spot) if spot is not None else None if id(task) not in near else solve_end(task)
        for task, spot in begun
    ]


def _in_the_lowest(
    task: Task, end: Crossing, others: Sequence[Mapping[str, Array]], beside: Sequence[Array] | None
) -> Crossing:
    """Look for a lower valley of the others at an end; where there is one, the end is further out along it."""
    for _ in range(VALLEYS):
        finite = end.status == "finite" and end.spot is not None
        lower = lowest_valley(end.spot, others, beside) if finite and end.spot is not None else None
        if lower is None:
            return end
        if lower.value < task.estimate.value - LOWER - lower.rounding():
            return Crossing(lower.natural, "new_optimum", lower.value - task.estimate.value, NEW_OPTIMUM, lower)
        end, beside = _along(task, lower), None
    return end


def _begins_at_edge(task: Task) -> bool:
    return task.estimate.natural == task.estimate.quantity.bounds[int(task.side > 0)]


def _end(task: Task, spot: Spot | None, screen: Screen) -> Crossing:
    if _begins_at_edge(task):
        why = "the estimate is on the edge of the support"
        return Crossing(task.estimate.natural, "at_bound", 0.0, why, task.estimate)
    if spot is not None:
        return _lower_on_the_way(task, spot, screen) or _finite(task, spot)
    return _at_edge(task) or _along(task)


def _finite(task: Task, spot: Spot) -> Crossing:
    return Crossing(spot.natural, "finite", spot.value - task.estimate.value, "", spot)


def _screens(tasks: Sequence[Task], spots: Sequence[Spot | None]) -> list[Screen]:
    """Return values on the straight line to each end and beyond it, and in the last digits of the end."""
    estimates = [task.estimate for task in tasks]
    moves = [here if spot is None else spot for here, spot in zip(estimates, spots, strict=True)]
    lines = [here.x + SCREEN[:, None] * (there.x - here.x) for here, there in zip(estimates, moves, strict=True)]
    points = [np.concatenate([line, there.last_digits()]) for line, there in zip(lines, moves, strict=True)]
    values = screened_together([here.frame for here in estimates], points)
    return [(line, both[: len(line)], both[len(line) :]) for line, both in zip(lines, values, strict=True)]


def _lower_on_the_way(task: Task, spot: Spot, screen: Screen) -> Crossing | None:
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
    there = look(spot.frame, spot.quantity, points[lowest])
    if there.is_rough():
        return None
    return Crossing(there.natural, "new_optimum", there.value - begin.value, NEW_OPTIMUM, there)


def _stands(spot: Spot) -> bool:
    """Whether no element wants to leave an edge, or to go to one."""
    return settle(spot, spot.coordinate) is spot


def _at_edge(task: Task) -> Crossing | None:
    """Return the edge of the support itself where the surface there is not above the cut-off."""
    quantity, estimate = task.estimate.quantity, task.estimate
    edge = quantity.bounds[int(task.side > 0)]
    if quantity.element is None or not np.isfinite(edge):
        return None
    variable, i = quantity.element
    frame, x = with_places(estimate.frame, estimate.x, {**held_places(estimate.frame), (variable.name, i): edge})
    found = _lowest_at_edge(frame, x)
    if found is None or not found < task.target:
        return None
    rise = found - estimate.value
    return Crossing(edge, "at_bound", rise, "-2LL stays below the cut-off up to the edge of the support")


def _lowest_at_edge(frame: Frame, x: Array) -> float | None:
    if not np.isfinite(frame.value(x)):
        return None
    found = search(frame, x)
    return found.value if found.is_minimum else None


def _along(task: Task, begin: Spot | None = None) -> Crossing:
    """Walk out, from the estimate or a point of the profile, until the cut-off is passed; then close in on it."""
    before = begin or task.estimate
    trace = Trace(task.estimate, task.direction, np.sqrt(task.rise) / WALK)
    if begin is not None:
        trace.resume(begin, trace.first_length(), [begin.value - task.estimate.value])
    step = None
    for step in trace.steps(task.rise):
        if step.state in ("converged", "kink") and step.spot.value >= task.target:
            return _close_in(task, before, step.spot)
        if step.state in ("converged", "kink"):
            before = step.spot
    if step is None:
        return Crossing(np.nan, "failed", np.nan, "no step could be made from the estimate")
    return _never(task, step.state, step.spot)


def _never(task: Task, state: str, spot: Spot) -> Crossing:
    rise = spot.value - task.estimate.value
    edge = task.estimate.quantity.bounds[int(task.side > 0)]
    if state == "new_optimum":
        return Crossing(spot.natural, "new_optimum", rise, NEW_OPTIMUM, spot)
    if state == "open" and np.isfinite(edge):
        return Crossing(edge, "at_bound", rise, f"-2LL rises by {rise:.4g} only on the way to the edge", spot)
    if state == "open":
        return Crossing(task.side * np.inf, "open", rise, f"-2LL rises by {rise:.4g} only, however far one goes", spot)
    if state == "at_bound" and np.isfinite(edge):
        return Crossing(edge, "at_bound", rise, "the profile reaches the edge of the support", spot)
    if state == "at_bound":
        value = _last_value(task, spot)
        return Crossing(value, "at_bound", rise, f"the quantity itself goes no further than {value:.6g}", spot)
    return Crossing(np.nan, "failed", rise, f"the profile could not be followed beyond {spot.natural:.6g}", spot)


def _last_value(task: Task, spot: Spot) -> float:
    """Return the value at which a quantity ends; what is 0 in units of the way there is 0."""
    return spot.natural if abs(spot.natural) > NOTHING * abs(task.estimate.natural) else 0.0


def _close_in(task: Task, low: Spot, high: Spot) -> Crossing:
    """Find the crossing between two points of the profile: Newton's steps, else a bracket of refits."""
    for near in (high, low):
        spot = refine_end(task, near)
        inside = spot is not None and _between(low, high, spot)
        if spot is not None and inside and _stands(spot):
            return _finite(task, spot)
    return _bracketed(task, low, high)


def _between(low: Spot, high: Spot, spot: Spot) -> bool:
    return (spot.coordinate - low.coordinate) * (spot.coordinate - high.coordinate) <= 0


def _bracketed(task: Task, low: Spot, high: Spot) -> Crossing:
    """Close in by ``scipy.optimize.toms748`` over refits, each from the nearest point so far."""
    if (low.quantity.element is not None) and low.frame.natural != high.frame.natural:
        low = _same_frame(low, high)
    known: list[Spot] = [low, high]

    def height(level: float) -> float:
        nearest = min(known, key=lambda s: abs(s.coordinate - level))
        begin = look(nearest.frame, nearest.quantity, nearest.x + (level - nearest.coordinate) * nearest.tangent())
        found = descend_across(begin if begin.is_finite else nearest, level)
        if found is None:
            raise ArithmeticError("no minimum across")
        known.append(settle(found, level))
        return known[-1].value - task.target

    try:
        optimize.toms748(height, low.coordinate, high.coordinate, xtol=1e-14, rtol=1e-13, maxiter=200)
    except (ArithmeticError, ValueError):
        rise = high.value - task.estimate.value
        return Crossing(np.nan, "failed", rise, f"refits between {low.natural:.6g} and {high.natural:.6g} failed", high)
    best = min(known, key=lambda s: abs(s.value - task.target))
    if abs(best.value - task.target) > 1e-6:
        return Crossing(best.natural, "finite", best.value - task.estimate.value, "the profile jumps here", best)
    return _finite(task, best)


def _same_frame(spot: Spot, other: Spot) -> Spot:
    frame, x = with_places(spot.frame, spot.x, held_places(other.frame))
    return look(frame, spot.quantity, x)
