"""Elements of the inverse of a sparse matrix, at the places where its triangular factor is not zero.

With H = L D Lᵀ, L a unit triangle, the inverse S has

    S_ij = δ_ij / D_i − Σ_k>i L_ki S_kj

(Takahashi, Fagan & Chin 1973, *PICA proceedings*, 63-69). Going from the last column back, each sum needs only elements
at places where L is not zero (Erisman & Tinney 1975, *Communications of the ACM* 18, 177-179).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pymc_landscape.aliases import Array

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
def _place(starts, below, row, column):  # type: ignore[no-untyped-def] # pragma: no cover
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
                at = _place(starts, below, high, low)
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
        at = _place(starts, below, high[i], low[i])
        out[i] = inverse[at] if at >= 0 else 0.0
    return out
