"""One step of a profile as its Dataset keeps it, and the way back from there to a point of the surface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.frame import Frame
from pymc_landscape.quantity import Quantity
from pymc_landscape.spot import Spot, look
from pymc_landscape.trace import State, Step

# Of the value at a step: by more than this it is another surface, or another optimum.
SAME = 1e-6


@dataclass(frozen=True)
class Milestone:
    """One step of a profile.

    Parameters
    ----------
    value, rise, slope : float
        The quantity, natural; Δ(−2LL) there; its slope by the quantity.
    state : str
        What the step is.
    path : array (n,)
        Natural values of all free elements.
    spot : Spot, optional
        The point, where it was looked at just now.
    """

    value: float
    rise: float
    slope: float
    state: State
    path: Array
    spot: Spot | None = None


def milestone(step: Step, estimate: Spot) -> Milestone:
    """Write down a step."""
    spot = step.spot
    rise = max(spot.value - estimate.value, 0.0)
    return Milestone(spot.natural, rise, spot.natural_slope, step.state, natural_vector(spot), spot)


def natural_vector(spot: Spot) -> Array:
    """Return the natural values of all free elements."""
    point = spot.frame.natural_point(spot.x)
    return np.concatenate([np.ravel(point[v.name]) for v in spot.frame.objective.variables])


def point_of(frame: Frame, path: Array) -> dict[str, Array]:
    """Return natural values by name."""
    return frame.objective.compiled.layout(frozenset()).split(path)


def place(frame: Frame, point: Mapping[str, Array]) -> Array:
    """Return the free elements of `frame` at a natural point; those that it holds stay where they are."""
    compiled = frame.objective.compiled
    moved = compiled.layout(compiled.names).split(frame.objective.pack(point))
    parts = {name: point[name] if name in frame.natural else moved[name] for name in point}
    vector: Array = frame.layout.join(parts)[frame.free]
    return vector


def coordinate(mark: Milestone, frame: Frame, quantity: Quantity) -> float:
    """Return the coordinate of a step as `frame` has it."""
    return quantity.read(frame, place(frame, point_of(frame, mark.path))).value


def spot_at(mark: Milestone, estimate: Spot) -> Spot:
    """Return the point of a step; where it comes out of a file, look at it again.

    Raises
    ------
    ValueError
        If −2LL is not what it was.
    """
    if mark.spot is not None:
        return mark.spot
    frame = _standing(estimate, mark)
    spot = look(frame, estimate.quantity, place(frame, point_of(frame, mark.path)))
    if not abs(spot.value - estimate.value - mark.rise) <= SAME * (1.0 + mark.rise) + spot.rounding():
        raise ValueError(
            f"Expected a profile of this model and data, got one of {estimate.quantity.label!r} that is "
            f"{mark.rise:.6g} above the minimum where -2LL is now {spot.value - estimate.value:.6g} above it: "
            "pass the fit that it was traced from."
        )
    return spot


def _standing(estimate: Spot, mark: Milestone) -> Frame:
    """Return the frame in which the elements that a step has on an edge are held there."""
    quantity, objective = estimate.quantity, estimate.frame.objective
    own = (quantity.element[0].name, quantity.element[1]) if quantity.element else None
    held: dict[tuple[str, int], float] = {}
    for v in objective.variables:
        values = np.ravel(point_of(estimate.frame, mark.path)[v.name])
        if v.elementwise and not v.discrete:
            held |= {(v.name, i): x for i, x in enumerate(values.tolist()) if x in v.limits(i) and (v.name, i) != own}
    natural = frozenset(name for name, _ in held)
    if own is not None and own[0] in estimate.frame.natural:
        natural |= {own[0]}
    slices = Frame(objective, natural).layout.slices
    return Frame(objective, natural, {slices[name].start + i: edge for (name, i), edge in held.items()})
