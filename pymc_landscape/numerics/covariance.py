"""What a Hessian says: covariance, standard errors, flat directions, the delta method. Arrays only.

Hessians here are those of −2 log L, twice the observed information: the covariance is 2 H⁻¹.
"""

from __future__ import annotations

import sys
from functools import cached_property, lru_cache

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.numerics.scipy_functions import lapack

# Relative to the largest eigenvalue of the scaled Hessian; below it a number is rounding and no curvature.
RANK_TOLERANCE = 1e-13
# How many spectra are kept, of matrices of no more than so many rows.
KEPT, KEPT_ROWS = 4, 200
# Of a scaled Hessian: what eigenvalues differ by, from zero too; elements that couple axes, if any; and that vanish.
DISTINCT, WEAK, VANISHING = 1e-6, 1e-10, 1e-30


@dataclass(frozen=True)
class Spectrum:
    """The Hessian's eigenvalues on scales of its own, so that units of parameters do not matter.

    Parameters
    ----------
    values : array (k,)
        Eigenvalues of D⁻¹ H D⁻¹, ascending; D² = |diag H| for a positive matrix.
    vectors : array (k, k)
        Eigenvectors, a column each, on the scaled axes.
    scale : array (k,)
        The diagonal of D.
    """

    values: Array
    vectors: Array
    scale: Array

    @cached_property
    def tolerance(self) -> float:
        """Eigenvalues of less than this size are zero as far as floating point can tell."""
        return RANK_TOLERANCE * len(self.values) * float(np.abs(self.values).max(initial=0.0))

    @cached_property
    def is_positive(self) -> bool:
        """Whether the Hessian is positive definite beyond rounding."""
        return bool((self.values > self.tolerance).all())

    @cached_property
    def directions(self) -> Array:
        """Eigenvectors on the axes of the parameters, a column each, with curvatures of ±2 where they have any.

        For −2 log L that is a step of one standard error: a rise of 1.
        """
        size = np.abs(self.values)
        lengths = np.sqrt(np.divide(2.0, size, out=np.ones_like(size), where=size > self.tolerance))
        return np.asarray(lengths * self.vectors / self.scale[:, None])

    def direction(self, i: int) -> Array:
        """Return one of the directions."""
        step: Array = self.directions[:, i]
        return step

    def inverse(self) -> Array:
        """Return H⁻¹, and where H has no curvature its pseudo-inverse."""
        curved = np.abs(self.values) > self.tolerance
        inverted = np.divide(1.0, self.values, out=np.zeros_like(self.values), where=curved)
        half = self.vectors / self.scale[:, None]
        return (half * inverted) @ half.T


def spectrum(hessian: Array, *, by_lapack: bool = False) -> Spectrum:
    """Return the spectrum of a symmetric matrix (k, k) on scales of its own.

    The last few are kept: a search, its status, its errors and what is flat there ask for that of one Hessian.

    Parameters
    ----------
    hessian : array (k, k)
        The matrix.
    by_lapack : bool
        Whether it matters which eigenvectors of equal eigenvalues come first, and with which sign.

    Examples
    --------
    >>> spectrum(np.diag([1e-8, 4e6])).is_positive
    True
    """
    if len(hessian) > KEPT_ROWS:
        return _spectrum(hessian, by_lapack)
    matrix = np.asarray(hessian, dtype=float)
    return _kept_spectrum(matrix.tobytes(), len(matrix), by_lapack)


@lru_cache(maxsize=KEPT)
def _kept_spectrum(numbers: bytes, k: int, by_lapack: bool) -> Spectrum:
    return _spectrum(np.frombuffer(numbers).reshape(k, k), by_lapack)


def _spectrum(hessian: Array, by_lapack: bool) -> Spectrum:
    scale = lengths(hessian)
    scaled = np.asarray_chkfinite(hessian / (scale[:, None] * scale))
    parts = (*_eigenpairs(scaled, by_lapack), scale)
    for part in parts:
        part.flags.writeable = False  # they have more than one reader
    return Spectrum(*parts)


def _eigenpairs(scaled: Array, by_lapack: bool) -> tuple[Array, Array]:
    """Return eigenvalues, ascending, and eigenvectors of a matrix whose elements do not exceed 1.

    By LAPACK's MRRR by name: SciPy's own function takes ten times as long for a few parameters. To load it starts the
    threads of SciPy's BLAS, which take longer than to fit a small model before they rest. Until something else has
    loaded it, NumPy's is taken where it cannot matter which.
    """
    if not len(scaled):
        return np.zeros(0), scaled
    if not by_lapack and "scipy.linalg._flapack" not in sys.modules:
        values, vectors = np.linalg.eigh(scaled)
        if _is_settled(scaled, values):
            return values, vectors
    values, vectors, *_, failed = lapack("dsyevr")(scaled, lower=1)
    if failed:
        raise np.linalg.LinAlgError("eigenvalues did not converge")
    return values, vectors


def _is_settled(scaled: Array, values: Array) -> bool:
    """Whether the spectrum is the same whatever computes it.

    No eigenvalue is near zero, and no axes with one eigenvalue are coupled so weakly that they may be mixed or not. As
    far out as elements vanish, gradients differ so much that the rounding of a vector counts.
    """
    sizes = np.abs(scaled)
    least = float(sizes.min(initial=1.0, where=sizes > 0.0))
    apart = len(values) == 1 or bool(np.diff(values).min() > DISTINCT)
    return bool(np.abs(values).min() > DISTINCT) and least > (VANISHING if apart else WEAK)


