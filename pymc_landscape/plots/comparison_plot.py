"""``comparison``: from the likelihood's answer to the posterior's, step by step, a row a parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.plots.data import arrow_head, as_dataset, cap, percent, refuse_many, with_gaps
from pymc_landscape.plots.visuals import (
    GREEN,
    GREY,
    LIGHT_GREY,
    LIKELIHOOD,
    POSTERIOR,
    WALD,
    WHITE,
    Canvas,
    Style,
    add_hover,
    add_legend,
    add_note,
    backend_of,
    checked,
    hover_of,
    marker_size,
    new_sheet,
    no_hover,
    shape,
    wrapped,
)

Visual = Literal[
    "wald",
    "profile",
    "hdi",
    "estimate",
    "mode",
    "marginal",
    "mean",
    "prior",
    "volume",
    "zero",
    "legend",
    "xlabel",
    "yticks",
    "note",
]
NEEDED = ("mle", "unit", "wald", "profile", "map", "mean", "hdi", "prior_share", "parameter", "bound")
MOST = 40
WIDTH, ROW, SURROUNDINGS = 6.6, 0.85, 1.6  # inches: of the figure, of a row, and what is around
LINE = 26  # letters of a name's line
# Heights within a row: the likelihood on top, below it what the prior does to the mode, what integrating the other
# parameters out does, how far the mean is from there, and the posterior.
WALD_HEIGHT, PROFILE, PRIOR, INTEGRATED, SKEWNESS, HDI = 0.36, 0.24, 0.09, -0.05, -0.19, -0.34
UP = 0.06
# Nothing is drawn further out than this, in units; open ends go to the limit of the picture.
WIDEST = 40.0
STYLES = {
    "wald": WALD,
    "profile": Style(LIKELIHOOD.colour, "solid", "circle"),
    "prior": Style(GREEN, "dotted", "diamond"),
    "volume": Style(GREY, "long", "plus"),
    "hdi": Style(POSTERIOR.colour, "dashed", "square"),
}
NAMES = {
    "wald": "Wald",
    "profile": "profile, estimate",
    "prior": "prior: to the joint mode",
    "volume": "averaging: to the marginal mode, to the mean",
    "hdi": "posterior HDI, mean",
}
SHARE = "prior … %: how much of the information about the parameter is the prior's."
LEAST, MOST_SHARE = 0.005, 0.995  # shares beyond are less than 1 %, or more than 99 %


def comparison(
    table: xr.Dataset | xr.DataTree,
    *,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Draw the comparison of likelihood and posterior, all parameters in standard errors from the estimate.

    Use it to see for each parameter how far the prior moves the mode, how far integrating the other parameters out
    moves it on, and how far the mean of a skewed posterior is from there, beside how sure either side is. Read
    downwards: Wald's and the profile's interval with the estimate, an arrow from there to the joint mode, one to the
    mode of the parameter's own posterior, one to its mean, the highest-density interval. Under each name stands the
    share of the information that is the prior's. Modes are those on the scale that the model is written on.

    Parameters
    ----------
    table : Dataset or DataTree
        What ``compare_with_posterior`` returns; choose parameters with ``table.sel(parameter=[...])``.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: wald, profile, hdi (the intervals), estimate, mode,
        marginal, mean (dots), prior, volume (arrows), zero (the line of the estimates), legend, note, xlabel, yticks.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With every visual in ``viz``, all parameters in one line with gaps.

    Raises
    ------
    TypeError
        When ``table`` is of another type.
    ValueError
        When it is no such table, or has more than 40 parameters.

    Notes
    -----
    The unit is ``table["unit"]``: the standard error, or what stands for it. Where the estimate is not determined,
    the posterior's mean is in the middle, and the profile goes to both edges of the picture.

    Examples
    --------
    >>> import xarray as xr
    >>> ends = ("parameter", "bound")
    >>> ds = xr.Dataset({name: ("parameter", [x]) for name, x in {"mle": 2.0, "map": 1.0, "mean": 1.5}.items()})
    >>> ds = ds.assign(unit=("parameter", [0.5]), prior_share=("parameter", [0.3]), wald=(ends, [[1.0, 3.0]]))
    >>> ds = ds.assign(profile=ds["wald"], hdi=ds["wald"]).assign_coords(parameter=["mu"], bound=["lower", "upper"])
    >>> line = comparison(ds, backend="none").viz["profile"]["sheet"].item()
    >>> [float(x) for x in line["x"][:2]]
    [-2.0, 2.0]
    """
    asked = checked(visuals, get_args(Visual))
    ds = as_dataset(table, "comparison", NEEDED, "compare_with_posterior")
    ds = ds if "parameter" in ds.dims else ds.expand_dims("parameter")
    refuse_many(ds.sizes["parameter"], MOST, "parameters", "table.sel(parameter=[...])")
    rows = [_row(ds.isel(parameter=i), ds.sizes["parameter"] - 1 - i) for i in range(ds.sizes["parameter"])]
    window = _window(rows)
    canvas, sheet = new_sheet(1, backend, (WIDTH, SURROUNDINGS + ROW * len(rows)), asked, pc_kwargs, figsize)
    _draw(canvas, sheet, rows, window)
    _finish(canvas, rows, window)
    add_legend(canvas, {NAMES[visual]: style for visual, style in STYLES.items() if canvas.wants(visual)}, _title(ds))
    add_note(canvas, [SHARE] if any(np.isfinite(row.share) for row in rows) else [])
    add_hover(canvas)
    return canvas.pc


