r"""Random effects integrated out state by state, where each block of them has discrete variables of its own.

With z_b the discrete variables that block b of the effects meets,

    log L = Σ_b log Σ_c exp I_b(c),    I_b(c) = log ∫ p(y_b, z_b = c, u_b ∣ θ) du_b.

Given a state the integrand is that of a model without discrete variables: normal where effects and errors are, so that
Laplace's approximation is exact there. The sum over states of one integrand, in contrast, has several tops.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, override

import numpy as np
import pymc as pm
import pytensor
import scipy
from numpy.typing import NDArray
from pytensor.graph.replace import graph_replace

from pymc_landscape._typing import Array, Graph
from pymc_landscape.model import FreeVariable, LogDensities, PotentialRoles, argument, discrete_values, without
from pymc_landscape.model.discrete import FEW, ConfigurationPlan, Sum, SumOut
from pymc_landscape.model.latent.gauss_hermite import Quadrature, blocks_of, through_root
from pymc_landscape.model.latent.joint_density import (
    Integrand,
    JointDensity,
    LatentValues,
    assemble_density,
    write_joint_log_densities,
)
from pymc_landscape.model.latent.laplace import Adjoint, shared_property
from pymc_landscape.model.latent.mode_search import Mode
from pymc_landscape.numerics import Pattern, coloured


class Apart(ValueError):
    """Blocks of effects do not have discrete variables of their own."""


class StateIntegral(Quadrature):
    """The marginal likelihood, summed over the states of each block of effects.

    Parameters
    ----------
    integrand : Integrand
        The density, in which `shared` stand for the discrete variables; what depends on these comes first.
    nodes : int
        Nodes an element of a block; 1 is Laplace's approximation.
    plan : ConfigurationPlan
        The configurations of the discrete variables.
    shared : mapping of str to shared variable
        What stands for each discrete variable.

    Attributes
    ----------
    block : array (sets,)
        The block of effects that each set of discrete variables belongs to.
    possible : array (C, blocks)
        Whether each state is possible in each block.

    Raises
    ------
    Apart
        If some block has several sets of discrete variables, some set several blocks or none.
    """

    of_one_mode = False

    def __init__(self, integrand: Integrand, nodes: int, plan: ConfigurationPlan, shared: Mapping[str, Any]):
        super().__init__(integrand, nodes)
        self.plan, self.shared = plan, shared
        self.n_states = len(plan.possible)
        if self.n_states > FEW:
            raise Apart
        self._lasts = [np.zeros(self.n_effects) for _ in range(self.n_states)]
        self._owners, self.block, self.possible = self._join_blocks()

    @override
    def twin(self) -> Self:
        twin = super().twin()
        twin._lasts = list(self._lasts)
        return twin

    @shared_property
    @override
    def pattern(self) -> Pattern:
        return _union([self._find_pattern() for _ in self._states()])

    @shared_property
    @override
    def owners(self) -> NDArray[np.intp]:
        return self._owners

    def _join_blocks(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
        """Find the blocks, with the sets of discrete variables that they meet, looking at each state."""
        owners = [self._find_owners() for _ in self._states()]
        own = np.max(owners, axis=0)
        if any(((o >= 0) & (o != own)).any() for o in owners):
            raise Apart
        sets = np.full(len(own), -1)
        first = np.concatenate([np.ravel(rows) for rows in self.plan.rows.values()])
        sets[: len(first)] = first
        return _joined(own, sets, self.plan)

    def _states(self) -> Iterator[int]:
        """Put the discrete variables into one configuration after the other."""
        for c in range(self.n_states):
            self._enter(c)
            yield c

    def _enter(self, c: int) -> None:
        """Put the discrete variables into their c-th configuration."""
        for name, variable in self.shared.items():
            variable.set_value(self.plan.states[name][c].astype(variable.type.dtype))

    # --- at one θ ----------------------------------------------------------------------------------------------------

    @override
    def value(self, theta: Array) -> tuple[float, float]:
        _, inside, prior = self._values.one(np.concatenate([theta, self._last]))
        if not inside:
            return -np.inf, -np.inf
        by_state = self._of_states(theta)
        return (
            np.nan if by_state is None else by_state[1] + float(scipy.special.logsumexp(by_state[2], axis=0).sum())
        ), float(prior)

    @override
    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        by_state = self._of_states(theta)
        if by_state is None:
            return np.nan, np.full(self.n_parameters, np.nan)
        modes, constant, heights = by_state
        shares, total = scipy.special.softmax(heights, axis=0), np.zeros(self.n_parameters)
        for c, mode in enumerate(modes):
            self._enter(c)
            total += self.implicit_gradient(mode, self._weighted_adjoint(mode, shares[c], c == 0))
        return constant + float(scipy.special.logsumexp(heights, axis=0).sum()), total

    def modes_by_state(self, theta: Array) -> tuple[list[Mode], Array] | None:
        """Return û of each state, and the probability (C, blocks) of each; None where there is no û."""
        by_state = self._of_states(theta)
        return None if by_state is None else (by_state[0], np.asarray(scipy.special.softmax(by_state[2], axis=0)))

    def _of_states(self, theta: Array) -> tuple[list[Mode], float, Array] | None:
        """Return û of each state, what depends on neither, and I_b(c) (C, blocks); None where there is no û."""
        modes, constant, heights = [], 0.0, np.full(self.possible.shape, -np.inf)
        for c in range(self.n_states):
            self._enter(c)
            self._last = self._lasts[c]
            mode = self.mode(theta)
            if mode is None:
                return None
            self._lasts[c] = self._last
            modes.append(mode)
            constant = self.constant(mode) if c == 0 else constant
            heights[c] = np.where(self.possible[c], self._by_block(mode), -np.inf)
        return modes, constant, heights

    def _by_block(self, mode: Mode) -> Array:
        by_state, blocks = np.zeros(self.possible.shape[1]), blocks_of(mode)
        for (stack, members, nodes, weights), root, inverse in zip(
            self.laid_stacks, blocks.roots, blocks.inverse_roots, strict=True
        ):
            rows = members @ self.rows.at(self.node_points(mode, stack, inverse, nodes))["rows"].T + weights
            diagonal = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
            by_state[self.pattern.components[stack.elements[:, 0]]] = scipy.special.logsumexp(rows, axis=1) - diagonal
        return by_state

    def _weighted_adjoint(self, mode: Mode, shares: Array, is_first: bool) -> Adjoint:
        """Return the derivatives of Σ_b share_b I_b, and of what belongs to no block at the first state."""
        free, blocks = (self.owners < 0).astype(float) * is_first, blocks_of(mode)
        vector, entries = self.weighted_gradient(mode.vector[None], free[None])[0], np.zeros(len(self.pattern.rows))
        for (stack, members, nodes, weights), root, inverse in zip(
            self.laid_stacks, blocks.roots, blocks.inverse_roots, strict=True
        ):
            own = shares[self.pattern.components[stack.elements[:, 0]]]
            node_points = self.node_points(mode, stack, inverse, nodes)
            within = (
                scipy.special.softmax(members @ self.rows.at(node_points)["rows"].T + weights, axis=1) * own[:, None]
            )
            gradients = self.weighted_gradient(node_points, (members.T @ within).T)
            vector = vector + gradients.sum(axis=0)
            across = gradients[:, self.n_parameters + stack.elements]
            stack.write(through_root(np.einsum("jbd,je->bde", across, nodes), root, inverse, own), entries)
        return Adjoint(np.nan, vector, entries)


def _union(patterns: list[Pattern]) -> Pattern:
    size = patterns[0].size
    both = np.unique(np.concatenate([p.rows * size + p.columns for p in patterns]))
    return coloured(size, both // size, both % size)


def _joined(
    owners: NDArray[np.intp], sets: NDArray[np.intp], plan: ConfigurationPlan
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Give rows of a set to the block that the set belongs to; return also that block, and the states of each block."""
    pairs = np.unique(np.stack([sets, owners])[:, (sets >= 0) & (owners >= 0)], axis=1)
    of_set, of_block = pairs
    if len(np.unique(of_set)) < plan.n_sets or len(of_set) > plan.n_sets or len(np.unique(of_block)) < len(of_block):
        raise Apart
    block = np.empty(plan.n_sets, dtype=np.intp)
    block[of_set] = of_block
    possible = np.zeros((len(plan.possible), int(owners.max()) + 1), dtype=bool)
    possible[0] = True
    possible[:, of_block] = plan.possible[:, of_set]
    return np.where((owners < 0) & (sets >= 0), block[sets], owners), block, possible


