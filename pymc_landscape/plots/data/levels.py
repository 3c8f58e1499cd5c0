"""Confidence levels as heights: the χ² cut-offs of Δ(−2LL), and the bands below and above them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pymc_landscape.arguments import checked_count, checked_levels
from pymc_landscape.numerics import chi2_cutoff

CURVE_LEVELS = (0.68, 0.95, 0.99)
CONTOUR_LEVELS = (0.5, 0.9, 0.95, 0.99)
MOST_AROUND = 10  # bands around the heights of critical points
MOST_BANDS = 8  # above the highest cut-off: more could not be distinguished in one colour map


def cutoffs(levels: float | Sequence[float], df: int) -> xr.DataArray:
    """Rise of −2LL at the boundary of each level's region, lowest level first (dim ``level``).

    Parameters
    ----------
    levels : float or sequence of float
        Confidence levels, each in (0, 1).
    df : int
        Degrees of freedom of the χ² law, the number of parameters that vary.

    Returns
    -------
    xr.DataArray
        Heights, with dim and coordinate ``level``.

    Raises
    ------
    ValueError
        When a level is not between 0 and 1, or ``df`` is not a positive whole number.

    Examples
    --------
    >>> cutoffs([0.95, 0.5], df=2).round(2).to_series().to_dict()
    {0.5: 1.39, 0.95: 5.99}
    """
    wanted = np.unique(checked_levels("level", levels, any_shape=True))
    df = checked_count("df", df, advice="leave it out")
    heights = np.atleast_1d(chi2_cutoff(wanted, df=df))
    return xr.DataArray(heights, dims="level", coords={"level": wanted})


def percent(level: float) -> str:
    """Write a level as people read it.

    Examples
    --------
    >>> percent(0.95)
    '95 %'
    """
    return f"{100 * level:g} %"


def band_boundaries(heights: NDArray[np.float64], top: float) -> NDArray[np.float64]:
    """Boundaries of the filled bands: 0, the cut-offs, then round numbers until ``top`` is covered.

    Above the highest cut-off they follow 1, 2, 5, 10, …, so that a surface a thousand times
    higher than the cut-offs still has a shape; where that is too many, powers of ten alone.

    Examples
    --------
    >>> band_boundaries(np.array([1.39, 5.99]), top=42.0).tolist()
    [0.0, 1.39, 5.99, 10.0, 20.0, 50.0]
    """
    above = _round_numbers(1.3 * float(heights[-1]), top, (1, 2, 5))
    if above.size > MOST_BANDS:
        above = _round_numbers(1.3 * float(heights[-1]), top, (1,))
    stride = -(-above.size // MOST_BANDS)  # past 10^8 even the decades are too many
    return np.concatenate([[0.0], heights, above[::-1][:: max(stride, 1)][::-1]])


def _round_numbers(low: float, top: float, steps: tuple[int, ...]) -> NDArray[np.float64]:
    if top <= low / 1.3:
        return np.empty(0)
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(max(low, top))) + 1)
    numbers = np.outer(decades, steps).ravel()
    numbers = numbers[numbers >= low]
    return numbers[: np.searchsorted(numbers, top) + 1]


def boundaries_around(heights: NDArray[np.float64], top: float) -> NDArray[np.float64]:
    """Boundaries of the bands: 0, then 1, 2, 5, 10, … around the heights of the points, and the top.

    Examples
    --------
    >>> boundaries_around(np.array([0.0, 80.0, 850.0]), top=9000.0).tolist()
    [0.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 9000.0]
    """
    highest = float(heights[np.isfinite(heights)].max(initial=0.0))
    highest = min(2.0 * highest, top) if highest > 0 else top
    decades = 10.0 ** np.arange(np.floor(np.log10(highest)) - 4, np.ceil(np.log10(highest)) + 1)
    numbers = np.outer(decades, [1.0, 2.0, 5.0]).ravel()
    last = min(int(np.searchsorted(numbers, highest)), int(np.searchsorted(numbers, top)) - 1)
    inner = numbers[max(last + 2 - MOST_AROUND, 0) : last + 1]
    return np.concatenate([[0.0], inner[inner < top], [top]])


def boundary_labels(boundaries: NDArray[np.float64], heights: xr.DataArray) -> list[str]:
    """Text beside each boundary of a band: its height, and its level where it is a cut-off."""
    levels = {float(height): float(height["level"]) for height in heights}
    return [
        f"{boundary:.2f} ({percent(levels[boundary])})" if boundary in levels else f"{boundary:g}"
        for boundary in map(float, boundaries)
    ]
