"""``regions``: joint confidence regions of pairs, alone or as a matrix, with profiles on its diagonal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection

from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_choice
from pymc_landscape.plots.data import (
    as_dataset,
    check_draws_options,
    draws_of,
    join,
    percent,
    refuse_many,
    segments,
    with_gaps,
)
from pymc_landscape.plots.visuals import (
    GREY,
    LIKELIHOOD,
    METHODS,
    ORANGE,
    POSTERIOR,
    WALD,
    Canvas,
    Matrix,
    Scale,
    Style,
    Window,
    add_hover,
    add_legend,
    add_note,
    artists,
    backend_of,
    checked,
    draw_panel,
    hover_of,
    marker_size,
    new_sheet,
    panel_of,
    text_size,
    wrapped,
)

Visual = Literal[
    "region",
    "sketch",
    "ellipse",
    "arrow",
    "draws",
    "hdi",
    "center",
    "level_text",
    "curve",
    "wald",
    "posterior",
    "cutoff",
    "end",
    "points",
    "estimate",
    "mark",
    "legend",
    "xlabel",
    "ylabel",
    "note",
]
# What a panel of the diagonal shows, in a note.
DIAGONAL = {
    "zeta": "Diagonal: ζ, the signed root of Δ(−2LL), a straight line where −2LL is a parabola; lines across it are at "
    "the same levels, for one parameter.",
    "delta": "Diagonal: Δ(−2LL) of one parameter; lines across it are at the same levels, for one parameter.",
}
NEEDED = ("delta_minus2ll", "status", "piece", "estimate", "parameter", "level", "vertex")
OF_PROFILE = ("value", "zeta", "slope", "status", "estimate", "standard_error", "parameter", "step")
MOST = 8
LINE = 24  # letters of a name's line
ONE, MANY = (6.0, 4.8), (3.0, 2.6)
SCALES = {"zeta": "ζ", "delta": "Δ(−2LL)"}


def regions(
    contours: xr.Dataset | xr.DataTree | Sequence[xr.Dataset | xr.DataTree],
    *,
    profile: xr.Dataset | xr.DataTree | None = None,
    scale: Scale = "zeta",
    dt: xr.DataTree | xr.Dataset | None = None,
    group: str = "posterior",
    sample_dims: str | Sequence[str] | None = None,
    num_samples: int = 300,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    r"""Draw joint confidence regions, a panel a pair.

    Use it to see which parameters make up for one another, where a region bends, falls apart or has no end, and how far
    the ellipse is off. Of several methods for one pair, the exact edge lies on top.

    Parameters
    ----------
    contours : Dataset, DataTree, or sequence of them
        What ``confidence_contour`` returns, for one pair or several, by one method or several; or a tree with the
        groups ``contour``, ``contour_2``, ....
    profile : Dataset or DataTree, optional
        What ``profile_likelihood`` returns: profiles on the diagonal, for those parameters that it has.
    scale : {"zeta", "delta"}, default "zeta"
        Of the profiles: straight lines where a likelihood is normal, or parabolas.
    dt : DataTree or Dataset, optional
        Draws of the posterior: some of them as dots, and regions of highest density that hold as much of them as the
        levels say.
    group : str, default "posterior"
        Group of ``dt`` with the draws.
    sample_dims : str or sequence of str, optional
        Dims of the draws. Defaults to ``rcParams["data.sample_dims"]``.
    num_samples : int, default 300
        How many dots in a panel, at most.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: region (the exact edge), sketch (from the traces),
        ellipse (Wald's), arrow (where an edge goes on for ever), draws, hdi (the posterior's regions), center (the
        estimate), level_text (one panel only, unless asked for), legend, note, xlabel, ylabel; on the diagonal
        curve, wald, posterior, cutoff, end, points, estimate, mark.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With every visual in ``viz``, over the dim ``panel``: row by row, those without a pair empty.

    Raises
    ------
    TypeError
        When something given is of another type.
    ValueError
        When something given is no contour or no profile, there are more than 8 parameters, or no draws of any.

    Notes
    -----
    Lines go through all vertices, and between them smoothly. An edge along that of a support is part of the line, as
    far as where the last two vertices beside it lead; an open side stays open, with an arrow head where the line ends
    or leaves the picture; a vertex that could not be found leaves a gap. The diagonal's cut-offs are those of one
    parameter, :math:`\chi^2_1`, of the same levels.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    >>> ring = {"a": 1 + np.cos(turn), "b": 5 + 2 * np.sin(turn), "delta_minus2ll": 5.99 + 0 * turn}
    >>> ds = xr.Dataset({name: (("level", "vertex"), [row]) for name, row in ring.items()})
    >>> ds["status"] = ("level", "vertex"), [["finite"] * 24]
    >>> ds = ds.assign(estimate=("parameter", [1.0, 5.0])).assign_coords(level=[0.95], parameter=["a", "b"])
    >>> ds = ds.assign_coords(piece=(("level", "vertex"), [[0] * 24])).assign_attrs(method="exact")
    >>> pc = regions(ds, backend="none")
    >>> line = pc.viz["region"]["sheet"].item()
    >>> len(line["x"]), bool(line["x"][0] == line["x"][-1])
    (145, True)
    """
    asked = checked(visuals, get_args(Visual))
    num_samples = check_draws_options(group, sample_dims, num_samples)
    checked_choice("scale", scale, get_args(Scale))
    sheets = [as_dataset(one, "contour", NEEDED, "confidence_contour") for one in _several(contours)]
    for contour in sheets:
        if "interval_method" in contour.dims:
            names = ", ".join(contour["interval_method"].values.tolist())
            raise ValueError(f"Expected contours of one method each, got {names}: choose by .sel(interval_method=...).")
    of_one = None if profile is None else as_dataset(profile, "profile", OF_PROFILE, "profile_likelihood")
    matrix = Matrix(sheets, of_one, scale)
    if dt is not None:
        matrix = replace(matrix, draws=draws_of(matrix.labels, dt, group, sample_dims))
    refuse_many(len(matrix.labels), MOST, "parameters", "fewer contours")
    size = ONE if matrix.is_one else MANY
    options = {"col_wrap": matrix.width, **pc_kwargs}
    canvas, sheet = new_sheet(matrix.width**2, backend, size, asked, options, figsize)
    _draw_posterior(canvas, sheet, matrix, num_samples)
    _draw(canvas, sheet, matrix)
    _finish(canvas, matrix)
    _name(canvas, matrix)
    return canvas.pc


def _several(contours: Any) -> list[Any]:
    """Return what was given one by one; of a tree, its groups of contours."""
    if isinstance(contours, xr.DataTree):
        groups = [name for name in contours.children if str(name).split("_")[0] == "contour"]
        return [contours.children[name].to_dataset() for name in groups] or [contours]
    return list(contours) if isinstance(contours, list | tuple) else [contours]


def _name(canvas: Canvas, matrix: Matrix) -> None:
    entries: dict[str, str | Style] = {
        name: style for method, (_, style, name) in METHODS.items() if method in matrix.methods
    }
    if matrix.profile is not None:
        entries |= {METHODS["wald"][2]: WALD} | ({"profile": LIKELIHOOD} if "exact" not in matrix.methods else {})
    if matrix.draws:
        entries["posterior"] = POSTERIOR
    entries["estimate"] = Style(ORANGE, None, "circle")
    add_legend(canvas, entries, f"{' and '.join(map(percent, matrix.levels))} regions")
    remarks = ["A region's level is for the two parameters together."]
    if matrix.panels:
        remarks.append(DIAGONAL[matrix.scale])
    add_note(canvas, remarks)
    add_hover(canvas)


def _draw_posterior(canvas: Canvas, sheet: xr.DataArray, matrix: Matrix, number: int) -> None:
    backend = backend_of(canvas)

    def dots(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        cloud = matrix.cloud(panel_of(da))
        if cloud is None:
            return None
        xy = cloud.thinned(number)
        return backend.scatter(xy[:, 0], xy[:, 1], target, **kwargs)

    def density_regions(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        cloud = matrix.cloud(panel_of(da))
        xy = np.empty((0, 2)) if cloud is None else cloud.regions(matrix.levels)
        return backend.line(xy[:, 0], xy[:, 1], target, **kwargs) if len(xy) else None

    if matrix.draws:
        dot = {
            "color": POSTERIOR.colour,
            "alpha": 0.3,
            "size": marker_size(canvas.backend, "region draw"),
            "width": 0,
            **hover_of(canvas.backend, "draw"),
        }
        canvas.draw(dots, "draws", sheet, dot)
        pen = POSTERIOR.line(canvas.backend, 1.3) | hover_of(canvas.backend, "posterior")
        canvas.draw(density_regions, "hdi", sheet, pen)


def _draw(canvas: Canvas, sheet: xr.DataArray, matrix: Matrix) -> None:
    backend = backend_of(canvas)

    def lines(method: str) -> Any:
        def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
            windows = [matrix.windows[i] for i in matrix.pair(panel_of(da))]
            runs = [run for one in matrix.outlines(panel_of(da), method) for run in one.runs]
            return _line(with_gaps([part for run in runs if len(part := _clipped(run, windows))]), target, kwargs)

        return draw

    def heads(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        panel, drawn = panel_of(da), []
        windows = (matrix.windows[matrix.pair(panel)[0]], matrix.windows[matrix.pair(panel)[1]])
        for method, (_, style, _) in METHODS.items():
            outlines_of = [head for one in matrix.outlines(panel, method) for head in one.heads(windows)]
            drawn.append(_line(with_gaps(outlines_of), target, {"color": style.colour, **kwargs}))
        return artists(drawn)

    def _line(xy: Array, target: Any, kwargs: dict[str, Any]) -> Any:
        return backend.line(xy[:, 0], xy[:, 1], target, **kwargs) if len(xy) else None

    def center(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        panel = panel_of(da)
        if panel in matrix.panels or matrix.is_empty(panel):
            return None
        x, y = (matrix.estimates[matrix.labels[i]] for i in matrix.pair(panel))
        return backend.scatter(np.array([x]), np.array([y]), target, **kwargs)

    if matrix.panels:
        draw_panel(canvas, sheet, lambda da: matrix.panels.get(panel_of(da)), len(matrix.levels), text=False)
    for method, (visual, style, name) in METHODS.items():
        if method in matrix.methods:
            pen = style.line(canvas.backend, 1.6) | hover_of(canvas.backend, name)
            canvas.draw(lines(method), visual, sheet, pen)
    canvas.draw(heads, "arrow", sheet, {"width": 1.6}, artist_dims={"method": len(METHODS)})
    size = {"size": marker_size(canvas.backend, "estimate"), **hover_of(canvas.backend, "estimate")}
    canvas.draw(center, "center", sheet, {"color": ORANGE, **size})
    if matrix.is_one or "level_text" in canvas.visuals:
        _level_texts(canvas, sheet, matrix)


def _level_texts(canvas: Canvas, sheet: xr.DataArray, matrix: Matrix) -> None:
    """Name each level at the top of its line, on the method that lies on top."""
    backend, many = backend_of(canvas), len(matrix.levels)

    def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        outlines_of = [matrix.outlines(panel_of(da), method) for method in reversed(METHODS)]
        drawn: list[Any] = [None] * many
        for one in next(filter(None, outlines_of), []):
            seen = _inside(one.points, *(matrix.windows[i] for i in matrix.pair(panel_of(da))))
            if len(seen):
                x, y = seen[int(np.argmax(seen[:, 1]))]
                drawn[matrix.levels.index(one.level)] = backend.text(x, y, percent(one.level), target, **kwargs)
        return artists(drawn)

    words = {
        "color": GREY,
        "size": text_size(canvas.backend),
        "vertical_align": "bottom",
        "horizontal_align": "center",
    }
    canvas.draw(draw, "level_text", sheet, words, artist_dims={"level": many})


def _clipped(run: Array, windows: Sequence[Window]) -> Array:
    """Return a line as far as it can be seen: plotly draws one that goes on far outside with few of its points."""
    low, high = np.array(windows).T
    unit = (run - low) / (high - low)
    if ((unit >= 0) & (unit <= 1)).all():
        return run
    start, end, seen = segments(unit)
    seen_part: Array = low + (high - low) * join(start[seen], end[seen])
    return seen_part


def _inside(xy: Array, x: Window, y: Window) -> Array:
    """Points that are not beyond the picture, nor right below its upper edge."""
    low, high = np.array([x, y]).T
    high = high - np.array([0.0, 0.05]) * (high - low)
    seen: Array = xy[((xy >= low) & (xy <= high)).all(axis=1)]
    return seen


def _finish(canvas: Canvas, matrix: Matrix) -> None:
    backend = backend_of(canvas)
    for panel, target in enumerate(np.ravel(canvas.pc.viz["plot"].values)):
        if matrix.is_empty(panel):
            _clear(canvas.backend, target)
            continue
        x, y = matrix.pair(panel)
        on_diagonal = matrix.panels.get(panel)
        backend.xlim(matrix.windows[x], target)
        backend.ylim(on_diagonal.limits if on_diagonal else matrix.windows[y], target)
        names = {}
        if panel // matrix.width == matrix.width - 1:
            names["xlabel"] = matrix.labels[x]
        if on_diagonal or panel % matrix.width == 0:
            names["ylabel"] = SCALES[matrix.scale] if on_diagonal else matrix.labels[y]
        for visual, text in names.items():
            canvas.write(visual, wrapped(text, LINE), target)


def _clear(backend: str, target: Any) -> None:
    """Show nothing of a panel."""
    if backend == "matplotlib":
        target.set_axis_off()
    elif backend == "plotly":
        target.update_xaxes(visible=False)
        target.update_yaxes(visible=False)
    elif backend == "bokeh":
        target.line([np.nan], [np.nan])  # bokeh warns of a panel with nothing in it
        target.axis.visible = target.grid.visible = False
        target.outline_line_color = target.background_fill_color = target.border_fill_color = None
