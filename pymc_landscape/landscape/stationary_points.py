"""Stationary points: whether a point is one, and its kind (local minimum, maximum, saddle or flat).

A small gradient is no proof, since it is small also where the surface levels off towards infinity. At a regular
stationary point Newton's steps vanish, and the values of the function, not only its Hessian, show the curvature.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import QuadraticModel, noise, quadratic_model
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize import RUNAWAY_DISTANCE

NEWTON_STEPS = 60
# Length of Newton's next step at a stationary point, at most, relative to 1 + |x|.
STILL = 1e-3
# Change of the value by that step, at most.
ARRIVED = 1e-6
# Newton's method goes on while each step is shorter than this much of the one before.
SHRINKS = 0.9
# An unconstrained value that counts as infinite, of any variable; of a transformed one, RUNAWAY_DISTANCE.
BEYOND = 1e8
# With a smaller remaining decrease than this, Newton steps of constant length are those of a surface that levels off.
NEARLY_LEVEL = 0.1
# A smaller change of the value along a direction counts as none.
LEVEL = 1e-5
# Steps, in standard errors, at which values are compared with the curvature; the relative error that is allowed.
PROBES, BENDS = np.array([1.0, 0.1, 0.01, 0.001]), 0.5
# Two points closer than this, in standard errors and relative to 1 + |x|, are the same.
SAME = 0.01


class SearchFailure(StrEnum):
    """Why a search ended at no stationary point."""

    INFINITY = "ran off to infinity or to the edge of the support"
    LOST = "did not arrive"


@dataclass(frozen=True)
class StationaryPoint:
    """A point where the gradient is zero.

    Parameters
    ----------
    here : QuadraticModel
        The point, with value, gradient and Hessian.
    bends : array (k,) of bool
        For each eigenvector of ``here.spectrum``, whether values show curvature along it; else the surface is level.
    on_ridge : bool
        Whether neighbouring points along the level directions are stationary too.
    """

    here: QuadraticModel
    bends: Array
    on_ridge: bool = False

    @property
    def index(self) -> int:
        """How many directions lead down."""
        return int((self.here.spectrum.values[self.bends] < 0).sum())

    @property
    def kind(self) -> str:
        """``valley``, ``peak``, ``saddle``, or ``flat`` where an eigenvalue is zero."""
        if not self.bends.all():
            return "flat"
        return {0: "valley", len(self.bends): "peak"}.get(self.index, "saddle")

    @property
    def down(self) -> Array:
        """The direction (k,) of the lowest eigenvalue, one standard error long."""
        return self.here.spectrum.direction(0)

    def is_same(self, other: StationaryPoint) -> bool:
        """Whether two are the same point, in the metric of the Hessians, or on the same ridge."""
        one, two = self.here, other.here
        if abs(one.value - two.value) > 1e-6 + 10 * noise(one.value) or self.index != other.index:
            return False
        if self.on_ridge and other.on_ridge:
            return True
        move = one.x - two.x
        near = bool((np.abs(move) <= SAME * (1.0 + np.abs(one.x))).all())
        return near and max(_length(one, move), _length(two, move)) <= SAME


def _length(here: QuadraticModel, move: Array) -> float:
    """Return the length of a move in standard errors, by the absolute curvature."""
    along = here.spectrum.vectors.T @ (here.spectrum.scale * move)
    return float(np.sqrt(0.5 * np.abs(here.spectrum.values) @ along**2))


def evaluate_at(restricted: RestrictedObjective, x: Array) -> QuadraticModel | None:
    """Return the quadratic model at a point; None where there is no value or no derivative."""
    here = quadratic_model(restricted, x) if np.isfinite(x).all() else None
    if here is None or not (np.isfinite(here.value) and np.isfinite(here.gradient).all()):
        return None
    return here if np.isfinite(here.hessian).all() else None


def examine(restricted: RestrictedObjective, x: Array) -> StationaryPoint | SearchFailure:
    """Finish by Newton's method, and decide whether there is a stationary point."""
    here = evaluate_at(restricted, x)
    if here is None:
        return SearchFailure.LOST
    here = _newton_to_rest(restricted, here)
    if _is_far(restricted, here.x):
        return SearchFailure.INFINITY
    if not (_remaining_decrease(here) < ARRIVED and _newton_step_length(here) < STILL):
        return SearchFailure.INFINITY if _keeps_falling(restricted, here) else SearchFailure.LOST
    bends = _verified_curvature(restricted, here)
    if bends.all():
        return StationaryPoint(here, bends)
    if _levels_off(restricted, here, bends):
        return SearchFailure.INFINITY
    return StationaryPoint(here, bends, _is_on_ridge(restricted, here, bends))


