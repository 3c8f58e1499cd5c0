"""Which lines of a grid are drawn, where it has more of them than a picture can show.

Heights are looked at once, block by block, for the lowest along each line of either axis. Where that is low, about the
floor and the regions of the χ² levels, lines are drawn close together; elsewhere they lie apart. Of a lazy landscape,
whose points are evaluated when they are looked at, only lines far apart are looked at, and then closer ones beside
those that are low.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.numerics import chi2_cutoff

Lines = NDArray[np.intp]
# Lines along an axis that a picture holds; so large a share of them, at least, goes to where the surface is low.
MOST, NEAR = 512, 0.5
# Low is what the region of this level holds; what is this close to the lowest is the floor, of which so many lines are
# drawn in any case.
LOW, FLOOR, ON_FLOOR = 0.999, 1e-6, 16
# Bytes of heights that are read at once.
BLOCK = 2**25


def drawn_lines(
    minus2: xr.DataArray, sign: float, axes: Sequence[str], df: int, is_lazy: bool = False
) -> dict[str, Lines]:
    """Return the positions along each axis at which a surface is drawn; nothing where that is at all of them.

    Parameters
    ----------
    minus2 : DataArray
        The surface over `axes` and panels, in memory, on disk, or lazy.
    sign : float
        What makes it heights: −2 of a log density, 1 of −2LL.
    axes : sequence of str
        The dims that are drawn as axes.
    df : int
        Degrees of freedom of its levels.
    is_lazy : bool
        Whether to look at few points, because each is evaluated.

    Examples
    --------
    >>> a = xr.DataArray(np.linspace(-3, 3, 10_001) ** 2, dims="a")
    >>> lines = drawn_lines(a, 1.0, ["a"], 1)["a"]
    >>> len(lines) <= 520, 5_000 in lines
    (True, True)
    """
    if all(minus2.sizes[axis] <= MOST for axis in axes):
        return {}
    rise = float(chi2_cutoff(LOW, df))
    if is_lazy:
        return _closer_and_closer(minus2, sign, axes, rise)
    along = _lowest_by_blocks(minus2, sign, axes)
    return {axis: axis_lines(len(own), *_low_lines(own, rise)) for axis, own in along.items()}


def _closer_and_closer(minus2: xr.DataArray, sign: float, axes: Sequence[str], rise: float) -> dict[str, Lines]:
    """Look at lines far apart, then at those between the neighbours of low ones, while these are fewer each time."""
    near = {axis: np.arange(minus2.sizes[axis]) for axis in axes}
    floor = dict[str, Lines]()
    while True:
        looked_at = {axis: _spread(here, int(NEAR * MOST)) for axis, here in near.items()}
        along = _lowest_by_blocks(minus2.isel(looked_at), sign, axes)
        before = sum(map(len, near.values()))
        for axis, own in along.items():
            low, lowest = _low_lines(own, rise)
            near[axis], floor[axis] = _between(looked_at[axis], low, near[axis]), looked_at[axis][lowest]
        if 2 * sum(map(len, near.values())) > before:
            return {axis: axis_lines(minus2.sizes[axis], near[axis], floor[axis]) for axis in axes}


def _lowest_by_blocks(minus2: xr.DataArray, sign: float, axes: Sequence[str]) -> dict[str, Array]:
    """Return the lowest height along each line of each axis, (n, panels): ∞ where none is finite."""
    panels = [dim for dim in minus2.dims if dim not in axes]
    number = int(np.prod([minus2.sizes[dim] for dim in panels]))
    along = {axis: np.full((minus2.sizes[axis], number), np.inf) for axis in axes}
    across, step = _blocks(minus2, axes)
    for start in range(0, minus2.sizes[across], step):
        part = slice(start, start + step)
        block = sign * minus2.isel({across: part}).transpose(*axes, *panels).values
        block = np.where(np.isfinite(block), block, np.inf).reshape(*block.shape[: len(axes)], number)
        for i, axis in enumerate(axes):
            own = along[axis][part] if axis == across else along[axis]
            np.minimum(own, block.min(axis=tuple(j for j in range(len(axes)) if j != i)), out=own)
    return along


def _blocks(minus2: xr.DataArray, axes: Sequence[str]) -> tuple[str, int]:
    """Return the axis along which blocks follow one another, and their length: whole chunks of what is on disk."""
    chunks: Mapping[str, int] = minus2.encoding.get("preferred_chunks") or {}
    if minus2.chunks is not None:
        chunks = {str(dim): own[0] for dim, own in zip(minus2.dims, minus2.chunks, strict=True)}
    length = {axis: min(chunks.get(axis, 1), minus2.sizes[axis]) for axis in axes}
    across = max(axes, key=lambda axis: minus2.sizes[axis] / length[axis])
    line = 8 * minus2.size // max(minus2.sizes[across], 1)
    return across, length[across] * max(1, BLOCK // max(line * length[across], 1))


def _low_lines(lowest: Array, rise: float) -> tuple[Lines, Lines]:
    """Return which lines are low in some panel, and which reach its floor."""
    with np.errstate(invalid="ignore"):  # ∞ − ∞ in a panel without a finite height
        above = (lowest - lowest.min(axis=0)).min(axis=1, initial=np.inf, where=np.isfinite(lowest))
    return np.flatnonzero(above <= rise), _spread(np.flatnonzero(above <= FLOOR), ON_FLOOR)


def _between(looked_at: Lines, low: Lines, among: Lines) -> Lines:
    """Return which positions lie between the neighbours of the low ones of those that were looked at."""
    ends = np.concatenate([looked_at[:1] - 1, looked_at, looked_at[-1:] + 1])
    is_between = np.zeros(len(among), dtype=bool)
    for i in low.tolist():
        is_between |= (among > ends[i]) & (among < ends[i + 2])
    return among[is_between]


def axis_lines(size: int, near: Lines, floor: Lines, most: int = MOST) -> Lines:
    """Return positions along an axis, close together where they are near; both ends and the floor are among them.

    There are about `most`, and `size` where that is not more.
    """
    if size <= most:
        return np.arange(size)
    number = int(most * max(NEAR, len(near) / size))
    is_far = np.ones(size, dtype=bool)
    is_far[near] = False
    far = _spread(np.flatnonzero(is_far), most - number)
    return np.unique(np.concatenate([[0, size - 1], far, _spread(near, number), floor]))


def _spread(positions: Lines, number: int) -> Lines:
    """Return some of the positions at equal steps, the first and the last among them: so many, or one more."""
    every = max(1, -(-len(positions) // max(number, 1)))
    return np.unique(np.append(positions[::every], positions[-1:]))
