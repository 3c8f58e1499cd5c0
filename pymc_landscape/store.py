"""Where many numbers go as they are computed: into memory, or, where they would not fit, into a zarr store on disk."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pymc_landscape.aliases import Array

# What is held in memory when no store was named.
IN_MEMORY = 2**30
# What is computed before it is written.
BLOCK = 2**27
# A chunk on disk: large enough for few files, small enough that some observations can be read without the others.
CHUNK = 2**22


class Memory:
    """Groups of arrays in memory, all of them one block.

    Parameters
    ----------
    groups : mapping of str to Dataset
        What is to come: each variable with the dims, coords and shape that it will have.
    lead : int
        How many dims of each variable come first and are counted together, the last fastest.
    """

    def __init__(self, groups: Mapping[str, xr.Dataset], lead: int):
        self._groups = groups
        arrays = {str(n): a for group in groups.values() for n, a in group.items()}
        self._total = int(np.prod(_first(arrays).shape[:lead]))
        self._flat = {n: np.empty((self._total, *_elements(a, lead))) for n, a in arrays.items()}

    def blocks(self) -> Iterator[tuple[int, int, dict[str, Array]]]:
        """Yield where a block starts and stops, and its arrays (stop - start, elements) to be filled."""
        yield 0, self._total, self._flat

    def keep(self, start: int, stop: int) -> None:
        """Keep the block: it is where it belongs."""

    def close(self, attrs: Mapping[str, Any]) -> xr.DataTree:
        """Return the groups, filled."""
        made = {}
        for name, group in self._groups.items():
            arrays = {n: (a.dims, self._flat[str(n)].reshape(a.shape)) for n, a in group.items()}
            made[name] = group.assign(arrays).assign_attrs(attrs, group=name)
        return xr.DataTree.from_dict(made)


class ZarrStore:
    """Groups of arrays in a new zarr store, written block by block; what was not reached is NaN there.

    Parameters
    ----------
    path : path
        A directory that does not exist yet.
    groups : mapping of str to Dataset
        As for `Memory`.
    lead : int
        As for `Memory`.
    most : int, optional
        Largest length of a block.

    Raises
    ------
    ImportError
        If zarr is not installed.
    ValueError
        If something is at `path`.
    """

    def __init__(self, path: str | PathLike[str], groups: Mapping[str, xr.Dataset], lead: int, most: int | None = None):
        self._path = _new(path)
        arrays = {str(n): a for group in groups.values() for n, a in group.items()}
        self._lead = _first(arrays).shape[:lead]
        width = sum(int(np.prod(_elements(a, lead))) for a in arrays.values())
        self._length = max(1, min(BLOCK // (8 * max(width, 1)), self._lead[-1], most or BLOCK))
        self._buffer = {n: np.empty((self._length, *_elements(a, lead))) for n, a in arrays.items()}
        self._names = {name: list(group) for name, group in groups.items()}
        self._groups, self._arrays = _make(self._path, groups, lead, self._length)

    def blocks(self) -> Iterator[tuple[int, int, dict[str, Array]]]:
        """Yield where a block starts and stops, and its arrays (stop - start, elements) to be filled."""
        inner = self._lead[-1]
        for first in range(0, int(np.prod(self._lead)), inner):
            for a in range(0, inner, self._length):
                b = min(a + self._length, inner)
                yield first + a, first + b, {name: flat[: b - a] for name, flat in self._buffer.items()}

    def keep(self, start: int, stop: int) -> None:
        """Write the block to disk."""
        *index, a = map(int, np.unravel_index(start, self._lead))
        for name, array in self._arrays.items():
            values = self._buffer[name][: stop - start]
            array[(*index, slice(a, a + stop - start))] = values.reshape(stop - start, *array.shape[len(self._lead) :])

    def close(self, attrs: Mapping[str, Any]) -> xr.DataTree:
        """Return the groups, to be read from disk where they are looked at."""
        for name, group in self._groups.items():
            group.attrs.update({**attrs, "group": name})
        tree = xr.open_datatree(self._path, engine="zarr", consolidated=False, chunks=None)
        return xr.DataTree.from_dict({name: tree[name].to_dataset()[names] for name, names in self._names.items()})


def _new(path: str | PathLike[str]) -> Path:
    if find_spec("zarr") is None:
        raise ImportError("Expected the package zarr for store=..., got none: pip install zarr.")
    if Path(path).exists():
        raise ValueError(f"Expected a store that is not there yet, got {path}: name another, or delete it.")
    return Path(path)


def _make(
    path: Path, groups: Mapping[str, xr.Dataset], lead: int, length: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the labels, and make the arrays, of which nothing is on disk before it is written."""
    import zarr  # wanted here alone

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr's, on words as coordinates, whose way of storing may yet change
        xr.DataTree.from_dict({name: _labels(g) for name, g in groups.items()}).to_zarr(path, consolidated=False)
        root = zarr.open_group(path)
        made: dict[str, Any] = {name: root[name] for name in groups}
    arrays = {}
    for name, group in groups.items():
        for n, a in group.items():
            arrays[str(n)] = made[name].create_array(
                str(n),
                shape=a.shape,
                chunks=_chunks(a.shape, lead, length),
                dtype="float64",
                fill_value=np.nan,
                compressors=None,  # most digits of a log density are noise
                dimension_names=[str(dim) for dim in a.dims],
            )
    return made, arrays


def _labels(group: xr.Dataset) -> xr.Dataset:
    """Return the coords alone; the labels of stacked dims as what they were stacked from."""
    labels = group.drop_vars(list(group.data_vars))
    stacked = [dim for dim in labels.dims if isinstance(labels.indexes.get(dim), pd.MultiIndex)]
    return labels.reset_index(stacked)


def _chunks(shape: tuple[int, ...], lead: int, length: int) -> tuple[int, ...]:
    """Give a chunk as many draws as a block, and so many elements that it gets its size."""
    room, own = max(1, CHUNK // (8 * length)), []
    for n in reversed(shape[lead:]):
        own.append(max(1, min(n, room)))
        room = max(1, room // max(n, 1))
    return (*(1,) * (lead - 1), length, *reversed(own))


def _elements(array: xr.DataArray, lead: int) -> tuple[int, ...]:
    """Elements of one draw in a row; none where it is a single number."""
    own = array.shape[lead:]
    return (int(np.prod(own)),) if own else ()


def _first(arrays: Mapping[str, xr.DataArray]) -> xr.DataArray:
    return next(iter(arrays.values()))
