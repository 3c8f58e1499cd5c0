"""Interpolation of a traced profile: the one curve that intervals, densities and plots read.

One side of a profile as a curve: cubic Hermite polynomials between its steps, with their exact slopes.

Where Δ(−2LL) rises outward, the value is a cubic of ζ = √Δ with dv/dζ = 2ζ/slope: ζ is nearly straight, and steps
are equal in it. Where Δ turns, it is itself a cubic of the value. A cubic with the slopes of a rising curve can still
turn; such slopes are cut as Fritsch & Carlson do (1980, *SIAM Journal on Numerical Analysis* 17, 238-246).

A traced profile as a curve: how high the relative likelihood exp(−Δ/2) stands at any value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import KroghInterpolator

from pymc_landscape._typing import Array

# So many steps share in the curve that leaves an estimate without a standard error.
FIRST = 2
# Where dv/dζ grows by more than this from step to step, ζ has a limit far out.
FLATTER = 2.0
# Of the remainder that a fading profile seems to have, so much may come.
DOUBT = 2.0


@dataclass(frozen=True)
class Side:
    """The steps of one side, from the estimate outward; the estimate is the first.

    Parameters
    ----------
    sign : float
        -1 below the estimate, 1 above.
    value, rise, slope : array (n,)
        Where the steps are, Δ(−2LL) there, and its slope by the value.
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

    def crossings(self, rise: float) -> list[float]:
        """Return the values at which Δ meets a height, from the estimate outward: up, down, up, …."""
        met = [root for i in range(len(self.value) - 1) for root in self._roots(i, rise)]
        return [float(self.value[0] + self.sign * distance) for distance in met]

    def limit(self) -> float:
        """Return a height that Δ does not reach any more, if its last steps go on as they do."""
        gains = np.abs(np.diff(self.rise[-3:]))
        if len(gains) < 2 or gains[-1] == 0:
            return float(self.rise[-1])
        share = min(float(gains[-1] / gains[0]) if gains[0] else 0.9, 0.9)
        return float(self.rise[-1] + DOUBT * gains[-1] * share / (1.0 - share))

    # --- between two steps -------------------------------------------------------------------------------------------

    def _roots(self, i: int, rise: float) -> Iterator[float]:
        """Yield distances from the estimate, between steps i and i + 1, at which Δ meets a height."""
        a, b = self._distance(i), self._distance(i + 1)
        low, high = self.rise[i], self.rise[i + 1]
        if a == b:
            return
        if self._rises(i):
            if low < rise <= high:
                yield self._at_zeta(i, float(np.sqrt(rise)))
            return
        if self.status[i + 1] == "kink" and low < rise <= high:
            yield self._corner(i, rise)
            return
        yield from a + (b - a) * self._turning(i, rise)

    def _distance(self, i: int) -> float:
        return float(self.sign * (self.value[i] - self.value[0]))

    def _outward(self, i: int) -> float:
        return float(self.sign * self.slope[i])

    def _rises(self, i: int) -> bool:
        """Whether the curve rises from step i to the next one, without a corner."""
        up = self.rise[i + 1] > self.rise[i] and self._outward(i + 1) > 0 and (i == 0 or self._outward(i) > 0)
        return bool(up and self.status[i + 1] != "kink")

    def _at_zeta(self, i: int, zeta: float) -> float:
        if i == 0 and not np.isfinite(self.error):
            return self._from_estimate(zeta)
        a, b = np.sqrt(self.rise[i : i + 2])
        ends = np.array([self._distance(i), self._distance(i + 1)])
        rates = np.array([self._rate(i), self._rate(i + 1)]) * (b - a)
        if i > 0 and rates[1] > FLATTER * rates[0]:
            return self._far_out(i, zeta)
        return float(cubic((zeta - a) / (b - a), ends, _monotone(ends, rates)))

    def _far_out(self, i: int, zeta: float) -> float:
        """Near a limit that ζ has far out, ζ is a cubic of the logarithm of the distance."""
        zetas = np.sqrt(self.rise[i : i + 2])
        a, b = np.log(self._distance(i)), np.log(self._distance(i + 1))
        rates = np.array([self._distance(j) / self._rate(j) for j in (i, i + 1)]) * (b - a)
        polynomial = _coefficients(zetas, _monotone(zetas, rates))
        polynomial[-1] -= zeta
        (share,) = _shares(polynomial)[-1:] or [1.0]
        return float(np.exp(a + (b - a) * share))

    def _rate(self, i: int) -> float:
        """Return dv/dζ, outward."""
        return self.error if i == 0 else float(2.0 * np.sqrt(self.rise[i]) / self._outward(i))

    def _from_estimate(self, zeta: float) -> float:
        """Leave an estimate on an edge, where dv/dζ may be anything: the steps beside it tell."""
        zetas, distances = np.sqrt(self.rise), [self._distance(i) for i in range(len(self.value))]
        for n in (FIRST, 1):
            if n >= len(zetas) or not all(self._rises(i) for i in range(n)):
                continue
            knots = [0.0, *(z for z in zetas[1 : n + 1] for _ in range(2))]
            ends = [0.0, *(end for i in range(1, n + 1) for end in (distances[i], self._rate(i)))]
            curve = KroghInterpolator(knots, ends)
            if (np.diff(curve(np.linspace(0.0, zetas[1], 33))) > 0).all():
                return float(curve(zeta))
        return float(distances[1] * zeta / zetas[1])

    def _corner(self, i: int, rise: float) -> float:
        """Two tangents, and of both the lower: where the lowest of two valleys changes on the way."""
        reached = [
            self._distance(j) + (rise - self.rise[j]) / self._outward(j) for j in (i, i + 1) if self._outward(j) > 0
        ]
        a, b = self._distance(i), self._distance(i + 1)
        known = [distance for distance in reached if a < distance <= b]
        return max(known) if known else b

    def _turning(self, i: int, rise: float) -> Array:
        """Return shares of the way from step i to the next, at which the cubic of Δ by the value meets a height."""
        ends, h = self.rise[i : i + 2], self._distance(i + 1) - self._distance(i)
        rates = np.array([self._outward(i), self._outward(i + 1)]) * h
        if not np.isfinite(rates).all():
            rates = np.full(2, ends[1] - ends[0])
        polynomial = _coefficients(ends, rates)
        polynomial[-1] -= rise
        shares = _shares(polynomial)
        crosses = bool((ends[0] < rise) != (ends[1] < rise))
        if len(shares) % 2 == crosses:
            return np.array(shares)
        return np.array([(rise - ends[0]) / (ends[1] - ends[0])] if crosses else [])


