"""Dyadic levels of a grid: every 2^m-th point along each axis and the last, then every 2^(m−1)-th, and so on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.landscape.refinement.lagrange_interpolation import Indices

Level = tuple[Indices, ...]

# Steps along each axis of the coarsest level of which every point is evaluated, by how many axes there are: what lies
# between its points and shows at none of them is not found, so that these are many.
LEAST_STEPS = {1: 32, 2: 32, 3: 16}
LEAST_STEPS_BEYOND = 8


def dyadic_levels(shape: Sequence[int]) -> list[Level]:
    """Return the positions along each axis of every level, the coarsest first, the whole grid last.

    Every point of the second is evaluated; the first is what its points are predicted from. An axis too short to be
    halved is whole from the start.

    Examples
    --------
    >>> [[len(positions) for positions in level] for level in dyadic_levels((401, 9))]
    [[26, 9], [51, 9], [101, 9], [201, 9], [401, 9]]
    """
    least = LEAST_STEPS.get(len(shape), LEAST_STEPS_BEYOND)
    halvings = [max(int(np.floor(np.log2(max(n - 1, 1) / least))), 0) for n in shape]
    first = [h + 1 if h else 0 for h in halvings]
    return [
        tuple(_every(2 ** max(m - k, 0), n) for m, n in zip(first, shape, strict=True)) for k in range(max(first) + 1)
    ]


def _every(step: int, length: int) -> Indices:
    return np.union1d(np.arange(0, length, step), [length - 1]).astype(np.intp)


def is_new(level: Level, before: Level) -> NDArray[np.bool_]:
    """Return which points of a level were not in the one before it."""
    old = np.ones(tuple(map(len, level)), dtype=bool)
    for axis, (here, there) in enumerate(zip(level, before, strict=True)):
        old &= np.isin(here, there).reshape([-1 if a == axis else 1 for a in range(len(level))])
    return ~old


def largest_of_parents(values: Array, before: Level, level: Level) -> Array:
    """Return at each point of a level the largest of `values` at those of the level before around it."""
    for axis, (coarse, fine) in enumerate(zip(before, level, strict=True)):
        left = np.searchsorted(coarse, fine, side="right") - 1
        right = np.searchsorted(coarse, fine)
        values = np.maximum(values.take(left, axis), values.take(right, axis))
    return values


def largest_of_neighbours[T: np.generic](values: NDArray[T]) -> NDArray[T]:
    """Return at each point the largest of `values` there and at the points next to it, corners included."""
    for axis in range(values.ndim):
        if values.shape[axis] > 1:
            wide = np.moveaxis(values, axis, 0)
            out = wide.copy()
            np.maximum(out[1:], wide[:-1], out=out[1:])
            np.maximum(out[:-1], wide[1:], out=out[:-1])
            values = np.moveaxis(out, 0, axis)
    return values


def nearest_points(flat: Indices, shape: tuple[int, ...], level: Level) -> tuple[Indices, ...]:
    """Return the places in a level nearest to points of the whole grid, given by flat index."""
    places = []
    for at, positions in zip(np.unravel_index(flat, shape), level, strict=True):
        right = np.searchsorted(positions, at).clip(1, max(len(positions) - 1, 1)).clip(0, len(positions) - 1)
        left = np.maximum(right - 1, 0)
        places.append(np.where(at - positions[left] <= positions[right] - at, left, right))
    return tuple(places)
