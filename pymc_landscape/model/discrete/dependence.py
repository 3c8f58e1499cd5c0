"""Which elements of discrete variables each element of a graph depends on, read off the graph's Ops.

Every element of the variables has a number, and so has every set of them that something is computed from. Ops that
only move elements move their numbers; elementwise ones and sums unite sets along the way; where an Op is not known, all
that comes out depends on all that goes in. So a dependence may be claimed that is not there, never the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.basic import Alloc, Join, MakeVector
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.shape import Reshape, Shape, Shape_i, SpecifyShape
from pytensor.tensor.subtensor import AdvancedSubtensor, Subtensor, indices_from_subtensor

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Graph

Numbers = NDArray[np.intp]

# Ops that move the elements of their first input as the others say.
MOVES_FIRST = (DimShuffle, Reshape, SpecifyShape, Subtensor, AdvancedSubtensor, Alloc)


class ElementSets:
    """Sets of elements by number: 0 is the empty one, then come single elements, from 1 on, then what is made of them.

    Parameters
    ----------
    total : int
        How many elements there are.

    Examples
    --------
    >>> sets = ElementSets(3)
    >>> sets.join(np.array([1, 2, 2]), np.array([3, 0, 2]))
    array([4, 2, 2])
    >>> sets.elements(4)
    (1, 3)
    """

    def __init__(self, total: int):
        self._sets: list[frozenset[int]] = [frozenset(), *(frozenset((i,)) for i in range(1, total + 1))]
        self._numbers = {own: i for i, own in enumerate(self._sets)}

    def elements(self, number: int) -> tuple[int, ...]:
        """Return the elements of a set, ascending."""
        return tuple(sorted(self._sets[number]))

    def union(self, numbers: Iterable[int]) -> int:
        """Return the number of the union of sets."""
        whole = frozenset().union(*(self._sets[n] for n in numbers))
        if whole not in self._numbers:
            self._numbers[whole] = len(self._sets)
            self._sets.append(whole)
        return self._numbers[whole]

    def join(self, one: Numbers, other: Numbers) -> Numbers:
        """Unite sets pair by pair."""
        one, other = np.broadcast_arrays(one, other)
        both = np.where(one > 0, one, other)
        open_ = (one > 0) & (other > 0) & (one != other)
        if open_.any():
            pairs, inverse = np.unique(np.stack([one[open_], other[open_]]), axis=1, return_inverse=True)
            both[open_] = np.array([self.union(pair) for pair in pairs.T.tolist()], dtype=np.intp)[inverse.ravel()]
        return both

    def join_all(self, *numbers: Numbers) -> int:
        """Unite all sets, and return the number of what they make."""
        return self.union(np.unique(np.concatenate([np.ravel(n) for n in numbers])).tolist())

    def along(self, numbers: Numbers, axes: tuple[int, ...]) -> Numbers:
        """Unite sets along axes, and drop these."""
        kept = [i for i in range(numbers.ndim) if i not in axes]
        moved = numbers.transpose(*kept, *axes)
        shape = moved.shape[: len(kept)]
        lines = moved.reshape(int(np.prod(shape)), -1)
        if not lines.shape[1]:
            return np.zeros(shape, dtype=np.intp)
        whole = lines.max(axis=1)
        several = np.flatnonzero(((lines != whole[:, None]) & (lines > 0)).any(axis=1))
        whole[several] = [self.join_all(lines[i]) for i in several.tolist()]
        return whole.reshape(shape)


@dataclass(frozen=True)
class Dependence:
    """Which elements of discrete variables the rows of log densities depend on.

    Parameters
    ----------
    rows : dict of str to array
        Number of the set of elements of each row of each log density, in its shape.
    elements : dict of str to array
        Number of each element of each variable, in its shape: 1, 2, ….
    sets : ElementSets
        The sets.
    """

    rows: dict[str, Numbers]
    elements: dict[str, Numbers]
    sets: ElementSets

    def scopes(self, name: str) -> list[tuple[int, ...]]:
        """Return the elements that each row of a log density depends on."""
        return [self.sets.elements(number) for number in self.rows[name].ravel().tolist()]

    @cached_property
    def components(self) -> Numbers:
        """Number of the component of each element: what meets, itself or through others, as it comes in the rows."""
        total = sum(n.size for n in self.elements.values())
        parent = list(range(total + 1))

        def root(element: int) -> int:
            while parent[element] != element:
                parent[element] = element = parent[parent[element]]
            return element

        numbers = np.concatenate([np.ravel(n) for n in self.rows.values()]).tolist() if self.rows else []
        used = [self.sets.elements(number) for number in dict.fromkeys(numbers)]
        for first, *others in filter(None, used):
            for other in others:
                parent[root(other)] = root(first)
        order: dict[int, int] = {}
        for elements in (*used, *((e,) for e in range(1, total + 1))):
            for element in elements[:1]:
                order.setdefault(root(element), len(order))
        return np.array([-1, *(order[root(e)] for e in range(1, total + 1))], dtype=np.intp)

    @cached_property
    def members(self) -> dict[str, Numbers]:
        """Number of the component of each element of each variable, in its shape."""
        return {name: self.components[numbers] for name, numbers in self.elements.items()}

    @cached_property
    def owners(self) -> dict[str, Numbers]:
        """Number of the component that each row of each log density depends on, in its shape; −1 for none."""
        firsts = {
            n: (self.sets.elements(n) or (0,))[0] for rows in self.rows.values() for n in np.unique(rows).tolist()
        }
        table = np.zeros(max(firsts, default=0) + 1, dtype=np.intp)
        table[list(firsts)] = list(firsts.values())
        return {name: self.components[table[rows]] for name, rows in self.rows.items()}

    @property
    def n_components(self) -> int:
        """How many components there are."""
        return int(self.components.max()) + 1


def dependence(
    graphs: Mapping[str, Graph],
    values: Mapping[str, Graph],
    shapes: Mapping[str, tuple[int, ...]],
    states: Mapping[str, NDArray[np.int64]],
    reference_values: Mapping[Graph, Any],
) -> Dependence:
    """Find which elements of discrete variables the rows of log densities depend on.

    Parameters
    ----------
    graphs : mapping of str to Graph
        Log densities.
    values : mapping of str to Graph
        What stands in them for each discrete variable.
    shapes : mapping of str to tuple
        Shape of each.
    states : mapping of str to array
        What an element of each can be.
    reference_values : mapping of Graph to array
        Numbers for all other inputs.
    """
    sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    firsts = np.cumsum([1, *sizes.values()])[:-1]
    elements = {n: np.reshape(f + np.arange(sizes[n]), shapes[n]) for n, f in zip(sizes, firsts.tolist(), strict=True)}
    sets = ElementSets(sum(sizes.values()))
    known = {values[name]: np.full(shapes[name], states[name][0], dtype=values[name].type.dtype) for name in shapes}
    sources = {values[name]: numbers for name, numbers in elements.items()}
    rows = rows_of_elements(list(graphs.values()), sources, {**reference_values, **known}, sets)
    return Dependence(dict(zip(graphs, rows, strict=True)), elements, sets)


def rows_of_elements(
    graphs: Sequence[Graph], sources: Mapping[Graph, Numbers], reference_values: Mapping[Graph, Any], sets: ElementSets
) -> list[Numbers]:
    """Return the number of the set of elements that each element of `graphs` depends on.

    Parameters
    ----------
    graphs : sequence of Graph
        Tensors without named dims.
    sources : mapping of Graph to array
        The discrete variables in them, with the numbers of their elements.
    reference_values : mapping of Graph to array
        Numbers for every other input of the graphs, and for the sources: for lengths and indices only.
    sets : ElementSets
        Changed: new sets are added.

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
            passed = _passed(node, [roots.get(v) for v in node.inputs], values, sets)
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
    """Return the numbers of variables, as their Ops compute them, node by node: a function of all is slow to make."""
    storage: dict[Graph, list[Any]] = {v: [v.type.filter(n, allow_downcast=True)] for v, n in reference_values.items()}
    order = io_toposort(list(reference_values), list(dict.fromkeys(variables)))
    for v in {*variables, *(v for node in order for v in node.inputs)}:
        if isinstance(v, Constant | SharedVariable) and v not in storage:
            storage[v] = [v.data if isinstance(v, Constant) else v.get_value(borrow=True)]
    is_computed = {v: [True] for v in storage}
    with np.errstate(all="ignore"):
        for node in order:
            storage.update({v: [None] for v in node.outputs})
            is_computed.update({v: [False] for v in node.outputs})
            node.op.make_thunk(node, storage, is_computed, [], impl="py")()
    return {v: storage[v][0] for v in variables}


