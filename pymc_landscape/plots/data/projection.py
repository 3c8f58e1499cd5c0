"""Iterates of a descent projected on the axes of a landscape, and their distance from its plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array
from pymc_landscape.arguments import wrong_type
from pymc_landscape.plots.data.descents import SAMPLE
from pymc_landscape.plots.data.draws import element
from pymc_landscape.plots.data.inputs import as_dataset
from pymc_landscape.plots.data.landscape import LandscapeView, landscape_view


def project_paths(
    landscape: xr.Dataset | xr.DataTree,
    descent: xr.Dataset | xr.DataTree,
    *,
    metric: xr.DataArray | None = None,
    var_name: str = "delta_minus2ll",
    landscape_group: str = "landscape",
) -> xr.Dataset:
    r"""Project the iterates of a descent on the two axes of a landscape.

    A path through more than two parameters does not lie on the surface that is drawn: ``off_plane``
    tells how far from it each iterate is, and ``delta_minus2ll`` its true height.

    Parameters
    ----------
    landscape : Dataset or DataTree
        With two dims of more than one point: labels of elements on the natural scale (``beta[x1]``)
        or of value variables (``sigma_log__``), or ``u`` and ``v`` of a plane.
    descent : Dataset or DataTree
        What ``descend`` returns.
    metric : DataArray, optional
        Of a plane: weights M (dims plane_parameter, plane_parameter_bis) in which an iterate's
        nearest point is meant. Defaults to the identity, the ordinary distance.
    var_name : str, default "delta_minus2ll"
        The surface, as in :func:`landscape`.
    landscape_group : str, default "landscape"
        Group of ``landscape``, when it is a DataTree.

    Returns
    -------
    Dataset
        Dims those of the descent's samples (chain, draw, and optimizer where it has one); variables
        ``x``, ``y``, ``off_plane`` (NaN where the landscape does not say where the nuisance
        parameters are fixed), ``minus2ll``, and ``delta_minus2ll`` above the landscape's own zero.
        ``attrs["axes"]`` names the axes; ``attrs["off"]`` says "plane" or "slice".

    Raises
    ------
    TypeError
        When ``landscape`` or ``descent`` is of another type.
    ValueError
        When the landscape does not have two axes, or the descent has no values on one of them.

    Notes
    -----
    On a plane c + uD₁ + vD₂ the point nearest to θ has (u, v) = (θ − c)MDᵀ(DMDᵀ)⁻¹ (generalised
    least squares, Aitken 1935), and ``off_plane`` is the Euclidean length of what is left. On a
    slice it is the distance of the nuisance parameters from where they are fixed.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> a, b = np.linspace(-3, 3, 7), np.linspace(-2, 2, 5)
    >>> heights = {"delta_minus2ll": (("a", "b"), a[:, None] ** 2 + b**2)}
    >>> path = {name: (("chain", "draw"), [[2.0, 1.0, 0.0]]) for name in ("a", "b", "minus2ll")}
    >>> found = project_paths(xr.Dataset(heights, coords={"a": a, "b": b}), xr.Dataset(path))
    >>> found.attrs["axes"], found["x"].values.tolist()
    (['a', 'b'], [[2.0, 1.0, 0.0]])
    """
    view = two_axes(landscape_view(landscape, var_name, landscape_group))
    if metric is not None and not isinstance(metric, xr.DataArray):
        raise wrong_type("metric to be a DataArray", metric, "leave it out")
    return paths_on_axes(view, as_dataset(descent, "descent", ("minus2ll", *SAMPLE), "descend"), metric)


def two_axes(view: LandscapeView) -> LandscapeView:
    """Refuse a landscape with one axis, or with more than two that vary."""
    further = [dim for dim in view.panels if view.height.sizes[dim] > 1]
    if len(view.axes) == 2 and not further:
        height = view.height.isel(dict.fromkeys(view.panels, 0), drop=True)
        return replace(view, height=height, panels=())
    middle = {dim: view.height[dim].values[view.height.sizes[dim] // 2].item() for dim in further}
    todo = f"choose a slice, for example ds.sel({middle})" if further else "use plots.landscape"
    raise ValueError(f"Expected two axes, got {[*view.axes, *further]}; {todo}.")


def paths_on_axes(view: LandscapeView, descent: xr.Dataset, metric: xr.DataArray | None = None) -> xr.Dataset:
    """Project a descent on the axes of a landscape; see :func:`project_paths`."""
    dims = tuple(dim for dim in (*SAMPLE, "optimizer") if dim in descent.dims)
    flat = descent["minus2ll"].transpose(*dims)
    if _is_plane(view):
        x, y, off = _on_plane(view, descent, dims, metric)
    else:
        x, y = _of_all(descent, view.axes, dims, "on the axes")
        off = _off_slice(view, descent, dims)
    columns = {"x": x, "y": y, "off_plane": off, "minus2ll": flat.values.ravel()}
    columns["delta_minus2ll"] = columns["minus2ll"] - zero_of(view)
    data = {name: (dims, values.reshape(flat.shape)) for name, values in columns.items()}
    kept = {dim: flat[dim] for dim in dims if dim in flat.coords}
    return xr.Dataset(data, kept, {"axes": list(view.axes), "off": "plane" if _is_plane(view) else "slice"})


def zero_of(view: LandscapeView) -> float:
    """Return the −2LL at which the drawn heights begin; NaN where the heights are not of the likelihood."""
    if view.label != "Δ(−2LL)" or not {"minus2ll", "log_likelihood"} & set(view.source):
        return np.nan
    if view.height.name == "term_log_likelihood":
        return np.nan
    level = view.source["minus2ll"] if "minus2ll" in view.source else -2.0 * view.source["log_likelihood"]
    gap = (level - view.height).values
    finite = gap[np.isfinite(gap)]
    return float(finite[0]) if finite.size else np.nan


def values_of(descent: xr.Dataset, label: str, dims: tuple[str, ...]) -> Array | None:
    """All iterates of one element, on the natural scale or, by its value label, unconstrained."""
    natural = element(descent, label, dims)
    if natural is not None or "theta" not in descent.coords:
        return natural
    theta = descent["theta"]
    along = [dim for dim in theta.dims if dim not in dims]
    if len(along) != 1 or along[0] not in theta.coords:
        return None
    where = _column(theta[along[0]].values.astype(str).tolist(), label)
    return None if where is None else theta.transpose(*dims, along[0]).values[..., where].ravel().astype(float)


def _column(labels: list[str], label: str) -> int | None:
    """Find the column of θ of this label, or of the parameter whose unconstrained value it names.

    θ may call the element ``sigma`` what a grid calls ``sigma_log__``: both are its unconstrained value.
    """
    if label in labels:
        return labels.index(label)
    name, bracket, element_ = label.partition("[")
    owners = [own for own in labels if own[len(_name(own)) :] == bracket + element_ and _owns(_name(own), name)]
    return labels.index(max(owners, key=len)) if owners else None


def _owns(name: str, value_name: str) -> bool:
    """Whether ``sigma`` may have the value variable ``sigma_log__``: its name, a transform's, and ``__``."""
    return value_name.startswith(f"{name}_") and value_name.endswith("__") and len(value_name) > len(name) + 3


