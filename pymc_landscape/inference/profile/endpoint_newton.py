"""Endpoints of profile intervals by Newton's method, one by one or as a stack.

At an endpoint the surface is q above its minimum and stationary across: f(θ) = f̂ + q and ∇f + λ∇c = 0 (Venzon &
Moolgavkar 1988, *Journal of the Royal Statistical Society C, Applied Statistics* 37(1), 87-94,
https://doi.org/10.2307/2347496). Newton's steps with the exact Hessian begin where a quadratic surface would have the
endpoint, ψ̂ ± √q se with the nuisance parameters along the covariance's column (the free shift of MINOS: James & Roos
1975, *Computer Physics Communications* 10, 343-367), and need about four points.

For a small model what costs is not arithmetic but the way from one line of Python to the next. The endpoints of all
quantities begin at one minimum: while nothing is unusual their steps are taken as one stack, and each is then finished
and judged alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.numerics import step_lengths_batch
from pymc_landscape.objective import batch_value_gradient_hessian

STEPS = 15
# Of the cut-off, and of what minimising across may still gain: an error of the endpoint below 1e-10 of itself.
CLOSE, REMAINING = 1e-10, 1e-11
# No step is longer than this, in standard errors, for each one that the cut-off is away.
LONGEST = 1.0
# So often a step to a place without a value is halved.
HALVINGS = 8


@dataclass(frozen=True)
class EndpointProblem:
    """What is asked for: the endpoint on one `side` (±1) of the estimate at which the surface is `rise` higher.

    Parameters
    ----------
    estimate : ConstrainedPoint
        The minimum.
    side : float
        -1 or 1.
    rise : float
        The cut-off q.
    is_far : bool
        Whether the estimate stands for a limit at infinity: its curvature says nothing of where the endpoint is.
    """

    estimate: ConstrainedPoint
    side: float
    rise: float
    is_far: bool = False

    @property
    def direction(self) -> float:
        """The same side, of the coordinate."""
        return self.side * self.estimate.sign

    @property
    def target(self) -> float:
        """The value of the surface at the endpoint."""
        return self.estimate.value + self.rise

    def is_met(self, point: ConstrainedPoint) -> bool:
        """Whether `point` is such an endpoint, as exactly as floating point allows."""
        rounding = 10 * point.rounding()
        level = abs(point.value - self.target) <= max(CLOSE, rounding) and point.decrement <= max(REMAINING, rounding)
        rising = level and point.is_convex and self.side * point.sign * point.slope > 0
        return bool(rising and self.side * (point.natural - self.estimate.natural) > 0)


# --- one by one ------------------------------------------------------------------------------------------------------


def newton_endpoint(problem: EndpointProblem) -> ConstrainedPoint | None:
    """Return the endpoint, or None where Newton's steps do not lead to it."""
    estimate = problem.estimate
    if not estimate.is_finite or estimate.is_stationary:
        return None
    along = estimate.covariance @ estimate.normal
    variance = float(along @ estimate.normal)
    if not 0 < variance < np.inf:
        return None
    reach = problem.direction * np.sqrt(problem.rise / variance)
    point = _evaluate_nearer(estimate, estimate.x + reach * along)
    return refine_endpoint(problem, point) if point is not None else None


def refine_endpoint(problem: EndpointProblem, point: ConstrainedPoint) -> ConstrainedPoint | None:
    """Return the endpoint from a point near it by Newton's steps, or None where they do not lead to it."""
    estimate = problem.estimate
    same_elements = point.restricted.fixed.keys() == estimate.restricted.fixed.keys()
    metric = estimate.hessian if same_elements and estimate.is_finite else point.hessian
    for _ in range(STEPS):
        if problem.is_met(point):
            return point
        step = point.step_to(problem.target - point.value)
        step = step * _shortening(np.array([0.5 * float(step @ metric @ step)]), np.array([problem.rise]))[0]
        there = _evaluate_nearer(point, point.x + step) if np.isfinite(step).all() else None
        if there is None:
            return None
        point = there
    return point if problem.is_met(point) else None


def _shortening(squared: Array, rises: Array) -> Array:
    """Return the factors that keep steps to the size of the interval, in the estimate's standard errors."""
    longest = LONGEST * np.maximum(1.0, np.sqrt(rises))
    return np.asarray(np.minimum(1.0, longest / np.sqrt(np.maximum(squared, 1e-300))))


def _evaluate_nearer(point: ConstrainedPoint, x: Array) -> ConstrainedPoint | None:
    """Evaluate x, or half-way to it as often as it takes to find a finite value."""
    for _ in range(HALVINGS):
        there = evaluate_at(point.restricted, point.quantity, x)
        if there.is_finite:
            return there
        x = 0.5 * (point.x + x)
    return None


# --- as a stack ------------------------------------------------------------------------------------------------------


