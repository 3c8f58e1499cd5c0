"""The likeliest random effects at many θ at once, where they are in small independent blocks: Newton's method on all.

A step of one search takes hundreds of calls of NumPy, whatever its size, and along a grid hundreds of searches take the
same few steps. So all θ take whole steps together, as long as each gains what it should. Where one does not, or the
curvature is not positive, nothing is found here: that search goes alone, damped. What counts as converged is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.model.latent.mode_search import (
    ARMIJO,
    CONVERGED_GAIN,
    NEARLY_CONVERGED_GAIN,
    ROUNDING_SHARE,
    TOGETHER,
)
from pymc_landscape.numerics import Pattern

# A search that takes more steps goes alone; and every so many θ one is searched from afar, the others from there.
MAX_STEPS, STRIDE = 30, 16
# The lowest eigenvalue of a block, beside the largest, that is no zero.
SINGULAR = 1e-14

# f (n,), its gradient (n, k + q), and the elements (n, nnz) of its curvature over u, at points (n, k + q).
Evaluate = Callable[[Array], tuple[Array, Array, Array]]


@dataclass(frozen=True)
class ModeStack:
    """Modes at n θ: values are those of the mode where `found`.

    Parameters
    ----------
    vectors : array (n, k + q)
        θ and the likeliest effects.
    joint, gradient : array (n,), array (n, k + q)
        f there, and its gradient.
    roots : list of array (n, b, d, d)
        Lower triangles L of the curvature's blocks H = L Lᵀ, an array a size of block.
    found : array of bool (n,)
        Where there is one.
    """

    vectors: Array
    joint: Array
    gradient: Array
    roots: list[Array]
    found: NDArray[np.bool_]

    @property
    def log_determinants(self) -> Array:
        """The logarithm (n,) of det H."""
        diagonals = [np.diagonal(root, axis1=2, axis2=3).reshape(len(root), -1) for root in self.roots]
        return np.asarray(2.0 * np.log(np.concatenate(diagonals, axis=1)).sum(axis=1))

    def some(self, which: slice | NDArray[np.bool_]) -> Self:
        """Return a part of them."""
        roots = [root[which] for root in self.roots]
        return type(self)(self.vectors[which], self.joint[which], self.gradient[which], roots, self.found[which])


def stacked_integrals(
    pattern: Pattern, thetas: Array, start: Array, evaluate: Evaluate, integrals: Callable[[ModeStack], Array]
) -> tuple[Array, NDArray[np.bool_], Array]:
    """Return log L (n,) at many θ (n, k), at which of them there is a mode, and the effects (q,) at the last of these.

    As many are searched together as memory should hold.

    Parameters
    ----------
    pattern : Pattern
        Which effects meet; small blocks.
    thetas : array (n, k)
        Parameters, neighbours beside each other.
    start : array (q,)
        Effects from which the first searches begin.
    evaluate : callable
        Derivatives at many points.
    integrals : callable
        Makes log L of modes.
    """
    log_l, found = np.full(len(thetas), np.nan), np.zeros(len(thetas), dtype=bool)
    most = max(2, TOGETHER // max(pattern.size, 1))
    for first in range(0, len(thetas), most):
        part = slice(first, first + most)
        stack = stacked_modes(pattern, thetas[part], start, evaluate)
        found[part] = stack.found
        if stack.found.any():
            log_l[part][stack.found] = integrals(stack.some(stack.found))
            start = stack.vectors[stack.found][-1, thetas.shape[1] :]
    return log_l, found, start


@np.errstate(all="ignore")
def stacked_modes(pattern: Pattern, thetas: Array, start: Array, evaluate: Evaluate) -> ModeStack:
    """Search at many θ (n, k), neighbours beside each other: first at some of them, from there at all.

    Parameters
    ----------
    pattern : Pattern
        Which effects meet; small blocks.
    thetas : array (n, k)
        Parameters.
    start : array (q,)
        Effects from which the first searches begin.
    evaluate : callable
        Derivatives at many points.
    """
    n = len(thetas)
    some = newton_on_all(pattern, _beside(thetas[::STRIDE], start), thetas.shape[1], evaluate)
    if not some.found.any():
        return newton_on_all(pattern, _beside(thetas, start), thetas.shape[1], evaluate)
    spread = np.ptp(thetas, axis=0)
    scaled = thetas / np.where(spread > 0, spread, 1.0)
    known = np.arange(0, n, STRIDE)[some.found]
    parts = np.array_split(scaled, 1 + n * len(known) // 2**18)
    nearest = np.concatenate([((part[:, None] - scaled[known]) ** 2).sum(axis=2).argmin(axis=1) for part in parts])
    effects = some.vectors[some.found][nearest, thetas.shape[1] :]
    return newton_on_all(pattern, np.hstack([thetas, effects]), thetas.shape[1], evaluate)


def _beside(thetas: Array, effects: Array) -> Array:
    return np.hstack([thetas, np.broadcast_to(effects, (len(thetas), len(effects)))])


@np.errstate(all="ignore")
def newton_on_all(pattern: Pattern, vectors: Array, k: int, evaluate: Evaluate) -> ModeStack:
    """Take whole steps of Newton's method from all points (n, k + q), of which the first k elements stay."""
    n, diagonal = len(vectors), np.flatnonzero(pattern.rows == pattern.columns)
    shapes = [(n, len(stack.elements), stack.elements.shape[1], stack.elements.shape[1]) for stack in pattern.stacks]
    values, roots = (np.full(n, np.nan), np.full(vectors.shape, np.nan)), [np.ones(shape) for shape in shapes]
    ended = ModeStack(vectors.copy(), *values, roots, np.zeros(n, dtype=bool))
    active, here, before = np.arange(n), vectors, np.full(n, np.inf)
    joint, gradient, entries = evaluate(here)
    for _ in range(MAX_STEPS):
        blocks = [stack.blocks(entries) for stack in pattern.stacks]
        finite = np.isfinite(joint) & np.isfinite(gradient[:, k:]).all(axis=1) & np.isfinite(entries).all(axis=1)
        roots, positive = _roots(blocks, finite)
        step, slope = np.zeros_like(here), gradient[:, k:]
        for stack, root in zip(pattern.stacks, roots, strict=True):
            inverse = 1.0 / root if root.shape[-1] == 1 else np.linalg.inv(root)
            step[:, k + stack.elements] = _times(np.swapaxes(inverse, 2, 3) @ inverse, slope[:, stack.elements])
        own = slope[:, pattern.rows[diagonal]] ** 2 / np.maximum(entries[:, diagonal], 1e-300)
        gain = np.maximum((slope * step[:, k:]).sum(axis=1), own.max(axis=1, initial=0.0))
        size = np.maximum(1.0, np.abs(joint))
        last = positive & (gain <= NEARLY_CONVERGED_GAIN * size)
        done = last & ((gain <= CONVERGED_GAIN * size) | (gain > ROUNDING_SHARE * before))
        ended.vectors[active[done]], ended.joint[active[done]] = here[done], joint[done]
        ended.gradient[active[done]] = gradient[done]
        ended.found[active[done]] = True
        for kept, root in zip(ended.roots, roots, strict=True):
            kept[active[done]] = root[done]
        on = positive & ~done
        if not on.any():
            break
        there = here[on] + step[on]
        active, before, least, is_last = active[on], gain[on], joint[on] + ARMIJO * gain[on], last[on]
        joint, gradient, entries = evaluate(there)
        gained = is_last | (joint >= least)
        active, before, here = active[gained], before[gained], there[gained]
        joint, gradient, entries = joint[gained], gradient[gained], entries[gained]
        if not len(active):
            break
    return ended


def _roots(blocks: list[Array], finite: NDArray[np.bool_]) -> tuple[list[Array], NDArray[np.bool_]]:
    """Return lower triangles, and at which points all blocks are positive; elsewhere they are those of the identity."""
    positive = finite.copy()
    for block in blocks:
        values = block[..., 0] if block.shape[-1] == 1 else np.linalg.eigvalsh(_or_identity(block, finite))
        positive &= (values[..., 0] > SINGULAR * np.abs(values).max(axis=-1)).all(axis=1)
    safe = [_or_identity(block, positive) for block in blocks]
    return [np.sqrt(block) if block.shape[-1] == 1 else np.linalg.cholesky(block) for block in safe], positive


def _or_identity(blocks: Array, which: NDArray[np.bool_]) -> Array:
    return np.where(which[:, None, None, None], blocks, np.eye(blocks.shape[-1]))


def _times(matrices: Array, vectors: Array) -> Array:
    return (matrices @ vectors[..., None])[..., 0]
