"""The active set of bounds while one quantity is fixed.

Along a profile the nuisance parameters can come to a bound of their support or leave it: the standard deviation of
groups is 0 near the estimate of their mean and not further out. What is special here is the constraint ψ = const; the
method is that of :mod:`~pymc_landscape.optimize.active_set`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.inference.profile.constraint_manifold import minimize_on
from pymc_landscape.inference.profile.quantities import Quantity
from pymc_landscape.numerics import covariance
from pymc_landscape.objective import RestrictedObjective, has_vector_bounds
from pymc_landscape.optimize import bounds_ahead, bounds_passed, released_bounds, released_from_infinity, settle

# A quantity that moves by less than this share of what an element at infinity moves it alone does not go with it.
GIVEN_WAY = 1e-2
# Nor does one that has arrived at a value, with less left to go than this share of its standard error by all else.
ARRIVED = 0.03

# So much a share of 1 gives away, to see to which other share first.
GIVEN = 1e-3
# Derivatives of a quantity of less than this are none.
STILL = 1e-12


def settle_active_set(point: ConstrainedPoint, level: float) -> ConstrainedPoint:
    """Return the lowest minimum at the same value of the quantity that releasing and activating bounds leads to.

    Parameters
    ----------
    point : ConstrainedPoint
        A minimum where the quantity's coordinate is `level`.
    level : float
        The coordinate, on the scale of the point's restricted objective.

    Returns
    -------
    ConstrainedPoint
        `point` itself where no bound is to be released or activated.
    """
    restricted = point.restricted
    if (
        not restricted.fixed
        and restricted.coordinates is None
        and not any(variable.bounded.any() or has_vector_bounds(variable) for variable in restricted.layout.variables)
    ):
        return point  # there are no bounds
    minimum = settle(_ConstrainedMinimum(point, level))
    return minimum.on_open_scale().point


def minimize_on_passed_bounds(here: ConstrainedPoint, x: Array, level: float) -> ConstrainedPoint | None:
    """Minimise with those elements at their bounds that a step, on the natural scale, has led beyond them."""
    restricted = here.restricted
    passed = bounds_passed(restricted, x)
    own = restricted.positions.get(here.quantity.own) if here.quantity.own is not None else None
    if not passed or own in passed:
        return None
    there = restricted.refixed({**restricted.fixed, **passed})
    point = evaluate_at(there, here.quantity, restricted.whole_coordinates(x)[there.free])
    return minimize_on(point, level) if point.is_finite else None


def freed(restricted: RestrictedObjective, x: Array, quantity: Quantity) -> tuple[RestrictedObjective, Array]:
    """Let the quantity's own element move where the estimate has it fixed, and those at infinity that move it."""
    own = _moved_at_infinity(restricted, x, quantity) if quantity.element is None else {quantity.position(restricted)}
    if quantity.own is not None and quantity.own in restricted.positions:
        own = own | {restricted.positions[quantity.own]}
    if own & restricted.fixed.keys():
        free = restricted.refixed({i: bound for i, bound in restricted.fixed.items() if i not in own})
        return free, restricted.whole_coordinates(x)[free.free]
    if quantity.share is not None and restricted.coordinates is not None:
        others = restricted.coordinates.with_other_reference(*quantity.share, restricted.fixed)
        candidates = [restricted.refixed(fixed, sums=sums) for fixed, sums in others]
        vectors = [(free, restricted.full(x)[free.free]) for free in candidates]
        return min(vectors, key=lambda free: _inside_value(free[0], free[1], quantity), default=(restricted, x))
    return _freed_where_pinned(restricted, x, quantity)


def _freed_where_pinned(
    restricted: RestrictedObjective, x: Array, quantity: Quantity
) -> tuple[RestrictedObjective, Array]:
    """Let elements move that pin a quantity at their bounds: a correlation is ±1 where a Cholesky diagonal is 0."""
    if quantity.element is not None or not restricted.fixed_elements or _moves(restricted, x, quantity).any():
        return restricted, x
    for element in restricted.fixed_elements:
        position = restricted.positions[element]
        free = restricted.refixed({i: bound for i, bound in restricted.fixed.items() if i != position})
        there = restricted.whole_coordinates(x)[free.free]
        if _moves(free, there, quantity)[free.free == position].any():
            return free, there
    return restricted, x


