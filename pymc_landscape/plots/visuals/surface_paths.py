"""Paths on a surface in three dimensions, each iterate at its own height, and below it on the floor."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array
from pymc_landscape.plots.data import LandscapeView, gather_descents, lengths, place_paths, zero_of
from pymc_landscape.plots.visuals.figure import Canvas, artists
from pymc_landscape.plots.visuals.legend import add_legend
from pymc_landscape.plots.visuals.scene import Ground, Scene
from pymc_landscape.plots.visuals.style import optimizer_colours

STRIDE = 0.01  # of the window: a long step is drawn in pieces, each seen or hidden for itself


def place_heights(of: LandscapeView, descents: Any) -> dict[str, list[Array]]:
    """For each optimiser, each start's iterates as rows x, y and their true height on the picture.

    Raises
    ------
    ValueError
        When the picture is not of the likelihood, whose heights the iterates have.
    """
    if descents is None:
        return {}
    if not np.isfinite(zero_of(of)):
        raise ValueError(
            "Expected a surface of the likelihood for the paths, whose heights are −2LL, got "
            f"{of.height.name!r} of a Dataset with {list(of.source)}; choose var_name='delta_minus2ll'."
        )
    several = descents if isinstance(descents, list | tuple) else (descents,)
    found = {}
    for name, ds in gather_descents(tuple(several)).items():
        placed = place_paths(of, ds)
        rows = np.stack([placed[key].values for key in ("x", "y", "delta_minus2ll")], axis=-1)
        found[name] = [rows[i, :n] for i, n in enumerate(lengths(ds))]
    return found


def draw_surface_paths(
    canvas: Canvas, of: LandscapeView, found: Mapping[str, list[Array]], ground: Ground, scene: Scene, solid: ModuleType
) -> None:
    """Lines on the floor, lines at the true heights, a ring at each start and a disc at each end."""
    ink = optimizer_colours(found)

    def line(da: xr.DataArray, target: Any, below: bool, **kwargs: Any) -> Any:
        drawn = []
        for name, chains in found.items():
            x, y, z = _joined([_inside(chain, scene) for chain in chains])
            pen = {"color": ink[name], **kwargs}
            z = np.full(z.size, scene.floor) if below else z
            drawn.append(solid.line(target, x, y, z, scene, ground=None if below else ground, **pen))
        return artists(drawn)

    def points(da: xr.DataArray, target: Any, last: bool, **kwargs: Any) -> Any:
        drawn = []
        for name, chains in found.items():
            ends = np.array([_capped(chain[[-1 if last else 0]], scene)[0] for chain in chains])
            look = {"ink": ink[name], "filled": last}
            drawn.append(solid.spots(target, *ends.T, scene, ground, **look, **kwargs))
        return artists(drawn)

    many = {"optimizer": len(found)}
    canvas.draw(line, "path_floor", of.height, {"linewidth": 1.2}, fixed={"below": True}, artist_dims=many)
    canvas.draw(line, "path", of.height, {"linewidth": 2.4}, fixed={"below": False}, artist_dims=many)
    for visual, last in (("start", False), ("end", True)):
        canvas.draw(points, visual, of.height, {"s": 40.0}, fixed={"last": last}, artist_dims=many)
    add_legend(canvas, ink, "○ start   ● end")


def _capped(rows: Array, scene: Scene) -> Array:
    """Keep iterates inside the box, those above the cap on the plateau as the surface is; others NaN."""
    x, y, z = rows.T
    with np.errstate(invalid="ignore"):
        within = (x >= scene.x[0]) & (x <= scene.x[1]) & (y >= scene.y[0]) & (y <= scene.y[1]) & (z >= scene.floor)
    kept = np.column_stack([x, y, np.minimum(z, scene.cap)])
    return np.where(within[:, None], kept, np.nan)


def _inside(rows: Array, scene: Scene) -> Array:
    """Cut a path in pieces no longer than a stride; outside the box nothing."""
    size = np.array([np.ptp(scene.x), np.ptp(scene.y)])
    pieces = [_pieces(a, b, size) for a, b in pairwise(rows)]
    return _capped(np.concatenate([*pieces, rows[-1:]]), scene)


def _pieces(a: Array, b: Array, size: Array) -> Array:
    """Begin and interior of one step; a step from or to a place far outside is not divided further."""
    with np.errstate(invalid="ignore", over="ignore"):
        length = float(np.max(np.abs(b[:2] - a[:2]) / size))
    number = int(np.ceil(length / STRIDE)) if 0 < length < 100 else 1
    if not np.isfinite([*a, *b]).all():
        return np.stack([a, np.full(3, np.nan)])
    share = np.arange(max(number, 1))[:, None] / max(number, 1)
    return np.asarray(a + share * (b - a))


def _joined(lines: list[Array]) -> tuple[Array, Array, Array]:
    gap = np.full((1, 3), np.nan)
    rows = np.concatenate([piece for line in lines for piece in (line, gap)])
    return rows[:, 0], rows[:, 1], rows[:, 2]
