"""The point that stands for a limit at infinity, from which intervals and profiles are measured.

Where a likelihood has no maximum, −2LL falls towards a value and does not reach it. One element of each direction in
which it does is fixed far out, where little is left to gain and densities still have their digits; all others have
their minimum there, and whatever is measured against that value is measured against the least upper bound.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.objective import RestrictedObjective, evaluation_noise
from pymc_landscape.optimize.flat_directions import find_directions
from pymc_landscape.optimize.local_search import SearchResult, search

# How far an element is drawn back to where densities have their digits: by so much on a transformed scale, to these
# shares on another. What rounding is multiplied by, beside what is left to gain.
NEARER, DIGITS = np.arange(6.0, -1.0, -1.0), 1e3
OF_DISTANCE = np.concatenate([10.0 ** np.arange(-3.0, -0.5, 0.5), np.arange(0.5, 1.01, 0.05)])


@dataclass(frozen=True)
class LimitPoint:
    """Where a likelihood without a maximum is as low as it gets: the elements that run away are fixed far out.

    Attributes
    ----------
    result : SearchResult
        The minimum over all other elements.
    senses : dict of int to float
        Of each fixed element, by its position in the whole vector: to which end it runs, ±1.
    """

    result: SearchResult
    senses: dict[int, float]


def limit_point(result: SearchResult, directions: Array) -> LimitPoint | None:
    """Fix what runs away where a search has left it, one element a direction, and minimise over the rest.

    Parameters
    ----------
    result : SearchResult
        Of a search that ended close to an infimum.
    directions : array (n, m)
        Directions in which it ran away.

    Returns
    -------
    LimitPoint or None
        None where the rest has no minimum.
    """
    senses: dict[int, float] = {}
    finite = result
    for _ in result.x:
        if not len(directions):
            break
        restricted, whole = finite.restricted, finite.restricted.full(finite.x)
        for direction in directions:
            j = int(np.argmax(np.abs(direction) / np.maximum(np.abs(finite.x), 1.0)))
            position, sense = int(restricted.free[j]), float(np.sign(direction[j]))
            if position not in senses:
                senses[position], whole[position] = sense, _with_digits(restricted, finite.x, j, sense)
        fixed = {**restricted.fixed, **{i: float(whole[i]) for i in senses}}
        nearer = restricted.refixed(fixed)
        finite = search(nearer, whole[nearer.free])
        directions = find_directions(finite).unbounded if finite.is_minimum else np.zeros((0, 0))
    return LimitPoint(finite, senses) if senses and finite.is_minimum else None


def _with_digits(restricted: RestrictedObjective, x: Array, j: int, sense: float) -> float:
    """Return where an element that runs away has least to gain further out and densities have their digits.

    Rounding is counted many times: a search ends at it long before it is as large as what is left to gain.
    """
    position, before = int(restricted.free[j]), float(x[j])
    nearer = before - sense * NEARER if restricted.layout.transformed[position] else before * OF_DISTANCE
    rows = np.repeat(x[None], len(nearer), axis=0)
    rows[:, j] = nearer
    gaps = restricted.screened(rows) - restricted.value(x)
    rounding = np.maximum.accumulate([evaluation_noise(restricted, row) for row in rows])  # the nearest goes first
    return float(nearer[np.argmin(np.abs(gaps) + DIGITS * rounding)])
