"""``intervals``: a forest of intervals of each parameter, by Wald, profile, bootstrap and posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection

from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_choice, checked_flag
from pymc_landscape.plots.data import (
    Bar,
    CredibleKind,
    Rows,
    arrow_head,
    cap,
    check_draws_options,
    gather_bars,
    level_title,
    levels_of,
    parameters,
    posterior_rows,
    refuse_many,
    with_gaps,
)
from pymc_landscape.plots.visuals import (
    WHITE,
    Canvas,
    Style,
    add_hover,
    add_legend,
    add_note,
    artists,
    backend_of,
    checked,
    hover_of,
    marker_size,
    method_styles,
    new_sheet,
    panel_of,
    shape,
    wrapped,
)

Visual = Literal["line", "end", "bound", "lost", "estimate", "legend", "xlabel", "yticks", "note"]
MOST_ROWS, MOST_PANELS = 60, 24
WIDTH, ROW, BAR, SURROUNDINGS = 6.4, 0.22, 0.17, 1.0  # inches: of the figure, a row, a bar in it, and what is around
BARS_SHARE = 0.55  # share of a row that its bars take
ALIKE = 12.0  # parameters whose widths differ by more have axes of their own
FAR = 25.0  # so do those that lie this many widths apart
LINE = 30  # letters of a name's line
BREAK = {"plotly": "<br>"}
OPEN_WIDTH = 0.5  # beyond the outermost number, in widths of all numbers: room for an open end


def intervals(
    intervals: xr.Dataset | xr.DataTree | Mapping[str, xr.Dataset],
    *more: xr.Dataset | xr.DataTree | Mapping[str, xr.Dataset],
    dt: xr.DataTree | xr.Dataset | None = None,
    ci_kind: CredibleKind = "hdi",
    group: str = "posterior",
    sample_dims: str | Sequence[str] | None = None,
    shared: bool | None = None,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Draw intervals as a forest, a row a parameter, a line a method.

    Use it to see at a glance where methods disagree. An arrow head is an open end (−2LL stays below the cut-off), a
    square an end at a bound, which belongs to the interval, and a cross stands for an end that was not found.

    Parameters
    ----------
    intervals : Dataset, DataTree, or mapping
        What ``confidence_intervals`` returns, with one or several methods and levels; a mapping gives names of your
        own. Of several levels, the lower ones are thicker.
    *more : Dataset, DataTree, or mapping
        More of them.
    dt : DataTree or Dataset, optional
        Draws of the posterior, of which credible intervals of the same levels are added.
    ci_kind : {"hdi", "eti"}, default "hdi"
        Whether those are of highest density or have equal tails.
    group : str, default "posterior"
        Group of ``dt`` with the draws.
    sample_dims : str or sequence of str, optional
        Dims of the draws. Defaults to ``rcParams["data.sample_dims"]``.
    shared : bool, optional
        Whether all parameters share one axis. Defaults to where their widths and places are alike.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: line, end (caps and arrow heads), bound, lost (ends
        not found), estimate, legend, xlabel, yticks, note.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With ``line``, ``end``, ``bound``, ``lost`` and ``estimate`` over the dim ``interval_method`` in ``viz``, and
        over ``panel`` where each parameter has one.

    Raises
    ------
    TypeError
        When something is of another type.
    ValueError
        When there are no intervals, too many parameters, or no draws of any of them.

    Examples
    --------
    >>> import xarray as xr
    >>> dims = ("parameter", "bound", "interval_method")
    >>> ds = xr.Dataset({"interval": (dims, [[[0.4], [float("inf")]]]), "status": (dims, [[["finite"], ["open"]]])})
    >>> ds = ds.assign(estimate=("parameter", [0.7]))
    >>> ds = ds.assign_coords(parameter=["p"], bound=["lower", "upper"], interval_method=["profile"])
    >>> pc = intervals(ds, backend="none")
    >>> float(pc.viz["line"]["sheet"].values[0]["x"][0])
    0.4
    """
    asked = checked(visuals, get_args(Visual))
    check_draws_options(group, sample_dims)
    checked_choice("ci_kind", ci_kind, get_args(CredibleKind))
    shared = None if shared is None else checked_flag("shared", shared)
    rows = gather_bars([intervals, *more])
    if dt is not None:
        name = f"posterior {ci_kind.upper()}"
        rows[name] = posterior_rows(rows, levels_of([intervals]), dt, group, sample_dims, ci_kind)
    labels = parameters(rows)
    shared_axis = _alike(rows, labels) if shared is None else shared
    refuse_many(len(labels), MOST_ROWS if shared_axis else MOST_PANELS, "parameters", "intervals.sel(parameter=[...])")
    panels = [labels] if shared_axis else [[label] for label in labels]
    size = (WIDTH, SURROUNDINGS + len(panels[0]) * (ROW + BAR * len(rows)))
    canvas, sheet = new_sheet(len(panels), backend, size, asked, {"col_wrap": 1, **pc_kwargs}, figsize)
    windows = [_window(rows, panel) for panel in panels]
    _draw(canvas, sheet, rows, panels, windows)
    _finish(canvas, panels, windows)
    add_legend(canvas, method_styles(rows), level_title(rows))
    add_note(canvas, _remarks(rows))
    add_hover(canvas)
    return canvas.pc


