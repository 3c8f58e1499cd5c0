"""``band``: pointwise intervals of a curve, by the likelihood and by the posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection
from numpy.typing import ArrayLike

from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_array, checked_choice, wrong_type
from pymc_landscape.plots.data import (
    CredibleKind,
    Curve,
    Strip,
    check_draws_options,
    curve_of,
    gather_bars,
    level_title,
    levels_of,
    posterior_rows,
    with_gaps,
)
from pymc_landscape.plots.visuals import (
    BLACK,
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
)

Visual = Literal["band", "edge", "center", "data", "legend", "note", "xlabel", "ylabel"]
SIZE = (6.4, 4.4)


def band(
    intervals: xr.Dataset | xr.DataTree | Mapping[str, xr.Dataset],
    *more: xr.Dataset | xr.DataTree | Mapping[str, xr.Dataset],
    x: ArrayLike | None = None,
    dt: xr.DataTree | xr.Dataset | None = None,
    data: tuple[ArrayLike, ArrayLike] | None = None,
    var_name: str | None = None,
    ci_kind: CredibleKind = "hdi",
    group: str = "posterior",
    sample_dims: str | Sequence[str] | None = None,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Draw intervals of a curve as a band, beside those of the posterior.

    Use it for predictions: a Deterministic ``curve`` with an element for each value of `x` has profile intervals as any
    parameter has, and they are the band. It holds point by point, not for the whole curve at once.

    Parameters
    ----------
    intervals : Dataset, DataTree, or mapping
        What ``confidence_intervals(fit, "curve")`` returns, with one or several methods and levels; a mapping gives
        names of your own. Of several levels, the lower ones are darker.
    *more : Dataset, DataTree, or mapping
        More of them, of the same curve.
    x : array_like (n,), optional
        Positions of the elements on the horizontal axis; its name, if it has one, is the label. Defaults to the
        coordinate in the elements' labels (``curve[0.5]``), else to 0, 1, ....
    dt : DataTree or Dataset, optional
        Draws of the posterior with the same Deterministic, whose band of the same levels is added.
    data : (array_like, array_like), optional
        Observed points, horizontal and vertical.
    var_name : str, optional
        Which curve, where there are intervals of more than one variable.
    ci_kind : {"hdi", "eti"}, default "hdi"
        Whether the posterior's band is of highest density or has equal tails.
    group : str, default "posterior"
        Group of ``dt`` with the draws.
    sample_dims : str or sequence of str, optional
        Dims of the draws. Defaults to ``rcParams["data.sample_dims"]``.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: band, edge, center (the estimate's curve, and the
        posterior's), data, legend, note, xlabel, ylabel.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With ``band`` (dims ``interval_method``, ``level``, ``run``), ``edge`` (``interval_method``, ``level``),
        ``center`` (``interval_method``)
        and ``data`` in ``viz``.

    Raises
    ------
    TypeError
        When something is of another type.
    ValueError
        When there are no intervals of a curve, or of several; when `x` or `data` have other lengths; when there are no
        draws.

    Notes
    -----
    An open end reaches the limit of the panel; an end that was not found leaves a gap. Bands by the profile are
    filled, or where there are none those of the first method; of the others only the two lines of ends are drawn.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> ends = np.array([[0.0, 1.0], [1.0, 3.0], [1.5, np.inf]])
    >>> ds = xr.Dataset({"interval": (("parameter", "bound"), ends), "estimate": ("parameter", [0.5, 2.0, 2.5])})
    >>> ds["status"] = ("parameter", "bound"), [["finite"] * 2, ["finite"] * 2, ["finite", "open"]]
    >>> ds = ds.assign_coords(parameter=["f[0]", "f[1]", "f[2]"], bound=["lower", "upper"], interval_method="profile")
    >>> pc = band(ds, x=[10, 20, 30], backend="none")
    >>> filled = pc.viz["band"]["sheet"].values[0, 0, 0]
    >>> filled["x"].tolist(), filled["y_bottom"].tolist()
    ([10.0, 20.0, 30.0], [0.0, 1.0, 1.5])
    """
    asked = checked(visuals, get_args(Visual))
    check_draws_options(group, sample_dims)
    checked_choice("ci_kind", ci_kind, get_args(CredibleKind))
    rows = gather_bars([intervals, *more])
    curve = curve_of(rows, var_name, x)
    rows = {name: {label: bars[label] for label in curve.labels if label in bars} for name, bars in rows.items()}
    if dt is not None:
        name = f"posterior {ci_kind.upper()}"
        rows[name] = posterior_rows(rows, levels_of([intervals]), dt, group, sample_dims, ci_kind)
    strips = {name: curve.strips(bars) for name, bars in rows.items()}
    points = _checked(data)
    window = curve.window(strips, points)
    canvas, sheet = new_sheet(1, backend, SIZE, asked, pc_kwargs, figsize)
    _draw(canvas, sheet, curve, strips, window, method_styles(rows))
    _draw_data(canvas, sheet, points)
    _finish(canvas, curve, points, window)
    lines = {name: replace(style, marker=None) for name, style in method_styles(rows).items()}
    observed = {} if points is None else {"data": Style(BLACK, None, "circle")}
    add_legend(canvas, lines | observed, level_title(rows))
    add_note(canvas, ["Thick: the estimate. Thin: the ends of the intervals."])
    add_hover(canvas)
    return canvas.pc


