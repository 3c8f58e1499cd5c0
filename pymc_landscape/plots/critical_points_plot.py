"""``critical_points``: minima, maxima and saddles on a landscape, and which starts lead to which."""

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
    """Mark minima, saddles and maxima on a landscape of two axes, with the lines at the heights of the saddles.

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
    >>> surface = xr.Dataset({"delta_minus2ll": (("a", "b"), height)}, coords={"a": a, "b": b})
    >>> at = {"a": [-1.0, 1.0, 0.0], "b": [0.0, 0.0, 0.0], "delta_minus2ll": [0.0, 0.0, 1.0]}
    >>> at |= {"kind": ["valley", "valley", "saddle"], "index": [0, 0, 1]}
    >>> points = xr.Dataset({name: ("critical_point", values) for name, values in at.items()})
    >>> pc = critical_points(surface, points, backend="none")
    >>> pc.viz["valley"]["delta_minus2ll"].item()["x"].tolist()
    [-1.0, 1.0]
    """
    asked = checked(visuals, get_args(Visual))
    view = two_axes(landscape_view(landscape, var_name, landscape_group))
    points = as_dataset(points, points_group, NEEDED, "critical_points", group_argument="points_group")
    positions = _positions(view, points, "critical_point")
    canvas = Canvas(new_collection(view, backend, PANEL, pc_kwargs, figsize), asked, {})
    heights = _heights(view, points)
    _draw_bands(canvas, view, heights)
    _draw_saddle_lines(canvas, view, heights[points["index"].to_numpy() == 1])
    _draw_starts(canvas, view, points)
    for kind in KINDS:
        _draw_kind(canvas, view, kind, positions[points["kind"].to_numpy() == kind])
    _finish(canvas, view, points)
    return canvas.pc


def _positions(view: LandscapeView, points: xr.Dataset, dim: str) -> Array:
    """Coordinates of the points on the axes, (n, 2)."""
    columns = [element(points, axis, (dim,)) for axis in view.axes]
    missing = [axis for axis, values in zip(view.axes, columns, strict=True) if values is None]
    if missing:
        raise ValueError(
            f"Expected points with values of {missing}, got those of {list(points)}: "
            "pass critical_points of the landscape's own model, and axes on the natural scale."
        )
    return np.stack([np.asarray(column) for column in columns], axis=1)


def _heights(view: LandscapeView, points: xr.Dataset) -> Array:
    """Heights of the points above the landscape's own zero, which is its lowest grid point."""
    zero = zero_of(view)
    if "minus2ll" in points and np.isfinite(zero):
        return np.asarray(points["minus2ll"].to_numpy() - zero)
    return np.asarray(points["delta_minus2ll"].to_numpy(), dtype=float)


# --- the surface -----------------------------------------------------------------------------------------------------


def boundaries_around(heights: Array, top: float) -> Array:
    """Boundaries of the bands: 0, then 1, 2, 5, 10, … around the heights of the points, and the top.

    Examples
    --------
    >>> boundaries_around(np.array([0.0, 80.0, 850.0]), top=9000.0).tolist()
    [0.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 9000.0]
    """
    highest = float(heights[np.isfinite(heights)].max(initial=0.0))
    highest = min(2.0 * highest, top) if highest > 0 else top
    decades = 10.0 ** np.arange(np.floor(np.log10(highest)) - 4, np.ceil(np.log10(highest)) + 1)
    numbers = np.outer(decades, [1.0, 2.0, 5.0]).ravel()
    last = min(int(np.searchsorted(numbers, highest)), int(np.searchsorted(numbers, top)) - 1)
    inner = numbers[max(last + 2 - MOST_BANDS, 0) : last + 1]
    return np.concatenate([[0.0], inner[inner < top], [top]])


