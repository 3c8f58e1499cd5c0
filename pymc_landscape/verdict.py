"""What an end of a search is: an optimum, an edge, a ridge, a slope without end, or nothing.

A small gradient is no proof. Along each direction that looks too flat the surface itself is asked: at a regular optimum
−2LL rises by t² at t standard errors; along a ridge it stays; where an estimate runs to infinity it stays or falls on
one side and rises on the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.information import spectrum
from pymc_landscape.ridges import name_direction
from pymc_landscape.search import Found
from pymc_landscape.trust_region import noise


class Status(StrEnum):
    """What a fit found; only `converged` and `at_bound` claim an optimum."""

    CONVERGED = "converged"
    AT_BOUND = "at_bound"
    NOT_IDENTIFIED = "not_identified"
    UNBOUNDED = "unbounded"
    FAILED = "failed"

    @property
    def is_optimum(self) -> bool:
        """Whether the fit claims an optimum."""
        return self in (Status.CONVERGED, Status.AT_BOUND)


@dataclass(frozen=True)
class Verdict:
    """A status, the sentence that explains it, and the directions that it is about.

    Parameters
    ----------
    status : Status
        The verdict.
    message : str
        Why, and what to do.
    flat : array (m, k)
        Directions, over the free elements, along which the surface is level or falls for ever.
    lower : array (k,) or None
        A lower point that was met on the way.
    """

    status: Status
    message: str = ""
    flat: Array = field(default_factory=lambda: np.zeros((0, 0)))
    lower: Array | None = None


# A direction is asked about if its standard error is so many times the estimate along it, or if its curvature, on
# scales that make the diagonal 1, is as small as this.
VAGUE, LEVEL = 30.0, 1e-7
# In standard errors: where the surface is asked.
STEPS = np.array([0.5, 3.0, 10.0])
# For an estimate that is far out: on from it, and back towards the middle; and what counts as level and as a rise,
# where densities lose digits.
ON_FROM_IT, ON_THE_WAY = np.array([1.1, 1.3, 1.5]), np.array([0.5, 0.25, 0.1, 0.0])
LEVEL_THERE, RISE_THERE = 1e-2, 0.05
# A rise of less than this counts as none, where t² was expected.
NO_RISE = 1e-5
# An unconstrained value beyond the first is asked whether it has run away; one beyond the second, short of an
# optimum, has.
FAR, RUNAWAY = 12.0, 30.0


def judge(found: Found) -> Verdict:
    """Say what the end of a search is."""
    if not np.isfinite(found.value):
        return Verdict(Status.FAILED, "No start had a finite likelihood: give starts inside the support.")
    if found.frame.bottomless or (not found.is_minimum and _has_run_away(found)):
        return _bottomless(found)
    if not found.is_minimum:
        return _unfinished(found)
    level, receding, lower = _ask(found)
    if lower is not None:
        return Verdict(Status.FAILED, "A lower point was found beside the end of the search.", lower=lower)
    if len(receding):
        return Verdict(Status.UNBOUNDED, _endless(found, receding[0]), flat=receding)
    if len(level):
        return Verdict(Status.NOT_IDENTIFIED, _not_determined(found, level), flat=level)
    if found.frame.held:
        names = ", ".join(found.frame.layout.labels[i] for i in found.frame.held)
        return Verdict(Status.AT_BOUND, f"The optimum is on the edge of the support: {names}.")
    return Verdict(Status.CONVERGED)


def _ask(found: Found) -> tuple[Array, Array, Array | None]:
    """Return level directions, receding ones, and a lower point if one was met."""
    k = len(found.x)
    none = np.zeros((0, k))
    if found.hessian is None or not k:
        return none, none, None
    curvature = spectrum(found.hessian)
    tolerance = noise(found.value)
    level, receding = [], _gone(found)
    for i in range(k):
        step = curvature.direction(i)
        is_zero = abs(curvature.values[i]) <= curvature.tolerance
        if not (is_zero or _looks_flat(step, found.x, curvature.values[i] / curvature.values[-1])):
            continue
        rises = _rises(found, step, is_zero)
        if rises.min() < -1e3 * tolerance - NO_RISE and not is_zero:
            best = int(np.argmin(rises))
            side, t = divmod(best, len(STEPS))
            lower = found.x + (1.0, -1.0)[side] * float(STEPS[t]) * step
            if _is_isolated(rises[side]):
                return none, none, lower
        flat_sides = (np.abs(rises) < NO_RISE + 10 * tolerance).all(axis=1) | (rises < NO_RISE).all(axis=1)
        if is_zero or flat_sides.all():
            level.append(step)
        elif flat_sides.any():
            receding.append(step if flat_sides[0] else -step)
    return _sparse(np.array(level).reshape(-1, k)), np.array(receding).reshape(-1, k), None


def _sparse(directions: Array) -> Array:
    """Return a basis of the same space in which each direction concerns few parameters (row echelon form)."""
    rows = directions.copy()
    for i in range(len(rows)):
        j = int(np.argmax(np.abs(rows[i])))
        rows[i] /= rows[i, j]
        others = np.arange(len(rows)) != i
        rows[others] -= np.outer(rows[others, j], rows[i])
    return np.where(np.abs(rows) < 1e-8, 0.0, rows)


def _gone(found: Found) -> list[Array]:
    """Return axes along which an estimate is so far out that the surface is level there, and was not on the way."""
    gone = []
    for j in _beyond(found, FAR):
        factors = np.concatenate([ON_FROM_IT, ON_THE_WAY])
        moved = np.repeat(found.x[None], len(factors), axis=0)
        moved[:, j] *= factors
        rises = found.frame.values(moved) - found.value
        on, back = rises[: len(ON_FROM_IT)], rises[len(ON_FROM_IT) :]
        if (on < LEVEL_THERE).all() and (back > RISE_THERE).any():
            gone.append(np.sign(found.x[j]) * (np.arange(len(found.x)) == j))
    return gone


def _looks_flat(step: Array, x: Array, relative: float) -> bool:
    length = float(np.linalg.norm(step))
    along = abs(float(x @ step)) / length
    return bool(relative < LEVEL or length > VAGUE * max(along, 1e-300))


def _rises(found: Found, step: Array, is_zero: bool) -> Array:
    """Return by how much the value rises along ±step: (2, number of steps)."""
    scale = step * max(1.0, float(np.abs(found.x).max())) / np.abs(step).max() if is_zero else step
    moves = np.concatenate([STEPS[:, None] * scale, -STEPS[:, None] * scale])
    return (found.frame.values(found.x + moves) - found.value).reshape(2, -1)


def _is_isolated(rises: Array) -> bool:
    """Whether a lower point lies behind a rise, or far below: another valley, and no endless slope."""
    return bool(rises.min() < -1e-3)


def _has_run_away(found: Found) -> bool:
    return bool(len(_beyond(found, RUNAWAY)) and (found.gradient is None or np.linalg.norm(found.gradient) > 1e-3))


def _beyond(found: Found, limit: float) -> list[int]:
    """Return the free elements of transformed variables that are further out than `limit`."""
    transformed = [v for v in found.frame.objective.variables if v.transform and v.name not in found.frame.natural]
    slices = [found.frame.layout.slices[v.name] for v in transformed]
    inside = {i for where in slices for i in range(where.start, where.stop)}
    return [j for j, i in enumerate(found.frame.free) if i in inside and abs(found.x[j]) > limit]


def _bottomless(found: Found) -> Verdict:
    direction = np.zeros(len(found.x))
    away = _beyond(found, RUNAWAY) or list(np.argsort(-np.abs(found.x))[:1])
    direction[away] = np.sign(found.x[away])
    goes = ", ".join(_goes(found, j) for j in away)
    return Verdict(
        Status.UNBOUNDED,
        f"{_density(found)} has no maximum: it rises for ever while {goes}, as where a mixture component collapses on "
        "one observation or random effects fit their data exactly; bound the scale away from the edge, tie scales "
        "together, or start elsewhere for a local maximum.",
        flat=direction[None],
    )


def _goes(found: Found, j: int) -> str:
    """Say where an element runs."""
    frame, i = found.frame, int(found.frame.free[j])
    for v in frame.objective.variables:
        where = frame.layout.slices[v.name]
        if where.start <= i < where.stop and v.elementwise:
            edge = v.bounds[0] if found.x[j] < 0 else v.bounds[1]
            return f"{v.labels[i - where.start]} goes to {_number(edge)}"
    return f"{frame.layout.labels[i]} goes to {_number(np.sign(found.x[j]) * np.inf)}"


def _density(found: Found) -> str:
    return "The posterior density" if found.frame.objective.prior_weight else "The likelihood"


def _number(value: float) -> str:
    return {np.inf: "+∞", -np.inf: "−∞"}.get(value, f"{value:g}")


def _unfinished(found: Found) -> Verdict:
    """Distinguish a slope that goes on for ever from a search that just did not arrive."""
    gone = _gone(found)
    if gone:
        return Verdict(Status.UNBOUNDED, _endless(found, gone[0]), flat=np.array(gone))
    if found.gradient is not None and np.isfinite(found.gradient).all() and found.gradient.any():
        scale = spectrum(found.hessian).scale if found.hessian is not None else np.ones_like(found.x)
        direction = -found.gradient / scale**2
        away = direction / np.abs(direction).max() * max(1.0, float(np.abs(found.x).max()))
        rises = found.frame.values(found.x + STEPS[:, None] * away) - found.value
        if (np.diff(rises, prepend=0.0) < 0).all() and np.isfinite(rises).all():
            return Verdict(Status.UNBOUNDED, _endless(found, away), flat=away[None])
    return Verdict(
        Status.FAILED,
        f"The search did not arrive at an optimum ({found.optimizer}: {found.reason or 'no more progress'}): "
        "try other starts, or scale the data.",
    )


def _endless(found: Found, direction: Array) -> str:
    labels = found.frame.labels
    main = np.flatnonzero(np.abs(direction) > 0.5 * np.abs(direction).max())
    goes = " and ".join(f"{labels[j]} goes to {_number(np.sign(direction[j]) * np.inf)}" for j in main[:4])
    return (
        f"{_density(found)} has no maximum: −2LL falls towards {found.value:.6g} and does not reach it while {goes}, "
        "as where predictors tell the outcomes apart (separation) or a distribution nears a simpler one; leave the "
        "parameter out, or use a prior (fit_map)."
    )


def _not_determined(found: Found, level: Array) -> str:
    names = ", ".join(name_direction(d, found.frame.labels) for d in level[:5])
    idle = found.hessian is not None and all(not found.hessian[d != 0].any() for d in level)
    if idle:
        return f"The likelihood does not depend on {names}{_random_effects(found)}"
    return (
        f"The likelihood does not determine {names}: −2LL is level along that direction; fix or leave out a "
        "parameter, or use a prior (fit_map)."
    )


def _random_effects(found: Found) -> str:
    latent = found.frame.objective.latent
    if not latent:
        return ": leave the parameter out, or use a prior (fit_map)."
    return f", for it is conditional on the random effects {', '.join(latent)}: they would have to be integrated out."
