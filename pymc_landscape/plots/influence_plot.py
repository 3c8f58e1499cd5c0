"""``influence``: which observations an estimate depends on, and whether the posterior depends on them too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_count
from pymc_landscape.plots.data import as_dataset, refuse_many
from pymc_landscape.plots.visuals import (
    BLUE,
    GREY,
    ORANGE,
    WHITE,
    Canvas,
    Style,
    add_hover,
    add_legend,
    artists,
    backend_of,
    checked,
    hover_of,
    marker_size,
    new_sheet,
    no_hover,
    panel_of,
    shape,
    text_size,
)

Visual = Literal["points", "labels", "zero", "limit", "legend", "title", "xlabel", "ylabel"]
CHANGES = ("exact_change", "one_step", "change")  # the best that there is
ACROSS = {"pareto_k": "Pareto k of LOO", "leverage": "leverage"}
SIZE = (4.6, 4.0)
MARGIN = 0.12  # of the range of the numbers, on each side
NEAR = (0.16, 0.07)  # of a panel: labels closer than this would overlap
NEEDED = ("standard_error", "observation", "parameter")
LIMIT = Style(GREY, "dashed")
MOST = 6  # panels that can be read beside each other


def influence(
    influence: xr.Dataset | xr.DataTree,
    *,
    labels: int = 4,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Draw the change of each estimate without an observation against LOO's Pareto k, a panel a parameter.

    Use it to see whether the likelihood and the posterior depend on the same observations: a point
    far from the level line moves the estimate; for one to the right of the dashed line Pareto k is too high, and LOO is
    unreliable for that observation.

    Parameters
    ----------
    influence : Dataset or DataTree
        What ``influence`` of the package returns; choose parameters with ``.sel(parameter=...)``.
    labels : int
        How many observations a panel names, those of the largest changes; fewer where names would
        overlap.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: points, labels, zero (the level
        line), limit (of Pareto k), legend, title, xlabel, ylabel.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With every visual in ``viz``, over the dim ``panel`` where there are several parameters.

    Raises
    ------
    TypeError
        When ``influence`` is of another type.
    ValueError
        When it has no changes, or more than six parameters.

    Notes
    -----
    Changes are in standard errors, by refits where there are some, else by one Newton step. Without
    a posterior the axis across is the leverage.

    Examples
    --------
    >>> import xarray as xr
    >>> names = {"observation": ["y[0]", "y[1]"], "parameter": ["mu"]}
    >>> data = {"one_step": (list(names), [[0.1], [-0.3]]), "standard_error": ("parameter", [0.2])}
    >>> found = xr.Dataset({**data, "leverage": ("observation", [0.4, 0.6])}, names)
    >>> pc = influence(found, backend="none")
    >>> pc.viz["points"]["sheet"].item()["y"].round(3).tolist()
    [0.5, -1.5]
    """
    asked = checked(visuals, get_args(Visual))
    labels = checked_count("labels", labels, at_least=0)
    ds = _checked(as_dataset(influence, "influence", NEEDED, "influence"))
    change = next(name for name in CHANGES if name in ds)
    across = next(name for name in ACROSS if name in ds)
    y = (ds[change] / ds["standard_error"]).transpose("parameter", "observation").values
    x = ds[across].values.astype(float)
    canvas, sheet = new_sheet(len(y), backend, SIZE, asked, pc_kwargs, figsize)
    limit = float(ds.attrs["good_k"]) if across == "pareto_k" and "good_k" in ds.attrs else np.inf
    ranges = [(_range(x, limit), _range(row, 0.0)) for row in y]
    _draw_lines(canvas, sheet, ranges, limit)
    _draw_points(canvas, sheet, x, y, limit)
    _draw_labels(canvas, sheet, x, y, ds["observation"].values.astype(str), labels, ranges)
    _finish(canvas, sheet, ds["parameter"].values.astype(str), ranges, ACROSS[across])
    if np.isfinite(limit):
        beyond = {"beyond the limit": Style(ORANGE, None, "diamond")} if (x > limit).any() else {}
        add_legend(canvas, {"observation": Style(BLUE, None, "circle"), **beyond, f"limit {limit:.2g}": LIMIT})
    add_hover(canvas)
    return canvas.pc


def _checked(data: xr.Dataset) -> xr.Dataset:
    if not set(CHANGES) & set(data) or not set(ACROSS) & set(data):
        raise ValueError(
            f"Expected the Dataset from influence, got one of {list(data)} without changes of estimates or without "
            "what stands across; pass what influence returns."
        )
    data = data if "parameter" in data.dims else data.expand_dims("parameter")
    refuse_many(data.sizes["parameter"], MOST, "parameters", "influence.sel(parameter=[...])")
    return data