def _remarks(rows: Rows) -> list[str]:
    """Say what the marks at ends stand for that are there."""
    bars = [bar for several in rows.values() for some in several.values() for bar in some]
    there = {
        "an arrow head: no end on that side": any(np.isinf(bar.ends).any() for bar in bars),
        "a square: an end at a bound": any("at_bound" in bar.status for bar in bars),
        "a cross: an end that was not found": any(np.isnan(bar.ends).any() for bar in bars),
        "the thick part: the lower level": any(len(some) > 1 for several in rows.values() for some in several.values()),
    }
    remarks = [remark for remark, is_there in there.items() if is_there]
    return ["; ".join(remarks)] if remarks else []


def _numbers(rows: Rows, labels: Sequence[str]) -> Array:
    """All finite ends and estimates of some parameters."""
    bars = [bar for several in rows.values() for label in labels for bar in several.get(label, [])]
    numbers = np.array([number for bar in bars for number in (*bar.ends, bar.center)])
    return numbers[np.isfinite(numbers)]


def _alike(rows: Rows, labels: Sequence[str]) -> bool:
    """Whether all parameters can be read on one axis."""
    polylines = [_numbers(rows, [label]) for label in labels]
    widths = np.array([np.ptp(numbers) for numbers in polylines if numbers.size])
    widths = widths[widths > 0]
    if len(labels) == 1 or not widths.size:
        return True
    total = float(np.ptp(np.concatenate(polylines)))
    return bool(widths.max() < ALIKE * widths.min() and total < FAR * np.median(widths))


def _window(rows: Rows, labels: Sequence[str]) -> tuple[float, float]:
    numbers = _numbers(rows, labels)
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (-1.0, 1.0)
    size = (high - low) or abs(low) or 1.0
    bars = [bar for several in rows.values() for label in labels for bar in several.get(label, [])]
    beyond = [
        OPEN_WIDTH if any(bar.ends[k] == side * np.inf for bar in bars) else 0.06 for k, side in ((0, -1), (1, 1))
    ]
    return low - beyond[0] * size, high + beyond[1] * size


def _heights(rows: Rows, labels: Sequence[str]) -> dict[tuple[str, str], float]:
    """Height of each line: the first parameter on top, and in its row the first method."""
    offsets = BARS_SHARE * (np.arange(len(rows)) / max(len(rows) - 1, 1) - 0.5) if len(rows) > 1 else np.zeros(1)
    return {
        (name, label): len(labels) - 1 - i - float(offset)
        for i, label in enumerate(labels)
        for name, offset in zip(rows, offsets, strict=True)
    }


