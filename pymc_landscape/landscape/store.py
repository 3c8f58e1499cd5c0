"""A landscape written to a zarr store as it is evaluated; work that was stopped goes on from there.

Neither the grid nor the result has to fit into memory: points are evaluated in stretches of a few seconds, the last
axis fastest, and each stretch is written before the next.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from xarray.indexes import Index

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.engine import Evaluation
from pymc_landscape.landscape.grid_points import GridPoints
from pymc_landscape.results import (
    IN_MEMORY,
    STOPS,
    STORE_ROOT,
    DelayedProgressBar,
    Origin,
    RowsInMemory,
    StoreDirectory,
    StoreRecord,
    ZarrStore,
    other_store,
    provenance_attributes,
    record_in,
    require_zarr,
)

# Points are written when so many seconds have passed since the last were, or when they take so many bytes: whole
# chunks, if they fill any, for a part of a chunk is written by reading and writing all of it.
SECONDS = 2.0
BYTES = 2**24
# So many points at first, before it is known how long one takes.
FIRST = 8
DELTA, PENALIZED = "delta_minus2ll", "penalized_minus2ll"
EXPECTED = "this grid, of this model and its data"


@dataclass
class Stretch:
    """Points of a grid one after the other, with the dim ``point``."""

    length: int
    dims: tuple[str, ...] = ("point",)
    # which points these are, others know
    coord_variables: ClassVar[Mapping[Any, xr.Variable]] = {}
    indexes: ClassVar[Mapping[Any, Index]] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """The length alone."""
        return (self.length,)


@dataclass
class Tally:
    """What a warning needs to know of many values: how many are NaN, the first of these, and whether any is finite."""

    n_nan: int = 0
    first_nan: int = -1
    any_finite: bool = False

    def add(self, values: Array, start: int = 0) -> Tally:
        """Count values that begin at point `start`."""
        bad = np.flatnonzero(np.isnan(values))
        if bad.size and not self.n_nan:
            self.first_nan = start + int(bad[0])
        self.n_nan += bad.size
        self.any_finite = self.any_finite or bool(np.isfinite(values).any())
        return self


# Evaluates points a to b: there are no values where the model raises at all of them. Names and shapes the result, with
# the dim ``point``. Evaluates all points from one on elsewhere.
Evaluate = Callable[[int, int], Evaluation]
Describe = Callable[[Stretch, Evaluation], xr.Dataset]
Elsewhere = Callable[..., Iterator[Evaluation]]


def evaluate_into(
    path: str | PathLike[str], points: GridPoints, around: xr.Dataset, evaluate: Evaluate, describe: Describe,
    attrs: Mapping[str, Any], made_of: Origin, progressbar: bool, elsewhere: Elsewhere | None = None,
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
        Evaluate a stretch of points, and make a Dataset of the result.
    attrs : dict
        Attributes of the landscape.
    made_of : dict
        What tells the model and its data from others.
    progressbar : bool
        As in `evaluate_landscape`.
    elsewhere : callable, optional
        Evaluates all points from one on in other processes, range after range; left out, `evaluate` does it here.

    Returns
    -------
    surface : Dataset
        Read from disk when it is used.
    result : Evaluation
        Without values: how many points are finished now, whether it was interrupted, errors.
    tally : Tally
        Of −2LL at the finished points.
    """
    require_zarr()
    with StoreDirectory(path) as place:
        store, result = _LandscapeStore(place, points, around, made_of), Evaluation({})
        store.refuse_another(evaluate, describe)
        if store.is_complete:  # its warnings were given when it was completed
            return store.surface, Evaluation({}, store.done), Tally(any_finite=True)
        place.require_writable()
        try:
            with DelayedProgressBar("Evaluating landscape", points.total, progressbar) as bar:
                bar.advance(store.done)
                parts = _evaluated_here(store, evaluate) if elsewhere is None else elsewhere(start=store.done)
                _write_rest(store, result, parts, describe, bar)
            store.write_all()
        except STOPS as stopped:  # Ctrl-C while something was written
            result.stopped = stopped
        finally:
            store.write_all()
        if not store.is_made:
            raise result.stopped or result.errors[0][1]
        result.n_evaluated = store.done
        tally = store.finish({**attrs, "completion": "interrupted" if result.interrupted else "complete"})
        if store.not_kept is not None:
            why = store.not_kept.strerror or store.not_kept
            warnings.warn(f"The landscape could not be kept in the store {place.path} ({why}).", stacklevel=4)
        return store.surface, result, tally


