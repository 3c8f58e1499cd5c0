"""``critical_points``: valleys, peaks and passes on a landscape, and which starts lead where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_base.labels import BaseLabeller
from arviz_plots import PlotCollection
from arviz_plots.visuals import labelled_x, labelled_y, set_xlim, set_ylim

from pymc_landscape._typing import Array
from pymc_landscape.plots.data import LandscapeView, as_dataset, element, landscape_view, limits, two_axes, zero_of
from pymc_landscape.plots.visuals import (
    BLACK,
    CMAP,
    LIGHT_GREY,
    MIDDLE_GREY,
    MINIMUM_COLOURS,
    RED,
    WHITE,
    Canvas,
    add_colorbar,
    add_legend,
    artists,
    backend_of,
    checked,
    marker_size,
    new_collection,
    palette,
    shape,
)

Visual = Literal[
    "contourf", "pass_line", "start", "valley", "saddle", "peak", "flat", "legend", "colorbar", "xlabel", "ylabel"
]
KINDS = ("valley", "saddle", "peak", "flat")
COLOURS = {"valley": RED, "saddle": WHITE, "peak": BLACK, "flat": MIDDLE_GREY}
SIGNS = {"valley": "★", "saddle": "✖", "peak": "▲", "flat": "◆"}
SHAPES = {"valley": "star", "saddle": "saddle", "peak": "triangle", "flat": "diamond"}
DASHED: dict[str, dict[str, Any]] = {
    "matplotlib": {"linestyles": "--", "linewidths": 1.2},
    "plotly": {"line_dash": "dash"},
    "bokeh": {},
}
NEEDED = ("kind", "index", "delta_minus2ll", "critical_point")
MOST_BANDS = 10
PANEL = (6.4, 4.8)


def critical_points(
    landscape: xr.Dataset | xr.DataTree,
    points: xr.Dataset | xr.DataTree,
    *,
    var_name: str = "delta_minus2ll",
    landscape_group: str = "landscape",
    points_group: str = "critical_points",
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Mark valleys, saddles and peaks on a landscape of two axes, with the lines at the height of the passes.

    Use it to see how many optima a likelihood has and how high one must climb from one to the next; starts are dots
    in the colour of the valley that they lead to. With more than two parameters the landscape is a slice, and the
    points are shown where they are along its axes.

    Parameters
    ----------
    landscape : Dataset or DataTree
        What ``evaluate_landscape`` returns, with two axes on the natural scale.
    points : Dataset or DataTree
        What ``critical_points`` returns for the same model.
    var_name : str, default "delta_minus2ll"
        The surface, as in :func:`landscape`.
    landscape_group, points_group : str
        Groups of ``landscape`` and ``points``, when these are DataTrees.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: contourf, pass_line (``contour``), valley, saddle,
        peak, flat and start (``scatter``), legend, colorbar, xlabel, ylabel.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With every visual in ``viz``: ``pass_line`` over the dim ``pass``, ``start`` over ``basin``.

    Raises
    ------
    TypeError
        When ``landscape`` or ``points`` is of another type.
    ValueError
        When the landscape does not have two axes, or the points have no values on them.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> a, b = np.linspace(-2, 2, 41), np.linspace(-1, 1, 21)
    >>> height = (a[:, None] ** 2 - 1) ** 2 + b**2
    >>> ground = xr.Dataset({"delta_minus2ll": (("a", "b"), height)}, coords={"a": a, "b": b})
    >>> at = {"a": [-1.0, 1.0, 0.0], "b": [0.0, 0.0, 0.0], "delta_minus2ll": [0.0, 0.0, 1.0]}
    >>> at |= {"kind": ["valley", "valley", "saddle"], "index": [0, 0, 1]}
    >>> points = xr.Dataset({name: ("critical_point", values) for name, values in at.items()})
    >>> pc = critical_points(ground, points, backend="none")
    >>> pc.viz["valley"]["delta_minus2ll"].item()["x"].tolist()
    [-1.0, 1.0]
    """
    asked = checked(visuals, get_args(Visual))
    of = two_axes(landscape_view(landscape, var_name, landscape_group))
    found = as_dataset(points, points_group, NEEDED, "critical_points", group_argument="points_group")
    places = _places(of, found, "critical_point")
    canvas = Canvas(new_collection(of, backend, PANEL, pc_kwargs, figsize), asked, {})
    heights = _heights(of, found)
    _draw_ground(canvas, of, heights)
    _draw_passes(canvas, of, heights[found["index"].to_numpy() == 1])
    _draw_starts(canvas, of, found)
    for kind in KINDS:
        _draw_kind(canvas, of, kind, places[found["kind"].to_numpy() == kind])
    _finish(canvas, of, found)
    return canvas.pc


