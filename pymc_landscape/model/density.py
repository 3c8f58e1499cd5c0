"""The graphs of a model's density over one flat vector: log-likelihood by term, log prior, support.

PyMC's own machinery writes each log density; here only the *values* at which it is written differ. A variable on its
natural scale gets a plain value and no transform, so no Jacobian can appear; one on its unconstrained scale keeps
PyMC's transform, again with the Jacobian left out. Nothing is cloned: shared data stay the model's own, so that
``pm.set_data`` is seen, and the order of variables stays the model's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from functools import cached_property, reduce
from itertools import islice

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.distribution import SymbolicRandomVariable
from pymc.logprob.abstract import _logprob
from pymc.logprob.basic import transformed_conditional_logp
from pymc.logprob.utils import CheckParameterValue, replace_rvs_by_values
from pytensor.graph.traversal import ancestors
from pytensor.tensor.basic import Alloc
from pytensor.tensor.random.op import RandomVariable

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Graph
from pymc_landscape.engine import in_full_precision, with_scalar_states, without_infinite_data, without_maps
from pymc_landscape.model.layout import Layout
from pymc_landscape.model.transforms import bounds, closed_support, forward, unit_rows
from pymc_landscape.model.written_out import is_written_out, placed, replaced


@dataclass(frozen=True)
class LogDensities:
    """Log densities by name over one flat vector, in which discrete variables stand for themselves.

    Parameters
    ----------
    terms, effects, priors : dict of str to Graph
        Of the likelihood, of random effects, and of the prior.
    own : dict of str to Graph
        Of the discrete variables.
    """

    terms: dict[str, Graph]
    effects: dict[str, Graph]
    priors: dict[str, Graph]
    own: dict[str, Graph]

    def of(self, chosen: Sequence[str]) -> dict[str, Graph]:
        """Return log densities by name, in the order of `chosen`."""
        every = self.terms | self.effects | self.priors | self.own
        return {name: every[name] for name in chosen}


@dataclass(frozen=True)
class Density:
    """Graphs over the flat input `vector`: each term by row and as a sum, and the log prior, by variable and in all.

    Of a term that is summed over fewer rows than it has, `reduced` says how. `numbers` has those that are another graph
    where no derivatives are asked for.
    """

    vector: Graph
    rows: dict[str, Graph]
    terms: dict[str, Graph]
    priors: dict[str, Graph]
    prior: Graph
    reduced: dict[str, str]
    numbers: dict[str, Graph]


@dataclass(frozen=True)
class PotentialRoles:
    """Which of a model's potentials count as likelihood, and which as prior."""

    likelihood: tuple[str, ...] = ()
    prior: tuple[str, ...] = ()


class GraphInputs:
    """The values at which a model's variables are written, as graphs of one flat vector."""

    def __init__(self, model: pm.Model, layout: Layout, swaps: Mapping[Graph, Graph] = {}):
        self.model, self.layout = model, layout
        self.vector = pt.vector("vector", dtype="float64", shape=(layout.size,))
        self.swaps = dict(swaps)
        on_value_scale = layout.unconstrained
        self.rvs_to_values = dict(model.rvs_to_values)
        self.rvs_to_transforms = dict(model.rvs_to_transforms)
        for rv in model.free_RVs:
            if rv.name not in on_value_scale:
                self.rvs_to_values[rv] = rv.type(rv.name)
                self.rvs_to_transforms[rv] = None

    def write(self, graphs: Sequence[Graph]) -> list[Graph]:
        """Replace every value by its elements of the flat vector, and swapped data by their new values."""
        return self.written(graphs, self.replacements)

    @cached_property
    def replacements(self) -> dict[Graph, Graph]:
        """What stands for each value: its elements of the flat vector."""
        return {self.rvs_to_values[self.model[v.name]]: self._element(v.name) for v in self.layout.variables}

    def written(self, graphs: Sequence[Graph], replacements: Mapping[Graph, Graph]) -> list[Graph]:
        """Replace values by what stands in `replacements` for them, and swapped data by their new values."""
        tensors = [pt.as_tensor(g, allow_xtensor_conversion=True) for g in graphs]
        return replaced(in_full_precision(tensors), {**replacements, **self.swaps})

    def of_random_variables(self, graphs: Sequence[Graph]) -> list[Graph]:
        """Replace random variables in `graphs` by their values."""
        transforms = self.rvs_to_transforms
        return list(replace_rvs_by_values(graphs, rvs_to_values=self.rvs_to_values, rvs_to_transforms=transforms))

    def log_densities(self, rvs: Sequence[Graph]) -> dict[str, Graph]:
        """Return the log density of each variable at its value, without Jacobian; of others there are no values.

        That of a distribution is its own formula at its parameters. PyMC derives what has none from graphs that it
        brings into canonical form, in time that grows with the square of their size.
        """
        valued = set(rvs)
        plain = [rv for rv in rvs if has_formula(rv, valued)]
        parameters = iter(self.of_random_variables([v for rv in plain for v in rv.owner.inputs]))
        found: dict[Graph, Graph] = {}
        for rv in plain:
            inputs = list(islice(parameters, len(rv.owner.inputs)))
            value, transform = self.rvs_to_values[rv], self.rvs_to_transforms[rv]
            at = value if transform is None else transform.backward(value, *inputs)
            found[rv] = _logprob(rv.owner.op, [at], *inputs)
        derived = [rv for rv in rvs if rv not in found]
        found |= zip(derived, self._derived(derived, plain), strict=True)
        return {rv.name: found[rv] for rv in rvs}

    def _derived(self, rvs: Sequence[Graph], plain: Sequence[Graph]) -> list[Graph]:
        """Have PyMC derive log densities of variables, where the values of `plain` ones are known."""
        if not rvs:
            return []
        known = dict(zip(plain, self.of_random_variables(plain), strict=True))
        opened = in_full_precision(placed(rvs, known) if known else rvs)
        return list(
            transformed_conditional_logp(
                opened,
                rvs_to_values={now: self.rvs_to_values[rv] for rv, now in zip(rvs, opened, strict=True)},
                rvs_to_transforms={now: self.rvs_to_transforms[rv] for rv, now in zip(rvs, opened, strict=True)},
                jacobian=False,
            )
        )

    def _element(self, name: str) -> Graph:
        value, where = self.rvs_to_values[self.model[name]], self.layout.slices[name]
        shape = self.layout.shape(self.layout[name])
        # an index is cheaper than a slice of one, in a loop over a million points
        part = self.vector[where].reshape(shape) if shape else self.vector[where.start]
        if name not in self.layout.unconstrained:
            part = unit_rows(self.model.rvs_to_transforms[self.model[name]], part)
        return value.type.filter_variable(part.astype(value.type.dtype))


