"""A traced profile as a curve: how high the relative likelihood exp(−Δ/2) stands at any value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape.aliases import Array


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
