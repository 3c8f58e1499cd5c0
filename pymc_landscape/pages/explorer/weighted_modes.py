"""The modes of likelihood × prior^w for every weight on the page, with limits, and the prior's share of each.

Data counted m times and a prior of weight p have the surface of weight p/m, times m: −2 (m log L + p log π) is
m · −2 (log L + (p/m) log π). So every size of the sample is a weight, and its limits are those at q/m.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy import special

from pymc_landscape.inference import confidence_intervals
from pymc_landscape.numerics import chi2_cutoff
from pymc_landscape.optimize import Fit, fit_weighted
from pymc_landscape.pages.explorer.explored import Modes, Weights
from pymc_landscape.posterior import prior_path
from pymc_landscape.results import array_dataset

# The level of all limits on the page.
LEVEL = 0.95
# Weights within so little of each other are the same.
SAME = 1e-9


def find_modes(fit: Fit, weights: Weights, starts: Sequence[Any]) -> Modes:
    """Follow the mode through all weights.

    Parameters
    ----------
    fit : Fit
        The likelihood's.
    weights : Weights
        Which.
    starts : sequence of points
        Where searches begin beside the fit.
    """
    if len(weights.effective) == 1:
        return Modes(fit.objective, _only_the_fit(fit), fit)
    begin = [fit if fit.status.is_optimum else fit.objective.initial_point(), *starts]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = prior_path(fit.objective, weights.effective.tolist(), starts=begin, progressbar=False)
    return Modes(fit.objective, path, fit)


def _only_the_fit(fit: Fit) -> xr.Dataset:
    """Return the likelihood's maximum as a path of one weight, where the prior cannot take part."""
    labels = list(fit.objective.layout().labels)
    tables = (fit.point, fit.standard_error)
    arrays = [fit.objective.layout().join({str(n): v.values for n, v in t.data_vars.items()}) for t in tables]
    data = {
        "mode": (("weight", "parameter"), arrays[0][None]),
        "standard_error": (("weight", "parameter"), arrays[1][None]),
        "minus2ll": ("weight", [fit.result.value]),
        "log_prior": ("weight", [0.0]),
        "status": ("weight", [fit.status.value]),
        "prior_share": (("weight", "parameter"), np.zeros((1, len(labels)))),
    }
    return array_dataset(data, {"weight": [0.0], "parameter": labels}, {"message": fit.message})


def limits(modes: Modes, labels: Sequence[str], weights: Weights) -> xr.Dataset:
    """Return Wald's and the profile's limits of the axes for every size of the sample and weight of the prior.

    Parameters
    ----------
    modes : Modes
        The modes by weight.
    labels : sequence of str
        Of the axes, natural.
    weights : Weights
        Weights and sizes.

    Returns
    -------
    Dataset
        `profile`, `profile_status` and `wald` by ``parameter``, ``size``, ``prior_weight`` and ``bound``.
    """
    sizes, priors = weights.sizes, weights.prior_weights
    shape = (len(labels), len(sizes), len(priors), 2)
    profile, wald, status = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, "failed", dtype="U16")
    for i, weight in enumerate(weights.effective.tolist()):
        places = [(m, p) for m, n in enumerate(sizes) for p, w in enumerate(priors) if abs(w / n - weight) < SAME]
        levels = {m: float(special.chdtr(1, chi2_cutoff(LEVEL) / sizes[m])) for m, _ in places}
        found = _profile_limits(modes, i, labels, list(levels.values()))
        error = modes.path["standard_error"].isel(weight=i).sel(parameter=list(labels)).values
        mode = modes.path["mode"].isel(weight=i).sel(parameter=list(labels)).values
        for m, p in places:
            if found is not None:
                own = found.isel(level=list(levels).index(m))
                profile[:, m, p], status[:, m, p] = own["interval"].values, own["status"].values
            if modes.is_optimum(i):
                reach = np.sqrt(chi2_cutoff(LEVEL) / sizes[m]) * error
                wald[:, m, p] = np.stack([mode - reach, mode + reach], axis=1)
    dims = ("parameter", "size", "prior_weight", "bound")
    data = {"profile": (dims, profile), "profile_status": (dims, status), "wald": (dims, wald)}
    return array_dataset(data, {"parameter": list(labels), "size": list(sizes), "prior_weight": list(priors)})


def _profile_limits(modes: Modes, i: int, labels: Sequence[str], levels: Sequence[float]) -> xr.Dataset | None:
    """Return profile limits of several levels under weight i; None where nothing can be said."""
    fit, weight = modes.fit, float(modes.path["weight"][i])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if weight > 0:
                objective = modes.objective.with_prior_weight(weight)
                fit = fit_weighted(objective, starts=[modes.point(i)], progressbar=False)
            table = confidence_intervals(fit, list(labels), level=list(levels), progressbar=False)
    except ValueError:
        return None
    return table.isel(interval_method=0, drop=True).transpose("level", "parameter", "bound")
