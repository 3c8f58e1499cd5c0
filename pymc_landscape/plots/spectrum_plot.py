"""``spectrum``: how strongly the surface bends in each direction, and which way it is flattest."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_base import rcParams
from arviz_plots import PlotCollection
from numpy.typing import NDArray

from pymc_landscape.arguments import checked_count
from pymc_landscape.plots.data import as_dataset
from pymc_landscape.plots.visuals import (
    BLUE,
    GREY,
    LIGHT_GREY,
    MIDDLE_GREY,
    ORANGE,
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
    panel_of,
    set_log_axis,
    shape,
    text_size,
    wrapped,
)

Visual = Literal["points", "stem", "loading", "zero", "legend", "xlabel", "ylabel", "title"]
NAMES = {
    "positive: rises both ways": Style(BLUE, None, "circle"),
    "negative: falls both ways": Style(ORANGE, None, "square"),
    "zero within rounding: flat": Style(MIDDLE_GREY, None, "diamond"),
}
ROUNDING = 1e-13  # of the largest eigenvalue: the sign of what is smaller is chance
MOST = 12  # loadings that can be read beside each other
BUTT = {"matplotlib": {"solid_capstyle": "butt"}}  # its lines reach beyond their ends, past zero
RANGE = 1e-18  # of the largest: what is smaller, and zero, stands at the foot
LINE = 44  # letters of a title's line
NAME = 24  # letters of a line of a parameter's name
SIZE = (4.4, 4.2)


def spectrum(
    spectrum: xr.Dataset | xr.DataTree,
    *,
    directions: int | None = None,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Draw the eigenvalues of the Hessian on a log axis, and the flattest directions beside them.

    Use it to see which combinations of parameters the data determine, and which not: eigenvalues
    evenly spread over many decades are a sloppy model, one near zero is a ridge.

    Parameters
    ----------
    spectrum : Dataset or DataTree
        What ``hessian_spectrum`` returns.
    directions : int, optional
        How many directions to show, flattest first. Defaults to those that have a note, one at
        least and two at most.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: points and stem (eigenvalues),
        loading and zero (directions), legend, xlabel, ylabel, title.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With every visual in ``viz``, over the dim ``panel``: 0 holds the eigenvalues, the others a
        direction each; ``points`` has the dim ``sign`` (positive, negative, zero within rounding).

    Raises
    ------
    TypeError
        When ``spectrum`` is of another type.
    ValueError
        When it has no eigenvalues, or fewer directions than asked for.

    Notes
    -----
    A direction's sign is arbitrary: its largest loading is drawn positive. Only the twelve largest
    loadings are drawn.

    Examples
    --------
    >>> import numpy as np, pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
    ...     y = pm.Normal("y", a + b * np.array([-1.0, 0.0, 1.0]), 1.0, observed=[0.2, 1.4, 0.9])
    >>> pc = spectrum(pml.hessian_spectrum(model, at={"a": 0.0, "b": 0.0}), backend="none")
    >>> pc.viz["points"]["sheet"].values[0, 0]["y"].round(6).tolist()
    [6.0, 4.0]
    """
    asked = checked(visuals, get_args(Visual))
    ds = as_dataset(spectrum, "spectrum", ("eigenvalue", "eigenvector", "direction"), "hessian_spectrum")
    shown = _flattest(ds, directions)
    canvas, sheet = _new_sheet(ds, shown, backend, asked, pc_kwargs, figsize)
    values = ds["eigenvalue"].values.astype(float)
    limits = _limits(values)
    _draw_values(canvas, sheet, values, limits[0])
    _draw_loadings(canvas, sheet, ds, shown)
    _finish(canvas, ds, shown, limits)
    shown_signs = [name for name, mine in zip(NAMES, _signs(values), strict=True) if mine.any()]
    add_legend(canvas, {name: NAMES[name] for name in shown_signs})
    add_hover(canvas)
    return canvas.pc


def _new_sheet(
    ds: xr.Dataset,
    shown: list[int],
    backend: str | None,
    asked: dict[str, Any],
    pc_kwargs: dict[str, Any],
    figsize: tuple[float, float] | None,
) -> tuple[Canvas, xr.DataArray]:
    """Make a sheet whose panels leave room for the names of the parameters between them."""
    names = [label for i in shown for label in _loadings(ds, i)[0]]
    longest = max((len(line) for name in names for line in name.splitlines()), default=0)
    beside = 0.075 * max(longest - 8, 0)  # inches
    rows = max((sum(len(label.splitlines()) for label in _loadings(ds, i)[0]) for i in shown), default=0)
    size = (SIZE[0] + beside, max(SIZE[1], 0.19 * rows + 1.5))
    count = 1 + len(shown)
    if (backend or rcParams["plot.backend"]) == "plotly" and count > 1:
        room = {"plot_hspace": (0.9 + beside) / (size[0] * count)}
        pc_kwargs = {**pc_kwargs, "figure_kwargs": {**room, **(pc_kwargs.get("figure_kwargs") or {})}}
    return new_sheet(count, backend, size, asked, pc_kwargs, figsize)


def _flattest(ds: xr.Dataset, number: int | None) -> list[int]:
    """Positions of the flattest directions, those with a note first."""
    size = ds.sizes["direction"]
    if number is not None:
        number = checked_count("directions", number, at_least=0, at_most=size, advice="the spectrum has no more")
    noted = np.array([bool(_note(ds, i)) for i in range(size)])
    order = np.lexsort([np.abs(ds["eigenvalue"].values), ~noted])
    default = int(np.clip(noted.sum(), 1, 2))
    return [int(i) for i in order[: default if number is None else number]]


