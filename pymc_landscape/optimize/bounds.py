"""Optima on a bound of the support, sought at the end of a search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import covariance, noise
from pymc_landscape.objective import BoundElement, RestrictedObjective
from pymc_landscape.optimize.active_set import bounds_ahead, released_bounds, settle
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


def _on_bounds(result: SearchResult, bounds: dict[BoundElement, float]) -> SearchResult | None:
    """Fix elements at their bounds and let all others move; None where the inside is better."""
    restricted, begin = result.restricted.with_fixed(result.x, bounds)
    if not np.isfinite(restricted.value(begin)):
        return None
    there = _BoundedMinimum(search(restricted, begin).add_cost(result))
    if not there.result.is_minimum or there.value > result.value + BOUND_TOLERANCE + noise(result.value):
        return None
    inside = next((other for other in there.released() if other.value < there.value - BOUND_TOLERANCE), None)
    if inside is None:
        return there.result
    return settle(inside).result if inside.value < result.value - BOUND_TOLERANCE - noise(result.value) else None


@dataclass(frozen=True)
class _BoundedMinimum:
    """The result of a search with some bounds active."""

    result: SearchResult

    @property
    def value(self) -> float:
        """The value there."""
        return self.result.value

    def released(self) -> Iterator[_BoundedMinimum]:
        """Yield minima with one bound released, where the inside is lower."""
        here = self.result
        for restricted, x in released_bounds(here.restricted, here.x, here.value):
            yield from self._searched(restricted, x)

    def activated(self) -> Iterator[_BoundedMinimum]:
        """Yield minima with one bound more active."""
        restricted, x = self.result.restricted, self.result.x
        for element, bound in bounds_ahead(restricted, x, lambda: _errors(self.result)).items():
            yield from self._searched(*restricted.with_fixed(x, {**restricted.fixed_elements, element: bound}))

    def _searched(self, restricted: RestrictedObjective, x: Array) -> Iterator[_BoundedMinimum]:
        result = search(restricted, x).add_cost(self.result)
        if result.is_minimum:
            yield _BoundedMinimum(result)


def _errors(result: SearchResult) -> Array:
    """Return standard errors: infinite where the surface has none, 0 where it was too large for a Hessian."""
    if result.hessian is None:
        return np.zeros(len(result.x))
    with np.errstate(invalid="ignore"):
        errors: Array = np.sqrt(np.diagonal(covariance(result.hessian)))
    return np.where(np.isnan(errors), np.inf, errors)
