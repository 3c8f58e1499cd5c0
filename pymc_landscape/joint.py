"""A surface seen from two quantities at once: how −2LL changes where both do, and what the others do meanwhile.

With c = (c₁, c₂) the two coordinates and λ such that ∇f + λ₁∇c₁ + λ₂∇c₂ is smallest, W = ∇²f + Σ λᵢ∇²cᵢ is the
curvature that f has where both are held. Where f is minimal across, −λ is the slope of the joint profile by c.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from pymc_landscape.aliases import Array
from pymc_landscape.frame import Frame
from pymc_landscape.information import lengths
from pymc_landscape.quantity import Quantity
from pymc_landscape.spot import solve

# Eigenvalues below this share of the largest are no curvature, and a slope below this is none.
RANK, NO_SLOPE = 1e-13, 1e-8
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
        flat = np.abs(values) <= RANK * len(self.x) * np.abs(values).max()
        if (values[~flat] < 0).any() or (np.abs(slope[flat]) > NO_SLOPE).any():
            return np.inf
        return float((slope[~flat] ** 2 / values[~flat]).sum())

    @property
    def slope(self) -> Array:
        """Slope (2,) of the joint profile by the coordinates, where this is a point of it."""
        return -self.multipliers

    def along(self, moved: Array) -> Array:
        """Return the change of x on the joint profile for a change (2,) of the coordinates, to first order."""
        return self.solve(self.normals.T, moved, np.zeros_like(self.x))

    def solve(self, rows: Array, right: Array, above: Array) -> Array:
        """Solve [[W, N], [rows, 0]] (d, ·) = (above, right), on scaled axes."""
        m, r, scale = len(self.x), len(rows), self.scale
        sizes = np.linalg.norm(rows / scale, axis=1)
        sizes = np.where(sizes > 0, sizes, 1.0)
        matrix = np.zeros((m + r, m + 2))
        matrix[:m, :m] = self.curvature / np.outer(scale, scale)
        matrix[:m, m:] = self.normals / scale[:, None] / np.linalg.norm(self.normals / scale[:, None], axis=0)
        matrix[m:, :m] = rows / scale / sizes[:, None]
        solution = solve(matrix, np.append(above / scale, right / sizes))
        return np.asarray(solution[:m] / scale)


def look_jointly(frame: Frame, pair: Pair, x: Array) -> Joint:
    """Look at a point: one value, gradient and Hessian."""
    value, gradient, hessian = frame.curve(x)
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
