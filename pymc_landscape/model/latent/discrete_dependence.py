"""Which elements of discrete variables each element of a graph depends on, read off the graph's Ops.

Every element of the variables has a number, and what is computed from several ties them together: they get one number
in common. Ops that only move elements move their numbers; elementwise ones and sums join them along the way; where an
Op is not known, all that comes out depends on all that goes in. So a tie may be claimed that is not there, never the
other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytensor
from numpy.typing import NDArray
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Constant
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.basic import Alloc, Join, MakeVector
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.shape import Reshape, Shape, Shape_i, SpecifyShape
from pytensor.tensor.subtensor import AdvancedSubtensor, Subtensor, indices_from_subtensor

from pymc_landscape._typing import Graph

Numbers = NDArray[np.intp]

# Ops that move the elements of their first input as the others say.
MOVES_FIRST = (DimShuffle, Reshape, SpecifyShape, Subtensor, AdvancedSubtensor, Alloc)


class Ties:
    """Elements by number, from 1 on, and which of them are tied together; 0 is no element.

    Parameters
    ----------
    total : int
        How many there are.

    Examples
    --------
    >>> ties = Ties(3)
    >>> ties.join(np.array([1, 2]), np.array([3, 0]))
    array([1, 2])
    >>> ties.roots(np.array([0, 1, 2, 3]))
    array([0, 1, 2, 1])
    """

    def __init__(self, total: int):
        self._parent = np.arange(total + 1)

    def roots(self, numbers: Numbers) -> Numbers:
        """Return the number that all elements tied to each have in common: the smallest."""
        while (self._parent[self._parent] != self._parent).any():
            self._parent = self._parent[self._parent]
        return np.asarray(self._parent[numbers], dtype=np.intp)

    def join(self, one: Numbers, other: Numbers) -> Numbers:
        """Tie elements pair by pair, and return the numbers in common."""
        one, other = np.broadcast_arrays(one, other)
        pairs = np.stack([one[(one > 0) & (other > 0)], other[(one > 0) & (other > 0)]])
        for a, b in np.unique(pairs, axis=1).T:
            low, high = sorted((self._root(a), self._root(b)))
            self._parent[high] = low
        return np.where(one > 0, one, other)

    def _root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = number = int(self._parent[self._parent[number]])
        return int(number)

    def join_all(self, *numbers: Numbers) -> int:
        """Tie all elements together, and return their number; 0 where there are none."""
        every = np.unique(np.concatenate([np.ravel(n) for n in numbers]))
        every = every[every > 0]
        if every.size:
            self.join(every[:-1], every[1:])
        return int(every[0]) if every.size else 0

    def along(self, numbers: Numbers, axes: tuple[int, ...]) -> Numbers:
        """Tie elements along axes together, and drop these."""
        kept = [i for i in range(numbers.ndim) if i not in axes]
        moved = numbers.transpose(*kept, *axes)
        columns = moved.reshape(*moved.shape[: len(kept)], -1)
        whole = np.zeros(columns.shape[:-1], dtype=np.intp)
        for i in range(columns.shape[-1]):
            whole = self.join(whole, columns[..., i])
        return whole


def tied_rows(
    graphs: Sequence[Graph], sources: Mapping[Graph, Numbers], reference_values: Mapping[Graph, Any], ties: Ties
) -> list[Numbers]:
    """Return the number of the element that each element of `graphs` depends on, and tie those that meet.

    Parameters
    ----------
    graphs : sequence of Graph
        Tensors without named dims.
    sources : mapping of Graph to array
        The discrete variables in them, with the numbers of their elements.
    reference_values : mapping of Graph to array
        Numbers for every other input of the graphs, and for the sources: for lengths and indices only.
    ties : Ties
        Changed: what meets is tied.

    Returns
    -------
    list of array
        In the shapes of the graphs; 0 where no element matters.
    """
    roots: dict[Graph, Numbers] = dict(sources)
    nodes = _touched(graphs, set(sources))
    values = _evaluated([*graphs, *(v for node in nodes for v in (*node.inputs, *node.outputs))], reference_values)
    for node in nodes:
        if any(v in roots for v in node.inputs):
            passed = _passed(node, [roots.get(v) for v in node.inputs], values, ties)
            roots.update({v: numbers for v, numbers in passed.items() if numbers.any()})
    return [roots.get(g, np.zeros(np.shape(values[g]), dtype=np.intp)) for g in graphs]


def _touched(graphs: Sequence[Graph], sources: set[Graph]) -> list[Any]:
    """Return the nodes on the way from the discrete variables, in order."""
    nodes, reached = [], set(sources)
    for node in io_toposort(list(sources), list(graphs)):
        if not reached.isdisjoint(node.inputs):
            reached.update(node.outputs)
            nodes.append(node)
    return nodes


def _evaluated(variables: Sequence[Graph], reference_values: Mapping[Graph, Any]) -> dict[Graph, Any]:
    """Return the numbers of variables, as their Ops compute them."""
    known = {v: v.data for v in variables if isinstance(v, Constant)}
    wanted = [v for v in dict.fromkeys(variables) if v not in known]
    mode = Mode("py", optimizer=RewriteDatabaseQuery(include=[]))
    with np.errstate(all="ignore"):
        function = pytensor.function(list(reference_values), wanted, mode=mode, on_unused_input="ignore")
        return known | dict(zip(wanted, function(*reference_values.values()), strict=True))


def _passed(node: Any, numbers: list[Numbers | None], values: Mapping[Graph, Any], ties: Ties) -> dict[Graph, Numbers]:
    shapes = [np.shape(values[v]) for v in node.outputs]
    out = _known(node, numbers, values, ties) if len(shapes) == 1 else None
    if out is not None and out.shape == shapes[0]:
        return {node.outputs[0]: out}
    whole = ties.join_all(*(n for n in numbers if n is not None))
    return {v: np.full(shape, whole, dtype=np.intp) for v, shape in zip(node.outputs, shapes, strict=True)}


def _known(node: Any, numbers: list[Numbers | None], values: Mapping[Graph, Any], ties: Ties) -> Numbers | None:
    """Return what comes out of an Op that is known, if only these inputs matter; None of others."""
    op, first = node.op, numbers[0]
    if isinstance(op, Shape | Shape_i):  # a length is no element
        return np.zeros(np.shape(values[node.outputs[0]]), dtype=np.intp)
    if isinstance(op, Elemwise):
        return _broadcast([n for n in numbers if n is not None], np.shape(values[node.outputs[0]]), ties)
    if isinstance(op, CAReduce) and first is not None:
        return ties.along(first, tuple(range(first.ndim)) if op.axis is None else tuple(op.axis))
    if isinstance(op, Blockwise):
        return _stacked(node, numbers, values, ties)
    if isinstance(op, MOVES_FIRST) and not any(n is not None for n in numbers[1:]):
        return None if first is None else _performed(node, [first, *(values[v] for v in node.inputs[1:])])
    if isinstance(op, AdvancedSubtensor):
        return _looked_up(node, numbers, values, ties)
    if isinstance(op, Join):
        return _performed(node, list(_filled(node.inputs, numbers, values)))
    if isinstance(op, MakeVector):
        return np.array(_filled(node.inputs, numbers, values), dtype=np.intp)
    return None


def _filled(inputs: Sequence[Graph], numbers: Sequence[Numbers | None], values: Mapping[Graph, Any]) -> list[Numbers]:
    return [
        np.zeros(np.shape(values[v]), dtype=np.intp) if n is None else n for v, n in zip(inputs, numbers, strict=True)
    ]


def _broadcast(numbers: Sequence[Numbers], shape: tuple[int, ...], ties: Ties) -> Numbers:
    whole = np.zeros(shape, dtype=np.intp)
    for n in numbers:
        whole = ties.join(whole, n)
    return whole


def _performed(node: Any, inputs: list[Any]) -> Numbers:
    storage: list[list[Any]] = [[None]]
    node.op.perform(node, inputs, storage)
    return np.array(storage[0][0], dtype=np.intp)


def _stacked(node: Any, numbers: list[Numbers | None], values: Mapping[Graph, Any], ties: Ties) -> Numbers:
    """Tie the elements of each matrix, where an Op computes matrix by matrix."""
    shape = np.shape(values[node.outputs[0]])
    n_batch = node.op.batch_ndim(node)
    batches = [ties.along(n, tuple(range(n_batch, n.ndim))) for n in numbers if n is not None]
    whole = _broadcast(batches, shape[:n_batch], ties)
    return np.array(np.broadcast_to(whole.reshape(*whole.shape, *(1,) * (len(shape) - n_batch)), shape))


def _looked_up(node: Any, numbers: list[Numbers | None], values: Mapping[Graph, Any], ties: Ties) -> Numbers | None:
    """Return what looking up in a table passes on: the numbers of the index; None where the table has some too."""
    if numbers[0] is not None:
        return None
    idx_list = node.op.idx_list
    indices: list[Any] = list(indices_from_subtensor([values[v] for v in node.inputs[1:]], idx_list))
    own: list[Any] = _filled(node.inputs[1:], numbers[1:], values)
    owners: list[Any] = list(indices_from_subtensor(own, idx_list))
    arrays = [i for i, index in enumerate(indices) if not isinstance(index, slice)]
    if any(np.asarray(indices[i]).dtype.kind == "b" for i in arrays):
        return None
    shape = np.broadcast_shapes(*(np.shape(indices[i]) for i in arrays))
    roots = _broadcast([np.asarray(owners[i], dtype=np.intp) for i in arrays], shape, ties)
    side_by_side = arrays == list(range(arrays[0], arrays[-1] + 1))
    out = np.shape(values[node.outputs[0]])
    after = len(out) - len(shape) - (arrays[0] if side_by_side else 0)
    return np.array(np.broadcast_to(roots.reshape(*shape, *(1,) * after), out))
