"""The models of a test of which one alone is fitted: the other stands at the point at which the test looks at it."""

from __future__ import annotations

import numpy as np

from pymc_landscape._typing import Array, ModelLike, Point
from pymc_landscape.inference.hypothesis_tests.likelihood_ratio_fits import null_without_parameters, with_effects_of
from pymc_landscape.inference.resampling import natural_point
from pymc_landscape.objective import Objective, RestrictedObjective, objective_of, pymc_model
from pymc_landscape.optimize import Fit, NaturalScale, Status, StatusReport, fit_of, search


def objective_without_fit(alternative: Fit | ModelLike | Objective) -> Objective:
    """Return the alternative of a score test, which is not fitted."""
    if isinstance(alternative, Fit):
        refuse_penalty(alternative, "alternative")
    return objective_of(alternative).with_prior_weight(0.0)


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
    if fit.is_map:
        raise ValueError(f"Expected maximum likelihood fits, got a posterior mode as {which}: use fit_mle.")
    if fit.is_penalized:
        raise ValueError(
            f"Expected maximum likelihood fits, got a penalised one as {which}: likelihood_ratio_test takes two."
        )


def model_at(objective: Objective, point: Point) -> Fit:
    """Return a model at a natural point of our choosing, in the form of a fit."""
    vector = objective.layout().join(point)
    restricted = RestrictedObjective(objective, objective.names, dict(enumerate(vector.tolist())))
    natural = NaturalScale(search(restricted, np.zeros(0)), StatusReport(Status.CONVERGED), "observed").settle()
    return Fit(Status.CONVERGED, "At a point that was given.", "observed", natural, ())


def shared_point(objective: Objective, of: Fit) -> dict[str, Array]:
    """Return the initial point of a model with the estimates of another one in place of elements of the same labels."""
    layout, other = objective.layout(), of.objective.layout()
    values = dict(zip(other.labels, other.join(natural_point(of)), strict=True))
    initial = layout.join(objective.initial_point())
    vector = np.array([values.get(label, value) for label, value in zip(layout.labels, initial, strict=True)])
    return layout.split(vector)
