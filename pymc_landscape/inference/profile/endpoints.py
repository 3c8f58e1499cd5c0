"""Any endpoint of a profile interval: by Newton's method, else along the profile by continuation and bracketing.

The way is short where nothing is unusual: Newton's steps for all endpoints together, values on the straight line to
each that rule out a lower optimum, and a search for lower local minima of the nuisance parameters next to each. What
Newton's method does not solve, the continuation brackets, and ``scipy.optimize.toms748`` closes in (Alefeld, Potra &
Shi 1995, *ACM Transactions on Mathematical Software* 21, 327-344).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.active_set import settle_active_set
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.inference.profile.constraint_manifold import minimize_on
from pymc_landscape.inference.profile.continuation import LOWER, ProfileContinuation
from pymc_landscape.inference.profile.endpoint_newton import (
    EndpointProblem,
    newton_endpoint,
    newton_endpoints_batch,
    refine_endpoint,
)
from pymc_landscape.inference.profile.from_infinity import points_from_infinity
from pymc_landscape.inference.profile.local_minima import dips, lowest_local_minimum
from pymc_landscape.objective import RestrictedObjective, screen_batch
from pymc_landscape.optimize import NEAR_INFIMUM, search

# Steps of a continuation to a cut-off, at the least.
STEPS = 4
# Where on the line from the estimate to the endpoint, and beyond, the surface is evaluated.
SCREEN = np.linspace(0.0, 3.0, 25)[1:]
# Points on the way to an end, the values there, and values in the last digits of the end.
Screen = tuple[Array, Array, Array]
# A last value that is less than this share of the estimate is 0.
NEGLIGIBLE = 1e-7
# So many times as far a level profile is looked at.
BEYOND = 10.0 ** np.arange(1.0, 5.0)
# So often a lower local minimum is changed to.
CHANGES = 3
NEW_OPTIMUM = "a lower optimum than the estimate was met"


@dataclass(frozen=True)
class Endpoint:
    """One end.

    Parameters
    ----------
    value : float
        ψ there; the bound of the support for ``at_bound``, ±inf for ``open``, NaN for ``failed``.
    status : str
        ``finite``, ``at_bound``, ``open``, ``new_optimum`` or ``failed``.
    rise : float
        Δ(−2LL) there; for an open end, where the search ended.
    message : str
        Says more.
    point : ConstrainedPoint or None
        The point.
    """

    value: float
    status: str
    rise: float
    message: str = ""
    point: ConstrainedPoint | None = None


def find_endpoints(problems: Sequence[EndpointProblem], starts: Sequence[Mapping[str, Array]] = ()) -> list[Endpoint]:
    """Find endpoints of profile intervals of one fit.

    Parameters
    ----------
    problems : sequence of EndpointProblem
        Of each endpoint the minimum, with the quantity free, the side, and the cut-off.
    starts : sequence of points, optional
        Natural points that may lie near other local minima.

    Returns
    -------
    list of Endpoint
        One a problem; ``new_optimum`` where a point lower than the estimate was met: `point` is there.
    """
    candidates = [
        point if point is not None and _is_settled(point) and not _comes_from_infinity(problem) else None
        for problem, point in zip(problems, _solved(problems), strict=True)
    ]
    pairs = list(zip(problems, candidates, strict=True))
    likely = [i for i, (problem, point) in enumerate(pairs) if point is not None and _may_be_certain(problem, point)]
    convex = {id(here.restricted): here for here in (problems[i].estimate for i in likely)}
    convex = {key: here for key, here in convex.items() if here.is_on_convex_surface}
    certain = {
        i: _finite(problems[i], point)
        for i in likely
        if (point := candidates[i]) is not None and id(point.restricted) in convex
    }
    left = [i for i in range(len(problems)) if i not in certain]
    examined = _examined([problems[i] for i in left], [candidates[i] for i in left], starts) if left else []
    found = certain | dict(zip(left, examined, strict=True))
    return [found[i] for i in range(len(problems))]


def _may_be_certain(problem: EndpointProblem, point: ConstrainedPoint) -> bool:
    """Whether nothing is left to be looked for if the surface is convex: one minimum across, and one end a side."""
    return point.restricted is problem.estimate.restricted and not point.is_bent and point.is_as_foretold


def _examined(
    problems: Sequence[EndpointProblem],
    candidates: Sequence[ConstrainedPoint | None],
    starts: Sequence[Mapping[str, Array]],
) -> list[Endpoint]:
    """Return endpoints, after a look for lower optima on the way to each, and for other minima beside it."""
    screens = _screens(problems, candidates)
    results = [
        _endpoint(problem, point, screen) for problem, point, screen in zip(problems, candidates, screens, strict=True)
    ]
    points = [endpoint.point for endpoint in results if endpoint.status == "finite" and endpoint.point is not None]
    beside = dict(zip(map(id, points), dips(points), strict=True))
    return [
        _on_lowest_branch(problem, endpoint, starts, beside.get(id(endpoint.point)))
        for problem, endpoint in zip(problems, results, strict=True)
    ]


def _solved(problems: Sequence[EndpointProblem]) -> list[ConstrainedPoint | None]:
    """Return the ends that Newton's steps lead to, all together while they agree on what is free."""
    inside = [problem for problem in problems if not (_begins_at_bound(problem) or problem.is_far)]
    near = dict(zip(map(id, inside), newton_endpoints_batch(inside), strict=True))
    begun = [(problem, near.get(id(problem))) for problem in problems]
    return [
        (found[0] if found[1] else refine_endpoint(problem, found[0]))
        if found is not None
        else None
        if id(problem) not in near
        else newton_endpoint(problem)
        for problem, found in begun
    ]


