"""Checks of parameters where discrete variables are summed out: state by state, and row by row.

PyMC checks the parameters of a distribution all at once: one σ that is negative makes the whole log density −∞. In a
sum over states that is too much, for a state that makes a parameter illegal is impossible, and no other is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.logprob.utils import CheckParameterValue
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.graph.traversal import ancestors
from pytensor.scalar.basic import AND
from pytensor.tensor.basic import MakeVector, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.elemwise import CAReduce

from pymc_landscape._typing import Graph
from pymc_landscape.engine import without_parameter_checks


def settle_checks(check_bounds: bool, graphs: Sequence[Graph], values: Sequence[Graph]) -> list[Graph]:
    """Write graphs with plain Ops; a parameter that a state makes illegal rules out that state, not all of them.

    Parameters
    ----------
    check_bounds : bool
        As in ``pm.Model``: whether parameters are checked at all.
    graphs : sequence of Graph
        Log densities with discrete variables in them.
    values : sequence of Graph
        What stands in the graphs for discrete variables.
    """
    copied = FunctionGraph(outputs=list(graphs), clone=True, copy_inputs=False, copy_orphans=False)
    if check_bounds:
        in2out(_row_by_row(set(values)), name="checks_row_by_row").rewrite(copied)
    return without_parameter_checks(list(copied.outputs), check_bounds)


def _row_by_row(discrete: set[Graph]) -> Any:
    @node_rewriter([CheckParameterValue])
    def checked(fgraph: FunctionGraph, node: Any) -> list[Graph] | None:
        value, *conditions = node.inputs
        if not node.op.can_be_replaced_by_ninf or discrete.isdisjoint(ancestors(conditions)):
            return None
        for condition in (leaf for whole in conditions for leaf in _leaves(whole)):
            moves = not discrete.isdisjoint(ancestors([condition]))
            value = pt.switch(_in_rows(condition, value) if moves else pt.all(condition), value, -np.inf)
        return [value]

    return checked


def _in_rows(condition: Graph, value: Graph) -> Graph:
    """Return a condition on parameters as one on the rows of a density, which has their first dims."""
    extra = condition.type.ndim - value.type.ndim
    if extra > 0:
        return pt.all(condition, axis=tuple(range(-extra, 0)))
    pairs = zip(condition.type.shape, value.type.shape, strict=False)
    alike = extra == 0 and all(n == m or n == 1 or None in (n, m) for n, m in pairs)
    return condition if alike or not condition.type.ndim else pt.all(condition)


def _leaves(condition: Graph) -> Iterator[Graph]:
    """Give the conditions of which all must hold."""
    node = condition.owner
    op = None if node is None else node.op
    is_all = isinstance(op, CAReduce) and isinstance(op.scalar_op, AND)
    if is_all or isinstance(op, MakeVector | ScalarFromTensor | TensorFromScalar):
        for part in node.inputs:
            yield from _leaves(part)
    else:
        yield condition