def density_by_state(
    model: pm.Model,
    variables: Sequence[FreeVariable],
    effects: Sequence[FreeVariable],
    roles: PotentialRoles,
    swaps: Mapping[Graph, Graph],
    out: SumOut,
) -> tuple[JointDensity, ConfigurationPlan, dict[str, Graph]] | None:
    """Write log p(y, u ∣ θ) given the states of discrete variables, which stand in it as shared variables.

    None where several sums are apart, or where one is done by elimination. What depends on the states comes first
    among the rows.
    """
    names = out.sums.names
    values = LatentValues(model, variables, effects, swaps, names)
    log_densities, inside = write_joint_log_densities(values, roles, names)
    discrete = discrete_values(values, names)
    tables = list(out.sums.tables(log_densities, discrete, {values.vector: out.reference}))
    total = tables[0]
    if len(tables) != 1 or not isinstance(total, Sum) or not (total.group.terms or total.group.effects):
        return None
    shared = {
        name: argument(
            pytensor.shared(total.plan.states[name][0].astype(plain.type.dtype), name, shape=plain.type.shape)
        )
        for name, plain in total.values.items()
    }
    stands = {plain: plain.type.filter_variable(shared[name]) for name, plain in total.values.items()}
    own = dict(
        zip(total.log_densities, graph_replace(list(total.log_densities.values()), stands, strict=False), strict=True)
    )
    rest = {n: g for n, g in (log_densities.effects | log_densities.terms).items() if n not in own}
    density = assemble_density(
        values, LogDensities(own | rest, {}, log_densities.priors, {}), without(discrete, inside)
    )
    return density, total.plan, shared
