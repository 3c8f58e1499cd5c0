"""``paths``: the paths of optimisers on a landscape, several of them from several starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import xarray as xr
from arviz_base.labels import BaseLabeller
from arviz_plots import PlotCollection

from pymc_landscape.plots.data import (
    CONTOUR_LEVELS,
    Descents,
    LandscapeView,
    check_draws_options,
    cutoffs,
    draws_metric,
    draws_name,
    edges_of_floor,
    floors,
    gather_descents,
    landscape_view,
    paths_on_axes,
    posterior_of,
    remarks_on,
    sample_dims_of,
    two_axes,
)
from pymc_landscape.plots.landscape_plot import LandscapeVisual, points_of
from pymc_landscape.plots.landscape_plot import landscape as draw_landscape
from pymc_landscape.plots.visuals import (
    Canvas,
    Routes,
    Style,
    add_hover,
    add_legend,
    add_note,
    checked,
    contour_entries,
    draw_routes,
    notes_of,
    routes_of,
)

Visual = Literal["path", "path_rim", "arrow", "arrow_rim", "iterates", "start", "end", "legend", "note"]
LEGEND = "○ start   ● end"
# levels stand beside the colour bar: written on the lines, paths would run through them
QUIET = {"contour": {"alpha": 0.7}, "minimum": {"alpha": 0.9}, "contour_text": False}
OWN = ("legend", "note")  # of paths and what lies below them together


def paths(
    landscape: xr.Dataset | xr.DataTree,
    *descents: Descents,
    dt: xr.DataTree | xr.Dataset | None = None,
    var_name: str = "delta_minus2ll",
    level: float | Sequence[float] | None = None,
    df: int | None = None,
    group: str = "posterior",
    landscape_group: str = "landscape",
    sample_dims: str | Sequence[str] | None = None,
    num_samples: int = 1000,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    labeller: BaseLabeller | None = None,
    visuals: Mapping[Visual | LandscapeVisual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Draw the paths of optimisers on the contours of a landscape of two axes.

    Use it to see how each optimiser approaches the minimum, and where it stops. With more than two
    parameters a path does not lie on the drawn surface: it is projected, fades with its distance
    off the plane, and a note gives the largest. To compare how fast they descend see :func:`descent`.

    Parameters
    ----------
    landscape : Dataset or DataTree
        What ``evaluate_landscape`` returns: axes on the natural scale, of value variables
        (``sigma_log__``), or a plane of directions.
    *descents : Dataset, DataTree, or mapping
        What ``descend`` returns, of one or several optimisers; a mapping gives names of your own.
    dt : DataTree or Dataset, optional
        Posterior draws of the same model, shown below the paths.
    var_name : str, default "delta_minus2ll"
        The surface, as in :func:`landscape`.
    level : float or sequence of float, optional
        Confidence levels of the cut-offs, as in :func:`landscape`.
    df : int, optional
        Degrees of freedom of the cut-offs, as in :func:`landscape`.
    group : str, default "posterior"
        Group of ``dt`` with the draws, when it is a DataTree.
    landscape_group : str, default "landscape"
        Group of ``landscape`` with the landscape, when it is a DataTree.
    sample_dims : str or sequence of str, optional
        Dims of the draws. Defaults to ``rcParams["data.sample_dims"]``.
    num_samples : int, default 1000
        Most draws to show, thinned evenly.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    labeller : labeller, optional
        Writes the names of axes.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out. Valid keys are those of
        :func:`landscape` and:

        * path, arrow, and their light rims path_rim, arrow_rim -> passed to the backend's ``line``
        * iterates -> dots on paths of few iterates, passed to ``scatter``
        * start, end -> passed to ``scatter``
        * legend -> passed to the backend's legend
        * note -> where the other parameters are held, and how far paths are from there: ``size``, ``color``

    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With every visual in ``viz``: ``path`` over the dims ``optimizer`` and ``shade``, the others
        over ``optimizer``; None where there is nothing to draw.

    Raises
    ------
    TypeError
        When a descent is of another type.
    ValueError
        When the landscape does not have two axes, there is no descent, or it has no values on them.

    Notes
    -----
    Axes are those of the landscape: paths are clipped at the window, and interrupted where an
    iterate is not finite. On a plane the nearest point is drawn, in the metric of the draws where
    these are given, so that draws and iterates are projected alike; see :func:`project_paths`.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> a, b = np.linspace(-3, 3, 41), np.linspace(-2, 2, 31)
    >>> height = a[:, None] ** 2 + b**2
    >>> surface = xr.Dataset({"delta_minus2ll": (("a", "b"), height)}, coords={"a": a, "b": b})
    >>> path = 2.5 * 0.8 ** np.arange(30)[None]
    >>> columns = {"a": path, "b": path / 2, "minus2ll": 1.25 * path**2}
    >>> descent = xr.Dataset({name: (("chain", "draw"), v) for name, v in columns.items()})
    >>> pc = paths(surface, {"halving": descent}, backend="none")
    >>> pc.viz["end"]["delta_minus2ll"].item()["x"].round(4).tolist()
    [0.0039]
    """
    pc, _ = draw_paths(
        landscape,
        descents,
        visuals,
        dt=dt,
        var_name=var_name,
        level=level,
        df=df,
        group=group,
        landscape_group=landscape_group,
        sample_dims=sample_dims,
        num_samples=num_samples,
        figsize=figsize,
        backend=backend,
        labeller=labeller,
        **pc_kwargs,
    )
    return pc


