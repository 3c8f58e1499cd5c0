"""Loops whose states are short vectors, as loops over numbers: y[0], y[1] of a differential equation are two states.

A step of straight Python adds two numbers in a fortieth of the time that NumPy takes for two short arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Apply, Constant
from pytensor.scan.op import Scan
from pytensor.tensor.basic import Alloc, Join, MakeVector
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.subtensor import Subtensor

from pymc_landscape._typing import Graph
from pymc_landscape.engine.interpreter.batched_scans import replaced_nodes
from pymc_landscape.engine.interpreter.python_loops import inner_graphs

# Longer states are left to NumPy.
LONGEST = 8


class _NotByElement(Exception):
    """A graph that has no elements of its own, as a product of matrices."""


def with_scalar_states(graphs: Sequence[Graph]) -> list[Graph]:
    """Return the same graphs, where the states of a Scan that are short vectors are one state an element.

    Parameters
    ----------
    graphs : sequence of Graph
        Graphs of densities. A Scan stays as it is where an element of a state cannot be written by itself.
    """
    written: dict[Apply[Any], list[Graph]] = {}

    def can_be_written(node: Apply[Any]) -> bool:
        if node not in written and _has_short_states(node):
            try:
                written[node] = _by_element(node)
            except _NotByElement:
                return False
        return node in written

    return replaced_nodes(graphs, can_be_written, lambda node: written[node])


def _has_short_states(node: Apply[Any]) -> bool:
    if not isinstance(node.op, Scan):
        return False
    info = node.op.info
    if info.as_while or info.n_mit_mot or info.n_untraced_sit_sot:
        return False
    return any(_length(state) for state in _states(node))


def _states(node: Apply[Any]) -> list[Graph]:
    return [*node.op.outer_mitsot(node.inputs), *node.op.outer_sitsot(node.inputs)]


def _length(state: Graph) -> int:
    """Return the number of elements of a state that is a short vector; else 0."""
    shape = state.type.shape
    return shape[1] if len(shape) == 2 and shape[1] is not None and shape[1] <= LONGEST else 0


def _by_element(node: Apply[Any]) -> list[Graph]:
    """Return the outputs of a Scan from one over the elements of its states."""
    op, info = node.op, node.op.info
    inputs, outputs = inner_graphs(op)
    states, taps = _states(node), [*info.mit_sot_in_slices, *info.sit_sot_in_slices]
    lengths = [_length(state) for state in states]
    elements = _Elements()
    reads = iter(inputs[info.n_seqs :])
    inner: list[Graph] = []
    for state, n, slices in zip(states, lengths, taps, strict=True):
        of_taps = [next(reads) for _ in slices]
        if n:
            parts = [[pt.scalar(dtype=state.type.dtype) for _ in slices] for _ in range(n)]
            for tap, read in enumerate(of_taps):
                elements.known[read] = [parts[j][tap] for j in range(n)]
            inner += [part for own in parts for part in own]
        else:
            inner += of_taps
    new: list[Graph] = []
    for out, n in zip(outputs, lengths, strict=False):
        new += [elements.of(out, j) for j in range(n)] if n else [elements.whole(out)]
    new += [elements.whole(out) for out in outputs[len(lengths) :]]
    columns = [[state[:, j] for j in range(n)] if n else [state] for state, n in zip(states, lengths, strict=True)]
    many = [slices for slices, own in zip(taps, columns, strict=True) for _ in own]
    n_mit_sot = sum(len(own) for own in columns[: info.n_mit_sot])
    of_elements = replace(info, mit_sot_in_slices=tuple(many[:n_mit_sot]), sit_sot_in_slices=tuple(many[n_mit_sot:]))
    loop = Scan(
        [*inputs[: info.n_seqs], *inner, *reads], new, of_elements, name=op.name, truncate_gradient=op.truncate_gradient
    )
    outer = [column for own in columns for column in own]
    rest = [*op.outer_nitsot(node.inputs), *op.outer_non_seqs(node.inputs)]
    results = iter(loop.make_node(node.inputs[0], *op.outer_seqs(node.inputs), *outer, *rest).outputs)
    joined = [[next(results) for _ in own] for own in columns]
    return [*(pt.stack(own, axis=1) if n else own[0] for own, n in zip(joined, lengths, strict=True)), *results]


class _Elements:
    """Graphs of single elements of vectors, and graphs that read nothing but single elements of them.

    Attributes
    ----------
    known : dict of Graph to list of Graph
        The elements of the vectors that are states.
    """

    def __init__(self) -> None:
        self.known: dict[Graph, list[Graph]] = {}
        self._made: dict[tuple[Graph, int | None], Graph] = {}

    def of(self, vector: Graph, j: int) -> Graph:
        """Return element j of a vector as a scalar."""
        if vector in self.known:
            return self.known[vector][j]
        if (vector, j) not in self._made:
            self._made[vector, j] = self._element(vector, j)
        return self._made[vector, j]

    def whole(self, graph: Graph) -> Graph:
        """Return a graph without the states' vectors in it."""
        if graph in self.known:
            raise _NotByElement
        if graph.owner is None:
            return graph
        if (graph, None) not in self._made:
            self._made[graph, None] = self._without_vectors(graph)
        return self._made[graph, None]

    def _without_vectors(self, graph: Graph) -> Graph:
        node = graph.owner
        index = _constant_index(node)
        if index is not None and node.inputs[0].type.ndim == 1:
            length = node.inputs[0].type.shape[0]
            if index >= 0 or length is not None:
                return self.of(node.inputs[0], index if index >= 0 else index + length)
        inputs = [self.whole(i) for i in node.inputs]
        same = all(new is old for new, old in zip(inputs, node.inputs, strict=True))
        return graph if same else node.op.make_node(*inputs).outputs[node.outputs.index(graph)]

    def _element(self, vector: Graph, j: int) -> Graph:
        node = vector.owner
        if node is None:
            return vector[j]
        op, inputs = node.op, node.inputs
        if isinstance(op, Elemwise) and len(node.outputs) == 1:
            parts = [self.of(i, 0 if i.type.broadcastable[0] else j) for i in inputs]
            return op.make_node(*parts).outputs[0]
        if isinstance(op, MakeVector):
            return self.whole(inputs[j])
        if isinstance(op, DimShuffle) and inputs[0].type.ndim == 0:
            return self.whole(inputs[0])
        if isinstance(op, Alloc) and inputs[0].type.ndim <= 1:
            value = inputs[0]
            return self.of(value, 0 if value.type.broadcastable[0] else j) if value.type.ndim else self.whole(value)
        if isinstance(op, Join):
            for part in inputs:
                length = part.type.shape[0]
                if length is None:
                    raise _NotByElement
                if j < length:
                    return self.of(part, j)
                j -= length
        return self.whole(vector)[j]


def _constant_index(node: Apply[Any]) -> int | None:
    """Return i where a node is x[i] with a known i."""
    if not isinstance(node.op, Subtensor) or len(node.op.idx_list) != 1 or isinstance(node.op.idx_list[0], slice):
        return None
    index = node.inputs[-1]
    return int(index.data) if len(node.inputs) == 2 and isinstance(index, Constant) else None