def _note(ds: xr.Dataset, direction: int) -> str:
    return str(ds["note"].values[direction]).strip() if "note" in ds.variables else ""


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    size = np.abs(values[np.isfinite(values)])
    high = size.max(initial=0.0) or 1.0
    low = max(size.min(where=size > 0, initial=high), RANGE * high)
    return 0.3 * low, 3.0 * high


def _signs(values: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
    """Tell which eigenvalues are positive, which negative, and which zero within rounding."""
    flat = np.abs(values) <= ROUNDING * np.abs(values).max(initial=0.0)
    return [(values > 0) & ~flat, (values < 0) & ~flat, flat]


def _draw_values(canvas: Canvas, sheet: xr.DataArray, values: NDArray[np.float64], foot: float) -> None:
    rank, height = np.arange(1, values.size + 1), np.maximum(np.abs(values), 1.3 * foot)

    def stems(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        if panel_of(da) > 0:
            return None
        rows = np.stack([np.full(rank.size, foot), height, np.full(rank.size, np.nan)], axis=1)
        return backend_of(canvas).line(np.repeat(rank, 3), rows.ravel(), target, **kwargs)

    def points(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn: NDArray[np.object_] = artists([None, None, None])
        for i, (mine, style) in enumerate(zip(_signs(values), NAMES.values(), strict=True)):
            if panel_of(da) == 0 and mine.any():
                own = {"marker": shape(canvas.backend, style.marker or "circle"), "facecolor": style.colour}
                pen = {**own, "edgecolor": style.colour, **hover_of(canvas.backend, "eigenvalue"), **kwargs}
                drawn[i] = backend_of(canvas).scatter(rank[mine], height[mine], target, **pen)
        return drawn

    canvas.draw(stems, "stem", sheet, {"color": LIGHT_GREY, "width": 1})
    canvas.draw(points, "points", sheet, {"size": marker_size(canvas.backend, "point")}, artist_dims={"sign": 3})


def _loadings(ds: xr.Dataset, direction: int) -> tuple[list[str], NDArray[np.float64], int]:
    """Largest loadings, smallest first, with their labels, and how many are left out."""
    vector = ds["eigenvector"].transpose("direction", "parameter").values[direction].astype(float)
    vector = vector * (np.sign(vector[np.abs(vector).argmax()]) or 1.0)
    order = np.argsort(np.abs(vector), kind="stable")[-MOST:]
    names = [wrapped(str(label), NAME) for label in ds["parameter"].values[order]]
    return names, vector[order], vector.size - order.size


def _draw_loadings(canvas: Canvas, sheet: xr.DataArray, ds: xr.Dataset, shown: list[int]) -> None:
    def bars(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        if panel_of(da) == 0:
            return None
        _, values, _ = _loadings(ds, shown[panel_of(da) - 1])
        rows = np.stack([np.zeros(values.size), values, np.full(values.size, np.nan)], axis=1)
        row = np.repeat(np.arange(values.size, dtype=float), 3)
        return backend_of(canvas).line(rows.ravel(), row, target, **kwargs)

    def zero(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        return backend_of(canvas).vline(0.0, target, **kwargs) if panel_of(da) else None

    if shown:
        width = {"color": GREY, "width": 7} | BUTT.get(canvas.backend, {})
        canvas.draw(bars, "loading", sheet, width)
        canvas.draw(zero, "zero", sheet, {"color": GREY, "width": 1})


def _finish(canvas: Canvas, ds: xr.Dataset, shown: list[int], limits: tuple[float, float]) -> None:
    backend, plots = backend_of(canvas), canvas.pc.viz["plot"].values
    targets = [plots.item()] if plots.ndim == 0 else list(plots.flat)
    number = ds.sizes["direction"]
    set_log_axis(targets[0], canvas.backend, "y", limits)
    backend.xlim((0.4, number + 0.6), targets[0])
    ticks = list(range(1, number + 1, -(-number // 10)))
    backend.xticks(ticks, [str(tick) for tick in ticks], targets[0])
    _name(canvas, targets[0], "direction", "size of the eigenvalue", _summary(ds))
    for target, direction in zip(targets[1:], shown, strict=True):
        labels, values, left_out = _loadings(ds, direction)
        broken = "<br>" if canvas.backend == "plotly" else "\n"
        backend.yticks(list(range(len(labels))), [label.replace("\n", broken) for label in labels], target)
        backend.ylim((-0.6, len(labels) - 0.4), target)
        backend.xlim((min(-0.05, 1.15 * values.min()), 1.15 * values.max()), target)
        more = f", largest {len(labels)} of {len(labels) + left_out}" if left_out else ""
        _name(canvas, target, f"loading{more}", "", _title(ds, direction))


def _summary(ds: xr.Dataset) -> str:
    number = float(ds.attrs.get("condition_number", np.nan))
    return "" if np.isnan(number) else f"condition number {number:.3g}"


def _title(ds: xr.Dataset, direction: int) -> str:
    head = f"direction {direction + 1}, eigenvalue {float(ds['eigenvalue'].values[direction]):.3g}"
    return "\n".join([head, *fill(_note(ds, direction), LINE).splitlines()])


def _name(canvas: Canvas, target: Any, x: str, y: str, title: str) -> None:
    small = {"size": text_size(canvas.backend) + 1}
    for visual, text, options in (("xlabel", x, {}), ("ylabel", y, {}), ("title", title, small)):
        if text:
            canvas.write(visual, text, target, options)
