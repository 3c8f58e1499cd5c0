"""Data sets of counts of which many rows are the same: each row that differs is evaluated once, with its number.

A row is its count and what else the graph reads along the rows: constants and ``pm.Data`` with one entry a row. The
graph is written again over some rows with a weight each, where every Op is seen to treat rows one by one. What of it
depends on the data alone is evaluated once for all data sets, not at each point again: elementary and special functions
stand behind the point as columns of numbers, and a condition that holds in all rows, or in none, is no part of it; nor
is one of the point alone (whether a dispersion is too small to be told from none) where it is as usual.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors, toposort
from pytensor.scalar.basic import Switch
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.subtensor import AdvancedSubtensor

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import Engine, InterpretedGraphs, is_arithmetic, without_parameter_checks
from pymc_landscape.model import gradient_graph, hessian_graph, is_written_out
from pymc_landscape.model.reduction import over_other_rows
from pymc_landscape.objective import ARITHMETIC_ERRORS, Objective

# Fewer rows are evaluated as they are; and where more than this share of them differ, all are.
FEWEST_ROWS, LARGEST_SHARE = 200, 0.5
# A graph has room for some rows more than differ now; one is used again that has room for no more than so many times.
MORE, STEP, ROOMY = 1.04, 16, 1.5
# How many numbers a table of counts may have for each row.
LARGEST_TABLE = 50


class RepeatedRows:
    """Data sets of which the rows that differ are evaluated, each with its number.

    Parameters
    ----------
    table : _Table
        The rows of S data sets.
    columns : array (C, U)
        What depends on the data alone, of U cells of the table.
    places : int array (S, D)
        Where the cells of each data set are among these.
    written : callable
        From truths of conditions of the point, or None, to the engine of value, gradient and Hessian of which its
        vector holds the point, then of D rows their weights and some columns; and to these columns.
    conditions : Engine, optional
        Of conditions of the point alone, by which the term chooses one of two for all rows.
    usual : array (k,)
        A point at which these are as usual.
    """

    def __init__(
        self,
        table: _Table,
        columns: Array,
        places: NDArray[np.intp],
        written: Callable[[tuple[bool, ...] | None], tuple[Engine, list[int]]],
        conditions: Engine | None,
        usual: Array,
    ):
        self._table, self._columns, self._places = table, columns, places
        self._written, self._conditions = written, conditions
        self._usual = tuple(map(bool, self._held(usual[None])[0]))

    def _held(self, x: Array) -> NDArray[np.bool_]:
        """Return which conditions hold at points (n, k)."""
        if self._conditions is None or not len(x):
            return np.ones((len(x), 0), bool)
        # never one point alone, for which the engine would make a function of its own
        held = self._conditions.at(x if len(x) > 1 else np.repeat(x, 2, axis=0))["conditions"]
        return np.asarray(held[: len(x)] > 0.0)

    @cached_property
    def any_point(self) -> tuple[Engine, Array]:
        """The engine that evaluates any point, and what stands behind the point for each data set (S, ...)."""
        return self._of(None)

    @cached_property
    def usual_point(self) -> tuple[Engine, Array]:
        """The same for points at which conditions are as usual."""
        return self._of(self._usual)

    def _of(self, truths: tuple[bool, ...] | None) -> tuple[Engine, Array]:
        engine, used = self._written(truths)
        of_sets = [column[self._places] for column in self._columns[used]]
        return engine, np.concatenate([self._table.weights, *of_sets], axis=1)

    def engines(self, x: Array) -> list[tuple[NDArray[np.intp], Engine, Array]]:
        """Return which of points x (n, k) are evaluated by which engine, and what stands behind them.

        Which engine a point has depends on the point, not on those beside it.
        """
        is_usual = (self._held(x) == self._usual).all(axis=1)
        groups = [(np.flatnonzero(is_usual), "usual_point"), (np.flatnonzero(~is_usual), "any_point")]
        return [(which, *getattr(self, name)) for which, name in groups if len(which)]


def repeated_rows(objective: Objective, name: str, counts: NDArray[Any]) -> RepeatedRows | None:
    """Return data sets by the rows that differ; None where rows do not repeat, or cannot be evaluated apart.

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
    return _Apart(objective, name, n).of_sets(counts)


