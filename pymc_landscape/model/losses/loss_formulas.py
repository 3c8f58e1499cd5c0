"""−2 log p of a row as scale · loss + constant, family by family, as formulas of arrays; and rows added up.

The loss is what a program that minimises losses would add up over the rows. Scale and constant do not depend on the
location of the distribution (the prediction), so that a model whose other parameters are known walks on the surface of
its loss. r is the residual y − µ. Deviances are those of generalised linear models, −2 log of the ratio of likelihoods
to a model that fits every row perfectly (McCullagh & Nelder 1989, *Generalized Linear Models*, section 2.3).

−2 log L as a · value + b: rows of losses, each with a scale and a constant, added up.
"""

from __future__ import annotations

import numpy as np
import scipy

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array

# --- squares ---------------------------------------------------------------------------------------------------------


def _squares(error: Array, sigma: Array) -> Rows:
    return Rows(error**2, sigma**-2.0, np.log(2 * np.pi * sigma**2))


def normal(y: Array, mu: Array, sigma: Array) -> Rows:
    """Return squared errors: −2 log p = r²/σ² + log 2πσ²."""
    return _squares(y - mu, sigma)


def log_normal(y: Array, mu: Array, sigma: Array) -> Rows:
    """Return squared errors of log y; d(log y) = dy/y."""
    rows = _squares(np.log(y) - mu, sigma)
    return Rows(rows.loss, rows.scale, rows.constant + 2 * np.log(y))


def logit_normal(y: Array, mu: Array, sigma: Array) -> Rows:
    """Return squared errors of logit y; d(logit y) = dy/y(1 − y)."""
    rows = _squares(np.log(y) - np.log1p(-y) - mu, sigma)
    return Rows(rows.loss, rows.scale, rows.constant + 2 * np.log(y) + 2 * np.log1p(-y))


def half_normal(y: Array, loc: Array, sigma: Array) -> Rows:
    """Return squares above the bound: −2 log p = (y − loc)²/σ² + log πσ²/2."""
    return Rows((y - loc) ** 2, sigma**-2.0, np.log(np.pi * sigma**2 / 2))


def _squared_distance(error: Array, covariance: Array) -> tuple[Array, Array]:
    """Return rᵀ Σ⁻¹ r and log |Σ|."""
    lower = np.linalg.cholesky(covariance)
    if lower.size == lower.shape[-1] ** 2:  # one matrix for all rows
        flat = error.reshape(-1, lower.shape[-1]).T
        white = np.linalg.solve(lower.reshape(lower.shape[-2:]), flat).T.reshape(error.shape)
    else:
        white = np.linalg.solve(lower, error[..., None])[..., 0]
    return (white**2).sum(-1), 2 * np.log(np.diagonal(lower, axis1=-2, axis2=-1)).sum(-1)


def mv_normal(y: Array, mu: Array, covariance: Array) -> Rows:
    """Return squared Mahalanobis distances: −2 log p = rᵀ Σ⁻¹ r + log |2πΣ|."""
    distance, log_det = _squared_distance(y - mu, covariance)
    return Rows(distance, np.ones(()), y.shape[-1] * np.log(2 * np.pi) + log_det)


# --- absolute, pinball, robust ---------------------------------------------------------------------------------------


def laplace(y: Array, mu: Array, b: Array) -> Rows:
    """Return absolute errors: −2 log p = 2|r|/b + 2 log 2b."""
    return Rows(np.abs(y - mu), 2 / b, 2 * np.log(2 * b))


def quantile_of(kappa: Array) -> Array:
    """Return the τ whose pinball loss an asymmetric Laplace distribution is: κ²/(1 + κ²)."""
    return np.asarray(kappa**2 / (1 + kappa**2))


def asymmetric_laplace(y: Array, b: Array, kappa: Array, mu: Array) -> Rows:
    """Return pinball losses r(τ − [r < 0]), of factor 2b(κ + 1/κ); the b of PyMC is a rate."""
    error, total = y - mu, kappa + 1 / kappa
    return Rows(error * (quantile_of(kappa) - (error < 0)), 2 * b * total, -2 * np.log(b / total))


def _student_constant(nu: Array, sigma: Array) -> Array:
    return np.asarray(np.log(nu * sigma**2) + 2 * scipy.special.betaln(nu / 2, 0.5))  # Γ(½)² = π


def student_t(y: Array, nu: Array, mu: Array, sigma: Array) -> Rows:
    """Return log(1 + r²/νσ²), of factor ν + 1."""
    return Rows(np.log1p(((y - mu) / sigma) ** 2 / nu), nu + 1, _student_constant(nu, sigma))


def half_student_t(y: Array, nu: Array, sigma: Array) -> Rows:
    """Return log(1 + y²/νσ²), as of a t distribution folded at 0."""
    rows = student_t(y, nu, np.zeros(()), sigma)
    return Rows(rows.loss, rows.scale, rows.constant - 2 * np.log(2))


