"""Which elements of a large symmetric matrix are not zero, found by products with few vectors. Arrays only.

Random effects of which no two meet in the density have a diagonal curvature; effects by group, one block a group; a
random walk, a band; crossed effects, a sparse matrix. Which it is, is read off products with unit vectors at a point
where nothing is zero by chance. Columns that meet in no row get one colour, and a product with the sum of their unit
vectors gives all of them at once (Curtis, Powell & Reid 1974, *Journal of the Institute of Mathematics and its
Applications* 13, 117-119). A column that meets nearly all, as that of what a series starts from, gets a colour of its
own; by symmetry it tells its row too, in which the others may then meet (Powell & Toint 1979, *SIAM Journal on
Numerical Analysis* 16, 1060-1074).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array

if TYPE_CHECKING:
    from pymc_landscape.numerics.sparse_cholesky import Structure

# Up to so many columns are multiplied one by one; beyond, guesses are tried first.
FEW = 300
# Up to so many effects a matrix is treated as full whose factor takes more than this share of its operations.
FULL, SHARE = 300, 0.02
# What rounding does to a product, as a share of the sizes of its summands.
ROUNDING = 1e-11
# Components no larger than this are factorised side by side; a guess with a larger one is none.
SMALL = 64
# A column with so many times more elements than the median has a colour of its own, where that saves colours.
LONG = (4.0, 1.0)


@dataclass(frozen=True)
class Pattern:
    """Which elements of a curvature are not zero, and the directions that show them.

    Parameters
    ----------
    size : int
        Number q of effects.
    rows, columns : array (nnz,)
        Places that are not zero, both triangles.
    colours : array (q,)
        Colour of each column.
    alone : array (q,)
        Whether a column has a colour of its own, and tells its row.
    """

    size: int
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    colours: NDArray[np.intp]
    alone: NDArray[np.bool_]

    @cached_property
    def n_colours(self) -> int:
        """How many products show the whole matrix."""
        return int(self.colours.max(initial=-1)) + 1

    @cached_property
    def key(self) -> bytes:
        """What stands for the pattern: the same for two that are equal."""
        parts = np.array([self.size]), self.rows, self.columns, self.colours, self.alone
        return hashlib.blake2b(b"".join(part.tobytes() for part in parts), digest_size=16).digest()

    @cached_property
    def seeds(self) -> Array:
        """Directions (colours, q), each the sum of the unit vectors of one colour."""
        seeds = np.zeros((self.n_colours, self.size))
        seeds[self.colours, np.arange(self.size)] = 1.0
        return seeds

    @cached_property
    def components(self) -> NDArray[np.intp]:
        """Number of the connected component of each element."""
        ones = np.ones(len(self.rows))
        graph = scipy.sparse.coo_array((ones, (self.rows, self.columns)), shape=(self.size, self.size))
        return np.asarray(scipy.sparse.csgraph.connected_components(graph, directed=False)[1])

    @cached_property
    def largest(self) -> int:
        """Size of the largest component."""
        return int(np.bincount(self.components).max(initial=0)) if self.size else 0

    @property
    def is_in_blocks(self) -> bool:
        """Whether the components are so small that they are factorised side by side."""
        return self.largest <= SMALL

    @cached_property
    def elimination(self) -> NDArray[np.intp]:
        """Where each element comes in an order of elimination that fills little."""
        ones = np.ones(len(self.rows))
        matrix = scipy.sparse.coo_array((ones, (self.rows, self.columns)), shape=(self.size, self.size))
        dominant = (matrix + scipy.sparse.diags_array(np.full(self.size, 2.0 * self.size))).tocsc()
        order: NDArray[np.intp] = scipy.sparse.linalg.splu(dominant, permc_spec="MMD_AT_PLUS_A").perm_c.astype(np.intp)
        return order

    @cached_property
    def structure(self) -> Structure:
        """Where the factor is not zero in that order."""
        from pymc_landscape.numerics.sparse_cholesky import structure_of  # it brings numba

        return structure_of(self.size, self.elimination[self.rows], self.elimination[self.columns])

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """Where the factor keeps each of the places."""
        return self.structure.positions(self.elimination[self.rows], self.elimination[self.columns])

    @cached_property
    def is_full(self) -> bool:
        """Whether to treat the matrix as full: it is not large, and its factor nearly so."""
        return self.size <= FULL and self.structure.operations > SHARE * self.size**3

    @cached_property
    def stacks(self) -> list[Stack]:
        """The components, those of one size together."""
        return _stacks(self)

    def entries(self, products: Array) -> Array:
        """Return the elements (..., nnz) at `rows`, `columns` from products (..., colours, q)."""
        entries: Array = products[..., *self._told_by]
        return entries

    def weights(self, entries: Array) -> Array:
        """Return w (..., colours, q) with Σ w · products = Σ entries · elements of the matrix, entries (..., nnz)."""
        colour, row = self._told_by
        n, places = math.prod(entries.shape[:-1]), self.n_colours * self.size
        flat = colour * self.size + row + places * np.arange(n)[:, None]
        weights = np.bincount(flat.ravel(), entries.ravel(), n * places)
        return weights.reshape(*entries.shape[:-1], self.n_colours, self.size)

    @cached_property
    def _told_by(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Colour and row of the product that shows each element."""
        turned = self.alone[self.rows] & ~self.alone[self.columns]
        column, row = np.where(turned, self.rows, self.columns), np.where(turned, self.columns, self.rows)
        return self.colours[column], row


