"""Derivatives by differences, for functions that have none of their own. Arrays only.

Central differences of two step lengths, combined so that the leading error cancels (Richardson 1911). A step is short
where the function bends much: its length is a share of the change of x over which the function, a −2 log density,
changes by 1, which is a standard error. Beside an end of the support differences are taken inward.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array

EPS = float(np.finfo(float).eps)
Values = Callable[[Array], Array]

# Steps in standard errors: between gradients, and between values, these the longer the more noise values have.
GRADIENT_STEP, VALUE_STEPS = 0.05, (0.03, 0.5)
# A step is taken if what is wanted is no less and no more of it.
LEAST, MOST = 0.5, 5.0
# Steps between gradients, and between values, grow no longer than these shares of max(|x|, 1): along a bent ridge a
# longer one sees the bend.
LONGEST, LONGEST_OF_VALUES = 0.01, 0.1
# How often a step is tried before it is taken as it is.
TRIALS = 12
# Values in a row that show the noise, and how far apart they are, in steps.
ROW, SPACING = 9, 1e-3


def hessian_of_gradients(gradient: Values, x: Array) -> Array:
    """Return the Hessian (k, k) at `x` from differences of gradients; accurate to about 1e-9 of its size.

    On an edge, beyond which there is no gradient, differences are taken inward.
    """
    sizes, axes = np.maximum(np.abs(x), 0.1), np.eye(len(x))
    with np.errstate(all="ignore"):  # NaN where there is no gradient beside x
        columns = np.stack([_refined(gradient, x, axis, size) for axis, size in zip(axes, sizes, strict=True)])
    return (columns + columns.T) / 2


def hessians_of_gradients(gradients: Callable[[Array, NDArray[np.intp]], Array], x: Array) -> Array:
    """Return the Hessians (n, k, k) at points `x` (n, k) from differences of gradients, all of them at once.

    It costs half as many gradients as `hessian_of_gradients` at each, and is accurate to about 1e-7.

    Parameters
    ----------
    gradients : callable
        Gradients (m, k) at points (m, k), with the place (m,) in `x` of the point that each is beside.
    x : array (n, k)
        The points.

    Examples
    --------
    >>> hessians_of_gradients(lambda p, beside: 3.0 * p**2, np.array([[1.0], [2.0]])).round(5).ravel().tolist()
    [6.0, 12.0]
    """
    (n, k), axes = x.shape, np.eye(x.shape[1])
    steps = EPS ** (1 / 4) * np.maximum(np.abs(x), 0.1)
    ahead, back = (x[:, None] + sign * steps[:, :, None] * axes for sign in (1.0, -1.0))
    with np.errstate(all="ignore"):  # NaN where there is no gradient beside x
        both = np.stack([ahead, back], axis=1)
        out = gradients(both.reshape(-1, k), np.repeat(np.arange(n), 2 * k)).reshape(n, 2, k, k)
        columns = (out[:, 0] - out[:, 1]) / np.einsum("nii->ni", ahead - back)[:, :, None]
        known = np.isfinite(out).all(axis=-1)
        for i, j in np.argwhere(known[:, 0] != known[:, 1]):
            columns[i, j] = _change(partial(_beside, gradients, i), x[i], axes[j], steps[i, j])
    return np.asarray((columns + np.swapaxes(columns, 1, 2)) / 2)


def _beside(gradients: Callable[[Array, NDArray[np.intp]], Array], i: int, point: Array) -> Array:
    """Return the gradient (k,) at one point beside the i-th."""
    return np.asarray(gradients(point[None], np.array([i]))[0])


def hessian_times(gradient: Values, x: Array, direction: Array) -> Array:
    """Return the Hessian at `x` times a direction (k,), from differences of gradients."""
    length = float(np.linalg.norm(direction))
    if length == 0:
        return np.zeros_like(x)
    with np.errstate(all="ignore"):
        return length * _refined(gradient, x, direction / length, max(float(np.abs(x).max()), 1.0))


def _refined(gradient: Values, x: Array, unit: Array, size: float) -> Array:
    """Return how the gradient changes along a direction, over a step that is a good share of a standard error."""
    step, longest = EPS ** (1 / 5) * size, LONGEST * max(size, 1.0)
    change = _change(gradient, x, unit, step)
    for _ in range(TRIALS):
        wanted = min(GRADIENT_STEP * np.sqrt(2.0 / max(abs(float(unit @ change)), 1e-300)), longest)
        if not np.isfinite(change).all() or LEAST * step <= wanted <= MOST * step:
            break
        further = float(np.clip(wanted, step / 100, step * 100))
        there = _change(gradient, x, unit, further)
        if not np.isfinite(there).all():
            break
        step, change = further, there
    return np.asarray((4 * _change(gradient, x, unit, step / 2) - change) / 3)


def _change(gradient: Values, x: Array, unit: Array, h: float) -> Array:
    """Return the change of the gradient along a direction, by its length; inward where there is none outward."""
    ahead, back = x + h * unit, x - h * unit
    there, behind = gradient(ahead), gradient(back)
    if np.isfinite(there).all() == np.isfinite(behind).all():
        return np.asarray((there - behind) / float((ahead - back) @ unit))
    sign, one = (1.0, there) if np.isfinite(there).all() else (-1.0, behind)
    return np.asarray(sign * (4 * one - 3 * gradient(x) - gradient(x + 2 * sign * h * unit)) / (2 * h))


def jacobian_of_values(function: Values, x: Array, density: Values | None = None) -> Array:
    """Return the Jacobian (k, n) at `x` of a function with n values: a row an element of x.

    Parameters
    ----------
    function : callable
        Values (m, n) of many points (m, k) at once.
    x : array (k,)
        The point.
    density : callable, optional
        Values (m,) of a −2 log density: steps are shares of its standard errors then, else of x.

    Examples
    --------
    >>> jacobian_of_values(lambda p: np.stack([p[:, 0] ** 2, p[:, 0] * p[:, 1]], axis=1), np.array([1.0, 3.0])).round(6)
    array([[2., 3.],
           [0., 1.]])
    """
    step = EPS ** (1 / 5) * np.maximum(np.abs(x), 0.1) if density is None else _good_steps(density, x)[0]
    with np.errstate(all="ignore"):
        coarse, fine = (_slopes(function, x, h) for h in (step, step / 2))
    return np.asarray((4 * fine - coarse) / 3)


def _slopes(function: Values, x: Array, step: Array) -> Array:
    """Return differences (k, ...) along each axis, inward where there is no value outward."""
    k, moves = len(x), np.diag(step)
    out = function(np.vstack([x + moves, x - moves]))
    ahead, back = out[:k], out[k:]
    width = np.reshape((x + step) - (x - step), (k, *[1] * (out.ndim - 1)))
    slopes = (ahead - back) / width
    flat = np.isfinite(out.reshape(2, k, -1)).all(axis=-1)
    for i in np.flatnonzero(flat[0] != flat[1]):
        sign = 1.0 if flat[0, i] else -1.0
        here, further = function(np.vstack([x, x + 2 * sign * moves[i]]))
        slopes[i] = sign * (4 * (ahead if sign > 0 else back)[i] - 3 * here - further) / (2 * step[i])
    return np.asarray(slopes)


def gradient_of_values(values: Values, x: Array) -> Array:
    """Return the gradient (k,) at `x` of a −2 log density from differences of values; as `hessian_of_values`."""
    step = _good_steps(values, x)[0]
    with np.errstate(all="ignore"):
        coarse, fine = (_slopes(values, x, h) for h in (step, step / 2))
    return np.asarray((4 * fine - coarse) / 3)


def hessian_of_values(values: Values, x: Array) -> tuple[Array, Array]:
    """Return gradient (k,) and Hessian (k, k) at `x` of a −2 log density from differences of values.

    The Hessian is accurate to about 1e-8 of its size, to less where values have noise; at an end of the support it is
    that of a place a step inside.

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
    step, inward = _good_steps(values, x)
    with np.errstate(all="ignore"):
        inside = x + inward * step
        here = float(values(inside[None])[0])
        coarse, fine = (_differences(values, inside, here, h) for h in (step, step / 2))
        gradient, hessian = ((4 * f - c) / 3 for c, f in zip(coarse, fine, strict=True))
        if inward.any():
            gradient = (4 * _slopes(values, x, step / 2) - _slopes(values, x, step)) / 3
    return gradient, hessian


