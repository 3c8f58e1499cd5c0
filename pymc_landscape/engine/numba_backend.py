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
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array
from pytensor.compile.mode import get_mode, optdb
from pytensor.graph.basic import Apply
from pytensor.graph.fg import FunctionGraph, Output
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import (
    numba_funcify,
    numba_funcify_ensure_cache,
    numba_njit,
    register_funcify_default_op_cache_key,
)
from pytensor.scalar.basic import ScalarOp, ScalarType
from pytensor.tensor.basic import TensorFromScalar
from pytensor.tensor.math import Dot
from pytensor.tensor.rewriting.scalarize import ScalarSubtensor

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.backend import Backend
from pymc_landscape.engine.kernel_cache import LIFTED_FROM, SOURCE_VERSION
from pymc_landscape.engine.row_sums import RowSums, with_row_sums

# No mode asks for this rewrite but ours.
MATVEC = "landscape_matvec"


# Ops on numbers: PyTensor keeps the code of each Op on disk by itself, which then is called and not inlined.
OF_NUMBERS = (ScalarOp, RowSums, ScalarSubtensor)


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
    return Backend(kernel, fill=kernel.fill, parallel=not kernel.object_mode)


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
            self._loop = _compile_loop(fgraph, n_data)
        self.object_mode = any("object mode" in str(w.message) for w in caught)
        self._lengths = list(lengths)
        self(np.zeros((0, vector.type.shape[0])))  # compiles, or loads from disk, here and not later

    def __call__(self, points: Array) -> list[Array]:
        """Return one (G, ...) array an output for points (G, k)."""
        outs = [np.empty((len(points), *([n] if n is not None else []))) for n in self._lengths]
        self.fill(points, outs)
        return outs

    def fill(self, points: Array, outs: Sequence[Array]) -> None:
        """Write the outputs for points (G, k) into arrays (G, ...), without a copy in between."""
        data = [storage[0] for storage in self._shared] + self._constants
        self._loop(np.ascontiguousarray(points), *outs, *data)


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


def _compile_loop(fgraph: FunctionGraph, n_data: int) -> Callable[..., None]:
    """Write the loop over points, and let numba compile it or find it on disk."""
    row, key = numba_funcify_ensure_cache(fgraph)
    if all(isinstance(node.op, OF_NUMBERS) for node in fgraph.apply_nodes):
        with pytensor.config.change_flags(numba__cache=False):
            row = numba_funcify(fgraph)
    kinds = "".join("n" if isinstance(o.type, ScalarType) else str(o.type.ndim) for o in fgraph.outputs)
    cache_key = key and f"pymc_landscape_{SOURCE_VERSION}_{key}_{n_data}_{kinds}"
    function = compile_numba_function_src(
        _loop_source(n_data, kinds),
        "loop_over_points",
        # numba looks the module's name up when it loads a cached function
        global_env={"__name__": __name__, "row": row, "uncounted": _uncounted},
        cache_key=cache_key,
    )
    return numba_njit(function, final_function=True, nogil=True, cache=key is not None)


@intrinsic
def _uncounted(typing_context: Any, array: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the same array without a count of references, which costs 5 ns an array, an Op and a point."""

    # whoever called the loop holds the array meanwhile
    def generate(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
        kind = signature.return_type
        make: Any = make_array(kind)  # type: ignore[no-untyped-call]
        given, made = make(context, builder, arguments[0]), make(context, builder)
        shape, strides = (unpack_tuple(builder, v, kind.ndim) for v in (given.shape, given.strides))  # type: ignore[no-untyped-call]
        populate_array(made, given.data, shape, strides, given.itemsize, None)  # type: ignore[no-untyped-call]
        return made._getvalue()

    return array(array), generate


def _loop_source(n_data: int, kinds: str) -> str:
    """Source of the loop: an output is a number (n), an array of no dims (0), or a vector (1).

    Elements are copied one by one: assigning an array costs 2.5 s of compiling.
    """
    data = "".join(f", d{i}" for i in range(n_data))
    outs = "".join(f", o{i}" for i in range(len(kinds)))
    results = "".join(f"r{i}, " for i in range(len(kinds)))
    lines = [
        f"def loop_over_points(points{outs}{data}):",
        "    points = uncounted(points)",
        *(f"    d{i} = uncounted(d{i})" for i in range(n_data)),
        "    for g in range(points.shape[0]):",
        f"        {results}= row(points[g]{data})",
    ]
    copies = {
        "n": "        o{i}[g] = r{i}",
        "0": "        o{i}[g] = r{i}[()]",
        "1": "        for j in range(o{i}.shape[1]):\n            o{i}[g, j] = r{i}[j]",
    }
    return "\n".join([*lines, *(copies[kind].format(i=i) for i, kind in enumerate(kinds))]) + "\n"
