"""`loss_table`: which loss each observed term of a model is, and the affine identity between the two.

The observed terms are read at a point, with the numbers that their families need, and the identity is checked there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import xarray as xr
from pytensor.graph.traversal import ancestors

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph, ModelLike, Point, PointLike
from pymc_landscape.engine import interpreter_mode, without_parameter_checks
from pymc_landscape.model import LOSS_FAMILIES, Affine, Described, Family, GraphInputs, add_up, describe, quantile_of
from pymc_landscape.numerics import WRITING, one_at_a_time
from pymc_landscape.objective import Fitted, Objective, is_fitted, objective_of, reference_point
from pymc_landscape.results import provenance_attributes

COLUMNS = ("distribution", "loss", "value", "a", "b", "minus2ll", "note")
# How far a·value + b may be from −2LL, per unit of what was added up.
ROUNDING = 1e-8


def loss_table(model: ModelLike | Objective | Fitted | None = None, *, at: PointLike | None = None) -> pd.DataFrame:
    """Say which loss each observed term of a model is, with −2LL = a · value + b as checked numbers.

    A loss says where the floor of a valley is; −2LL also says how much a step away from it matters. The table shows
    what stands between them: the factor a and the constant b that a loss drops. Where the parameters behind a and b
    are known numbers, the identity is that of the whole landscape; where they are parameters of the model, a and b
    are those of this point, and the note says so.

    Parameters
    ----------
    model : pm.Model, Objective or Fit, optional
        The model; left out, that of the surrounding ``with`` block. A fit is looked at where it is.
    at : mapping, xr.Dataset or Fit, optional
        The point, on the natural scale by name; what it leaves out stands at the model's initial point. Left out: the
        fit, if `model` is one, else the model's initial point. No optimiser is run.

    Returns
    -------
    DataFrame
        A row an observed term, by its name: `distribution`; `loss`, the name; `value`, its sum over the rows; `a` and
        `b`; `minus2ll`, the model's own −2LL of the term, which is a · value + b; and `note`: the loss of one row, what
        `value` becomes when it is divided by the number of rows, and what a and b depend on. `attrs["at"]` says where
        the point comes from.

    Raises
    ------
    ValueError
        If the model has no data, or `at` is not one of its points.

    Notes
    -----
    Losses are sums over rows. Where rows have scales of their own, such as a σ each, these are weights inside `value`,
    and a is 1. A censored or truncated term keeps the a and b of its family; what censoring and truncation add, −2 log
    of a probability, is a part of `value`, divided by a. Steps of a time series are rows, and −2LL of its first values
    is a part of b.

    A term without a loss of its own (a mixture, a ``pm.Potential``, a ``pm.CustomDist``) is *no closed loss*; its value
    is then −log L, what a network would be trained on, with a = 2 and b = 0. So it is for distributions whose −log
    density has no name (Beta, Dirichlet), and where a·value + b turns out not to be −2LL, which the note then tells.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     mu = pm.Normal("mu", 0, 10)
    ...     y = pm.Normal("y", mu, 0.5, observed=[1.0, 2.0, 4.0])
    >>> table = pml.loss_table(model, at={"mu": 2.0})
    >>> table[["loss", "value", "a", "b", "minus2ll"]].round(4)
                loss  value    a       b  minus2ll
    y  squared error    5.0  4.0  1.3547   21.3547
    """
    objective = objective_of(model, latent=())
    objective.evaluators.integrals.refuse_latent()
    where = model if at is None and is_fitted(model) else at
    reference = reference_point(objective, xr.Dataset(), where, [v.name for v in objective.variables])
    point = reference.point or {}
    logs = objective.engine("density").at(objective.layout().join(point)[None])
    terms = observed_terms(objective, point)
    rows = [_row(term, -2.0 * float(logs[term.name][0])) for term in terms]
    table = pd.DataFrame(rows, index=[term.name for term in terms], columns=list(COLUMNS))
    begin = "the fit" if is_fitted(where) else reference.words
    table.attrs = provenance_attributes(objective.origin, group="loss_table", at=begin)
    return table


def _row(term: Term, minus2ll: float) -> dict[str, Any]:
    family = LOSS_FAMILIES.get(term.family)
    if family is None:
        return _no_loss(term, minus2ll, term.unnamed)
    with np.errstate(all="ignore"):
        affine = _affine(term, family)
    if not np.isfinite(minus2ll):
        return _no_loss(term, minus2ll, f"−2LL is {minus2ll:g} at this point, which no {family.loss} is")
    if not _holds(affine, minus2ll):
        return _no_loss(term, minus2ll, _not_confirmed(family, affine, minus2ll))
    numbers = {"value": affine.value, "a": affine.a, "b": affine.b, "minus2ll": minus2ll}
    note = "; ".join(_notes(term, family, affine))
    return {"distribution": term.distribution, "loss": _title(term, family, affine), **numbers, "note": note}


def _title(term: Term, family: Family, affine: Affine) -> str:
    words = ["weighted" if affine.weighted else "", term.around, family.loss]
    tobit = term.around == "censored" and family.distribution == "Normal"
    return " ".join([*filter(None, words), *(["(Tobit)"] if tobit else [])])


def _no_loss(term: Term, minus2ll: float, why: str) -> dict[str, Any]:
    """Return a row whose value is −log L itself."""
    loss = "no closed loss" if why else "negative log-likelihood"
    note = f"{why or 'this loss has no other name'}; value is −log L"
    numbers = {"value": minus2ll / 2, "a": 2.0, "b": 0.0, "minus2ll": minus2ll}
    return {"distribution": term.distribution, "loss": loss, **numbers, "note": note}


def _affine(term: Term, family: Family) -> Affine:
    try:
        rows = family.rows(term.inputs["y"], *term.parameters)
    except np.linalg.LinAlgError:  # a matrix that is no covariance
        return Affine(np.nan, np.nan, np.nan, np.nan)
    return add_up(rows, **{name: part for name, part in term.inputs.items() if name != "y"})


def _holds(affine: Affine, minus2ll: float) -> bool:
    return bool(abs(affine.a * affine.value + affine.b - minus2ll) <= ROUNDING * affine.size)


def _not_confirmed(family: Family, affine: Affine, minus2ll: float) -> str:
    evaluated = affine.a * affine.value + affine.b
    if not np.isfinite(evaluated):
        return f"{family.loss} is not finite for these data"
    return f"expected {family.loss}, but a·value + b is {evaluated:.10g} where −2LL is {minus2ll:.10g}"


# --- what the note says ----------------------------------------------------------------------------------------------


def _notes(term: Term, family: Family, affine: Affine) -> Iterable[str]:
    yield f"a row: {family.form}"
    if family.distribution == "AsymmetricLaplace":
        tau = np.unique(quantile_of(term.parameters[1]))
        yield f"tau = {tau[0]:.6g}" if len(tau) == 1 else f"tau from {tau[0]:.6g} to {tau[-1]:.6g}"
    if affine.weighted:
        yield f"weighted by {family.weight or 'the scale of each row'}"
    elif not term.around:
        yield f"{family.mean} = value / {affine.n}"
    yield from _around(term)
    if term.inputs.get("times", 1.0) != 1.0:
        yield f"rows count {float(term.inputs['times']):g} times (total_size)"
    moving = [
        _parameter_note(name, value)
        for name, value, moves in _parameters(term, family)
        if moves and name in family.known
    ]
    if moving:
        yield f"all this at {', '.join(moving)}, which {'is' if len(moving) == 1 else 'are'} free"


def _around(term: Term) -> Iterable[str]:
    if term.around == "censored":
        n = int(term.inputs["replaced"].sum())
        yield f"{n} of {term.inputs['replaced'].size} rows are censored and are −2 log P(beyond) / a"
    if term.around == "truncated":
        yield "a row has 2 log P(inside) / a added"
    if term.around == "one-step":
        yield f"rows are steps, and b has −2LL of the first values, {float(term.inputs['apart']):.6g}"


def _parameters(term: Term, family: Family) -> Iterable[tuple[str, Any, bool]]:
    return zip(family.parameters, term.parameters, term.moving, strict=True)


def _parameter_note(name: str, value: Any) -> str:
    """Say a parameter with its value, if it has one value."""
    values = np.unique(value)
    return f"{name} = {values[0]:.6g}" if len(values) == 1 else name


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
        As in :class:`~pymc_landscape.model.observation_families.Described`.
    moving : tuple of bool
        Which of the parameters depend on the free variables.
    inputs : mapping of str to array
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
    inputs: Mapping[str, Array] = field(default_factory=dict)
    parameters: tuple[Array, ...] = ()


def observed_terms(objective: Objective, point: Point) -> tuple[Term, ...]:
    """Return the terms of the log-likelihood at a point on the natural scale, in the objective's order."""
    objective.use_data()
    terms, function = objective.evaluators.factory.kept("observed terms", lambda: _compile(objective))
    evaluated = iter(function(objective.layout().join(point)))
    return tuple(_filled(term, evaluated) for term in terms)


