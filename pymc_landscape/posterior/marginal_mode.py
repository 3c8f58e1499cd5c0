"""The mode of a marginal posterior, from draws and the gradients of the joint density there.

The slope of a log marginal density is the mean of the joint one's, given the value:

    d/dψ log p(ψ) = E[∂/∂ψ log p(ψ, λ) ∣ ψ] ,

so that the mode is where a regression of the gradients on ψ crosses 0. Other elements of the gradient, times distances
to the bounds of their supports, have mean 0 given ψ, and as regressors take most of the noise away (Mira, Solgi &
Imparato 2013, *Statistics and Computing* 23, 653-662). The error is that of a regression, far below that of the top of
a kernel estimate. Where no gradient is at hand, a log cubic is fitted to the draws around the mode instead.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array

# The regression looks so many standard deviations to either side, at first, and in steps of so many to where it does.
REACH, STEP, MOST_STEPS = 1.0, 0.5, 24
# Fewer draws than this inside say nothing; so many regressors of mean zero at most, and draws for each.
FEWEST, CONTROLS, DRAWS_EACH = 50, 20, 15
# Points of the kernel estimate from whose top the search begins; nodes and Newton's steps of a density's fit.
GRID, NODES, NEWTON = 512, 48, 60
# A fit around a center so close to the mode, in standard deviations, need not be moved.
SETTLED = 0.15
# A mode so close to a bound, in standard deviations, is on it.
ON_BOUND = 1e-6


@dataclass(frozen=True)
class MarginalMode:
    """The mode of a marginal density, and its Monte Carlo error; NaN where it is not known."""

    value: float = np.nan
    error: float = np.nan


def mode_by_scores(
    values: Array, scores: Array, controls: Array, bounds: tuple[float, float], inflation: float
) -> MarginalMode:
    """Return the mode of a marginal density by regression of gradients.

    Parameters
    ----------
    values : array (S,)
        Draws of ψ.
    scores : array (S,)
        ∂ log p / ∂ψ of the joint density at each draw, all else as it is.
    controls : array (S, c)
        Numbers whose mean is 0 given ψ.
    bounds : (float, float)
        Limits of the support.
    inflation : float
        Draws for each independent one.

    Returns
    -------
    MarginalMode
        At a bound where the density falls from there.
    """
    finite = np.isfinite(scores) & np.isfinite(controls).all(axis=1)
    values, scores, controls = values[finite], scores[finite], controls[finite]
    sd = float(values.std()) if len(values) else 0.0
    if not sd > 0.0:
        return MarginalMode()
    correlations = np.abs(np.nan_to_num(_correlations(controls, scores)))
    kept = np.argsort(-correlations)[: min(CONTROLS, len(values) // (2 * DRAWS_EACH))]
    chosen = controls[:, kept]
    chosen = chosen / np.where(chosen.std(axis=0) > 0, chosen.std(axis=0), 1.0)
    scaled = values / sd, scores * sd, chosen
    limits = bounds[0] / sd, bounds[1] / sd
    center = _top(values, bounds) / sd
    for _ in range(MOST_STEPS):
        fitted = _regress(*scaled, center, REACH)
        if fitted is None:
            return MarginalMode()
        root = _falling_root(fitted[0], center, limits)
        moved = root if root is not None else center + STEP * np.sign(fitted[0][0])
        moved = float(np.clip(moved, *limits))
        if abs(moved - center) < 1e-4:
            on_bound = min(abs(moved - limits[0]), abs(moved - limits[1])) < ON_BOUND
            return MarginalMode(moved * sd, 0.0 if on_bound else sd * _error(scaled, moved, inflation))
        center = moved
    return MarginalMode()


def _correlations(controls: Array, scores: Array) -> Array:
    if not controls.shape[1]:
        return np.zeros(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = controls - controls.mean(axis=0)
        return np.asarray(centred.T @ (scores - scores.mean()) / np.linalg.norm(centred, axis=0))


def _top(values: Array, bounds: tuple[float, float]) -> float:
    """Return the top of a kernel estimate, where a search begins."""
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    reach = 0.2 * float(np.ptp(values))
    limits = (max(values.min() - reach, bounds[0]), min(values.max() + reach, bounds[1]))
    grid, density, _ = array_stats.kde(values, custom_lims=limits)  # type: ignore[no-untyped-call]
    at = np.linspace(values.min(), values.max(), GRID)
    return float(at[int(np.nanargmax(np.interp(at, grid, density)))])


def _regress(values: Array, scores: Array, controls: Array, center: float, reach: float) -> tuple[Array, Array] | None:
    """Return coefficients of a local cubic, the lowest power first, and the covariance of the first."""
    t = (values - center) / reach
    weight = np.where(np.abs(t) < 1, 1 - t**2, 0.0)
    inside = weight > 0
    if inside.sum() < FEWEST + controls.shape[1]:
        return None
    design = np.column_stack([*(t[inside] ** p for p in range(4)), controls[inside]])
    root = np.sqrt(weight[inside])[:, None]
    inverse = np.linalg.pinv(design * root)
    found = inverse @ (scores[inside] * root[:, 0])
    residuals = (scores[inside] - design @ found) * root[:, 0]
    covariance = (inverse * residuals**2) @ inverse.T
    return found[:4] / reach ** np.arange(4), covariance[:1, :1]


def _falling_root(cubic: Array, center: float, limits: tuple[float, float]) -> float | None:
    """Return the nearest place at which the slope of the log density crosses 0 from above."""
    roots = np.polynomial.Polynomial(cubic).roots()
    real = roots.real[np.abs(roots.imag) < 1e-9 * (1 + np.abs(roots.real))]
    falling = np.polynomial.Polynomial(cubic).deriv()(real) < 0
    inside = (np.abs(real) <= REACH) & (center + real >= limits[0]) & (center + real <= limits[1])
    real = real[falling & inside]
    return float(center + real[np.argmin(np.abs(real))]) if len(real) else None


def _error(scaled: tuple[Array, Array, Array], at: float, inflation: float) -> float:
    """Return the error of a mode: of the regression, and of what its reach leaves out."""
    fitted, narrow = _regress(*scaled, at, REACH), _regress(*scaled, at, 0.7 * REACH)
    if fitted is None:
        return np.nan
    slope = abs(float(fitted[0][1]))
    bias = 0.0 if narrow is None else float(narrow[0][0] - fitted[0][0])
    return float(np.sqrt(inflation * fitted[1][0, 0] + bias**2) / slope) if slope > 0 else np.nan


def mode_by_density(values: Array, bounds: tuple[float, float], independent: float) -> MarginalMode:
    """Return the mode of a density from draws alone: a log cubic, fitted by likelihood to the draws around it.

    Parameters
    ----------
    values : array (S,)
        Draws of ψ.
    bounds : (float, float)
        Limits of the support.
    independent : float
        How many independent draws they are worth.

    Returns
    -------
    MarginalMode
        NaN where all draws are the same, or too few. At a bound where the density falls from there.

    Notes
    -----
    Local likelihood as of Loader (1996, *Annals of Statistics* 24, 1602-1618), with as wide a reach as a cubic follows.
    """
    if not np.isfinite(values).all() or np.ptp(values) == 0 or len(values) < FEWEST:
        return MarginalMode()
    sd, inflation = float(values.std()), max(1.0, len(values) / max(independent, 1.0))
    scaled, limits = values / sd, (bounds[0] / sd, bounds[1] / sd)
    center = _top(values, bounds) / sd
    for _ in range(MOST_STEPS):
        fitted = _log_cubic(scaled, center, REACH, limits)
        if fitted is None:
            return MarginalMode()
        slope = fitted[0] * np.array([1.0, 2.0, 3.0])
        root = _falling_root(slope, center, limits)
        moved = root if root is not None else center + STEP * np.sign(slope[0])
        moved = float(np.clip(moved, *limits))
        if abs(moved - center) < SETTLED:
            on_bound = min(abs(moved - limits[0]), abs(moved - limits[1])) < ON_BOUND
            error = 0.0 if on_bound else _density_error(scaled, center, moved - center, limits, inflation)
            return MarginalMode(moved * sd, sd * error)
        center = moved
    return MarginalMode()


def _log_cubic(values: Array, center: float, reach: float, limits: tuple[float, float]) -> tuple[Array, Array] | None:
    """Return coefficients of t, t² and t³ in the log density around a center, and their covariance."""
    low, high = max(-reach, limits[0] - center), min(reach, limits[1] - center)
    t = values[(values > center + low) & (values < center + high)] - center
    if len(t) < FEWEST:
        return None
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    at = 0.5 * (high - low) * nodes + 0.5 * (high + low)
    powers, wanted = np.stack([at, at**2, at**3]), np.array([t.mean(), (t**2).mean(), (t**3).mean()])
    found = np.zeros(3)
    for _ in range(NEWTON):
        height = found @ powers
        share = weights * np.exp(height - height.max())
        share /= share.sum()
        mean = powers @ share
        covariance = (powers * share) @ powers.T - np.outer(mean, mean)
        step = np.linalg.solve(covariance, wanted - mean)
        found = found + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-8:
            return found, np.linalg.inv(covariance) / len(t)
    return None


def _density_error(values: Array, center: float, off: float, limits: tuple[float, float], inflation: float) -> float:
    """Return the error of a mode `off` the center: of the fit, and of what its reach leaves out."""
    fitted, narrow = _log_cubic(values, center, REACH, limits), _log_cubic(values, center, 0.7 * REACH, limits)
    if fitted is None:
        return np.nan
    slope, bend = np.array([1.0, 2.0 * off, 3.0 * off**2]), np.array([0.0, 2.0, 6.0 * off])
    variance = inflation * float(slope @ fitted[1] @ slope)
    bias = 0.0 if narrow is None else float(slope @ (narrow[0] - fitted[0]))
    return float(np.sqrt(variance + bias**2) / abs(float(bend @ fitted[0])))
