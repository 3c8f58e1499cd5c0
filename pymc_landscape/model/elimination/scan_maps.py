"""A Scan in which no step needs another, as one vectorised graph.

The log density that PyMC derives of a ``pm.CustomDist`` whose `dist` is a Scan is of this kind: all steps have values,
and each step looks at its own and at the ones before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import applys_between
from pytensor.scan.op import Scan

from pymc_landscape._typing import Graph
from pymc_landscape.engine import vectorized

# Rewrites the graphs of one step, whose inputs that change from step to step are given.
OfOneStep = Callable[[Sequence[Graph], Sequence[Graph]], list[Graph]]


def without_scans(graphs: Sequence[Graph], of_one_step: OfOneStep) -> list[Graph]:
    """Write Scans without recurrence as vectorised graphs; others stay.

    Parameters
    ----------
    graphs : sequence of Graph
        Any.
    of_one_step : callable
        Rewrites the graphs of one step before they are vectorised.
    """
    if not any(_is_map(node) for node in applys_between([], graphs)):
        return list(graphs)
    copied = FunctionGraph(outputs=list(graphs), clone=True, copy_inputs=False, copy_orphans=False)
    for node in [node for node in copied.toposort() if _is_map(node)]:
        written = _vectorised(node, of_one_step)
        pairs = [
            (old, old.type.filter_variable(new, allow_convert=True))
            for old, new in zip(node.outputs, written, strict=True)
            if copied.clients.get(old)
        ]
        copied.replace_all(pairs, import_missing=True)
    return list(copied.outputs)


def _is_map(node: Any) -> bool:
    if not isinstance(node.op, Scan) or node.op.info.as_while:
        return False
    info = node.op.info
    recurrences = (info.mit_mot_in_slices, info.mit_sot_in_slices, info.sit_sot_in_slices)
    return not any(recurrences) and not getattr(info, "n_untraced_sit_sot", 0)


def _vectorised(node: Any, of_one_step: OfOneStep) -> list[Graph]:
    op = node.op
    steps, sequences, fixed = node.inputs[0], op.outer_seqs(node.inputs), op.outer_non_seqs(node.inputs)
    inner = op.fgraph.unfreeze()
    moving, still = list(op.inner_seqs(inner.inputs)), op.inner_non_seqs(inner.inputs)
    written = of_one_step(list(inner.outputs), moving)
    if still:
        written = list(graph_replace(written, dict(zip(still, fixed, strict=True)), strict=False))
    return vectorized(written, {v: pt.as_tensor(s)[:steps] for v, s in zip(moving, sequences, strict=True)})