def _coefficients(ends: Array, rates: Array) -> Array:
    """Return those of the cubic with such ends and rates on (0, 1), highest power first."""
    gain = ends[1] - ends[0]
    return np.array([rates.sum() - 2.0 * gain, 3.0 * gain - 2.0 * rates[0] - rates[1], rates[0], ends[0]])


def _shares(polynomial: Array) -> list[float]:
    """Return its roots in (0, 1], in order."""
    roots = np.roots(polynomial)
    real = np.sort(roots.real[np.abs(roots.imag) < 1e-9])
    return [float(root) for root in real if 0 < root <= 1]


def cubic(t: float, ends: Array, rates: Array) -> float:
    """Return the cubic Hermite polynomial at a share t of the way between two ends, with their rates by t."""
    return float(np.polyval(_coefficients(ends, rates), t))


def _monotone(ends: Array, rates: Array) -> Array:
    """Cut rates with which the cubic between two rising ends would turn."""
    gain = ends[1] - ends[0]
    size = float(np.linalg.norm(rates / gain))
    turns = size > 3.0 and bool((_slopes(ends, rates) < 0).any())
    return rates * (3.0 / size) if turns else rates


def _slopes(ends: Array, rates: Array) -> Array:
    return np.asarray(np.polyval(np.polyder(_coefficients(ends, rates)), np.linspace(0.0, 1.0, 33)))


