"""The curve through the steps of a traced profile, which intervals, densities and plots all evaluate.

On each side of the estimate, where Δ(−2LL) rises outward, the value is a cubic Hermite polynomial of ζ = √Δ with the
exact slopes dv/dζ = 2ζ/(dΔ/dv), which a profile has without further evaluations (envelope theorem): ζ is nearly a
straight line in the value, and steps are equal in it. ζ at a value is the root of the same polynomial, so that both
ways of reading a profile agree to rounding. A cubic with the slopes of a rising curve can still turn; such slopes are
reduced as Fritsch & Carlson do (1980, *SIAM Journal on Numerical Analysis* 17, 238-246). That is done piece by piece,
which is why SciPy's `CubicHermiteSpline`, one set of slopes for all pieces, does not serve here.

Four pieces are no such polynomial: next to an estimate on a bound, near a limit that Δ has far out, at a corner, and
where Δ turns.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array

# So many steps determine the curve next to an estimate without a standard error.
FIRST = 2
# Where dv/dζ grows by more than this from step to step, ζ has a limit far out.
FLATTER = 2.0
# Of the further rise that a flattening profile seems to have, so much may come.
DOUBT = 2.0
# A value is at the last step if it differs from it by so little, relatively.
ROUNDING = 4e-16
# Points of a piece at which it is checked that a polynomial rises.
CHECKED = np.linspace(0.0, 1.0, 33)
# Newton's steps to the share at which a rising polynomial has a value; bisection alone needs some 52.
ITERATIONS = 60


# --- polynomials on (0, 1) -------------------------------------------------------------------------------------------


def hermite_coefficients(ends: Array, rates: Array) -> Array:
    """Return those of the cubic with values `ends` (2, ...) and derivatives `rates` at 0 and 1, highest power first."""
    gain = ends[1] - ends[0]
    return np.array([rates[0] + rates[1] - 2.0 * gain, 3.0 * gain - 2.0 * rates[0] - rates[1], rates[0], ends[0]])


def cubic_hermite(t: float, ends: Array, rates: Array) -> Array:
    """Return the cubic Hermite polynomial at a share t of the way between two ends, with their derivatives by t."""
    return np.asarray(np.polyval(hermite_coefficients(ends, rates), t))


def _real_roots(polynomial: Array) -> list[float]:
    """Return the roots in (0, 1], in order."""
    roots = np.roots(polynomial)
    real = np.sort(roots.real[np.abs(roots.imag) < 1e-9])
    return [float(root) for root in real if 0 < root <= 1]


def _monotone(ends: Array, rates: Array) -> Array:
    """Reduce derivatives with which the cubic between two rising ends would turn."""
    gain = ends[1] - ends[0]
    size = float(np.linalg.norm(rates / gain))
    slopes = np.polyval(np.polyder(hermite_coefficients(ends, rates)), CHECKED)
    return np.asarray(rates * (3.0 / size)) if size > 3.0 and (slopes < 0).any() else rates


def _root_of_rising(polynomial: Array, targets: Array) -> Array:
    """Return the shares in [0, 1] at which a rising polynomial has some values: Newton's steps within a bracket."""
    derivative, (first, last) = np.polyder(polynomial), np.polyval(polynomial, np.array([0.0, 1.0]))
    low, high = np.zeros_like(targets), np.ones_like(targets)
    t: Array = np.clip((targets - first) / (last - first), 0.0, 1.0)
    for _ in range(ITERATIONS):
        excess = np.polyval(polynomial, t) - targets
        low, high = np.where(excess <= 0, t, low), np.where(excess >= 0, t, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = t - excess / np.polyval(derivative, t)
        after = np.where((newton > low) & (newton < high), newton, 0.5 * (low + high))
        if (np.abs(after - t) <= 1e-16).all():
            break
        t = after
    return t


# --- the curve between two steps: distances from the estimate at a height, in order, and heights at distances ---------


@dataclass(frozen=True)
class _Rising:
    """The distance is a polynomial of the share t of the way in ζ."""

    heights: Array
    polynomial: Array

    def distances(self, rise: float) -> list[float]:
        if not self.heights[0] < rise <= self.heights[1]:
            return []
        a, b = np.sqrt(self.heights)
        return [float(np.polyval(self.polynomial, (np.sqrt(rise) - a) / (b - a)))]

    def rises(self, distance: Array) -> Array:
        a, b = np.sqrt(self.heights)
        return np.asarray((a + (b - a) * _root_of_rising(self.polynomial, distance)) ** 2)


@dataclass(frozen=True)
class _Flattening:
    """Near a limit that ζ has far out, ζ is a polynomial of the share of the way in the logarithm of the distance."""

    ends: Array
    heights: Array
    polynomial: Array

    def distances(self, rise: float) -> list[float]:
        if not self.heights[0] < rise <= self.heights[1]:
            return []
        a, b = np.log(self.ends)
        shifted = np.append(self.polynomial[:-1], self.polynomial[-1] - np.sqrt(rise))
        (share,) = _real_roots(shifted)[-1:] or [1.0]
        return [float(np.exp(a + (b - a) * share))]

    def rises(self, distance: Array) -> Array:
        a, b = np.log(self.ends)
        share = (np.log(np.maximum(distance, self.ends[0])) - a) / (b - a)
        return np.asarray(np.polyval(self.polynomial, np.clip(share, 0.0, 1.0)) ** 2)


@dataclass(frozen=True)
class _Corner:
    """Where the lower of two local minima changes: of the tangents at both steps, the lower one."""

    ends: Array
    heights: Array
    slopes: Array

    @property
    def tangents(self) -> list[tuple[float, float, float]]:
        """Point, height and slope of the tangents that rise."""
        return [tangent for tangent in zip(self.ends, self.heights, self.slopes, strict=True) if tangent[2] > 0]

    def distances(self, rise: float) -> list[float]:
        if not self.heights[0] < rise <= self.heights[1]:
            return []
        reached = [at + (rise - height) / slope for at, height, slope in self.tangents]
        inside = [distance for distance in reached if self.ends[0] < distance <= self.ends[1]]
        return [max(inside, default=float(self.ends[1]))]

    def rises(self, distance: Array) -> Array:
        lines = [height + slope * (distance - at) for at, height, slope in self.tangents]
        lowest = np.min(lines, axis=0) if lines else np.full(distance.shape, self.heights[0])
        return np.clip(np.where(distance >= self.ends[1], self.heights[1], lowest), 0.0, None)


@dataclass(frozen=True)
class _Turning:
    """Where Δ turns it is a cubic of the value itself."""

    ends: Array
    heights: Array
    polynomial: Array

    def distances(self, rise: float) -> list[float]:
        (a, b), (low, high) = self.ends, self.heights
        shares = _real_roots(np.append(self.polynomial[:-1], self.polynomial[-1] - rise))
        crosses = bool((low < rise) != (high < rise))
        if len(shares) % 2 != crosses:  # a root was lost to rounding: the straight line has the right number
            shares = [(rise - low) / (high - low)] if crosses else []
        return [float(a + (b - a) * share) for share in shares]

    def rises(self, distance: Array) -> Array:
        share = (distance - self.ends[0]) / (self.ends[1] - self.ends[0])
        return np.clip(np.polyval(self.polynomial, share), 0.0, None)


_Piece = _Rising | _Flattening | _Corner | _Turning


# --- one side, and both ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CurveSide:
    """The curve on one side of the estimate.

    Parameters
    ----------
    sign : float
        -1 below the estimate, 1 above.
    value, rise, slope : array (n,)
        Of the steps from the estimate, which is the first, outward: where they are, Δ(−2LL) there, and its slope by
        the value.
    status : list of str
        Of each step.
    error : float
        dv/dζ at the estimate; NaN where it is not known.
    """

    sign: float
    value: Array
    rise: Array
    slope: Array
    status: list[str]
    error: float

    def values_at(self, rise: float) -> list[float]:
        """Return the values at which Δ meets a height, from the estimate outward: up, down, up, …."""
        met = [distance for piece in self._segments if piece is not None for distance in piece.distances(rise)]
        return [float(self.value[0] + self.sign * distance) for distance in met]

    def rises(self, values: Array) -> Array:
        """Return Δ at values on this side; NaN beyond the last step."""
        distance, last = self.sign * (values - self.value[0]), self._distance[-1]
        distance = np.where(np.abs(distance - last) <= ROUNDING * (np.abs(values) + last), last, distance)
        which, result = np.searchsorted(self._distance, distance) - 1, np.full(np.shape(values), np.nan)
        for i, piece in enumerate(self._segments):
            mine = which == i
            if piece is not None and mine.any():
                result[mine] = piece.rises(distance[mine])
        result[distance == 0] = self.rise[0]
        return result

    @property
    def limit(self) -> float:
        """A height that Δ does not reach any more, if its last steps go on as they do."""
        gains = np.abs(np.diff(self.rise[-3:]))
        if len(gains) < 2 or gains[-1] == 0:
            return float(self.rise[-1])
        share = min(float(gains[-1] / gains[0]) if gains[0] else 0.9, 0.9)
        return float(self.rise[-1] + DOUBT * gains[-1] * share / (1.0 - share))

    @cached_property
    def _distance(self) -> Array:
        return np.asarray(self.sign * (self.value - self.value[0]))

    @cached_property
    def _segments(self) -> list[_Piece | None]:
        """Between each step and the next; None where two stand at one value."""
        return [self._piece(i) for i in range(len(self.value) - 1)]

    def _piece(self, i: int) -> _Piece | None:
        ends, heights = self._distance[i : i + 2], self.rise[i : i + 2]
        if ends[0] == ends[1]:
            return None
        if self._is_rising(i):
            return self._rising(i, ends, heights)
        if self.status[i + 1] == "kink" and heights[0] < heights[1]:
            return _Corner(ends, heights, self.sign * self.slope[i : i + 2])
        rates = self.sign * self.slope[i : i + 2] * (ends[1] - ends[0])
        if not np.isfinite(rates).all():
            rates = np.full(2, heights[1] - heights[0])
        return _Turning(ends, heights, hermite_coefficients(heights, rates))

    def _is_rising(self, i: int) -> bool:
        """Whether the curve rises from step i to the next one, without a corner."""
        slopes = self.sign * self.slope[i : i + 2]
        up = self.rise[i + 1] > self.rise[i] and slopes[1] > 0 and (i == 0 or slopes[0] > 0)
        return bool(up and self.status[i + 1] != "kink")

    def _rising(self, i: int, ends: Array, heights: Array) -> _Piece:
        if i == 0 and not np.isfinite(self.error):
            return _Rising(heights, self._from_bound())
        zetas = np.sqrt(heights)
        rates = np.array([self._rate(i), self._rate(i + 1)]) * (zetas[1] - zetas[0])
        if i > 0 and rates[1] > FLATTER * rates[0]:
            by_log = np.array([ends[j] / self._rate(i + j) for j in (0, 1)]) * np.log(ends[1] / ends[0])
            return _Flattening(ends, heights, hermite_coefficients(zetas, _monotone(zetas, by_log)))
        return _Rising(heights, hermite_coefficients(ends, _monotone(ends, rates)))

    def _rate(self, i: int) -> float:
        """Return dv/dζ, outward."""
        return self.error if i == 0 else float(2.0 * np.sqrt(self.rise[i]) / (self.sign * self.slope[i]))

    def _from_bound(self) -> Array:
        """Leave an estimate on a bound, where dv/dζ may be anything: the polynomial through the steps next to it."""
        zetas = np.sqrt(self.rise)
        for n in (FIRST, 1):
            if n >= len(zetas) or not all(self._is_rising(i) for i in range(n)):
                continue
            t, power = zetas[1 : n + 1, None] / zetas[1], np.arange(2 * n, 0, -1)
            rates = np.array([self._rate(i) for i in range(1, n + 1)]) * zetas[1]
            rows, right = np.concatenate([t**power, power * t ** (power - 1)]), [*self._distance[1 : n + 1], *rates]
            polynomial = np.append(np.linalg.solve(rows, right), 0.0)
            if (np.diff(np.polyval(polynomial, CHECKED)) > 0).all():
                return polynomial
        return np.array([self._distance[1], 0.0])


@dataclass(frozen=True)
class ProfileCurve:
    """Δ(−2LL) of one quantity at any value, and the values at any height.

    Parameters
    ----------
    lower, upper : CurveSide
        Below and above the estimate.
    """

    lower: CurveSide
    upper: CurveSide

    @property
    def estimate(self) -> float:
        """The value at which Δ is 0."""
        return float(self.lower.value[0])

    def rises(self, values: Array) -> Array:
        """Return Δ at values; NaN beyond the steps."""
        values = np.asarray(values, dtype=float)
        return np.where(values < self.estimate, self.lower.rises(values), self.upper.rises(values))

    def zetas(self, values: Array) -> Array:
        """Return the signed root ζ = ±√Δ at values; NaN beyond the steps."""
        return np.asarray(np.sign(np.asarray(values) - self.estimate) * np.sqrt(self.rises(values)))

    def relative_likelihood(self, values: Array) -> Array:
        """Return exp(−Δ/2) at values.

        Beyond the last step it is the last height where the profile is open, 0 where it was traced until nothing is
        left, and NaN where the trace failed; and 1 throughout where the quantity is not determined.
        """
        if len(self.lower.value) == len(self.upper.value) == 1:
            return np.ones_like(values)
        heights = np.exp(-0.5 * self.rises(values))
        low, high = self.lower, self.upper
        for side, outside in ((low, values < low.value[-1]), (high, values > high.value[-1])):
            last = {"open": float(np.exp(-0.5 * side.rise[-1])), "failed": np.nan}
            heights = np.where(outside, last.get(side.status[-1], 0.0), heights)
        return heights


def profile_curve(row: xr.Dataset) -> ProfileCurve | None:
    """Return the curve of one parameter of what ``profile_likelihood`` returns; None where it was not traced.

    Parameters
    ----------
    row : Dataset
        Of one parameter, with the dim ``step``: ``value``, ``slope``, ``status``, ``standard_error`` and, where it
        has them, ``delta_minus2ll`` rather than ``zeta``.
    """
    row = row.sortby("step")
    value, slope = (row[name].values.astype(float) for name in ("value", "slope"))
    by_zeta = "delta_minus2ll" not in row
    rise = row["zeta"].values.astype(float) ** 2 if by_zeta else row["delta_minus2ll"].values.astype(float)
    status, step = row["status"].values.astype(str), row["step"].values
    centers = np.flatnonzero(step == 0)
    if not len(centers) or not np.isfinite(value[centers[0]]):
        return None
    center, error = int(centers[0]), float(row["standard_error"])
    # an expected information is no curvature of -2 log L
    is_curvature = np.isfinite(error) and error > 0 and row.attrs.get("information", "observed") == "observed"

    def side(sign: float, order: NDArray[np.intp]) -> CurveSide:
        at = order[np.isfinite(value[order])]
        dv_dzeta = error if is_curvature else np.nan
        return CurveSide(sign, value[at], rise[at], slope[at], status[at].tolist(), dv_dzeta)

    return ProfileCurve(side(-1.0, center - np.arange(center + 1)), side(1.0, np.arange(center, len(step))))
