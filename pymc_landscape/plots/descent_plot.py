"""``descent``: Δ(−2LL) of optimisers by iteration, evaluation or second."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_choice, checked_flag, checked_number, wrong_type
from pymc_landscape.plots.data import SAMPLE, Descents, FitLike, gather_descents, lengths, thin, with_gaps
from pymc_landscape.plots.visuals import (
    GREY,
    WHITE,
    Canvas,
    add_hover,
    add_legend,
    add_note,
    artists,
    backend_of,
    checked,
    dash,
    hover_of,
    marker_size,
    new_sheet,
    optimizer_styles,
    set_log_axis,
    shape,
    text_size,
)

Visual = Literal["line", "end", "mark", "mark_text", "legend", "note", "xlabel", "ylabel"]
Cost = Literal["iteration", "evaluations", "seconds"]
REFERENCE_HEIGHTS = {"0.01": 0.01, "1e-6": 1e-6}
SIZE = (6.4, 4.4)
DEEPEST = 1e-10  # a −2LL is known no better, seldom so well
FOOT = 5.0  # times the lower end of the axis: where heights below it are drawn, and their marks are whole
STATUS_TITLE = "● converged   ○ not"


def descent(
    *descents: Descents,
    minimum: float | FitLike | xr.Dataset | None = None,
    x: Cost = "iteration",
    log_x: bool = False,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Draw Δ(−2LL) of optimisers against what it cost them, a line a start.

    Use it to compare how fast optimisers descend, and how near they come: lines mark 0.01, which
    no reader of an estimate would notice, and 1e-6, which is as good as exact. Iterations of
    different optimisers cost differently much; compare by evaluations or seconds.

    Parameters
    ----------
    *descents : Dataset, DataTree, or mapping
        What ``descend`` returns, of one or several optimisers; a mapping gives names of your own.
    minimum : float, Fit or Dataset, optional
        The −2LL at the bottom, or a fit that has it. Defaults to the lowest of all iterates, which
        makes the best path look perfect: give the fit where you have one.
    x : {"iteration", "evaluations", "seconds"}, default "iteration"
        What it cost.
    log_x : bool, default False
        Whether the cost is on a log axis too, so that Newton and SGD fit in one picture. The start
        itself, at cost 0, is not on it.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: line, end (filled where the status
        is "converged"), mark, mark_text, legend, note, xlabel, ylabel.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With every visual in ``viz``, ``line`` and ``end`` over the dim ``optimizer``.

    Raises
    ------
    TypeError
        When a descent or the minimum is of another type.
    ValueError
        When there is no descent, no finite −2LL, or no such cost.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> path = xr.Dataset({"minus2ll": (("chain", "draw"), 100 + 0.5 ** np.arange(20.0)[None])})
    >>> pc = descent({"halving": path}, minimum=100.0, backend="none")
    >>> pc.viz["line"]["sheet"].item()["y"][:3].tolist()
    [1.0, 0.5, 0.25]
    """
    asked = checked(visuals, get_args(Visual))
    named = gather_descents(descents)
    checked_choice("x", x, get_args(Cost))
    log_x = checked_flag("log_x", log_x)
    lowest = _lowest(named, minimum)
    lines = {name: _lines(ds, x, log_x, lowest) for name, ds in named.items()}
    window = _window(lines, log_x)
    canvas, sheet = new_sheet(1, backend, SIZE, asked, pc_kwargs, figsize)
    _draw_reference_lines(canvas, sheet, window)
    _draw_lines(canvas, sheet, lines, window)
    _draw_endpoints(canvas, sheet, lines, named, window)
    _finish(canvas, x, log_x, window, "Δ(−2LL)" if minimum is not None else "−2LL above the lowest seen")
    has_status = any("status" in ds.coords for ds in named.values())
    add_legend(canvas, optimizer_styles(named), STATUS_TITLE if has_status else None)
    add_note(canvas, _remarks(lines, window))
    add_hover(canvas)
    return canvas.pc


