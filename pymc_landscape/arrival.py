"""Whether a path has arrived, that is whether nothing is left to gain where it is.

The measure is half the Newton decrement, ½ gᵀH⁻¹g, in units of −2LL: how much lower Newton's next step would lead. It
does not depend on the scales of parameters, as the length of a gradient does. Since it takes a Hessian, it is asked
for only where the slope has become small, and then ever less often.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.hessian import hessian_function
from pymc_landscape.objective import DENSE, Objective
from pymc_landscape.trust_region import Place
from pymc_landscape.walk import length

# The slope has become small where it is so much of the largest on the path, or so small in itself.
SMALL = 1e-3
# Where the Hessian would be too large: a slope is none that is less than the tolerance to this power of the largest.
WITHOUT_HESSIAN = 0.75
# Curvatures on scaled axes count as no less than this share of the largest: along a ridge, a slope that is rounding is
# to be worth nothing.
RIDGE = 1e-9


class Arrival:
    """Judges the places of one path.

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
        self._hessian: Callable[[Array], Array] | None = None

    def __call__(self, theta: Array, value: float, gradient: Array) -> bool:
        """Whether less than the tolerance is left to gain at `theta`."""
        size = length(gradient)
        self._largest = max(self._largest, size)
        if not self.tolerance or size > max(SMALL * self._largest, SMALL) or size > self._asked_at:
            return False
        left = self.left(theta, value, gradient)
        self._asked_at = size * float(np.clip(2.0 * np.sqrt(self.tolerance / max(left, 1e-300)), 0.05, 0.5))
        return left <= self.tolerance

    def left(self, theta: Array, value: float, gradient: Array) -> float:
        """Return what is left to gain; infinite at what is no minimum."""
        if self.objective.size > DENSE:
            flat = length(gradient) <= self.tolerance**WITHOUT_HESSIAN * self._largest
            return 0.0 if flat else np.inf
        if self._hessian is None:
            self._hessian = hessian_function(self.objective, theta)
        return left_to_gain(Place(theta, value, gradient, self._hessian(theta)))


def left_to_gain(here: Place) -> float:
    """Return half the Newton decrement; infinite at what is no minimum, nor the floor of a ridge."""
    if not np.isfinite(here.hessian).all():
        return np.inf
    least = RIDGE * float(np.abs(here.spectrum.values).max(initial=0.0))
    if (here.spectrum.values < -least).any() or not least:
        return np.inf
    slope = here.spectrum.vectors.T @ (here.gradient / here.spectrum.scale)
    return float(0.5 * (slope**2 / np.maximum(here.spectrum.values, least)).sum())
