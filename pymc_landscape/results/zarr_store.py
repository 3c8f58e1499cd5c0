"""Arrays written row by row to a zarr store, each block before the next, so that none has to fit into memory.

A *row* is a point of a grid, or a draw: the leading dims of every array count rows, the last of them fastest. The store
is made beside its place and moved there whole, when it has all of its labels; then blocks of rows are written where
they belong, and after each the record says how many are finished. What was not reached is NaN.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from pymc_landscape._typing import Array
from pymc_landscape.results.memory_rows import Row, elements_of_a_row, first_of
from pymc_landscape.results.store_directory import StoreDirectory, sync_path
from pymc_landscape.results.store_record import ROOT, Origin, StoreRecord, other_store, read_record
from pymc_landscape.results.stored_labels import refuse_unstorable, with_stored_names
from pymc_landscape.results.zarr_files import (
    check_arrays,
    checksums,
    chunk_files,
    open_groups,
    refusals,
    write_groups,
    zarr_settings,
)

# Bytes that are computed before they are written.
BLOCK = 2**27
# Bytes of a chunk on disk: large enough for few files, small enough that some observations can be read by themselves.
CHUNK = 2**21
# The attribute of a store's root that says how many rows are finished.
FINISHED = "n_evaluated"


def require_zarr() -> None:
    """Refuse to go on without zarr."""
    if find_spec("zarr") is None:
        raise ImportError('Expected the package zarr for store=..., got none: pip install "pymc-landscape[zarr]".')


def record_in(
    place: StoreDirectory, group: str, expected: str, made_of: Origin, of_group: str = ""
) -> StoreRecord | None:
    """Return the record of a store; None where nothing is.

    `expected` says in words what the store should be of, `of_group` the same where it is the result of another verb.

    Raises
    ------
    ValueError
        If something else is there, or a result that was made of something else, which the sentence names.
    """
    if not place.is_there:
        return None
    record = read_record(place.path)
    if record is None:
        raise ValueError(
            f"Expected a zarr store in {place.path}, got something else, or a store that lost its record: name "
            "another, or delete it."
        )
    if record.group != group:
        got = repr(record.group) if of_group else f"one of the group {record.group!r}"
        raise other_store(place.path, of_group or expected, got)
    others = record.differences(made_of)
    if others:
        raise other_store(place.path, expected, f"one of {' or of '.join(others)}")
    return record


class ZarrStore:
    """Groups of arrays in a zarr store.

    Parameters
    ----------
    place : StoreDirectory
        Where it stands; it is open.
    record : StoreRecord
        What the store says of itself.
    lead : int
        How many dims of each array come first and are counted together, the last fastest.
    derived : collection of str
        Arrays that are computed from whole ones at the end.

    Attributes
    ----------
    groups : dict of str to Dataset
        What is on disk; arrays are read when they are used.

    Raises
    ------
    ValueError
        If the store is not what was written.
    """

    def __init__(self, place: StoreDirectory, record: StoreRecord, lead: int, derived: Collection[str] = ()):
        import zarr  # an optional dependency

        self._place, self._record, self._derived = place, record, derived
        self.groups = open_groups(place.path, record)
        stored = {own: name for name, own in record.names.items()}
        paths = {
            str(n): f"{'' if name == ROOT else name + '/'}{stored.get(str(n), n)}"
            for name, group in self.groups.items()
            for n in group.data_vars
        }
        self._folders = {n: place.path / path for n, path in paths.items()}
        with refusals(place.path):
            root: Any = zarr.open_group(place.path, mode="r+", zarr_format=3)
            self._arrays = {n: root[path] for n, path in paths.items()}
            self._lead = first_of(self._arrays).shape[:lead]
            self._length = int(first_of(self._arrays).chunks[lead - 1])
        self._written = set[Any]()
        written = {path: iter(()) if n in derived else self._boxes_of(n) for n, path in paths.items()}
        check_arrays(place.path, record, {} if self.is_complete else written)

    @property
    def done(self) -> int:
        """How many rows are finished."""
        return self._record.finished

    @property
    def is_complete(self) -> bool:
        """Whether all rows are finished, and all that is computed from them."""
        return all(attrs.get("completion") == "complete" for attrs in self._record.attrs.values())

    @property
    def tally(self) -> dict[str, int]:
        """What was counted in the finished rows."""
        return dict(self._record.tally)

    def _boxes_of(self, name: str) -> Iterator[tuple[slice, ...]]:
        """Yield the parts of an array that are finished."""
        own = tuple(slice(0, n) for n in self._arrays[name].shape[len(self._lead) :])
        return ((*box, *own) for box, _ in boxes(self._lead, 0, self.done))

    @classmethod
    def create(
        cls,
        place: StoreDirectory,
        record: StoreRecord,
        groups: Mapping[str, xr.Dataset],
        lead: int,
        length: int | None = None,
        derived: Collection[str] = (),
    ) -> ZarrStore:
        """Make a store with the labels and attributes of `groups`, of whose arrays nothing is on disk yet.

        Chunks have `length` rows along the last of the leading dims and one along those before; left out, whole
        trailing axes.
        """
        import zarr

        place.require_writable()
        templates = {}
        for name, group in groups.items():
            refuse_unstorable(_labels(group))
            templates[name], names = with_stored_names(group)
            record.names |= names
            record.attrs[name] = dict(group.attrs)
        path = place.new()
        write_groups(path, {name: _labels(group) for name, group in templates.items()})
        with zarr_settings():
            root: Any = zarr.open_group(path, mode="r+", zarr_format=3)
            for name, group in templates.items():
                for n, a in group.items():
                    (root if name == ROOT else root[name]).create_array(
                        str(n),
                        shape=a.shape,
                        chunks=_chunks(a.shape, lead, length),
                        dtype="float64",
                        fill_value=np.nan,
                        compressors=checksums(),
                        dimension_names=[str(dim) for dim in a.dims],
                    )
        record.take_files(path, templates)
        record.write(path)
        place.put_in_place()
        return cls(place, record, lead, derived)

    @classmethod
    def open_or_create(
        cls,
        place: StoreDirectory,
        record: StoreRecord,
        groups: Mapping[str, xr.Dataset],
        lead: int,
        expected: str,
        longest: int | None = None,
    ) -> ZarrStore:
        """Open the store at a place if it is one of these groups; make it, in blocks of bounded size, if none is there.

        Raises
        ------
        ValueError
            If something else is there; `expected` says in words what the store should be of.
        """
        kept = record_in(place, record.group, expected, record.made_of)
        if kept is not None:
            store = cls(place, kept, lead)
            if set(store.groups) != set(groups) or not all(_is_like(store.groups[n], g) for n, g in groups.items()):
                raise other_store(place.path, expected)
            if not store.is_complete:
                place.require_writable()
            return store
        arrays = {str(n): a for group in groups.values() for n, a in group.items()}
        width = sum(int(np.prod(elements_of_a_row(a, lead))) for a in arrays.values())
        last = first_of(arrays).shape[lead - 1]
        length = max(1, min(BLOCK // (8 * max(width, 1)), last, longest or BLOCK))
        return cls.create(place, record, groups, lead, length)

    def refuse_another(self, row: Row, expected: str) -> None:
        """Compute four finished rows again: of another model or of other data, they have other values."""
        for i in sorted({0, self.done // 3, 2 * self.done // 3, self.done - 1} if self.done else ()):
            values = row(i)
            if values and not self._has(i, values):
                raise other_store(self._place.path, expected)

    def _has(self, i: int, values: Mapping[str, Array]) -> bool:
        """Whether row i is kept with these values."""
        if set(values) != self._arrays.keys() - set(self._derived):
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
        self._buffer = {n: np.empty((self._length, *elements_of_a_row(a, lead))) for n, a in self._arrays.items()}
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
            self._record.tally = dict(tally)
            self.finish_rows(stop)

    def __contains__(self, name: str) -> bool:
        """Whether there is an array of that name."""
        return name in self._arrays

    def whole_chunks(self, start: int, stop: int) -> int:
        """Return the last row up to `stop` before which chunks end, of the arrays with the fewest elements a row.

        If there is none after `start`: `stop`.
        """
        chunk = max((array.chunks[: len(self._lead)] for array in self._arrays.values()), key=np.prod)
        axis = next((i for i, n in enumerate(chunk) if n > 1), len(chunk) - 1)
        behind = int(np.prod(self._lead[axis + 1 :]))
        within = stop % (self._lead[axis] * behind)
        last = int(stop - within % (chunk[axis] * behind))
        return last if last > start else stop

    def write(self, name: str, start: int, values: Array) -> None:
        """Write rows of one array, from row `start` on."""
        array = self._arrays[name]
        own = array.shape[len(self._lead) :]
        for box, rows in boxes(self._lead, start, start + len(values)):
            sizes = tuple(along.stop - along.start for along in box)
            array[box] = values[rows.start - start : rows.stop - start].reshape(*sizes, *own)
            self._written.update(chunk_files(self._folders[name], array, (*box, *(slice(0, n) for n in own))))

    def read(self, name: str, start: int, stop: int) -> Array:
        """Read rows `start` to `stop` of an array, each as it was written."""
        array = self._arrays[name]
        own = elements_of_a_row(array, len(self._lead))
        return np.concatenate([array[box].reshape(-1, *own) for box, _ in boxes(self._lead, start, stop)])

    def finish_rows(self, done: int, attrs: Mapping[str, Any] | None = None) -> None:
        """Count the first `done` rows as finished, and write attributes of the groups."""
        for file in self._written:
            sync_path(file)
        self._written.clear()
        for own in self._record.attrs.values():
            own |= {**(attrs or {}), FINISHED: done}
        self._record.finished = done
        self._record.write(self._place.path)
        if attrs:
            self.groups = open_groups(self._place.path, self._record)

    def close(self, attrs: Mapping[str, Any]) -> xr.DataTree:
        """Return the groups, with these attributes, to be read from disk when they are used."""
        if not self.is_complete:
            import zarr

            for name, own in self._record.attrs.items():
                own["group"] = name
            self.finish_rows(self.done, attrs)
            for name, own in self._record.attrs.items():
                zarr.open_group(self._place.path, path=name, mode="r+", zarr_format=3).attrs.update(own)
        return xr.DataTree.from_dict(self.groups)


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


def _is_like(kept: xr.Dataset, group: xr.Dataset) -> bool:
    """Whether a group on disk has variables of the same names, dims and shapes, and the same labels."""
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
