"""Interval ends by the Newton system of Venzon & Moolgavkar, one by one or as a stack.

Where a profile crosses a cut-off: one end of a confidence interval, as the root of one system of equations.

At the end the surface stands q above its minimum and is stationary across: f(θ) = f̂ + q and ∇f + λ∇c = 0 (Venzon &
Moolgavkar 1988, *Applied Statistics* 37, 87-94). Newton's steps with the exact Hessian begin where a quadratic surface
would have the end, ψ̂ ± √q se with the others along the covariance's column, and need about four points.

Many ends of intervals approached at once: Newton's steps towards all of them as one stack.

For a small model what costs is not arithmetic but the way from one line of Python to the next, and the ends of all
quantities begin at one minimum. So they walk abreast while nothing is unusual; each is finished, and judged, alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.numerics import step_lengths_batch

STEPS = 15
# Of the cut-off, and of what minimising across would still gain: an error of the end below 1e-10 of itself.
CLOSE, REMAINING = 1e-10, 1e-11
# No step goes further than this, in standard errors, for each one that the cut-off is away.
LONGEST = 1.0


@dataclass(frozen=True)
class EndpointProblem:
    """What is asked for: the end on one `side` (±1) of the estimate at which the surface is `rise` higher.

    Parameters
    ----------
    estimate : ConstrainedPoint
        The minimum.
    side : float
        -1 or 1.
    rise : float
        The cut-off q.
    """

    estimate: ConstrainedPoint
    side: float
    rise: float

    @property
    def direction(self) -> float:
        """The same side, of the coordinate."""
        return self.side * self.estimate.sign

    @property
    def target(self) -> float:
        """The value of the surface at the end."""
        return self.estimate.value + self.rise

    def is_met(self, point: ConstrainedPoint) -> bool:
        """Whether `point` is such an end, as exactly as floating point allows."""
        close = max(CLOSE, 10 * point.rounding())
        level = abs(point.value - self.target) <= close and point.decrement <= max(REMAINING, 10 * point.rounding())
        rises_away = level and point.is_convex and self.side * point.sign * point.slope > 0
        return bool(rises_away and self.side * (point.natural - self.estimate.natural) > 0)


def newton_endpoint(problem: EndpointProblem) -> ConstrainedPoint | None:
    """Return the end, or None where Newton's steps do not lead to it."""
    begin = _shifted(problem)
    if begin is None:
        return None
    point = _evaluate_nearer(problem.estimate, begin)
    return refine_endpoint(problem, point) if point is not None else None


def refine_endpoint(problem: EndpointProblem, point: ConstrainedPoint) -> ConstrainedPoint | None:
    """Take Newton's steps from a point near the end."""
    same = point.restricted.fixed.keys() == problem.estimate.restricted.fixed.keys()
    metric = problem.estimate.hessian if same and problem.estimate.is_finite else point.hessian
    for _ in range(STEPS):
        if problem.is_met(point):
            return point
        step = _shortened(point.step_to(problem.target - point.value), metric, problem.rise)
        if not np.isfinite(step).all():
            return None
        there = _evaluate_nearer(point, point.x + step)
        if there is None:
            return None
        point = there
    return point if problem.is_met(point) else None


def _shifted(problem: EndpointProblem) -> Array | None:
    """Where the end would be on a quadratic surface: x̂ ± √q C∇c / √(∇cᵀC∇c)."""
    point = problem.estimate
    if not point.is_finite or point.is_stationary:
        return None
    along = point.covariance @ point.normal
    variance = float(along @ point.normal)
    if not 0 < variance < np.inf:
        return None
    shifted: Array = point.x + problem.direction * np.sqrt(problem.rise / variance) * along
    return shifted


def _shortened(step: Array, metric: Array, rise: float) -> Array:
    """Keep a step to the size of the interval, in the estimate's standard errors."""
    length = float(np.sqrt(max(0.5 * float(step @ metric @ step), 0.0)))
    longest = LONGEST * max(1.0, float(np.sqrt(rise)))
    return step if length <= longest else step * (longest / length)


