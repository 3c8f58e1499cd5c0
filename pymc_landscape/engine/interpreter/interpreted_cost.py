"""How long NumPy takes for a graph: a count of calls and of elements, the same on every machine and under every load.

What is chosen by it would otherwise be chosen by a clock, and the last digits of results, which differ from one back
end to the next, would depend on what else the machine is doing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant
from pytensor.scalar.basic import Cast
from pytensor.scalar.loop import ScalarLoop
from pytensor.scan.op import Scan
from pytensor.tensor.basic import Join, Split
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.exceptions import NotScalarConstantError
from pytensor.tensor.math import Dot
from pytensor.tensor.shape import Reshape, SpecifyShape
from pytensor.tensor.subtensor import Subtensor, get_constant_idx

from pymc_landscape._typing import Graph

# Where elements of a vector begin and end.
Places = frozenset[tuple[int, int]]

# Seconds on a processor of the 2020s: of a call; of an element of arithmetic, of an elementary function, and of a
# special one; of a product inside a matrix product or a factorisation.
CALL, ARITHMETIC, ELEMENTARY, SPECIAL, PRODUCT = 7e-7, 1e-9, 4e-9, 1e-8, 5e-11
# Of an Op that is called for each point of a block by itself.
EACH = 3e-6
# Steps of a loop of unknown length; terms of a series.
STEPS, TERMS = 100, 10
# Points of which the seconds of one are found.
MANY = 2**10
_ELEMENTARY = {
    *("exp", "expm1", "log", "log1p", "log2", "log10", "power", "sin", "cos", "tan", "tanh", "sinh", "cosh"),
    *("arcsin", "arccos", "arctan", "arctan2", "arcsinh", "arccosh", "arctanh"),
}
# Of a function that reads elements in more combinations than this, no parts are told.
MOST_PARTS = 100
# What looks at an array in another way, and touches no element.
_VIEWS = (DimShuffle, Reshape, SpecifyShape, Subtensor)


class InterpretedCost(NamedTuple):
    """Counted seconds of a function.

    Parameters
    ----------
    call : float
        Of a call, whatever its points.
    point : float
        Of each point in it.
    parts : sequence of (sequence of (int, int), float)
        What of that depends on some elements of the points alone: where these begin and end, and the seconds.
    """

    call: float
    point: float = 0.0
    parts: Sequence[tuple[Sequence[tuple[int, int]], float]] = ()

    def of(self, n_points: int, block: int | None = None, same: NDArray[np.bool_] | None = None) -> float:
        """Return the seconds for so many points in one call, or in blocks.

        Parameters
        ----------
        n_points : int
            How many.
        block : int, optional
            In blocks of so many.
        same : array (k,) of bool, optional
            Which elements all points of a block have in common: what depends on these alone is done once.
        """
        n_calls, point = -(-n_points // (block or n_points or 1)), self.point
        if same is not None:
            point -= sum(seconds for places, seconds in self.parts if all(same[a:b].all() for a, b in places))
        return n_calls * self.call + n_points * point


class Program(NamedTuple):
    """A function of graphs, what it costs to call it, and what is kept with it."""

    function: Callable[..., Any]
    cost: InterpretedCost
    beside: Any = None


def interpreted_cost(nodes: Sequence[Apply[Any]], shared: Sequence[Graph], in_blocks: bool) -> InterpretedCost:
    """Return how many seconds NumPy takes for nodes, about; numbers that depend on nothing but them.

    Parameters
    ----------
    nodes : sequence of Apply
        Nodes of a rewritten graph.
    shared : sequence of Graph
        Data that may change: axes of unknown length are taken for as long as the longest of theirs.
    in_blocks : bool
        Whether the nodes are of a block of points: a first axis of unknown length is that of the points then.
    """
    counted = _Count(shared, in_blocks)
    none = counted.seconds(nodes, 0)
    if not in_blocks:
        return InterpretedCost(none)
    seconds = [(counted.seconds([node], MANY) - counted.seconds([node], 0)) / MANY for node in nodes]
    parts: dict[Places, float] = {}
    for read, own in zip(_places_read(nodes), seconds, strict=False):
        parts[read] = parts.get(read, 0.0) + own
    told = tuple((tuple(sorted(places)), own) for places, own in parts.items() if places and own > 0.0)
    return InterpretedCost(none, sum(seconds), told if len(told) <= MOST_PARTS else ())


def _places_read(nodes: Sequence[Apply[Any]]) -> list[Places]:
    """Return on which elements of the points of a block each node depends; nothing where one looks at all points."""
    known: dict[Graph, Places] = {}
    found: list[Places] = []
    for node in nodes:
        is_read = any(_is_block_of_points(v) for v in node.inputs)
        own = _read_of_points(node) if is_read else frozenset().union(*(known.get(v, ()) for v in node.inputs))
        if own is None:
            return []
        known |= dict.fromkeys(node.outputs, own)
        found.append(own)
    return found


def _is_block_of_points(variable: Graph) -> bool:
    is_input = variable.owner is None and not isinstance(variable, SharedVariable | Constant)
    return is_input and getattr(variable.type, "shape", ())[:1] == (None,)


def _read_of_points(node: Apply[Any]) -> Places | None:
    """Return which elements a node reads of each point of a block; None where it does anything else with the block."""
    if not isinstance(node.op, Subtensor):
        return None
    try:
        index = get_constant_idx(node.op.idx_list, node.inputs, allow_partial=False)
    except NotScalarConstantError:
        return None
    if len(index) != 2 or index[0] != slice(None):
        return None
    read = range(node.inputs[0].type.shape[1])[index[1]]
    places = [read] if isinstance(read, int) else list(read)
    return frozenset([(min(places), max(places) + 1)] if places else [])


class _Count:
    """Seconds of nodes, axes of unknown length as long as those of data."""

    def __init__(self, shared: Sequence[Graph], in_blocks: bool):
        values = [v.get_value(borrow=True) for v in shared if isinstance(v, SharedVariable)]
        shapes = [np.shape(value) for value in values]
        self.longest = max((n for shape in shapes for n in shape), default=1)
        self.largest = max((int(np.prod(shape)) for shape in shapes), default=1)
        self.in_blocks = in_blocks

    def seconds(self, nodes: Sequence[Apply[Any]], n_points: int) -> float:
        """Return the seconds of a call for so many points."""
        return sum(CALL + self._of_elements(node, n_points) for node in nodes)

    def _of_elements(self, node: Apply[Any], n: int) -> float:
        op: Any = node.op
        if isinstance(op, _VIEWS):
            return 0.0
        if isinstance(op, Scan):
            return self._length(node.inputs[0]) * self.seconds(list(op.fgraph.apply_nodes), n)
        if isinstance(op, Elemwise) and isinstance(op.scalar_op, ScalarLoop):
            inner = op.scalar_op.fgraph.apply_nodes
            size = self._size(node.outputs[0], n)
            return TERMS * sum(CALL + size * _of_element(step.op) for step in inner)
        if isinstance(op, Elemwise):
            return self._size(node.outputs[0], n) * _of_element(op.scalar_op)
        size = max((self._size(v, n) for v in (*node.inputs, *node.outputs)), default=1)
        core = op.core_op if isinstance(op, Blockwise) else op
        if isinstance(core, Join | Split | CAReduce):
            return size * ARITHMETIC
        if not (isinstance(core, Dot) or "linalg" in type(core).__module__):
            return size * ARITHMETIC + self._calls(node, n) * EACH
        rows, columns = [1, 1, *(self.longest if m is None else m for m in node.inputs[0].type.shape)][-2:]
        if isinstance(core, Dot):
            return self._size(node.outputs[0], n) * columns * PRODUCT
        return self._calls(node, n) * EACH + size * min(rows, columns) * PRODUCT

    def _calls(self, node: Apply[Any], n: int) -> int:
        """Return how often an Op is called beside the first time."""
        op: Any = node.op
        if not isinstance(op, Blockwise) or op.gufunc_spec or getattr(op.core_op, "gufunc_spec", None):
            return 0
        return max(self._product(node.outputs[0].type.shape[: op.batch_ndim(node)], n) - 1, 0)

    def _length(self, steps: Graph) -> int:
        if isinstance(steps, Constant):
            return int(steps.data)
        return self.longest if self.longest > 1 else STEPS

    def _size(self, variable: Graph, n_points: int) -> int:
        return self._product(getattr(variable.type, "shape", ()), n_points)

    def _product(self, shape: Sequence[int | None], n_points: int) -> int:
        size = int(np.prod([m for m in shape if m is not None]))
        unknown = sum(m is None for m in shape)
        if self.in_blocks and shape and shape[0] is None:
            size, unknown = size * n_points, unknown - 1
        return size * (1, self.longest, self.largest)[min(unknown, 2)]


def _of_element(scalar_op: Any) -> float:
    """Return the seconds for an element, by the name of NumPy's or SciPy's function."""
    if isinstance(scalar_op, Cast):
        return ARITHMETIC
    name = (getattr(scalar_op, "nfunc_spec", None) or ("scipy.",))[0]
    if name.startswith("scipy."):
        return SPECIAL
    return ELEMENTARY if name in _ELEMENTARY else ARITHMETIC


def is_arithmetic(scalar_op: Any) -> bool:
    """Whether a scalar Op is arithmetic, a comparison or a choice; not a function that is elementary or special."""
    return _of_element(scalar_op) == ARITHMETIC
