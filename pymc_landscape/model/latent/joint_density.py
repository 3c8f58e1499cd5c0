"""The joint density of data and random effects, as a graph over one flat vector: parameters first, then effects.

An effect with a normal prior is written as µ + σ v, and one with a multivariate normal prior as µ + L v, with v
standard normal. The Laplace approximation of an integral is the same in either form, for the step from one to the
other is linear; but v keeps its density where σ is 0, and where a correlation is ±1. Any other effect stands on its
unconstrained scale, with the Jacobian, since that is the scale on which it is integrated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.logprob.basic import transformed_conditional_logp
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.basic import MvNormalRV, NormalRV

from pymc_landscape._typing import Graph
from pymc_landscape.model import (
    FreeVariable,
    GraphInputs,
    Layout,
    LogDensities,
    PotentialRoles,
    discrete_values,
    is_inside,
    without,
)
from pymc_landscape.model.latent.discrete_states import ConfigurationPlan
from pymc_landscape.model.latent.discrete_sums import SumOut

LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class JointDensity:
    """Graphs over the flat input `vector`, which holds parameters on their natural scale, then effects.

    Parameters
    ----------
    vector : Graph
        Vector (k + q).
    rows : dict of str to Graph
        log p(y, u ∣ θ) in pieces: one an observed term, an effect, a potential, or what a sum over discrete variables
        joins; not summed.
    inside : Graph
        Whether θ is in its support. The other graphs do not ask.
    prior : Graph
        log p(θ).
    effects : dict of str to Graph
        Each effect on its natural scale.
    """

    vector: Graph
    rows: dict[str, Graph]
    inside: Graph
    prior: Graph
    effects: dict[str, Graph]

    @property
    def joint(self) -> Graph:
        """Log p(y, u ∣ θ)."""
        return sum((row.sum() for row in self.rows.values()), pt.constant(0.0)).astype("float64")


class LatentValues(GraphInputs):
    """Values of parameters and effects as graphs of one flat vector.

    Parameters
    ----------
    model : pm.Model
        The model.
    variables : sequence of FreeVariable
        The parameters.
    effects : sequence of FreeVariable
        The effects, in the model's order.
    swaps : mapping of Graph to Graph
        Data to be replaced.
    summed : sequence of str
        Discrete variables, which stand for themselves.
    """

    def __init__(
        self,
        model: pm.Model,
        variables: Sequence[FreeVariable],
        effects: Sequence[FreeVariable],
        swaps: Mapping[Graph, Graph],
        summed: Sequence[str] = (),
    ):
        self.effects, self._summed = [v.name for v in effects], {model[name] for name in summed}
        super().__init__(model, Layout((*variables, *effects), self.effects), swaps)
        self.standard: dict[str, Graph] = {}

    @cached_property
    def places(self) -> dict[Graph, Graph]:
        """What stands for each value; an effect may depend on the effects before it."""
        places = super().places
        for name in self.effects:
            affine, value = self._affine(name), self.rvs_to_values[self.model[name]]
            if affine is not None:
                self.standard[name] = places[value]
                placed = self.written(self.of_random_variables([affine(places[value])]), places)[0]
                places[value] = value.type.filter_variable(placed.astype(value.type.dtype))
        return places

    def _affine(self, name: str) -> Callable[[Graph], Graph] | None:
        """Return how an effect is made of standard normal numbers; None where it is not."""
        rv = self.model[name]
        if self.model.rvs_to_transforms[rv] is not None or rv.owner is None:
            return None
        if not self._summed.isdisjoint(ancestors(rv.owner.inputs, blockers=self.model.free_RVs)):
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
    variables: Sequence[FreeVariable],
    effects: Sequence[FreeVariable],
    parts: PotentialRoles,
    swaps: Mapping[Graph, Graph] = {},
    out: SumOut | None = None,
) -> JointDensity:
    """Write log p(y, u ∣ θ) and log p(θ) of `model` over one flat vector, with discrete variables summed out."""
    summed = out.sums.names if out else ()
    values = LatentValues(model, variables, effects, swaps, summed)
    pieces, inside = joint_pieces(values, parts, summed)
    if out:
        discrete = discrete_values(values, summed)
        pieces = out.sums.out_of(pieces, discrete, {values.vector: out.reference})
        inside = [*without(discrete, inside), *out.sums.inside(pieces)]
    return _density(values, pieces, inside)


def density_of_states(
    model: pm.Model,
    variables: Sequence[FreeVariable],
    effects: Sequence[FreeVariable],
    parts: PotentialRoles,
    swaps: Mapping[Graph, Graph],
    out: SumOut,
) -> tuple[JointDensity, ConfigurationPlan, dict[str, Graph]] | None:
    """Write the same given the states of discrete variables, as shared variables; None where several sums are apart.

    What depends on the states comes first among the pieces.
    """
    names = out.sums.names
    values = LatentValues(model, variables, effects, swaps, names)
    pieces, inside = joint_pieces(values, parts, names)
    discrete = discrete_values(values, names)
    tables = list(out.sums.tables(pieces, discrete, {values.vector: out.reference}))
    if len(tables) != 1 or not (tables[0].group.terms or tables[0].group.effects):
        return None
    found = tables[0]
    shared = {
        name: pytensor.shared(found.plan.states[name][0].astype(plain.type.dtype), name, shape=plain.type.shape)
        for name, plain in found.values.items()
    }
    stands = {plain: plain.type.filter_variable(shared[name]) for name, plain in found.values.items()}
    own = dict(zip(found.pieces, graph_replace(list(found.pieces.values()), stands, strict=False), strict=True))
    others = {n: g for n, g in (pieces.effects | pieces.terms).items() if n not in own}
    density = _density(values, LogDensities(own | others, {}, pieces.priors, {}), without(discrete, inside))
    return density, found.plan, shared


def _density(values: LatentValues, pieces: LogDensities, inside: Sequence[Graph]) -> JointDensity:
    model = values.model
    natural = values.write(values.of_random_variables([model[name] for name in values.effects]))
    return JointDensity(
        vector=values.vector,
        rows={name: row.astype("float64") for name, row in (pieces.effects | pieces.terms).items()},
        inside=reduce(pt.and_, [graph.astype("bool") for graph in inside]),
        prior=sum((g.sum() for g in pieces.priors.values()), pt.constant(0.0)).astype("float64"),
        effects=dict(zip(values.effects, natural, strict=True)),
    )


def joint_pieces(
    values: LatentValues, parts: PotentialRoles, summed: Sequence[str]
) -> tuple[LogDensities, list[Graph]]:
    """Write the log density of each variable and potential, and whether each parameter is inside its support."""
    model = values.model
    _ = values.places
    free = [rv for rv in model.free_RVs if rv.name not in (*values.effects, *summed)]
    others = [name for name in values.effects if name not in values.standard]
    rvs = [*free, *(model[name] for name in (*others, *summed)), *model.observed_RVs]
    logps = _log_densities(values, rvs)
    potentials = dict.fromkeys((*parts.likelihood, *parts.prior))
    written = values.of_random_variables([model[name] for name in potentials]) if potentials else []
    potentials.update(zip(potentials, written, strict=True))
    jacobians = {f"{name} jacobian": j for name in others if (j := _log_jacobian(values, model[name])) is not None}
    terms = {rv.name: logps[rv.name] for rv in model.observed_RVs} | {n: potentials[n] for n in parts.likelihood}
    rows = {name: logps[name] for name in (*others, *summed)} | jacobians | terms
    rows = dict(zip(rows, values.write(list(rows.values())), strict=True))
    standard = {name: -0.5 * v**2 - 0.5 * LOG_2PI for name, v in values.standard.items()}
    inside = values.write([is_inside(values, rv, logps[rv.name]) for rv in free])
    densities = {rv.name: logps[rv.name] for rv in free} | {name: potentials[name] for name in parts.prior}
    priors = dict(zip(densities, values.write(list(densities.values())), strict=True))
    return LogDensities(
        {name: rows[name] for name in terms},
        {name: rows[name] for name in (*others, *jacobians)} | standard,
        priors,
        {name: rows[name] for name in summed},
    ), inside


def _log_densities(values: LatentValues, rvs: list[Graph]) -> dict[str, Graph]:
    """Return the log density of each variable; those with standard normal numbers take part as values only."""
    affine = [values.model[name] for name in values.standard]
    logps = transformed_conditional_logp(
        [*rvs, *affine],
        rvs_to_values=values.rvs_to_values,
        rvs_to_transforms=values.rvs_to_transforms,
        jacobian=False,
    )
    return {rv.name: logp for rv, logp in zip(rvs, logps, strict=False)}


def _log_jacobian(values: GraphInputs, rv: Graph) -> Graph | None:
    transform = values.rvs_to_transforms[rv]
    if transform is None:
        return None
    jacobian = transform.log_jac_det(values.rvs_to_values[rv], *rv.owner.inputs)
    return values.of_random_variables([jacobian])[0]
