"""Data sets of counts of which many rows are the same: each row that differs is evaluated once, with its number.

A row is its count and what else the graph reads along the rows: constants and ``pm.Data`` with one entry a row. The
graph is written again over some rows with a weight each, where every Op is seen to treat rows one by one. What of it
depends on the data alone is evaluated once for all data sets, not at each point again: elementary and special functions
stand behind the point as columns of numbers. Choices that the model's own data make one way for all rows (no count is
below 0), and its initial point (a dispersion is not too small to be told from none), are no part of the graph of those
data sets and points that make them alike.
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
from pytensor.tensor.elemwise import CAReduce, Elemwise
from pytensor.tensor.subtensor import AdvancedSubtensor

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import Engine, InterpretedGraphs, is_arithmetic, without_parameter_checks
from pymc_landscape.model import evaluated, gradient_graph, hessian_graph, is_written_out
from pymc_landscape.model.reduction import over_other_rows
from pymc_landscape.objective import ARITHMETIC_ERRORS, Objective
from pymc_landscape.objective.observations.count_tables import CountTable, count_table, kinds_of_rows

# Fewer rows are evaluated as they are.
FEWEST_ROWS = 200


class RepeatedRows:
    """Data sets of which the rows that differ are evaluated, each with its number.

    Parameters
    ----------
    table : CountTable
        The rows of S data sets.
    columns : array (C, U)
        What depends on the data alone, of U cells of the table.
    places : int array (S, D)
        Where the cells of each data set are among these.
    written : callable
        From whether choices are as usual to the engine of value, gradient and Hessian of which its vector holds the
        point, then of D rows their weights and some columns; and to these columns.
    are_usual_sets : array (S,) of bool
        Of which data sets all choices are as usual.
    are_usual_points : callable
        The same of points (n, k).
    """

    def __init__(
        self,
        table: CountTable,
        columns: Array,
        places: NDArray[np.intp],
        written: Callable[[bool], tuple[Engine, list[int]]],
        are_usual_sets: NDArray[np.bool_],
        are_usual_points: Callable[[Array], NDArray[np.bool_]],
    ):
        self._table, self._columns, self._places, self._written = table, columns, places, written
        self._are_usual_sets, self._are_usual_points = are_usual_sets, are_usual_points

    @cached_property
    def _usual(self) -> tuple[Engine, Array]:
        return self._of(True)

    @cached_property
    def _any(self) -> tuple[Engine, Array]:
        return self._of(False)

    def _of(self, is_usual: bool) -> tuple[Engine, Array]:
        engine, used = self._written(is_usual)
        of_sets = [column[self._places] for column in self._columns[used]]
        return engine, np.concatenate([self._table.weights, *of_sets], axis=1)

    def engines(self, rows: NDArray[np.intp], x: Array) -> list[tuple[NDArray[np.intp], Engine, Array]]:
        """Return which of points x (r, k) of data sets `rows` are evaluated by which engine, and what stands behind.

        Which engine it is depends on a data set and its point, not on those beside them. What stands behind the point
        is that of all data sets (S, ...).
        """
        if not len(x):
            return []
        is_usual = self._are_usual_sets[rows] & self._are_usual_points(x)
        groups = [(np.flatnonzero(is_usual), *self._usual)] if is_usual.any() else []
        return groups if is_usual.all() else [*groups, (np.flatnonzero(~is_usual), *self._any)]


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
        Of the data (D,), by which the term chooses one of two.
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

    def evaluate(self, numbers: NDArray[np.intp], counts: NDArray[np.intp]) -> tuple[Array, NDArray[np.bool_]]:
        """Return the columns (C, u) of u rows, and in which of them each condition holds (c, u)."""
        d, u = self.columns[0].type.shape[0], len(numbers)
        places = np.pad(np.arange(u), (0, -u % d), mode="edge").reshape(-1, d)
        with np.errstate(all="ignore"):
            found = [self.of_data(numbers[place], counts[place].astype(self.columns[1].type.dtype)) for place in places]
        whole = [np.concatenate([part[j] for part in found])[:u] for j in range(len(found[0]))]
        columns, held = whole[: len(self.columns)], [value != 0 for value in whole[len(self.columns) :]]
        return np.array(columns, dtype=float), np.array(held, bool).reshape(-1, u)

    def with_columns(self, holes: list[Graph], known: Mapping[Graph, bool]) -> Graph:
        """Return the term with `holes` in place of columns, and without the choices of which it is `known` how."""
        new = dict(zip(self.columns, holes, strict=True))
        for node in toposort([self.rows]):
            out = node.outputs[0]
            inputs = [new.get(v, v) for v in node.inputs]
            if out in new:
                continue
            if _is_choice(node) and node.inputs[0] in known and None not in out.type.shape:
                branch = inputs[1] if known[node.inputs[0]] else inputs[2]
                new[out] = pt.alloc(branch.astype(out.type.dtype), *out.type.shape)
            elif any(v is not old for v, old in zip(inputs, node.inputs, strict=True)):
                new |= dict(zip(node.outputs, node.op.make_node(*inputs).outputs, strict=True))
        return new.get(self.rows, self.rows)


class _UsualChoices:
    """How a term chooses for the model's own data, at its initial point.

    Parameters
    ----------
    data : dict of int to bool
        Of conditions of the data those that hold in all rows, or in none, by number.
    conditions : Engine, optional
        Of conditions of the point.
    initial : array (k,)
        The initial point.

    Attributes
    ----------
    of_point : tuple of bool
        Whether these hold there.
    """

    def __init__(self, data: dict[int, bool], conditions: Engine | None, initial: Array):
        self.data, self._conditions = data, conditions
        self.of_point = tuple(map(bool, self._held(initial[None])[0]))

    def _held(self, x: Array) -> NDArray[np.bool_]:
        if self._conditions is None:
            return np.ones((len(x), 0), bool)
        return np.asarray(self._conditions.at_in_blocks(x)["conditions"] != 0.0)

    def are_at(self, x: Array) -> NDArray[np.bool_]:
        """Return at which points (n, k) all are as usual."""
        return np.asarray((self._held(x) == self.of_point).all(axis=1))


class _Apart:
    """The rows of one observed variable, and the graph of some of them."""

    def __init__(self, objective: Objective, name: str, n: int):
        self.objective, self.evaluators, self.name, self.n = objective, objective.evaluators, name, n
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
        kinds = kinds_of_rows([np.moveaxis(_known(leaf), axis, 0) for leaf, axis in others], self.n)
        kept, of_kinds = self.evaluators.factory.kept, kinds.tobytes()
        sizes = kept(("numbers of rows", of_kinds), lambda: set[int]())
        table = count_table(counts, kinds, sizes)
        if table is None:
            return None
        d = table.cells.shape[1]
        sizes.add(d)
        term = kept(("term over rows", d, of_kinds), lambda: self._over_rows(d))
        if term is None:
            return None
        cells, places = np.unique(table.cells, return_inverse=True)
        places = places.reshape(table.cells.shape)
        try:
            columns, held = term.evaluate(*table.rows_of(cells))
            usual = self._usual_choices(term, d, of_kinds)
        except (*ARITHMETIC_ERRORS, ValueError):
            return None
        of_sets = [(held[j] == holds)[places].all(axis=1) for j, holds in usual.data.items()]
        are_usual = np.logical_and.reduce(of_sets, axis=0) if of_sets else np.ones(len(counts), bool)
        known = {term.conditions[j]: holds for j, holds in usual.data.items()}
        known |= dict(zip(term.of_point, usual.of_point, strict=True))

        def written(is_usual: bool) -> tuple[Engine, list[int]]:
            choices = (tuple(usual.data.items()), usual.of_point) if is_usual else None
            key = ("repeated rows", d, of_kinds, self.objective.prior_weight, choices)
            return kept(key, lambda: self._written(term, known if is_usual else {}))

        return RepeatedRows(table, columns, places, written, are_usual, usual.are_at)

    def _usual_choices(self, term: _Term, d: int, of_kinds: bytes) -> _UsualChoices:
        """Return how the term chooses for the model's own data at its initial point."""
        own = evaluated(self.evaluators.data.variable(self.name)).astype(int)
        _, held = term.evaluate(np.arange(self.n), own)
        data = {j: bool(each[0]) for j, each in enumerate(held) if each.all() or not each.any()}

        def conditions() -> Engine:
            numbers = pt.stack([condition.flatten()[0].astype("float64") for condition in term.of_point])
            return self.evaluators.factory.of_many(self.vector, {"conditions": numbers})

        kept = self.evaluators.factory.kept
        engine = kept(("conditions of the point", d, of_kinds), conditions) if term.of_point else None
        return _UsualChoices(data, engine, self.objective.pack(self.objective.initial_point()))

    def _over_rows(self, d: int) -> _Term | None:
        """Return the term over D rows; None where an Op is not seen to treat rows one by one."""
        numbers = pt.vector("numbers", dtype="int64", shape=(d,))
        own = pt.vector("counts", dtype=self.container.type.dtype, shape=(d,))
        leaves = {leaf: pt.take(leaf, numbers, axis=axis) for leaf, axis in self.axes.items()} | {self.container: own}
        rows = over_other_rows(self.term, self.n, d, leaves, self.axes)
        if rows is None:
            return None
        of_point, of_data, nodes = set[Graph]([self.vector]), set[Graph]([numbers, own]), list(toposort([rows]))
        of_several = set[Graph]()  # what is largest among the rows of a data set is another for each
        for node in nodes:
            for kind in (of_point, of_data, of_several):
                if not kind.isdisjoint(node.inputs):
                    kind.update(node.outputs)
            if isinstance(node.op, CAReduce) and not of_data.isdisjoint(node.inputs):
                of_several.update(node.outputs)
        of_one_row = of_data - of_point - of_several
        long = [v for node in nodes if _takes_long(node) for v in node.outputs if v.type.shape == (d,)]
        columns = [numbers, own, *(v for v in long if v in of_one_row)]
        conditions = list({node.inputs[0]: None for node in nodes if _is_choice(node)})
        own_conditions = [v for v in conditions if v in of_one_row and v.type.shape == (d,)]
        of_all_rows = [v for v in conditions if v in of_point - of_data and set(v.type.shape) <= {1}]
        function = InterpretedGraphs([numbers, own], [*columns, *own_conditions]).function()
        return _Term(rows, columns, own_conditions, of_all_rows, function)

    def _written(self, term: _Term, known: Mapping[Graph, bool]) -> tuple[Engine, list[int]]:
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
