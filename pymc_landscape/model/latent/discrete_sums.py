r"""Discrete variables summed out of a density, exactly, state by state.

With z a set of elements that meet in the density, and f their rows of it,

    log Σ_z p(z ∣ θ) p(y ∣ z, θ) = log Σ_c exp f(z = c)

over the states c that they take together. Sets that do not meet have sums of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.transforms import IntervalTransform
from pytensor.graph.basic import Variable
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array, Graph
from pymc_landscape.model import (
    VALUE_TRANSFORMS,
    FreeVariable,
    GraphInputs,
    LogDensities,
    discrete_values,
    plain,
    without,
)
from pymc_landscape.model.latent.discrete_states import ConfigurationPlan, configuration_plan, states_of, table, untied
from pymc_landscape.model.latent.state_checks import settle_checks
from pymc_landscape.model.latent.summands import taken_apart

# Between the names of terms that are one sum, or one integral.
TOGETHER = " + "


@dataclass(frozen=True)
class Group:
    """Discrete variables that meet in the density, and what depends on them.

    Parameters
    ----------
    summed : tuple of str
        Names of the discrete variables.
    terms, effects, priors : tuple of str
        Names of what depends on them: terms of the likelihood, random effects, and terms of the prior.
    """

    summed: tuple[str, ...]
    terms: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    priors: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the sum among the log densities."""
        return TOGETHER.join(self.terms or self.effects or self.priors or self.summed)

    @property
    def dependent(self) -> tuple[str, ...]:
        """All that depends on them."""
        return (*self.terms, *self.effects, *self.priors)


@dataclass(frozen=True)
class Sum:
    """A sum over discrete variables, as graphs.

    Parameters
    ----------
    group : Group
        What it is of.
    plan : ConfigurationPlan
        Its sets of elements.
    heights : Graph
        Log density (C, K) of each configuration of each set.
    untied : list of Graph
        Rows of its log densities that depend on no set.
    log_densities, values : dict of str to Graph
        What is summed, and what stands in it for each discrete variable.
    """

    group: Group
    plan: ConfigurationPlan
    heights: Graph
    untied: list[Graph]
    log_densities: dict[str, Graph]
    values: dict[str, Graph]

    @property
    def rows(self) -> Graph:
        """The sum set by set, in the shape of the log densities where each row of these is a set."""
        sums = pt.logsumexp(self.heights, axis=0)
        if _is_row_by_row(self.plan, self.group):
            return sums.reshape(self.plan.rows[self.group.dependent[0]].shape)
        return pt.concatenate([sums, *self.untied]) if self.untied else sums


