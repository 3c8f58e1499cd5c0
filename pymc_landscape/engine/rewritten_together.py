"""A density and its derivatives in one rewritten graph: what a first fit needs is rewritten once, not three times.

Rewriting takes most of the time of a first fit. A value, a gradient and a Hessian have most of their Ops in common, so
that they are rewritten together, and the functions of a few of them are cut out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.interpreted_graphs import InterpretedGraphs
from pymc_landscape.engine.rewrites import without_parameter_checks
from pymc_landscape.engine.symbolic_ops import without_symbolic_ops


class RewrittenTogether:
    """Graphs over one vector that are rewritten together, once they are known.

    Engines hold it before it has any: which of them is asked first is not known.
    """

    def __init__(self) -> None:
        self._graphs: dict[str, Graph] = {}
        self._interpreted: InterpretedGraphs | None = None

    def join(self, vector: Graph, graphs: Mapping[str, Graph]) -> None:
        """Take graphs by name, unless there is a loop in them: each part of those is compiled anew."""
        if not _holds_a_loop(list(graphs.values())):
            self.vector, self._graphs = vector, dict(graphs)

    def function(self, names: Sequence[str], check_bounds: bool) -> Callable[[Array], list[Array]] | None:
        """Return a function of one point that gives graphs by name; None where they are not known.

        Parameters
        ----------
        names : sequence of str
            Which of them.
        check_bounds : bool
            As in ``pm.Model``.
        """
        every, interpreted = list(self._graphs), self.rewritten(names, check_bounds)
        return None if interpreted is None else interpreted.function([every.index(name) for name in names])

    def rewritten(self, names: Sequence[str], check_bounds: bool) -> InterpretedGraphs | None:
        """Return all graphs, rewritten when first asked for; None where those with these names are not known."""
        if not set(names) <= self._graphs.keys():
            return None
        if self._interpreted is None:
            graphs = without_parameter_checks([flat(graph) for graph in self._graphs.values()], check_bounds)
            self._interpreted = InterpretedGraphs([self.vector], without_symbolic_ops(graphs))
        return self._interpreted


def _holds_a_loop(graphs: Sequence[Graph]) -> bool:
    return any(".scan." in type(v.owner.op).__module__ for v in ancestors(graphs) if v.owner is not None)


def flat(graph: Graph) -> Graph:
    """Return a graph as numbers of double precision, an array as a vector."""
    graph = graph.astype("float64")
    return graph.ravel() if graph.type.ndim > 1 else graph
