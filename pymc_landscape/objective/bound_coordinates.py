"""Coordinates of variables on their natural scale in which each bound of the support is the end of one coordinate.

Most variables are their own. The support of a simplex ends where a share is 0, and the shares of a row sum to 1: one
of them, the reference, gives its place to the sum. The support of an ordered vector ends where two neighbours are tied:
its coordinates are the first element and the increments. Both maps are linear. That of a Cholesky factor of
correlations ends where its diagonal is 0; its rows have length 1, and are written up to a multiple: one element of
each, the reference, does not move.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pymc_landscape._typing import Array
from pymc_landscape.model import FreeVariable, Layout

SIMPLEX, ORDERED, CORRELATIONS = "simplex", "ordered", "cholesky_corr"
# So far inside a bound, in units of the initial point's distance, the surface is taken where it has no number, or no
# derivatives, at the bound: the nearest that are finite. A function of the root of the distance is off by the root.
INSIDE_BOUND = (1e-14, 1e-12, 1e-10)
# Towards a limit, changes between distances that shrink by this shrink by a share, but for rounding, to nothing.
TOWARDS = 10.0 ** -np.arange(4.0, 15.0, 2.0)
SHRINKING, ROUNDING, CONTINUOUS = 0.5, 1e-7, 1e-5


def has_vector_bounds(variable: FreeVariable) -> bool:
    """Whether the support of a variable ends where coordinates of several of its elements do."""
    return not variable.discrete and variable.transform in (SIMPLEX, ORDERED, CORRELATIONS)


def is_simplex(variable: FreeVariable) -> bool:
    """Whether the elements of each row are shares that sum to 1."""
    return variable.transform == SIMPLEX


def coordinate_limits(variable: FreeVariable, i: int) -> tuple[float, float]:
    """Return the limits of a coordinate: of a share, an increment, a Cholesky diagonal, or of the element itself."""
    if variable.transform == ORDERED:
        return (0.0, np.inf) if i % variable.shape[-1] else (-np.inf, np.inf)
    if variable.transform == CORRELATIONS:
        return (0.0, np.inf) if _is_diagonal(variable)[i] else (-np.inf, np.inf)
    return (0.0, np.inf) if variable.transform == SIMPLEX else variable.limits(i)


def _is_diagonal(variable: FreeVariable) -> NDArray[np.bool_]:
    """Whether each element (n,) is on the diagonal of its matrix, and not the first, which is 1."""
    diagonal = np.eye(variable.shape[-1], dtype=bool)
    diagonal[0, 0] = False
    return np.ravel(np.broadcast_to(diagonal, variable.shape))


def distances_to_bounds(variable: FreeVariable, natural: Array) -> Array:
    """Return the shares, increments or Cholesky diagonals of a natural value (n,): how far each is from its bound.

    Infinitely where there is none.
    """
    value = np.ravel(natural)
    if variable.transform == ORDERED:
        rows = value.reshape(-1, variable.shape[-1])
        return np.ravel(np.diff(rows, axis=1, prepend=-np.inf))
    return np.where(_is_diagonal(variable), value, np.inf) if variable.transform == CORRELATIONS else value


def reference_elements(
    layout: Layout, names: Collection[str], fixed: Collection[int], point: Mapping[str, ArrayLike]
) -> dict[int, float]:
    """Return what stands still in each row that has coordinates, by position: a share, elements of a Cholesky factor.

    That of a simplex is its largest share that is not fixed, where `point` says, and gives its place to the sum, 1.
    That of a row of a Cholesky factor is its diagonal, or where this is fixed its largest element; what is above the
    diagonal is 0.

    Parameters
    ----------
    layout : Layout
        Of the whole vector.
    names : collection of str
        The variables in question.
    fixed : collection of int
        Positions of the fixed elements.
    point : mapping of str to array
        Natural values, where they are known.
    """
    chosen: dict[int, float] = {}
    for v in (layout[name] for name in names if is_simplex(layout[name])):
        start, n = layout.slices[v.name].start, v.shape[-1]
        shares = np.ravel(np.asarray(point.get(v.name, np.ones(v.shape)), dtype=float)).copy()
        shares[[i - start for i in fixed if start <= i < start + shares.size]] = -1.0
        rows = enumerate(shares.reshape(-1, n))
        chosen |= dict.fromkeys([start + n * row + int(np.argmax(block)) for row, block in rows], 1.0)
    for v in (layout[name] for name in names if layout[name].transform == CORRELATIONS):
        start, n = layout.slices[v.name].start, v.shape[-1]
        factor = np.ravel(np.asarray(point[v.name], dtype=float))
        for row in range(len(factor) // n):
            i, own = row % n, np.arange(row * n, (row + 1) * n)
            below = int(own[np.argmax(np.abs(factor[own[:i]]))]) if i and start + int(own[i]) in fixed else int(own[i])
            chosen |= {start + below: float(factor[below])} | dict.fromkeys((start + own[i + 1 :]).tolist(), 0.0)
    return chosen


class BoundCoordinates:
    """The map from coordinates to vectors of a layout.

    Parameters
    ----------
    layout : Layout
        Of the vectors.
    names : frozenset of str
        The variables that have coordinates; all other elements are their own.
    references : frozenset of int
        Positions of what stands still in each row.
    """

    def __init__(self, layout: Layout, names: frozenset[str], references: frozenset[int]):
        self.layout, self.names, self.references = layout, names, references
        self._rows: list[tuple[str, NDArray[np.intp]]] = []
        self._factors = [
            (start, layout[name].shape[-1])
            for name in sorted(names)
            if layout[name].transform == CORRELATIONS
            for start in range(layout.slices[name].start, layout.slices[name].stop, layout[name].shape[-1] ** 2)
        ]
        for name in sorted(name for name in names if layout[name].transform != CORRELATIONS):
            where, variable = layout.slices[name], layout[name]
            for row in np.arange(where.start, where.stop).reshape(-1, variable.shape[-1]):
                self._rows.append((str(variable.transform), row))

    def has(self, position: int) -> bool:
        """Whether a coordinate is a share or belongs to an ordered vector, and is no element of its own."""
        return any(position in row for _, row in self._rows)

    def with_other_reference(
        self, variable: FreeVariable, i: int, fixed: Mapping[int, float]
    ) -> Iterator[tuple[dict[int, float], frozenset[int]]]:
        """Yield what is fixed, and the references, with one share, which is 1, free and another the reference.

        Nothing where the share is less than 1: another one of its row is free.
        """
        position = self.layout.slices[variable.name].start + i
        row: list[int] = next((row.tolist() for _, row in self._rows if position in row), [])
        if position not in self.references or any(other not in fixed for other in row):
            return
        for other in (other for other in row if other != position):
            rest = {j: value for j, value in fixed.items() if j not in (position, other)}
            yield rest | {other: 1.0}, (self.references - {position}) | {other}

    def whole_shares(self, fixed: Collection[int]) -> list[int]:
        """Return the positions of the shares that are 1, for all others of their row are fixed at 0."""
        rows = (row.tolist() for transform, row in self._rows if transform == SIMPLEX)
        return [i for row in rows if set(row) <= set(fixed) for i in self.references.intersection(row)]

    def turned_rows(self) -> list[tuple[int, int]]:
        """Return where the diagonal and the reference of rows of Cholesky factors are, where these are not the same."""
        rows = [(start + i * n, i) for start, n in self._factors for i in range(1, n)]
        return [
            (start + i, position)
            for start, i in rows
            for position in range(start, start + i)
            if position in self.references
        ]

    def is_increment(self, element: tuple[str, int]) -> bool:
        """Whether a coordinate is an increment of an ordered vector."""
        return element[0] in self.names and self.layout[element[0]].transform == ORDERED

    def vectors(self, coordinates: Array) -> Array:
        """Return vectors (..., k) at coordinates (..., k)."""
        vectors = coordinates.copy()
        for transform, row in self._rows:
            if transform == ORDERED:  # summed one after the other: what is tied is equal to the last bit
                vectors[..., row] = np.cumsum(coordinates[..., row], axis=-1)
                continue
            for reference in self.references.intersection(row.tolist()):
                vectors[..., reference] = 2.0 * coordinates[..., reference] - coordinates[..., row].sum(axis=-1)
        return vectors

    def coordinates(self, vectors: Array) -> Array:
        """Return coordinates (..., k) of vectors (..., k)."""
        coordinates = vectors.copy()
        for transform, row in self._rows:
            if transform == ORDERED:
                coordinates[..., row[1:]] = np.diff(vectors[..., row], axis=-1)
                continue
            for reference in self.references.intersection(row.tolist()):
                coordinates[..., reference] = vectors[..., row].sum(axis=-1)
        return coordinates

    def gradient(self, gradient: Array) -> Array:
        """Return derivatives (..., k) by coordinates of something with derivatives (..., k) by vectors."""
        by_coordinates = gradient.copy()
        for transform, row in self._rows:
            if transform == ORDERED:
                by_coordinates[..., row] = np.cumsum(gradient[..., row[::-1]], axis=-1)[..., ::-1]
                continue
            for reference in self.references.intersection(row.tolist()):
                rest = row[row != reference]
                by_coordinates[..., rest] = gradient[..., rest] - gradient[..., [reference]]
        return by_coordinates

    def hessian(self, hessian: Array) -> Array:
        """Return second derivatives (..., k, k) by coordinates of something with those by vectors."""
        return self.gradient(self.gradient(hessian).swapaxes(-1, -2)).swapaxes(-1, -2)


def inward_directions(layout: Layout, fixed: Mapping[int, float], initial: Array) -> Array:
    """Return the way from each element that is fixed at a bound of its support to the initial point (k,); 0 elsewhere.

    Parameters
    ----------
    layout : Layout
        Of the vector; a variable on its unconstrained scale has no bound in it.
    fixed : mapping of int to float
        Coordinates that do not move, by position, with their values.
    initial : array (k,)
        The coordinates of the model's initial point.

    Returns
    -------
    array (k,)
        Added to the coordinates in small shares, it leads to where derivatives are finite that are not so at the bound.
    """
    inwards = np.zeros(layout.size)
    for v in layout.variables:
        if v.transform is not None and v.name in layout.unconstrained:
            continue
        start = layout.slices[v.name].start
        for i in range(int(np.prod(v.shape))):
            bound = fixed.get(start + i)
            if bound is not None and bound in coordinate_limits(v, i):
                inwards[start + i] = float(initial[start + i]) - bound
    return inwards


def limits_inside(evaluate: Callable[[Array], Array], vectors: Array, inwards: Array, values: Array) -> Array:
    """Return values (n,) with those that are not finite, as 0 · ln 0 at a bound, replaced by their limits from inside.

    There is no limit where the value jumps on the way, as one does that loses its digits, or where it goes on for ever.

    Parameters
    ----------
    evaluate : callable
        Returns values (n,) at vectors (n, k).
    vectors : array (n, k)
        Points at a bound.
    inwards : array (k,)
        The way into the support.
    values : array (n,)
        The values there.
    """
    unknown = ~np.isfinite(values)
    if not inwards.any():
        return values
    near = np.array([evaluate(vectors[unknown] + distance * inwards) for distance in TOWARDS])
    limits = values.copy()
    with np.errstate(invalid="ignore"):
        changes = np.abs(np.diff(near, axis=0))
        shrink = (changes[1:] <= SHRINKING * changes[:-1] + ROUNDING).all(axis=0)
        limits[unknown] = np.where(shrink & (changes[-1] <= CONTINUOUS), near[-1], values[unknown])
    return limits
