"""Where many numbers go as they are computed: into memory, or, where they would not fit, into a zarr store on disk."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pymc_landscape._typing import Array

# What is held in memory when no store was named.
IN_MEMORY = 2**30
# What is computed before it is written.
BLOCK = 2**27
# A chunk on disk: large enough for few files, small enough that some observations can be read without the others.
CHUNK = 2**22
# What the root of a store tells: how many come before the first block that is not finished, and what was found in them.
FINISHED, TOLD = "n_finished", "told"

# Gives row i of each array.
Row = Callable[[int], Mapping[str, Array]]


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

    done = 0

    @property
    def told(self) -> dict[str, int]:
        """What was told of finished blocks: there are none."""
        return {}

    def refuse_another(self, row: Row) -> None:
        """Refuse what others have begun: nobody has."""

    def blocks(self) -> Iterator[tuple[int, int, dict[str, Array]]]:
        """Yield where a block starts and stops, and its arrays (stop - start, elements) to be filled."""
        yield 0, self._total, self._flat

    def keep(self, start: int, stop: int, told: Mapping[str, int] | None) -> None:
        """Keep the block: it is where it belongs."""

    def close(self, attrs: Mapping[str, Any]) -> xr.DataTree:
        """Return the groups, filled."""
        made = {}
        for name, group in self._groups.items():
            arrays = {n: (a.dims, self._flat[str(n)].reshape(a.shape)) for n, a in group.items()}
            made[name] = group.assign(arrays).assign_attrs(attrs, group=name)
        return xr.DataTree.from_dict(made)


class ZarrStore:
    """Groups of arrays in a zarr store, written block by block; what was not reached is NaN there.

    Parameters
    ----------
    path : path
        A directory that does not exist yet; or a store of these groups, whose finished blocks are kept.
    groups : mapping of str to Dataset
        As for `Memory`.
    lead : int
        As for `Memory`.
    most : int, optional
        Largest length of a block.

    Attributes
    ----------
    done : int
        How many come before the first block that is not finished.
    told : dict of str to int
        What was told of those.

    Raises
    ------
    ImportError
        If zarr is not installed.
    ValueError
        If something else is at `path`.
    """

    def __init__(self, path: str | PathLike[str], groups: Mapping[str, xr.Dataset], lead: int, most: int | None = None):
        _require_zarr()
        self._path = Path(path)
        arrays = {str(n): a for group in groups.values() for n, a in group.items()}
        self._lead = _first(arrays).shape[:lead]
        self._names = {name: list(group) for name, group in groups.items()}
        if not self._path.exists():
            width = sum(int(np.prod(_elements(a, lead))) for a in arrays.values())
            length = max(1, min(BLOCK // (8 * max(width, 1)), self._lead[-1], most or BLOCK))
            _make(self._path, groups, lead, length)
        self._root, self._groups, self._arrays = _open(self._path, groups)
        self._length = int(_first(self._arrays).chunks[lead - 1])
        self._buffer = {n: np.empty((self._length, *_elements(a, lead))) for n, a in arrays.items()}
        self.done = int(self._root.attrs[FINISHED])

    @property
    def told(self) -> dict[str, int]:
        """What was told of the finished blocks."""
        return dict(self._root.attrs[TOLD])

    def refuse_another(self, row: Row) -> None:
        """Ask for some finished rows again: of another model, other data or other draws, they have other values."""
        for i in sorted({0, self.done // 3, 2 * self.done // 3, self.done - 1} if self.done else ()):
            index = tuple(int(j) for j in np.unravel_index(i, self._lead))
            for name, value in row(i).items():
                kept = np.ravel(self._arrays[name][index])
                if not np.allclose(kept, np.ravel(value), 1e-9, 1e-9, equal_nan=True):
                    raise _another(self._path)

    def blocks(self) -> Iterator[tuple[int, int, dict[str, Array]]]:
        """Yield where a block not yet finished starts and stops, and its arrays (stop - start, ...) to be filled."""
        inner = self._lead[-1]
        for first in range(0, int(np.prod(self._lead)), inner):
            for a in range(0, inner, self._length):
                b = min(a + self._length, inner)
                if first + a >= self.done:
                    yield first + a, first + b, {name: flat[: b - a] for name, flat in self._buffer.items()}

    def keep(self, start: int, stop: int, told: Mapping[str, int] | None) -> None:
        """Write the block to disk, and, if it is finished, what is `told` of all blocks so far."""
        *index, a = map(int, np.unravel_index(start, self._lead))
        for name, array in self._arrays.items():
            values = self._buffer[name][: stop - start]
            array[(*index, slice(a, a + stop - start))] = values.reshape(stop - start, *array.shape[len(self._lead) :])
        if told is not None:
            self._root.attrs.update({FINISHED: stop, TOLD: dict(told)})

    def close(self, attrs: Mapping[str, Any]) -> xr.DataTree:
        """Return the groups, to be read from disk where they are looked at."""
        for name, group in self._groups.items():
            group.attrs.update({**attrs, "group": name})
        tree = xr.open_datatree(self._path, engine="zarr", consolidated=False, chunks=None)
        return xr.DataTree.from_dict({name: tree[name].to_dataset()[names] for name, names in self._names.items()})


def _require_zarr() -> None:
    if find_spec("zarr") is None:
        raise ImportError("Expected the package zarr for store=..., got none: pip install zarr.")


def _another(path: Path) -> ValueError:
    return ValueError(
        f"Expected a store of this model, its data and these draws, got another in {path}: name another, or delete it."
    )


def _make(path: Path, groups: Mapping[str, xr.Dataset], lead: int, length: int) -> None:
    """Write the labels, and make the arrays, of which nothing is on disk before it is written."""
    import zarr  # wanted here alone

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr's, on words as coordinates, whose way of storing may yet change
        xr.DataTree.from_dict({name: _labels(g) for name, g in groups.items()}).to_zarr(path, consolidated=False)
        root: Any = zarr.open_group(path)
    for name, group in groups.items():
        for n, a in group.items():
            root[name].create_array(
                str(n),
                shape=a.shape,
                chunks=_chunks(a.shape, lead, length),
                dtype="float64",
                fill_value=np.nan,
                compressors=None,  # most digits of a log density are noise
                dimension_names=[str(dim) for dim in a.dims],
            )
    root.attrs.update({FINISHED: 0, TOLD: {}})


def _open(path: Path, groups: Mapping[str, xr.Dataset]) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Open the root, the groups and the arrays of a store, if it is one of these groups."""
    import zarr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            root: Any = zarr.open_group(path, mode="r+")
            kept = xr.open_datatree(path, engine="zarr", consolidated=False, chunks=None)
        except Exception as error:
            raise _another(path) from error
        same = FINISHED in root.attrs and set(kept.children) == set(groups)
        if not same or not all(_is_like(kept[name].to_dataset(), group) for name, group in groups.items()):
            raise _another(path)
        made = {name: root[name] for name in groups}
        return root, made, {str(n): made[name][str(n)] for name, group in groups.items() for n in group}


def _is_like(kept: xr.Dataset, group: xr.Dataset) -> bool:
    """Whether both have variables of the same names, dims and shapes, and the same labels."""
    labels = _labels(group).coords
    arrays = {n: (a.dims, a.shape) for n, a in group.items()}
    return (
        arrays == {n: (a.dims, a.shape) for n, a in kept.items()}
        and set(labels) == set(kept.coords)
        and all(kept[name].equals(label) for name, label in labels.items())
    )


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


def _first(arrays: Mapping[str, Any]) -> Any:
    return next(iter(arrays.values()))
