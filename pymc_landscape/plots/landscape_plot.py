"""``landscape``: the likelihood, or the prior or posterior, over one or two parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import xarray as xr
from arviz_base.labels import BaseLabeller
from arviz_plots import PlotCollection
from arviz_plots.visuals import labelled_title, labelled_x, labelled_y

from pymc_landscape.plots.data import CONTOUR_LEVELS, CURVE_LEVELS, LandscapeView, cutoffs, find_draws, landscape_view
from pymc_landscape.plots.visuals import Canvas, PanelLabeller, checked, draw_contours, draw_curve, new_collection

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
    the support stay blank. A discrete axis is drawn in cells, its draws spread over them.

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
    aes = checked(aes_by_visuals, get_args(LandscapeVisual))
    view = landscape_view(ds, var_name, landscape_group)
    one_axis = len(view.axes) == 1
    cuts = cutoffs(
        (CURVE_LEVELS if one_axis else CONTOUR_LEVELS) if level is None else level,
        view.df if df is None else df,
    )
    draws = find_draws(view, ds, dt, group, sample_dims, num_samples)
    if plot_collection is None:
        size = MANY_PANELS if view.panels else ONE_CURVE if one_axis else ONE_PANEL
        plot_collection = new_collection(view, backend, size, pc_kwargs, figsize)
    canvas = Canvas(plot_collection, asked, aes)
    (draw_curve if one_axis else draw_contours)(canvas, view, cuts, draws)
    _name_axes(canvas, view, labeller)
    return plot_collection


def _name_axes(canvas: Canvas, view: LandscapeView, labeller: BaseLabeller | None) -> None:
    axis_labeller = labeller or BaseLabeller()
    names = [axis_labeller.make_label_vert(axis, {}, {}) for axis in view.axes]
    canvas.decorate(labelled_x, "xlabel", {"text": names[0]})
    canvas.decorate(labelled_y, "ylabel", {"text": names[1] if len(names) > 1 else view.label})
    if view.panels:
        title = {"labeller": labeller or PanelLabeller(), "subset_info": True}
        canvas.decorate(labelled_title, "title", title)