def _evaluated_here(store: _LandscapeStore, evaluate: Evaluate) -> Iterator[Evaluation]:
    """Evaluate stretch after stretch, each a few seconds long."""
    length, start = FIRST, store.reached
    while start < store.points.total:
        stop, began = min(start + length, store.points.total), time.perf_counter()
        yield evaluate(start, stop)
        length, start = store.next_length(stop - start, time.perf_counter() - began), stop


def _write_rest(
    store: _LandscapeStore, result: Evaluation, parts: Iterator[Evaluation], describe: Describe, bar: DelayedProgressBar
) -> None:
    """Write stretch after stretch as they come."""
    for part in parts:
        start = store.reached
        result.stopped = part.stopped
        result.errors += [(start + i, error) for i, error in part.errors]
        if not part.values:  # the model raises at all of these points; maybe not at others
            store.leave_out(part.n_evaluated)
        elif part.n_evaluated:
            n = len(next(iter(part.values.values())))
            store.add(describe(Stretch(n), part).isel(point=slice(part.n_evaluated)))
        bar.advance(store.reached - start)
        if result.interrupted:
            return


class _LandscapeStore:
    """The arrays of a landscape on disk, made when the first values show which they are.

    Of the points that are `reached`, `done` are on disk, and the others wait. Where the disk is full they go on in
    memory, if they have room there.
    """

    def __init__(self, place: StoreDirectory, points: GridPoints, around: xr.Dataset, made_of: Origin):
        self.place, self.points, self.around, self._made_of = place, points, around, made_of
        self.done, self._n_numbers, self.is_complete = 0, 1, False
        self._store: ZarrStore | RowsInMemory | None = None
        self.not_kept: OSError | None = None
        self._waiting, self._written_at = list[tuple[int, xr.Dataset]](), time.perf_counter()  # each with its first
        record = record_in(place, "landscape", EXPECTED, made_of)
        if record is not None:
            store = ZarrStore(place, record, len(points.dims), derived=[DELTA])
            if not self._is_same_grid(store.groups[STORE_ROOT]):
                raise other_store(place.path, EXPECTED)
            self._store, self.done, self.is_complete = store, store.done, store.is_complete

    @property
    def is_made(self) -> bool:
        """Whether there is anything on disk."""
        return self._store is not None

    @property
    def surface(self) -> xr.Dataset:
        """What there is."""
        assert self._store is not None
        return self._store.groups[STORE_ROOT]

    def _is_same_grid(self, kept: xr.Dataset) -> bool:
        ours = self.around.assign_coords(self.points.coords)
        return all(name in kept.coords and kept[name].equals(coord) for name, coord in ours.coords.items())

    def refuse_another(self, evaluate: Evaluate, describe: Describe) -> None:
        """Refuse the store of another model or of other data."""

        def point(i: int) -> dict[str, Array]:
            part = evaluate(i, i + 1)
            if part.interrupted:
                raise KeyboardInterrupt
            if not part.values:  # the model raises here
                return {}
            return _arrays(describe(Stretch(1), part))

        if isinstance(self._store, ZarrStore):
            self._store.refuse_another(point, EXPECTED)

    @property
    def reached(self) -> int:
        """How many points are finished."""
        return max([self.done, *(first + values.sizes["point"] for first, values in self._waiting)])

    def add(self, values: xr.Dataset) -> None:
        """Add the next points, and write what has waited for long, or is large."""
        self._n_numbers = sum(int(np.prod(value.shape[1:])) for value in values.data_vars.values())
        self._waiting.append((self.reached, values))
        is_large = 8 * self._n_numbers * (self.reached - self.done) >= BYTES
        if is_large or time.perf_counter() - self._written_at >= SECONDS:
            self._write(self.reached if self._store is None else self._store.whole_chunks(self.done, self.reached))

    def write_all(self) -> None:
        """Write all that waits."""
        self._write(self.reached)

    def _write(self, stop: int) -> None:
        """Write what waits, up to point `stop`; after Ctrl-C amidst of it, once more."""
        if stop > self.done:
            first = self._waiting[0][0]
            every = [values for _, values in self._waiting]
            same: dict[str, Any] = {"coords": "minimal", "compat": "override", "join": "override"}
            values = every[0] if len(every) == 1 else xr.concat(every, "point", data_vars="minimal", **same)
            self._store_points(values.isel(point=slice(self.done - first, stop - first)))
            self._waiting = [(stop, values.isel(point=slice(stop - first, None)))]
        self._written_at = time.perf_counter()

    def _store_points(self, values: xr.Dataset) -> None:
        n = values.sizes["point"]
        try:
            if self._store is None:
                self._store = self._create(values)
                self._put_nan(self._store, 0, self.done)
            self._put(_arrays(values), n)
        except OSError as error:
            self._leave_disk(error, self._template(values))
            self._put(_arrays(values), n)

    def leave_out(self, n: int) -> None:
        """Count the next points as finished: NaN."""
        self.write_all()
        try:
            if self._store is not None:
                self._put_nan(self._store, self.done, self.done + n)
            self._put({}, n)
        except OSError as error:
            self._leave_disk(error, self.surface)
            self._put({}, n)

    def _put(self, values: Mapping[str, Array], n: int) -> None:
        if self._store is not None:
            for name, value in values.items():
                self._store.write(name, self.done, value)
            self._store.finish_rows(self.done + n)
        self.done += n

    def _put_nan(self, store: ZarrStore | RowsInMemory, start: int, stop: int) -> None:
        for name, array in store.groups[STORE_ROOT].data_vars.items():
            if name != DELTA and stop > start:
                store.write(str(name), start, np.full((stop - start, *array.shape[len(self.points.dims) :]), np.nan))

    def _leave_disk(self, error: OSError, template: xr.Dataset) -> None:
        """Go on in memory; what is on disk is as it was."""
        if isinstance(self._store, RowsInMemory) or template.nbytes > IN_MEMORY:
            raise OSError(
                f"The store {self.place.path} could not be written ({error.strerror or error}): {self.done} of "
                f"{self.points.total} points are kept; make room, and call again."
            ) from error
        memory = RowsInMemory({STORE_ROOT: template}, len(self.points.dims))
        if self._store is not None:
            for name in template.data_vars:
                memory.write(str(name), 0, self._store.read(str(name), 0, self.done))
        self._store, self.not_kept = memory, error

    def next_length(self, n: int, seconds: float) -> int:
        """Return how many points come next, if n took so long."""
        return max(1, min(int(n * SECONDS / max(seconds, 1e-6)), 8 * n, BYTES // (8 * self._n_numbers)))

    def finish(self, attrs: Mapping[str, Any]) -> Tally:
        """Write the rise above the lowest point of all, and the attributes."""
        try:
            return self._finish(attrs)
        except OSError as error:
            self._leave_disk(error, self.surface)
            return self._finish(attrs)

    def _finish(self, attrs: Mapping[str, Any]) -> Tally:
        assert self._store is not None
        tally, lowest = Tally(), np.inf
        height = PENALIZED if PENALIZED in self._store else "minus2ll"
        for start, values in self._stretches(self._store, height):
            tally.add(values, start)
            lowest = min(lowest, float(values[np.isfinite(values)].min(initial=np.inf)))
        with np.errstate(invalid="ignore"):
            for start, values in self._stretches(self._store, height):
                self._store.write(DELTA, start, values - (lowest if np.isfinite(lowest) else np.nan))
        self._store.finish_rows(self.done, attrs)
        return tally

    def _stretches(self, store: ZarrStore | RowsInMemory, name: str) -> Iterator[tuple[int, Array]]:
        """Read what is finished, stretch after stretch."""
        start, step = 0, BYTES // 16  # numbers that are read, and as many that are written
        while start < self.done:
            stop = store.whole_chunks(start, min(start + step, self.done))
            yield start, store.read(name, start, stop)
            start = stop

    def _create(self, values: xr.Dataset) -> ZarrStore:
        """Make the store, of which nothing is on disk but its labels."""
        record, groups = StoreRecord("landscape", dict(self._made_of)), {STORE_ROOT: self._template(values)}
        return ZarrStore.create(self.place, record, groups, len(self.points.dims), derived=[DELTA])

    def _template(self, values: xr.Dataset) -> xr.Dataset:
        """Return the landscape with everything but its numbers."""
        coords = (
            values.drop_vars(list(values.data_vars)).assign_coords(self.points.coords).assign_coords(self.around.coords)
        )
        attrs = provenance_attributes(group="landscape", completion="interrupted", n_evaluated=self.done)
        template = coords.assign(
            {
                name: (
                    (*self.points.dims, *value.dims[1:]),
                    np.broadcast_to(np.nan, (*self.points.shape, *value.shape[1:])),  # takes no memory
                )
                for name, value in values.items()
            }
        )
        return template.assign_attrs(attrs)


def _arrays(values: xr.Dataset) -> dict[str, Array]:
    """Return the variables of a stretch, without the one that is computed at the end."""
    return {str(name): value.values for name, value in values.data_vars.items() if name != DELTA}
