"""What the likelihood alone says of quantities: estimate, standard error, limits; also where it has no maximum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from pymc_landscape.aliases import Array
from pymc_landscape.current import standard_error
from pymc_landscape.fitted import Fit
from pymc_landscape.intervals import confidence_intervals
from pymc_landscape.quantity import Quantity
from pymc_landscape.search import SIMPLEX
from pymc_landscape.verdict import Status

# From these a profile can be walked.
WITH_PROFILE = (Status.CONVERGED, Status.AT_BOUND, Status.NOT_IDENTIFIED)


@dataclass(frozen=True)
class LikelihoodSide:
    """The likelihood's answer for one quantity.

    Parameters
    ----------
    mle, se : float
        NaN for an estimate that is not determined, its error is ∞ then; NaN for the error on an edge of the support.
    wald, profile : array (2,)
        Limits.
    status : tuple of str
        Of the profile's ends, as in `confidence_intervals`.
    is_on_edge : bool
        Whether the estimate is on an edge of its support.
    """

    mle: float
    se: float
    wald: Array
    profile: Array
    status: tuple[str, str]
    is_on_edge: bool = False


def likelihood_sides(
    fit: Fit, quantities: Sequence[Quantity], var_names: Any, *, level: float, progressbar: bool
) -> list[LikelihoodSide]:
    """Return what the likelihood says of each quantity.

    Parameters
    ----------
    fit : Fit
        Of `fit_mle`; where it has no maximum, there are no limits (``failed``).
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
    return [_side(fit, quantity, ends[i], status[i], level) for i, quantity in enumerate(quantities)]


def _side(fit: Fit, quantity: Quantity, profile: Array, status: Any, level: float) -> LikelihoodSide:
    mle, se = estimate(fit, quantity)
    reach = float(stats.norm.ppf(0.5 + level / 2)) * se
    wald = np.array([-np.inf, np.inf]) if np.isinf(se) else mle + np.array([-reach, reach])
    return LikelihoodSide(mle, se, wald, profile, (str(status[0]), str(status[1])), _held(fit, quantity))


def estimate(fit: Fit, quantity: Quantity) -> tuple[float, float]:
    """Return a quantity at a fit, NaN where that is arbitrary, and its standard error."""
    if fit.status is Status.FAILED or (fit.status is Status.UNBOUNDED and fit.found.frame.bottomless):
        return np.nan, np.nan
    natural = quantity.natural(fit.found.frame, fit.found.x)
    if _held(fit, quantity):
        return natural, np.nan
    error = standard_error(fit, quantity)
    determined = np.isfinite(error) or fit.status.is_optimum
    return (natural if determined else np.nan), (np.nan if fit.status.is_optimum and np.isinf(error) else error)


def _held(fit: Fit, quantity: Quantity) -> bool:
    frame = fit.found.frame
    return quantity.element is not None and quantity.place(frame) in frame.held


def has_profile(fit: Fit) -> bool:
    """Whether profiles can be walked: from an optimum, or along a ridge, of a model that has slopes."""
    return fit.status in WITH_PROFILE and fit.optimizer != SIMPLEX


def limits(fit: Fit, var_names: Any, n: int, level: float, progressbar: bool) -> tuple[Array, Any]:
    """Return the profile limits (n, 2) of a fit's quantities, and their status (n, 2)."""
    if not has_profile(fit):
        return np.full((n, 2), np.nan), np.full((n, 2), "failed")
    table = confidence_intervals(fit, var_names, level=level, progressbar=progressbar).sel({"method": "profile"})
    ends, status = (table[name].transpose("parameter", "bound").to_numpy() for name in ("interval", "status"))
    return ends, status.astype(str)
