"""The models of a test of which one alone is fitted: the other stands at the point at which the test looks at it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pymc as pm

from pymc_landscape._typing import Array, ModelLike, Point
from pymc_landscape.inference.resampling import natural_point
from pymc_landscape.objective import Objective, RestrictedObjective, objective_of, pymc_model
from pymc_landscape.objective.observations import known_value, observed_data, observed_values
from pymc_landscape.optimize import Fit, NaturalScale, Status, StatusReport, fit_of, search


class PointNull(Fit):
    """A null with nothing free: the alternative's objective at one point."""

    @property
    def n_parameters(self) -> int:
        """Nothing is free."""
        return 0

    @property
    def n_identified(self) -> int:
        """Nothing is free, and so nothing to be identified."""
        return 0

    @cached_property
    def notes(self) -> dict[str, str]:
        """Say of every element that it is fixed."""
        return {label: "fixed by the null" for v in self.objective.variables for label in v.labels}


def objective_without_fit(alternative: Fit | ModelLike | Objective) -> Objective:
    """Return the alternative of a score test, which is not fitted."""
    if isinstance(alternative, Fit):
        refuse_penalty(alternative, "alternative")
    objective = objective_of(alternative).with_prior_weight(0.0)
    _refuse_penalised(objective, "alternative")
    return objective


def fitted_null(null: Fit | ModelLike | Objective, larger: Objective, progressbar: bool) -> Fit:
    """Return the null's fit; a null in which nothing is free is a point of the alternative."""
    if not isinstance(null, Fit | Objective) and not pymc_model(null).free_RVs:
        return null_without_parameters(pymc_model(null), larger)
    fit = fit_of(with_effects_of(larger, null), "score_test", prior_weight=0.0, progressbar=progressbar)
    refuse_no_optimum(fit, "null")
    return fit


def unfitted_null(null: Fit | ModelLike | Objective, alternative: Fit) -> Fit:
    """Return the null where the alternative has its estimate."""
    if isinstance(null, Fit):
        refuse_penalty(null, "null")
        if not null.n_parameters:
            return null
    elif not isinstance(null, Objective) and not pymc_model(null).free_RVs:
        return null_without_parameters(pymc_model(null), alternative.objective)
    objective = objective_of(with_effects_of(alternative.objective, null)).with_prior_weight(0.0)
    return model_at(objective, shared_point(objective, alternative))


def refuse_no_optimum(fit: Fit, which: str) -> None:
    """Refuse a fit without the estimate at which a test looks."""
    refuse_penalty(fit, which)
    if not fit.status.is_optimum:
        instead = (
            "score_test needs the null alone" if which == "alternative" else "wald_test needs the alternative alone"
        )
        raise ValueError(
            f"Expected a fit with an optimum as {which}, got one that is {fit.status.value} ({fit.message}): {instead}."
        )


def refuse_penalty(fit: Fit, which: str) -> None:
    """Refuse an estimate in which a prior or a penalty took part."""
    refuse_posterior_mode(fit, which)
    _refuse_penalised(fit.objective, which)


def refuse_posterior_mode(fit: Fit, which: str) -> None:
    """Refuse an estimate in which a prior took part."""
    if fit.is_map:
        raise ValueError(f"Expected maximum likelihood fits, got a posterior mode as {which}: use fit_mle.")


def _refuse_penalised(objective: Objective, which: str) -> None:
    if objective.penalty:
        raise ValueError(
            f"Expected maximum likelihood fits, got a penalised one as {which}: likelihood_ratio_test takes two."
        )


def model_at(objective: Objective, point: Point) -> Fit:
    """Return a model at a natural point of our choosing, in the form of a fit."""
    return Fit(Status.CONVERGED, "At a point that was given.", "observed", _at(objective, point), ())


def _at(objective: Objective, point: Point) -> NaturalScale:
    vector = objective.layout().join(point)
    restricted = RestrictedObjective(objective, objective.names, dict(enumerate(vector.tolist())))
    return NaturalScale(search(restricted, np.zeros(0)), StatusReport(Status.CONVERGED), "observed").settle()


def shared_point(objective: Objective, of: Fit) -> dict[str, Array]:
    """Return the initial point of a model with the estimates of another one in place of elements of the same labels."""
    layout, other = objective.layout(), of.objective.layout()
    values = dict(zip(other.labels, other.join(natural_point(of)), strict=True))
    initial = layout.join(objective.initial_point())
    vector = np.array([values.get(label, value) for label, value in zip(layout.labels, initial, strict=True)])
    return layout.split(vector)


def with_effects_of(
    alternative: Fit | ModelLike | Objective, null: Fit | ModelLike | Objective
) -> Fit | ModelLike | Objective:
    """Integrate out of a null that is a model what is integrated out of the alternative, and penalise it as that is.

    Where the null fixes the spread of effects, as ``pm.do(model, {"sd": 0.1})``, their prior depends on nothing.
    """
    if isinstance(null, Fit | Objective):
        return null
    own, larger = objective_of(null), objective_of(alternative)
    if larger.penalty:
        return own.with_penalty(larger.penalty)
    missing = [name for name in larger.latent if name in own.names]
    if not (missing or larger.restricted):
        return null
    return Objective(
        null,
        latent=[*own.latent, *missing] or "auto",
        quadrature=larger.quadrature,
        restricted=_shared_fixed_effects(larger, own),
        potentials=larger.potentials,
    )


def _no_fixed_effect(name: str) -> str:
    """Say that a null lacks a fixed effect that its alternative integrates out."""
    return (
        f"Expected a null with the fixed effects of a restricted (REML) alternative, got one in which {name!r} is not "
        "free: restricted likelihoods test variances; for a test of fixed effects fit both with restricted=()."
    )


def _shared_fixed_effects(larger: Objective, own: Objective) -> tuple[str, ...]:
    """Return the fixed effects of a restricted alternative, which its null has too."""
    missing = [name for name in larger.restricted if name not in own.names]
    if missing:
        raise ValueError(_no_fixed_effect(missing[0]))
    return larger.restricted


def null_without_parameters(model: pm.Model, objective: Objective) -> Fit:
    """Return the alternative's objective with all its parameters at the values that the null gives them."""
    if objective.restricted:
        raise ValueError(_no_fixed_effect(objective.restricted[0]))
    values = {v.name: known_value(model, v.name) for v in objective.variables}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise ValueError(
            f"Expected a null that fixes every parameter of the alternative, got no value for {missing[0]!r}: make it "
            "with pm.do."
        )
    _refuse_other_observed(model, objective)
    shapes = {v.name: v.shape for v in objective.variables}
    point = {name: np.broadcast_to(np.asarray(value), shapes[name]) for name, value in values.items()}
    return PointNull(Status.CONVERGED, "Nothing is free.", "observed", _at(objective, point), ())


def _refuse_other_observed(model: pm.Model, objective: Objective) -> None:
    mine, theirs = observed_values(model), observed_data(objective)
    same = mine.keys() == theirs.keys() and all(np.array_equal(mine[n], theirs[n], equal_nan=True) for n in mine)
    if not same:
        raise ValueError(
            "Expected two models of the same data, got other observed variables or values in the null: likelihoods of "
            "different data do not compare."
        )