def _passed(
    node: Any, numbers: list[Numbers | None], values: Mapping[Graph, Any], sets: ElementSets
) -> dict[Graph, Numbers]:
    shapes = [np.shape(values[v]) for v in node.outputs]
    out = _known(node, numbers, values, sets) if len(shapes) == 1 else None
    if out is not None and out.shape == shapes[0]:
        return {node.outputs[0]: out}
    whole = sets.join_all(*(n for n in numbers if n is not None))
    return {v: np.full(shape, whole, dtype=np.intp) for v, shape in zip(node.outputs, shapes, strict=True)}


def _known(node: Any, numbers: list[Numbers | None], values: Mapping[Graph, Any], sets: ElementSets) -> Numbers | None:
    """Return what comes out of an Op that is known, if only these inputs matter; None of others."""
    op, first = node.op, numbers[0]
    if isinstance(op, Shape | Shape_i):  # a length is no element
        return np.zeros(np.shape(values[node.outputs[0]]), dtype=np.intp)
    if isinstance(op, Elemwise):
        return _broadcast([n for n in numbers if n is not None], np.shape(values[node.outputs[0]]), sets)
    if isinstance(op, CAReduce) and first is not None:
        return sets.along(first, tuple(range(first.ndim)) if op.axis is None else tuple(op.axis))
    if isinstance(op, Blockwise):
        return _stacked(node, numbers, values, sets)
    if isinstance(op, MOVES_FIRST) and not any(n is not None for n in numbers[1:]):
        return None if first is None else _performed(node, [first, *(values[v] for v in node.inputs[1:])])
    if isinstance(op, AdvancedSubtensor):
        return _looked_up(node, numbers, values, sets)
    if isinstance(op, Join):
        return np.concatenate(_filled(node.inputs, numbers, values), axis=op.axis)
    if isinstance(op, MakeVector):
        return np.array(_filled(node.inputs, numbers, values), dtype=np.intp)
    return None


