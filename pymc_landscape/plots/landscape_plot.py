"""``landscape``: the likelihood, or the prior or posterior, over one or two parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_base.labels import BaseLabeller
from arviz_plots import PlotCollection
from arviz_plots.visuals import labelled_title, labelled_x, labelled_y

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.arguments import wrong_type
from pymc_landscape.plots.data import (
    CONTOUR_LEVELS,
    CURVE_LEVELS,
    LandscapeView,
    cutoffs,
    draws_name,
    edges_of_floor,
    find_draws,
    floors,
    landscape_view,
    remarks_on,
    warn_of_edges,
    warn_of_initial_point,
)
from pymc_landscape.plots.visuals import (
    Canvas,
    PanelLabeller,
    Style,
    add_hover,
    add_legend,
    add_note,
    checked,
    checked_labeller,
    contour_entries,
    curve_entries,
    draw_contours,
    draw_curve,
    new_collection,
    panel_letters,
    wrapped,
)

LandscapeVisual = Literal[
    "curve",
    "points",
    "cutoff",
    "cutoff_text",
    "contourf",
    "contour",
    "contour_text",
    "draws",
    "minimum",
    "colorbar",
    "legend",
    "note",
    "xlabel",
    "ylabel",
    "title",
]
ONE_PANEL, ONE_CURVE, MANY_PANELS = (6.4, 4.8), (6.0, 4.0), (3.6, 3.3)


def landscape(
    ds: xr.Dataset | xr.DataTree,
    *,
    var_name: str = "delta_minus2ll",
    level: float | Sequence[float] | None = None,
    df: int | None = None,
    dt: xr.DataTree | xr.Dataset | None = None,
    group: str = "posterior",
    landscape_group: str = "landscape",
    sample_dims: str | Sequence[str] | None = None,
    num_samples: int = 1000,
    plot_collection: PlotCollection | None = None,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    labeller: BaseLabeller | None = None,
    aes_by_visuals: Mapping[LandscapeVisual, Sequence[str]] | None = None,
    visuals: Mapping[LandscapeVisual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    r"""Draw a landscape with the χ² cut-offs of Δ(−2LL), and the posterior draws on it.

    One axis gives a curve cut by horizontal lines, two give filled contours; further axes, and
    the terms of ``term_log_likelihood``, become panels. Use it to see where the likelihood
    is low and flat, and whether the posterior lies there. For an impression of depth see
    :func:`surface`. A slice with the nuisance parameters fixed is narrower than the profile:
    do not read confidence intervals off it when the parameters are correlated.

    Parameters
    ----------
    ds : Dataset or DataTree
        What ``evaluate_landscape`` returns, or a tree that holds it. Its first two dims with more
        than one point become x and y; reorder with ``ds.transpose``, choose with ``ds.sel``.
    var_name : str, default "delta_minus2ll"
        The surface: also "minus2ll", "log_likelihood", "log_prior", "log_posterior" or
        "term_log_likelihood", drawn as −2 log p above its lowest value on the grid.
    level : float or sequence of float, optional
        Confidence levels of the cut-offs. Defaults to 0.68, 0.95, 0.99 for one axis and to
        0.5, 0.9, 0.95, 0.99 for two.
    df : int, optional
        Degrees of freedom of the cut-offs. Defaults to the number of the grid's axes that vary,
        those of the panels included.
    dt : DataTree or Dataset, optional
        Draws to show. Defaults to ``ds`` itself when it is a tree with draws of these parameters.
        On a plane of directions the draws are projected to their nearest point on it.
    group : str, default "posterior"
        Group of ``dt`` with the draws.
    landscape_group : str, default "landscape"
        Group of ``ds`` with the landscape, when ``ds`` is a DataTree.
    sample_dims : str or sequence of str, optional
        Dims of the draws. Defaults to ``rcParams["data.sample_dims"]``.
    num_samples : int, default 1000
        Most draws to show, thinned evenly.
    plot_collection : PlotCollection, optional
        Draw on this one instead of a new one.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    labeller : labeller, optional
        Writes the names of axes and panels.
    aes_by_visuals : mapping of {str : sequence of str}, optional
        For each visual, the aesthetics of ``plot_collection`` that apply to it; none by default.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out. Valid keys are:

        * curve, points, cutoff, cutoff_text -> one axis: the line, the values of a discrete
          parameter, the cut-offs and their text, passed to the backend's ``line``, ``scatter``,
          ``hline`` and ``text``
        * contourf -> two axes: the bands, passed to the backend's ``contourf``; ``cmap`` is a
          matplotlib name that the backend knows too, such as "cividis"
        * contour, contour_text -> two axes: the lines at the cut-offs and their text
        * draws, minimum -> passed to the backend's ``scatter``
        * colorbar -> ``title``
        * legend -> passed to the backend's legend
        * note -> where the other parameters are held, in small type: ``size``, ``color``
        * xlabel, ylabel, title -> passed to the functions of that name

    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With every visual in ``viz``, dims those of the panels (and ``level`` for the cut-offs).

    Raises
    ------
    TypeError
        When ``ds`` or ``dt`` is of another type.
    ValueError
        When there is no such surface or visual, a level is outside (0, 1), nothing is finite, there
        are more than twelve panels, or ``dt`` has no draws of the axes.

    Notes
    -----
    The lines are at :math:`\Delta(-2\mathrm{LL}) = \chi^2_{df}(\text{level})` [1]_. Points outside
    the support stay blank. A discrete axis is drawn in cells, its draws spread over them; alone, as
    points. A star marks each lowest point of the picture, and none a floor that is flat or a ridge.
    A lowest point on the grid's edge, and parameters held at the bare initial point, are warned of.

    References
    ----------
    .. [1] S. S. Wilks, The large-sample distribution of the likelihood ratio for testing
       composite hypotheses, Annals of Mathematical Statistics 9 (1938), 60-62.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> mu = np.linspace(-3, 3, 61)
    >>> ds = xr.Dataset({"delta_minus2ll": ("mu", mu**2)}, coords={"mu": mu})
    >>> pc = landscape(ds, backend="none")
    >>> [round(line["y"], 2) for line in pc.viz["cutoff"]["delta_minus2ll"].values]
    [0.99, 3.84, 6.63]
    """
    asked = checked(visuals, get_args(LandscapeVisual))
    checked_labeller(labeller)
    if plot_collection is not None and not hasattr(plot_collection, "viz"):
        raise wrong_type("plot_collection to be a PlotCollection", plot_collection, "pass what another plot returned")
    aes = checked(aes_by_visuals, get_args(LandscapeVisual), "aes_by_visuals")
    view = landscape_view(ds, var_name, landscape_group)
    one_axis = len(view.axes) == 1
    cuts = cutoffs(
        (CURVE_LEVELS if one_axis else CONTOUR_LEVELS) if level is None else level,
        view.df if df is None else df,
    )
    view = view if df is None else replace(view, df=df)
    draws = find_draws(view, ds, dt, group, sample_dims, num_samples)
    named = None if draws is None else draws_name(ds, dt, group)
    if plot_collection is None:
        size = MANY_PANELS if view.panels else ONE_CURVE if one_axis else ONE_PANEL
        plot_collection = new_collection(view, backend, size, pc_kwargs, figsize)
    else:  # the figure has its own legend and notes
        asked = {"legend": False, "note": False, **asked}
    canvas = Canvas(plot_collection, asked, aes)
    spots, is_flat = floors(view)
    if one_axis:
        draw_curve(canvas, view, cuts, draws, is_flat)
        entries = curve_entries(canvas, named, is_flat)
    else:
        draw_contours(canvas, view, cuts, draws, spots)
        entries = contour_entries(canvas, view, cuts, named, spots)
    name_axes(canvas, view, labeller)
    _explain(canvas, view, entries, spots, is_flat)
    return plot_collection


def _explain(
    canvas: Canvas, view: LandscapeView, entries: Mapping[str, Style], spots: xr.DataArray, is_flat: bool
) -> None:
    """Legend, notes and hover; and a warning of what makes the picture misleading."""
    edges = [] if is_flat else edges_of_floor(view, points_of(spots))
    warn_of_initial_point(view, stacklevel=4)
    warn_of_edges(edges, stacklevel=4)
    if entries:
        add_legend(canvas, entries)
    add_note(canvas, remarks_on(view, edges, is_flat))
    add_hover(canvas)


def points_of(spots: xr.DataArray) -> list[list[float]]:
    """Lowest points of all panels, as lists of coordinates."""
    rows = spots.transpose("plot_axis", ...).values.reshape(spots.sizes["plot_axis"], -1).T
    return [row.tolist() for row in rows if np.isfinite(row).all()]


def name_axes(canvas: Canvas, view: LandscapeView, labeller: BaseLabeller | None) -> None:
    """Write the names of the axes and of the panels, in lines that are no longer than the panel."""
    axis_labeller = labeller or BaseLabeller()
    names = [axis_labeller.make_label_vert(axis, {}, {}) for axis in view.axes]
    width, height = panel_letters(canvas)
    canvas.decorate(labelled_x, "xlabel", {"text": wrapped(names[0], width)})
    canvas.decorate(labelled_y, "ylabel", {"text": wrapped(names[1] if len(names) > 1 else view.label, height)})
    if view.panels:
        title = {"labeller": _Wrapped(labeller or PanelLabeller(), width), "subset_info": True}
        canvas.decorate(labelled_title, "title", title)


@dataclass
class _Wrapped:
    """A labeller whose labels are broken into lines."""

    labeller: BaseLabeller
    width: int

    def make_label_vert(self, *args: Any) -> str:
        """Write a label."""
        return wrapped(str(self.labeller.make_label_vert(*args)), self.width)
