"""Posterior draws as flat vectors of a model, read block by block: the whole table of them never exists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape.aliases import Array
from pymc_landscape.draws import SAMPLE_DIMS
from pymc_landscape.layout import FreeVariable, closest

if TYPE_CHECKING:
    from pymc_landscape.objective import Objective

# A variable's draws up to this size are read in one go.
AT_HAND = 2**26


class DrawVectors:
    """The draws of a model's free variables, natural scale, in the order of its layout.

    Variables are found by name, and their elements by label where the draws have labels of the model's; whatever else
    the group holds is left alone.

    Parameters
    ----------
    objective : Objective
        Whose free variables are wanted.
    draws : DataTree or Dataset
        Holds the draws.
    group : str
        The group of the tree.
    sample_dims : sequence of str
        The dims over which draws are counted; one, if they were stacked.

    Attributes
    ----------
    dims : tuple of str
        The sample dims.
    shape : tuple of int
        Their lengths.
    coords : xr.Coordinates
        Their labels.

    Raises
    ------
    TypeError
        If `draws` is no tree and no Dataset.
    ValueError
        If it has no such group or no such dims, or lacks a free variable of the model, or has it with another shape
        or other labels.
    """

    def __init__(
        self, objective: Objective, draws: Any, group: str = "posterior", sample_dims: str | Sequence[str] = SAMPLE_DIMS
    ):
        dataset = _group(draws, group)
        self.dims = (sample_dims,) if isinstance(sample_dims, str) else tuple(sample_dims)
        _refuse_other_dims(dataset, self.dims, group)
        self._layout = objective.compiled.layout()
        self._arrays = {v.name: _of_variable(dataset, v, self.dims) for v in objective.variables}
        self._flat = {name: _at_hand(array, len(self.dims)) for name, array in self._arrays.items()}
        first = dataset[next(iter(self._arrays))]
        self.shape = tuple(first.sizes[dim] for dim in self.dims)
        self.coords = first.drop_vars([c for c in first.coords if not set(first[c].dims) <= set(self.dims)]).coords

    @property
    def total(self) -> int:
        """How many draws there are."""
        return int(np.prod(self.shape))

    def rows(self, start: int, stop: int) -> Array:
        """Return draws `start` to `stop`, the last sample dim fastest, as vectors (stop - start, k)."""
        return self._layout.join({name: self._between(name, start, stop) for name in self._arrays})

    def block(self, first: int, start: int, stop: int) -> Array:
        """Return draws `start` to `stop`, counted from the draw `first` on."""
        return self.rows(first + start, first + stop)

    def where(self, row: int) -> str:
        """Say which draw a row is."""
        index = np.unravel_index(row, self.shape)
        return ", ".join(
            f"{dim} {self.coords[dim].to_numpy()[i] if dim in self.coords else i}"
            for dim, i in zip(self.dims, index, strict=True)
        )

    def _between(self, name: str, start: int, stop: int) -> Array:
        """Read the slabs of the first sample dims in which the draws lie, and cut them to size."""
        flat, array, inner = self._flat[name], self._arrays[name], self.shape[-1]
        if flat is not None:
            return flat[start:stop]
        slabs = [
            (lead, max(start - lead * inner, 0), min(stop - lead * inner, inner)) for lead in self._leads(start, stop)
        ]
        parts = [self._slab(array, lead).isel({self.dims[-1]: slice(a, b)}).to_numpy() for lead, a, b in slabs]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _leads(self, start: int, stop: int) -> range:
        return range(start // self.shape[-1], -(-stop // self.shape[-1]))

    def _slab(self, array: xr.DataArray, lead: int) -> xr.DataArray:
        index = np.unravel_index(lead, self.shape[:-1]) if len(self.shape) > 1 else ()
        return array.isel(dict(zip(self.dims[:-1], map(int, index), strict=True)))


def _at_hand(array: xr.DataArray, lead: int) -> Array | None:
    """Return draws as one row a draw; None where they are many, and perhaps on disk: those are read in parts."""
    return array.to_numpy().reshape(-1, *array.shape[lead:]) if array.nbytes <= AT_HAND else None


def _group(draws: Any, group: str) -> xr.Dataset:
    if isinstance(draws, xr.Dataset):
        return draws
    if not isinstance(draws, xr.DataTree):
        raise TypeError(
            f"Expected draws as a DataTree or a Dataset, got {type(draws).__name__}: pass what pm.sample returned."
        )
    if not draws.children:
        return draws.to_dataset()
    if group not in draws.children:
        raise ValueError(f"Expected a tree with the group {group!r}, got {closest(group, draws.children)}.")
    return draws[group].to_dataset()


def _refuse_other_dims(dataset: xr.Dataset, dims: tuple[str, ...], group: str) -> None:
    lacking = [dim for dim in dims if dim not in dataset.dims]
    if lacking or not dims:
        raise ValueError(
            f"Expected draws with the dims {', '.join(dims) or 'chain, draw'}, got {tuple(map(str, dataset.dims))}: "
            f"pass what pm.sample returned or its {group} group, or name the dims with sample_dims."
        )


def _of_variable(dataset: xr.Dataset, variable: FreeVariable, sample_dims: tuple[str, ...]) -> xr.DataArray:
    if variable.name not in dataset.data_vars:
        raise ValueError(
            f"Expected draws of this model, got none of its parameter {variable.name}: they hold "
            f"{closest(variable.name, map(str, dataset.data_vars))}; is this the posterior of another model?"
        )
    array = dataset[variable.name]
    own = tuple(str(dim) for dim in array.dims if dim not in sample_dims)
    if set(own) == set(variable.dims):  # named as in the model, in whatever order
        own = variable.dims
    found = tuple(array.sizes[dim] for dim in own)
    if found != variable.shape or len(own) + len(sample_dims) != array.ndim:
        raise ValueError(
            f"Expected draws of {variable.name} of shape {variable.shape}, got {found}: are they another model's?"
        )
    for dim, named, labels in zip(own, variable.dims, variable.coords, strict=True):
        if dim == named:
            array = _in_order(array, dim, labels, variable.name)
    return array.transpose(*sample_dims, *own)


def _in_order(array: xr.DataArray, dim: str, labels: NDArray[np.generic], name: str) -> xr.DataArray:
    """Bring elements into the model's order; draws whose labels were dropped are in it."""
    if dim not in array.indexes:
        return array
    index = array.indexes[dim]
    if index.equals(type(index)(labels)) or index.equals(type(index)(np.arange(len(labels)))):
        return array
    places = index.get_indexer(type(index)(labels))
    if (places < 0).any():
        lacking = str(labels[int(np.argmin(places))])
        raise ValueError(
            f"Expected draws of {name}[{lacking}], got {closest(lacking, map(str, index))} along {dim}: "
            "are they another model's?"
        )
    return array.isel({dim: places})
