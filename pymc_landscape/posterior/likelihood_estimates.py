"""The likelihood's estimates of quantities: value, standard error, limits; also where it has no maximum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pymc_landscape._typing import Array, VarNames
from pymc_landscape.inference import confidence_intervals
from pymc_landscape.inference.profile import Quantity, ReferenceFit, has_limit, standard_error
from pymc_landscape.numerics import two_sided_z
from pymc_landscape.optimize import Fit, Status
from pymc_landscape.posterior.identification import LikelihoodEstimate

# From a fit with one of these a profile can be traced.
WITH_PROFILE = (Status.CONVERGED, Status.AT_BOUND, Status.NOT_IDENTIFIED)
FALLS = "−2LL falls without end"
WITHOUT_MAXIMUM = "profile limits are where −2LL stands above the value that it falls towards"
UNKNOWN = "no profile limit was found on a side that says failed"


def likelihood_estimates(
    fit: Fit, quantities: Sequence[Quantity], var_names: VarNames | None, *, level: float, progressbar: bool
) -> list[LikelihoodEstimate]:
    """Return what the likelihood says of each quantity.

    Parameters
    ----------
    fit : Fit
        Of `fit_mle`; where it has no maximum, limits are measured from its least upper bound.
    quantities : sequence of Quantity
        What `var_names` means.
    var_names : str, sequence of str, mapping or None
        As in `confidence_intervals`.
    level : float
        Of the limits.
    progressbar : bool
        Whether to show progress.
    """
    ends, status = limits(fit, var_names, len(quantities), level, progressbar)
    if fit.status is Status.UNBOUNDED and has_profile(fit):
        reference = ReferenceFit(fit)
        return [_without_maximum(reference, *each) for each in zip(quantities, ends, status, strict=True)]
    return [_with_profile(fit, quantity, ends[i], status[i], level) for i, quantity in enumerate(quantities)]


def _with_profile(fit: Fit, quantity: Quantity, profile: Array, status: Any, level: float) -> LikelihoodEstimate:
    mle, se = estimate(fit, quantity)
    reach = two_sided_z(level) * se
    wald = np.array([-np.inf, np.inf]) if np.isinf(se) else mle + np.array([-reach, reach])
    note = "" if has_profile(fit) else f"no profile limits: {_why_none(fit)}"
    return LikelihoodEstimate(mle, se, wald, profile, (str(status[0]), str(status[1])), _is_fixed(fit, quantity), note)


def _without_maximum(reference: ReferenceFit, quantity: Quantity, ends: Array, status: Any) -> LikelihoodEstimate:
    """Return the limits; an estimate only where none is open and nothing runs away."""
    mle, se, point = np.nan, np.inf, reference.estimate_of(quantity)
    if set(status) <= {"finite", "at_bound"} and not reference.side_at_infinity(point):
        mle, se = point.natural, reference.standard_error(point)
    note = UNKNOWN if "failed" in status else WITHOUT_MAXIMUM if "finite" in status else ""
    every = np.array([-np.inf, np.inf])
    return LikelihoodEstimate(
        mle, se, every, ends, (str(status[0]), str(status[1])), _is_fixed(reference.fit, quantity), note
    )


def _why_none(fit: Fit) -> str:
    return FALLS if fit.status is Status.UNBOUNDED else "the fit failed"


def estimate(fit: Fit, quantity: Quantity) -> tuple[float, float]:
    """Return a quantity at a fit, NaN where that is arbitrary, and its standard error."""
    if fit.status is Status.FAILED or (fit.status is Status.UNBOUNDED and not has_limit(fit)):
        return np.nan, np.nan
    natural = quantity.natural(fit.result.restricted, fit.result.x)
    if _is_fixed(fit, quantity):
        return natural, np.nan
    error = standard_error(fit, quantity)
    determined = np.isfinite(error) or fit.status.is_optimum
    return (natural if determined else np.nan), (np.nan if fit.status.is_optimum and np.isinf(error) else error)


def _is_fixed(fit: Fit, quantity: Quantity) -> bool:
    restricted = fit.result.restricted
    return quantity.element is not None and quantity.position(restricted) in restricted.fixed


def has_profile(fit: Fit) -> bool:
    """Whether profiles can be traced: from an optimum, along a ridge, or from a least upper bound."""
    return fit.status in WITH_PROFILE or has_limit(fit)


def limits(fit: Fit, var_names: VarNames | None, n: int, level: float, progressbar: bool) -> tuple[Array, Any]:
    """Return the profile limits (n, 2) of a fit's quantities, and their status (n, 2)."""
    if not has_profile(fit):
        return np.full((n, 2), np.nan), np.full((n, 2), "failed")
    found = confidence_intervals(fit, var_names, level=level, progressbar=progressbar)
    table = found.drop_vars("interval_method").isel(interval_method=0)
    ends, status = (table[name].transpose("parameter", "bound").values for name in ("interval", "status"))
    return ends, status.astype(str)
