"""Newton's method inside a trust region: from one start to a minimum, with exact gradient and Hessian.

Each step minimises the model q(p) = gᵀp + ½ pᵀ|H|p inside ‖D p‖ ≤ r (Nocedal & Wright 2006, *Numerical Optimization*,
chapter 4), solved exactly on the eigenvectors of D⁻¹HD⁻¹. Two things differ from the library routines. With
D² = |diag H| lengths are counted in standard errors, so that units of parameters do not matter. And eigenvalues enter
by their size (Dauphin et al. 2014, *Advances in Neural Information Processing Systems* 27): the model with the signs
chases negative curvature to the rim of the region, where two exponentials merge or a parameter runs away. On the 27
certified regressions of NIST, far start, that is the difference between 19 and 26 solved.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics.brent import root_between
from pymc_landscape.numerics.covariance import Spectrum, spectrum

# A step that gains at least so much of what the model promises is taken, and one that gains so much more widens.
TAKEN, WIDENED = 1e-4, 0.75
INCREDIBLE = 100.0
# A fall of so many times what was promised is checked: it may be rounding.
DOUBTED = 3.0
# A step after which more than this share of what remained still remains, and little enough, is slow; so many in a row
# lead to infinity.
SLOW, FADING, RUNNING = 0.2, 1e-4, 3
# Where so little remained once, a fall of more than this is checked.
FALL = 1e-3
FIRST_RADIUS, SMALLEST_RADIUS = 30.0, 1e-12
# In a region that has shrunk to this, steps that promise no more than rounding lead nowhere.
SHRUNK = 1e-6
# After so many steps that together gained nothing, only rounding is left.
STAGNANT = 60
# Half the Newton decrement, in units of −2 log L: what is still to be gained. From here Newton's own steps finish; in
# a curved valley they would not from much further away.
NEAR = 1e-10
# With less than this to gain, Newton's own steps are done too: 1e-8 of a standard error.
EXACT = 1e-16
# With less than this to gain and a direction of negative curvature, a saddle is near.
SADDLE = 1e-3
# A gradient of less than this for each step of one standard error's size is none.
NO_GRADIENT = 1e-8
# A curvature of less than this for each unit of the gradient may be the bend of a manifold of minima, if the slope
# along it is less than this share of the gradient.
BEND, ALONG = 10.0, 1e-6
# How far beside an end a valley has a slope: in standard errors, or in sizes of the end, whatever is less; and Newton's
# steps across to its floor.
BESIDE, ACROSS = (0.01, 1e-3), 3


class Surface(Protocol):
    """A function to be minimised."""

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """Return value and gradient; +inf where there is no value."""

    def hessian(self, x: Array) -> Array:
        """Return the Hessian."""


class Rounding(Protocol):
    """What tells a fall of the surface from rounding, where that is in doubt."""

    def noise(self, y: Array) -> float:
        """Measure the rounding error of the value at a point."""

    def is_lower(self, y: Array, value: float, begin: Array, bar: float) -> bool:
        """Whether a value is lower than that of the point `begin` by more than rounding."""


@dataclass
class QuadraticModel:
    """Value, gradient and Hessian at a point: the quadratic that has them."""

    x: Array
    value: float
    gradient: Array
    hessian: Array

    @cached_property
    def spectrum(self) -> Spectrum:
        """The Hessian's eigenvalues on scaled axes."""
        return spectrum(self.hessian)

    def by_lapack(self) -> QuadraticModel:
        """Return the same, with the eigenvectors that LAPACK gives of equal eigenvalues."""
        twin = QuadraticModel(self.x, self.value, self.gradient, self.hessian)
        twin.__dict__["spectrum"] = spectrum(self.hessian, by_lapack=True)
        return twin

    @cached_property
    def slopes(self) -> Array:
        """The gradient on the eigenvectors."""
        slopes: Array = self.spectrum.vectors.T @ (self.gradient / self.spectrum.scale)
        return slopes

    @cached_property
    def along_floor(self) -> NDArray[np.bool_]:
        """Which eigenvector has the least curvature."""
        size = np.abs(self.spectrum.values)
        least: NDArray[np.bool_] = np.arange(len(size)) == np.argmin(size)
        return least

    @cached_property
    def flat(self) -> NDArray[np.bool_]:
        """Which eigenvectors have no curvature."""
        return flat_eigenvectors(self.spectrum, self.slopes)

    @cached_property
    def scaled_gradient(self) -> Array:
        """The gradient on the eigenvectors; rounding where there is no curvature is taken as the 0 that it is."""
        return np.where(self.flat & (np.abs(self.slopes) <= NO_GRADIENT), 0.0, self.slopes)

    @cached_property
    def decrement(self) -> float:
        """Gᵀ H⁻¹ g, twice what Newton's next step would gain; infinite where there is more to gain than that."""
        values, scaled_gradient, flat = self.spectrum.values, self.scaled_gradient, self.flat
        if (values[~flat] < 0).any() or scaled_gradient[flat].any():
            return np.inf
        return float((scaled_gradient[~flat] ** 2 / values[~flat]).sum())

    def newton_step(self) -> Array:
        """Return −H⁻¹g, nothing along flat directions."""
        return -self.spectrum.inverse() @ self.gradient