class Sums:
    """The discrete variables that are summed out of a model.

    Parameters
    ----------
    model : pm.Model
        The model.
    variables : sequence of FreeVariable
        The discrete variables.
    effects : sequence of str
        Names of the random effects that are integrated out beside them.
    potentials : sequence of str
        Names of the potentials that count as likelihood.
    dropped : collection of str
        Names of what is in no density, for no data depend on it.

    Raises
    ------
    ValueError
        If a variable has infinitely many states, or if both the prior of a parameter and data depend on it.
    """

    def __init__(
        self,
        model: pm.Model,
        variables: Sequence[FreeVariable],
        effects: Sequence[str],
        potentials: Sequence[str],
        dropped: Collection[str] = (),
    ):
        self.model, self.shapes = model, {v.name: v.shape for v in variables}
        self.names = tuple(self.shapes)
        self.states = {name: states_of(model, name) for name in self.names}
        likelihood = [*(rv.name for rv in model.observed_RVs), *potentials]
        meeting = _meeting(model, self.names, dropped)
        self.groups = [_sorted(met, self.names, likelihood, effects) for met in meeting]
        for group in self.groups:
            _refuse_parameters(group)
            _refuse_moving_supports(model, group)
        self._plans: dict[Group, ConfigurationPlan] = {}
        self._apart: set[Group] = set()  # whose rows are sums that had to be taken apart

    def merged(self, terms: Sequence[str]) -> tuple[str, ...]:
        """Return names of terms, those of one sum as one."""
        return tuple(dict.fromkeys(self._name_of(term) for term in terms))

    def _name_of(self, term: str) -> str:
        return next((group.name for group in self.groups if term in group.terms), term)

    def named(self, term: str) -> Group | None:
        """Return the sum that is called `term`, if one is."""
        return next((group for group in self.groups if group.name == term), None)

    def labelled_by(self, group: Group) -> str | None:
        """Return the variable of which each element is a row of the sum, once this was written."""
        plan = self._plans[group]
        if _is_row_by_row(plan, group):
            return group.dependent[0]
        members, tied = plan.members[group.summed[0]], all((rows >= 0).all() for rows in plan.rows.values())
        one = len(group.summed) == 1 and tied and np.array_equal(np.ravel(members), np.arange(plan.n_sets))
        return group.summed[0] if one else None

    def refuse_one_row(self) -> None:
        """Refuse what independent observations are needed for, where a sum that was written ties all of them."""
        for group in self.groups:
            size = sum(self._plans[group].rows[name].size for name in group.terms)
            if size > 1 and self._plans[group].n_sets == 1:
                raise ValueError(
                    f"Expected a likelihood of single observations, got {group.name}, all of which depend on "
                    f"{', '.join(group.summed)}, which is summed out."
                )

    def refuse_known_information(self) -> None:
        """Refuse what a closed form of the Fisher information is needed for: a sum has none."""
        group = next((group for group in self.groups if group.terms), None)
        if group is not None:
            raise ValueError(
                f"Expected terms whose Fisher information is known in closed form, got {group.name}, which is summed "
                f"over {', '.join(group.summed)}: use information='observed'."
            )

    def _planned(
        self,
        group: Group,
        graphs: Mapping[str, Graph],
        values: Mapping[str, Graph],
        reference_values: Mapping[Graph, Array],
    ) -> tuple[ConfigurationPlan, dict[str, Graph]]:
        """Return which elements of a group meet, the same for all graphs of it, and its rows: of sums the summands."""
        discrete = frozenset(values.values())
        graphs = {n: g if g.type.ndim else taken_apart(g, discrete) for n, g in graphs.items()}
        shapes = {name: self.shapes[name] for name in group.summed}
        states = {name: self.states[name] for name in group.summed}
        if group not in self._plans and group not in self._apart:
            try:
                self._plans[group] = configuration_plan(graphs, values, shapes, states, reference_values)
            except ValueError:  # too many meet in a row
                self._apart.add(group)
        if group in self._apart:
            graphs |= {n: taken_apart(graphs[n], discrete) for n in group.dependent}
        if group not in self._plans:
            self._plans[group] = configuration_plan(graphs, values, shapes, states, reference_values)
        return self._plans[group], graphs

    def tables(
        self, log_densities: LogDensities, values: Mapping[str, Graph], reference_values: Mapping[Graph, Array]
    ) -> Iterator[Sum]:
        """Give each sum, written."""
        for group in self.groups:
            own = {name: self._plain(name, values[name]) for name in group.summed}
            stands = {values[name]: values[name].type.filter_variable(plain) for name, plain in own.items()}
            graphs = log_densities.of((*group.dependent, *group.summed))
            written = graph_replace(list(graphs.values()), stands, strict=False)
            graphs = dict(zip(graphs, settle_checks(written, self.model.check_bounds, own), strict=True))
            plan, graphs = self._planned(group, graphs, own, reference_values)
            yield Sum(group, plan, table(plan, graphs, own), untied(plan, graphs, own), graphs, own)

    def _plain(self, name: str, value: Graph) -> Graph:
        """Return what stands for a discrete variable: a tensor of known shape, without named dims."""
        return pt.tensor(name, dtype=value.type.dtype, shape=self.shapes[name])

    def out_of(
        self, log_densities: LogDensities, values: Mapping[str, Graph], reference_values: Mapping[Graph, Array]
    ) -> LogDensities:
        """Return the log densities without the discrete variables.

        Parameters
        ----------
        log_densities : LogDensities
            With them.
        values : mapping of str to Graph
            What stands in the graphs for each of them.
        reference_values : mapping of Graph to array
            Numbers for all other inputs, of the right shape.
        """
        terms, effects, priors = dict(log_densities.terms), dict(log_densities.effects), dict(log_densities.priors)
        for total in self.tables(log_densities, values, reference_values):
            group = total.group
            for name in group.dependent:
                for kind in (terms, effects, priors):
                    kind.pop(name, None)
            target = terms if group.terms else effects if group.effects else priors
            target[group.name] = total.rows
        return LogDensities({name: terms[name] for name in self.merged(list(log_densities.terms))}, effects, priors, {})

    def inside(self, log_densities: LogDensities) -> list[Graph]:
        """Return whether each parameter whose prior was a sum is where that is not zero."""
        sums = [log_densities.priors[g.name] for g in self.groups if g.priors and not g.terms and not g.effects]
        return [pt.all(pt.neq(graph, -np.inf)) for graph in sums]


