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
from pymc_landscape.objective import BoundElement, RestrictedObjective
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


def freed(restricted: RestrictedObjective, x: Array, quantity: Quantity) -> tuple[RestrictedObjective, Array]:
    """Let the quantity's own element move where the estimate holds it on an edge."""
    if quantity.element is None or quantity.position(restricted) not in restricted.fixed:
        return restricted, x
    place = quantity.position(restricted)
    free = RestrictedObjective(
        restricted.objective, restricted.natural, {i: edge for i, edge in restricted.fixed.items() if i != place}
    )
    return free, restricted.full(x)[free.free]


def _release_bound(spot: ConstrainedPoint, level: float) -> ConstrainedPoint | None:
    """Let one element go where the inside is lower."""
    for restricted, x in lower_inside(spot.restricted, spot.x, spot.value):
        found = _across(restricted, x, spot, level)
        if found is not None and found.value < spot.value - WORTH_IT:
            return found
    return None


def lower_inside(
    restricted: RestrictedObjective, x: Array, value: float
) -> Iterator[tuple[RestrictedObjective, Array]]:
    """Look inside the support, from one held element at a time, and yield what is lower than on the edge."""
    if not restricted.fixed:
        return
    whole, initial = restricted.full(x), restricted.objective.initial_point()
    released = RestrictedObjective(restricted.objective, restricted.natural)
    for (name, i), edge in restricted.fixed_elements.items():
        typical = float(np.ravel(initial[name])[i]) - edge

        def probes(depths: Array, position: int = restricted.positions[name, i], at: float = edge) -> Array:
            rows = np.repeat(whole[None], len(depths), axis=0)
            rows[:, position] = at + depths
            return rows

        depth, lowest = lowest_depth(lambda depths: released.values(probes(depths)), INSIDE * typical)
        if lowest < value - WORTH_IT - noise(value):
            rest = {place: at for place, at in restricted.fixed_elements.items() if place != (name, i)}
            yield released.with_fixed(probes(np.array([depth]))[0], rest)


def _activate_bound(spot: ConstrainedPoint, level: float) -> ConstrainedPoint | None:
    """Hold one element at the edge that it is running to, where that is no worse."""
    restricted = spot.restricted
    for (name, i), edge in _in_sight(spot).items():
        found = _across(*restricted.with_fixed(spot.x, {**restricted.fixed_elements, (name, i): edge}), spot, level)
        inside = _release_bound(found, found.coordinate) if found is not None else None
        best = inside or found
        lower = WORTH_IT if best is inside else -WORTH_IT
        if best is not None and best.value < spot.value - lower:
            return best
    return None


def _in_sight(spot: ConstrainedPoint) -> dict[BoundElement, float]:
    """Return the elements that are far out, or vague, towards an edge of their support, with the edge."""
    restricted = spot.restricted
    moved = {v.name: v for v in restricted.objective.variables if v.name not in restricted.natural and v.transform}
    if not any(v.bounded.any() for v in moved.values()):
        return {}
    errors = np.sqrt(np.abs(spot.covariance.diagonal()))
    at = dict(zip(restricted.free.tolist(), zip(spot.x.tolist(), errors.tolist(), strict=True), strict=True))
    own = (spot.quantity.element[0].name, spot.quantity.element[1]) if spot.quantity.element else None
    seen = {}
    for (name, i), position in restricted.positions.items():
        if position not in at or name not in moved or (name, i) == own:
            continue
        value, error = at[position]
        edge = moved[name].limits(i)[int(value > 0)]
        if math.isfinite(edge) and (abs(value) > BOUND_DISTANCE or error > BOUND_STANDARD_ERROR):
            seen[name, i] = edge
    return seen


def _across(restricted: RestrictedObjective, x: Array, spot: ConstrainedPoint, level: float) -> ConstrainedPoint | None:
    """Minimise in another frame, at the same value of the quantity."""
    there = evaluate_at(restricted, spot.quantity, x)
    if not there.is_finite:
        return None
    same_scale = spot.quantity.element is None or (
        (spot.quantity.element[0].name in restricted.natural)
        == (spot.quantity.element[0].name in spot.restricted.natural)
    )
    return minimize_on(there, level if same_scale else there.coordinate)
