"""The surface over all points at which quantities have given values, minimised on coordinates of its own.

Next to a point x₀, x(y) = x₀ + Zy + Tt(y), with the columns of T spanning the scaled gradients N of the r coordinates,
Z a basis across, and t(y) such that c(x(y)) is given. With X = ∂x/∂y the gradient is Xᵀ∇f and the Hessian
Xᵀ(∇²f + Σ λᵢ∇²cᵢ)X, where (NᵀT)ᵀ λ = −Tᵀ∇f, by the implicit function theorem: exact, so that the search that minimises
surfaces minimises this one too (feasible elimination of equality constraints: Nocedal & Wright 2006, *Numerical
Optimization*, section 15.3).
"""

from __future__ import annotations

import math

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.numerics import descend_newton, polish, quadratic_model
from pymc_landscape.objective import RoundingCheck, evaluation_noise

# Newton's steps onto the given values; a straight coordinate needs one.
ONTO = 50
ITERATIONS = 200
# Errors of a coordinate, relative to it or to the second: met, and still accepted after the last step.
MET, ACCEPTED, SMALL = 4e-16, 1e-12, 1e-3
# What minimising across may still gain at a minimum.
REMAINING = 1e-8
# The same where the rounding of the value hides it, at most.
HIDDEN = 1e-5


class ConstraintManifold:
    """Value, gradient and Hessian of a surface where the coordinates of r quantities are `goal`.

    Parameters
    ----------
    here : ConstrainedPoint
        A point near it.
    goal : float or array (r,)
        The coordinates.
    """

    def __init__(self, here: ConstrainedPoint, goal: float | Array):
        self.here, self.goal = here, np.atleast_1d(np.asarray(goal, dtype=float))
        spanning, across = here.axes
        self.spanning, self.basis = spanning / here.scale[:, None], across / here.scale[:, None]
        self._last = here

    def value_and_gradient(self, y: Array) -> tuple[float, Array]:
        """Return value and gradient; +inf where the goal is not reached."""
        there = self.evaluate(y)
        if there is None:
            return np.inf, np.full(len(y), np.nan)
        return there.value, self._lift(there).T @ there.gradient

    def hessian(self, y: Array) -> Array:
        """Return the Hessian."""
        there = self.evaluate(y)
        if there is None:
            return np.full((len(y), len(y)), np.nan)
        lift = self._lift(there)
        if len(there.quantities) == 1 and not there.is_bent:
            return np.asarray(lift.T @ there.hessian @ lift)
        rates = there.normals.T @ self.spanning
        multipliers = _solve(rates.T, -(self.spanning.T @ there.gradient))
        bent = [multiplier * d.hessian for multiplier, d in zip(multipliers, there.derivatives, strict=True)]
        curved: Array = lift.T @ sum(bent, there.hessian) @ lift
        return curved

    def evaluate(self, y: Array) -> ConstrainedPoint | None:
        """Evaluate x(y), once where value, gradient and Hessian are asked for in turn; None where it is not reached."""
        x = self.position(y)
        if x is not None and not np.array_equal(x, self._last.x):
            self._last = evaluate_at(self.here.restricted, self.here.quantities, x)
        return self._last if x is not None else None

    def position(self, y: Array) -> Array | None:
        """Return x(y), or None where the normals do not lead to the goal."""
        x: Array = self.here.x + self.basis @ y
        return self._onto_one(x) if len(self.here.quantities) == 1 else self._onto_several(x)

    def _onto_one(self, x: Array) -> Array | None:
        """Move onto the goal of one quantity, in plain numbers: a third of the time that arrays of one take."""
        (quantity,), goal, direction = self.here.quantities, float(self.goal[0]), self.spanning[:, 0]
        for _ in range(ONTO):
            derivatives = quantity.evaluate(self.here.restricted, x)
            missing = goal - derivatives.value
            if not math.isfinite(missing):
                return None
            if abs(missing) <= MET * max(abs(goal), abs(derivatives.value)):
                return x
            rate = float(derivatives.gradient @ direction)
            before, x = x, x + direction * (missing / rate if rate else math.nan)
            if np.array_equal(before, x):
                return x
        return x if abs(missing) <= ACCEPTED * max(abs(goal), SMALL) else None

    def _onto_several(self, x: Array) -> Array | None:
        for _ in range(ONTO):
            derivatives = [quantity.evaluate(self.here.restricted, x) for quantity in self.here.quantities]
            values = np.array([d.value for d in derivatives])
            missing = self.goal - values
            if not np.isfinite(missing).all():
                return None
            if (np.abs(missing) <= MET * np.maximum(np.abs(self.goal), np.abs(values))).all():
                return x
            rates = np.stack([d.gradient for d in derivatives]) @ self.spanning
            before, x = x, x + self.spanning @ _solve(rates, missing)
            if np.array_equal(before, x):
                return x
        reached = np.abs(missing) <= ACCEPTED * np.maximum(np.abs(self.goal), SMALL)
        return x if reached.all() else None

    def _lift(self, there: ConstrainedPoint) -> Array:
        """∂x/∂y."""
        if len(there.quantities) == 1:
            rate = float(there.normal @ self.spanning[:, 0])
            along: Array = there.normal @ self.basis / (rate or math.nan)
            return np.asarray(self.basis - self.spanning * along)
        normals = there.normals.T
        lift: Array = self.basis - self.spanning @ _solve(normals @ self.spanning, normals @ self.basis)
        return lift


def _solve(matrix: Array, right: Array) -> Array:
    """Solve r equations; NaN where they are singular."""
    if len(matrix) == 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(right / matrix[0, 0])
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return np.full(right.shape, np.nan)


def minimize_on(here: ConstrainedPoint, goal: float | Array, radius: float | None = None) -> ConstrainedPoint | None:
    """Minimise over all points with coordinates `goal`, from `here`; None where that does not converge."""
    surface, begin = ConstraintManifold(here, goal), np.zeros(len(here.x) - len(here.quantities))
    there = surface.evaluate(begin)
    if there is None:
        return None
    if len(begin):
        model = quadratic_model(surface, begin)
        if not (np.isfinite(model.value) and np.isfinite(model.hessian).all()):
            return None
        check = RoundingCheck(here.restricted, surface.position)
        model, _ = descend_newton(surface, model, ITERATIONS, radius, rounding=check)
        there = surface.evaluate(polish(surface, model).x)
    if there is None or not there.is_finite:
        return None
    left = 0.5 * there.decrement
    if left < max(REMAINING, there.rounding()):
        return there
    return there if left < HIDDEN and left <= evaluation_noise(there.restricted, there.x) else None