@dataclass(frozen=True)
class SumOut:
    """The discrete variables to sum out, and numbers for the flat input at which lengths can be looked up."""

    sums: Sums
    reference: Array

    def marginalize(
        self, values: GraphInputs, log_densities: LogDensities, inside: Sequence[Graph]
    ) -> tuple[LogDensities, list[Graph]]:
        """Sum the discrete variables out of log densities, and out of the conditions of the support."""
        discrete = discrete_values(values, self.sums.names)
        summed = self.sums.out_of(log_densities, discrete, {values.vector: self.reference})
        return summed, [*without(discrete, inside), *self.sums.inside(summed)]


def _is_row_by_row(plan: ConfigurationPlan, group: Group) -> bool:
    """Whether each row of what depends on the variables has a set of its own."""
    rows = [np.ravel(plan.rows[name]) for name in group.dependent]
    return bool(rows) and all(np.array_equal(own, np.arange(plan.n_sets)) for own in rows)


# --- what meets in the model -----------------------------------------------------------------------------------------


def _meeting(model: pm.Model, names: Sequence[str], dropped: Collection[str]) -> list[set[str]]:
    """Return sets of names that hang together through the discrete variables `names`."""
    total: list[set[str]] = []
    for variable in (*model.basic_RVs, *model.potentials):
        if variable.name in dropped:
            continue
        met = set(_parents(model, variable)).intersection(names) | {variable.name}
        if met.isdisjoint(names):
            continue
        together = [group for group in total if not group.isdisjoint(met)]
        total = [group for group in total if group.isdisjoint(met)]
        total.append(met.union(*together))
    return total


def _parents(model: pm.Model, variable: Graph) -> set[str]:
    """Return the names of the random variables that a variable depends on with no other in between."""
    rest = [rv for rv in model.basic_RVs if rv is not variable]
    inputs = [variable] if variable.owner is None else variable.owner.inputs
    total = set(ancestors(inputs, blockers=rest))
    return {rv.name for rv in rest if rv in total}


def _sorted(met: set[str], names: Sequence[str], likelihood: Sequence[str], effects: Sequence[str]) -> Group:
    rest = met.difference(names, likelihood, effects)
    return Group(
        tuple(n for n in names if n in met),
        tuple(n for n in likelihood if n in met),
        tuple(n for n in effects if n in met),
        tuple(sorted(rest)),
    )


def _refuse_parameters(group: Group) -> None:
    if group.priors and (group.terms or group.effects):
        raise ValueError(
            f"Expected discrete variables on which data or priors of parameters depend, got {', '.join(group.summed)}, "
            f"on which both do ({', '.join((*group.terms, *group.effects))}; {', '.join(group.priors)}), so that the "
            f"likelihood given {group.priors[0]} is no sum: name {', '.join(group.priors)} as latent too."
        )


def _refuse_moving_supports(model: pm.Model, group: Group) -> None:
    """Refuse a transform that would need the discrete variables: those of PyMC that read limits off the prior."""
    for name in (*group.effects, *group.priors):
        rv = model[name]
        transform = plain(model.rvs_to_transforms.get(rv))
        if transform is None or isinstance(transform, VALUE_TRANSFORMS):
            continue
        limits = transform.args_fn(*rv.owner.inputs) if isinstance(transform, IntervalTransform) else rv.owner.inputs
        graphs = [limit for limit in limits if isinstance(limit, Variable)]
        if not {model[n] for n in group.summed}.isdisjoint(ancestors(graphs)):
            raise ValueError(
                f"Expected supports that no discrete variable moves, got {name}, whose limits depend on "
                f"{', '.join(group.summed)}: write it as a variable with constant limits, scaled where it is used."
            )
