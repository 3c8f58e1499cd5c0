"""Which minima of a stack are beyond doubt: what is asked of a single one, asked of all at once.

A minimum is certain if none of the questions that `search_from_start` asks of it would change anything: no bound of the
support ahead, no direction without curvature, none that is level, none along which Newton's steps go on. Where a
question cannot be answered here, the minimum is not certain; that is no verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import QuadraticModels, StackedMinima, descend_newton_stack
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.objective.observations import StackedData
from pymc_landscape.optimize import (
    CONVERGED,
    EXAMINED_DISTANCE,
    FALL,
    INWARD,
    LEVEL_FAR_OUT,
    LONG,
    NO_RISE,
    ONWARD,
    RISE_FAR_OUT,
    SIZES,
    STEPS,
    SUSPICIOUS_CURVATURE,
    SUSPICIOUS_ERROR,
    VAGUE,
)
from pymc_landscape.optimize.stacks.nearby_bounds import elements_near_bounds

# Minima, by their number in the stack; and which of some are certain.
Rows = NDArray[np.intp]
Certain = NDArray[np.bool_]


@dataclass
class RegularMinima:
    """The minima to which a stack of searches came.

    Parameters
    ----------
    data : StackedData
        What was minimised.
    minima : StackedMinima
        Where the searches ended.
    """

    data: StackedData
    minima: StackedMinima

    @property
    def _here(self) -> QuadraticModels:
        return self.minima.here

    @cached_property
    def _errors(self) -> Array:
        """Standard errors (r, k)."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.sqrt(2.0 * np.einsum("nii->ni", self._here.inverses())))

    @cached_property
    def _restricted(self) -> RestrictedObjective:
        return RestrictedObjective(self.data.objective)

    def are_certain(self) -> Certain:
        """Return which of the minima (r,) are certain."""
        here = self._here
        if not len(here.x):
            return np.zeros(0, bool)
        minimum = (0.5 * here.decrement <= CONVERGED) & here.is_positive & ~here.flat.any(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            goes_on = (np.abs(here.newton_steps() / here.x) > LONG).any(axis=1)
        size, errors = np.abs(here.x), self._errors
        far = self._restricted.layout.transformed & (size > EXAMINED_DISTANCE)
        vague = (size > EXAMINED_DISTANCE) & ~(errors <= VAGUE * size)
        certain = minimum & ~goes_on & ~far.any(axis=1) & ~vague.any(axis=1)
        certain &= ~self._near_bounds(certain)
        for rows, directions in self._suspicious(certain):
            certain[rows] &= self._are_harmless(rows, directions)
        return certain

    # --- bounds of the support ---------------------------------------------------------------------------------------

    def _near_bounds(self, asked: Certain) -> Certain:
        """Return which minima may be on their way to a bound."""
        near = np.zeros(len(asked), bool)
        near[asked] = elements_near_bounds(self._restricted, self._here.x[asked], self._errors[asked]).any(axis=1)
        return near

    # --- directions --------------------------------------------------------------------------------------------------

    def _suspicious(self, asked: Certain) -> Iterator[tuple[Rows, Array]]:
        """Yield minima of which an eigenvector is suspicious, with it, scaled to one standard error."""
        here, k = self._here, self._here.x.shape[1]
        for i in range(k):
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.sqrt(2.0 / here.values[:, i])[:, None] * here.vectors[:, :, i] / here.scale
                length = np.linalg.norm(step, axis=1)
                along = np.abs((here.x * step).sum(axis=1)) / length
                bent = here.values[:, i] / here.values[:, -1] < SUSPICIOUS_CURVATURE
            rows = np.flatnonzero(asked & (bent | ~(length <= SUSPICIOUS_ERROR * np.maximum(along, 1e-300))))
            if len(rows):
                yield rows, step[rows]

    def _are_harmless(self, rows: Rows, step: Array) -> Certain:
        """Return along which directions the surface rises as it should, and the profile is not level far out."""
        x = self._here.x[rows]
        unit = step / np.max(np.abs(step) / np.maximum(np.abs(x), 1.0), axis=1, keepdims=True)
        near, far = self._rises(rows, unit, SIZES), self._rises(rows, step, STEPS)
        falls = np.minimum(near.min(axis=(1, 2)), far.min(axis=(1, 2))) < -FALL
        level = (far < NO_RISE).all(axis=2).any(axis=1)
        furthest = np.argmax(np.abs(step) / np.maximum(np.abs(x), 1.0), axis=1)
        certain = ~(falls | level)
        for j in np.unique(furthest[certain]):
            own = np.flatnonzero(certain & (furthest == j))
            certain[own] = self._rise_far_out(rows[own], int(j))
        return certain

    def _rises(self, rows: Rows, moves: Array, factors: Array) -> Array:
        """Return by how much values rise at ± so many times the moves (r, k): (r, 2, number of factors)."""
        both = np.concatenate([factors, -factors])
        rises = self._values(rows, self._here.x[rows][:, None] + both[:, None] * moves[:, None])
        return rises.reshape(len(rows), 2, -1)

    def _values(self, rows: Rows, x: Array) -> Array:
        """Return by how much values at points (r, n, k) are above those of the minima; +inf where there is none."""
        r, n, k = x.shape
        sets = np.repeat(self.minima.rows[rows], n)
        with np.errstate(all="ignore"):
            return self.data.values(sets, x.reshape(r * n, k)).reshape(r, n) - self._here.value[rows][:, None]

    def _rise_far_out(self, rows: Rows, j: int) -> Certain:
        """Return of which minima the profile of element j is known to rise further out, or to be level further in.

        Along a line on which the others stay put it is higher than along the profile: where even the line has not
        risen on the way back to 0, the profile has not.
        """
        x = self._here.x[rows]
        back = x[:, None] * np.where(np.arange(x.shape[1]) == j, INWARD[:, None], 1.0)
        certain: Certain = (self._values(rows, back) <= RISE_FAR_OUT).all(axis=1) | (x[:, j] == 0.0)
        left = np.flatnonzero(~certain)
        if not len(left):
            return certain
        others, begin = np.delete(np.arange(x.shape[1]), j), x[left]
        risen, known = np.zeros(len(left)), np.ones(len(left), bool)
        for factor in ONWARD[:-1]:
            fixed = np.where(np.arange(x.shape[1]) == j, factor * x[left], begin)
            value, begin, found = self._minimised(rows[left], fixed, others)
            known &= found
            risen = np.maximum(risen, np.abs(value - self._here.value[rows[left]]))
        certain[left] = known & ~(risen < LEVEL_FAR_OUT)
        return certain

    def _minimised(self, rows: Rows, x: Array, others: Rows) -> tuple[Array, Array, Certain]:
        """Minimise over some elements from points (r, k): values, points, and of which they are known."""
        sets, value, known = self.minima.rows[rows], np.full(len(rows), np.nan), np.zeros(len(rows), bool)

        def derivatives(chosen: Rows, free: Array) -> tuple[Array, Array, Array]:
            whole = x[chosen].copy()
            whole[:, others] = free
            value, gradient, hessian = self.data.derivatives(sets[chosen], whole)
            return value, gradient[:, others], hessian[:, others[:, None], others]

        with np.errstate(all="ignore"):
            minima = descend_newton_stack(derivatives, x[:, others])
        ends = x.copy()
        ends[minima.rows[:, None], others] = minima.here.x
        value[minima.rows], known[minima.rows] = minima.here.value, True
        return value, ends, known