def lengths(hessian: Array) -> Array:
    """Return D with D² = |diag H|; where H is indefinite, larger, so that no element of D⁻¹ H D⁻¹ exceeds 1.

    At a saddle such as that of x·y the diagonal is 0 and says nothing of lengths (Ruiz 2001, equilibration).
    """
    sizes = np.abs(hessian)
    diagonal = sizes.diagonal()
    largest = sizes.max(axis=1, initial=0.0)
    scale = np.sqrt(np.where(diagonal > 1e-200, diagonal, np.where(largest > 0, largest, 1.0)))
    for _ in range(20):
        excess = (sizes / (scale[:, None] * scale)).max(axis=1, initial=0.0)
        if not (excess > 1.0 + 1e-9).any():
            break
        scale = scale * np.sqrt(np.maximum(excess, 1.0))
    return scale


def step_lengths_batch(hessian: Array) -> Array:
    """Return D with D² = |diag H|, or the largest of the row where that is 0."""
    n, m = hessian.shape[:2]
    diagonal = np.abs(hessian.reshape(n, m * m)[:, :: m + 1])
    if np.minimum.reduce(diagonal, axis=None, initial=np.inf) > 1e-200:
        return np.asarray(np.sqrt(diagonal))
    largest = np.abs(hessian).max(axis=2, initial=0.0)
    return np.sqrt(np.where(diagonal > 1e-200, diagonal, np.where(largest > 0, largest, 1.0)))


def lengths_batch(hessian: Array) -> Array:
    """Return D of each of n matrices (n, k, k), as `lengths` does: (n, k)."""
    sizes, scale = np.abs(hessian), step_lengths_batch(hessian)
    for _ in range(20):
        excess = (sizes / (scale[:, :, None] * scale[:, None, :])).max(axis=2, initial=0.0)
        uneven = (excess > 1.0 + 1e-9).any(axis=1)
        if not uneven.any():
            break
        scale = np.where(uneven[:, None], scale * np.sqrt(np.maximum(excess, 1.0)), scale)
    return scale


def covariance(hessian: Array) -> Array:
    """Return the covariance 2 H⁻¹ of estimates from the Hessian H (k, k) of −2 log L.

    Examples
    --------
    >>> covariance(np.array([[8.0]]))
    array([[0.25]])
    """
    return 2.0 * spectrum(hessian).inverse()


def sandwich_covariance(hessian: Array, scores: Array) -> Array:
    """Return the covariance A⁻¹ B A⁻¹ that holds where the model is wrong.

    A = H / 2 is the observed information, B = Σ sᵢ sᵢᵀ the outer products of the scores (White 1982, *Econometrica*
    50(1)).

    Parameters
    ----------
    hessian : array (k, k)
        Of −2 log L.
    scores : array (n, k)
        Gradient of each observation's log-likelihood.
    """
    bread = covariance(hessian)
    return bread @ (scores.T @ scores) @ bread


def quadratic_form(residual: Array, covariance: Array, rank: int) -> float:
    """Return rᵀ C⁻¹ r; of equations that say the same twice, as those on all shares of a simplex, by the rank of C.

    Raises
    ------
    ValueError
        If there is no such number.
    """
    bent = spectrum(covariance) if np.isfinite(covariance).all() and np.isfinite(residual).all() else None
    if bent is None or not (bent.values[len(residual) - rank :] > bent.tolerance).all():
        raise ValueError(
            "Expected a positive definite covariance of what is tested, got one that is not: use likelihood_ratio_test."
        )
    along = bent.vectors[:, len(residual) - rank :].T @ (residual / bent.scale)
    return float((along**2 / bent.values[len(residual) - rank :]).sum())


def delta_method(cov: Array, jacobian: Array) -> Array:
    """Return the covariance Jᵀ C J of n functions with the derivatives `jacobian` (k, n)."""
    return jacobian.T @ cov @ jacobian


def standard_errors(cov: Array, flat: Array, jacobian: Array | None = None) -> Array:
    """Return the square roots of the diagonal; infinite where a quantity is not determined.

    Parameters
    ----------
    cov : array (k, k)
        Covariance of the parameters, a pseudo-inverse along flat directions.
    flat : array (m, k)
        Flat directions, a row each.
    jacobian : array (k, n), optional
        Derivatives of n quantities; left out, the parameters themselves.
    """
    jacobian = np.eye(len(cov)) if jacobian is None else jacobian
    variance = np.einsum("ki,kl,li->i", jacobian, cov, jacobian)
    with np.errstate(invalid="ignore"):  # at a saddle a variance can be negative: no standard error
        errors = np.sqrt(np.where(variance >= 0, variance, np.nan))
    if len(flat):
        units = flat / np.linalg.norm(flat, axis=1, keepdims=True)
        moved = np.abs(units @ jacobian).max(axis=0) > 1e-6 * np.abs(jacobian).max(axis=0)
        errors = np.where(moved, np.inf, errors)
    return errors
