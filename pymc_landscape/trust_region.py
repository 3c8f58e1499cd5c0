"""Newton's method inside a trust region: from one start to a stationary point, with exact slope and Hessian.

Each step minimises the quadratic model q(p) = gᵀp + ½ pᵀHp inside ‖D p‖ ≤ r (Nocedal & Wright 2006, *Numerical
Optimization*, chapter 4), solved exactly on the eigenvectors of D⁻¹HD⁻¹. With D² = |diag H| lengths are counted in
standard errors, so that units of parameters do not matter; library routines for the same keep D = 1, ask for a Hessian
at every point that they try, and know nothing of values that are not finite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy import optimize

from pymc_landscape.aliases import Array
from pymc_landscape.information import Spectrum, spectrum

# A step that gains at least so much of what the model promises is taken, and one that gains so much more widens.
TAKEN, WIDENED = 1e-4, 0.75
SMALLEST_RADIUS = 1e-12
# Half the Newton decrement, in units of −2 log L: what is still to be gained. From here Newton's own steps finish.
NEAR = 1e-4
# A slope of less than this for each step of one standard error's size is none.
FLAT_SLOPE = 1e-8


class Surface(Protocol):
    """A function to be minimised."""

    def slope(self, x: Array) -> tuple[float, Array]:
        """Return value and gradient; +inf where there is no value."""

    def hessian(self, x: Array) -> Array:
        """Return the Hessian."""


@dataclass
class Place:
    """A point with all that is known of the surface there."""

    x: Array
    value: float
    gradient: Array
    hessian: Array

    @cached_property
    def spectrum(self) -> Spectrum:
        """The Hessian's eigenvalues on scaled axes."""
        return spectrum(self.hessian)

    @cached_property
    def slope(self) -> Array:
        """The gradient on the eigenvectors; rounding where there is no curvature is taken as the 0 that it is."""
        slope: Array = self.spectrum.vectors.T @ (self.gradient / self.spectrum.scale)
        flat = np.abs(self.spectrum.values) <= self.spectrum.tolerance
        return np.where(flat & (np.abs(slope) <= FLAT_SLOPE), 0.0, slope)

    @property
    def decrement(self) -> float:
        """Gᵀ H⁻¹ g, twice what Newton's next step would gain; infinite where there is more to gain than that."""
        values, slope = self.spectrum.values, self.slope
        flat = np.abs(values) <= self.spectrum.tolerance
        if (values < -self.spectrum.tolerance).any() or slope[flat].any():
            return np.inf
        return float((slope[~flat] ** 2 / values[~flat]).sum())

    def newton_step(self) -> Array:
        """Return −H⁻¹g, nothing along flat directions."""
        return -self.spectrum.inverse() @ self.gradient


def place(surface: Surface, x: Array) -> Place:
    """Look at a point."""
    value, gradient = surface.slope(x)
    return Place(x, value, gradient, surface.hessian(x))


def noise(value: float) -> float:
    """Return a difference of values that may be rounding alone."""
    return 1e-12 + 4 * float(np.finfo(float).eps) * abs(value)


def descend_newton(
    surface: Surface, here: Place, iterations: int, tell: Callable[[Place], None] = lambda here: None
) -> tuple[Place, int]:
    """Go down until what is left to gain is `NEAR` to nothing, the region has shrunk away, or `iterations` are used up.

    Returns
    -------
    place : Place
        The lowest point seen.
    n : int
        How many steps were tried.
    """
    radius, n = _first_radius(here), 0
    while n < iterations and radius > SMALLEST_RADIUS:
        if 0.5 * here.decrement < NEAR:
            break
        n += 1
        step, promised, length = constrained_step(here, radius)
        value, gradient = surface.slope(here.x + step)
        gained = (here.value - value) / promised if promised > 0 and np.isfinite(gradient).all() else -np.inf
        if not gained >= 0.25:  # also for NaN
            radius = 0.25 * length
        elif gained > WIDENED and length > 0.99 * radius:
            radius = 2.0 * radius
        if gained > TAKEN:
            hessian = surface.hessian(here.x + step)
            if not np.isfinite(hessian).all():
                radius = 0.25 * length
                continue
            here = Place(here.x + step, value, gradient, hessian)
            tell(here)
    return here, n


def _first_radius(here: Place) -> float:
    return max(1.0, float(np.linalg.norm(here.spectrum.scale * here.x)))


def constrained_step(here: Place, radius: float) -> tuple[Array, float, float]:
    """Minimise the quadratic model inside the trust region.

    Returns
    -------
    step : array (k,)
        In the units of x.
    promised : float
        How much the model falls.
    length : float
        Length of the step in units of the region.
    """
    values, slope = here.spectrum.values, here.slope
    inner = _step_on_axes(values, slope, radius, here.spectrum.tolerance)
    promised = float(-(slope @ inner + 0.5 * values @ inner**2))
    return here.spectrum.vectors @ inner / here.spectrum.scale, promised, float(np.linalg.norm(inner))


def _step_on_axes(values: Array, slope: Array, radius: float, tolerance: float) -> Array:
    """Solve on the eigenvectors: p = −g / (w + λ) with the least λ ≥ 0 for which w + λ ≥ 0 and ‖p‖ ≤ r."""
    lowest = float(values[0])
    tiny = max(tolerance, 1e-300)

    def step(shift: float) -> Array:
        return -slope / np.maximum(values + shift, tiny)

    least = max(0.0, -lowest)
    first = step(least)
    if np.linalg.norm(first) <= radius:
        return first if lowest >= -tolerance else _along_the_lowest(first, slope, radius)
    most = least + 1.01 * float(np.linalg.norm(slope)) / radius + tiny  # there ‖p‖ < r
    # 1/‖p‖ is nearly straight in λ
    shift = optimize.brentq(lambda s: 1.0 / radius - 1.0 / np.linalg.norm(step(s)), least, most, rtol=1e-6)
    return step(shift)


def _along_the_lowest(inner: Array, slope: Array, radius: float) -> Array:
    """Go on to the edge along the direction of least curvature: the gradient does not say which way (the hard case)."""
    rest = np.sqrt(max(radius**2 - float(inner @ inner), 0.0))
    inner = inner.copy()
    inner[0] += -rest if slope[0] > 0 else rest
    return inner


def polish(surface: Surface, here: Place, steps: int = 8) -> Place:
    """Take Newton's own steps while what is left to gain falls and the value does not rise beyond rounding."""
    left = here.decrement
    for _ in range(steps):
        if not 0 < left < np.inf:
            break
        there = place(surface, here.x + here.newton_step())
        if not (np.isfinite(there.hessian).all() and there.value <= here.value + noise(here.value)):
            break
        now = there.decrement
        if not now < 0.25 * left:
            break
        here, left = there, now
    return here
