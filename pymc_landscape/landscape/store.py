"""A landscape on disk: points are written as they are evaluated, and work that was stopped goes on from there.

Points are counted with the last axis fastest. What is finished is always the first so many of them, and is written as
the few boxes that together hold it; so neither the grid nor the result has to fit into memory.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array
from pymc_landscape.engine import Evaluation
from pymc_landscape.landscape.grid_points import GridPoints
from pymc_landscape.results import DelayedProgressBar, open_store, provenance_attributes, require_zarr

# Points are written when so much time has gone into them, or when they take so many bytes.
SECONDS = 2.0
BYTES = 2**26
# So many at first, before it is known how long one takes.
FIRST = 8
# Numbers in a chunk on disk.
CHUNK = 2**17
DELTA = "delta_minus2ll"


@dataclass
class Stretch:
    """Points of a grid one after the other, with the dim ``point``."""

    length: int
    coords: dict[str, Any] = field(default_factory=dict)
    dims: tuple[str, ...] = ("point",)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length alone."""
        return (self.length,)


@dataclass
class Tally:
    """What is to be told of many values: how many are NaN, which is the first of them, whether any is finite."""

    n_nan: int = 0
    first_nan: int = -1
    any_finite: bool = False

    def add(self, values: Array, start: int = 0) -> Tally:
        """Count values that begin at the place `start`."""
        bad = np.flatnonzero(np.isnan(values))
        if bad.size and not self.n_nan:
            self.first_nan = start + int(bad[0])
        self.n_nan += bad.size
        self.any_finite = self.any_finite or bool(np.isfinite(values).any())
        return self


# Evaluates points a to b; names and shapes what came of it, with the dim ``point``.
Evaluate = Callable[[int, int], Evaluation]
Describe = Callable[[Stretch, Evaluation], xr.Dataset]


def evaluate_into(
    path: str | PathLike[str], points: GridPoints, around: xr.Dataset, evaluate: Evaluate, describe: Describe,
    attrs: Mapping[str, Any], progressbar: bool,
) -> tuple[xr.Dataset, Evaluation, Tally]:  # fmt: skip
    """Evaluate the points of a grid that a store does not have yet.

    Parameters
    ----------
    path : path
        The store; made if it is not there.
    points : GridPoints
        The grid.
    around : Dataset
        Coordinates that the landscape has beside the grid's.
    evaluate, describe : callable
        Evaluate a stretch of points, and make a Dataset of what came.
    attrs : dict
        Attributes of the landscape.
    progressbar : bool
        Whether to show progress.

    Returns
    -------
    surface : Dataset
        Read from disk where it is looked at.
    result : Evaluation
        Without values: how many points are finished now, whether it was interrupted, errors.
    tally : Tally
        Of −2LL at the finished points.
    """
    store, result = _LandscapeStore(Path(path), points, around), Evaluation({})
    store.refuse_another(evaluate, describe)
    if store.is_complete:  # what there was to be told of it was told
        return open_store(store.path), Evaluation({}, store.done), Tally(any_finite=True)
    try:
        with DelayedProgressBar("Evaluating landscape", points.total, progressbar) as patient:
            patient.advance(store.done)
            _go_on(store, result, evaluate, describe, patient)
    except KeyboardInterrupt:  # while something was written
        result.interrupted = True
    if not store.is_made:
        raise result.errors[0][1] if result.errors and not result.interrupted else KeyboardInterrupt
    result.n_evaluated = store.done
    tally = store.finish({**attrs, "completion": "interrupted" if result.interrupted else "complete"})
    return open_store(store.path), result, tally


def _go_on(
    store: _LandscapeStore, result: Evaluation, evaluate: Evaluate, describe: Describe, patient: DelayedProgressBar
) -> None:
    """Evaluate and write stretch after stretch."""
    length = FIRST
    while store.done < store.points.total and not result.interrupted:
        start, began = store.done, time.perf_counter()
        stop = min(start + length, store.points.total)
        try:
            found = evaluate(start, stop)
        except Exception as error:  # at all of these points; maybe not at others
            result.errors.append((start, error))
            store.leave_out(stop - start)
        else:
            result.interrupted = found.interrupted
            result.errors += [(start + i, error) for i, error in found.errors]
            if found.n_evaluated:
                store.write(describe(Stretch(stop - start), found).isel(point=slice(found.n_evaluated)))
        patient.advance(store.done - start)
        length = store.next_length(store.done - start, time.perf_counter() - began)


