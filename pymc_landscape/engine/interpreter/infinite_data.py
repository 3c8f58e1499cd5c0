"""Numbers of the data that are infinite in a density: an amount of 0 has no logarithm.

Such a row is impossible in one component of a mixture and possible in another: an amount of 0 beside a gamma density.
−2LL is finite then, but its gradient is NaN, for the derivative of what is impossible is multiplied by a weight of 0,
and 0 · ∞ is no number. It has none where the infinite number stands in a branch ``switch(x > 0, f(log x), -inf)`` that
is not chosen: a second switch inside the branch gives it another value there. And k log 0 is −∞ for every positive k,
with a derivative of 0. The data say in which graphs either is needed; all others stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
import pytensor.scalar as ps
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.traversal import graph_inputs
from pytensor.tensor.elemwise import Elemwise

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.interpreter.batched_scans import replaced_nodes
from pymc_landscape.engine.interpreter.interpreted_graphs import evaluated


def without_infinite_data(graphs: Sequence[Graph]) -> list[Graph]:
    """Return the same graphs, of which derivatives are no products of 0 and what the data make infinite.

    Parameters
    ----------
    graphs : sequence of Graph
        Of densities, before values and other data are put into them. Their numbers stay.
    """
    with_constant_multiples = replaced_nodes(graphs, _is_infinite_multiple, _constant_multiple)
    return replaced_nodes(with_constant_multiples, _is_infinite_where_not_chosen, _finite_where_not_chosen)


def _is(node: Apply[Any], kind: type[ps.ScalarOp]) -> bool:
    return isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, kind)


def _of_data(graph: Graph) -> bool:
    """Whether a graph depends on constants and data alone; what is drawn at random is neither."""
    roots = graph_inputs([graph])
    return all(isinstance(root, Constant | SharedVariable) and hasattr(root.type, "dtype") for root in roots)


def _numbers(graph: Graph) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(evaluated([graph])[0], dtype=float)


# --- multiples --------------------------------------------------------------------------------------------------------


def _is_infinite_multiple(node: Apply[Any]) -> bool:
    """Whether parameters are multiplied by numbers of the data that are infinite, here and there."""
    if not _is(node, ps.Mul) or node.outputs[0].type.ndim == 0:
        return False
    known = [_of_data(v) for v in node.inputs]
    return not all(known) and any(np.isinf(_numbers(v)).any() for v, k in zip(node.inputs, known, strict=True) if k)


def _constant_multiple(node: Apply[Any]) -> list[Graph]:
    known = [v for v in node.inputs if _of_data(v)]
    moving: Graph = reduce(pt.mul, [v for v in node.inputs if v not in known])
    data: Graph = reduce(pt.mul, known)
    infinite = pt.isinf(data)
    signed = pt.switch(moving > 0, data, pt.switch(moving < 0, pt.neg(data), np.nan))
    multiple = pt.switch(infinite, signed, moving * pt.switch(infinite, 1.0, data))
    return [pt.cast(multiple, node.outputs[0].type.dtype)]


# --- branches ---------------------------------------------------------------------------------------------------------


def _is_infinite_where_not_chosen(node: Apply[Any]) -> bool:
    if not _is(node, ps.Switch):
        return False
    condition = node.inputs[0]
    return condition.type.ndim > 0 and _of_data(condition) and any(True for _ in _infinite(node))


def _finite_where_not_chosen(node: Apply[Any]) -> list[Graph]:
    condition, *branches = node.inputs
    for branch, leaf in list(_infinite(node)):
        chosen = condition if branch == 0 else pt.invert(pt.cast(condition, "bool"))
        finite = pt.switch(chosen, leaf, np.asarray(1.0, leaf.type.dtype))
        branches[branch] = _with(branches[branch], leaf, finite)
    return [node.op(condition, *branches)]


def _infinite(node: Apply[Any]) -> Iterator[tuple[int, Graph]]:
    """Give the number of a branch, and what in it the data make infinite in rows that are not chosen."""
    condition, *branches = node.inputs
    for number, branch in enumerate(branches):
        for leaf in [] if _of_data(branch) else _leaves(branch, condition):
            rows, values = _numbers(condition).astype(bool), _numbers(leaf)
            others = ~rows if number == 0 else rows
            if values.shape == rows.shape and not np.isfinite(values[others]).all():
                yield number, leaf


def _leaves(branch: Graph, condition: Graph) -> list[Graph]:
    """Return what depends on data alone, and has the rows of the condition, in an elementwise graph of parameters."""
    found, waiting, seen = list[Graph](), [branch], set[Graph]()
    while waiting:
        node = waiting.pop().owner
        for part in node.inputs if node is not None and isinstance(node.op, Elemwise) else ():
            if part in seen:
                continue
            seen.add(part)
            if not _of_data(part):
                waiting.append(part)
            elif part.owner is not None and part.type.broadcastable == condition.type.broadcastable:
                found.append(part)
    return found


def _with(branch: Graph, leaf: Graph, finite: Graph) -> Graph:
    """Return the branch with something else in place of a leaf, where only elementwise Ops are between them."""
    copied = {leaf: finite}

    def copy(graph: Graph) -> Graph:
        if graph not in copied:
            node = graph.owner
            is_inside = node is not None and isinstance(node.op, Elemwise)
            inputs = [copy(v) for v in node.inputs] if is_inside else []
            copied[graph] = node.clone_with_new_inputs(inputs).outputs[0] if is_inside else graph
        return copied[graph]

    return copy(branch)