def _remarks(lines: Mapping[str, list[Array]], window: NDArray[np.float64]) -> list[str]:
    """Say what the lowest height stands for, where something is drawn there."""
    every = np.concatenate([line for several in lines.values() for line in several])[:, 1]
    foot = FOOT * window[1, 0]
    return [f"heights below {foot:.2g}, the minimum itself too, are drawn at the foot"] if np.any(every < foot) else []


def _lowest(named: Mapping[str, xr.Dataset], minimum: float | FitLike | xr.Dataset | None) -> float:
    every = np.concatenate([ds["minus2ll"].values.ravel() for ds in named.values()])
    every = every[np.isfinite(every)]
    if not every.size:
        raise ValueError("Expected a descent with a finite −2LL, got none; look at its reason coordinate.")
    seen = float(every.min())
    if minimum is None:
        return seen
    bottom = _minus2ll(minimum)
    if seen < bottom - 1e-6 * max(1.0, abs(bottom)):
        warnings.warn(
            f"A path goes {bottom - seen:.3g} below the minimum of {bottom:.6g}; it is drawn at the bottom: "
            "give a better minimum.",
            UserWarning,
            stacklevel=3,
        )
    return bottom


def _minus2ll(minimum: float | FitLike | xr.Dataset) -> float:
    value = minimum.get("minus2ll") if isinstance(minimum, xr.Dataset) else getattr(minimum, "minus2ll", minimum)
    if isinstance(value, xr.DataArray | float | int | np.number):
        return checked_number("minimum", value, advice="pass what fit_mle returns")
    raise wrong_type(
        "minimum to be a number, a fit, or a Dataset with 'minus2ll'", minimum, "pass what fit_mle returns"
    )


def _lines(ds: xr.Dataset, x: str, log_x: bool, lowest: float) -> list[Array]:
    """Of each start: cost and height, up to where it stopped."""
    height = ds["minus2ll"].transpose(*SAMPLE).values - lowest
    cost = _cost(ds, x)
    blank = ~np.isfinite(height) | (~(cost > 0) if log_x else False)
    both = np.where(blank[..., None], np.nan, np.stack([cost, height], axis=-1))
    return [line[:n] for line, n in zip(both, lengths(ds), strict=True)]


def _cost(ds: xr.Dataset, x: str) -> Array:
    shape = (ds.sizes["chain"], ds.sizes["draw"])
    if x == "iteration":
        return np.broadcast_to(ds["draw"].values.astype(float), shape)
    name = "n_evaluations" if x == "evaluations" else x
    if name not in ds.variables:
        raise ValueError(f"Expected a descent with the coordinate {name!r}, got {list(ds.coords)}; use x='iteration'.")
    return np.asarray(ds[name].transpose(*SAMPLE).values, dtype=float)


def _window(lines: Mapping[str, list[Array]], log_x: bool) -> NDArray[np.float64]:
    """Limits of both axes: rows x and y, columns low and high."""
    every = np.concatenate([line for several in lines.values() for line in several])
    every = every[np.isfinite(every).all(axis=1)]
    if not every.size:
        every = np.array([[1.0, 1.0]])
    cost, rise = every[:, 0], every[:, 1]
    deepest = rise[rise > 0].min(initial=1.0)
    low = 0.1 * np.clip(deepest, DEEPEST, REFERENCE_HEIGHTS["1e-6"])
    last = cost.max() or 1.0
    across = (0.8 * cost.min(), 2.6 * last) if log_x else (-0.02 * last, 1.11 * last)  # room for the marks' text
    return np.array([across, (low, 3.0 * max(rise.max(), 1.0))])


def _shown(line: Array, window: NDArray[np.float64]) -> Array:
    """Keep points that differ in the picture; those below the axis are drawn at its lowest height."""
    floored = np.column_stack([line[:, 0], np.maximum(line[:, 1], FOOT * window[1, 0])])
    logged = np.array([window[0, 0] > 0, True])  # only a log axis begins above 0
    scaled = np.where(logged, np.log(np.where(logged, floored, 1.0)), floored)
    size = np.ptp(np.where(logged[:, None], np.log(np.where(logged[:, None], window, 1.0)), window), axis=1)
    return np.asarray(floored[thin(scaled / size)])


