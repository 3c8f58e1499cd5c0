"""Other local minima of the nuisance parameters where one quantity is fixed.

Newton's steps find the local minimum that continues the estimate's. Others are tried from the optima of the fit's other
starts, and from where −2LL, along straight lines from a point and by values alone, has risen and falls again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.active_set import settle_active_set
from pymc_landscape.inference.profile.constrained_point import ConstrainedPoint, evaluate_at
from pymc_landscape.inference.profile.constraint_manifold import minimize_on
from pymc_landscape.objective import screen_batch

# A local minimum that is lower by less than this is the same one.
WORTH_IT = 1e-6

# So many dips are tried, the lowest first.
DIPS = 2
# How far to look, in units in which a parabola would rise by the square of half; a fall of less is none.
REACH = np.geomspace(1.0, 60.0, 32)
FALL = 0.5
# More points than this are not evaluated.
POINTS = 4096


def lowest_local_minimum(
    here: ConstrainedPoint, starts: Sequence[Mapping[str, Array]], beside: Sequence[Array] | None = None
) -> ConstrainedPoint | None:
    """Return another local minimum at the same value of the quantity, if one is lower than `here`.

    Parameters
    ----------
    here : ConstrainedPoint
        A minimum across.
    starts : sequence of points
        Natural points that may lie near other local minima.
    beside : sequence of array, optional
        Its `dips`, where they are known.
    """
    if len(here.x) < 2:
        return None
    best = here
    (near,) = dips([here]) if beside is None else (beside,)
    for x in [*(here.restricted.restrict(point) for point in starts), *near]:
        begin = evaluate_at(here.restricted, here.quantity, x)
        result = minimize_on(begin, here.coordinate) if begin.is_finite else None
        if result is not None and result.is_lower(best, WORTH_IT) and not result.is_rough():
            best = settle_active_set(result, result.coordinate)
    return None if best is here else best


def dips(minima: Sequence[ConstrainedPoint]) -> list[list[Array]]:
    """Return points next to each minimum at which the surface has fallen after it had risen, the lowest first."""
    lines = [_lines(here) for here in minima]
    restrictions, points = [here.restricted for here in minima], [line.reshape(-1, line.shape[-1]) for line in lines]
    values = screen_batch(restrictions, points)
    return [_lowest_after_rise(*result) for result in zip(minima, lines, values, strict=True)]


def _lines(here: ConstrainedPoint) -> Array:
    """Return points (ways, len(REACH), m) out along each direction across, and against it."""
    directions = (here.across / here.scale[:, None]).T
    is_integral = here.restricted.objective.is_integral  # each value is one: none
    if is_integral or 2 * len(directions) * len(REACH) > POINTS:
        return np.empty((0, len(REACH), len(here.x)))
    return np.asarray(here.x + REACH[:, None] * np.concatenate([directions, -directions])[:, None])


def _lowest_after_rise(here: ConstrainedPoint, lines: Array, values: Array) -> list[Array]:
    values = values.reshape(lines.shape[:2])
    highest = np.maximum.accumulate(np.maximum(np.where(np.isfinite(values), values, -np.inf), here.value), axis=1)
    low = np.where(values < highest - FALL, values, np.inf)
    order = np.argsort(low.min(axis=1))[:DIPS]
    return [lines[i, np.argmin(low[i])] for i in order if np.isfinite(low[i]).any()]
