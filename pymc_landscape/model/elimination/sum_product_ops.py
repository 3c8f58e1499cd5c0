"""Sums over discrete elements as Ops: one node whatever the number of elements, with derivatives of every order.

The derivative of log Z by the log tables is the probability of their states, and that of the probabilities along
directions is again an array in the shapes of the tables. So one Op has all derivatives:

    p_m(θ; V₁, …, Vₘ) = D^m p(θ)[V₁, …, Vₘ],    ∂⟨W, p_m⟩/∂θ = p_{m+1}(θ; V₁, …, Vₘ, W),
    ∂⟨W, p_m⟩/∂V_k = p_m(θ; V₁, …, W, …, Vₘ)   with W in the place of V_k,

for the derivatives of log Z are symmetric.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, override

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.replace import _vectorize_node

from pymc_landscape._typing import Array, Graph
from pymc_landscape.model.elimination.elimination_order import EliminationPlan
from pymc_landscape.model.elimination.sum_product import log_sums, probabilities


class _OfTables(Op):
    """What both Ops have in common: inputs in the shapes of the tables, of which each may have more dims in front."""

    __props__ = ("plan",)

    def __init__(self, plan: EliminationPlan):
        self.plan = plan

    def lead(self, inputs: Sequence[Graph]) -> int:
        """Return how many dims inputs have in front."""
        n = self.plan.n_tables
        return max(int(v.type.ndim) - self.plan.core_dims[i % n] for i, v in enumerate(inputs))

    def _stacked(self, values: Sequence[Array], ndims: Sequence[int]) -> list[Array]:
        """Give values the number of dims that the types of the outputs have."""
        return [
            np.ascontiguousarray(value.reshape(*(1,) * (ndim - value.ndim), *value.shape))
            for value, ndim in zip(values, ndims, strict=True)
        ]

    @override
    def do_constant_folding(self, fgraph: Any, node: Any) -> bool:
        return False


class LogSums(_OfTables):
    """Logarithm of the sum over all states of a product of tables, for each component.

    Parameters
    ----------
    plan : EliminationPlan
        The order in which elements are summed out.
    """

    @override
    def make_node(self, *inputs: Graph) -> Apply[Any]:
        shape = (*(None,) * self.lead(inputs), self.plan.n_components)
        return Apply(self, list(inputs), [pt.tensor(dtype="float64", shape=shape)])

    @override
    def perform(self, node: Any, inputs: Sequence[Array], output_storage: list[list[Any]]) -> None:
        values = self._stacked([log_sums(self.plan, inputs)], [node.outputs[0].type.ndim])
        output_storage[0][0] = values[0]

    @override
    def pullback(self, inputs: Sequence[Graph], outputs: Sequence[Graph], cotangents: Sequence[Graph]) -> list[Graph]:
        own = Probabilities(self.plan).make_node(*inputs).outputs
        weights = [cotangents[0][..., row] for row in self.plan.row_components]
        weighted = [
            p * (pt.shape_padright(w, core - 1) if core > 1 else w)
            for p, w, core in zip(own, weights, self.plan.core_dims, strict=True)
        ]
        return _in_the_dims_of(inputs, weighted)


class Probabilities(_OfTables):
    """Probabilities of the states in each row of the tables, or derivatives of them along directions.

    Parameters
    ----------
    plan : EliminationPlan
        The order in which elements are summed out.
    """

    @override
    def make_node(self, *inputs: Graph) -> Apply[Any]:
        lead, n = self.lead(inputs), self.plan.n_tables
        shapes = [v.type.shape[v.type.ndim - core :] for v, core in zip(inputs[:n], self.plan.core_dims, strict=True)]
        return Apply(self, list(inputs), [pt.tensor(dtype="float64", shape=(*(None,) * lead, *s)) for s in shapes])

    def _parted(self, inputs: Sequence[Any]) -> tuple[list[Any], list[list[Any]]]:
        """Return the tables, and the directions."""
        n = self.plan.n_tables
        parts = [list(inputs[i : i + n]) for i in range(0, len(inputs), n)]
        return parts[0], parts[1:]

    @override
    def perform(self, node: Any, inputs: Sequence[Array], output_storage: list[list[Any]]) -> None:
        tables, directions = self._parted(inputs)
        found = probabilities(self.plan, tables, directions)
        for storage, value in zip(
            output_storage, self._stacked(found, [v.type.ndim for v in node.outputs]), strict=True
        ):
            storage[0] = value

    @override
    def pullback(self, inputs: Sequence[Graph], outputs: Sequence[Graph], cotangents: Sequence[Graph]) -> list[Graph]:
        tables, directions = self._parted(inputs)
        given = [
            p.zeros_like() if isinstance(w.type, DisconnectedType) else w
            for p, w in zip(outputs, cotangents, strict=True)
        ]
        found = list(self.make_node(*inputs, *given).outputs)
        for k in range(len(directions)):
            others = [v for i, v in enumerate(directions) if i != k]
            found += self.make_node(*tables, *(v for other in (given, *others) for v in other)).outputs
        return _in_the_dims_of(inputs, found)


def _in_the_dims_of(inputs: Sequence[Graph], values: Sequence[Graph]) -> list[Graph]:
    """Sum values over the dims in front that the inputs do not have, or have with length 1."""
    found = []
    for v, value in zip(inputs, values, strict=True):
        more = value.type.ndim - v.type.ndim
        summed = value.sum(axis=tuple(range(more))) if more else value
        pairs = zip(v.type.broadcastable, summed.type.broadcastable, strict=True)
        once = tuple(i for i, (own, given) in enumerate(pairs) if own and not given)
        found.append(summed.sum(axis=once, keepdims=True) if once else summed)
    return found


@_vectorize_node.register(_OfTables)
def _of_stacks(op: _OfTables, node: Any, *inputs: Graph) -> Apply[Any]:
    """Leave stacks to the Op: it takes them as they are."""
    n, lead = op.plan.n_tables, op.lead(node.inputs)
    more = [int(new.type.ndim) - int(old.type.ndim) for new, old in zip(inputs, node.inputs, strict=True)]
    widened = []
    for i, (new, own) in enumerate(zip(inputs, more, strict=True)):
        missing = lead - (new.type.ndim - own - op.plan.core_dims[i % n])
        kept = range(own, new.type.ndim)
        widened.append(new.dimshuffle(*("x",) * (max(more) - own), *range(own), *("x",) * missing, *kept))
    return op.make_node(*widened)