@dataclass(frozen=True)
class _Term:
    """A term over D rows, and what of it depends on the data alone.

    Parameters
    ----------
    rows : Graph
        The term (D,).
    columns : list of Graph
        Numbers of the rows, their counts, and what takes longer than arithmetic (D,).
    conditions : list of Graph
        Of the data, by which the term chooses one of two.
    of_point : list of Graph
        Such conditions of the point alone, one for all rows.
    of_data : callable
        Columns and conditions as a function of numbers and counts (D,).
    """

    rows: Graph
    columns: list[Graph]
    conditions: list[Graph]
    of_point: list[Graph]
    of_data: Callable[..., list[Array]]

    def evaluate(self, numbers: NDArray[np.intp], counts: NDArray[np.intp]) -> tuple[Array, list[bool | None]]:
        """Return the columns (C, u) of u rows, and of each condition whether it holds; None where it differs."""
        d = self.columns[0].type.shape[0]
        places = np.pad(np.arange(len(numbers)), (0, -len(numbers) % d), mode="edge").reshape(-1, d)
        with np.errstate(all="ignore"):
            found = [self.of_data(numbers[place], counts[place].astype(self.columns[1].type.dtype)) for place in places]
        split, held = len(self.columns), [[part[j] for part in found] for j in range(len(found[0]))]
        columns = np.array([np.concatenate(parts)[: len(numbers)] for parts in held[:split]], dtype=float)
        truths = [(all(map(np.all, parts)), any(map(np.any, parts))) for parts in held[split:]]
        return columns, [everywhere if everywhere or not anywhere else None for everywhere, anywhere in truths]

    def with_columns(self, holes: list[Graph], known: Mapping[Graph, bool | None]) -> Graph:
        """Return the term with `holes` in place of columns, and without the choices of which it is `known` how."""
        new = dict(zip(self.columns, holes, strict=True))
        for node in toposort([self.rows]):
            out = node.outputs[0]
            inputs = [new.get(v, v) for v in node.inputs]
            if out in new or all(v is old for v, old in zip(inputs, node.inputs, strict=True)):
                continue
            if _is_choice(node) and known.get(node.inputs[0]) is not None:
                branch = inputs[1] if known[node.inputs[0]] else inputs[2]
                new[out] = pt.alloc(branch.astype(out.type.dtype), *out.type.shape)
            else:
                new |= dict(zip(node.outputs, node.op.make_node(*inputs).outputs, strict=True))
        return new.get(self.rows, self.rows)


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

    def of_sets(self, counts: NDArray[Any]) -> RepeatedRows | None:
        """Return some data sets by the rows that differ."""
        if self.term.type.ndim != 1 or self.container not in self.axes or is_written_out([self.term]):
            return None
        others = [(leaf, axis) for leaf, axis in self.axes.items() if leaf is not self.container]
        kinds = _kinds([np.moveaxis(_known(leaf), axis, 0) for leaf, axis in others], self.n)
        kept, of_kinds = self.evaluators.factory.kept, kinds.tobytes()
        sizes = kept(("numbers of rows", of_kinds), lambda: set[int]())
        table = _distinct(counts, kinds, sizes)
        if table is None:
            return None
        d = table.cells.shape[1]
        sizes.add(d)
        term = kept(("term over rows", d, of_kinds), lambda: self._over_rows(d))
        if term is None:
            return None
        cells, places = np.unique(table.cells, return_inverse=True)
        try:
            columns, truths = term.evaluate(*table.rows_of(cells))
        except (*ARITHMETIC_ERRORS, ValueError):
            return None
        key = ("repeated rows", d, of_kinds, self.objective.prior_weight, tuple(truths))
        data = dict(zip(term.conditions, truths, strict=True))

        def written(of_point: tuple[bool, ...] | None) -> tuple[Engine, list[int]]:
            point = dict(zip(term.of_point, of_point, strict=True)) if of_point else {}
            return kept((*key, of_point), lambda: self._written(term, data | point))

        conditions = kept(("conditions of the point", d, of_kinds), lambda: self._conditions(term))
        usual = self.objective.pack(self.objective.initial_point())
        return RepeatedRows(table, columns, places.reshape(table.cells.shape), written, conditions, usual)

    def _conditions(self, term: _Term) -> Engine | None:
        """Return the engine of a term's conditions of the point."""
        if not term.of_point:
            return None
        held = pt.stack([condition.flatten()[0].astype("float64") for condition in term.of_point])
        return self.evaluators.factory.of_many(self.vector, {"conditions": held})

    def _over_rows(self, d: int) -> _Term | None:
        """Return the term over D rows; None where an Op is not seen to treat rows one by one."""
        numbers = pt.vector("numbers", dtype="int64", shape=(d,))
        own = pt.vector("counts", dtype=self.container.type.dtype, shape=(d,))
        leaves = {leaf: pt.take(leaf, numbers, axis=axis) for leaf, axis in self.axes.items()} | {self.container: own}
        rows = over_other_rows(self.term, self.n, d, leaves, self.axes)
        if rows is None:
            return None
        of_point, of_data, nodes = set[Graph]([self.vector]), set[Graph]([numbers, own]), list(toposort([rows]))
        for node in nodes:
            for kind in (of_point, of_data):
                if not kind.isdisjoint(node.inputs):
                    kind.update(node.outputs)
        long = [v for node in nodes if _takes_long(node) for v in node.outputs if v.type.shape == (d,)]
        columns = [numbers, own, *(v for v in long if v in of_data - of_point)]
        conditions = list({node.inputs[0]: None for node in nodes if _is_choice(node)})
        own_conditions = [v for v in conditions if v in of_data - of_point]
        of_all_rows = [v for v in conditions if v in of_point - of_data and set(v.type.shape) <= {1}]
        function = InterpretedGraphs([numbers, own], [*columns, *own_conditions]).function()
        return _Term(rows, columns, own_conditions, of_all_rows, function)

    def _written(self, term: _Term, known: Mapping[Graph, bool | None]) -> tuple[Engine, list[int]]:
        """Return the engine, and which columns it reads."""
        k, d = self.objective.size, term.columns[0].type.shape[0]
        weights, holes = pt.vector("weights", dtype="float64", shape=(d,)), [column.type() for column in term.columns]
        value = -2.0 * (weights * term.with_columns(holes, known)).sum()
        if self.objective.prior_weight:
            value = value - 2.0 * self.objective.prior_weight * self.prior
        gradient = gradient_graph(value, self.vector)
        graphs = {"value": value, "gradient": gradient, "hessian": hessian_graph(gradient, self.vector)}
        read = set(ancestors(graphs.values()))
        used = [j for j, hole in enumerate(holes) if hole in read]
        both = pt.vector("point_and_rows", dtype="float64", shape=(k + (1 + len(used)) * d,))
        parts = {hole: k + i * d for i, hole in enumerate([weights, *(holes[j] for j in used)])}
        replacements = {hole: both[first : first + d].astype(hole.dtype) for hole, first in parts.items()}
        replacements[self.vector] = self.vector.type.filter_variable(both[:k])
        written = graph_replace(list(graphs.values()), replacements, strict=False)
        return self.evaluators.factory.of_many(both, dict(zip(graphs, written, strict=True))), used


