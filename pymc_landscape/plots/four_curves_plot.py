"""``four_curves``: prior, profile likelihood, profile posterior and marginal posterior of each parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection

from pymc_landscape.plots.data import as_dataset, refuse_many
from pymc_landscape.plots.visuals import (
    LIKELIHOOD,
    POSTERIOR,
    POSTERIOR_PROFILE,
    PRIOR,
    WHITE,
    Canvas,
    add_legend,
    artists,
    backend_of,
    checked,
    marker_size,
    new_sheet,
    panel_of,
    wrapped,
)

Visual = Literal["curve", "mark", "legend", "xlabel", "ylabel"]
NEEDED = ("value", "height", "mle", "map", "mean", "parameter", "curve")
MOST = 24
LINE = 40  # letters of a name's line
ONE, MANY = (6.6, 4.0), (3.6, 2.9)
STYLES = {
    "prior": PRIOR,
    "likelihood profile": LIKELIHOOD,
    "posterior profile": POSTERIOR_PROFILE,
    "posterior marginal": POSTERIOR,
}
# Point estimates below the curves, in the colour of the curve that they belong to.
POINT_ESTIMATES = {"mle": "likelihood profile", "map": "posterior profile", "mean": "posterior marginal"}
HEIGHTS = {"mle": -0.05, "map": -0.12, "mean": -0.19}
TOP, FOOT = 1.08, -0.25


def four_curves(
    curves: xr.Dataset | xr.DataTree,
    *,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Draw prior, likelihood profile, posterior profile and marginal posterior, a panel a parameter.

    Use it to see at which step an answer moves: from the likelihood to the posterior profile the prior moves the mode,
    from there to the marginal all other parameters are integrated out. All but the first are densities on the scale
    that the model is written on.

    Parameters
    ----------
    curves : Dataset or DataTree
        What ``four_curves`` returns; choose parameters with ``curves.sel(parameter=[...])``.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: curve, mark (below the curves: estimate, mode and mean,
        in the colours of their curves), legend, xlabel, ylabel.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With ``curve`` over the dim ``curve`` and ``mark`` over the dim ``mark`` in ``viz``, and over ``panel`` where
        there are several parameters.

    Raises
    ------
    TypeError
        When ``curves`` is of another type.
    ValueError
        When it does not hold the curves, or more than 24 parameters.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> at = np.linspace(0, 1, 5)
    >>> ds = xr.Dataset({"value": (("parameter", "point"), [at]), "mle": ("parameter", [0.5])})
    >>> ds["height"] = ("parameter", "curve", "point"), [[4 * at * (1 - at)] * 4]
    >>> ds = ds.assign(map=ds["mle"], mean=ds["mle"]).assign_coords(parameter=["p"], curve=list(STYLES))
    >>> float(four_curves(ds, backend="none").viz["curve"]["sheet"].values[1]["y"].max())
    1.0
    """
    asked = checked(visuals, get_args(Visual))
    ds = as_dataset(curves, "curves", NEEDED, "four_curves")
    ds = ds if "parameter" in ds.dims else ds.expand_dims("parameter")
    refuse_many(ds.sizes["parameter"], MOST, "parameters", "curves.sel(parameter=[...])")
    panels = ds.sizes["parameter"]
    canvas, sheet = new_sheet(panels, backend, ONE if panels == 1 else MANY, asked, pc_kwargs, figsize)
    _draw(canvas, sheet, ds)
    _finish(canvas, ds)
    add_legend(canvas, STYLES)
    return canvas.pc


def _draw(canvas: Canvas, sheet: xr.DataArray, ds: xr.Dataset) -> None:
    backend = backend_of(canvas)

    def curve(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        one, drawn = ds.isel(parameter=panel_of(da)), []
        for name, style in STYLES.items():
            options = {**style.line(canvas.backend, 1.9), **kwargs}
            height = one["height"].sel(curve=name).values
            known = np.isfinite(height).any()
            drawn.append(backend.line(one["value"].values, height, target, **options) if known else None)
        return artists(drawn)

    def mark(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        one, drawn = ds.isel(parameter=panel_of(da)), []
        for name, curve_name in POINT_ESTIMATES.items():
            x = np.array([float(one[name])])
            options = {"facecolor": STYLES[curve_name].colour, "edgecolor": WHITE, "width": 0.8, **kwargs}
            seen = np.isfinite(x).all() and one["value"].values[0] <= x[0] <= one["value"].values[-1]
            drawn.append(backend.scatter(x, np.array([HEIGHTS[name]]), target, **options) if seen else None)
        return artists(drawn)

    canvas.draw(curve, "curve", sheet, artist_dims={"curve": len(STYLES)})
    size = {"size": marker_size(canvas.backend, "estimate")}
    canvas.draw(mark, "mark", sheet, size, artist_dims={"mark": len(POINT_ESTIMATES)})


def _finish(canvas: Canvas, ds: xr.Dataset) -> None:
    backend = backend_of(canvas)
    for i, target in enumerate(np.ravel(canvas.pc.viz["plot"].values)[: ds.sizes["parameter"]]):
        one = ds.isel(parameter=i)
        backend.xlim((float(one["value"].min()), float(one["value"].max())), target)
        backend.ylim((FOOT, TOP), target)
        canvas.write("xlabel", wrapped(str(one["parameter"].item()), LINE), target)
        canvas.write("ylabel", "relative height", target)
