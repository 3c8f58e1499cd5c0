"""Wilks' scale: how far −2LL may rise before a value is no longer credible to the likelihood.

If a model with k free parameters is true, the drop in −2 log L from the true value to the maximum is asymptotically
χ² with k degrees of freedom (Wilks 1938, *Annals of Mathematical Statistics* 9, 60-62). The region of a level is
therefore all values whose Δ(−2LL) stays below a quantile of χ².
"""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray


@overload
def cutoff(level: float, df: int = 1) -> float: ...
@overload
def cutoff(level: ArrayLike, df: int = 1) -> float | NDArray[np.float64]: ...
def cutoff(level: ArrayLike, df: int = 1) -> float | NDArray[np.float64]:
    """Return the rise of −2LL at the edge of a confidence region.

    Parameters
    ----------
    level : float or array_like
        Confidence level or levels, between 0 and 1.
    df : int
        How many parameters the region is about.

    Returns
    -------
    float or array
        The χ² quantile with `df` degrees of freedom, in units of −2 log L; same shape as `level`.

    Raises
    ------
    ValueError
        If a level is not strictly between 0 and 1, or `df` is not positive.

    Examples
    --------
    >>> round(cutoff(0.95), 4)
    3.8415
    >>> cutoff([0.68, 0.95], df=2).round(4)
    array([2.2789, 5.9915])
    """
    levels = np.asarray(level, dtype=float)
    if not ((levels > 0) & (levels < 1)).all():
        raise ValueError(f"A level lies strictly between 0 and 1, got {level!r}: for 95 % write 0.95.")
    if df < 1:
        raise ValueError(f"Degrees of freedom must be at least 1, got {df}.")
    from scipy.special import gammaincinv  # two thirds of a second, so only when asked

    quantile = 2.0 * gammaincinv(df / 2.0, levels)
    return float(quantile) if levels.ndim == 0 else quantile
