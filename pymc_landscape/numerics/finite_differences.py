"""Derivatives by differences, for models that have none of their own. Arrays only.

Central differences of two step lengths, combined so that the leading error cancels (Richardson 1911).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pymc_landscape._typing import Array

EPS = float(np.finfo(float).eps)


def hessian_of_gradients(gradient: Callable[[Array], Array], x: Array, *, refined: bool = True) -> Array:
    """Return the Hessian (k, k) at `x` from differences of gradients; accurate to about 1e-9 of its size.

    On an edge, beyond which there is no gradient, differences are taken inward. Not `refined`, it costs half as many
    gradients and is accurate to about 1e-7.
    """
    step = EPS ** (1 / 5 if refined else 1 / 4) * np.maximum(np.abs(x), 0.1)

    def column(i: int, h: float) -> Array:
        move = np.zeros_like(x)
        move[i] = h
        ahead, back = gradient(x + move), gradient(x - move)
        if np.isfinite(ahead).all() == np.isfinite(back).all():
            return (ahead - back) / (2 * h)
        sign, one = (1.0, ahead) if np.isfinite(ahead).all() else (-1.0, back)
        return sign * (4 * one - 3 * gradient(x) - gradient(x + 2 * sign * move)) / (2 * h)

    with np.errstate(all="ignore"):  # NaN where there is no gradient beside x
        if refined:
            columns = np.stack([(4 * column(i, h / 2) - column(i, h)) / 3 for i, h in enumerate(step)])
        else:
            columns = np.stack([column(i, h) for i, h in enumerate(step)])
    return (columns + columns.T) / 2


def hessian_of_values(values: Callable[[Array], Array], x: Array) -> tuple[Array, Array]:
    """Return gradient (k,) and Hessian (k, k) at `x` from differences of values.

    Parameters
    ----------
    values : callable
        Values (n,) of many points (n, k) at once.
    x : array (k,)
        The point.

    Examples
    --------
    >>> gradient, hessian = hessian_of_values(lambda p: p[:, 0] ** 2 * p[:, 1], np.array([1.0, 3.0]))
    >>> gradient.round(6), hessian.round(4)
    (array([6., 1.]), array([[6., 2.],
           [2., 0.]]))
    """
    here = float(values(x[None])[0])
    step = _step_of_unit_rise(values, x, here)
    coarse, fine = (_differences(values, x, here, h) for h in (step, step / 2))
    gradient, hessian = ((4 * f - c) / 3 for c, f in zip(coarse, fine, strict=True))
    return gradient, hessian


def _step_of_unit_rise(values: Callable[[Array], Array], x: Array, here: float) -> Array:
    """Return steps along each axis that change the value by about 0.1: far above rounding, still nearly quadratic."""
    step = 1e-3 * np.maximum(np.abs(x), 0.1)
    for _ in range(20):
        rise = np.abs(values(np.vstack([x + np.diag(step), x - np.diag(step)])) - here).reshape(2, -1).max(axis=0)
        off = ~((rise > 0.02) & (rise < 0.5))
        if not off.any():
            break
        factor = np.sqrt(0.1 / np.maximum(rise, 1e-12))
        step = np.where(off, step * np.clip(factor, 0.1, 10.0), step)
    return step


def _differences(values: Callable[[Array], Array], x: Array, here: float, step: Array) -> tuple[Array, Array]:
    """Return gradient and Hessian by central differences with the given steps."""
    k, moves = len(x), np.diag(step)
    one = values(np.vstack([x + moves, x - moves])).reshape(2, k)
    gradient = (one[0] - one[1]) / (2 * step)
    rows, columns = np.triu_indices(k, 1)
    both = moves[rows] + moves[columns]
    two = values(np.vstack([x + both, x - both])).reshape(2, -1) if len(rows) else np.zeros((2, 0))
    hessian = np.diag((one[0] - 2 * here + one[1]) / step**2)
    curved = two.sum(axis=0) - one[:, rows].sum(axis=0) - one[:, columns].sum(axis=0) + 2 * here
    hessian[rows, columns] = hessian[columns, rows] = curved / (2 * step[rows] * step[columns])
    return gradient, hessian