def coloured(size: int, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Pattern:
    """Colour columns greedily, so that no two of one colour meet in a row that is not told by a column."""
    degrees = np.bincount(columns, minlength=size)
    best = _greedy(size, rows, columns, np.zeros(size, dtype=bool))
    for times in LONG:
        long = degrees > times * np.median(degrees) if size else degrees > 0
        if 0 < long.sum() < best.n_colours - 1:
            best = min(best, _greedy(size, rows, columns, long), key=lambda pattern: pattern.n_colours)
    return best


def _greedy(size: int, rows: NDArray[np.intp], columns: NDArray[np.intp], alone: NDArray[np.bool_]) -> Pattern:
    """Colour columns that are `alone` first, each by itself, and then the others."""
    seen = ~alone[rows] & ~alone[columns]
    by_column = scipy.sparse.coo_array((np.ones(seen.sum()), (rows[seen], columns[seen])), shape=(size, size)).tocsc()
    by_row = by_column.tocsr()
    colours = np.full(size, -1, dtype=np.intp)
    n_alone = int(alone.sum())
    colours[alone] = np.arange(n_alone)
    for j in np.flatnonzero(~alone).tolist():
        met = by_column.indices[by_column.indptr[j] : by_column.indptr[j + 1]]
        near = np.concatenate([by_row.indices[by_row.indptr[i] : by_row.indptr[i + 1]] for i in met] or [[]])
        taken = set(colours[near.astype(int)].tolist())
        colours[j] = next(c for c in range(n_alone, size + 1) if c not in taken)
    return Pattern(size, rows, columns, colours, alone)


def find_pattern(product: Callable[[Array], Array], size: int, groups: Callable[[], NDArray[np.intp]]) -> Pattern:
    """Find which elements of a symmetric matrix are not zero.

    Parameters
    ----------
    product : callable
        Gives the matrix times each row of (n, q).
    size : int
        The size q of the matrix.
    groups : callable
        Gives a guess at which elements belong together, one number an element; -1 for those that meet all.

    Returns
    -------
    Pattern
        A guess is believed only where products with random vectors agree with it.
    """
    if size > FEW:
        together = groups()
        for guess in (np.where(together < 0, -1, np.arange(size)), together):
            pattern = _of_groups(guess)
            if pattern is not None and _agrees(pattern, product):
                return pattern
    nonzero: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    block = max(1, 2**22 // max(size, 1))
    for first in range(0, size, block):
        units = np.eye(min(block, size - first), size, first)
        columns, rows = np.nonzero(product(units))
        nonzero.append((rows, columns + first))
    rows = np.concatenate([r for r, _ in nonzero] + [np.arange(size)])
    columns = np.concatenate([c for _, c in nonzero] + [np.arange(size)])
    both = np.unique(np.concatenate([rows * size + columns, columns * size + rows]))
    return coloured(size, both // size, both % size)


def has_pattern(pattern: Pattern, product: Callable[[Array], Array]) -> bool:
    """Whether a symmetric matrix is not zero at all places of a pattern and nowhere else, by few products.

    Places on the diagonal, which are part of every pattern, may be zero. Where False comes back, it may be so still.
    """
    vectors = np.random.default_rng(pattern.size).standard_normal((2, pattern.size))
    whole = product(np.concatenate([pattern.seeds, vectors]))
    entries = pattern.entries(whole[: pattern.n_colours])
    if not (np.isfinite(whole).all() and entries[pattern.rows != pattern.columns].all()):
        return False
    for vector, own in zip(vectors, whole[pattern.n_colours :], strict=True):
        summands = entries * vector[pattern.columns]
        seen, size = (np.bincount(pattern.rows, each, pattern.size) for each in (summands, np.abs(summands)))
        if not (np.abs(seen - own) <= ROUNDING * size).all():
            return False
    return True


def _of_groups(groups: NDArray[np.intp]) -> Pattern | None:
    """Return a pattern of full blocks, with the rows and columns of what meets all; None where they are too large."""
    alone = groups < 0
    inside = np.flatnonzero(~alone)
    blocks = _of_blocks(groups[inside]) if len(inside) else None
    if blocks is None or not alone.any():
        return blocks
    size, border = len(groups), np.flatnonzero(alone)
    colours = np.empty(size, dtype=np.intp)
    colours[border], colours[inside] = np.arange(len(border)), len(border) + blocks.colours
    every = np.arange(size)
    rows = [inside[blocks.rows], np.repeat(border, size), np.tile(inside, len(border))]
    columns = [inside[blocks.columns], np.tile(every, len(border)), np.repeat(border, len(inside))]
    return Pattern(size, np.concatenate(rows), np.concatenate(columns), colours, alone)


def _of_blocks(groups: NDArray[np.intp]) -> Pattern | None:
    order = np.argsort(groups, kind="stable")
    _, counts = np.unique(groups, return_counts=True)
    if counts.max(initial=0) > SMALL:
        return None
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    rank = np.empty(len(groups), dtype=np.intp)
    rank[order] = np.arange(len(groups)) - starts
    repeat = np.repeat(counts, counts)
    rows = order[np.repeat(starts, repeat) + _ranges(repeat)]
    return Pattern(len(groups), rows, np.repeat(order, repeat), rank, np.zeros(len(groups), dtype=bool))


def _ranges(counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return 0..n−1 for each n, one after the other."""
    stops = np.cumsum(counts)
    return np.arange(stops[-1]) - np.repeat(stops - counts, counts)


def _agrees(pattern: Pattern, product: Callable[[Array], Array]) -> bool:
    """Whether the matrix that the pattern sees is the whole one, by its products with random vectors."""
    rng = np.random.default_rng(pattern.size)
    vectors = rng.standard_normal((3, pattern.size))
    whole = product(np.concatenate([pattern.seeds, vectors]))
    if not np.isfinite(whole).all():
        return False
    entries = pattern.entries(whole[: pattern.n_colours])
    matrix = scipy.sparse.coo_array((entries, (pattern.rows, pattern.columns)), shape=(pattern.size, pattern.size))
    seen = (matrix @ vectors.T).T
    return bool(np.allclose(seen, whole[pattern.n_colours :], rtol=1e-9, atol=1e-9 * np.abs(entries).max(initial=1.0)))


@dataclass(frozen=True)
class Stack:
    """All components of one size d.

    Parameters
    ----------
    elements : array (n, d)
        Their elements.
    inside : array (m,)
        Which of the pattern's places lie in them.
    block, row, column : arrays (m,)
        Where each of those stands in a stack of blocks.
    """

    elements: NDArray[np.intp]
    inside: NDArray[np.intp]
    block: NDArray[np.intp]
    row: NDArray[np.intp]
    column: NDArray[np.intp]

    def blocks(self, entries: Array) -> Array:
        """Return the blocks (..., n, d, d) of matrices with these elements (..., nnz) at the pattern's places."""
        n, d = self.elements.shape
        blocks = np.zeros((*entries.shape[:-1], n, d, d))
        blocks[..., self.block, self.row, self.column] = entries[..., self.inside]
        return blocks

    def write(self, blocks: Array, entries: Array) -> None:
        """Write elements of blocks (..., n, d, d) to the pattern's places, of which there are (..., nnz)."""
        entries[..., self.inside] = blocks[..., self.block, self.row, self.column]


def _stacks(pattern: Pattern) -> list[Stack]:
    components, sizes = pattern.components, np.bincount(pattern.components)
    order = np.argsort(components, kind="stable")
    rank = np.empty(pattern.size, dtype=np.intp)
    rank[order] = _ranges(sizes)
    number = np.empty(len(sizes), dtype=np.intp)
    stacks = []
    for size in np.unique(sizes):
        number[sizes == size] = np.arange(np.count_nonzero(sizes == size))
        inside = np.flatnonzero(sizes[components[pattern.rows]] == size)
        elements = order[sizes[components[order]] == size].reshape(-1, size)
        rows, columns = pattern.rows[inside], pattern.columns[inside]
        stacks.append(Stack(elements, inside, number[components[rows]], rank[rows], rank[columns]))
    return stacks
