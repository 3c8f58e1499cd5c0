"""The active set: which elements are fixed at a bound of their support, and when one is released or activated.

A transform moves a bound to infinity, where every derivative is 0: a search on the unconstrained scale ends somewhere
on the way there, wherever its tolerance lets it. So an element that is far out, or of large standard error, is tried at
the bound itself, fixed, with its variable on the natural scale. At a bound a search sees no way back (on a scale that
is symmetric about 0 the derivative is 0 there too), so the inside is evaluated instead, and the bound released where
something inside is lower: the active-set method (Nocedal & Wright 2006, *Numerical Optimization*, section 16.5), with
values in place of the signs of Lagrange multipliers.

Every room asks here: fits at the end of a search, profiles with a quantity fixed, and surfaces at the points of a grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol, Self

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import noise
from pymc_landscape.objective import (
    BoundElement,
    FreeVariable,
    RestrictedObjective,
    coordinate_limits,
    distances_to_bounds,
    has_vector_bounds,
    is_lower,
)
from pymc_landscape.optimize.tolerances import BOUND_DISTANCE, BOUND_STANDARD_ERROR, BOUND_TOLERANCE

# Without a transform: as near to the bound as this, in units of the initial point's distance.
NATURAL_DISTANCE = 1e-2
# Distances from the bound, in units of the initial point's, at which something lower than at the bound would show; and
# so many more between the neighbours of the lowest.
INSIDE, FINER = np.array([1e-6, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 1.0]), 25
# Bounds are released and activated again; a search in which that happens more often than this goes round in circles.
CHANGES = 6

# Multipliers times constraints, (n,), at points (n, m) of an objective.
Penalty = Callable[[RestrictedObjective, Array], Array]


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
        if has_vector_bounds(v) and v.name not in restricted.natural:
            own_errors = errors() if own_errors is None else own_errors
            ahead |= _vector_bounds_ahead(restricted, x, v, own_errors)
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


def bounds_passed(restricted: RestrictedObjective, x: Array) -> dict[int, float]:
    """Return the positions of free elements, on their natural scale, that are at a bound or beyond, with the bound."""
    whole, free = restricted.whole_coordinates(x), set(restricted.free.tolist())
    passed: dict[int, float] = {}
    for element, i in restricted.positions.items():
        low, high = _limits(restricted, element)
        if i in free and not low < whole[i] < high:
            passed[i] = low if whole[i] <= low else high
    return passed


def _vector_bounds_ahead(
    restricted: RestrictedObjective, x: Array, v: FreeVariable, errors: Array
) -> dict[BoundElement, float]:
    """Return the shares of a simplex, or increments of an ordered vector, that are near 0; the least, if vague."""
    where = restricted.layout.slices[v.name]
    own = errors[(restricted.free >= where.start) & (restricted.free < where.stop)]
    vague = not own.max(initial=0.0) <= BOUND_STANDARD_ERROR
    now = distances_to_bounds(v, restricted.natural_point(x)[v.name])
    initial = distances_to_bounds(v, restricted.objective.initial_point()[v.name])
    share = np.where(np.isfinite(now), now, 1.0) / np.where(np.isfinite(now), initial, 1e-300)
    far = (share < np.exp(-BOUND_DISTANCE)) | (vague & (share == share.min()))
    return {(v.name, int(i)): 0.0 for i in np.flatnonzero(far)}


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
    start : array (k,), optional
        The whole vector to move off from, as coordinates; left out, that of x.
    penalty : Penalty, optional
        What is added to the objective: multipliers times constraints, so that a fall is one along the constraints.
    """

    def __init__(
        self,
        restricted: RestrictedObjective,
        x: Array,
        element: BoundElement,
        start: Array | None = None,
        penalty: Penalty | None = None,
    ):
        self._position = restricted.positions[element]
        self.bound = restricted.fixed[self._position]
        self._start, self._penalty = restricted.whole_coordinates(x) if start is None else start, penalty
        still = {i: float(self._start[i]) for i in restricted.fixed if i != self._position}
        self.released = restricted.refixed(still)
        self.depths = INSIDE * (float(restricted.initial_vector[self._position]) - self.bound)

    def points(self, depths: Array) -> Array:
        """Return the free elements (n, m + 1) of `released` with the element so far inside."""
        rows = np.repeat(self._start[None], len(depths), axis=0)
        rows[:, self._position] = self.bound + depths
        return rows[:, self.released.free]

    def values(self, depths: Array) -> Array:
        """Return the values (n,) there."""
        x = self.points(depths)
        values = self.released.values(x)
        return values if self._penalty is None else values + self._penalty(self.released, x)

    def lowest(self, value: float) -> tuple[float, float]:
        """Return the depth at which it is lowest, and how low: a search begins there. `value` is that at the bound."""
        coarse = self.values(self.depths)
        i = int(np.argmin(coarse))
        if (np.diff(coarse, prepend=value) >= 0).all():
            return float(self.depths[i]), float(coarse[i])
        low, high = self.depths[max(i - 1, 0)], self.depths[min(i + 1, len(self.depths) - 1)]
        finer = np.geomspace(low, high, FINER)
        values = self.values(finer)
        j = int(np.argmin(values))
        return float(finer[j]), float(values[j])

    def is_lower(self, depth: float, inside: float, value: float) -> bool:
        """Whether the value at a depth is lower than that at the bound, by more than rounding, which is measured."""
        bar = value - BOUND_TOLERANCE - noise(value)
        if self._penalty is not None:  # a candidate: what it is worth, the minimum from there says
            return inside < bar
        return is_lower(self.released, self.points(np.array([depth]))[0], inside, bar)