def draw_paths(
    landscape: xr.Dataset | xr.DataTree,
    descents: Sequence[Descents],
    visuals: Mapping[Any, Mapping[str, Any] | bool] | None,
    **options: Any,
) -> tuple[PlotCollection, Routes]:
    """Draw a landscape and the paths on it, and return the paths too; the options are those of :func:`landscape`."""
    asked = checked(visuals, [*get_args(Visual), *get_args(LandscapeVisual)])
    check_draws_options(options["group"], options["sample_dims"], options["num_samples"])
    below_names = [name for name in get_args(LandscapeVisual) if name not in OWN]
    own = checked({k: v for k, v in asked.items() if k not in below_names}, get_args(Visual))
    below: dict[Any, Any] = QUIET | {k: v for k, v in asked.items() if k in below_names} | dict.fromkeys(OWN, False)
    view = two_axes(landscape_view(landscape, options["var_name"], options["landscape_group"]))
    routes = _find_routes(view, descents, options["dt"], options["group"], options["sample_dims"])
    pc = draw_landscape(landscape, visuals=below, **options)
    canvas = Canvas(pc, own, {})
    draw_routes(canvas, routes)
    view = routes.view if options["df"] is None else replace(routes.view, df=options["df"])
    cuts = cutoffs(CONTOUR_LEVELS if options["level"] is None else options["level"], view.df)
    named = draws_name(landscape, options["dt"], options["group"]) if "draws" in pc.viz else None
    _explain(canvas, routes, contour_entries(Canvas(pc, below, {}), view, cuts, named, floors(view)[0]))
    return pc, routes


def _explain(canvas: Canvas, routes: Routes, below: Mapping[str, Style]) -> None:
    """One legend and one note of the paths and of what lies below them."""
    spots, is_flat = floors(routes.view)
    edges = [] if is_flat else edges_of_floor(routes.view, points_of(spots))
    add_legend(canvas, {**routes.styles, **below}, LEGEND)
    add_note(canvas, [*remarks_on(routes.view, edges, is_flat), *notes_of(routes)])
    add_hover(canvas)


def _find_routes(
    view: LandscapeView,
    descents: Sequence[Descents],
    dt: xr.DataTree | xr.Dataset | None,
    group: str,
    sample_dims: str | Sequence[str] | None,
) -> Routes:
    """Paths of all descents on the axes of a landscape."""
    named = gather_descents(descents)
    metric = None
    if dt is not None:
        samples = posterior_of(dt, group)
        metric = draws_metric(view, samples, tuple(sample_dims_of(samples, sample_dims)))
    return routes_of(view, {name: paths_on_axes(view, ds, metric) for name, ds in named.items()}, named)