def cauchy(y: Array, mu: Array, scale: Array) -> Rows:
    """Return log(1 + r²/s²): −2 log p is twice that, + 2 log πs."""
    return Rows(np.log1p(((y - mu) / scale) ** 2), np.full((), 2.0), 2 * np.log(np.pi * scale))


def half_cauchy(y: Array, scale: Array) -> Rows:
    """Return log(1 + y²/s²), as of a Cauchy distribution folded at 0."""
    rows = cauchy(y, np.zeros(()), scale)
    return Rows(rows.loss, rows.scale, rows.constant - 2 * np.log(2))


def mv_student_t(y: Array, nu: Array, mu: Array, scale: Array) -> Rows:
    """Return log(1 + rᵀ Σ⁻¹ r/ν), of factor ν + k."""
    distance, log_det = _squared_distance(y - mu, scale)
    k = y.shape[-1]
    gammas = scipy.special.betaln(nu / 2, k / 2) - scipy.special.gammaln(k / 2)  # log Γ(ν/2) − log Γ((ν + k)/2)
    constant = k * np.log(nu * np.pi) + log_det + 2 * gammas
    return Rows(np.log1p(distance / nu), nu + k, constant)


def logistic(y: Array, mu: Array, s: Array) -> Rows:
    """Return log cosh(r/2s): the density is sech²(r/2s)/4s."""
    x = np.abs((y - mu) / (2 * s))
    return Rows(x + np.log1p(np.exp(-2 * x)) - np.log(2), np.full((), 4.0), 2 * np.log(4 * s))


def _linex(z: Array) -> Array:
    return np.asarray(np.expm1(-z) + z)


def gumbel(y: Array, mu: Array, beta: Array) -> Rows:
    """Return exp(−z) + z − 1, z = r/β: −2 log p = 2(z + exp(−z)) + 2 log β."""
    return Rows(_linex((y - mu) / beta), np.full((), 2.0), 2 + 2 * np.log(beta))


def moyal(y: Array, mu: Array, sigma: Array) -> Rows:
    """Return exp(−z) + z − 1, z = r/σ: −2 log p = z + exp(−z) + log 2πσ²."""
    return Rows(_linex((y - mu) / sigma), np.ones(()), 1 + np.log(2 * np.pi * sigma**2))


def von_mises(y: Array, mu: Array, kappa: Array) -> Rows:
    """Return 1 − cos r: −2 log p = −2κ cos r + 2 log 2πI₀(κ), and I₀ = i0e · exp κ."""
    return Rows(2 * np.sin((y - mu) / 2) ** 2, 2 * kappa, 2 * np.log(2 * np.pi * scipy.special.i0e(kappa)))


# --- cross-entropies: their last parameters are logarithms of probabilities -------------------------------------------


def _times(count: Array, log_p: Array) -> Array:
    """Return count · log p, which is 0 where nothing is counted."""
    return np.where(count == 0, 0.0, count * np.where(count == 0, 0.0, log_p))


def bernoulli(y: Array, log_p: Array, log_q: Array) -> Rows:
    """Return cross-entropies of one trial."""
    return Rows(-np.where(y > 0, log_p, log_q), np.full((), 2.0), np.zeros(()))


def binomial(y: Array, n: Array, log_p: Array, log_q: Array) -> Rows:
    """Return cross-entropies of n trials; the constant counts their orders."""
    log_choices = -scipy.special.betaln(n - y + 1, y + 1) - np.log(n + 1)  # log of n over y
    return Rows(-_times(y, log_p) - _times(n - y, log_q), np.full((), 2.0), -2 * log_choices)


def geometric(y: Array, log_p: Array, log_q: Array) -> Rows:
    """Return cross-entropies of y trials, of which the last succeeds."""
    return Rows(-log_p - _times(y - 1, log_q), np.full((), 2.0), np.zeros(()))


def categorical(y: Array, log_p: Array) -> Rows:
    """Return cross-entropies of one trial with several outcomes."""
    whole = np.broadcast_to(log_p, (*y.shape, log_p.shape[-1]))
    chosen = np.take_along_axis(whole, np.clip(y, 0, log_p.shape[-1] - 1)[..., None].astype(int), axis=-1)[..., 0]
    return Rows(-chosen, np.full((), 2.0), np.zeros(()))


def multinomial(y: Array, n: Array, log_p: Array) -> Rows:
    """Return cross-entropies of n trials with several outcomes; the constant counts their orders."""
    log_choices = scipy.special.gammaln(n + 1) - scipy.special.gammaln(y + 1).sum(-1)
    return Rows(-_times(y, log_p).sum(-1), np.full((), 2.0), -2 * log_choices)


# --- deviances -------------------------------------------------------------------------------------------------------