def _moves(restricted: RestrictedObjective, x: Array, quantity: Quantity) -> NDArray[np.bool_]:
    """Return which free elements move a quantity, to first or second order."""
    derivatives = quantity.evaluate(restricted, x)
    largest = np.maximum(np.abs(derivatives.gradient), np.abs(derivatives.hessian).max(axis=1, initial=0.0))
    moves: NDArray[np.bool_] = largest > STILL
    return moves


def _inside_value(restricted: RestrictedObjective, x: Array, quantity: Quantity) -> float:
    """Return the value a little inside, where one share of 1 gives to another."""
    assert quantity.own is not None
    return restricted.value(np.where(restricted.free == restricted.positions[quantity.own], 1.0 - GIVEN, x))


def _moved_at_infinity(restricted: RestrictedObjective, x: Array, quantity: Quantity) -> set[int]:
    """Return the elements that stand for a limit and with which a quantity goes there, all others giving way."""
    slices = restricted.layout.slices
    far = {slices[name].start + i for name, i in restricted.at_infinity}
    if not far:
        return far
    fixed = {i: bound for i, bound in restricted.fixed.items() if i not in far}
    released = restricted.refixed(fixed)
    there = restricted.full(x)[released.free]
    gradient, hessian = quantity.evaluate(released, there).gradient, released.value_gradient_hessian(there)[2]
    own = np.isin(released.free, restricted.free)
    cov = covariance(hessian[np.ix_(own, own)])
    give_way = -0.5 * cov @ hessian[np.ix_(own, ~own)]
    alone = gradient[~own]
    error = np.sqrt(max(float(gradient[own] @ cov @ gradient[own]), 0.0))
    left = np.abs(alone) * np.maximum(np.abs(there[~own]), 1.0)  # all the way back from infinity
    moves = (np.abs(alone + gradient[own] @ give_way) > GIVEN_WAY * np.abs(alone)) & (left > ARRIVED * error)
    return set(released.free[~own][moves].tolist())


@dataclass(frozen=True)
class _ConstrainedMinimum:
    """A minimum at one value of a quantity, with some bounds active.

    Parameters
    ----------
    point : ConstrainedPoint
        The minimum.
    level : float
        The quantity's coordinate there.
    """

    point: ConstrainedPoint
    level: float

    @property
    def value(self) -> float:
        """The value at the minimum."""
        return self.point.value

    def released(self) -> Iterator[_ConstrainedMinimum]:
        """Yield minima with one bound released, where the inside is lower."""
        point = self.point
        here = point.restricted, point.x, point.value
        for restricted, x in (*released_bounds(*here, point.penalty), *released_from_infinity(*here, point.penalty)):
            yield from self._minimized(restricted, x)

    def activated(self) -> Iterator[_ConstrainedMinimum]:
        """Yield minima with one bound more active, of elements other than the quantity's own."""
        point, restricted = self.point, self.point.restricted
        own = point.quantity.own
        for other, bound in bounds_ahead(restricted, point.x, self._errors, transformed_only=True).items():
            if other != own:
                yield from self._minimized(*restricted.with_fixed(point.x, {**restricted.fixed_elements, other: bound}))

    def on_open_scale(self) -> _ConstrainedMinimum:
        """Return the same where correlations that have left ±1 far behind stand on a scale that leads to either end."""
        restricted = self.point.restricted
        turned = restricted.coordinates.turned_rows() if restricted.coordinates is not None else []
        if not turned:
            return self
        whole = restricted.whole_coordinates(self.point.x)
        if not any(d not in restricted.fixed and whole[d] >= abs(whole[reference]) for d, reference in turned):
            return self
        there = self._minimized(*restricted.with_fixed(self.point.x, restricted.fixed_elements))
        return next(there, self)

    def _errors(self) -> Array:
        """Return the standard errors of the free elements with the quantity fixed."""
        errors: Array = np.sqrt(np.abs(self.point.covariance.diagonal()))
        return errors

    def _minimized(self, restricted: RestrictedObjective, x: Array) -> Iterator[_ConstrainedMinimum]:
        """Yield the minimum with other bounds active, at the same value of the quantity, if there is one."""
        quantity = self.point.quantity
        there = evaluate_at(restricted, quantity, x)
        if not there.is_finite:
            return
        element = quantity.element
        same_scale = element is None or (
            (element[0].name in restricted.natural) == (element[0].name in self.point.restricted.natural)
        )
        minimum = minimize_on(there, self.level if same_scale else there.coordinate)
        if minimum is not None:
            yield _ConstrainedMinimum(minimum, minimum.coordinate)