def _filled(inputs: Sequence[Graph], numbers: Sequence[Numbers | None], values: Mapping[Graph, Any]) -> list[Numbers]:
    return [
        np.zeros(np.shape(values[v]), dtype=np.intp) if n is None else n for v, n in zip(inputs, numbers, strict=True)
    ]


def _broadcast(numbers: Sequence[Numbers], shape: tuple[int, ...], sets: ElementSets) -> Numbers:
    whole = np.zeros(shape, dtype=np.intp)
    for n in numbers:
        whole = sets.join(whole, n)
    return whole


def _performed(node: Any, inputs: list[Any]) -> Numbers:
    storage: list[list[Any]] = [[None]]
    node.op.perform(node, inputs, storage)
    return np.array(storage[0][0], dtype=np.intp)


def _stacked(node: Any, numbers: list[Numbers | None], values: Mapping[Graph, Any], sets: ElementSets) -> Numbers:
    """Unite the sets of each matrix, where an Op computes matrix by matrix."""
    shape = np.shape(values[node.outputs[0]])
    n_batch = node.op.batch_ndim(node)
    batches = [sets.along(n, tuple(range(n_batch, n.ndim))) for n in numbers if n is not None]
    whole = _broadcast(batches, shape[:n_batch], sets)
    return np.array(np.broadcast_to(whole.reshape(*whole.shape, *(1,) * (len(shape) - n_batch)), shape))


def _looked_up(
    node: Any, numbers: list[Numbers | None], values: Mapping[Graph, Any], sets: ElementSets
) -> Numbers | None:
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
    roots = _broadcast([np.asarray(owners[i], dtype=np.intp) for i in arrays], shape, sets)
    side_by_side = arrays == list(range(arrays[0], arrays[-1] + 1))
    out = np.shape(values[node.outputs[0]])
    after = len(out) - len(shape) - (arrays[0] if side_by_side else 0)
    return np.array(np.broadcast_to(roots.reshape(*shape, *(1,) * after), out))
