"""The surface over all points at which one or two quantities have given values.

The surface over all points at which one quantity has one value, on coordinates of its own.

Beside a point x₀ with scaled normal n of the coordinate c and an orthonormal basis Z across, x(y) = x₀ + Zy + t(y) n,
with t(y) such that c(x(y)) = v. With X = ∂x/∂y the gradient is Xᵀ∇f and the Hessian Xᵀ(∇²f + λ∇²c)X, where
λ = −∇f·n / ∇c·n, by the implicit function theorem: exact, so that the search that minimises surfaces minimises this
one too.

The surface over all points at which two quantities have given values, on coordinates of its own.

As for one quantity. Beside a point x₀, x(y) = x₀ + Zy + Tt(y), with the columns of T spanning the scaled normals N of
the coordinates, Z a basis across, and t(y) such that c(x(y)) is given. With X = ∂x/∂y the gradient is Xᵀ∇f and the
Hessian Xᵀ(∇²f + Σ λᵢ∇²cᵢ)X, where (NᵀT)ᵀ λ = −Tᵀ∇f.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.constrained_point import (
    ConstrainedPoint,
    JointConstrainedPoint,
    evaluate_at,
    evaluate_jointly_at,
)
from pymc_landscape.inference.profile.quantities import Derivatives
from pymc_landscape.numerics import descend_newton, polish, quadratic_model

# Newton's steps onto the level; a straight coordinate needs one.
ONTO = 50
ITERATIONS = 200


class ConstraintManifold:
    """Value, slope and Hessian of a surface where a quantity's coordinate is `level`.

    Parameters
    ----------
    spot : ConstrainedPoint
        A point near it.
    level : float
        The coordinate.
    """

    def __init__(self, spot: ConstrainedPoint, level: float):
        self.spot, self.level = spot, level
        self.restricted, self.quantity, scale = spot.restricted, spot.quantity, spot.scale
        normal = spot.reading.gradient / scale
        self.normal = normal / np.linalg.norm(normal) / scale
        self.basis = spot.across / scale[:, None]
        self._last = spot

    def value_and_gradient(self, y: Array) -> tuple[float, Array]:
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

    def look(self, y: Array) -> ConstrainedPoint | None:
        """Look at x(y), once where value, slope and Hessian are asked for in turn; None where it is not reached."""
        x = self.point(y)
        if x is not None and not np.array_equal(x, self._last.x):
            self._last = evaluate_at(self.restricted, self.quantity, x)
        return self._last if x is not None else None

    def point(self, y: Array) -> Array | None:
        """Return x(y), or None where the normal does not lead to the level."""
        x = self.spot.x + self.basis @ y
        for _ in range(ONTO):
            reading = self.quantity.read(self.restricted, x)
            missing, rate = self.level - reading.value, float(reading.gradient @ self.normal)
            if not np.isfinite(missing) or not rate:
                return None
            if abs(missing) <= 4e-16 * max(abs(self.level), abs(reading.value)):
                return x
            before, x = x, x + missing / rate * self.normal
            if np.array_equal(before, x):
                return x
        return x if abs(missing) <= 1e-12 * max(abs(self.level), 1e-3) else None

    def _lift(self, reading: Derivatives) -> Array:
        """∂x/∂y."""
        along = (reading.gradient @ self.basis) / (reading.gradient @ self.normal)
        lift: Array = self.basis - np.outer(self.normal, along)
        return lift


def minimize_on(spot: ConstrainedPoint, level: float, radius: float | None = None) -> ConstrainedPoint | None:
    """Minimise over all points with coordinate `level`, from `spot`; None where that does not arrive."""
    surface, begin = ConstraintManifold(spot, level), np.zeros(len(spot.x) - 1)
    there = surface.look(begin)
    if there is None:
        return None
    if len(begin):
        here = quadratic_model(surface, begin)
        if not (np.isfinite(here.value) and np.isfinite(here.hessian).all()):
            return None
        here, _ = descend_newton(surface, here, ITERATIONS, radius)
        there = surface.look(polish(surface, here).x)
    return there if there is not None and there.is_finite and 0.5 * there.decrement < 1e-6 else None


# Newton's steps onto the level; straight coordinates need one.
ONTO_BOTH = 50
JOINT_ITERATIONS = 100
# What minimising across may still gain.
ENOUGH = 1e-8


class JointConstraintManifold:
    """Value, slope and Hessian of a surface where two quantities' coordinates are `goal`.

    Parameters
    ----------
    here : JointConstrainedPoint
        A point near it.
    goal : array (2,)
        The coordinates.
    """

    def __init__(self, here: JointConstrainedPoint, goal: Array):
        self.here, self.goal = here, goal
        turned = linalg.qr(here.normals / here.scale[:, None])[0] / here.scale[:, None]
        self.normal, self.basis = turned[:, :2], turned[:, 2:]
        self._last: tuple[Array, JointConstrainedPoint] | None = None

    def value_and_gradient(self, y: Array) -> tuple[float, Array]:
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

    def look(self, y: Array) -> JointConstrainedPoint | None:
        """Return the point x(y), or None where there is no value, or no such point."""
        if self._last is not None and np.array_equal(self._last[0], y):
            return self._last[1]
        x = self.point(y)
        there = evaluate_jointly_at(self.here.restricted, self.here.pair, x) if x is not None else None
        if there is None or not there.is_finite:
            return None
        self._last = (y, there)
        return there

    def point(self, y: Array) -> Array | None:
        """Return x(y), or None where the normals do not lead to the level."""
        x: Array = self.here.x + self.basis @ y
        restricted, pair = self.here.restricted, self.here.pair
        size = np.maximum(np.abs(self.goal), 1e-3)
        for _ in range(ONTO_BOTH):
            readings = [quantity.read(restricted, x) for quantity in pair]
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

    def _lift(self, there: JointConstrainedPoint) -> Array:
        """∂x/∂y."""
        along = np.linalg.solve(there.normals.T @ self.normal, there.normals.T @ self.basis)
        lift: Array = self.basis - self.normal @ along
        return lift


def minimize_jointly_on(here: JointConstrainedPoint, goal: Array) -> JointConstrainedPoint | None:
    """Minimise over all points with coordinates `goal`, from `here`; None where that does not arrive."""
    surface, begin = JointConstraintManifold(here, goal), np.zeros(len(here.x) - 2)
    try:
        there = surface.look(begin)
        if len(begin) and there is not None:
            found, _ = descend_newton(surface, quadratic_model(surface, begin), JOINT_ITERATIONS)
            there = surface.look(polish(surface, found).x)
    except np.linalg.LinAlgError:
        return None
    return there if there is not None and there.left < ENOUGH else None
