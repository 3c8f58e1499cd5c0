"""The picture of one axis: Δ(−2LL) as a curve, cut by the χ² heights."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from arviz_plots.plot_collection import backend_from_object
from arviz_plots.visuals import scatter_x, set_xlim, set_ylim
from numpy.typing import NDArray

from pymc_landscape.plots.data import LandscapeView, limits, lowest, percent
from pymc_landscape.plots.visuals.figure import Canvas, artists
from pymc_landscape.plots.visuals.style import BLACK, BLUE, CURVE_FOOTROOM, CURVE_HEADROOM, GREY, ORANGE, marker_size

RUG = {"bokeh": {"size": 10}}


def draw_curve(canvas: Canvas, view: LandscapeView, cuts: xr.DataArray, draws: xr.DataArray | None) -> None:
    """Curve, cut-off lines with their level, lowest point, and a rug of draws."""
    top, (low, high) = _top(view, cuts), limits(view, view.axes[0])
    many, backend = {"level": cuts.size}, canvas.backend
    # the curve first: plotly leaves lines that span a panel out of an empty one
    canvas.draw(_curve, "curve", view.height, {"color": BLUE, "width": 2})
    thin = {"color": GREY, "width": 1}
    canvas.draw(_cutoff, "cutoff", view.height, thin, fixed={"cuts": cuts.values}, artist_dims=many)
    if view.is_discrete(view.axes[0]):
        canvas.draw(_points, "points", view.height, {"color": BLUE, "size": marker_size(backend, "grid point")})
    if draws is not None:
        rug = {"y": -CURVE_FOOTROOM / 2 * top, "marker": "|", "alpha": 0.3, "color": BLACK}
        canvas.draw(scatter_x, "draws", draws.sel(plot_axis="x"), rug | RUG.get(backend, {}))
    canvas.draw(_minimum, "minimum", lowest(view), {"color": ORANGE, "size": marker_size(backend, "curve minimum")})
    at_right = {"cuts": cuts, "x": high - 0.01 * (high - low)}
    text = {"color": GREY, "size": 12} if backend == "bokeh" else {"color": GREY}
    canvas.draw(_cutoff_text, "cutoff_text", view.height, text, fixed=at_right, artist_dims=many)
    canvas.pc.facet_map(set_xlim, limits=(low, high), store_artist=False)
    canvas.pc.facet_map(set_ylim, limits=(-CURVE_FOOTROOM * top, top), store_artist=False)


def _top(view: LandscapeView, cuts: xr.DataArray) -> float:
    """Height of the picture: the cut-offs fill most of it, and every panel's floor is in it."""
    floors = float(view.height.min(view.axes[0]).max())
    highest = float(cuts.max())
    return max(min(CURVE_HEADROOM * highest, 1.02 * view.top), 1.15 * highest, 1.3 * floors)


def _curve(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
    return backend_from_object(target).line(da[da.dims[0]].values, da.values, target, **kwargs)


def _points(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
    return backend_from_object(target).scatter(da[da.dims[0]].values, da.values, target, **kwargs)


def _minimum(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
    x, y = da.sel(plot_axis="x").item(), da.sel(plot_axis="y").item()
    return backend_from_object(target).scatter(x, y, target, **kwargs)


def _cutoff(da: xr.DataArray, target: Any, cuts: NDArray[np.float64], **kwargs: Any) -> Any:
    line = backend_from_object(target).hline
    return artists([line(float(height), target, **kwargs) for height in cuts])


def _cutoff_text(da: xr.DataArray, target: Any, cuts: xr.DataArray, x: float, **kwargs: Any) -> Any:
    text = backend_from_object(target).text
    asked = {"horizontal_align": "right", "vertical_align": "bottom", **kwargs}
    return artists(
        [text(x, float(cut), f"{percent(float(cut['level']))} ({float(cut):.2f})", target, **asked) for cut in cuts]
    )
