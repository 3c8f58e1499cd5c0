"""Multiresolution of a surface (Harten 1995; Donoho 1992): points that the others predict well are not evaluated.

Level by level each new point is predicted from the coarser ones by tensor products of Lagrange polynomials. What the
prediction misses by, the *detail*, is measured where the function is evaluated, and foretells the error at the next
level: where that exceeds what a picture can show, the function is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.landscape.refinement.dyadic_levels import (
    Level,
    dyadic_levels,
    is_new,
    largest_of_neighbours,
    largest_of_parents,
    nearest_points,
)
from pymc_landscape.landscape.refinement.lagrange_interpolation import Indices, interpolated, smooth_coordinate

# Errors that nobody sees: in units of −2LL up to `MARGIN` times the height of the highest level, from where on what is
# interpolated below takes points, too, and as a share of the rise beyond it.
TOLERANCE, RELATIVE_TOLERANCE, MARGIN = 0.01, 0.1, 1.25
# A detail foretells such a share of itself for the next level. Of a smooth surface it would be 1/64, at a kink 1/2.
DECAY = 1 / 8
# Largest weight in a stencil of six of a point that is not beside the gap: so much of its error is inherited.
SECOND_WEIGHT = 0.1
# An error found by a check that is so many times larger than allowed is mended before anything is reported.
ALLOWED = 2.0


class Multiresolution:
    """A function on a grid, known at some points, predicted at the others.

    Parameters
    ----------
    ask : callable
        ``ask(flat)`` evaluates points of the grid, given by flat index (n,), and returns an array (o, n) and which of
        them were reached (n,): after Ctrl-C not all are.
    heights : callable
        ``heights(outputs)`` gives from (o, ...) the heights (h, ...) of which the picture is made, each in units of
        −2 log density; +∞ outside the support.
    axes : sequence of array
        Values along each axis.
    top : float
        Rise of the highest level above the lowest height.
    on_settled : callable
        Told the points, by flat index, of each level that is filled, evaluated or predicted.
    """

    def __init__(
        self,
        ask: Callable[[Indices], tuple[Array, NDArray[np.bool_]]],
        heights: Callable[[Array], Array],
        axes: Sequence[Array],
        top: float,
        on_settled: Callable[[Indices], None] = lambda flat: None,
    ):
        self.ask, self.heights, self.top, self.on_settled = ask, heights, top, on_settled
        self.shape = tuple(len(a) for a in axes)
        self.levels = dyadic_levels(self.shape)
        self.coordinates = [smooth_coordinate(a) for a in axes]
        self.evaluated = np.zeros(self.shape, dtype=bool)
        self.doubt = np.zeros(self.shape)
        self._flat = np.arange(self.evaluated.size).reshape(self.shape)
        self.values = np.empty((0, *self.shape))
        self.floor = np.empty(0)
        self._missed: list[tuple[Indices, Array]] = []

    def begin(self) -> None:
        """Evaluate the second level."""
        self.evaluate(self._flat[np.ix_(*self.levels[min(1, len(self.levels) - 1)])].ravel())
        if not np.isfinite(self.floor).all():
            self.evaluate(self._flat.ravel())  # nothing is known of where the support may be

    def evaluate(self, flat: Indices) -> None:
        """Ask for points, given by flat index, that have not been evaluated; Ctrl-C raises."""
        flat = flat[~self.evaluated.ravel()[flat]]
        if not len(flat):
            return
        found, reached = self.ask(flat)
        if not len(self.values):
            self.values = np.full((len(found), *self.shape), np.nan)
        self.values.reshape(len(found), -1)[:, flat] = found
        self.evaluated.ravel()[flat] = reached
        heights = self.heights(found)
        lowest = np.where(np.isfinite(heights), heights, np.inf).min(axis=1)
        self.floor = np.minimum(self.floor, lowest) if len(self.floor) else lowest
        if not reached.all():
            raise KeyboardInterrupt

    def tolerance(self, rise: Array) -> Array:
        """Return what error is allowed at a rise above the lowest height."""
        return np.maximum(TOLERANCE, RELATIVE_TOLERANCE * (rise - MARGIN * self.top))

    def rises_of(self, heights: Array) -> Array:
        """Return heights (h, ...) above the lowest ones evaluated so far; what is no number is far above."""
        with np.errstate(invalid="ignore"):
            return np.where(np.isnan(heights), np.inf, heights) - self.floor.reshape(-1, *[1] * (heights.ndim - 1))

    def sweep(self) -> None:
        """Go from the coarsest level to the whole grid: predict each, and evaluate where a prediction is in doubt."""
        doubt = np.zeros(tuple(map(len, self.levels[0])))
        for before, level in pairwise(self.levels):
            doubt = self._refine(before, level, doubt)
        self.doubt = doubt

    def _refine(self, before: Level, level: Level, doubt: Array) -> Array:
        """Fill a level from the one before it; return how far its points are in doubt."""
        here: Any = np.ix_(*level)
        outputs: Any = (slice(None), *here)
        coarser: Any = (slice(None), *np.ix_(*before))
        predicted = self.values[coarser]
        for axis, (coarse, fine, at) in enumerate(zip(before, level, self.coordinates, strict=True)):
            predicted = interpolated(predicted, coarse, fine, at, axis + 1)
        doubt = np.maximum(doubt, SECOND_WEIGHT * largest_of_neighbours(doubt))
        foretold = self._with_missed(largest_of_parents(doubt, before, level), level)
        guess = self.heights(predicted)
        new = is_new(level, before)
        unpredicted = np.isnan(guess).any(axis=0)
        # the edge of the support: what is beside is predicted from one side, as nothing was at the level before
        at_edge = largest_of_neighbours(unpredicted)
        wanted = at_edge | self._is_in_doubt(guess, foretold)
        while True:
            wanted &= new & ~self.evaluated[here]
            self.evaluate(self._flat[here][wanted])
            asked = self.evaluated[here]
            true = self.heights(self.values[outputs])
            detail = np.where(asked & new, _details(guess, true), 0.0)
            if not wanted.any():
                break
            # where a prediction was bad, those beside it are not believed either; nor any at the edge of the support
            foretold = np.where(asked, foretold, np.maximum(foretold, largest_of_neighbours(detail)))
            outside = np.isposinf(np.where(asked, true, guess)).any(axis=0)
            at_edge |= largest_of_neighbours(outside) & largest_of_neighbours(~outside)
            wanted = at_edge | self._is_in_doubt(guess, foretold)
        self.values[outputs] = np.where(asked, self.values[outputs], predicted)
        self.on_settled(self._flat[here].ravel())
        return np.where(asked & ~unpredicted, DECAY * detail, foretold)

    def _is_in_doubt(self, guess: Array, foretold: Array) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            lowest = np.where(np.isinf(foretold), 0.0, self.rises_of(guess).min(axis=0) - foretold)
        return foretold > self.tolerance(lowest)

    def _with_missed(self, foretold: Array, level: Level) -> Array:
        """Raise the doubt around points at which a check found the prediction wrong."""
        missed = np.zeros_like(foretold)
        for flat, errors in self._missed:
            np.maximum.at(missed, nearest_points(flat, self.shape, level), errors)
        return np.maximum(foretold, largest_of_neighbours(missed)) if self._missed else foretold

    def largest_doubt(self) -> float:
        """Return the largest error foretold up to the top among points not evaluated."""
        rise = self.rises_of(self.heights(self.values)).min(axis=0)
        return float(self.doubt[~self.evaluated & (rise <= self.top)].max(initial=0.0))

    def heights_at(self, flat: Indices) -> Array:
        """Return the heights (h, n) at points given by flat index, evaluated or predicted."""
        return self.heights(self.values.reshape(len(self.values), -1)[:, flat])

    def check(self, flat: Indices) -> tuple[Array, Array, bool]:
        """Evaluate points that were predicted; return the errors (n,), the rises there (n,), and whether all will do.

        What will not do is remembered for the next sweep.
        """
        guess = self.heights_at(flat)
        self.evaluate(flat)
        errors = _details(guess, self.heights_at(flat))
        rise = self.rises_of(self.heights_at(flat)).min(axis=0)
        bad = errors > ALLOWED * self.tolerance(rise)
        if bad.any():
            self._missed.append((flat[bad], errors[bad]))
        return errors, rise, not bad.any()


def _details(guess: Array, true: Array) -> Array:
    """Return the largest differences of heights (h, ...): ∞ where support and outside were confused, 0 for NaN."""
    with np.errstate(invalid="ignore"):
        apart = np.where(guess == true, 0.0, np.abs(guess - true))
    return np.where(np.isnan(guess) | np.isnan(true), 0.0, apart).max(axis=0)
