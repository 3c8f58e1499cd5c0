"""What is latent, after a fit: the likeliest random effects given the estimate, and the probabilities of states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape.aliases import Array, Point
from pymc_landscape.effect_scale import EffectScale
from pymc_landscape.latent_states import probable_states
from pymc_landscape.objective import Objective


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
    if compiled.effects:
        arrays, theta = _of_effects(objective, theta)
    if compiled.summed:
        arrays |= probable_states(objective, theta)
    return xr.Dataset(arrays, attrs=dict(attrs))


def _of_effects(objective: Objective, theta: Array) -> tuple[dict[str, xr.DataArray], Array]:
    """Return effects and standard errors, and the vector of parameters and effects."""
    compiled = objective.compiled
    scale = compiled.kept("effect scale", lambda: EffectScale(compiled.laplace))
    mode = compiled.laplace.mode(theta)
    if mode is None:
        values, errors = {v.name: np.full(v.shape, np.nan) for v in compiled.effects}, np.full(scale.size, np.nan)
    else:
        values, errors = scale.values(mode.vector), scale.deviations(mode)
    ends = np.cumsum([int(np.prod(v.shape)) for v in compiled.effects])[:-1]
    split: list[Array] = np.split(errors, ends)
    arrays = {}
    for v, error in zip(compiled.effects, split, strict=True):
        coords = dict(zip(v.dims, v.coords, strict=True))
        for name, value in ((v.name, values[v.name]), (f"{v.name}_se", error)):
            arrays[name] = xr.DataArray(np.reshape(value, v.shape), coords, v.dims)
    nowhere = np.concatenate([theta, np.full(compiled.laplace.n_effects, np.nan)])
    return arrays, nowhere if mode is None else mode.vector