def _draw_bands(canvas: Canvas, view: LandscapeView, heights: Array) -> None:
    boundaries = boundaries_around(heights, view.top)
    cmap = canvas.options("contourf", {"cmap": CMAP}).get("cmap", CMAP)
    colours = palette(cmap, boundaries.size - 1)

    def bands(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        kwargs.pop("cmap", None)
        own: dict[str, Any] = {"color": colours} if canvas.backend == "matplotlib" else {"cmap": cmap}
        if canvas.backend == "plotly":
            own["contours"] = {"coloring": "heatmap", "showlines": False}
        x, y = (da[axis].values.astype(float) for axis in view.axes)
        return backend_of(canvas).contourf(x, y, da.values, target, levels=boundaries, **{**own, **kwargs})

    canvas.draw(bands, "contourf", view.height)
    if canvas.wants("contourf") and canvas.wants("colorbar"):
        title = canvas.options("colorbar", {"title": view.label})["title"]
        bar = add_colorbar(canvas.pc, colours, [f"{boundary:.4g}" for boundary in boundaries], title)
        canvas.pc.viz["colorbar"] = xr.DataArray(np.array(bar, dtype=object))


def _draw_saddle_lines(canvas: Canvas, view: LandscapeView, heights: Array) -> None:
    """Draw a line at the height of each saddle of index 1: above it the regions of two minima are one."""
    low, high = float(view.height.min()), view.top
    shown = [float(h) for h in np.unique(heights.round(9)) if low < h < high]

    def lines(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        x, y = (da[axis].values.astype(float) for axis in view.axes)
        draw = backend_of(canvas).contour
        return artists([draw(x, y, da.values, target, levels=[height], **kwargs) for height in shown])

    if shown:
        pen: dict[str, Any] = {"color": COLOURS["saddle"], **DASHED.get(canvas.backend, {})}
        canvas.draw(lines, "pass_line", view.height, pen, artist_dims={"pass": len(shown)})


# --- points ----------------------------------------------------------------------------------------------------------


def _draw_kind(canvas: Canvas, view: LandscapeView, kind: str, positions: Array) -> None:
    if len(positions):
        rim = {"facecolor": COLOURS[kind], "edgecolor": WHITE if kind in ("valley", "peak") else BLACK}
        style = {
            "size": marker_size(canvas.backend, "critical point"),
            "marker": shape(canvas.backend, SHAPES[kind]),
            **rim,
        }
        canvas.draw(lambda da, target, **kwargs: _dots(canvas, positions, target, **kwargs), kind, view.height, style)


def _draw_starts(canvas: Canvas, view: LandscapeView, points: xr.Dataset) -> None:
    """Draw the starts, a colour for each point that they lead to."""
    named = [str(name) for name in points if str(name).endswith("_at_start")]
    if "basin" not in points or not named:
        return
    starts = points[named].rename({name: name.removesuffix("_at_start") for name in named})
    positions, reached = _positions(view, starts, "start"), points["basin"].to_numpy()
    targets = [int(b) for b in np.unique(reached)]

    def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn = []
        for b in targets:
            style = {"facecolor": _colour(b), "edgecolor": BLACK, **kwargs}
            drawn.append(_dots(canvas, positions[reached == b], target, **style))
        return artists(drawn)

    style = {"size": marker_size(canvas.backend, "start"), "width": 0.6}
    canvas.draw(draw, "start", view.height, style, artist_dims={"basin": len(targets)})


def _dots(canvas: Canvas, positions: Array, target: Any, **kwargs: Any) -> Any:
    return backend_of(canvas).scatter(positions[:, 0], positions[:, 1], target, **kwargs)


def _finish(canvas: Canvas, view: LandscapeView, points: xr.Dataset) -> None:
    """Window, names of the axes, and a legend of the kinds that are there."""
    x, y = (limits(view, axis) for axis in view.axes)
    canvas.pc.facet_map(set_xlim, limits=x, store_artist=False)
    canvas.pc.facet_map(set_ylim, limits=y, store_artist=False)
    names = [BaseLabeller().make_label_vert(axis, {}, {}) for axis in view.axes]
    canvas.decorate(labelled_x, "xlabel", {"text": names[0]})
    canvas.decorate(labelled_y, "ylabel", {"text": names[1]})
    add_legend(canvas, _start_colours(points), _signs(points))


def _signs(points: xr.Dataset) -> str:
    """Write the signs of the kinds that there are."""
    there = set(points["kind"].to_numpy().tolist())
    signs = [f"{SIGNS[kind]} {kind}" for kind in KINDS if kind in there]
    return "   ".join([*signs, *(["● start, by the point that it leads to:"] if "basin" in points else [])])


def _start_colours(points: xr.Dataset) -> dict[str, str]:
    targets = np.unique(points["basin"].to_numpy()).tolist() if "basin" in points else []
    return {("nowhere" if b < 0 else f"{b}"): _colour(b) for b in targets}


def _colour(reached: int) -> str:
    return LIGHT_GREY if reached < 0 else MINIMUM_COLOURS[reached % len(MINIMUM_COLOURS)]
