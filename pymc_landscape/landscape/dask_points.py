"""Points of a grid that others evaluate or solve: the workers of a cluster, or Dask when an array is asked for them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.engine import Engine, Evaluation
from pymc_landscape.landscape.grid_points import GridPoints
from pymc_landscape.landscape.profile_active_set import ActiveSets
from pymc_landscape.landscape.profile_continuation import Job, PredictorCorrector
from pymc_landscape.landscape.profile_solver import NuisanceSolution
from pymc_landscape.landscape.store import DELTA, Stretch
from pymc_landscape.landscape.surface_dataset import surface_dataset
from pymc_landscape.numerics import at_most_threads
from pymc_landscape.objective import Objective
from pymc_landscape.results import STOPS, DelayedProgressBar, dumps_without, loads_with
from pymc_landscape.results.cluster import LazyGrid, RangeTasks, units_at_once

if TYPE_CHECKING:
    from distributed import Client

# Points in a task or block, which take a second or less.
POINTS = 2**20
# A wave of steps goes to workers if it would take so many seconds here; and the name under which either side has the
# active sets of the grid.
WORTH_SENDING, GRID = 0.2, "grid"


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


# --- profiled --------------------------------------------------------------------------------------------------------


class StepsOnWorkers:
    """Takes the steps of a continuation over a grid on workers, where a wave of them would take long enough here.

    Parameters
    ----------
    client : distributed.Client
        Whose workers.
    active_sets : ActiveSets
        The grid, in terms of which solutions are.
    points : GridPoints
        The same, as it is sent.
    base : array (k,)
        A reference point, in the layout of `points`.
    """

    def __init__(self, client: Client, active_sets: ActiveSets, points: GridPoints, base: Array):
        self.active_sets, self._here = active_sets, PredictorCorrector(active_sets)
        what = f"the profiled landscape of {active_sets.objective.model.name or 'a model'}"
        self._tasks = RangeTasks(client, _StepsOnWorker(active_sets.objective, points, base), what)
        self._seconds_per_step = np.inf  # the fewest seen, for the first steps wait for functions to be made

    def __call__(self, jobs: Sequence[Job]) -> dict[int, NuisanceSolution]:
        """Take steps; return what each leads to, by point."""
        if np.isinf(self._seconds_per_step) or len(jobs) * self._seconds_per_step < WORTH_SENDING:
            began = time.perf_counter()
            here = self._here(jobs)
            self._seconds_per_step = min((time.perf_counter() - began) / max(len(jobs), 1), self._seconds_per_step)
            return here
        known, solutions = {GRID: self.active_sets}, dict[int, NuisanceSolution]()
        for _, _, pickled in self._tasks.over(0, len(jobs), lambda a, b: dumps_without(jobs[a:b], known)):
            found, n_evaluations = loads_with(pickled, known)
            solutions |= found
            self.active_sets.n_evaluations += n_evaluations
        self._seconds_per_step = min(self._tasks.seconds_per_unit, self._seconds_per_step)
        return solutions


@dataclass(frozen=True)
class _StepsOnWorker:
    """Takes steps in another process, on a grid of its own."""

    objective: Objective
    points: GridPoints
    base: Array

    def __call__(self, start: int, stop: int, jobs: bytes) -> bytes:
        """Return what steps lead to, pickled without the grid, and the evaluations that they took."""
        active_sets = ActiveSets(self.objective, self.points, self.base)  # one a task: threads would share it
        known = {GRID: active_sets}
        with np.errstate(all="ignore"):  # far out, anything overflows
            solutions = PredictorCorrector(active_sets)(loads_with(jobs, known))
        return dumps_without((solutions, active_sets.n_evaluations), known)


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
        return {str(n): v.values.reshape(*part.shape, *v.shape[1:]) for n, v in values.data_vars.items()}