def _on_lowest_branch(
    problem: EndpointProblem, endpoint: Endpoint, starts: Sequence[Mapping[str, Array]], beside: Sequence[Array] | None
) -> Endpoint:
    """Change to a lower local minimum of the nuisance parameters, if there is one: the endpoint is further out then."""
    for _ in range(CHANGES):
        # where a branch ends, in a fold, another one is lower
        examined = endpoint.point if endpoint.status in ("finite", "failed") else None
        lower = None if examined is None else lowest_local_minimum(examined, starts, beside)
        if lower is None:
            return endpoint
        if lower.is_lower(problem.estimate, LOWER):
            return Endpoint(lower.natural, "new_optimum", lower.value - problem.estimate.value, NEW_OPTIMUM, lower)
        endpoint, beside = _by_continuation(problem, lower), None
    return endpoint


def _comes_from_infinity(problem: EndpointProblem) -> bool:
    """Whether a bent quantity is followed step by step: what ran away may come back on its way, unseen by Newton."""
    return problem.estimate.is_bent and bool(problem.estimate.restricted.at_infinity)


def _begins_at_bound(problem: EndpointProblem) -> bool:
    return problem.estimate.natural == problem.estimate.quantity.bounds[int(problem.side > 0)]


def _endpoint(problem: EndpointProblem, point: ConstrainedPoint | None, screen: Screen) -> Endpoint:
    if _begins_at_bound(problem):
        why = "the estimate is on the edge of the support"
        return Endpoint(problem.estimate.natural, "at_bound", 0.0, why, problem.estimate)
    if point is not None:
        return _lower_on_line(problem, point, screen) or _finite(problem, point)
    return _at_bound(problem) or (_from_infinity(problem) if problem.is_far else _by_continuation(problem))


def _finite(problem: EndpointProblem, point: ConstrainedPoint) -> Endpoint:
    return Endpoint(point.natural, "finite", point.value - problem.estimate.value, "", point)


def _screens(problems: Sequence[EndpointProblem], candidates: Sequence[ConstrainedPoint | None]) -> list[Screen]:
    """Return values on the straight line to each end and beyond it, and in the last digits of the end."""
    estimates = [problem.estimate for problem in problems]
    moves = [here if point is None else point for here, point in zip(estimates, candidates, strict=True)]
    lines = [here.x + SCREEN[:, None] * (there.x - here.x) for here, there in zip(estimates, moves, strict=True)]
    points = [np.concatenate([line, there.last_digits()]) for line, there in zip(lines, moves, strict=True)]
    values = screen_batch([here.restricted for here in estimates], points)
    return [(line, both[: len(line)], both[len(line) :]) for line, both in zip(lines, values, strict=True)]


