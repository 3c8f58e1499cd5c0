"""A log density that was written as one sum, taken apart into its summands.

A log-likelihood is additive over independent observations. Where a user has summed it already, as in
``pm.Potential("obs", each.sum())``, the graph still says of what: sums, sums of sums, and sums that are scaled are
followed down to the arrays whose elements were added up,

    c · (Σ a + Σ b − Σ d) = Σ c a + Σ c b + Σ (−c) d .

Nothing else is: the log of a sum, a product, a matrix product are single numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor import scalar as ps
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.basic import Join, MakeVector, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.math import Dot
from pytensor.tensor.shape import Reshape, Shape, Shape_i, SpecifyShape
from pytensor.tensor.subtensor import Subtensor

from pymc_landscape._typing import Graph

# What a summand is put through on the way to the sum, the same for all of its elements.
Through = Callable[[Graph], Graph]
# Ops that hand all elements of their first input on, each once.
HANDS_ON = (DimShuffle, Reshape, SpecifyShape, ScalarFromTensor, TensorFromScalar)


def taken_apart(graph: Graph, discrete: Set[Graph]) -> Graph:
    """Return a vector with the same sum as `graph`, of which few elements depend on the same discrete variables.

    Parameters
    ----------
    graph : Graph
        A log density.
    discrete : set of Graph
        What stands in it for discrete variables: by what does not depend on them a sum may be scaled.

    Returns
    -------
    Graph
        `graph` itself where it is one number that is no sum.
    """
    moving = set(discrete)
    for node in io_toposort(list(discrete), [graph]):
        if not moving.isdisjoint(node.inputs) and not isinstance(node.op, Shape | Shape_i):  # a length does not move
            moving.update(node.outputs)
    pieces = list(_summands(graph, moving))
    if len(pieces) == 1 and pieces[0] is graph:
        return graph
    if len(pieces) == 1 and not pieces[0].type.ndim:
        return graph
    return pt.concatenate([piece.ravel().astype("float64") for piece in pieces])


def _summands(whole: Graph, moving: Set[Graph]) -> Iterator[Graph]:
    """Give arrays all elements of which add up to all elements of a graph."""
    open_parts: list[tuple[Graph, Through]] = [(whole, lambda piece: piece)]
    while open_parts:
        graph, through = open_parts.pop()
        node = graph.owner
        op = None if node is None else node.op
        if graph not in moving:
            yield through(graph.sum())  # one row that is tied to nothing
        elif _hands_on(graph) or (isinstance(op, CAReduce) and isinstance(op.scalar_op, ps.Add)):
            open_parts.append((node.inputs[0], through))
        elif isinstance(op, MakeVector | Join):
            open_parts += [(part, through) for part in reversed(node.inputs)]
        elif not _holds_a_sum(graph, moving):
            yield through(graph)
        elif isinstance(op, Elemwise):
            open_parts += _of_elements(graph, through, moving)
        else:
            yield through(_products(node, moving))


def _of_elements(graph: Graph, through: Through, moving: Set[Graph]) -> list[tuple[Graph, Through]]:
    """Return what a sum, a difference or a multiple is made of, the first part last."""
    node, op = graph.owner, graph.owner.op.scalar_op
    if isinstance(op, ps.Add | ps.Sub):
        signs = [-1.0 if k and isinstance(op, ps.Sub) else 1.0 for k in range(len(node.inputs))]
        parts = list(zip(node.inputs, signs, strict=True))
        return [(part, _counted(graph, part, sign, through)) for part, sign in reversed(parts)]
    moved = _multiple_of(graph, moving)
    return [(moved, lambda piece: through(_in_place_of(moved, piece, node)))]


def _hands_on(graph: Graph) -> bool:
    """Whether all elements of the first input are those of a graph, each once."""
    node = graph.owner
    one = node is not None and isinstance(node.op, Subtensor) and all(node.inputs[0].type.broadcastable)
    return one or (node is not None and isinstance(node.op, HANDS_ON))


def _holds_a_sum(graph: Graph, moving: Set[Graph]) -> bool:
    """Whether elements of a graph are themselves sums of what depends on the discrete variables, or several of them."""
    node = graph.owner
    op = None if node is None else node.op
    if op is None or graph not in moving:
        return False
    if isinstance(op, CAReduce):
        return isinstance(op.scalar_op, ps.Add)
    if _hands_on(graph):
        return _holds_a_sum(node.inputs[0], moving)
    if isinstance(op, MakeVector | Join):
        return any(_holds_a_sum(part, moving) for part in node.inputs)
    if isinstance(op, Elemwise) and isinstance(op.scalar_op, ps.Add | ps.Sub):
        parts = [part for part in node.inputs if part in moving]
        if all(graph.type.broadcastable):  # one number
            return True
        repeated = any(part.type.broadcastable != graph.type.broadcastable for part in parts)
        return repeated or any(_holds_a_sum(part, moving) for part in parts)
    if isinstance(op, Elemwise):
        moved = _multiple_of(graph, moving)
        return moved is not None and _holds_a_sum(moved, moving)
    return isinstance(op, Dot) or (isinstance(op, Blockwise) and isinstance(op.core_op, Dot))


def _multiple_of(graph: Graph, moving: Set[Graph]) -> Graph | None:
    """Return the input that one number scales, or makes impossible; None where there is none."""
    node, op = graph.owner, graph.owner.op.scalar_op
    moved = [v for v in node.inputs if v in moving]
    if len(moved) != 1 or moved[0].type.broadcastable != graph.type.broadcastable:
        return None
    if not all(all(v.type.broadcastable) for v in node.inputs if v is not moved[0]):
        return None
    quotient = isinstance(op, ps.TrueDiv) and moved[0] is node.inputs[0]
    possible = isinstance(op, ps.Switch) and moved[0] is node.inputs[1] and _is_impossible(node.inputs[2])
    return moved[0] if quotient or possible or isinstance(op, ps.Mul | ps.Neg | ps.Cast | ps.Identity) else None


def _is_impossible(graph: Graph) -> bool:
    while graph.owner is not None and isinstance(graph.owner.op, DimShuffle):
        graph = graph.owner.inputs[0]
    return isinstance(graph, Constant) and bool((graph.data == -np.inf).all())


def _in_place_of(moved: Graph, piece: Graph, node: Any) -> Graph:
    """Return an elementwise Op, but of a piece in place of what was moved: all else is one number."""
    return node.op(*(piece if v is moved else pt.as_tensor(v).ravel()[0] for v in node.inputs))


def _products(node: Any, moving: Set[Graph]) -> Graph:
    """Return the terms of which the elements of a matrix product are sums, where one of the two is known."""
    left, right = node.inputs
    if left.type.ndim == right.type.ndim == 2 and not (left in moving and right in moving):
        return left * right.sum(axis=1) if left in moving else left.sum(axis=0)[:, None] * right
    return left * right if left.type.ndim == right.type.ndim == 1 else node.outputs[0]


def _counted(graph: Graph, part: Graph, sign: float, through: Through) -> Through:
    """Count a part with its sign, and as often as it is repeated along the elements of `graph`."""
    if part.type.broadcastable == graph.type.broadcastable:
        return through if sign > 0 else lambda piece: through(-piece)
    times = graph.size / pt.as_tensor(part).size
    return lambda piece: through(sign * times * piece)