def _good_steps(values: Values, x: Array) -> tuple[Array, Array]:
    """Return steps along each axis over which values bend far more than they have noise.

    Also the signs of the side on which alone there are values, 0 where both have them.
    """
    step = 1e-3 * np.maximum(np.abs(x), 0.1)
    longest = LONGEST_OF_VALUES * np.maximum(np.abs(x), 1.0)
    here, noise, side = float(values(x[None])[0]), 0.0, np.zeros(len(x))
    with np.errstate(all="ignore"):
        for trial in range(TRIALS):
            bend, side = _bends(values, x, here, step)
            if trial == 0 or trial == 2:  # at the steps that were found
                noise = _noise(values, x + side * step, step)
            share = np.clip((6e3 * noise) ** (1 / 6), *VALUE_STEPS) ** 2
            wanted = np.minimum(step * np.sqrt(share / np.maximum(bend, 1e-300)), longest)
            wanted = np.where(np.isfinite(bend), wanted, step / 10)
            off = (wanted > MOST * step) | (wanted < LEAST * step)
            if not off.any():
                break
            step = np.where(off, np.clip(wanted, step / 30, step * 30), step)
    return step, side


def _bends(values: Values, x: Array, here: float, step: Array) -> tuple[Array, Array]:
    """Return by how much half the second difference along each axis bends, and the side that alone has values."""
    moves = np.diag(step)
    ahead, back = values(np.vstack([x + moves, x - moves])).reshape(2, -1)
    side = np.isfinite(ahead).astype(float) - np.isfinite(back)
    bend = np.abs(ahead - 2 * here + back) / 2
    for i in np.flatnonzero(side):
        further = float(values((x + 2 * side[i] * moves[i])[None])[0])
        bend[i] = np.abs(further - 2 * (ahead if side[i] > 0 else back)[i] + here) / 2
    return bend, side


def _noise(values: Values, x: Array, step: Array) -> float:
    """Return the standard deviation of what is no smooth change between neighbours: of fourth differences in a row."""
    rows: NDArray[np.float64] = x + SPACING * np.arange(ROW)[:, None] * step
    differences = np.diff(values(rows), 4)
    noise = float(np.sqrt(np.mean(differences**2) / 70.0))  # 70 = (2·4)! / (4!)²
    return noise if np.isfinite(noise) else 0.0


def _differences(values: Values, x: Array, here: float, step: Array) -> tuple[Array, Array]:
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
