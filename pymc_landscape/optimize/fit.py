"""Fit a model: maximum likelihood and posterior mode, with what an analyst asks of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args
from weakref import WeakSet

import pymc as pm
from pymc.util import get_random_generator

from pymc_landscape._typing import ModelLike, RandomSeed, Starts
from pymc_landscape.arguments import check_run_options, checked_choice, checked_flag
from pymc_landscape.objective import Objective, check_integral, objective_of
from pymc_landscape.objective.observations import refuse_joint_densities
from pymc_landscape.optimize.automatic_starts import search_automatically
from pymc_landscape.optimize.estimates import NaturalScale
from pymc_landscape.optimize.fit_result import Fit
from pymc_landscape.optimize.multistart import (
    StartResult,
    best_result,
    ends_elsewhere,
    explain_no_likelihood,
    overall_report,
    search_all_starts,
)
from pymc_landscape.optimize.status import StatusReport
from pymc_landscape.optimize.symmetries import EquivalentOptima
from pymc_landscape.results.cluster import ClientLike, checked_client

if TYPE_CHECKING:
    from distributed import Client

Information = Literal["observed", "expected"]
Penalty = Literal["firth"]

# Of starts="auto" without a seed: a fit without random starts of the user's own is not random.
AUTOMATIC_SEED = 8

# An integral over random effects is changed at most so often, less one, for what is right at the estimate.
MOST_RULES = 4

# So many elements that may be random effects are worth a word before they are searched.
MANY = 10

_log = logging.getLogger("pymc_landscape")
# Models of which that was said.
_HINTED: WeakSet[pm.Model] = WeakSet()


def fit_mle(
    model: ModelLike | Objective | Fit | None = None,
    *,
    starts: Starts = "auto",
    penalty: Penalty | None = None,
    information: Information | None = None,
    sandwich: bool = False,
    random_seed: RandomSeed | None = None,
    client: ClientLike = None,
    progressbar: bool = True,
) -> Fit:
    """Fit by maximum likelihood: the lowest point of the −2LL landscape, with standard errors.

    The priors play no part, but for the support they define. Newton's method in a trust region goes first, with exact
    gradient and Hessian; L-BFGS, and for models without gradients Nelder–Mead, take over where it does not converge.

    Parameters
    ----------
    model : pm.Model, Objective or Fit, optional
        Left out, the model of the surrounding ``with`` block. Of a fit, its objective is fitted again, on the data that
        the model has now, from its estimate unless `starts` says otherwise.
    starts : "auto", int, points, or a posterior
        ``"auto"``: the model's initial point, then points far apart, until several in a row end at the same lowest
        optimum, or a budget of evaluations that is small beside the first search is spent; with a fixed seed, so that
        the same model gives the same estimate. A number: the model's initial point, then prior draws. A mapping, or a
        list of them: points by name. What ``pm.sample`` returned: its likeliest draw and some others. All results are
        kept in ``fit.starts``.
    penalty : {"firth"}, optional
        ``"firth"`` maximises log L + ½ log det I, I the Fisher information (Firth 1993): a finite estimate where
        predictors tell the outcomes apart, as ``logistf`` gives it. All that is made of the fit is penalised: profiles,
        intervals, regions, landscapes, likelihood ratios. See :meth:`Objective.with_penalty`.
    information : {"observed", "expected"}, optional
        Curvature behind the standard errors: the Hessian at the estimate, or its expectation (Fisher information),
        which least-squares programs report. Expected needs distributions of a known family. Left out, observed; with a
        penalty, expected: the information of log L alone, as ``logistf`` has it.
    sandwich : bool
        Whether the covariance is the robust one, from the scores of the observations (White 1982). Needs a sample:
        more observations than parameters, and no term that is one joint density, as ``pm.AR`` is.
    random_seed : int or Generator, optional
        For scattered starts and prior draws.
    client : distributed.Client or "current", optional
        The workers of a Dask cluster search from the `starts` (a number or a list), with the same results.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Fit
        Read its `status`: only ``converged`` and ``at_bound`` claim an optimum; `message` explains the others.

    Raises
    ------
    TypeError
        If `model` is not a model, an objective or a fit.
    ValueError
        If a parameter is discrete, or `starts` are not points of this model.

    Notes
    -----
    Covariance is the inverse of the observed information I = H/2, H the Hessian of −2LL on the unconstrained scale;
    it is carried to the natural scale by the delta method (Cox & Hinkley 1974, *Theoretical Statistics*, chapter 9).

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> fit = pml.fit_mle(model)
    >>> fit.status.value, round(float(fit.point["p"]), 6), round(float(fit.standard_error["p"]), 6)
    ('converged', 0.7, 0.144914)
    """
    if penalty is not None:
        checked_choice("penalty", penalty, get_args(Penalty))
    if information is not None:
        checked_choice("information", information, get_args(Information))
    objective = _to_fit(model).with_prior_weight(0.0)
    objective = objective if penalty is None else objective.with_penalty(penalty)
    return _fit(objective, _starts(model, starts), information, sandwich, random_seed, progressbar, True, client)


def fit_map(
    model: ModelLike | Objective | Fit | None = None,
    *,
    starts: Starts = "auto",
    sandwich: bool = False,
    random_seed: RandomSeed | None = None,
    client: ClientLike = None,
    progressbar: bool = True,
) -> Fit:
    """Fit the posterior mode on the natural scale, without Jacobian, like ``pm.find_MAP``.

    The highest point of likelihood × prior, both as functions of the parameters themselves: `fit_mle` with the log
    prior added. Information criteria are those of likelihoods and are NaN here.

    Parameters
    ----------
    model : pm.Model, Objective or Fit, optional
        As in `fit_mle`.
    starts : "auto", int, points, or a posterior
        As in `fit_mle`.
    sandwich : bool
        As in `fit_mle`; the scores are those of the observations, the curvature has the prior's added.
    random_seed : int or Generator, optional
        For scattered starts and prior draws.
    client : distributed.Client or "current", optional
        As in `fit_mle`.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Fit
        `covariance` is the inverse curvature of the log posterior at its mode.

    Raises
    ------
    TypeError
        If `model` is not a model, an objective or a fit.
    ValueError
        If a parameter is discrete, or `starts` are not points of this model.

    Examples
    --------
    Beta(2, 2) counts as a success and a failure more, and its mode is (7 + 1) / (10 + 2):

    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 2, 2)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> round(float(pml.fit_map(model).point["p"]), 6), round(float(pml.fit_mle(model).point["p"]), 6)
    (0.666667, 0.7)
    """
    objective = _to_fit(model).with_prior_weight(1.0)
    return _fit(objective, _starts(model, starts), None, sandwich, random_seed, progressbar, True, client)


def fit_weighted(
    objective: Objective,
    *,
    starts: Starts = "auto",
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
) -> Fit:
    """Fit the highest point of likelihood × prior^w, w the objective's own `prior_weight`; as `fit_map` for w = 1."""
    return _fit(objective, starts, None, False, random_seed, progressbar)


