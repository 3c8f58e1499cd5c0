"""Functions of arrays for Ops that have none of NumPy's, or a slow one: by elements, of stacks of matrices; loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import scipy

from pymc_landscape._typing import Array

# The square of what is larger is not 0.
SQUARE_ABOVE_0 = 1e-150
# Elements of a loop that are over are computed on and on until no more than this share of them goes on.
GOING_ON = 0.75
# The terms of a sum are made side by side for arrays of so many numbers at the most, as columns of the first ten k.
SIDE_BY_SIDE, TEN = 4000, np.arange(10.0)[:, None]


def softplus(x: Array) -> Array:
    """Return log(1 + exp(x))."""
    x = _floats(x)
    small = np.abs(x)
    if not np.ndim(x):
        return np.asarray(np.maximum(x, 0.0) + np.log1p(np.exp(-small)))
    for function in (np.negative, np.exp, np.log1p):  # of large arrays, each new one takes as long as an exponential
        function(small, out=small)
    small += np.maximum(x, 0.0)
    return small


def _floats(x: Array) -> Array:
    """Return x, whole numbers in double precision: of those of eight bits NumPy takes the exponential in sixteen."""
    is_float = getattr(getattr(x, "dtype", None), "kind", "") == "f"
    return x if is_float else np.asarray(x, dtype=float)


def log1mexp(x: Array) -> Array:
    """Return log(1 - exp(x)) for x < 0, by the branch that keeps its digits (Mächler 2012)."""
    return np.where(x > -np.log(2.0), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


def clip(x: Array, low: Array, high: Array) -> Array:
    """Return x inside [low, high]; where the limits cross, the low one is looked at first, as in PyTensor."""
    if np.all(low <= high):  # in one pass in place of four
        return np.asarray(np.clip(x, low, high))
    return np.where(x < low, low, np.where(x > high, high, x))


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), as SciPy's `expit` does, which takes long to import."""
    x = _floats(x)
    if not np.ndim(x):
        return np.asarray(1.0 / (1.0 + np.exp(-x)))
    part = np.negative(x)
    np.exp(part, out=part)
    part += 1.0
    return np.asarray(np.divide(1.0, part, out=part))


def second(_like: Array, value: Array) -> Array:
    """Return `value` in the shape of the two arguments broadcast together."""
    return np.broadcast_to(value, np.broadcast_shapes(np.shape(_like), np.shape(value))).copy()


def identity(x: Array) -> Array:
    """Return a copy of x."""
    return np.array(x)


def trigamma(x: Array) -> Array:
    """Return the second derivative of log Γ(x), by recurrence and Stirling's series; below 0 by reflection.

    SciPy's Hurwitz ζ(2, x), which is the same, takes ten times as long.
    """
    x = np.asarray(x, dtype=float)
    if x.size == 1 and x.item() > SQUARE_ABOVE_0:  # NumPy takes twenty times as long
        return np.full(x.shape, _trigamma_of_number(x.item()))
    positive = x > 0.0
    if positive.all():
        return _trigamma_above_0(x)
    below = x < -100.0  # where the recurrence of ζ would not end
    sine = np.sin(np.pi * np.where(below, x, 0.5))
    with np.errstate(divide="ignore"):
        reflected = (np.pi / sine) ** 2 - _trigamma_above_0(np.where(below, 1.0 - x, 1.0))
    rest = np.where(
        positive, _trigamma_above_0(np.where(positive, x, 1.0)), scipy.special.zeta(2.0, np.where(below, 1.0, x))
    )
    return np.asarray(np.where(below, reflected, rest))


def _trigamma_above_0(x: Array) -> Array:
    """Return Σ 1/(x + k)² over ten k, the rest by Abramowitz & Stegun (1972, 6.4.12): relative error below 1e-15."""
    if 1 < x.size <= SIDE_BY_SIDE:  # all k at once, added up in their order: of small arrays, calls take longest
        squares = x.reshape(-1) + TEN
        np.multiply(squares, squares, out=squares)
        total = np.add.reduce(np.divide(1.0, squares, out=squares), axis=0).reshape(x.shape)
        return np.asarray(total + _stirling_rest(x))
    total = np.asarray(1.0 / (x * x))
    part = np.empty_like(total)
    for k in range(1, 10):  # of large arrays, each new one takes as long as a division
        np.add(x, k, out=part)
        np.multiply(part, part, out=part)
        np.divide(1.0, part, out=part)
        total += part
    return np.asarray(total + _stirling_rest(x))


def _trigamma_of_number(x: float) -> float:
    """Return the same of one number, to the last bit."""
    total = 1.0 / (x * x)
    for k in range(1, 10):
        part = x + k
        total += 1.0 / (part * part)
    return float(total + _stirling_rest(x))


def _stirling_rest(x: Any) -> Any:
    """Return the sum of 1/(x + k)² over k ≥ 10 by its asymptotic series."""
    y = 1.0 / (x + 10.0)
    z = y * y
    series = 5 / 66 + z * (-691 / 2730 + z * (7 / 6))
    series = 1 / 6 + z * (-1 / 30 + z * (1 / 42 + z * (-1 / 30 + z * series)))
    return y + z * (0.5 + y * series)


def solve_lower(matrix: Array, column: Array) -> Array:
    """Solve L x = b for stacks of lower triangles and of vectors."""
    return _solve(matrix, column, lower=True)


def solve_upper(matrix: Array, column: Array) -> Array:
    """Solve U x = b for stacks of upper triangles and of vectors."""
    return _solve(matrix, column, lower=False)


