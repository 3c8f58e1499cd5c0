"""The observed terms of a model at a point: what they are, with the numbers that their families need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pymc as pm
import pytensor
from pytensor.graph.traversal import ancestors

from pymc_landscape.aliases import Array, Graph, Point
from pymc_landscape.density import Values
from pymc_landscape.families import Described, describe
from pymc_landscape.interpreter import interpreter_mode, settle
from pymc_landscape.objective import Objective

# Types in which PyTensor computes with single precision; a small constant such as 3.0 has one of these.
SINGLE = frozenset(["float16", "float32", "int8", "int16", "uint8", "uint16", "bool"])
OF_A_SUM = "the log of a sum over its parts does not come apart"
BY_HAND = Described("Potential", unnamed="it was added to the model by hand")


@dataclass(frozen=True)
class Term:
    """One observed term, at a point.

    Parameters
    ----------
    name : str
        Its name in the model.
    distribution, family, around, unnamed : str
        As in :class:`~pymc_landscape.families.Described`.
    moving : tuple of bool
        Which of the parameters depend on the free variables.
    single : bool
        Whether PyMC computes some of it in single precision.
    parts : mapping of str to array
        As there.
    parameters : tuple of array
        As there.
    """

    name: str
    distribution: str
    family: str
    around: str
    unnamed: str
    moving: tuple[bool, ...] = ()
    single: bool = False
    parts: Mapping[str, Array] = field(default_factory=dict)
    parameters: tuple[Array, ...] = ()


def observed_terms(objective: Objective, point: Point) -> tuple[Term, ...]:
    """Return the terms of the log-likelihood at a point on the natural scale, in the objective's order."""
    objective.compiled.use_data()
    terms, function = objective.compiled.kept("observed terms", lambda: _compile(objective))
    found = iter(function(objective.compiled.layout().join(point)))
    return tuple(_filled(term, found) for term in terms)


def _filled(term: Term, found: Any) -> Term:
    parts = {name: np.asarray(next(found), dtype=float) for name in term.parts}
    parameters = tuple(np.asarray(next(found), dtype=float) for _ in term.moving)
    return replace(term, parts=parts, parameters=parameters)


def _compile(objective: Objective) -> tuple[tuple[Term, ...], Any]:
    """Return the terms without their numbers, and a function of the natural vector that gives these."""
    compiled, model = objective.compiled, objective.model
    values = Values(model, compiled.layout(), compiled.swaps)
    terms: list[Term] = []
    outputs: list[Graph] = []
    for name in objective.terms:
        described = _described(objective, name)
        graphs = [*described.parts.values(), *described.parameters]
        written = settle(values.write(values.of_random_variables(graphs)), check_bounds=False) if graphs else []
        terms.append(_empty(name, described, written, values.vector))
        outputs += written
    with pytensor.config.change_flags(cxx=""):
        function = pm.pytensorf.compile(
            [values.vector], outputs, mode=interpreter_mode(), on_unused_input="ignore", trust_input=True
        )
    return tuple(terms), function


def _described(objective: Objective, name: str) -> Described:
    model, compiled = objective.model, objective.compiled
    group = compiled.sums.named(name) if compiled.summed else None
    if group is not None:
        return Described("Mixture", unnamed=f"it is summed over {', '.join(group.summed)}, and {OF_A_SUM}")
    rv = model[name]
    return describe(rv, model.rvs_to_values[rv]) if rv in model.observed_RVs else BY_HAND


def _empty(name: str, described: Described, written: Sequence[Graph], vector: Graph) -> Term:
    graphs = (*described.parts.values(), *described.parameters)
    return Term(
        name,
        described.distribution,
        described.family,
        described.around,
        described.unnamed,
        moving=tuple(vector in ancestors([graph]) for graph in written[len(described.parts) :]),
        single=any(graph.type.dtype in SINGLE for graph in graphs),
        parts=dict.fromkeys(described.parts, np.zeros(0)),
    )