def _lower_on_line(problem: EndpointProblem, point: ConstrainedPoint, screen: Screen) -> Endpoint | None:
    """Check on the straight line to the endpoint and beyond that nothing is lower than the estimate.

    Where −2LL bends down before the endpoint there may be another local minimum, and the profile is followed instead.
    """
    begin, (points, values, last) = problem.estimate, screen
    gains = np.diff(values[SCREEN <= 1.0], prepend=begin.value)
    if (gains < 0.5 * np.maximum.accumulate(gains)).any() or point.is_rough(last):
        return _by_continuation(problem)
    lowest = int(np.argmin(values))
    if not values[lowest] < begin.value - LOWER - begin.rounding():
        return None
    there = evaluate_at(point.restricted, point.quantity, points[lowest])
    if there.is_rough() or not there.is_lower(begin, LOWER):
        return None
    return Endpoint(there.natural, "new_optimum", there.value - begin.value, NEW_OPTIMUM, there)


def _is_settled(point: ConstrainedPoint) -> bool:
    """Whether no bound is to be released or activated."""
    return settle_active_set(point, point.coordinate) is point


def _at_bound(problem: EndpointProblem) -> Endpoint | None:
    """Return the bound of the support itself where the surface there is not above the cut-off."""
    quantity, estimate = problem.estimate.quantity, problem.estimate
    bound = quantity.bounds[int(problem.side > 0)]
    if quantity.element is None or not np.isfinite(bound):
        return None
    variable, i = quantity.element
    fixed = {**estimate.restricted.fixed_elements, (variable.name, i): bound}
    restricted, x = estimate.restricted.with_fixed(estimate.x, fixed)
    result = _lowest_at_bound(restricted, x)
    if result is None or not result < problem.target:
        return None
    rise = result - estimate.value
    return Endpoint(bound, "at_bound", rise, "-2LL stays below the cut-off up to the edge of the support")


def _lowest_at_bound(restricted: RestrictedObjective, x: Array) -> float | None:
    if not np.isfinite(restricted.value(x)):
        return None
    result = search(restricted, x)
    return result.value if result.is_minimum else None


def _by_continuation(problem: EndpointProblem, begin: ConstrainedPoint | None = None) -> Endpoint:
    """Follow the profile from the estimate, or a point of it, until the cut-off is passed; then close in on it."""
    before = begin or problem.estimate
    continuation = ProfileContinuation(problem.estimate, problem.direction, np.sqrt(problem.rise) / STEPS)
    if begin is not None:
        continuation.resume(begin, continuation.first_length(), [begin.value - problem.estimate.value])
    step = None
    for step in continuation.steps(problem.rise):
        if step.state in ("converged", "kink") and step.point.value >= problem.target:
            return _close_in(problem, before, step.point)
        if step.state in ("converged", "kink"):
            before = step.point
    if step is None:
        return Endpoint(np.nan, "failed", np.nan, "no step could be made from the estimate")
    return _never_reached(problem, step.state, step.point)


def _from_infinity(problem: EndpointProblem) -> Endpoint:
    """Come back along the profile from far out until the cut-off is passed; then close in on it."""
    estimate = before = problem.estimate
    for there in points_from_infinity(estimate, problem.direction):
        if there.is_lower(estimate, NEAR_INFIMUM):
            return Endpoint(there.natural, "new_optimum", there.value - estimate.value, NEW_OPTIMUM, there)
        if there.value >= problem.target:
            return _close_in(problem, before, there)
        before = there
    return _by_continuation(problem, None if before is estimate else before)


def _never_reached(problem: EndpointProblem, state: str, point: ConstrainedPoint) -> Endpoint:
    rise = point.value - problem.estimate.value
    bound = problem.estimate.quantity.bounds[int(problem.side > 0)]
    if state == "new_optimum":
        return Endpoint(point.natural, "new_optimum", rise, NEW_OPTIMUM, point)
    if state == "failed" and _is_level_beyond(problem, point):
        state = "open"
    if state == "open" and np.isfinite(bound):
        return Endpoint(
            bound, "at_bound", rise, f"−2LL rises by {max(rise, 0.0):.4g} only on the way to the edge", point
        )
    if state == "open":
        return Endpoint(
            problem.side * np.inf, "open", rise, f"−2LL rises by {max(rise, 0.0):.4g} only, however far one goes", point
        )
    if state == "at_bound" and np.isfinite(bound):
        return Endpoint(bound, "at_bound", rise, "the profile reaches the edge of the support", point)
    if state == "at_bound":
        value = _last_value(problem, point)
        return Endpoint(value, "at_bound", rise, f"the quantity itself goes no further than {value:.6g}", point)
    return Endpoint(np.nan, "failed", rise, f"the profile could not be followed beyond {point.natural:.6g}", point)


