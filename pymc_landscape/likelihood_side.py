"""What the likelihood alone says of quantities: estimate, standard error, limits; also where it has no maximum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pymc_landscape.aliases import Array
from pymc_landscape.current import Current
from pymc_landscape.fitted import Fit
from pymc_landscape.intervals import confidence_intervals
from pymc_landscape.quantity import Quantity
from pymc_landscape.verdict import Status


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
    return [
        LikelihoodSide(
            *estimate(fit, quantity), ends[0, i], ends[1, i], (status[i, 0], status[i, 1]), _held(fit, quantity)
        )
        for i, quantity in enumerate(quantities)
    ]


def estimate(fit: Fit, quantity: Quantity) -> tuple[float, float]:
    """Return a quantity at a fit, NaN where that is arbitrary, and its standard error."""
    if fit.status is Status.FAILED or (fit.status is Status.UNBOUNDED and fit.found.frame.bottomless):
        return np.nan, np.nan
    current = Current(fit)
    spot = current.spot(quantity)
    if _held(fit, quantity):
        return spot.natural, np.nan
    error = current.standard_error(spot)
    determined = np.isfinite(error) or fit.status.is_optimum
    return (spot.natural if determined else np.nan), (np.nan if fit.status.is_optimum and np.isinf(error) else error)


def _held(fit: Fit, quantity: Quantity) -> bool:
    frame = fit.found.frame
    return quantity.element is not None and quantity.place(frame) in frame.held


def limits(fit: Fit, var_names: Any, n: int, level: float, progressbar: bool) -> tuple[Array, Any]:
    """Return Wald and profile limits (2, n, 2) of a fit's quantities, and the status (n, 2) of the latter."""
    if fit.status not in (Status.CONVERGED, Status.AT_BOUND, Status.NOT_IDENTIFIED):
        return np.full((2, n, 2), np.nan), np.full((n, 2), "failed")
    methods = ["wald", "profile"]
    table = confidence_intervals(fit, var_names, level=level, method=methods, progressbar=progressbar)  # type: ignore[arg-type]
    ends = table["interval"].transpose("method", "parameter", "bound").to_numpy()
    return ends, table["status"].sel({"method": "profile"}).transpose("parameter", "bound").to_numpy().astype(str)