def _filled(term: Term, evaluated: Any) -> Term:
    inputs = {name: np.asarray(next(evaluated), dtype=float) for name in term.inputs}
    parameters = tuple(np.asarray(next(evaluated), dtype=float) for _ in term.moving)
    return replace(term, inputs=inputs, parameters=parameters)


def _compile(objective: Objective) -> tuple[tuple[Term, ...], Any]:
    """Return the terms without their numbers, and a function of the natural vector that gives these."""
    evaluators, model = objective.evaluators, objective.model
    values = GraphInputs(model, evaluators.metadata.layout(), evaluators.data.swaps)
    terms: list[Term] = []
    outputs: list[Graph] = []
    for name in objective.terms:
        described = _described(objective, name)
        graphs = [*described.inputs.values(), *described.parameters]
        written = (
            without_parameter_checks(values.write(values.of_random_variables(graphs)), check_bounds=False)
            if graphs
            else []
        )
        terms.append(_empty(name, described, written, values.vector))
        outputs += written
    with WRITING, pytensor.config.change_flags(cxx=""):
        function = pm.pytensorf.compile(
            [values.vector], outputs, mode=interpreter_mode(), on_unused_input="ignore", trust_input=True
        )
    return tuple(terms), one_at_a_time(function)


def _described(objective: Objective, name: str) -> Described:
    model, evaluators = objective.model, objective.evaluators
    group = evaluators.integrals.sums.named(name) if evaluators.metadata.summed_variables else None
    if group is not None:
        return Described("Mixture", unnamed=f"it is summed over {', '.join(group.summed)}, and {OF_A_SUM}")
    rv = model[name]
    return describe(rv, model.rvs_to_values[rv]) if rv in model.observed_RVs else BY_HAND


def _empty(name: str, described: Described, written: Sequence[Graph], vector: Graph) -> Term:
    return Term(
        name,
        described.distribution,
        described.family,
        described.around,
        described.unnamed,
        moving=tuple(vector in ancestors([graph]) for graph in written[len(described.inputs) :]),
        inputs=dict.fromkeys(described.inputs, np.zeros(0)),
    )