def _range(values: Array, also: float) -> tuple[float, float]:
    """Limits of an axis that shows all values, and another number where it is finite."""
    shown = np.append(values[np.isfinite(values)], [also] if np.isfinite(also) else [])
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (0.0, 1.0)
    room = MARGIN * ((high - low) or 1.0)
    return low - room, high + room


Ranges = list[tuple[tuple[float, float], tuple[float, float]]]


def _draw_lines(canvas: Canvas, sheet: xr.DataArray, ranges: Ranges, limit: float) -> None:
    def level(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        return backend_of(canvas).line(ranges[panel_of(da)][0], [0.0, 0.0], target, **kwargs)

    def upright(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        return backend_of(canvas).line([limit, limit], ranges[panel_of(da)][1], target, **kwargs)

    canvas.draw(level, "zero", sheet, {"color": GREY, "width": 0.8, **no_hover(canvas.backend)})
    if np.isfinite(limit):
        canvas.draw(upright, "limit", sheet, LIMIT.line(canvas.backend, 1.2))


def _draw_points(canvas: Canvas, sheet: xr.DataArray, x: Array, y: Array, limit: float) -> None:
    def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        row = y[panel_of(da)]
        shown = np.isfinite(row) & np.isfinite(x)
        return backend_of(canvas).scatter(x[shown], row[shown], target, **kwargs)

    def again(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        row = y[panel_of(da)]
        high = np.isfinite(row) & (x > limit)
        drawn = [draw(da, target, **kwargs)]
        ink = {**kwargs, "facecolor": ORANGE, "marker": shape(canvas.backend, "diamond")}
        return artists([*drawn, backend_of(canvas).scatter(x[high], row[high], target, **ink)])

    ink = {"size": marker_size(canvas.backend, "point"), "facecolor": BLUE, "edgecolor": WHITE, "width": 0.6}
    ink |= hover_of(canvas.backend, "observation")
    if np.isfinite(limit):
        canvas.draw(again, "points", sheet, ink, artist_dims={"kind": 2})
    else:
        canvas.draw(draw, "points", sheet, ink)


def named(x: Array, y: Array, most: int, ranges: tuple[tuple[float, float], tuple[float, float]]) -> list[int]:
    """Choose the points to be named: the largest changes, less those too near to one that is."""
    wide, tall = (high - low for low, high in ranges)
    chosen: list[int] = []
    for i in np.argsort(-np.abs(np.nan_to_num(y)), kind="stable")[:most]:
        near = [j for j in chosen if abs(x[i] - x[j]) < NEAR[0] * wide and abs(y[i] - y[j]) < NEAR[1] * tall]
        if np.isfinite(x[i]) and np.isfinite(y[i]) and not near:
            chosen.append(int(i))
    return chosen


def _draw_labels(
    canvas: Canvas, sheet: xr.DataArray, x: Array, y: Array, words: NDArray[np.str_], most: int, ranges: Ranges
) -> None:
    which = [named(x, row, most, limits) for row, limits in zip(y, ranges, strict=True)]

    def write(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        panel = panel_of(da)
        (low_x, high_x), (low, high) = ranges[panel]
        lift, drawn = 0.025 * (high - low), []
        for i in which[panel]:
            side = np.sign(y[panel][i]) or 1.0  # away from the level line
            alignment = {"vertical_align": "bottom" if side > 0 else "top"}
            alignment["horizontal_align"] = "right" if x[i] > low_x + 0.75 * (high_x - low_x) else "left"
            text = backend_of(canvas).text
            drawn.append(text(x[i], y[panel][i] + side * lift, words[i], target, **{**alignment, **kwargs}))
        return artists(drawn)

    count = max((len(chosen) for chosen in which), default=0)
    if count and all(len(chosen) == count for chosen in which):
        canvas.draw(write, "labels", sheet, _ink(canvas), artist_dims={"label": count})
    elif count:
        canvas.draw(lambda da, target, **kw: _one(write(da, target, **kw)), "labels", sheet, _ink(canvas))


def _ink(canvas: Canvas) -> dict[str, Any]:
    return {"color": GREY, "size": text_size(canvas.backend)}


def _one(drawn: Any) -> Any:
    """Stand for artists whose number differs from panel to panel by the first of them."""
    return next(iter(np.ravel(drawn)), None)


def _finish(canvas: Canvas, sheet: xr.DataArray, names: NDArray[np.str_], ranges: Ranges, across: str) -> None:
    backend = backend_of(canvas)

    def limits(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        panel = panel_of(da)
        backend.xlim(ranges[panel][0], target)
        backend.ylim(ranges[panel][1], target)
        canvas.write("xlabel", across, target)
        if panel == 0:
            canvas.write("ylabel", "change without it, in standard errors", target)
        if not canvas.wants("title"):
            return None
        return backend.title(names[panel], target, **{"size": text_size(canvas.backend), **canvas.options("title")})

    canvas.pc.map(limits, "title", data=sheet.to_dataset(), ignore_aes=canvas.pc.aes_set)
