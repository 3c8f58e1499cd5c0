"""Newton's method at many points at once, to points at a given height: ends of intervals, vertices of regions.

Each is a system of equations in all elements; the steps of all points that have not converged are solved as one stack,
and corrected for the bend of the surface, so that heights are met to the third order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import BatchDerivatives, step_lengths_batch

# Values (n,) and gradients (n, k) alone.
BatchGradients = Callable[[NDArray[np.intp], Array], tuple[Array, Array]]

# After a step shorter than this, in standard errors, a Hessian is still good; for so many points in a row.
SHORT, REUSED = 0.03, 3
# A step to a height that is off by less than this, with less than this to gain, twice, is the last and needs no
# evaluation: what a quadratic surface leaves out, the cube of 1e-6 standard errors, changes no digit of the height.
LAST_HEIGHT, LAST_STEP = 1e-8, 1e-11
# Scaled to a diagonal of 1, a Cholesky factor with a smaller pivot is that of a matrix which may be singular; where one
# is less than so many times as large, eigenvalues are asked.
PIVOT, NEAR = 1e-5, 1e3


@dataclass
class LevelProblems:
    """Points that are asked for: at a given height of a surface, on planes, and stationary across some elements.

    Parameters
    ----------
    target : array (n,)
        The heights f(x).
    held : array (n, r) of int
        The elements that are no nuisance: all other elements of the gradient are to be 0.
    planes, offsets : array (n, r − 1, m), array (n, r − 1)
        P and a of P x = a.
    metric : array (m, m) or (n, m, m)
        Measures steps: ½ dᵀ M d, in the units of the surface.
    longest : array (n,)
        The longest step, √ of that.
    close, remaining : float or array (n,)
        Error of height, and twice what a step may still gain, at the end.
    off : float
        Error of planes at the end.
    """

    target: Array
    held: NDArray[np.intp]
    planes: Array
    offsets: Array
    metric: Array
    longest: Array
    close: float | Array
    off: float
    remaining: float | Array


@dataclass
class LevelPoints:
    """The last points that a stack came to, with derivatives; values are NaN where there was none.

    Parameters
    ----------
    x, value, gradient, hessian : array (n, m), (n,), (n, m), (n, m, m)
        Of the surface.
    foretold : array (n,)
        The values that the steps to them have foretold; of the first points, the heights asked for.
    converged : array (n,) of bool
        Which of them are what was asked for, but for the sign of the curvature across.
    """

    x: Array
    value: Array
    gradient: Array
    hessian: Array
    foretold: Array
    converged: NDArray[np.bool_]

    def take_last_steps(self, rows: NDArray[np.intp], step: Array) -> None:
        """Take steps (n, m) so short that what they foretell needs no evaluation."""
        bend = (self.hessian[rows] @ step[:, :, None])[:, :, 0]
        rise = np.add.reduce((self.gradient[rows] + 0.5 * bend) * step, axis=1)
        self.x[rows] += step
        self.gradient[rows] += bend
        self.value[rows] += rise
        self.foretold[rows] += rise

    def rise_across(self, held: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return at which points (n,) the surface has a minimum across the elements `held`, and no flat direction.

        Parameters
        ----------
        held : array (n, r) of int
            As in the problems.
        """
        (n, m), r = self.x.shape, held.shape[1]
        if self._rise_along_all():
            return np.ones(n, dtype=bool)
        is_held = np.zeros((n, m), dtype=bool)
        is_held[np.arange(n)[:, None], held] = True
        others = np.nonzero(~is_held)[1].reshape(n, m - r)
        hessians = self.hessian[np.arange(n)[:, None, None], others[:, :, None], others[:, None, :]]
        diagonal = np.einsum("nii->ni", hessians)
        rise = np.isfinite(hessians).all(axis=(1, 2)) & (diagonal > 0).all(axis=1)
        scale = np.sqrt(diagonal[rise])
        scaled = hessians[rise] / (scale[:, :, None] * scale[:, None, :])
        pivots = _least_pivots(scaled)
        certain, close = pivots > PIVOT, (pivots > PIVOT) & (pivots < NEAR * PIVOT)
        if close.any():  # the least eigenvalue may be less than any pivot's square
            certain[close] = np.linalg.eigvalsh(scaled[close])[:, 0] > PIVOT**2
        rise[rise] = certain
        return np.asarray(rise)

    def _rise_along_all(self) -> bool:
        """Whether all Hessians are positive definite, and far from singular: so are those across any elements."""
        scale = step_lengths_batch(self.hessian)
        pivots = _least_pivots(self.hessian / (scale[:, :, None] * scale[:, None, :]))
        return bool((pivots >= NEAR * PIVOT).all())  # none is less where fewer elements come before it


