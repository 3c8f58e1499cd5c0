"""Posterior draws on the axes of a landscape, or projected on its plane."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape.arguments import checked_count, checked_group, checked_names, wrong_type
from pymc_landscape.plots.data.landscape import LandscapeView

JITTER_SEED = 0  # the same picture every time


def check_draws_options(group: Any, sample_dims: Any, num_samples: Any = 1) -> int:
    """Refuse words for the draws that are none, whether there are draws or not; return how many are drawn at most."""
    checked_group(group)
    if sample_dims is not None:
        checked_names("sample_dims", sample_dims, of="dims of the draws")
    return checked_count("num_samples", num_samples)


def find_draws(
    view: LandscapeView,
    ds: xr.Dataset | xr.DataTree,
    dt: xr.DataTree | xr.Dataset | None,
    group: str,
    sample_dims: str | Sequence[str] | None,
    num_samples: int,
) -> xr.DataArray | None:
    """Draws of ``dt``, which must fit; or those of the landscape's own tree, where they fit."""
    num_samples = check_draws_options(group, sample_dims, num_samples)
    if dt is not None:
        points = draws_on_axes(view, dt, group, sample_dims, num_samples)
        if points is None:
            warnings.warn(
                f"The landscape has no directions of {list(view.axes)} on the scale of the draws: no draws are shown.",
                UserWarning,
                stacklevel=3,
            )
        return points
    if not isinstance(ds, xr.DataTree) or group not in ds.children:
        return None
    try:
        return draws_on_axes(view, ds, group, sample_dims, num_samples)
    except ValueError:
        return None


def draws_name(ds: object, dt: object, group: str) -> str:
    """Name the draws by the sampler that made them, where its statistics are at hand."""
    tree = ds if dt is None else dt
    stats = tree.children.get("sample_stats") if isinstance(tree, xr.DataTree) else None
    by_nuts = group == "posterior" and stats is not None and "tree_depth" in stats.data_vars
    return "NUTS draws" if by_nuts else f"{group.replace('_', ' ')} draws"


def draws_on_axes(
    view: LandscapeView,
    data: xr.Dataset | xr.DataTree,
    group: str,
    sample_dims: str | Sequence[str] | None,
    num_samples: int,
) -> xr.DataArray | None:
    """Posterior draws as points on the picture, at most ``num_samples`` a panel in all.

    Only draws inside the grid's box are kept. Where panels show values of further parameters,
    each draw goes to the panel nearest to it, because that is the slice it belongs to.

    Returns
    -------
    xr.DataArray or None
        Dims ``plot_axis`` (x, y) or (x), ``sample``, then the panels'; NaN where a draw is in
        another panel. None for a plane whose directions are not known on the draws' scale.

    Raises
    ------
    ValueError
        When ``data`` has no such group, or the group no such parameter.
    """
    posterior = posterior_of(data, group)
    dims = sample_dims_of(posterior, sample_dims)
    values = _coordinates(view, posterior, dims, group)
    if values is None:
        return None
    inside = np.all([_inside(view, axis, v) for axis, v in zip(view.axes, values, strict=True)], axis=0)
    kept = _thin(np.flatnonzero(inside), num_samples)
    points = xr.DataArray(
        np.array([_jitter(view, axis, v[kept]) for axis, v in zip(view.axes, values, strict=True)]),
        dims=["plot_axis", "sample"],
        coords={"plot_axis": ["x", "y"][: len(view.axes)]},
        name=view.height.name,
    )
    return _into_panels(view, points, posterior, dims, kept)


def posterior_of(data: xr.Dataset | xr.DataTree, group: str) -> xr.Dataset:
    """Return the draws, given alone or as a group of a tree."""
    if isinstance(data, xr.Dataset):
        return data
    if not isinstance(data, xr.DataTree):
        raise wrong_type(f"dt to be a DataTree with a group {group!r}", data, "pass what pm.sample returns")
    if checked_group(group) not in data.children:
        raise ValueError(
            f"Expected a group {group!r} in dt, got {sorted(map(str, data.children))}; "
            "name the group of the draws in group."
        )
    return data.children[group].to_dataset()


def sample_dims_of(posterior: xr.Dataset, sample_dims: str | Sequence[str] | None) -> list[str]:
    """Return the dims over which draws are counted; left out, ArviZ's own."""
    if sample_dims is not None:
        known = [str(dim) for dim in posterior.dims]
        return checked_names("sample_dims", sample_dims, of="dims of the draws", known=known)
    from arviz_base.validate import validate_sample_dims

    asked = posterior.attrs.get("sample_dims") or validate_sample_dims(None)
    if not set(asked) <= set(posterior.dims):
        raise ValueError(
            f"Expected draws with the dims {', '.join(asked)} as dt, got {[str(dim) for dim in posterior.dims]}; pass "
            "what pm.sample returns, or name the dims with sample_dims."
        )
    return list(asked)