def fit_of(
    model: Fit | ModelLike | Objective | None,
    verb: str,
    *,
    starts: Starts = "auto",
    prior_weight: float | None = None,
    refuse: Callable[[Objective], object] = lambda objective: None,
    progressbar: bool = True,
) -> Fit:
    """Return the fit that a verb needs: a fit as it is; a model or an objective is fitted first, and the log says so.

    Parameters
    ----------
    model : Fit, pm.Model, Objective or None
        None is the model of the surrounding ``with`` block.
    verb : str
        Who asks, as the log shall call it: ``"confidence_intervals"``.
    starts : "auto", int, points, or a posterior
        Where the fit of a model begins, as in `fit_mle`.
    prior_weight : float, optional
        Weight of the log prior in that fit, 0 for a verb about the likelihood alone; left out, the objective's own.
    refuse : callable
        Raises, before anything is fitted, where the verb could not answer of this objective: a name is not known.
    progressbar : bool
        Whether to show progress.

    Raises
    ------
    TypeError
        If `model` is none of these.
    """
    objective = objective_of(model)
    refuse(objective)
    if isinstance(model, Fit):
        return model
    if prior_weight is not None:
        objective = objective.with_prior_weight(prior_weight)
    fit = fit_weighted(objective, starts=starts, progressbar=progressbar)
    method = "fit_map" if fit.is_map else "fit_mle"
    _log.info(
        f"{verb} needs an optimum: the model was fitted first ({fit.status.value}); "
        f"to fit it once for several questions, pass what {method} returned."
    )
    return fit


def require_optimum(fit: Fit) -> None:
    """Refuse a fit that claims no optimum, with its status and message."""
    if not fit.status.is_optimum:
        raise ValueError(f"Expected a fit with an optimum, got one that is {fit.status.value}: {fit.message}")


def _to_fit(model: ModelLike | Objective | Fit | None) -> Objective:
    """Return what is to be fitted: of a fit, its objective, on the data that the model has now."""
    return model.refitted if isinstance(model, Fit) else objective_of(model)


