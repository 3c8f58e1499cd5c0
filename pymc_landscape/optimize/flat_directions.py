"""Directions along which an optimum may be none: the surface itself is asked.

A small gradient is no proof. At a regular optimum −2LL rises by t² at t standard errors. Along a ridge it stays level;
where an estimate runs to infinity it is level or falls on one side and rises on the other; beside a saddle, or before
another valley, it falls. Where separation leaves no maximum, Newton's steps do not shrink.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import QuadraticModel, Spectrum, hessian_of_slopes, quadratic_model, simple_basis, spectrum
from pymc_landscape.optimize.local_search import SearchResult

# A direction is asked about if its standard error is so many times the estimate along it, or if its curvature, on
# scales that make the diagonal 1, is as small as this.
DIRECTION_STANDARD_ERROR, LEVEL = 30.0, 1e-7
# The same for curvatures that are differences of slopes: less than this share of the largest is none.
DIFFERENCES = 1e-8
# In standard errors: where the surface is asked.
STEPS = np.array([0.5, 3.0, 10.0])
# In sizes of the estimate: the same for directions whose standard error means nothing.
SIZES = np.array([1e-3, 1e-2, 0.1, 0.5])
# A rise of less than this counts as none, where t² was expected; a fall of more is another place.
NO_RISE, FALL = 1e-5, 1e-4
# An unconstrained value beyond this is asked whether it has run away.
DIRECTION_DISTANCE = 12.0
# On from an estimate that is far out, and back towards the middle; and what counts as level and as a rise there, where
# densities lose digits.
ON_FROM_IT, ON_THE_WAY = np.array([1.1, 1.3, 1.5]), np.array([0.9, 0.7, 0.5, 0.25, 0.1, 0.0])
LEVEL_THERE, RISE_THERE = 1e-2, 0.05
# Rises on the two sides of a point of a bent ridge, one at least this share of the other.
ALIKE = 0.2
# Newton's steps go on for ever if so many in a row keep length and direction, and are so long against the estimate.
STEPS_IN_A_ROW, LONG = 5, 1e-4


@dataclass(frozen=True)
class Directions:
    """What was found along directions over the free elements, a row each.

    Parameters
    ----------
    level : array (m, k)
        The surface is level.
    receding : array (m, k)
        It falls, or stays level, for ever.
    kinked : array (m, k)
        It rises at once on both sides, without curvature.
    lower : array (k,) or None
        A lower point.
    """

    level: Array
    receding: Array
    kinked: Array
    lower: Array | None = None


def ask(found: SearchResult) -> Directions:
    """Ask the surface along every direction that looks too flat."""
    k = len(found.x)
    if not k:
        return Directions(*(np.zeros((0, 0)),) * 3)
    level: list[Array] = []
    receding: list[Array] = []
    kinked: list[Array] = []
    if found.hessian is not None:
        curvature, zero = _curvature(found, found.hessian)
        receding += far_out(found) + _going_on(found)
        for i in range(k):
            if not _is_suspicious(curvature, zero, i, found.x):
                continue
            lower = _sort(found, curvature, zero, i, level, receding, kinked)
            if lower is not None:
                return Directions(*(np.zeros((0, k)),) * 3, lower)
    rows = [np.array(several).reshape(-1, k) for several in (level, receding, kinked)]
    return Directions(simple_basis(rows[0]), rows[1], rows[2])


def _curvature(found: SearchResult, hessian: Array) -> tuple[Spectrum, float]:
    """Return the curvatures, and the size below which one is zero: finer, where differences leave that open."""
    curvature, k = spectrum(hessian), len(found.x)
    if not found.restricted.objective.is_integral or not any(
        _is_suspicious(curvature, 0.0, i, found.x) for i in range(k)
    ):
        return curvature, curvature.tolerance
    finer = hessian_of_slopes(lambda x: found.restricted.value_and_gradient(x)[1], found.x)
    curvature = spectrum(finer) if np.isfinite(finer).all() else curvature
    return curvature, DIFFERENCES * float(np.abs(curvature.values).max())


def _sort(
    found: SearchResult,
    curvature: Spectrum,
    zero: float,
    i: int,
    level: list[Array],
    receding: list[Array],
    kinked: list[Array],
) -> Array | None:
    """Put direction i where it belongs, or return a lower point."""
    step, is_zero = curvature.direction(i), bool(abs(curvature.values[i]) <= zero)
    unit = step / np.max(np.abs(step) / np.maximum(np.abs(found.x), 1.0))
    near = _rises(found, SIZES[:, None] * unit)
    away = near if is_zero else _rises(found, STEPS[:, None] * step)
    for rises, moves in ((near, SIZES[:, None] * unit), (away, STEPS[:, None] * step)):
        if rises.min() < -FALL:
            side, t = divmod(int(np.argmin(rises)), rises.shape[1])
            return np.asarray(found.x + (1.0, -1.0)[side] * moves[t])
    if is_zero and (near[:, 0] > NO_RISE).all():
        kinked.append(step)
        return None
    flat_sides = (away[:, :1] if is_zero else away) < NO_RISE
    sides = flat_sides.all(axis=1)
    if sides.all():
        back = _sign_of_retreat(found, unit)
        (receding if back else level).append((back or 1.0) * step)
    elif sides.any():
        receding.append(step if sides[0] else -step)
    return None


def _sign_of_retreat(found: SearchResult, unit: Array) -> float:
    """Return in which sense of a level direction the estimate ran out: it was not level on the way. 0 if it was."""
    along = float(found.x @ unit) / float(unit @ unit)
    factors = np.concatenate([ON_FROM_IT, ON_THE_WAY]) - 1.0
    rises = found.restricted.values(found.x + factors[:, None] * along * unit) - found.value
    on, back = rises[: len(ON_FROM_IT)], rises[len(ON_FROM_IT) :]
    has_run = (on < LEVEL_THERE).any() and (back > RISE_THERE).any() and not _is_bent(on, back[: len(on)])
    return float(np.sign(along)) if has_run else 0.0


def _is_bent(on: Array, back: Array) -> bool:
    """Whether a ridge only bends away from a straight line: it rises smoothly, and as much on either side."""
    rising = (np.diff(on, prepend=NO_RISE) > 0).all() and (np.diff(back, prepend=NO_RISE) > 0).all()
    return bool(rising and (on > ALIKE * back).all())


def far_out(found: SearchResult) -> list[Array]:
    """Return axes along which an estimate is so far out that the surface is level there, and was not on the way."""
    axes = [np.sign(found.x[j]) * (np.arange(len(found.x)) == j) for j in beyond(found, DIRECTION_DISTANCE)]
    return [axis for axis in axes if _sign_of_retreat(found, axis)]


def beyond(found: SearchResult, limit: float) -> list[int]:
    """Return the free elements of transformed variables that are further out than `limit`."""
    transformed = [
        v for v in found.restricted.objective.variables if v.transform and v.name not in found.restricted.natural
    ]
    slices = [found.restricted.layout.slices[v.name] for v in transformed]
    inside = {i for where in slices for i in range(where.start, where.stop)}
    return [j for j, i in enumerate(found.restricted.free) if i in inside and abs(found.x[j]) > limit]


def _going_on(found: SearchResult) -> list[Array]:
    """Take more of Newton's steps: at an optimum they shrink at once, towards infinity they keep their length."""
    if found.gradient is None or found.hessian is None or not found.exact:
        return []
    here = QuadraticModel(found.x, found.value, found.gradient, found.hessian)
    before = here.newton_step()
    with np.errstate(all="ignore"):
        if not (np.abs(before / here.x) > LONG).any():
            return []
        for _ in range(STEPS_IN_A_ROW):
            here = quadratic_model(found.restricted, here.x + before)
            if not np.isfinite(here.hessian).all() or here.value > found.value + NO_RISE:
                return []
            now = here.newton_step()
            size, last = float(np.linalg.norm(now)), float(np.linalg.norm(before))
            if not (0.3 * last < size < 3.0 * last and now @ before > 0.95 * size * last):
                return []
            before = now
    return [here.x - found.x]


def _is_suspicious(curvature: Spectrum, zero: float, i: int, x: Array) -> bool:
    if abs(curvature.values[i]) <= zero:
        return True
    step = curvature.direction(i)
    length = float(np.linalg.norm(step))
    along = abs(float(x @ step)) / length
    relative = curvature.values[i] / curvature.values[-1]
    return bool(relative < LEVEL or length > DIRECTION_STANDARD_ERROR * max(along, 1e-300))


def _rises(found: SearchResult, moves: Array) -> Array:
    """Return by how much the value rises along ±moves: (2, number of moves)."""
    return (found.restricted.values(found.x + np.concatenate([moves, -moves])) - found.value).reshape(2, -1)
