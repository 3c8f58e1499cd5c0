"""Firth's penalty ½ log det I(φ), I the expected information of the observed terms: Jeffreys' prior as a penalty.

The mode of a penalised likelihood moves with the scale on which I is taken. Where the likelihood is an exponential
family in its canonical parameter the penalty removes the bias of first order there (Firth 1993): regression
coefficients as they are, the log of a rate, the log odds of a probability, log ratios of shares, to each of whose cells
it adds half an observation. So φ is the natural value of each free variable, but for those whose support starts at 0:
their log; those between 0 and 1: their log odds; and those that sum to 1: their log ratios. What PyMC transforms, and
how, does not matter, nor do other limits of a prior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.distributions.transforms import ZeroSumTransform
from pymc.logprob.transforms import IntervalTransform, LogOddsTransform, LogTransform, SimplexTransform
from pytensor.compile.builders import OpFromGraph
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import applys_between

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import canonical
from pymc_landscape.model import FreeVariable, GraphInputs, natural_graphs
from pymc_landscape.model.information.fisher_information import fisher_graph

REMEDY = "leave penalty out"
LOG_DET = "log_det"
# Of the smallest eigenvalue of the information, scaled to a diagonal of 1: below, a direction is not determined.
SINGULAR = 1e-12


def penalty_graph(values: GraphInputs, potentials: Sequence[str]) -> Graph:
    """Return ½ log det I as a graph of the flat vector, with derivatives of all orders; −inf where I is singular.

    Parameters
    ----------
    values : GraphInputs
        The model over a flat vector, each variable on either scale: the value is the same.
    potentials : sequence of str
        Those that count as likelihood.

    Raises
    ------
    ValueError
        If a term is of no family of which the information is known, or a variable has no scale of its own.
    """
    information = canonical([fisher_graph(values, potentials, REMEDY)])[0]
    naturals = dict(zip((v.name for v in values.layout.variables), natural_graphs(values), strict=True))
    if (basis := _tangents(values)) is not None:
        information = pt.constant(basis.T) @ information @ pt.constant(basis)
    each = (_log_rates(values, v, naturals[v.name]) for v in values.layout.variables)
    rates = sum((rate for rate in each if rate is not None), pt.constant(0.0))
    penalty: Graph = 0.5 * _log_det(information) + rates
    return penalty


def _log_det(matrix: Graph) -> Any:
    """Return log det as an Op with M⁻ᵀ for its gradient, as short as can be: it is differentiated twice more."""
    inside = pt.matrix("information", dtype="float64", shape=matrix.type.shape)
    op = OpFromGraph(
        [inside],
        [_written_log_det(inside)],
        pullback=lambda inputs, outputs, gradients: [gradients[0] * pt.as_tensor(pt.linalg.inv(inputs[0])).T],
        name=LOG_DET,
    )
    return op(matrix)


def _written_log_det(matrix: Graph) -> Graph:
    sign, log_det = pt.linalg.slogdet(matrix)
    return pt.switch(sign > 0, log_det, -np.inf)


def without_log_det_op(graphs: Mapping[str, Graph]) -> dict[str, Graph]:
    """Return graphs in which the Op of the log determinant is written out, once all derivatives are taken."""
    written = list(graphs.values())
    for node in applys_between([], written):
        if isinstance(node.op, OpFromGraph) and node.op.name == LOG_DET:
            out = node.outputs[0].type.filter_variable(_written_log_det(node.inputs[0]))
            written = graph_replace(written, {node.outputs[0]: out}, strict=False)
    return dict(zip(graphs, written, strict=True))


def undetermined(information: Array) -> Array | None:
    """Return a direction (k,) along which an information matrix (k, k) is zero; None where there is none."""
    scale = np.sqrt(np.diagonal(information))
    if not np.isfinite(information).all():
        return None
    if not scale.all():
        return np.where(scale == 0, 1.0, 0.0)
    eigenvalues, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    return np.asarray(vectors[:, 0] / scale, dtype=float) if eigenvalues[0] <= SINGULAR else None


def _tangents(values: GraphInputs) -> Array | None:
    """Return the directions (k, m) in which natural elements can move that are tied by a sum; None if all are free."""
    blocks = [_tangent(values, v) for v in values.layout.variables]
    if all(block is None for block in blocks):
        return None
    sizes = [int(np.prod(values.layout.shape(v))) for v in values.layout.variables]
    whole = [np.eye(n) if block is None else block for n, block in zip(sizes, blocks, strict=True)]
    basis = np.zeros((sum(sizes), sum(block.shape[1] for block in whole)))
    row = column = 0
    for block in whole:
        basis[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return basis


def _tangent(values: GraphInputs, variable: FreeVariable) -> Array | None:
    transform = values.model.rvs_to_transforms[values.model[variable.name]]
    if variable.name in values.layout.unconstrained or variable.value_shape == variable.shape:
        return None
    if isinstance(transform, SimplexTransform):
        n = variable.shape[-1]
        one = np.vstack([np.eye(n - 1), -np.ones(n - 1)])
        return np.asarray(np.kron(np.eye(int(np.prod(variable.shape[:-1]))), one))
    if isinstance(transform, ZeroSumTransform):
        centred: Array = np.eye(1)
        for axis, n in enumerate(variable.shape):
            own: Array = np.eye(n)
            if axis in {a % len(variable.shape) for a in transform.zerosum_axes}:
                own = np.linalg.qr(np.eye(n) - 1.0 / n)[0][:, : n - 1]
            centred = np.asarray(np.kron(centred, own))
        return centred
    raise ValueError(
        f"Expected parameters each of whose elements is free, or that sum to 0 or 1, got {variable.name} "
        f"({variable.transform}), on which Firth's penalty is not defined: {REMEDY}."
    )


def _log_rates(values: GraphInputs, variable: FreeVariable, natural: Graph) -> Graph | None:
    """Return log |∂x/∂φ| of a variable, x its elements in the vector and φ those on which I is taken; None if 0."""
    rv = values.model[variable.name]
    transform = values.model.rvs_to_transforms[rv]
    is_natural = variable.name not in values.layout.unconstrained or transform is None
    if isinstance(transform, SimplexTransform):
        rows = float(np.prod(variable.shape[:-1]))
        return pt.log(natural).sum() + rows * np.log(variable.shape[-1]) if is_natural else None
    if isinstance(transform, ZeroSumTransform):
        return None
    x, low, high = natural.ravel(), variable.low, variable.high
    odds, positive, negative = (low == 0) & (high == 1), (low == 0) & (high != 1), (high == 0) & (low < 0)
    on_its_scale = odds if isinstance(transform, LogOddsTransform) else positive & (high == np.inf)
    if isinstance(transform, IntervalTransform):
        on_its_scale = on_its_scale | odds
    known = isinstance(transform, LogTransform | LogOddsTransform | IntervalTransform)
    if not is_natural and known and on_its_scale.all():
        return None
    logs = [(odds, pt.log(x) + pt.log1p(-x)), (positive, pt.log(x)), (negative, pt.log(-x))]
    own_rates = [graph[np.flatnonzero(own)].sum() for own, graph in logs if own.any()]
    rates = sum(own_rates[1:], own_rates[0]) if own_rates else None
    if is_natural:
        return rates
    jacobian = transform.log_jac_det(values.rvs_to_values[rv], *rv.owner.inputs)
    moved = values.write(values.of_random_variables([pt.as_tensor(jacobian).sum()]))[0]
    return -moved if rates is None else rates - moved