def _places(of: LandscapeView, found: xr.Dataset, dim: str) -> Array:
    """Where points stand on the axes, (n, 2)."""
    columns = [element(found, axis, (dim,)) for axis in of.axes]
    missing = [axis for axis, values in zip(of.axes, columns, strict=True) if values is None]
    if missing:
        raise ValueError(
            f"Expected points with values of {missing}, got those of {list(found)}: "
            "pass critical_points of the landscape's own model, and axes on the natural scale."
        )
    return np.stack([np.asarray(column) for column in columns], axis=1)


def _heights(of: LandscapeView, found: xr.Dataset) -> Array:
    """Heights of the points above the landscape's own zero, which is its lowest grid point."""
    zero = zero_of(of)
    if "minus2ll" in found and np.isfinite(zero):
        return np.asarray(found["minus2ll"].to_numpy() - zero)
    return np.asarray(found["delta_minus2ll"].to_numpy(), dtype=float)


# --- the ground ------------------------------------------------------------------------------------------------------


def band_edges(heights: Array, top: float) -> Array:
    """Edges of the bands: 0, then 1, 2, 5, 10, … around the heights of the points, and the top.

    Examples
    --------
    >>> band_edges(np.array([0.0, 80.0, 850.0]), top=9000.0).tolist()
    [0.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 9000.0]
    """
    highest = float(heights[np.isfinite(heights)].max(initial=0.0))
    highest = min(2.0 * highest, top) if highest > 0 else top
    decades = 10.0 ** np.arange(np.floor(np.log10(highest)) - 4, np.ceil(np.log10(highest)) + 1)
    numbers = np.outer(decades, [1.0, 2.0, 5.0]).ravel()
    last = min(int(np.searchsorted(numbers, highest)), int(np.searchsorted(numbers, top)) - 1)
    inner = numbers[max(last + 2 - MOST_BANDS, 0) : last + 1]
    return np.concatenate([[0.0], inner[inner < top], [top]])


