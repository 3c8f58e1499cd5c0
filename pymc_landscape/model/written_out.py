"""Models whose steps are written out in Python: a recursion of a thousand steps is a graph of ten thousand Ops.

PyMC and PyTensor bring a graph into a canonical form, in time that grows with the square of its size and faster:
distributing products over sums alone takes a minute for eighty steps. For such a graph the canonical form is left out:
PyMC sees the parameters of its distributions as inputs, and of PyTensor's rewrites those remain that save digits.
Second derivatives are not written out, being some ten times as large again, nor the first ones of the very largest:
differences have eight digits or more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytensor.graph.basic import Apply, Constant, clone_get_equiv
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.op import RandomVariable

from pymc_landscape._typing import Graph

# Operations from which a graph counts as written out; ordinary models have no more than 150. And from which not even
# the first derivatives are.
MANY, TOO_MANY_FOR_A_GRADIENT = 200, 6000


def n_operations(graphs: Sequence[Graph], inputs: Sequence[Graph] = ()) -> int:
    """Return the number of Ops behind graphs, down to `inputs`."""
    blockers = set(inputs)
    return len({v.owner for v in ancestors(graphs, blockers=blockers) if v.owner is not None and v not in blockers})


def is_written_out(graphs: Sequence[Graph]) -> bool:
    """Whether there are so many Ops that a canonical form is not to be had."""
    return n_operations(graphs) > MANY


def replaced(graphs: Sequence[Graph], replacements: Mapping[Graph, Graph]) -> list[Graph]:
    """Return graphs with variables replaced; in time linear in their size where they are written out."""
    if not is_written_out(graphs):
        return list(graph_replace(graphs, replacements, strict=False))
    memo = clone_get_equiv([], graphs, copy_inputs=False, copy_orphans=False, memo=dict(replacements))
    return [memo[graph] for graph in graphs]


class OpaqueParameters:
    """Random variables whose written-out parameters are inputs, so that nobody looks into them.

    Parameters
    ----------
    rvs : sequence of Graph
        All random variables that have a value.

    Attributes
    ----------
    rvs : list of Graph
        The same, in their order.
    parameters : dict of Graph to Graph
        The inputs, and what they stand for.
    """

    def __init__(self, rvs: Sequence[Graph]):
        self.parameters: dict[Graph, Graph] = {}
        large = len(rvs) > 0 and is_written_out(rvs)
        self.rvs = [self._opened(rv, rvs) if large else rv for rv in rvs]

    def _opened(self, rv: Graph, rvs: Sequence[Graph]) -> Graph:
        node: Apply[Any] = rv.owner
        if not isinstance(node.op, RandomVariable):
            return rv
        inputs = list(node.inputs)
        for parameter in node.op.dist_params(node):
            if n_operations([parameter], rvs) > MANY and _is_determined(parameter, rvs):
                opaque = parameter.type()
                inputs[inputs.index(parameter)] = opaque
                self.parameters[opaque] = parameter
        if inputs == node.inputs:
            return rv
        opened: Graph = node.clone_with_new_inputs(inputs, strict=False).outputs[node.outputs.index(rv)]
        opened.name = rv.name
        return opened

    def restored(self, graphs: Sequence[Graph], parameters: Sequence[Graph]) -> list[Graph]:
        """Return graphs with the parameters, as they are given, in place of the inputs."""
        if not self.parameters:
            return list(graphs)
        return replaced(graphs, dict(zip(self.parameters, parameters, strict=True)))


def _is_determined(parameter: Graph, rvs: Sequence[Graph]) -> bool:
    """Whether a parameter is no constant, and draws nothing but what has a value."""
    behind = list(ancestors([parameter], blockers=set(rvs)))
    random = [v for v in behind if v.owner is not None and isinstance(v.owner.op, RandomVariable)]
    return not isinstance(parameter, Constant) and set(random) <= set(rvs)
