"""One profile as it is drawn: the traced points, the curve through them, and the window that shows them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.numerics import CurveSide, ProfileCurve, profile_curve

Array = NDArray[np.float64]
DENSE = 33  # points between two traced ones
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
    """The traced points of one parameter, in increasing order of step, and the curve through them.

    Attributes
    ----------
    label : str
        The parameter.
    step : array of int
        Which step a point is, 0 at the estimate.
    value, zeta : array
        Where it is, and its signed root of Δ(−2LL).
    status : array of str
        What it is.
    curve : ProfileCurve
        The curve that intervals are read off too.
    error : float
        Wald's standard error (NaN where there is none).
    """

    label: str
    step: NDArray[np.int64]
    value: Array
    zeta: Array
    status: NDArray[np.str_]
    curve: ProfileCurve
    error: float

    @property
    def estimate(self) -> float:
        """The value at step 0."""
        return self.curve.estimate

    def at(self, x: Array) -> Array:
        """Return ζ at values; NaN outside what was traced."""
        return self.curve.zetas(x)

    def between(self, low: float, high: float) -> tuple[Array, Array]:
        """Return values between two limits, traced ones among them, and ζ there."""
        sections = [np.array([self.value[0]])]
        for a, b in zip(self.value[:-1], self.value[1:], strict=True):
            first, last = np.clip([a, b], low, high)
            sections.append(np.linspace(first, last, DENSE))
        x = np.unique(np.concatenate(sections))
        x = x[(x >= low) & (x <= high)]
        return x, self.at(x)

    def end(self, side: int, rise: float) -> ProfileEnd:
        """Return where Δ(−2LL) first meets a height, on one side (-1 or 1)."""
        values = self._side(side).values_at(rise)
        return ProfileEnd(values[0], "finite") if values else self._last(side, rise)

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

    def _side(self, side: int) -> CurveSide:
        return self.curve.upper if side > 0 else self.curve.lower

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

    def _last(self, side: int, rise: float) -> ProfileEnd:
        why = self.ends_at(side)
        if (why == "open" and rise > self._side(side).limit) or (not why and np.isinf(self.error)):
            return ProfileEnd(side * np.inf, "open")
        if why == "at_bound" or (not why and self.value.size > 1):
            return ProfileEnd(float(self.value[0 if side < 0 else -1]), "at_bound")
        return ProfileEnd(np.nan, "unknown")


def traced_profile(profile: xr.Dataset, parameter: str) -> TracedProfile:
    """Take one parameter out of what ``profile_likelihood`` returns."""
    one = profile.sel(parameter=parameter).sortby("step")
    curve = profile_curve(one)
    if curve is None:
        raise ValueError(f"Expected a profile of {parameter!r} with its estimate at step 0, got none that is finite.")
    shown = np.isfinite(one["value"].values.astype(float))
    step, value, zeta = (one[name].values[shown] for name in ("step", "value", "zeta"))
    status = one["status"].values.astype(str)[shown]
    return TracedProfile(str(parameter), step, value, zeta, status, curve, float(one["standard_error"]))
