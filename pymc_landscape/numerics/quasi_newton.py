"""Symmetric rank-one updates: Hessians learned from gradients, where each would cost many of them.

Between one point and the next the gradient changes by y = H s on average. The symmetric update of rank one makes the
Hessian that is known agree with that (Nocedal & Wright 2006, *Numerical Optimization*, section 6.2):

    H + r rᵀ / rᵀs,   r = y − H s.

It needs no line search and may become indefinite, as the trust region that uses it can take.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics.trust_region import QuadraticModel, Surface

# An update is left out where its denominator is this small a share of what it could be: rounding would decide it.
SMALL = 1e-8


class LearnedHessian:
    """A surface with gradients of its own and Hessians that are updated from them.

    Parameters
    ----------
    surface : Surface
        Whose gradients are taken.
    here : QuadraticModel
        Where it is known exactly.
    """

    def __init__(self, surface: Surface, here: QuadraticModel):
        self.surface = surface
        self._known, self._last = here, (here.x, here.gradient)

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """Return value and gradient; +inf where there is no value."""
        value, gradient = self.surface.value_and_gradient(x)
        self._last = x, gradient
        return value, gradient

    def hessian(self, x: Array) -> Array:
        """Return what is known of the Hessian at `x`, where the gradient was asked for last."""
        there, gradient = self._last
        matrix = symmetric_rank_one(self._known.hessian, there - self._known.x, gradient - self._known.gradient)
        self._known = QuadraticModel(x, np.nan, gradient, matrix)
        return matrix


class FixedHessian:
    """A surface with gradients of its own and one Hessian, for points that are so near that it is the same.

    Parameters
    ----------
    surface : Surface
        Whose gradients are taken.
    here : QuadraticModel
        Where the Hessian is known.
    """

    def __init__(self, surface: Surface, here: QuadraticModel):
        self.surface, self.here = surface, here

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """Return value and gradient; +inf where there is no value."""
        return self.surface.value_and_gradient(x)

    def hessian(self, x: Array) -> Array:
        """Return the Hessian."""
        return self.here.hessian


def symmetric_rank_one(hessian: Array, step: Array, change: Array) -> Array:
    """Return a Hessian that explains how the gradient changed along a step.

    Parameters
    ----------
    hessian : array (k, k)
        What was known before.
    step, change : array (k,)
        How far, and by how much the gradient changed.

    Examples
    --------
    >>> import numpy as np
    >>> symmetric_rank_one(np.eye(2), np.array([1.0, 0.0]), np.array([3.0, 0.0]))
    array([[3., 0.],
           [0., 1.]])
    """
    scale = np.sqrt(np.abs(np.diagonal(hessian)))
    scale = np.where(scale > 0, scale, 1.0)
    residual = (change - hessian @ step) / scale
    along = float(residual @ (step * scale))
    if abs(along) <= SMALL * np.linalg.norm(residual) * np.linalg.norm(step * scale):
        return hessian
    residual = residual * scale
    return np.asarray(hessian + np.outer(residual, residual) / along)
