"""Arrays that are computed row by row, kept in memory or in a zarr store on disk, from which stopped work goes on.

Rows are counted over the leading dims of the arrays, the last of these fastest. Finished are always the first so many
rows; they are written as the few boxes that together hold them, so that no array has to fit into memory. What was not
reached is NaN.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pymc_landscape._typing import Array

# Bytes of a result that is kept in memory when no store was named.
IN_MEMORY = 2**30
# Bytes that are computed before they are written.
BLOCK = 2**27
# Bytes of a chunk on disk: large enough for few files, small enough that some observations can be read by themselves.
CHUNK = 2**22
# Attributes of a store's root: how many rows are finished, and what was counted in them.
FINISHED, TALLY = "n_evaluated", "tally"
# The name of a group that is the root itself, so that ``xr.open_zarr`` reads the store.
ROOT = "/"

# Computes row i of each array; empty where the row cannot be computed.
Row = Callable[[int], Mapping[str, Array]]


# --- what every store needs ------------------------------------------------------------------------------------------


def require_zarr() -> None:
    """Refuse to go on without zarr."""
    if find_spec("zarr") is None:
        raise ImportError('Expected the package zarr for store=..., got none: pip install "pymc-landscape[zarr]".')


def other_store(path: Path, expected: str, got: str = "another") -> ValueError:
    """Return the refusal of a store that was made of something else."""
    return ValueError(f"Expected a store of {expected}, got {got} in {path}: name another, or delete it.")


@contextmanager
def silent_zarr() -> Iterator[None]:
    """Silence zarr's warnings on strings, whose way of storing may yet change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def open_store(path: Path) -> xr.Dataset:
    """Open the root of a store as a Dataset, whose arrays are read from disk when they are used."""
    try:
        with silent_zarr():
            opened: xr.Dataset = xr.open_zarr(path, chunks=None, consolidated=False)
    except Exception as error:
        raise ValueError(f"Expected a zarr store in {path}, got something else: name another, or delete it.") from error
    return opened


# --- arrays row by row -----------------------------------------------------------------------------------------------