def _draw(
    canvas: Canvas,
    sheet: xr.DataArray,
    rows: Rows,
    panels: Sequence[Sequence[str]],
    windows: Sequence[tuple[float, float]],
) -> None:
    styles, backend = method_styles(rows), backend_of(canvas)
    up = min(0.1, 0.3 * BARS_SHARE / max(len(rows) - 1, 1))
    square = shape(canvas.backend, "square")
    cross = shape(canvas.backend, "cross")

    def once(pick: Any, paint: Any) -> Any:
        """Draw of each method what `pick` takes from its bars, in its colour."""

        def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
            i = panel_of(da)
            heights, drawn = _heights(rows, panels[i]), []
            for name, several in rows.items():
                here = [
                    pick(bar, heights[name, label], windows[i], up, k)
                    for label in panels[i]
                    for k, bar in enumerate(reversed(several.get(label, [])))
                ]
                own = {**hover_of(canvas.backend, name), **kwargs}
                drawn.append(paint(with_gaps([xy for xy in here if len(xy)]), target, styles[name], own))
            return artists(drawn)

        return draw

    def line(xy: Array, target: Any, style: Style, kwargs: dict[str, Any]) -> Any:
        return backend.line(xy[:, 0], xy[:, 1], target, **{"color": style.colour, **kwargs}) if len(xy) else None

    def dashed(xy: Array, target: Any, style: Style, kwargs: dict[str, Any]) -> Any:
        return line(xy, target, style, {**style.line(canvas.backend, 1.6), **kwargs})

    def dots(xy: Array, target: Any, style: Style, kwargs: dict[str, Any]) -> Any:
        xy = xy[np.isfinite(xy).all(axis=1)]
        form = {"marker": shape(canvas.backend, style.marker or "circle")}
        options = {"facecolor": style.colour, "edgecolor": WHITE, "width": 0.8, **form, **kwargs}
        return backend.scatter(xy[:, 0], xy[:, 1], target, **options) if len(xy) else None

    many = {"interval_method": len(rows)}
    canvas.draw(once(_line, dashed), "line", sheet, {"width": 1.6}, artist_dims=many)
    canvas.draw(once(_inner, line), "line_inner", sheet, {"width": 4.0}, artist_dims=many)
    canvas.draw(once(_ends, line), "end", sheet, {"width": 1.6}, artist_dims=many)
    size = {"size": marker_size(canvas.backend, "estimate")}
    canvas.draw(once(_estimate, dots), "estimate", sheet, size, artist_dims=many)
    canvas.draw(once(_bound, dots), "bound", sheet, {**size, "marker": square}, artist_dims=many)
    canvas.draw(once(_lost, dots), "lost", sheet, {**size, "marker": cross}, artist_dims=many)


def _line(bar: Bar, y: float, window: tuple[float, float], up: float, rank: int) -> Array:
    """From end to end; an open one to the limit of the picture, one not found from the estimate."""
    low, high = (bar.center if np.isnan(end) else end for end in bar.ends)
    return np.array([[max(low, window[0]), y], [min(high, window[1]), y]]) if rank == 0 else np.empty((0, 2))


def _inner(bar: Bar, y: float, window: tuple[float, float], up: float, rank: int) -> Array:
    """Of several levels, all but the highest lie on it as thicker lines."""
    return _line(bar, y, window, up, 0) if rank > 0 else np.empty((0, 2))


def _ends(bar: Bar, y: float, window: tuple[float, float], up: float, rank: int) -> Array:
    across = 0.018 * (window[1] - window[0])
    polylines = []
    for end, side, limit in zip(bar.ends, (-1.0, 1.0), window, strict=True):
        if np.isinf(end) and end * side > 0:
            polylines.append(arrow_head((limit, y), side, across, up))
        elif np.isfinite(end) and rank == 0:
            polylines.append(cap(end, y, up))
    return with_gaps(polylines)


def _estimate(bar: Bar, y: float, window: tuple[float, float], up: float, rank: int) -> Array:
    return np.array([[bar.center, y]]) if rank == 0 else np.empty((0, 2))


def _bound(bar: Bar, y: float, window: tuple[float, float], up: float, rank: int) -> Array:
    mine = [end for end, status in zip(bar.ends, bar.status, strict=True) if status == "at_bound"]
    return np.array([[end, y] for end in mine]).reshape(-1, 2)


def _lost(bar: Bar, y: float, window: tuple[float, float], up: float, rank: int) -> Array:
    """Put a cross beside the estimate, on the side of the end that is not known."""
    offset = 0.04 * (window[1] - window[0])
    mine = [side for end, side in zip(bar.ends, (-1.0, 1.0), strict=True) if np.isnan(end)]
    return np.array([[bar.center + side * offset, y] for side in mine]).reshape(-1, 2)


def _finish(canvas: Canvas, panels: Sequence[Sequence[str]], windows: Sequence[tuple[float, float]]) -> None:
    backend = backend_of(canvas)
    for target, labels, window in zip(np.ravel(canvas.pc.viz["plot"].values), panels, windows, strict=True):
        backend.xlim(window, target)
        backend.ylim((-0.55, len(labels) - 0.45), target)
        if canvas.wants("yticks"):
            names = [wrapped(label, LINE).replace("\n", BREAK.get(canvas.backend, "\n")) for label in reversed(labels)]
            backend.yticks(list(range(len(labels))), names, target, **canvas.options("yticks"))
    last = np.ravel(canvas.pc.viz["plot"].values)[-1]
    canvas.write("xlabel", "value", last)
