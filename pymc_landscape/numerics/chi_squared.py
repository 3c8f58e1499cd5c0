"""Wilks' cut-offs of −2LL, and chi-bar-squared mixtures with their weights.

If a model with k free parameters is true, the drop in −2 log L from the true value to the maximum is asymptotically
χ² with k degrees of freedom (Wilks 1938, *Annals of Mathematical Statistics* 9, 60-62). The region of a level is
therefore all values whose Δ(−2LL) stays below a quantile of χ².

A parameter that can only be positive is estimated as 0 in half of all data sets in which it is 0. The statistic is then
no longer χ² but a mixture Σ wⱼ χ²ⱼ, where wⱼ is the chance that j of the parameters leave the bound (Chernoff 1954;
Self & Liang 1987, *Journal of the American Statistical Association* 82(398); Shapiro 1985, *Biometrika* 72(1)).
"""

from __future__ import annotations

from itertools import combinations
from typing import overload

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from pymc_landscape._typing import Array
from pymc_landscape.arguments import checked_count, checked_levels
from pymc_landscape.numerics.scipy_functions import special_function


@overload
def chi2_cutoff(level: float = 0.95, df: int = 1) -> float: ...


@overload
def chi2_cutoff(level: ArrayLike = 0.95, df: int = 1) -> float | NDArray[np.float64]: ...


def chi2_cutoff(level: ArrayLike = 0.95, df: int = 1) -> float | NDArray[np.float64]:
    """Return the rise of −2LL at the boundary of a confidence region.

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
    >>> round(chi2_cutoff(0.95), 4)
    3.8415
    >>> chi2_cutoff([0.68, 0.95], df=2).round(4)
    array([2.2789, 5.9915])
    """
    levels, df = checked_levels("level", level, any_shape=True), checked_count("df", df)
    quantile = 2.0 * special_function("gammaincinv")(df / 2.0, levels)
    return float(quantile) if levels.ndim == 0 else quantile


# Up to so many parameters the weights are sums over all subsets of them; beyond, they are counted in draws.
SUBSETS = 7
DRAWS = 20_000
# Orthant probabilities of more than three dims come from a randomised rule: the same random numbers each time.
SEED = 1987


def two_sided_z(level: float) -> float:
    """Return how many standard errors a two-sided normal interval of a level reaches: Φ⁻¹((1 + level) / 2)."""
    return float(scipy.special.ndtri(0.5 + level / 2))  # scipy.stats takes longer to import than a small fit


def chibar2_weights(covariance: ArrayLike) -> Array:
    """Return the weights of χ²₀, χ²₁, ..., χ²ₘ where m parameters are at the lower bound of their support.

    Exact for m ≤ 3; to about 1e-5 for m up to 7, and to about 3e-3 beyond.

    Parameters
    ----------
    covariance : array_like (m, m)
        Asymptotic covariance of the estimates of these parameters, every other parameter estimated too: their block of
        the inverse information. Its scale does not matter. A parameter at an upper bound enters with its sign changed.

    Returns
    -------
    array (m + 1,)
        They sum to 1.

    Raises
    ------
    ValueError
        If the matrix is not symmetric and positive definite.

    Notes
    -----
    With z ~ N(0, V), wⱼ is the chance that the projection of z on the positive orthant, in the metric of V⁻¹, has j
    positive elements: wⱼ = Σ_S Pr(N(0, (V_RR)⁻¹) > 0) Pr(N(0, V_SS·R) > 0), S with j elements, R the rest, V_SS·R the
    covariance of S given R (Kudô 1963, *Biometrika* 50(3-4)).

    Examples
    --------
    >>> chibar2_weights([[4.0]])
    array([0.5, 0.5])
    >>> chibar2_weights([[1.0, 0.5], [0.5, 1.0]]).round(4)
    array([0.1667, 0.5   , 0.3333])
    """
    cov = _checked(covariance)
    m = len(cov)
    return _from_subsets(cov) if m <= SUBSETS else _from_draws(cov)


def chibar2_tail(statistic: ArrayLike, weights: ArrayLike) -> Array:
    """Return Pr(χ̄² ≥ statistic); χ²₀ is the constant 0, so Pr(χ²₀ ≥ 0) = 1.

    Parameters
    ----------
    statistic : array_like (...)
        Likelihood-ratio statistics, in units of −2 log L.
    weights : array_like (m + 1,)
        Those of χ²₀, χ²₁, ..., χ²ₘ.

    Returns
    -------
    array (...)
        The probabilities.

    Examples
    --------
    >>> float(chibar2_tail(5.40282609, [0.5, 0.5]).round(8)), float(chibar2_tail(0.0, [0.5, 0.5]))
    (0.01005209, 1.0)
    """
    x = np.asarray(statistic, dtype=float)[..., None]
    w = np.asarray(weights, dtype=float)
    df = np.arange(len(w))
    with np.errstate(invalid="ignore"):
        areas = special_function("gammaincc")(np.maximum(df, 1) / 2.0, np.maximum(x, 0.0) / 2.0)
    areas = np.where(df == 0, x <= 0, areas)
    areas = np.where(x <= 0, 1.0, areas)
    return np.where(np.isnan(x[..., 0]), np.nan, areas @ w)


