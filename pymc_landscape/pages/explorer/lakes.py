"""Lakes on a surface that is flooded: where they begin, and at which height two of them meet.

Water that rises over a grid of heights fills the lowest points first. Each local minimum is a lake of its own until the
lowest pass to a deeper one is under water: the merge tree of the grid, without what is only a wrinkle of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import interpolate

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import merge_tree

# Points of a straight way at which the surface is looked at; fewer points than this along an axis have no spline; and
# what is higher than this is a wall like any other.
ALONG, FEWEST, CAPPED = np.linspace(0.0, 1.0, 33), 5, 300.0
# A dip that is shallower than this, in units of −2LL and relative to its height, is a wrinkle of the grid and no lake.
SHALLOW, WRINKLE = 0.02, 0.02


@dataclass(frozen=True)
class Lake:
    """A local minimum: where, and how high above the floor."""

    at: tuple[int, ...]
    height: float


@dataclass(frozen=True)
class Merge:
    """A pass at which the younger of two lakes ends: where, how high, and which of the lakes."""

    at: tuple[int, ...]
    height: float
    lakes: tuple[int, int]


def find_lakes(heights: Array, axes: Sequence[Array] | None = None) -> tuple[list[Lake], list[Merge]]:
    """Return the lakes of a surface, the lowest first, and where they meet, in order of height.

    Parameters
    ----------
    heights : array (n,) or (n, m)
        Heights above the floor; points that are not finite are dry for ever.
    axes : sequence of array, optional
        Values along each axis, increasing; evenly spaced where left out.

    Returns
    -------
    lakes : list of Lake
        Positions on the grid. Neighbours are points that differ by one step along one axis or both.
    merges : list of Merge
        By position in `lakes`, the older first; one fewer than lakes, or fewer where walls without likelihood stand
        between.

    Notes
    -----
    A grid that crosses a narrow, slanted valley sees dips in it that the valley does not have. So a dip is a lake of
    its own only if the way straight to any deeper one leads up, on a surface that is interpolated by cubic splines.

    Examples
    --------
    >>> lakes, merges = find_lakes(np.array([1.0, 0.0, 2.0, 0.5, 3.0]))
    >>> [lake.height for lake in lakes], [(merge.height, merge.lakes) for merge in merges]
    ([0.0, 0.5], [(2.0, (0, 1))])
    """
    flat = heights.ravel()
    last, passes = merge_tree(heights)
    joined = [p for p in passes if flat[p.at] - flat[p.minima[1]] > _shallow(flat[p.minima[1]])]
    lowest = sorted([*last, *(p.minima[1] for p in joined)], key=lambda i: (flat[i], i))
    points = [np.arange(n, dtype=float) for n in heights.shape] if axes is None else list(axes)
    real = _real(heights, points, lowest, set(last))
    kept = [lake for lake in lowest if real[lake] == lake]
    number = {lake: k for k, lake in enumerate(kept)}
    lakes = [Lake(_place(i, heights.shape), float(flat[i])) for i in kept]
    merges = [
        Merge(_place(p.at, heights.shape), float(flat[p.at]), (number[real[older]], number[younger]))
        for p in joined
        for older, younger in [p.minima]
        if younger in number and real[older] != younger
    ]
    return lakes, merges


def _real(heights: Array, axes: list[Array], lowest: list[int], last: set[int]) -> dict[int, int]:
    """Return for each dip the lake that it is part of: itself, or a deeper one to which it is downhill all the way."""
    surface, flat, own = _spline(heights, axes), heights.ravel(), dict[int, int]()

    def place(i: int) -> Array:
        return np.array([axis[k] for axis, k in zip(axes, _place(i, heights.shape), strict=True)])

    for i in lowest:
        deeper = list(own) if i not in last and surface is not None else []
        own[i] = i
        for other in deeper:
            way = place(i) + ALONG[:, None] * (place(other) - place(i))
            if surface is not None and surface.ev(*way.T).max() <= flat[i] + _shallow(flat[i]):
                own[i] = own[other]
                break
    return own


def _spline(heights: Array, axes: list[Array]) -> interpolate.RectBivariateSpline | None:
    """Return the surface between the points of the grid; None where there are too few, or it is a curve."""
    if heights.ndim == 1 or min(heights.shape) < FEWEST or not np.isfinite(heights).any():
        return None
    filled = np.where(np.isfinite(heights), heights, np.nanmax(heights[np.isfinite(heights)]))
    return interpolate.RectBivariateSpline(*axes, np.minimum(filled, CAPPED))


def _shallow(height: float) -> float:
    return SHALLOW + WRINKLE * height


def _place(i: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.unravel_index(i, shape))
