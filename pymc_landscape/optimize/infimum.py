"""Likelihoods that are best at infinity: the finite point that stands for the limit.

A search that ran away, brought back to where densities still have digits.

Of a likelihood that is best at infinity, a search goes there, and far out a density that is the difference of large
numbers is rounding and no more: Student's t with 10^30 degrees of freedom. By then −2LL has long been as low as it
gets. So what ran away is brought back to where it can be told from infinity by nothing but the digits, and the others
find their best again.

What a search that ran away would have reached: −2LL as low as it is known from where densities still have digits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize.local_search import SearchResult, search
from pymc_landscape.optimize.status import Status

# A transformed parameter further than this from where it is usual, on the unconstrained scale (by a factor of three
# million, on the natural one), is as good as infinite; further than the second, it may be what keeps a search from
# arriving.
INFINITE_DISTANCE, SUSPICIOUS_DISTANCE = 15.0, 7.0
# And a slope of less than this there, by one unit of that scale, is none.
LEVEL = 1e-3
# An end with less than this to gain counts as the lowest.
NEAR_ENOUGH = 1e-4


def brought_back(ran: SearchResult, usual: Array) -> SearchResult | None:
    """Hold what is far out at the rim of what is not, one after the other, and let the others find their best.

    Parameters
    ----------
    ran : SearchResult
        Where a search ended.
    usual : array (k,)
        An unconstrained vector at which the densities have all their digits.

    Returns
    -------
    SearchResult or None
        In a frame that holds what ran away; None where something is to be gained further out, or nothing was found.
    """
    found = ran
    for _ in usual:
        far = far_away(found, usual, SUSPICIOUS_DISTANCE)
        if not far:
            break
        found = _held_nearer(found, far, usual)
        if found.remaining_decrease <= NEAR_ENOUGH and not far_away(found, usual, INFINITE_DISTANCE):
            break
    return found if found.remaining_decrease <= NEAR_ENOUGH and _is_level(found, ran) else None


def set_free(nearer: SearchResult, ran: SearchResult, usual: Array) -> tuple[SearchResult, Array]:
    """Return what was brought back in the frame in which it ran away, and the direction in which it did."""
    restricted, x, held = _restricted_like(ran, nearer)
    free = SearchResult(
        restricted, x, *restricted.value_gradient_hessian(x), nearer.remaining_decrease, nearer.optimizer, nearer.exact
    )
    return free.add_cost(nearer), np.where(held, np.sign(x - usual[restricted.free]), 0.0)


def _restricted_like(ran: SearchResult, nearer: SearchResult) -> tuple[RestrictedObjective, Array, NDArray[np.bool_]]:
    """Return a frame like that of `ran`, the point of `nearer` in it, and which elements `nearer` holds."""
    restricted = RestrictedObjective(ran.restricted.objective, ran.restricted.natural, ran.restricted.fixed)
    return (
        restricted,
        nearer.restricted.full(nearer.x)[restricted.free],
        ~np.isin(restricted.free, nearer.restricted.free),
    )


def _is_level(found: SearchResult, ran: SearchResult) -> bool:
    """Whether nothing is to be gained along what is held; a likelihood that rises for ever has no infimum."""
    restricted, x, held = _restricted_like(ran, found)
    gradient = restricted.value_and_gradient(x)[1]
    return not found.restricted.unbounded_below and bool((np.abs(gradient[held]) <= LEVEL).all())


def far_away(found: SearchResult, usual: Array, by: float) -> dict[int, float]:
    """Return what is free, transformed and far out: how far, by its place in the whole vector.

    Parameters
    ----------
    found : SearchResult
        Where a search ended.
    usual : array (k,)
        An unconstrained vector from which distances count.
    by : float
        What is far.
    """
    restricted = found.restricted
    places = [
        i
        for v in restricted.objective.variables
        if v.transform is not None and v.name in restricted.unconstrained
        for i in range(*restricted.layout.slices[v.name].indices(restricted.layout.size))
    ]
    where = dict(zip(restricted.free.tolist(), found.x.tolist(), strict=True))
    away = {i: where[i] - float(usual[i]) for i in places if i in where}
    return {i: distance for i, distance in away.items() if abs(distance) > by}


def _held_nearer(found: SearchResult, far: dict[int, float], usual: Array) -> SearchResult:
    """Hold what is furthest out at the rim of what is not, and search for the others' best."""
    restricted = found.restricted
    whole = restricted.full(found.x).copy()
    for i, distance in far.items():
        whole[i] = usual[i] + np.clip(distance, -INFINITE_DISTANCE, INFINITE_DISTANCE)
    furthest = max(far, key=lambda i: abs(far[i]))
    nearer = RestrictedObjective(
        restricted.objective, restricted.natural, {**restricted.fixed, furthest: float(whole[furthest])}
    )
    return search(nearer, whole[nearer.free])


def has_infimum(status: Status, found: SearchResult) -> bool:
    """Whether a search ended at the lowest value that there is, or that is approached and never reached."""
    arrived = found.is_minimum or found.remaining_decrease <= NEAR_ENOUGH
    return status is not Status.FAILED and arrived and not found.restricted.unbounded_below


def infimum(status: Status, found: SearchResult, usual: Array) -> float:
    """Return the lowest −2LL that a search reached or ran towards; NaN where it did neither.

    Parameters
    ----------
    status : Status
        What is claimed of the end of the search.
    found : SearchResult
        Where it ended.
    usual : array (k,)
        An unconstrained vector at which the densities have all their digits.
    """
    if has_infimum(status, found) and not far_away(found, usual, INFINITE_DISTANCE):
        return found.value
    nearer = brought_back(found, usual)
    return np.nan if nearer is None else nearer.value
