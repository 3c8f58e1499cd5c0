"""The picture of one axis: Δ(−2LL) as a curve, cut by the χ² heights."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from arviz_plots.plot_collection import backend_from_object
from arviz_plots.visuals import scatter_x, set_xlim, set_ylim
from numpy.typing import NDArray

from pymc_landscape.plots.data import LandscapeView, limits, lowest, percent
from pymc_landscape.plots.visuals.figure import Canvas

CURVE_ROOM = 1.6  # height of the picture in highest cut-offs: enough to see the curve leave it
BELOW = 0.04  # share of the height under 0, where the rug and half the lowest point stand
CURVE_DOT = {"matplotlib": 16, "plotly": 25, "bokeh": 5}
SPOT = {"matplotlib": 50, "plotly": 80, "bokeh": 9}
RUG = {"bokeh": {"size": 10}}
BLUE, ORANGE, CURVE_GREY, INK = (
    "#0072b2",
    "#d55e00",
    "#595959",
    "#000000",
)  # Okabe & Ito: told apart by everyone


def draw_curve(canvas: Canvas, of: LandscapeView, cuts: xr.DataArray, draws: xr.DataArray | None) -> None:
    """Curve, cut-off lines with their level, lowest point, and a rug of draws."""
    top, (low, high) = _top(of, cuts), limits(of, of.axes[0])
    many, backend = {"level": cuts.size}, canvas.backend
    # the curve first: plotly leaves lines that span a panel out of an empty one
    canvas.draw(_curve, "curve", of.height, {"color": BLUE, "width": 2})
    thin = {"color": CURVE_GREY, "width": 1}
    canvas.draw(_cutoff, "cutoff", of.height, thin, fixed={"cuts": cuts.values}, artist_dims=many)
    if of.is_discrete(of.axes[0]):
        canvas.draw(_points, "points", of.height, {"color": BLUE, "size": CURVE_DOT.get(backend, 25)})
    if draws is not None:
        rug = {"y": -BELOW / 2 * top, "marker": "|", "alpha": 0.3, "color": INK}
        canvas.draw(scatter_x, "draws", draws.sel(plot_axis="x"), rug | RUG.get(backend, {}))
    canvas.draw(_spot, "minimum", lowest(of), {"color": ORANGE, "size": SPOT.get(backend, 80)})
    ends = {"cuts": cuts, "x": high - 0.01 * (high - low)}
    text = {"color": CURVE_GREY, "size": 12} if backend == "bokeh" else {"color": CURVE_GREY}
    canvas.draw(_cutoff_text, "cutoff_text", of.height, text, fixed=ends, artist_dims=many)
    canvas.pc.facet_map(set_xlim, limits=(low, high), store_artist=False)
    canvas.pc.facet_map(set_ylim, limits=(-BELOW * top, top), store_artist=False)


def _top(of: LandscapeView, cuts: xr.DataArray) -> float:
    """Height of the picture: the cut-offs fill most of it, and every panel's floor is in it."""
    floors = float(of.height.min(of.axes[0]).max())
    highest = float(cuts.max())
    return max(min(CURVE_ROOM * highest, 1.02 * of.top), 1.15 * highest, 1.3 * floors)


def artists(found: list[Any]) -> NDArray[np.object_]:
    """Several artists of one visual as the array a PlotCollection keeps."""
    kept = np.empty(len(found), dtype=object)
    for i, artist in enumerate(found):
        kept[i] = artist
    return kept


def _curve(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
    return backend_from_object(target).line(da[da.dims[0]].values, da.values, target, **kwargs)


def _points(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
    return backend_from_object(target).scatter(da[da.dims[0]].values, da.values, target, **kwargs)


def _spot(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
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