class _LandscapeStore:
    """The arrays of a landscape on disk, and how many points of it are finished."""

    def __init__(self, path: Path, points: GridPoints, around: xr.Dataset):
        require_zarr()
        self.path, self.points, self.around = path, points, around
        self.done, self._numbers, self._arrays = 0, 1, dict[str, Any]()
        self._group: Any = None
        self.is_complete = False
        if path.exists():
            kept = open_store(path)
            if kept.attrs.get("group") != "landscape" or not self._is_same_grid(kept):
                raise _another(path)
            self.done, self.is_complete = int(kept.attrs["n_evaluated"]), kept.attrs["completion"] == "complete"
            self._open(list(map(str, kept.data_vars)))

    @property
    def is_made(self) -> bool:
        """Whether there is anything on disk."""
        return bool(self._arrays)

    def _is_same_grid(self, kept: xr.Dataset) -> bool:
        ours = self.around.assign_coords(self.points.coords)
        return all(name in kept.coords and kept[name].equals(coord) for name, coord in ours.coords.items())

    def refuse_another(self, evaluate: Evaluate, describe: Describe) -> None:
        """Ask some finished points again: of another model, or of other data, they have other values."""
        for i in sorted({0, self.done // 3, 2 * self.done // 3, self.done - 1} if self.done else ()):
            try:
                found = evaluate(i, i + 1)
            except Exception:  # the model raises here
                continue
            if found.interrupted:
                raise KeyboardInterrupt
            if not self._has(i, describe(Stretch(1), found)):
                raise _another(self.path)

    def _has(self, i: int, values: xr.Dataset) -> bool:
        """Whether point i is kept with these values."""
        place = tuple(int(j) for j in np.unravel_index(i, self.points.shape))
        if set(map(str, values.data_vars)) != set(self._arrays):
            return False
        for name, value in values.drop_vars(DELTA).items():
            kept = np.asarray(self._arrays[str(name)][place])
            if kept.shape != value.shape[1:] or not np.allclose(kept, value[0], 1e-9, 1e-9, equal_nan=True):
                return False
        return True

    def write(self, values: xr.Dataset) -> None:
        """Add the next points."""
        if not self._arrays:
            self._make(values)
        start, n = self.done, values.sizes["point"]
        for name, value in values.drop_vars(DELTA).items():
            self._put(str(name), start, value.to_numpy())
        self.leave_out(n)
        self._numbers = sum(int(np.prod(value.shape[1:])) for value in values.data_vars.values())

    def leave_out(self, n: int) -> None:
        """Count the next points as finished: NaN, if nothing was written for them."""
        self.done += n
        if self.is_made:
            self._group.attrs["n_evaluated"] = self.done

    def next_length(self, n: int, seconds: float) -> int:
        """Return how many points come next, if n took so long."""
        return max(1, min(int(n * SECONDS / max(seconds, 1e-6)), 8 * n, BYTES // (8 * self._numbers)))

    def finish(self, attrs: Mapping[str, Any]) -> Tally:
        """Write the rise above the lowest point of all, and the attributes."""
        tally, lowest = Tally(), np.inf
        for start, values in self._read("minus2ll"):
            tally.add(values, start)
            lowest = min(lowest, float(values[np.isfinite(values)].min(initial=np.inf)))
        with np.errstate(invalid="ignore"):
            for start, values in self._read("minus2ll"):
                self._put(DELTA, start, values - (lowest if np.isfinite(lowest) else np.nan))
        self._group.attrs.update({**attrs, "n_evaluated": self.done})
        return tally

    def _read(self, name: str) -> Iterator[tuple[int, Array]]:
        """Yield what is finished, stretch after stretch."""
        step = BYTES // 8
        for start in range(0, self.done, step):
            boxes = _boxes(self.points.shape, start, min(start + step, self.done))
            yield start, np.concatenate([np.ravel(self._arrays[name][box]) for box, _ in boxes])

    def _put(self, name: str, start: int, values: Array) -> None:
        array, own = self._arrays[name], values.shape[1:]
        for box, part in _boxes(self.points.shape, start, start + len(values)):
            sizes = tuple(edge.stop - edge.start for edge in box)
            array[box] = values[part.start - start : part.stop - start].reshape(*sizes, *own)

    def _make(self, values: xr.Dataset) -> None:
        """Make the store, of which nothing is on disk but its labels."""
        import zarr

        coords = (
            values.drop_vars(list(values.data_vars)).assign_coords(self.points.coords).assign_coords(self.around.coords)
        )
        coords.attrs = provenance_attributes(group="landscape", completion="interrupted", n_evaluated=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zarr's, on words as coordinates, whose way of storing may yet change
            coords.to_zarr(self.path, mode="w-", consolidated=False)
            group = zarr.open_group(self.path, mode="r+")
        for name, value in values.items():
            shape = (*self.points.shape, *value.shape[1:])
            group.create_array(
                str(name),
                shape=shape,
                chunks=_chunks(shape),
                dtype="float64",
                fill_value=np.nan,
                dimension_names=[*self.points.dims, *map(str, value.dims[1:])],
            )
        self._open(list(map(str, values.data_vars)))

    def _open(self, names: list[str]) -> None:
        import zarr

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._group = zarr.open_group(self.path, mode="r+")
            self._arrays = {name: self._group[name] for name in names}


def _another(path: Path) -> ValueError:
    return ValueError(
        f"Expected a store of this grid, of this model and its data, got another in {path}: name another store, or "
        "delete it."
    )


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a chunk: whole trailing axes, as many as it has room for."""
    room, sizes = CHUNK, list[int]()
    for n in reversed(shape):
        sizes.append(max(1, min(n, room)))
        room = max(1, room // max(n, 1))
    return tuple(reversed(sizes))


def _boxes(shape: tuple[int, ...], start: int, stop: int) -> Iterator[tuple[tuple[slice, ...], slice]]:
    """Yield boxes of a grid that together hold points start to stop, each with the stretch of points that it holds.

    Examples
    --------
    >>> [part for _, part in _boxes((3, 4), 2, 11)]
    [slice(2, 4, None), slice(4, 8, None), slice(8, 11, None)]
    """
    while start < stop:
        axis, size = len(shape) - 1, 1  # points in one step along the axis
        while axis and start % (size * shape[axis]) == 0 and stop - start >= size * shape[axis]:
            size *= shape[axis]
            axis -= 1
        index = np.unravel_index(start, shape)
        n = min((stop - start) // size, shape[axis] - int(index[axis]))
        before = [slice(int(i), int(i) + 1) for i in index[:axis]]
        along = slice(int(index[axis]), int(index[axis]) + n)
        yield (*before, along, *(slice(0, m) for m in shape[axis + 1 :])), slice(start, start + n * size)
        start += n * size
