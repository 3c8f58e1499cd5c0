"""The joint density of data and random effects, as a graph over one flat vector: parameters first, then effects.

An effect with a normal prior is written by coordinates that keep their density where its variance is 0, or where a
correlation is ±1 (:mod:`~pymc_landscape.model.latent.gaussian_effects`). Any other effect stands on its unconstrained
scale, with the Jacobian, since that is the scale on which it is integrated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, reduce

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.traversal import ancestors

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import Engine
from pymc_landscape.model import (
    FreeVariable,
    GraphInputs,
    Layout,
    LogDensities,
    Marginalize,
    PotentialRoles,
    is_inside,
)
from pymc_landscape.model.latent.gaussian_effects import LOG_2PI, Standardized, standardized

__all__ = [
    "LOG_2PI",
    "Integrand",
    "JointDensity",
    "LatentValues",
    "assemble_density",
    "joint_density",
    "write_joint_log_densities",
]
# Makes an engine of a vector and graphs.
Build = Callable[[Graph, dict[str, Graph]], Engine]


@dataclass(frozen=True)
class JointDensity:
    """Graphs over the flat input `vector`, which holds parameters on their natural scale, then effects.

    Parameters
    ----------
    vector : Graph
        Vector (k + q).
    rows : dict of str to Graph
        log p(y, u ∣ θ) row by row, not summed: one array an observed term, an effect, a potential, or what a sum over
        discrete variables joins.
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