def solve_lower_columns(matrix: Array, columns: Array) -> Array:
    """Solve L X = B for stacks of lower triangles and of matrices."""
    return _solve_columns(matrix, columns, lower=True)


def solve_upper_columns(matrix: Array, columns: Array) -> Array:
    """Solve U X = B for stacks of upper triangles and of matrices."""
    return _solve_columns(matrix, columns, lower=False)


def _solve_columns(matrix: Array, columns: Array, lower: bool) -> Array:
    return np.swapaxes(_solve(matrix[..., None, :, :], np.swapaxes(columns, -1, -2), lower), -1, -2)


def _solve(matrix: Array, column: Array, lower: bool) -> Array:
    """Solve by substitution, side by side; a singular matrix gives NaN for its own point only."""
    n = matrix.shape[-1]
    if matrix.ndim >= 3 and matrix.shape[-3] == 1 and column.ndim >= 2 and column.shape[-2] >= n:
        return _solve_for_many(matrix, column, lower)
    pivots = np.diagonal(matrix, axis1=-2, axis2=-1)
    pivots = np.where((pivots == 0).any(-1, keepdims=True), np.nan, pivots)
    solution = np.empty((*np.broadcast_shapes(matrix.shape[:-2], column.shape[:-1]), n))
    for i in range(n) if lower else reversed(range(n)):
        known = slice(0, i) if lower else slice(i + 1, n)
        above = np.einsum("...j,...j->...", matrix[..., i, known], solution[..., known])
        solution[..., i] = (column[..., i] - above) / pivots[..., i]
    return solution


def _solve_for_many(matrix: Array, column: Array, lower: bool) -> Array:
    """Solve for so many vectors that share a matrix that to factorise it takes no longer."""
    stack = (np.tril if lower else np.triu)(matrix[..., 0, :, :])
    singular = (np.diagonal(stack, axis1=-2, axis2=-1) == 0).any(-1)[..., None, None]
    solution = np.linalg.solve(np.where(singular, np.eye(stack.shape[-1]), stack), np.swapaxes(column, -1, -2))
    return np.swapaxes(np.where(singular, np.nan, solution), -1, -2)


def cholesky_lower(matrix: Array) -> Array:
    """Factorise stacks of matrices by lower triangles; one that is not positive definite gives NaN for its own."""
    return _cholesky(matrix, upper=False)


def cholesky_upper(matrix: Array) -> Array:
    """Factorise stacks of matrices by upper triangles; one that is not positive definite gives NaN for its own."""
    return _cholesky(matrix, upper=True)


def _cholesky(matrix: Array, upper: bool) -> Array:
    try:
        return np.asarray(np.linalg.cholesky(matrix, upper=upper))
    except np.linalg.LinAlgError:  # one of them is not: they are done one by one
        factors = np.full(np.shape(matrix), np.nan)
        for i in np.ndindex(factors.shape[:-2]):
            with suppress(np.linalg.LinAlgError):
                factors[i] = np.linalg.cholesky(matrix[i], upper=upper)
        return factors


def loop_of_elements(
    step: Callable[..., Sequence[Array]], n_states: int, is_while: bool, n_steps: Any, *inputs: Any
) -> Any:
    """Repeat a step for all elements of arrays, for each until it is done or has had its steps.

    Parameters
    ----------
    step : callable
        Of the states and of what stays, vectors of those elements that go on and of some that are over; gives the next
        states, and which of the elements are done.
    n_states : int
        How many of the inputs are states.
    is_while : bool
        Whether elements can be done before they have had their steps.
    n_steps : array of int
        How many steps each element has at the most.
    *inputs : array
        The first states, and what stays; these and `n_steps` are broadcast.

    Returns
    -------
    tuple of array, or array
        The last states, and which elements were done (none that had no step); an array alone if that is all.

    Raises
    ------
    ValueError
        If elements that are never done are to have fewer steps than none.
    """
    if not is_while and np.min(n_steps, initial=0) < 0:
        raise ValueError(f"Expected a number of steps, got {np.min(n_steps)}.")
    shape = np.broadcast_shapes(np.shape(n_steps), *map(np.shape, inputs))
    left, *values = (np.broadcast_to(x, shape).ravel() for x in (n_steps, *inputs))
    results = [value.copy() for value in values[:n_states]] + [np.zeros(left.size, dtype=bool)] * is_while
    at, n = np.flatnonzero(left > 0), 0
    left, values, goes_on = left[at], [value[at] for value in values], np.ones(len(at), dtype=bool)
    least = left.min(initial=np.iinfo(left.dtype).max)
    while len(at):
        made, n = [v if v.shape == at.shape else np.full(at.shape, v) for v in step(*values)], n + 1
        values[:n_states] = made[:n_states]
        over = made[-1] & goes_on if is_while else np.zeros(len(at), dtype=bool)
        if n >= least:
            over |= (left <= n) & goes_on
        ended = over.nonzero()[0]
        if len(ended):
            for result, value in zip(results, made, strict=True):
                result[at[ended]] = value[ended]
            goes_on[ended] = False
            if np.count_nonzero(goes_on) <= GOING_ON * len(at):  # what is over is left behind
                at, left, values = at[goes_on], left[goes_on], [value[goes_on] for value in values]
                goes_on = np.ones(len(at), dtype=bool)
    arrays = [result.reshape(shape) for result in results]
    return arrays[0] if len(arrays) == 1 else tuple(arrays)
