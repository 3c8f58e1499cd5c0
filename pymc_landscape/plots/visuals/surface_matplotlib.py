"""A surface, lines and points in three dimensions with matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from mpl_toolkits.mplot3d.art3d import Poly3DCollection  # type: ignore[import-untyped]
from scipy.ndimage import uniform_filter

from pymc_landscape._typing import Array
from pymc_landscape.plots.visuals.colorbar import LINE, TYPE, spaced
from pymc_landscape.plots.visuals.scene import (
    PLATEAU,
    TALL,
    Points,
    Scene,
    SurfaceGrid,
    in_sight,
    inner_ticks,
    shades,
)
from pymc_landscape.plots.visuals.style import WHITE

# heights and depths are ours to order: matplotlib sorts whole artists only by their centre
FIGURE = {"subplot_kws": {"projection": "3d", "computed_zorder": False}}
FLOOR, ON_SURFACE, ON_TOP = 1, 2, 3
SIZE = TYPE["matplotlib"]


def surface(target: Any, x: Array, y: Array, z: Array, scene: Scene, **kwargs: Any) -> Any:
    """Draw the surface, lit from the left of the camera; cells with a blank corner are left out.

    matplotlib's own ``plot_surface`` takes seconds for as many colours.
    """
    vertices = np.stack([*np.meshgrid(x, y, indexing="ij"), z], axis=-1)
    corners = np.stack([vertices[:-1, :-1], vertices[1:, :-1], vertices[1:, 1:], vertices[:-1, 1:]], axis=2)
    whole = np.isfinite(corners).all(axis=(2, 3))
    lit = _lit(x, y, np.nan_to_num(z, nan=scene.cap), scene)[:-1, :-1]
    options = {"linewidth": 0, "antialiased": False, "zorder": ON_SURFACE, **kwargs}
    solid = Poly3DCollection(corners[whole], facecolors=lit[whole], **options)
    return target.add_collection3d(solid)


def _lit(x: Array, y: Array, z: Array, scene: Scene) -> Array:
    """Colours under a lamp (Lambert), in the proportions of the box, to the left of the camera."""
    tall = TALL / (scene.cap - scene.floor)
    facets = [np.gradient(z * tall, side / np.ptp(side), axis=i) for i, side in enumerate((x, y))]
    slopes = [uniform_filter(facet, 5, mode="nearest") for facet in facets]  # the grid itself is not shown
    normal = np.stack([-slopes[0], -slopes[1], np.ones_like(z)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    angle = np.deg2rad(scene.azim - 70)
    lamp = np.array([0.6 * np.cos(angle), 0.6 * np.sin(angle), 0.8])
    light = 0.62 + 0.38 * np.clip(normal @ lamp, 0.0, 1.0)
    light[z >= scene.cap] = 0.62 + 0.38 * 0.8  # flat, up to its very rim
    lit: Array = shades(z, scene)[..., :3] * light[..., None]
    return lit


def line(
    target: Any, points: Points, scene: Scene, grid: SurfaceGrid | None = None, dashed: bool = False, **kwargs: Any
) -> Any:
    """Draw a line on the floor; or, given the surface, what the camera sees of a line on it."""
    kwargs = {"linestyle": "--", **kwargs} if dashed else kwargs
    order = FLOOR if grid is None else ON_TOP
    x, y, z = points
    if grid is not None and x.size:
        x = np.where(in_sight(x, y, z, grid, scene), x, np.nan)
    return target.plot(x, y, z, **{"zorder": order, **kwargs})[0]


def scatter(target: Any, points: Points, **kwargs: Any) -> Any:
    """Draw points on the floor."""
    options = {"zorder": FLOOR, "depthshade": False, "linewidths": 0, **kwargs}
    return target.scatter(*points, **options)


def endpoints(
    target: Any, points: Points, scene: Scene, grid: SurfaceGrid, color: str, filled: bool, **kwargs: Any
) -> Any:
    """Draw discs with a light rim, or rings, where the camera sees them."""
    style = {"c": color if filled else WHITE, "edgecolors": WHITE if filled else color}
    options = {"zorder": ON_TOP + 1, "depthshade": False, "linewidths": 1.2 if filled else 1.8, **style, **kwargs}
    x, y, z = points
    seen = in_sight(x, y, z, grid, scene)
    return target.scatter(x[seen], y[seen], z[seen], **options)


def colorbar(target: Any, scene: Scene, title: str) -> Any:
    """Put a colour bar beside the surface, with the named heights."""
    colours = colormaps[scene.cmap].with_extremes(over=PLATEAU)
    heights = ScalarMappable(PowerNorm(0.5, vmin=0.0, vmax=scene.cap), colours)
    options = {"extend": "max", "shrink": 0.6, "pad": 0.07, "aspect": 25}
    bar = target.figure.colorbar(heights, ax=target, ticks=scene.ticks, **options)
    room = options["shrink"] * max(target.figure.get_size_inches()[1] - 1.0, 0.6) * 72 / SIZE / LINE
    shares = np.sqrt(np.array(scene.ticks) / scene.cap)
    bar.ax.set_yticklabels(spaced(scene.names, shares, room), fontsize=SIZE)
    bar.ax.minorticks_off()
    bar.ax.set_title(title, fontsize=SIZE, loc="left", pad=14)  # over the arrow
    return bar


def label(target: Any, axis: str, text: str, **kwargs: Any) -> Any:
    """Name an axis."""
    return getattr(target, f"set_{axis}label")(text, **{"labelpad": 6 + 9 * text.count("\n"), **kwargs})


def set_view(target: Any, scene: Scene) -> None:
    """Set limits, proportions and the camera."""
    target.set(xlim=scene.x, ylim=scene.y, zlim=(scene.floor, scene.cap))
    target.set(xticks=inner_ticks(*scene.x), yticks=inner_ticks(*scene.y))
    target.set_zticks([tick for tick in target.get_zticks() if 0 <= tick <= scene.cap])
    target.set_proj_type("ortho")  # then the floor's lines lie straight below the surface's
    lines = max(target.get_xlabel().count("\n"), target.get_ylabel().count("\n"))  # names need room
    target.set_box_aspect((1, 1, TALL), zoom=0.92 - 0.04 * lines)
    target.view_init(elev=scene.elev, azim=scene.azim)
