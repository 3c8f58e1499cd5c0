"""Whether a path has arrived, that is whether nothing is left to gain where it is.

The measure is half the Newton decrement, ½ gᵀH⁻¹g, in units of −2LL: how much lower Newton's next step would lead. It
does not depend on the scales of parameters, as the length of a gradient does. Since it takes a Hessian, it is asked
for only where the slope has become small, and then ever less often.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.objective import DENSE, Objective
from pymc_landscape.trust_region import Place

# The slope has become small where it is so much of the largest on the path, or so small in itself.
SMALL = 1e-3
# Where there is no Hessian, a slope of this share of the largest on the path, to the power of the tolerance, is none.
WITHOUT_HESSIAN = 0.75


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
        self._has_hessian = objective.size <= DENSE

    def __call__(self, theta: Array, value: float, gradient: Array) -> bool:
        """Whether less than the tolerance is left to gain at `theta`."""
        size = float(np.linalg.norm(gradient))
        self._largest = max(self._largest, size)
        if not self.tolerance or size > max(SMALL * self._largest, SMALL) or size > self._asked_at:
            return False
        left = self.left(theta, value, gradient)
        self._asked_at = size * float(np.clip(2.0 * np.sqrt(self.tolerance / max(left, 1e-300)), 0.05, 0.5))
        return left <= self.tolerance

    def left(self, theta: Array, value: float, gradient: Array) -> float:
        """Return what is left to gain; infinite at what is no minimum."""
        if self._has_hessian:
            try:
                place = Place(theta, value, gradient, self.objective.hessian(theta))
            except (NotImplementedError, ValueError):  # a gradient, but no second derivative
                self._has_hessian = False
            else:
                return 0.5 * place.decrement if np.isfinite(place.hessian).all() else np.inf
        flat = float(np.linalg.norm(gradient)) <= self.tolerance**WITHOUT_HESSIAN * self._largest
        return 0.0 if flat else np.inf
