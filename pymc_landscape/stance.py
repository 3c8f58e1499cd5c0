"""Which elements stand on an edge of their support while one quantity is held.

Along a profile an optimum of the others can reach an edge or leave it: the standard deviation of groups is 0 near the
estimate of their mean and not further out. On an edge a search sees no slope, so the inside is looked at instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.edge import FAR, INSIDE, VAGUE, lowest_depth
from pymc_landscape.frame import Frame
from pymc_landscape.level_set import descend_across
from pymc_landscape.quantity import Quantity
from pymc_landscape.spot import Spot, look
from pymc_landscape.trust_region import noise

# Elements by variable and place in it.
Place = tuple[str, int]
WORTH_IT = 1e-9
# Elements leave an edge and return to it; a search that does so more often than this goes round in circles.
CHANGES = 6


def settle(spot: Spot, level: float) -> Spot:
    """Return the lowest point of the same level that is found by stepping off edges and onto them.

    Parameters
    ----------
    spot : Spot
        A minimum where the quantity's coordinate is `level`.
    level : float
        The coordinate, on the scale of `spot.frame`.
    """
    for _ in range(CHANGES):
        other = _off_an_edge(spot, level) or _onto_an_edge(spot, level)
        if other is None:
            return spot
        level, spot = other.coordinate, other
    return spot


def held_places(frame: Frame) -> dict[Place, float]:
    """Return the elements that a frame holds, with where."""
    return {place: frame.held[i] for place, i in _positions(frame).items() if i in frame.held}


def with_places(frame: Frame, x: Array, held: dict[Place, float]) -> tuple[Frame, Array]:
    """Return a frame that holds `held` and nothing else, and the vector of its free elements at x."""
    natural = frozenset(name for name, _ in held)
    there = Frame(frame.objective, natural)
    positions = _positions(there)
    there = Frame(frame.objective, natural, {positions[place]: edge for place, edge in held.items()})
    point = frame.natural_point(x)
    here = frame.layout.split(frame.full(x))
    moved = frame.objective.compiled.layout(frame.objective.compiled.names).split(frame.objective.pack(point))
    parts = {
        name: point[name] if name in natural else moved[name] if name in frame.natural else here[name] for name in point
    }
    return there, there.layout.join(parts)[there.free]


def freed(frame: Frame, x: Array, quantity: Quantity) -> tuple[Frame, Array]:
    """Let the quantity's own element move where the estimate holds it on an edge."""
    if quantity.element is None or quantity.place(frame) not in frame.held:
        return frame, x
    place = quantity.place(frame)
    free = Frame(frame.objective, frame.natural, {i: edge for i, edge in frame.held.items() if i != place})
    return free, frame.full(x)[free.free]


def _positions(frame: Frame) -> dict[Place, int]:
    """Where each element of the variables that can stand on an edge is in the vector."""
    slices, variables = frame.layout.slices, frame.objective.variables
    return {
        (v.name, i): slices[v.name].start + i
        for v in variables
        if v.elementwise and not v.discrete
        for i in range(slices[v.name].stop - slices[v.name].start)
    }


def _off_an_edge(spot: Spot, level: float) -> Spot | None:
    """Let one element go where the inside is lower."""
    for frame, x in lower_inside(spot.frame, spot.x, spot.value):
        found = _across(frame, x, spot, level)
        if found is not None and found.value < spot.value - WORTH_IT:
            return found
    return None


def lower_inside(frame: Frame, x: Array, value: float) -> Iterator[tuple[Frame, Array]]:
    """Look inside the support, from one held element at a time, and yield what is lower than on the edge."""
    if not frame.held:
        return
    whole, initial = frame.full(x), frame.objective.initial_point()
    open_frame = Frame(frame.objective, frame.natural)
    for (name, i), edge in held_places(frame).items():
        typical = float(np.ravel(initial[name])[i]) - edge

        def probes(depths: Array, position: int = _positions(frame)[name, i], at: float = edge) -> Array:
            rows = np.repeat(whole[None], len(depths), axis=0)
            rows[:, position] = at + depths
            return rows

        depth, lowest = lowest_depth(lambda depths: open_frame.values(probes(depths)), INSIDE * typical)
        if lowest < value - WORTH_IT - noise(value):
            rest = {place: at for place, at in held_places(frame).items() if place != (name, i)}
            yield with_places(open_frame, probes(np.array([depth]))[0], rest)


def _onto_an_edge(spot: Spot, level: float) -> Spot | None:
    """Hold one element at the edge that it is running to, where that is no worse."""
    frame = spot.frame
    for (name, i), edge in _in_sight(spot).items():
        found = _across(*with_places(frame, spot.x, {**held_places(frame), (name, i): edge}), spot, level)
        inside = _off_an_edge(found, found.coordinate) if found is not None else None
        best = inside or found
        lower = WORTH_IT if best is inside else -WORTH_IT
        if best is not None and best.value < spot.value - lower:
            return best
    return None


def _in_sight(spot: Spot) -> dict[Place, float]:
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
        if math.isfinite(edge) and (abs(value) > FAR or error > VAGUE):
            seen[name, i] = edge
    return seen


def _across(frame: Frame, x: Array, spot: Spot, level: float) -> Spot | None:
    """Minimise in another frame, at the same value of the quantity."""
    there = look(frame, spot.quantity, x)
    if not there.is_finite:
        return None
    same_scale = spot.quantity.element is None or (
        (spot.quantity.element[0].name in frame.natural) == (spot.quantity.element[0].name in spot.frame.natural)
    )
    return descend_across(there, level if same_scale else there.coordinate)
