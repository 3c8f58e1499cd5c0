"""A model evaluated at few points of a grid: the others are predicted, and their errors measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.engine import Engine, Evaluation
from pymc_landscape.landscape.refinement.lagrange_interpolation import Indices
from pymc_landscape.landscape.refinement.multiresolution import Multiresolution
from pymc_landscape.numerics import chi2_cutoff
from pymc_landscape.objective import LOG_PRIOR
from pymc_landscape.results import Stop, array_variable

# The highest level that a picture is drawn for; up to its height errors are held down, and stated.
HIGHEST_LEVEL = 0.999
# A check evaluates one point in so many of the grid, but no fewer and no more than these.
ONE_IN, FEWEST, MOST = 200, 16, 4096
# Beside so many of the worst points of a check worse ones are looked for.
CLIMBERS = 8


@dataclass(frozen=True)
class Refined:
    """The outputs of an engine over a whole grid.

    Parameters
    ----------
    result : Evaluation
        As if every point had been evaluated; after Ctrl-C NaN where none was.
    evaluated : array of bool
        Of the shape of the grid: where the model was asked.
    interpolation_error : float
        Largest error up to the height of `HIGHEST_LEVEL`, in units of −2LL, found by the last check or foretold for a
        point that was not evaluated; NaN after Ctrl-C.
    n_checked : int
        At how many points up to that height the last check looked.
    """

    result: Evaluation
    evaluated: NDArray[np.bool_]
    interpolation_error: float
    n_checked: int

    def extended(self, surface: xr.Dataset, dims: Sequence[str]) -> xr.Dataset:
        """Return a surface with `evaluated` over the dims of the grid."""
        return surface.assign(evaluated=array_variable(tuple(dims), self.evaluated))

    @property
    def particulars(self) -> dict[str, str | int | float]:
        """The attributes of the result."""
        n, total = int(self.evaluated.sum()), self.evaluated.size
        words = (
            f"evaluated at {n} of {total} points, interpolated at the others; up to the height of the "
            f"{100 * HIGHEST_LEVEL:g} % level no error above {self.interpolation_error:.2g} of −2LL is foretold, nor "
            f"was found at {self.n_checked} points held out"
        )
        return {"refined": words, "interpolation_error": self.interpolation_error}


def refined_evaluation(
    engine: Engine,
    rows: Callable[[Indices], Array],
    axes: Sequence[Array],
    *,
    chunk: int | None,
    progress: Callable[[int], None],
) -> Refined:
    """Evaluate a density over a grid, asking only where the points around do not predict it.

    Parameters
    ----------
    engine : Engine
        Of terms, prior and perhaps a penalty, each a scalar.
    rows : callable
        ``rows(flat)`` gives the points of flat indices (n,) as an array (n, k).
    axes : sequence of array
        Values along each axis.
    chunk : int or None
        As an engine takes it.
    progress : callable
        Told how many more points are known, evaluated or predicted; each point counts once.

    Returns
    -------
    Refined
        Raises KeyboardInterrupt only if nothing was evaluated.
    """
    top = float(chi2_cutoff(HIGHEST_LEVEL, df=max(sum(len(a) > 1 for a in axes), 1)))
    settled = _Settled(int(np.prod([len(a) for a in axes])), progress)
    asked = _Asked(engine, rows, chunk, settled)
    surface = Multiresolution(asked, _heights(engine.names), axes, top, settled)
    rng = np.random.default_rng(0)
    stopped: Stop | None = None
    errors = np.empty(0)
    try:
        surface.begin()
        will_do = False
        while not will_do:
            surface.sweep()
            _evaluate_lowest(surface)
            errors, will_do = _worst_errors(surface, rng)
    except KeyboardInterrupt as interrupt:
        if not surface.evaluated.any():
            raise
        stopped = interrupt
        surface.values[:, ~surface.evaluated] = np.nan
    values = dict(zip(engine.names, surface.values.reshape(len(engine.names), -1), strict=True))
    result = Evaluation(values, int(surface.evaluated.sum()), stopped, asked.errors)
    worst = np.nan if stopped else max(float(errors.max(initial=0.0)), surface.largest_doubt())
    return Refined(result, surface.evaluated, worst, 0 if stopped else len(errors))


def refuse_unrefined(nuisance: str, pointwise: bool, store: object) -> None:
    """Refuse with ``refine=True`` what has another result at each point than a density, or is not in memory."""
    if nuisance == "profile":
        raise ValueError(
            "Expected nuisance='fix' with refine=True, got nuisance='profile', whose points are solved from their "
            "neighbours: leave refine out, and take a coarser grid."
        )
    if pointwise:
        raise ValueError(
            "Expected pointwise=False with refine=True, got pointwise=True: leave refine out, or refine the surface "
            "first and ask for each observation on a grid around what matters."
        )
    if store is not None:
        raise ValueError(
            "Expected no store with refine=True, whose result is interpolated in memory, got one: leave store out."
        )


class _Settled:
    """Tells of each point of a grid once that it is known: a later sweep may ask for what an earlier one predicted."""

    def __init__(self, total: int, progress: Callable[[int], None]):
        self._known, self._progress = np.zeros(total, dtype=bool), progress

    def __call__(self, flat: Indices) -> None:
        """Tell of points that are known now."""
        self._progress(self._note(flat))

    def one_by_one(self, flat: Indices) -> Callable[[int], None]:
        """Return what an engine tells as it comes to some of these points, in any order."""
        left = self._note(flat)

        def told(n: int) -> None:
            nonlocal left
            now, left = min(n, left), max(left - n, 0)
            self._progress(now)

        return told

    def _note(self, flat: Indices) -> int:
        new = int((~self._known[flat]).sum())
        self._known[flat] = True
        return new


class _Asked:
    """Questions to an engine in many batches: one in which the model raises everywhere is not the end of the work."""

    def __init__(self, engine: Engine, rows: Callable[[Indices], Array], chunk: int | None, settled: _Settled):
        self._engine, self._rows, self._chunk, self._settled = engine, rows, chunk, settled
        self._answered: Indices = np.empty(0, dtype=np.intp)
        self.errors: list[tuple[int, Exception]] = []

    def __call__(self, flat: Indices) -> tuple[Array, NDArray[np.bool_]]:
        # an engine raises what is raised at every point: one that was answered before goes along
        points = np.concatenate([flat, self._answered])
        result = self._engine(
            lambda a, b: self._rows(points[a:b]),
            len(points),
            chunk=self._chunk,
            progress=self._settled.one_by_one(flat),
        )
        if not result.values:
            raise KeyboardInterrupt
        self.errors += [(int(points[i]), error) for i, error in result.errors if i < len(flat)]
        values = np.stack([result.values[name][: len(flat)] for name in self._engine.names])
        reached = np.ones(len(flat), dtype=bool)
        if result.interrupted:
            reached = ~np.isnan(values).all(axis=0)
        elif not len(self._answered):
            raised = {i for i, _ in result.errors}
            self._answered = flat[[next(i for i in range(len(flat)) if i not in raised)]]
        return values, reached


def _heights(names: Sequence[str]) -> Callable[[Array], Array]:
    """Give −2 log L and −2 log posterior of outputs: both are drawn."""
    terms = [i for i, name in enumerate(names) if name != LOG_PRIOR]  # Firth's penalty is one of them
    prior = names.index(LOG_PRIOR)

    def heights(outputs: Array) -> Array:
        with np.errstate(invalid="ignore"):
            minus2ll = -2.0 * outputs[terms].sum(axis=0)
            return np.stack([minus2ll, minus2ll - 2.0 * outputs[prior]])

    return heights


def _evaluate_lowest(surface: Multiresolution) -> None:
    """Evaluate the lowest points until they are the function's own: all heights are measured from there."""
    flat = surface.values.reshape(len(surface.values), -1)
    while True:
        heights = surface.heights(flat)
        lowest = np.unique(np.where(np.isfinite(heights), heights, np.inf).argmin(axis=1))
        if surface.evaluated.ravel()[lowest].all():
            return
        surface.evaluate(lowest)


