"""Lagrange's interpolation from a coarse grid to one with points between, axis by axis.

The stencil is the first of a list on which all values are finite: six points around a gap where the surface is smooth,
fewer and to one side beside the edge of a support (Harten & Osher 1987 choose stencils likewise).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array

Indices = NDArray[np.intp]

# Stencils: how many points, and how many of them stand left of the gap.
STENCILS = ((6, 3), (4, 2), (4, 1), (4, 3), (3, 2), (3, 1), (2, 1))
# Steps of an axis that change by less than this share from one to the next are those of a smooth function of the index.
SMOOTH_STEPS = 0.2


def interpolated(values: Array, coarse: Indices, fine: Indices, coordinate: Array, axis: int) -> Array:
    """Interpolate along one axis.

    Parameters
    ----------
    values : array
        At the `coarse` positions along `axis`.
    coarse, fine : array of int
        Positions along the whole axis, increasing; the fine ones hold the coarse ones, and the ends of both are equal.
    coordinate : array
        Where each position of the whole axis lies.
    axis : int
        Which axis of `values`.

    Returns
    -------
    array
        At the `fine` positions. −∞ between two values of −∞; NaN where one neighbour is not finite and the other is,
        or where a neighbour is NaN or +∞: there only the function itself knows.

    Examples
    --------
    >>> squares = np.array([0.0, 4.0, 16.0])
    >>> interpolated(squares, np.array([0, 2, 4]), np.arange(5), np.arange(5.0), axis=0).tolist()
    [0.0, 1.0, 4.0, 9.0, 16.0]
    """
    if len(fine) == len(coarse):
        return values
    values = np.moveaxis(values, axis, 0)
    result = np.empty((len(fine), *values.shape[1:]))
    is_old = np.isin(fine, coarse)
    result[is_old] = values
    new = fine[~is_old]
    gap = np.searchsorted(coarse, new) - 1
    found = np.full((len(new), *values.shape[1:]), np.nan)
    left = np.ones(len(new), dtype=bool)
    with np.errstate(invalid="ignore", over="ignore"):
        for size, before in STENCILS:
            if size > len(coarse) or not left.any():
                continue
            start = np.clip(gap[left] - before + 1, 0, len(coarse) - size)
            stencil = start[:, None] + np.arange(size)
            weights = lagrange_weights(coordinate[coarse[stencil]], coordinate[new[left]])
            several = (slice(None), *(None,) * (values.ndim - 1))
            sums = sum(weights[:, k][several] * values[stencil[:, k]] for k in range(size))
            found[left] = np.where(np.isfinite(found[left]), found[left], sums)
            left = ~np.isfinite(found).all(axis=tuple(range(1, found.ndim)))
    outside = (values[gap] == -np.inf) & (values[gap + 1] == -np.inf)
    found[~np.isfinite(found)] = np.nan
    found[outside] = -np.inf
    result[~is_old] = found
    return np.moveaxis(result, 0, axis)


def lagrange_weights(nodes: Array, at: Array) -> Array:
    """Return the weights (n, k) of values at `nodes` (n, k) in the polynomial through them, taken at `at` (n,).

    ℓⱼ(x) = ∏_{i≠j} (x − xᵢ) / (xⱼ − xᵢ).

    Examples
    --------
    >>> lagrange_weights(np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([1.5])).tolist()
    [[-0.0625, 0.5625, 0.5625, -0.0625]]
    """
    size = nodes.shape[1]
    weights = np.ones_like(nodes)
    for j in range(size):
        for i in range(size):
            if i != j:
                weights[:, j] *= (at - nodes[:, i]) / (nodes[:, j] - nodes[:, i])
    return weights


def smooth_coordinate(values: Array) -> Array:
    """Return a coordinate of which a smooth function along the axis is one: the index if steps change slowly.

    Along a logarithmic axis a polynomial of the index does far better than one of the value; along an axis of
    arbitrary values only the value will do. Values that occur twice leave nothing but the index.

    Examples
    --------
    >>> smooth_coordinate(np.geomspace(1.0, 100.0, 41))[:3].tolist()
    [0.0, 1.0, 2.0]
    >>> smooth_coordinate(np.array([0.0, 0.1, 5.0])).tolist()
    [0.0, 0.1, 5.0]
    """
    steps = np.diff(values)
    index = np.arange(len(values), dtype=float)
    if len(steps) < 2 or not (np.all(steps > 0) or np.all(steps < 0)):
        return index
    change = np.abs(np.diff(steps)) / np.minimum(np.abs(steps[1:]), np.abs(steps[:-1]))
    return index if change.max() < SMOOTH_STEPS else values
