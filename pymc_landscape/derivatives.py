"""Graphs of derivatives with respect to one flat vector: slope, Hessian, its products, Jacobians.

A Hessian is one Hessian–vector product, written once and vectorised over the unit vectors. A compiled second
derivative (a Scan over rows) costs ten times more to build; products one after the other cost k passes through the
data where the vectorised graph shares everything that does not depend on the direction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytensor.tensor as pt
from pymc.pytensorf import rewrite_pregrad
from pytensor.gradient import NullTypeGradError, pushforward
from pytensor.graph.replace import graph_replace, vectorize_graph
from pytensor.graph.utils import MethodNotDefined

from pymc_landscape.aliases import Graph
from pymc_landscape.interpreter import without_named_dims


def slope_graph(value: Graph, vector: Graph) -> Graph:
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


def hessian_product_graph(slope: Graph, vector: Graph) -> tuple[Graph, Graph]:
    """Return a vector that holds the point and then a direction v, and the Hessian times v as a graph of it."""
    direction = pt.vector("direction", dtype="float64", shape=vector.type.shape)
    both, graphs = in_one_vector(vector, direction, {"product": product_graph(slope, vector, direction)})
    return both, graphs["product"]


def in_one_vector(vector: Graph, weights: Graph, graphs: Mapping[str, Graph]) -> tuple[Graph, dict[str, Graph]]:
    """Return a vector that holds a point and then weights, and `graphs` of the two as graphs of it.

    Engines take one vector: what changes with every question and is no parameter stands behind the parameters.
    """
    size, shape = vector.type.shape[0], weights.type.shape
    both = pt.vector("point_and_weights", dtype="float64", shape=(size + int(np.prod(shape)),))
    places = {
        vector: vector.type.filter_variable(both[:size]),
        weights: weights.type.filter_variable(both[size:].reshape(shape)),
    }
    written = graph_replace(list(graphs.values()), places, strict=False)
    return both, dict(zip(graphs, written, strict=True))


def hessian_graph(slope: Graph, vector: Graph) -> Graph:
    """Return the Hessian (k, k) as a graph: the product, vectorised over the unit vectors."""
    size = vector.type.shape[0]
    direction = pt.vector("direction", dtype="float64", shape=(size,))
    product = pt.as_tensor(product_graph(slope, vector, direction))
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


def product_graph(slope: Graph, vector: Graph, direction: Graph) -> Graph:
    """Return H v as the gradient of slope · v."""
    return _gradient((slope * direction).sum(), vector)