def released_bounds(
    restricted: RestrictedObjective, x: Array, value: float, penalty: Penalty | None = None
) -> Iterator[tuple[RestrictedObjective, Array]]:
    """Release one bound at a time, and yield where the value is lower than at the bound, all else as it is.

    At a bound, other elements may matter no more: a correlation of effects without a spread. Where the way inwards
    rises, it is tried with each of these in other places too.

    Parameters
    ----------
    restricted : RestrictedObjective
        With its bounds.
    x : array (m,)
        Its free elements: a minimum.
    value : float
        The value there.
    penalty : Penalty, optional
        As in :class:`InsideBound`, where constraints hold.

    Yields
    ------
    restricted : RestrictedObjective
        With that element free.
    x : array (m + 1,)
        Its free elements at the lowest point of the line inwards.
    """
    if not restricted.fixed:
        return
    for element, bound in restricted.fixed_elements.items():
        if bound not in _limits(restricted, element):
            continue
        for start, still_fixed in _starts_of_release(restricted, x, element, value):
            inside = InsideBound(restricted, x, element, start, penalty)
            depth, lowest = inside.lowest(value)
            if inside.is_lower(depth, lowest, value):
                rest = {other: bound for other, bound in still_fixed.items() if other != element}
                yield inside.released.with_fixed(inside.points(np.array([depth]))[0], rest)


def _starts_of_release(
    restricted: RestrictedObjective, x: Array, element: BoundElement, value: float
) -> Iterator[tuple[Array, dict[BoundElement, float]]]:
    """Yield whole vectors, as coordinates, to move an element off its bound from, with the bounds of others there."""
    vector, bounds = restricted.whole_coordinates(x), restricted.fixed_elements
    yield vector, bounds
    moved, rows = [], []
    for other, i in restricted.positions.items():
        for place in _other_places(restricted, other, vector[i]) if other != element else ():
            rows.append(np.where(np.arange(len(vector)) == i, place, vector))
            moved.append(other)
    yield from ((row, bounds) for row in _other_signs(restricted, vector, value))
    if not rows:
        return
    values = restricted.refixed({}).values(np.array(rows))
    for other, row, there in zip(moved, rows, values, strict=True):
        if abs(there - value) <= BOUND_TOLERANCE + noise(value):
            place = float(row[restricted.positions[other]])
            still = {name: bound for name, bound in bounds.items() if name != other}
            is_bound = other in bounds and place in _limits(restricted, other)
            yield row, (still | {other: place} if is_bound else still)


def _other_signs(restricted: RestrictedObjective, vector: Array, value: float) -> list[Array]:
    """Return whole vectors with a correlation that is ±1 at the other end, where that does not matter."""
    turned = restricted.coordinates.turned_rows() if restricted.coordinates else []
    rows = [np.where(np.arange(len(vector)) == i, -vector, vector) for d, i in turned if d in restricted.fixed]
    return [row for row in rows if abs(restricted.refixed({}).value(row) - value) <= BOUND_TOLERANCE + noise(value)]


def _other_places(restricted: RestrictedObjective, element: BoundElement, here: float) -> list[float]:
    """Return other values of an element on its scale: its initial value, and what lies as far on the other side."""
    layout = restricted.layout
    initial = float(restricted.initial_vector[restricted.positions[element]])
    low, high = _limits(restricted, element)
    if here in (low, high) and np.isfinite(low) and np.isfinite(high):
        return [low + high - here, initial]
    places = [mirrored if low <= (mirrored := 2.0 * initial - here) <= high else initial]
    return [place for place in places if place != here and layout.size > 1]


def _limits(restricted: RestrictedObjective, element: BoundElement) -> tuple[float, float]:
    """Return the limits of an element on its scale."""
    variable = restricted.layout[element[0]]
    natural = variable.transform is None or variable.name in restricted.natural
    return coordinate_limits(variable, element[1]) if natural else (-np.inf, np.inf)


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
