"""Rows of data that memory need not hold: read a block at a time, from arrays on disk or iterators of chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from hashlib import blake2b
from typing import Any, cast, override

import numpy as np

from pymc_landscape._typing import Array

Block = dict[str, Array]


class UnreadableRowsError(RuntimeError):
    """A block of rows that cannot be read, or that holds what data do not."""


class RowBlocks(ABC):
    """Data sets of one length N, by name, of which a block of rows is read at a time.

    Parameters
    ----------
    example : mapping of str to array
        The data that the model itself has: blocks have as many rows, and rows their shapes and dtypes.

    Attributes
    ----------
    names : tuple of str
        Of the data.
    n_rows : int
        N.
    size : int
        Rows of a block, B.
    example : dict of str to array
        The data of the model.
    """

    n_rows: int

    def __init__(self, example: Mapping[str, Array]):
        self.names, self.example = tuple(example), dict(example)
        self.size = len(next(iter(example.values())))
        self._digests: dict[str, Array] | None = None
        self._is_complete = False  # whether no data are known to be missing

    @property
    def n_blocks(self) -> int:
        """How many blocks the rows fill, the last one maybe in part."""
        return -(-self.n_rows // self.size)

    @abstractmethod
    def loads(self) -> Iterator[Callable[[], Block]]:
        """Yield what reads each block in turn: calls that threads may make side by side; all but the last are full."""

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks in turn."""
        return (load() for load in self.loads())

    def refuse_missing(self) -> None:
        """Refuse NaN among the data, which takes a pass through them the first time."""
        if self._is_complete:
            return
        first = 0
        for block in self.blocks():
            for name, values in block.items():
                if values.dtype.kind == "f" and (bad := np.isnan(values.reshape(len(values), -1)).any(axis=1)).any():
                    raise UnreadableRowsError(
                        f"Expected data without missing values, got NaN in row {first + int(bad.argmax())} of "
                        f"{name!r}: leave such rows out."
                    )
            first += self.size
        self._is_complete = True

    def digests(self) -> dict[str, Array]:
        """Return what tells the contents of each data set from others (32 bytes each), whatever B is."""
        if self._digests is None:
            found = {name: blake2b(digest_size=32) for name in self.names}
            for block in self.blocks():
                for name, values in block.items():
                    found[name].update(np.ascontiguousarray(values).tobytes())
            self._digests = {name: np.frombuffer(each.digest(), np.uint8) for name, each in found.items()}
        return self._digests

    def _checked(self, rows: Mapping[str, Any]) -> Block:
        """Return rows as arrays of the dtypes that the model has."""
        block = {}
        for name, example in self.example.items():
            if name not in rows:
                raise UnreadableRowsError(f"Expected {', '.join(self.names)} in each chunk, got one without {name}.")
            values = np.asarray(rows[name])
            if values.shape[1:] != example.shape[1:]:
                raise UnreadableRowsError(
                    f"Expected rows of {name} of shape {example.shape[1:]}, as in the model, got {values.shape[1:]}."
                )
            block[name] = np.require(values, example.dtype, ["ALIGNED", "C_CONTIGUOUS"])  # as graphs take them
            if example.dtype.kind in "iub" and (block[name] != values).any():
                raise UnreadableRowsError(f"Expected whole numbers for {name}, as in the model, got others.")
        if len({len(values) for values in block.values()}) > 1:
            sizes = ", ".join(f"{len(values)} of {name}" for name, values in block.items())
            raise UnreadableRowsError(f"Expected a chunk to have the same rows of all data, got {sizes}.")
        return block


class ArrayRows(RowBlocks):
    """Rows of arrays that are cut: NumPy's and its memory maps, of zarr, Dask or HDF5.

    Parameters
    ----------
    example : mapping of str to array
        As in `RowBlocks`.
    arrays : mapping of str to array
        Of one length.
    """

    def __init__(self, example: Mapping[str, Array], arrays: Mapping[str, Any]):
        super().__init__(example)
        self._arrays = {name: array if hasattr(array, "shape") else np.asarray(array) for name, array in arrays.items()}
        lengths = {name: int(array.shape[0]) if array.shape else 0 for name, array in self._arrays.items()}
        if len(set(lengths.values())) > 1:
            sizes = ", ".join(f"{name} of {n:,}" for name, n in lengths.items())
            raise ValueError(f"Expected data with the same number of rows, got {sizes}: cut them to one length.")
        self.n_rows = next(iter(lengths.values()))

    @override
    def loads(self) -> Iterator[Callable[[], Block]]:
        return (partial(self._load, a) for a in range(0, self.n_rows, self.size))

    def _load(self, a: int) -> Block:
        b = min(a + self.size, self.n_rows)
        try:
            rows = {name: np.asarray(array[a:b]) for name, array in self._arrays.items()}
        except Exception as error:
            raise UnreadableRowsError(
                f"Expected rows {a} to {b} of the data, got {error!r}: read them again."
            ) from error
        return self._checked(rows)


