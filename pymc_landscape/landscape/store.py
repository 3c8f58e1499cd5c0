"""A landscape written to a zarr store as it is evaluated; work that was stopped goes on from there.

Neither the grid nor the result has to fit into memory: points are evaluated in stretches of a few seconds, the last
axis fastest, and each stretch is written before the next.
"""

from __future__ import annotations

import time
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
from pymc_landscape.results import (
    STORE_ROOT,
    DelayedProgressBar,
    ZarrStore,
    open_store,
    other_store,
    provenance_attributes,
    require_zarr,
)

# Points are written when so many seconds have gone into them, or when they take so many bytes.
SECONDS = 2.0
BYTES = 2**26
# So many points at first, before it is known how long one takes.
FIRST = 8
DELTA, PENALIZED = "delta_minus2ll", "penalized_minus2ll"
EXPECTED = "this grid, of this model and its data"


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


# Evaluates points a to b; names and shapes the result, with the dim ``point``.
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
        Evaluate a stretch of points, and make a Dataset of the result.
    attrs : dict
        Attributes of the landscape.
    progressbar : bool
        As in `evaluate_landscape`.

    Returns
    -------
    surface : Dataset
        Read from disk when it is used.
    result : Evaluation
        Without values: how many points are finished now, whether it was interrupted, errors.
    tally : Tally
        Of −2LL at the finished points.
    """
    store, result = _LandscapeStore(Path(path), points, around), Evaluation({})
    store.refuse_another(evaluate, describe)
    if store.is_complete:  # its warnings were given when it was completed
        return open_store(store.path), Evaluation({}, store.done), Tally(any_finite=True)
    try:
        with DelayedProgressBar("Evaluating landscape", points.total, progressbar) as bar:
            bar.advance(store.done)
            _evaluate_rest(store, result, evaluate, describe, bar)
    except KeyboardInterrupt:  # while something was written
        result.interrupted = True
    if not store.is_made:
        raise result.errors[0][1] if result.errors and not result.interrupted else KeyboardInterrupt
    result.n_evaluated = store.done
    tally = store.finish({**attrs, "completion": "interrupted" if result.interrupted else "complete"})
    return open_store(store.path), result, tally


def _evaluate_rest(
    store: _LandscapeStore, result: Evaluation, evaluate: Evaluate, describe: Describe, bar: DelayedProgressBar
) -> None:
    """Evaluate and write stretch after stretch."""
    length = FIRST
    while store.done < store.points.total and not result.interrupted:
        start, began = store.done, time.perf_counter()
        stop = min(start + length, store.points.total)
        try:
            part = evaluate(start, stop)
        except Exception as error:  # at all of these points; maybe not at others
            result.errors.append((start, error))
            store.leave_out(stop - start)
        else:
            result.interrupted = part.interrupted
            result.errors += [(start + i, error) for i, error in part.errors]
            if part.n_evaluated:
                store.write(describe(Stretch(stop - start), part).isel(point=slice(part.n_evaluated)))
        bar.advance(store.done - start)
        length = store.next_length(store.done - start, time.perf_counter() - began)


class _LandscapeStore:
    """The arrays of a landscape on disk, made when the first values show which they are; `done` points are finished."""

    def __init__(self, path: Path, points: GridPoints, around: xr.Dataset):
        require_zarr()
        self.path, self.points, self.around = path, points, around
        self.done, self._n_numbers, self.is_complete = 0, 1, False
        self._store: ZarrStore | None = None
        if path.exists():
            kept = open_store(path)
            if kept.attrs.get("group") != "landscape" or not self._is_same_grid(kept):
                raise other_store(path, EXPECTED)
            self._store = ZarrStore(path, {STORE_ROOT: kept}, len(points.dims))
            self.done, self.is_complete = self._store.done, kept.attrs.get("completion") == "complete"

    @property
    def is_made(self) -> bool:
        """Whether there is anything on disk."""
        return self._store is not None

    def _is_same_grid(self, kept: xr.Dataset) -> bool:
        ours = self.around.assign_coords(self.points.coords)
        return all(name in kept.coords and kept[name].equals(coord) for name, coord in ours.coords.items())

    def refuse_another(self, evaluate: Evaluate, describe: Describe) -> None:
        """Refuse the store of another model or of other data."""

        def point(i: int) -> dict[str, Array]:
            try:
                part = evaluate(i, i + 1)
            except Exception:  # the model raises here
                return {}
            if part.interrupted:
                raise KeyboardInterrupt
            return _arrays(describe(Stretch(1), part))

        if self._store is not None:
            self._store.refuse_another(point, EXPECTED, derived=[DELTA])

    def write(self, values: xr.Dataset) -> None:
        """Add the next points."""
        if self._store is None:
            self._store = self._create(values)
        for name, value in _arrays(values).items():
            self._store.write(name, self.done, value)
        self.leave_out(values.sizes["point"])
        self._n_numbers = sum(int(np.prod(value.shape[1:])) for value in values.data_vars.values())

    def leave_out(self, n: int) -> None:
        """Count the next points as finished: NaN, if nothing was written for them."""
        self.done += n
        if self._store is not None:
            self._store.finish_rows(self.done)

    def next_length(self, n: int, seconds: float) -> int:
        """Return how many points come next, if n took so long."""
        return max(1, min(int(n * SECONDS / max(seconds, 1e-6)), 8 * n, BYTES // (8 * self._n_numbers)))

    def finish(self, attrs: Mapping[str, Any]) -> Tally:
        """Write the rise above the lowest point of all, and the attributes."""
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

    def _stretches(self, store: ZarrStore, name: str) -> Iterator[tuple[int, Array]]:
        """Read what is finished, stretch after stretch."""
        step = BYTES // 8
        for start in range(0, self.done, step):
            yield start, store.read(name, start, min(start + step, self.done))

    def _create(self, values: xr.Dataset) -> ZarrStore:
        """Make the store, of which nothing is on disk but its labels."""
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
        return ZarrStore.create(
            self.path, {STORE_ROOT: template.assign_attrs(attrs)}, len(self.points.dims), done=self.done
        )


def _arrays(values: xr.Dataset) -> dict[str, Array]:
    """Return the variables of a stretch, without the one that is computed at the end."""
    return {str(name): value.to_numpy() for name, value in values.data_vars.items() if name != DELTA}