# From log densities by name, and the conditions of the support, to the same without discrete variables.
Marginalize = Callable[[GraphInputs, LogDensities, Sequence[Graph]], tuple[LogDensities, list[Graph]]]


@dataclass(frozen=True)
class ReducedTerm:
    """A term summed over fewer rows than it has; in words, how; and another graph of it, not to be differentiated."""

    total: Graph
    how: str
    numbers: Graph | None = None


# From a term's name and its rows to their sum over fewer rows; None where all are added up.
Reduce = Callable[[GraphInputs, str, Graph], ReducedTerm | None]


def model_density(
    model: pm.Model,
    layout: Layout,
    roles: PotentialRoles,
    swaps: Mapping[Graph, Graph] = {},
    *,
    summed: Sequence[str] = (),
    marginalize: Marginalize | None = None,
    reduce_rows: Reduce | None = None,
) -> Density:
    """Write the log-likelihood terms and the log prior of `model` over one flat vector.

    Parameters
    ----------
    model : pm.Model
        Any model.
    layout : Layout
        Order and scale of the free variables in the vector.
    roles : PotentialRoles
        What each potential counts as.
    swaps : mapping of Graph to Graph, optional
        Data of the model to be replaced by other variables.
    summed : sequence of str
        Discrete variables to be summed out.
    marginalize : callable, optional
        Sums them out of log densities by name.
    reduce_rows : callable, optional
        Writes the sum of a term over fewer rows.

    Returns
    -------
    Density
        Outside the support every term and the prior are -inf.
    """
    values = GraphInputs(model, layout, swaps)
    log_densities, inside = write_log_densities(values, roles, summed)
    if marginalize:
        log_densities, inside = marginalize(values, log_densities, inside)
    support = reduce(pt.and_, [g.astype("bool") for g in inside])
    total = sum((g.sum() for g in log_densities.priors.values()), pt.constant(0.0))
    rows = {name: row.astype("float64") for name, row in log_densities.terms.items()}
    fewer = {name: reduce_rows(values, name, row) for name, row in rows.items()} if reduce_rows else {}
    known = {name: found for name, found in fewer.items() if found}
    sums = {name: known[name].total if name in known else summed_rows(row) for name, row in rows.items()}
    numbers = {name: found.numbers for name, found in known.items() if found.numbers is not None}
    return Density(
        vector=values.vector,
        rows={name: pt.switch(support, row, -np.inf) for name, row in rows.items()},
        # masked after the sum: once for each point, not once for each row
        terms={name: pt.switch(support, total, -np.inf) for name, total in sums.items()},
        priors=log_densities.priors,
        prior=pt.switch(support, total.astype("float64"), -np.inf),
        reduced={name: found.how for name, found in known.items()},
        numbers={name: pt.switch(support, total, -np.inf) for name, total in numbers.items()},
    )


