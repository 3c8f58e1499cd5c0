"""What a graph of one number a row is linear in: Σ φⱼ xᵢⱼ + oᵢ, found Op by Op.

φ are graphs that are the same for all rows, x and o are numbers. Nothing is guessed or differentiated: a graph that
holds another Op than those known here is no linear predictor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor import scalar as ps
from pytensor.graph.basic import Apply
from pytensor.tensor.basic import Alloc
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.math import Sum
from pytensor.tensor.subtensor import AdvancedSubtensor

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.model import constant_value

# More columns than this are not gathered: what they cost a point grows with their square.
MOST_COLUMNS = 64


@dataclass(frozen=True)
class LinearPredictor:
    """Numbers by row that are Σ φⱼ xᵢⱼ + oᵢ.

    Parameters
    ----------
    factors : tuple of Graph
        Vectors, φ when they are joined.
    columns : tuple of array (n, m)
        The columns of x that belong to each of them.
    offset : array (n,)
        o.
    """

    factors: tuple[Graph, ...]
    columns: tuple[Array, ...]
    offset: Array

    @property
    def matrix(self) -> Array:
        """The matrix x (n, k)."""
        return np.concatenate([np.zeros((len(self.offset), 0)), *self.columns], axis=1)

    @property
    def size(self) -> int:
        """The number k of columns."""
        return sum(columns.shape[1] for columns in self.columns)

    def plus(self, other: LinearPredictor) -> LinearPredictor:
        """Return the sum of two."""
        return LinearPredictor(self.factors + other.factors, self.columns + other.columns, self.offset + other.offset)

    def by_row(self, numbers: Array) -> LinearPredictor:
        """Return the product with a number a row."""
        columns = tuple(c * numbers[:, None] for c in self.columns)
        return LinearPredictor(self.factors, columns, self.offset * numbers)

    def times(self, factor: Graph) -> LinearPredictor:
        """Return the product with a graph that is the same for all rows."""
        factors = tuple(f * factor for f in self.factors)
        if not self.offset.any():
            return LinearPredictor(factors, self.columns, self.offset)
        own, column = pt.atleast_1d(factor), self.offset[:, None]
        return LinearPredictor((*factors, own), (*self.columns, column), np.zeros_like(self.offset))


def linear_predictor(graph: Graph, n_rows: int) -> LinearPredictor | None:
    """Return what a graph is linear in.

    Parameters
    ----------
    graph : Graph
        A vector of `n_rows` numbers, or one number for all rows.
    n_rows : int
        The number n of rows.

    Returns
    -------
    LinearPredictor or None
        None if the graph is not seen to be linear, or if its data may change.
    """
    return _found(pt.as_tensor(graph), n_rows)


def _found(graph: Graph, n: int) -> LinearPredictor | None:
    if graph.type.ndim > 1:
        return None
    if (value := constant_value(graph)) is not None:
        return LinearPredictor((), (), np.broadcast_to(value.astype(float), (n,)))
    if all(graph.type.broadcastable):  # one number for all rows
        own = graph[None] if graph.type.ndim == 0 else graph
        return LinearPredictor((own.astype("float64"),), (np.ones((n, 1)),), np.zeros(n))
    if graph.owner is None or graph.type.shape[0] != n:
        return None
    for find in (_elementwise, _product, _row_sums, _gathered, _repeated):
        if (found := find(graph.owner, n)) is not None:
            return found if found.size <= MOST_COLUMNS else None
    return None


def _elementwise(node: Apply[Any], n: int) -> LinearPredictor | None:
    op = getattr(node.op, "scalar_op", None)
    if not isinstance(node.op, Elemwise) or not isinstance(op, ps.Add | ps.Sub | ps.Neg | ps.Mul | ps.TrueDiv):
        return None
    parts = [_found(v, n) for v in node.inputs]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if isinstance(op, ps.Add | ps.Sub | ps.Neg):
        signs = {ps.Add: [1.0] * len(known), ps.Sub: [1.0, -1.0], ps.Neg: [-1.0]}[type(op)]
        total = LinearPredictor((), (), np.zeros(n))
        for part, sign in zip(known, signs, strict=True):
            total = total.plus(part if sign > 0 else part.by_row(np.full(n, sign)))
        return total
    return _multiplied(node.inputs, known, isinstance(op, ps.TrueDiv))


def _multiplied(graphs: Sequence[Graph], parts: Sequence[LinearPredictor], is_divided: bool) -> LinearPredictor | None:
    """Multiply one predictor by numbers of all rows and by graphs that are the same for them."""
    moving = [i for i, p in enumerate(parts) if p.size and not all(graphs[i].type.broadcastable)]
    if len(moving) > 1 or (is_divided and moving == [1]):
        return None
    first = moving[0] if moving else 0
    out = parts[first]
    for i, part in enumerate(parts):
        if i == first:
            continue
        if not part.size:
            with np.errstate(all="ignore"):
                out = out.by_row(1.0 / part.offset if is_divided else part.offset)
        else:
            out = out.times(pt.reciprocal(part.factors[0]) if is_divided else part.factors[0])
    return out


def _product(node: Apply[Any], n: int) -> LinearPredictor | None:
    """Find a constant matrix times a vector, which PyTensor writes as a matrix of one column."""
    if not isinstance(node.op, DimShuffle) or node.op.new_order != (0,):
        return None
    inner = node.inputs[0].owner
    name = type(getattr(inner.op, "core_op", inner.op)).__name__ if inner else ""
    if name not in ("Dot", "Matmul") or any(v.type.ndim != 2 for v in inner.inputs):
        return None
    matrix, column = constant_value(inner.inputs[0]), inner.inputs[1]
    if matrix is None or column.type.shape[1] != 1 or matrix.shape[1] > MOST_COLUMNS:
        return None
    return LinearPredictor((column[:, 0].astype("float64"),), (matrix.astype(float),), np.zeros(n))


def _row_sums(node: Apply[Any], n: int) -> LinearPredictor | None:
    """Find a constant matrix times a row, summed over the columns."""
    if not isinstance(node.op, Sum) or node.inputs[0].type.ndim != 2 or node.op.axis != (1,):
        return None
    inner = node.inputs[0].owner
    if inner is None or not isinstance(inner.op, Elemwise) or not isinstance(inner.op.scalar_op, ps.Mul):
        return None
    if len(inner.inputs) != 2:
        return None
    values = [constant_value(v) for v in inner.inputs]
    if [value is None for value in values] not in ([True, False], [False, True]):
        return None
    row = inner.inputs[0 if values[0] is None else 1]
    matrix: Any = values[1] if values[0] is None else values[0]
    if row.type.shape[0] != 1 or row.type.shape[1] != matrix.shape[1] or matrix.shape[1] > MOST_COLUMNS:
        return None
    full = np.broadcast_to(matrix.astype(float), (n, matrix.shape[1]))
    return LinearPredictor((row[0].astype("float64"),), (full,), np.zeros(n))


def _gathered(node: Apply[Any], n: int) -> LinearPredictor | None:
    """Find elements of a vector that constant whole numbers point at: one column each."""
    if not isinstance(node.op, AdvancedSubtensor) or len(node.inputs) != 2:
        return None
    vector: Graph = node.inputs[0]
    index = constant_value(node.inputs[1])
    size = vector.type.shape[0] if vector.type.ndim == 1 else None
    if size is None or size > MOST_COLUMNS or index is None or index.ndim != 1 or index.dtype.kind not in "iu":
        return None
    if index.min(initial=0) < -size or index.max(initial=0) >= size:
        return None
    return LinearPredictor((vector.astype("float64"),), (np.eye(size)[index],), np.zeros(n))


def _repeated(node: Apply[Any], n: int) -> LinearPredictor | None:
    """Find one number, written out for all rows."""
    if not isinstance(node.op, Alloc) or not all(node.inputs[0].type.broadcastable):
        return None
    return _found(node.inputs[0], n)
