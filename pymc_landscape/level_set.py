"""The surface over all points at which one quantity has one value, on coordinates of its own.

Beside a point x₀ with scaled normal n of the coordinate c and an orthonormal basis Z across, x(y) = x₀ + Zy + t(y) n,
with t(y) such that c(x(y)) = v. With X = ∂x/∂y the gradient is Xᵀ∇f and the Hessian Xᵀ(∇²f + λ∇²c)X, where
λ = −∇f·n / ∇c·n, by the implicit function theorem: exact, so that the search that minimises surfaces minimises this
one too.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.quantity import Reading
from pymc_landscape.spot import Spot, look
from pymc_landscape.trust_region import descend_newton, place, polish

# Newton's steps onto the level; a straight coordinate needs one.
ONTO = 50
ITERATIONS = 200


class LevelSet:
    """Value, slope and Hessian of a surface where a quantity's coordinate is `level`.

    Parameters
    ----------
    spot : Spot
        A point near it.
    level : float
        The coordinate.
    """

    def __init__(self, spot: Spot, level: float):
        self.spot, self.level = spot, level
        self.frame, self.quantity, scale = spot.frame, spot.quantity, spot.scale
        normal = spot.reading.gradient / scale
        self.normal = normal / np.linalg.norm(normal) / scale
        self.basis = spot.across / scale[:, None]
        self._last = spot

    def slope(self, y: Array) -> tuple[float, Array]:
        """Return value and gradient; +inf where the level is not reached."""
        there = self.look(y)
        if there is None:
            return np.inf, np.full(len(y), np.nan)
        return there.value, self._lift(there.reading).T @ there.gradient

    def hessian(self, y: Array) -> Array:
        """Return the Hessian."""
        there = self.look(y)
        if there is None:
            return np.full((len(y), len(y)), np.nan)
        reading = there.reading
        multiplier = -(there.gradient @ self.normal) / (reading.gradient @ self.normal)
        lift = self._lift(reading)
        curved: Array = lift.T @ (there.hessian + multiplier * reading.hessian) @ lift
        return curved

    def look(self, y: Array) -> Spot | None:
        """Look at x(y), once where value, slope and Hessian are asked for in turn; None where it is not reached."""
        x = self.point(y)
        if x is not None and not np.array_equal(x, self._last.x):
            self._last = look(self.frame, self.quantity, x)
        return self._last if x is not None else None

    def point(self, y: Array) -> Array | None:
        """Return x(y), or None where the normal does not lead to the level."""
        x = self.spot.x + self.basis @ y
        for _ in range(ONTO):
            reading = self.quantity.read(self.frame, x)
            missing, rate = self.level - reading.value, float(reading.gradient @ self.normal)
            if not np.isfinite(missing) or not rate:
                return None
            if abs(missing) <= 4e-16 * max(abs(self.level), abs(reading.value)):
                return x
            before, x = x, x + missing / rate * self.normal
            if np.array_equal(before, x):
                return x
        return x if abs(missing) <= 1e-12 * max(abs(self.level), 1e-3) else None

    def _lift(self, reading: Reading) -> Array:
        """∂x/∂y."""
        along = (reading.gradient @ self.basis) / (reading.gradient @ self.normal)
        lift: Array = self.basis - np.outer(self.normal, along)
        return lift


def descend_across(spot: Spot, level: float, radius: float | None = None) -> Spot | None:
    """Minimise over all points with coordinate `level`, from `spot`; None where that does not arrive."""
    surface, begin = LevelSet(spot, level), np.zeros(len(spot.x) - 1)
    there = surface.look(begin)
    if there is None:
        return None
    if len(begin):
        here = place(surface, begin)
        if not (np.isfinite(here.value) and np.isfinite(here.hessian).all()):
            return None
        here, _ = descend_newton(surface, here, ITERATIONS, radius)
        there = surface.look(polish(surface, here).x)
    return there if there is not None and there.is_finite and 0.5 * there.decrement < 1e-6 else None
