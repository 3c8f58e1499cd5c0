"""The law of a weighted sum Σ λⱼ χ²₁ of independent squares of standard normal numbers, all λⱼ positive.

It is what a likelihood ratio follows where the model is wrong (Kent 1982, *Biometrika* 69, 19-27). Its tail is a
contour integral of the moment generating function (Rice 1980, *SIAM Journal on Scientific and Statistical Computing* 1,
438-448; Imhof 1961, *Biometrika* 48, 419-426, has it along the imaginary axis, where it oscillates). Through the saddle
point and bent to the right, the integrand falls like a normal density: no digit cancels, and a tail of 1e-200 has all
of its own.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike

from pymc_landscape._typing import Array
from pymc_landscape.numerics.chi_squared import chibar2_tail

# Weights this much smaller than the largest are none: they move the sum by less than its rounding.
NEGLIGIBLE = 1e-14
# Weights this much alike are one, and the sum is χ² in units of it.
ALIKE = 1e-12
# The least bend of the contour, in widths of the saddle; an integrand this small, relative to the saddle's, is none.
LEAST_BEND, NOTHING = 0.25, -46.0
# The trapezoidal rule halves its steps until two results agree to this; from so many points to so many.
AGREES, FEWEST, MOST = 1e-12, 64, 2**15


def weighted_chi2_tail(statistic: float, weights: ArrayLike) -> float:
    """Return Pr(Σ λⱼ χ²₁ ≥ statistic), to about twelve digits.

    Parameters
    ----------
    statistic : float
        In units of −2 log L.
    weights : array_like (m,)
        The λⱼ, none of them negative.

    Raises
    ------
    ValueError
        If a weight is negative or no number.

    Examples
    --------
    >>> round(weighted_chi2_tail(7.0, [6.0, 3.0, 1.0]), 4), round(weighted_chi2_tail(3.841459, [1.0]), 4)
    (0.5064, 0.05)
    """
    lam, x = np.asarray(weights, dtype=float), float(statistic)
    if not np.isfinite(lam).all() or (lam < 0).any():
        raise ValueError(f"Expected weights of χ²₁ that are not negative, got {lam.tolist()}.")
    lam = lam[lam > NEGLIGIBLE * lam.max(initial=0.0)]
    if not len(lam) or not x > 0:
        return np.nan if np.isnan(x) else float(x <= 0)
    unit = float(lam.max())
    lam, x = lam / unit, x / unit
    if np.ptp(lam) <= ALIKE:
        return float(chibar2_tail(x, np.eye(len(lam) + 1)[-1]))
    return _contour_integral(x, lam)


def _contour_integral(x: float, lam: Array) -> float:
    """Integrate exp(φ(s)) / 2πi with φ = Σ −½ log(1 − 2λⱼs) − s x − log s, along s = c + i t + a t²."""
    slope = lambda s: float((lam / (1.0 - 2.0 * lam * s)).sum()) - x - 1.0 / s  # noqa: E731
    end = 0.5 / float(lam.max())
    # -1/s is the larger near 0, the first sum near the end
    center = scipy.optimize.brentq(
        slope, 1e-3 * min(end, 1.0 / (x + 1.0)), end * (1.0 - 0.2 / (x / end + 2.0)), xtol=1e-15
    )
    ratio = lam / (1.0 - 2.0 * lam * center)
    second, third = 2.0 * (ratio**2).sum() + center**-2, 8.0 * (ratio**3).sum() - 2.0 * center**-3
    width = second**-0.5
    bend = max(third / (6.0 * second), LEAST_BEND / width)
    height = _exponent(np.array([center + 0j]), x, lam)[0].real

    def integrand(u: Array) -> Array:  # t = width · sinh u, for the path may be far longer than the saddle is wide
        t = width * np.sinh(u)
        path = center + 1j * t + bend * t**2
        along = (2.0 * bend * t + 1j) * width * np.cosh(u)
        return np.asarray((np.exp(_exponent(path, x, lam) - height) * along).imag)

    reach = width
    while _exponent(np.array([center + 1j * reach + bend * reach**2]), x, lam)[0].real - height > NOTHING:
        reach *= 1.5
    reach = float(np.arcsinh(reach / width))
    n, before, total = FEWEST, np.inf, 0.0
    while n <= MOST:
        values = integrand(np.linspace(0.0, reach, n + 1))
        total = float((values.sum() - 0.5 * (values[0] + values[-1])) * reach / n)
        if abs(total - before) <= AGREES * abs(total):
            break
        n, before = 2 * n, total
    return float(np.clip(np.exp(height) * total / np.pi, 0.0, 1.0))


def _exponent(s: Array, x: float, lam: Array) -> Array:
    """Return φ at complex numbers s (n,)."""
    logs = np.log(1.0 - 2.0 * lam * s[:, None]).sum(axis=1)
    return np.asarray(-0.5 * logs - s * x - np.log(s))
