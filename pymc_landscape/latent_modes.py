"""What is latent, after a fit: the likeliest random effects given the estimate, and the probabilities of states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape.aliases import Array, Point
from pymc_landscape.effect_scale import EffectScale
from pymc_landscape.latent_states import of_shares, probable_states
from pymc_landscape.objective import Objective
from pymc_landscape.state_integral import StateIntegral


def conditional_modes(objective: Objective, point: Point, attrs: Mapping[str, Any]) -> xr.Dataset:
    """Return the random effects at their likeliest, given parameters, and the states of discrete variables.

    Parameters
    ----------
    objective : Objective
        With random effects that are integrated out, or discrete variables that are summed out; without any, the
        Dataset is empty.
    point : mapping of str to array_like
        The parameters on their natural scale.
    attrs : mapping
        Attributes of the Dataset.

    Returns
    -------
    Dataset
        Variables ``name`` and ``name_se`` for each effect, with the model's dims; for each discrete variable ``name``,
        its most probable state, and ``name_probability``, with a dim ``name_state`` more. NaN where there is no mode.
    """
    compiled = objective.compiled
    compiled.use_data()
    theta = compiled.layout().join(point)
    arrays: dict[str, xr.DataArray] = {}
    if compiled.effects and isinstance(compiled.marginal, StateIntegral):
        return xr.Dataset(_of_both(objective, compiled.marginal, theta), attrs=dict(attrs))
    if compiled.effects:
        arrays, theta = _of_effects(objective, theta)
    if compiled.summed:
        arrays |= probable_states(objective, theta)
    return xr.Dataset(arrays, attrs=dict(attrs))


def _of_both(objective: Objective, integral: StateIntegral, theta: Array) -> dict[str, xr.DataArray]:
    """Return states with the effects averaged over, and effects given the most probable state of their block."""
    compiled, found = objective.compiled, integral.given_states(theta)
    scale = compiled.kept("effect scale by state", lambda: EffectScale(integral))
    if found is None:
        shares = np.full(integral.possible.shape, np.nan)
        values = errors = np.full(scale.size, np.nan)
    else:
        modes, shares = found
        rows = [np.concatenate([np.ravel(value) for value in scale.values(mode.vector).values()]) for mode in modes]
        best = shares.argmax(axis=0)[integral.pattern.components]
        best = best if len(best) == scale.size else np.full(scale.size, np.bincount(best).argmax())
        values, errors = (np.choose(best, several) for several in (rows, [scale.deviations(mode) for mode in modes]))
    names = tuple(compiled.sums.names)
    return _labelled(objective, values, errors) | of_shares(objective, names, integral.plan, shares[:, integral.block])


def _of_effects(objective: Objective, theta: Array) -> tuple[dict[str, xr.DataArray], Array]:
    """Return effects and standard errors, and the vector of parameters and effects."""
    compiled = objective.compiled
    scale = compiled.kept("effect scale", lambda: EffectScale(compiled.laplace))
    mode = compiled.laplace.mode(theta)
    if mode is None:
        nowhere = np.full(scale.size, np.nan)
        vector = np.concatenate([theta, np.full(compiled.laplace.n_effects, np.nan)])
        return _labelled(objective, nowhere, nowhere), vector
    values = np.concatenate([np.ravel(value) for value in scale.values(mode.vector).values()])
    return _labelled(objective, values, scale.deviations(mode)), mode.vector


def _labelled(objective: Objective, values: Array, errors: Array) -> dict[str, xr.DataArray]:
    """Return effects and standard errors, one after the other, with the model's dims."""
    effects, arrays = objective.compiled.effects, {}
    ends = np.cumsum([int(np.prod(v.shape)) for v in effects])[:-1]
    for v, value, error in zip(effects, np.split(values, ends), np.split(errors, ends), strict=True):
        coords = dict(zip(v.dims, v.coords, strict=True))
        for name, array in ((v.name, value), (f"{v.name}_se", error)):
            arrays[name] = xr.DataArray(np.reshape(array, v.shape), coords, v.dims)
    return arrays
