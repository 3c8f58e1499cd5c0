"""A Scan of many points, or of many directions, as one Scan whose states hold all of them.

PyTensor vectorises a Scan by running it again for each point. Where instead each step works on all points at once, the
steps are walked once, however many points there are: that is how NumPy's arrays and the derivatives of all directions
pay in a loop too. A Scan without a state is no loop: all its rows are one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.basic import Apply, Constant, Variable, equal_computations
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import clone_replace, vectorize_graph
from pytensor.graph.traversal import applys_between, toposort
from pytensor.scan.op import Scan
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.subtensor import Subtensor

from pymc_landscape._typing import Graph
from pymc_landscape.engine.interpreter.known_lengths import with_known_lengths
from pymc_landscape.engine.interpreter.python_loops import inner_graphs


def vectorized(graphs: Sequence[Graph], replacements: Mapping[Graph, Graph]) -> list[Graph]:
    """Return graphs of many points, as ``vectorize_graph`` does, with loops whose steps work on all points at once.

    Parameters
    ----------
    graphs : sequence of Graph
        Graphs of one point. Scans that end by a condition, and those that carry what is no array (the state of a
        generator), are run again for each point.
    replacements : mapping of Graph to Graph
        Inputs, and what stands in their place, with dims of points in front.
    """
    known = _with_known_steps(with_known_lengths(graphs, replacements.keys()))
    return _with_batched_scans(vectorize_graph(known, _the_same_for_all(known, replacements) | dict(replacements)))


def _the_same_for_all(graphs: Sequence[Graph], replacements: Mapping[Graph, Graph]) -> dict[Graph, Graph]:
    """Return what does not depend on what is replaced, each with itself, or PyTensor writes it again in other Ops."""
    depends, same = set(replacements), dict[Graph, Graph]()
    for node in toposort(graphs):
        if any(v in depends for v in node.inputs):
            depends.update(node.outputs)
            same |= {v: v for v in node.inputs if v not in depends and v.owner is not None}
    return same | {v: v for v in graphs if v not in depends and v.owner is not None}


def without_maps(graphs: Sequence[Graph]) -> list[Graph]:
    """Return the same graphs, where each Scan without a state (a map over rows) is one step for all rows at once.

    Parameters
    ----------
    graphs : sequence of Graph
        Graphs of densities. Scans that carry a state, end by a condition or draw random numbers stay.
    """
    return replaced_nodes(graphs, _is_map, _mapped)


def _is_map(node: Apply[Any]) -> bool:
    if not isinstance(node.op, Scan) or node.op.info.as_while:
        return False
    info = node.op.info
    states = info.n_mit_mot + info.n_mit_sot + info.n_sit_sot + info.n_untraced_sit_sot
    if not info.n_seqs or states or any(isinstance(inner.op, RandomVariable) for inner in node.op.fgraph.apply_nodes):
        return False
    n, *kept = _lengths(node.op, node.inputs)
    return all(equal_computations([v], [n]) for v in kept)


def _mapped(node: Apply[Any]) -> list[Graph]:
    """Return the outputs (n, ...) of a map from its step, for rows in place of one row."""
    op, n = node.op, node.inputs[0]
    inputs, outputs = inner_graphs(op)
    rows, fixed = inputs[: op.info.n_seqs], inputs[op.info.n_seqs :]
    many = {row: whole[:n] for row, whole in zip(rows, op.outer_seqs(node.inputs), strict=True)}
    same = dict(zip(fixed, op.outer_non_seqs(node.inputs), strict=True))
    written = replaced_nodes(vectorized(without_maps(outputs), many | same), _is_repeated_index, _indexed)
    pairs = zip(written, outputs, strict=True)
    in_rows = [new if new.type.ndim > old.type.ndim else pt.expand_dims(new, 0) for new, old in pairs]
    return [pt.alloc(new, n, *new.shape[1:]) if new.type.broadcastable[0] else new for new in in_rows]


def _is_repeated_index(node: Apply[Any]) -> bool:
    """Whether PyTensor would look up an entry again for each row: x[i], also x[i, j], with other i in each."""
    return (
        isinstance(node.op, Blockwise)
        and isinstance(node.op.core_op, Subtensor)
        and node.op.batch_ndim(node) == 1
        and not any(isinstance(i, slice) for i in node.op.core_op.idx_list)
    )


def _indexed(node: Apply[Any]) -> list[Graph]:
    """Return the entries of all rows as one look-up with arrays of indices."""
    x, *places = map(pt.as_tensor, node.inputs)
    n = _length(node.inputs, 0)
    of_rows = [pt.broadcast_to(place, (n,)) for place in places]
    return [x[0][tuple(of_rows)] if x.type.broadcastable[0] else x[(pt.arange(n), *of_rows)]]


def _with_known_steps(graphs: Sequence[Graph]) -> list[Graph]:
    """Write the lengths of loops as numbers where they follow from shapes: those of all points are one then."""
    nodes = [node for node in applys_between([], graphs) if isinstance(node.op, Scan)]
    lengths = {v: None for node in nodes for v in _lengths(node.op, node.inputs) if not isinstance(v, Constant)}
    if not lengths:
        return list(graphs)
    folded = pm.pytensorf.constant_fold(list(lengths), raise_not_constant=False)
    known = [
        (old, pt.constant(new, dtype=old.type.dtype))
        for old, new in zip(lengths, folded, strict=True)
        if not isinstance(new, Variable)
    ]
    return list(clone_replace(list(graphs), dict(known), copy_inputs_over=True)) if known else list(graphs)


def _lengths(op: Scan, inputs: Sequence[Graph]) -> list[Graph]:
    return [inputs[0], *op.outer_nitsot(inputs)]


def _with_batched_scans(graphs: Sequence[Graph]) -> list[Graph]:
    return replaced_nodes(graphs, _is_repeated_scan, _batched)


def replaced_nodes(
    graphs: Sequence[Graph], chosen: Callable[[Apply[Any]], bool], written: Callable[[Apply[Any]], list[Graph]]
) -> list[Graph]:
    """Return graphs with other outputs of the nodes that are `chosen`; the same graphs where there are none."""
    if not any(chosen(node) for node in applys_between([], graphs)):
        return list(graphs)
    copied = FunctionGraph(outputs=list(graphs), clone=True, copy_inputs=False, copy_orphans=False)
    for node in [node for node in copied.toposort() if chosen(node)]:
        pairs = [
            (old, old.type.filter_variable(new, allow_convert=True))
            for old, new in zip(node.outputs, written(node), strict=True)
            if copied.clients.get(old)
        ]
        copied.replace_all(pairs, import_missing=True)
    return list(copied.outputs)


def _is_repeated_scan(node: Apply[Any]) -> bool:
    if not isinstance(node.op, Blockwise) or not isinstance(node.op.core_op, Scan):
        return False
    info = node.op.core_op.info
    lengths = _lengths(node.op.core_op, node.inputs)
    return not info.as_while and not info.n_untraced_sit_sot and all(_is_shared(v, v.type.ndim) for v in lengths)


def _is_shared(variable: Graph, n_dims: int) -> bool:
    """Whether the first dims have one element each: all points share the array."""
    return all(variable.type.broadcastable[:n_dims])


def _batched(node: Apply[Any]) -> list[Graph]:
    """Return the outputs of one Scan over all points; their first dims are those of the points."""
    op, n_dims = node.op.core_op, node.op.batch_ndim(node)
    shape = [_length(node.inputs, axis) for axis in range(n_dims)]
    lengths = [pt.squeeze(v) for v in op.outer_nitsot(node.inputs)]
    sequences = [_steps_first(v, n_dims) for v in op.outer_seqs(node.inputs)]
    states = [
        pt.moveaxis(_spread(v, shape), n_dims, 0)
        for v in (*op.outer_mitmot(node.inputs), *op.outer_mitsot(node.inputs), *op.outer_sitsot(node.inputs))
    ]
    fixed = [_unshared(v, n_dims) for v in op.outer_non_seqs(node.inputs)]
    batched = _batched_op(op, n_dims, sequences, states, fixed)
    outputs = batched.make_node(pt.squeeze(node.inputs[0]), *sequences, *states, *lengths, *fixed).outputs
    return [_spread(pt.moveaxis(out, 0, n_dims), shape) for out in outputs]


def _batched_op(
    op: Scan, n_dims: int, sequences: Sequence[Graph], states: Sequence[Graph], fixed: Sequence[Graph]
) -> Scan:
    """Write one step for arrays whose first dims are those of the points."""
    inputs, outputs = inner_graphs(op)
    info = op.info
    taps = [len(slices) for slices in (*info.mit_mot_in_slices, *info.mit_sot_in_slices, *info.sit_sot_in_slices)]
    outer = [v.type.shape[1:] for v in sequences]
    outer += [v.type.shape[1:] for v, n in zip(states, taps, strict=True) for _ in range(n)]
    outer += [v.type.shape for v in fixed]
    many = [_with_points(one, known, n_dims) for one, known in zip(inputs, outer, strict=True)]
    of_states = iter(many[len(sequences) :])
    # a state of several taps has one shape, whichever tap tells it
    like = [[next(of_states) for _ in range(n)][-1] for n in taps]
    told = [v for v, slices in zip(like, info.mit_mot_out_slices, strict=False) for _ in slices]
    told += like[len(info.mit_mot_out_slices) :]
    written = vectorized(outputs, dict(zip(inputs, many, strict=True)))
    written = [_leading(new, old, n_dims) for new, old in zip(written, outputs, strict=True)]
    steps = [_spread(new, [v.shape[axis] for axis in range(n_dims)]) for new, v in zip(written, told, strict=False)]
    return Scan(many, [*steps, *written[len(told) :]], info, name=op.name, truncate_gradient=op.truncate_gradient)


def _with_points(variable: Graph, known: Sequence[int | None], n_dims: int) -> Graph:
    """Return an inner input with the dims of the points in front, where its array has them."""
    shape = variable.type.shape
    if len(known) == len(shape):
        return variable
    return variable.type.clone(shape=(*(n if n == 1 else None for n in known[:n_dims]), *shape))()


def _leading(new: Graph, old: Graph, n_dims: int) -> Graph:
    """Return what is the same for all points with a dim of one element for each dim of points."""
    return new if new.type.ndim > old.type.ndim else pt.expand_dims(new, tuple(range(n_dims)))


def _length(inputs: Sequence[Graph], axis: int) -> Graph:
    """Return the number of points along an axis of them."""
    return next((v.shape[axis] for v in inputs if not v.type.broadcastable[axis]), pt.constant(1))


def _unshared(variable: Graph, n_dims: int) -> Graph:
    return variable.squeeze(tuple(range(n_dims))) if _is_shared(variable, n_dims) else variable


def _steps_first(variable: Graph, n_dims: int) -> Graph:
    if _is_shared(variable, n_dims):
        return _unshared(variable, n_dims)
    return pt.moveaxis(variable, n_dims, 0)


def _spread(variable: Graph, shape: Sequence[Graph]) -> Graph:
    """Return an array with one entry a point, where it may have one for all."""
    n_dims = len(shape)
    same = [axis for axis in range(n_dims) if variable.type.broadcastable[axis]]
    if all(getattr(shape[axis], "data", None) == 1 for axis in same):
        return variable
    return pt.alloc(variable, *shape, *(variable.shape[axis] for axis in range(n_dims, variable.type.ndim)))
