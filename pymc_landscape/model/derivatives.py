"""Graphs of derivatives by one flat vector: gradients, Hessians, their products, Jacobians, linear combinations.

A Hessian is one Hessian–vector product, written once and vectorised over the unit vectors. A compiled second
derivative (a Scan over rows) costs ten times more to build; products one after the other cost k passes through the
data where the vectorised graph shares everything that does not depend on the direction.

A linear combination of a model's natural elements and Deterministics, with its first two derivatives, as graphs.

The weights are an input, so that one compiled function serves every combination, and every single element too: of a
simplex, of a covariance matrix, of a curve.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.pytensorf import rewrite_pregrad
from pytensor.compile.ops import FromFunctionOp
from pytensor.gradient import pushforward
from pytensor.graph.op import HasInnerGraph
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import applys_between

from pymc_landscape._typing import Graph
from pymc_landscape.engine import canonical, stabilised, vectorized, with_known_lengths, without_named_dims
from pymc_landscape.model.density import GraphInputs
from pymc_landscape.model.piecewise_derivatives import (
    Piece,
    gradient_by_pieces,
    hessian_by_pieces,
    in_order,
    pieces_of,
)
from pymc_landscape.model.written_out import TOO_MANY_FOR_A_GRADIENT, is_written_out, n_operations

# Whose Ops are written so that derivatives of derivatives are right; and which of them have the first one only.
WITH_ALL_DERIVATIVES = ("pytensor", "pymc", "pymc_extras", "pymc_landscape")
WITH_THE_FIRST = ("DifferentialEquation",)


class NoDerivativeError(ValueError):
    """An Op of the model has no derivative of the order that was asked for."""


class Differentiated:
    """A scalar and its derivatives by one flat vector, with graphs beside it that were rewritten together with it.

    Parameters
    ----------
    value : Graph
        The scalar.
    beside : mapping of str to Graph
        Other graphs, which share most of their Ops with it.
    vector : Graph
        What it is differentiated by.

    Attributes
    ----------
    value : Graph
        The scalar in canonical form: what it simplifies to goes before differentiating.
    beside : dict of str to Graph
        The others, likewise.
    gradient : Graph
        By the vector (k,).

    Raises
    ------
    NoDerivativeError
        If an Op has no gradient, or if there are too many Ops of a graph that is written out.
    """

    def __init__(self, value: Graph, beside: Mapping[str, Graph], vector: Graph):
        self.vector = vector
        if is_written_out([value]):
            self.value, self.beside, self._pieces = value, dict(beside), list[Piece]()
            self.gradient = gradient_graph(value, vector, written_out=True)
            return
        self.value, *others = canonical([value, *beside.values()])
        self.beside = dict(zip(beside, others, strict=True))
        self._pieces = pieces_of(self.value, vector)
        self.gradient = _differentiated(self._write_gradient, [self.value], vector)

    def _write_gradient(self) -> Graph:
        self._by_piece = gradient_by_pieces(self.value, self._pieces)
        return in_order(self._by_piece, self._pieces, self.vector.type.shape[0])

    def hessian(self) -> Graph:
        """Return the Hessian (k, k).

        Raises
        ------
        NoDerivativeError
            If an Op has the first derivative only, or the graph is written out.
        """
        refuse_second_derivatives([self.value], self.gradient, self.vector)
        refuse_first_only(self.gradient, self.vector)
        size = self.vector.type.shape[0]
        write = lambda: hessian_by_pieces(self._by_piece, self._pieces, size)  # noqa: E731
        return _differentiated(write, [self.gradient], self.vector)


def gradient_graph(value: Graph, vector: Graph, *, written_out: bool = False) -> Graph:
    """Return the gradient of the scalar `value`; zero where `vector` does not enter.

    Raises
    ------
    NoDerivativeError
        If an Op has no gradient, or if there are too many Ops of a graph that is written out.
    """
    if not written_out:
        return _gradient(rewrite_pregrad(value), vector)
    if n_operations([value]) > TOO_MANY_FOR_A_GRADIENT:
        raise _no_derivative([], "a graph of so many Ops is too large")
    return _gradient(stabilised(value), vector)


def _gradient(value: Graph, vector: Graph) -> Graph:
    write = lambda: with_known_lengths([pt.grad(value, vector, disconnected_inputs="ignore")])[0]  # noqa: E731
    return _differentiated(write, [value], vector)


def _differentiated(write: Callable[[], Graph], graphs: Sequence[Graph], vector: Graph) -> Graph:
    """Write a derivative of graphs; an Op's own is its author's affair, and fails in its own ways."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* should implement `pullback`", FutureWarning)
            return write()
    except Exception as error:
        raise _no_derivative(foreign_operations(graphs, vector), f"{type(error).__name__}: {error}") from error


