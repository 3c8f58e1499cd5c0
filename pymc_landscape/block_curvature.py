"""Negative curvature of a joint density in its random effects: which elements meet, and matrices that know it.

Elements of which no two meet in the density have a diagonal curvature; effects by group, one block a group; a random
walk, a band; crossed effects, a sparse matrix. Which it is, is read off products of the Hessian with unit vectors at
points where nothing is zero by chance. Columns that meet in no row get one colour, and a product with the sum of their
unit vectors gives all of them at once (Curtis, Powell & Reid 1974, *Journal of the Institute of Mathematics and its
Applications* 13, 117-119).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse import csgraph

from pymc_landscape.aliases import Array

# Components no larger than this are factorised side by side; a band no wider than this share of the size as a band.
SMALL, NARROW = 64, 0.1
# Up to so many effects a matrix that is neither is treated as full.
FULL = 300


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
    """

    size: int
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    colours: NDArray[np.intp]

    @cached_property
    def n_colours(self) -> int:
        """How many products show the whole matrix."""
        return int(self.colours.max(initial=-1)) + 1

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
        graph = sparse.coo_array((ones, (self.rows, self.columns)), shape=(self.size, self.size))
        return np.asarray(csgraph.connected_components(graph, directed=False)[1])

    @cached_property
    def bandwidth(self) -> int:
        """Largest distance of an element from the diagonal."""
        return int(np.abs(self.rows - self.columns).max(initial=0))

    @cached_property
    def places(self) -> _Places:
        """Where elements stand in stacks of blocks."""
        return _Places(self)

    def entries(self, products: Array) -> Array:
        """Return the elements at `rows`, `columns` from products (colours, q)."""
        found: Array = products[self.colours[self.columns], self.rows]
        return found

    def weights(self, entries: Array) -> Array:
        """Return w (colours, q) with Σ w · products = Σ entries · elements of the matrix."""
        weights = np.zeros((self.n_colours, self.size))
        weights[self.colours[self.columns], self.rows] = entries
        return weights


def coloured(size: int, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Pattern:
    """Colour columns greedily, so that no two of one colour meet in a row."""
    by_column = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size)).tocsc()
    by_row = by_column.tocsr()
    colours = np.full(size, -1, dtype=np.intp)
    for j in range(size):
        met = by_column.indices[by_column.indptr[j] : by_column.indptr[j + 1]]
        near = np.concatenate([by_row.indices[by_row.indptr[i] : by_row.indptr[i + 1]] for i in met] or [[]])
        taken = set(colours[near.astype(int)].tolist())
        colours[j] = next(c for c in range(size + 1) if c not in taken)
    return Pattern(size, rows, columns, colours)


