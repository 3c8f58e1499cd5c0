"""Vertices of the boundary of a joint region on rays from a centre: one system of equations a vertex.

A vertex has f(θ) = f̂ + q, stands on a given straight line in the plane of the two coordinates, p·(c − a) = 0, and is
stationary across, ∇f + λ₁∇c₁ + λ₂∇c₂ = 0. Newton's steps use the exact Hessian; the same matrix tells how the vertex
moves with the line. On a ray at the angle φ from a centre, c moves along L (cos φ, sin φ), with L Lᵀ the two
coordinates' Wald covariance or another metric, and p = L⁻ᵀ(−sin φ, cos φ).

Where Newton's steps do not lead to the boundary at once, points are minimised further and further out along the ray.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import ConstrainedPoint, evaluate_at, minimize_on
from pymc_landscape.numerics import covariance, noise
from pymc_landscape.objective import RestrictedObjective

STEPS = 12
CLOSE, REMAINING = 1e-9, 1e-9
# How far from its line a vertex may be.
ON_LINE = 1e-8
# A step towards a bound goes so much of the way, unless it ends there.
SHORT_OF_IT = 0.9


@dataclass(frozen=True)
class BoundaryLine:
    """All pairs c of coordinates with p·(c − a) = 0.

    Parameters
    ----------
    anchor, normal : array (2,)
        The point a and the vector p.
    """

    anchor: Array
    normal: Array


class Rays:
    """Rays from a point inside a region, on axes on which the region is about as wide as high.

    Parameters
    ----------
    center : ConstrainedPoint
        Where rays begin.
    root : array (2, 2)
        L; where the centre is a minimum, Wald's region is a circle on these axes.
    target : float
        Value of the surface at the boundary of the region.
    bounds : array (2, 2), optional
        For each coordinate the lower and upper bound of its support, where that can be reached; else infinite.
    is_wald : bool
        Whether the centre is a minimum and L Lᵀ Wald's covariance.
    """

    def __init__(
        self,
        center: ConstrainedPoint,
        root: Array,
        target: float,
        bounds: Array | None = None,
        is_wald: bool = True,
    ):
        self.center, self.root, self.target, self.is_wald = center, root, target, is_wald
        self.bounds = np.array([[-np.inf, np.inf]] * 2) if bounds is None else bounds

    @property
    def reach(self) -> float:
        """How far the boundary would be on a quadratic surface."""
        return float(np.sqrt(max(self.target - self.center.value, 1e-300)))

    def unit(self, angle: float) -> Array:
        """Return the direction of a ray on the axes of the circle."""
        return np.array([np.cos(angle), np.sin(angle)])

    def direction(self, angle: float) -> Array:
        """Return L (cos φ, sin φ), by which both coordinates change along the ray."""
        along: Array = self.root @ self.unit(angle)
        return along

    def line(self, angle: float) -> BoundaryLine:
        """Return the ray, as a straight line."""
        return BoundaryLine(self.center.coordinates, np.linalg.solve(self.root.T, self.unit(angle + np.pi / 2)))

    def whitened(self, coordinates: Array) -> Array:
        """Return coordinates (..., 2) on the axes of the circle."""
        return np.asarray(np.linalg.solve(self.root, (coordinates - self.center.coordinates).T).T)

    def radius(self, point: ConstrainedPoint, angle: float) -> float:
        """Return how far along the ray a point is."""
        return float(self.whitened(point.coordinates) @ self.unit(angle))

    def outer_normal(self, point: ConstrainedPoint) -> Array:
        """Return the boundary's unit normal (2,) at a point, away from the region, on the axes of the circle."""
        return np.asarray(self.outer_normals([point])[0])

    def outer_normals(self, points: Sequence[ConstrainedPoint]) -> Array:
        """Return the boundary's unit normals (n, 2) at points."""
        normals = np.array([point.slopes for point in points]) @ self.root
        return np.asarray(normals / np.sqrt(np.add.reduce(normals * normals, axis=1))[:, None])

    def wald(self, angle: float) -> Array | None:
        """Return where the vertex would be on a quadratic surface; None unless rays begin at a minimum."""
        center = self.center
        if not self.is_wald:
            return None
        lift = covariance(center.hessian) @ center.normals @ np.linalg.solve(self.root.T, self.unit(angle))
        return np.asarray(center.x + self.reach * lift)

    def bound_ahead(self, angle: float) -> tuple[float, int, float]:
        """Return how far along a ray the first bound is, which axis it bounds, and where it is."""
        direction = self.direction(angle)
        nearest = (np.inf, 0, np.nan)
        for i in (0, 1):
            bound = self.bounds[i, int(direction[i] > 0)]
            if direction[i] and np.isfinite(bound):
                nearest = min(nearest, (float((bound - self.center.coordinates[i]) / direction[i]), i, float(bound)))
        return nearest

    def is_inside(self, coordinates: Array) -> bool:
        """Whether both coordinates are on this side of the bounds, or on them."""
        return bool((coordinates >= self.bounds[:, 0]).all() and (coordinates <= self.bounds[:, 1]).all())

    def solve(self, restricted: RestrictedObjective, x: Array, line: BoundaryLine) -> ConstrainedPoint | None:
        """Take Newton's steps to the vertex on a line; None where they do not lead to it."""
        for _ in range(STEPS):
            here = evaluate_at(restricted, self.center.quantities, x)
            if not here.is_finite:
                return None
            off = float(line.normal @ (here.coordinates - line.anchor))
            if self._is_met(here, off):
                return here
            rows = np.stack([here.gradient, here.normals @ line.normal])
            step = here.solve(rows, np.array([self.target - here.value, -off]), -here.gradient)
            x = self._step_inside(here, self._shortened(here, step))
        return None

    def turned(self, here: ConstrainedPoint, angle: float, by: float) -> Array:
        """Return where a vertex goes when its ray turns, to first order."""
        moved = here.coordinates - self.center.coordinates
        turning = np.linalg.solve(self.root.T, -self.unit(angle))
        rows = np.stack([here.gradient, here.normals @ self.line(angle).normal])
        rate = here.solve(rows, np.array([0.0, -float(turning @ moved)]), np.zeros_like(here.x))
        return self._step_inside(here, self._shortened(here, by * rate))

    def _is_met(self, here: ConstrainedPoint, off: float) -> bool:
        rounding = 10 * noise(here.value)
        close = abs(here.value - self.target) <= max(CLOSE, rounding) and abs(off) <= ON_LINE
        return close and here.decrement <= max(REMAINING, rounding)

    def _shortened(self, here: ConstrainedPoint, step: Array) -> Array:
        """Keep a step to the size of the region."""
        metric = self.center.hessian if here.restricted is self.center.restricted else here.hessian
        length = float(np.sqrt(max(0.5 * float(step @ metric @ step), 0.0)))
        longest = max(1.0, self.reach)
        return step if length <= longest else step * (longest / length)

    def _step_inside(self, here: ConstrainedPoint, step: Array) -> Array:
        """Step on this side of the bounds; elements move in straight lines, and are put on a bound exactly."""
        moved = here.normals.T @ step
        room = np.where(moved > 0, self.bounds[:, 1], self.bounds[:, 0]) - here.coordinates
        with np.errstate(divide="ignore", invalid="ignore"):
            share = float(np.nanmin(np.where(moved != 0, room / moved, np.inf)))
        x = here.x + step * (1.0 if share > 1 - 1e-9 else SHORT_OF_IT * max(share, 0.0))
        for quantity, (low, high) in zip(self.center.quantities, self.bounds, strict=True):
            if quantity.element is not None and (np.isfinite(low) or np.isfinite(high)):
                x = np.where(here.restricted.free == quantity.position(here.restricted), np.clip(x, low, high), x)
        return x


