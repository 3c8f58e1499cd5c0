"""``waterfall``: where the starts of a fit ended, lowest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from pymc_landscape.plots.data import FitLike
from pymc_landscape.plots.visuals import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    OLIVE,
    ORANGE,
    PINK,
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
    new_sheet,
    set_log_axis,
    shape,
    text_size,
)

Visual = Literal["points", "plateau", "plateau_text", "legend", "note", "xlabel", "ylabel"]
OPTIMUM = ("converged", "at_bound")
STYLES = {
    "converged": Style(GREEN, None, "circle"),
    "at_bound": Style(BLUE, None, "square"),
    "not_identified": Style(OLIVE, None, "diamond"),
    "unbounded": Style(ORANGE, None, "triangle"),
    "failed": Style(BLACK, None, "cross"),
}
OTHER = Style(PINK, None, "pentagon")
RIM = {"edgecolor": WHITE, "width": 0.6}
MOST_TICKS = 8
SAME = 1e-3  # in Δ(−2LL): ends that differ by less are one; also the lowest height of the log axis
BELOW = 0.6  # of SAME: height at which ends lower than the best optimum are drawn
SIZE = (6.4, 4.2)


def waterfall(
    fit: FitLike | xr.Dataset,
    *,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Draw the end of each start of a fit, sorted by −2LL, coloured by status.

    Use it to see whether the fit can be trusted: a long plateau at the bottom, reached from many
    starts, is likely the global optimum; plateaus above it are other local minima; a slope without
    plateaus says that the searches stopped before they converged.

    Parameters
    ----------
    fit : Fit or Dataset
        What ``fit_mle`` returns, or its ``starts``.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: points, plateau, plateau_text,
        legend, note, xlabel, ylabel.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With ``points`` over the dim ``status`` and ``plateau`` over the dim ``plateau`` in ``viz``.

    Raises
    ------
    TypeError
        When ``fit`` has no starts.
    ValueError
        When no start ended at a finite −2LL.

    Notes
    -----
    Heights are Δ(−2LL) above the lowest end that claims an optimum (or above the lowest of all).
    All within 0.001 of it are drawn at 0.001 on the log axis. A note counts the ends below it
    (of an unbounded likelihood), and those where −2LL is not finite, which are drawn at the top.

    Examples
    --------
    >>> import xarray as xr
    >>> ends = {"minus2ll": ("start", [12.0, 10.0, 10.0]), "status": ("start", ["converged"] * 3)}
    >>> pc = waterfall(xr.Dataset(ends), backend="none")
    >>> pc.viz["points"]["sheet"].item()["y"].tolist()
    [0.001, 0.001, 2.0]
    """
    asked = checked(visuals, get_args(Visual))
    starts = getattr(fit, "starts", fit)
    if not isinstance(starts, xr.Dataset) or not {"minus2ll", "status"} <= set(starts.variables):
        raise TypeError(
            f"Expected a fit, or its starts with 'minus2ll' and 'status', got {type(fit).__name__}; "
            "pass what fit_mle returns."
        )
    ends, status = starts["minus2ll"].values.astype(float), starts["status"].values.astype(str)
    order = np.argsort(np.where(np.isfinite(ends), ends, np.inf), kind="stable")
    rise, status = _rise(ends, status)[order], status[order]
    above = rise.max(where=np.isfinite(rise), initial=0.0)
    agree = bool(np.isfinite(rise).all() and np.abs(rise).max() <= SAME)
    highest = 10.0 * SAME if agree else max(10.0, 3.0 * above)
    shown = np.where(np.isfinite(rise), np.maximum(rise, SAME), highest / 1.5)
    shown = np.where(rise < -SAME, BELOW * SAME, shown)
    canvas, sheet = new_sheet(1, backend, SIZE, asked, pc_kwargs, figsize)
    _draw_plateaus(canvas, sheet, rise, shown)
    shown_status = _draw_points(canvas, sheet, shown, status)
    _finish(canvas, ends.size, highest)
    add_legend(canvas, {name.replace("_", " "): STYLES.get(name, OTHER) for name in shown_status})
    add_note(canvas, _remarks(rise, agree))
    add_hover(canvas)
    return canvas.pc


def _rise(ends: NDArray[np.float64], status: NDArray[np.str_]) -> NDArray[np.float64]:
    finite = np.isfinite(ends)
    if not finite.any():
        raise ValueError(f"Expected a start that ended at a finite −2LL, got none of {ends.size}; see fit.message.")
    claimed = finite & np.isin(status, OPTIMUM)
    return np.where(finite, ends, np.nan) - float(ends[claimed if claimed.any() else finite].min())