def _takes_long(node: Any) -> bool:
    """Whether a node looks numbers up, or takes elementary or special functions of them."""
    if isinstance(node.op, Elemwise):
        return not is_arithmetic(node.op.scalar_op)
    return isinstance(node.op, AdvancedSubtensor)


def _is_choice(node: Any) -> bool:
    return isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, Switch)


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


@dataclass(frozen=True)
class _Table:
    """Cells of a table of counts, by the kind of row and the count.

    Parameters
    ----------
    cells : int array (S, D)
        Those of each data set; what is too much repeats the first.
    weights : array (S, D)
        How many rows are in each; 0 of what is too much.
    first : int array (kinds,)
        A row of each kind.
    low, width : int
        The least count, and how many there are.
    """

    cells: NDArray[np.intp]
    weights: Array
    first: NDArray[np.intp]
    low: int
    width: int

    def rows_of(self, cells: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the number of a row of each cell, and its count."""
        return self.first[cells // self.width], cells % self.width + self.low


def _distinct(counts: NDArray[Any], kinds: NDArray[np.intp], sizes: set[int]) -> _Table | None:
    """Return rows that differ of each data set; None where too few repeat.

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
    padded = np.array([np.concatenate([cell, np.full(d - len(cell), cell[0])]) for cell in cells])
    numbers = np.array([table[cell] for table, cell in zip(tables, padded, strict=True)], dtype=float)
    weights = np.where(np.arange(d) < np.array([len(cell) for cell in cells])[:, None], numbers, 0.0)
    return _Table(padded, weights, first, low, width)