def _starts(model: ModelLike | Objective | Fit | None, starts: Starts) -> Starts:
    """Return where to begin: by default at the estimate, where `model` is a fit."""
    default = isinstance(starts, int | str) and starts in ("auto", 1)
    return model.point if isinstance(model, Fit) and default else starts


def _hint_at_effects(objective: Objective) -> None:
    """Say before a search over many elements that they may be random effects, once a model."""
    if objective.size < MANY or objective.model in _HINTED:
        return
    names = objective.perhaps_latent
    sizes = {v.name: v.low.size for v in objective.variables if v.name in names}
    if sum(sizes.values()) < MANY:
        return
    _HINTED.add(objective.model)
    _log.warning(
        "%s may be random effects, for parameters scale them, or neighbours are alike: a joint fit can take long "
        "and have no maximum; to integrate them out, Objective(model, latent=%s).",
        ", ".join(f"{name} ({size} elements)" for name, size in sizes.items()),
        [*objective.latent, *names],
    )


def _fit(
    objective: Objective,
    starts: Starts,
    information: Information | None,
    sandwich: bool,
    random_seed: RandomSeed | None,
    progressbar: bool,
    keeps_part: bool = False,
    client: ClientLike = None,
) -> Fit:
    """Search from every start; make a Fit of the best result, with a report that takes the others into account.

    With `keeps_part` Ctrl-C leaves the fit of the starts that were searched: for a user, not for a verb that goes on.
    """
    check_run_options(random_seed, progressbar)
    _refuse_single_precision(objective)
    if checked_flag("sandwich", sandwich) and information == "expected":
        raise ValueError("Expected one kind of covariance, got sandwich=True and information='expected'.")
    if sandwich:
        refuse_joint_densities(objective, "sandwich=True")
    _hint_at_effects(objective)
    objective, automatic = objective.with_chosen_quadrature(), isinstance(starts, str) and starts == "auto"
    seed = AUTOMATIC_SEED if automatic and random_seed is None else random_seed
    kind = "sandwich" if sandwich else information or ("expected" if objective.penalty else "observed")
    search = partial(_searched, information=kind, seed=seed, progressbar=progressbar, keeps_part=keeps_part,
                     client=checked_client(client))  # fmt: skip
    natural, report, results = search(objective, starts)
    words = ""
    for changes in range(MOST_RULES if objective.is_integral else 0):
        rule, words = check_integral(objective, natural.point)
        if not objective.chooses_quadrature or rule == objective.quadrature or changes == MOST_RULES - 1:
            break
        objective = objective.with_quadrature(rule)
        natural, report, results = search(objective, natural.point if report.status.is_optimum else starts)
    equivalent = EquivalentOptima(natural, ends_elsewhere(natural.theta, results), len(results))
    sentences = (report.message, objective.fixed_effects.message, words, equivalent.sentence())
    message = " ".join(sentence for sentence in sentences if sentence)
    fit = Fit(report.status, message, natural.information, natural, tuple(results))
    if fit.kind != "mle":  # the likelihood of each result is evaluated, and the data may change later
        _ = fit.starts
    return fit


def _searched(
    objective: Objective,
    starts: Starts,
    *,
    information: str,
    seed: RandomSeed | None,
    progressbar: bool,
    keeps_part: bool,
    client: Client | None,
) -> tuple[NaturalScale, StatusReport, list[StartResult]]:
    """Search from every start; return the best result, a report that takes the others into account, and all."""
    automatic = isinstance(starts, str) and starts == "auto"
    if automatic and client is not None:
        raise ValueError(
            "Expected a number of starts, or a list, for client=, got 'auto', which are one after the other: starts=32."
        )
    search = search_automatically if automatic else partial(search_all_starts, starts=starts, client=client)
    rng = get_random_generator(seed, copy=True)
    results = search(objective, rng=rng, progressbar=progressbar, keeps_part=keeps_part)
    results = explain_no_likelihood(objective, results)
    best = best_result(results)
    report = overall_report(best, results, automatic)
    return NaturalScale(best.result, report, information).settle(), report, results


def _refuse_single_precision(objective: Objective) -> None:
    """Refuse parameters of seven digits: where two values of −2LL differ by a cut-off, nothing is left of them."""
    values = objective.model.rvs_to_values
    single = [v.name for v in objective.variables if values[objective.model[v.name]].type.dtype == "float32"]
    if single:
        raise ValueError(
            f"Expected parameters in double precision, got {single[0]!r} in float32: −2LL has too few "
            'digits to be fitted; set pytensor.config.floatX = "float64" before the model is built.'
        )
