"""Optima on the edge of a support, found on the natural scale.

A transform moves the edge to infinity, where every slope is 0: a search ends somewhere on the way, wherever its
tolerance lets it. Here such an end is compared with the edge itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import covariance, noise
from pymc_landscape.objective import FreeVariable, RestrictedObjective
from pymc_landscape.optimize.local_search import SearchResult, search

# Elements on an edge: by name of the variable and index in it, where the edge is.
Edges = dict[tuple[str, int], float]

# On an unconstrained scale: a parameter as far out as this, or known as badly, may be on its way to the edge.
BOUND_DISTANCE, BOUND_STANDARD_ERROR = 7.0, 2.0
# Without a transform: as near to the edge as this, in units of the initial point's distance.
WALL = 1e-2
# Steps inside, in units of the initial point's distance, at which something lower than the edge would show.
INSIDE = np.array([1e-6, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 1.0])
# Depths looked at between two others.
FINER = 25


def settle_on_bounds(found: SearchResult) -> SearchResult:
    """Return the optimum on the edge, where there is one and it is no worse than what was found inside.

    Parameters
    ----------
    found : SearchResult
        The end of a search on the unconstrained scale.

    Returns
    -------
    SearchResult
        Its frame holds the elements that are on the edge; or `found` itself.
    """
    candidates = _candidates(found)
    if candidates:
        on_all = _on_bound(found, candidates)
        if on_all is not None:
            return on_all
        if len(candidates) > 1:
            singles = [_on_bound(found, {which: edge}) for which, edge in candidates.items()]
            settled = [single for single in singles if single is not None]
            if settled:
                return min(settled, key=lambda single: single.value)
    return found


def _candidates(found: SearchResult) -> Edges:
    """Return the elements that may be on their way to an edge, by variable and index, with where that is."""
    restricted = found.restricted
    if restricted.natural or len(found.x) != restricted.layout.size:
        return {}
    errors = _errors(found)
    initial = restricted.objective.initial_point()
    places: Edges = {}
    for v in restricted.objective.variables:
        if not v.elementwise or v.discrete:
            continue
        where = restricted.layout.slices[v.name]
        typical = np.ravel(initial[v.name])
        for i, value in enumerate(found.x[where]):
            edge = bound_ahead(v, i, float(value), float(errors[where.start + i]), float(typical[i]))
            if edge is not None:
                places[v.name, i] = edge
    return places


def _errors(found: SearchResult) -> Array:
    if found.hessian is None:
        return np.zeros(len(found.x))
    with np.errstate(invalid="ignore"):
        errors: Array = np.sqrt(np.diagonal(covariance(found.hessian)))
    return np.where(np.isnan(errors), np.inf, errors)


def bound_ahead(variable: FreeVariable, i: int, value: float, error: float, typical: float) -> float | None:
    """Return the edge of the support towards which an element may be on its way, if any.

    Parameters
    ----------
    variable : FreeVariable
        Of which it is an element.
    i : int
        The position of the element.
    value, error : float
        Where it is, unconstrained, and its standard error there.
    typical : float
        Its natural value at the model's initial point.
    """
    near = _near_unconstrained if variable.transform else _near_natural
    return near(value, error, variable.limits(i), typical)


def _near_unconstrained(value: float, error: float, bounds: tuple[float, float], _typical: float) -> float | None:
    low, high = bounds if bounds[0] > -np.inf else bounds[::-1]  # below an upper limit alone, x = high − exp(value)
    edge = low if value < 0 else high
    return edge if np.isfinite(edge) and (abs(value) > BOUND_DISTANCE or not error <= BOUND_STANDARD_ERROR) else None


def _near_natural(value: float, error: float, bounds: tuple[float, float], typical: float) -> float | None:
    """Without a transform the search runs into the edge as into a wall."""
    for edge in bounds:
        distance = abs(value - edge)
        if np.isfinite(edge) and (
            distance <= WALL * abs(typical - edge) or distance <= BOUND_STANDARD_ERROR * error < np.inf
        ):
            return edge
    return None


def _on_bound(found: SearchResult, edges: Edges) -> SearchResult | None:
    """Hold elements at the edge and let the others move; None where the inside is better."""
    restricted, begin = found.restricted.with_fixed(found.x, edges)
    if not np.isfinite(restricted.value(begin)):
        return None
    there = search(restricted, begin).add_cost(found)
    lower = there.value <= found.value + noise(found.value) + 1e-9
    if not (there.is_minimum and lower) or _something_lower_inside(there, edges):
        return None
    return there


def _something_lower_inside(there: SearchResult, edges: Edges) -> bool:
    """Look inside, one element at a time: on a scale that is symmetric about 0 the edge is stationary in any case."""
    restricted = there.restricted
    initial = restricted.objective.initial_point()
    whole = restricted.full(there.x)
    inside = RestrictedObjective(restricted.objective, restricted.natural)
    for (name, i), edge in edges.items():
        typical = float(np.ravel(initial[name])[i]) - edge
        probes = np.repeat(whole[None], len(INSIDE), axis=0)
        probes[:, restricted.layout.slices[name].start + i] = edge + INSIDE * typical
        if (inside.values(probes) < there.value - noise(there.value) - 1e-9).any():
            return True
    return False


def lowest_depth(values: Callable[[Array], Array], depths: Array) -> tuple[float, float]:
    """Return the best of some depths inside an edge, and of finer ones about it, with the value there.

    Newton's steps need to begin near the valley.
    """
    found = values(depths)
    i = int(np.argmin(found))
    low, high = depths[max(i - 1, 0)], depths[min(i + 1, len(depths) - 1)]
    finer = np.geomspace(low, high, FINER)
    found = values(finer)
    j = int(np.argmin(found))
    return float(finer[j]), float(found[j])