def flat_eigenvectors(curvature: Spectrum, slopes: Array) -> NDArray[np.bool_]:
    """Return which eigenvectors have no curvature, with the slopes along them, on scaled axes.

    Beside a manifold of minima, the Hessian along it is that of the manifold's bend times the gradient across, of
    either sign; what tells such a direction is that it has no slope.
    """
    size, gradient = np.abs(curvature.values), math.sqrt(float(slopes @ slopes))
    flat: NDArray[np.bool_] = size <= curvature.tolerance
    if size.min(initial=np.inf) <= BEND * gradient:
        flat = flat | ((size <= BEND * gradient) & (np.abs(slopes) <= ALONG * gradient))
    return flat


def quadratic_model(surface: Surface, x: Array) -> QuadraticModel:
    """Evaluate value, gradient and Hessian at a point."""
    value, gradient = surface.value_and_gradient(x)
    return QuadraticModel(x, value, gradient, surface.hessian(x))


def level_eigenvectors(surface: Surface, x: Array, gradient: Array, curvature: Spectrum) -> NDArray[np.bool_]:
    """Return which eigenvectors at the end of a search have no curvature, where more than one point is asked."""
    flat = flat_eigenvectors(curvature, curvature.vectors.T @ (gradient / curvature.scale))
    for i in np.flatnonzero(flat & (curvature.values > curvature.tolerance)).tolist():
        flat[i] = not _has_slope_beside(surface, x, curvature.direction(i))
    return flat


def _has_slope_beside(surface: Surface, x: Array, direction: Array) -> bool:
    """Whether the floor of a valley slopes, a little along it, as its curvature says.

    At the end of Newton's steps there is no slope along a valley, nor along a manifold of minima, and a little
    curvature may be the bend of either. Beside that end only the manifold has none.
    """
    relative = float(np.max(np.abs(direction) / np.maximum(np.abs(x), 1.0)))
    here = _on_floor(surface, x)
    there = _on_floor(surface, here.x + min(BESIDE[0], BESIDE[1] / relative) * direction)
    if not (np.isfinite(here.hessian).all() and np.isfinite(there.hessian).all()):
        return False
    bent, along = here.spectrum, here.along_floor
    length = np.linalg.norm((there.x - here.x) * bent.scale)
    slope, curvature = np.abs(there.slopes[there.along_floor]).max(), bent.values[along].max()
    return bool(curvature > bent.tolerance and slope > 0.5 * curvature * length)


