"""Fit a model: maximum likelihood and posterior mode, with what an analyst asks of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
from pymc.util import get_random_generator

from pymc_landscape.aliases import Array
from pymc_landscape.edge import settle_on_edge
from pymc_landscape.estimate import Estimate, Fit, Information, estimate_at
from pymc_landscape.frame import Frame
from pymc_landscape.objective import Objective, objective_of
from pymc_landscape.progress import Patient
from pymc_landscape.search import Found, search
from pymc_landscape.starts import Starts, find_starts
from pymc_landscape.trust_region import noise
from pymc_landscape.verdict import Status, Verdict, judge

# If no start arrives anywhere, so many others are tried.
RESCUES = 4
# A search is begun anew below a lower point that was met, so many times.
RESTARTS = 3


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
    model, starts, sandwich, random_seed, progressbar
        As in `fit_mle`.

    Returns
    -------
    Fit
        `covariance` is the inverse curvature of the log posterior at its mode.
    """
    objective = objective_of(model).with_prior_weight(1.0)
    return _fit(objective, starts, "observed", sandwich, random_seed, progressbar)


def _fit(
    objective: Objective, starts: Any, information: Information, sandwich: bool, random_seed: Any, progressbar: bool
) -> Fit:
    if information not in ("observed", "expected"):
        raise ValueError(f"Expected information='observed' or 'expected', got {information!r}.")
    rng = get_random_generator(random_seed, copy=True)
    begin = find_starts(objective, starts, rng)
    ends: list[Estimate] = []
    with Patient("Fitting", len(begin), progressbar) as patient:
        for theta, origin in zip(begin.theta, begin.origin, strict=True):
            ends.append(fit_from(objective, theta, origin, rng))
            patient.advance(1)
    if isinstance(starts, int | np.integer) and all(end.verdict.status is Status.FAILED for end in ends):
        ends += _rescue(objective, begin, rng)
    return estimate_at(objective, ends, information=information, sandwich=sandwich)


def _rescue(objective: Objective, begin: Starts, rng: np.random.Generator) -> list[Estimate]:
    """Try a few other starts where none arrived."""
    more = find_starts(objective, len(begin) + RESCUES, rng)
    pairs = list(zip(more.theta, more.origin, strict=True))[len(begin) :]
    ends = []
    for theta, origin in pairs:
        ends.append(fit_from(objective, theta, origin, rng))
        if ends[-1].verdict.status is not Status.FAILED:
            break
    return ends


def fit_from(objective: Objective, theta: Array, origin: str, rng: np.random.Generator) -> Estimate:
    """Search from one start, and again from any lower point that the verdict meets."""
    found = search(Frame(objective), theta, rng)
    verdict = Verdict(Status.FAILED)
    for _ in range(RESTARTS):
        found = settle_on_edge(found, rng)
        verdict = judge(found)
        if verdict.lower is None:
            break
        found = _continued(found, verdict.lower, rng)
    return Estimate(theta, origin, found, verdict)


def _continued(found: Found, x: Array, rng: np.random.Generator) -> Found:
    there = search(found.frame, x, rng).add_cost(found)
    return there if there.value < found.value + noise(found.value) else found
