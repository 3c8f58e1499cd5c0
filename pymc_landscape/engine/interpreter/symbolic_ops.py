"""Ops that are graphs of other Ops, such as log-sum-exp and its derivatives, as those graphs.

PyTensor compiles each by itself, and where there are many points it calls it once for each of them. As a part of the
graph around it, it is evaluated for all points at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytensor.compile.builders import OpFromGraph
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import clone_replace, vectorize_graph
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.graph.traversal import ancestors
from pytensor.tensor.basic import Alloc, MakeVector, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.shape import Reshape, Shape, Shape_i, SpecifyShape
from pytensor.tensor.subtensor import IncSubtensor, Subtensor

from pymc_landscape._typing import Graph

# Arithmetic on arrays. Ops that hold a loop, a factorisation or random numbers stay as they are.
ARITHMETIC = (
    *(Alloc, CAReduce, DimShuffle, Elemwise, IncSubtensor, MakeVector, Reshape, ScalarFromTensor, Shape, Shape_i),
    *(SpecifyShape, Subtensor, TensorFromScalar),
)


def without_symbolic_ops(graphs: Sequence[Graph]) -> list[Graph]:
    """Return graphs in which Ops that are graphs of plain arithmetic are written out.

    Parameters
    ----------
    graphs : sequence of Graph
        They are left alone.
    """
    ops = [v.owner.op for v in ancestors(graphs) if v.owner is not None]
    if not any(isinstance(getattr(op, "core_op", op), OpFromGraph) for op in ops):
        return list(graphs)
    fgraph = FunctionGraph(outputs=list(graphs), clone=True, copy_inputs=False, copy_orphans=False)
    _WRITE_OUT.rewrite(fgraph)
    return list(fgraph.outputs)


@node_rewriter([OpFromGraph, Blockwise])
def _written_out(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    is_block = isinstance(node.op, Blockwise)
    op = node.op.core_op if is_block else node.op
    if not isinstance(op, OpFromGraph) or not _is_arithmetic(op):
        return None
    inner = op.fgraph.unfreeze()
    replacements = dict(zip(inner.inputs, node.inputs, strict=True))
    write = vectorize_graph if is_block else clone_replace
    outputs = list(write(list(inner.outputs), replacements))
    types = zip(outputs, node.outputs, strict=True)
    return outputs if all(new.type.ndim == old.type.ndim for new, old in types) else None


def _is_arithmetic(op: OpFromGraph) -> bool:
    return all(_is_plain(node.op) for node in op.fgraph.apply_nodes)


def _is_plain(op: Any) -> bool:
    core = op.core_op if isinstance(op, Blockwise) else op
    return _is_arithmetic(core) if isinstance(core, OpFromGraph) else isinstance(op, ARITHMETIC)


_WRITE_OUT = dfs_rewriter(_written_out)