class Memory:
    """Groups of arrays in memory, all rows of them one block.

    Parameters
    ----------
    groups : mapping of str to Dataset
        Templates: each variable with the dims, coords and shape that it will have.
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
    def tally(self) -> dict[str, int]:
        """What was counted in finished rows: there are none."""
        return {}

    def refuse_another(self, row: Row, expected: str) -> None:
        """Refuse arrays of something else: these are new."""

    def blocks(self) -> Iterator[tuple[int, int, dict[str, Array]]]:
        """Yield where a block starts and stops, and its arrays (stop - start, elements) to be filled."""
        yield 0, self._total, self._flat

    def keep(self, start: int, stop: int, tally: Mapping[str, int] | None) -> None:
        """Keep the block: it was computed in its final position."""

    def close(self, attrs: Mapping[str, Any]) -> xr.DataTree:
        """Return the groups, filled."""
        made = {}
        for name, group in self._groups.items():
            arrays = {n: (a.dims, self._flat[str(n)].reshape(a.shape)) for n, a in group.items()}
            made[name] = group.assign(arrays).assign_attrs(attrs, group=name)
        return xr.DataTree.from_dict(made)


class ZarrStore:
    """Groups of arrays in a zarr store that `create` has made.

    Parameters
    ----------
    path : path
        Its directory.
    groups : mapping of str to Dataset
        Templates, as for `Memory`; a single group may be the `ROOT`.
    lead : int
        As for `Memory`.

    Attributes
    ----------
    done : int
        How many rows are finished.
    tally : dict of str to int
        What was counted in them.
    """

    def __init__(self, path: Path, groups: Mapping[str, xr.Dataset], lead: int):
        import zarr  # an optional dependency

        self._path = path
        self._names = {name: list(group) for name, group in groups.items()}
        self._root: Any
        with silent_zarr():
            self._root = zarr.open_group(path, mode="r+")
            self._groups = {name: _group(self._root, name) for name in groups}
            self._arrays = {str(n): self._groups[name][str(n)] for name, group in groups.items() for n in group}
        self._lead = _first(self._arrays).shape[:lead]
        self._length = int(_first(self._arrays).chunks[lead - 1])
        self.done = int(str(self._root.attrs[FINISHED]))

    @classmethod
    def create(
        cls, path: Path, groups: Mapping[str, xr.Dataset], lead: int, length: int | None = None, done: int = 0
    ) -> ZarrStore:
        """Write the labels and attributes of a new store, and make its arrays, of which nothing is on disk yet.

        Chunks have `length` rows along the last of the leading dims and one along those before; left out, whole
        trailing axes. The first `done` rows count as finished.
        """
        import zarr

        with silent_zarr():
            xr.DataTree.from_dict({name: _labels(g) for name, g in groups.items()}).to_zarr(path, consolidated=False)
            root: Any = zarr.open_group(path, mode="r+")
        for name, group in groups.items():
            for n, a in group.items():
                _group(root, name).create_array(
                    str(n),
                    shape=a.shape,
                    chunks=_chunks(a.shape, lead, length),
                    dtype="float64",
                    fill_value=np.nan,
                    compressors=None,  # most digits of a log density are noise
                    dimension_names=[str(dim) for dim in a.dims],
                )
        root.attrs.update({FINISHED: done})
        return cls(path, groups, lead)

    @classmethod
    def open_or_create(
        cls,
        path: str | PathLike[str],
        groups: Mapping[str, xr.Dataset],
        lead: int,
        expected: str,
        longest: int | None = None,
    ) -> ZarrStore:
        """Open the store at a path if it is one of these groups; make it, in blocks of bounded size, if none is there.

        Raises
        ------
        ImportError
            If zarr is not installed.
        ValueError
            If something else is at `path`; `expected` says in words what the store should be of.
        """
        require_zarr()
        path = Path(path)
        if path.exists():
            if not _is_store_of(path, groups):
                raise other_store(path, expected)
            return cls(path, groups, lead)
        arrays = {str(n): a for group in groups.values() for n, a in group.items()}
        width = sum(int(np.prod(_elements(a, lead))) for a in arrays.values())
        last = _first(arrays).shape[lead - 1]
        return cls.create(path, groups, lead, max(1, min(BLOCK // (8 * max(width, 1)), last, longest or BLOCK)))

    @property
    def tally(self) -> dict[str, int]:
        """What was counted in the finished rows."""
        return dict(self._root.attrs.get(TALLY, {}))

    def refuse_another(self, row: Row, expected: str, derived: Collection[str] = ()) -> None:
        """Compute four finished rows again: of another model or of other data, they have other values.

        Arrays named in `derived` are computed from whole arrays, and are not compared.
        """
        for i in sorted({0, self.done // 3, 2 * self.done // 3, self.done - 1} if self.done else ()):
            values = row(i)
            if values and not self._has(i, values, derived):
                raise other_store(self._path, expected)

    def _has(self, i: int, values: Mapping[str, Array], derived: Collection[str]) -> bool:
        """Whether row i is kept with these values."""
        if set(values) != self._arrays.keys() - set(derived):
            return False
        index = tuple(int(j) for j in np.unravel_index(i, self._lead))
        for name, value in values.items():
            kept, new = np.ravel(self._arrays[name][index]), np.ravel(value)
            if kept.shape != new.shape or not np.allclose(kept, new, 1e-9, 1e-9, equal_nan=True):
                return False
        return True

    def blocks(self) -> Iterator[tuple[int, int, dict[str, Array]]]:
        """Yield where a block not yet finished starts and stops, and its arrays (stop - start, elements) to be filled.

        The arrays are those of the block before.
        """
        inner, lead = self._lead[-1], len(self._lead)
        self._buffer = {n: np.empty((self._length, *_elements(a, lead))) for n, a in self._arrays.items()}
        for first in range(0, int(np.prod(self._lead)), inner):
            for a in range(0, inner, self._length):
                b = min(a + self._length, inner)
                if first + a >= self.done:
                    yield first + a, first + b, {name: flat[: b - a] for name, flat in self._buffer.items()}

    def keep(self, start: int, stop: int, tally: Mapping[str, int] | None) -> None:
        """Write the block that `blocks` gave; with a tally of all blocks so far, count it as finished."""
        for name, flat in self._buffer.items():
            self.write(name, start, flat[: stop - start])
        if tally is not None:
            self._root.attrs.update({FINISHED: stop, TALLY: dict(tally)})

    def __contains__(self, name: str) -> bool:
        """Whether there is an array of that name."""
        return name in self._arrays

    def write(self, name: str, start: int, values: Array) -> None:
        """Write rows of one array, from row `start` on."""
        array = self._arrays[name]
        own = array.shape[len(self._lead) :]
        for box, rows in boxes(self._lead, start, start + len(values)):
            sizes = tuple(along.stop - along.start for along in box)
            array[box] = values[rows.start - start : rows.stop - start].reshape(*sizes, *own)

    def read(self, name: str, start: int, stop: int) -> Array:
        """Read rows `start` to `stop` of an array of one number a row."""
        array = self._arrays[name]
        return np.concatenate([np.ravel(array[box]) for box, _ in boxes(self._lead, start, stop)])

    def finish_rows(self, done: int, attrs: Mapping[str, Any] | None = None) -> None:
        """Count the first `done` rows as finished, and write attributes of the root."""
        self.done = done
        self._root.attrs.update({**(attrs or {}), FINISHED: done})

    def close(self, attrs: Mapping[str, Any]) -> xr.DataTree:
        """Return the groups, with these attributes, to be read from disk when they are used."""
        for name, group in self._groups.items():
            group.attrs.update({**attrs, "group": name})
        tree = xr.open_datatree(self._path, engine="zarr", consolidated=False, chunks=None)
        return xr.DataTree.from_dict({name: tree[name].to_dataset()[names] for name, names in self._names.items()})


def boxes(shape: tuple[int, ...], start: int, stop: int) -> Iterator[tuple[tuple[slice, ...], slice]]:
    """Yield boxes of a grid that together hold rows start to stop, each with the rows that it holds.

    Examples
    --------
    >>> [rows for _, rows in boxes((3, 4), 2, 11)]
    [slice(2, 4, None), slice(4, 8, None), slice(8, 11, None)]
    """
    while start < stop:
        axis, size = len(shape) - 1, 1  # rows in one step along the axis
        while axis and start % (size * shape[axis]) == 0 and stop - start >= size * shape[axis]:
            size *= shape[axis]
            axis -= 1
        index = np.unravel_index(start, shape)
        n = min((stop - start) // size, shape[axis] - int(index[axis]))
        before = [slice(int(i), int(i) + 1) for i in index[:axis]]
        along = slice(int(index[axis]), int(index[axis]) + n)
        yield (*before, along, *(slice(0, m) for m in shape[axis + 1 :])), slice(start, start + n * size)
        start += n * size


def _chunks(shape: tuple[int, ...], lead: int, length: int | None) -> tuple[int, ...]:
    """Return the shape of a chunk: `length` rows of one array if given, and whole trailing axes while there is room."""
    first = () if length is None else (*(1,) * (lead - 1), length)
    room, sizes = max(1, CHUNK // (8 * (length or 1))), list[int]()
    for n in reversed(shape[len(first) :]):
        sizes.append(max(1, min(n, room)))
        room = max(1, room // max(n, 1))
    return (*first, *reversed(sizes))


def _is_store_of(path: Path, groups: Mapping[str, xr.Dataset]) -> bool:
    """Whether a store has these groups, with variables of the same names, dims and shapes, and the same labels."""
    import zarr

    with silent_zarr():
        try:
            attrs = zarr.open_group(path, mode="r").attrs
            kept = xr.open_datatree(path, engine="zarr", consolidated=False, chunks=None)
        except Exception:
            return False
        if FINISHED not in attrs or set(kept.children) != set(groups):
            return False
        return all(_is_like(kept[name].to_dataset(), group) for name, group in groups.items())


def _is_like(kept: xr.Dataset, group: xr.Dataset) -> bool:
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


def _group(root: Any, name: str) -> Any:
    return root if name == ROOT else root[name]


def _elements(array: Any, lead: int) -> tuple[int, ...]:
    """Return the number of elements of a row; nothing where a row is a single number."""
    own = array.shape[lead:]
    return (int(np.prod(own)),) if own else ()


def _first(arrays: Mapping[str, Any]) -> Any:
    return next(iter(arrays.values()))