def find_pattern(product: Callable[[Array], Array], size: int, groups: Callable[[], NDArray[np.intp]]) -> Pattern:
    """Find which elements of a symmetric matrix are not zero.

    Parameters
    ----------
    product : callable
        Gives the matrix times each row of (n, q).
    size : int
        The size q of the matrix.
    groups : callable
        Gives a guess at which elements belong together, one number an element.

    Returns
    -------
    Pattern
        A guess is believed only where products with random vectors agree with it.
    """
    if size > FULL:
        for guess in (np.arange(size), groups()):
            pattern = _of_groups(guess)
            if pattern is not None and _agrees(pattern, product):
                return pattern
    nonzero: list[tuple[Array, Array]] = []
    block = max(1, 2**22 // max(size, 1))
    for first in range(0, size, block):
        units = np.eye(min(block, size - first), size, first)
        columns, rows = np.nonzero(product(units))
        nonzero.append((rows, columns + first))
    rows = np.concatenate([r for r, _ in nonzero] + [np.arange(size)])
    columns = np.concatenate([c for _, c in nonzero] + [np.arange(size)])
    both = np.unique(np.concatenate([rows * size + columns, columns * size + rows]))
    return coloured(size, both // size, both % size)


def _of_groups(groups: NDArray[np.intp]) -> Pattern | None:
    """Return a pattern of full blocks; None where they are too large to be worth it."""
    order = np.argsort(groups, kind="stable")
    _, counts = np.unique(groups, return_counts=True)
    if counts.max() > SMALL:
        return None
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    rank = np.empty(len(groups), dtype=np.intp)
    rank[order] = np.arange(len(groups)) - starts
    repeat = np.repeat(counts, counts)
    rows = order[np.repeat(starts, repeat) + _ranges(repeat)]
    return Pattern(len(groups), rows, np.repeat(order, repeat), rank)


def _ranges(counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return 0..n−1 for each n, one after the other."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1]) - np.repeat(ends - counts, counts)


def _agrees(pattern: Pattern, product: Callable[[Array], Array]) -> bool:
    """Whether the matrix that the pattern sees is the whole one, by its products with random vectors."""
    rng = np.random.default_rng(pattern.size)
    vectors = rng.standard_normal((3, pattern.size))
    whole = product(np.concatenate([pattern.seeds, vectors]))
    if not np.isfinite(whole).all():
        return False
    entries = pattern.entries(whole[: pattern.n_colours])
    matrix = sparse.coo_array((entries, (pattern.rows, pattern.columns)), shape=(pattern.size, pattern.size))
    seen = (matrix @ vectors.T).T
    return bool(np.allclose(seen, whole[pattern.n_colours :], rtol=1e-9, atol=1e-9 * np.abs(entries).max(initial=1.0)))


# --- matrices that are factorised as their pattern allows ------------------------------------------------------------


class NotPositive(ArithmeticError):
    """The curvature is not positive definite."""


class Curvature:
    """A positive definite matrix of a pattern, factorised.

    Parameters
    ----------
    pattern : Pattern
        Which elements there are.
    entries : array (nnz,)
        Their values.

    Raises
    ------
    NotPositive
        If the matrix is not positive definite.
    """

    def __init__(self, pattern: Pattern, entries: Array):
        self.pattern, self.entries = pattern, entries
        self._factor = _factorised(pattern, entries)

    @property
    def log_determinant(self) -> float:
        """log det."""
        return self._factor.log_determinant

    def solve(self, right: Array) -> Array:
        """Return the inverse times a vector (q,)."""
        return self._factor.solve(right)

    def inverse_entries(self) -> Array:
        """Return the elements of the inverse at the pattern's places."""
        return self._factor.inverse_entries()


def _factorised(pattern: Pattern, entries: Array) -> _Blocks | _Band | _Full | _Sparse:
    sizes = np.bincount(pattern.components) if pattern.size else np.zeros(1, dtype=int)
    if sizes.max(initial=0) <= SMALL:
        return _Blocks(pattern, entries)
    if pattern.bandwidth <= NARROW * pattern.size:
        return _Band(pattern, entries)
    return _Full(pattern, entries) if pattern.size <= FULL else _Sparse(pattern, entries)


class _Places:
    """Where the elements of components of one size stand, in stacks of blocks."""

    def __init__(self, pattern: Pattern):
        components = pattern.components
        order = np.argsort(components, kind="stable")
        sizes = np.bincount(components)
        rank = np.empty(pattern.size, dtype=np.intp)
        rank[order] = _ranges(sizes)
        number = np.empty(len(sizes), dtype=np.intp)
        self.stacks = []
        for size in np.unique(sizes):
            of_size = np.flatnonzero(sizes == size)
            number[of_size] = np.arange(len(of_size))
            inside = np.flatnonzero(sizes[components[pattern.rows]] == size)
            elements = order[np.isin(components[order], of_size)].reshape(len(of_size), size)
            r, c = pattern.rows[inside], pattern.columns[inside]
            self.stacks.append((elements, inside, number[components[r]], rank[r], rank[c]))


class _Blocks:
    """Small components: stacks of blocks, each by Cholesky."""

    def __init__(self, pattern: Pattern, entries: Array):
        self.places, self.size, self.nnz = pattern.places, pattern.size, len(entries)
        self.roots, self.log_determinant = [], 0.0
        for elements, inside, block, row, column in self.places.stacks:
            blocks = np.zeros((len(elements), elements.shape[1], elements.shape[1]))
            blocks[block, row, column] = entries[inside]
            try:
                root = np.sqrt(blocks) if elements.shape[1] == 1 else np.linalg.cholesky(blocks)
            except np.linalg.LinAlgError as error:
                raise NotPositive from error
            diagonal = root[:, np.arange(elements.shape[1]), np.arange(elements.shape[1])]
            if not (diagonal > 0).all():
                raise NotPositive
            self.roots.append(root)
            self.log_determinant += 2.0 * float(np.log(diagonal).sum())

    @cached_property
    def inverses(self) -> list[Array]:
        """The inverse of each block."""
        return [np.linalg.inv(root @ np.swapaxes(root, -1, -2)) for root in self.roots]

    def solve(self, right: Array) -> Array:
        """Return the inverse times a vector."""
        out = np.empty(self.size)
        for (elements, *_), inverse in zip(self.places.stacks, self.inverses, strict=True):
            out[elements] = (inverse @ right[elements][..., None])[..., 0]
        return out

    def inverse_entries(self) -> Array:
        """Return the elements of the inverse at the pattern's places."""
        out = np.empty(self.nnz)
        for (_, inside, block, row, column), inverse in zip(self.places.stacks, self.inverses, strict=True):
            out[inside] = inverse[block, row, column]
        return out


class _Full:
    """A full matrix, by Cholesky."""

    def __init__(self, pattern: Pattern, entries: Array):
        self.pattern = pattern
        matrix = np.zeros((pattern.size, pattern.size))
        matrix[pattern.rows, pattern.columns] = entries
        try:
            self.factor = linalg.cho_factor(matrix, lower=True)
        except (linalg.LinAlgError, ValueError) as error:
            raise NotPositive from error
        self.log_determinant = 2.0 * float(np.log(np.diag(self.factor[0])).sum())

    def solve(self, right: Array) -> Array:
        """Return the inverse times a vector."""
        return np.asarray(linalg.cho_solve(self.factor, right))

    def inverse_entries(self) -> Array:
        """Return the elements of the inverse at the pattern's places."""
        inverse = self.solve(np.eye(self.pattern.size))
        return np.asarray(inverse[self.pattern.rows, self.pattern.columns])


class _Band:
    """A narrow band, by a banded Cholesky factorisation."""

    def __init__(self, pattern: Pattern, entries: Array):
        self.pattern, self.width = pattern, pattern.bandwidth
        band = np.zeros((self.width + 1, pattern.size))
        lower = pattern.rows >= pattern.columns
        band[(pattern.rows - pattern.columns)[lower], pattern.columns[lower]] = entries[lower]
        try:
            self.factor = linalg.cholesky_banded(band, lower=True)
        except (linalg.LinAlgError, ValueError) as error:
            raise NotPositive from error
        self.log_determinant = 2.0 * float(np.log(self.factor[0]).sum())

    def solve(self, right: Array) -> Array:
        """Return the inverse times a vector."""
        return np.asarray(linalg.cho_solve_banded((self.factor, True), right))

    def inverse_entries(self) -> Array:
        """Return the elements of the inverse at the pattern's places.

        From the last row upwards: with the factor L, the inverse S has S_ij = δ_ij / L_ii² − Σ_k>i L_ki S_kj / L_ii
        (Takahashi, Fagan & Chin 1973), and only elements inside the band are needed for those inside it.
        """
        n, w, factor = self.pattern.size, self.width, self.factor
        inverse = np.zeros((n, 2 * w + 1))  # row i holds columns i − w to i + w
        for i in range(n - 1, -1, -1):
            m = min(w, n - 1 - i)
            column = factor[1 : m + 1, i] / factor[0, i]
            window = np.array([inverse[i + 1 + a, w - a : w - a + m] for a in range(m)]).reshape(m, m)
            off = -window.T @ column
            inverse[i, w + 1 : w + 1 + m] = off
            inverse[i, w] = 1.0 / factor[0, i] ** 2 - float(column @ off)
            inverse[np.arange(i + 1, i + 1 + m), w - 1 - np.arange(m)] = off
        return np.asarray(inverse[self.pattern.rows, self.pattern.columns - self.pattern.rows + w])


class _Sparse:
    """A sparse matrix, by SuperLU."""

    def __init__(self, pattern: Pattern, entries: Array):
        self.pattern = pattern
        matrix = sparse.coo_array((entries, (pattern.rows, pattern.columns)), shape=(pattern.size,) * 2).tocsc()
        options = {"SymmetricMode": True, "DiagPivotThresh": 0.0}
        self.factor = sparse.linalg.splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
        diagonal = self.factor.U.diagonal()
        if not (diagonal > 0).all():
            raise NotPositive
        self.log_determinant = float(np.log(diagonal).sum())

    def solve(self, right: Array) -> Array:
        """Return the inverse times a vector."""
        return np.asarray(self.factor.solve(right))

    def inverse_entries(self) -> Array:
        """Return the elements of the inverse at the pattern's places, by a solve for each block of columns."""
        out = np.empty(len(self.pattern.rows))
        order = np.argsort(self.pattern.columns, kind="stable")
        bounds = np.searchsorted(self.pattern.columns[order], np.arange(self.pattern.size + 1))
        for first in range(0, self.pattern.size, 256):
            last = min(first + 256, self.pattern.size)
            columns = self.factor.solve(np.eye(last - first, self.pattern.size, first).T.copy())
            at = order[bounds[first] : bounds[last]]
            out[at] = columns[self.pattern.rows[at], self.pattern.columns[at] - first]
        return out
