"""Block, dense and sparse Cholesky factors of positive definite matrices, with the selected inverse.

Each gives the logarithm of the determinant, solutions of linear equations, square roots to draw with, and those
elements of the inverse that stand where the matrix itself is not zero. Arrays only.

Of the inverse of a sparse matrix, those elements are had where its triangular factor is not zero. With H = L D Lᵀ, L a
unit triangle, the inverse S has

    S_ij = δ_ij / D_i − Σ_k>i L_ki S_kj

(Takahashi, Fagan & Chin 1973, *PICA proceedings*, 63-69). Going from the last column back, each sum needs only elements
at places where L is not zero (Erisman & Tinney 1975, *Communications of the ACM* 18, 177-179).
"""

from __future__ import annotations

from functools import cached_property
from typing import override

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import linalg, sparse

from pymc_landscape._typing import Array
from pymc_landscape.numerics.sparsity import Pattern

# Components no larger than this are factorised side by side.
SMALL = 64
# Up to so many effects a matrix that is neither is treated as full.
FULL = 300


class NotPositive(ArithmeticError):
    """The matrix is not positive definite."""


class Factor:
    """A factorised matrix H = R Rᵀ.

    Attributes
    ----------
    log_determinant : float
        log det H.
    """

    log_determinant: float

    def solve(self, right: Array) -> Array:
        """Return H⁻¹ times a vector (q,) or the columns of a matrix (q, m)."""
        raise NotImplementedError

    def root_solve(self, right: Array) -> Array:
        """Return R⁻ᵀ times a vector (q,) or the columns of a matrix: it makes normal numbers draws from N(0, H⁻¹)."""
        raise NotImplementedError

    def inverse_entries(self) -> Array:
        """Return the elements of H⁻¹ at the pattern's places."""
        raise NotImplementedError


def factorised(pattern: Pattern, entries: Array) -> Factor:
    """Factorise the matrix with these elements at the pattern's places.

    Raises
    ------
    NotPositive
        If it is not positive definite.
    """
    if pattern.largest <= SMALL:
        return Blocks(pattern, entries)
    return Full(pattern, entries) if pattern.size <= FULL else Sparse(pattern, entries)


class Blocks(Factor):
    """Small components: stacks of blocks, each by Cholesky.

    Attributes
    ----------
    roots : list of array (n, d, d)
        Lower triangles, one stack a size of block.
    """

    def __init__(self, pattern: Pattern, entries: Array):
        self.stacks, self.size, self.nnz = pattern.stacks, pattern.size, len(entries)
        self.roots = [_roots(stack.blocks(entries)) for stack in self.stacks]
        diagonals = [np.diagonal(root, axis1=1, axis2=2) for root in self.roots]
        self.log_determinant = sum(2.0 * float(np.log(d).sum()) for d in diagonals)

    @cached_property
    def inverse_roots(self) -> list[Array]:
        """L⁻¹ of each block."""
        return [1.0 / root if root.shape[1] == 1 else np.linalg.inv(root) for root in self.roots]

    @cached_property
    def inverses(self) -> list[Array]:
        """H⁻¹ of each block."""
        return [np.swapaxes(m, -1, -2) @ m for m in self.inverse_roots]

    @override
    def solve(self, right: Array) -> Array:
        return self._applied(self.inverses, right)

    @override
    def root_solve(self, right: Array) -> Array:
        return self._applied([np.swapaxes(m, -1, -2) for m in self.inverse_roots], right)

    def _applied(self, matrices: list[Array], right: Array) -> Array:
        out = np.empty(right.shape)
        columns, wide = right.reshape(self.size, -1), out.reshape(self.size, -1)
        for stack, matrix in zip(self.stacks, matrices, strict=True):
            wide[stack.elements] = matrix @ columns[stack.elements]
        return out

    @override
    def inverse_entries(self) -> Array:
        out = np.empty(self.nnz)
        for stack, inverse in zip(self.stacks, self.inverses, strict=True):
            stack.write(inverse, out)
        return out


def _roots(blocks: Array) -> Array:
    try:
        with np.errstate(invalid="ignore"):
            roots = np.sqrt(blocks) if blocks.shape[1] == 1 else np.linalg.cholesky(blocks)
    except np.linalg.LinAlgError as error:
        raise NotPositive from error
    if not (np.diagonal(roots, axis1=1, axis2=2) > 0).all():
        raise NotPositive
    return roots


