"""One profile as a curve: ζ between the traced points by cubic Hermite polynomials with the exact slopes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq

Array = NDArray[np.float64]
DENSE = 33  # points between two traced ones
FLAT = 1e-7  # in ζ: nearer to 0 than this, slope / 2ζ is rounding
# An open side is shown so far, in half widths of the profile or of Wald's interval.
REACH = 3.0


@dataclass(frozen=True)
class ProfileEnd:
    """An end of an interval, read off the curve.

    Attributes
    ----------
    value : float
        The end; ±∞ where open, NaN where the profile stops before the cut-off.
    status : str
        ``"finite"``, ``"at_bound"``, ``"open"`` or ``"unknown"``.
    """

    value: float
    status: str


@dataclass(frozen=True)
class TracedProfile:
    """The traced points of one parameter, in increasing order of step.

    Attributes
    ----------
    label : str
        The parameter.
    step : array of int
        Which step a point is, 0 at the estimate.
    value, zeta, rate : array
        Where it is, its signed root of Δ(−2LL), and dζ/dvalue (NaN where not known).
    status : array of str
        What it is.
    estimate, error : float
        The estimate and Wald's standard error (NaN where there is none).
    """

    label: str
    step: NDArray[np.int64]
    value: Array
    zeta: Array
    rate: Array
    status: NDArray[np.str_]
    estimate: float
    error: float

    def at(self, x: Array) -> Array:
        """Return ζ at values; NaN outside what was traced."""
        found = np.full(np.shape(x), np.nan)
        for i in range(self.value.size - 1):
            low, high = sorted(self.value[i : i + 2])
            mine = (x >= low) & (x <= high)
            found[mine] = self._piece(i, x[mine])
        return found

    def curve(self, low: float, high: float) -> tuple[Array, Array]:
        """Return values between two limits, traced ones among them, and ζ there."""
        pieces = [np.array([self.value[0]])]
        for a, b in zip(self.value[:-1], self.value[1:], strict=True):
            first, last = np.clip([a, b], low, high)
            pieces.append(np.linspace(first, last, DENSE))
        x = np.unique(np.concatenate(pieces))
        x = x[(x >= low) & (x <= high)]
        return x, self.at(x)

    def end(self, side: int, rise: float) -> ProfileEnd:
        """Return where Δ(−2LL) first meets a height, on one side (-1 or 1)."""
        level = side * np.sqrt(rise)
        for i in self._outward(side):
            inner, outer = (i, i + 1) if side > 0 else (i + 1, i)
            if side * self.zeta[outer] >= side * level > side * self.zeta[inner]:
                a, b = self.value[inner], self.value[outer]
                return ProfileEnd(float(brentq(lambda x: float(self.at(np.array([x]))[0] - level), a, b)), "finite")
        return self._last(side)

    def wald(self, x: Array) -> Array:
        """Return ζ of the parabola of curvature: a straight line."""
        return np.asarray((x - self.estimate) / self.error)

    def window(self, rises: Array, *, beside_wald: bool = True) -> tuple[float, float]:
        """Return limits that show the profile, and Wald's, up to the last height, and enough of an open side."""
        rise = float(rises[-1])
        sides = [self._reach(side, rise) for side in (-1, 1)]
        known = [reach for reach in sides if np.isfinite(reach)]
        wald = self.error * np.sqrt(rise) if beside_wald and np.isfinite(self.error) else 0.0
        half = max([*known, min(wald, 2 * max(known, default=wald))], default=0.0) or self._fallback()
        low, high = (self._shown(side, rises, half) for side in (-1, 1))
        low, high = (max(reach, min(wald, 1.5 * half)) for reach in (low, high))
        margin = 0.04 * (low + high)
        return self.estimate - low - margin, self.estimate + high + margin

    def ends_at(self, side: int) -> str:
        """Why the trace ended on this side, in the word of its last status; empty if no step was made."""
        beyond = side * self.step > 0
        return str(self.status[beyond][0 if side < 0 else -1]) if beyond.any() else ""

    # --- how ----------------------------------------------------------------------------------------

    @cached_property
    def _center(self) -> int:
        return int(np.abs(self.step).argmin())

    def _outward(self, side: int) -> Iterator[int]:
        """Intervals between points, from the estimate outward."""
        return iter(range(self._center, self.value.size - 1) if side > 0 else range(self._center - 1, -1, -1))

    def _reach(self, side: int, rise: float) -> float:
        """How far to show: to the height; to where the trace ended; infinitely far if open."""
        end = self.end(side, rise)
        if end.status == "unknown":
            return float(abs(self.value[0 if side < 0 else -1] - self.estimate))
        return abs(end.value - self.estimate)

    def _shown(self, side: int, rises: Array, half: float) -> float:
        """How far to show a side: an open one well beyond the last height that it meets."""
        reach = self._reach(side, float(rises[-1]))
        if np.isfinite(reach):
            return reach
        met = [abs(end.value - self.estimate) for end in (self.end(side, float(rise)) for rise in rises)]
        return max([REACH * half, *(1.3 * m for m in met if np.isfinite(m))])

    def _fallback(self) -> float:
        return float(np.ptp(self.value)) or abs(self.estimate) or 1.0

    def _last(self, side: int) -> ProfileEnd:
        why = self.ends_at(side)
        if why == "open" or (not why and np.isinf(self.error)):
            return ProfileEnd(side * np.inf, "open")
        if why == "at_bound" or (not why and self.value.size > 1):
            return ProfileEnd(float(self.value[0 if side < 0 else -1]), "at_bound")
        return ProfileEnd(np.nan, "unknown")

    def _piece(self, i: int, x: Array) -> Array:
        """Return ζ between points i and i + 1."""
        a, b = self.value[i], self.value[i + 1]
        if b == a:
            return np.full(x.shape, self.zeta[i])
        ends, rates = self.zeta[i : i + 2], self.rate[i : i + 2] * (b - a)
        t, known = (x - a) / (b - a), np.isfinite(rates)
        if known.all() and not self._breaks(i):
            return _hermite(t, ends, rates)
        if known.all():
            return _corner(t, ends, rates)
        if known.any() and self._center in (i, i + 1):
            return _from_edge(t, ends, rates)
        return _straight(t, ends)

    def _breaks(self, i: int) -> bool:
        """Whether the outer point of an interval was reached across a kink."""
        outer = i + 1 if self.step[i + 1] > 0 else i
        return bool(self.status[outer] == "kink")


