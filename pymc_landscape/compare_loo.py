"""Leave-one-out cross-validation of several posteriors, by ArviZ."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape.draws import SAMPLE_DIMS, open_group
from pymc_landscape.fitted import Fit
from pymc_landscape.objective import Objective
from pymc_landscape.pointwise import pointwise_log_likelihood

# The one variable that several observed terms become: LOO is of all of them together.
ALL_TERMS = "all_observed"


@dataclass(frozen=True)
class LooRow:
    """What ``az.compare`` says of one model."""

    elpd: float
    se: float
    weight: float
    note: str = ""


def cross_validate(models: Mapping[str, tuple[Fit, Any]]) -> dict[str, LooRow]:
    """Return elpd, its standard error and the stacking weight of each model that has a posterior.

    Parameters
    ----------
    models : mapping of str to (Fit, DataTree)
        A posterior without the group ``log_likelihood`` gets one from the model.

    Returns
    -------
    dict of str to LooRow
        By name; empty where there are no models.
    """
    if not models:
        return {}
    import arviz

    trees = {name: _one_term(fit, dt) for name, (fit, dt) in models.items()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loos = {name: arviz.loo(tree, pointwise=True) for name, tree in trees.items()}
        weights = _weights(loos)
    for warning in caught:
        if not issubclass(warning.category, UserWarning):  # its own on Pareto k becomes a note
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return {name: LooRow(float(loo.elpd), float(loo.se), weights[name], _note(loo)) for name, loo in loos.items()}


def _weights(loos: Mapping[str, Any]) -> dict[str, float]:
    """Return stacking weights; a single model has all of it."""
    if len(loos) == 1:
        return dict.fromkeys(loos, 1.0)
    import arviz

    table = arviz.compare(dict(loos), round_to="none")
    return {name: float(table.loc[name, "weight"]) for name in loos}


def _note(loo: Any) -> str:
    high = int((np.asarray(loo.pareto_k) > loo.good_k).sum())
    return f"LOO: {high} Pareto k above {loo.good_k:.2f}" if high else ""


def _by_observation(fit: Fit) -> Objective:
    """Return an objective that knows single observations: given random effects, which draws have."""
    objective = fit.objective
    if not objective.compiled.effects:
        return objective
    return Objective(objective.model, latent=objective.summed, potentials=objective.potentials)


def _one_term(fit: Fit, dt: Any) -> xr.DataTree:
    """Return a tree with the log-likelihood of each observation under one name."""
    densities = dt if _has_group(dt) else pointwise_log_likelihood(_by_observation(fit), dt, progressbar=False)
    densities = densities["log_likelihood"].to_dataset()
    if len(densities.data_vars) > 1:
        densities = _joined(densities)
    posterior = open_group(dt, "posterior")  # how many draws are worth
    return xr.DataTree.from_dict({"posterior": posterior, "log_likelihood": densities})


def _has_group(dt: Any) -> bool:
    return isinstance(dt, xr.DataTree) and "log_likelihood" in dt.children


def _joined(densities: xr.Dataset) -> xr.Dataset:
    """Lay the observations of all terms side by side."""
    parts = []
    for array in densities.data_vars.values():
        front = array.transpose(*SAMPLE_DIMS, ...)
        parts.append(front.to_numpy().reshape(*front.shape[:2], -1))
    values = (*SAMPLE_DIMS, "observation"), np.concatenate(parts, axis=-1)
    return xr.Dataset({ALL_TERMS: values}, {dim: densities[dim] for dim in SAMPLE_DIMS})