def _is_plane(view: LandscapeView) -> bool:
    return {"center", "direction"} <= set(view.source.variables) or view.source.attrs.get("kind") in (
        "plane",
        "principal",
    )


def _of_all(descent: xr.Dataset, labels: Sequence[str], dims: tuple[str, ...], where: str) -> list[Array]:
    """Values of each element; one that is missing is refused by name."""
    columns_of = {label: values_of(descent, label, dims) for label in labels}
    missing = [label for label, values in columns_of.items() if values is None]
    if missing:
        raise ValueError(
            f"Expected a descent with the elements {where}, got none of {missing} among {_names(descent)}; "
            "pass a descent of the landscape's own model."
        )
    return [values for values in columns_of.values() if values is not None]


def _on_plane(
    view: LandscapeView, descent: xr.Dataset, dims: tuple[str, ...], metric: xr.DataArray | None
) -> tuple[Array, Array, Array]:
    if not {"center", "direction"} <= set(view.source.variables):
        raise ValueError(
            "Expected a plane with the variables 'center' and 'direction', got none; "
            "draw the landscape that evaluate_landscape returns for a plane_grid."
        )
    labels = [str(label) for label in view.source["plane_parameter"].values]
    columns = _of_all(descent, labels, dims, "of the plane")
    direction = view.source["direction"].sel(axis=list(view.axes)).transpose("axis", "plane_parameter").values
    offset = np.column_stack(columns) - view.source["center"].values
    t = _nearest(offset, direction, _weights(metric, labels))
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.linalg.norm(offset - t @ direction, axis=-1)
    return t[:, 0], t[:, 1], off


