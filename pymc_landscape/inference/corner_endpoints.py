"""Endpoints of profile intervals of an estimate that is in a corner of −2LL, as medians and quantiles are.

Without curvature there are no Newton's steps and no tangents. So the profile is asked for point by point: the element
is fixed, the others are minimised over, in a corner where that is where they end, and Brent's method finds where the
rise is the cut-off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import Endpoint, EndpointProblem
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize import SearchResult, search, settle_in_corner

# The shortest first step, on the unconstrained scale; how often it is doubled; and how exactly an end is found.
FIRST_STEP, DOUBLINGS, RELATIVE = 1e-2, 40, 1e-10
# How far below the estimate −2LL may be.
LOWER = 1e-6


def find_corner_endpoints(
    problems: Sequence[EndpointProblem], starts: Sequence[Mapping[str, Array]] = ()
) -> list[Endpoint]:
    """Find endpoints of profile intervals of one fit whose estimate is in a corner.

    Parameters
    ----------
    problems : sequence of EndpointProblem
        As in `find_endpoints`.
    starts : sequence of points, optional
        Not looked at: a corner is where other minima would be.

    Returns
    -------
    list of Endpoint
        One a problem; ``failed`` for what is no single element, and where no minimum across was found.
    """
    return [_endpoint(problem) for problem in problems]


def _endpoint(problem: EndpointProblem) -> Endpoint:
    if problem.estimate.quantity.element is None:
        why = "the estimate is in a corner of −2LL, where profiles of single elements alone are followed"
        return Endpoint(np.nan, "failed", np.nan, why)
    profile = _Profile(problem)
    end = profile.beyond()
    if end is None:
        return profile.never_reached()
    inner, outer = sorted((profile.last_below, end))
    at = scipy.optimize.brentq(lambda c: profile.rise(c) - problem.rise, inner, outer, rtol=RELATIVE, xtol=1e-13)
    if not profile.solved(at):
        return Endpoint(np.nan, "failed", np.nan, "no minimum of the other parameters was found")
    return Endpoint(profile.natural(at), "finite", profile.rise(at), "")


class _Profile:
    """The rise of −2LL on one side of an estimate, by the element's coordinate; each point begins at its neighbour."""

    def __init__(self, problem: EndpointProblem):
        self.problem, estimate = problem, problem.estimate
        assert estimate.quantity.element is not None
        self.restricted: RestrictedObjective = estimate.restricted
        self.position = estimate.quantity.position(self.restricted)
        self.begin = self.restricted.full(estimate.x)
        self.last_below = float(self.begin[self.position])
        self._points: dict[float, SearchResult] = {}

    def at(self, coordinate: float) -> SearchResult:
        """Return the minimum over the others, with the element fixed."""
        known = self._points.get(coordinate)
        if known is None:
            near = min(self._points, key=lambda c: abs(c - coordinate), default=None)
            whole = self.begin if near is None else self._points[near].restricted.full(self._points[near].x)
            fixed = self.restricted.refixed({**self.restricted.fixed, self.position: coordinate})
            known = self._points[coordinate] = settle_in_corner(search(fixed, whole[fixed.free]))
        return known

    def rise(self, coordinate: float) -> float:
        """Return Δ(−2LL) of the profile."""
        return self.at(coordinate).value - self.problem.estimate.value

    def solved(self, coordinate: float) -> bool:
        """Whether a minimum over the others was found, and it is not below the estimate."""
        return self.at(coordinate).is_minimum and self.rise(coordinate) > -LOWER

    def natural(self, coordinate: float) -> float:
        """Return the element on its natural scale."""
        there = self.at(coordinate)
        return self.problem.estimate.quantity.natural(there.restricted, there.x)

    def beyond(self) -> float | None:
        """Go out by steps that double until the cut-off is passed; None where it never is."""
        begin, step = self.last_below, self._first_step() * self.problem.direction
        for _ in range(DOUBLINGS):
            there = begin + step
            rise = self.rise(there)
            if not np.isfinite(rise):
                step *= 0.75
                continue
            if rise >= self.problem.rise:
                return float(there)
            self.last_below, step = there, 2.0 * step
            if abs(there) > 1e8 * max(abs(begin), 1.0):
                break
        return None

    def _first_step(self) -> float:
        """Return how far out −2LL is below the cut-off with the others where they are: the profile is no higher."""
        estimate, lengths = self.problem.estimate, FIRST_STEP * 2.0 ** np.arange(DOUBLINGS // 2)
        line = self.restricted.screened(estimate.x + lengths[:, None] * self.problem.direction * estimate.normal)
        above = np.flatnonzero(line - estimate.value >= self.problem.rise)
        return float(lengths[max(above[0] - 1, 0)]) if len(above) else FIRST_STEP

    def never_reached(self) -> Endpoint:
        """Say what the end is where the cut-off is never passed."""
        bound = self.problem.estimate.quantity.bounds[int(self.problem.side > 0)]
        rise = self.rise(self.last_below)
        why = f"−2LL rises by {max(rise, 0.0):.4g} only, however far one goes"
        if not self.solved(self.last_below):
            return Endpoint(np.nan, "failed", rise, "no minimum of the other parameters was found")
        if np.isfinite(bound):
            return Endpoint(bound, "at_bound", rise, why)
        return Endpoint(self.problem.side * np.inf, "open", rise, why)
