"""``nuisance_paths``: the constrained estimates of the nuisance parameters along the profile of a parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from arviz_plots import PlotCollection

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_names
from pymc_landscape.plots.data import as_dataset, cutoffs, percent, refuse_many, traced_profile
from pymc_landscape.plots.visuals import (
    BLUE,
    GREY,
    ORANGE,
    PROFILE_HEADROOM,
    Canvas,
    Style,
    add_hover,
    add_legend,
    backend_of,
    checked,
    hover_of,
    marker_size,
    new_sheet,
    panel_of,
    wrapped,
)

Visual = Literal["path", "points", "beyond", "estimate", "legend", "xlabel", "ylabel"]
NEEDED = ("value", "delta_minus2ll", "zeta", "slope", "status", "path", "estimate", "standard_error", "parameter_bis")
MOST = 36
SIZE = (3.2, 2.8)
LINE = 30  # letters of a name's line
STILL = 1e-9  # a path that changes by less, of its own size, is constant
LEAST = 0.25  # half a panel's height, in standard errors of what moves: less is no movement


@dataclass(frozen=True)
class Path:
    """How one parameter moves along the profile of another: points (n, 2), Δ(−2LL) at each, limits of the value."""

    profiled: str
    nuisance: str
    points: Array
    rise: Array
    estimate: int
    window: tuple[float, float]
    error: float

    def limits(self) -> tuple[float, float]:
        """Limits of the height: those of the path between the limits of the value, and some room about a constant."""
        x, y = self.points.T
        grid = np.clip(np.concatenate([x, self.window]), *self.window)
        order = np.argsort(x)
        seen = np.interp(grid, x[order], y[order])
        low, high = float(seen.min()), float(seen.max())
        middle = 0.5 * (low + high)
        half = 0.55 * (high - low) if high - low > STILL * abs(middle) else 0.0
        least = LEAST * self.error if np.isfinite(self.error) else 0.0
        half = max(half, least) or 0.5 * (abs(middle) or 1.0)
        return middle - half, middle + half


def nuisance_paths(
    profile: xr.Dataset | xr.DataTree,
    nuisance: str | Sequence[str] | None = None,
    *,
    level: float | Sequence[float] = 0.95,
    figsize: tuple[float, float] | None = None,
    backend: str | None = None,
    visuals: Mapping[Visual, Mapping[str, Any] | bool] | None = None,
    **pc_kwargs: Any,
) -> PlotCollection:
    """Draw the estimates of the nuisance parameters along a profile, a panel a pair.

    Use it to see what a profile trades a parameter against: a steep path is a parameter that makes up for the one that
    is fixed. A level path is one that has nothing to do with it, a path with a corner another local minimum.

    Parameters
    ----------
    profile : Dataset or DataTree
        What ``profile_likelihood`` returns; choose profiles with ``profile.sel(parameter=[...])``.
    nuisance : str or sequence of str, optional
        Elements of ``parameter_bis`` to show. Defaults to all but the profiled one.
    level : float or sequence of float, default 0.95
        Beyond the cut-off of the highest, that of χ²₁, a path is grey.
    figsize : (float, float), optional
        Width and height of the whole figure in inches, or in hundreds of dots for plotly and bokeh.
    backend : {"matplotlib", "plotly", "bokeh", "none"}, optional
        Defaults to ``rcParams["plot.backend"]``.
    visuals : mapping of {str : mapping or bool}, optional
        Keyword arguments of a visual, or False to leave it out: path, points (the traced ones), beyond (outside the
        interval), estimate, legend, xlabel, ylabel.
    **pc_kwargs
        Passed to :meth:`arviz_plots.PlotCollection.wrap`.

    Returns
    -------
    PlotCollection
        With ``path``, ``points``, ``beyond`` and ``estimate`` in ``viz``, over the dim ``panel``.

    Raises
    ------
    TypeError
        When ``profile`` is of another type.
    ValueError
        When it is no profile, an element is not known, there is no other parameter, or there are more than 36 pairs.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> step = np.arange(-2, 3)
    >>> numbers = {"value": 1.0 * step, "delta_minus2ll": 1.0 * step**2, "zeta": 1.0 * step, "slope": 2.0 * step}
    >>> ds = xr.Dataset({name: (("parameter", "step"), [row]) for name, row in numbers.items()})
    >>> ds["path"] = ("parameter", "step", "parameter_bis"), np.stack([step, 5.0 - step], axis=-1)[None]
    >>> ds["status"] = ("parameter", "step"), [["converged"] * 2 + ["estimate"] + ["converged"] * 2]
    >>> ds = ds.assign(estimate=("parameter", [0.0]), standard_error=("parameter", [1.0]))
    >>> ds = ds.assign_coords(parameter=["a"], step=step, parameter_bis=["a", "b"])
    >>> nuisance_paths(ds, backend="none").viz["path"]["sheet"].item()["y"].tolist()
    [6.0, 5.0, 4.0]
    """
    asked = checked(visuals, get_args(Visual))
    ds = as_dataset(profile, "profile", NEEDED, "profile_likelihood")
    cuts = cutoffs(level, 1)
    paths = _paths(ds, nuisance, cuts.values)
    if not paths:
        profiled, known = (ds[dim].values.astype(str).tolist() for dim in ("parameter", "parameter_bis"))
        raise ValueError(
            f"Expected a profile along which another parameter moves, got one of {profiled} in a model of {known}; "
            "plots.profile shows the profile itself."
        )
    refuse_many(len(paths), MOST, "pairs of parameters", "profile.sel(parameter=[...]) or nuisance")
    columns = {} if nuisance is not None or "col_wrap" in pc_kwargs else _matrix(ds, paths)
    canvas, sheet = new_sheet(len(paths), backend, SIZE, asked, {**columns, **pc_kwargs}, figsize)
    _draw(canvas, sheet, paths, float(cuts.values[-1]))
    _finish(canvas, paths)
    inside = f"inside the {percent(float(cuts['level'][-1]))} interval"
    estimate = {"estimate": Style(ORANGE, None, "circle")}
    add_legend(canvas, {inside: Style(BLUE, "solid", "circle"), "beyond": Style(GREY, "dotted", "circle"), **estimate})
    add_hover(canvas)
    return canvas.pc


def _paths(ds: xr.Dataset, nuisance: str | Sequence[str] | None, cuts: Array) -> list[Path]:
    known = ds["parameter_bis"].values.astype(str).tolist()
    wanted = known if nuisance is None else checked_names("nuisance", nuisance, of="elements on the way", known=known)
    profiled = ds["parameter"].values.astype(str)
    windows = {p: traced_profile(ds, p).window(PROFILE_HEADROOM * cuts, beside_wald=False) for p in profiled}
    return [_path(ds, p, name, windows[p]) for p in profiled for name in wanted if name != p]


def _path(ds: xr.Dataset, parameter: str, name: str, window: tuple[float, float]) -> Path:
    one = ds.sel(parameter=parameter).sortby("step")
    points = np.column_stack([one["value"].values, one["path"].sel(parameter_bis=name).values])
    shown = np.isfinite(points).all(axis=1)
    steps = one["step"].values[shown]
    center = int(np.abs(steps).argmin()) if steps.size else 0
    error = float(ds["standard_error"].sel(parameter=name)) if name in ds["parameter"].values else np.nan
    return Path(parameter, name, points[shown], one["delta_minus2ll"].values[shown], center, window, error)


def _matrix(ds: xr.Dataset, paths: Sequence[Path]) -> dict[str, int]:
    """Give each profile a row, where all have as many nuisance parameters."""
    number = [sum(path.profiled == str(p) for path in paths) for p in ds["parameter"].values]
    return {"col_wrap": number[0]} if len(set(number)) == 1 and 1 < number[0] <= 6 else {}


def _draw(canvas: Canvas, sheet: xr.DataArray, paths: Sequence[Path], cut: float) -> None:
    backend = backend_of(canvas)

    def line(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        xy = _inside(paths[panel_of(da)], cut)
        return backend.line(xy[:, 0], xy[:, 1], target, **kwargs)

    def beyond(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        xy = paths[panel_of(da)].points
        return backend.line(xy[:, 0], xy[:, 1], target, **kwargs)

    def points(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        xy = paths[panel_of(da)].points
        return backend.scatter(xy[:, 0], xy[:, 1], target, **kwargs)

    def estimate(da: xr.DataArray, target: Any, **kwargs: Any) -> Any:
        path = paths[panel_of(da)]
        return backend.scatter(*path.points[path.estimate], target, **kwargs)

    named, size = partial(hover_of, canvas.backend), partial(marker_size, canvas.backend)
    canvas.draw(beyond, "beyond", sheet, Style(GREY, "dotted").line(canvas.backend, 1.2) | named("beyond"))
    canvas.draw(line, "path", sheet, {"color": BLUE, "width": 2.2} | named("path"))
    canvas.draw(points, "points", sheet, {"color": BLUE, "size": size("traced point")} | named("traced"))
    canvas.draw(estimate, "estimate", sheet, {"color": ORANGE, "size": size("estimate")} | named("estimate"))


def _inside(path: Path, cut: float) -> Array:
    """Points of the interval's part of a path: around the estimate, below the cut-off."""
    outside = path.rise > cut
    below = np.flatnonzero(outside[: path.estimate])
    above = np.flatnonzero(outside[path.estimate :])
    first = below[-1] + 1 if below.size else 0
    last = path.estimate + above[0] if above.size else len(outside)
    return path.points[first:last]


def _finish(canvas: Canvas, paths: Sequence[Path]) -> None:
    backend = backend_of(canvas)
    for target, path in zip(np.ravel(canvas.pc.viz["plot"].values), paths, strict=True):
        for visual, text in (("xlabel", path.profiled), ("ylabel", path.nuisance)):
            canvas.write(visual, wrapped(text, LINE), target)
        backend.xlim(path.window, target)
        backend.ylim(path.limits(), target)
