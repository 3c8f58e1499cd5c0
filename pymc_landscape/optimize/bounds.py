"""Optima on a bound of the support, sought at the end of a search."""

from __future__ import annotations

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import covariance, noise
from pymc_landscape.objective import BoundElement
from pymc_landscape.optimize.active_set import InsideBound, bounds_ahead
from pymc_landscape.optimize.local_search import SearchResult, search
from pymc_landscape.optimize.tolerances import BOUND_TOLERANCE


def settle_on_bounds(result: SearchResult) -> SearchResult:
    """Return the optimum on a bound, where there is one and it is no worse than what was found inside.

    All elements that are on their way to a bound are fixed there at once; where that is no optimum, each by itself.

    Parameters
    ----------
    result : SearchResult
        Of a search on the unconstrained scale; one that has fixed elements already is returned as it is.

    Returns
    -------
    SearchResult
        Its restricted objective fixes the elements that are on a bound; or `result` itself.
    """
    restricted = result.restricted
    if restricted.natural or len(result.x) != restricted.layout.size:
        return result
    bounds = bounds_ahead(restricted, result.x, lambda: _errors(result))
    if not bounds:
        return result
    on_all = _on_bounds(result, bounds)
    if on_all is not None or len(bounds) == 1:
        return on_all or result
    singles = [_on_bounds(result, {element: bound}) for element, bound in bounds.items()]
    return min((single for single in singles if single is not None), key=lambda one: one.value, default=result)


def _errors(result: SearchResult) -> Array:
    """Return standard errors: infinite where the surface has none, 0 where it was too large for a Hessian."""
    if result.hessian is None:
        return np.zeros(len(result.x))
    with np.errstate(invalid="ignore"):
        errors: Array = np.sqrt(np.diagonal(covariance(result.hessian)))
    return np.where(np.isnan(errors), np.inf, errors)


def _on_bounds(result: SearchResult, bounds: dict[BoundElement, float]) -> SearchResult | None:
    """Fix elements at their bounds and let all others move; None where the inside is better."""
    restricted, begin = result.restricted.with_fixed(result.x, bounds)
    if not np.isfinite(restricted.value(begin)):
        return None
    there = search(restricted, begin).add_cost(result)
    if not there.is_minimum or there.value > result.value + BOUND_TOLERANCE + noise(result.value):
        return None
    for element in bounds:
        inside = InsideBound(restricted, there.x, element)
        values = inside.values(inside.depths)
        lowest = int(np.argmin(values))
        if inside.is_lower(float(inside.depths[lowest]), float(values[lowest]), there.value):
            return None
    return there
