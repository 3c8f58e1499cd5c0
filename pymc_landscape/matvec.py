"""A matrix times a vector, in place of PyTensor's general product.

Numba needs half a minute to compile the general product for the first time, and seconds for this one; it runs as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key
from pytensor.tensor.math import Dot

from pymc_landscape.aliases import Array, Graph

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
    left: Graph
    right: Graph
    left, right = node.inputs
    multiply: Graph = MatVec()
    if any(v.type.ndim != 2 or v.type.dtype != "float64" for v in (left, right)):
        return None
    if right.type.shape[1] == 1:
        return [multiply(left, right[:, 0])[:, None]]
    if left.type.shape[0] == 1:
        return [multiply(right.T, left[0])[None, :]]
    return None


optdb.register(MATVEC, in2out(_dot_to_matvec, name=MATVEC), position=1.9)
