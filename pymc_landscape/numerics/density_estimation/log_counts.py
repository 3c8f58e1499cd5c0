"""Smooth logs of counts in bins: splines, by penalised likelihood.

The penalty is 0 for a quadratic, so that what is normal comes out normal however hard it is smoothed (Eilers & Marx
1996, *Statistical Science* 11, 89-121). Its weight is where the update of Wood & Fasiolo (2017, *Biometrics* 73,
1071-1081) leads.
"""

from __future__ import annotations

import numpy as np
import scipy

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array

DEGREE = 3
ORDER = 3  # of the differences that are penalised: quadratics have none
FIRST, STEPS, SETTLED = 1.0, 30, (0.02, 0.1)  # of the penalty's weight: its start, most updates, and a change of log
HARDEST = 1e9
NEWTON_STEPS, LONGEST_STEP, RIDGE, HIGHEST = 30, 3.0, 1e-9, 30.0


@dataclass(frozen=True)
class LogCounts:
    """The log of expected counts, a spline (or a product of splines) over the bins' numbers."""

    coefficients: Array
    knots: Array
    freedom: float

    def at(self, positions: Array) -> Array:
        """Return it at positions in bins: (...) for one axis, (..., 2) for two."""
        if self.coefficients.ndim == 1:
            return np.asarray(scipy.interpolate.BSpline(self.knots, self.coefficients, DEGREE)(positions))
        both = scipy.interpolate.NdBSpline((self.knots, self.knots), self.coefficients, DEGREE)
        return np.asarray(both(positions))


@dataclass(frozen=True)
class _Splines:
    """B-splines at the middle of each bin (bins, splines), of each axis."""

    basis: Array
    dims: int

    def predict(self, coefficients: Array) -> Array:
        """Return the log counts."""
        return self.basis @ coefficients if self.dims == 1 else self.basis @ coefficients @ self.basis.T

    def back(self, counts: Array) -> Array:
        """Return the derivative by the coefficients of what has these derivatives by the log counts, flat."""
        return self.basis.T @ counts if self.dims == 1 else (self.basis.T @ counts @ self.basis).ravel()

    def gram(self, weights: Array) -> Array:
        """Return the curvature of counts with these weights."""
        if self.dims == 1:
            return self.basis.T * weights @ self.basis
        bins, many = self.basis.shape
        pairs = (self.basis[:, :, None] * self.basis[:, None, :]).reshape(bins, -1)
        return (pairs.T @ weights @ pairs).reshape((many,) * 4).transpose(0, 2, 1, 3).reshape(many**2, many**2)

    def penalty(self) -> Array:
        """Return the sum of squares of all third differences."""
        many = self.basis.shape[1]
        by = [np.diff(np.eye(many), order, axis=0) for order in range(ORDER + 1)]
        square = [one.T @ one for one in by]
        if self.dims == 1:
            return square[ORDER]
        terms = [times * np.kron(square[a], square[ORDER - a]) for a, times in enumerate((1.0, 3.0, 3.0, 1.0))]
        return np.asarray(np.sum(terms, axis=0), dtype=float)

    @property
    def unpenalised(self) -> int:
        """How many coefficients the penalty leaves free."""
        return ORDER if self.dims == 1 else ORDER * (ORDER + 1) // 2


def smooth_log_counts(counts: Array, pieces: int, inside: Array) -> LogCounts | None:
    """Return smooth logs of expected counts; bins that are not inside are no data."""
    bins = counts.shape[0]
    knots = bins / pieces * np.arange(-DEGREE, pieces + DEGREE + 1)
    basis = scipy.interpolate.BSpline.design_matrix(np.arange(bins) + 0.5, knots, DEGREE).toarray()
    splines = _Splines(basis, counts.ndim)
    penalty, weights = splines.penalty(), inside.astype(float)
    rough = np.log(scipy.ndimage.gaussian_filter(counts, 0.06 * bins, mode="nearest") + 1e-3 * counts.mean())
    inverse = np.linalg.pinv(basis)
    coefficients = inverse @ rough if counts.ndim == 1 else inverse @ rough @ inverse.T
    weight, freedom = FIRST, float(coefficients.size)
    for _ in range(STEPS):
        solved = _penalised(counts, splines, weight * penalty, coefficients, weights)
        if solved is None:
            return None
        coefficients, inverse_curvature, expected = solved
        freedom = float(np.sum(inverse_curvature * splines.gram(expected)))
        roughness = float(coefficients.ravel() @ penalty @ coefficients.ravel())
        free = coefficients.size - splines.unpenalised - weight * float(np.sum(inverse_curvature * penalty))
        updated = float(np.clip(max(free, 1e-8) / max(roughness, 1e-300), 1.0 / HARDEST, HARDEST))
        settled = abs(np.log(updated / weight)) < SETTLED[counts.ndim - 1] or freedom < splines.unpenalised + 0.05
        weight = updated
        if settled:
            break
    return LogCounts(coefficients, knots, freedom)


def _penalised(
    counts: Array, splines: _Splines, penalty: Array, start: Array, weights: Array
) -> tuple[Array, Array, Array] | None:
    """Return the maximum of the penalised Poisson likelihood, the inverse of its curvature, and what it expects."""
    coefficients = start
    ridge = RIDGE * np.eye(len(penalty))
    for _ in range(NEWTON_STEPS):
        expected = weights * np.exp(np.clip(splines.predict(coefficients), -HIGHEST, HIGHEST))
        curvature = splines.gram(expected) + penalty + ridge
        slope = splines.back(weights * counts - expected) - penalty @ coefficients.ravel()
        step = np.linalg.solve(curvature, slope).reshape(coefficients.shape)
        if not np.isfinite(step).all():
            return None
        size = float(np.abs(step).max())
        coefficients = coefficients + step * min(1.0, LONGEST_STEP / max(size, 1e-300))
        if size < 1e-4:
            break
    return coefficients, np.linalg.inv(curvature), expected