def _hermite(t: Array, ends: Array, rates: Array) -> Array:
    left, right = (1 + 2 * t) * (1 - t) ** 2, t * t * (3 - 2 * t)
    slopes = t * (1 - t) ** 2 * rates[0] - t * t * (1 - t) * rates[1]
    return np.asarray(ends[0] * left + ends[1] * right + slopes)


def _straight(t: Array, ends: Array) -> Array:
    return np.asarray(ends[0] + t * (ends[1] - ends[0]))


def _corner(t: Array, ends: Array, rates: Array) -> Array:
    """Two tangents as far as where they meet: a kink is shown as one."""
    meet = (ends[1] - rates[1] - ends[0]) / (rates[0] - rates[1]) if rates[0] != rates[1] else np.nan
    if not 0 < meet < 1:
        return _straight(t, ends)
    return np.asarray(np.where(t < meet, ends[0] + rates[0] * t, ends[1] - rates[1] * (1 - t)))


def _from_edge(t: Array, ends: Array, rates: Array) -> Array:
    """Δ leaves an estimate at a bound with a slope, and ζ then with none: a parabola in Δ."""
    outer = int(np.isfinite(rates)[1])
    s = t if outer else 1 - t
    rise = ends[outer] ** 2
    slope = 2 * ends[outer] * rates[outer] * (1 if outer else -1)
    height = (2 * rise - slope) * s + (slope - rise) * s * s
    return np.asarray(np.sign(ends[outer]) * np.sqrt(np.maximum(height, 0.0)))


def traced_profile(profile: xr.Dataset, parameter: str) -> TracedProfile:
    """Take one parameter out of what ``profile_likelihood`` returns."""
    one = profile.sel(parameter=parameter).sortby("step")
    value, zeta, slope = (one[name].to_numpy().astype(float) for name in ("value", "zeta", "slope"))
    shown = np.isfinite(value) & np.isfinite(zeta)
    if not (shown & (one["step"].to_numpy() == 0)).any():
        raise ValueError(f"Expected a profile of {parameter!r} with its estimate at step 0, got none that is finite.")
    step, error = one["step"].to_numpy()[shown], float(one["standard_error"])
    rate = _rates(zeta[shown], slope[shown], step, error)
    status = one["status"].to_numpy().astype(str)[shown]
    return TracedProfile(str(parameter), step, value[shown], zeta[shown], rate, status, float(one["estimate"]), error)


def _rates(zeta: Array, slope: Array, step: NDArray[np.int64], error: float) -> Array:
    """Return dζ/dv = (dΔ/dv) / 2ζ; at an estimate with a curvature, 1/se."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(np.abs(zeta) > FLAT, slope / (2 * zeta), np.nan)
        rate[step == 0] = 1 / error if 0 < error < np.inf else np.nan
    return np.where(np.isfinite(rate), rate, np.nan)