def _evaluate_nearer(point: ConstrainedPoint, x: Array) -> ConstrainedPoint | None:
    """Look at x, or half-way to it as often as it takes to find a finite value."""
    for _ in range(8):
        there = evaluate_at(point.restricted, point.quantity, x)
        if there.is_finite:
            return there
        x = 0.5 * (point.x + x)
    return None


def newton_endpoints_batch(problems: Sequence[EndpointProblem]) -> list[ConstrainedPoint | None]:
    """Go towards ends until the next step would change nothing.

    Parameters
    ----------
    problems : sequence of EndpointProblem
        The ends.

    Returns
    -------
    list of ConstrainedPoint or None
        The last point on the way to each, at the end or near it; None where the way is not for a stack.
    """
    groups: dict[tuple[int, bytes], list[int]] = {}
    for i, problem in enumerate(problems):
        if _is_plain(problem.estimate):
            groups.setdefault((id(problem.estimate.restricted), problem.estimate.x.tobytes()), []).append(i)
    result: list[ConstrainedPoint | None] = [None] * len(problems)
    for same in groups.values():
        with np.errstate(all="ignore"):  # a way that leads nowhere ends in NaN
            results = _Stack([problems[i] for i in same]).run()
        for i, point in zip(same, results, strict=True):
            result[i] = point
    return result


def _is_plain(estimate: ConstrainedPoint) -> bool:
    return not estimate.is_bent and estimate.is_finite and estimate.restricted.is_small


class _Stack:
    """Ends of several elements, all from one minimum."""

    def __init__(self, problems: Sequence[EndpointProblem]):
        self.problems, self.begin = problems, problems[0].estimate
        self.positions = np.array([np.flatnonzero(problem.estimate.normal)[0] for problem in problems])
        self.rises = np.array([problem.rise for problem in problems])
        n, m = len(problems), len(self.begin.x)
        self.x, self.value = np.empty((n, m)), np.full(n, np.nan)
        self.gradient, self.hessian = np.empty((n, m)), np.empty((n, m, m))

    def run(self) -> list[ConstrainedPoint | None]:
        """Return the last point that each came to."""
        active, x = np.arange(len(self.problems)), self._first()
        rounding = 10.0 * self.begin.rounding()
        for _ in range(STEPS):
            there = np.isfinite(x).all(axis=1)
            if not there.any():
                break
            active = self._evaluate(active[there], x[there])
            step, missing = self._steps(active)
            size = 0.5 * np.einsum("ni,ij,nj->n", step, self.begin.hessian, step)
            longest = LONGEST * np.maximum(1.0, np.sqrt(self.rises[active]))
            x = self.x[active] + step * np.minimum(1.0, longest / np.sqrt(np.maximum(size, 1e-300)))[:, None]
            on = (np.abs(missing) > max(CLOSE, rounding)) | ~(2.0 * size <= max(REMAINING, rounding))
            active, x = active[on], x[on]
        return [self._point(i) if np.isfinite(value) else None for i, value in enumerate(self.value)]

    def _first(self) -> Array:
        """Return where the ends would be on a quadratic surface: x̂ ± √q C∇c / √(∇cᵀC∇c)."""
        along = self.begin.covariance[self.positions]
        variance = along[np.arange(len(along)), self.positions]
        reach = np.array([problem.direction for problem in self.problems]) * np.sqrt(self.rises / variance)
        first: Array = self.begin.x + reach[:, None] * along
        return first

    def _evaluate(self, rows: NDArray[np.intp], x: Array) -> NDArray[np.intp]:
        """Look at points, and return those of the rows that have a value with derivatives there."""
        value, gradient, hessian = self.begin.restricted.batch_value_gradient_hessian(x)
        plain = np.isfinite(value) & np.isfinite(gradient).all(axis=1) & np.isfinite(hessian).all(axis=(1, 2))
        rows = rows[plain]
        self.x[rows], self.value[rows] = x[plain], value[plain]
        self.gradient[rows], self.hessian[rows] = gradient[plain], hessian[plain]
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
        value, derivatives = float(self.value[i]), (quantity.evaluate(restricted, x),)
        return ConstrainedPoint(restricted, (quantity,), x, value, self.gradient[i], self.hessian[i], derivatives)
