"""How often intervals hold what they claim to: simulated coverage, from the fitted model itself."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape.aliases import Array
from pymc_landscape.bootstrap import inside, natural_point, repeat, seeds
from pymc_landscape.fit import fit_mle
from pymc_landscape.fitted import Fit
from pymc_landscape.intervals import Method, confidence_intervals
from pymc_landscape.provenance import provenance
from pymc_landscape.simulate import Simulator
from pymc_landscape.verdict import Status

# Lower and upper end by method, parameter and bound; NaN where there is none.
Ends = Array


def coverage_study(
    fit: Fit,
    var_names: Any = None,
    *,
    draws: int = 200,
    level: float = 0.95,
    methods: Sequence[Method] = ("wald", "profile"),
    random_seed: Any = None,
    progressbar: bool = True,
) -> xr.Dataset:
    """Simulate data from a fit, make intervals from each set, and count how many hold the value that was simulated.

    A 95 % interval holds it in 95 % of all data sets, if its theory applies to so few data; this tells. The answer is
    about the model at the estimate, and believes it.

    Parameters
    ----------
    fit : Fit
        A maximum likelihood fit that claims an optimum.
    var_names : str, sequence of str, or mapping, optional
        As in `confidence_intervals`.
    draws : int
        How many data sets.
    level : float
        Confidence level.
    methods : sequence of str
        As in `confidence_intervals`; ``"bootstrap"`` simulates a thousand data sets for each of the `draws`.
    random_seed : int or Generator, optional
        As in PyMC.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dims ``method``, ``parameter``: ``coverage`` (share of the intervals that hold the value), ``coverage_se``
        (its binomial standard error), ``width`` (mean of the finite ones), ``n_open`` (intervals without a finite end
        on some side), ``n_failed`` (data sets without an interval; they count in no share). The attribute ``draws`` is
        the number of data sets that were finished.

    Raises
    ------
    ValueError
        If the fit claims no optimum or its data cannot be simulated.
    """
    if fit.is_map or not fit.status.is_optimum:
        raise ValueError(
            f"Expected a maximum likelihood fit with an optimum, got one that is {fit.status.value}"
            f"{' of a posterior mode' if fit.is_map else ''}: use fit_mle and other starts."
        )
    if draws < 1:
        raise ValueError(f"Expected at least one data set, got draws={draws}.")
    truth = confidence_intervals(fit, var_names, level=level, method="wald")["estimate"]
    simulator, point, begin = Simulator(fit.objective), natural_point(fit), inside(fit)

    def once(seed: int) -> Ends:
        again = fit_mle(fit.objective.with_data(**simulator(point, seed)), starts=begin[None], progressbar=False)
        return _ends(again, var_names, level, methods, seed, truth)

    made, interrupted = repeat(once, seeds(random_seed, draws), "Simulating coverage", progressbar)
    return _dataset(fit, np.stack(made), truth, methods, level, interrupted)


def _ends(again: Fit, var_names: Any, level: float, methods: Sequence[Method], seed: int, truth: xr.DataArray) -> Ends:
    """Return the ends from one data set: (method, parameter, bound)."""
    if again.status not in (Status.CONVERGED, Status.AT_BOUND, Status.NOT_IDENTIFIED):
        return np.full((len(methods), truth.size, 2), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a lower optimum: taken, as a user would
        found = confidence_intervals(
            again, var_names, level=level, method=list(methods), random_seed=seed, progressbar=False
        )
    return found["interval"].transpose("method", "parameter", "bound").to_numpy()


def _dataset(
    fit: Fit, ends: Array, truth: xr.DataArray, methods: Sequence[str], level: float, interrupted: bool
) -> xr.Dataset:
    low, high = ends[..., 0], ends[..., 1]
    known, value = ~np.isnan(ends).any(axis=-1), truth.to_numpy()
    slack = 1e-9 * np.maximum(np.abs(value), 1e-300)  # an end on the edge of a support is met to rounding
    holds = known & (low <= value + slack) & (high >= value - slack)
    finite, n = np.isfinite(ends).all(axis=-1), known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = holds.sum(axis=0) / n
        width = np.where(finite, high - low, 0.0).sum(axis=0) / finite.sum(axis=0)
        error = np.sqrt(share * (1 - share) / n)
    numbers = {
        "coverage": share,
        "coverage_se": error,
        "width": width,
        "n_open": (known & ~finite).sum(axis=0),
        "n_failed": (~known).sum(axis=0),
    }
    coords = {"method": list(methods), "parameter": truth["parameter"].to_numpy()}
    attrs = provenance(
        fit.objective.model.name,
        group="coverage",
        level=level,
        draws=len(ends),
        status="interrupted" if interrupted else "complete",
    )
    return xr.Dataset({name: (("method", "parameter"), v) for name, v in numbers.items()}, coords, attrs)
