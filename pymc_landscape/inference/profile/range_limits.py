"""Where a quantity itself goes no further: a squared distance at 0, a chance at 1, the reciprocal of what grows.

A profile cannot be followed beyond such a value, for the model has no point there. It is found by going down (or up)
the quantity alone, by the search that fits models: to a point where it has no slope, or so far out that nothing is
left to gain.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.numerics import descend_newton, quadratic_model
from pymc_landscape.optimize import bounds_ahead

ITERATIONS = 60
# What may be left to gain, as a share of the way from the estimate: the limit as exactly as intervals are.
REMAINING = 1e-8
# How far to go straight on, on the scale of the model.
LENGTHS = 2.0 ** np.arange(10)
# A quantity that nears 0 has a corner there if it goes on, beyond, by this share of how fast it came.
NEAR_CORNER, CORNER = 0.5, 0.5


class _Quantity:
    """A quantity as a surface that falls on one side, in units of some distance."""

    def __init__(self, point: ConstrainedPoint, side: float, unit: float):
        self.point, self.factor = point, -side / unit

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """Return value and gradient; +inf outside the support."""
        derivatives = self.point.quantity.evaluate(self.point.restricted, x)
        return self.factor * (derivatives.value - self.point.coordinate), self.factor * derivatives.gradient

    def hessian(self, x: Array) -> Array:
        """Return the Hessian."""
        return self.factor * self.point.quantity.evaluate(self.point.restricted, x).hessian


def range_limit(
    here: ConstrainedPoint, estimate: ConstrainedPoint, side: float, highest: float
) -> ConstrainedPoint | None:
    """Return the point at which a quantity ends on one side, going on from `here`; None where it goes on.

    Parameters
    ----------
    here : ConstrainedPoint
        A point of the profile.
    estimate : ConstrainedPoint
        The minimum.
    side : float
        -1 for a lower limit of the coordinate, 1 for an upper one.
    highest : float
        The surface at that point may be as high as this: else the profile ends before.
    """
    if not here.is_bent or not here.is_finite:
        return None
    unit = abs(here.coordinate - estimate.coordinate) or max(abs(estimate.coordinate), 1.0)
    for find in (_extremum_of_quantity, _along_tangent, _corner_of_quantity):
        x = find(here, side, unit, highest)
        there = evaluate_at(here.restricted, here.quantity, x) if x is not None else None
        if there is not None and there.value <= highest and side * (there.coordinate - here.coordinate) >= 0:
            return there
    return next(_pinned_by_bounds(here, side, highest), None)


def _extremum_of_quantity(here: ConstrainedPoint, side: float, unit: float, highest: float) -> Array | None:
    """Go where the quantity itself goes no further, all that does not move it staying where it is."""
    surface = _Quantity(here, side, unit)
    result, _ = descend_newton(surface, quadratic_model(surface, here.x), ITERATIONS)
    return result.x if 0.5 * result.decrement < REMAINING else None


def _along_tangent(here: ConstrainedPoint, side: float, unit: float, highest: float) -> Array | None:
    """Go on along the tangent to where the quantity changes no more: the nuisance parameters may go to infinity."""
    along = side * here.tangent()
    size = float(np.abs(along).max(initial=0.0))
    before = here.coordinate
    for length in LENGTHS if 0 < size < np.inf else ():
        x = here.x + length / size * along
        derivatives = here.quantity.evaluate(here.restricted, x)
        if not (np.isfinite(derivatives.value) and here.restricted.value(x) <= highest):
            return None
        if abs(derivatives.value - before) < REMAINING * unit and np.abs(derivatives.gradient).max() < REMAINING * unit:
            return np.asarray(x)
        before = derivatives.value
    return None


def _corner_of_quantity(here: ConstrainedPoint, side: float, unit: float, highest: float) -> Array | None:
    """Go on along the tangent to where the quantity turns at a corner, as the length of a vector does at 0."""
    along = side * here.tangent()
    before = float(np.abs(along).max(initial=0.0))
    if not 0 < before < np.inf or abs(here.coordinate) > NEAR_CORNER * unit:
        return None

    def rate(length: float) -> float:
        moved = here.quantity.evaluate(here.restricted, here.x + length * along)
        return side * float(moved.gradient @ along)

    low, high = 0.0, 2.0 * abs(here.coordinate)
    first, last = rate(low), rate(high)
    if not (first > 0 > last and -last > CORNER * first):
        return None
    while high - low > np.spacing(high):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        low, high = (middle, high) if rate(middle) > 0 else (low, middle)
    return np.asarray(here.x + high * along)


def _pinned_by_bounds(here: ConstrainedPoint, side: float, highest: float) -> Iterator[ConstrainedPoint]:
    """Yield points with one more element at its bound, at which nothing moves the quantity, and all else as it is."""
    restricted = here.restricted
    errors = np.full(len(here.x), np.inf)
    for element, bound in bounds_ahead(restricted, here.x, lambda: errors).items():
        fixed, x = restricted.with_fixed(here.x, {**restricted.fixed_elements, element: bound})
        if not fixed.value(x) <= highest:
            continue
        there = evaluate_at(fixed, here.quantity, x)
        beyond = side * (there.coordinate - here.coordinate) >= 0
        if beyond and np.abs(there.normal).max(initial=0.0) <= REMAINING * abs(there.coordinate):
            yield there
