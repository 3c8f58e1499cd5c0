"""Directions along which the result of a search may be no optimum: the surface itself is asked.

A small gradient is no proof. At a regular optimum −2LL rises by t² at t standard errors. Along a ridge it stays level;
where an estimate runs to infinity it is level or falls on one side and rises on the other; beside a saddle, or on the
way to another local minimum, it falls. Where separation leaves no maximum, Newton's steps do not shrink.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.numerics import (
    QuadraticModel,
    Spectrum,
    hessian_of_gradients,
    level_eigenvectors,
    quadratic_model,
    simple_basis,
    spectrum,
)
from pymc_landscape.objective import BoundElement, DerivativesAtOnce, RestrictedObjective, is_lower
from pymc_landscape.optimize.active_set import InsideBound
from pymc_landscape.optimize.local_search import SearchResult, search
from pymc_landscape.optimize.status import Directions, is_lost_in_rounding
from pymc_landscape.optimize.tolerances import (
    EXAMINED_DISTANCE,
    FALL,
    INFINITE_DISTANCE,
    LEVEL_FAR_OUT,
    NO_RISE,
    RISE_FAR_OUT,
    ROUGH,
    RUNAWAY_DISTANCE,
)

# A direction is suspicious if its standard error is so many times the estimate along it, or if its curvature, on
# scales that make the diagonal 1, is this small a share of the largest.
SUSPICIOUS_ERROR, SUSPICIOUS_CURVATURE = 30.0, 1e-7
# The same of an element that is far out, where its curvature may be rounding.
VAGUE = 10.0
# A standard error that spans all that can be computed is refuted by a rise, half of it away, of so many times t².
NOT_BORNE_OUT = 10.0
# Of curvatures that are differences of gradients, less than this share of the largest is none.
DIFFERENCES = 1e-8
# Where the surface is evaluated along a direction: in standard errors, and where those mean nothing, in sizes of the
# estimate.
STEPS, SIZES = np.array([0.5, 3.0, 10.0]), np.array([1e-3, 1e-2, 0.1, 0.5])
# In multiples of the estimate: onward from one that is far out, and back towards the middle.
ONWARD, BACK = np.array([1.1, 1.3, 1.5]), np.array([0.9, 0.7, 0.5, 0.25, 0.1, 0.0])
# The same along a profile, with the steps back of a power law too; and Newton's steps of each minimisation, at most.
INWARD, PROFILE_ITERATIONS = np.concatenate([BACK[:-1], 10.0 ** -np.arange(2.0, 8.0)]), 60
# An estimate that ran away rises so many times more steeply on the way back than its curvature says.
STEEPER = 4.0
# Rises on the two sides of a bent ridge, where they are no rounding: one is at least this share of the other.
ALIKE, VISIBLE = 0.2, 1e-8
# Newton's steps go on for ever if so many in a row keep length and direction, and are so long against the estimate.
STEPS_IN_A_ROW, LONG = 5, 1e-4
# Off a bound, all else fixed: rises that can be seen and are near enough for a parabola; and the share of them that the
# others leave where they may take back all; depths between two of which one is too near and one too far.
SEEN, NEAR, TAKEN_BACK, FINER = 1e-3, 3.0, 0.6, 9
# A gradient of less than this, by one unit of the unconstrained scale, is none for an element that has run away.
NO_GRADIENT = 1e-3


def find_directions(result: SearchResult) -> Directions:
    """Examine every direction in which the result of a search may be no optimum."""
    k = len(result.x)
    found: dict[str, list[Array]] = {"level": [], "unbounded": [], "kinked": [], "lost": []}
    lower, run_away, left = None, list[int](), dict[BoundElement, Array]()
    is_finite = bool(np.isfinite(result.value))
    if is_finite and not result.is_minimum:
        run_away = _run_away(result)
        found["unbounded"] = [] if run_away else _unbounded_short_of_an_optimum(result)
    elif is_finite and k and result.hessian is not None:
        curvature, zero = _curvature(result, result.hessian)
        found["unbounded"] = _far_out(result) + _newton_goes_on(result)
        for i in np.flatnonzero(zero | _suspicious(result, curvature)).tolist():
            step = curvature.direction(i)
            if zero[i] and is_lost_in_rounding(result, curvature, i):
                found["lost"].append(step)
            else:
                known = sum(map(len, found.values()))
                lower = _classify(result, curvature, bool(zero[i]), i, found)
                if lower is not None:
                    break
                furthest = int(np.argmax(_relative(step, result.x)))
                is_known = any(int(np.argmax(_relative(axis, result.x))) == furthest for axis in found["unbounded"])
                if sum(map(len, found.values())) == known and not is_known:
                    found["unbounded"] += _levels_off(result, furthest)
                    if sum(map(len, found.values())) == known and not _is_borne_out(result, step):
                        found["level"].append(step)
        if lower is None and not (found["unbounded"] or found["lost"]):
            left = _level_off_bounds(result)
        if lower is None and not any(found.values()):
            found["unbounded"] = _vague_far_out(result, curvature)
    rows = {name: np.array(several).reshape(len(several), k) for name, several in found.items()}
    rows |= {name: simple_basis(rows[name]) for name in ("level", "kinked")}
    return Directions(**rows, lower=lower, run_away=run_away, off_bounds=left)


# --- at a minimum ----------------------------------------------------------------------------------------------------


def _curvature(result: SearchResult, hessian: Array) -> tuple[Spectrum, NDArray[np.bool_]]:
    """Return the curvatures, and which of them are zero: finer, where differences leave that open."""
    curvature = spectrum(hessian)
    flat = np.abs(curvature.values) <= curvature.tolerance
    if result.gradient is not None:
        flat = level_eigenvectors(DerivativesAtOnce(result.restricted), result.x, result.gradient, curvature)
    if not (result.restricted.objective.is_integral and _suspicious(result, curvature).any()):
        return curvature, flat
    finer = hessian_of_gradients(lambda x: result.restricted.value_and_gradient(x)[1], result.x)
    curvature = spectrum(finer) if np.isfinite(finer).all() else curvature
    return curvature, np.abs(curvature.values) <= DIFFERENCES * float(np.abs(curvature.values).max())


@np.errstate(over="ignore", invalid="ignore")  # of a scale that vanishes, steps have squares that overflow
def _suspicious(result: SearchResult, curvature: Spectrum) -> NDArray[np.bool_]:
    """Return along which eigenvectors a look at the surface is worth it, for what its curvature says."""
    steps, little = curvature.directions, curvature.values < SUSPICIOUS_CURVATURE * curvature.values[-1]
    lengths = np.sqrt(np.add.reduce(steps * steps, axis=0))
    errors = lengths / np.maximum(np.abs(result.x @ steps) / lengths, 1e-300)
    return np.asarray((errors > SUSPICIOUS_ERROR) | little | _span_infinity(result, steps))


def _span_infinity(result: SearchResult, steps: Array) -> NDArray[np.bool_]:
    """Return which steps, a column each, take a transformed element, as the log of a scale, as good as to infinity."""
    transformed = result.restricted.layout.transformed[result.restricted.free]
    return np.asarray((np.abs(steps[transformed]) > INFINITE_DISTANCE).any(axis=0))


def _is_borne_out(result: SearchResult, step: Array) -> bool:
    """Whether the surface rises about as the curvature says, where that says that one step leads to infinity."""
    borne_out = _rises(result, STEPS[:1, None] * step) <= NOT_BORNE_OUT * STEPS[0] ** 2
    return not _span_infinity(result, step[:, None])[0] or bool(borne_out.any())


def _classify(
    result: SearchResult, curvature: Spectrum, is_zero: bool, i: int, found: dict[str, list[Array]]
) -> Array | None:
    """Add direction i to the list to which it belongs, or return a lower point."""
    step = curvature.direction(i)
    unit = step / np.max(np.abs(step) / np.maximum(np.abs(result.x), 1.0))
    near = _rises(result, SIZES[:, None] * unit)
    far = near if is_zero else _rises(result, STEPS[:, None] * step)
    looked_at = [(near, SIZES[:, None] * unit), (far, STEPS[:, None] * step)]
    for rises, moves in looked_at[:1] if is_zero else looked_at:
        if rises.min() < -FALL:
            side, t = divmod(int(np.argmin(rises)), rises.shape[1])
            x = np.asarray(result.x + (1.0, -1.0)[side] * moves[t])
            lowest, bar = float(result.value + rises.min()), result.value - FALL
            if is_lower(result.restricted, x, lowest, bar, (result.restricted, result.x)):
                return x
    if is_zero and ((near[:, 0] > NO_RISE).all() or _is_plateau(result, step, near)):
        found["kinked"].append(step)
        return None
    is_flat = ((far[:, :1] if is_zero else far) < NO_RISE).all(axis=1)  # on either side
    if is_flat.all():
        sign = _sign_of_retreat(result, unit)
        found["unbounded" if sign else "level"].append((sign or 1.0) * step)
    elif is_flat.any():
        found["unbounded"].append(step if is_flat[0] else -step)
    return None


def _is_plateau(result: SearchResult, step: Array, near: Array) -> bool:
    """Whether the surface is level to the last digit here and rises further out, as between the two middle values."""
    is_level = result.hessian is not None and not result.hessian[step != 0].any()
    return is_level and bool((near[:, -1] > NO_RISE).all())


def _rises(result: SearchResult, moves: Array) -> Array:
    """Return by how much the value rises along ±moves: (2, number of moves), infinite where there is no value."""
    values = result.restricted.values(result.x + np.concatenate([moves, -moves]))
    return (np.where(np.isnan(values), np.inf, values) - result.value).reshape(2, -1)


def _sign_of_retreat(result: SearchResult, unit: Array) -> float:
    """Return in which sense of a level direction the estimate ran out: it was not level on the way. 0 if it was."""
    along = float(result.x @ unit) / float(unit @ unit)
    factors = np.concatenate([ONWARD, BACK]) - 1.0
    rises = result.restricted.values(result.x + factors[:, None] * along * unit) - result.value
    onward, back = rises[: len(ONWARD)], rises[len(ONWARD) :]
    came_out = (onward < LEVEL_FAR_OUT).any() and (back > RISE_FAR_OUT).any()
    return float(np.sign(along)) if came_out and not _is_bent(onward, back[: len(onward)]) else 0.0


def _is_bent(onward: Array, back: Array) -> bool:
    """Whether a ridge only bends away from a straight line: it rises smoothly, and as much on either side."""
    telling = np.maximum(onward, back) > VISIBLE
    with np.errstate(invalid="ignore"):  # beyond the support: ∞ − ∞
        rising = (np.diff(onward[telling]) > 0).all() and (np.diff(back[telling]) > 0).all()
        return bool(telling.any() and rising and (onward > ALIKE * back)[telling].all())


def _newton_goes_on(result: SearchResult) -> list[Array]:
    """Take more of Newton's steps: at an optimum they shrink at once, towards infinity they keep their length."""
    if result.gradient is None or result.hessian is None or not result.exact:
        return []
    here = QuadraticModel(result.x, result.value, result.gradient, result.hessian)
    before = here.newton_step()
    with np.errstate(all="ignore"):
        if not (np.abs(before / here.x) > LONG).any():
            return []
        for _ in range(STEPS_IN_A_ROW):
            here = quadratic_model(result.restricted, here.x + before)
            if not np.isfinite(here.hessian).all() or here.value > result.value + NO_RISE:
                return []
            now = here.newton_step()
            size, last = np.linalg.norm([now, before], axis=1)
            if not (0.3 * last < size < 3.0 * last and now @ before > 0.95 * size * last):
                return []
            before = now
    return [here.x - result.x]


