"""The fit that profiles and intervals start from, and what takes its place where a lower optimum is met."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.active_set import freed
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.inference.profile.quantities import Quantity
from pymc_landscape.numerics import standard_errors
from pymc_landscape.optimize import Fit, Status, fit_weighted

# So many local optima of other starts are tried as starts of the nuisance parameters, the lowest first.
MOST = 4


class ReferenceFit:
    """A fit that gives way to a better one.

    Parameters
    ----------
    fit : Fit
        What the user had.

    Attributes
    ----------
    message : str
        Tells of a lower optimum, if one was met.
    """

    def __init__(self, fit: Fit):
        self.fit = fit
        self.message = ""

    def estimate_of(self, quantity: Quantity) -> ConstrainedPoint:
        """Return the estimate as seen from `quantity`, which moves also where it is at a bound."""
        result = self.fit.result
        restricted, x = freed(result.restricted, result.x, quantity)
        if restricted is not result.restricted or result.gradient is None or result.hessian is None or not result.exact:
            point = evaluate_at(restricted, quantity, x)
            is_limit = not np.isfinite(point.value)  # at a bound at which the density itself has no number
            return replace(point, value=result.value) if is_limit else point
        return ConstrainedPoint(
            restricted,
            (quantity,),
            x,
            result.value,
            result.gradient,
            result.hessian,
            (quantity.evaluate(restricted, x),),
        )

    def standard_error(self, point: ConstrainedPoint) -> float:
        """Return the standard error of a quantity; infinite where it is not determined, NaN where there is none."""
        return standard_error(self.fit, point.quantity)

    def take(self, point: ConstrainedPoint) -> None:
        """Fit again from a point that is lower than the estimate."""
        self.fit = fit_weighted(self.fit.objective, starts=[point.restricted.natural_point(point.x)], progressbar=False)
        self.message = (
            f"A lower optimum was met, and took the estimate's place: -2LL {self.fit.minus2ll:.6f}; "
            "give the fit more starts."
        )


def standard_error(fit: Fit, quantity: Quantity) -> float:
    """Return the standard error of a quantity at a fit; ∞ where it is not determined, NaN where there is none."""
    result = fit.result
    gradient = quantity.rate(result.restricted, result.x) * quantity.evaluate(result.restricted, result.x).gradient
    if not gradient.any() or (not fit.status.is_optimum and not len(fit.flat_directions)):
        return np.nan
    return float(standard_errors(fit.result_covariance, fit.flat_directions, gradient[:, None])[0])


def refuse_no_optimum(fit: Fit) -> None:
    """Refuse a fit from which nothing can be measured."""
    if fit.status not in (Status.CONVERGED, Status.AT_BOUND, Status.NOT_IDENTIFIED):
        raise ValueError(
            f"Expected a fit with an optimum, got one that is {fit.status.value}: {fit.message or 'use other starts.'}"
        )


def other_optima(fit: Fit) -> list[dict[str, Array]]:
    """Return the lowest of the other optima that the starts of a fit ended at, as natural points."""
    inside = [optimum.natural for optimum in fit.local_optima() if np.isfinite(optimum.theta).all()]
    return inside[:MOST]
