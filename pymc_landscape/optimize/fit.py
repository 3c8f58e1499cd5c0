"""Fit a model: maximum likelihood and posterior mode, with what an analyst asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pymc as pm
from pymc.util import get_random_generator

from pymc_landscape.objective import Objective, objective_of
from pymc_landscape.optimize.estimates import NaturalScale
from pymc_landscape.optimize.fit_result import Fit
from pymc_landscape.optimize.multistart import StartResult, best_result, overall_report, search_all_starts

Information = Literal["observed", "expected"]


def fit_mle(
    model: pm.Model | Objective | None = None,
    *,
    starts: Any = 1,
    information: Information = "observed",
    sandwich: bool = False,
    random_seed: Any = None,
    progressbar: bool = True,
) -> Fit:
    """Fit by maximum likelihood: the lowest point of the −2LL landscape, with standard errors.

    The priors play no part, but for the support they define. Newton's method in a trust region goes first, with exact
    slope and Hessian; L-BFGS, and for models without gradients Nelder–Mead, stand in where it does not arrive.

    Parameters
    ----------
    model : pm.Model or Objective, optional
        Left out, the model of the surrounding ``with`` block.
    starts : int, points, or a posterior
        A number: the model's initial point, then prior draws. A mapping, or a list of them: points by name. What
        ``pm.sample`` returned: its likeliest draw and some others. All ends are kept in ``fit.starts``.
    information : {"observed", "expected"}
        Curvature behind the standard errors: the Hessian at the estimate, or its expectation (Fisher information),
        which least-squares programs report. Expected needs distributions of a known family.
    sandwich : bool
        Whether the covariance is the robust one, from the scores of the observations (White 1982).
    random_seed : int or Generator, optional
        For prior draws.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Fit
        Read its `status`: only ``converged`` and ``at_bound`` claim an optimum; `message` explains the others.

    Raises
    ------
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
    objective = objective_of(model).with_prior_weight(0.0)
    return _fit(objective, starts, information, sandwich, random_seed, progressbar)


def fit_map(
    model: pm.Model | Objective | None = None,
    *,
    starts: Any = 1,
    sandwich: bool = False,
    random_seed: Any = None,
    progressbar: bool = True,
) -> Fit:
    """Fit the posterior mode on the natural scale: the highest point of likelihood × prior, without Jacobian.

    The same as `fit_mle` with the log prior added, and the same mode that ``pm.find_MAP`` looks for. Information
    criteria are those of likelihoods and are NaN here.

    Parameters
    ----------
    model : pm.Model or Objective, optional
        Left out, the model of the surrounding ``with`` block.
    starts : int, points, or a posterior
        As in `fit_mle`.
    sandwich : bool
        As in `fit_mle`; the scores are those of the observations, the curvature has the prior's added.
    random_seed : int or Generator, optional
        For prior draws.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Fit
        `covariance` is the inverse curvature of the log posterior at its mode.
    """
    objective = objective_of(model).with_prior_weight(1.0)
    return _fit(objective, starts, "observed", sandwich, random_seed, progressbar)


def fit_weighted(objective: Objective, *, starts: Any = 1, random_seed: Any = None, progressbar: bool = True) -> Fit:
    """Fit the highest point of likelihood × prior^w, w the objective's own `prior_weight`; as `fit_map` for w = 1."""
    return _fit(objective, starts, "observed", False, random_seed, progressbar)


def _fit(
    objective: Objective, starts: Any, information: Information, sandwich: bool, random_seed: Any, progressbar: bool
) -> Fit:
    if information not in ("observed", "expected"):
        raise ValueError(f"Expected information='observed' or 'expected', got {information!r}.")
    if sandwich and information == "expected":
        raise ValueError("Expected one kind of covariance, got sandwich=True and information='expected'.")
    rng = get_random_generator(random_seed, copy=True)
    ends = search_all_starts(objective, starts, rng, progressbar)
    return _written(ends, "sandwich" if sandwich else information)


def _written(ends: Sequence[StartResult], information: str) -> Fit:
    """Make a Fit of the best end, with a verdict that takes the others into account."""
    best = best_result(ends)
    verdict = overall_report(best, ends)
    natural = NaturalScale(best.found, verdict, information).settle()
    fit = Fit(verdict.status, verdict.message, information, natural, tuple(ends))
    if fit.is_map:  # the likelihood of each end is evaluated, and the data may change later
        _ = fit.starts
    return fit
