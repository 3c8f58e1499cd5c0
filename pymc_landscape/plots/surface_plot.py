"""``surface``: two axes of a landscape in three dimensions, with matplotlib or plotly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_base import rcParams
from arviz_base.labels import BaseLabeller
from arviz_plots import PlotCollection
from matplotlib.colors import to_hex

from pymc_landscape.plots.data import (
    CONTOUR_LEVELS,
    Descents,
    LandscapeView,
    as_cells,
    blank_name,
    cutoffs,
    draws_name,
    edges_of_floor,
    find_draws,
    floors,
    height_cap,
    highest_pass,
    landscape_view,
    remarks_on,
    two_axes,
    warn_of_edges,
    warn_of_initial_point,
    with_gaps,
)
from pymc_landscape.plots.visuals import (
    CMAP,
    PLATEAU,
    RED,
    WHITE,
    Canvas,
    Scene,
    Style,
    SurfaceGrid,
    add_legend,
    add_note,
    checked,
    checked_labeller,
    draw_surface_paths,
    fine_grid,
    level_lines,
    new_collection,
    path_heights,
    scene_of,
    shades,
    surface_matplotlib,
    surface_plotly,
    wrapped,
)

Visual = Literal[
    "surface",
    "contour",
    "floor",
    "draws",
    "minimum",
    "path",
    "path_floor",
    "start",
    "end",
    "legend",
    "colorbar",
    "pass_line",
    "note",
    "xlabel",
    "ylabel",
    "zlabel",
    "view",
]
LIBRARIES = {"matplotlib": surface_matplotlib, "plotly": surface_plotly}
DRAWS_COLOUR = "#333333"
SIZE = (7.5, 6.0)
LINE_LETTERS = 22  # of a name beside the box


def surface(
    ds: xr.Dataset | xr.DataTree,
    *,
    var_name: str = "delta_minus2ll",
    cap: float | None = None,
    level: float | Sequence[float] | None = None,
    df: int | None = None,
    dt: xr.DataTree | xr.Dataset | None = None,
    paths: Descents | Sequence[Descents] | None = None,
    group: str = "posterior",
    landscape_group: str = "landscape",
    sample_dims: str | Sequence[str] | None = None,
    num_samples: int = 500,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    labeller: BaseLabeller | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    r"""Draw two axes of a landscape as a surface over its contours.

    Use it for an impression of valleys and ridges, and with plotly to turn it by hand. To
    read off values use :func:`landscape`.

    Parameters
    ----------
    ds : Dataset or DataTree
        What ``evaluate_landscape`` returns, or a tree that holds it, with two dims of more than one
        point. Choose a slice of more with ``ds.sel``.
    var_name : str, default "delta_minus2ll"
        The surface, as in :func:`landscape`.
    cap : float, optional
        Height at which the surface is cut to a plateau, so that the valley fills the picture.
        Defaults to three times the 99 % cut-off; with several valleys, to a quarter above the highest
        pass between two of them; and to where a quarter of the grid lies below, if else hardly
        anything would. Never above the highest point.
    level : float or sequence of float, optional
        Confidence levels of the lines. Defaults to 0.5, 0.9, 0.95, 0.99.
    df : int, optional
        Degrees of freedom of the cut-offs. Defaults to 2.
    dt : DataTree or Dataset, optional
        Draws, shown on the floor. Defaults to ``ds`` itself when it is a tree with draws of these.
    paths : Dataset, mapping, or sequence of them, optional
        What ``descend`` returns, of one or several optimisers. Each iterate is drawn at its own −2LL,
        so that a path through further parameters leaves the surface; what is above the cap lies on
        the plateau, as the surface does.
    group : str, default "posterior"
        Group of ``dt`` with the draws.
    landscape_group : str, default "landscape"
        Group of ``ds`` with the landscape, when ``ds`` is a DataTree.
    sample_dims : str or sequence of str, optional
        Dims of the draws. Defaults to ``rcParams["data.sample_dims"]``.
    num_samples : int, default 500
        Most draws to show, thinned evenly.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    labeller : labeller, optional
        Writes the names of the axes.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out. Valid keys are:

        * surface -> ``cmap`` (a name both libraries know), and what matplotlib's
          ``Poly3DCollection`` or plotly's ``Surface`` takes
        * contour, floor -> lines at the cut-offs, on the surface and on the floor: ``color``,
          ``linewidth``
        * draws, minimum -> points on the floor: ``color``, ``s``, ``alpha``, ``marker``
        * path, path_floor -> lines of the paths, and their shadows on the floor
        * start, end -> their ends: ``s``
        * legend -> passed to the backend's legend
        * colorbar -> ``title``
        * pass_line -> a line at the height at which two valleys join: ``color``, ``linewidth``
        * note -> where the other parameters are held, in small type: ``size``, ``color``
        * xlabel, ylabel, zlabel -> text properties of the backend
        * view -> ``elev`` and ``azim`` in degrees; by default where most of the valley is in sight

    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With the figure and every visual in ``viz`` (``contour`` and ``floor`` over dim ``level``).

    Raises
    ------
    TypeError
        When ``ds`` or ``dt`` is of another type.
    ValueError
        When there are not two axes, no such surface, visual or backend, a level outside (0, 1), a
        cap that is not positive or below the whole surface, or no draws of the axes.

    Notes
    -----
    Colours follow the square root of the height, which grows evenly with the distance from the
    bottom of a quadratic valley. arviz-plots draws in two dimensions, so further visuals of its
    own cannot be mapped onto the collection.

    Examples
    --------
    >>> import numpy as np, xarray as xr, matplotlib.pyplot as plt
    >>> a, b = np.linspace(-3, 3, 21), np.linspace(-2, 2, 21)
    >>> heights = {"delta_minus2ll": (("a", "b"), a[:, None] ** 2 + b**2)}
    >>> pc = surface(xr.Dataset(heights, coords={"a": a, "b": b}), backend="matplotlib")
    >>> pc.viz["figure"].item().axes[0].get_xlabel()
    'a'
    >>> plt.close("all")
    """
    asked = checked(visuals, get_args(Visual))
    checked_labeller(labeller)
    library = _library(backend)
    view = two_axes(landscape_view(ds, var_name, landscape_group))
    view = view if df is None else replace(view, df=df)
    heights_of_paths = path_heights(view, paths)
    cuts = cutoffs(CONTOUR_LEVELS if level is None else level, view.df)
    joined = highest_pass(view.height.values, float(cutoffs(0.99, view.df)[0]))
    height = height_cap(view, cap, joined)
    grid = fine_grid(as_cells(view), height)
    scene = scene_of(view, grid, cuts, height, asked)
    draws = find_draws(view, ds, dt, group, sample_dims, num_samples)
    three = {**library.FIGURE, **(pc_kwargs.get("figure_kwargs") or {})}
    pc = new_collection(view, _name(backend), SIZE, {**pc_kwargs, "figure_kwargs": three}, figsize)
    canvas = Canvas(pc, asked, {})
    _draw_surface(canvas, view, grid, scene, library)
    _draw_lines(canvas, view, cuts, grid, scene, library)
    _draw_pass(canvas, view, joined, grid, scene, library)
    spots, is_flat = floors(view)
    _draw_points(canvas, view, draws, spots, scene, library)
    entries: dict[str, str | Style] = {}
    if heights_of_paths:
        entries |= draw_surface_paths(canvas, view, heights_of_paths, grid, scene, library)
    _finish(canvas, view, scene, library, labeller)
    named = None if draws is None else draws_name(ds, dt, group)
    entries |= _entries(canvas, view, scene, joined, named, spots)
    add_legend(canvas, entries, "○ start   ● end" if heights_of_paths else None)
    _explain(canvas, view, cuts, scene, spots, is_flat)
    return canvas.pc


def _entries(
    canvas: Canvas, view: LandscapeView, scene: Scene, joined: float | None, draws: str | None, spots: xr.DataArray
) -> dict[str, Style]:
    """Return the names of the marks, the plateau and the pass for a legend."""
    entries = {}
    if canvas.wants("minimum") and bool(spots.notnull().any()):
        entries["lowest point"] = Style(RED, None, "star")
    if draws and canvas.wants("draws"):
        entries[draws] = Style(DRAWS_COLOUR, None, "circle")
    if joined is not None and joined < scene.cap and canvas.wants("pass_line"):
        entries[f"pass between valleys, {joined:.3g}"] = Style(RED, "dashed")
    if view.top > scene.cap:
        entries[f"above {scene.cap:.3g}"] = Style(PLATEAU, None, "square")
    return entries


def _explain(
    canvas: Canvas, view: LandscapeView, cuts: xr.DataArray, scene: Scene, spots: xr.DataArray, is_flat: bool
) -> None:
    """Write notes under the surface, and warn of what makes it misleading."""
    points = spots.transpose("spot", "plot_axis").values
    edges = [] if is_flat else edges_of_floor(view, points[np.isfinite(points).all(axis=1)].tolist())
    warn_of_initial_point(view, stacklevel=4)
    warn_of_edges(edges, stacklevel=4)
    remarks = remarks_on(view, edges, is_flat)
    if bool(view.height.isnull().any()):
        remarks.append(f"where the surface is missing: {blank_name(view)}")
    below = int((view.height < float(cuts.max())).sum())
    if below <= 1 or float(cuts.min()) < 1e-3 * scene.cap:
        remarks.append(f"on this scale the χ² lines, up to {float(cuts.max()):.3g}, are no higher than its floor")
    add_note(canvas, remarks)


def _name(backend: str | None) -> str:
    return str(rcParams["plot.backend"] if backend is None else backend)


def _library(backend: str | None) -> ModuleType:
    """Find the module that draws in three dimensions with this backend."""
    name = _name(backend)
    if name in LIBRARIES:
        return LIBRARIES[name]
    raise ValueError(
        f"Expected backend to be 'matplotlib' or 'plotly' for three dimensions, got {name!r}; "
        "choose one, or draw contours with plots.landscape."
    )


def _draw_surface(canvas: Canvas, view: LandscapeView, grid: SurfaceGrid, scene: Scene, library: ModuleType) -> None:
    def draw(da: xr.DataArray, target: Any, cmap: str = CMAP, **kwargs: Any) -> Any:
        return library.surface(target, *grid, scene, **kwargs)

    canvas.draw(draw, "surface", view.height)


def _draw_lines(
    canvas: Canvas,
    view: LandscapeView,
    cuts: xr.DataArray,
    grid: SurfaceGrid,
    scene: Scene,
    library: ModuleType,
) -> None:
    """Lines at the cut-offs, on the surface and straight below on the floor."""
    shown = [float(cut) for cut in cuts if cut < scene.cap]
    inks = [to_hex(colour) for colour in shades(np.array(shown), scene)]
    lines = [with_gaps(level_lines(*grid, level)).T for level in shown]

    def draw(da: xr.DataArray, target: Any, below: bool, **kwargs: Any) -> Any:
        drawn = np.empty(cuts.size, dtype=object)
        for i, (level, ink) in enumerate(zip(shown, inks, strict=True)):
            z = np.full(lines[i][0].size, scene.floor if below else level)
            options = {"color": ink if below else WHITE, **kwargs}
            on = None if below else grid
            drawn[i] = library.line(target, (*lines[i], z), scene, grid=on, **options)
        return drawn

    many = {"level": cuts.size}
    for visual, below in (("floor", True), ("contour", False)):
        pen, fixed = {"linewidth": 1.4}, {"below": below}
        canvas.draw(draw, visual, view.height, pen, fixed=fixed, artist_dims=many)


def _draw_pass(
    canvas: Canvas, view: LandscapeView, joined: float | None, grid: SurfaceGrid, scene: Scene, library: ModuleType
) -> None:
    """Draw a dashed line at the height at which two valleys become one."""
    if joined is None or joined >= scene.cap:
        return
    x, y = with_gaps(level_lines(*grid, joined)).T

    def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        return library.line(target, (x, y, np.full(x.size, joined)), scene, grid=grid, dashed=True, **kwargs)

    canvas.draw(draw, "pass_line", view.height, {"color": RED, "linewidth": 1.6})


def _draw_points(
    canvas: Canvas,
    view: LandscapeView,
    draws: xr.DataArray | None,
    spots: xr.DataArray,
    scene: Scene,
    library: ModuleType,
) -> None:
    def draw(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        x, y = (np.atleast_1d(da.sel(plot_axis=side).values) for side in ("x", "y"))
        x, y = x[np.isfinite(x)], y[np.isfinite(x)]
        return library.scatter(target, (x, y, np.full(x.size, scene.floor)), **kwargs)

    if draws is not None:
        canvas.draw(draw, "draws", draws, {"color": DRAWS_COLOUR, "s": 4.0, "alpha": 0.35})
    canvas.draw(draw, "minimum", spots, {"color": RED, "s": 70.0, "marker": "*"})


def _finish(
    canvas: Canvas, view: LandscapeView, scene: Scene, library: ModuleType, labeller: BaseLabeller | None
) -> None:
    target = canvas.pc.viz["plot"].item()
    names = [(labeller or BaseLabeller()).make_label_vert(axis, {}, {}) for axis in view.axes]
    for axis, text in zip("xyz", [*names, view.label], strict=True):
        if canvas.wants(f"{axis}label"):
            library.label(target, axis, wrapped(text, LINE_LETTERS), **canvas.options(f"{axis}label"))
    library.set_view(target, scene)
    if canvas.wants("colorbar") and canvas.wants("surface"):
        title = canvas.options("colorbar", {"title": view.label})["title"]
        bar = library.colorbar(target, scene, title)
        canvas.pc.viz["colorbar"] = xr.DataArray(np.array(bar, dtype=object))
