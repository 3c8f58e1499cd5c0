"""Centre, axes and bounds from which one part of a joint region is measured.

Rays begin at the minimum, on axes on which Wald's region is a circle. Where a support ends inside the region, the
variable is put on its natural scale, on which that bound is a straight line; and where the minimum is at the bound, or
close to it, rays begin further inside, on axes on which the region is as wide as high.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import (
    ConstrainedPoint,
    Endpoint,
    EndpointProblem,
    Pair,
    Quantity,
    evaluate_at,
    find_endpoints,
    freed,
    minimize_on,
    settle_active_set,
)
from pymc_landscape.inference.regions.rays import Rays, hold
from pymc_landscape.numerics import covariance, spectrum
from pymc_landscape.objective import RestrictedObjective

# From a minimum nearer to a bound than this share of the region's width, rays do not begin.
NEAR = 0.25
# Shares of the width at which rays then begin, until one is inside.
DEPTHS = (0.5, 0.25, 0.1, 0.02)
# By axis and side (0 below, 1 above) of the pair.
Endpoints = Mapping[tuple[int, int], Endpoint]


@dataclass(frozen=True)
class RegionCentre:
    """A minimum and what is known of the region around it.

    Parameters
    ----------
    minimum : ConstrainedPoint
        On the natural scale where there are bounds.
    rays : Rays
        From a point inside.
    endpoints : mapping
        Where the region ends along each axis: those are ends of the profiles of one alone, at the cut-off of two.
    """

    minimum: ConstrainedPoint
    rays: Rays
    endpoints: Endpoints

    @property
    def endless(self) -> list[tuple[int, int]]:
        """Axes and sides (0, 1) without an end."""
        return [key for key, endpoint in self.endpoints.items() if endpoint.status == "open"]


def find_centre(restricted: RestrictedObjective, pair: Pair, x: Array, target: float) -> RegionCentre:
    """Return what is known of the region around a minimum.

    Parameters
    ----------
    restricted : RestrictedObjective
        The surface.
    pair : tuple of two Quantity
        What the region is about.
    x : array (m,)
        The minimum.
    target : float
        Value of the surface at its boundary.
    """
    endpoints = _endpoints(restricted, pair, x, target)
    for quantity in pair:
        restricted, x = freed(restricted, x, quantity)
    bounded = {key for key, endpoint in endpoints.items() if endpoint.status == "at_bound"}
    names = {q.element[0].name for (i, _) in bounded if (q := pair[i]).element is not None}
    restricted, x = restricted.on_natural_scale(x, frozenset(names))
    bounds = np.array([[-np.inf, np.inf]] * 2)
    for i, k in bounded:
        bounds[i, k] = pair[i].bounds[k]
    minimum = evaluate_at(restricted, pair, x)
    return RegionCentre(minimum, _rays(minimum, endpoints, bounds, target), endpoints)


def _endpoints(restricted: RestrictedObjective, pair: Pair, x: Array, target: float) -> dict[tuple[int, int], Endpoint]:
    """Find where the region ends along each axis; the other quantity may be at a bound meanwhile."""
    sides = (-1.0, 1.0)
    problems: dict[tuple[int, int], EndpointProblem] = {}
    for i, quantity in enumerate(pair):
        point = evaluate_at(*_aimed(restricted, x, quantity))
        if not _is_flat(point.hessian, point.gradient, point.normal):
            rise = target - point.value
            problems |= {(i, k): EndpointProblem(point, side, rise) for k, side in enumerate(sides)}
    found = dict(zip(problems, find_endpoints(list(problems.values())), strict=True))
    nowhere = {(i, k): Endpoint(side * np.inf, "open", 0.0) for i in (0, 1) for k, side in enumerate(sides)}
    return nowhere | found


def _aimed(
    restricted: RestrictedObjective, x: Array, quantity: Quantity
) -> tuple[RestrictedObjective, Quantity, Array]:
    there, y = freed(restricted, x, quantity)
    return there, quantity, y


def _is_flat(hessian: Array, gradient: Array, normal: Array) -> bool:
    """Whether a quantity changes along a direction in which the surface has no curvature, and no slope."""
    bent = spectrum(hessian)
    flat = np.abs(bent.values) <= bent.tolerance
    moved = np.abs((bent.vectors[:, flat] / bent.scale[:, None]).T @ normal)
    return bool(np.abs(gradient / bent.scale).max() < 1e-3 and (moved > 1e-6).any())


# --- where rays begin ------------------------------------------------------------------------------------------------


def _rays(minimum: ConstrainedPoint, endpoints: Endpoints, bounds: Array, target: float) -> Rays:
    near = [i for i in (0, 1) if _is_near(minimum, endpoints, bounds, i)]
    center = _point_inside(minimum, endpoints, bounds, near, target) if near else None
    if center is not None:
        return Rays(center, _upright_axes(center, endpoints, bounds, target), target, bounds, is_wald=False)
    cov = covariance(minimum.hessian)
    natural_covariance = minimum.normals.T @ cov @ minimum.normals
    determined = not any(_is_flat(minimum.hessian, minimum.gradient, normal) for normal in minimum.normals.T)
    if determined and np.isfinite(natural_covariance).all() and np.linalg.eigvalsh(natural_covariance)[0] > 0:
        return Rays(minimum, np.linalg.cholesky(natural_covariance), target, bounds)
    return Rays(minimum, _upright_axes(minimum, endpoints, bounds, target), target, bounds, is_wald=False)


def _is_near(minimum: ConstrainedPoint, endpoints: Endpoints, bounds: Array, i: int) -> bool:
    at, (low, high) = minimum.coordinates[i], _span(minimum, endpoints, bounds, i)
    beside = [abs(at - bound) for bound in bounds[i] if np.isfinite(bound)]
    width = high - low if np.isfinite(high - low) else np.inf
    return bool(beside and min(beside) < NEAR * width)


def _span(minimum: ConstrainedPoint, endpoints: Endpoints, bounds: Array, i: int) -> tuple[float, float]:
    """Return where the region ends along an axis, as coordinates; infinite or NaN where that is not known."""
    low, high = (_coordinate(minimum, endpoints[i, k], i) for k in (0, 1))
    return (float(bounds[i, 0]) if np.isfinite(bounds[i, 0]) else low), (
        float(bounds[i, 1]) if np.isfinite(bounds[i, 1]) else high
    )


def _coordinate(minimum: ConstrainedPoint, endpoint: Endpoint, i: int) -> float:
    quantity: Quantity = minimum.quantities[i]
    if endpoint.status not in ("finite", "at_bound"):
        return np.nan
    if quantity.element is None or quantity.element[0].transform is None:
        return endpoint.value
    name = quantity.element[0].name
    if name in minimum.restricted.natural:
        return endpoint.value
    known = endpoint.point is not None and name not in endpoint.point.restricted.natural
    return endpoint.point.coordinate if known and endpoint.point is not None else np.nan


def _point_inside(
    minimum: ConstrainedPoint, endpoints: Endpoints, bounds: Array, near: list[int], target: float
) -> ConstrainedPoint | None:
    """Return a point of the region away from the bounds, minimised over all else."""
    enough = target - 0.1 * (target - minimum.value)
    for depth in DEPTHS:
        goal = minimum.coordinates.copy()
        for i in near:
            goal[i] = _goal_inside(minimum, _span(minimum, endpoints, bounds, i), bounds, i, depth)
        there = _minimize_at(minimum, near[0], goal[near[0]]) if len(near) == 1 else hold(minimum, goal)
        if there is not None and there.value < enough:
            return there
    return None


def _goal_inside(minimum: ConstrainedPoint, span: tuple[float, float], bounds: Array, i: int, depth: float) -> float:
    low, high = span
    if np.isfinite(low) and np.isfinite(high):
        from_low = abs(minimum.coordinates[i] - low) <= abs(high - minimum.coordinates[i])
        return low + depth * (high - low) if from_low else high - depth * (high - low)
    bound, side = (low, 1.0) if np.isfinite(bounds[i, 0]) else (high, -1.0)
    variable, j = minimum.quantities[i].element or (None, 0)
    assert variable is not None
    typical = abs(float(np.ravel(minimum.restricted.objective.initial_point()[variable.name])[j]) - bound) or 1.0
    return bound + side * depth * typical


def _minimize_at(minimum: ConstrainedPoint, i: int, level: float) -> ConstrainedPoint | None:
    """Minimise where one coordinate is fixed."""
    quantity = minimum.quantities[i]
    unit = minimum.restricted.free == quantity.position(minimum.restricted)
    begin = evaluate_at(minimum.restricted, quantity, np.where(unit, level, minimum.x))
    result = minimize_on(begin, level) if begin.is_finite else None
    if result is None:
        return None
    result = settle_active_set(result, level)
    there = evaluate_at(result.restricted, minimum.quantities, result.x)
    same = all(freed(there.restricted, there.x, q)[0] is there.restricted for q in minimum.quantities)
    return there if same else None


def _upright_axes(center: ConstrainedPoint, endpoints: Endpoints, bounds: Array, target: float) -> Array:
    """Return axes on which the region is a circle, if it is an upright ellipse."""
    reach = np.sqrt(max(target - center.value, 1e-300))
    halves = []
    for i in (0, 1):
        low, high = _span(center, endpoints, bounds, i)
        size = float(np.linalg.norm(center.normals[:, i]))
        bent = float(center.normals[:, i] @ center.hessian @ center.normals[:, i]) / size**4
        by_curvature = np.sqrt(2.0 / bent) if bent > 1e-12 else 1.0
        halves.append(0.5 * (high - low) / reach if np.isfinite(high - low) else by_curvature)
    return np.diag(halves)