def _nearest(offset: Array, direction: Array, weights: Array) -> Array:
    weighted = weights @ direction.T
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(offset @ weighted @ np.linalg.pinv(direction @ weighted))


def _weights(metric: xr.DataArray | None, labels: list[str]) -> Array:
    if metric is None:
        return np.eye(len(labels))
    same = {"plane_parameter": labels, "plane_parameter_bis": labels}
    return np.asarray(metric.reindex(same, fill_value=0.0).transpose(*same).values)


def draws_metric(view: LandscapeView, posterior: xr.Dataset, dims: tuple[str, ...]) -> xr.DataArray | None:
    """Σ⁻¹ of the draws over the elements a plane moves, in which the draws are projected too.

    Otherwise one and the same θ would be drawn at two points, as a draw and as an iterate.
    """
    if not {"center", "direction"} <= set(view.source.variables):
        return None
    moved = np.any(view.source["direction"].transpose("axis", "plane_parameter").values != 0, axis=0)
    labels = [str(label) for label in view.source["plane_parameter"].values[moved]]
    columns_of = [element(posterior, label, dims) for label in labels]
    columns = [values for values in columns_of if values is not None]
    if not columns or len(columns) < len(labels):
        return None
    inverse = np.linalg.pinv(np.atleast_2d(np.cov(np.column_stack(columns), rowvar=False)))
    dims_ = ("plane_parameter", "plane_parameter_bis")
    return xr.DataArray(inverse, dims=dims_, coords=dict.fromkeys(dims_, labels))


def _off_slice(view: LandscapeView, descent: xr.Dataset, dims: tuple[str, ...]) -> Array:
    """Distance of the nuisance parameters from where the landscape fixes them."""
    size = int(np.prod([descent.sizes[dim] for dim in dims]))
    if not {"at", "parameter"} <= set(view.source.coords) or view.source.attrs.get("nuisance", "fix") != "fix":
        return np.full(size, np.nan)
    at = dict(zip(view.source["parameter"].values.astype(str).tolist(), view.source["at"].values, strict=True))
    total = np.zeros(size)
    for label in fixed_labels(at, view.axes):
        values = values_of(descent, label, dims)
        with np.errstate(over="ignore", invalid="ignore"):
            total = total + (np.nan if values is None else (values - at[label]) ** 2)
    return np.sqrt(total)


def fixed_labels(at: dict[str, float], axes: tuple[str, ...]) -> list[str]:
    """Elements on no axis; an axis ``sigma_log__`` moves ``sigma``, one of a simplex all its weights."""
    moved = {name for name in map(_name, at) for axis in map(_name, axes) if _owns(name, axis)}
    for name in {_name(axis) for axis in axes}:
        weights = [value for label, value in at.items() if _name(label) == name]
        if len(weights) > 1 and min(weights) >= 0 and np.isclose(sum(weights), 1.0, rtol=1e-9):
            moved.add(name)
    return [label for label in at if label not in axes and _name(label) not in moved]


def _name(label: str) -> str:
    return label.split("[")[0]


def _names(descent: xr.Dataset) -> list[str]:
    return [str(name) for name in descent.data_vars if name not in ("minus2ll", "grad_norm", "step_size")]