def _plateaus(rise: NDArray[np.float64]) -> list[tuple[int, int]]:
    """First and last position of each run of two or more ends at one height."""
    order_of_finite = np.flatnonzero(np.isfinite(rise) & (rise >= -SAME))
    runs = np.split(order_of_finite, np.flatnonzero(np.diff(rise[order_of_finite]) > SAME) + 1)
    return [(int(run[0]), int(run[-1])) for run in runs if run.size > 1]


def _draw_plateaus(canvas: Canvas, sheet: xr.DataArray, rise: NDArray[np.float64], shown: NDArray[np.float64]) -> None:
    runs = _plateaus(rise)

    def line(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        draw = backend_of(canvas).line
        return artists([draw([a + 0.7, b + 1.3], [shown[a], shown[a]], target, **kwargs) for a, b in runs])

    def text(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        write = backend_of(canvas).text
        named = [f"{b - a + 1} at {rise[a] if rise[a] > SAME else 0.0:.3g}" for a, b in runs]
        # above its middle, by a share of a log axis: a text of its own size in every backend
        positions = [((a + b) / 2 + 1, 1.45 * shown[a]) for a, b in runs]
        options = {"vertical_align": "bottom", **kwargs}
        return artists(
            [
                write(*order_of_finite, name, target, **options)
                for order_of_finite, name in zip(positions, named, strict=True)
            ]
        )

    if runs:
        many = {"plateau": len(runs)}
        canvas.draw(line, "plateau", sheet, {"color": GREY, "width": 9, "alpha": 0.25}, artist_dims=many)
        size = text_size(canvas.backend)
        canvas.draw(text, "plateau_text", sheet, {"color": GREY, "size": size}, artist_dims=many)


def _draw_points(
    canvas: Canvas, sheet: xr.DataArray, shown: NDArray[np.float64], status: NDArray[np.str_]
) -> list[str]:
    shown_status = [name for name in [*STYLES, *sorted(set(status) - set(STYLES))] if name in status]

    def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        scatter, rank = backend_of(canvas).scatter, np.arange(1, shown.size + 1)
        drawn = []
        for name in shown_status:
            mine = status == name
            style = STYLES.get(name, OTHER)
            own = {"facecolor": style.colour, "marker": shape(canvas.backend, style.marker or "circle")}
            named = hover_of(canvas.backend, name.replace("_", " "))
            drawn.append(scatter(rank[mine], shown[mine], target, **{**RIM, **own, **named, **kwargs}))
        return artists(drawn)

    size = {"size": marker_size(canvas.backend, "point")}
    canvas.draw(draw, "points", sheet, size, artist_dims={"status": len(shown_status)})
    return shown_status


def _finish(canvas: Canvas, number: int, highest: float) -> None:
    target, backend = canvas.pc.viz["plot"].item(), backend_of(canvas)
    backend.xlim((0.3, number + 0.7), target)
    step = max(1, -(-number // 10))
    ticks = list(range(1, number + 1, step))
    backend.xticks(ticks, [str(tick) for tick in ticks], target)
    set_log_axis(target, canvas.backend, "y", (0.4 * SAME, highest))
    decades = np.arange(np.log10(SAME), np.log10(highest) + 1e-9)[
        :: -(-int(np.log10(highest / SAME) + 1) // MOST_TICKS)
    ]
    names = [f"≤ {SAME:g}", *(f"{height:g}" for height in 10.0 ** decades[1:])]
    backend.yticks((10.0**decades).tolist(), names, target)
    if canvas.backend == "matplotlib":
        target.yaxis.set_minor_locator(NullLocator())
    for axis, text in (("xlabel", "start, sorted"), ("ylabel", "Δ(−2LL) where it ended")):
        canvas.write(axis, text, target)


def _remarks(rise: NDArray[np.float64], agree: bool) -> list[str]:
    """Say what the picture's heights leave out."""
    if agree:
        return [f"all {rise.size} starts ended at one height: none found a −2LL that is lower or higher by {SAME:g}"]
    lower, lost = int((rise < -SAME).sum()), int(np.isnan(rise).sum())
    parts = [f"{lower} below the best optimum, under the foot"] if lower else []
    parts += [f"{lost} not finite, at the top"] if lost else []
    return ["; ".join(parts)] if parts else []