def chibar2_quantile(level: float, weights: ArrayLike) -> float:
    """Return the value that χ̄² stays below with probability `level`; 0 where χ²₀ alone has that much.

    Parameters
    ----------
    level : float
        Between 0 and 1.
    weights : array_like (m + 1,)
        Those of χ²₀, χ²₁, ..., χ²ₘ.

    Raises
    ------
    ValueError
        If `level` is not strictly between 0 and 1.

    Examples
    --------
    >>> round(chibar2_quantile(0.95, [0.5, 0.5]), 4)
    2.7055
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"A level lies strictly between 0 and 1, got {level!r}: for 95 % write 0.95.")
    w = np.asarray(weights, dtype=float)
    if level <= w[0]:
        return 0.0
    most = chi2_cutoff(level, max(len(w) - 1, 1))  # a mixture has no more than its last part
    if w[-1] == 1.0:
        return most
    return float(
        scipy.optimize.brentq(lambda x: float(chibar2_tail(x, w)) - (1.0 - level), 1e-300, most + 1.0, xtol=1e-14)
    )


def _checked(covariance: ArrayLike) -> Array:
    cov = np.atleast_2d(np.asarray(covariance, dtype=float))
    square = cov.ndim == 2 and cov.shape[0] == cov.shape[1] and len(cov) > 0
    if not square or not np.isfinite(cov).all() or not np.allclose(cov, cov.T, rtol=1e-6, atol=0.0):
        raise ValueError(f"Expected a symmetric covariance matrix, got an array of shape {cov.shape}.")
    if not (np.diagonal(cov) > 0).all() or np.linalg.eigvalsh(_correlation(cov)).min() <= 1e-12:
        raise ValueError("Expected a positive definite covariance matrix, got one that is not.")
    return _correlation(cov)


def _correlation(cov: Array) -> Array:
    scale = np.sqrt(np.diagonal(cov))
    correlation: Array = cov / np.outer(scale, scale)
    return (correlation + correlation.T) / 2.0


def _from_subsets(cov: Array) -> Array:
    m = len(cov)
    weights = np.zeros(m + 1)
    for j in range(m + 1):
        for leaving_set in combinations(range(m), j):
            leaving = list(leaving_set)
            staying = [i for i in range(m) if i not in leaving_set]
            weights[j] += _subset_probability(cov, leaving, staying)
    total: Array = weights / weights.sum()
    return total


def _subset_probability(cov: Array, leaving: list[int], staying: list[int]) -> float:
    """Return the chance that just these leave the bound: they do so given the rest, and the rest would not."""
    inverse = np.linalg.inv(cov[np.ix_(staying, staying)])
    across = cov[np.ix_(leaving, staying)]
    conditional = cov[np.ix_(leaving, leaving)] - across @ inverse @ across.T
    return _orthant(inverse) * _orthant(conditional)


def _orthant(cov: Array) -> float:
    """Return Pr(z > 0) for z ~ N(0, cov): closed up to three dims (Sheppard 1899)."""
    m = len(cov)
    if m <= 3:
        angles = np.arcsin(np.clip(_correlation(cov)[np.triu_indices(m, 1)], -1.0, 1.0)) if m else np.zeros(0)
        return float(0.5**m + angles.sum() / (2.0 ** (m - 1) * np.pi))
    from scipy import stats  # two thirds of a second, so only when asked

    rng = np.random.default_rng(SEED)
    return float(stats.multivariate_normal(np.zeros(m), _correlation(cov), seed=rng).cdf(np.zeros(m)))


def _from_draws(cov: Array) -> Array:
    """Project draws on the orthant, and count how many elements leave the bound."""
    rng = np.random.default_rng(SEED)
    metric = np.linalg.cholesky(np.linalg.inv(cov)).T  # ‖A (z − θ)‖² is the distance in the metric of V⁻¹
    z = rng.standard_normal((DRAWS, len(cov)))  # A z, in which every direction is alike
    positive = [int((scipy.optimize.nnls(metric, row)[0] > 0).sum()) for row in z]
    counted: Array = np.bincount(positive, minlength=len(cov) + 1) / DRAWS
    return counted
