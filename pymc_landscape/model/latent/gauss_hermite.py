"""Random effects integrated out by adaptive Gauss–Hermite quadrature, where they enter in independent blocks.

With L Lᵀ the curvature of one block at û, u = û + L⁻ᵀ z turns its integral into

    ∫ exp f(u) du = |L|⁻¹ Σ_j w_j exp(z_j'z_j / 2) exp f(û + L⁻ᵀ z_j)

with the nodes z_j and weights w_j of ∫ exp(−z'z / 2) g(z) dz (Liu & Pierce 1994, *Biometrika* 81, 624-629). One node is
Laplace's approximation; n nodes are exact for a polynomial of degree 2n − 1 times a normal density. Nodes move with û
and L: the gradient takes that into account, through the derivative of the Cholesky factor (Murray 2016, arXiv
1602.07527).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import product
from typing import Self, override

import numpy as np
import pytensor.tensor as pt
import scipy
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import Engine
from pymc_landscape.model import gradient_graph, in_one_vector
from pymc_landscape.model.latent.joint_density import Integrand
from pymc_landscape.model.latent.laplace import Adjoint, Laplace, shared_property
from pymc_landscape.model.latent.mode_search import TOGETHER, Mode
from pymc_landscape.model.latent.stacked_gradients import StackedAdjoint
from pymc_landscape.model.latent.stacked_modes import ModeStack
from pymc_landscape.numerics import Blocks, Stack

# More nodes than this for one block are not laid.
MOST = 20_000
# A row that moves by no more than this share of its size does not depend on what was moved.
SAME = 1e-12


@dataclass(frozen=True)
class _Summed:
    """The blocks of one size, summed over their nodes: where all nodes are, the share of each, and log of the sum."""

    stack: Stack
    members: scipy.sparse.csr_array
    nodes: Array
    root: Array
    inverse: Array
    node_points: Array
    shares: Array
    value: float


class Quadrature(Laplace):
    """The marginal likelihood by adaptive Gauss–Hermite quadrature.

    Parameters
    ----------
    integrand : Integrand
        The density of data and effects.
    nodes : int
        Nodes an element of a block; 1 is Laplace's approximation.
    """

    def __init__(self, integrand: Integrand, nodes: int):
        super().__init__(integrand)
        self.nodes = nodes

    @classmethod
    def sharing(cls, laplace: Laplace, nodes: int) -> Self:
        """Return the integral with so many nodes of a density that another integral has worked on."""
        quadrature = cls(laplace.integrand, nodes)
        quadrature.made, quadrature._last = laplace.made, laplace._last
        return quadrature

    def with_nodes(self, nodes: int) -> Self:
        """Return the same integral with another number of nodes."""
        twin = self.twin()
        twin.nodes = nodes
        twin.__dict__.pop("laid_stacks", None)
        return twin

    # --- graphs ------------------------------------------------------------------------------------------------------

    @shared_property
    def _row_graph(self) -> Graph:
        return pt.concatenate([row.ravel() for row in self.density.rows.values()])

    @shared_property
    def rows(self) -> Engine:
        """The log densities of data and effects, row by row."""
        return self.build(self.density.vector, {"rows": self._row_graph})

    @shared_property
    def _weighted(self) -> Engine:
        """The gradient by (θ, u) of a weighted sum of the rows; weights come after the point."""
        weights = pt.vector("weights", dtype="float64", shape=(len(self.owners),))
        gradient = gradient_graph((weights * self._row_graph).sum(), self.density.vector)
        return self.build(*in_one_vector(self.density.vector, weights, {"gradient": gradient}))

    # --- which rows belong to which block ----------------------------------------------------------------------------

    @shared_property
    def owners(self) -> NDArray[np.intp]:
        """Number of the block that each row of f depends on; −1 for none."""
        return self._find_owners()

    def _find_owners(self) -> NDArray[np.intp]:
        """Move effects and see which rows change.

        Blocks are moved together, those whose number has some binary digit and then those that have it not: what moves
        in both depends on several.
        """
        components, base = self.pattern.components, self.anywhere()
        rows = self.rows.one(base)[0]
        owners, moved = np.zeros(len(rows), dtype=np.intp), np.zeros(len(rows), dtype=bool)
        jump = np.random.default_rng(0).uniform(0.1, 0.4, self.n_effects)
        for digit in range(max(1, int(components.max()).bit_length())):
            has = (components >> digit & 1).astype(bool)
            one, other = (self._changes(base, jump * side, rows) for side in (has, ~has))
            if (one & other).any():
                raise ValueError(_tied("a term of the density depends on several of them"))
            owners += one.astype(np.intp) << digit
            moved |= one | other
        return np.where(moved, owners, -1)

    def _changes(self, base: Array, jump: Array, rows: Array) -> NDArray[np.bool_]:
        there = base + np.concatenate([np.zeros(self.n_parameters), jump])
        with np.errstate(invalid="ignore"):  # what is −∞ in both places, as impossible data are, does not change
            changed: NDArray[np.bool_] = np.abs(self.rows.one(there)[0] - rows) > SAME * np.maximum(1.0, np.abs(rows))
        return changed

    def members(self, stack: Stack) -> scipy.sparse.csr_array:
        """Return the matrix (blocks, rows) that sums the rows of each block of a stack."""
        number = np.full(int(self.pattern.components.max()) + 1, -1)
        number[self.pattern.components[stack.elements[:, 0]]] = np.arange(len(stack.elements))
        own = np.where(self.owners >= 0, number[self.owners], -1)
        own_rows = np.flatnonzero(own >= 0)
        shape = len(stack.elements), len(own)
        return scipy.sparse.csr_array((np.ones(len(own_rows)), (own[own_rows], own_rows)), shape=shape)

    @cached_property
    def laid_stacks(self) -> list[tuple[Stack, scipy.sparse.csr_array, Array, Array]]:
        """Each stack of blocks, the rows of its blocks, the nodes (j, d), and the logarithms of their weights."""
        return [
            (stack, self.members(stack), *_laid(self.nodes, stack.elements.shape[1])) for stack in self.pattern.stacks
        ]

    # --- at one û ----------------------------------------------------------------------------------------------------

    @override
    def integral(self, mode: Mode) -> float:
        return self.constant(mode) + sum(summed.value for summed in self._summed(mode))

    @override
    def integrals(self, modes: ModeStack) -> Array:
        """Return log L (n,), as `integral` gives each, from as many points at once as memory should hold."""
        n, most = len(modes.vectors), self.most_at_once()
        parts = [modes.some(slice(i, i + most)) for i in range(0, n, most)]
        return np.concatenate([self._integrals(part) for part in parts])

    def _integrals(self, modes: ModeStack) -> Array:
        total = self.rows.several(modes.vectors)[0][:, self.owners < 0].sum(axis=1)
        for i, root in enumerate(modes.roots):
            _, _, heights = self._at_nodes(i, modes)
            total += scipy.special.logsumexp(heights, axis=2).sum(axis=0)
            total -= np.log(np.diagonal(root, axis1=2, axis2=3)).sum(axis=(1, 2))
        return np.asarray(total)

    def _at_nodes(self, i: int, modes: ModeStack) -> tuple[Array, Array, Array]:
        """Return, of the blocks of the i-th size at n modes, L⁻¹, the points at nodes, and log densities there.

        Weights of the nodes are in these (b, n, j); points are (n · j, k + q).
        """
        (stack, members, nodes, weights), root, n = self.laid_stacks[i], modes.roots[i], len(modes.vectors)
        inverse = 1.0 / root if root.shape[-1] == 1 else np.linalg.inv(root)
        points = np.repeat(modes.vectors[:, None], len(nodes), axis=1)
        points[:, :, self.n_parameters + stack.elements] += np.einsum("nbed,je->njbd", inverse, nodes)
        points = points.reshape(n * len(nodes), -1)
        return inverse, points, (members @ self.rows.at(points)["rows"].T).reshape(-1, n, len(nodes)) + weights

    @override
    def adjoint(self, mode: Mode) -> Adjoint:
        total, free = self.constant(mode), (self.owners < 0).astype(float)
        vector, entries = self.weighted_gradient(mode.vector[None], free[None])[0], np.zeros(len(self.pattern.rows))
        for summed in self._summed(mode):
            total += summed.value
            gradients = self.weighted_gradient(summed.node_points, (summed.members.T @ summed.shares).T)
            vector = vector + gradients.sum(axis=0)
            across = gradients[:, self.n_parameters + summed.stack.elements]  # (j, blocks, d)
            by_inverse = np.einsum("jbd,je->bde", across, summed.nodes)
            summed.stack.write(through_root(by_inverse, summed.root, summed.inverse), entries)
        return Adjoint(total, vector, entries)

    @override
    def adjoints(self, modes: ModeStack) -> StackedAdjoint:
        n, k, free = len(modes.vectors), self.n_parameters, (self.owners < 0).astype(float)
        total = self.rows.several(modes.vectors)[0][:, self.owners < 0].sum(axis=1)
        vectors = self.weighted_gradient(modes.vectors, np.broadcast_to(free, (n, len(free))))
        entries = np.zeros((n, len(self.pattern.rows)))
        for i, ((stack, members, nodes, _), root) in enumerate(zip(self.laid_stacks, modes.roots, strict=True)):
            inverse, points, heights = self._at_nodes(i, modes)
            sums = scipy.special.logsumexp(heights, axis=2)
            total += sums.sum(axis=0) - np.log(np.diagonal(root, axis1=2, axis2=3)).sum(axis=(1, 2))
            shares = np.exp(heights - sums[:, :, None]).reshape(len(heights), -1)
            gradients = self.weighted_gradient(points, (members.T @ shares).T).reshape(n, len(nodes), -1)
            vectors = vectors + gradients.sum(axis=1)
            by_inverse = np.einsum("njbd,je->nbde", gradients[:, :, k + stack.elements], nodes)
            stack.write(through_root(by_inverse, root, inverse), entries)
        return StackedAdjoint(total, vectors, entries)

    @override
    def most_at_once(self) -> int:
        at_nodes = len(self.owners) * max(len(nodes) for _, _, nodes, _ in self.laid_stacks)
        return min(super().most_at_once(), max(1, TOGETHER // at_nodes))

    def _summed(self, mode: Mode) -> Iterator[_Summed]:
        blocks = blocks_of(mode)
        for (stack, members, nodes, weights), root, inverse in zip(
            self.laid_stacks, blocks.roots, blocks.inverse_roots, strict=True
        ):
            node_points = self.node_points(mode, stack, inverse, nodes)
            heights = members @ self.rows.at(node_points)["rows"].T + weights
            sums = scipy.special.logsumexp(heights, axis=1)
            value = float(sums.sum() - _log_diagonal(root))
            yield _Summed(stack, members, nodes, root, inverse, node_points, np.exp(heights - sums[:, None]), value)

    def constant(self, mode: Mode) -> float:
        """Return the sum of the rows that depend on no effect."""
        return float(self.rows.one(mode.vector)[0][self.owners < 0].sum())

    def node_points(self, mode: Mode, stack: Stack, inverse: Array, nodes: Array) -> Array:
        """Return the points (j, k + q) at which every block of a stack stands on its j-th node."""
        vectors = np.repeat(mode.vector[None], len(nodes), axis=0)
        vectors[:, self.n_parameters + stack.elements] += np.einsum("bed,je->jbd", inverse, nodes)
        return vectors

    def weighted_gradient(self, node_points: Array, weights: Array) -> Array:
        """Return the gradients (j, k + q) at points (j, k + q) of sums of the rows with weights (j, n)."""
        return self._weighted.at(np.hstack([node_points, weights]))["gradient"]


def _laid(n: int, d: int) -> tuple[Array, Array]:
    """Return nodes (n^d, d) and the logarithms of weight · exp(z'z / 2)."""
    if n**d > MOST:
        raise ValueError(
            f"Expected random effects in small independent blocks for quadrature, got a block of {d} elements with "
            f"{n}^{d} nodes: use fewer, or quadrature=1, Laplace's approximation."
        )
    z, w = np.polynomial.hermite_e.hermegauss(n)
    nodes = np.array(list(product(z, repeat=d)))
    weights = np.array(list(product(np.log(w), repeat=d))).sum(axis=1)
    return nodes, weights + 0.5 * (nodes**2).sum(axis=1)


def blocks_of(mode: Mode) -> Blocks:
    """Return the curvature at û as blocks; refuse one that is none."""
    if not isinstance(mode.curvature, Blocks):
        raise ValueError(_tied("they are crossed, or a series"))
    return mode.curvature


def _log_diagonal(root: Array) -> float:
    return float(np.log(np.diagonal(root, axis1=1, axis2=2)).sum())


def through_root(by_inverse: Array, root: Array, inverse: Array, weights: Array | float = 1.0) -> Array:
    """Return the derivative by blocks H = L Lᵀ of −w Σ log L_ii plus what comes through L⁻ᵀ.

    Parameters
    ----------
    by_inverse : array (..., b, d, d)
        Derivative by L⁻ᵀ.
    root, inverse : arrays (..., b, d, d)
        L and L⁻¹.
    weights : array (b,) or float
        The w of each block.
    """
    turned = np.swapaxes(inverse, -1, -2)
    by_root = -turned @ np.swapaxes(by_inverse, -1, -2) @ turned
    d = root.shape[-1]
    by_root[..., np.arange(d), np.arange(d)] -= np.reshape(weights, (-1, 1)) / np.diagonal(root, axis1=-2, axis2=-1)
    half = np.tril(np.swapaxes(root, -1, -2) @ np.tril(by_root))
    half[..., np.arange(d), np.arange(d)] *= 0.5
    return np.asarray(0.5 * turned @ (half + np.swapaxes(half, -1, -2)) @ inverse)


def _tied(how: str) -> str:
    return (
        f"Expected random effects in small independent blocks for quadrature, got ones that are tied together ({how}): "
        "use quadrature=1, Laplace's approximation."
    )
