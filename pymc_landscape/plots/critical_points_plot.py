"""``critical_points``: minima, maxima and saddles on a landscape, and which starts lead to which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_base.labels import BaseLabeller
from arviz_plots import PlotCollection
from arviz_plots.visuals import labelled_x, labelled_y, set_xlim, set_ylim
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.plots.data import (
    LandscapeView,
    as_dataset,
    boundaries_around,
    element,
    landscape_view,
    limits,
    remarks_on,
    two_axes,
    zero_of,
)
from pymc_landscape.plots.visuals import (
    BLACK,
    CMAP,
    LIGHT_GREY,
    MIDDLE_GREY,
    MINIMUM_COLOURS,
    RED,
    WHITE,
    Canvas,
    Style,
    add_colorbar,
    add_hover,
    add_legend,
    add_note,
    artists,
    backend_of,
    checked,
    halo,
    hover_of,
    marker_size,
    new_collection,
    palette,
    panel_letters,
    shape,
    wrapped,
)

Visual = Literal[
    "contourf",
    "pass_line",
    "start",
    "valley",
    "higher_valley",
    "saddle",
    "peak",
    "flat",
    "height",
    "legend",
    "note",
    "colorbar",
    "xlabel",
    "ylabel",
]
PALE_RED = "#ff9d9d"
COLOURS = {"valley": RED, "higher_valley": WHITE, "saddle": WHITE, "peak": BLACK, "flat": MIDDLE_GREY}
RIMS = {"valley": WHITE, "higher_valley": RED, "saddle": BLACK, "peak": WHITE, "flat": BLACK}
SHAPES = {"valley": "star", "higher_valley": "star", "saddle": "cross", "peak": "triangle", "flat": "diamond"}
WORDS = {"valley": "lowest valley", "higher_valley": "higher valley"}
LEGEND_SIGNS = {  # on white, what has a light face takes the colour of its rim
    "valley": Style(RED, None, "star"),
    "higher_valley": Style(PALE_RED, None, "star"),
    "saddle": Style(BLACK, None, "cross"),
    "peak": Style(BLACK, None, "triangle"),
    "flat": Style(MIDDLE_GREY, None, "diamond"),
}
START_SHAPES = ("circle", "square", "diamond", "triangle", "pentagon", "hexagon", "down")
SAME = 1e-6  # valleys whose heights differ by less are both the lowest
MOST_NUMBERED = 12  # points beyond are marked without their heights: a map full of numbers says nothing
DASHED: dict[str, dict[str, Any]] = {
    "matplotlib": {"linestyles": "--", "linewidths": 1.4},
    "plotly": {"line_dash": "dash"},
    "bokeh": {"line_dash": "dashed", "line_width": 1.5},
}
NEEDED = ("kind", "index", "delta_minus2ll", "critical_point")
PANEL = (6.8, 5.2)


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

    Use it to see how many optima a likelihood has and how high one must climb from one to the next: each point has its
    number in ``points`` and its height beside it, and starts have the colour and shape of the point that they lead to.
    With more than two parameters the landscape is a slice, and the points are shown where they are along its axes.

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
        higher_valley, peak, flat and start (``scatter``), height (``text``), legend, note, colorbar, xlabel, ylabel.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With every visual in ``viz``: ``pass_line`` over the dim ``pass``, ``start`` over ``basin``, ``height`` over
        ``critical_point``.

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
    _draw_saddle_lines(canvas, view, heights[points["index"].values == 1])
    _draw_starts(canvas, view, points)
    kinds = _kinds(points, heights)
    for kind in COLOURS:
        _draw_kind(canvas, view, kind, positions[kinds == kind])
    risen = points["delta_minus2ll"].values.astype(float)  # above the lowest valley, not the lowest grid point
    _draw_heights(canvas, view, positions, risen, points["kind"].values)
    _name_axes(canvas, view)
    seen = (points["index"].values == 1) & (heights > float(view.height.min())) & (heights < view.top)
    add_legend(canvas, _entries(canvas, points, kinds, risen[seen]))
    add_note(canvas, remarks_on(view, [], is_flat=False))
    add_hover(canvas)
    return canvas.pc


def _kinds(points: xr.Dataset, heights: Array) -> NDArray[np.str_]:
    """Kinds of the points, the valleys above the lowest one told from it."""
    kinds = points["kind"].values.astype("U20")
    valleys = kinds == "valley"
    if valleys.any():
        kinds[valleys & (heights > heights[valleys].min() + SAME)] = "higher_valley"
    return np.asarray(kinds)


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
        return np.asarray(points["minus2ll"].values - zero)
    return np.asarray(points["delta_minus2ll"].values, dtype=float)


# --- the surface -----------------------------------------------------------------------------------------------------


def _draw_bands(canvas: Canvas, view: LandscapeView, heights: Array) -> None:
    boundaries = boundaries_around(heights, view.top)
    cmap = canvas.options("contourf", {"cmap": CMAP}).get("cmap", CMAP)
    colours = palette(cmap, boundaries.size - 1)

    def bands(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        kwargs.pop("cmap", None)
        own: dict[str, Any] = {"color": colours} if canvas.backend == "matplotlib" else {"cmap": cmap}
        if canvas.backend == "plotly":
            own["contours"] = {"coloring": "heatmap", "showlines": False}
            own["name"] = view.label
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
        style = {
            "size": marker_size(canvas.backend, "critical point"),
            "marker": shape(canvas.backend, SHAPES[kind]),
            "facecolor": COLOURS[kind],
            "edgecolor": RIMS[kind],
            "width": 1.5 if kind == "higher_valley" else 1.0,
            **hover_of(canvas.backend, WORDS.get(kind, kind)),
        }
        canvas.draw(lambda da, target, **kwargs: _dots(canvas, positions, target, **kwargs), kind, view.height, style)


def _draw_heights(
    canvas: Canvas, view: LandscapeView, positions: Array, heights: Array, kinds: NDArray[np.str_]
) -> None:
    """Write kind, number and height of each point in the window, above it or below, where there is room."""
    window = np.array([limits(view, axis) for axis in view.axes])
    share = (positions - window[:, 0]) / np.ptp(window, axis=1)
    inside = np.flatnonzero(((share >= 0) & (share <= 1)).all(axis=1))
    if inside.size > MOST_NUMBERED:
        return

    def write(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn = np.full(len(positions), None, dtype=object)
        for i in inside:
            below = share[i, 1] > 0.9 or any(
                abs(share[i, 0] - share[j, 0]) < 0.15 and 0 < share[j, 1] - share[i, 1] < 0.12 for j in inside
            )
            y = positions[i, 1] + (-1 if below else 1) * 0.035 * np.ptp(window[1])
            side = "left" if share[i, 0] < 0.08 else "right" if share[i, 0] > 0.92 else "center"
            align = {"horizontal_align": side, "vertical_align": "top" if below else "bottom"}
            text = f"{kinds[i]} {i}: {_written(heights[i])}"
            drawn[i] = backend_of(canvas).text(positions[i, 0], y, text, target, **{**align, **kwargs})
        return drawn

    style = {"color": WHITE, **halo(canvas.backend)}
    canvas.draw(write, "height", view.height, style, artist_dims={"critical_point": len(positions)})


def _written(height: float) -> str:
    """Write a height with three digits, one that is but rounding as 0."""
    return "0" if abs(height) < SAME else f"{height:.3g}" if abs(height) < 1000 else f"{height:.0f}"


def _draw_starts(canvas: Canvas, view: LandscapeView, points: xr.Dataset) -> None:
    """Draw the starts, a colour for each point that they lead to."""
    named = [str(name) for name in points if str(name).endswith("_at_start")]
    if "basin" not in points or not named:
        return
    starts = points[named].rename({name: name.removesuffix("_at_start") for name in named})
    positions, reached = _positions(view, starts, "start"), points["basin"].values
    targets = [int(b) for b in np.unique(reached)]

    def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn = []
        for b in targets:
            own = {
                "facecolor": _start(b).colour,
                "edgecolor": BLACK,
                "marker": shape(canvas.backend, _start(b).marker or "circle"),
            }
            named = hover_of(canvas.backend, f"start that leads to {'nothing' if b < 0 else b}")
            drawn.append(_dots(canvas, positions[reached == b], target, **{**own, **named, **kwargs}))
        return artists(drawn)

    size = {"size": marker_size(canvas.backend, "start"), "width": 0.6}
    canvas.draw(draw, "start", view.height, size, artist_dims={"basin": len(targets)})


def _dots(canvas: Canvas, positions: Array, target: Any, **kwargs: Any) -> Any:
    return backend_of(canvas).scatter(positions[:, 0], positions[:, 1], target, **kwargs)


def _name_axes(canvas: Canvas, view: LandscapeView) -> None:
    """Window, and names of the axes in lines that are no longer than the panel."""
    x, y = (limits(view, axis) for axis in view.axes)
    canvas.pc.facet_map(set_xlim, limits=x, store_artist=False)
    canvas.pc.facet_map(set_ylim, limits=y, store_artist=False)
    names = [BaseLabeller().make_label_vert(axis, {}, {}) for axis in view.axes]
    across, up = panel_letters(canvas)
    canvas.decorate(labelled_x, "xlabel", {"text": wrapped(names[0], across)})
    canvas.decorate(labelled_y, "ylabel", {"text": wrapped(names[1], up)})


def _entries(canvas: Canvas, points: xr.Dataset, kinds: NDArray[np.str_], passes: Array) -> dict[str, Style]:
    """Return the names of the marks: kinds of points, the lines at the passes, and starts by what they lead to."""
    entries = {WORDS.get(k, k): style for k, style in LEGEND_SIGNS.items() if k in kinds and canvas.wants(k)}
    within = np.unique(passes.round(9))
    if within.size and canvas.wants("pass_line"):
        heights = ", ".join(_written(height) for height in within[:3]) + (", …" if within.size > 3 else "")
        entries[f"height of the pass{'es' * (within.size > 1)}: {heights}"] = Style(MIDDLE_GREY, "dashed")
    if "basin" in points and canvas.wants("start") and any(str(name).endswith("_at_start") for name in points):
        for reached in np.unique(points["basin"].values).tolist():
            to = "nowhere" if reached < 0 else f"to {points['kind'].values[reached]} {reached}"
            entries[f"start, leads {to}"] = _start(reached)
    return entries


def _start(reached: int) -> Style:
    """How starts are drawn that lead to one point, or nowhere."""
    if reached < 0:
        return Style(LIGHT_GREY, None, "cross")
    return Style(MINIMUM_COLOURS[reached % len(MINIMUM_COLOURS)], None, START_SHAPES[reached % len(START_SHAPES)])
