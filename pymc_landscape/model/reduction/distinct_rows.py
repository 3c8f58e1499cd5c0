"""Rows of data that repeat, evaluated once: the sum over all rows as a weighted one over those that differ.

Which arrays have one entry a row is read off their length, and proved Op by Op: along one axis, every number of the
graph depends on the data of its own row alone. An Op that is not known here, or that joins rows, ends the proof, and
the sum stays as it is. Then the graph is written again over the rows that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pymc.logprob.utils import CheckParameterValue
from pytensor import scalar as ps
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.traversal import ancestors, toposort
from pytensor.tensor.basic import Alloc, ARange, Join
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.math import Dot
from pytensor.tensor.shape import Reshape, SpecifyShape
from pytensor.tensor.special import LogSoftmax, Softmax
from pytensor.tensor.subtensor import AdvancedSubtensor, Subtensor

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import known_length

# Fewer rows are added up as fast.
LEAST_ROWS = 200
# Largest share of rows that differ at which weights pay.
MOST_DISTINCT = 0.5
# Where there are more rows than this, a sample is looked at first; if so many of it differ, all do.
SAMPLE, MOST_OF_SAMPLE = 4096, 0.95
# Odd constants of a multiplicative hash (Steele, Lea & Flood 2014, SplitMix64).
MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))


INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


class RowsMeetError(Exception):
    """An Op is not seen to treat rows one by one."""


def weighted_rows(row: Graph, swapped: Sequence[Graph]) -> tuple[Graph, Array] | None:
    """Write a term over the rows of its data that differ.

    Parameters
    ----------
    row : Graph
        Log-likelihood (n, ...) by row.
    swapped : sequence of Graph
        Data that may change.

    Returns
    -------
    tuple of Graph and array (m,), or None
        The log-likelihood (m, ...) of the m rows that differ, and how often each of them is there. None where rows do
        not repeat, meet, or may change.
    """
    n = row.type.shape[0] if row.type.ndim else None
    if n is None or n < LEAST_ROWS:
        return None
    leaves = {v: axis for v in ancestors([row]) if (axis := _row_axis(v, n)) is not None}
    if not leaves or not leaves.keys().isdisjoint(swapped):
        return None
    found = _distinct([np.moveaxis(np.asarray(_data(v)), axis, 0) for v, axis in leaves.items()])
    if found is None:
        return None
    first, counts = found
    written = {v: pt.constant(np.take(_data(v), first, axis=axis), dtype=v.type.dtype) for v, axis in leaves.items()}
    rows = over_other_rows(row, n, len(first), written, leaves)
    return None if rows is None else (rows, counts.astype(float))


def over_other_rows(
    row: Graph, n: int, m: int, written: Mapping[Graph, Graph], axes: Mapping[Graph, int]
) -> Graph | None:
    """Write a term again over m rows in place of its n.

    Parameters
    ----------
    row : Graph
        Log-likelihood (n, ...) by row.
    n, m : int
        How many rows there are, and are to be.
    written : mapping of Graph to Graph
        For each of its data that have one entry a row, the same with m of them.
    axes : mapping of Graph to int
        The axis along which each of these has its rows.

    Returns
    -------
    Graph or None
        None where an Op is not seen to treat rows one by one.
    """
    try:
        rows, axis = _Rows(n, m).write(row, written, axes)
    except (RowsMeetError, ValueError, TypeError):  # also what an Op makes of inputs of another length
        return None
    return rows if axis == 0 else None


def _row_axis(variable: Graph, n: int) -> int | None:
    """Return the axis along which a constant has one entry a row."""
    shape = np.shape(_data(variable)) if isinstance(variable, Constant) and hasattr(variable.type, "ndim") else ()
    return shape.index(n) if n in shape else None


def _data(constant: Any) -> Any:
    return constant.data


def _distinct(arrays: Sequence[Array]) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return the first of each set of equal rows, and how many there are; None where too few are equal."""
    n = len(arrays[0])
    columns = [column for array in arrays for column in words_of_rows(array)]
    if n > SAMPLE:
        some = [column[:: n // SAMPLE] for column in columns]
        if len(np.unique(_hash(some))) > MOST_OF_SAMPLE * len(some[0]):
            return None
    _, first, inverse, counts = np.unique(_hash(columns), return_index=True, return_inverse=True, return_counts=True)
    if len(first) > MOST_DISTINCT * n:
        return None
    alike = first[inverse]  # two rows that differ may have one hash
    return (first, counts) if all((column == column[alike]).all() for column in columns) else None


def words_of_rows(array: Array) -> list[NDArray[np.uint64]]:
    """Return the bits of each row as words, a column each: −0 is another number than 0, NaN is NaN."""
    flat = np.ascontiguousarray(array.reshape(len(array), -1))
    wide = flat if flat.dtype.itemsize == 8 else flat.astype(np.float64 if flat.dtype.kind == "f" else np.int64)
    return list(np.ascontiguousarray(wide).view(np.uint64).T)


def _hash(columns: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed = (mixed ^ column) * MIX[0]
        mixed = (mixed ^ (mixed >> np.uint64(29))) * MIX[1]
        mixed ^= mixed >> np.uint64(32)
    return mixed


class _Rows:
    """Writes a graph again over `m` of its `n` rows, with the axis along which each variable has rows."""

    def __init__(self, n: int, m: int):
        self.n, self.m = n, m
        self.numbers: dict[Graph, Graph] = {}  # numbers of rows (m, 1), or of one row, and of which array's

    def write(self, graph: Graph, written: Mapping[Graph, Graph], axes: Mapping[Graph, int]) -> tuple[Graph, int]:
        """Return a graph over fewer rows, and its axis of rows."""
        known = dict(written)
        for variable in ancestors([graph]):
            if (source := _numbered(variable)) is not None and source.type.shape[0] in (1, self.n):
                known[variable] = pt.constant(np.arange(self.m if source.type.shape[0] == self.n else 1)[:, None])
                self.numbers[known[variable]] = source
            elif (length := known_length(variable)) is not None and length != self.n:
                known[variable] = pt.constant(length, dtype="int64")
        [(out, axis)] = self._write_all([graph], known, dict(axes))
        if axis is None:
            raise RowsMeetError
        return out, axis

    def _write_all(
        self, graphs: Sequence[Graph], written: dict[Graph, Graph], axes: dict[Graph, int]
    ) -> list[tuple[Graph, int | None]]:
        for node in toposort(graphs, blockers=list(written)):
            touched = any(v in written for v in node.inputs)
            if not touched and not (isinstance(node.op, Alloc) and node.outputs[0].type.shape[:1] == (self.n,)):
                continue
            inputs, places = [written.get(v, v) for v in node.inputs], [axes.get(v) for v in node.inputs]
            for old, (new, axis) in zip(node.outputs, self._again(node, inputs, places), strict=True):
                written[old] = new
                if axis is not None:
                    axes[old] = axis
        return [(written.get(graph, graph), axes.get(graph)) for graph in graphs]

    def _again(self, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> list[tuple[Graph, int | None]]:
        if not self.numbers.keys().isdisjoint(inputs):
            return [_each_at_its_place(self, node, inputs, axes)]
        if all(axis is None for axis in axes) and not isinstance(node.op, Alloc):
            return [(new, None) for new in node.op.make_node(*inputs).outputs]
        if isinstance(node.op, OpFromGraph):
            inner = node.op.fgraph.unfreeze()
            known = {v: axis for v, axis in zip(inner.inputs, axes, strict=True) if axis is not None}
            return self._write_all(inner.outputs, dict(zip(inner.inputs, inputs, strict=True)), known)
        for kind, write in KNOWN:
            if isinstance(node.op, kind):
                new, axis = write(self, node, inputs, axes)
                return [(new, axis)]
        raise RowsMeetError


def _numbered(variable: Graph) -> Graph | None:
    """Return the array whose rows a variable (rows, 1) numbers, as ``pt.take_along_axis`` does."""
    node = variable.owner
    counted = node.inputs[0].owner if node is not None and isinstance(node.op, Reshape) else None
    if counted is None or not isinstance(counted.op, ARange) or variable.type.shape[1:] != (1,):
        return None
    start, stop, step = counted.inputs
    first, by = (isinstance(v, Constant) and int(v.data) == i for v, i in ((start, 0), (step, 1)))
    if not (first and by) or known_length(stop) is None or int(stop.owner.inputs[1].data) != 0:
        return None
    return stop.owner.inputs[0].owner.inputs[0]


def _each_at_its_place(
    rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]
) -> tuple[Graph, int | None]:
    """Look up in each row of a matrix, or in its only one, what a row's own whole numbers point at."""
    is_lookup = isinstance(node.op, AdvancedSubtensor) and node.op.idx_list == (0, 1) and len(inputs) == 3
    if not is_lookup or rows.numbers.get(inputs[1]) is not node.inputs[0] or node.inputs[0].type.ndim != 2:
        raise RowsMeetError
    own = 0 if node.inputs[0].type.shape[0] == rows.n else None
    if axes != [own, None, 0] or inputs[2].type.ndim != 2 or inputs[2].type.dtype not in INTEGERS:
        raise RowsMeetError
    return _apply(node, inputs), 0


def _same_axis(inputs: Sequence[Graph], axes: Sequence[int | None]) -> int:
    """Return the one axis of rows of inputs that broadcast; the others must be the same for all rows."""
    [axis, *others] = {axis for axis in axes if axis is not None}
    if others or any(a is None and not v.type.broadcastable[axis] for v, a in zip(inputs, axes, strict=True)):
        raise RowsMeetError
    return axis


def _apply(node: Apply[Any], inputs: Sequence[Graph]) -> Graph:
    out: Graph = node.op.make_node(*inputs).outputs[0]
    return out


def _elementwise(rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> tuple[Graph, int]:
    if len(node.outputs) > 1:
        raise RowsMeetError
    axis = _same_axis(node.inputs, axes)
    return _apply(node, inputs), axis


def _shuffled(rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> tuple[Graph, int]:
    if axes[0] not in node.op.new_order:
        raise RowsMeetError
    return _apply(node, inputs), node.op.new_order.index(axes[0])


def _reduced(rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> tuple[Graph, int | None]:
    """Sum over another axis; over rows, what is as true or as large of those that differ as of all."""
    over = range(inputs[0].type.ndim) if node.op.axis is None else node.op.axis
    if axes[0] not in over:
        return _apply(node, inputs), axes[0] - sum(axis < axes[0] for axis in over)  # type: ignore[operator]
    if isinstance(node.op.scalar_op, ps.AND | ps.OR | ps.Maximum | ps.Minimum):
        return _apply(node, inputs), None
    raise RowsMeetError


def _checked(rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> tuple[Graph, int | None]:
    if any(axis is not None for axis in axes[1:]):
        raise RowsMeetError
    return _apply(node, inputs), axes[0]


def _gathered(rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> tuple[Graph, int]:
    """Look up, for each row, what its own whole numbers point at."""
    whole = all(isinstance(entry, int) for entry in node.op.idx_list)
    vectors = all(
        axis == 0 and v.type.ndim == 1 and v.type.dtype in INTEGERS
        for v, axis in zip(inputs[1:], axes[1:], strict=True)
    )
    if axes[0] is not None or not whole or not vectors:
        raise RowsMeetError
    return _apply(node, inputs), 0


def _sliced(rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> tuple[Graph, int]:
    if axes[0] != 0 or any(axis is not None for axis in axes[1:]) or node.op.idx_list[0] != slice(None):
        raise RowsMeetError
    return _apply(node, inputs), 0


def _product(rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> tuple[Graph, int]:
    if axes != [0, None]:
        raise RowsMeetError
    return _apply(node, inputs), 0


def _along_other_axis(rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> tuple[Graph, int]:
    own = node.op.axis
    if own is None or axes[0] == own % inputs[0].type.ndim:
        raise RowsMeetError
    return _apply(node, inputs), axes[0]  # type: ignore[return-value]


def _joined(rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> tuple[Graph, int]:
    own = getattr(node.op, "axis", None)
    if own is None or None in axes or len(set(axes)) > 1 or axes[0] == own:
        raise RowsMeetError
    return _apply(node, inputs), axes[0]  # type: ignore[return-value]


def _blockwise(rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> tuple[Graph, int]:
    if isinstance(node.op.core_op, Dot) and all(v.type.ndim == 2 for v in inputs):
        return _product(rows, node, inputs, axes)
    axis = _same_axis(node.inputs, axes)
    if len(node.outputs) > 1 or axis >= node.op.batch_ndim(node):
        raise RowsMeetError
    return _apply(node, inputs), axis


def _repeated(rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> tuple[Graph, int]:
    """Write one value out for all rows."""
    value, same = node.inputs[0], axes[0] is None and node.inputs[0].type.ndim < node.outputs[0].type.ndim
    own = axes[0] == 0 and value.type.ndim == node.outputs[0].type.ndim
    if any(axis is not None for axis in axes[1:]) or not (same or own) or node.outputs[0].type.shape[0] != rows.n:
        raise RowsMeetError
    return pt.alloc(inputs[0], rows.m, *inputs[2:]), 0


def _specified(rows: _Rows, node: Apply[Any], inputs: list[Graph], axes: list[int | None]) -> tuple[Graph, int | None]:
    return inputs[0], axes[0]


Writer = Callable[[_Rows, Apply[Any], list[Graph], list[int | None]], tuple[Graph, int | None]]
KNOWN: list[tuple[type | tuple[type, ...], Writer]] = [
    (Elemwise, _elementwise),
    (DimShuffle, _shuffled),
    (CAReduce, _reduced),
    (CheckParameterValue, _checked),
    (AdvancedSubtensor, _gathered),
    (Subtensor, _sliced),
    (Dot, _product),
    ((Softmax, LogSoftmax), _along_other_axis),
    (Join, _joined),
    (Blockwise, _blockwise),
    (Alloc, _repeated),
    (SpecifyShape, _specified),
]
