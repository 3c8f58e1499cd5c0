"""Value, gradient and Hessian of an objective whose observations have weights, for many sets of weights at once."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace

from pymc_landscape._typing import Array
from pymc_landscape.engine import Engine, GraphEngine
from pymc_landscape.model import gradient_graph, hessian_graph, is_written_out
from pymc_landscape.objective import DENSE, Objective
from pymc_landscape.objective.observations.stacked_data import derivatives_at


class WeightedObservations:
    """−2 (Σ wᵢ log Lᵢ + w log prior), with weights wᵢ of the observations that stand behind the point.

    Parameters
    ----------
    objective : Objective
        The model.
    sizes : mapping of str to int
        How many observations each term has.

    Attributes
    ----------
    engine : Engine or None
        None where the value is no graph of pointwise terms: an integral, a sum over discrete variables, differences, or
        with a penalty.
    """

    def __init__(self, objective: Objective, sizes: Mapping[str, int]):
        self.objective, self.sizes = objective, dict(sizes)
        plain = not (objective.penalty or objective.is_integral or objective.size > DENSE)
        alone = objective.engine("hessian", objective.names) if plain else None
        self.engine: Engine | None = None
        if isinstance(alone, GraphEngine):
            key = ("weighted observations", alone, tuple(self.sizes.items()), objective.prior_weight)
            self.engine = objective.evaluators.factory.kept(key, self._written)

    def _written(self) -> Engine | None:
        evaluators, k = self.objective.evaluators, self.objective.size
        density = evaluators.density(self.objective.names)
        if density.rows.keys() != self.sizes.keys() or is_written_out(list(density.rows.values())):
            return None
        both = pt.vector("point_and_weights", dtype="float64", shape=(k + sum(self.sizes.values()),))
        ends = k + np.cumsum([0, *self.sizes.values()])
        parts = [both[int(a) : int(b)] for a, b in pairwise(ends)]
        rows = [pt.atleast_1d(density.rows[name]).ravel() for name in self.sizes]
        terms = [(part * row).sum() for part, row in zip(parts, rows, strict=True)]
        value = -2.0 * sum(terms[1:], terms[0])
        if self.objective.prior_weight:
            value = value - 2.0 * self.objective.prior_weight * density.prior
        gradient = gradient_graph(value, density.vector)
        graphs = {"value": value, "gradient": gradient, "hessian": hessian_graph(gradient, density.vector)}
        point = {density.vector: density.vector.type.filter_variable(both[:k])}
        written = graph_replace(list(graphs.values()), point, strict=False)
        return evaluators.factory.of_many(both, dict(zip(graphs, written, strict=True)))

    def derivatives(self, weights: Array, x: Array) -> tuple[Array, Array, Array]:
        """Return values (r,), gradients (r, k) and Hessians (r, k, k) with weights (r, n) at points x (r, k).

        NaN where the model raises.
        """
        assert self.engine is not None
        self.objective.use_data()
        self.objective.passes.n += len(x)
        return derivatives_at(self.engine, x, weights)
