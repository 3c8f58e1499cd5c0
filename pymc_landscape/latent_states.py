"""Discrete variables after a fit: the probability of each state given the estimate and the data."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import softmax

from pymc_landscape.aliases import Array
from pymc_landscape.configurations import Plan
from pymc_landscape.layout import FreeVariable
from pymc_landscape.objective import Objective


def probable_states(objective: Objective, vector: Array) -> dict[str, xr.DataArray]:
    """Return the most probable state of each element of the discrete variables, and the probabilities of all.

    By Bayes' theorem, p(z = c ∣ y, θ) is proportional to p(y, z = c ∣ θ), whose sum over c is the likelihood.

    Parameters
    ----------
    objective : Objective
        With discrete variables that are summed out.
    vector : array (k + q,)
        Parameters on their natural scale, then random effects as in the objective's integral: given these.

    Returns
    -------
    dict of str to DataArray
        ``name``, with the model's dims, and ``name_probability``, with a dim ``name_state`` more.
    """
    groups, engine = objective.compiled.configurations()
    variables, arrays = {v.name: v for v in objective.compiled.summed}, {}
    for (group, plan), heights in zip(groups, engine.one(vector), strict=True):
        shares = softmax(np.reshape(heights, plan.possible.shape), axis=0)
        for name in group.summed:
            states = objective.compiled.sums.states[name]
            arrays |= _labelled(variables[name], states, _marginal(plan, name, states, shares))
    return arrays


def _marginal(plan: Plan, name: str, states: Array, shares: Array) -> Array:
    """Return the probability (..., S) of each state of each element, from those of the configurations (C, K)."""
    own = shares[:, plan.members[name]]
    return np.stack([(own * (plan.states[name] == state)).sum(axis=0) for state in states], axis=-1)


def _labelled(v: FreeVariable, states: Array, probability: Array) -> dict[str, xr.DataArray]:
    coords, dim = dict(zip(v.dims, v.coords, strict=True)), f"{v.name}_state"
    found = ~np.isnan(probability).any(axis=-1)
    best = states[np.nan_to_num(probability).argmax(axis=-1)]
    best = best if found.all() else np.where(found, best, np.nan)
    return {
        v.name: xr.DataArray(best, coords, v.dims),
        f"{v.name}_probability": xr.DataArray(probability, {**coords, dim: states}, (*v.dims, dim)),
    }
