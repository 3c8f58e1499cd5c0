"""One compiled loop over points: numba's machine code around PyTensor's own graph function.

Once it is on disk, this is the fast way. Four ideas make it so:

* ``pm.compile`` is asked only to *rewrite* the graph; numba compiles lazily, so nothing is compiled twice.
* Array constants of the rewritten graph become trailing arguments. Compile time and disk-cache key then do not depend
  on the data. They are passed *read-only*, the numba type of PyTensor's constants, so that code which a user's own
  ``pm.sample`` left on disk is used again.
* The loop is written as source and registered in PyTensor's disk cache. It is serial and releases the GIL: chunks run
  on a thread pool. Numba's ``prange`` would lose exceptions and leave garbage behind.
* A matrix times a vector gets an Op of its own: numba needs half a minute to compile PyTensor's general product for
  the first time, and seconds for this one, which runs as fast.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.compile.mode import get_mode, optdb
from pytensor.graph.basic import Apply
from pytensor.graph.fg import FunctionGraph, Output
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key
from pytensor.tensor.basic import TensorFromScalar
from pytensor.tensor.math import Dot

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.backend import Backend, Fill, Run
from pymc_landscape.engine.kernel_cache import LIFTED_FROM
from pymc_landscape.engine.point_loop import compile_loop
from pymc_landscape.engine.row_sums import with_row_sums

# No mode asks for this rewrite but ours.
MATVEC = "landscape_matvec"


class MatVec(Op):
    """Product of a matrix and a vector."""

    __props__ = ()

    def make_node(self, *inputs: Graph) -> Apply[Any]:
        """Return the node that multiplies a matrix (m, n) by a vector (n,)."""
        matrix, vector = inputs
        out = pt.TensorType("float64", shape=(matrix.type.shape[0],))()
        return Apply(self, [matrix, vector], [out])

    def perform(self, node: Apply[Any], inputs: Sequence[Array], output_storage: list[list[Any]]) -> None:
        """Multiply with NumPy."""
        output_storage[0][0] = inputs[0] @ inputs[1]


@register_funcify_default_op_cache_key(MatVec)
def _compile_matvec(op: MatVec, node: Apply[Any], **kwargs: Any) -> tuple[Callable[..., Any], int]:
    @numba_njit
    def matvec(a: Array, x: Array) -> Array:
        m, n = a.shape
        out = np.zeros(m)
        if abs(a.strides[0]) >= abs(a.strides[1]):  # rows lie together: one dot product a row
            for i in range(m):
                total = 0.0
                for j in range(n):
                    total += a[i, j] * x[j]
                out[i] = total
        else:  # columns lie together: add up columns
            for j in range(n):
                for i in range(m):
                    out[i] += a[i, j] * x[j]
        return out

    return matvec, 1


@node_rewriter([Dot])
def _dot_to_matvec(fgraph: Any, node: Apply[Any]) -> list[Graph] | None:
    first: Graph
    second: Graph
    first, second = node.inputs
    multiply: Graph = MatVec()
    if any(v.type.ndim != 2 or v.type.dtype != "float64" for v in (first, second)):
        return None
    if second.type.shape[1] == 1:
        return [multiply(first, second[:, 0])[:, None]]
    if first.type.shape[0] == 1:
        return [multiply(second.T, first[0])[None, :]]
    return None


optdb.register(MATVEC, in2out(_dot_to_matvec, name=MATVEC), position=1.9)


def numba_backend(vector: Graph, graphs: Sequence[Graph], lengths: Sequence[int | None]) -> Backend:
    """Return the graphs as a compiled loop over points; threads help where no Op has to stay in Python.

    Parameters
    ----------
    vector : Graph
        The flat input.
    graphs : sequence of Graph
        One graph an output, a float64 scalar or vector of one point.
    lengths : sequence of int or None
        The length of each output that is a vector, None for a scalar.
    """
    kernel = Kernel(vector, graphs, lengths)
    return Backend(kernel, fill=kernel.fill, parallel=not kernel.object_mode, bound=kernel.bound)


class Kernel:
    """A compiled function of many points, and the data that it needs.

    Parameters
    ----------
    vector : Graph
        As in `numba_backend`.
    graphs : sequence of Graph
        As in `numba_backend`.
    lengths : sequence of int or None
        As in `numba_backend`.

    Attributes
    ----------
    object_mode : bool
        Whether an Op had to stay in Python, so that threads cannot help.
    """

    def __init__(self, vector: Graph, graphs: Sequence[Graph], lengths: Sequence[int | None]):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            function = _rewrite(vector, graphs)
            fgraph, self._constants = _lift_constants(function.maker.fgraph)
            self._shared = [container.storage for container in function.input_storage[1:]]
            n_data = len(self._shared) + len(self._constants)
            with_row_sums(fgraph)
            _return_scalars(fgraph)
            self._loop = compile_loop(fgraph, n_data)
        self.object_mode = any("object mode" in str(w.message) for w in caught)
        self._lengths = list(lengths)
        self(np.zeros((0, vector.type.shape[0])))  # compiles, or loads from disk, here and not later

    def __call__(self, points: Array, data: Sequence[Array] | None = None) -> list[Array]:
        """Return one (G, ...) array an output for points (G, k), on `data` or those of this thread."""
        outs = [np.empty((len(points), *([n] if n is not None else []))) for n in self._lengths]
        self.fill(points, outs, data)
        return outs

    def fill(self, points: Array, outs: Sequence[Array], data: Sequence[Array] | None = None) -> None:
        """Write the outputs for points (G, k) into arrays (G, ...), without a copy in between."""
        self._loop(np.ascontiguousarray(points), *outs, *(self._data() if data is None else data))

    def bound(self) -> tuple[Run, Fill]:
        """Return the two functions above on the data of this thread, for other threads to call."""
        data = self._data()
        return partial(self, data=data), partial(self.fill, data=data)

    def _data(self) -> list[Array]:
        return [storage[0] for storage in self._shared] + self._constants


def _rewrite(vector: Graph, graphs: Sequence[Graph]) -> Any:
    """Let PyTensor prepare the graphs for numba; nothing is compiled until the function is called."""
    mode = get_mode("NUMBA").including(MATVEC)
    return pm.pytensorf.compile([vector], graphs, mode=mode, on_unused_input="ignore", trust_input=True)


def _lift_constants(fgraph: FunctionGraph) -> tuple[FunctionGraph, list[Array]]:
    """Turn the array constants of a rewritten graph into trailing inputs."""
    fgraph = fgraph.clone(check_integrity=False)
    lifted: dict[Graph, Graph] = {}
    for node in fgraph.toposort():
        for constant in node.inputs:
            data = getattr(constant, "data", None)
            if isinstance(data, np.ndarray) and data.size >= LIFTED_FROM:
                lifted.setdefault(constant, constant.type())
    for constant, variable in lifted.items():
        fgraph.add_input(variable)
        fgraph.replace(constant, variable, import_missing=True, reason="lift_constants")
    return fgraph, [_read_only(constant.data) for constant in lifted]


def _return_scalars(fgraph: FunctionGraph) -> None:
    """Let numbers leave the graph as numbers: an array of one number costs an allocation at each point."""
    for output in list(fgraph.outputs):
        if output.owner is not None and isinstance(output.owner.op, TensorFromScalar):
            for node, i in [client for client in fgraph.clients[output] if isinstance(client[0].op, Output)]:
                fgraph.change_node_input(node, i, output.owner.inputs[0], check=False)


def _read_only(data: Array) -> Array:
    copy = np.array(data, order="C")
    copy.flags.writeable = False
    return copy
