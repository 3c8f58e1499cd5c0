"""Random effects after a fit: the likeliest ones given the estimate, with standard errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape.aliases import Array, Point
from pymc_landscape.effect_scale import EffectScale
from pymc_landscape.objective import Objective


def conditional_modes(objective: Objective, point: Point, attrs: Mapping[str, Any]) -> xr.Dataset:
    """Return the random effects at their likeliest, given parameters.

    Parameters
    ----------
    objective : Objective
        With random effects that are integrated out; without any, the Dataset is empty.
    point : mapping of str to array_like
        The parameters on their natural scale.
    attrs : mapping
        Attributes of the Dataset.

    Returns
    -------
    Dataset
        Variables ``name`` and ``name_se`` for each effect, with the model's dims; NaN where there is no mode.
    """
    compiled = objective.compiled
    if not objective.latent:
        return xr.Dataset(attrs=dict(attrs))
    compiled.use_data()
    scale = compiled.kept("effect scale", lambda: EffectScale(compiled.laplace))
    mode = compiled.laplace.mode(compiled.layout().join(point))
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
    return xr.Dataset(arrays, attrs=dict(attrs))