def poisson(y: Array, mu: Array) -> Rows:
    """Return Poisson deviances; the constant is −2 log p at µ = y."""
    return Rows(
        2 * (scipy.special.xlogy(y, y / mu) - (y - mu)),
        np.ones(()),
        2 * (scipy.special.gammaln(y + 1) - scipy.special.xlogy(y, y) + y),
    )


def negative_binomial(y: Array, alpha: Array, mu: Array) -> Rows:
    """Return negative binomial deviances; the constant is −2 log p at µ = y."""
    deviance = 2 * (scipy.special.xlogy(y, y / mu) - (y + alpha) * np.log1p((y - mu) / (mu + alpha)))
    perfect = (
        -scipy.special.betaln(y + 1, alpha)
        - np.log(y + alpha)
        + scipy.special.xlogy(y, y / (y + alpha))
        + alpha * np.log1p(-y / (y + alpha))
    )
    return Rows(deviance, np.ones(()), -2 * perfect)


def _gamma_deviance(y: Array, mu: Array) -> Array:
    return np.asarray(2 * ((y - mu) / mu - np.log(y / mu)))


def gamma(y: Array, alpha: Array, scale: Array) -> Rows:
    """Return gamma deviances; the constant is −2 log p at µ = αs = y."""
    constant = -2 * (alpha * np.log(alpha) - scipy.special.gammaln(alpha) - np.log(y) - alpha)
    return Rows(_gamma_deviance(y, alpha * scale), alpha, constant)


def exponential(y: Array, scale: Array) -> Rows:
    """Return gamma deviances, of shape 1."""
    return Rows(_gamma_deviance(y, scale), np.ones(()), 2 + 2 * np.log(y))


def weibull(y: Array, alpha: Array, beta: Array) -> Rows:
    """Return gamma deviances of (y/β)^α, which is exponential with mean 1."""
    return Rows(_gamma_deviance((y / beta) ** alpha, np.ones(())), np.ones(()), 2 + 2 * np.log(y / alpha))


def inverse_gamma(y: Array, alpha: Array, beta: Array) -> Rows:
    """Return gamma deviances of 1/y; d(1/y) = −dy/y²."""
    rows = gamma(1 / y, alpha, 1 / beta)
    return Rows(rows.loss, rows.scale, rows.constant + 4 * np.log(y))


def inverse_gaussian(y: Array, mu: Array, lam: Array, shift: Array) -> Rows:
    """Return inverse Gaussian deviances of x = y − shift: −2 log p = λ(x − µ)²/µ²x + log(2πx³/λ)."""
    x = y - shift
    return Rows((x - mu) ** 2 / (mu**2 * x), lam, np.log(2 * np.pi * x**3 / lam))


# Scales that differ by no more than this share are one, computed a row at a time.
SAME = 1e-12


@dataclass(frozen=True)
class Rows:
    """−2 log p of each row as scale · loss + constant; shapes that broadcast to those of the rows."""

    loss: Array
    scale: Array
    constant: Array


@dataclass(frozen=True)
class Affine:
    """−2 log L of a term as a · value + b.

    Parameters
    ----------
    value, a, b : float
        The sum of the losses, its factor and what is added.
    size : float
        The sum of the sizes of what was added up, and the number of rows: what rounding is measured against.
    n : int
        How many rows there are.
    weighted : bool
        Whether rows have scales of their own, which are then weights inside `value`, and a is 1.
    """

    value: float
    a: float
    b: float
    size: float
    n: int = 0
    weighted: bool = False


def add_up(
    rows: Rows,
    *,
    extra: Array | None = None,
    replaced: Array | None = None,
    apart: Array | float = 0.0,
    times: Array | float = 1.0,
) -> Affine:
    """Add up the rows of a term.

    Parameters
    ----------
    rows : Rows
        Of the family.
    extra : array, optional
        What rows add to −2 log L beside their family: it becomes a part of the loss, in its units.
    replaced : array, optional
        1 where a row is `extra` alone.
    apart : float
        −2 log L of what is no row.
    times : float
        How often all of this counts.

    Returns
    -------
    Affine
        One scale for all rows is a; different ones are weights.
    """
    loss, scale, constant = np.broadcast_arrays(*np.atleast_1d(rows.loss, rows.scale, rows.constant))
    if replaced is not None:
        loss, constant = (np.where(replaced, 0.0, part) for part in (loss, constant))
    if extra is not None:
        loss = loss + extra / scale
    weighted = bool(scale.size) and bool(np.ptp(scale) > SAME * np.abs(scale).max())
    if weighted:
        loss, scale = scale * loss, np.ones_like(scale)
    a, b = float(times) * scale.ravel()[:1].sum(), float(times) * (constant.sum() + float(apart))
    size = a * np.abs(loss).sum() + float(times) * (np.abs(constant).sum() + abs(float(apart)) + loss.size)
    return Affine(float(loss.sum()), float(a), float(b), float(size), loss.size, weighted)
