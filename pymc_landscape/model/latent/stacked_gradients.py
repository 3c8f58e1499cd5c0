"""Gradients of a marginal likelihood at many θ at once, where random effects are in small independent blocks.

The equations are those of :mod:`~pymc_landscape.model.latent.laplace` at each θ. At one of them they take hundreds of
calls of NumPy, whatever the number of effects, and a Hessian by differences takes them at 2 k points that are beside
each other, those of six ends of intervals at 12 k.
"""

from __future__ import annotations

import numpy as np

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.engine import Engine
from pymc_landscape.model.latent.stacked_modes import ModeStack
from pymc_landscape.numerics import Pattern


@dataclass(frozen=True)
class StackedAdjoint:
    """Values log L with their derivatives by (θ, u) and, as if they were independent, by the curvatures' elements.

    Parameters
    ----------
    values, vectors, entries : array (n,), array (n, k + q), array (n, nnz)
        At n modes.
    """

    values: Array
    vectors: Array
    entries: Array


def inverse_entries(pattern: Pattern, modes: ModeStack) -> Array:
    """Return the elements (n, nnz) of H⁻¹ at n modes, at the pattern's places."""
    entries = np.empty((len(modes.vectors), len(pattern.rows)))
    for stack, inverse in zip(pattern.stacks, _inverses(modes), strict=True):
        stack.write(inverse, entries)
    return entries


def implicit_gradients(
    pattern: Pattern, modes: ModeStack, adjoint: StackedAdjoint, third: Engine, product: Engine
) -> Array:
    """Return the gradients (n, k) that adjoints at n modes stand for, as these and their curvatures move with θ.

    Parameters
    ----------
    pattern : Pattern
        Which effects meet; small blocks.
    modes : ModeStack
        The modes.
    adjoint : StackedAdjoint
        The derivatives there.
    third : Engine
        From (θ, u) and weights (colours · q) to the gradient of Σ w · products.
    product : Engine
        From (θ, u) and a direction (k + q) to the Hessian of f times it.
    """
    n, k = len(modes.vectors), modes.vectors.shape[1] - pattern.size
    weights = -pattern.weights(adjoint.entries).reshape(n, -1)
    whole = adjoint.vectors + third.several(np.hstack([modes.vectors, weights]))[0]
    turned = np.zeros_like(modes.vectors)
    for stack, inverse in zip(pattern.stacks, _inverses(modes), strict=True):
        turned[:, k + stack.elements] = (inverse @ whole[:, k + stack.elements, None])[..., 0]
    return np.asarray(whole[:, :k] + product.several(np.hstack([modes.vectors, turned]))[0][:, :k])


def _inverses(modes: ModeStack) -> list[Array]:
    """Return the blocks (n, b, d, d) of H⁻¹, an array a size of block."""
    inverses = [1.0 / root if root.shape[-1] == 1 else np.linalg.inv(root) for root in modes.roots]
    return [np.swapaxes(inverse, 2, 3) @ inverse for inverse in inverses]