def _is_level_beyond(problem: EndpointProblem, point: ConstrainedPoint) -> bool:
    """Whether −2LL stays below the cut-off however far a quantity goes on, if what ran away goes ahead of it.

    A point of the surface is enough: the profile is no higher. Where separation is complete, −2LL is 0 to its last
    digit and no search knows the way.
    """
    estimate, restricted = problem.estimate, problem.estimate.restricted
    if not restricted.at_infinity or restricted.natural != point.restricted.natural or estimate.is_bent:
        return False
    ran_away = [restricted.layout.slices[name].start + i for name, i in restricted.at_infinity]
    begin, there = restricted.full(estimate.x), point.restricted.full(point.x)
    rows = begin + BEYOND[:, None] * (there - begin)
    rows[:, ran_away] = 10.0 * BEYOND[:, None] * begin[ran_away]
    released = restricted.refixed({i: at for i, at in restricted.fixed.items() if i not in ran_away})
    return bool((released.screened(rows[:, released.free]) < problem.target).all())


def _last_value(problem: EndpointProblem, point: ConstrainedPoint) -> float:
    """Return the value at which a quantity ends; what is 0 in units of the way there is 0."""
    return point.natural if abs(point.natural) > NEGLIGIBLE * abs(problem.estimate.natural) else 0.0


def _close_in(problem: EndpointProblem, low: ConstrainedPoint, high: ConstrainedPoint) -> Endpoint:
    """Find the crossing between two points of the profile: Newton's steps, else a bracket of refits."""
    for near in (high, low):
        point = refine_endpoint(problem, near)
        inside = point is not None and _between(low, high, point)
        if point is not None and inside and _is_settled(point):
            return _finite(problem, point)
    return _bracketed(problem, low, high)


def _between(low: ConstrainedPoint, high: ConstrainedPoint, point: ConstrainedPoint) -> bool:
    return (point.coordinate - low.coordinate) * (point.coordinate - high.coordinate) <= 0


def _bracketed(problem: EndpointProblem, low: ConstrainedPoint, high: ConstrainedPoint) -> Endpoint:
    """Close in by ``scipy.optimize.toms748`` over refits, each from the nearest point so far."""
    if (low.quantity.element is not None) and low.restricted.natural != high.restricted.natural:
        low = in_same_restriction(low, high)
    known: list[ConstrainedPoint] = [low, high]

    def height(level: float) -> float:
        nearest = min(known, key=lambda s: abs(s.coordinate - level))
        begin = evaluate_at(
            nearest.restricted, nearest.quantity, nearest.x + (level - nearest.coordinate) * nearest.tangent()
        )
        result = minimize_on(begin if begin.is_finite else nearest, level)
        if result is None:
            raise ArithmeticError("no minimum across")
        known.append(settle_active_set(result, level))
        return known[-1].value - problem.target

    try:
        scipy.optimize.toms748(height, *sorted((low.coordinate, high.coordinate)), xtol=1e-14, rtol=1e-13, maxiter=200)
    except (ArithmeticError, ValueError):
        rise = high.value - problem.estimate.value
        return Endpoint(np.nan, "failed", rise, f"refits between {low.natural:.6g} and {high.natural:.6g} failed", high)
    best = min(known, key=lambda s: abs(s.value - problem.target))
    if abs(best.value - problem.target) > 1e-6:
        return Endpoint(best.natural, "finite", best.value - problem.estimate.value, "the profile jumps here", best)
    return _finite(problem, best)


def in_same_restriction(point: ConstrainedPoint, other: ConstrainedPoint) -> ConstrainedPoint:
    """Return a point with the elements fixed that are fixed at another one, so that coordinates are on one scale."""
    restricted, x = point.restricted.with_fixed(point.x, other.restricted.fixed_elements)
    return evaluate_at(restricted, point.quantity, x)