# --- off a bound ---------------------------------------------------------------------------------------------------


def _level_off_bounds(result: SearchResult) -> dict[BoundElement, Array]:
    """Return the ways of the free elements along which the surface stays level off a bound at which one is fixed.

    The redundant one of two variances can be given up for the other, from 0 upwards. A regular bound is no level end:
    the surface rises from it, whatever the others do.
    """
    restricted, ways = result.restricted, dict[BoundElement, Array]()
    for element in restricted.fixed_elements:
        inside = InsideBound(restricted, result.x, element)
        depth = _telling_depth(inside, result.value)
        if depth is None:
            continue
        moved = restricted.refixed({**restricted.fixed, restricted.positions[element]: inside.bound + depth})
        if not _may_be_level(result, moved):
            continue
        there = search(moved, result.x)
        if there.is_minimum and there.value - result.value < NO_RISE:
            ways[element] = there.x - result.x
    return ways


def _telling_depth(inside: InsideBound, value: float) -> float | None:
    """Return how far inside the surface has risen by enough to be seen and little enough to be near, all else fixed."""
    depths = inside.depths
    for _ in range(2):
        rises = inside.values(depths) - value
        seen = np.flatnonzero((rises > SEEN) & (rises < NEAR))
        if len(seen):
            return float(depths[seen[-1]])
        i = int(np.argmax(rises >= NEAR))
        if not (i > 0 and rises[i] >= NEAR):
            return None
        depths = np.geomspace(depths[i - 1], depths[i], FINER)
    return None


