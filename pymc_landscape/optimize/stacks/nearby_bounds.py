"""Which elements of many points may be on their way to a bound of their support: `bounds_ahead`, of a stack."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.objective import FreeVariable, RestrictedObjective, has_vector_bounds
from pymc_landscape.optimize import (
    BOUND_DISTANCE,
    BOUND_STANDARD_ERROR,
    NATURAL_DISTANCE,
    bound_towards,
    bounds_ahead,
)


def elements_near_bounds(
    restricted: RestrictedObjective, x: Array, errors: Array, *, transformed_only: bool = False
) -> NDArray[np.bool_]:
    """Return which elements may be on their way to a bound.

    Parameters
    ----------
    restricted : RestrictedObjective
        With all elements free, unconstrained.
    x : array (n, k)
        The points.
    errors : array (n, k)
        Standard errors of the elements at each; NaN counts as large.
    transformed_only : bool
        Whether elements without a transform are passed over.

    Returns
    -------
    array (n, k) of bool
        Of a variable whose elements have bounds together, all where one of them is near.
    """
    near, slices = np.zeros(x.shape, bool), restricted.layout.slices
    if any(has_vector_bounds(v) for v in restricted.objective.variables):
        for i, own in enumerate(errors):
            found = bounds_ahead(restricted, x[i], lambda own=own: own, transformed_only=transformed_only)  # type: ignore[misc]
            for name, element in found:
                alone = restricted.layout[name].elementwise
                near[i, slices[name].start + element if alone else slices[name]] = True
        return near
    for v in restricted.objective.variables:
        if v.elementwise and not v.discrete and v.bounded.any() and (v.transform or not transformed_only):
            near[:, slices[v.name]] = _near_own_bounds(restricted, v, x[:, slices[v.name]], errors[:, slices[v.name]])
    return near


def _near_own_bounds(restricted: RestrictedObjective, v: FreeVariable, x: Array, errors: Array) -> NDArray[np.bool_]:
    if v.transform:
        ends = [np.array([np.isfinite(bound_towards(v, i, s)) for i in range(v.low.size)]) for s in (-1.0, 1.0)]
        far = (np.abs(x) > BOUND_DISTANCE) | ~(errors <= BOUND_STANDARD_ERROR)
        return np.asarray(far & np.where(x < 0, *ends))
    typical = np.ravel(restricted.objective.initial_point()[v.name])
    ahead = np.zeros(x.shape, bool)
    for bound in (v.low, v.high):
        distance = np.abs(x - bound)
        close = (distance <= NATURAL_DISTANCE * np.abs(typical - bound)) | ~(distance > BOUND_STANDARD_ERROR * errors)
        ahead |= close & np.isfinite(bound)
    return ahead
