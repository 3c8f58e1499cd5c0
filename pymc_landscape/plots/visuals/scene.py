"""The scene of a surface in three dimensions: its box, its colours, and the direction of the camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import PowerNorm, to_rgba
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.plots.data import LandscapeView, boundary_labels, limits
from pymc_landscape.plots.visuals.style import CMAP

TALL = 0.8  # height of the box, in its widths
PLATEAU = "#d4d4d4"  # where heights are cut at the cap: no colour of the map, so that it is no height
ELEVATIONS = (32.0, 42.0, 52.0)
AZIMUTHS = (-58.0, -122.0, 58.0, 122.0, -32.0, -148.0, 32.0, 148.0)  # seen across a corner of the box
MOST_TRIED = 300
FINE = 150  # cells an axis: enough for smooth rims, few enough to turn by hand
DEPTH = 0.8  # how far below the minimum the floor lies, in caps
CORNER = 0.07  # share of a side that has no number at either end
SurfaceGrid = tuple[Array, Array, Array]  # x, y and the heights over them, cut at the cap
Points = tuple[Array, Array, Array]  # x, y and z of each


@dataclass(frozen=True)
class Scene:
    """What every part of the picture must know of the whole.

    Attributes
    ----------
    x, y : tuple of float
        Limits of the two axes.
    floor, cap : float
        Lowest and highest z.
    elev, azim : float
        Direction of the camera, in degrees.
    cmap : str
        Colour map of the heights.
    ticks, names : sequence
        Heights named on the colour bar, and their names.
    axes : tuple of str
        Names of the three axes.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    floor: float
    cap: float
    elev: float
    azim: float
    cmap: str
    ticks: Sequence[float]
    names: Sequence[str]
    axes: tuple[str, str, str] = ("x", "y", "z")

    @property
    def eye(self) -> Array:
        """Unit vector towards the camera."""
        up, round_ = np.deg2rad([self.elev, self.azim])
        return np.array([np.cos(up) * np.cos(round_), np.cos(up) * np.sin(round_), np.sin(up)])


def fine_grid(height: xr.DataArray, cap: float) -> SurfaceGrid:
    """Heights cut at the cap, on a finer grid, without which the rim of the plateau would be jagged.

    In between, √height is linear: exact along any line through a quadratic minimum.
    """
    root = height**0.5
    for dim in root.dims:
        times = -(-FINE // (root.sizes[dim] - 1))
        fine = np.arange(times * (root.sizes[dim] - 1) + 1) / times
        at = np.interp(fine, np.arange(root.sizes[dim]), root[dim].values.astype(float))
        root = root.interp({dim: at})
    x, y = (root[dim].values for dim in root.dims)
    return x, y, np.where(np.isnan(root.values), np.nan, np.minimum(root.values**2, cap))


def inner_ticks(low: float, high: float) -> list[float]:
    """Round numbers on a side of the box, none near its corners, where two sides' numbers would meet.

    Examples
    --------
    >>> inner_ticks(-3.0, 2.0)
    [-2.0, -1.0, 0.0, 1.0]
    """
    room = CORNER * (high - low)
    ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in ticks if low + room <= tick <= high - room]


def scene_of(
    view: LandscapeView, grid: SurfaceGrid, cuts: xr.DataArray, cap: float, visuals: Mapping[str, Any]
) -> Scene:
    """Return the scene of a surface: its limits, its named heights, and the camera that sees most of the valley."""
    ticks = np.concatenate([[0.0], cuts.values[cuts.values < cap], [cap]])
    names = boundary_labels(ticks, cuts)
    names[-1] = f"{cap:.3g}"
    angles, surface_options = (_options(visuals, key) for key in ("view", "surface"))
    scene = Scene(
        x=limits(view, view.axes[0]),
        y=limits(view, view.axes[1]),
        floor=-DEPTH * cap,
        cap=cap,
        elev=0.0,
        azim=0.0,
        cmap=str(surface_options.get("cmap", CMAP)),
        ticks=ticks.tolist(),
        names=names,
        axes=(view.axes[0], view.axes[1], view.label),
    )
    best = best_view(scene, grid, min(float(cuts.max()), cap))
    elev, azim = angles.get("elev", best.elev), angles.get("azim", best.azim)
    return replace(scene, elev=float(elev), azim=float(azim))


def _options(visuals: Mapping[str, Any], name: str) -> dict[str, Any]:
    asked = visuals.get(name)
    return dict(asked) if isinstance(asked, Mapping) else {}


def shades(z: Array, scene: Scene) -> Array:
    """Colours (RGBA) by √height, evenly spaced over a quadratic minimum; grey at the cap."""
    colours = colormaps[scene.cmap](PowerNorm(0.5, vmin=0.0, vmax=scene.cap)(z))
    colours[np.asarray(z) >= scene.cap] = to_rgba(PLATEAU)
    return np.asarray(colours)


def best_view(scene: Scene, grid: SurfaceGrid, low: float) -> Scene:
    """Choose the camera that sees most of the surface below ``low``; a higher one only if it sees more."""
    x, y, z = grid
    below = np.argwhere(z < low)
    below = below[:: max(1, -(-len(below) // MOST_TRIED))]
    points = x[below[:, 0]], y[below[:, 1]], z[below[:, 0], below[:, 1]]
    views = [replace(scene, elev=e, azim=a) for e in ELEVATIONS for a in AZIMUTHS]

    def merit(view: Scene) -> float:
        return round(float(in_sight(*points, grid, view).mean()) - 0.01 * view.elev, 2)

    return max(views, key=merit) if len(below) else views[0]


def in_sight(x: Array, y: Array, z: Array, grid: SurfaceGrid, scene: Scene) -> NDArray[np.bool_]:
    """Which points on the surface the camera sees: nothing rises above the ray to it."""
    height = RegularGridInterpolator(grid[:2], grid[2], bounds_error=False)
    steps = np.linspace(0.01, 1.6, 100)[:, None]
    tall = (scene.cap - scene.floor) / TALL
    rays_x = x + steps * scene.eye[0] * (scene.x[1] - scene.x[0])
    rays_y = y + steps * scene.eye[1] * (scene.y[1] - scene.y[0])
    with np.errstate(invalid="ignore"):
        above = height(np.stack([rays_x, rays_y], axis=-1)) - (z + steps * scene.eye[2] * tall)
    return ~np.any(above > 0.01 * scene.cap, axis=0)
