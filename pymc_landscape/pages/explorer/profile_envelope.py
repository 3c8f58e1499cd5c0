"""A profile from a few solved points, where its branches cross and interpolation across them fails.

The density at any values of the other parameters is an upper bound of the likelihood's profile. So each point of the
map is offered the values that were solved at the corners of its cell, under all weights that were solved, and the
lowest is kept: the lower envelope of the branches, whichever leads on which side of a kink (as the two labels of a
mixture). A few steps of Newton's method from there, all points at once, bring it down to the profile.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.numerics import newton_descent_batch
from pymc_landscape.objective import ARITHMETIC_ERRORS, DENSE, Objective
from pymc_landscape.pages.explorer.explored import ChosenAxis

# Steps of Newton's method, and how high above the floor, in units of −2LL, a point is still worth them.
STEPS, LOW = 4, 100.0
# So many points at once.
BATCH = 512


def corner_candidates(axes: Sequence[ChosenAxis], some: Sequence[Any], paths: Array) -> Array:
    """Return values of all elements for each point of the grid, from the solved corners of its cell and between them.

    Parameters
    ----------
    axes : sequence of ChosenAxis
        The axes.
    some : sequence of array of int
        Which of their points are solved.
    paths : array (s, *solved, n)
        Values at the solved points under each solved weight; NaN where there are none.

    Returns
    -------
    array (c, *grid, n)
        One candidate for each corner and weight, and for each weight one that is linear between the corners.
    """
    ends, shares = zip(*(_cells(axis, own) for axis, own in zip(axes, some, strict=True)), strict=True)
    candidates = []
    for path in paths:
        linear = np.zeros(())
        for corner in product((0, 1), repeat=len(axes)):
            own = path[np.ix_(*(end[side] for end, side in zip(ends, corner, strict=True)))]
            sides = [share if side else 1.0 - share for share, side in zip(shares, corner, strict=True)]
            weight = np.prod(np.stack(np.meshgrid(*sides, indexing="ij")), axis=0)
            linear = linear + np.where(weight[..., None] > 0, weight[..., None] * own, 0.0)
            candidates.append(own)
        candidates.append(np.asarray(linear))
    return np.stack(candidates)


def _cells(axis: ChosenAxis, some: Any) -> tuple[tuple[Any, Any], Array]:
    """Return for each point of an axis the solved ones below and above it, and how far it is on its way up."""
    left = np.clip(np.searchsorted(some, np.arange(len(axis.values)), side="right") - 1, 0, max(len(some) - 2, 0))
    right = np.minimum(left + 1, len(some) - 1)
    low, high = axis.spots[some[left]], axis.spots[some[right]]
    return (left, right), (axis.spots - low) / np.where(high > low, high - low, 1.0)


def densities(objective: Objective, rows: Array) -> tuple[Array, Array]:
    """Return −2LL (penalised, where it is) and the log prior at natural values of all elements (..., n).

    Both are +∞ and 0 where there is no likelihood, or no candidate.
    """
    flat = rows.reshape(-1, rows.shape[-1])
    minus2ll, log_prior = np.full(len(flat), np.inf), np.zeros(len(flat))
    known = np.flatnonzero(np.isfinite(flat).all(axis=1))
    if len(known):
        with np.errstate(all="ignore"):
            values = objective.engine("density").at(flat[known])
            height = np.asarray(objective.total(values))
        good = np.isfinite(height)
        minus2ll[known[good]], log_prior[known[good]] = height[good], values["log_prior"][good]
    return minus2ll.reshape(rows.shape[:-1]), log_prior.reshape(rows.shape[:-1])


def lowered(objective: Objective, kept: Sequence[str], rows: Array, heights: Array) -> Array:
    """Descend a few steps from each point that is not far above the floor, along all elements but some.

    Parameters
    ----------
    objective : Objective
        Whose `value` is minimised.
    kept : sequence of str
        Labels of the elements that stay.
    rows : array (*grid, n)
        Natural values of all elements.
    heights : array (*grid,)
        The objective there.

    Returns
    -------
    array (*grid, n)
        No higher ones; NaN where nothing was tried: far up, at an end of a support, without derivatives, or where one
        of `kept` cannot stay by itself.
    """
    out = np.full(rows.shape, np.nan).reshape(-1, rows.shape[-1])
    elements = [objective.find(label) for label in kept]
    names, natural = objective.names, objective.layout()
    layout = objective.layout(names)
    if layout.size > DENSE or not all(e.variable.elementwise and not e.unconstrained for e in elements):
        return out.reshape(rows.shape)
    flat = rows.reshape(-1, rows.shape[-1])
    ps = np.flatnonzero(np.ravel(heights <= np.nanmin(heights) + LOW) & np.isfinite(flat).all(axis=1))
    with np.errstate(all="ignore"):
        theta = objective.vector(_points(objective, flat[ps]), names, {})
    inside = np.isfinite(theta).all(axis=1)
    ps, theta = ps[inside], theta[inside]
    fixed = [layout.slices[e.variable.name].start + e.index for e in elements]
    free = np.setdiff1d(np.arange(layout.size), fixed)
    engine = objective.engine("hessian", names)
    for a in range(0, len(ps), BATCH):
        whole = theta[a : a + BATCH].copy()

        def derivatives(which: Any, x: Array, whole: Array = whole) -> tuple[Array, Array, Array]:
            vectors = whole[which]
            vectors[:, free] = x
            found = engine.at(vectors)
            hessian = found["hessian"].reshape(len(which), layout.size, layout.size)
            return found["value"], found["gradient"], 0.5 * (hessian + hessian.swapaxes(1, 2))

        try:
            with np.errstate(all="ignore"):
                x = whole[:, free]
                whole[:, free] = newton_descent_batch(derivatives, free, layout.size, x, x, STEPS).x
                out[ps[a : a + BATCH]] = natural.join(_points_of(objective, whole))
        except ARITHMETIC_ERRORS:  # at all points of a batch: they stay where they are
            continue
    return out.reshape(rows.shape)


def _points(objective: Objective, rows: Array) -> dict[str, Array]:
    parts = objective.layout().split(rows)
    return {v.name: np.asarray(parts[v.name]).reshape(len(rows), *v.shape) for v in objective.variables}


def _points_of(objective: Objective, theta: Array) -> dict[str, Array]:
    values = objective.engine("natural", objective.names).at(theta)
    return {v.name: np.asarray(values[v.name]).reshape(len(theta), *v.shape) for v in objective.variables}