# Steps along the ray, each this much longer than the last; the first in Wald's standard errors.
RAY_STEPS, FIRST, GROWTH = 80, 0.25, 1.5
CORRECTIONS = 8
# So many steps in a row that gain less than this, and the surface is level.
LEVEL, IN_A_ROW = 1e-4, 4


def march_along_ray(rays: Rays, angle: float, farthest: float = np.inf) -> tuple[ConstrainedPoint | None, str]:
    """Walk out until the surface passes the cut-off.

    Parameters
    ----------
    rays : Rays
        Where from.
    angle : float
        Of the ray.
    farthest : float
        Where the surface is known to be above the cut-off, at the latest: a bound.

    Returns
    -------
    vertex : ConstrainedPoint or None
        The vertex; for ``open``, the last point.
    status : str
        ``finite``; ``open`` where the surface becomes level below the cut-off; ``failed``.
    """
    here, radius, gains = rays.center, 0.0, [1.0]
    length = min(FIRST, 0.5 * farthest)
    for _ in range(RAY_STEPS):
        length = min(length, 0.7 * (farthest - radius))
        there = hold_ray(rays, here, angle, radius + length)
        if there is None:
            length *= 0.25
            if length < 1e-3 * min(FIRST, farthest):
                return None, "failed"
            continue
        if there.value >= rays.target:
            vertex = _between(rays, angle, (here, radius), (there, radius + length))
            if vertex is not None:
                return vertex, "finite"
            length *= 0.5
            if length < 1e-6 * max(radius, min(FIRST, farthest)):
                return None, "failed"
            continue
        gains.append(there.value - here.value)
        radius, here, length = radius + length, there, length * GROWTH
        if max(map(abs, gains[-IN_A_ROW:])) < LEVEL:
            return here, "open"
    return None, "failed"


def _between(
    rays: Rays, angle: float, low: tuple[ConstrainedPoint, float], high: tuple[ConstrainedPoint, float]
) -> ConstrainedPoint | None:
    """Solve for the vertex between two points of the ray."""
    for near, _ in (high, low):
        vertex = rays.solve(near.restricted, near.x, rays.line(angle))
        if vertex is not None and low[1] <= rays.radius(vertex, angle) <= high[1]:
            return vertex
    return None


def hold_ray(rays: Rays, begin: ConstrainedPoint, angle: float, radius: float) -> ConstrainedPoint | None:
    """Minimise with both coordinates fixed on the ray."""
    return hold(begin, rays.center.coordinates + radius * rays.direction(angle))


def hold(begin: ConstrainedPoint, goal: Array) -> ConstrainedPoint | None:
    """Minimise with both coordinates fixed: by Newton's steps, else in a trust region."""
    here = begin
    for _ in range(CORRECTIONS):
        missing = goal - here.coordinates
        if np.abs(missing).max() <= 1e-9 * max(1.0, np.abs(goal).max()) and here.decrement < 1e-8:
            return here
        there = evaluate_at(
            here.restricted, here.quantities, here.x + here.solve(here.normals.T, missing, -here.gradient)
        )
        if not there.is_finite:
            break
        here = there
    return minimize_on(begin, goal)
