"""``profile``: the rise of −2LL for each value of a parameter, with the nuisance parameters minimised out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection

from pymc_landscape.arguments import checked_choice
from pymc_landscape.plots.data import (
    ProfileEnd,
    as_dataset,
    check_draws_options,
    cutoffs,
    marginals_of,
    percent,
    refuse_many,
    traced_profile,
)
from pymc_landscape.plots.visuals import (
    Canvas,
    Panel,
    Scale,
    add_hover,
    add_names,
    backend_of,
    checked,
    draw_panel,
    new_sheet,
    panel_of,
    text_size,
    wrapped,
)

Visual = Literal[
    "curve",
    "wald",
    "posterior",
    "cutoff",
    "cutoff_text",
    "end",
    "points",
    "estimate",
    "mark",
    "legend",
    "xlabel",
    "ylabel",
    "title",
]
NEEDED = ("value", "zeta", "slope", "status", "estimate", "standard_error", "parameter", "step")
MOST = 24
LINE = 40  # letters of a name's line
ONE, MANY = (6.0, 4.2), (3.6, 3.2)
LABELS = {"delta": "Δ(−2LL)", "zeta": "ζ = ±√Δ(−2LL)"}


def profile(
    profile: xr.Dataset | xr.DataTree,
    *,
    scale: Scale = "delta",
    level: float | Sequence[float] = (0.68, 0.95),
    dt: xr.DataTree | xr.Dataset | None = None,
    group: str = "posterior",
    sample_dims: str | Sequence[str] | None = None,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    r"""Draw profiles, a panel a parameter, with Wald's parabola and the ends of the intervals.

    Use it to see whether Wald's interval can be trusted: where the profile leaves the parabola (on the ζ scale: the
    straight line), it cannot. Read exact ends off ``confidence_intervals``; those drawn here are read off the curve.

    Parameters
    ----------
    profile : Dataset or DataTree
        What ``profile_likelihood`` returns; choose parameters with ``profile.sel(parameter=[...])``.
    scale : {"delta", "zeta"}, default "delta"
        Δ(−2LL), whose cut-offs are χ²₁ quantiles q, or its signed root ζ, with cut-offs at ±√q.
    level : float or sequence of float, default (0.68, 0.95)
        Confidence levels of the cut-offs. The highest one's interval is the panel's title.
    dt : DataTree or Dataset, optional
        Draws of the posterior, whose marginal densities p are drawn on the same scale, as −2 log p/max p.
    group : str, default "posterior"
        Group of ``dt`` with the draws.
    sample_dims : str or sequence of str, optional
        Dims of the draws. Defaults to ``rcParams["data.sample_dims"]``.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: curve, wald, posterior, cutoff, cutoff_text, end
        (from the curve down to the interval's end), points (the traced ones), estimate, mark (kinks, bounds, where a
        trace failed), legend, xlabel, ylabel, title.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With every visual in ``viz``, over the dim ``panel``, in the order of the parameters.

    Raises
    ------
    TypeError
        When ``profile`` is of another type.
    ValueError
        When it is no profile, has no finite estimate or more than 24 parameters, the scale is not known, a level is
        not between 0 and 1, or there are no draws of any parameter.

    Notes
    -----
    The curve is the one that `read_intervals` and `four_curves` read: between the traced points the value is a cubic
    Hermite polynomial of ζ with the exact slopes :math:`d\psi/d\zeta = 2\zeta/(d\Delta/d\psi)`, and at a kink two
    tangents meet. The posterior's line is −2 log of its marginal density over its highest; the log of that density is a
    spline by penalised likelihood from the draws (Eilers & Marx 1996, *Statistical Science* 11, 89-121). In a title, a
    bracket says that the bound belongs to the interval, ∞ that −2LL stays below the cut-off, and a question mark that
    the trace ends before it.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> step = np.arange(-3, 4)
    >>> numbers = {"value": 10 + 2.0 * step, "zeta": 1.0 * step, "slope": 1.0 * step}
    >>> ds = xr.Dataset({name: (("parameter", "step"), [row]) for name, row in numbers.items()})
    >>> ds["status"] = ("parameter", "step"), [["converged"] * 3 + ["estimate"] + ["converged"] * 3]
    >>> ds = ds.assign(estimate=("parameter", [10.0]), standard_error=("parameter", [2.0]))
    >>> pc = profile(ds.assign_coords(parameter=["mu"], step=step), level=0.95, backend="none")
    >>> [round(float(line["x"][0]), 2) for line in pc.viz["end"]["sheet"].values]
    [6.08, 13.92]
    """
    asked = checked(visuals, get_args(Visual))
    ds = as_dataset(profile, "profile", NEEDED, "profile_likelihood")
    checked_choice("scale", scale, get_args(Scale))
    check_draws_options(group, sample_dims)
    cuts = cutoffs(level, 1)
    refuse_many(ds.sizes["parameter"], MOST, "parameters", "profile.sel(parameter=[...])")
    labels = ds["parameter"].values.astype(str)
    marginals = {} if dt is None else marginals_of(ds, dt, group, sample_dims)
    panels = [Panel(traced_profile(ds, label), scale, cuts, marginals.get(label)) for label in labels]
    canvas, sheet = new_sheet(len(panels), backend, ONE if len(panels) == 1 else MANY, asked, pc_kwargs, figsize)
    draw_panel(canvas, sheet, lambda da: panels[panel_of(da)], cuts.size)
    _finish(canvas, panels)
    add_names(canvas, panels)
    add_hover(canvas)
    return canvas.pc


def _finish(canvas: Canvas, panels: list[Panel]) -> None:
    backend = backend_of(canvas)
    for target, panel in zip(np.ravel(canvas.pc.viz["plot"].values), panels, strict=True):
        backend.xlim(panel.window, target)
        backend.ylim(panel.limits, target)
        canvas.write("xlabel", wrapped(panel.one.label, LINE), target)
        canvas.write("ylabel", LABELS[panel.scale], target)
        canvas.write("title", interval_text(panel), target, {"size": text_size(canvas.backend) + 1})


def interval_text(panel: Panel) -> str:
    """Write the interval of the highest level, as ``95 %: (0.393, 0.915)``."""
    (low, _), (high, _) = panel.ends()[-2:]
    opening, closing = "[" if low.status == "at_bound" else "(", "]" if high.status == "at_bound" else ")"
    name = percent(float(panel.cuts["level"][-1]))
    return f"{name}: {opening}{_number(low)}, {_number(high)}{closing}"


def _number(end: ProfileEnd) -> str:
    if end.status == "open":
        return "−∞" if end.value < 0 else "∞"
    return "?" if end.status == "unknown" else f"{end.value:.4g}".replace("-", "−")
