"""The fit that profiles and intervals start from, and what takes its place where a lower optimum is met."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.active_set import freed
from pymc_landscape.inference.profile.constrained_point import (
    ConstrainedPoint,
    evaluate_at,
    point_without_hessian,
)
from pymc_landscape.inference.profile.continuation import ProfileStep, State
from pymc_landscape.inference.profile.profile_steps import StoredStep, stored_step
from pymc_landscape.inference.profile.quantities import Quantity
from pymc_landscape.numerics import covariance, standard_errors
from pymc_landscape.objective import DENSE
from pymc_landscape.optimize import Fit, SearchResult, Status, fit_weighted, has_infimum, limit_point

# So many local optima of other starts are tried as starts of the nuisance parameters, the lowest first.
MOST = 4
# How much further than where it stands, in its own size, an element that runs away is taken to see where a quantity
# ends; what is this small beside it there is 0, and what changes by less has ended.
A_LITTLE, FURTHER = 0.1, np.array([1.0, 3.0, 10.0, 100.0, 1e4])
NOTHING, SETTLED = 1e-3, 1e-6


class ReferenceFit:
    """A fit that gives way to a better one.

    Parameters
    ----------
    fit : Fit
        What the user had.

    Attributes
    ----------
    fit, objective : Fit, Objective
        The better one, and what it is a fit of.
    message : str
        Tells of a lower optimum, if one was met.
    """

    def __init__(self, fit: Fit):
        self.message = ""
        self._begin(fit)

    def _begin(self, fit: Fit) -> None:
        self.fit, self.objective = fit, fit.objective  # each look at that of a fit asks whether the model has changed
        self._estimates: dict[int, tuple[Quantity, ConstrainedPoint]] = {}
        self._limit = limit_point(fit.result, fit.flat_directions) if fit.status is Status.UNBOUNDED else None

    def estimate_of(self, quantity: Quantity) -> ConstrainedPoint:
        """Return the estimate as seen from `quantity`, which moves also where it is at a bound."""
        known = self._estimates.get(id(quantity))
        if known is None:
            known = self._estimates[id(quantity)] = quantity, self._seen_from(quantity)
        return known[1]

    def _seen_from(self, quantity: Quantity) -> ConstrainedPoint:
        result = self.result
        restricted, x = freed(result.restricted, result.x, quantity)
        if result.hessian is None and result.exact and len(x) > DENSE and quantity.element is not None:
            return point_without_hessian(restricted, quantity, x)
        if restricted is not result.restricted or result.gradient is None or result.hessian is None or not result.exact:
            point = evaluate_at(restricted, quantity, x)
            is_limit = not np.isfinite(point.value)  # at a bound at which the density itself has no number
            return replace(point, value=result.value) if is_limit else point
        surface = result.value, result.gradient, result.hessian
        point = ConstrainedPoint(restricted, (quantity,), x, *surface, (quantity.evaluate(restricted, x),))
        if self._limit is None and self.fit.information == "observed":
            vars(point)["covariance"] = self.fit.result_covariance  # the same, and known
        return point

    @property
    def in_corner(self) -> bool:
        """Whether the estimate is an optimum in a corner of −2LL: there is a direction without curvature."""
        return self.fit.status is Status.CONVERGED and len(self.fit.flat_directions) > 0

    def is_determined(self, point: ConstrainedPoint) -> bool:
        """Return whether a quantity has no infinite standard error."""
        straight = self._limit is None and not len(self.fit.flat_directions) and point.is_finite
        return straight or not np.isinf(self.standard_error(point))

    def standard_error(self, point: ConstrainedPoint) -> float:
        """Return the standard error of a quantity; infinite where it is not determined, NaN where there is none."""
        if self._limit is None:
            return standard_error(self.fit, point.quantity)
        if self.side_at_infinity(point):
            return np.nan
        cov = covariance(self.result.hessian) if self.result.hessian is not None else np.full((0, 0), np.nan)
        return _propagated(self.result, cov, np.zeros((0, len(cov))), point.quantity)

    @property
    def result(self) -> SearchResult:
        """The minimum from which profiles start: the fit's; without a maximum, the point that stands for the limit."""
        return self.fit.result if self._limit is None else self._limit.result

    def side_at_infinity(self, point: ConstrainedPoint) -> float:
        """Return the side, ±1, on which a quantity runs away with the estimate; 0 where it does not."""
        if self._limit is None:
            return 0.0
        own = {j: self._limit.senses.get(int(i), 0.0) for j, i in enumerate(point.restricted.free)}
        return float(np.sign(sum(point.normal[j] * sense for j, sense in own.items()))) * point.sign

    def endpoint_at_infinity(self, point: ConstrainedPoint) -> tuple[float, str]:
        """Return the value towards which a quantity runs with the estimate, and the status of an interval's end."""
        side, quantity = self.side_at_infinity(point), point.quantity
        limit = quantity.bounds[int(side > 0)] if quantity.element is not None else self._last_value(point, side)
        return limit, "at_bound" if np.isfinite(limit) else "open"

    def step_at_infinity(self, point: ConstrainedPoint) -> StoredStep:
        """Return the last step of a profile on the side on which its quantity runs away, a little further out."""
        state: State = "open" if self.endpoint_at_infinity(point)[1] == "open" else "at_bound"
        x = self._further(point, np.array([A_LITTLE]))[0]
        there = evaluate_at(point.restricted, point.quantity, x)
        return stored_step(ProfileStep(there if there.is_finite else point, state), point)

    def _further(self, point: ConstrainedPoint, shares: Array) -> Array:
        """Return points (n, m) at which what runs away has gone further, by shares of its own size."""
        assert self._limit is not None
        senses = np.array([self._limit.senses.get(int(i), 0.0) for i in point.restricted.free])
        return np.asarray(point.x + shares[:, None] * senses * np.maximum(np.abs(point.x), 1.0))

    def _last_value(self, point: ConstrainedPoint, side: float) -> float:
        """Return where a bent quantity ends when what runs away goes on: a probability at 1, a reciprocal at 0."""
        values = np.array([point.quantity.natural(point.restricted, x) for x in self._further(point, FURTHER)])
        values = values[~np.isnan(values)]
        if not len(values) or np.isinf(values).any():
            return side * np.inf
        if abs(values[-1]) < NOTHING * abs(point.natural):
            return 0.0
        return float(values[-1]) if np.ptp(values[-2:]) <= SETTLED * abs(values[-1]) else side * np.inf

    def take(self, point: ConstrainedPoint) -> None:
        """Fit again from a point that is lower than the estimate."""
        start = point.restricted.natural_point(point.x)
        self._begin(fit_weighted(self.fit.objective, starts=[start], progressbar=False))
        self.message = (
            f"A lower optimum was met, and took the estimate's place: -2LL {self.fit.minus2ll:.6f}; "
            "give the fit more starts."
        )


