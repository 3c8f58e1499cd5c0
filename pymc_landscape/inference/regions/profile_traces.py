"""A joint region sketched from two one-dimensional profiles, as Bates & Watts draw it.

On the ζ scale of each quantity, ζ = ±√Δ, a quadratic surface has the contour Δ = q where ζ₁ = √q cos α and
ζ₂ = √q cos β with β − α constant. On any surface the profile of the first meets the contour at ζ₁ = ±√q, where
cos β is the ζ₂ of the second's value on that profile, over √q; and the same the other way round. That is four points
of the contour, exact but for interpolation along the profiles. Between them half the sum of the angles turns once, and
their difference follows it on a periodic cubic spline (Bates & Watts 1988, *Nonlinear Regression Analysis and Its
Applications*, section 6.1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.inference.profile import ConstrainedPoint, ProfileContinuation, ProfileStep, Quantity
from pymc_landscape.inference.regions.vertices import BoundaryVertex, missing_vertex

# Points of each profile between the estimate and the highest cut-off: with slopes, more show no difference.
POINTS = 3
# The cosine of an angle, where the other quantity's path leaves the contour as far as the profiles tell.
ALMOST = 0.9999


@dataclass(frozen=True)
class ProfileTraces:
    """A profile of one quantity as curves by its ζ.

    Parameters
    ----------
    zeta, value, value_rate : array (n,)
        Traced points in increasing order of ζ, the natural value there, and its derivative by ζ.
    other, other_rate : array (n,)
        The natural value of the other quantity on the way, and its derivative by ζ.
    bounds : (float, float)
        Limits of the support.
    open_at : (bool, bool)
        Whether the profile has no end below, above.
    """

    zeta: Array
    value: Array
    value_rate: Array
    other: Array
    other_rate: Array
    bounds: tuple[float, float]
    open_at: tuple[bool, bool]

    def values(self, zeta: Array) -> Array:
        """Return the value for each ζ, on a straight line beyond the traced points."""
        return _hermite(self.zeta, self.value, self.value_rate, zeta)

    def other_values(self, zeta: Array) -> Array:
        """Return the other quantity's value for each ζ."""
        return _hermite(self.zeta, self.other, self.other_rate, zeta)

    def zetas(self, value: float) -> float:
        """Return ζ for a value: the inverse of `values`."""
        low, high = self.zeta[0] - 1.0, self.zeta[-1] + 1.0
        fine = np.linspace(low, high, 4001)
        return float(np.interp(value, np.maximum.accumulate(self.values(fine)), fine))


def _hermite(zeta: Array, value: Array, rate: Array, at: Array) -> Array:
    inside = np.clip(at, zeta[0], zeta[-1])
    rate_beyond = np.where(at < zeta[0], rate[0], rate[-1])
    if len(zeta) < 2:
        return np.asarray(value[0] + rate[0] * (at - zeta[0]))
    return np.asarray(scipy.interpolate.CubicHermiteSpline(zeta, value, rate)(inside) + rate_beyond * (at - inside))


def profile_traces(
    estimate: ConstrainedPoint, other: Quantity, enough: float
) -> tuple[ProfileTraces, ConstrainedPoint | None]:
    """Trace one quantity's profile out to a rise, and what another one does on the way.

    Returns
    -------
    traces : ProfileTraces
        The curves.
    lower : ConstrainedPoint or None
        A point lower than the estimate that was met.
    """
    sides: list[list[ProfileStep]] = []
    for side in (-1.0, 1.0):
        at_bound = estimate.natural == estimate.quantity.bounds[int(side > 0)]
        continuation = ProfileContinuation(estimate, side * estimate.sign, float(np.sqrt(enough)) / POINTS)
        sides.append([] if at_bound else list(continuation.steps(enough)))
        if sides[-1] and sides[-1][-1].state == "new_optimum":
            return _traces_of(estimate, other, ([], [])), sides[-1][-1].point
    return _traces_of(estimate, other, (sides[0], sides[1])), None


