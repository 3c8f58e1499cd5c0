"""Value, derivatives, multipliers and reduced curvature of −2LL at a point, where quantities are fixed.

With f the surface and c = (c₁, …, c_r) the coordinates of r quantities, the multipliers λ are such that
∇f + Σ λᵢ∇cᵢ is smallest, and W = ∇²f + Σ λᵢ∇²cᵢ is the curvature that f has where all cᵢ are fixed (Nocedal & Wright
2006, *Numerical Optimization*, chapter 12 and section 18.1). Where f is minimal across, −λ is the slope of the profile
by c (the envelope theorem), and x moves along the profile by

    [W  N] [dx]   [0 ]
    [Nᵀ 0] [· ] = [dc],

N with the gradients ∇cᵢ as columns. A profile of one quantity has r = 1, a joint region of two r = 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import scipy

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile.quantities import Derivatives, Quantity
from pymc_landscape.numerics import covariance, lapack, lengths, noise
from pymc_landscape.objective import STANDARD_DEVIATIONS, RestrictedObjective, evaluation_noise, is_lower

Pair = tuple[Quantity, Quantity]

# Changes of -2 log L that are no longer rounding alone, unless the density is badly computed.
ROUGH = 1e-6
# A slope of the quantity, against its curvature, that is none: estimates are known to 1e-8 of a standard error.
STATIONARY = 1e-6
# Reduced eigenvalues below this share of the largest are no curvature, and a reduced slope below this is none.
RANK, NO_SLOPE = 1e-13, 1e-8


@dataclass(frozen=True)
class ConstrainedPoint:
    """Value and derivatives of the surface and of the coordinates at one point.

    Parameters
    ----------
    restricted : RestrictedObjective
        The surface, with its free elements.
    quantities : tuple of Quantity
        The r quantities that are fixed.
    x : array (m,)
        The point.
    value, gradient : float, array (m,)
        Of the surface.
    hessian_or_function : array (m, m), or function
        Its Hessian, or what computes it when it is first asked for: of a large model perhaps never.
    derivatives : tuple of Derivatives
        Of each coordinate.
    foretold : float
        The value that the last of Newton's steps has foretold; NaN where it was not kept.
    """

    restricted: RestrictedObjective
    quantities: tuple[Quantity, ...]
    x: Array
    value: float
    gradient: Array
    hessian_or_function: Array | Callable[[], Array]
    derivatives: tuple[Derivatives, ...]
    foretold: float = math.nan

    @cached_property
    def hessian(self) -> Array:
        """The Hessian (m, m) of the surface."""
        return self.hessian_or_function() if callable(self.hessian_or_function) else self.hessian_or_function

    @cached_property
    def is_finite(self) -> bool:
        """Whether there is a value with derivatives here."""
        bent = [d for d, q in zip(self.derivatives, self.quantities, strict=True) if q.element is None]
        known = () if callable(self.hessian_or_function) else (self.hessian_or_function,)
        arrays = [self.gradient, *known, *(a for d in bent for a in (d.gradient, d.hessian))]
        return math.isfinite(self.value) and all(np.isfinite(array).all() for array in arrays)

    @cached_property
    def scale(self) -> Array:
        """Lengths on which the elements have curvatures of one size."""
        return lengths(self.hessian)

    @cached_property
    def covariance(self) -> Array:
        """Covariance of estimates, were this one."""
        return covariance(self.hessian)

    def moved(
        self, held: Sequence[int], x: Array, value: float, gradient: Array, hessian: Array, foretold: float = math.nan
    ) -> ConstrainedPoint:
        """Return another point of the surface, seen from the same coordinates; these are the elements `held` of x."""
        pairs = zip(held, self.derivatives, strict=True)
        derivatives = tuple(Derivatives(float(x[i]), own.gradient, own.hessian) for i, own in pairs)
        return ConstrainedPoint(self.restricted, self.quantities, x, value, gradient, hessian, derivatives, foretold)

    # --- one quantity ------------------------------------------------------------------------------------------------

    @property
    def quantity(self) -> Quantity:
        """The first quantity, which for a profile is the only one."""
        return self.quantities[0]

    @property
    def coordinate(self) -> float:
        """Its coordinate."""
        return self.derivatives[0].value

    @property
    def normal(self) -> Array:
        """The gradient (m,) of its coordinate."""
        return self.derivatives[0].gradient

    @property
    def is_bent(self) -> bool:
        """Whether its coordinate is anything else than one element of x."""
        return self.quantity.element is None

    @cached_property
    def is_stationary(self) -> bool:
        """Whether it has no slope here: it is the lowest or highest nearby, or nothing moves it."""
        if not self.is_bent or not self.is_finite:
            return False
        bend = np.abs(self.derivatives[0].hessian / (self.scale[:, None] * self.scale)).max(initial=0.0)
        slope = np.abs(self._scaled_normals[0]).max(initial=0.0)
        return bool(slope <= max(STATIONARY * bend, 1e-14 * abs(self.coordinate)))

    @cached_property
    def natural(self) -> float:
        """The quantity ψ itself."""
        return self.quantity.natural(self.restricted, self.x)

    @cached_property
    def sign(self) -> float:
        """1 where ψ rises with the coordinate, -1 where it falls."""
        return self.quantity.sign(self.restricted, self.x)

    @property
    def slope(self) -> float:
        """Slope of the profile by the coordinate, where this is a point of it."""
        return float(self.slopes[0])

    @cached_property
    def natural_slope(self) -> float:
        """Slope of the profile by ψ."""
        rate = self.quantity.rate(self.restricted, self.x)
        return self.slope / rate if rate else np.nan

    # --- all quantities ----------------------------------------------------------------------------------------------

    @cached_property
    def coordinates(self) -> Array:
        """The coordinates (r,)."""
        return np.array([d.value for d in self.derivatives])

    @cached_property
    def normals(self) -> Array:
        """The gradients (m, r) of the coordinates."""
        return np.stack([d.gradient for d in self.derivatives], axis=1)

    @property
    def natural_values(self) -> Array:
        """The quantities (r,) themselves."""
        return np.array([quantity.natural(self.restricted, self.x) for quantity in self.quantities])

    @cached_property
    def multipliers(self) -> Array:
        """The multipliers λ (r,), by least squares on scaled axes; 0 where nothing moves the quantity."""
        if len(self.quantities) > 1 and all(quantity.element is not None for quantity in self.quantities):
            return -np.array([self.gradient @ d.gradient for d in self.derivatives])  # unit vectors
        slope = self.gradient / self.scale
        if len(self.quantities) == 1:
            (normal,) = self._scaled_normals
            size = float(normal @ normal)
            return np.array([-float(slope @ normal) / size if size else 0.0])
        return np.asarray(np.linalg.lstsq(np.stack(self._scaled_normals, axis=1), -slope, rcond=None)[0])

    @property
    def slopes(self) -> Array:
        """Slopes (r,) of the profile by the coordinates, where this is a point of it."""
        return -self.multipliers

    @property
    def penalty(self) -> Callable[[RestrictedObjective, Array], Array] | None:
        """Σ λᵢ(cᵢ(x) − cᵢ) at points (n, m) of an objective with other elements free; None where it is 0 for all.

        With it added, the surface falls off a bound only where it falls along the constraints.
        """
        bent = [i for i, quantity in enumerate(self.quantities) if quantity.element is None]
        if not bent:
            return None

        def penalty(restricted: RestrictedObjective, points: Array) -> Array:
            values = [[self.quantities[i].evaluate(restricted, x).value for i in bent] for x in points]
            moved = np.array(values) - self.coordinates[bent]
            return np.asarray(moved @ self.multipliers[bent])

        return penalty

    @cached_property
    def curvature(self) -> Array:
        """W, the curvature of the surface where the coordinates are fixed."""
        curvature = self.hessian
        for quantity, derivatives, multiplier in zip(self.quantities, self.derivatives, self.multipliers, strict=True):
            if quantity.element is None:
                curvature = curvature + multiplier * derivatives.hessian
        return curvature

    @cached_property
    def _scaled_normals(self) -> list[Array]:
        return [d.gradient / self.scale for d in self.derivatives]

    @cached_property
    def _scaled_curvature(self) -> Array:
        scaled: Array = self.curvature / (self.scale[:, None] * self.scale)
        return scaled

    @cached_property
    def axes(self) -> tuple[Array, Array]:
        """Orthonormal directions on scaled axes: those (m, r) that span the normals, and those (m, m − r) across."""
        r = len(self.quantities)
        if r > 1:
            both = scipy.linalg.qr(np.stack(self._scaled_normals, axis=1))[0]
            return both[:, :r], both[:, r:]
        # Householder's reflection that takes the normal to the first axis; a tenth of what a QR factorisation takes
        normal = self._scaled_normals[0] / _length(self._scaled_normals[0])
        mirror = normal.copy()
        mirror[0] += math.copysign(1.0, mirror[0])
        reflected = np.eye(len(mirror)) - mirror[:, None] * (mirror * (2.0 / float(mirror @ mirror)))
        return normal[:, None], reflected[:, 1:]

    @property
    def across(self) -> Array:
        """Orthonormal directions (m, m − r), on scaled axes, along which no coordinate changes."""
        return self.axes[1]

    @cached_property
    def _reduced_slope(self) -> Array:
        return np.asarray(self.across.T @ (self.gradient / self.scale))

    @cached_property
    def _reduced_spectrum(self) -> tuple[Array, Array, float]:
        """Eigenvalues and eigenvectors of the curvature along `across`, and what is no curvature."""
        values, vectors = np.linalg.eigh(self.across.T @ self._scaled_curvature @ self.across)
        return values, vectors, RANK * len(self.x) * float(np.abs(values).max(initial=1.0))

    @property
    def is_convex(self) -> bool:
        """Whether the surface rises across, wherever it bends at all."""
        values, _, tolerance = self._reduced_spectrum
        return bool((values >= -tolerance).all())

    @cached_property
    def decrement(self) -> float:
        """What minimising across would still gain, twice; infinite where it would gain more than can be told."""
        values, vectors, tolerance = self._reduced_spectrum
        slope, flat = vectors.T @ self._reduced_slope, np.abs(values) <= tolerance
        if (values < -tolerance).any() or (np.abs(slope[flat]) > NO_SLOPE).any():
            return np.inf
        return float((slope[~flat] ** 2 / values[~flat]).sum())

    def step_to(self, rise: float) -> Array:
        """Return Newton's step to a stationary point across at which the surface is higher by `rise`."""
        return self.solve([self.gradient], [rise], -self.gradient)

    def tangent(self, moved: Sequence[float] | Array = (1.0,)) -> Array:
        """Return the change of x along the profile for a change (r,) of the coordinates, to first order."""
        return self.solve([d.gradient for d in self.derivatives], moved, np.zeros_like(self.x))

    def solve(self, rows: Sequence[Array] | Array, right: Sequence[float] | Array, above: Array) -> Array:
        """Solve [[W, N], [rows, 0]] (d, ·) = (above, right) for d (m,), with r rows, on scaled axes."""
        m, r, scale = len(self.x), len(self.quantities), self.scale
        matrix, known = np.zeros((m + r, m + r)), np.empty(m + r)
        matrix[:m, :m], known[:m] = self._scaled_curvature, above / scale
        for i, normal in enumerate(self._scaled_normals):
            matrix[:m, m + i] = normal / (_length(normal) or 1.0)
            row = rows[i] / scale
            size = _length(row) or 1.0
            matrix[m + i, :m], known[m + i] = row / size, right[i] / size
        return _solution(matrix, known)[:m] / scale

    # --- rounding ----------------------------------------------------------------------------------------------------

    @property
    def is_on_convex_surface(self) -> bool:
        """Whether the surface is known to be convex, and the quantities straight: a minimum across is the lowest."""
        restricted = self.restricted
        if restricted.coordinates is not None or any(quantity.element is None for quantity in self.quantities):
            return False
        return restricted.objective.is_convex(restricted.unconstrained)

    @property
    def is_as_foretold(self) -> bool:
        """Whether the value is what a short step has foretold, so that it has its digits."""
        return abs(self.value - self.foretold) <= max(ROUGH, 100 * noise(self.value))

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
        """Return a difference of values that may be rounding alone, where densities have all their digits."""
        return noise(self.value)

    def is_lower(self, than: ConstrainedPoint, by: float, bar: float | None = None) -> bool:
        """Whether the surface is lower here than at another point, by more than `by` and by more than its rounding.

        With `bar` it is to be lower than that instead, and the other point is one that has its digits.
        """
        height = (than.value if bar is None else bar) - by - self.rounding()
        if not is_lower(self.restricted, self.x, self.value, height, (than.restricted, than.x)):
            return False
        # the other may stand too high by its own
        return STANDARD_DEVIATIONS * evaluation_noise(than.restricted, than.x) < height - self.value


