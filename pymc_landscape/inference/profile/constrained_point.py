"""Value, derivatives, multipliers and reduced curvature where one or two quantities are held.

A point of a surface seen from one quantity ψ: how −2LL changes where ψ does, and what the others do meanwhile.

With f the surface, c the coordinate of ψ, and λ such that ∇f + λ∇c is smallest, W = ∇²f + λ∇²c is the curvature that
f has where c is held. On the profile ∇f = −λ∇c, the profile's slope by c is −λ (the envelope theorem), and the others
move by

    [W  ∇c] [dx/dc]   [0]
    [∇cᵀ 0] [  ·  ] = [1].

A surface seen from two quantities at once: how −2LL changes where both do, and what the others do meanwhile.

With c = (c₁, c₂) the two coordinates and λ such that ∇f + λ₁∇c₁ + λ₂∇c₂ is smallest, W = ∇²f + Σ λᵢ∇²cᵢ is the
curvature that f has where both are held. Where f is minimal across, −λ is the slope of the joint profile by c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.quantities import Derivatives, Quantity
from pymc_landscape.numerics import covariance, lengths, noise
from pymc_landscape.objective import RestrictedObjective

# Changes of -2 log L that are no longer rounding alone, unless the density is badly computed.
ROUGH = 1e-6
# A slope of the quantity, against its bend, that is none: estimates are known to 1e-8 of a standard error.
STATIONARY = 1e-6


@dataclass(frozen=True)
class ConstrainedPoint:
    """Value and derivatives of the surface and of the coordinate at one point.

    Parameters
    ----------
    frame : RestrictedObjective
        The surface, with its free elements.
    quantity : Quantity
        What is looked at.
    x : array (m,)
        The point.
    value, gradient, hessian : float, array (m,), array (m, m)
        Of the surface.
    reading : Derivatives
        Of the coordinate.
    """

    restricted: RestrictedObjective
    quantity: Quantity
    x: Array
    value: float
    gradient: Array
    hessian: Array
    reading: Derivatives

    @property
    def coordinate(self) -> float:
        """The coordinate of ψ."""
        return self.reading.value

    @property
    def is_finite(self) -> bool:
        """Whether there is a value with derivatives here."""
        bends = (self.reading.gradient, self.reading.hessian) if self.is_bent else ()
        return math.isfinite(self.value) and all(np.isfinite(n).all() for n in (self.gradient, self.hessian, *bends))

    @property
    def is_bent(self) -> bool:
        """Whether the coordinate is anything else than one element of x."""
        return self.quantity.element is None

    @cached_property
    def is_stationary(self) -> bool:
        """Whether the quantity has no slope here: it is the lowest or highest nearby, or nothing moves it."""
        if not self.is_bent or not self.is_finite:
            return False
        bend = np.abs(self.reading.hessian / (self.scale[:, None] * self.scale)).max(initial=0.0)
        return bool(np.abs(self.normal).max(initial=0.0) <= max(STATIONARY * bend, 1e-14 * abs(self.coordinate)))

    @cached_property
    def natural(self) -> float:
        """The quantity ψ itself."""
        return self.quantity.natural(self.restricted, self.x)

    @cached_property
    def sign(self) -> float:
        """1 where ψ rises with the coordinate, -1 where it falls."""
        return self.quantity.sign(self.restricted, self.x)

    @cached_property
    def natural_slope(self) -> float:
        """Slope of the profile by ψ."""
        rate = self.quantity.rate(self.restricted, self.x)
        return self.slope / rate if rate else np.nan

    @cached_property
    def scale(self) -> Array:
        """Lengths on which the elements have curvatures of one size."""
        return lengths(self.hessian)

    @cached_property
    def multiplier(self) -> float:
        """The multiplier λ, by least squares on scaled axes; 0 where nothing moves the quantity."""
        normal, slope = self.normal, self.gradient / self.scale
        size = float(normal @ normal)
        return float(-(slope @ normal) / size) if size else 0.0

    @cached_property
    def normal(self) -> Array:
        """Gradient of the coordinate on scaled axes."""
        return self.reading.gradient / self.scale

    @property
    def slope(self) -> float:
        """Slope of the profile by the coordinate, where this is a point of it."""
        return -self.multiplier

    @cached_property
    def curvature(self) -> Array:
        """W, the curvature of the surface where the coordinate is held."""
        return self.hessian + self.multiplier * self.reading.hessian if self.is_bent else self.hessian

    @cached_property
    def covariance(self) -> Array:
        """Covariance of estimates, were this one."""
        return covariance(self.hessian)

    @cached_property
    def scaled(self) -> Array:
        """The curvature on scaled axes."""
        scaled: Array = self.curvature / (self.scale[:, None] * self.scale)
        return scaled

    @cached_property
    def across(self) -> Array:
        """Orthonormal directions (m, m − 1), on scaled axes, along which the coordinate does not change."""
        # Householder's reflection that takes the normal to the first axis; its other columns are across
        mirror = self.normal / math.sqrt(float(self.normal @ self.normal))
        mirror[0] += math.copysign(1.0, mirror[0])
        reflected = np.eye(len(mirror)) - mirror[:, None] * (mirror * (2.0 / float(mirror @ mirror)))
        return reflected[:, 1:]

    @cached_property
    def _reduced(self) -> tuple[Array, Array]:
        """Gradient and curvature along `across`."""
        return self.across.T @ (self.gradient / self.scale), self.across.T @ self.scaled @ self.across

    @cached_property
    def _reduced_spectrum(self) -> tuple[Array, Array, float]:
        values, vectors = np.linalg.eigh(self._reduced[1])
        return values, vectors, 1e-13 * len(self.x) * float(np.abs(values).max(initial=1.0))

    @property
    def is_valley(self) -> bool:
        """Whether the surface rises across, wherever it bends at all."""
        values, _, tolerance = self._reduced_spectrum
        return bool((values >= -tolerance).all())

    @cached_property
    def decrement(self) -> float:
        """What minimising across would still gain, twice; infinite where it would gain more than can be told."""
        values, vectors, tolerance = self._reduced_spectrum
        slope, flat = vectors.T @ self._reduced[0], np.abs(values) <= tolerance
        if (values < -tolerance).any() or (np.abs(slope[flat]) > 1e-8).any():
            return np.inf
        return float((slope[~flat] ** 2 / values[~flat]).sum())

    def step(self, rise: float) -> Array:
        """Return Newton's step to a stationary point across at which the surface is higher by `rise`."""
        return self._solve(-self.gradient, rise, self.gradient)

    def tangent(self) -> Array:
        """Return dx/dc along the profile."""
        return self._solve(np.zeros_like(self.x), 1.0, self.reading.gradient)

    def _solve(self, above: Array, below: float, row: Array) -> Array:
        """Solve [[W, ∇c], [row, 0]] (d, ·) = (above, below), on scaled axes."""
        m, scale = len(self.x), self.scale
        row = row / scale
        size = math.sqrt(float(row @ row)) or 1.0
        matrix, right = np.zeros((m + 1, m + 1)), np.empty(m + 1)
        matrix[:m, :m] = self.scaled
        matrix[:m, m] = self.normal / (math.sqrt(float(self.normal @ self.normal)) or 1.0)
        matrix[m, :m] = row / size
        right[:m], right[m] = above / scale, below / size
        return solve_kkt(matrix, right)[:m] / scale

    def last_digits(self) -> Array:
        """Return points that differ from x in its last digits only."""
        last: Array = self.x + np.spacing(np.abs(self.x)) * np.arange(-4, 5)[:, None]
        return last

    def is_rough(self, values: Array | None = None) -> bool:
        """Return whether the value changes by more than a hair at `last_digits`.

        Far out, a density can be the difference of large numbers: what is lowest there is rounding.
        """
        if values is None:
            values = self.restricted.screened(self.last_digits())
        return bool(np.ptp(values) > max(ROUGH, 100 * noise(self.value)))

    def rounding(self) -> float:
        """Return a difference of values that may be rounding alone."""
        return noise(self.value)