class ChunkRows(RowBlocks):
    """Rows that come in chunks of any length, from what can be iterated again and again.

    Parameters
    ----------
    example : mapping of str to array
        As in `RowBlocks`.
    chunks : iterable, or callable that returns one
        Each chunk a mapping from names to arrays. It is gone through once to count the rows.
    """

    def __init__(self, example: Mapping[str, Array], chunks: Any):
        super().__init__(example)
        self._chunks: Callable[[], Iterable[Mapping[str, Any]]] = chunks if callable(chunks) else partial(iter, chunks)
        self.n_rows = sum(len(next(iter(chunk.values()))) for chunk in map(self._checked, self._chunks()))

    @override
    def loads(self) -> Iterator[Callable[[], Block]]:
        """Yield blocks that have been read: chunks come one after the other."""
        parts: list[Block] = []
        rows = given = 0
        for chunk in map(self._checked, self._chunks()):
            parts.append(chunk)
            rows += len(chunk[self.names[0]])
            while rows >= self.size:
                block, rest = self._cut(parts)
                yield partial(cast, Block, block)
                parts, rows, given = [rest], rows - self.size, given + self.size
        if rows:
            yield partial(cast, Block, self._cut(parts)[0])
        if given + rows != self.n_rows:
            raise UnreadableRowsError(
                f"Expected {self.n_rows:,} rows in the chunks, as the first time, got {given + rows:,}: give a "
                "function that returns a new iterator of the same chunks."
            )

    def _cut(self, parts: list[Block]) -> tuple[Block, Block]:
        """Return the first block of rows in some parts, and what is left."""
        size, alone = self.size, parts[0] if len(parts) == 1 else None
        whole = alone or {name: np.concatenate([part[name] for part in parts]) for name in self.names}
        return {n: v[:size] for n, v in whole.items()}, {n: v[size:] for n, v in whole.items()}


def row_blocks(model_data: Callable[[str], Array], data: Any) -> RowBlocks:
    """Return blocks of rows of arrays, or of an iterable of chunks.

    Parameters
    ----------
    model_data : callable
        Gives the data that the model itself has, by name.
    data : mapping of str to array, iterable, or callable that returns an iterable
        As in `ArrayRows` and `ChunkRows`.

    Raises
    ------
    TypeError
        If `data` is none of these.
    ValueError
        If lengths differ, there is no row, or an iterator can be gone through only once.
    """
    if not isinstance(data, Mapping | Iterable) and not callable(data):
        raise TypeError(
            f"Expected data to be a mapping of names to arrays, or an iterable of chunks, got {type(data).__name__}: "
            "write for example {'x': zarr_array, 'y': other_zarr_array}."
        )
    is_mapping = isinstance(data, Mapping)
    if not is_mapping and not callable(data) and iter(data) is data:
        raise ValueError(
            "Expected data that can be gone through again and again, got an iterator that ends: give a function that "
            "returns a new one."
        )
    chunks = iter(data() if callable(data) else data)
    first = data if is_mapping else next(chunks, {})
    if not isinstance(first, Mapping) or not first:
        raise ValueError(f"Expected data to be a mapping of names to arrays, got {first!r}: name data of the model.")
    example = {name: np.asarray(model_data(name)) for name in first}
    sizes = {name: len(values) if values.ndim else 0 for name, values in example.items()}
    if len(set(sizes.values())) > 1 or not min(sizes.values()):
        raise ValueError(
            "Expected data of which the model holds the same number of rows, got "
            f"{', '.join(f'{n} of {name}' for name, n in sizes.items())}: give those that have one entry a row."
        )
    made = ArrayRows(example, data) if is_mapping else ChunkRows(example, data)
    if not made.n_rows:
        raise ValueError("Expected data with rows, got none: give at least one row.")
    return made


def filled_up(block: Block, size: int) -> Block:
    """Return a block of `size` rows, filled up with copies of its first row."""
    n = len(next(iter(block.values())))
    if n == size:
        return block
    return {name: np.concatenate([v, np.repeat(v[:1], size - n, axis=0)]) for name, v in block.items()}