def newton_endpoints_batch(problems: Sequence[EndpointProblem]) -> list[ConstrainedPoint | None]:
    """Take Newton's steps to many endpoints until the next step would change nothing.

    Parameters
    ----------
    problems : sequence of EndpointProblem
        The endpoints.

    Returns
    -------
    list of ConstrainedPoint or None
        The last point of each, at the endpoint or near it; None for a quantity that is not one element of x, and where
        there are no Hessians for a stack.
    """
    groups: dict[tuple[int, bytes], list[int]] = {}
    for i, problem in enumerate(problems):
        estimate = problem.estimate
        if not estimate.is_bent and estimate.is_finite and estimate.restricted.is_small:
            groups.setdefault((id(estimate.restricted), estimate.x.tobytes()), []).append(i)
    results: list[ConstrainedPoint | None] = [None] * len(problems)
    for same in groups.values():
        with np.errstate(all="ignore"):  # steps that lead nowhere end in NaN
            points = _Stack([problems[i] for i in same]).run()
        for i, point in zip(same, points, strict=True):
            results[i] = point
    return results


class _Stack:
    """Endpoints of several elements, all from one minimum."""

    def __init__(self, problems: Sequence[EndpointProblem]):
        self.problems, self.begin = problems, problems[0].estimate
        self.positions = np.array([np.flatnonzero(problem.estimate.normal)[0] for problem in problems])
        self.rises = np.array([problem.rise for problem in problems])
        n, m = len(problems), len(self.begin.x)
        self.x, self.value = np.empty((n, m)), np.full(n, np.nan)
        self.gradient, self.hessian = np.empty((n, m)), np.empty((n, m, m))

    def run(self) -> list[ConstrainedPoint | None]:
        """Return the last point that each came to."""
        along = self.begin.covariance[self.positions]
        variance = along[np.arange(len(along)), self.positions]
        reach = np.array([problem.direction for problem in self.problems]) * np.sqrt(self.rises / variance)
        active, x = np.arange(len(self.problems)), self.begin.x + reach[:, None] * along
        rounding = 10.0 * self.begin.rounding()
        for _ in range(STEPS):
            there = np.isfinite(x).all(axis=1)
            if not there.any():
                break
            active = self._evaluate(active[there], x[there])
            step, missing = self._steps(active)
            squared = 0.5 * np.einsum("ni,ij,nj->n", step, self.begin.hessian, step)
            x = self.x[active] + step * _shortening(squared, self.rises[active])[:, None]
            on = (np.abs(missing) > max(CLOSE, rounding)) | ~(2.0 * squared <= max(REMAINING, rounding))
            active, x = active[on], x[on]
        return [self._point(i) if np.isfinite(value) else None for i, value in enumerate(self.value)]

    def _evaluate(self, rows: NDArray[np.intp], x: Array) -> NDArray[np.intp]:
        """Evaluate points, and return those of the rows that have a value with derivatives there."""
        value, gradient, hessian = batch_value_gradient_hessian(self.begin.restricted, x)
        finite = np.isfinite(value) & np.isfinite(gradient).all(axis=1) & np.isfinite(hessian).all(axis=(1, 2))
        rows = rows[finite]
        self.x[rows], self.value[rows] = x[finite], value[finite]
        self.gradient[rows], self.hessian[rows] = gradient[finite], hessian[finite]
        return rows

    def _steps(self, rows: NDArray[np.intp]) -> tuple[Array, Array]:
        """Solve [[H, e], [∇f, 0]] (d, ·) = (−∇f, missing) for each, on scaled axes; NaN where one is singular."""
        (n, m), each = self.gradient[rows].shape, np.arange(len(rows))
        missing: Array = self.begin.value + self.rises[rows] - self.value[rows]
        scale = step_lengths_batch(self.hessian[rows])
        slope = self.gradient[rows] / scale
        size = np.sqrt(np.einsum("ni,ni->n", slope, slope))
        matrix, right = np.zeros((n, m + 1, m + 1)), np.empty((n, m + 1))
        matrix[:, :m, :m] = self.hessian[rows] / (scale[:, :, None] * scale[:, None, :])
        matrix[each, self.positions[rows], m] = 1.0
        matrix[:, m, :m] = slope / size[:, None]
        right[:, :m], right[:, m] = -slope, missing / size
        try:
            return np.linalg.solve(matrix, right[:, :, None])[:, :m, 0] / scale, missing
        except np.linalg.LinAlgError:
            return np.full((n, m), np.nan), missing

    def _point(self, i: int) -> ConstrainedPoint:
        restricted, quantity, x = self.begin.restricted, self.problems[i].estimate.quantity, self.x[i]
        derivatives = (quantity.evaluate(restricted, x),)
        return ConstrainedPoint(
            restricted, (quantity,), x, float(self.value[i]), self.gradient[i], self.hessian[i], derivatives
        )