def level_points_batch(
    derivatives: BatchDerivatives,
    problems: LevelProblems,
    x: Array,
    steps: int,
    gradients: BatchGradients | None = None,
) -> LevelPoints:
    """Take Newton's steps to many points at given heights of a surface until the next step would change nothing.

    Parameters
    ----------
    derivatives : callable
        Evaluates some of the points.
    problems : LevelProblems
        What is asked for.
    x : array (n, m)
        Where each begins.
    steps : int
        How many evaluations each may have.
    gradients : callable, optional
        Evaluates some of the points without Hessians. Where that is worth it, a Hessian serves the points that are a
        short step away from its own: Newton's steps lose nothing by it but a little of their speed.
    """
    n, m = x.shape
    derivatives_there = np.empty((n, m)), np.empty((n, m, m))
    found = LevelPoints(x.copy(), np.full(n, np.nan), *derivatives_there, np.full(n, np.nan), np.zeros(n, dtype=bool))
    close, remaining = np.full(n, problems.close), np.full(n, problems.remaining)
    of_each = problems.metric.ndim == 3
    active, foretold, frames = np.arange(n), problems.target.copy(), _frames(problems.held, m)
    evaluate = derivatives if gradients is None else _with_few_hessians(derivatives, gradients, found, problems.metric)
    if not _all_finite(x):
        active, x = _finite_rows(active, x)
    for _ in range(steps):
        if not len(active):
            break
        value, gradient, hessian = evaluate(active, x)
        if not _all_finite(value, gradient, hessian):
            active, x, value, gradient, hessian = _finite_rows(active, x, value, gradient, hessian)
        own: Any = active if len(active) < n else slice(None)  # of all rows, no copies
        found.foretold[own], found.x[own], found.value[own] = foretold[own], x, value
        found.gradient[own], found.hessian[own] = gradient, hessian
        missing, rows, met = (problems.target[own] - value)[:, None], gradient[:, None], True
        if problems.offsets.shape[1]:
            off = (problems.planes[own] @ x[:, :, None])[:, :, 0] - problems.offsets[own]
            met = (np.abs(off) <= problems.off).all(axis=1)
            missing = np.concatenate([missing, -off], axis=1)
            rows = np.concatenate([rows, problems.planes[own]], axis=1)
        step = bordered_steps(gradient, hessian, frames[own].copy(), rows, missing)
        metric = problems.metric[own] if of_each else problems.metric
        squared = 0.5 * np.add.reduce((step[:, None] @ metric)[:, 0] * step, axis=1)
        met = met & (np.abs(missing[:, 0]) <= close[own]) & (2.0 * squared <= remaining[own])
        last = ~met & (np.abs(missing[:, 0]) <= LAST_HEIGHT) & (2.0 * squared <= LAST_STEP)
        if last.any():
            found.take_last_steps(active[last], step[last])
            met |= last
        found.converged[own] = met
        if met.all():
            break
        longest = problems.longest[own]
        if not (squared <= longest**2).all():
            step *= np.minimum(1.0, longest / np.sqrt(np.maximum(squared, 1e-300)))[:, None]
        bent = gradient + 0.5 * (hessian @ step[:, :, None])[:, :, 0]
        foretold[own] = value + np.add.reduce(bent * step, axis=1)
        active, x = (active, x + step) if not met.any() else (active[~met], (x + step)[~met])
        if not _all_finite(x):
            active, x = _finite_rows(active, x)
    return found


