"""One path: iterates, costs, stopping rules, convergence test.

A path has converged where half the Newton decrement, ½ gᵀH⁻¹g in units of −2LL, is less than the tolerance: so much
lower would Newton's next step lead (Boyd & Vandenberghe 2004, *Convex Optimization*, section 9.5). It does not depend
on the scales of parameters, as the length of a gradient does. Since it takes a Hessian, it is evaluated only where the
gradient has become small, and then ever less often.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import field
from math import isfinite, sqrt
from typing import Literal, NamedTuple, NoReturn

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import QuadraticModel
from pymc_landscape.objective import DENSE, Objective

Status = Literal["converged", "steps", "diverged", "stalled", "interrupted", "failed"]
ValueAndGradient = Callable[[Array], tuple[float, Array]]

# Higher than the start by so much, relative to its own height, is no detour any more; nor is a place so far away,
# relative to the start's own size, that is higher.
ABSURD = 1e4


class Stop(StopIteration):  # better_optimize lets a callback end its search by this kind
    """The path ends here."""


def length(vector: Array) -> float:
    """Return the Euclidean norm; on short vectors in a tenth of the time that NumPy's own takes."""
    return sqrt(vector @ vector)


class Record(NamedTuple):
    """What is kept of an iteration: evaluations and seconds are counted from the start on."""

    iteration: int
    theta: Array
    value: float
    grad_norm: float
    step_size: float
    n_evaluations: float
    seconds: float


@dataclass
class DescentPath:
    """A path from one start, and the rules by which it stops.

    Parameters
    ----------
    value_and_gradient : callable
        Value and gradient of −2 (log L + w log prior) at one vector; the gradient may be NaN for a method that needs
        none.
    start : array (k,)
        Where it begins.
    steps : int
        Largest number of iterations.
    every : int
        Each how many iterations are kept; the start and the end are in any case.
    arrived : callable
        Whether a place with this gradient is the end.
    tell : callable
        Told of each iteration.

    Attributes
    ----------
    theta, value, gradient
        Where it is.
    records : list of Record
        The path.
    status, reason : str
        Why it stopped.
    """

    value_and_gradient: ValueAndGradient
    start: Array
    steps: int
    every: int = 1
    arrived: Callable[[Array, float, Array], bool] = lambda theta, value, gradient: False
    tell: Callable[[], None] = lambda: None
    needs_gradient: bool = True
    price: float = 1.0
    records: list[Record] = field(default_factory=list)
    status: Status = "steps"
    reason: str = "not begun"
    iteration: int = 0
    step_size: float = 0.0
    n_evaluations: float = 0.0
    ended: bool = False

    def begin(self) -> None:
        """Evaluate the start. What is compiled for that is not on the clock."""
        self.theta, self.step_size = self.start, 0.0
        self.value, self.gradient = self.evaluate(self.start)
        self._range = ABSURD * (1.0 + float(np.abs(self.start).max(initial=0.0)))
        self._highest = self.value + ABSURD * (1.0 + abs(self.value))
        self.reset_clock()
        self._keep()
        if not np.isfinite(self.value):
            self.stop("failed", f"−2 log L at the start is {self.value:g}: begin elsewhere")
        if self.needs_gradient and not np.isfinite(self.gradient).all():
            self.stop("failed", "the gradient at the start is not finite: begin elsewhere")
        if self.steps == 0:
            self.stop("steps", "no steps were asked for")
        if self.arrived(self.theta, self.value, self.gradient):
            self.stop("converged", "the start is a minimum already")

    def reset_clock(self) -> None:
        """Let the seconds begin now."""
        self._began = time.perf_counter()

    def evaluate(self, theta: Array) -> tuple[float, Array]:
        """Return value and gradient, and count that."""
        self.n_evaluations += self.price
        return self.value_and_gradient(theta)

    def move(self, theta: Array) -> None:
        """Go to `theta` and evaluate there."""
        self.arrive(theta, *self.evaluate(theta))

    def arrive(self, theta: Array, value: float, gradient: Array) -> None:
        """Be at `theta`, one iteration on; raise `Stop` where that is the end."""
        step_size = length(theta - self.theta)
        self._refuse_absurd(theta, value, gradient, step_size)
        self.theta, self.value, self.gradient, self.step_size = theta, value, gradient, step_size
        self.iteration += 1
        self.tell()
        if self.iteration % self.every == 0:
            self._keep()
        if self._arrived():
            self.stop("converged", "less than the tolerance is left to gain")
        if self.iteration >= self.steps:
            self.stop("steps", f"all {self.steps} steps were taken")

    def stop(self, status: Status, reason: str) -> NoReturn:
        """End the path here."""
        self.status, self.reason, self.ended = status, reason, True
        if self.records[-1].iteration != self.iteration:
            self._keep()
        raise Stop(reason)

    def interrupt(self) -> None:
        """End the path where it is; one that had ended before keeps its reason."""
        if self.ended:
            return
        self.status, self.ended = "interrupted", True
        self.reason = f"interrupted after {self.iteration} of {self.steps} steps"
        if not self.records:
            self.theta, self.value, self.gradient = self.start, np.nan, np.full(len(self.start), np.nan)
            self.step_size, self._began = 0.0, time.perf_counter()
        if not self.records or self.records[-1].iteration != self.iteration:
            self._keep()

    def _arrived(self) -> bool:
        """Ask whether this is the end; the asking is not on the clock, as it is not the method's own."""
        asked = time.perf_counter()
        arrived = self.arrived(self.theta, self.value, self.gradient)
        self._began += time.perf_counter() - asked
        return arrived

    def _refuse_absurd(self, theta: Array, value: float, gradient: Array, step_size: float) -> None:
        n = self.iteration + 1
        usable = isfinite(length(gradient)) or not self.needs_gradient
        if not (isfinite(value) and isfinite(step_size) and usable):
            self.stop("diverged", f"value or gradient are not finite at iteration {n}, after a step of {step_size:.3g}")
        first = self.records[0].value
        far = value > first and float(np.abs(theta - self.start).max()) > self._range
        if far or value > self._highest:
            self.stop("diverged", f"−2 log L went from {first:.6g} to {value:.6g} by iteration {n}")

    def _keep(self) -> None:
        seconds = time.perf_counter() - self._began
        self.records.append(
            Record(
                self.iteration,
                self.theta,
                self.value,
                length(self.gradient),
                self.step_size,
                self.n_evaluations,
                seconds,
            )
        )