def _newton_to_rest(restricted: RestrictedObjective, here: QuadraticModel) -> QuadraticModel:
    """Take Newton's steps while they shrink: by half near a degenerate point, quadratically near others."""
    for _ in range(NEWTON_STEPS):
        before = _newton_step_length(here)
        there = evaluate_at(restricted, here.x + here.newton_step()) if before > 0 else None
        if there is None or not _newton_step_length(there) < SHRINKS * before:
            break
        here = there
    return here


def _newton_step_length(here: QuadraticModel) -> float:
    """Return the length of Newton's next step, relative to 1 + |x|."""
    return float((np.abs(here.newton_step()) / (1.0 + np.abs(here.x))).max(initial=0.0))


def _remaining_decrease(here: QuadraticModel) -> float:
    """Return Σ slope² / |eigenvalue|, twice the change by Newton's next step; ∞ along a slope without curvature."""
    values, slope = np.abs(here.spectrum.values), here.scaled_gradient
    flat = values <= here.spectrum.tolerance
    return np.inf if slope[flat].any() else float((slope[~flat] ** 2 / values[~flat]).sum())


def _is_far(restricted: RestrictedObjective, x: Array) -> bool:
    """Whether a transformed variable is at its bound in floating point, or any variable counts as infinite."""
    layout = restricted.layout
    at_bound = [
        np.abs(x[layout.slices[v.name]]).max() > RUNAWAY_DISTANCE for v in restricted.objective.variables if v.transform
    ]
    return any(at_bound) or bool(np.abs(x).max() > BEYOND)


def _keeps_falling(restricted: RestrictedObjective, here: QuadraticModel) -> bool:
    """Whether Newton's steps keep direction and length while the remaining decrease vanishes."""
    there = evaluate_at(restricted, here.x + here.newton_step())
    if there is None or not _remaining_decrease(there) < min(_remaining_decrease(here), NEARLY_LEVEL):
        return False
    one, two = here.newton_step(), there.newton_step()
    lengths = float(np.linalg.norm(one)), float(np.linalg.norm(two))
    return bool(one @ two > 0.9 * lengths[0] * lengths[1] and lengths[1] > 0.5 * lengths[0])


def _verified_curvature(restricted: RestrictedObjective, here: QuadraticModel) -> Array:
    """Whether values change by ±t² at some fraction t of a standard error on both sides, beyond rounding."""
    k, curvature = len(here.x), here.spectrum
    steps = np.array([curvature.direction(i) for i in range(k)])
    moves = np.array([side * t * step for step in steps for t in PROBES for side in (1.0, -1.0)])
    changes = (restricted.values(here.x + moves) - here.value).reshape(k, len(PROBES), 2)
    expected = (np.sign(curvature.values)[:, None] * PROBES**2)[..., None]
    follows = (np.abs(changes - expected) <= BENDS * np.abs(expected)).all(axis=-1)
    visible = 10 * noise(here.value) < PROBES**2
    bends: Array = (follows & visible).any(axis=1) & (np.abs(curvature.values) > curvature.tolerance)
    return bends


def _level_steps(here: QuadraticModel, bends: Array, size: float) -> Array:
    """Return a step (m, k) along each direction without curvature, of relative length `size`."""
    steps = np.array([here.spectrum.direction(int(i)) for i in np.flatnonzero(np.logical_not(bends))])
    lengths = np.abs(steps / (1.0 + np.abs(here.x))).max(axis=1, keepdims=True)
    level: Array = size * steps / lengths
    return level


def _levels_off(restricted: RestrictedObjective, here: QuadraticModel, bends: Array) -> bool:
    """Whether the surface is level on one side only: then it approaches a limit and has no stationary point."""
    for step in _level_steps(here, bends, 1.0):
        moves = np.array([[1.0], [3.0], [-1.0], [-3.0]]) * step
        changes = np.abs(restricted.values(here.x + moves) - here.value).reshape(2, 2).max(axis=1)
        if changes.min() < LEVEL and changes.max() > 1e3 * LEVEL:
            return True
    return False


def _is_on_ridge(restricted: RestrictedObjective, here: QuadraticModel, bends: Array) -> bool:
    """Whether Newton's method, from a step along a level direction, ends elsewhere at the same value: on a ridge."""
    aside = 0.1
    for step in _level_steps(here, bends, aside):
        there = evaluate_at(restricted, here.x + step)
        there = there if there is None else _newton_to_rest(restricted, there)
        if there is None or not _remaining_decrease(there) < ARRIVED:
            continue
        moved = float((np.abs(there.x - here.x) / (1.0 + np.abs(here.x))).max())
        if moved > 0.5 * aside and abs(there.value - here.value) < 1e-6 + 10 * noise(here.value):
            return True
    return False
