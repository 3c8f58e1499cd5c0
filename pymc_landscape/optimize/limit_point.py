"""The point that stands for a limit at infinity, from which intervals and profiles are measured.

Where a likelihood has no maximum, −2LL falls towards a value and does not reach it. One element of each direction in
which it does is fixed far out, where little is left to gain and densities still have their digits; all others have
their minimum there, and whatever is measured against that value is measured against the least upper bound.

Along a profile a parameter that runs away from the estimate's side may come back to a finite value, and where others
move, the place at which it was fixed may no longer be far enough out: it is released, as from a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import noise
from pymc_landscape.objective import RestrictedObjective, evaluation_noise, is_lower
from pymc_landscape.optimize.active_set import Penalty
from pymc_landscape.optimize.flat_directions import find_directions
from pymc_landscape.optimize.local_search import SearchResult, search
from pymc_landscape.optimize.tolerances import BOUND_TOLERANCE

# How far an element is drawn back to where densities have their digits: by so much on a transformed scale, to these
# shares on another. What rounding is multiplied by, beside what is left to gain.
NEARER, DIGITS = np.arange(6.0, -1.0, -1.0), 1e3
OF_DISTANCE = np.concatenate([10.0 ** np.arange(-3.0, -0.5, 0.5), np.arange(0.5, 1.01, 0.05)])
# Where an element that stands for a limit is tried, as shares of where it stands.
OF_INFINITY = np.concatenate([10.0 ** np.arange(-6.0, 0.0), [0.2, 0.3, 0.5, 0.7, 0.9, 0.97, 1.03, 1.1, 1.3, 1.6]])
# An element at infinity goes further out for no less: what it has to gain there is as much at the estimate.
GAIN_OUTWARD = 5e-3


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


def released_from_infinity(
    restricted: RestrictedObjective, x: Array, value: float, penalty: Penalty | None = None
) -> Iterator[tuple[RestrictedObjective, Array]]:
    """Release one element at a time that stands for a limit, and yield where the value is lower, all else as it is.

    An optimum may have come in from infinity, or lie further out than the element stands.

    Parameters
    ----------
    restricted : RestrictedObjective
        With elements at infinity fixed.
    x : array (m,)
        A minimum over the others.
    value : float
        The value there.
    penalty : Penalty, optional
        Of a constrained minimum, as in `released_bounds`.

    Yields
    ------
    restricted : RestrictedObjective
        With that element free.
    x : array (m + 1,)
        Its free elements at the lowest point of the line through `x`.
    """
    if not restricted.at_infinity:
        return
    whole = restricted.full(x)
    for name, i in restricted.at_infinity:
        position = restricted.layout.slices[name].start + i
        fixed = {other: at for other, at in restricted.fixed.items() if other != position}
        released = restricted.refixed(fixed)
        rows = np.repeat(whole[None], len(OF_INFINITY), axis=0)
        rows[:, position] *= OF_INFINITY
        values = released.screened(rows[:, released.free])
        if penalty is not None:
            known = np.isfinite(values)
            values[known] += penalty(released, rows[known][:, released.free])
        bars = value - noise(value) - np.where(OF_INFINITY < 1.0, BOUND_TOLERANCE, GAIN_OUTWARD)
        best = int(np.argmin(values - bars))
        lowest, there = float(values[best]), rows[best, released.free]
        is_candidate = penalty is not None and lowest < bars[best]  # what it is worth, the minimum from there says
        begin = (released, whole[released.free])
        if is_candidate or (penalty is None and is_lower(released, there, lowest, float(bars[best]), begin)):
            yield released, there
