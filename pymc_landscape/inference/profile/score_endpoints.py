"""Ends of score intervals: the values ψ₀ of a quantity that a score test of ψ = ψ₀ does not reject.

Along the profile of −2LL by ψ, with slope p′, the score statistic of ψ = ψ₀ is (p′/2)² N′I⁻¹N at the profile's point: N
is the gradient of ψ, and I the expected information there (Rao 1948; for one proportion Wilson 1927, *Journal of the
American Statistical Association* 22, 209-212). With the observed information it is p′² / 2p″, p″ the curvature of the
profile by ψ itself, which does not depend on how the other parameters are written. Where the estimate would be outside
the support if it could, it is measured from the bound (Silvapulle & Silvapulle 1995).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import scipy

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint
from pymc_landscape.inference.profile.continuation import ProfileContinuation, ProfileStep, State, step_along
from pymc_landscape.inference.profile.endpoint_newton import EndpointProblem
from pymc_landscape.inference.profile.endpoints import NEW_OPTIMUM, Endpoint, in_same_restriction
from pymc_landscape.inference.profile.from_infinity import points_from_infinity
from pymc_landscape.inference.profile.local_minima import lowest_local_minimum
from pymc_landscape.inference.profile.quantities import Quantity
from pymc_landscape.numerics import spectrum
from pymc_landscape.optimize import NEAR_INFIMUM, Fit

# Steps of a continuation to a cut-off, at the least.
STEPS = 4
# Up to so many times the cut-off −2LL may rise before the statistic does: beyond, it never will, if it grows no more.
RISES = 2.0 ** np.arange(7)
GROWS = 1.01
# How near the statistic is to the cut-off at a finite end.
MET = 1e-6


class ScoreStatistic:
    """The score statistic at points of profiles.

    Parameters
    ----------
    fit : Fit
        The estimate.

    Attributes
    ----------
    information : str
        ``"expected"`` where it is known in closed form, else ``"observed"``.
    """

    def __init__(self, fit: Fit):
        restricted, x = fit.result.restricted, fit.result.x
        try:
            fit.objective.fisher(restricted.full(x), restricted.unconstrained)
        except ValueError:
            self.information = "observed"
        else:
            self.information = "expected"

    def __call__(self, there: ConstrainedPoint) -> float:
        """Return the statistic; NaN where the information is not positive."""
        rate = there.quantity.rate(there.restricted, there.x)
        with np.errstate(all="ignore"):
            score, information = -0.5 * there.slope / rate, self._information(there, rate)
            if not (information > 0 and np.isfinite(score) and rate):
                return np.nan
            estimate, (low, high) = score / information, there.quantity.bounds
            outside = estimate - float(np.clip(estimate, low - there.natural, high - there.natural))
            return information * (estimate**2 - outside**2)

    def _information(self, there: ConstrainedPoint, rate: float) -> float:
        """Return the information on ψ, natural, with all else estimated."""
        if self.information == "observed":
            along = there.tangent()
            curvature = float(along @ there.curvature @ along) - there.slope * self._bend(there)
            return 0.5 * curvature / rate**2
        restricted = there.restricted
        fisher = restricted.objective.fisher(restricted.full(there.x), restricted.unconstrained)
        reduced = restricted.reduced_hessian(fisher)
        if not np.isfinite(reduced).all():
            return np.nan
        bent, normal = spectrum(reduced), there.normal * rate
        return 1.0 / float(normal @ bent.inverse() @ normal) if bent.is_positive else np.nan

    def _bend(self, there: ConstrainedPoint) -> float:
        """Return the curvature of ψ by its coordinate, over its slope."""
        quantity = there.quantity
        if quantity.element is None or quantity.element[0].transform is None:
            return 0.0
        natural = Quantity(quantity.label, quantity.weights).evaluate(there.restricted, there.x)
        j = int(np.argmax(np.abs(natural.gradient)))
        return float(natural.hessian[j, j] / natural.gradient[j])


def find_score_endpoints(
    problems: Sequence[EndpointProblem], starts: Sequence[Mapping[str, Array]], statistic: ScoreStatistic
) -> list[Endpoint]:
    """Find ends of score intervals of one fit.

    Parameters
    ----------
    problems : sequence of EndpointProblem
        Of each end the minimum, with the quantity free, the side, and the cut-off of the statistic.
    starts : sequence of points
        Natural points that may lie near other local minima.
    statistic : ScoreStatistic
        What is to reach the cut-off.

    Returns
    -------
    list of Endpoint
        One a problem; ``new_optimum`` where a point lower than the estimate was met: `point` is there.
    """
    return [_on_lowest_branch(problem, _endpoint(problem, statistic), starts) for problem in problems]


def _endpoint(problem: EndpointProblem, statistic: ScoreStatistic) -> Endpoint:
    estimate = problem.estimate
    if estimate.natural == estimate.quantity.bounds[int(problem.side > 0)]:
        return Endpoint(estimate.natural, "at_bound", 0.0, "the estimate is on the edge of the support", estimate)
    before, height, grown, last = estimate, 0.0, 1.0, None
    for last in _outward(problem):
        if last.state == "new_optimum":
            return Endpoint(last.point.natural, "new_optimum", _rise(problem, last.point), NEW_OPTIMUM, last.point)
        if last.state not in ("converged", "kink"):
            return _never_reached(problem, last, height)
        reached = statistic(last.point)
        if np.isnan(reached) and _rise(problem, last.point) < problem.rise and problem.is_far:
            continue  # −2LL is level out there, and its information has no digits
        if np.isnan(reached):
            why = f"the {statistic.information} information is not positive at {last.point.natural:.6g}"
            return Endpoint(np.nan, "failed", _rise(problem, last.point), why, last.point)
        if reached >= problem.rise:
            return _close_in(problem, before, last.point, statistic)
        before, grown, height = last.point, reached / height if height else np.inf, reached
    if last is None:
        return Endpoint(np.nan, "failed", np.nan, "no step could be made from the estimate")
    state: State = "open" if grown <= GROWS else "failed"
    return _never_reached(problem, ProfileStep(last.point, state), height)


def _outward(problem: EndpointProblem) -> Iterator[ProfileStep]:
    """Yield steps along the profile, until −2LL has risen by many times the cut-off or there are no more."""
    continuation = ProfileContinuation(problem.estimate, problem.direction, np.sqrt(problem.rise) / STEPS)
    if problem.is_far:
        before = None
        for before in points_from_infinity(problem.estimate, problem.direction):
            lower = before.is_lower(problem.estimate, NEAR_INFIMUM)
            yield ProfileStep(before, "new_optimum" if lower else "converged")
            if _rise(problem, before) >= problem.rise:
                break
        if before is not None:
            continuation.resume(before, continuation.first_length(), [_rise(problem, before)])
    for rise in RISES * problem.rise:
        for step in continuation.steps(float(rise)):
            yield step
            if step.state not in ("converged", "kink"):
                return


def _close_in(
    problem: EndpointProblem, low: ConstrainedPoint, high: ConstrainedPoint, statistic: ScoreStatistic
) -> Endpoint:
    """Close in on the crossing by ``scipy.optimize.toms748``, each point from the nearest so far."""
    if low.quantity.element is not None and low.restricted.natural != high.restricted.natural:
        low = in_same_restriction(low, high)
    known = {low.coordinate: low, high.coordinate: high}

    def height(level: float) -> float:
        if level == low.coordinate and low.natural == problem.estimate.natural:
            return -problem.rise
        if level not in known:
            nearest = min(known, key=lambda c: abs(c - level))
            there = step_along(known[nearest], level, problem.estimate)
            if there is None:
                raise ArithmeticError("no minimum across")
            known[level] = there
        return statistic(known[level]) - problem.rise

    ends = sorted((low.coordinate, high.coordinate))
    try:
        root = float(scipy.optimize.toms748(height, *ends, xtol=1e-14, rtol=1e-13, maxiter=200))
        missed = abs(height(root))
    except (ArithmeticError, ValueError):
        why = f"refits between {low.natural:.6g} and {high.natural:.6g} failed"
        return Endpoint(np.nan, "failed", _rise(problem, high), why, high)
    end = known[root]
    why = "" if missed <= MET * max(problem.rise, 1.0) else "the score statistic jumps here"
    return Endpoint(end.natural, "finite", _rise(problem, end), why, end)


def _on_lowest_branch(problem: EndpointProblem, endpoint: Endpoint, starts: Sequence[Mapping[str, Array]]) -> Endpoint:
    """Withdraw an end at which the other parameters have a lower local minimum: the statistic is of another point."""
    point = endpoint.point if endpoint.status == "finite" else None
    lower = None if point is None else lowest_local_minimum(point, starts)
    if lower is None:
        return endpoint
    if lower.is_lower(problem.estimate, NEAR_INFIMUM):
        return Endpoint(lower.natural, "new_optimum", _rise(problem, lower), NEW_OPTIMUM, lower)
    why = f"the other parameters have a lower minimum at {endpoint.value:.6g}: use method='profile'"
    return Endpoint(np.nan, "failed", endpoint.rise, why, endpoint.point)


def _never_reached(problem: EndpointProblem, last: ProfileStep, height: float) -> Endpoint:
    rise, point = _rise(problem, last.point), last.point
    bound = problem.estimate.quantity.bounds[int(problem.side > 0)]
    stays = f"the score statistic reaches {height:.4g} only"
    if last.state in ("open", "at_bound") and np.isfinite(bound):
        return Endpoint(bound, "at_bound", rise, f"{stays} on the way to the edge", point)
    if last.state == "open":
        return Endpoint(problem.side * np.inf, "open", rise, f"{stays}, however far one goes", point)
    if last.state == "at_bound":
        why = f"{stays}, and the quantity itself goes no further than {point.natural:.6g}"
        return Endpoint(point.natural, "at_bound", rise, why, point)
    return Endpoint(np.nan, "failed", rise, f"the profile could not be followed beyond {point.natural:.6g}", point)


def _rise(problem: EndpointProblem, point: ConstrainedPoint) -> float:
    return point.value - problem.estimate.value
