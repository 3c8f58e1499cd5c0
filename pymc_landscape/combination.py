"""A linear combination of a model's natural elements and Deterministics, with its first two derivatives, as graphs.

The weights are an input, so that one compiled function serves every combination, and every single element too: of a
simplex, of a covariance matrix, of a curve.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytensor.tensor as pt

from pymc_landscape.aliases import Graph
from pymc_landscape.density import Values
from pymc_landscape.derivatives import hessian_graph, in_one_vector, joined, slope_graph
from pymc_landscape.layout import Layout


def combination_graph(values: Values, derived: Sequence[str], n: int) -> tuple[Graph, dict[str, Graph]]:
    """Write Σ wᵢ eᵢ over all elements e of the free variables, natural, and then of the Deterministics.

    Parameters
    ----------
    values : Values
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
    value = (joined(written) * weights).sum()
    gradient = slope_graph(value, values.vector)
    graphs = {"value": value, "gradient": gradient, "hessian": _whole(hessian_graph(gradient, values.vector), layout)}
    return in_one_vector(values.vector, weights, graphs)


def _whole(hessian: Graph, layout: Layout) -> Graph:
    """Return all of a Hessian that is 0 as a single column: that of a straight line."""
    return pt.broadcast_to(hessian, (layout.size, layout.size))