def _draw_ground(canvas: Canvas, of: LandscapeView, heights: Array) -> None:
    edges = band_edges(heights, of.top)
    cmap = canvas.options("contourf", {"cmap": CMAP}).get("cmap", CMAP)
    colours = palette(cmap, edges.size - 1)

    def bands(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        kwargs.pop("cmap", None)
        own: dict[str, Any] = {"color": colours} if canvas.backend == "matplotlib" else {"cmap": cmap}
        if canvas.backend == "plotly":
            own["contours"] = {"coloring": "heatmap", "showlines": False}
        x, y = (da[axis].values.astype(float) for axis in of.axes)
        return backend_of(canvas).contourf(x, y, da.values, target, levels=edges, **{**own, **kwargs})

    canvas.draw(bands, "contourf", of.height)
    if canvas.wants("contourf") and canvas.wants("colorbar"):
        title = canvas.options("colorbar", {"title": of.label})["title"]
        bar = add_colorbar(canvas.pc, colours, [f"{edge:.4g}" for edge in edges], title)
        canvas.pc.viz["colorbar"] = xr.DataArray(np.array(bar, dtype=object))


def _draw_passes(canvas: Canvas, of: LandscapeView, heights: Array) -> None:
    """Draw a line at the height of each pass: two valleys are one lake from there on."""
    low, high = float(of.height.min()), of.top
    shown = [float(h) for h in np.unique(heights.round(9)) if low < h < high]

    def lines(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        x, y = (da[axis].values.astype(float) for axis in of.axes)
        draw = backend_of(canvas).contour
        return artists([draw(x, y, da.values, target, levels=[height], **kwargs) for height in shown])

    if shown:
        pen: dict[str, Any] = {"color": COLOURS["saddle"], **DASHED.get(canvas.backend, {})}
        canvas.draw(lines, "pass_line", of.height, pen, artist_dims={"pass": len(shown)})


# --- points ----------------------------------------------------------------------------------------------------------


def _draw_kind(canvas: Canvas, of: LandscapeView, kind: str, places: Array) -> None:
    if len(places):
        rim = {"facecolor": COLOURS[kind], "edgecolor": WHITE if kind in ("valley", "peak") else BLACK}
        look = {
            "size": marker_size(canvas.backend, "critical point"),
            "marker": shape(canvas.backend, SHAPES[kind]),
            **rim,
        }
        canvas.draw(lambda da, target, **kwargs: _dots(canvas, places, target, **kwargs), kind, of.height, look)


def _draw_starts(canvas: Canvas, of: LandscapeView, found: xr.Dataset) -> None:
    """Draw the starts, a colour a basin."""
    named = [str(name) for name in found if str(name).endswith("_at_start")]
    if "basin" not in found or not named:
        return
    starts = found[named].rename({name: name.removesuffix("_at_start") for name in named})
    places, basin = _places(of, starts, "start"), found["basin"].to_numpy()
    basins = [int(b) for b in np.unique(basin)]

    def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn = []
        for b in basins:
            look = {"facecolor": _colour(b), "edgecolor": BLACK, **kwargs}
            drawn.append(_dots(canvas, places[basin == b], target, **look))
        return artists(drawn)

    look = {"size": marker_size(canvas.backend, "start"), "width": 0.6}
    canvas.draw(draw, "start", of.height, look, artist_dims={"basin": len(basins)})


def _dots(canvas: Canvas, places: Array, target: Any, **kwargs: Any) -> Any:
    return backend_of(canvas).scatter(places[:, 0], places[:, 1], target, **kwargs)


def _finish(canvas: Canvas, of: LandscapeView, found: xr.Dataset) -> None:
    """Window, names of the axes, and a legend of the kinds that are there."""
    x, y = (limits(of, axis) for axis in of.axes)
    canvas.pc.facet_map(set_xlim, limits=x, store_artist=False)
    canvas.pc.facet_map(set_ylim, limits=y, store_artist=False)
    names = [BaseLabeller().make_label_vert(axis, {}, {}) for axis in of.axes]
    canvas.decorate(labelled_x, "xlabel", {"text": names[0]})
    canvas.decorate(labelled_y, "ylabel", {"text": names[1]})
    add_legend(canvas, _basins(found), _signs(found))


def _signs(found: xr.Dataset) -> str:
    """Say which sign stands for which kind, of those that are there."""
    there = set(found["kind"].to_numpy().tolist())
    signs = [f"{SIGNS[kind]} {kind}" for kind in KINDS if kind in there]
    return "   ".join([*signs, *(["● start, by the point that it leads to:"] if "basin" in found else [])])


def _basins(found: xr.Dataset) -> dict[str, str]:
    basins = np.unique(found["basin"].to_numpy()).tolist() if "basin" in found else []
    return {("nowhere" if b < 0 else f"{b}"): _colour(b) for b in basins}


def _colour(basin: int) -> str:
    return LIGHT_GREY if basin < 0 else MINIMUM_COLOURS[basin % len(MINIMUM_COLOURS)]