@dataclass(frozen=True)
class Row:
    """One parameter, in units from the middle; NaN where there is no such number."""

    label: str
    y: float
    mle: float
    mode: float
    marginal_mode: float
    mean: float
    wald: Array
    profile: Array
    hdi: Array
    share: float


def _row(one: xr.Dataset, y: float) -> Row:
    middle = float(one["mle"]) if np.isfinite(one["mle"]) else float(one["mean"])
    unit = float(one["unit"])

    def units(name: str) -> Any:
        return (one[name].values - middle) / unit

    mle, mode, mean = (float(units(name)) for name in ("mle", "map", "mean"))
    marginal_mode = float(units("marginal_mode")) if "marginal_mode" in one else np.nan
    wald, profile, hdi = (units(name) for name in ("wald", "profile", "hdi"))
    label, share = str(one["parameter"].item()), float(one["prior_share"])
    return Row(label, y, mle, mode, marginal_mode, mean, wald, profile, hdi, share)


def _window(rows: Sequence[Row]) -> tuple[float, float]:
    numbers = np.concatenate([[r.mle, r.mode, r.marginal_mode, r.mean, *r.wald, *r.profile, *r.hdi] for r in rows])
    numbers = np.clip(numbers[np.isfinite(numbers)], -WIDEST, WIDEST)
    low, high = min(float(numbers.min()), -2.5), max(float(numbers.max()), 2.5)
    return low - 0.08 * (high - low), high + 0.08 * (high - low)


def _title(ds: xr.Dataset) -> str | None:
    levels = [float(ds.attrs[name]) for name in ("level", "ci_prob") if name in ds.attrs]
    return f"{' and '.join(map(percent, dict.fromkeys(levels)))} intervals" if levels else None


# --- what is drawn ---------------------------------------------------------------------------------------------------


def _interval(endpoints: Array, y: float, window: tuple[float, float]) -> list[Array]:
    """From end to end with caps; an end beyond the picture has an arrow head."""
    if np.isnan(endpoints).any():
        return []
    low, high = float(max(endpoints[0], window[0])), float(min(endpoints[1], window[1]))
    drawn = [np.array([[low, y], [high, y]])]
    across = 0.02 * (window[1] - window[0])
    for endpoint, shown, side in zip(endpoints, (low, high), (-1.0, 1.0), strict=True):
        drawn.append(cap(shown, y, UP) if shown == endpoint else arrow_head((shown, y), side, across, UP))
    return drawn


def _arrow(begin: float, endpoint: float, y: float, above: float, window: tuple[float, float]) -> list[Array]:
    """Return an arrow from one answer to the next, with a line down from where the first one stands."""
    if np.isnan(begin) or np.isnan(endpoint):
        return []
    begin, endpoint = (float(np.clip(x, *window)) for x in (begin, endpoint))
    across = 0.02 * (window[1] - window[0])
    shaft = np.array([[begin, above], [begin, y], [endpoint, y]])
    head = arrow_head((endpoint, y), float(np.sign(endpoint - begin)), across, UP)
    return [shaft, head] if abs(endpoint - begin) > 1.5 * across else [shaft]  # a shorter arrow would be all head


