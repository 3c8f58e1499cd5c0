"""The likeliest random effects at one θ or at many: Newton's method, damped, run alone or in step.

The method is written once, as a generator that asks for derivatives at one point after another. Many searches go in
step: what all of them ask for is evaluated in one call. Each starts from what is known at points that are near: along a
grid the likeliest effects hardly move.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress

import numpy as np
import scipy

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import Factor, NotPositive, Pattern, factorised

# Newton's steps to û; how much one more may gain, in units of f, where they have converged, and where rounding may have
# stopped them, which shows in that a step gains so much of what the last did. The error of û, and through the curvature
# that of log L, is as the root of the gain.
MAX_STEPS, CONVERGED_GAIN, NEARLY_CONVERGED_GAIN, ROUNDING_SHARE = 200, 1e-26, 1e-9, 0.1
# A step is halved at most so often, and must gain this share of what a straight line says (Armijo's condition); a
# curvature that is not positive gets so much of its diagonal added, and tenfold again.
MAX_HALVINGS, ARMIJO, RIDGE, RIDGES = 40, 1e-4, 1e-3, 12
# So many searches go in step at most, and so many numbers are evaluated together.
MOST_IN_STEP, TOGETHER = 64, 4_000_000
# How far from its top, in standard deviations, a log density is compared with a quadratic one, and to what share.
DISTANCES, AS_QUADRATIC = (0.5, 1.0, 3.0, 10.0), 1e-8
# A start may lie so far outside what is known, in units of the distances of what it is extrapolated from.
FURTHEST = 2.0


@dataclass(frozen=True)
class JointPoint:
    """The value f at one (θ, u), its gradient over both, and the elements of its curvature over u."""

    vector: Array
    joint: float
    gradient: Array
    entries: Array


@dataclass(frozen=True)
class Mode(JointPoint):
    """The likeliest effects at a θ, with the curvature factorised."""

    curvature: Factor


# Asks for derivatives at points, and is told them, or None where they are no numbers.
Search = Generator[Array, JointPoint | None, Mode | None]
Step = Generator[Array, JointPoint | None, JointPoint | None]


def newton_search(pattern: Pattern, k: int, vector: Array) -> Search:
    """Search for the likeliest effects from a point (k + q,), of which the first k stay; None where there are none."""
    here, before, known = (yield vector), np.inf, None
    diagonal = np.flatnonzero(pattern.rows == pattern.columns)
    own = pattern.rows[diagonal]
    for _ in range(MAX_STEPS):
        if here is None:
            return None
        if known is None or not np.array_equal(here.entries, known):  # the same everywhere, where f is quadratic
            known, (curvature, is_exact) = here.entries, _positive(pattern, here.entries)
        gradient = here.gradient[k:]
        step = curvature.solve(gradient)
        # gᵀH⁻¹g is no less than any gᵢ²/Hᵢᵢ, except where a factor of a nearly singular H has no digits left
        with np.errstate(over="ignore"):
            least = (gradient[own] ** 2 / np.maximum(here.entries[diagonal], 1e-300)).max(initial=0.0)
        gain, size = max(float(gradient @ step), float(least) if is_exact else 0.0), max(1.0, abs(here.joint))
        is_last = is_exact and gain <= NEARLY_CONVERGED_GAIN * size  # what such a step gains is lost in rounding
        if is_last and (gain <= CONVERGED_GAIN * size or gain > ROUNDING_SHARE * before):
            return Mode(here.vector, here.joint, here.gradient, here.entries, curvature)
        whole, before = np.concatenate([np.zeros(k), step]), gain
        here = (yield here.vector + whole) if is_last else (yield from _line_search(here, whole, gain))
    return None


def _line_search(here: JointPoint, step: Array, gain: float) -> Step:
    """Go along a step, halved until f rises enough."""
    share = 1.0
    for _ in range(MAX_HALVINGS):
        there = yield here.vector + share * step
        if there is not None and there.joint >= here.joint + ARMIJO * share * gain:
            return there
        share *= 0.5
    return None


def _positive(pattern: Pattern, entries: Array) -> tuple[Factor, bool]:
    """Factorise; where the curvature is not positive, with enough on its diagonal that it is."""
    try:
        return factorised(pattern, entries), True
    except NotPositive:
        return _ridged(pattern, entries), False


def _ridged(pattern: Pattern, entries: Array) -> Factor:
    diagonal = pattern.rows == pattern.columns
    size = float(np.abs(entries[diagonal]).mean()) or 1.0
    for i in range(RIDGES - 1):
        with suppress(NotPositive):
            return factorised(pattern, entries + RIDGE * size * 10.0**i * diagonal)
    raise ArithmeticError("The curvature in the random effects is not positive.")


# --- searches --------------------------------------------------------------------------------------------------------

Evaluate = Callable[[Array], Sequence[JointPoint | None]]


def run_search(search: Search, evaluate: Callable[[Array], JointPoint | None]) -> Mode | None:
    """Run one search to its end."""
    point = next(search)
    while True:
        try:
            point = search.send(evaluate(point))
        except StopIteration as end:
            mode: Mode | None = end.value
            return mode


def run_in_step(searches: Sequence[Search], evaluate: Evaluate) -> list[Mode | None]:
    """Run searches to their ends; `evaluate` gets the points (n, k + q) of all that go on."""
    asked = {i: next(search) for i, search in enumerate(searches)}
    modes: list[Mode | None] = [None] * len(searches)
    while asked:
        told = evaluate(np.stack(list(asked.values())))
        for i, there in zip(list(asked), told, strict=True):
            try:
                asked[i] = searches[i].send(there)
            except StopIteration as end:
                modes[i] = end.value
                del asked[i]
    return modes


def modes_in_waves(
    thetas: Array, start: Array, search: Callable[[Array], Search], evaluate: Evaluate
) -> list[Mode | None]:
    """Search at many θ (n, k): few at first, then more and more, each from those nearby that are known.

    Parameters
    ----------
    thetas : array (n, k)
        Parameters, neighbours beside each other.
    start : array (q,)
        Effects from which the first search begins.
    search : callable
        Makes the search from a point (k + q,).
    evaluate : callable
        Derivatives at many points.
    """
    modes: list[Mode | None] = []
    spread = np.ptp(thetas, axis=0)
    scaled = thetas / np.where(spread > 0, spread, 1.0)
    most = max(1, min(MOST_IN_STEP, TOGETHER // max(len(start), 1)))
    while (done := len(modes)) < len(thetas):
        wave = range(done, min(done + min(max(1, done), most), len(thetas)))
        found = [(i, mode.vector[thetas.shape[1] :]) for i, mode in enumerate(modes) if mode is not None][-most:]
        known, effects = [i for i, _ in found], [u for _, u in found]
        begins = [_extrapolated(scaled[i], scaled[known], effects) if known else start for i in wave]
        searches = [search(np.concatenate([thetas[i], u])) for i, u in zip(wave, begins, strict=True)]
        modes += run_in_step(searches, evaluate)
    return modes


def _extrapolated(there: Array, known: Array, effects: Sequence[Array]) -> Array:
    """Return effects at one place (k,) as a straight line through those at the two nearest (n, k) tells, or as there.

    The line is followed no further than is safe.
    """
    distance = ((known - there) ** 2).sum(axis=1)
    first, *others = np.argsort(distance, kind="stable")[:2].tolist()
    if not others:
        return np.asarray(effects[first])
    along = known[others[0]] - known[first]
    share = float((there - known[first]) @ along) / max(float(along @ along), 1e-300)
    moved = effects[others[0]] - effects[first]
    return np.asarray(effects[first] + (share * moved if abs(share) <= FURTHEST else 0.0))


def is_quadratic(pattern: Pattern, mode: Mode, derivatives: Callable[[Array], Sequence[Array]]) -> bool:
    """Whether f is quadratic in u, as far as values at all distances from û show.

    `derivatives` gives f and its gradient first, at one (θ, u).
    """
    q, k = pattern.size, len(mode.vector) - pattern.size
    top, rng = mode.vector[k:], np.random.default_rng(q)
    matrix = scipy.sparse.coo_array((mode.entries, (pattern.rows, pattern.columns)), shape=(q, q)).tocsr()
    shifts = [d * mode.curvature.root_solve(rng.choice(np.array([-1.0, 1.0]), q)) for d in DISTANCES]
    for shift in [*shifts, -top, -2.0 * top]:  # corners are at 0, if anywhere
        joint, gradient, *_ = derivatives(mode.vector + np.concatenate([np.zeros(k), shift]))
        slope = matrix @ shift
        drop, steepest = 0.5 * float(shift @ slope), np.abs(slope).max(initial=1.0)
        if not abs(mode.joint - joint - drop) <= AS_QUADRATIC * max(1.0, abs(mode.joint), drop):
            return False
        if not (np.abs(gradient[k:] + slope) <= AS_QUADRATIC * steepest).all():
            return False
    return True
