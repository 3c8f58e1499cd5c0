"""What is drawn: one variable of a landscape as its rise above the best point of the grid."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.arguments import checked_choice
from pymc_landscape.plots.data.inputs import as_dataset
from pymc_landscape.plots.data.subsampled_grid import drawn_lines

LABELS = {
    "delta_minus2ll": "Δ(−2LL)",
    "minus2ll": "Δ(−2LL)",
    "log_likelihood": "Δ(−2LL)",
    "term_log_likelihood": "Δ(−2LL)",
    "log_prior": "Δ(−2 log prior)",
    "log_posterior": "Δ(−2 log posterior)",
}
MOST_PANELS = 12


@dataclass(frozen=True)
class LandscapeView:
    """Heights over one or two axes, in one or several panels.

    Attributes
    ----------
    height : xr.DataArray
        Rise of −2 log density above the grid's best point; NaN where it is not finite.
        Axes first, in increasing order, then the panels' dims.
    axes : tuple of str
        The one or two dims drawn as axes.
    panels : tuple of str
        The dims drawn as panels.
    df : int
        How many of the grid's axes vary here.
    label : str
        Name of the height.
    source : xr.Dataset
        The landscape it was taken from, at the points that are drawn.
    whole : tuple of int
        How many points the landscape itself has along each axis.
    """

    height: xr.DataArray
    axes: tuple[str, ...]
    panels: tuple[str, ...]
    df: int
    label: str
    source: xr.Dataset
    whole: tuple[int, ...]

    @property
    def top(self) -> float:
        """Highest finite height."""
        return float(self.height.max())

    def is_discrete(self, axis: str) -> bool:
        """Whether the axis holds whole numbers of a discrete parameter."""
        return bool(self.source[axis].dtype.kind in "iub")


def landscape_view(data: xr.Dataset | xr.DataTree, var_name: str, landscape_group: str = "landscape") -> LandscapeView:
    """Take one surface out of a landscape, measured from its best point.

    Raises
    ------
    TypeError
        When ``data`` is neither a Dataset nor a DataTree.
    ValueError
        When it holds no such surface, no finite value, no axis that varies, or too many panels.
    """
    source = as_dataset(data, landscape_group, (), "evaluate_landscape", group_argument="landscape_group")
    _check_name(source, var_name)
    dims, grid = source[var_name].dims, _grid_dims(source)
    varying = [str(dim) for dim in dims if dim in grid and source.sizes[dim] > 1]
    axes = tuple(varying[:2])
    panels = tuple(str(dim) for dim in dims if dim not in axes)
    _check_sizes(source[var_name], panels, varying)
    whole = tuple(source.sizes[axis] for axis in axes)
    is_lazy = source.attrs.get("completion") == "lazy" and source[var_name].chunks is not None
    source = source.isel(drawn_lines(source[var_name], _sign(var_name), axes, len(varying), is_lazy))
    source = source.assign({var_name: source[var_name].compute()})  # each point is read, or evaluated, once
    height = _rise(source[var_name], [dim for dim in dims if dim in grid])
    _check_values(height, var_name)
    height = height.sortby(list(axes)).transpose(*axes, *panels)
    return LandscapeView(height, axes, panels, len(varying), _label(source, var_name), source, whole)


def _label(source: xr.Dataset, var_name: str) -> str:
    """Name the height; a profile, which is wider than a slice, says that it is one."""
    is_profile = source.attrs.get("nuisance") == "profile" and LABELS[var_name] == LABELS["minus2ll"]
    return f"profile {LABELS[var_name]}" if is_profile else LABELS[var_name]


def _check_name(source: xr.Dataset, var_name: str) -> None:
    known = [name for name in LABELS if name in source]
    if not known:
        raise ValueError(
            f"Expected a landscape with 'delta_minus2ll', got a Dataset of {list(source)}; "
            "pass what evaluate_landscape returns."
        )
    checked_choice("var_name", var_name, known)


def _grid_dims(source: xr.Dataset) -> tuple[Hashable, ...]:
    """Dims of the grid: those of the plain surfaces, without ``term``."""
    plain = [name for name in LABELS if name in source and name != "term_log_likelihood"]
    if plain:
        return source[plain[0]].dims
    return tuple(d for d in source["term_log_likelihood"].dims if d != "term")


def _rise(values: xr.DataArray, grid: list[Hashable]) -> xr.DataArray:
    """Δ = −2 log p + 2 max log p (Wilks 1938); only the finite part of a grid has a height."""
    minus2 = _sign(str(values.name)) * values
    finite = minus2.where(np.isfinite(minus2))
    already = values.name == "delta_minus2ll"  # a slice keeps its height above the whole grid
    rise = finite if already else finite - finite.min(grid)
    return rise.rename(values.name).drop_vars(set(rise.coords) - set(rise.dims))


def _sign(var_name: str) -> float:
    """Return what makes a variable a −2 log density, or the rise of one."""
    return -2.0 if "log_" in var_name else 1.0


def _check_values(height: xr.DataArray, var_name: str) -> None:
    if not bool(height.notnull().any()):
        raise ValueError(
            f"Expected {var_name!r} to be finite somewhere, got no finite point; "
            "the grid lies outside the support, so move it."
        )


def _check_sizes(values: xr.DataArray, panels: tuple[str, ...], varying: list[str]) -> None:
    """Refuse what is no picture, before anything is read."""
    if not varying:
        raise ValueError(f"Expected an axis with two or more points, got sizes {dict(values.sizes)}; widen the grid.")
    count = int(np.prod([values.sizes[dim] for dim in panels]))
    if count <= MOST_PANELS:
        return
    sizes = {dim: values.sizes[dim] for dim in panels}
    some = {dim: _example_positions(size, len(panels)) for dim, size in sizes.items()}
    raise ValueError(
        f"Expected two axes and at most {MOST_PANELS} panels, got axes {varying} with panels over "
        f"{sizes}; choose a few values first, for example ds.isel({some})."
    )


def _example_positions(size: int, dims: int) -> list[int]:
    """Choose a few evenly spread positions, for the example in the message."""
    number = 5 if dims == 1 else 3 if dims == 2 else 2 if dims == 3 else 1
    return [int(i) for i in np.linspace(0, size - 1, number + 2).round()[1:-1]]


def lowest(view: LandscapeView) -> xr.DataArray:
    """Position of the lowest grid point of each panel, dim ``plot_axis`` (x, y)."""
    where = view.height.fillna(np.inf).argmin(list(view.axes))
    coordinates = [view.height[axis].isel({axis: where[axis]}).drop_vars(axis) for axis in view.axes]
    if len(coordinates) == 1:
        coordinates.append(view.height.min(view.axes[0]))
    broadcast = xr.broadcast(*coordinates)
    point = xr.DataArray(
        np.stack([side.values.astype(float) for side in broadcast]),
        dims=["plot_axis", *broadcast[0].dims],
        coords={"plot_axis": ["x", "y"], **{dim: view.height[dim] for dim in view.panels}},
        name=view.height.name,
    )
    return point.where(view.height.notnull().any(list(view.axes)))


def as_cells(view: LandscapeView) -> xr.DataArray:
    """Give each value of a discrete axis its cell, with no slope from one to the next."""
    height = view.height
    for axis in view.axes:
        if view.is_discrete(axis):
            height = _widen(height, axis)
    return height


def _widen(height: xr.DataArray, axis: str) -> xr.DataArray:
    values = height[axis].values.astype(float)
    step = np.diff(values)
    lower = values - 0.5 * np.concatenate([step[:1], step])
    upper = values + 0.5 * np.concatenate([step, step[-1:]])
    gap = 1e-6 * step.min()  # coordinates must increase, also from one cell to the next
    sides = np.column_stack([lower + gap, upper - gap]).ravel()
    sides[0], sides[-1] = lower[0], upper[-1]
    twice = np.repeat(np.arange(values.size), 2)
    return height.isel({axis: twice}).assign_coords({axis: sides})
