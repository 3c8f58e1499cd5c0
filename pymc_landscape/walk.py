"""One path in the making: where it is, what it has cost, what is kept of it, and why it stops."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import Literal, NamedTuple, NoReturn

import numpy as np

from pymc_landscape.aliases import Array

Status = Literal["converged", "steps", "diverged", "stalled", "interrupted", "failed"]
Slope = Callable[[Array], tuple[float, Array]]

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
class Walk:
    """A path from one start, and the rules by which it stops.

    Parameters
    ----------
    slope : callable
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

    slope: Slope
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
        """Look at the start. What is compiled for that is not on the clock."""
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
        return self.slope(theta)

    def move(self, theta: Array) -> None:
        """Go to `theta` and look at it."""
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
