"""Value, gradient and Hessian of one objective for many data sets at once, each at a point of its own.

The data stand behind the parameters in the engine's flat vector, so that the engine needs to know nothing of them: it
evaluates blocks of rows, interpreted or compiled, as any other points.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import Engine, GraphEngine
from pymc_landscape.objective import ARITHMETIC_ERRORS, DENSE, Objective
from pymc_landscape.objective.observations.repeated_rows import RepeatedRows, repeated_rows
from pymc_landscape.objective.observations.simulate import data_set

# So many numbers of data sets and of what is evaluated of them are in memory at once.
NUMBERS, MOST_SETS = 2**20, 1000


class StackedData:
    """An objective with many sets of data; other data of the model are not to change while it is in use.

    Parameters
    ----------
    objective : Objective
        The model.
    data : mapping of str to array
        By name of an observed variable: S data sets (S, ...).

    Attributes
    ----------
    objective : Objective
        The model, with the first data set.
    n_sets : int
        S.
    can_be_evaluated : bool
        Whether value, gradient and Hessian are graphs of parameters and data; not where they are integrals or
        differences, or data move the scale of a parameter: then data sets are evaluated one by one.
    """

    def __init__(self, objective: Objective, data: Mapping[str, Array]):
        self.data = {name: np.asarray(values) for name, values in data.items()}
        self.n_sets = len(next(iter(self.data.values())))
        self.objective = self.with_set(objective, 0)
        self._stack = self._written()
        self.can_be_evaluated = self._stack is not None

    def with_set(self, objective: Objective, i: int) -> Objective:
        """Return an objective with data set i."""
        return objective.with_data(**data_set(self.data, i))

    def engines(self, rows: NDArray[np.intp], x: Array) -> list[tuple[NDArray[np.intp], Engine, Array]]:
        """Return which of points x (r, k) of data sets `rows` are evaluated by which engine.

        Beside it, what stands behind the point for each of all data sets (S, ...).
        """
        assert self._stack is not None
        if isinstance(self._stack, RepeatedRows):
            return self._stack.engines(rows, x)
        return [(np.arange(len(x)), *self._stack)] if len(x) else []

    def _written(self) -> RepeatedRows | tuple[Engine, Array] | None:
        """Return the rows that differ; else an engine of all, and what stands behind the point for each data set."""
        objective = self.objective
        scale = objective.engine("natural", objective.names)
        containers = objective.evaluators.data.containers(tuple(self.data))
        if objective.size > DENSE:
            return None
        if isinstance(scale, GraphEngine) and not set(containers).isdisjoint(ancestors(scale.graphs)):
            return None
        alone = objective.engine("hessian", objective.names)
        if not isinstance(alone, GraphEngine):
            return None
        if len(self.data) == 1:
            [(name, values)] = self.data.items()
            repeated = repeated_rows(objective, name, values)
            if repeated is not None:
                return repeated
        factory = objective.evaluators.factory
        engine: Engine = factory.kept(
            ("stacked", alone), lambda: factory.of_many(*_behind_the_point(alone, containers))
        )
        flat = [values.reshape(self.n_sets, -1).astype(float) for values in self.data.values()]
        return engine, np.concatenate(flat, axis=1)

    @cached_property
    def are_convex(self) -> bool:
        """Whether the surfaces of all data sets are known to be convex."""
        objective = self.objective
        containers = objective.evaluators.data.containers(tuple(self.data))
        several = {
            container: [np.asarray(one, dtype=container.type.dtype) for one in sets]
            for container, sets in zip(containers, self.data.values(), strict=True)
        }
        return objective.size <= DENSE and objective.engine("hessian", objective.names).is_convex("value", several)

    def _of_values(self, whole: Engine) -> Engine:
        assert isinstance(whole, GraphEngine)
        factory, graph = self.objective.evaluators.factory, whole.graphs[whole.names.index("value")]
        engine: Engine = factory.kept(
            ("values of a stack", whole), lambda: factory.of_many(whole.vector, {"value": graph})
        )
        return engine

    def values(self, rows: NDArray[np.intp], x: Array) -> Array:
        """Return values (r,) of the data sets `rows` at points x (r, k); +inf where there is none."""
        self.objective.use_data()
        found = np.full(len(x), np.inf)
        for which, whole, behind in self.engines(rows, x):
            at_once = max(NUMBERS // (x.shape[1] + behind.shape[1]), 2)
            for a in range(0, len(which), at_once):
                some = which[a : a + at_once]
                points = np.concatenate([x[some], behind[rows[some]]], axis=1)
                with suppress(*ARITHMETIC_ERRORS, ValueError):
                    found[some] = self._of_values(whole).at_in_blocks(points)["value"]
        return np.where(np.isfinite(found), found, np.inf)

    def derivatives(self, rows: NDArray[np.intp], x: Array) -> tuple[Array, Array, Array]:
        """Return values (r,), gradients (r, k) and Hessians (r, k, k) of the data sets `rows` at points x (r, k).

        NaN where the model raises.
        """
        self.objective.use_data()
        (r, k), groups = x.shape, self.engines(rows, x)
        if len(groups) == 1:
            [(_, engine, behind)] = groups
            return derivatives_at(engine, x, behind[rows])
        value, gradient, hessian = np.empty(r), np.empty((r, k)), np.empty((r, k, k))
        for which, engine, behind in groups:
            value[which], gradient[which], hessian[which] = derivatives_at(engine, x[which], behind[rows[which]])
        return value, gradient, hessian

    @staticmethod
    def most_sets(objective: Objective) -> int:
        """Return how many data sets of an objective are held in memory at once."""
        k = objective.size
        each = 1 + k + k * k + sum(int(np.prod(shape)) for shape in objective.evaluators.metadata.data_shapes.values())
        return int(np.clip(NUMBERS // each, 1, MOST_SETS))


def derivatives_at(engine: Engine, x: Array, behind: Array) -> tuple[Array, Array, Array]:
    """Return values (r,), gradients (r, k) and Hessians (r, k, k) at points x (r, k) with what stands behind each.

    NaN where the model raises.
    """
    r, k = x.shape
    try:
        values = engine.at_in_blocks(np.concatenate([x, behind], axis=1))
    except (*ARITHMETIC_ERRORS, ValueError):
        return np.full(r, np.nan), np.full((r, k), np.nan), np.full((r, k, k), np.nan)
    columns = values["hessian"].reshape(r, k, k)
    return values["value"], values["gradient"], 0.5 * (columns + np.swapaxes(columns, 1, 2))


def _behind_the_point(engine: GraphEngine, containers: tuple[Graph, ...]) -> tuple[Graph, dict[str, Graph]]:
    """Return a vector that holds a point and then data, and the graphs of an engine as graphs of it."""
    shapes = [container.get_value(borrow=True).shape for container in containers]
    ends = engine.size + np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    both = pt.vector("point_and_data", dtype="float64", shape=(int(ends[-1]),))
    replacements = {engine.vector: engine.vector.type.filter_variable(both[: engine.size])}
    for container, shape, a, b in zip(containers, shapes, ends[:-1], ends[1:], strict=True):
        part = both[int(a) : int(b)].reshape(shape) if shape else both[int(a)]
        replacements[container] = container.type.filter_variable(part.astype(container.type.dtype))
    written = graph_replace(engine.graphs, replacements, strict=False)
    return both, dict(zip(engine.names, written, strict=True))
