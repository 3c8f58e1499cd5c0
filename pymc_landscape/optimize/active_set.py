"""The active set: which elements are fixed at a bound of their support, and when one is released or activated.

A transform moves a bound to infinity, where every derivative is 0: a search on the unconstrained scale ends somewhere
on the way there, wherever its tolerance lets it. So an element that is far out, or of large standard error, is tried at
the bound itself, fixed, with its variable on the natural scale. At a bound a search sees no way back (on a scale that
is symmetric about 0, as that of a standard deviation, the derivative is 0 there too), so the inside is evaluated
instead, and the bound released where something inside is lower: the active-set method (Nocedal & Wright 2006,
*Numerical Optimization*, section 16.5), with values in place of the signs of Lagrange multipliers.

Every room asks here: fits at the end of a search, profiles with a quantity fixed, and surfaces at the points of a grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol, Self

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import noise
from pymc_landscape.objective import BoundElement, FreeVariable, RestrictedObjective, is_lower
from pymc_landscape.optimize.tolerances import BOUND_DISTANCE, BOUND_STANDARD_ERROR, BOUND_TOLERANCE

# Without a transform: as near to the bound as this, in units of the initial point's distance.
NATURAL_DISTANCE = 1e-2
# Distances from the bound, in units of the initial point's, at which something lower than at the bound would show; and
# so many more between the neighbours of the lowest.
INSIDE, FINER = np.array([1e-6, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 1.0]), 25
# Bounds are released and activated again; a search in which that happens more often than this goes round in circles.
CHANGES = 6


# --- towards a bound -------------------------------------------------------------------------------------------------


def bound_towards(variable: FreeVariable, i: int, direction: float) -> float:
    """Return the end of the support to which element i goes as it runs to −∞ or +∞; infinite where there is none.

    Parameters
    ----------
    variable : FreeVariable
        Of which it is an element.
    i : int
        Its position in the variable.
    direction : float
        On the scale of the variable's value; its sign counts.
    """
    low, high = variable.limits(i)
    if variable.transform and low == -np.inf and high < np.inf:  # the natural value is high − exp(value)
        low, high = high, low
    return low if direction < 0 else high


def bound_ahead(variable: FreeVariable, i: int, value: float, error: float, typical: float) -> float | None:
    """Return the bound of the support towards which an element may be on its way, if any.

    Parameters
    ----------
    variable : FreeVariable
        Of which it is an element.
    i : int
        Its position in the variable.
    value, error : float
        Where it is, on the scale of the variable's value, and its standard error there; NaN counts as large.
    typical : float
        Its natural value at the model's initial point; only asked for without a transform.
    """
    if variable.transform:
        bound = bound_towards(variable, i, value)
        far = abs(value) > BOUND_DISTANCE or not error <= BOUND_STANDARD_ERROR
        return bound if far and np.isfinite(bound) else None
    for bound in variable.limits(i):  # without a transform the search stops at the bound, or just before it
        distance = abs(value - bound)
        if np.isfinite(bound) and (
            distance <= NATURAL_DISTANCE * abs(typical - bound) or distance <= BOUND_STANDARD_ERROR * error < np.inf
        ):
            return bound
    return None


def bounds_ahead(
    restricted: RestrictedObjective, x: Array, errors: Callable[[], Array], *, transformed_only: bool = False
) -> dict[BoundElement, float]:
    """Return the free elements that may be on their way to a bound of their support, with the bound.

    Parameters
    ----------
    restricted : RestrictedObjective
        Whose free elements they are.
    x : array (m,)
        Where they are.
    errors : callable
        Returns their standard errors (m,); only called where an element has a bound.
    transformed_only : bool
        Whether elements that stand on their natural scale are passed over.
    """
    free = {position: j for j, position in enumerate(restricted.free.tolist())}
    initial: dict[str, Array] = {}
    own_errors: Array | None = None
    ahead: dict[BoundElement, float] = {}
    for v in restricted.objective.variables:
        if not v.elementwise or v.discrete or not v.bounded.any():
            continue
        stands = v if v.name not in restricted.natural else replace(v, transform=None)
        if not stands.transform:
            if transformed_only:
                continue
            initial = initial or restricted.objective.initial_point()
        typical = np.zeros(v.bounded.size) if stands.transform else np.ravel(initial[v.name])
        start = restricted.layout.slices[v.name].start
        for i in np.flatnonzero(v.bounded).tolist():
            j = free.get(start + i)
            if j is None:
                continue
            own_errors = errors() if own_errors is None else own_errors
            bound = bound_ahead(stands, i, float(x[j]), float(own_errors[j]), float(typical[i]))
            if bound is not None:
                ahead[v.name, i] = bound
    return ahead


# --- inside a bound --------------------------------------------------------------------------------------------------


class InsideBound:
    """The objective as a function of how far one fixed element is moved off its bound, all else as it is.

    Parameters
    ----------
    restricted : RestrictedObjective
        Which has the element fixed at its bound.
    x : array (m,)
        Its free elements.
    element : BoundElement
        The element.
    """

    def __init__(self, restricted: RestrictedObjective, x: Array, element: BoundElement):
        name, i = element
        self._position = restricted.positions[element]
        self.bound = restricted.fixed[self._position]
        self._whole = restricted.full(x)
        self._released = RestrictedObjective(restricted.objective, restricted.natural)
        self.depths = INSIDE * (float(np.ravel(restricted.objective.initial_point()[name])[i]) - self.bound)

    def vectors(self, depths: Array) -> Array:
        """Return whole vectors (n, k) with the element so far inside."""
        rows = np.repeat(self._whole[None], len(depths), axis=0)
        rows[:, self._position] = self.bound + depths
        return rows

    def values(self, depths: Array) -> Array:
        """Return the values (n,) there."""
        return self._released.values(self.vectors(depths))

    def lowest(self) -> tuple[float, float]:
        """Return the depth at which the value is lowest, and that value: a search begins there."""
        i = int(np.argmin(self.values(self.depths)))
        low, high = self.depths[max(i - 1, 0)], self.depths[min(i + 1, len(self.depths) - 1)]
        finer = np.geomspace(low, high, FINER)
        values = self.values(finer)
        j = int(np.argmin(values))
        return float(finer[j]), float(values[j])

    def is_lower(self, depth: float, inside: float, value: float) -> bool:
        """Whether the value at a depth is lower than that at the bound, by more than rounding, which is measured."""
        return is_lower(
            self._released, self.vectors(np.array([depth]))[0], inside, value - BOUND_TOLERANCE - noise(value)
        )


def released_bounds(
    restricted: RestrictedObjective, x: Array, value: float
) -> Iterator[tuple[RestrictedObjective, Array]]:
    """Release one bound at a time, and yield where the value is lower than at the bound, all else as it is.

    Yields
    ------
    restricted : RestrictedObjective
        With that element free.
    x : array (m + 1,)
        Its free elements at the lowest point of the line inwards.
    """
    if not restricted.fixed:
        return
    for element in restricted.fixed_elements:
        inside = InsideBound(restricted, x, element)
        depth, lowest = inside.lowest()
        if inside.is_lower(depth, lowest, value):
            rest = {other: bound for other, bound in restricted.fixed_elements.items() if other != element}
            whole = RestrictedObjective(restricted.objective, restricted.natural)
            yield whole.with_fixed(inside.vectors(np.array([depth]))[0], rest)


# --- until nothing changes -------------------------------------------------------------------------------------------


class ActiveSetMinimum(Protocol):
    """A minimum with some bounds active, and its neighbours: the minima with one bound more or less."""

    @property
    def value(self) -> float:
        """The value at the minimum."""
        ...

    def released(self) -> Iterator[Self]:
        """Yield minima with one bound released, where the inside is lower."""
        ...

    def activated(self) -> Iterator[Self]:
        """Yield minima with one bound more active, of the elements that are on their way there."""
        ...


def settle[Minimum: ActiveSetMinimum](minimum: Minimum) -> Minimum:
    """Release bounds and activate them until neither leads lower, and return the minimum that is left."""
    for _ in range(CHANGES):
        other = _released(minimum) or _activated(minimum)
        if other is None:
            return minimum
        minimum = other
    return minimum


def _released[Minimum: ActiveSetMinimum](minimum: Minimum) -> Minimum | None:
    """Return the first lower minimum with one bound released."""
    return next((other for other in minimum.released() if other.value < minimum.value - BOUND_TOLERANCE), None)


def _activated[Minimum: ActiveSetMinimum](minimum: Minimum) -> Minimum | None:
    """Return the first minimum with one bound more that is no higher; or one that is lower, met inside from there."""
    for at_bound in minimum.activated():
        inside = _released(at_bound)
        if inside is None and at_bound.value <= minimum.value + BOUND_TOLERANCE + noise(minimum.value):
            return at_bound
        if inside is not None and inside.value < minimum.value - BOUND_TOLERANCE:
            return inside
    return None
