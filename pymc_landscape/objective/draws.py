"""Posterior draws in two forms.

As one labelled matrix, a row a draw and a column an element of a parameter; and as flat vectors of a model, read block
by block, so that the whole table of them never exists.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_group, checked_mapping, checked_names, closest, wrong_type
from pymc_landscape.model import FreeVariable, element_labels
from pymc_landscape.objective.holders import draws_of_model
from pymc_landscape.results import text_labels

if TYPE_CHECKING:
    from pymc_landscape.objective.objective import Objective


SAMPLE_DIMS = ("chain", "draw")
# So many bytes of draws are read at once for a digest.
DIGESTED_BYTES = 2**25


@dataclass(frozen=True)
class Draws:
    """Draws of several variables.

    Parameters
    ----------
    matrix : array (S, k)
        The draws on the natural scale.
    labels : tuple of str
        The label of each column.
    discrete : array (k,) of bool
        Which columns hold integers.
    chain, draw : array (S,)
        Where each row comes from.
    """

    matrix: Array
    labels: tuple[str, ...]
    discrete: NDArray[np.bool_]
    chain: NDArray[np.generic]
    draw: NDArray[np.generic]

    def columns(self, labels: Sequence[str]) -> Draws:
        """Return the columns named `labels`, in that order."""
        where = {label: i for i, label in enumerate(self.labels)}
        take = [where[label] for label in labels]
        return Draws(self.matrix[:, take], tuple(labels), self.discrete[take], self.chain, self.draw)

    def rows(self, index: slice | NDArray[np.generic]) -> Draws:
        """Return some of the draws."""
        chain, draw = self.chain[index], self.draw[index]
        return Draws(self.matrix[index], self.labels, self.discrete, chain, draw)

    def points(self, objective: Objective) -> dict[str, Array]:
        """Return the draws as named arrays (S, *shape) of every free variable of a model.

        Raises
        ------
        ValueError
            If the draws lack an element of the model.
        """
        known = set(self.labels)
        for v in objective.variables:
            lacking = [label for label in v.labels if label not in known]
            if lacking:
                raise ValueError(
                    f"Expected draws of this model, got none of its parameter {lacking[0]}: "
                    f"they hold {closest(lacking[0], self.labels)}; is this the posterior of another model?"
                )
        return {v.name: self.columns(v.labels).matrix.reshape((-1, *v.shape)) for v in objective.variables}


def open_group(dt: Any, group: str) -> xr.Dataset:
    """Return a group of draws as a Dataset with the sample dims in front."""
    from arviz_base import convert_to_dataset

    _refuse_no_draws(dt, group)
    dataset = convert_to_dataset(dt, group=group)
    lacking = [dim for dim in SAMPLE_DIMS if dim not in dataset.dims]
    if lacking:
        raise ValueError(
            f"Expected draws with the dims chain and draw, got {tuple(dataset.dims)}: "
            f"pass what pm.sample returned as dt, or its {group} group."
        )
    return dataset.transpose(*SAMPLE_DIMS, ...)


def read_draws(dataset: xr.Dataset, names: Collection[str] | None = None) -> Draws:
    """Stack the numeric variables of a group of draws; `names` leaves the others out."""
    chosen = [
        array
        for name, array in dataset.data_vars.items()
        if set(SAMPLE_DIMS) <= set(array.dims) and array.dtype.kind in "iufb" and (names is None or name in names)
    ]
    if not chosen:
        raise ValueError("Expected draws of at least one numeric variable, got none.")
    _refuse_equal_labels([label for a in chosen for label in element_labels(str(a.name), _coords(a))])
    n = dataset.sizes["chain"] * dataset.sizes["draw"]
    labels = [element_labels(str(a.name), _coords(a)) for a in chosen]
    kinds = [np.full(len(names), a.dtype.kind != "f") for a, names in zip(chosen, labels, strict=True)]
    chain, draw = (_labels_along(dataset, dim) for dim in SAMPLE_DIMS)
    return Draws(
        np.concatenate([a.values.reshape(n, -1).astype(float) for a in chosen], axis=1),
        tuple(label for names in labels for label in names),
        np.concatenate(kinds),
        np.repeat(chain, len(draw)),
        np.tile(draw, len(chain)),
    )


def _refuse_equal_labels(labels: list[str]) -> None:
    if len(set(labels)) < len(labels):
        double = next(label for i, label in enumerate(labels) if label in labels[:i])
        raise ValueError(f"Expected labels that tell elements apart, got {double!r} twice: make the coords unique.")


def select_labels(
    dataset: xr.Dataset,
    draws: Draws,
    var_names: str | Sequence[str] | None,
    coords: Mapping[str, Any] | None,
) -> list[str]:
    """Return the labels that `var_names` and `coords` ask for, as ArviZ understands them.

    Elements (``"beta[x1]"``) may be named among the variables.
    """
    from arviz_base import extract

    asked = [] if var_names is None else checked_names("var_names", var_names, of="variables of the posterior")
    _refuse_unknown_coords(dataset, {} if coords is None else coords)
    unknown = [n for n in asked if n.lstrip("~") not in dataset.data_vars and n not in draws.labels]
    if unknown:
        names = closest(unknown[0], [*map(str, dataset.data_vars), *draws.labels])
        raise ValueError(f"Expected variables of the posterior in var_names, got {unknown[0]!r}: it has {names}.")
    whole = [n for n in asked if n.lstrip("~") in dataset.data_vars]
    tree = cast(xr.DataTree, dataset)  # what ArviZ's annotation says; a Dataset does
    part = cast(xr.Dataset, extract(tree, var_names=whole or None, combined=False, keep_dataset=True))
    # a list keeps the dim, and with it the label, of a single element
    chosen = {k: v if isinstance(v, slice) else np.atleast_1d(v) for k, v in (coords or {}).items()}
    part = part.sel({k: v for k, v in chosen.items() if k in part.dims})
    of_variable = {str(n): element_labels(str(n), _coords(a)) for n, a in part.data_vars.items()}
    if all(name in of_variable or name in draws.labels for name in asked):
        wanted = [label for name in asked or of_variable for label in of_variable.get(name, (name,))]
    else:  # "~name" leaves some out: what is left, in the posterior's order
        wanted = [label for labels in of_variable.values() for label in labels]
    known = set(draws.labels)
    labels = [label for label in dict.fromkeys(wanted) if label in known]
    if not labels:
        raise ValueError(
            f"Expected at least one parameter among var_names={var_names!r}, got none: "
            f"choose among {closest(asked[0] if asked else '', draws.labels)}; what a model computes is no parameter."
        )
    return labels


def _refuse_unknown_coords(dataset: xr.Dataset, coords: Mapping[str, Any]) -> None:
    for dim, wanted in checked_mapping("coords", coords, example="{'group': ['a']}").items():
        if dim not in dataset.dims:
            dims = closest(dim, map(str, dataset.dims))
            raise ValueError(f"Expected coords of the posterior's dims, got {dim!r}: it has {dims}.")
        labels = _labels_along(dataset, dim)
        asked = () if isinstance(wanted, slice) else np.atleast_1d(wanted)
        unknown = [str(label) for label in asked if label not in labels]
        if unknown:
            known = closest(unknown[0], map(str, labels))
            raise ValueError(f"Expected labels of the dim {dim}, got {unknown[0]!r}: it has {known}.")


def _coords(array: xr.DataArray) -> list[NDArray[np.generic]]:
    return [_labels_along(array, str(dim)) for dim in array.dims if dim not in SAMPLE_DIMS]


def _labels_along(data: xr.Dataset | xr.DataArray, dim: str) -> NDArray[np.generic]:
    return data[dim].values if dim in data.coords else np.arange(data.sizes[dim])


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
        dataset = draws_of_model(_group(draws, group), objective.bambi_terms)
        self.dims = tuple(checked_names("sample_dims", sample_dims, of="dims of the draws", empty=True))
        _refuse_other_dims(dataset, self.dims, group)
        self._layout = objective.layout()
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

    def digest(self) -> str:
        """Return a short name of all draws."""
        digest, step = blake2b(digest_size=16), max(1, DIGESTED_BYTES // (8 * max(self._layout.size, 1)))
        for start in range(0, self.total, step):
            for name in self._arrays:
                digest.update(np.ascontiguousarray(self._between(name, start, min(start + step, self.total))).tobytes())
        return digest.hexdigest()

    def where(self, row: int) -> str:
        """Say which draw a row is."""
        index = np.unravel_index(row, self.shape)
        return ", ".join(
            f"{dim} {self.coords[dim].values[i] if dim in self.coords else i}"
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
        slabs_read = [self._slab(array, lead).isel({self.dims[-1]: slice(a, b)}).values for lead, a, b in slabs]
        return slabs_read[0] if len(slabs_read) == 1 else np.concatenate(slabs_read)

    def _leads(self, start: int, stop: int) -> range:
        return range(start // self.shape[-1], -(-stop // self.shape[-1]))

    def _slab(self, array: xr.DataArray, lead: int) -> xr.DataArray:
        index = np.unravel_index(lead, self.shape[:-1]) if len(self.shape) > 1 else ()
        return array.isel(dict(zip(self.dims[:-1], map(int, index), strict=True)))


def _at_hand(array: xr.DataArray, lead: int) -> Array | None:
    """Return draws as one row a draw; None where they are many, and perhaps on disk: those are read in parts."""
    return array.values.reshape(-1, *array.shape[lead:]) if array.nbytes <= AT_HAND else None


def _group(draws: Any, group: str) -> xr.Dataset:
    _refuse_no_draws(draws, group)
    if isinstance(draws, xr.DataTree):
        return (draws.children[group] if draws.children else draws).to_dataset()
    return cast(xr.Dataset, draws)


def _refuse_no_draws(dt: Any, group: str) -> None:
    checked_group(group)
    if not isinstance(dt, xr.DataTree | xr.Dataset):
        raise wrong_type("draws as a DataTree or a Dataset", dt, "pass what pm.sample returned as dt")
    if isinstance(dt, xr.DataTree) and dt.children and group not in dt.children:
        there = closest(group, dt.children)
        raise ValueError(f"Expected a tree with the group {group!r}, got {there}: name the group of dt with group.")


def _refuse_other_dims(dataset: xr.Dataset, dims: tuple[str, ...], group: str) -> None:
    lacking = [dim for dim in dims if dim not in dataset.dims]
    if lacking or not dims:
        raise ValueError(
            f"Expected draws with the dims {', '.join(dims) or 'chain, draw'}, got {tuple(map(str, dataset.dims))}: "
            f"pass what pm.sample returned as dt, or its {group} group, or name the dims with sample_dims."
        )


def _of_variable(dataset: xr.Dataset, variable: FreeVariable, sample_dims: tuple[str, ...]) -> xr.DataArray:
    if variable.name not in dataset.data_vars:
        raise ValueError(
            f"Expected draws of this model, got none of its parameter {variable.name}: they hold "
            f"{closest(variable.name, map(str, dataset.data_vars))}; is this dt the posterior of another model?"
        )
    array = dataset[variable.name]
    own = tuple(str(dim) for dim in array.dims if dim not in sample_dims)
    if set(own) == set(variable.dims):  # named as in the model, in whatever order
        own = variable.dims
    found = tuple(array.sizes[dim] for dim in own)
    if found != variable.shape or len(own) + len(sample_dims) != array.ndim:
        raise ValueError(
            f"Expected draws of {variable.name} of shape {variable.shape}, got {found}: is dt another model's?"
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
    if index.dtype.kind == "O":  # dates, periods and tuples are labelled by their text
        index = pd.Index(text_labels(index))
    if index.equals(type(index)(labels)) or index.equals(type(index)(np.arange(len(labels)))):
        return array
    order = index.get_indexer(type(index)(labels))
    if (order < 0).any():
        lacking = str(labels[int(np.argmin(order))])
        raise ValueError(
            f"Expected draws of {name}[{lacking}], got {closest(lacking, map(str, index))} along {dim}: "
            "is dt another model's?"
        )
    return array.isel({dim: order})