@dataclass(frozen=True)
class Integrand:
    """What is integrated over random effects, and what an integral has to know beside it.

    Parameters
    ----------
    density : JointDensity
        Graphs over (θ, u).
    reference : array (k,)
        A θ inside the support.
    groups : array (q,)
        A guess at which elements of u belong together.
    build : callable
        Makes an Engine of a vector and graphs.
    start : array (q,)
        Effects from which the search for the likeliest begins.
    """

    density: JointDensity
    reference: Array
    groups: NDArray[np.intp]
    build: Build
    start: Array


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
    flat : sequence of str
        Effects whose measure is flat, whatever their prior.
    """

    def __init__(
        self,
        model: pm.Model,
        variables: Sequence[FreeVariable],
        effects: Sequence[FreeVariable],
        swaps: Mapping[Graph, Graph],
        summed: Sequence[str] = (),
        flat: Sequence[str] = (),
    ):
        self.effects, self.flat = [v.name for v in effects], tuple(flat)
        self._summed = {model[name] for name in summed}
        natural = {v.name for v in effects if v.name in flat and v.elementwise}
        super().__init__(model, Layout((*variables, *effects), set(self.effects) - natural), swaps)
        self.standard: dict[str, Graph] = {}

    @cached_property
    def replacements(self) -> dict[Graph, Graph]:
        """What stands for each value; an effect may depend on the effects before it."""
        replacements = super().replacements
        for name in self.effects:
            value = self.rvs_to_values[self.model[name]]
            form = self._standardized(name, replacements[value])
            if form is not None:
                placed, density = self.written(self.of_random_variables([form.value, form.log_density]), replacements)
                self.standard[name] = density
                replacements[value] = value.type.filter_variable(placed.astype(value.type.dtype))
        return replacements

    def _standardized(self, name: str, element: Graph) -> Standardized | None:
        """Return how an effect is made of coordinates that are normal whatever its variance; None where it is not."""
        rv = self.model[name]
        if (
            name in self.flat
            or rv.owner is None
            or not self._summed.isdisjoint(ancestors(rv.owner.inputs, blockers=self.model.free_RVs))
        ):
            return None
        others = {self.model[other] for other in self.effects} - {rv}
        shape = self.layout.shape(self.layout[name])
        v = pt.specify_shape(pt.as_tensor(element, allow_xtensor_conversion=True), shape)
        transform = self.model.rvs_to_transforms[rv]
        return standardized(rv, transform, v, lambda graph: not others.isdisjoint(ancestors([graph])))


def joint_density(
    model: pm.Model,
    variables: Sequence[FreeVariable],
    effects: Sequence[FreeVariable],
    roles: PotentialRoles,
    swaps: Mapping[Graph, Graph] = {},
    *,
    summed: Sequence[str] = (),
    flat: Sequence[str] = (),
    marginalize: Marginalize | None = None,
) -> JointDensity:
    """Write log p(y, u ∣ θ) and log p(θ) of `model` over one flat vector.

    Parameters
    ----------
    model : pm.Model
        Any model.
    variables, effects : sequence of FreeVariable
        The parameters θ, and the random effects u.
    roles : PotentialRoles
        What each potential counts as.
    swaps : mapping of Graph to Graph, optional
        Data of the model to be replaced by other variables.
    summed : sequence of str
        Discrete variables to be summed out.
    flat : sequence of str
        Effects that have the density 1 in place of their prior.
    marginalize : callable, optional
        Sums them out of log densities by name.
    """
    values = LatentValues(model, variables, effects, swaps, summed, flat)
    log_densities, inside = write_joint_log_densities(values, roles, summed)
    if marginalize:
        log_densities, inside = marginalize(values, log_densities, inside)
    return assemble_density(values, log_densities, inside)


def assemble_density(values: LatentValues, log_densities: LogDensities, inside: Sequence[Graph]) -> JointDensity:
    """Return log densities by name, and the conditions of the support, as one density."""
    model = values.model
    natural = values.write(values.of_random_variables([model[name] for name in values.effects]))
    return JointDensity(
        vector=values.vector,
        rows={name: row.astype("float64") for name, row in (log_densities.effects | log_densities.terms).items()},
        inside=reduce(pt.and_, [graph.astype("bool") for graph in inside]) if inside else pt.constant(np.True_),
        prior=sum((g.sum() for g in log_densities.priors.values()), pt.constant(0.0)).astype("float64"),
        effects=dict(zip(values.effects, natural, strict=True)),
    )


def write_joint_log_densities(
    values: LatentValues, roles: PotentialRoles, summed: Sequence[str]
) -> tuple[LogDensities, list[Graph]]:
    """Write the log density of each variable and potential, and whether each parameter is inside its support."""
    model = values.model
    _ = values.replacements
    parameters = values.layout.slices.keys() - values.effects
    free = [rv for rv in model.free_RVs if rv.name in parameters]
    centred = [name for name in values.effects if name not in values.standard and name not in values.flat]
    rvs = [*free, *(model[name] for name in (*centred, *summed)), *model.observed_RVs]
    logps = _log_densities(values, rvs)
    potentials = dict.fromkeys((*roles.likelihood, *roles.prior))
    written = values.of_random_variables([model[name] for name in potentials]) if potentials else []
    potentials.update(zip(potentials, written, strict=True))
    jacobians = {f"{name} jacobian": j for name in centred if (j := _log_jacobian(values, model[name])) is not None}
    terms = {rv.name: logps[rv.name] for rv in model.observed_RVs} | {n: potentials[n] for n in roles.likelihood}
    rows = {name: logps[name] for name in (*centred, *summed)} | jacobians | terms
    rows = dict(zip(rows, values.write(list(rows.values())), strict=True))
    inside = values.write([is_inside(values, rv, logps[rv.name]) for rv in free])
    densities = {rv.name: logps[rv.name] for rv in free} | {name: potentials[name] for name in roles.prior}
    priors = dict(zip(densities, values.write(list(densities.values())), strict=True))
    return LogDensities(
        {name: rows[name] for name in terms},
        {name: rows[name] for name in (*centred, *jacobians)} | values.standard,
        priors,
        {name: rows[name] for name in summed},
    ), inside


def _log_densities(values: LatentValues, rvs: list[Graph]) -> dict[str, Graph]:
    """Return the log density of each variable; effects that are written otherwise take part as values only."""
    return values.log_densities([*rvs, *(values.model[name] for name in (*values.standard, *values.flat))])


def _log_jacobian(values: GraphInputs, rv: Graph) -> Graph | None:
    transform = values.rvs_to_transforms[rv]
    if transform is None:
        return None
    jacobian = transform.log_jac_det(values.rvs_to_values[rv], *rv.owner.inputs)
    return values.of_random_variables([jacobian])[0]
