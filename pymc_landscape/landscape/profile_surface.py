"""The profile likelihood over a grid: −2LL minimised over the nuisance parameters at each point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.engine import Evaluation
from pymc_landscape.landscape.dask_points import StepsOnWorkers
from pymc_landscape.landscape.grid_points import GridPoints
from pymc_landscape.landscape.profile_active_set import ActiveSet, ActiveSets, Indices
from pymc_landscape.landscape.profile_continuation import GridContinuation
from pymc_landscape.landscape.profile_modes import fill_grid, fit_minima, search_everywhere
from pymc_landscape.numerics import one_blas_thread
from pymc_landscape.objective import Layout, Objective, Reference
from pymc_landscape.optimize import Fit
from pymc_landscape.results import STOPS, DelayedProgressBar, Stop, array_variable, axis_variable, refuse_reserved_names

if TYPE_CHECKING:
    from distributed import Client

# Each point is a minimisation: more would take hours.
MOST_POINTS = 250_000
# The density at a solved point may differ by so much from the minimum that was found, in units of −2LL.
SAME = 1e-6
# Names in the result beside those of a slice.
STATUS, PATH = "status", "path"


@dataclass(frozen=True)
class Profiled:
    """A grid with the nuisance parameters minimised out.

    Parameters
    ----------
    result : Evaluation
        The density at the solved points, as for a slice.
    status : array (G,) of str
        The status of each point.
    path : array (G, n)
        Natural values of all elements.
    words : str
        Where the search began.
    n_evaluations : int
        Points at which value, gradient and Hessian were evaluated.
    """

    result: Evaluation
    status: Any
    path: Array
    words: str
    n_evaluations: int

    @property
    def particulars(self) -> dict[str, str | int]:
        """The attributes of the result."""
        return {"nuisance": "profile", "at": self.words, "n_evaluations": self.n_evaluations}

    def extended(self, surface: xr.Dataset, points: GridPoints, objective: Objective) -> xr.Dataset:
        """Return a surface with `status` and `path` over the dims of the grid."""
        labels = [label for v in objective.variables for label in v.labels]
        dims, shape = points.dims, points.shape
        surface = surface.assign_coords(parameter=axis_variable("parameter", labels))
        surface[STATUS] = array_variable(dims, self.status.reshape(shape))
        surface[PATH] = array_variable((*dims, "parameter"), self.path.reshape(*shape, len(labels)))
        return surface

    def message(self, points: GridPoints) -> str:
        """Return in one sentence at how many points there is no minimum; empty where there is one at all."""
        told = [
            f"{self._where(points, 'failed')} the search over the nuisance parameters did not converge (status "
            "'failed'), so that the surface may be lower there",
            f"{self._where(points, 'unbounded')} the likelihood has no maximum over the nuisance parameters "
            "(status 'unbounded')",
        ]
        return "; ".join(
            t for t, word in zip(told, ("failed", "unbounded"), strict=True) if (self.status == word).any()
        )

    def _where(self, points: GridPoints, word: str) -> str:
        bad = np.flatnonzero(self.status == word)
        index = np.unravel_index(bad[0] if len(bad) else 0, points.shape)
        first = ", ".join(f"{d}={v[i]:g}" for d, v, i in zip(points.dims, points.values, index, strict=True))
        return f"At {len(bad)} of {points.total} points, first at {first},"


def profile_points(
    objective: Objective,
    points: GridPoints,
    reference: Reference,
    at: Any,
    *,
    pointwise: bool,
    chunks: int | None,
    progressbar: bool,
    client: Client | None = None,
) -> Profiled:
    """Minimise −2 (log L + w log prior) over all elements on no axis, at each point of a grid.

    Parameters
    ----------
    objective : Objective
        The model's.
    points : GridPoints
        The grid.
    reference : Reference
        Where a slice would fix the nuisance parameters; the search begins there.
    at : object
        What the user gave for it; where it is None, a search with the axes free goes first.
    pointwise, chunks, progressbar : bool, int or None, bool
        As in `evaluate_landscape`.
    client : distributed.Client, optional
        Its workers take the steps from point to point.

    Returns
    -------
    Profiled
        After Ctrl-C, or where the workers are lost, with the points that were solved.
    """
    _refuse(points)
    base = reference.vector(objective, points.layout)
    active_sets = ActiveSets(objective, points, base)
    solve = None if client is None else StepsOnWorkers(client, active_sets, points, base)
    words = reference.words
    stopped: Stop | None = None
    n_inside = int(active_sets.axes.inside.sum())
    with one_blas_thread(), DelayedProgressBar("Profiling", n_inside, progressbar) as bar:
        continuation = GridContinuation(active_sets, bar.advance, solve)
        try:
            with np.errstate(all="ignore"):  # far out, anything overflows
                words = _fill(continuation, reference, at)
        except STOPS as why:
            if not any(continuation.best):
                raise
            stopped = why
    profiled = _evaluated(continuation, reference, "" if stopped else words, pointwise, chunks)
    profiled.result.stopped = profiled.result.stopped or stopped
    return profiled


def _refuse(points: GridPoints) -> None:
    if points.total > MOST_POINTS:
        raise ValueError(
            f"Expected a grid of at most {MOST_POINTS} points for nuisance='profile', got {points.total}, each of "
            "which is a minimisation: choose fewer points an axis."
        )
    refuse_reserved_names(points.dims, (STATUS, PATH), "an axis")


def _fill(continuation: GridContinuation, reference: Reference, at: Any) -> str:
    """Solve all points; return in words where that began."""
    active_sets = continuation.active_sets
    if not len(active_sets.active_set(0, {}).free):
        continuation.solve_without_nuisance()
        return reference.words
    assert reference.point is not None
    begin = [reference.point, *fit_minima(at if isinstance(at, Fit) else None, active_sets)]
    found = search_everywhere(active_sets, reference.point) if at is None else None
    fill_grid(continuation, begin if found is None else [found, *begin])
    return reference.words if found is None else f"a search from {reference.words}"


# --- the density at the solved points --------------------------------------------------------------------------------


def _evaluated(
    continuation: GridContinuation, reference: Reference, words: str, pointwise: bool, chunks: int | None
) -> Profiled:
    grid_axes, objective = continuation.active_sets.axes, continuation.active_sets.objective
    solved = [(p, found) for p, found in enumerate(continuation.best) if found is not None]
    layout = objective.layout(_unconstrained(continuation))
    vectors, path = _vectors(continuation, layout, reference)
    engine = objective.engine("pointwise" if pointwise else "density", layout.unconstrained)
    result = engine(lambda a, b: vectors[a:b], grid_axes.total, chunk=chunks)
    if not result.values:
        raise KeyboardInterrupt
    status = np.where(grid_axes.inside, "", "outside").astype("U16")
    for p, found in solved:
        status[p] = found.status
    predicted = np.array([np.nan if found is None else found.value for found in continuation.best])
    total = _total(objective, result)
    if result.interrupted:  # points that were solved, but not reached by now
        status[np.isnan(total)] = ""
    with np.errstate(invalid="ignore"):
        same = np.abs(total - predicted) <= SAME + 1e-9 * np.abs(predicted)
    status[np.isin(status, ["converged", "at_bound"]) & ~same] = "failed"
    for values in result.values.values():
        values[np.isin(status, ["", "unbounded"])] = np.nan
    path[~np.isin(status, ["converged", "at_bound", "failed", "unbounded"])] = np.nan
    result.n_evaluated = int((status != "").sum())
    return Profiled(result, status, path, words, continuation.active_sets.n_evaluations)


def _unconstrained(continuation: GridContinuation) -> frozenset[str]:
    """Return the variables that are unconstrained at all points; the density is evaluated on one layout."""
    grid_axes = continuation.active_sets.axes
    on_axes = {column.element[0] for column in grid_axes.columns}
    natural = {name for found in continuation.best if found is not None for name in found.active_set.natural}
    names = grid_axes.points.unconstrained | (continuation.active_sets.variables.keys() - on_axes)
    return frozenset(names - natural)


def _vectors(continuation: GridContinuation, layout: Layout, reference: Reference) -> tuple[Array, Array]:
    """Return the vector and the natural values of all points; of those without a value, on the axes alone."""
    grid_axes, objective = continuation.active_sets.axes, continuation.active_sets.objective
    natural = objective.layout()
    vectors = np.tile(reference.vector(objective, layout), (grid_axes.total, 1))
    for column in grid_axes.columns:
        name, i = column.element
        own = column.theta if name in layout.unconstrained else column.natural
        vectors[:, layout.slices[name].start + i] = own
    path = np.full((grid_axes.total, natural.size), np.nan)
    for active_set, ps, x in _by_active_set(continuation):
        point = active_set.natural_points(ps, x)
        theta = active_set.layout.split(active_set.vectors(ps, x))
        kept = {n: theta[n] for n in layout.unconstrained}
        vectors[ps] = objective.vector(point, layout.unconstrained, kept)
        path[ps] = natural.join(point)
    return vectors, path


def _by_active_set(continuation: GridContinuation) -> Iterator[tuple[ActiveSet, Indices, Array]]:
    groups: dict[ActiveSet, list[tuple[int, Array]]] = {}
    for p, found in enumerate(continuation.best):
        if found is not None and found.status != "outside":
            groups.setdefault(found.active_set, []).append((p, found.x))
    for active_set, own in groups.items():
        yield active_set, np.array([p for p, _ in own]), np.stack([x for _, x in own])


def _total(objective: Objective, result: Evaluation) -> Array:
    """Return the value of the objective at each point, from its densities."""
    out = {name: v.reshape(len(v), -1).sum(axis=1) for name, v in result.values.items()}
    with np.errstate(invalid="ignore"):
        return objective.total(out)