def _no_derivative(ops: Sequence[str], why: str) -> NoDerivativeError:
    return NoDerivativeError(
        f"Expected a model with derivatives, got {f'the Op {" or ".join(ops)}' if ops else 'an Op'} without one "
        f"({why}): they are needed to integrate effects out, and for batches of data. Pass latent=() and no batch_size."
    )


def foreign_operations(graphs: Sequence[Graph], vector: Graph) -> list[str]:
    """Return the names of the Ops between `vector` and graphs that are neither PyTensor's nor PyMC's own."""
    foreign = {
        _name(op): None
        for node in applys_between([vector], graphs)
        for op in _operations(node.op)
        if not _has_all_derivatives(op)
    }
    return list(foreign)


def _operations(op: Any) -> Iterator[Any]:
    """Give an Op, and those that it is made of."""
    yield op
    for inner in (getattr(op, "core_op", None), getattr(op, "scalar_op", None)):
        if inner is not None:
            yield from _operations(inner)
    if isinstance(op, HasInnerGraph):
        for node in op.fgraph.apply_nodes:
            yield from _operations(node.op)


def _has_all_derivatives(op: Any) -> bool:
    own = type(op).__module__.split(".")[0] in WITH_ALL_DERIVATIVES and type(op).__name__ not in WITH_THE_FIRST
    return own and not isinstance(op, FromFunctionOp)


def _name(op: Any) -> str:
    return str(op) if isinstance(op, FromFunctionOp) else type(op).__name__


def refuse_second_derivatives(values: Sequence[Graph], first: Graph, vector: Graph) -> None:
    """Refuse to differentiate again what is too large for it, or goes through an Op of which the first is known.

    What is written for the first may leave out what matters for the second only: the gradient of an ODE's solution
    does not say how its sensitivities move. Such a derivative is wrong without an error.

    Raises
    ------
    NoDerivativeError
        If `values` are written out, or there is an Op in the `first` derivative that is neither PyTensor's nor PyMC's.
    """
    refuse_written_out(values)
    if ops := foreign_operations([first], vector):
        raise _no_derivative(ops, "its second one is not relied upon")


def refuse_written_out(values: Sequence[Graph]) -> None:
    """Refuse derivatives in many directions of what is written out.

    Raises
    ------
    NoDerivativeError
        If `values` are.
    """
    if is_written_out(values):
        raise _no_derivative([], "a graph of so many Ops is too large")


def refuse_first_only(gradient: Graph, vector: Graph) -> None:
    """Refuse to differentiate a gradient with an Op that has no second derivative.

    Raises
    ------
    NoDerivativeError
        If there is one.
    """
    if ops := [name for name in foreign_operations([gradient], vector) if name in WITH_THE_FIRST]:
        raise _no_derivative(ops, "it has the first one only")


def hessian_product_graph(gradient: Graph, vector: Graph) -> tuple[Graph, Graph]:
    """Return a vector that holds the point and then a direction v, and the Hessian times v as a graph of it."""
    direction = pt.vector("direction", dtype="float64", shape=vector.type.shape)
    both, graphs = in_one_vector(vector, direction, {"product": product_graph(gradient, vector, direction)})
    return both, graphs["product"]


