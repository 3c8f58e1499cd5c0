"""Where a profile crosses a cut-off: one end of a confidence interval, as the root of one system of equations.

At the end the surface stands q above its minimum and is stationary across: f(θ) = f̂ + q and ∇f + λ∇c = 0 (Venzon &
Moolgavkar 1988, *Applied Statistics* 37, 87-94). Newton's steps with the exact Hessian begin where a quadratic surface
would have the end, ψ̂ ± √q se with the others along the covariance's column, and need about four points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.spot import Spot, look

STEPS = 15
# Of the cut-off, and of what minimising across would still gain: an error of the end below 1e-10 of itself.
CLOSE, LEFT = 1e-10, 1e-11
# No step goes further than this, in standard errors, for each one that the cut-off is away.
LONGEST = 1.0


@dataclass(frozen=True)
class Task:
    """What is asked for: the end on one `side` (±1) of the estimate at which the surface is `rise` higher.

    Parameters
    ----------
    estimate : Spot
        The minimum.
    side : float
        -1 or 1.
    rise : float
        The cut-off q.
    """

    estimate: Spot
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

    def is_met(self, spot: Spot) -> bool:
        """Whether `spot` is such an end, as exactly as floating point allows."""
        close = max(CLOSE, 10 * spot.rounding())
        level = abs(spot.value - self.target) <= close and spot.decrement <= max(LEFT, 10 * spot.rounding())
        outward = level and spot.is_valley and self.side * spot.sign * spot.slope > 0
        return bool(outward and self.side * (spot.natural - self.estimate.natural) > 0)


def solve_end(task: Task) -> Spot | None:
    """Return the end, or None where Newton's steps do not lead to it."""
    begin = _shifted(task)
    if begin is None:
        return None
    spot = _look_nearer(task.estimate, begin)
    return refine_end(task, spot) if spot is not None else None


def refine_end(task: Task, spot: Spot) -> Spot | None:
    """Take Newton's steps from a point near the end."""
    same = spot.frame.held.keys() == task.estimate.frame.held.keys()
    metric = task.estimate.hessian if same and task.estimate.is_finite else spot.hessian
    for _ in range(STEPS):
        if task.is_met(spot):
            return spot
        step = _shortened(spot.step(task.target - spot.value), metric, task.rise)
        if not np.isfinite(step).all():
            return None
        there = _look_nearer(spot, spot.x + step)
        if there is None:
            return None
        spot = there
    return spot if task.is_met(spot) else None


def _shifted(task: Task) -> Array | None:
    """Where the end would be on a quadratic surface: x̂ ± √q C∇c / √(∇cᵀC∇c)."""
    spot = task.estimate
    if not spot.is_finite or spot.is_stationary:
        return None
    along = spot.covariance @ spot.reading.gradient
    variance = float(along @ spot.reading.gradient)
    if not 0 < variance < np.inf:
        return None
    shifted: Array = spot.x + task.direction * np.sqrt(task.rise / variance) * along
    return shifted


def _shortened(step: Array, metric: Array, rise: float) -> Array:
    """Keep a step to the size of the interval, in the estimate's standard errors."""
    length = float(np.sqrt(max(0.5 * float(step @ metric @ step), 0.0)))
    longest = LONGEST * max(1.0, float(np.sqrt(rise)))
    return step if length <= longest else step * (longest / length)


def _look_nearer(spot: Spot, x: Array) -> Spot | None:
    """Look at x, or half-way to it as often as it takes to find a finite value."""
    for _ in range(8):
        there = look(spot.frame, spot.quantity, x)
        if there.is_finite:
            return there
        x = 0.5 * (spot.x + x)
    return None
