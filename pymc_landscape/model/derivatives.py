"""Graphs of derivatives by one flat vector: gradients, Hessians, their products, Jacobians, linear combinations.

A Hessian is one Hessian–vector product, written once and vectorised over the unit vectors. A compiled second
derivative (a Scan over rows) costs ten times more to build; products one after the other cost k passes through the
data where the vectorised graph shares everything that does not depend on the direction.

A linear combination of a model's natural elements and Deterministics, with its first two derivatives, as graphs.

The weights are an input, so that one compiled function serves every combination, and every single element too: of a
simplex, of a covariance matrix, of a curve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytensor.tensor as pt
from pymc.pytensorf import rewrite_pregrad
from pytensor.gradient import NullTypeGradError, pushforward
from pytensor.graph.replace import graph_replace, vectorize_graph
from pytensor.graph.utils import MethodNotDefined

from pymc_landscape._typing import Graph
from pymc_landscape.engine import without_named_dims
from pymc_landscape.model.density import GraphInputs
from pymc_landscape.model.layout import Layout


def gradient_graph(value: Graph, vector: Graph) -> Graph:
    """Return the gradient of the scalar `value`; zero where `vector` does not enter.

    Raises
    ------
    ValueError
        If an Op has no gradient.
    """
    return _gradient(rewrite_pregrad(value), vector)


def _gradient(value: Graph, vector: Graph) -> Graph:
    try:
        return pt.grad(value, vector, disconnected_inputs="ignore")
    except (NullTypeGradError, NotImplementedError, MethodNotDefined) as error:
        raise ValueError(
            f"Expected a model with derivatives, got an Op without a gradient ({error}): "
            "evaluate its landscape, or fit it by a method without derivatives."
        ) from error


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
    return vectorize_graph(product, {direction: pt.constant(np.eye(size), dtype="float64")})


def jacobian_graph(outputs: Sequence[Graph], vector: Graph) -> Graph:
    """Return the Jacobian (k, n) of the raveled and joined `outputs`: a row an element of `vector`."""
    size = vector.type.shape[0]
    direction = pt.vector("direction", dtype="float64", shape=(size,))
    pushed: Graph = pushforward(rewrite_pregrad(joined(outputs)), vector, direction, disconnected_outputs="ignore")
    return vectorize_graph(pushed, {direction: pt.constant(np.eye(size), dtype="float64")})


def joined(outputs: Sequence[Graph]) -> Graph:
    """Return all of `outputs` as one vector."""
    return pt.concatenate([o.ravel().astype("float64") for o in without_named_dims(outputs)])


def product_graph(gradient: Graph, vector: Graph, direction: Graph) -> Graph:
    """Return H v as the gradient of gᵀv, with g the gradient."""
    return _gradient((gradient * direction).sum(), vector)


def combination_graph(values: GraphInputs, derived: Sequence[str], n: int) -> tuple[Graph, dict[str, Graph]]:
    """Write Σ wᵢ eᵢ over all elements e of the free variables, natural, and then of the Deterministics.

    Parameters
    ----------
    values : GraphInputs
        The model, over one flat vector.
    derived : sequence of str
        Names of the Deterministics.
    n : int
        Number of elements e.

    Returns
    -------
    both : Graph
        A vector that holds the point and then the weights.
    graphs : dict of str to Graph
        The value, its gradient (k,) and its Hessian (k, k) by the point.
    """
    model, layout = values.model, values.layout
    names = [*(v.name for v in layout.variables), *derived]
    written = values.write(values.of_random_variables([model[name] for name in names]))
    weights = pt.vector("weights", dtype="float64", shape=(n,))
    wanted = pt.neq(weights, 0.0)  # another element may have no number here, as a correlation without spreads
    value = (pt.switch(wanted, joined(written), 0.0) * weights).sum()
    gradient = gradient_graph(value, values.vector)
    graphs = {"value": value, "gradient": gradient, "hessian": _whole(hessian_graph(gradient, values.vector), layout)}
    return in_one_vector(values.vector, weights, graphs)


def _whole(hessian: Graph, layout: Layout) -> Graph:
    """Return all of a Hessian that is 0 as a single column: that of a straight line."""
    return pt.broadcast_to(hessian, (layout.size, layout.size))