def in_one_vector(vector: Graph, weights: Graph, graphs: Mapping[str, Graph]) -> tuple[Graph, dict[str, Graph]]:
    """Return a vector that holds a point and then weights, and `graphs` of the two as graphs of it.

    Engines take one vector: what changes with every question and is no parameter stands behind the parameters.
    """
    size, shape = vector.type.shape[0], weights.type.shape
    both = pt.vector("point_and_weights", dtype="float64", shape=(size + int(np.prod(shape)),))
    replacements = {
        vector: vector.type.filter_variable(both[:size]),
        weights: weights.type.filter_variable(both[size:].reshape(shape)),
    }
    written = graph_replace(list(graphs.values()), replacements, strict=False)
    return both, dict(zip(graphs, written, strict=True))


def hessian_graph(gradient: Graph, vector: Graph) -> Graph:
    """Return the Hessian (k, k) as a graph: the product, vectorised over the unit vectors."""
    size = vector.type.shape[0]
    direction = pt.vector("direction", dtype="float64", shape=(size,))
    product = pt.as_tensor(product_graph(gradient, vector, direction))
    return _for_all_directions(product, gradient, vector, direction)


def jacobian_graph(outputs: Sequence[Graph], vector: Graph) -> Graph:
    """Return the Jacobian (k, n) of the raveled and joined `outputs`: a row an element of `vector`."""
    size = vector.type.shape[0]
    direction = pt.vector("direction", dtype="float64", shape=(size,))
    values = rewrite_pregrad(joined(outputs))
    push = lambda: pushforward(values, vector, direction, disconnected_outputs="ignore")  # noqa: E731
    return _for_all_directions(_differentiated(push, outputs, vector), values, vector, direction)


def _for_all_directions(product: Graph, graph: Graph, vector: Graph, direction: Graph) -> Graph:
    """Return the derivatives of `graph` along each axis as rows, from those along one direction."""
    size = vector.type.shape[0]
    axes = pt.constant(np.eye(size), dtype="float64")
    rows = _differentiated(lambda: vectorized([product], {direction: axes})[0], [graph], vector)
    if rows.ndim == 2 and (size == 1 or not any(rows.type.broadcastable)):
        return rows
    return pt.broadcast_to(rows, (size, graph.shape[0]))  # of a straight line: one row for every axis


def joined(outputs: Sequence[Graph]) -> Graph:
    """Return all of `outputs` as one vector."""
    return pt.concatenate([o.ravel().astype("float64") for o in without_named_dims(outputs)])


def product_graph(gradient: Graph, vector: Graph, direction: Graph) -> Graph:
    """Return H v as the gradient of gᵀv, with g the gradient."""
    refuse_first_only(gradient, vector)
    return _gradient((gradient * direction).sum(), vector)


def combination_graph(
    values: GraphInputs, derived: Sequence[str], n: int, order: int = 2
) -> tuple[Graph, dict[str, Graph]]:
    """Write Σ wᵢ eᵢ over all elements e of the free variables, natural, and then of the Deterministics.

    Parameters
    ----------
    values : GraphInputs
        The model, over one flat vector.
    derived : sequence of str
        Names of the Deterministics.
    n : int
        Number of elements e.
    order : int
        Of the highest derivative.

    Returns
    -------
    both : Graph
        A vector that holds the point and then the weights.
    graphs : dict of str to Graph
        The value, its gradient (k,) and its Hessian (k, k) by the point, up to `order`.

    Raises
    ------
    NoDerivativeError
        If an Op has no derivative of that order.
    """
    model, layout = values.model, values.layout
    names = [*(v.name for v in layout.variables), *derived]
    written = values.write(values.of_random_variables([model[name] for name in names]))
    weights = pt.vector("weights", dtype="float64", shape=(n,))
    wanted = pt.neq(weights, 0.0)  # another element may have no number here, as a correlation without spreads
    value = (pt.switch(wanted, joined(written), 0.0) * weights).sum()
    graphs = {"value": value}
    written_out = is_written_out([value])
    if order >= 1:
        graphs["gradient"] = gradient = gradient_graph(value, values.vector, written_out=written_out)
    if order >= 2:
        refuse_second_derivatives([value], gradient, values.vector)
        graphs["hessian"] = hessian_graph(gradient, values.vector)
    return in_one_vector(values.vector, weights, graphs)
