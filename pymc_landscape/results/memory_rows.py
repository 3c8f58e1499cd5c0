"""Arrays that are filled row by row in memory, as `zarr_store` fills them on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array
from pymc_landscape.results.labelled_dataset import array_variable

# Bytes of a result that is kept in memory when no store was named.
IN_MEMORY = 2**30

# Computes row i of each array; empty where the row cannot be computed.
Row = Callable[[int], Mapping[str, Array]]


def elements_of_a_row(array: Any, lead: int) -> tuple[int, ...]:
    """Return the number of elements of a row; nothing where a row is a single number."""
    own = array.shape[lead:]
    return (int(np.prod(own)),) if own else ()


def first_of(arrays: Mapping[str, Any]) -> Any:
    """Return any of several arrays."""
    return next(iter(arrays.values()))


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
        self._total = int(np.prod(first_of(arrays).shape[:lead]))
        self._flat = {n: np.empty((self._total, *elements_of_a_row(a, lead))) for n, a in arrays.items()}

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
            arrays = {n: array_variable(a.dims, self._flat[str(n)].reshape(a.shape)) for n, a in group.items()}
            made[name] = group.assign(arrays).assign_attrs(attrs, group=name)
        return xr.DataTree.from_dict(made)


class RowsInMemory:
    """What `ZarrStore` is, in memory: where a disk is full, rows go on here.

    Parameters
    ----------
    groups : mapping of str to Dataset
        Templates, as for `Memory`; their numbers are not read.
    lead : int
        As for `Memory`.
    """

    def __init__(self, groups: Mapping[str, xr.Dataset], lead: int):
        self.groups = {
            name: group.assign({n: array_variable(a.dims, np.full(a.shape, np.nan)) for n, a in group.items()})
            for name, group in groups.items()
        }
        self._flat = {  # views of the same numbers
            str(n): a.values.reshape(int(np.prod(a.shape[:lead])), *elements_of_a_row(a, lead))
            for group in self.groups.values()
            for n, a in group.items()
        }

    def __contains__(self, name: str) -> bool:
        """Whether there is an array of that name."""
        return name in self._flat

    def write(self, name: str, start: int, values: Array) -> None:
        """Write rows of one array, from row `start` on."""
        self._flat[name][start : start + len(values)] = values.reshape(len(values), *self._flat[name].shape[1:])

    def read(self, name: str, start: int, stop: int) -> Array:
        """Read rows `start` to `stop` of an array."""
        return self._flat[name][start:stop]

    def whole_chunks(self, start: int, stop: int) -> int:
        """Return `stop`: there are no chunks."""
        return stop

    def finish_rows(self, done: int, attrs: Mapping[str, Any] | None = None) -> None:
        """Note attributes of the groups."""
        for group in self.groups.values():
            group.attrs |= {**(attrs or {}), "n_evaluated": done}
