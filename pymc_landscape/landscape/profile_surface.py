"""The profile likelihood over a grid: at each point all elements on no axis are at their best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.engine import Evaluation
from pymc_landscape.landscape.grid_points import GridPoints
from pymc_landscape.landscape.profile_active_set import ActiveSet, ActiveSets, Indices
from pymc_landscape.landscape.profile_continuation import GridContinuation
from pymc_landscape.landscape.profile_modes import fill_grid, fit_minima, search_everywhere
from pymc_landscape.numerics import one_blas_thread
from pymc_landscape.objective import LOG_PRIOR, Layout, Objective, Reference
from pymc_landscape.optimize import Fit
from pymc_landscape.results import DelayedProgressBar

# Each point is a minimisation: more would take hours.
MOST_POINTS = 250_000
# By more than this the value at a solved point is not the one that was foretold.
SAME = 1e-6
# Names in the result beside those of a slice.
STATUS, PATH = "status", "path"


@dataclass(frozen=True)
class Profiled:
    """A grid with the others at their best.

    Parameters
    ----------
    result : Evaluation
        The density at the solved points, as for a slice.
    status : array (G,) of str
        What each point is.
    path : array (G, n)
        Natural values of all elements.
    words : str
        Where the search began.
    n_evaluations : int
        Points at which value, slope and Hessian were evaluated.
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

    def beside(self, surface: xr.Dataset, points: GridPoints, objective: Objective) -> xr.Dataset:
        """Return a surface with `status` and `path` over the dims of the grid."""
        labels = [label for v in objective.variables for label in v.labels]
        dims, shape = points.dims, points.shape
        surface = surface.assign_coords(parameter=labels)
        surface[STATUS] = (dims, self.status.reshape(shape))
        surface[PATH] = ((*dims, "parameter"), self.path.reshape(*shape, len(labels)))
        return surface

    def message(self, points: GridPoints) -> str:
        """Return in one sentence at how many points the others are not at their best; empty where they are."""
        told = [
            f"{self._where(points, 'failed')} the search for the others did not arrive (status 'failed'), so that the "
            "surface may be lower there",
            f"{self._where(points, 'unbounded')} the likelihood has no maximum over the others (status 'unbounded')",
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
) -> Profiled:
    """Minimise −2 (log L + w log prior) over all elements on no axis, at each point of a grid.

    Parameters
    ----------
    objective : Objective
        The model's.
    points : GridPoints
        The grid.
    reference : Reference
        Where a slice would hold the others; the search begins there.
    at : object
        What the user gave for it; None leads to a search with the axes free first.
    pointwise, chunks, progressbar : bool, int or None, bool
        As in `evaluate_landscape`.

    Returns
    -------
    Profiled
        After Ctrl-C, with the points that were solved.
    """
    _refuse(points)
    ground = ActiveSets(objective, points, reference.vector(objective, points.layout))
    words, interrupted = reference.words, False
    with one_blas_thread(), DelayedProgressBar("Profiling", int(ground.held.inside.sum()), progressbar) as patient:
        spread = GridContinuation(ground, patient.advance)
        try:
            with np.errstate(all="ignore"):  # far out, anything overflows
                words = _fill(spread, reference, at)
        except KeyboardInterrupt:
            if not any(spread.best):
                raise
            interrupted = True
    profiled = _evaluated(spread, reference, "" if interrupted else words, pointwise, chunks)
    profiled.result.interrupted |= interrupted
    return profiled


def _refuse(points: GridPoints) -> None:
    if points.total > MOST_POINTS:
        raise ValueError(
            f"Expected a grid of at most {MOST_POINTS} points for nuisance='profile', got {points.total}, each of "
            "which is a minimisation: choose fewer points an axis."
        )
    for name in (STATUS, PATH):
        if name in points.dims:
            raise ValueError(
                f"Expected an axis whose name is free, got {name!r}, which names a part of the result: give the "
                "parameter another name."
            )


