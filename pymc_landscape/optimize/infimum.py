"""Likelihoods that are best at infinity: the finite point that stands for the limit.

A search goes to infinity there, and far out a density that is the difference of large numbers is rounding and no more:
Student's t with 10³⁰ degrees of freedom. Long before, −2LL is as low as it gets. So the elements that ran away are
fixed one after the other where they are as good as infinite and densities still have their digits, and the remaining
ones are minimised over again. The value there is the infimum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize.local_search import SearchResult, search
from pymc_landscape.optimize.status import Status, StatusReport, unbounded
from pymc_landscape.optimize.tolerances import INFINITE_DISTANCE, NEAR_INFIMUM, SUSPICIOUS_DISTANCE

# A gradient of less than this, by one unit of the unconstrained scale, is none.
NO_GRADIENT = 1e-3


def infimum(status: Status, result: SearchResult, begin: Array) -> float:
    """Return the lowest −2LL that a search reached or ran towards; NaN where it did neither.

    Parameters
    ----------
    status : Status
        What is claimed of the result.
    result : SearchResult
        Where the search ended.
    begin : array (k,)
        An unconstrained vector at which the densities have all their digits.
    """
    if has_infimum(status, result) and not _distances(result, begin, INFINITE_DISTANCE):
        return result.value
    finite = _brought_back(result, begin)
    return np.nan if finite is None else finite.value


def has_infimum(status: Status, result: SearchResult) -> bool:
    """Whether a search ended at the lowest value that there is, or that is approached and never reached."""
    lowest = result.is_minimum or result.remaining_decrease <= NEAR_INFIMUM
    endless = status is Status.UNBOUNDED and result.unbounded_below
    return status is not Status.FAILED and lowest and not endless


def limit_of(result: SearchResult, report: StatusReport, begin: Array) -> tuple[SearchResult, StatusReport]:
    """Return the finite point that stands for the limit of a search that ran away, if it has one.

    Parameters
    ----------
    result, report : SearchResult, StatusReport
        Where a search ended; with another status than unbounded, or where it ended within reach, both come back.
    begin : array (k,)
        An unconstrained vector at which the densities have all their digits.

    Returns
    -------
    result : SearchResult
        Of the same restricted objective, all elements free again.
    report : StatusReport
        With the direction in which the search ran away.
    """
    if report.status is not Status.UNBOUNDED:
        return result, report
    if result.is_minimum and not _distances(result, begin, INFINITE_DISTANCE):
        return result, report
    with np.errstate(all="ignore"):
        finite = _brought_back(result, begin)
        if finite is None or finite is result:
            return result, report
        restricted, x, fixed = _released(finite, result)
        derivatives = restricted.value_gradient_hessian(x)
    limit = SearchResult(restricted, x, *derivatives, finite.remaining_decrease, finite.optimizer, finite.exact)
    senses = np.sign(x - begin[restricted.free])
    axes = np.diag(senses)[fixed & (senses != 0)]
    return limit.add_cost(finite).add_cost(result), unbounded(limit, *axes)


def _brought_back(result: SearchResult, begin: Array) -> SearchResult | None:
    """Fix what is far out where it is as good as infinite, the furthest first, and minimise over the rest each time.

    None where something is to be gained further out, or nothing was found.
    """
    finite = result
    for _ in begin:
        far = _distances(finite, begin, SUSPICIOUS_DISTANCE)
        if not far:
            break
        restricted = finite.restricted
        whole = restricted.whole_coordinates(finite.x).copy()
        for i, distance in far.items():
            whole[i] = begin[i] + np.clip(distance, -INFINITE_DISTANCE, INFINITE_DISTANCE)
        furthest = max(far, key=lambda i: abs(far[i]))
        fixed = {**restricted.fixed, furthest: float(whole[furthest])}
        nearer = restricted.refixed(fixed)
        finite = search(nearer, whole[nearer.free])
        if finite.remaining_decrease <= NEAR_INFIMUM and not _distances(finite, begin, INFINITE_DISTANCE):
            break
    if not finite.remaining_decrease <= NEAR_INFIMUM or finite.unbounded_below:
        return None
    restricted, x, is_fixed = _released(finite, result)
    gradient = restricted.value_and_gradient(x)[1]
    return finite if (np.abs(gradient[is_fixed]) <= NO_GRADIENT).all() else None


def _distances(result: SearchResult, begin: Array, more_than: float) -> dict[int, float]:
    """Return how far free elements of transformed variables are from `begin`, by position in the whole vector."""
    restricted = result.restricted
    free, transformed = restricted.free, restricted.layout.transformed
    if len(begin) != restricted.layout.size:  # shares of a simplex on their natural scale are one more
        point = RestrictedObjective(restricted.objective).natural_point(begin)
        begin = restricted.objective.vector(point, restricted.unconstrained)
    distances = zip(free.tolist(), (result.x - begin[free]).tolist(), strict=True)
    return {i: distance for i, distance in distances if transformed[i] and abs(distance) > more_than}


def _released(finite: SearchResult, result: SearchResult) -> tuple[RestrictedObjective, Array, NDArray[np.bool_]]:
    """Return an objective with all elements free that were so in `result`, those of `finite`, and which it fixes."""
    before = result.restricted
    restricted = before.refixed(before.fixed)
    x = finite.restricted.whole_coordinates(finite.x)[restricted.free]
    return restricted, x, ~np.isin(restricted.free, finite.restricted.free)