def _length(vector: Array) -> float:
    return math.sqrt(float(vector @ vector))  # a third of the time that `np.linalg.norm` takes


def _solution(matrix: Array, right: Array) -> Array:
    """Solve a linear system; where it is singular, by the shortest solution."""
    solution, singular = lapack("dgesv")(matrix, right)[2:]
    if singular or not np.abs(solution).max(initial=0.0) <= 1e8:
        solution = np.linalg.lstsq(matrix, right, rcond=1e-14)[0]
    return np.asarray(solution)


def evaluate_at(
    restricted: RestrictedObjective, quantities: Quantity | tuple[Quantity, ...], x: Array
) -> ConstrainedPoint:
    """Return the point x (m,) with one value, gradient and Hessian of the surface, for one or several quantities."""
    fixed = (quantities,) if isinstance(quantities, Quantity) else quantities
    derivatives = tuple(quantity.evaluate(restricted, x) for quantity in fixed)
    return ConstrainedPoint(restricted, fixed, x, *restricted.value_gradient_hessian(x), derivatives)


def point_without_hessian(restricted: RestrictedObjective, quantity: Quantity, x: Array) -> ConstrainedPoint:
    """Return the same for one quantity, of which the Hessian is computed when it is first asked for."""
    surface = *restricted.value_and_gradient(x), lambda: restricted.hessian(x)
    return ConstrainedPoint(restricted, (quantity,), x, *surface, (quantity.evaluate(restricted, x),))