def _fill(spread: GridContinuation, reference: Reference, at: Any) -> str:
    """Solve all points; return in words where that began."""
    ground = spread.ground
    if not len(ground.footing(0, {}).free):
        spread.stand()
        return reference.words
    assert reference.point is not None
    begin = [reference.point, *fit_minima(at if isinstance(at, Fit) else None, ground)]
    found = search_everywhere(ground, reference.point) if at is None else None
    fill_grid(spread, begin if found is None else [found, *begin])
    return reference.words if found is None else f"a search from {reference.words}"


# --- the density at the solved points --------------------------------------------------------------------------------


def _evaluated(
    spread: GridContinuation, reference: Reference, words: str, pointwise: bool, chunks: int | None
) -> Profiled:
    held, objective = spread.ground.held, spread.ground.objective
    solved = [(p, found) for p, found in enumerate(spread.best) if found is not None]
    layout = objective.layout(_unconstrained(spread))
    vectors, path = _vectors(spread, layout, reference)
    engine = objective.engine("pointwise" if pointwise else "density", layout.unconstrained)
    result = engine(lambda a, b: vectors[a:b], held.total, chunk=chunks)
    status = np.where(held.inside, "", "outside").astype("U16")
    for p, found in solved:
        status[p] = found.status
    foretold = np.array([np.nan if found is None else found.value for found in spread.best])
    status[np.isin(status, ["converged", "at_bound"]) & ~_is_same(objective, result, foretold)] = "failed"
    for values in result.values.values():
        values[np.isin(status, ["", "unbounded"])] = np.nan
    path[~np.isin(status, ["converged", "at_bound", "failed", "unbounded"])] = np.nan
    result.n_evaluated = int((status != "").sum())
    return Profiled(result, status, path, words, spread.ground.n_evaluations)


def _unconstrained(spread: GridContinuation) -> frozenset[str]:
    """Return the variables that stand unconstrained at all points; the density is evaluated on one layout."""
    held = spread.ground.held
    on_axes = {column.place[0] for column in held.columns}
    natural = {name for found in spread.best if found is not None for name in found.footing.natural}
    names = held.points.unconstrained | (spread.ground.variables.keys() - on_axes)
    return frozenset(names - natural)


def _vectors(spread: GridContinuation, layout: Layout, reference: Reference) -> tuple[Array, Array]:
    """Return the vector and the natural values of all points; of those without a value, on the axes alone."""
    held, objective = spread.ground.held, spread.ground.objective
    natural = objective.layout()
    vectors = np.tile(reference.vector(objective, layout), (held.total, 1))
    for column in held.columns:
        name, i = column.place
        own = column.theta if name in layout.unconstrained else column.natural
        vectors[:, layout.slices[name].start + i] = own
    path = np.full((held.total, natural.size), np.nan)
    for footing, ps, x in _by_footing(spread):
        point = footing.natural_points(ps, x)
        theta = footing.layout.split(footing.vectors(ps, x))
        kept = {n: theta[n] for n in layout.unconstrained}
        vectors[ps] = objective.vector(point, layout.unconstrained, kept)
        path[ps] = natural.join(point)
    return vectors, path


def _by_footing(spread: GridContinuation) -> Iterator[tuple[ActiveSet, Indices, Array]]:
    groups: dict[ActiveSet, list[tuple[int, Array]]] = {}
    for p, found in enumerate(spread.best):
        if found is not None and found.status != "outside":
            groups.setdefault(found.footing, []).append((p, found.x))
    for footing, own in groups.items():
        yield footing, np.array([p for p, _ in own]), np.stack([x for _, x in own])


def _is_same(objective: Objective, result: Evaluation, foretold: Array) -> NDArray[np.bool_]:
    """Whether the value at each point is the one that the minimisation ended with."""
    out = {name: v.reshape(len(v), -1).sum(axis=1) for name, v in result.values.items()}
    with np.errstate(invalid="ignore"):
        total = -2.0 * sum(out[name] for name in objective.terms)
        if objective.prior_weight:
            total = total - 2.0 * objective.prior_weight * out[LOG_PRIOR]
        same: NDArray[np.bool_] = np.abs(total - foretold) <= SAME + 1e-9 * np.abs(foretold)
    return same
