"""Which elements stand on an edge of their support while one quantity is held.

Along a profile an optimum of the others can reach an edge or leave it: the standard deviation of groups is 0 near the
estimate of their mean and not further out. On an edge a search sees no slope, so the inside is looked at instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.inference.profile.constraint_manifold import minimize_on
from pymc_landscape.inference.profile.quantities import Quantity
from pymc_landscape.numerics import noise
from pymc_landscape.objective import BoundElement, RestrictedObjective, _positions, active_bounds, with_active_bounds
from pymc_landscape.optimize import BOUND_DISTANCE, BOUND_STANDARD_ERROR, INSIDE, lowest_depth

WORTH_IT = 1e-9
# Elements leave an edge and return to it; a search that does so more often than this goes round in circles.
CHANGES = 6


def settle_active_set(spot: ConstrainedPoint, level: float) -> ConstrainedPoint:
    """Return the lowest point of the same level that is found by stepping off edges and onto them.

    Parameters
    ----------
    spot : ConstrainedPoint
        A minimum where the quantity's coordinate is `level`.
    level : float
        The coordinate, on the scale of `spot.frame`.
    """
    for _ in range(CHANGES):
        other = _release_bound(spot, level) or _activate_bound(spot, level)
        if other is None:
            return spot
        level, spot = other.coordinate, other
    return spot


def freed(frame: RestrictedObjective, x: Array, quantity: Quantity) -> tuple[RestrictedObjective, Array]:
    """Let the quantity's own element move where the estimate holds it on an edge."""
    if quantity.element is None or quantity.place(frame) not in frame.held:
        return frame, x
    place = quantity.place(frame)
    free = RestrictedObjective(
        frame.objective, frame.natural, {i: edge for i, edge in frame.held.items() if i != place}
    )
    return free, frame.full(x)[free.free]


def _release_bound(spot: ConstrainedPoint, level: float) -> ConstrainedPoint | None:
    """Let one element go where the inside is lower."""
    for frame, x in lower_inside(spot.frame, spot.x, spot.value):
        found = _across(frame, x, spot, level)
        if found is not None and found.value < spot.value - WORTH_IT:
            return found
    return None


def lower_inside(frame: RestrictedObjective, x: Array, value: float) -> Iterator[tuple[RestrictedObjective, Array]]:
    """Look inside the support, from one held element at a time, and yield what is lower than on the edge."""
    if not frame.held:
        return
    whole, initial = frame.full(x), frame.objective.initial_point()
    open_frame = RestrictedObjective(frame.objective, frame.natural)
    for (name, i), edge in active_bounds(frame).items():
        typical = float(np.ravel(initial[name])[i]) - edge

        def probes(depths: Array, position: int = _positions(frame)[name, i], at: float = edge) -> Array:
            rows = np.repeat(whole[None], len(depths), axis=0)
            rows[:, position] = at + depths
            return rows

        depth, lowest = lowest_depth(lambda depths: open_frame.values(probes(depths)), INSIDE * typical)
        if lowest < value - WORTH_IT - noise(value):
            rest = {place: at for place, at in active_bounds(frame).items() if place != (name, i)}
            yield with_active_bounds(open_frame, probes(np.array([depth]))[0], rest)


def _activate_bound(spot: ConstrainedPoint, level: float) -> ConstrainedPoint | None:
    """Hold one element at the edge that it is running to, where that is no worse."""
    frame = spot.frame
    for (name, i), edge in _in_sight(spot).items():
        found = _across(*with_active_bounds(frame, spot.x, {**active_bounds(frame), (name, i): edge}), spot, level)
        inside = _release_bound(found, found.coordinate) if found is not None else None
        best = inside or found
        lower = WORTH_IT if best is inside else -WORTH_IT
        if best is not None and best.value < spot.value - lower:
            return best
    return None


def _in_sight(spot: ConstrainedPoint) -> dict[BoundElement, float]:
    """Return the elements that are far out, or vague, towards an edge of their support, with the edge."""
    frame = spot.frame
    moved = {v.name: v for v in frame.objective.variables if v.name not in frame.natural and v.transform}
    if not any(v.bounded.any() for v in moved.values()):
        return {}
    errors = np.sqrt(np.abs(spot.covariance.diagonal()))
    at = dict(zip(frame.free.tolist(), zip(spot.x.tolist(), errors.tolist(), strict=True), strict=True))
    own = (spot.quantity.element[0].name, spot.quantity.element[1]) if spot.quantity.element else None
    seen = {}
    for (name, i), position in _positions(frame).items():
        if position not in at or name not in moved or (name, i) == own:
            continue
        value, error = at[position]
        edge = moved[name].limits(i)[int(value > 0)]
        if math.isfinite(edge) and (abs(value) > BOUND_DISTANCE or error > BOUND_STANDARD_ERROR):
            seen[name, i] = edge
    return seen


def _across(frame: RestrictedObjective, x: Array, spot: ConstrainedPoint, level: float) -> ConstrainedPoint | None:
    """Minimise in another frame, at the same value of the quantity."""
    there = evaluate_at(frame, spot.quantity, x)
    if not there.is_finite:
        return None
    same_scale = spot.quantity.element is None or (
        (spot.quantity.element[0].name in frame.natural) == (spot.quantity.element[0].name in spot.frame.natural)
    )
    return minimize_on(there, level if same_scale else there.coordinate)
