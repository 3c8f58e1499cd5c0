"""The surface over all points at which two quantities have given values, on coordinates of its own.

As :mod:`~pymc_landscape.level_set` for one. Beside a point x₀, x(y) = x₀ + Zy + Tt(y), with the columns of T spanning
the scaled normals N of the coordinates, Z a basis across, and t(y) such that c(x(y)) is given. With X = ∂x/∂y the
gradient is Xᵀ∇f and the Hessian Xᵀ(∇²f + Σ λᵢ∇²cᵢ)X, where (NᵀT)ᵀ λ = −Tᵀ∇f.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from pymc_landscape.aliases import Array
from pymc_landscape.joint import Joint, look_jointly
from pymc_landscape.trust_region import descend_newton, place, polish

# Newton's steps onto the level; straight coordinates need one.
ONTO = 50
ITERATIONS = 100
# What minimising across may still gain.
ENOUGH = 1e-8


class JointLevel:
    """Value, slope and Hessian of a surface where two quantities' coordinates are `goal`.

    Parameters
    ----------
    here : Joint
        A point near it.
    goal : array (2,)
        The coordinates.
    """

    def __init__(self, here: Joint, goal: Array):
        self.here, self.goal = here, goal
        turned = linalg.qr(here.normals / here.scale[:, None])[0] / here.scale[:, None]
        self.normal, self.basis = turned[:, :2], turned[:, 2:]
        self._last: tuple[Array, Joint] | None = None

    def slope(self, y: Array) -> tuple[float, Array]:
        """Return value and gradient; +inf where the level is not reached."""
        there = self.look(y)
        if there is None:
            return np.inf, np.full(len(y), np.nan)
        return there.value, self._lift(there).T @ there.gradient

    def hessian(self, y: Array) -> Array:
        """Return the Hessian."""
        there = self.look(y)
        if there is None:
            return np.full((len(y), len(y)), np.nan)
        multipliers = np.linalg.solve((there.normals.T @ self.normal).T, -self.normal.T @ there.gradient)
        lift = self._lift(there)
        curved: Array = lift.T @ (there.hessian + np.tensordot(multipliers, there.bends, axes=1)) @ lift
        return curved

    def look(self, y: Array) -> Joint | None:
        """Return the point x(y), or None where there is no value, or no such point."""
        if self._last is not None and np.array_equal(self._last[0], y):
            return self._last[1]
        x = self.point(y)
        there = look_jointly(self.here.frame, self.here.pair, x) if x is not None else None
        if there is None or not there.is_finite:
            return None
        self._last = (y, there)
        return there

    def point(self, y: Array) -> Array | None:
        """Return x(y), or None where the normals do not lead to the level."""
        x: Array = self.here.x + self.basis @ y
        frame, pair = self.here.frame, self.here.pair
        size = np.maximum(np.abs(self.goal), 1e-3)
        for _ in range(ONTO):
            readings = [quantity.read(frame, x) for quantity in pair]
            missing: Array = self.goal - np.array([r.value for r in readings])
            if not np.isfinite(missing).all():
                return None
            if (np.abs(missing) <= 1e-14 * size).all():
                return x
            rates = np.stack([r.gradient for r in readings]) @ self.normal
            before, x = x, x + self.normal @ np.linalg.lstsq(rates, missing, rcond=None)[0]
            if np.array_equal(before, x):
                break
        return x if (np.abs(missing) <= 1e-11 * size).all() else None

    def _lift(self, there: Joint) -> Array:
        """∂x/∂y."""
        along = np.linalg.solve(there.normals.T @ self.normal, there.normals.T @ self.basis)
        lift: Array = self.basis - self.normal @ along
        return lift


def minimise_across(here: Joint, goal: Array) -> Joint | None:
    """Minimise over all points with coordinates `goal`, from `here`; None where that does not arrive."""
    surface, begin = JointLevel(here, goal), np.zeros(len(here.x) - 2)
    try:
        there = surface.look(begin)
        if len(begin) and there is not None:
            found, _ = descend_newton(surface, place(surface, begin), ITERATIONS)
            there = surface.look(polish(surface, found).x)
    except np.linalg.LinAlgError:
        return None
    return there if there is not None and there.left < ENOUGH else None
