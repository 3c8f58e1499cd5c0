"""Random effects on their natural scale: their values, and how these spread around the likeliest ones."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt

from pymc_landscape.aliases import Array, Graph
from pymc_landscape.derivatives import in_one_vector, slope_graph
from pymc_landscape.interpreter import without_named_dims
from pymc_landscape.laplace import Laplace, Mode

# So many elements at a time: their derivatives by all effects are a matrix.
BLOCK = 256


class EffectScale:
    """From the vector of parameters and effects of a Laplace approximation to the effects as the model has them.

    Parameters
    ----------
    laplace : Laplace
        The approximation.
    """

    def __init__(self, laplace: Laplace):
        self.laplace, density = laplace, laplace.density
        graphs = [graph.ravel().astype("float64") for graph in without_named_dims(list(density.effects.values()))]
        whole: Graph = pt.concatenate(graphs)
        self._values = laplace.build(density.vector, dict(zip(density.effects, graphs, strict=True)))
        self.size = sum(len(value) for value in self._values.one(np.zeros(self._values.size)))
        weights = pt.vector("weights", dtype="float64", shape=(self.size,))
        slope = slope_graph((weights * whole).sum(), density.vector)
        self._pulled = laplace.build(*in_one_vector(density.vector, weights, {"slope": slope}))

    def values(self, vector: Array) -> dict[str, Array]:
        """Return each effect, raveled, at one vector (k + q)."""
        return dict(zip(self._values.names, map(np.asarray, self._values.one(vector)), strict=True))

    def deviations(self, mode: Mode) -> Array:
        """Return standard deviations (n,) of all effects given the parameters: √(J H⁻¹ Jᵀ) by the delta method."""
        found = np.empty(self.size)
        for start in range(0, self.size, BLOCK):
            stop = min(start + BLOCK, self.size)
            units = np.eye(stop - start, self.size, start)
            rows = np.hstack([np.repeat(mode.vector[None], stop - start, axis=0), units])
            jacobian = self._pulled.at(rows)["slope"][:, self.laplace.n_parameters :]
            found[start:stop] = np.sqrt((jacobian * mode.curvature.solve(jacobian.T).T).sum(axis=1))
        return found
