"""The maximum likelihood fit that a posterior is compared with: checked, or made from the draws."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from pymc_landscape._typing import Array, ModelLike, Posterior, Starts
from pymc_landscape.inference import refuse_changed_data
from pymc_landscape.numerics import noise
from pymc_landscape.objective import Objective, RestrictedObjective, is_lower, objective_of
from pymc_landscape.optimize import Fit, Status, fit_of, fit_weighted, nearest_copy, symmetric_copies
from pymc_landscape.posterior.draws import PosteriorDraws, read_posterior

# What is lower by less than this, in units of −2 log density, is no other optimum.
LOWER = 1e-6
# So many draws are checked, the lowest first: those lower by rounding alone do not count.
CHECKED = 8
# A smaller share of draws in the copy of an optimum in which most lie is told.
MOSTLY = 0.98


def fit_beside(
    model: Fit | ModelLike | Objective | None,
    dt: Posterior | None,
    verb: str,
    *,
    group: str = "posterior",
    refuse: Callable[[Objective], object] = lambda objective: None,
    progressbar: bool = True,
) -> Fit:
    """Return the maximum likelihood fit that a posterior is compared with.

    Parameters
    ----------
    model : Fit, pm.Model, Objective or None
        A fit is checked; a model is fitted, from the likeliest of the draws and one other.
    dt : DataTree or Dataset
        Draws of the posterior.
    verb : str
        Who asks, for the log.
    group : str
        Group of the tree that holds the draws.
    refuse : callable
        Raises where the verb could not answer of this objective, whatever the fit.
    progressbar : bool
        Whether to show progress.

    Raises
    ------
    ValueError
        If the fit is a posterior mode, or found nothing; if its data were changed; if the model has random effects.
    """
    objective = objective_of(model)
    refuse_random_effects(objective)
    refuse(objective)
    starts: Starts = 1
    if not isinstance(model, Fit):
        draws = read_posterior(objective, dt, group)
        best = np.argsort(draws.minus2ll, kind="stable")[[0, len(draws.vectors) // 2]]
        finite = [theta for theta in map(draws.theta, best) if np.isfinite(theta).all()]
        starts = np.stack(finite) if finite else 1
    fit = fit_of(model, verb, starts=starts, prior_weight=0.0, progressbar=progressbar)
    if fit.is_map:
        raise ValueError("Expected a maximum likelihood fit, got a posterior mode: use fit_mle; modes are found here.")
    if fit.is_penalized:
        raise ValueError("Expected a maximum likelihood fit, got a penalised one: use fit_mle without penalty.")
    if fit.status is Status.FAILED:
        raise ValueError(f"Expected a fit with an optimum, got one that failed: {fit.message}")
    refuse_changed_data(fit, "the model")
    return fit


def warn_if_lower(fit: Fit, draws: PosteriorDraws) -> bool:
    """Tell of a draw that beats the fit by more than the rounding of its value; return whether there is one."""
    highest, restricted = fit.minus2ll - LOWER - noise(fit.minus2ll), RestrictedObjective(fit.objective)
    begin = (fit.result.restricted, fit.result.x)
    for i in np.argsort(draws.minus2ll)[:CHECKED].tolist():
        value = float(draws.minus2ll[i])
        if not value < highest:
            return False
        if is_lower(restricted, draws.theta(i), value, highest, begin):
            if fit.status.is_optimum:
                warnings.warn(
                    f"The draw of {draws.name(i)} has −2LL {value:.6f}, lower than the fit's by "
                    f"{fit.minus2ll - value:.4g}: a new optimum, and the fit is none; fit again from the draws, "
                    "fit_mle(model, starts=dt).",
                    stacklevel=3,
                )
            return True
    return False


def in_copy_of_draws(fit: Fit, draws: PosteriorDraws) -> tuple[Fit, str]:
    """Return the fit in that copy of the optimum in which most draws lie, with a sentence where that is another one.

    Components of a mixture and signs of factors can change places: which of its copies an optimum is found in means
    nothing, and what draws lie in another is no disagreement.
    """
    if not fit.status.is_optimum or not fit.symmetries:
        return fit, ""
    layout = fit.objective.layout()
    here = layout.join({str(name): values.values for name, values in fit.point.data_vars.items()})
    errors = layout.join({str(name): values.values for name, values in fit.standard_error.data_vars.items()})
    scale = np.where(np.isfinite(errors) & (errors > 0), errors, np.maximum(np.abs(here), 1.0))
    images = symmetric_copies(fit.symmetries, here)
    scale = np.abs(symmetric_copies(fit.symmetries, scale)).max(axis=0)  # the same for elements that change places
    distances = np.stack([(((draws.vectors - image) / scale) ** 2).sum(axis=1) for image in images])
    counts = np.bincount(distances.argmin(axis=0), minlength=len(images))
    most = int(counts.argmax())
    words = " or ".join(symmetry.words(layout.labels) for symmetry in fit.symmetries[:3])
    told = ""
    if most:
        fit = fit_weighted(fit.objective, starts=[layout.split(images[most])], progressbar=False)
        told = (
            f"The draws lie in another copy of the optimum, which is as low ({words}): it is that copy they are beside."
        )
    if counts[most] < MOSTLY * counts.sum():
        share = 1.0 - counts[most] / counts.sum()
        told += f" {100 * share:.0f} % of the draws lie in other copies of the optimum ({words}): means mix them."
    return fit, told.strip()


def in_one_copy(fit: Fit, draws: PosteriorDraws) -> Array:
    """Return the draws (S, n), those that lie in other copies of the optimum brought to the fit's."""
    if not fit.status.is_optimum or not fit.symmetries:
        return draws.vectors
    here, errors = (
        fit.objective.layout().join({str(name): values.values for name, values in table.data_vars.items()})
        for table in (fit.point, fit.standard_error)
    )
    return np.stack([nearest_copy(fit.symmetries, vector, here, errors) for vector in draws.vectors])


def refuse_random_effects(objective: Objective) -> None:
    """Refuse a model whose likelihood is conditional on random effects."""
    if objective.conditional:
        raise ValueError(
            f"Expected a model whose random effects are integrated out, got {', '.join(objective.conditional)}, whose "
            "prior depends on other parameters, as parameters: the likelihood of those alone is an integral, and a "
            "joint fit is no answer; use Objective(model, latent='auto')."
        )