def relative_height(profile: xr.Dataset, values: Array) -> Array:
    """Return exp(−Δ(−2LL)/2) of one parameter's profile at some values.

    Parameters
    ----------
    profile : Dataset
        Of `profile_likelihood`, of one parameter, by ``step``.
    values : array (n,)
        Where.

    Returns
    -------
    array (n,)
        Between steps ζ is a cubic Hermite polynomial of the value, with its exact slopes; beside an estimate on an edge
        Δ is a parabola. Beyond the last step it is the last height where the profile is open, 0 where it was traced
        until nothing is left, and NaN where the trace failed.
    """
    steps = profile.isel(step=np.isfinite(profile["value"].to_numpy()))
    steps = steps.isel(step=np.argsort(steps["step"].to_numpy()))
    at, zeta = steps["value"].to_numpy(), steps["zeta"].to_numpy()
    if len(at) == 1:
        return np.ones_like(values)  # not determined: level throughout
    curve = _Pieces(at, zeta, steps["slope"].to_numpy(), float(profile["standard_error"]))
    inside = np.exp(-0.5 * curve.rise(values))
    status = steps["status"].to_numpy().astype(str)
    low, high = _beyond(zeta[0], status[0]), _beyond(zeta[-1], status[-1])
    return np.where(values < at[0], low, np.where(values > at[-1], high, inside))


def _beyond(zeta: float, status: str) -> float:
    """Height outside the traced part, on the side of its last step."""
    if status == "open":
        return float(np.exp(-0.5 * zeta**2))
    return np.nan if status == "failed" else 0.0


@dataclass(frozen=True)
class _Pieces:
    """The pieces between steps, from the lowest value to the highest."""

    at: Array
    zeta: Array
    slope: Array
    error: float

    def rise(self, values: Array) -> Array:
        """Return Δ(−2LL)."""
        piece = np.clip(np.searchsorted(self.at, values, side="right") - 1, 0, len(self.at) - 2)
        width = self.at[piece + 1] - self.at[piece]
        share = np.divide(values - self.at[piece], width, out=np.zeros_like(values), where=width > 0)
        share = np.clip(share, 0.0, 1.0)
        found = self._cubic(piece, share, width) ** 2
        if np.isfinite(self.error):
            return found
        first = self.zeta[piece] == 0
        last = self.zeta[piece + 1] == 0
        found = np.where(first, self._from_edge(piece + 1, share, width), found)
        return np.where(last, self._from_edge(piece, 1.0 - share, -width), found)

    def _cubic(self, piece: NDArray[np.intp], t: Array, width: Array) -> Array:
        """Return ζ as a cubic of the value, with dζ/dv at both ends; where that is unknown, the straight line's."""
        with np.errstate(divide="ignore", invalid="ignore"):
            exact = np.where(self.zeta == 0, 1.0 / self.error, self.slope / (2.0 * self.zeta))
            straight = np.diff(self.zeta) / np.diff(self.at)
        known = np.isfinite(exact)
        begin = np.where(known[:-1], exact[:-1], straight)[piece] * width
        end = np.where(known[1:], exact[1:], straight)[piece] * width
        bend = t * t * (3.0 - 2.0 * t)
        low, high = self.zeta[piece] * (1.0 - bend), self.zeta[piece + 1] * bend
        return np.asarray(low + high + t * (1.0 - t) * ((1.0 - t) * begin - t * end))

    def _from_edge(self, step: NDArray[np.intp], t: Array, width: Array) -> Array:
        """Δ beside an estimate on an edge, where it may rise at once: a parabola to the next step, with its slope."""
        height, end = self.zeta[step] ** 2, self.slope[step] * width
        begin = np.clip(2.0 * height - end, 0.0, None)
        return np.asarray(begin * t + (height - begin) * t * t)
