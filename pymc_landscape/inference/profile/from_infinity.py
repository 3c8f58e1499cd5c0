"""The way back along a profile from a point that stands for a limit at infinity.

Far out −2LL is level, and its curvature says nothing of where it rises: the element that ran away is brought nearer by
factors, all else at its minimum.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pymc_landscape.inference.profile.active_set import settle_active_set
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.inference.profile.constraint_manifold import minimize_on
from pymc_landscape.inference.profile.continuation import step_along

# Where an element stands on its way back from infinity: at these shares of where it ran to, or where it ran to 0.
NEARER = np.concatenate([[0.9, 0.8, 0.65, 0.5, 0.35, 0.2], 10.0 ** -np.arange(1.0, 8.0, 0.5), [0.0, -0.1, -0.3, -1.0]])
FURTHER = np.concatenate([[1.1, 1.3, 2.0], 10.0 ** np.arange(0.5, 12.0, 0.5)])


def points_from_infinity(estimate: ConstrainedPoint, direction: float) -> Iterator[ConstrainedPoint]:
    """Yield points of the profile of a quantity that runs away, from far out to nearer, for as long as they are found.

    Parameters
    ----------
    estimate : ConstrainedPoint
        The point that stands for the limit.
    direction : float
        The side, ±1, of the coordinate.
    """
    before, j = estimate, int(np.argmax(np.abs(estimate.normal * estimate.x)))
    for share in NEARER if direction * estimate.normal[j] * estimate.x[j] < 0 else FURTHER:
        there = _brought_to(before, int(estimate.restricted.free[j]), share * estimate.x[j], estimate)
        if there is None:
            return
        yield there
        before = there


def _brought_to(
    before: ConstrainedPoint, position: int, to: float, estimate: ConstrainedPoint
) -> ConstrainedPoint | None:
    """Bring an element that ran away nearer; of a bent quantity, that has no slope out there, it tells the level."""
    if not before.is_bent:
        return step_along(before, to, estimate)
    begin = evaluate_at(before.restricted, before.quantity, np.where(before.restricted.free == position, to, before.x))
    there = minimize_on(begin, begin.coordinate) if begin.is_finite else None
    return None if there is None else settle_active_set(there, begin.coordinate)
