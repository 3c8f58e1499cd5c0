"""Paths on a surface in three dimensions, each iterate at its own height, and below it on the floor."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array
from pymc_landscape.plots.data import LandscapeView, gather_descents, lengths, paths_on_axes, with_gaps, zero_of
from pymc_landscape.plots.visuals.figure import Canvas, artists
from pymc_landscape.plots.visuals.scene import Scene, SurfaceGrid
from pymc_landscape.plots.visuals.style import Style, optimizer_styles

STRIDE = 0.01  # of the window: a long step is divided, so that each part is seen or hidden for itself


def path_heights(view: LandscapeView, descents: Any) -> dict[str, list[Array]]:
    """For each optimiser, each start's iterates as rows x, y and their true height on the picture.

    Raises
    ------
    ValueError
        When the picture is not of the likelihood, whose heights the iterates have.
    """
    if descents is None:
        return {}
    if not np.isfinite(zero_of(view)):
        raise ValueError(
            "Expected a surface of the likelihood for the paths, whose heights are −2LL, got "
            f"{view.height.name!r} of a Dataset with {list(view.source)}; choose var_name='delta_minus2ll'."
        )
    several = descents if isinstance(descents, list | tuple) else (descents,)
    paths = {}
    for name, ds in gather_descents(tuple(several)).items():
        placed = paths_on_axes(view, ds)
        rows = np.stack([placed[key].values for key in ("x", "y", "delta_minus2ll")], axis=-1)
        paths[name] = [rows[i, :n] for i, n in enumerate(lengths(ds))]
    return paths


def draw_surface_paths(
    canvas: Canvas,
    view: LandscapeView,
    paths: Mapping[str, list[Array]],
    grid: SurfaceGrid,
    scene: Scene,
    library: ModuleType,
) -> dict[str, Style]:
    """Lines on the floor and at the true heights, a ring at each start, a disc at each end; return how each looks."""
    styles = optimizer_styles(paths)
    ink = {name: style.colour for name, style in styles.items()}

    def line(da: xr.DataArray, target: Any, below: bool, **kwargs: Any) -> Any:
        drawn = []
        for name, chains in paths.items():
            x, y, z = with_gaps([_inside(chain, scene) for chain in chains], columns=3).T
            own = styles[name].line(canvas.backend, 0)["linestyle"]
            dashes = {"linestyle": own} if canvas.backend == "matplotlib" else {"dash": own}
            pen = {"color": ink[name], **dashes, **kwargs}
            z = np.full(z.size, scene.floor) if below else z
            drawn.append(library.line(target, (x, y, z), scene, grid=None if below else grid, **pen))
        return artists(drawn)

    def points(da: xr.DataArray, target: Any, last: bool, **kwargs: Any) -> Any:
        drawn = []
        for name, chains in paths.items():
            ends = np.array([_capped(chain[[-1 if last else 0]], scene)[0] for chain in chains])
            drawn.append(library.endpoints(target, tuple(ends.T), scene, grid, ink[name], last, **kwargs))
        return artists(drawn)

    many = {"optimizer": len(paths)}
    canvas.draw(line, "path_floor", view.height, {"linewidth": 1.2}, fixed={"below": True}, artist_dims=many)
    canvas.draw(line, "path", view.height, {"linewidth": 2.4}, fixed={"below": False}, artist_dims=many)
    for visual, last in (("start", False), ("end", True)):
        canvas.draw(points, visual, view.height, {"s": 40.0}, fixed={"last": last}, artist_dims=many)
    return styles


def _capped(rows: Array, scene: Scene) -> Array:
    """Keep iterates inside the box, those above the cap at the cap as the surface is; the rest becomes NaN."""
    x, y, z = rows.T
    with np.errstate(invalid="ignore"):
        within = (x >= scene.x[0]) & (x <= scene.x[1]) & (y >= scene.y[0]) & (y <= scene.y[1]) & (z >= scene.floor)
    kept = np.column_stack([x, y, np.minimum(z, scene.cap)])
    return np.where(within[:, None], kept, np.nan)


def _inside(rows: Array, scene: Scene) -> Array:
    """Divide a path into steps no longer than a stride; outside the box nothing."""
    size = np.array([np.ptp(scene.x), np.ptp(scene.y)])
    steps = [_subdivided(a, b, size) for a, b in pairwise(rows)]
    return _capped(np.concatenate([*steps, rows[-1:]]), scene)


def _subdivided(a: Array, b: Array, size: Array) -> Array:
    """Begin and interior of one step; a step from or to a point far outside is not divided."""
    with np.errstate(invalid="ignore", over="ignore"):
        length = float(np.max(np.abs(b[:2] - a[:2]) / size))
    number = int(np.ceil(length / STRIDE)) if 0 < length < 100 else 1
    if not np.isfinite([*a, *b]).all():
        return np.stack([a, np.full(3, np.nan)])
    share = np.arange(max(number, 1))[:, None] / max(number, 1)
    return np.asarray(a + share * (b - a))
