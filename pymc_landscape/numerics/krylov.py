"""Equations, eigenvalues, diagonal and trace of a matrix that is never formed: its products with vectors are known.

Equations are solved by conjugate gradients (Hestenes & Stiefel 1952, *Journal of Research of the National Bureau of
Standards* 49, 409-436), on axes on which the diagonal is about 1; eigenvalues are Lanczos'.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import scipy

from pymc_landscape._typing import Array

Product = Callable[[Array], Array]

# Relative precision of the eigenvalues.
PRECISION = 1e-8
# Random vectors for the trace: at least, at most, and the relative standard error at which it is enough.
FEWEST, MOST, ENOUGH = 16, 256, 0.01
# Rounds and random vectors a round that a diagonal is measured with, and the least share of its largest element that is
# taken for one.
ROUNDS, PROBES, LEAST = 2, 16, 1e-8
# Steps of conjugate gradients, and of a search that takes Newton's steps by them; halvings of such a step.
ITERATIONS, NEWTON_STEPS, HALVINGS = 500, 30, 12
# Steps towards the lowest curvature.
ROTATIONS = 40
# Saddles that a search goes past at most.
SADDLES = 20
# A share of what is promised that a step has to keep, and a relative residual of Newton's equations.
KEPT, RESIDUAL = 1e-4, 1e-6


class NotPositiveCurvature(ArithmeticError):
    """The matrix is not positive definite, or equations with it were not solved."""


def conjugate_gradients(product: Product, right: Array, scale: Array, residual: float = RESIDUAL) -> Array:
    """Solve H u = r for a positive definite matrix H.

    Parameters
    ----------
    product : callable
        Takes a vector (k,) to H times it.
    right : array (k,)
        The right side r.
    scale : array (k,)
        The square roots of the diagonal, or about; infinite for elements of u that are to be 0.
    residual : float
        Relative size of what may be left of r.

    Raises
    ------
    NotPositiveCurvature
        If H bends down along a direction that is met, or the steps are used up.

    Examples
    --------
    >>> conjugate_gradients(lambda v: np.array([4.0, 9.0]) * v, np.array([8.0, 9.0]), np.array([2.0, 3.0])).round(6)
    array([2., 1.])
    """
    import scipy.sparse.linalg  # not needed by small models

    def scaled_product(y: Array) -> Array:
        scaled = product(y / scale) / scale
        if y.any() and not float(y @ scaled) > 0:
            raise NotPositiveCurvature
        return scaled

    known = right / scale
    if not known.any():
        return np.zeros_like(right)
    operator = scipy.sparse.linalg.LinearOperator((len(right),) * 2, matvec=scaled_product, dtype=float)
    solution, failed = scipy.sparse.linalg.cg(operator, known, rtol=residual, maxiter=ITERATIONS)
    if failed or not np.isfinite(solution).all():
        raise NotPositiveCurvature
    return np.asarray(solution / scale)


def diagonal_scale(products: Product, size: int) -> Array:
    """Return the square roots of the diagonal of H, measured with random signs: (k,).

    E[z ∘ Hz] is the diagonal for z with independent signs (Bekas, Kokiopoulou & Saad 2007, *Applied Numerical
    Mathematics* 57, 1214-1229); a second round, on axes scaled by the first, sees small elements beside large ones.

    Parameters
    ----------
    products : callable
        Takes vectors (n, k) to H times each.
    size : int
        The number k.

    Raises
    ------
    NotPositiveCurvature
        If there are no finite products.
    """
    rng = np.random.default_rng(size)  # the same each time: what is not simulated is not random
    scale = np.ones(size)
    for _ in range(ROUNDS):
        signs = rng.choice([-1.0, 1.0], size=(PROBES, size))
        diagonal = np.abs((signs * products(signs / scale) / scale).mean(axis=0))
        scale = scale * np.sqrt(np.maximum(diagonal, LEAST * max(float(diagonal.max()), 1e-300)))
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise NotPositiveCurvature
    return scale


def newton_conjugate_gradients(
    value_and_gradient: Callable[[Array], tuple[float, Array]],
    products_at: Callable[[Array, Array], Array],
    x: Array,
    enough: float,
) -> tuple[Array, float, Array, float]:
    """Take Newton's steps, each by conjugate gradients, until half the Newton decrement is less than `enough`.

    Parameters
    ----------
    value_and_gradient : callable
        Of the surface at a point (k,).
    products_at : callable
        The Hessian at a point (k,) times vectors (..., k).
    x : array (k,)
        Where to begin.
    enough : float
        What may be left to gain.

    Returns
    -------
    x, value, gradient : array (k,), float, array (k,)
        Where the steps end.
    remaining : float
        Half the decrement gᵀ H⁻¹ g there; gᵀg where the surface bends down, or has no second derivative.
    """
    value, gradient = value_and_gradient(x)
    try:
        scale = diagonal_scale(lambda directions: products_at(x, directions), len(x))
        for _ in range(NEWTON_STEPS):
            step = -conjugate_gradients(partial(products_at, x), gradient, scale)
            remaining = -0.5 * float(gradient @ step)
            if remaining <= enough:
                return x, value, gradient, remaining
            for _ in range(HALVINGS):
                lower, there = value_and_gradient(x + step)
                if lower <= value + KEPT * float(gradient @ step) and np.isfinite(there).all():
                    break
                step = 0.5 * step
            else:
                return x, value, gradient, remaining
            x, value, gradient = x + step, lower, there
    except (NotPositiveCurvature, NotImplementedError, ValueError):
        pass  # beside a saddle, or no second derivative
    return x, value, gradient, float(gradient @ gradient)


def minimize_past_saddles(
    search: Callable[[Array], tuple[Array, int, str]],
    value_and_gradient: Callable[[Array], tuple[float, Array]],
    values: Callable[[Array], Array],
    products_at: Callable[[Array, Array], Array],
    x: Array,
    least: float,
) -> tuple[Array, float, Array, float, int, str]:
    """Minimise without a Hessian; from a saddle go on below it.

    Parameters
    ----------
    search : callable
        Goes down from a point (k,) by gradients; gives where it ends, after how many steps, and why.
    value_and_gradient, values, products_at : callable
        Of the surface at a point (k,); at points (n, k); the Hessian at a point times vectors (..., k).
    x : array (k,)
        Where to begin.
    least : float
        How much lower is lower; of Newton's last step, a tenth of it.

    Returns
    -------
    x, value, gradient : array (k,), float, array (k,)
        Where it ends.
    remaining : float
        What Newton's next step would gain; infinite where one saddle lay below the other.
    n_steps : int
        Of `search`.
    reason : str
        Why that ended.
    """
    n_steps = 0
    for _ in range(SADDLES):
        x, n, reason = search(x)
        n_steps += n
        x, value, gradient, remaining = newton_conjugate_gradients(value_and_gradient, products_at, x, 0.1 * least)
        lower = below_saddle(values, partial(products_at, x), x, least)
        if lower is None:
            return x, value, gradient, remaining, n_steps, reason
        x = lower
    return x, *value_and_gradient(x), np.inf, n_steps, f"{SADDLES} saddles, one below the other."


def below_saddle(values: Callable[[Array], Array], product: Product, x: Array, least: float) -> Array | None:
    """Return a lower point along the direction in which a surface bends down most; None where there is none.

    Parameters
    ----------
    values : callable
        Of the surface at points (n, k).
    product : callable
        Takes vectors (n, k) to the Hessian at `x` times each.
    x : array (k,)
        A stationary point, or about.
    least : float
        How much lower is lower.

    Returns
    -------
    array (k,) or None
        The lowest of some points both ways.

    Notes
    -----
    The direction is sought by locally optimal conjugate gradients on the Rayleigh quotient (Knyazev 2001, *SIAM Journal
    on Scientific Computing* 23, 517-541), on axes on which the diagonal is about 1.

    Examples
    --------
    >>> bends = np.array([1.0] * 9 + [-1.0])
    >>> found = below_saddle(lambda x: x**2 @ bends, lambda v: 2.0 * bends * v, np.zeros(10), 0.1)
    >>> bool(abs(found[9]) > 1.0 > 0.1 > abs(found[:9]).max())
    True
    """
    import scipy.sparse.linalg  # not needed by small models

    k, rng = len(x), np.random.default_rng(len(x))
    try:
        scale = diagonal_scale(product, k)
    except (NotPositiveCurvature, NotImplementedError, ValueError):
        return None

    def scaled(v: Array) -> Array:
        return (product(v.T / scale) / scale).T

    matrix = scipy.sparse.linalg.LinearOperator((k, k), matvec=scaled, matmat=scaled, dtype=float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there were few steps
        _, vectors = cast(Any, scipy.sparse.linalg).lobpcg(
            matrix, rng.normal(size=(k, 1)), largest=False, maxiter=ROTATIONS, tol=PRECISION
        )
    direction = vectors[:, 0] / np.linalg.norm(vectors[:, 0])
    curvature = float(direction @ scaled(direction))
    if not curvature < 0:
        return None
    lengths = np.sqrt(2.0 / -curvature) * 4.0 ** np.arange(-4, 5)
    points = x + np.outer(np.concatenate([lengths, -lengths]), direction / scale)
    found = np.where(np.isfinite(heights := values(np.vstack([x, points]))), heights, np.inf)
    lowest = int(found[1:].argmin())
    return points[lowest] if found[1 + lowest] < found[0] - least else None


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
