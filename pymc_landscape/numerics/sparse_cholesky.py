"""Sparse positive definite matrices H = L D Lᵀ, row by row, and those elements of the inverse that stand where L does.

Where L is not zero depends on the places of H alone (Liu 1990, *SIAM Journal on Matrix Analysis and Applications* 11,
134-172): it is found once for all matrices of one pattern, and each is then factorised in a few operations an element
(Davis 2005, *ACM Transactions on Mathematical Software* 31, 587-591). Of the inverse S, those elements are had where L
is not zero,

    S_ij = δ_ij / D_i − Σ_k>i L_ki S_kj

(Takahashi, Fagan & Chin 1973, *PICA proceedings*, 63-69). Going from the last column back, each sum needs only elements
at places where L is not zero (Erisman & Tinney 1975, *Communications of the ACM* 18, 177-179).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Structure:
    """Where L is not zero, for matrices with elements at the same places.

    Parameters
    ----------
    starts, rows, elements : array (q + 1,), array (m,), array (m,)
        The upper triangle of H by columns: where each begins, the rows, and which of the elements of H stands there.
    parents : array (q,)
        The elimination tree: the first row below the diagonal where a column of L is not zero; -1 for none.
    below, below_rows : array (q + 1,), array (n,)
        The same of L without its diagonal.
    """

    starts: Indices
    rows: Indices
    elements: Indices
    parents: Indices
    below: Indices
    below_rows: Indices

    @property
    def operations(self) -> float:
        """How many multiplications a matrix takes."""
        return float((np.diff(self.below).astype(float) ** 2).sum())

    def positions(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Indices:
        """Return where places of H, or their transposes, are kept in L; the diagonal comes after all else."""
        high, low = np.maximum(rows, columns), np.minimum(rows, columns)
        positions: Indices = _positions(self.below, self.below_rows, high.astype(np.int64), low.astype(np.int64))
        return positions


def structure_of(size: int, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Structure:
    """Return the structure of matrices (q, q) with elements at these places, both triangles."""
    upper = np.flatnonzero(rows <= columns)
    elements = upper[np.lexsort((rows[upper], columns[upper]))].astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(np.bincount(columns[elements], minlength=size))]).astype(np.int64)
    sorted_rows = rows[elements].astype(np.int64)
    parents, counts = _tree(starts, sorted_rows)
    below = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    below_rows = _below_rows(starts, sorted_rows, parents, below)
    return Structure(starts, sorted_rows, elements, parents, below, below_rows)


def sparse_factor(structure: Structure, entries: Array) -> tuple[Array, Array] | None:
    """Return the elements of L below its diagonal, and D; None where the matrix is not positive definite."""
    s = structure
    lower, pivots, is_positive = _factor(s.starts, s.rows, entries[s.elements], s.parents, s.below, s.below_rows)
    return (lower, pivots) if is_positive else None


@njit(cache=True)
def _tree(starts, rows):  # type: ignore[no-untyped-def] # pragma: no cover
    size = len(starts) - 1
    parents, seen, counts = np.full(size, -1, np.int64), np.full(size, -1, np.int64), np.zeros(size, np.int64)
    for k in range(size):
        seen[k] = k
        for p in range(starts[k], starts[k + 1]):
            i = rows[p]
            while seen[i] != k:
                if parents[i] == -1:
                    parents[i] = k
                counts[i] += 1
                seen[i] = k
                i = parents[i]
    return parents, counts


@njit(cache=True)
def _below_rows(starts, rows, parents, below):  # type: ignore[no-untyped-def] # pragma: no cover
    size = len(starts) - 1
    seen, known, out = np.full(size, -1, np.int64), below[:-1].copy(), np.empty(below[-1], np.int64)
    for k in range(size):
        seen[k] = k
        for p in range(starts[k], starts[k + 1]):
            i = rows[p]
            while seen[i] != k:
                out[known[i]] = k
                known[i] += 1
                seen[i] = k
                i = parents[i]
    return out


@njit(cache=True)
def _factor(starts, rows, entries, parents, below, below_rows):  # type: ignore[no-untyped-def] # pragma: no cover
    """Solve for one row of L after the other; the tree says which columns each meets."""
    size = len(starts) - 1
    lower, pivots, row = np.empty(below[-1]), np.empty(size), np.zeros(size)
    known, seen, path, met = (
        below[:-1].copy(),
        np.full(size, -1, np.int64),
        np.empty(size, np.int64),
        np.empty(size, np.int64),
    )
    for k in range(size):
        first = size
        seen[k] = k
        for p in range(starts[k], starts[k + 1]):
            i = rows[p]
            row[i] += entries[p]
            n = 0
            while seen[i] != k:
                path[n] = i
                n += 1
                seen[i] = k
                i = parents[i]
            while n > 0:
                n -= 1
                first -= 1
                met[first] = path[n]
        pivot = row[k]
        row[k] = 0.0
        for m in range(first, size):
            i = met[m]
            value = row[i]
            row[i] = 0.0
            for p in range(below[i], known[i]):
                row[below_rows[p]] -= lower[p] * value
            share = value / pivots[i]
            pivot -= share * value
            lower[known[i]] = share
            known[i] += 1
        if not pivot > 0.0:
            return lower, pivots, False
        pivots[k] = pivot
    return lower, pivots, np.isfinite(pivots).all()


@njit(cache=True)
def solve_below(below, below_rows, lower, right):  # type: ignore[no-untyped-def] # pragma: no cover
    """Solve L x = b for the columns of (q, m), in place."""
    for k in range(len(right)):
        for p in range(below[k], below[k + 1]):
            for j in range(right.shape[1]):
                right[below_rows[p], j] -= lower[p] * right[k, j]


@njit(cache=True)
def solve_above(below, below_rows, lower, right):  # type: ignore[no-untyped-def] # pragma: no cover
    """Solve Lᵀ x = b for the columns of (q, m), in place."""
    for k in range(len(right) - 1, -1, -1):
        for p in range(below[k], below[k + 1]):
            for j in range(right.shape[1]):
                right[k, j] -= lower[p] * right[below_rows[p], j]


@njit(cache=True)
def selected_inverse(below, below_rows, lower, pivots):  # type: ignore[no-untyped-def] # pragma: no cover
    """Return the elements of the inverse where L is not zero, and then the diagonal."""
    size, n = len(pivots), len(lower)
    out, weight, total = np.empty(n + size), np.zeros(size), np.zeros(size)
    for column in range(size - 1, -1, -1):
        a, b = below[column], below[column + 1]
        for p in range(a, b):
            weight[below_rows[p]] = lower[p]
            total[below_rows[p]] = 0.0
        for p in range(a, b):
            i = below_rows[p]
            total[i] -= lower[p] * out[n + i]
            for at in range(below[i], below[i + 1]):
                r = below_rows[at]
                total[i] -= weight[r] * out[at]
                total[r] -= lower[p] * out[at]
        diagonal = 1.0 / pivots[column]
        for p in range(a, b):
            i = below_rows[p]
            out[p] = total[i]
            diagonal -= lower[p] * total[i]
        out[n + column] = diagonal
        for p in range(a, b):
            weight[below_rows[p]] = 0.0
    return out


@njit(cache=True)
def _positions(below, below_rows, high, low):  # type: ignore[no-untyped-def] # pragma: no cover
    out = np.empty(len(high), np.int64)
    for i in range(len(high)):
        a, b = below[low[i]], below[low[i] + 1]
        at = a + np.searchsorted(below_rows[a:b], high[i])
        out[i] = len(below_rows) + low[i] if high[i] == low[i] else at
    return out
