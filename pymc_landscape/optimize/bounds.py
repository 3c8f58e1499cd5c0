"""Optima on a bound of the support or in a corner of −2LL, sought at the end of a search.

A corner is where slopes jump: medians, quantiles. Newton's steps end on the first face of such a surface, and its
gradients, which point across, never vanish. So it is taken for what it is near a corner, the highest of several smooth
pieces, whose tangents are met by sampling gradients around (Burke, Lewis & Overton 2005, *SIAM J. Optim.* 15, 751-779).
Each step minimises

    max_j { f_j + g_jᵀ p } + ½ pᵀ H p

over p in a box, as in sequential quadratic programming. The end is an optimum if some average Σ λ_j g_j of the slopes
that meet there is 0. Along what the slopes have in common the curvature is that of Σ λ_j f_j; across there is none, and
no standard error.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics import covariance, noise
from pymc_landscape.objective import BoundElement, RestrictedObjective, batch_value_gradient
from pymc_landscape.optimize.active_set import bounds_ahead, released_bounds, settle
from pymc_landscape.optimize.local_search import SearchResult, search
from pymc_landscape.optimize.tolerances import BOUND_TOLERANCE, RISE_FAR_OUT

CUTTING_PLANES = "cutting planes"
# More free elements than this are not looked at: a corner has as many pieces.
MOST_ELEMENTS = 25
# Lengths are in standard errors: how near a slope has to jump, and by how much at least, beside what curvature makes of
# it, and by how many times the curvature at hand may be exceeded nearby; where the search begins and ends to look for
# other pieces; and where the mean curvature of pieces is taken.
BESIDE, JUMP, BENT, VARIES = (1e-6, 1e-3, 3e-2), 1e-2, 10.0, 2.0
FIRST_RADIUS, LAST_RADIUS, AROUND = 0.3, 1e-9, 1e-6
STEPS, HALVINGS = 120, 40
# Logarithm of how much longer or shorter lengths may become on the way.
SAME_LENGTH = 4.0
# What is left of the average slope, in −2LL a standard error, where it is none.
NO_SLOPE = 1e-3
# Slopes that differ by less than this share of the largest are those of one piece.
ONE_PIECE = 1e-3


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
    higher = there.value - result.value
    if not there.result.is_minimum or higher > RISE_FAR_OUT or result.is_lower(there.result, BOUND_TOLERANCE):
        return None  # what is lower by its rounding alone, where densities near a simpler one, is not
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


# --- in a corner -----------------------------------------------------------------------------------------------------


def settle_in_corner(result: SearchResult) -> SearchResult:
    """Return the optimum in a corner beside which a search ended, or `result` itself where there is none.

    Parameters
    ----------
    result : SearchResult
        Of a search that arrived at no optimum.

    Returns
    -------
    SearchResult
        With a Hessian that is 0 across the corner.
    """
    restricted, x = result.restricted, result.x
    if result.is_minimum or not 0 < len(x) <= MOST_ELEMENTS or result.hessian is None or not np.isfinite(result.value):
        return result
    if not (result.exact and restricted.objective.has_gradient) or restricted.unbounded_below:
        return result
    with np.errstate(all="ignore"):
        pieces = _Pieces(restricted, x, result.value)
        if not any(pieces.jumps(x, result.hessian, radius) for radius in BESIDE):
            return result
        x, value, radius = pieces.descend(x, result.value)
        is_corner = not restricted.unbounded_below and pieces.fits(x, value)
        return pieces.judged(result, x, value, radius) if is_corner else result


class _Pieces:
    """The smooth pieces of a surface around a point, by their tangents at points nearby; lengths in standard errors."""

    def __init__(self, restricted: RestrictedObjective, x: Array, value: float):
        self.restricted = restricted
        self.scale = np.array([self._length(x, value, axis) for axis in np.eye(len(x))])
        self._rng = np.random.default_rng(len(x))  # a fit without random starts is not random

    def _length(self, x: Array, value: float, axis: Array) -> float:
        """Return how far along an axis −2LL rises by about 1: a standard error, where there is no curvature to ask."""
        length = 1.0
        for _ in range(HALVINGS):
            rise = np.mean(self.restricted.values(x + length * np.stack([axis, -axis]))) - value
            if 0.5 <= rise <= 2.0:
                break
            length *= 2.0 if rise < 0.5 else 0.5  # what has no value is too far
        return length

    def around(self, x: Array, radius: float) -> tuple[Array, Array]:
        """Return tangents of points within a radius: their heights at x, and slopes, by rows; the first is x's own."""
        k = len(x)
        moves = self._rng.uniform(-radius, radius, (2 * k + 4, k))
        moves = np.concatenate([np.zeros((1, k)), moves, radius * np.eye(k), -radius * np.eye(k)])
        values, slopes = self._values_and_gradients(x + moves * self.scale)
        slopes = slopes * self.scale
        known = np.isfinite(values) & np.isfinite(slopes).all(axis=1)
        known[0] = True
        return (values - (slopes * moves).sum(axis=1))[known], np.nan_to_num(slopes[known])

    def _values_and_gradients(self, points: Array) -> tuple[Array, Array]:
        """Return values (n,) and gradients (n, k): all at once, and where that gives none, each with care."""
        restricted = self.restricted
        if restricted.inside is not None:  # at a bound at which derivatives are taken beside it
            found = [restricted.value_and_gradient(point) for point in points]
            return np.array([f for f, _ in found]), np.array([g for _, g in found])
        values, gradients = batch_value_gradient(restricted, points)
        for i in np.flatnonzero(~(np.isfinite(values) & np.isfinite(gradients).all(axis=1))):
            values[i], gradients[i] = restricted.value_and_gradient(points[i])
        return values, gradients

    def jumps(self, x: Array, hessian: Array, radius: float) -> bool:
        """Whether slopes so near one another differ, by more than curvature explains: that at x, and some anywhere."""
        _, slopes = self.around(x, radius)
        bent = 2.0 * np.abs(hessian * np.outer(self.scale, self.scale)).sum(axis=1)
        return bool((np.ptp(slopes, axis=0) > JUMP + np.maximum(BENT, VARIES * bent) * radius).any())

    def fits(self, x: Array, value: float) -> bool:
        """Whether lengths are still those of the beginning: they shrink for ever where a density grows for ever."""
        now = np.array([self._length(x, value, axis) for axis in np.eye(len(x))])
        return bool((np.abs(np.log(now / self.scale)) < SAME_LENGTH).all())

    def curvature(self, x: Array) -> Array:
        """Return the Hessian in units of standard errors, without negative curvature."""
        hessian = self.restricted.hessian(x) * np.outer(self.scale, self.scale)
        if not np.isfinite(hessian).all():
            return np.eye(len(x))
        values, vectors = np.linalg.eigh(hessian)
        return np.asarray((vectors * np.maximum(np.abs(values), 1e-3)) @ vectors.T)

    def descend(self, x: Array, value: float) -> tuple[Array, float, float]:
        """Go down by cutting planes until the pieces that meet are as near as can be told."""
        radius = FIRST_RADIUS
        for _ in range(STEPS):
            if radius < LAST_RADIUS:
                break
            heights, slopes = self.around(x, radius)
            step = self._step(heights - value, slopes, self.curvature(x), 3.0 * radius)
            there = x + step * self.scale
            lower = float(self.restricted.value(there))
            if lower < value - noise(value):
                x, value = there, lower
                radius = min(max(0.5 * radius, 2.0 * float(np.abs(step).max())), 2.0 * radius)
            else:
                radius *= 0.2
        return x, value, max(radius, LAST_RADIUS)

    def _step(self, heights: Array, slopes: Array, hessian: Array, longest: float) -> Array:
        """Minimise the highest of the tangents with the curvature added, in units of the longest step."""
        k, slopes, hessian = len(hessian), slopes * longest, hessian * longest**2
        size = max(float(np.abs(slopes).max()), 1e-300)

        def model(z: Array) -> float:
            return float(z[-1] + 0.5 * z[:-1] @ hessian @ z[:-1] / size)

        def slope(z: Array) -> Array:
            return np.append(hessian @ z[:-1] / size, 1.0)

        below = {
            "type": "ineq",
            "fun": lambda z: z[-1] - (heights + slopes @ z[:-1]) / size,
            "jac": lambda z: np.column_stack([-slopes / size, np.ones(len(slopes))]),
        }
        begin = np.append(np.zeros(k), heights.max() / size)
        limits = [(-1.0, 1.0)] * k + [(None, None)]
        options = {"maxiter": 60, "ftol": 1e-12}
        ended = scipy.optimize.minimize(
            model, begin, jac=slope, bounds=limits, constraints=[below], method="SLSQP", options=options
        )
        return np.asarray(np.clip(ended.x[:-1], -1.0, 1.0)) * longest

    def judged(self, result: SearchResult, x: Array, value: float, radius: float) -> SearchResult:
        """Return the end as a result: an optimum if an average of the slopes that meet is 0."""
        _, slopes = self.around(x, 30.0 * radius)
        mean = _shares(slopes) @ slopes
        if float(np.linalg.norm(mean)) > NO_SLOPE or value > result.value + noise(result.value):
            return result
        across = np.linalg.svd(slopes - mean)
        rank = int((ONE_PIECE * np.abs(slopes).max() < across.S).sum())
        along = np.where(np.abs(across.Vh[rank:]) > ONE_PIECE**2, across.Vh[rank:], 0.0)
        curvature = along @ self._mean_hessian(x) @ along.T
        step = -along.T @ (np.linalg.pinv(curvature) @ (along @ mean)) * self.scale
        lower = self.restricted.value(x + step)
        if lower < value:
            x, value = x + step, lower
        hessian = along.T @ curvature @ along / np.outer(self.scale, self.scale)
        there = SearchResult(self.restricted, x, value, np.zeros(len(x)), hessian, 0.0, CUTTING_PLANES)
        return there.add_cost(result)

    def _mean_hessian(self, x: Array) -> Array:
        """Return the mean Hessian of the pieces around, in units of standard errors."""
        k = len(x)
        moves = self._rng.uniform(-AROUND, AROUND, (2 * k + 4, k)) * self.scale
        hessians = [h for h in (self.restricted.hessian(x + move) for move in moves) if np.isfinite(h).all()]
        mean = np.mean(hessians, axis=0) if hessians else np.zeros((k, k))
        return np.asarray(mean * np.outer(self.scale, self.scale))


def _shares(slopes: Array) -> Array:
    """Return the shares, none negative and of sum 1, by which the average of the slopes is shortest."""
    size = max(float(np.abs(slopes).max()), 1e-300)
    rows = np.vstack([slopes.T / size, 1e3 * np.ones(len(slopes))])
    shares, _ = scipy.optimize.nnls(rows, np.append(np.zeros(slopes.shape[1]), 1e3))
    return np.asarray(shares / max(shares.sum(), 1e-300))