def solve_kkt(matrix: Array, right: Array) -> Array:
    """Solve a linear system; where it is singular, by the shortest solution."""
    solution, singular = lapack.dgesv(matrix, right)[2:]
    if singular or not np.abs(solution).max(initial=0.0) <= 1e8:
        solution = np.linalg.lstsq(matrix, right, rcond=1e-14)[0]
    return np.asarray(solution)


def evaluate_at(restricted: RestrictedObjective, quantity: Quantity, x: Array) -> ConstrainedPoint:
    """Look at a point: one value, gradient and Hessian."""
    return ConstrainedPoint(
        restricted, quantity, x, *restricted.value_gradient_hessian(x), quantity.read(restricted, x)
    )


# Eigenvalues below this share of the largest are no curvature, and a slope below this is none.
RANK, NO_SLOPE = 1e-13, 1e-8
Pair = tuple[Quantity, Quantity]


@dataclass(frozen=True)
class JointConstrainedPoint:
    """Value and derivatives of the surface and of two coordinates at one point.

    Parameters
    ----------
    frame : RestrictedObjective
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

    restricted: RestrictedObjective
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
        return np.array([quantity.natural(self.restricted, self.x) for quantity in self.pair])

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
        solution = solve_kkt(matrix, np.append(above / scale, right / sizes))
        return np.asarray(solution[:m] / scale)


def evaluate_jointly_at(restricted: RestrictedObjective, pair: Pair, x: Array) -> JointConstrainedPoint:
    """Look at a point: one value, gradient and Hessian."""
    value, gradient, hessian = restricted.value_gradient_hessian(x)
    readings = [quantity.read(restricted, x) for quantity in pair]
    return JointConstrainedPoint(
        restricted,
        pair,
        x,
        value,
        gradient,
        hessian,
        np.array([r.value for r in readings]),
        np.stack([r.gradient for r in readings], axis=1),
        np.stack([r.hessian for r in readings]),
    )
