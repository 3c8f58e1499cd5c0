r"""Discrete variables summed out of a density, exactly, state by state.

With z a set of elements that meet in the density, and f their rows of it,

    log Σ_z p(z ∣ θ) p(y ∣ z, θ) = log Σ_c exp f(z = c)

over the states c that they take together. Sets that do not meet have sums of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.replace import graph_replace

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.model import FreeVariable, GraphInputs, LogDensities, discrete_values, without
from pymc_landscape.model.discrete.dependence import Dependence, Numbers, dependence
from pymc_landscape.model.discrete.factors import Factors, factors_of
from pymc_landscape.model.discrete.groups import Group, groups_of
from pymc_landscape.model.discrete.state_checks import settle_checks
from pymc_landscape.model.discrete.states import (
    ConfigurationPlan,
    configuration_plan,
    states_of,
    table,
    too_wide,
    untied,
)
from pymc_landscape.model.discrete.summands import taken_apart
from pymc_landscape.model.elimination import EliminationPlan, LogSums, TooWideError, without_scans

# Up to so many states of elements that meet, all of them are written at once.
FEW_TOGETHER = 64


@dataclass(frozen=True)
class Way:
    """How a sum is written.

    Parameters
    ----------
    apart : tuple of str
        Names of log densities of which the summands are looked at, not the sums.
    met : Dependence
        Which elements of the discrete variables meet.
    plan : ConfigurationPlan or EliminationPlan
        At all states that the elements that meet take together, or element by element.
    """

    apart: tuple[str, ...]
    met: Dependence
    plan: ConfigurationPlan | EliminationPlan

    @property
    def size(self) -> int:
        """At how many states the density is written."""
        return self.plan.size

    @property
    def is_small(self) -> bool:
        """Whether elements are alone, or have few states together."""
        alone = sum(n.size for n in self.met.elements.values()) == self.met.n_components
        return isinstance(self.plan, ConfigurationPlan) and (alone or len(self.plan.possible) <= FEW_TOGETHER)


@dataclass(frozen=True)
class EliminatedSum:
    """A sum over discrete variables that few log densities tie together, as graphs: by elimination.

    Parameters
    ----------
    group : Group
        What it is of.
    met : Dependence
        Which elements meet; a component is a set.
    factors : Factors
        The log densities as tables.
    untied : list of Graph
        Rows of its log densities that depend on no element.
    """

    group: Group
    met: Dependence
    factors: Factors
    untied: list[Graph]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shape of each table."""
        return self.factors.shapes

    @property
    def rows(self) -> Graph:
        """The sum component by component."""
        sums = LogSums(self.factors.plan)(*self.factors.tables)
        return pt.concatenate([sums, *self.untied]) if self.untied else sums


@dataclass(frozen=True)
class Sum:
    """A sum over discrete variables, as graphs: configuration by configuration.

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
        if _is_row_by_row(self.plan.rows, self.plan.n_sets, self.group):
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
        self.groups = groups_of(model, self.names, effects, potentials, dropped)
        self._ways: dict[Group, Way] = {}

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
        met = self._ways[group].met
        if _is_row_by_row(met.owners, met.n_components, group):
            return group.dependent[0]
        members, tied = met.members[group.summed[0]], all((rows >= 0).all() for rows in met.owners.values())
        one = len(group.summed) == 1 and tied and np.array_equal(np.ravel(members), np.arange(met.n_components))
        return group.summed[0] if one else None

    def refuse_one_row(self) -> None:
        """Refuse what independent observations are needed for, where a sum that was written ties all of them."""
        for group in self.groups:
            met = self._ways[group].met
            size = sum(met.owners[name].size for name in group.terms)
            if size > 1 and met.n_components == 1:
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

    def _written(
        self, group: Group, graphs: dict[str, Graph], values: dict[str, Graph], reference_values: Mapping[Graph, Array]
    ) -> Sum | EliminatedSum:
        """Write a sum in the way that is cheaper, the same for all graphs of a group."""
        shapes = {name: self.shapes[name] for name in group.summed}
        states = {name: self.states[name] for name in group.summed}
        discrete = frozenset(values.values())
        graphs = {n: g if g.type.ndim else taken_apart(g, discrete) for n, g in graphs.items()}

        def apart(names: Collection[str]) -> dict[str, Graph]:
            return graphs | {name: taken_apart(graphs[name], discrete) for name in names}

        def met(own: Mapping[str, Graph]) -> Dependence:
            return dependence(own, values, shapes, states, reference_values)

        if group not in self._ways:
            self._ways[group] = _cheapest(group, apart, met, values, states)
        way = self._ways[group]
        graphs = apart(way.apart)
        if isinstance(way.plan, ConfigurationPlan):
            return Sum(
                group,
                way.plan,
                table(way.plan, graphs, values),
                untied(way.plan.rows, states, graphs, values),
                graphs,
                values,
            )
        factors = factors_of(way.met, graphs, values, states)
        return EliminatedSum(group, way.met, factors, untied(way.met.owners, states, graphs, values))

    def tables(
        self, log_densities: LogDensities, values: Mapping[str, Graph], reference_values: Mapping[Graph, Array]
    ) -> Iterator[Sum | EliminatedSum]:
        """Give each sum, written."""
        for group in self.groups:
            own = {name: self._plain(name, values[name]) for name in group.summed}
            stands = {values[name]: values[name].type.filter_variable(plain) for name, plain in own.items()}
            graphs = log_densities.of((*group.dependent, *group.summed))
            written = list(graph_replace(list(graphs.values()), stands, strict=False))
            check = self.model.check_bounds
            written = without_scans(written, partial(settle_checks, check))
            graphs = dict(zip(graphs, settle_checks(check, written, list(own.values())), strict=True))
            yield self._written(group, graphs, own, reference_values)

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


def _is_row_by_row(owners: Mapping[str, Numbers], n_sets: int, group: Group) -> bool:
    """Whether each row of what depends on the variables has a set of its own."""
    rows = [np.ravel(owners[name]) for name in group.dependent]
    return bool(rows) and all(np.array_equal(own, np.arange(n_sets)) for own in rows)


def _cheapest(
    group: Group,
    apart: Callable[[Collection[str]], dict[str, Graph]],
    met: Callable[[Mapping[str, Graph]], Dependence],
    values: Mapping[str, Graph],
    states: Mapping[str, NDArray[np.int64]],
) -> Way:
    """Return a way with few configurations, if there is one, else the cheapest."""
    possible: list[Way] = []
    errors: list[ValueError] = []
    looked_at: list[tuple[dict[str, Graph], Dependence]] = []

    def met_in(graphs: dict[str, Graph]) -> Dependence:
        known = next((own for earlier, own in looked_at if all(earlier[n] is g for n, g in graphs.items())), None)
        looked_at.append((graphs, known or met(graphs)))
        return looked_at[-1][1]

    for names in ((), group.dependent):
        own = met_in(apart(names))
        try:
            way = Way(names, own, configuration_plan(own, states))
        except ValueError as error:
            errors.append(error)
            continue
        if way.is_small:
            return way
        possible.append(way)
    every = apart((*group.dependent, *group.summed))
    own = met_in(every)
    try:
        possible.append(Way(tuple(every), own, factors_of(own, every, values, states).plan))
    except TooWideError as error:
        if not possible:
            raise (errors[-1] if error.in_one_row else too_wide(own, error)) from None
    return min(possible, key=lambda way: way.size)
