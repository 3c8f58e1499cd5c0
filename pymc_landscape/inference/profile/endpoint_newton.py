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
CLOSE, LEFT = 1e-10, 1e-11
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

    def is_met(self, spot: ConstrainedPoint) -> bool:
        """Whether `spot` is such an end, as exactly as floating point allows."""
        close = max(CLOSE, 10 * spot.rounding())
        level = abs(spot.value - self.target) <= close and spot.decrement <= max(LEFT, 10 * spot.rounding())
        outward = level and spot.is_convex and self.side * spot.sign * spot.slope > 0
        return bool(outward and self.side * (spot.natural - self.estimate.natural) > 0)


def newton_endpoint(task: EndpointProblem) -> ConstrainedPoint | None:
    """Return the end, or None where Newton's steps do not lead to it."""
    begin = _shifted(task)
    if begin is None:
        return None
    spot = _evaluate_nearer(task.estimate, begin)
    return refine_endpoint(task, spot) if spot is not None else None


def refine_endpoint(task: EndpointProblem, spot: ConstrainedPoint) -> ConstrainedPoint | None:
    """Take Newton's steps from a point near the end."""
    same = spot.restricted.fixed.keys() == task.estimate.restricted.fixed.keys()
    metric = task.estimate.hessian if same and task.estimate.is_finite else spot.hessian
    for _ in range(STEPS):
        if task.is_met(spot):
            return spot
        step = _shortened(spot.step_to(task.target - spot.value), metric, task.rise)
        if not np.isfinite(step).all():
            return None
        there = _evaluate_nearer(spot, spot.x + step)
        if there is None:
            return None
        spot = there
    return spot if task.is_met(spot) else None


def _shifted(task: EndpointProblem) -> Array | None:
    """Where the end would be on a quadratic surface: x̂ ± √q C∇c / √(∇cᵀC∇c)."""
    spot = task.estimate
    if not spot.is_finite or spot.is_stationary:
        return None
    along = spot.covariance @ spot.normal
    variance = float(along @ spot.normal)
    if not 0 < variance < np.inf:
        return None
    shifted: Array = spot.x + task.direction * np.sqrt(task.rise / variance) * along
    return shifted


def _shortened(step: Array, metric: Array, rise: float) -> Array:
    """Keep a step to the size of the interval, in the estimate's standard errors."""
    length = float(np.sqrt(max(0.5 * float(step @ metric @ step), 0.0)))
    longest = LONGEST * max(1.0, float(np.sqrt(rise)))
    return step if length <= longest else step * (longest / length)


def _evaluate_nearer(spot: ConstrainedPoint, x: Array) -> ConstrainedPoint | None:
    """Look at x, or half-way to it as often as it takes to find a finite value."""
    for _ in range(8):
        there = evaluate_at(spot.restricted, spot.quantity, x)
        if there.is_finite:
            return there
        x = 0.5 * (spot.x + x)
    return None


def newton_endpoints_batch(tasks: Sequence[EndpointProblem]) -> list[ConstrainedPoint | None]:
    """Go towards ends until the next step would change nothing.

    Parameters
    ----------
    tasks : sequence of EndpointProblem
        The ends.

    Returns
    -------
    list of ConstrainedPoint or None
        The last point on the way to each, at the end or near it; None where the way is not for a stack.
    """
    groups: dict[tuple[int, bytes], list[int]] = {}
    for i, task in enumerate(tasks):
        if _is_plain(task.estimate):
            groups.setdefault((id(task.estimate.restricted), task.estimate.x.tobytes()), []).append(i)
    found: list[ConstrainedPoint | None] = [None] * len(tasks)
    for same in groups.values():
        with np.errstate(all="ignore"):  # a way that leads nowhere ends in NaN
            ends = _Stack([tasks[i] for i in same]).walk()
        for i, spot in zip(same, ends, strict=True):
            found[i] = spot
    return found


def _is_plain(estimate: ConstrainedPoint) -> bool:
    return not estimate.is_bent and estimate.is_finite and estimate.restricted.is_small


class _Stack:
    """Ends of several elements, all from one minimum."""

    def __init__(self, tasks: Sequence[EndpointProblem]):
        self.tasks, self.begin = tasks, tasks[0].estimate
        self.places = np.array([np.flatnonzero(task.estimate.normal)[0] for task in tasks])
        self.rises = np.array([task.rise for task in tasks])
        n, m = len(tasks), len(self.begin.x)
        self.x, self.value = np.empty((n, m)), np.full(n, np.nan)
        self.gradient, self.hessian = np.empty((n, m)), np.empty((n, m, m))

    def walk(self) -> list[ConstrainedPoint | None]:
        """Return the last point that each came to."""
        active, x = np.arange(len(self.tasks)), self._first()
        rounding = 10.0 * self.begin.rounding()
        for _ in range(STEPS):
            there = np.isfinite(x).all(axis=1)
            if not there.any():
                break
            active = self._look(active[there], x[there])
            step, missing = self._steps(active)
            size = 0.5 * np.einsum("ni,ij,nj->n", step, self.begin.hessian, step)
            longest = LONGEST * np.maximum(1.0, np.sqrt(self.rises[active]))
            x = self.x[active] + step * np.minimum(1.0, longest / np.sqrt(np.maximum(size, 1e-300)))[:, None]
            on = (np.abs(missing) > max(CLOSE, rounding)) | ~(2.0 * size <= max(LEFT, rounding))
            active, x = active[on], x[on]
        return [self._spot(i) if np.isfinite(value) else None for i, value in enumerate(self.value)]

    def _first(self) -> Array:
        """Return where the ends would be on a quadratic surface: x̂ ± √q C∇c / √(∇cᵀC∇c)."""
        along = self.begin.covariance[self.places]
        variance = along[np.arange(len(along)), self.places]
        reach = np.array([task.direction for task in self.tasks]) * np.sqrt(self.rises / variance)
        first: Array = self.begin.x + reach[:, None] * along
        return first

    def _look(self, rows: NDArray[np.intp], x: Array) -> NDArray[np.intp]:
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
        matrix[each, self.places[rows], m] = 1.0
        matrix[:, m, :m] = slope / size[:, None]
        right[:, :m], right[:, m] = -slope, missing / size
        try:
            return np.linalg.solve(matrix, right[:, :, None])[:, :m, 0] / scale, missing
        except np.linalg.LinAlgError:
            return np.full((n, m), np.nan), missing

    def _spot(self, i: int) -> ConstrainedPoint:
        restricted, quantity, x = self.begin.restricted, self.tasks[i].estimate.quantity, self.x[i]
        value, derivatives = float(self.value[i]), (quantity.evaluate(restricted, x),)
        return ConstrainedPoint(restricted, (quantity,), x, value, self.gradient[i], self.hessian[i], derivatives)
