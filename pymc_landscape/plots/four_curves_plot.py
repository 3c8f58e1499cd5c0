"""``four_curves``: prior, profile likelihood, profile posterior and marginal posterior of each parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection

from pymc_landscape.plots.data import as_dataset, refuse_many
from pymc_landscape.plots.visuals import (
    LIGHT_GREY,
    LIKELIHOOD,
    POSTERIOR,
    POSTERIOR_PROFILE,
    PRIOR,
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
    wrapped,
)

Visual = Literal["curve", "mark", "zero", "legend", "xlabel", "ylabel"]
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
# Point estimates below the curves, in the colour of the curve that they belong to: name, marker, height.
POINT_ESTIMATES = {
    "mle": ("estimate", Style(LIKELIHOOD.colour, None, "circle"), -0.06),
    "map": ("joint mode", Style(POSTERIOR_PROFILE.colour, None, "diamond"), -0.14),
    "mean": ("mean", Style(POSTERIOR.colour, None, "square"), -0.22),
}
TOP, FOOT = 1.08, -0.29
TICKS = (0.0, 0.5, 1.0)


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
        in the colours of their curves), zero (the line that they lie below), legend, xlabel, ylabel.
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
    add_legend(canvas, STYLES | _marks(ds))
    add_hover(canvas)
    return canvas.pc


def _marks(ds: xr.Dataset) -> dict[str, Style]:
    """Return the styles of the point estimates that are there, by their names."""
    return {name: style for key, (name, style, _) in POINT_ESTIMATES.items() if np.isfinite(ds[key]).any()}


def _draw(canvas: Canvas, sheet: xr.DataArray, ds: xr.Dataset) -> None:
    backend = backend_of(canvas)

    def curve(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        one, drawn = ds.isel(parameter=panel_of(da)), []
        for name, style in STYLES.items():
            options = {**style.line(canvas.backend, 1.9), **hover_of(canvas.backend, name), **kwargs}
            height = one["height"].sel(curve=name).values
            known = np.isfinite(height).any()
            drawn.append(backend.line(one["value"].values, height, target, **options) if known else None)
        return artists(drawn)

    def mark(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        one, drawn = ds.isel(parameter=panel_of(da)), []
        for key, (name, style, height) in POINT_ESTIMATES.items():
            x = np.array([float(one[key])])
            form = {"marker": shape(canvas.backend, style.marker or "circle"), **hover_of(canvas.backend, name)}
            options = {"facecolor": style.colour, "edgecolor": WHITE, "width": 0.8, **form, **kwargs}
            seen = np.isfinite(x).all() and one["value"].values[0] <= x[0] <= one["value"].values[-1]
            drawn.append(backend.scatter(x, np.array([height]), target, **options) if seen else None)
        return artists(drawn)

    def zero(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        x = ds["value"].isel(parameter=panel_of(da)).values
        return backend.line(np.array([x.min(), x.max()]), np.zeros(2), target, **kwargs)

    canvas.draw(zero, "zero", sheet, {"color": LIGHT_GREY, "width": 0.8, **no_hover(canvas.backend)})
    canvas.draw(curve, "curve", sheet, artist_dims={"curve": len(STYLES)})
    size = {"size": marker_size(canvas.backend, "estimate")}
    canvas.draw(mark, "mark", sheet, size, artist_dims={"mark": len(POINT_ESTIMATES)})


def _finish(canvas: Canvas, ds: xr.Dataset) -> None:
    backend = backend_of(canvas)
    for i, target in enumerate(np.ravel(canvas.pc.viz["plot"].values)[: ds.sizes["parameter"]]):
        one = ds.isel(parameter=i)
        backend.xlim((float(one["value"].min()), float(one["value"].max())), target)
        backend.ylim((FOOT, TOP), target)
        backend.yticks(list(TICKS), [f"{height:g}" for height in TICKS], target)
        canvas.write("xlabel", wrapped(str(one["parameter"].item()), LINE), target)
        canvas.write("ylabel", "relative height", target)
