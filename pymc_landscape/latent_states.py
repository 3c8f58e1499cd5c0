"""Discrete variables after a fit: the probability of each state given the estimate and the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import softmax

from pymc_landscape.aliases import Array
from pymc_landscape.configurations import Plan
from pymc_landscape.density import SumOut, Values, density_pieces, discrete_values
from pymc_landscape.engine import Engine
from pymc_landscape.latent_density import LatentValues, joint_pieces
from pymc_landscape.layout import FreeVariable
from pymc_landscape.objective import Objective
from pymc_landscape.summed_out import Group


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
    groups, engine = objective.compiled.kept("configurations", lambda: _configurations(objective))
    arrays: dict[str, xr.DataArray] = {}
    for (group, plan), heights in zip(groups, engine.one(vector), strict=True):
        arrays |= of_shares(objective, group.summed, plan, softmax(np.reshape(heights, plan.possible.shape), axis=0))
    return arrays


def of_shares(objective: Objective, names: Sequence[str], plan: Plan, shares: Array) -> dict[str, xr.DataArray]:
    """Return the same from the probabilities (C, K) of the configurations of one sum."""
    variables: dict[str, FreeVariable] = {v.name: v for v in objective.compiled.summed}
    arrays: dict[str, xr.DataArray] = {}
    for name in names:
        states = objective.compiled.sums.states[name]
        arrays |= _labelled(variables[name], states, _marginal(plan, name, states, shares))
    return arrays


def _configurations(objective: Objective) -> tuple[list[tuple[Group, Plan]], Engine]:
    """Return the sums, and an engine that gives the log density (C, K) of the configurations of each."""
    compiled, names = objective.compiled, objective.summed
    values: Values
    if compiled.effects:
        values = latent = LatentValues(compiled.model, compiled.variables, compiled.effects, compiled.swaps, names)
        pieces, _ = joint_pieces(latent, compiled.parts, names)
    else:
        values = Values(compiled.model, compiled.layout(), compiled.swaps)
        pieces, _ = density_pieces(values, compiled.parts, names)
    reference = cast(SumOut, compiled.sum_out(frozenset())).reference
    tables = list(compiled.sums.tables(pieces, discrete_values(values, names), {values.vector: reference}))
    graphs = {found.group.name: found.heights.astype("float64") for found in tables}
    engine = Engine(values.vector, graphs, check_bounds=compiled.model.check_bounds, backend="interpreter")
    return [(found.group, found.plan) for found in tables], engine


def _marginal(plan: Plan, name: str, states: NDArray[np.int64], shares: Array) -> Array:
    """Return the probability (..., S) of each state of each element, from those of the configurations (C, K)."""
    own = shares[:, plan.members[name]]
    return np.stack([(own * (plan.states[name] == state)).sum(axis=0) for state in states], axis=-1)


def _labelled(v: FreeVariable, states: NDArray[np.int64], probability: Array) -> dict[str, xr.DataArray]:
    coords, dim = dict(zip(v.dims, v.coords, strict=True)), f"{v.name}_state"
    found = ~np.isnan(probability).any(axis=-1)
    best = states[np.nan_to_num(probability).argmax(axis=-1)]
    best = best if found.all() else np.where(found, best, np.nan)
    return {
        v.name: xr.DataArray(best, coords, v.dims),
        f"{v.name}_probability": xr.DataArray(probability, {**coords, dim: states}, (*v.dims, dim)),
    }