def _worst_errors(surface: Multiresolution, rng: np.random.Generator) -> tuple[Array, bool]:
    """Check points, and then those beside the worst, for as long as worse ones are found there.

    Returns the errors found up to the height of the levels, and whether all that was found will do.
    """
    found, will_do = np.empty(0), True
    flat = _to_check(surface, rng)
    while len(flat):
        errors, rise, good = surface.check(flat)
        will_do &= good
        below = np.flatnonzero(rise <= surface.top)
        is_worse = errors[below].max(initial=0.0) > found.max(initial=0.0)
        found = np.concatenate([found, errors[below]])
        worst = flat[below[np.argsort(-errors[below])[:CLIMBERS]]]
        flat = _beside(worst, surface) if is_worse else worst[:0]
    return found, will_do


def _beside(flat: Indices, surface: Multiresolution) -> Indices:
    """Return the points up to two steps along each axis from some, that have not been evaluated."""
    at = np.stack(np.unravel_index(flat, surface.shape), axis=1)
    around = [at + step * axis for axis in np.eye(at.shape[1], dtype=np.intp) for step in (-2, -1, 1, 2)]
    inside = np.clip(np.concatenate(around), 0, np.array(surface.shape) - 1)
    near: Indices = np.unique(np.ravel_multi_index(tuple(inside.T), surface.shape))
    left: Indices = near[~surface.evaluated.ravel()[near]]
    return left


def _to_check(surface: Multiresolution, rng: np.random.Generator) -> Indices:
    """Choose points to check: those most in doubt up to the levels, as many at random there, and some anywhere."""
    left = np.flatnonzero(~surface.evaluated)
    rise = surface.rises_of(surface.heights_at(left)).min(axis=0)
    below = left[rise <= surface.top]
    n = int(np.clip(surface.evaluated.size // ONE_IN, FEWEST, MOST)) // 2
    if len(below) <= 2 * n:
        chosen = below
    else:
        doubt = surface.doubt.ravel()[below]
        chosen = np.concatenate([below[np.argpartition(-doubt, n)[:n]], rng.choice(below, n, replace=False)])
    anywhere = rng.choice(left, min(n, len(left)), replace=False)
    return np.union1d(chosen, anywhere)
