"""Data sets of counts of which many rows are the same: each row that differs is evaluated once, with its number.

A row is its count and what else the graph reads along the rows: constants and ``pm.Data`` with one entry a row. The
graph is written again over some rows with a weight each, where every Op is seen to treat rows one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import Engine, without_parameter_checks
from pymc_landscape.model import gradient_graph, hessian_graph, is_written_out
from pymc_landscape.model.reduction import over_other_rows
from pymc_landscape.objective import Objective

# Fewer rows are evaluated as they are; and where more than this share of them differ, all are.
FEWEST_ROWS, LARGEST_SHARE = 200, 0.5
# A graph has room for some rows more than differ now; one is used again that has room for no more than so many times.
MORE, STEP, ROOMY = 1.04, 16, 1.5
# How many numbers a table of counts may have for each row.
LARGEST_TABLE = 50


@dataclass(frozen=True)
class RepeatedRows:
    """An engine of value, gradient and Hessian over a point and the rows of a data set that differ.

    Parameters
    ----------
    engine : Engine
        Its vector holds the point, then of D rows their numbers, their weights, and their counts.
    behind : array (S, 3 D)
        What stands behind the point for each of S data sets.
    """

    engine: Engine
    behind: Array


def repeated_rows(objective: Objective, name: str, counts: NDArray[Any]) -> RepeatedRows | None:
    """Return an engine over the rows that differ; None where rows do not repeat, or cannot be evaluated apart.

    Parameters
    ----------
    objective : Objective
        With data of the same name that are replaced.
    name : str
        Of the observed variable.
    counts : array (S, n)
        Its data sets.
    """
    n = counts.shape[-1]
    apart = counts.ndim == 2 and counts.dtype.kind in "iu" and n >= FEWEST_ROWS and objective.terms == (name,)
    if not apart or objective.penalty:
        return None
    return _Apart(objective, name, n).engine(counts)


class _Apart:
    """The rows of one observed variable, and the graph of some of them."""

    def __init__(self, objective: Objective, name: str, n: int):
        self.objective, self.evaluators, self.n = objective, objective.evaluators, n
        key = "term and prior without checks", name
        self.vector, self.term, self.prior = self.evaluators.factory.kept(key, lambda: self._unchecked(name))
        [self.container] = self.evaluators.data.containers((name,))
        self.axes = {v: axis for v in ancestors([self.term]) if (axis := _row_axis(v, n)) is not None}

    def _unchecked(self, name: str) -> tuple[Graph, Graph, Graph]:
        """Return the vector, and the graphs of the term and of the prior of it without checks of parameters."""
        density = self.evaluators.density(self.objective.names)
        checks = self.evaluators.model.check_bounds
        return density.vector, *without_parameter_checks([density.rows[name], density.prior], checks)

    def engine(self, counts: NDArray[Any]) -> RepeatedRows | None:
        """Return the engine for some data sets."""
        if self.term.type.ndim != 1 or self.container not in self.axes or is_written_out([self.term]):
            return None
        others = [(leaf, axis) for leaf, axis in self.axes.items() if leaf is not self.container]
        kinds = _kinds([np.moveaxis(_known(leaf), axis, 0) for leaf, axis in others], self.n)
        kept = self.evaluators.factory.kept
        sizes = kept(("numbers of rows", kinds.tobytes()), lambda: set[int]())
        behind = _distinct(counts, kinds, sizes)
        if behind is None:
            return None
        sizes.add(behind.shape[1] // 3)
        key = ("repeated rows", behind.shape[1], kinds.tobytes(), self.objective.prior_weight)
        made = kept(key, lambda: self._written(behind.shape[1] // 3))
        return None if made is None else RepeatedRows(made, behind)

    def _written(self, d: int) -> Engine | None:
        k = self.objective.size
        both = pt.vector("point_and_rows", dtype="float64", shape=(k + 3 * d,))
        vector = self.vector.type.filter_variable(both[:k])
        rows, weights, own = both[k : k + d].astype("int64"), both[k + d : k + 2 * d], both[k + 2 * d :]
        leaves = {leaf: pt.take(leaf, rows, axis=axis) for leaf, axis in self.axes.items()}
        leaves[self.container] = own.astype(self.container.type.dtype)
        chosen = over_other_rows(self.term, self.n, d, leaves, self.axes)
        if chosen is None:
            return None
        value = -2.0 * (weights * chosen).sum()
        if self.objective.prior_weight:
            value = value - 2.0 * self.objective.prior_weight * self.prior
        gradient = gradient_graph(value, self.vector)
        graphs = {"value": value, "gradient": gradient, "hessian": hessian_graph(gradient, self.vector)}
        written = graph_replace(list(graphs.values()), {self.vector: vector}, strict=False)
        return self.evaluators.factory.of_many(both, dict(zip(graphs, written, strict=True)))


def _row_axis(leaf: Graph, n: int) -> int | None:
    """Return the axis along which data have one entry a row."""
    is_data = isinstance(leaf, Constant | SharedVariable) and hasattr(leaf.type, "ndim")
    shape = np.shape(_known(leaf)) if is_data else ()
    return shape.index(n) if n in shape else None


def _known(leaf: Graph) -> Array:
    return np.asarray(leaf.data if isinstance(leaf, Constant) else leaf.get_value(borrow=True))


def _kinds(columns: list[Array], n: int) -> NDArray[np.intp]:
    """Return of which kind each of n rows is, but for its count."""
    if not columns:
        return np.zeros(n, int)
    table = np.concatenate([column.reshape(n, -1).astype(float) for column in columns], axis=1)
    return np.asarray(np.unique(table, axis=0, return_inverse=True)[1].reshape(n))


def _distinct(counts: NDArray[Any], kinds: NDArray[np.intp], sizes: set[int]) -> Array | None:
    """Return rows that differ, their weights and their counts, side by side, of each data set (S, 3 D).

    `sizes` are those D for which there is a graph.
    """
    n, low = len(kinds), int(counts.min())
    width, n_kinds = int(counts.max()) - low + 1, int(kinds.max()) + 1
    if width * n_kinds > LARGEST_TABLE * n:
        return None
    first = np.zeros(n_kinds, int)
    first[kinds[::-1]] = np.arange(n)[::-1]
    tables = [np.bincount(kinds * width + (own - low), minlength=width * n_kinds) for own in counts]
    cells = [np.flatnonzero(table) for table in tables]
    most = max(map(len, cells))
    if most > LARGEST_SHARE * n:
        return None
    d = int(np.ceil(MORE * most / STEP)) * STEP
    d = min((size for size in sizes if most <= size <= ROOMY * d), default=d)
    behind = np.empty((len(counts), 3 * d))
    for i, (table, cell) in enumerate(zip(tables, cells, strict=True)):
        padded = np.concatenate([cell, np.full(d - len(cell), cell[0])])
        behind[i, :d], behind[i, 2 * d :] = first[padded // width], padded % width + low
        behind[i, d : 2 * d] = np.where(np.arange(d) < len(cell), table[padded], 0)
    return behind