def write_log_densities(
    values: GraphInputs, roles: PotentialRoles, summed: Sequence[str]
) -> tuple[LogDensities, list[Graph]]:
    """Write the log density of each variable and potential, and whether each parameter is inside its support."""
    model = values.model
    free = [rv for rv in model.free_RVs if rv.name in values.layout.slices]
    rvs = [*free, *model.observed_RVs, *(model[name] for name in summed)]
    densities = values.log_densities(rvs)
    potentials = [*roles.likelihood, *roles.prior]
    written = values.of_random_variables([model[name] for name in potentials]) if potentials else []
    densities |= zip(potentials, written, strict=True)
    for name in [rv.name for rv in model.observed_RVs] + list(roles.likelihood):
        if not is_written_out([densities[name]]):
            (densities[name],) = without_infinite_data([densities[name]])
    written = [*(is_inside(values, rv, densities[rv.name]) for rv in free), *densities.values()]
    graphs = with_scalar_states(without_maps(values.write(written)))
    inside, densities = graphs[: len(free)], dict(zip(densities, graphs[len(free) :], strict=True))
    terms = {name: densities[name] for name in (*(rv.name for rv in model.observed_RVs), *roles.likelihood)}
    priors = {name: densities[name] for name in (*(rv.name for rv in free), *roles.prior)}
    return LogDensities(terms, {}, priors, {name: densities[name] for name in summed}), inside


def has_formula(rv: Graph, valued: Set[Graph]) -> bool:
    """Whether a variable is of a distribution with a log density, and draws nothing but what has a value."""
    op = rv.owner.op
    if not isinstance(op, RandomVariable) or _logprob.dispatch(type(op)) is _logprob.dispatch(object):
        return False
    drawn = RandomVariable | SymbolicRandomVariable
    behind = ancestors(rv.owner.inputs, blockers=valued)
    return all(v in valued for v in behind if v.owner and isinstance(v.owner.op, drawn))


def discrete_values(values: GraphInputs, summed: Sequence[str]) -> dict[str, Graph]:
    """Return what stands in graphs for discrete variables."""
    return {name: values.rvs_to_values[values.model[name]] for name in summed}


def without(discrete: Mapping[str, Graph], inside: Sequence[Graph]) -> list[Graph]:
    """Return the conditions that do not depend on discrete variables."""
    return [graph for graph in inside if set(discrete.values()).isdisjoint(ancestors([graph]))]


def summed_rows(row: Graph, weights: Graph | None = None) -> Graph:
    """Sum a term over its rows, and check its parameters once for the sum instead of once a row.

    Parameters
    ----------
    row : Graph
        Log-likelihood (n, ...) by row.
    weights : Graph, optional
        How often each row (n,) counts; left out, once.
    """

    def total(density: Graph) -> Graph:
        return density.sum() if weights is None else (weights * density.sum(axis=range(1, density.type.ndim))).sum()

    node = row.owner
    if node and isinstance(node.op, Alloc) and None not in row.type.shape:
        same = node.inputs[0].type.shape == row.type.shape  # then nothing is repeated, and the Alloc is a copy
        node = node.inputs[0].owner if same else node
    if not node or not isinstance(node.op, CheckParameterValue):
        return total(row)
    density, *conditions = node.inputs
    if any(condition.type.ndim for condition in conditions):
        return total(row)
    return node.op(total(density), *conditions)


def is_inside(values: GraphInputs, rv: Graph, logp: Graph) -> Graph:
    """Whether the value of `rv` lies in the closed support of its prior.

    The bound itself belongs to it: a likelihood can have its maximum there, even where the prior density is 0.
    """
    transform = values.model.rvs_to_transforms[rv]
    if rv.name in values.layout.unconstrained and transform is not None:
        return pt.constant(True)
    value = pt.as_tensor(values.rvs_to_values[rv], allow_xtensor_conversion=True)
    if transform is None:
        logp = pt.as_tensor(logp, allow_xtensor_conversion=True)
        return pt.all(pt.neq(logp, -np.inf))
    limits = bounds(transform, rv.owner.inputs)
    if limits is not None:
        low, high = values.of_random_variables([pt.as_tensor(limit) for limit in limits])
        return pt.all(pt.ge(value, low)) & pt.all(pt.le(value, high))
    closed = closed_support(transform, value)
    if closed is not None:
        return closed
    moved = values.of_random_variables([transform.forward(rv, *rv.owner.inputs)])[0]
    legal = ~pt.any(pt.isnan(pt.as_tensor(moved, allow_xtensor_conversion=True)))
    return legal & pt.all(pt.neq(pt.as_tensor(logp, allow_xtensor_conversion=True), -np.inf))


def natural_graphs(values: GraphInputs) -> list[Graph]:
    """Return the natural value of each free variable."""
    return values.write(values.of_random_variables([values.model[v.name] for v in values.layout.variables]))


def derived_graphs(values: GraphInputs, names: Sequence[str]) -> list[Graph]:
    """Return Deterministics of the model."""
    return values.write(values.of_random_variables([values.model[name] for name in names]))


def unconstrained_graphs(values: GraphInputs) -> list[Graph]:
    """Return the unconstrained value of each free variable."""
    transforms = values.model.rvs_to_transforms
    free = [values.model[v.name] for v in values.layout.variables]
    moved = [forward(transforms[rv], rv) for rv in free]
    return values.write(values.of_random_variables(moved))
