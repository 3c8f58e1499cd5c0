"""The floor of a grid of heights, its valleys, and the pass between them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import ndimage

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_number
from pymc_landscape.numerics import merge_tree
from pymc_landscape.plots.data.landscape import LandscapeView
from pymc_landscape.plots.data.levels import cutoffs

SAME = 1e-6  # heights that differ by less are one
SPOT = 0.06  # of an axis: a floor that reaches further is a ridge or flat, and has no lowest point
CAP = 3.0  # in cut-offs of 99 %: the minimum fills the picture, what is higher is cut to a plateau
ABOVE_PASS = 1.25  # times the pass between two valleys, the cap: both and the pass are below it
SEEN, SHARE = 0.1, 0.25  # with less than this share of the grid below the cap, it is where that share is
COARSE = 150  # cells an axis: enough to tell valleys apart
SMALLEST = 0.002  # share of the grid: a smaller basin is a step of the grid, not a valley


@dataclass(frozen=True)
class Floor:
    """Where a panel's heights are lowest.

    Attributes
    ----------
    points : array (n, axes)
        Middle of each spot at which the floor is reached.
    is_flat : bool
        Whether the floor is also reached along a ridge, or on a plain.
    """

    points: Array
    is_flat: bool


def floor_of(view: LandscapeView, height: xr.DataArray) -> Floor:
    """Find the spots at which the heights of one panel are lowest; neighbours of equal height are one spot."""
    values = height.transpose(*view.axes).values
    if not np.isfinite(values).any():
        return Floor(np.empty((0, len(view.axes))), is_flat=False)
    span = np.nanmax(values) - np.nanmin(values)
    lowest = values <= np.nanmin(values) + min(max(SAME, 1e-12 * span), 1e-3 * span)
    parts, number = ndimage.label(lowest, np.ones((3,) * values.ndim))
    points, is_flat = [], False
    for part in range(1, number + 1):
        cells = np.argwhere(parts == part)
        if np.any(np.ptp(cells, axis=0) > np.maximum(SPOT * np.array(values.shape), 1)):
            is_flat = True
            continue
        middle = cells[np.argmin(((cells - cells.mean(axis=0)) ** 2).sum(axis=1))]
        points.append([float(height[axis].values[i]) for axis, i in zip(view.axes, middle, strict=True)])
    return Floor(np.array(points, dtype=float).reshape(-1, len(view.axes)), is_flat)


def floors(view: LandscapeView) -> tuple[xr.DataArray, bool]:
    """Return the lowest points of the picture (dims plot_axis, spot, panels), and whether there is a flat floor.

    A panel whose floor is above that of another has none.
    """
    bottom = float(view.height.min())
    found = {}
    for index in np.ndindex(*(view.height.sizes[dim] for dim in view.panels)):
        panel = view.height.isel(dict(zip(view.panels, index, strict=True)))
        reaches = float(panel.min()) <= bottom + max(SAME, 1e-12 * view.top)
        found[index] = floor_of(view, panel) if reaches else Floor(np.empty((0, len(view.axes))), is_flat=False)
    most = max(1, *(len(floor.points) for floor in found.values()))
    sizes = [view.height.sizes[dim] for dim in view.panels]
    points = np.full((len(view.axes), most, *sizes), np.nan)
    for index, floor in found.items():
        points[(slice(None), slice(0, len(floor.points)), *index)] = floor.points.T
    coords = {"plot_axis": ["x", "y"][: len(view.axes)], **{dim: view.height[dim] for dim in view.panels}}
    spots = xr.DataArray(points, dims=["plot_axis", "spot", *view.panels], coords=coords, name=view.height.name)
    return spots, any(floor.is_flat for floor in found.values())


def highest_pass(height: Array, depth: float) -> float | None:
    """Return the height at which the last two valleys join that are deeper than `depth`; None for one valley.

    A valley counts while it reaches `depth` below that height (its persistence: Edelsbrunner, Letscher & Zomorodian
    2002), on more than a few cells. Two that never join have the highest point that is finite as their pass.
    """
    every = [max(1, -(-size // COARSE)) for size in height.shape]
    values = height[tuple(slice(None, None, step) for step in every)]
    flat, (last, passes) = values.ravel(), merge_tree(values)
    deep = [
        float(flat[p.at])
        for p in passes
        if flat[p.at] - flat[p.minima[1]] >= depth and min(p.sizes) > SMALLEST * flat.size
    ]
    top = float(flat[np.isfinite(flat)].max())
    if sum(top - flat[i] >= depth for i in last) > 1:
        return top
    return max(deep, default=None)


def height_cap(view: LandscapeView, asked: float | None, joined: float | None) -> float:
    """Return the height of the plateau: what was asked, else one that lets the valleys and the pass be seen."""
    lowest, heights = float(view.height.min()), view.height.values
    if asked is not None:
        asked = checked_number("cap", asked, above=0, advice="try cap=30")
        if asked <= lowest:
            raise ValueError(
                f"Expected cap above the surface's lowest point, {lowest:.4g}, got {asked:g}; leave cap out, or "
                f"try cap={max(2 * lowest, lowest + 30):.3g}."
            )
        return float(asked)
    heights = heights[np.isfinite(heights)]
    cap = lowest + CAP * float(cutoffs(0.99, view.df)[0])
    cap = cap if joined is None else max(cap, ABOVE_PASS * joined)
    if np.mean(heights < cap) < SEEN:
        cap = max(cap, float(np.quantile(heights, SHARE)))
    return min(cap, view.top) if view.top > lowest else cap
