"""Eigenvalues and trace of a matrix that is never formed: all that is asked of it is its product with a vector."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy

from pymc_landscape._typing import Array

Product = Callable[[Array], Array]

# Relative precision of the eigenvalues.
PRECISION = 1e-8
# Random vectors for the trace: at least, at most, and the relative standard error at which it is enough.
FEWEST, MOST, ENOUGH = 16, 256, 0.01


def leading_eigenpairs(product: Product, size: int, num: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the `num` eigenvalues of largest size of a symmetric matrix, by the Lanczos method.

    Parameters
    ----------
    product : callable
        Takes a vector (k,) to the matrix times it.
    size : int
        Length k; more than `num`.
    num : int
        How many.
    rng : Generator
        For the vector that the method begins with.

    Returns
    -------
    values : array (num,)
        Largest first, with their signs.
    vectors : array (num, k)
        A row each.

    Notes
    -----
    Implicitly restarted Lanczos (Lehoucq, Sorensen & Yang 1998, *ARPACK Users' Guide*).

    Examples
    --------
    >>> values, _ = leading_eigenpairs(lambda v: np.arange(20.0) * v, 20, 2, np.random.default_rng(0))
    >>> values.round(6)
    array([19., 18.])
    """
    matrix = scipy.sparse.linalg.LinearOperator((size, size), matvec=lambda v: product(np.ravel(v)), dtype=np.float64)
    first = rng.normal(size=size)
    values, vectors = scipy.sparse.linalg.eigsh(matrix, k=num, which="LM", v0=first, tol=PRECISION)
    order = np.argsort(-values)
    return values[order], vectors[:, order].T


def trace(product: Product, known: Array, rng: np.random.Generator) -> tuple[float, float]:
    """Estimate the trace of a symmetric matrix, part of whose space is known exactly.

    The trace is that on the known directions Q plus that on the rest, which is the mean of zᵀ P A P z over random signs
    z, P = I − QᵀQ (Hutchinson 1989; with Q taken out first, Meyer, Musco, Musco & Woodruff 2021, *Hutch++*). With the
    leading eigenvectors for Q the noisiest part of the sum is exact.

    Parameters
    ----------
    product : callable
        Takes a vector (k,) to the matrix times it.
    known : array (m, k)
        Orthonormal directions, a row each.
    rng : Generator
        For the random signs.

    Returns
    -------
    trace, standard_error : float
        After so many random vectors that the standard error is 1 % of the trace, and 256 at most.

    Examples
    --------
    >>> trace(lambda v: 2.0 * v, np.eye(5)[:2], np.random.default_rng(0))
    (10.0, 0.0)
    """
    exact = float(sum(q @ product(q) for q in known))
    samples: list[float] = []
    mean = error = 0.0
    while len(samples) < MOST:
        samples.append(_sample(product, known, rng))
        mean = exact + float(np.mean(samples))
        if len(samples) >= FEWEST:
            error = float(np.std(samples, ddof=1) / np.sqrt(len(samples)))
            if error <= ENOUGH * abs(mean):
                break
    return mean, error


def _sample(product: Product, known: Array, rng: np.random.Generator) -> float:
    signs = 2.0 * rng.integers(0, 2, size=known.shape[1]) - 1.0
    rest = signs - known.T @ (known @ signs)
    return float(rest @ product(rest))