def standard_error(fit: Fit, quantity: Quantity) -> float:
    """Return the standard error of a quantity at a fit; ∞ where it is not determined, NaN where there is none."""
    if not fit.status.is_optimum and not len(fit.flat_directions):
        return np.nan
    error = _propagated(fit.result, fit.result_covariance, fit.flat_directions, quantity)
    return np.nan if np.isinf(error) and fit.status.is_optimum else error  # in a corner: none, but determined


def _propagated(result: SearchResult, cov: Array, flat: Array, quantity: Quantity) -> float:
    gradient = quantity.rate(result.restricted, result.x) * quantity.evaluate(result.restricted, result.x).gradient
    return float(standard_errors(cov, flat, gradient[:, None])[0]) if gradient.any() else np.nan


def refuse_no_infimum(fit: Fit) -> None:
    """Refuse a fit from which nothing can be measured: one without an optimum or a value that −2LL falls towards."""
    if not has_limit(fit):
        refuse_no_optimum(fit)


def has_limit(fit: Fit) -> bool:
    """Whether a fit without a maximum has a value that −2LL falls towards, and a direction in which it does."""
    known = fit.status is Status.UNBOUNDED and has_infimum(fit.status, fit.result)
    return bool(known and len(fit.flat_directions) and fit.result.hessian is not None)


def refuse_no_optimum(fit: Fit) -> None:
    """Refuse a fit that has no optimum, not even one that is not unique."""
    if fit.status not in (Status.CONVERGED, Status.AT_BOUND, Status.NOT_IDENTIFIED):
        raise ValueError(
            f"Expected a fit with an optimum, got one that is {fit.status.value}: {fit.message or 'use other starts.'}"
        )


def other_optima(fit: Fit) -> list[dict[str, Array]]:
    """Return the lowest of the other optima that the starts of a fit ended at, as natural points."""
    inside = [optimum.natural for optimum in fit.local_optima() if np.isfinite(optimum.theta).all()]
    return inside[:MOST]


def optima_and_copies(fit: Fit) -> list[dict[str, Array]]:
    """Return the same, and copies of the estimate: where a quantity is fixed, one of these may be the lowest."""
    return [*other_optima(fit), *copies_of(fit)[:MOST]]


def copies_of(fit: Fit) -> tuple[dict[str, Array], ...]:
    """Return the copies of the estimate; of a convex surface with one lowest point none need be looked for.

    Whether the model has changed is not asked again: the verb has asked when it took the fit.
    """
    unique, objective = fit.status is Status.CONVERGED and not len(fit.flat_directions), fit.refitted
    return () if unique and objective.is_convex(objective.names) else fit.copies()
