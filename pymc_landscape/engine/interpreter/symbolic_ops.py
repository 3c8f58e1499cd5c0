"""Ops that are graphs of other Ops, such as log-sum-exp and its derivatives, as those graphs.

PyTensor compiles each by itself, and where there are many points it calls it once for each of them. As a part of the
graph around it, it is evaluated for all points at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytensor.compile.builders import OpFromGraph
from pytensor.compile.ops import DeepCopyOp
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import clone_replace, vectorize_graph
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.graph.traversal import ancestors
from pytensor.tensor.basic import Alloc, ARange, ExtractDiag, MakeVector, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.shape import Reshape, Shape, Shape_i, SpecifyShape
from pytensor.tensor.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor

from pymc_landscape._typing import Graph

Operation = tuple[str, bool]
# Arithmetic on arrays. Ops that hold a loop, a factorisation or random numbers stay as they are.
ARITHMETIC = (
    *(Alloc, CAReduce, DimShuffle, Elemwise, IncSubtensor, MakeVector, Reshape, ScalarFromTensor, Shape, Shape_i),
    *(SpecifyShape, Subtensor, TensorFromScalar),
)
# What else is evaluated as it stands, once nothing is to be rewritten any more.
REARRANGING = (AdvancedIncSubtensor, AdvancedSubtensor, ExtractDiag, ARange, DeepCopyOp)


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


def write_out(fgraph: FunctionGraph) -> None:
    """Write Ops that are graphs of arithmetic, or move elements only, out in a graph that has been rewritten."""
    _WRITE_ALL_OUT.rewrite(fgraph)


def operations_in(graphs: Sequence[Graph]) -> list[Operation]:
    """Return the module of each kind of Op in graphs, and whether it is itself a graph of Ops; each once, in order."""
    ops = [getattr(v.owner.op, "core_op", v.owner.op) for v in ancestors(graphs) if v.owner is not None]
    return sorted({(type(op).__module__, isinstance(op, OpFromGraph)) for op in ops})


def _written_out(node: Any, kinds: tuple[type, ...]) -> list[Graph] | None:
    is_block = isinstance(node.op, Blockwise)
    op = node.op.core_op if is_block else node.op
    if not isinstance(op, OpFromGraph) or not _is_made_of(op, kinds):
        return None
    inner = op.fgraph.unfreeze()
    replacements = dict(zip(inner.inputs, node.inputs, strict=True))
    write = vectorize_graph if is_block else clone_replace
    outputs = list(write(list(inner.outputs), replacements))
    types = zip(outputs, node.outputs, strict=True)
    return outputs if all(new.type.ndim == old.type.ndim for new, old in types) else None


def _is_made_of(op: OpFromGraph, kinds: tuple[type, ...]) -> bool:
    return all(_is_one_of(node.op, kinds) for node in op.fgraph.apply_nodes)


def _is_one_of(op: Any, kinds: tuple[type, ...]) -> bool:
    core = op.core_op if isinstance(op, Blockwise) else op
    return _is_made_of(core, kinds) if isinstance(core, OpFromGraph) else isinstance(op, kinds)


@node_rewriter([OpFromGraph, Blockwise])
def _arithmetic(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    return _written_out(node, ARITHMETIC)


@node_rewriter([OpFromGraph, Blockwise])
def _all(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    return _written_out(node, (*ARITHMETIC, *REARRANGING))


_WRITE_OUT, _WRITE_ALL_OUT = dfs_rewriter(_arithmetic), dfs_rewriter(_all)