def _on_floor(surface: Surface, x: Array) -> QuadraticModel:
    """Go across to the floor of a valley, without a step along it."""
    here = quadratic_model(surface, x)
    for _ in range(ACROSS):
        if not (np.isfinite(here.gradient).all() and np.isfinite(here.hessian).all()):
            break
        across = np.where(here.along_floor, 0.0, -here.slopes / here.spectrum.values)
        here = quadratic_model(surface, here.x + here.spectrum.vectors @ across / here.spectrum.scale)
    return here


def noise[Values: (float, Array)](value: Values) -> Values:
    """Return a difference of values that may be rounding alone; of each of several, as an array."""
    return 1e-12 + 4 * float(np.finfo(float).eps) * abs(value)


def descend_newton(
    surface: Surface,
    here: QuadraticModel,
    iterations: int,
    radius: float | None = None,
    tell: Callable[[QuadraticModel], None] = lambda here: None,
    near: float = NEAR,
    rounding: Rounding | None = None,
) -> tuple[QuadraticModel, int]:
    """Go down until less than `near` is left to gain, the region has shrunk away, or `iterations` are used up.

    Returns
    -------
    lowest : QuadraticModel
        The lowest point met.
    n : int
        How many steps were tried.
    """
    radius, n, before, slow = radius or _first_radius(here), 0, np.inf, 0
    least = here.decrement
    while n < iterations and radius > SMALLEST_RADIUS and 0.5 * here.decrement > near:
        if n % STAGNANT == 0:
            if before - here.value < noise(here.value):
                break
            before = here.value
        n += 1
        step, promised, length = constrained_step(here, radius)
        if radius < SHRUNK and promised < noise(here.value):  # the region has shrunk to where rounding is all there is
            break
        value, gradient = surface.value_and_gradient(here.x + step)
        gained = _share_gained(here.value - value, promised, here.value) if np.isfinite(gradient).all() else -np.inf
        hessian = surface.hessian(here.x + step) if gained > TAKEN else None
        arrived = least < 2.0 * FADING and here.value - value > FALL
        finite = hessian is not None and np.isfinite(hessian).all()
        if hessian is not None and finite and _is_real(here, step, value, hessian, gained, arrived, rounding):
            remaining, here = here.decrement, QuadraticModel(here.x + step, value, gradient, hessian)
            least = min(least, here.decrement)
            tell(here)
            # towards infinity steps keep their length: where they gain less than rounding, there is no going on
            slow = slow + 1 if SLOW * remaining < here.decrement < 2.0 * FADING else 0
            if slow >= RUNNING and rounding is not None and 0.5 * here.decrement <= rounding.noise(here.x):
                break
        else:
            gained = -np.inf
            if max(abs(value - here.value), noise(here.value)) < TAKEN * promised:
                here = _without_refuted_curvature(surface, here)
        if gained < 0.25:
            radius = 0.25 * length
        elif gained > WIDENED and length > 0.99 * radius:
            radius = 2.0 * radius
    return here, n


def _without_refuted_curvature(surface: Surface, here: QuadraticModel) -> QuadraticModel:
    """Set the curvature to 0 along eigenvectors along which the value stays the same.

    Where nothing depends on an element, its curvature is the rounding of a sum, of either sign. By that, −2 log L
    differs by 1 a standard error away; the values there refute it.
    """
    curvature = here.spectrum

    def is_level(k: int) -> bool:
        ends = (here.x + sign * curvature.direction(k) for sign in (-1.0, 1.0))
        return all(abs(surface.value_and_gradient(x)[0] - here.value) <= noise(here.value) for x in ends)

    level = [k for k in np.flatnonzero(~here.flat).tolist() if is_level(k)]
    if not level:
        return here
    values = np.where(np.isin(np.arange(len(curvature.values)), level), 0.0, curvature.values)
    scaled = (curvature.vectors * values) @ curvature.vectors.T
    hessian = np.where(np.abs(scaled) <= curvature.tolerance, 0.0, scaled) * np.outer(curvature.scale, curvature.scale)
    return QuadraticModel(here.x, here.value, here.gradient, hessian)