class Full(Factor):
    """A full matrix, by Cholesky."""

    def __init__(self, pattern: Pattern, entries: Array):
        self.pattern = pattern
        matrix = np.zeros((pattern.size, pattern.size))
        matrix[pattern.rows, pattern.columns] = entries
        try:
            self.root = linalg.cholesky(matrix, lower=True)
        except (linalg.LinAlgError, ValueError) as error:
            raise NotPositive from error
        self.log_determinant = 2.0 * float(np.log(np.diagonal(self.root)).sum())

    @override
    def solve(self, right: Array) -> Array:
        return np.asarray(linalg.cho_solve((self.root, True), right))

    @override
    def root_solve(self, right: Array) -> Array:
        return np.asarray(linalg.solve_triangular(self.root, right, lower=True, trans="T"))

    @override
    def inverse_entries(self) -> Array:
        inverse = self.solve(np.eye(self.pattern.size))
        return np.asarray(inverse[self.pattern.rows, self.pattern.columns])


class Sparse(Factor):
    """A sparse matrix, by SuperLU, with an order of elimination that fills little."""

    def __init__(self, pattern: Pattern, entries: Array):
        self.pattern = pattern
        order = pattern.elimination
        permuted = sparse.coo_array((entries, (order[pattern.rows], order[pattern.columns])), shape=(pattern.size,) * 2)
        self.factor = sparse.linalg.splu(
            permuted.tocsc(), permc_spec="NATURAL", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
        self.pivots: NDArray[np.float64] = self.factor.U.diagonal()
        exchanged = (self.factor.perm_r != np.arange(pattern.size)).any()
        if exchanged or not (self.pivots > 0).all():
            raise NotPositive
        self.log_determinant = float(np.log(self.pivots).sum())

    @override
    def solve(self, right: Array) -> Array:
        order = self.pattern.elimination
        permuted = np.empty_like(right)
        permuted[order] = right
        return np.asarray(self.factor.solve(permuted)[order])

    @override
    def root_solve(self, right: Array) -> Array:
        upper = sparse.csr_array(self.factor.U)
        scaled = np.sqrt(self.pivots)[:, None] * right.reshape(len(right), -1)
        solution = sparse.linalg.spsolve_triangular(upper, scaled, lower=False)
        return np.asarray(solution[self.pattern.elimination].reshape(right.shape))

    @override
    def inverse_entries(self) -> Array:
        order = self.pattern.elimination
        return selected_inverse(self.factor.L, self.pivots, order[self.pattern.rows], order[self.pattern.columns])


Indices = NDArray[np.intp]


def selected_inverse(lower: object, pivots: Array, rows: Indices, columns: Indices) -> Array:
    """Return elements of the inverse of L D Lᵀ.

    Parameters
    ----------
    lower : sparse array (q, q)
        L, by columns, with its diagonal of ones.
    pivots : array (q,)
        D.
    rows, columns : arrays (n,)
        Places, of which L or its transpose must have each.
    """
    factor = lower.tocsc()  # type: ignore[attr-defined]
    factor.sort_indices()
    starts, below, values = factor.indptr.astype(np.int64), factor.indices.astype(np.int64), factor.data
    inverse = _inverse(starts, below, values, pivots)
    high, low = np.maximum(rows, columns), np.minimum(rows, columns)
    return np.asarray(_read(starts, below, inverse, high.astype(np.int64), low.astype(np.int64)))


@njit(cache=True)
def _position(starts, below, row, column):  # type: ignore[no-untyped-def] # pragma: no cover
    """Find where (row, column) of the lower triangle is kept; -1 where it is not."""
    a, b = starts[column], starts[column + 1]
    at = a + np.searchsorted(below[a:b], row)
    return at if at < b and below[at] == row else -1


@njit(cache=True)
def _inverse(starts, below, values, pivots):  # type: ignore[no-untyped-def] # pragma: no cover
    out = np.zeros(len(values))
    for column in range(len(starts) - 2, -1, -1):
        a, b = starts[column], starts[column + 1]
        for i in range(b - 1, a, -1):
            total = 0.0
            for k in range(a + 1, b):
                high, low = max(below[i], below[k]), min(below[i], below[k])
                at = _position(starts, below, high, low)
                if at >= 0:
                    total -= values[k] * out[at]
            out[i] = total
        total = 1.0 / pivots[column]
        for k in range(a + 1, b):
            total -= values[k] * out[k]
        out[a] = total
    return out


@njit(cache=True)
def _read(starts, below, inverse, high, low):  # type: ignore[no-untyped-def] # pragma: no cover
    out = np.empty(len(high))
    for i in range(len(high)):
        at = _position(starts, below, high[i], low[i])
        out[i] = inverse[at] if at >= 0 else 0.0
    return out
