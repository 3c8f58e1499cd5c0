"""A whole block of points at once through NumPy, with nothing compiled to machine code.

The first picture of a model should not wait for a compiler. PyTensor can evaluate a vectorised graph Op by Op with
NumPy; that is ready in half a second, whatever the model. Three things stand between that and a fast, exact answer,
and this module holds one rule for each:

* parameter checks are turned into -inf *before* vectorising, so that one bad point does not spoil its block;
* the stabilising rewrites stay on (``log1p(-p)`` of a sigmoid must not underflow), the fusing ones go: a fused
  elementwise Op has no NumPy function and would run element by element in Python;
* the few scalar Ops and triangular solves that have no array function of their own get one here.

The points of a grid differ along few of its axes, and those of a line along one. What depends on other parameters alone
is evaluated once a block: they are read as arrays of one point, which NumPy broadcasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor
from numpy.typing import NDArray
from pytensor import tensor as pt
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.traversal import graph_inputs, toposort

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.backend import Backend, in_common, point_by_point
from pymc_landscape.engine.interpreter import (
    NO_TRACEBACKS,
    InterpretedGraphs,
    StoredPrograms,
    interpreted_cost,
    interpreter_mode,
    vectorized,
    without_symbolic_ops,
)
from pymc_landscape.numerics import WRITING

# 2**17 doubles are a MiB: what is in flight stays near the second-level cache, and calls are few.
BLOCK_ELEMENTS = 2**17
# Numbers that two ways to the same lines of NumPy differ by at most: sums and products may be taken in another order.
AGREEING = 1e-9
# Blocks of further kinds are evaluated as they are.
MOST_KINDS = 1000


def numpy_backend(
    vector: Graph, graphs: Sequence[Graph], *, written_out: bool = False, stored: StoredPrograms | None = None
) -> Backend:
    """Return the graphs as functions of blocks of points, Op by Op with NumPy; one by one what cannot be vectorised.

    Parameters
    ----------
    vector : Graph
        The flat input of `graphs`, k long.
    graphs : sequence of Graph
        Graphs of one point each, their parameter checks settled.
    written_out : bool
        Whether they are so large that no canonical form is sought.
    stored : StoredPrograms, optional
        Where the function is kept for other processes.

    Returns
    -------
    Backend
        Its blocks are so large that the work stays in the processor's cache.
    """
    if stored is not None and (found := stored.load("blocks")):
        return Backend(_Blocks(found.function), block=found.beside, cost=found.cost)
    try:
        return _in_blocks(vector, graphs, written_out, stored)
    except NotImplementedError:
        cost = interpreted_cost(list(toposort(graphs)), list(graph_inputs(graphs)), in_blocks=False)
        return Backend(point_by_point(vector, graphs, mode=interpreter_mode(written_out)), block=1, cost=cost)


def _in_blocks(vector: Graph, graphs: Sequence[Graph], written_out: bool, stored: StoredPrograms | None) -> Backend:
    points = vector.type.clone(shape=(None, *vector.type.shape))("points")
    with WRITING, pytensor.config.change_flags(cxx="", **NO_TRACEBACKS):
        written = _vectorized(graphs, {vector: points})
        batch = [_repeated(one, many, points) for one, many in zip(graphs, written, strict=True)]
    interpreted = InterpretedGraphs([points], without_symbolic_ops(batch), written_out=written_out, stored=stored)
    block = _block_size(interpreted.fgraph)
    program = interpreted.program(name="blocks", beside=block, in_blocks=True)
    return Backend(_Blocks(program.function), block=block, cost=program.cost)


def _vectorized(graphs: Sequence[Graph], replacements: dict[Graph, Graph]) -> list[Graph]:
    try:
        return vectorized(graphs, replacements)
    except Exception as error:  # how an Op is vectorised is its own affair, and goes wrong in its own ways
        raise NotImplementedError(f"The graph cannot be written for many points: {error}") from error


def _repeated(one: Graph, many: Graph, points: Graph) -> Graph:
    """Return one value a point, also of a graph that does not depend on it."""
    return many if many.type.ndim > one.type.ndim else pt.alloc(many, points.shape[0], *many.shape)


def _block_size(fgraph: FunctionGraph) -> int:
    """Points in a block, from the widest array that one point needs."""
    shapes = [getattr(variable.type, "shape", ()) for variable in fgraph.variables]
    batched = [shape for shape in shapes if shape[:1] == (None,)]
    widest = max((int(np.prod([s for s in shape if s])) for shape in batched), default=1)
    return int(np.clip(BLOCK_ELEMENTS // widest, 1, BLOCK_ELEMENTS))


class _Blocks:
    """A function of blocks of points, which reads what is the same in all points of a block as one.

    Whether that gives the same numbers hangs on the Ops, on how many points there are, and on which elements these have
    in common. A block the like of which has not been seen is evaluated as it is, the second of its kind in both ways,
    and the others as one where the two agreed.

    Parameters
    ----------
    function : callable
        From points (n, k) to one array (n, ...) an output, by lines of NumPy.
    """

    def __init__(self, function: Callable[[Any], list[Array]]):
        self._function = function
        self._seen: dict[tuple[int, bytes], bool | None] = {}  # whether both ways agreed; None where it is not known

    def __call__(self, points: Array) -> list[Array]:
        """Return one array (n, ...) an output."""
        same = in_common(points)
        if len(points) < 2 or not same.any():
            return self._function(points)
        kind = len(points), same.tobytes()
        if self._seen.get(kind):
            return self._by_columns(points, same)
        values = self._function(points)
        if kind in self._seen and self._seen[kind] is None:
            self._seen[kind] = self._agrees(points, same, values)
        elif len(self._seen) < MOST_KINDS:
            self._seen.setdefault(kind, None)
        return values

    def _by_columns(self, points: Array, same: NDArray[np.bool_]) -> list[Array]:
        return [_for_all(value, len(points)) for value in self._function(_Columns(points, same))]

    def _agrees(self, points: Array, same: NDArray[np.bool_], values: Sequence[Array]) -> bool:
        try:
            found = self._by_columns(points, same)
        except Exception:  # an Op that does not broadcast, or that asks how many points there are
            return False
        return all(
            np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=AGREEING, atol=AGREEING, equal_nan=True)
            for one, other in zip(found, values, strict=True)
        )


class _Columns:
    """Points (n, k) of which those columns are read as arrays of one point that hold one value; no array itself."""

    def __init__(self, points: Array, same: NDArray[np.bool_]):
        self._points, self._same = points, same[None]

    def __getitem__(self, index: tuple[Any, ...]) -> Array:
        one = index[0] == slice(None) and self._same[index].all()
        part: Array = (self._points[:1] if one else self._points)[index]
        return part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        raise TypeError("Expected parts of the points to be read, got a look at all of them.")


def _for_all(value: Array, n: int) -> Array:
    """Return the values of n points, also where they are those of one."""
    return value if len(value) == n else np.repeat(value, n, axis=0)
