"""The variables of a model by the part that they play in its likelihood, and which of them go into which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
from pymc.model_graph import ModelGraph

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.model import name_of
from pymc_landscape.objective import FreeVariable, Objective

# What a variable is here, with the words of the table.
ROLES = {
    "parameter": "parameter",
    "effect": "random effect, integrated out",
    "fixed": "fixed effect, integrated out (REML)",
    "summed": "discrete, summed out",
    "likelihood": "observed: likelihood",
    "potential": "potential: likelihood",
    "prior_potential": "potential: prior",
    "deterministic": "computed",
    "data": "data",
}


@dataclass(frozen=True)
class Variable:
    """One variable.

    Parameters
    ----------
    name : str
        As the model has it.
    role : str
        A key of `ROLES`.
    distribution : str
        What PyMC calls it; empty for what has none.
    shape : tuple of int
        Empty for a scalar, and where it is not known.
    dims : tuple of str
        One name for each axis, ``""`` for an axis without.
    parents : tuple of str
        Variables that it is made of.
    support : str
        Of a free variable, where all elements have the same.
    """

    name: str
    role: str
    distribution: str
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    parents: tuple[str, ...]
    support: str = ""

    @property
    def is_random(self) -> bool:
        """Whether it has a distribution."""
        return bool(self.distribution)

    @property
    def plate(self) -> str:
        """What the variable is repeated over: dims with their lengths; empty for a scalar."""
        axes = zip(self.dims, self.shape, strict=True)
        return " × ".join(f"{dim} ({n})" if dim else str(n) for dim, n in axes)


def model_variables(objective: Objective) -> list[Variable]:
    """Return the variables of an objective's model, parents before children.

    Parameters
    ----------
    objective : Objective
        It says what is integrated or summed out, and what potentials count as.
    """
    model: pm.Model = objective.model
    graph = ModelGraph(model)
    parents = _parents(graph)
    roles = _roles(objective)
    shapes = _shapes(graph)
    free = {v.name: v for v in objective.variables}
    found = [_variable(model, name, role, shapes, parents, free.get(name)) for name, role in roles.items()]
    return _sorted(found)


def _roles(objective: Objective) -> dict[str, str]:
    model, parts = objective.model, objective.potential_roles
    free = {rv.name: "parameter" for rv in model.free_RVs}
    free |= {name: "summed" if name in objective.summed else "effect" for name in objective.latent}
    free |= dict.fromkeys(objective.restricted, "fixed")
    observed = {rv.name: "likelihood" for rv in model.observed_RVs}
    potentials = {
        p.name: "prior_potential" if p.name in map(_name, parts.prior) else "potential" for p in model.potentials
    }
    computed = {d.name: "deterministic" for d in model.deterministics}
    data = {d.name: "data" for d in model.data_vars}
    return {**data, **free, **computed, **potentials, **observed}


def _name(potential: Any) -> str:
    return potential if isinstance(potential, str) else str(potential.name)


def _parents(graph: ModelGraph) -> dict[str, set[str]]:
    """Return what each variable is made of; data that were observed belong to what is observed."""
    known = set(graph.vars_to_plot())
    return {name: {p for p in graph.get_parent_names(graph.model[name]) if p in known} for name in known}


def _shapes(graph: ModelGraph) -> dict[str, tuple[tuple[int, ...], tuple[str, ...]]]:
    """Return shapes and dims by name; none where a shape cannot be worked out."""
    try:
        plates = graph.get_plates()
    except Exception:  # a shape may depend on anything, and the graph is drawn without
        return {}
    return {
        str(node.var.name): (
            tuple(int(n) for n in plate.dim_info.lengths),
            tuple(dim or "" for dim in plate.dim_info.names),
        )
        for plate in plates
        for node in plate.variables
    }


def _variable(
    model: pm.Model,
    name: str,
    role: str,
    shapes: Mapping[str, tuple[tuple[int, ...], tuple[str, ...]]],
    parents: Mapping[str, set[str]],
    free: FreeVariable | None,
) -> Variable:
    shape, dims = shapes.get(name, ((), ()))
    random = {rv.name: rv for rv in (*model.free_RVs, *model.observed_RVs)}
    distribution = name_of(random[name]) if name in random else ""
    support = _support(free) if free is not None else ""
    return Variable(name, role, distribution, shape, dims, tuple(sorted(parents.get(name, ()))), support)


def _support(free: FreeVariable) -> str:
    """Write the limits that all elements have."""
    low, high = np.unique(free.low), np.unique(free.high)
    if free.leans or len(low) != 1 or len(high) != 1:
        return "depends"
    if free.transform is not None and not free.elementwise:
        return free.transform
    return f"{low[0]:g} to {high[0]:g}".replace("inf", "∞").replace("-", "−")


def _sorted(found: list[Variable]) -> list[Variable]:
    """Return parents before children, else in the order of the model."""
    names, placed, ordered = {v.name for v in found}, set[str](), list[Variable]()
    waiting = list(found)
    while waiting:
        ready = [v for v in waiting if not (set(v.parents) & names) - placed]
        ready = ready or waiting[:1]
        ordered += ready
        placed |= {v.name for v in ready}
        waiting = [v for v in waiting if v.name not in placed]
    return ordered


def without(variables: list[Variable], roles: set[str]) -> list[Variable]:
    """Return a graph without the variables of some roles; what went through them goes straight on.

    Parameters
    ----------
    variables : list of Variable
        Parents before children.
    roles : set of str
        What is left out.
    """
    grandparents: dict[str, tuple[str, ...]] = {}
    kept = []
    for v in variables:
        ancestors = dict.fromkeys(g for p in v.parents for g in grandparents.get(p, (p,)))
        if v.role in roles:
            grandparents[v.name] = tuple(ancestors)
        else:
            kept.append(Variable(v.name, v.role, v.distribution, v.shape, v.dims, tuple(ancestors), v.support))
    return kept