def _is_real(
    here: QuadraticModel,
    step: Array,
    value: float,
    hessian: Array,
    share: float,
    had_arrived: bool,
    rounding: Rounding | None,
) -> bool:
    """Check a fall that is more than was promised or remained, or after which an element matters no more."""
    idle = (np.diagonal(hessian) == 0) & (np.diagonal(here.hessian) != 0)
    if rounding is None or not (share > DOUBTED or idle.any() or had_arrived):
        return True
    return rounding.is_lower(here.x + step, value, here.x, here.value) or not value < here.value


def _share_gained(gained: float, promised: float, value: float) -> float:
    """Return which share of its promise a step has kept; rounding is on its side, and a miracle is none.

    Densities overflow: far out, a function of large numbers can fall to a value that it does not have.
    """
    rounding = noise(value)
    share = (gained + rounding) / (promised + rounding)
    return share if np.isfinite(share) and share < INCREDIBLE else -np.inf


def _first_radius(here: QuadraticModel) -> float:
    """Begin with so many standard errors, or with Newton's own step where the surface is a bowl."""
    if not here.spectrum.is_positive:
        return FIRST_RADIUS
    return max(FIRST_RADIUS, float(np.linalg.norm(here.scaled_gradient / here.spectrum.values)))


def constrained_step(here: QuadraticModel, radius: float) -> tuple[Array, float, float]:
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
    inner, promised = _step_inside(here, radius)
    if promised < SADDLE and here.spectrum.values[0] < -here.spectrum.tolerance and not here.flat[0]:
        # beside a saddle the gradient says too little about which way is down
        here = here.by_lapack()
        inner, promised = _step_inside(here, radius)
        inner[0] = np.copysign(min(radius, 1.0), -here.scaled_gradient[0])
        promised += 0.5 * float(-here.spectrum.values[0]) * inner[0] ** 2
    return here.spectrum.vectors @ inner / here.spectrum.scale, promised, float(np.linalg.norm(inner))


def _step_inside(here: QuadraticModel, radius: float) -> tuple[Array, float]:
    """Return the step on the eigenvectors, every curvature by its size, and what it promises."""
    curvature = np.maximum(np.abs(here.spectrum.values), max(here.spectrum.tolerance, 1e-300))
    inner = step_on_axes(curvature, here.scaled_gradient, radius)
    return inner, float(-(here.scaled_gradient @ inner) - 0.5 * curvature @ inner**2)


def step_on_axes(curvature: Array, scaled_gradient: Array, radius: float) -> Array:
    """Solve on the eigenvectors: p = −g / (|w| + λ) with the least λ ≥ 0 for which ‖p‖ ≤ r."""

    def step(shift: float) -> Array:
        return -scaled_gradient / (curvature + shift)

    if np.linalg.norm(step(0.0)) <= radius:
        return step(0.0)
    largest = np.abs(scaled_gradient).max()  # whose square may overflow
    most = 1.01 * float(largest * np.linalg.norm(scaled_gradient / largest)) / radius  # there ‖p‖ < r
    # 1/‖p‖ is nearly straight in λ
    return step(root_between(lambda s: 1.0 / radius - 1.0 / float(np.linalg.norm(step(s))), 0.0, most, rtol=1e-6))


def polish(surface: Surface, here: QuadraticModel, steps: int = 8) -> QuadraticModel:
    """Take Newton's own steps while what is left to gain falls and the value does not rise beyond rounding."""
    decrement = here.decrement
    for _ in range(steps):
        if not EXACT < decrement < np.inf:
            break
        there = quadratic_model(surface, here.x + here.newton_step())
        if not (np.isfinite(there.hessian).all() and there.value <= here.value + noise(here.value)):
            break
        now = there.decrement
        if not now < 0.25 * decrement:
            break
        here, decrement = there, now
    return here