def _volume(row: Row, window: tuple[float, float]) -> list[Array]:
    """Return arrows from the joint mode to the marginal's and on to the mean; one where the second is not known."""
    if np.isnan(row.marginal_mode):
        return _arrow(row.mode, row.mean, row.y + SKEWNESS, row.y + PRIOR, window)
    first = _arrow(row.mode, row.marginal_mode, row.y + INTEGRATED, row.y + PRIOR, window)
    return first + _arrow(row.marginal_mode, row.mean, row.y + SKEWNESS, row.y + INTEGRATED, window)


def _draw(canvas: Canvas, sheet: xr.DataArray, rows: Sequence[Row], window: tuple[float, float]) -> None:
    backend = backend_of(canvas)

    def lines(polylines: Sequence[Array]) -> Any:
        def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
            xy = with_gaps(list(polylines))
            return backend.line(xy[:, 0], xy[:, 1], target, **kwargs) if len(xy) else None

        return draw

    def dots(centers: Sequence[tuple[float, float]]) -> Any:
        def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
            xy = np.array([point for point in centers if np.isfinite(point[0])]).reshape(-1, 2)
            return backend.scatter(xy[:, 0], xy[:, 1], target, **kwargs) if len(xy) else None

        return draw

    upright = [np.array([[0.0, -0.6], [0.0, len(rows) - 0.4]])]
    canvas.draw(lines(upright), "zero", sheet, {"color": LIGHT_GREY, "width": 0.8, **no_hover(canvas.backend)})
    lines_of: dict[str, list[Array]] = {
        "wald": [p for r in rows for p in _interval(r.wald, r.y + WALD_HEIGHT, window)],
        "profile": [p for r in rows for p in _interval(r.profile, r.y + PROFILE, window)],
        "hdi": [p for r in rows for p in _interval(r.hdi, r.y + HDI, window)],
        "prior": [p for r in rows for p in _arrow(r.mle, r.mode, r.y + PRIOR, r.y + PROFILE, window)],
        "volume": [p for r in rows for p in _volume(r, window)],
    }
    for visual, polylines in lines_of.items():
        named = hover_of(canvas.backend, NAMES[visual])
        canvas.draw(lines(polylines), visual, sheet, {**STYLES[visual].line(canvas.backend, 1.7), **named})
    markers = {
        "estimate": ([(r.mle, r.y + PROFILE) for r in rows], "profile"),
        "mode": ([(r.mode, r.y + PRIOR) for r in rows], "prior"),
        "marginal": ([(r.marginal_mode, r.y + INTEGRATED) for r in rows], "volume"),
        "mean": ([(r.mean, r.y + HDI) for r in rows], "hdi"),
    }
    for visual, (centers, what) in markers.items():
        inside, style = [(float(np.clip(x, *window)), y) for x, y in centers], STYLES[what]
        form = {"marker": shape(canvas.backend, style.marker or "circle"), **hover_of(canvas.backend, visual)}
        size = {"size": marker_size(canvas.backend, "estimate"), **form}
        canvas.draw(dots(inside), visual, sheet, {"facecolor": style.colour, "edgecolor": WHITE, "width": 0.8, **size})


def _finish(canvas: Canvas, rows: Sequence[Row], window: tuple[float, float]) -> None:
    backend = backend_of(canvas)
    target = np.ravel(canvas.pc.viz["plot"].values)[0]
    backend.xlim(window, target)
    backend.ylim((-0.6, len(rows) - 0.4), target)
    if canvas.wants("yticks"):
        bottom_up = list(reversed(rows))
        names = [_name(row).replace("\n", "<br>" if canvas.backend == "plotly" else "\n") for row in bottom_up]
        backend.yticks([r.y for r in bottom_up], names, target, **canvas.options("yticks"))
    canvas.write("xlabel", "standard errors from the estimate", target)


def _name(row: Row) -> str:
    label = wrapped(row.label, LINE)
    return f"{label}\nprior {_share(row.share)}" if np.isfinite(row.share) else label


def _share(share: float) -> str:
    """Write a share in whole percent; one that is not 0 or 1 is not written as 0 or 100 %.

    Examples
    --------
    >>> _share(0.354), _share(0.002), _share(0.0), _share(0.999)
    ('35 %', '< 1 %', '0 %', '> 99 %')
    """
    if 0 < share < LEAST:
        return "< 1 %"
    return "> 99 %" if MOST_SHARE < share < 1 else percent(round(min(max(share, 0.0), 1.0), 2))