def _draw_lines(
    canvas: Canvas, sheet: xr.DataArray, lines: Mapping[str, list[Array]], window: NDArray[np.float64]
) -> None:
    several = max(map(len, lines.values()))
    pen = {"width": 1.8 if several < 4 else 1.2, "alpha": 1.0 if several < 4 else 0.65}

    def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        styles, line = optimizer_styles(lines), backend_of(canvas).line
        drawn = []
        for name, chains in lines.items():
            xy = with_gaps([_shown(chain, window) for chain in chains])
            own = {**styles[name].line(canvas.backend, 0.0), **hover_of(canvas.backend, name)}
            drawn.append(line(xy[:, 0], xy[:, 1], target, **{**own, **kwargs}))
        return artists(drawn)

    canvas.draw(draw, "line", sheet, pen, artist_dims={"optimizer": len(lines)})


def _draw_endpoints(
    canvas: Canvas,
    sheet: xr.DataArray,
    lines: Mapping[str, list[Array]],
    named: Mapping[str, xr.Dataset],
    window: NDArray[np.float64],
) -> None:
    """Draw a disc where a start converged, a ring where it stopped for another reason."""

    def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        styles, scatter = optimizer_styles(lines), backend_of(canvas).scatter
        drawn: list[Any] = []
        for name, chains in lines.items():
            endpoints = np.array([_shown(chain, window)[-1] for chain in chains])
            converged, ink = _has_converged(named[name]), styles[name].colour
            own = {"marker": shape(canvas.backend, styles[name].marker or "circle"), "edgecolor": ink}
            for which, fill in ((converged, ink), (~converged, WHITE)):
                here = endpoints[which & np.isfinite(endpoints).all(axis=1)]
                told = hover_of(canvas.backend, f"{name}, {'converged' if fill == ink else 'not converged'}")
                options = {"facecolor": fill, "width": 1.5, **own, **told, **kwargs}
                drawn.append(scatter(here[:, 0], here[:, 1], target, **options) if len(here) else None)
        return artists(drawn).reshape(len(lines), 2)

    many = {"optimizer": len(lines), "converged": 2}
    canvas.draw(draw, "end", sheet, {"size": marker_size(canvas.backend, "point")}, artist_dims=many)


def _has_converged(ds: xr.Dataset) -> NDArray[np.bool_]:
    if "status" not in ds.coords:
        return np.ones(ds.sizes["chain"], dtype=bool)
    return np.asarray(ds["status"].values.astype(str) == "converged")


def _draw_reference_lines(canvas: Canvas, sheet: xr.DataArray, window: NDArray[np.float64]) -> None:
    def line(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        draw = backend_of(canvas).line
        return artists([draw(window[0], [height, height], target, **kwargs) for height in REFERENCE_HEIGHTS.values()])

    def text(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        options = {"horizontal_align": "right", "vertical_align": "bottom", **kwargs}
        x, write = window[0, 1] - 0.01 * np.ptp(window[0]), backend_of(canvas).text
        return artists([write(x, height, name, target, **options) for name, height in REFERENCE_HEIGHTS.items()])

    many = {"mark": len(REFERENCE_HEIGHTS)}
    pen = {"color": GREY, "width": 1, "linestyle": dash(canvas.backend, "dashed")}
    canvas.draw(line, "mark", sheet, pen, artist_dims=many)
    size = text_size(canvas.backend)
    canvas.draw(text, "mark_text", sheet, {"color": GREY, "size": size}, artist_dims=many)


def _finish(canvas: Canvas, x: str, log_x: bool, window: NDArray[np.float64], label: str) -> None:
    target, backend = canvas.pc.viz["plot"].item(), backend_of(canvas)
    if log_x:
        set_log_axis(target, canvas.backend, "x", (window[0, 0], window[0, 1]))
    else:
        backend.xlim((window[0, 0], window[0, 1]), target)
    set_log_axis(target, canvas.backend, "y", (window[1, 0], window[1, 1]))
    for axis, text in (("xlabel", x), ("ylabel", label)):
        canvas.write(axis, text, target)
