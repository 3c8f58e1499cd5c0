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
from pytensor.graph.replace import vectorize_graph
from pytensor.graph.rewriting.basic import MergeOptimizer, dfs_rewriter, node_rewriter
from pytensor.graph.traversal import ancestors
from pytensor.tensor.basic import Alloc, ARange, ExtractDiag, MakeVector, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.shape import Reshape, Shape, Shape_i, SpecifyShape
from pytensor.tensor.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor

from pymc_landscape._typing import Graph
from pymc_landscape.engine.interpreter.known_lengths import with_known_lengths

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
    _MERGE.rewrite(fgraph)


def operations_in(graphs: Sequence[Graph]) -> list[Operation]:
    """Return the module of each kind of Op in graphs, and whether it is itself a graph of Ops; each once, in order."""
    ops = [getattr(v.owner.op, "core_op", v.owner.op) for v in ancestors(graphs) if v.owner is not None]
    return sorted({(type(op).__module__, isinstance(op, OpFromGraph)) for op in ops})


def _written_out(node: Any, kinds: tuple[type, ...]) -> list[Graph] | None:
    op, dims = getattr(node.op, "core_op", node.op), _batch_ndim(node)
    if not isinstance(op, OpFromGraph) or not _is_made_of(op, kinds):
        return None
    inner, inputs = op.fgraph.unfreeze(), list(node.inputs)
    if dims:
        inputs = [v.type.clone(shape=v.type.shape[dims:])() for v in node.inputs]
    now: dict[Graph, Graph] = dict(zip(inner.inputs, inputs, strict=True))
    for step in inner.toposort():  # PyTensor's own functions copy all that the inputs are made of
        now |= zip(step.outputs, step.op.make_node(*(now.get(v, v) for v in step.inputs)).outputs, strict=True)
    outputs = [now.get(v, v) for v in inner.outputs]
    if dims:
        outputs = list(vectorize_graph(with_known_lengths(outputs), dict(zip(inputs, node.inputs, strict=True))))
    types = zip(outputs, node.outputs, strict=True)
    return outputs if all(new.type.ndim == old.type.ndim for new, old in types) else None


def _batch_ndim(node: Any) -> int:
    """Return how many dims of points or directions stand before those of an Op."""
    return int(node.op.batch_ndim(node)) if isinstance(node.op, Blockwise) else 0


def _is_made_of(op: OpFromGraph, kinds: tuple[type, ...]) -> bool:
    return all(_is_one_of(node.op, kinds) for node in op.fgraph.apply_nodes)


def _is_one_of(op: Any, kinds: tuple[type, ...]) -> bool:
    core = op.core_op if isinstance(op, Blockwise) else op
    return _is_made_of(core, kinds) if isinstance(core, OpFromGraph) else isinstance(op, kinds)


@node_rewriter([OpFromGraph, Blockwise])
def _before_rewriting(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    return _written_out(node, (*ARITHMETIC, *REARRANGING) if _batch_ndim(node) else ARITHMETIC)


@node_rewriter([OpFromGraph, Blockwise])
def _all(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
    return _written_out(node, (*ARITHMETIC, *REARRANGING))


_WRITE_OUT, _WRITE_ALL_OUT, _MERGE = dfs_rewriter(_before_rewriting), dfs_rewriter(_all), MergeOptimizer()
