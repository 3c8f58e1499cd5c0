"""A traced profile as a curve: how high the relative likelihood exp(−Δ/2) stands at any value."""

from __future__ import annotations

import numpy as np
import xarray as xr

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
        Between steps ζ is a cubic Hermite polynomial of the value, with its exact slopes. Beyond the last step it is
        the last height where the profile is open, 0 where it was traced until nothing is left, and NaN where the trace
        failed.
    """
    steps = profile.isel(step=np.isfinite(profile["value"].to_numpy()))
    steps = steps.isel(step=np.argsort(steps["step"].to_numpy()))
    at, zeta = steps["value"].to_numpy(), steps["zeta"].to_numpy()
    if len(at) == 1:
        return np.ones_like(values)  # not determined: level throughout
    slopes = _slopes(at, zeta, steps["slope"].to_numpy(), float(profile["standard_error"]))
    inside = np.exp(-0.5 * _interpolated(values, at, zeta, slopes) ** 2)
    status = steps["status"].to_numpy().astype(str)
    low, high = _beyond(zeta[0], status[0]), _beyond(zeta[-1], status[-1])
    return np.where(values < at[0], low, np.where(values > at[-1], high, inside))


def _beyond(zeta: float, status: str) -> float:
    """Height outside the traced part, on the side of its last step."""
    if status == "open":
        return float(np.exp(-0.5 * zeta**2))
    return np.nan if status == "failed" else 0.0


def _slopes(at: Array, zeta: Array, slope: Array, error: float) -> tuple[Array, Array]:
    """Return dζ/dv at both ends of each piece between steps; where it is not known, that of the straight line."""
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = np.where(zeta == 0, 1.0 / error, slope / (2.0 * zeta))
        straight = np.diff(zeta) / np.diff(at)
    known = np.isfinite(exact)
    return np.where(known[:-1], exact[:-1], straight), np.where(known[1:], exact[1:], straight)


def _interpolated(values: Array, at: Array, zeta: Array, slopes: tuple[Array, Array]) -> Array:
    piece = np.clip(np.searchsorted(at, values, side="right") - 1, 0, len(at) - 2)
    width = at[piece + 1] - at[piece]
    t = np.clip(np.divide(values - at[piece], width, out=np.zeros_like(values), where=width > 0), 0.0, 1.0)
    start, end = slopes[0][piece] * width, slopes[1][piece] * width
    bend = t * t * (3.0 - 2.0 * t)
    found: Array = zeta[piece] * (1.0 - bend) + zeta[piece + 1] * bend + t * (1.0 - t) * ((1.0 - t) * start - t * end)
    return found
