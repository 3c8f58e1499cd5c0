"""A point on the edge of a confidence region of two quantities: one system of equations a vertex.

With c = (c₁, c₂) the two coordinates, L Lᵀ their Wald covariance and a ray at the angle φ, u = L (cos φ, sin φ), the
vertex has f(θ) = f̂ + q, stands on the ray, p·(c − ĉ) = 0 with p = L⁻ᵀ(−sin φ, cos φ), and is stationary across,
∇f + λ₁∇c₁ + λ₂∇c₂ = 0. Newton's steps use the exact Hessian; the same matrix tells how the vertex moves with φ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from pymc_landscape.aliases import Array
from pymc_landscape.frame import Frame
from pymc_landscape.information import covariance, lengths
from pymc_landscape.quantity import Quantity
from pymc_landscape.trust_region import noise

STEPS = 12
CLOSE, LEFT = 1e-9, 1e-9
Pair = tuple[Quantity, Quantity]


@dataclass(frozen=True)
class Joint:
    """Value and derivatives of the surface and of two coordinates at one point.

    Parameters
    ----------
    frame : Frame
        The surface.
    pair : tuple of two Quantity
        What the region is about.
    x : array (m,)
        The point.
    value, gradient, hessian : float, array (m,), array (m, m)
        Of the surface.
    coordinates : array (2,)
        Of the pair.
    normals : array (m, 2)
        Their gradients.
    bends : array (2, m, m)
        Their Hessians.
    """

    frame: Frame
    pair: Pair
    x: Array
    value: float
    gradient: Array
    hessian: Array
    coordinates: Array
    normals: Array
    bends: Array

    @property
    def is_finite(self) -> bool:
        """Whether there is a value with derivatives here."""
        numbers = (self.gradient, self.hessian, self.coordinates, self.normals, self.bends)
        return bool(np.isfinite(self.value) and all(np.isfinite(n).all() for n in numbers))

    @property
    def natural(self) -> Array:
        """The two quantities themselves."""
        return np.array([quantity.natural(self.frame, self.x) for quantity in self.pair])

    @cached_property
    def scale(self) -> Array:
        """Lengths on which the elements have curvatures of one size."""
        return lengths(self.hessian)

    @cached_property
    def multipliers(self) -> Array:
        """The multipliers λ, by least squares on scaled axes."""
        found = np.linalg.lstsq(self.normals / self.scale[:, None], -self.gradient / self.scale, rcond=None)[0]
        return np.asarray(found)

    @cached_property
    def curvature(self) -> Array:
        """Curvature of the surface where both coordinates are held."""
        bent: Array = self.hessian + np.tensordot(self.multipliers, self.bends, axes=1)
        return bent

    @cached_property
    def left(self) -> float:
        """What minimising across would still gain, twice; infinite at a point that is no valley across."""
        if len(self.x) <= 2:
            return 0.0
        across = linalg.qr(self.normals / self.scale[:, None])[0][:, 2:]
        values, vectors = linalg.eigh(across.T @ (self.curvature / np.outer(self.scale, self.scale)) @ across)
        slope = vectors.T @ across.T @ (self.gradient / self.scale)
        return float((slope**2 / values).sum()) if values[0] > 1e-13 * values[-1] else np.inf

    def solve(self, rows: Array, right: Array, above: Array) -> Array:
        """Solve [[W, N], [rows, 0]] (d, ·) = (above, right), on scaled axes."""
        m, r, scale = len(self.x), len(rows), self.scale
        sizes = np.linalg.norm(rows / scale, axis=1)
        sizes = np.where(sizes > 0, sizes, 1.0)
        matrix = np.zeros((m + r, m + 2))
        matrix[:m, :m] = self.curvature / np.outer(scale, scale)
        matrix[:m, m:] = self.normals / scale[:, None] / np.linalg.norm(self.normals / scale[:, None], axis=0)
        matrix[m:, :m] = rows / scale / sizes[:, None]
        solution = np.linalg.lstsq(matrix, np.append(above / scale, right / sizes), rcond=1e-14)[0]
        return np.asarray(solution[:m] / scale)


def look_jointly(frame: Frame, pair: Pair, x: Array) -> Joint:
    """Look at a point: one value, gradient and Hessian."""
    value, gradient = frame.slope(x)
    hessian = frame.hessian(x) if np.isfinite(gradient).all() else np.full((len(x), len(x)), np.nan)
    readings = [quantity.read(frame, x) for quantity in pair]
    return Joint(
        frame,
        pair,
        x,
        value,
        gradient,
        hessian,
        np.array([r.value for r in readings]),
        np.stack([r.gradient for r in readings], axis=1),
        np.stack([r.hessian for r in readings]),
    )


class Rays:
    """Rays from an estimate, on axes on which Wald's region is a circle.

    Parameters
    ----------
    estimate : Joint
        The minimum.
    rise : float
        The cut-off of Δ(−2LL).
    """

    def __init__(self, estimate: Joint, rise: float):
        self.estimate, self.rise = estimate, rise
        self.cov = covariance(estimate.hessian)
        self.root = np.linalg.cholesky(estimate.normals.T @ self.cov @ estimate.normals)

    @property
    def target(self) -> float:
        """Value of the surface at a vertex."""
        return self.estimate.value + self.rise

    def direction(self, angle: float) -> Array:
        """Return u, by which both coordinates change along the ray."""
        along: Array = self.root @ np.array([np.cos(angle), np.sin(angle)])
        return along

    def across(self, angle: float) -> Array:
        """Return p, which is level along the ray."""
        return np.linalg.solve(self.root.T, np.array([-np.sin(angle), np.cos(angle)]))

    def wald(self, angle: float) -> Array:
        """Return where the vertex would be on a quadratic surface."""
        whitened = np.array([np.cos(angle), np.sin(angle)])
        lift = self.cov @ self.estimate.normals @ np.linalg.solve(self.root.T, whitened)
        return np.asarray(self.estimate.x + np.sqrt(self.rise) * lift)

    def radius(self, joint: Joint, angle: float) -> float:
        """Return how far along the ray a point is, in Wald's standard errors."""
        moved = np.linalg.solve(self.root, joint.coordinates - self.estimate.coordinates)
        return float(moved @ np.array([np.cos(angle), np.sin(angle)]))

    def solve(self, frame: Frame, x: Array, angle: float) -> Joint | None:
        """Take Newton's steps to the vertex on a ray; None where they do not lead to it."""
        for _ in range(STEPS):
            here = look_jointly(frame, self.estimate.pair, x)
            if not here.is_finite:
                return None
            p = self.across(angle)
            off = float(p @ (here.coordinates - self.estimate.coordinates))
            if self._is_met(here, off) and self.radius(here, angle) > 0:
                return here
            rows = np.stack([here.gradient, here.normals @ p])
            step = here.solve(rows, np.array([self.target - here.value, -off]), -here.gradient)
            x = here.x + self._shortened(here, step)
        return None

    def turned(self, here: Joint, angle: float, by: float) -> Array:
        """Return where a vertex goes when its ray turns, to first order."""
        moved = here.coordinates - self.estimate.coordinates
        turning = np.linalg.solve(self.root.T, np.array([-np.cos(angle), -np.sin(angle)]))
        rows = np.stack([here.gradient, here.normals @ self.across(angle)])
        rate = here.solve(rows, np.array([0.0, -float(turning @ moved)]), np.zeros_like(here.x))
        return np.asarray(here.x + self._shortened(here, by * rate))

    def _is_met(self, here: Joint, off: float) -> bool:
        rounding = 10 * noise(here.value)
        close = abs(here.value - self.target) <= max(CLOSE, rounding) and abs(off) <= 1e-8
        return close and here.left <= max(LEFT, rounding)

    def _shortened(self, here: Joint, step: Array) -> Array:
        metric = self.estimate.hessian if here.frame is self.estimate.frame else here.hessian
        length = float(np.sqrt(max(0.5 * float(step @ metric @ step), 0.0)))
        longest = max(1.0, float(np.sqrt(self.rise)))
        return step if length <= longest else step * (longest / length)