def _traces_of(
    estimate: ConstrainedPoint, other: Quantity, sides: tuple[list[ProfileStep], list[ProfileStep]]
) -> ProfileTraces:
    rows = {0.0: _row(estimate, other, 0.0, estimate)}
    for side, steps in zip((-1.0, 1.0), sides, strict=True):
        farthest = 0.0
        for step in steps:
            zeta = side * float(np.sqrt(max(step.point.value - estimate.value, 0.0)))
            row = _row(step.point, other, zeta, estimate)
            if side * zeta > side * farthest + 1e-6 and np.isfinite(row).all():
                rows[zeta], farthest = row, zeta
    order = sorted(rows)
    value, value_rate, other_value, other_rate = np.array([rows[zeta] for zeta in order]).T
    low, high = estimate.quantity.bounds
    ended = tuple(
        bool(steps) and steps[-1].state == "open" and not np.isfinite(bound)
        for steps, bound in zip(sides, (low, high), strict=True)
    )
    return ProfileTraces(np.array(order), value, value_rate, other_value, other_rate, (low, high), (ended[0], ended[1]))


def _row(
    point: ConstrainedPoint, other: Quantity, zeta: float, estimate: ConstrainedPoint
) -> tuple[float, float, float, float]:
    """Return both values and their rates by ζ: dζ = (dΔ/dc) dc / 2ζ, and at the minimum dc = se dζ."""
    along = point.tangent()
    per_zeta = 2.0 * zeta / point.slope if zeta else point.sign * float(np.sqrt(2.0 / _bend(point, along)))
    own = point.quantity.rate(point.restricted, point.x) * per_zeta
    moved = (
        other.rate(point.restricted, point.x)
        * float(other.evaluate(point.restricted, point.x).gradient @ along)
        * per_zeta
    )
    return point.natural, own, other.natural(point.restricted, point.x), moved


def _bend(point: ConstrainedPoint, along: Array) -> float:
    bend = float(along @ point.curvature @ along)
    return bend if bend > 0 else np.inf


def interpolated_contour(
    both_traces: tuple[ProfileTraces, ProfileTraces], rise: float, num: int
) -> list[BoundaryVertex]:
    """Return `num` vertices of the contour Δ = `rise`."""
    reach = float(np.sqrt(rise))
    sums, differences = _four_points(both_traces, reach)
    spline = scipy.interpolate.CubicSpline(
        [*sums, sums[0] + 2 * np.pi], [*differences, differences[0]], bc_type="periodic"
    )
    middle = 2 * np.pi * np.arange(num) / num
    apart = spline(sums[0] + (middle - sums[0]) % (2 * np.pi))
    angles = (middle + apart / 2, middle - apart / 2)
    return _natural_vertices(both_traces, [reach * np.cos(angle) for angle in angles])


def _four_points(both_traces: tuple[ProfileTraces, ProfileTraces], reach: float) -> tuple[Array, Array]:
    """Return half the sum α and the difference of both angles where the profiles meet the contour."""
    one, two = both_traces
    endpoints = reach * np.array([1.0, -1.0])
    at_one = [two.zetas(float(value)) / reach for value in one.other_values(endpoints)]
    at_two = [one.zetas(float(value)) / reach for value in two.other_values(endpoints)]
    apart_one, apart_two = (np.arccos(np.clip(np.array(at) * [1, -1], -ALMOST, ALMOST)) for at in (at_one, at_two))
    sums = np.array([-apart_one[0] / 2, apart_two[0] / 2, np.pi - apart_one[1] / 2, np.pi + apart_two[1] / 2])
    return sums, np.array([apart_one[0], apart_two[0], apart_one[1], apart_two[1]])


def _natural_vertices(both_traces: Sequence[ProfileTraces], zetas: Sequence[Array]) -> list[BoundaryVertex]:
    """Carry vertices from the ζ scale to values; beyond a bound onto it, and nowhere where a profile has no end."""
    values = np.stack([traces.values(zeta) for traces, zeta in zip(both_traces, zetas, strict=True)], axis=1)
    status = np.full(len(values), "finite", dtype=object)
    for i, (traces, zeta) in enumerate(zip(both_traces, zetas, strict=True)):
        low, high = traces.bounds
        beyond = (values[:, i] <= low) | (values[:, i] >= high)
        values[:, i] = np.clip(values[:, i], low, high)
        status[beyond] = "at_bound"
        for is_open, far in zip(traces.open_at, (zeta < traces.zeta[0], zeta > traces.zeta[-1]), strict=True):
            status[far & is_open] = "open"
    return [
        missing_vertex("open") if word == "open" else BoundaryVertex(values, np.nan, str(word))
        for values, word in zip(values, status, strict=True)
    ]