def _may_be_level(result: SearchResult, moved: RestrictedObjective) -> bool:
    """Whether Newton's step of all others would take back nearly all of what the element's own move has cost."""
    value, gradient = moved.value_and_gradient(result.x)
    if result.hessian is None or not np.isfinite(gradient).all():
        return False
    left = value - 0.5 * QuadraticModel(result.x, value, gradient, result.hessian).decrement - result.value
    return bool(left < TAKEN_BACK * (value - result.value))


# --- far out, or short of an optimum ---------------------------------------------------------------------------------


def _beyond(result: SearchResult, distance: float) -> list[int]:
    """Return the free elements of transformed variables that are further out than `distance`."""
    transformed = result.restricted.layout.transformed[result.restricted.free]
    return np.flatnonzero(transformed & (np.abs(result.x) > distance)).tolist()


def _far_out(result: SearchResult) -> list[Array]:
    """Return axes along which an estimate is so far out that the surface is level there, and was not on the way."""
    axes = [np.sign(result.x[j]) * (np.arange(len(result.x)) == j) for j in _beyond(result, EXAMINED_DISTANCE)]
    return [axis for axis in axes if _sign_of_retreat(result, axis)]


def _vague_far_out(result: SearchResult, curvature: Spectrum) -> list[Array]:
    """Return the axis of an element that is far out, where its curvature may be rounding, if it ran away."""
    errors = np.sqrt(np.maximum(2.0 * np.diagonal(curvature.inverse()), 0.0))
    vague = (np.abs(result.x) > EXAMINED_DISTANCE) & (errors > VAGUE * np.abs(result.x))
    return _levels_off(result, int(np.argmax(np.where(vague, errors / np.abs(result.x), 0.0)))) if vague.any() else []


