"""The joint density of data and random effects, as a graph over one flat vector: parameters first, then effects.

An effect with a normal prior is written as µ + σ v, and one with a multivariate normal prior as µ + L v, with v
standard normal. The Laplace approximation of an integral is the same in either form, for the step from one to the
other is linear; but v keeps its density where σ is 0, and where a correlation is ±1. Any other effect stands on its
unconstrained scale, with the Jacobian, since that is the scale on which it is integrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.basic import transformed_conditional_logp
from pytensor.tensor.random.basic import MvNormalRV, NormalRV

from pymc_landscape.aliases import Graph
from pymc_landscape.density import Parts, Values, inside
from pymc_landscape.layout import FreeVariable, Layout

LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class JointDensity:
    """Graphs over the flat input `vector`, which holds parameters, then effects.

    Parameters
    ----------
    vector : Graph
        Vector (k + q).
    joint : Graph
        log p(y, u ∣ θ); −∞ where θ is outside its support.
    prior : Graph
        log p(θ).
    effects : dict of str to Graph
        Each effect on its natural scale.
    """

    vector: Graph
    joint: Graph
    prior: Graph
    effects: dict[str, Graph]


class LatentValues(Values):
    """Values of parameters and effects as graphs of one flat vector.

    Parameters
    ----------
    model : pm.Model
        The model.
    layout : Layout
        Of the parameters.
    effects : sequence of FreeVariable
        The effects, in the model's order.
    swaps : mapping of Graph to Graph
        Data to be replaced.
    """

    def __init__(
        self, model: pm.Model, layout: Layout, effects: Sequence[FreeVariable], swaps: Mapping[Graph, Graph] = {}
    ):
        names = [v.name for v in effects]
        super().__init__(model, Layout((*layout.variables, *effects), layout.unconstrained.union(names)), swaps)
        self.effects = names
        self.standard: dict[str, Graph] = {}

    @cached_property
    def places(self) -> dict[Graph, Graph]:
        """What stands for each value; an effect may depend on the effects before it."""
        effects = {self.rvs_to_values[self.model[name]]: name for name in self.effects}
        places = {self.rvs_to_values[self.model[v.name]]: self._place(v.name) for v in self.layout.variables}
        for value, name in effects.items():
            affine = self._affine(name)
            if affine is not None:
                self.standard[name] = places[value]
                placed = self._written(self.of_random_variables([affine(places[value])]), places)[0]
                places[value] = value.type.filter_variable(placed)
        return places

    def _affine(self, name: str):
        """Return how an effect is made of standard normal numbers; None where it is not."""
        rv = self.model[name]
        if self.model.rvs_to_transforms[rv] is not None or rv.owner is None:
            return None
        if isinstance(rv.owner.op, NormalRV):
            mu, sigma = rv.owner.op.dist_params(rv.owner)
            return lambda v: mu + sigma * v
        if isinstance(rv.owner.op, MvNormalRV):
            mu, cov = rv.owner.op.dist_params(rv.owner)
            root = _root(cov)
            return lambda v: mu + (root * v[..., None, :]).sum(-1)
        return None


def _root(cov: Graph) -> Graph:
    """Return L with L Lᵀ the covariance: the one that it was made of, where it was made so."""
    node = cov.owner
    if node is not None and len(node.inputs) == 2:
        left, right = node.inputs
        turned = right.owner is not None and left in right.owner.inputs
        if turned and getattr(left.tag, "lower_triangular", False):
            return left
    return pt.linalg.cholesky(cov, lower=True)


def joint_density(
    model: pm.Model,
    layout: Layout,
    effects: Sequence[FreeVariable],
    parts: Parts,
    swaps: Mapping[Graph, Graph] = {},
) -> JointDensity:
    """Write log p(y, u ∣ θ) and log p(θ) of `model` over one flat vector."""
    values = LatentValues(model, layout, effects, swaps)
    _ = values.places
    free = [model[v.name] for v in layout.variables]
    others = [model[name] for name in values.effects if name not in values.standard]
    observed = list(model.observed_RVs)
    rvs = [*free, *others, *observed]
    affine = [model[name] for name in values.standard]
    logps = transformed_conditional_logp(
        [*rvs, *affine],
        rvs_to_values=values.rvs_to_values,
        rvs_to_transforms=values.rvs_to_transforms,
        jacobian=False,
    )
    by_rv = dict(zip([*rvs, *affine], logps, strict=True))
    jacobians = [_log_jacobian(values, rv) for rv in others]
    potentials = values.of_random_variables([model[name] for name in (*parts.likelihood, *parts.prior)])
    n = len(parts.likelihood)
    support = values.write([inside(values, rv, by_rv[rv]) for rv in free])
    joint = values.write([*(by_rv[rv] for rv in (*others, *observed)), *jacobians, *potentials[:n]])
    prior = values.write([*(by_rv[rv] for rv in free), *potentials[n:]])
    standard = [-0.5 * (v**2).sum() - 0.5 * LOG_2PI * v.size for v in values.standard.values()]
    is_inside = reduce(pt.and_, [g.astype("bool") for g in support])
    return JointDensity(
        values.vector,
        pt.switch(is_inside, sum([*(g.sum() for g in joint), *standard], pt.constant(0.0)).astype("float64"), -np.inf),
        pt.switch(is_inside, sum([g.sum() for g in prior], pt.constant(0.0)).astype("float64"), -np.inf),
        dict(zip(values.effects, values.write(values.of_random_variables([model[e] for e in values.effects])), strict=True)),
    )


def _log_jacobian(values: Values, rv: Graph) -> Graph:
    transform = values.rvs_to_transforms[rv]
    if transform is None:
        return pt.constant(0.0)
    jacobian = transform.log_jac_det(values.rvs_to_values[rv], *rv.owner.inputs)
    return values.of_random_variables([jacobian])[0]
