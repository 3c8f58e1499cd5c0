"""Graphs that are written again and again, as in a loop over time, told as one graph and what changes in it.

Two graphs are alike if they are the same Ops of the same inputs, as far as discrete variables lead; these may be
others, and so may all that does not depend on discrete variables: data, and what is computed from parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import MergeOptimizer
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.type import TensorType

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Graph
from pymc_landscape.engine import vectorized

Alike = Callable[[str, tuple[Graph, ...], str, tuple[Graph, ...]], bool]

# From so many graphs on it is looked for what is equal in them.
SEVERAL = 3


@dataclass
class RepeatedGraph:
    """A graph that is written N times.

    Parameters
    ----------
    graph : Graph
        As it is written the first time: a vector (n,).
    names : list of str
        Name of each of the N.
    variables : list of tuple of Graph
        The discrete variables in each of the N, in one order.
    others : dict of Graph to list of Graph
        What else changes: in the first, and in each of the N.
    """

    graph: Graph
    names: list[str]
    variables: list[tuple[Graph, ...]]
    others: dict[Graph, list[Graph]] = field(default_factory=dict)

    def at(self, states: Sequence[Graph]) -> Graph:
        """Return the N graphs (N, C, n) at C configurations of the discrete variables, the same for all.

        Parameters
        ----------
        states : sequence of Graph
            What each discrete variable is (C, ...) in each configuration.
        """
        n, c = len(self.names), int(states[0].type.shape[0])
        if not self.others:  # the same each time
            stands = {v: s.astype(v.type.dtype) for v, s in zip(self.variables[0], states, strict=True)}
            [written] = vectorized([self.graph], stands)
            written = pt.broadcast_to(written, (c, self.graph.shape[0])) if written.type.ndim == 1 else written
            return written[None] if n == 1 else pt.broadcast_to(written[None], (n, c, written.shape[-1]))
        stands = {v: s.astype(v.type.dtype)[None] for v, s in zip(self.variables[0], states, strict=True)}
        stands |= {first: _stacked(own)[:, None] for first, own in self.others.items()}
        [written] = vectorized([self.graph], stands)
        return pt.broadcast_to(written, (n, c, written.shape[-1]))


def repeated_graphs(graphs: Mapping[str, Graph], discrete: Sequence[Graph], are_alike: Alike) -> list[RepeatedGraph]:
    """Tell graphs that are alike as one.

    Parameters
    ----------
    graphs : mapping of str to Graph
        Vectors.
    discrete : sequence of Graph
        The discrete variables in them.
    are_alike : callable
        Whether two graphs by name, each with its discrete variables in the same order, depend on them alike: what is
        no Op may be an index.
    """
    outputs = list(graphs.values())
    if len(outputs) >= SEVERAL:
        copied = FunctionGraph(outputs=outputs, clone=True, copy_inputs=False, copy_orphans=False)
        MergeOptimizer().rewrite(copied)
        outputs = list(copied.outputs)
    moving = _moving(outputs, discrete)
    found: list[RepeatedGraph] = []
    for name, graph in zip(graphs, outputs, strict=True):
        if not any(_is_one_more(known, name, graph, moving, set(discrete), are_alike) for known in found):
            behind = set(_leaves(graph, moving))
            own = [v for v in discrete if v in behind]
            found.append(RepeatedGraph(graph, [name], [tuple(own)]))
    return found


def _moving(graphs: Sequence[Graph], discrete: Sequence[Graph]) -> set[Graph]:
    """Return all variables that depend on discrete ones."""
    moving = set(discrete)
    for node in io_toposort(list(discrete), list(graphs)):
        if not moving.isdisjoint(node.inputs):
            moving.update(node.outputs)
    return moving


def _leaves(graph: Graph, moving: set[Graph]) -> list[Graph]:
    """Return the discrete variables that a graph depends on."""
    found, seen, open_ = [], set(), [graph]
    while open_:
        v = open_.pop()
        if v in seen or v not in moving:
            continue
        seen.add(v)
        if v.owner is None:
            found.append(v)
        else:
            open_ += v.owner.inputs
    return found


def _is_one_more(
    known: RepeatedGraph, name: str, graph: Graph, moving: set[Graph], discrete: set[Graph], are_alike: Alike
) -> bool:
    """Add a graph to those that it is like, if it is."""
    matched = _matched(known.graph, graph, moving, discrete)
    if matched is None:
        return False
    own = tuple(matched[v] for v in known.variables[0])
    if len(set(own)) < len(own) or not are_alike(known.names[0], known.variables[0], name, own):
        return False
    n = len(known.names)
    known.names.append(name)
    known.variables.append(own)
    for first, other in matched.items():
        if first in discrete:
            continue
        if first in known.others:
            known.others[first].append(other)
        elif not _equal(first, other):
            known.others[first] = [*[first] * n, other]
    for first, several in known.others.items():
        if len(several) == n:
            several.append(first)
    return True


def _matched(first: Graph, other: Graph, moving: set[Graph], discrete: set[Graph]) -> dict[Graph, Graph] | None:
    """Return what stands in `other` for each leaf of `first`: discrete variables, and all that does not move."""
    leaves: dict[Graph, Graph] = {}
    seen: dict[Graph, Graph] = {}
    open_ = [(first, other)]
    while open_:
        a, b = open_.pop()
        if a in seen:
            if seen[a] is not b and not (a not in moving and _equal(seen[a], b)):
                return None
            continue
        seen[a] = b
        if (a in moving) != (b in moving) or (a in discrete) != (b in discrete):
            return None
        if a in discrete or a not in moving:
            if a.type != b.type or (a is not b and not isinstance(a.type, TensorType) and not _equal(a, b)):
                return None
            leaves[a] = b
            continue
        if a.owner.op != b.owner.op or len(a.owner.inputs) != len(b.owner.inputs) or a.index != b.index:
            return None
        open_ += zip(a.owner.inputs, b.owner.inputs, strict=True)
    return leaves


def _equal(a: Graph, b: Graph) -> bool:
    return a is b or (isinstance(a, Constant) and isinstance(b, Constant) and bool(a.equals(b)))


def _stacked(graphs: Sequence[Graph]) -> Graph:
    if all(isinstance(graph, Constant) for graph in graphs):
        return pt.constant(np.stack([graph.data for graph in graphs]))
    return pt.stack(list(graphs))