def _checked(data: Any) -> Array | None:
    """Observed points (n, 2)."""
    if data is None:
        return None
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise wrong_type("data to be a pair (x, y)", data, "give two arrays of one length")
    x, y = (np.ravel(checked_array("data", one)) for one in data)
    if x.size != y.size:
        raise ValueError(f"Expected as many x as y in data, got {x.size} and {y.size}: give pairs.")
    return np.column_stack([x, y])


def _filled(names: Sequence[str]) -> list[str]:
    """Return which bands are filled: overlapping fills of several methods could not be told apart."""
    return [name for name in names if "profile" in name.split()] or [names[0]]


def _draw(
    canvas: Canvas,
    sheet: xr.DataArray,
    curve: Curve,
    strips: Mapping[str, Sequence[Strip]],
    window: tuple[float, float],
    styles: Mapping[str, Style],
) -> None:
    backend = backend_of(canvas)
    levels = max(len(several) for several in strips.values())
    runs = max(len(strip.runs()) for several in strips.values() for strip in several)

    filled = _filled(list(strips))

    def thin(name: str) -> dict[str, Any]:
        return styles[name].line(canvas.backend, 1.2) | hover_of(canvas.backend, name)

    def thick(name: str) -> dict[str, Any]:
        return styles[name].line(canvas.backend, 2.2) | hover_of(canvas.backend, f"{name}: estimate")

    def bands(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn = np.empty((len(strips), levels, max(runs, 1)), dtype=object)
        for i, (name, several) in enumerate(strips.items()):
            for j, strip in enumerate(several if name in filled else []):
                for k, at in enumerate(strip.runs()):
                    low, high = np.clip(strip.lower[at], *window), np.clip(strip.upper[at], *window)
                    own = {"color": styles[name].colour, **kwargs}
                    drawn[i, j, k] = backend.fill_between_y(curve.x[at], low, high, target, **own)
        return drawn

    def boundaries(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn = np.empty((len(strips), levels), dtype=object)
        for i, (name, several) in enumerate(strips.items()):
            for j, strip in enumerate(several):
                both = [np.column_stack([curve.x, np.where(np.isfinite(e), e, np.nan)]) for e in strip.ends]
                drawn[i, j] = _line(
                    with_gaps(both),
                    target,
                    {**thin(name), **kwargs},
                )
        return drawn

    def _line(xy: Array, target: Any, kwargs: dict[str, Any]) -> Any:
        return backend.line(xy[:, 0], xy[:, 1], target, **kwargs)

    def centers(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        drawn: list[Any] = [None] * len(strips)
        for i in reversed(
            _distinct([several[0].center for several in strips.values()], [name in filled for name in strips])
        ):
            name = list(strips)[i]
            xy = np.column_stack([curve.x, strips[name][0].center])
            drawn[i] = _line(
                xy,
                target,
                {**thick(name), **kwargs},
            )
        return artists(drawn)

    many, both = {"interval_method": len(strips)}, {"interval_method": len(strips), "level": levels}
    canvas.draw(bands, "band", sheet, {"alpha": 0.2}, artist_dims={**both, "run": max(runs, 1)})
    canvas.draw(boundaries, "edge", sheet, artist_dims=both)
    canvas.draw(centers, "center", sheet, artist_dims=many)


def _distinct(centers: Sequence[Array], first: Sequence[bool]) -> list[int]:
    """Return which curves to draw: of methods that share an estimate one, that with a filled band."""
    order = sorted(range(len(centers)), key=lambda i: not first[i])
    return [i for n, i in enumerate(order) if not any(np.array_equal(centers[i], centers[j]) for j in order[:n])]


def _draw_data(canvas: Canvas, sheet: xr.DataArray, points: Array | None) -> None:
    def dots(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        return backend_of(canvas).scatter(points[:, 0], points[:, 1], target, **kwargs) if points is not None else None

    if points is not None:
        canvas.draw(dots, "data", sheet, {"color": BLACK, "size": marker_size(canvas.backend, "traced point")})


def _finish(canvas: Canvas, curve: Curve, points: Array | None, window: tuple[float, float]) -> None:
    backend, target = backend_of(canvas), canvas.pc.viz["plot"].item()
    seen = np.concatenate([curve.x, points[:, 0]]) if points is not None else curve.x
    margin = 0.02 * float(np.ptp(seen))
    backend.xlim((float(seen.min()) - margin, float(seen.max()) + margin), target)
    backend.ylim(window, target)
    for visual, text in (("xlabel", curve.x_name), ("ylabel", curve.name)):
        canvas.write(visual, text, target)