def _with_few_hessians(
    derivatives: BatchDerivatives, gradients: BatchGradients, found: LevelPoints, metric: Array
) -> BatchDerivatives:
    """Return derivatives in which a Hessian serves the points that are a short step away from its own."""
    age, metrics = np.full(len(found.x), REUSED), np.broadcast_to(metric, found.hessian.shape)

    def evaluate(rows: NDArray[np.intp], x: Array) -> tuple[Array, Array, Array]:
        step = x - found.x[rows]
        squared = 0.5 * np.einsum("ni,nij,nj->n", step, metrics[rows], step)
        near = (squared < SHORT**2) & (age[rows] < REUSED) & np.isfinite(found.value[rows])
        age[rows] = np.where(near, age[rows] + 1, 0)
        if not near.any():
            return derivatives(rows, x)
        value, gradient, hessian = np.empty(len(rows)), np.empty(x.shape), found.hessian[rows]
        value[near], gradient[near] = gradients(rows[near], x[near])
        if not near.all():
            value[~near], gradient[~near], hessian[~near] = derivatives(rows[~near], x[~near])
        return value, gradient, hessian

    return evaluate


def _all_finite(*arrays: Array) -> bool:
    """Return whether all numbers are finite, as their sum tells; if it says no, it may have overflown."""
    return math.isfinite(sum(float(np.add.reduce(array, axis=None)) for array in arrays))


def _finite_rows(*arrays: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return the rows of arrays in which all numbers are finite."""
    finite = [np.isfinite(array.reshape(len(array), -1)).all(axis=1) for array in arrays]
    there = np.logical_and.reduce(finite)
    return tuple(array[there] for array in arrays)


def _frames(held: NDArray[np.intp], m: int) -> Array:
    """Return [[·, E], [·, 0]] (n, m + r, m + r), E with the unit vectors of the elements `held` (n, r) as columns."""
    n, r = held.shape
    frames = np.zeros((n, m + r, m + r))
    frames[np.arange(n)[:, None], held, m + np.arange(r)] = 1.0
    return frames


def bordered_steps(gradient: Array, hessian: Array, matrix: Array, rows: Array, right: Array) -> Array:
    """Solve [[H, E], [R, 0]] (d, ·) = (−g, b) for n steps d (n, m), on scaled axes; NaN where one is singular.

    The first row of R is the gradient: a step d leads ½ dᵀHd higher than it says. The steps are corrected for that
    where it is little beside them, so that heights are met to the third order.

    Parameters
    ----------
    gradient, hessian : array (n, m), array (n, m, m)
        The surface.
    matrix : array (n, m + r, m + r)
        [[·, E], [·, 0]]; overwritten.
    rows, right : array (n, r, m), array (n, r)
        R and b.
    """
    n, m = gradient.shape
    inverse = 1.0 / step_lengths_batch(hessian)
    scaled = rows * inverse[:, None, :]
    sizes = np.sqrt(np.add.reduce(scaled * scaled, axis=2))
    curvature, known = matrix[:, :m, :m], np.zeros((n, matrix.shape[1], 2))
    np.multiply(hessian * inverse[:, :, None], inverse[:, None, :], out=curvature)
    np.divide(scaled, sizes[:, :, None], out=matrix[:, m:, :m])
    known[:, :m, 0], known[:, m:, 0], known[:, m, 1] = -gradient * inverse, right / sizes, 1.0 / sizes[:, 0]
    solved = _solved(matrix, known)
    step = solved[:, :m, 0]
    rise = 0.5 * np.add.reduce((curvature @ step[:, :, None])[:, :, 0] * step, axis=1)
    correction = rise[:, None] * solved[:, :m, 1]
    short = np.add.reduce(correction * correction, axis=1) <= 0.25 * np.add.reduce(step * step, axis=1)
    corrected = step - correction if short.all() else np.where(short[:, None], step - correction, step)
    return np.asarray(corrected * inverse)


def _least_pivots(matrices: Array) -> Array:
    """Return the least pivot of each of n Cholesky factors; 0 where a matrix has none."""
    try:
        return np.asarray(np.einsum("nii->ni", np.linalg.cholesky(matrices)).min(axis=1, initial=np.inf))
    except np.linalg.LinAlgError:  # one of them has none
        half = len(matrices) // 2
        if not half:
            return np.zeros(1)
        return np.concatenate([_least_pivots(matrices[:half]), _least_pivots(matrices[half:])])


def _solved(matrices: Array, right: Array) -> Array:
    """Solve n linear systems; NaN where one is singular."""
    try:
        return np.linalg.solve(matrices, right)
    except np.linalg.LinAlgError:  # one of them is
        half = len(matrices) // 2
        if not half:
            return np.full(right.shape, np.nan)
        return np.concatenate([_solved(matrices[:half], right[:half]), _solved(matrices[half:], right[half:])])