def _relative(direction: Array, x: Array) -> Array:
    """Return how far a direction moves each element, in its own size."""
    return np.asarray(np.abs(direction) / np.maximum(np.abs(x), 1.0))


def _levels_off(result: SearchResult, j: int) -> list[Array]:
    """Return the axis of an element along which the profile is level further out, and was not on the way.

    The profile, not a straight line: where a transform ties elements together, as those of an ordered vector, all the
    others give way.
    """
    x, restricted = result.x, result.restricted

    def rises(shares: Array) -> Iterator[float]:
        begin = x
        for share in shares:
            whole = restricted.full(begin).copy()
            whole[restricted.free[j]] = share * x[j]
            nearer = restricted.refixed({**restricted.fixed, int(restricted.free[j]): share * x[j]})
            there = search(nearer, whole[nearer.free], PROFILE_ITERATIONS)
            begin = nearer.full(there.x)[restricted.free]
            yield there.value - result.value

    if not abs(x[j]) > 0.0:
        return []
    onward = list(rises(ONWARD[:-1]))  # further out rounding may be more than what is level
    if not np.nanmax(np.abs(onward)) < LEVEL_FAR_OUT:
        return []
    # an estimate near 0 is level by these measures too, but rises on the way back as its own parabola does
    parabola = STEEPER * (1.0 - INWARD) ** 2 * (x[j] / _profile_error(result, j)) ** 2
    came_out = any(rise > max(RISE_FAR_OUT, least) for rise, least in zip(rises(INWARD), parabola, strict=True))
    return [np.sign(x[j]) * (np.arange(len(x)) == j)] if came_out else []


def _profile_error(result: SearchResult, j: int) -> float:
    """Return the standard error of an element, all others giving way; infinite where they leave it no curvature."""
    if result.hessian is None or not np.isfinite(result.hessian).all():
        return np.inf
    curvature = spectrum(result.hessian)
    shares = (curvature.vectors[j] / curvature.scale[j]) ** 2
    curved = curvature.values > curvature.tolerance
    if not curved.all() and (shares[~curved] > 0).any():
        return np.inf
    return float(np.sqrt(2.0 * (shares[curved] / curvature.values[curved]).sum()))


def _run_away(result: SearchResult) -> list[int]:
    """Return the elements that ran to infinity: where a likelihood of +∞ was met, at least the furthest."""
    far = _beyond(result, RUNAWAY_DISTANCE)
    if result.unbounded_below:
        return far or [int(j) for j in np.argsort(-np.abs(result.x))[:1]]
    return far if result.gradient is None or np.linalg.norm(result.gradient) > NO_GRADIENT else []


def _unbounded_short_of_an_optimum(result: SearchResult) -> list[Array]:
    """Distinguish a surface that falls for ever from a search that just did not converge."""
    axes = _far_out(result)
    if axes or result.gradient is None or not np.isfinite(result.gradient).all() or not result.gradient.any():
        return axes
    scale = spectrum(result.hessian).scale if result.hessian is not None else np.ones_like(result.x)
    direction = -result.gradient / scale**2
    move = direction / np.abs(direction).max() * np.abs(result.x).max(initial=1.0)
    rises = result.restricted.values(result.x + STEPS[:, None] * move) - result.value
    falls = np.isfinite(rises).all() and (np.diff(rises, prepend=0.0) < 0).all()
    if falls or result.hessian is None or not result.remaining_decrease <= ROUGH:
        return [move] if falls else []
    # rounding far out keeps a search from arriving
    errors = np.sqrt(2.0 / np.maximum(np.abs(np.diagonal(result.hessian)), 1e-300))
    furthest = int(np.argmax(_relative(errors, result.x)))
    return _levels_off(result, furthest) if errors[furthest] > abs(result.x[furthest]) else []
