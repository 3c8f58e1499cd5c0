"""What a point is where the slope is zero: valley, peak, saddle or flat, and the proof that the slope is zero there.

A small slope is no proof: it is small also far out, where the surface levels off. At a regular stationary point
Newton's steps vanish, and the surface itself, not only its Hessian, bends.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import QuadraticModel, noise, quadratic_model
from pymc_landscape.objective import RestrictedObjective

NEWTON_STEPS = 60
# What Newton's next step may still move at a stationary point, relative to 1 + |x|.
STILL = 1e-3
# What it may still change of the value.
ARRIVED = 1e-6
# Newton's last steps go on while each is shorter than this much of the one before.
SHRINKS = 0.9
# An unconstrained value of a transformed variable, and of any, beyond which there is only infinity.
RUNAWAY, BEYOND = 30.0, 1e8
# With less to gain than this, Newton's steps that go on are those of a surface that levels off.
NEARLY_LEVEL = 0.1
# A change of less than this far along a direction counts as none.
LEVEL = 1e-5
# In standard errors: where the surface is asked whether it bends as its Hessian says, to so much of what is expected.
PROBES, BENDS = np.array([1.0, 0.1, 0.01, 0.001]), 0.5
# Points closer than this, in standard errors and relative to 1 + |x|, are one.
SAME = 0.01


class Away(StrEnum):
    """Why a search ended at no stationary point."""

    INFINITY = "ran off to infinity or to the edge of the support"
    LOST = "did not arrive"


@dataclass(frozen=True)
class Stationary:
    """A point where the slope is zero.

    Parameters
    ----------
    here : QuadraticModel
        The point, with value, gradient and Hessian.
    bends : array (k,) of bool
        For each eigenvector of ``here.spectrum``, whether the surface bends along it; else it is level.
    on_ridge : bool
        Whether neighbours along the level directions are stationary too.
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

    def is_same(self, other: Stationary) -> bool:
        """Whether two are one: the same place, in the metric of the Hessians, or the same ridge."""
        one, two = self.here, other.here
        if abs(one.value - two.value) > 1e-6 + 10 * noise(one.value) or self.index != other.index:
            return False
        if self.on_ridge and other.on_ridge:
            return True
        move = one.x - two.x
        near = bool((np.abs(move) <= SAME * (1.0 + np.abs(one.x))).all())
        return near and max(_length(one, move), _length(two, move)) <= SAME


def _length(here: QuadraticModel, move: Array) -> float:
    """Return the length of a move in standard errors, by the size of the curvature."""
    along = here.spectrum.vectors.T @ (here.spectrum.scale * move)
    return float(np.sqrt(0.5 * np.abs(here.spectrum.values) @ along**2))


def look(restricted: RestrictedObjective, x: Array) -> QuadraticModel | None:
    """Look at a point; None where there is no value or no derivative."""
    here = quadratic_model(restricted, x) if np.isfinite(x).all() else None
    if here is None or not (np.isfinite(here.value) and np.isfinite(here.gradient).all()):
        return None
    return here if np.isfinite(here.hessian).all() else None


def examine(restricted: RestrictedObjective, x: Array) -> Stationary | Away:
    """Go the last steps by Newton's method, and say what is there."""
    here = look(restricted, x)
    if here is None:
        return Away.LOST
    here = _last_steps(restricted, here)
    if _is_far(restricted, here.x):
        return Away.INFINITY
    if not (_left(here) < ARRIVED and _moves(here) < STILL):
        return Away.INFINITY if _recedes(restricted, here) else Away.LOST
    bends = _bends(restricted, here)
    if bends.all():
        return Stationary(here, bends)
    if _levels_off(restricted, here, bends):
        return Away.INFINITY
    return Stationary(here, bends, _is_on_ridge(restricted, here, bends))


def _last_steps(restricted: RestrictedObjective, here: QuadraticModel) -> QuadraticModel:
    """Take Newton's steps while they shrink: by half near a degenerate point, by far more near others."""
    for _ in range(NEWTON_STEPS):
        before = _moves(here)
        there = look(restricted, here.x + here.newton_step()) if before > 0 else None
        if there is None or not _moves(there) < SHRINKS * before:
            break
        here = there
    return here


def _moves(here: QuadraticModel) -> float:
    """Return how far Newton's next step goes, relative to 1 + |x|."""
    return float((np.abs(here.newton_step()) / (1.0 + np.abs(here.x))).max(initial=0.0))


def _left(here: QuadraticModel) -> float:
    """Return Σ slope² / |eigenvalue|, the size of what Newton's next step would change; infinite on a level slope."""
    values, slope = np.abs(here.spectrum.values), here.slope
    flat = values <= here.spectrum.tolerance
    return np.inf if slope[flat].any() else float((slope[~flat] ** 2 / values[~flat]).sum())


def _is_far(restricted: RestrictedObjective, x: Array) -> bool:
    """Whether a transformed variable is at its edge, for floating point, or any variable beyond all scales."""
    layout = restricted.layout
    at_edge = [np.abs(x[layout.slices[v.name]]).max() > RUNAWAY for v in restricted.objective.variables if v.transform]
    return any(at_edge) or bool(np.abs(x).max() > BEYOND)


def _recedes(restricted: RestrictedObjective, here: QuadraticModel) -> bool:
    """Whether Newton's steps go on and on the same way while there is ever less to gain."""
    there = look(restricted, here.x + here.newton_step())
    if there is None or not _left(there) < min(_left(here), NEARLY_LEVEL):
        return False
    one, two = here.newton_step(), there.newton_step()
    lengths = float(np.linalg.norm(one)), float(np.linalg.norm(two))
    return bool(one @ two > 0.9 * lengths[0] * lengths[1] and lengths[1] > 0.5 * lengths[0])


def _bends(restricted: RestrictedObjective, here: QuadraticModel) -> Array:
    """Ask the surface: at some fraction t of a standard error it must change by ±t² on both sides, beyond rounding."""
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
    """Whether the surface is level on one side only: a limit that is never reached, and no point."""
    for step in _level_steps(here, bends, 1.0):
        moves = np.array([[1.0], [3.0], [-1.0], [-3.0]]) * step
        changes = np.abs(restricted.values(here.x + moves) - here.value).reshape(2, 2).max(axis=1)
        if changes.min() < LEVEL and changes.max() > 1e3 * LEVEL:
            return True
    return False


def _is_on_ridge(restricted: RestrictedObjective, here: QuadraticModel, bends: Array) -> bool:
    """Step aside along a level direction and go back to zero slope: on a ridge one does not come back."""
    aside = 0.1
    for step in _level_steps(here, bends, aside):
        there = look(restricted, here.x + step)
        there = there if there is None else _last_steps(restricted, there)
        if there is None or not _left(there) < ARRIVED:
            continue
        moved = float((np.abs(there.x - here.x) / (1.0 + np.abs(here.x))).max())
        if moved > 0.5 * aside and abs(there.value - here.value) < 1e-6 + 10 * noise(here.value):
            return True
    return False
