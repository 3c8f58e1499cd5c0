"""Which discrete variables of a model hang together, and what depends on them: each group is a sum of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pymc as pm
from pymc.logprob.transforms import IntervalTransform
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Graph
from pymc_landscape.model import VALUE_TRANSFORMS, plain

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


def groups_of(
    model: pm.Model,
    names: Sequence[str],
    effects: Sequence[str],
    potentials: Sequence[str],
    dropped: Collection[str] = (),
) -> list[Group]:
    """Return the groups of discrete variables that hang together.

    Parameters
    ----------
    model : pm.Model
        The model.
    names : sequence of str
        Names of the discrete variables.
    effects : sequence of str
        Names of the random effects that are integrated out beside them.
    potentials : sequence of str
        Names of the potentials that count as likelihood.
    dropped : collection of str
        Names of what is in no density, for no data depend on it.

    Raises
    ------
    ValueError
        If both the prior of a parameter and data depend on one, or if a support does.
    """
    likelihood = [*(rv.name for rv in model.observed_RVs), *potentials]
    groups = [_sorted(met, names, likelihood, effects) for met in _meeting(model, names, dropped)]
    for group in groups:
        _refuse_parameters(group)
        _refuse_moving_supports(model, group)
    return groups


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
