"""Lengths of arrays that are known, as numbers in a graph.

A derivative is written with the lengths of what it is made of: the places on a diagonal are those from 0 to the length
of a matrix, and its array of zeros is as long. Where shapes say how long that is, PyTensor finds the number, rewriting
the graph of each array that is allocated anew; of the second derivatives of a covariance matrix half of all rewriting
was that. Here numbers are put in from the inputs on, before anything is differentiated again, vectorised or rewritten.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.traversal import toposort
from pytensor.tensor.basic import Alloc, ARange, MakeVector, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.shape import Shape, Shape_i
from pytensor.tensor.subtensor import AdvancedIncSubtensor, IncSubtensor, Subtensor

from pymc_landscape._typing import Graph

# What lengths and places are computed with.
OF_INTEGERS = (Alloc, ARange, CAReduce, DimShuffle, Elemwise, MakeVector, ScalarFromTensor, Subtensor, TensorFromScalar)
# So many in an array at most: those of one array for each of many points may be many.
MOST_INTEGERS = 10_000


def known_length(variable: Graph) -> int | None:
    """Return the length of an array along one axis, where a variable is that and it is known."""
    node = variable.owner
    if node is None or not isinstance(node.op, Subtensor) or len(node.inputs) != 2 or variable.type.ndim:
        return None
    shape, place = node.inputs[0].owner, node.inputs[1]
    if shape is None or not isinstance(shape.op, Shape) or not isinstance(place, Constant):
        return None
    lengths: tuple[int | None, ...] = shape.inputs[0].type.shape
    return lengths[int(place.data)]


def with_known_lengths(graphs: Sequence[Graph], replaced: Collection[Graph] = ()) -> list[Graph]:
    """Return the same graphs, with numbers for lengths that types of arrays say, and for what follows from these.

    Parameters
    ----------
    graphs : sequence of Graph
        They are left alone, and so is what no length enters.
    replaced : collection of Graph
        What others are to stand in the place of: of these, constants among them, only the lengths are known.
    """
    now: dict[Graph, Graph] = {}
    for node in toposort(graphs, blockers=replaced):
        inputs = [now.get(v, v) for v in node.inputs]
        changed = any(new is not v for new, v in zip(inputs, node.inputs, strict=True))
        applied = _of_all_points(_applied(node, inputs) if changed else node)
        number = _length(applied)
        if number is None and not any(v in replaced for v in inputs) and _is_of_integers(applied):
            number = _computed(applied)
        if number is not None:
            now[node.outputs[0]] = number
        elif applied is not node:
            now |= zip(node.outputs, applied.outputs, strict=True)
    return [now.get(graph, graph) for graph in graphs]


def _applied(node: Apply[Any], inputs: Sequence[Graph]) -> Apply[Any]:
    """Apply an Op to inputs of known lengths; to its own where it takes no others, as a loop may."""
    try:
        applied: Apply[Any] = node.op.make_node(*inputs)
    except (TypeError, ValueError, NotImplementedError):
        return node
    return applied


def _of_all_points(node: Apply[Any]) -> Apply[Any]:
    """Allocate arrays of all points at once: PyTensor does it point by point, or asks how many points there are."""
    core_op, shape = getattr(node.op, "core_op", None), getattr(node.outputs[0].type, "shape", ())
    applied: Apply[Any] = node
    if isinstance(core_op, IncSubtensor | AdvancedIncSubtensor):
        array, *others = node.inputs
        if None not in shape and shape != array.type.shape:
            applied = node.op.make_node(pt.alloc(array, *shape), *others)
    elif isinstance(core_op, Alloc):
        array, *others = node.inputs
        points = shape[: len(shape) - len(others)]
        lengths = [np.unique(v.data) for v in others if isinstance(v, Constant)]
        if len(lengths) == len(others) and None not in points and all(n.size == 1 for n in lengths):
            between = range(len(points), len(points) + len(shape) - array.type.ndim)
            own: Graph = pt.alloc(pt.expand_dims(array, tuple(between)), *points, *(int(n[0]) for n in lengths))
            applied = own.owner
    return applied


def _length(node: Apply[Any]) -> Graph | None:
    """Return the lengths of an array, or one of them, where a node gives that and it is known."""
    if isinstance(node.op, Shape | Shape_i):
        shape = node.inputs[0].type.shape
        known = shape if isinstance(node.op, Shape) else shape[node.op.i]
    else:
        known = known_length(node.outputs[0])
    return None if known is None or None in np.atleast_1d(known) else pt.constant(np.array(known, dtype="int64"))


def _is_of_integers(node: Apply[Any]) -> bool:
    """Whether a node gives an integer, or some, from numbers that are all known."""
    op = node.op.core_op if isinstance(node.op, Blockwise) else node.op
    type_ = node.outputs[0].type
    known = all(isinstance(v, Constant) for v in node.inputs) and isinstance(op, OF_INTEGERS)
    if not known or not str(getattr(type_, "dtype", "")).startswith(("int", "uint", "bool")):
        return False
    return int(np.prod([n or 0 for n in getattr(type_, "shape", ())])) <= MOST_INTEGERS


def _computed(node: Apply[Any]) -> Graph | None:
    """Return what a node gives as a constant; None where there is no value, at a place beyond an end."""
    node.op.prepare_node(node, None, None, "py")
    value: list[Any] = [None]
    try:
        with np.errstate(all="ignore"):
            node.op.perform(node, [v.data for v in node.inputs], [value])  # type: ignore[attr-defined]
    except (IndexError, ValueError, ArithmeticError):
        return None
    constant: Graph = node.outputs[0].type.make_constant(value[0])
    return constant
