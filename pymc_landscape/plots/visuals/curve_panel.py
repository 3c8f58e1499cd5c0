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
from pymc_landscape.plots.visuals.hover import hover_of
from pymc_landscape.plots.visuals.style import (
    BLACK,
    BLUE,
    CURVE_FOOTROOM,
    CURVE_HEADROOM,
    GREY,
    ORANGE,
    WHITE,
    Style,
    marker_size,
)

RUG = {"bokeh": {"size": 10}}
TEXT_SIZE = (0.16, 0.06)  # of a cut-off's text, in shares of the panel
PLACES = (1.0, 0.0, 0.75, 0.5, 0.25)  # where it may stand, from the left: at an end where the curve allows


def draw_curve(canvas: Canvas, view: LandscapeView, cuts: xr.DataArray, draws: xr.DataArray | None, flat: bool) -> None:
    """Curve, cut-off lines with their level, lowest point unless the floor is flat, and a rug of draws."""
    top, (low, high) = _top(view, cuts), limits(view, view.axes[0])
    many, backend = {"level": cuts.size}, canvas.backend
    # the curve first: plotly leaves lines that span a panel out of an empty one
    if view.is_discrete(view.axes[0]):  # between whole numbers there is nothing
        canvas.draw(_points, "points", view.height, {"color": BLUE, "size": 2 * marker_size(backend, "grid point")})
    else:
        canvas.draw(_curve, "curve", view.height, {"color": BLUE, "width": 2, **hover_of(backend, "")})
    thin = {"color": GREY, "width": 1}
    canvas.draw(_cutoff, "cutoff", view.height, thin, fixed={"cuts": cuts.values}, artist_dims=many)
    if draws is not None:
        rug = {"y": -CURVE_FOOTROOM / 2 * top, "marker": "|", "alpha": 0.3, "color": BLACK}
        canvas.draw(scatter_x, "draws", draws.sel(plot_axis="x"), rug | RUG.get(backend, {}))
    dot = {"color": ORANGE, "size": marker_size(backend, "curve minimum"), **hover_of(backend, "lowest point")}
    if not flat:
        canvas.draw(_minimum, "minimum", lowest(view), dot)
    window = np.array([[low, high], [-CURVE_FOOTROOM * top, top]])
    text = {"color": GREY, "size": 12} if backend == "bokeh" else {"color": GREY}
    fixed = {"cuts": cuts, "window": window}
    canvas.draw(_cutoff_text, "cutoff_text", view.height, text, fixed=fixed, artist_dims=many)
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


def _cutoff_text(da: xr.DataArray, target: Any, cuts: xr.DataArray, window: NDArray[np.float64], **kwargs: Any) -> Any:
    backend = backend_from_object(target)
    asked = {"vertical_align": "bottom", **_halo(backend.__name__), **kwargs}
    drawn = []
    for cut in cuts:
        place = clear_place(da[da.dims[0]].values.astype(float), da.values, float(cut), window)
        side = "right" if place == 1.0 else "left" if place == 0.0 else "center"
        x = window[0, 0] + (0.01 + 0.98 * place) * np.ptp(window[0])
        text = f"{percent(float(cut['level']))} ({float(cut):.2f})"
        drawn.append(backend.text(x, float(cut), text, target, **{"horizontal_align": side, **asked}))
    return artists(drawn)


def clear_place(x: Any, y: NDArray[np.float64], height: float, window: NDArray[np.float64]) -> float:
    """Choose where along a line its text stands, as a share of the panel: where no curve runs through it.

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 101)
    >>> clear_place(x, 20 * (x > 0.9), 10.0, np.array([[0.0, 1.0], [0.0, 20.0]]))
    0.0
    """
    across = np.linspace(0.0, 1.0, 400)
    curve = (np.interp(window[0, 0] + across * np.ptp(window[0]), x, y) - window[1, 0]) / np.ptp(window[1])
    line, gaps = (height - window[1, 0]) / np.ptp(window[1]), []
    for place in PLACES:
        left = (1.0 - TEXT_SIZE[0]) * place
        beside = curve[(across >= left) & (across <= left + TEXT_SIZE[0])]
        beside = beside[np.isfinite(beside)]
        apart = np.maximum(line - beside, beside - line - TEXT_SIZE[1]).min(initial=1.0)
        crossed = beside.size and beside.min() < line + TEXT_SIZE[1] and beside.max() > line
        gaps.append(-1.0 if crossed else float(apart))
    clear = [place for place, gap in zip(PLACES, gaps, strict=True) if gap > 0.0]
    return clear[0] if clear else PLACES[int(np.argmax(gaps))]


def _halo(backend: str) -> dict[str, Any]:
    """Options that keep a text legible where nothing but the curve's own place is left for it."""
    if not backend.endswith("matplotlib"):
        return {}
    from matplotlib.patheffects import withStroke

    return {"path_effects": [withStroke(linewidth=2.5, foreground=WHITE)]}


def curve_entries(canvas: Canvas, draws: str | None, flat: bool) -> dict[str, Style]:
    """Return the names of the marks beside the curve for a legend."""
    entries = {}
    if canvas.wants("minimum") and not flat:
        entries["lowest point"] = Style(ORANGE, None, "circle")
    if draws and canvas.wants("draws"):
        entries[draws] = Style(BLACK, None, "tick")
    return entries
