"""Points of a grid that others evaluate: the workers of a cluster at once, or Dask when an array is asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.engine import Engine, Evaluation
from pymc_landscape.landscape.grid_points import GridPoints
from pymc_landscape.landscape.store import DELTA, Stretch
from pymc_landscape.landscape.surface_dataset import surface_dataset
from pymc_landscape.numerics import at_most_threads
from pymc_landscape.objective import Objective
from pymc_landscape.results import STOPS, DelayedProgressBar
from pymc_landscape.results.cluster import LazyGrid, RangeTasks, units_at_once

if TYPE_CHECKING:
    from distributed import Client

# Points in a task or block, which take a second or less.
POINTS = 2**20


@dataclass(frozen=True)
class PointRanges:
    """The density of an objective at ranges of the points of a grid, the last axis fastest.

    Parameters
    ----------
    objective : Objective
        What is evaluated.
    points : GridPoints
        Where.
    base : array (k,)
        The elements on no axis.
    pointwise : bool
        Whether each observation's log-likelihood is wanted.
    chunks : int or None
        Largest number of points evaluated in one go.
    """

    objective: Objective
    points: GridPoints
    base: Array
    pointwise: bool
    chunks: int | None

    @property
    def engine(self) -> Engine:
        """The engine of the density."""
        return self.objective.engine("pointwise" if self.pointwise else "density", self.points.unconstrained)

    @property
    def most(self) -> int:
        """How many points are evaluated at once, by somebody else."""
        return min(POINTS, units_at_once(sum(length or 1 for length in self.engine.lengths)))

    def __call__(self, start: int, stop: int) -> Evaluation:
        """Evaluate points start to stop; where the model raises at all of them there are no values."""
        rows = partial(self._rows, start)
        try:
            return self.engine(rows, stop - start, chunk=self.chunks)
        except Exception as error:
            return Evaluation({}, stop - start, errors=[(0, error)])

    def _rows(self, start: int, a: int, b: int) -> Array:
        return self.points.rows(self.base, start + a, start + b)


@dataclass(frozen=True)
class _OnWorker:
    """The same in another process, from which exceptions come back in words: they may hold what cannot travel."""

    ranges: PointRanges

    def __call__(self, start: int, stop: int) -> Evaluation:
        result = self.ranges(start, stop)
        result.errors = [(i, RuntimeError(f"{type(error).__name__}: {error}")) for i, error in result.errors]
        return result


def evaluated_by_workers(ranges: PointRanges, client: Client, start: int) -> Iterator[Evaluation]:
    """Yield what workers make of the points from `start` on, range after range."""
    shape, dims, values = ranges.points.shape, ranges.points.dims, ranges.points.values

    def name(a: int, b: int) -> str:
        at = np.unravel_index(a, shape)
        place = ", ".join(f"{dim}={v[i]:g}" for dim, v, i in zip(dims, values, at, strict=True))
        return f"points {a} to {b - 1}, from {place} on"

    what = f"the landscape of {ranges.objective.model.name or 'a model'}"
    tasks = RangeTasks(client, _OnWorker(ranges), what, name=name, most=ranges.most)
    yield from (value for _, _, value in tasks.over(start, ranges.points.total))


def gathered(ranges: PointRanges, client: Client, progressbar: bool) -> Evaluation:
    """Return what workers make of all points; after Ctrl-C, or where they are lost, of the first of them."""
    total, result = ranges.points.total, Evaluation({})
    try:
        with DelayedProgressBar("Evaluating landscape", total, progressbar) as bar:
            for part in evaluated_by_workers(ranges, client, 0):
                n = part.n_evaluated
                for name, values in part.values.items():
                    if name not in result.values:
                        result.values[name] = np.full((total, *values.shape[1:]), np.nan)
                    result.values[name][result.n_evaluated : result.n_evaluated + n] = values
                result.errors += [(result.n_evaluated + i, error) for i, error in part.errors]
                result.n_evaluated += n
                bar.advance(n)
    except STOPS as stopped:
        if not result.values:
            raise
        result.stopped = stopped
    if not result.values:
        raise result.errors[0][1]
    return result


# --- lazy ------------------------------------------------------------------------------------------------------------


def lazy_surface(ranges: PointRanges, coords: xr.Coordinates) -> xr.Dataset:
    """Return a landscape of which nothing is evaluated but its first point, and without what needs all points."""
    described = _described(ranges, 0, 1)
    behind = {str(n): v.shape[1:] for n, v in described.data_vars.items() if n != DELTA}
    grid = LazyGrid(_Block(ranges), ranges.points.shape, behind, min(ranges.most, ranges.chunks or POINTS))
    surface = described.drop_vars(list(described.data_vars)).assign_coords(coords)
    return surface.assign(
        {name: ((*ranges.points.dims, *described[name].dims[1:]), grid.array(name)) for name in behind}
    )


def _described(ranges: PointRanges, start: int, stop: int) -> xr.Dataset:
    """Evaluate points start to stop; return the variables of a landscape, with the dim ``point``."""
    result = ranges(start, stop)
    if not result.values:
        raise result.errors[0][1]
    if result.interrupted:
        raise KeyboardInterrupt
    return surface_dataset(ranges.objective, Stretch(stop - start), result, ranges.pointwise)


@dataclass(frozen=True)
class _Block:
    """Evaluates a block of a grid."""

    ranges: PointRanges

    def __call__(self, *indices: NDArray[np.intp]) -> dict[str, Array]:
        """Return the variables at the places with these indices along each axis."""
        part = self.ranges.points.at_indices(indices)
        with at_most_threads(1):  # Dask's own are at work
            values = _described(replace(self.ranges, points=part), 0, part.total)
        return {str(n): v.to_numpy().reshape(*part.shape, *v.shape[1:]) for n, v in values.data_vars.items()}
