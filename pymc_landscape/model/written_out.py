"""Models whose steps are written out in Python: a recursion of a thousand steps is a graph of ten thousand Ops.

PyMC and PyTensor bring a graph into a canonical form, in time that grows with the square of its size and faster:
distributing products over sums alone takes a minute for eighty steps. For such a graph the canonical form is left out:
PyMC sees the parameters of its distributions as inputs, and of PyTensor's rewrites those remain that save digits.
Second derivatives are not written out, being some ten times as large again, nor the first ones of the very largest:
differences have eight digits or more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from pymc.logprob.basic import transformed_conditional_logp
from pytensor.graph.basic import Apply, Constant, clone_get_equiv
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.op import RandomVariable

from pymc_landscape._typing import Graph

# Operations from which a graph counts as written out; ordinary models have no more than 150. And from which not even
# the first derivatives are.
MANY, TOO_MANY_FOR_A_GRADIENT = 200, 6000
# From so many variables of one distribution on, the log density is written once for all.
MANY_OF_A_KIND = 8


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
    return placed(graphs, replacements)


def placed(graphs: Sequence[Graph], replacements: Mapping[Graph, Graph]) -> list[Graph]:
    """Return graphs with variables replaced by others of the same type, all of them copied."""
    memo = clone_get_equiv([], graphs, copy_inputs=False, copy_orphans=False, memo=dict(replacements))
    return [memo[graph] for graph in graphs]


class OpaqueParameters:
    """Random variables whose written-out parameters are inputs, so that nobody looks into them.

    Parameters
    ----------
    rvs : sequence of Graph
        Random variables.
    valued : sequence of Graph
        All random variables that have a value, these among them.

    Attributes
    ----------
    rvs : list of Graph
        The same, in their order.
    parameters : dict of Graph to Graph
        The inputs, and what they stand for.
    """

    def __init__(self, rvs: Sequence[Graph], valued: Sequence[Graph]):
        self.parameters: dict[Graph, Graph] = {}
        large = len(rvs) > 0 and is_written_out(rvs)
        self.rvs = [self._opened(rv, valued) if large else rv for rv in rvs]

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


class OfOneKind:
    """Variables of one distribution, each with parameters of its own, as in a loop over time: densities written once.

    PyMC looks through all that is behind a variable, in time that grows with the square of the number of steps.

    Parameters
    ----------
    rvs : sequence of Graph
        All random variables that have a value.
    values, transforms : mapping
        ``rvs_to_values`` and ``rvs_to_transforms`` of ``pm.Model``.

    Attributes
    ----------
    rvs : list of Graph
        Those of which there are many of a kind.
    parameters : list of Graph
        Their parameters that are no constants, one variable after the other.
    """

    def __init__(
        self, rvs: Sequence[Graph], rvs_to_values: Mapping[Graph, Graph], rvs_to_transforms: Mapping[Any, Any]
    ):
        self.values = rvs_to_values
        kinds: dict[Hashable, list[Graph]] = defaultdict(list)
        if len(rvs) >= MANY_OF_A_KIND:
            for rv in rvs:
                if rvs_to_transforms[rv] is None and isinstance(rv.owner.op, RandomVariable):
                    kinds[self._kind(rv)].append(rv)
        many = [several for several in kinds.values() if len(several) >= MANY_OF_A_KIND]
        self.kinds = [chosen for several in many if len(chosen := _all_determined(several, rvs)) >= MANY_OF_A_KIND]
        self.rvs = [rv for several in self.kinds for rv in several]
        self.parameters = [p for rv in self.rvs for p in _moving_parameters(rv)]

    def _kind(self, rv: Graph) -> Hashable:
        """Return what variables of a kind have in common: all but parameters that move, and the value."""
        node = rv.owner
        rest = node.inputs[1:]  # the first is the generator
        inputs = tuple(v.signature() if isinstance(v, Constant) else v.type for v in rest)
        return node.op, inputs, rv.type, self.values[rv].type

    def log_densities(self, parameters: Sequence[Graph]) -> list[Graph]:
        """Return the log density of each, with `parameters` as they are given in place of their own."""
        found: list[Graph] = []
        left = iter(parameters)
        for several in self.kinds:
            node, value = several[0].owner, self.values[several[0]].type()
            opaque = {p: p.type() for p in _moving_parameters(several[0])}
            inputs = [opaque.get(v, v) for v in node.inputs]
            rv: Graph = node.clone_with_new_inputs(inputs).outputs[node.outputs.index(several[0])]
            written = transformed_conditional_logp(
                [rv], rvs_to_values={rv: value}, rvs_to_transforms={rv: None}, jacobian=False
            )
            for own in several:
                memo = {stands: next(left) for stands in opaque.values()} | {value: self.values[own]}
                found += placed(written, memo)
        return found


def _moving_parameters(rv: Graph) -> list[Graph]:
    parameters = rv.owner.op.dist_params(rv.owner)
    return list(dict.fromkeys(v for v in parameters if not isinstance(v, Constant)))


def _all_determined(several: Sequence[Graph], rvs: Sequence[Graph]) -> list[Graph]:
    """Return the variables that draw nothing but what has a value."""
    return [rv for rv in several if all(_is_determined(p, rvs) for p in _moving_parameters(rv))]


def _is_determined(parameter: Graph, rvs: Sequence[Graph]) -> bool:
    """Whether a parameter is no constant, and draws nothing but what has a value."""
    behind = list(ancestors([parameter], blockers=set(rvs)))
    random = [v for v in behind if v.owner is not None and isinstance(v.owner.op, RandomVariable)]
    return not isinstance(parameter, Constant) and set(random) <= set(rvs)