def element(posterior: xr.Dataset, label: str, dims: Sequence[str]) -> NDArray[np.float64] | None:
    """All draws of the parameter element with this ArviZ label, chain by chain; None if absent."""
    from arviz_base import xarray_sel_iter
    from arviz_base.labels import BaseLabeller

    labeller = BaseLabeller()
    for name in (n for n in posterior if label == n or label.startswith(f"{n}[")):
        for var_name, sel, isel in xarray_sel_iter(posterior[[name]], skip_dims=set(dims)):
            if labeller.make_label_flat(var_name, sel, isel) == label:
                drawn = posterior[name].isel(isel).transpose(*dims)
                return np.asarray(drawn.values, dtype=float).ravel()
    return None


def _coordinates(
    view: LandscapeView, posterior: xr.Dataset, dims: Sequence[str], group: str
) -> list[NDArray[np.float64]] | None:
    drawn = [element(posterior, axis, dims) for axis in view.axes]
    values = [v for v in drawn if v is not None]
    if len(values) == len(view.axes):
        return values
    if view.source.attrs.get("kind") in ("plane", "principal"):
        return _project(view, posterior, dims)
    missing = [axis for axis, v in zip(view.axes, drawn, strict=True) if v is None]
    raise ValueError(
        f"Expected draws of {missing} in group {group!r}, got draws of {list(posterior)}; "
        "pass the draws of the landscape's own model, or leave dt out."
    )


def _project(view: LandscapeView, posterior: xr.Dataset, dims: Sequence[str]) -> list[NDArray[np.float64]] | None:
    """Coordinates t of the plane's point nearest to each draw, in the draws' own metric Σ⁻¹.

    Minimising (θ − c − tD)Σ⁻¹(θ − c − tD)ᵀ gives t = (θ − c)Σ⁻¹Dᵀ(DΣ⁻¹Dᵀ)⁻¹ (generalised least
    squares, Aitken 1935): no unit of a parameter counts more than another, and for principal
    axes these are the principal coordinates themselves.
    """
    plane = _plane(view, posterior, dims)
    if plane is None:
        return None
    offset, direction = plane
    metric = np.linalg.pinv(np.atleast_2d(np.cov(offset, rowvar=False)))
    weighted = metric @ direction.T
    return list((offset @ weighted @ np.linalg.pinv(direction @ weighted)).T)


def _plane(
    view: LandscapeView, posterior: xr.Dataset, dims: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Draws less the plane's centre, and its directions, over the parameters that take part."""
    if not {"center", "direction"} <= set(view.source.variables):
        return None
    used = view.source["direction"].sel(axis=list(view.axes)).transpose("axis", "plane_parameter")
    used = used.isel(plane_parameter=np.flatnonzero(np.any(used.values != 0, axis=0)))
    drawn = [element(posterior, str(label), dims) for label in used["plane_parameter"].values]
    columns = [v for v in drawn if v is not None]
    if not columns or len(columns) < used.sizes["plane_parameter"]:
        return None
    center = view.source["center"].sel(plane_parameter=used["plane_parameter"])
    return np.column_stack(columns) - center.values, used.values


def _inside(view: LandscapeView, axis: str, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    low, high = limits(view, axis)
    return np.asarray((values >= low) & (values <= high))


def limits(view: LandscapeView, axis: str) -> tuple[float, float]:
    """Return the ends of the axis as drawn: the grid's, and half a cell more if discrete."""
    values = view.height[axis].values.astype(float)
    margin = 0.5 * np.diff(values)[[0, -1]] if view.is_discrete(axis) else np.zeros(2)
    return float(values[0] - margin[0]), float(values[-1] + margin[1])


def _thin(kept: NDArray[np.intp], number: int) -> NDArray[np.intp]:
    """Thin evenly over all chains, so that the picture is the same every time."""
    if kept.size <= number:
        return kept
    chosen: NDArray[np.intp] = kept[np.linspace(0, kept.size - 1, number).round().astype(int)]
    return chosen


def _jitter(view: LandscapeView, axis: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread draws of a whole number over its cell; at one point their number could not be seen."""
    if not view.is_discrete(axis):
        return values
    step = float(np.diff(view.height[axis].values.astype(float)).min())
    return values + np.random.default_rng(JITTER_SEED).uniform(-0.3, 0.3, values.size) * step


def _into_panels(
    view: LandscapeView,
    points: xr.DataArray,
    posterior: xr.Dataset,
    dims: Sequence[str],
    kept: NDArray[np.intp],
) -> xr.DataArray:
    for panel in view.panels:
        shown = view.height[panel]
        points = points.expand_dims({panel: shown.values}, axis=-1)
        values = element(posterior, panel, dims) if shown.dtype.kind in "iuf" else None
        if values is not None:
            gap = np.abs(values[kept][:, None] - shown.values)
            mine = gap.argmin(axis=1)[:, None] == np.arange(shown.size)
            points = points.where(xr.DataArray(mine, dims=["sample", panel]))
    return points