# The gradient has become small where it is so much of the largest on the path, or so small in itself.
SMALL = 1e-3
# Where the Hessian would be too large: a gradient that is less than the tolerance to this power of the largest is none.
WITHOUT_HESSIAN = 0.75
# Curvatures on scaled axes count as no less than this share of the largest: along a ridge, a gradient that is rounding
# is to be worth nothing.
RIDGE = 1e-9


class ConvergenceTest:
    """Decides at the iterates of one path whether it has converged.

    Parameters
    ----------
    objective : Objective
        Whose `value` is descended.
    tolerance : float
        In units of −2LL; 0 for never.
    """

    def __init__(self, objective: Objective, tolerance: float):
        self.objective, self.tolerance = objective, tolerance
        self._largest, self._asked_at = 0.0, np.inf

    def __call__(self, theta: Array, value: float, gradient: Array) -> bool:
        """Whether less than the tolerance is left to gain at `theta`."""
        size = length(gradient)
        self._largest = max(self._largest, size)
        if not self.tolerance or size > max(SMALL * self._largest, SMALL) or size > self._asked_at:
            return False
        remaining = self.remaining_decrease(theta, value, gradient)
        self._asked_at = size * float(np.clip(2.0 * np.sqrt(self.tolerance / max(remaining, 1e-300)), 0.05, 0.5))
        return remaining <= self.tolerance

    def remaining_decrease(self, theta: Array, value: float, gradient: Array) -> float:
        """Return what is left to gain; infinite at what is no minimum."""
        if self.objective.size > DENSE:
            flat = length(gradient) <= self.tolerance**WITHOUT_HESSIAN * self._largest
            return 0.0 if flat else np.inf
        return remaining_decrease(QuadraticModel(theta, value, gradient, self.objective.hessian(theta)))


def remaining_decrease(here: QuadraticModel) -> float:
    """Return half the Newton decrement; infinite at what is no minimum, nor the floor of a ridge."""
    if not np.isfinite(here.hessian).all():
        return np.inf
    least = RIDGE * float(np.abs(here.spectrum.values).max(initial=0.0))
    if (here.spectrum.values < -least).any() or not least:
        return np.inf
    slope = here.spectrum.vectors.T @ (here.gradient / here.spectrum.scale)
    return float(0.5 * (slope**2 / np.maximum(here.spectrum.values, least)).sum())
