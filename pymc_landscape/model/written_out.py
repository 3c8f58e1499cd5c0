"""Models whose steps are written out in Python: a recursion of a thousand steps is a graph of ten thousand Ops.

PyTensor brings a graph into a canonical form, in time that grows with the square of its size and faster: distributing
products over sums alone takes a minute for eighty steps. For such a graph the canonical form is left out: of PyTensor's
rewrites those remain that save digits. Second derivatives are not written out, being some ten times as large again, nor
the first ones of the very largest: differences have eight digits or more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytensor.graph.basic import clone_get_equiv
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors

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
    return placed(graphs, replacements)


def placed(graphs: Sequence[Graph], replacements: Mapping[Graph, Graph]) -> list[Graph]:
    """Return graphs with variables replaced by others of the same type, all of them copied."""
    memo = clone_get_equiv([], graphs, copy_inputs=False, copy_orphans=False, memo=dict(replacements))
    return [memo[graph] for graph in graphs]
