"""`influence`: how estimates and interval endpoints would change without each observation.

Cook's likelihood displacement, leverage and infinitesimal jackknife (Cook 1986, *Journal of the Royal Statistical
Society* B 48, 133-169; Efron 1982), carried to the natural scale and to the endpoints of profile intervals.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from pymc_landscape._typing import Array, ModelLike, Posterior, VarNames
from pymc_landscape.arguments import checked_flag, checked_level, repeatable
from pymc_landscape.inference.case_deletion import CaseDeletion, DeletedObservation
from pymc_landscape.inference.profile import (
    BOUNDS,
    Endpoint,
    EndpointProblem,
    Quantity,
    ReferenceFit,
    find_endpoints,
    find_quantities,
    refuse_no_optimum,
)
from pymc_landscape.numerics import chi2_cutoff, one_blas_thread
from pymc_landscape.objective import Objective
from pymc_landscape.objective.observations import enough_draws, pointwise_log_likelihood, refuse_joint_densities
from pymc_landscape.optimize import Fit, fit_of
from pymc_landscape.results import DelayedProgressBar, array_dataset, provenance_attributes

Variables = dict[str, tuple[Sequence[str], Any]]
BY_PARAMETER = ("observation", "parameter")
# No more fits than this are made with `exact`.
MOST_EXACT = 2_000


def influence(
    fit: Fit | ModelLike | Objective | None = None,
    var_names: VarNames | None = None,
    *,
    dt: Posterior | None = None,
    level: float = 0.95,
    exact: bool = False,
    progressbar: bool = True,
) -> xr.Dataset:
    r"""Tell how much each observation says: how estimates and interval endpoints would change without it.

    Use it to find the observations on which a conclusion hangs, and beside Pareto's k of LOO, which tells where the
    posterior hangs on them. An influential observation is not a wrong one, and several can hide each other.

    Parameters
    ----------
    fit : Fit, pm.Model or Objective, optional
        What `fit_mle` returned; a model is fitted first, and left out it is that of the surrounding ``with`` block. Of
        `fit_map`, changes are those of the posterior's mode.
    var_names : str, sequence of str, or mapping, optional
        As in `confidence_intervals`: variables, elements, Deterministics, linear combinations; left out, every
        element of every free variable.
    dt : DataTree or Dataset, optional
        Draws of the posterior of the same model, for `pareto_k` and `elpd_loo` by ``az.loo``.
    level : float
        Confidence level of the intervals whose ends are looked at.
    exact : bool
        Whether to fit again without each observation: for small data.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    Dataset
        Dim ``observation`` has a label for each number of the pointwise log-likelihood (``y[3]``), its coordinate
        `term` the observed variable. By observation: `log_likelihood` at the estimate; `leverage`, its share of the
        information, which sums to the number of parameters; `displacement`, Cook's likelihood displacement. By
        observation and ``parameter``: `change`, of the estimate when the observation is left out, to first order, and
        `one_step`, the same with the observation's own curvature taken off too. By observation, parameter and
        ``bound``: `end_change`, of the ends of the profile interval, to first order; 0 at a bound of the support, NaN
        where an end is open. `score` by observation and ``theta``. With `exact`: `exact_change` and
        `exact_displacement`; with `dt`: `pareto_k` and `elpd_loo`, and what k should stay below as
        ``attrs["good_k"]``. By parameter: `estimate`, `standard_error`, `end` and `end_status`. Natural scale, but for
        the scores.

    Raises
    ------
    ValueError
        If the fit has no optimum, a name or the level is not known, the draws are another model's, `exact` is asked
        for more than two thousand observations, or a term is one joint density and no sample (``pm.AR``).

    Notes
    -----
    With sᵢ the score of an observation, J the information, Jᵢ = −∂²ℓᵢ: `change` is −J⁻¹sᵢ (the infinitesimal
    jackknife: Efron 1982, *The Jackknife, the Bootstrap and Other Resampling Plans*), `one_step` −(J − Jᵢ)⁻¹sᵢ
    (Pregibon 1981, *Annals of Statistics* 9, 705-724), both carried to the natural scale; `displacement` is
    LDᵢ = 2[ℓ(θ̂) − ℓ(θ̂₍₋ᵢ₎)] (Cook 1986, *JRSS B* 48, 133-169), by δᵀJδ of the one step δ. At an end ψₑ of an interval
    the profile of Δ(−2LL) has the slope Δ′, and its height is the cut-off for whatever weight wᵢ the observation has,
    so that

    .. math:: \frac{d\psi_e}{dw_i} = \frac{2\,[\ell_i(\theta_e) - \ell_i(\hat\theta)]}{\Delta'(\psi_e)} ,

    by the envelope theorem; `end_change` is −1 times it.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     mu = pm.Normal("mu", 0, 10)
    ...     y = pm.Normal("y", mu, 1.0, observed=[0.0, 1.0, 2.0, 9.0])
    >>> changes = pml.influence(pml.fit_mle(model))
    >>> changes["one_step"].values.ravel().round(6).tolist()  # (3 − y) / 3
    [1.0, 0.666667, 0.333333, -2.0]
    """
    rise = float(chi2_cutoff(checked_level("level", level)))
    exact = checked_flag("exact", exact)
    checked_flag("progressbar", progressbar)
    if dt is not None:
        enough_draws(dt)
    named = partial(find_quantities, var_names=repeatable(var_names))

    def refuse(objective: Objective) -> None:
        refuse_joint_densities(objective, "influence")
        named(objective)

    fit = fit_of(fit, "influence", refuse=refuse, progressbar=progressbar)
    refuse_no_optimum(fit)
    if fit.is_penalized:
        raise ValueError(
            "Expected a fit of which each observation is a summand, got a penalised one: its penalty is that of all "
            "observations together; use fit_mle without penalty."
        )
    deletion, quantities = CaseDeletion(fit), named(fit.objective)
    _refuse_many(deletion, exact)
    with one_blas_thread():
        data = {
            **_of_observations(deletion),
            **_of_estimates(deletion, quantities),
            **_of_endpoints(deletion, quantities, rise),
        }
        data |= _exact_deletion(deletion, quantities, progressbar) if exact else {}
    loo_terms = _cross_validated(deletion, dt) if dt is not None else []
    data |= _of_posterior(loo_terms) if loo_terms else {}
    coords = {
        "observation": deletion.labels,
        "parameter": [quantity.label for quantity in quantities],
        "bound": list(BOUNDS),
        "theta": list(fit.result.restricted.labels),
        "term": ("observation", np.repeat(list(deletion.sizes), list(deletion.sizes.values()))),
    }
    kind = fit.kind
    good = {"good_k": float(loo_terms[0].good_k)} if loo_terms else {}
    attrs = provenance_attributes(fit.objective.origin, group="influence", level=level, kind=kind, **good)
    return array_dataset(data, coords, attrs)


def _refuse_many(deletion: CaseDeletion, exact: bool) -> None:
    n = sum(deletion.sizes.values())
    if exact and n > MOST_EXACT:
        raise ValueError(
            f"Expected at most {MOST_EXACT:,} observations for exact=True, got {n:,}: "
            "leave it out; one_step is close where no observation has much of the information."
        )
    if deletion.are_too_many:
        warnings.warn(
            f"The curvatures of {n:,} observations by {len(deletion.x)} parameters are too many for memory: "
            "leverage, one_step and displacement are NaN.",
            stacklevel=3,
        )


def _of_observations(deletion: CaseDeletion) -> Variables:
    steps = deletion.one_step
    displacement = np.einsum("nj,jk,nk->n", steps, deletion.information, steps)
    return {
        "log_likelihood": (["observation"], deletion.log_likelihood(deletion.restricted, deletion.x)),
        "leverage": (["observation"], deletion.leverage),
        "displacement": (["observation"], displacement),
        "score": (["observation", "theta"], deletion.score),
    }


def _of_estimates(deletion: CaseDeletion, quantities: Sequence[Quantity]) -> Variables:
    gradients = [
        q.rate(deletion.restricted, deletion.x) * q.evaluate(deletion.restricted, deletion.x).gradient
        for q in quantities
    ]
    reference, estimate = ReferenceFit(deletion.fit), _values(deletion, quantities, deletion.x[None])[0]
    errors = [reference.standard_error(reference.estimate_of(quantity)) for quantity in quantities]
    return {
        "change": (BY_PARAMETER, deletion.first_order @ np.transpose(gradients)),
        "one_step": (BY_PARAMETER, _values(deletion, quantities, deletion.x + deletion.one_step) - estimate),
        "estimate": (["parameter"], estimate),
        "standard_error": (["parameter"], np.array(errors)),
    }


def _values(deletion: CaseDeletion, quantities: Sequence[Quantity], points: Array) -> Array:
    """Return the quantities at many points (n, m) of free elements, natural; NaN where a point is."""
    values = np.full((len(points), len(quantities)), np.nan)
    usable = np.isfinite(points).all(axis=1)
    if usable.any():
        weights = np.transpose([quantity.weights for quantity in quantities])
        values[usable] = _elements(deletion, points[usable]) @ weights
    return values


def _elements(deletion: CaseDeletion, points: Array) -> Array:
    """Return all elements of free variables and Deterministics at many points, in the order of a quantity's weights."""
    restricted, objective = deletion.restricted, deletion.fit.objective
    natural = restricted.natural_points(points)
    values = [natural[v.name] for v in objective.variables]
    if objective.deterministics:
        values += objective.engine("derived", restricted.unconstrained).at(restricted.full(points)).values()
    return np.concatenate([np.reshape(value, (len(points), -1)) for value in values], axis=1)


# --- ends of intervals -----------------------------------------------------------------------------------------------


def _of_endpoints(deletion: CaseDeletion, quantities: Sequence[Quantity], rise: float) -> Variables:
    estimates = [ReferenceFit(deletion.fit).estimate_of(quantity) for quantity in quantities]
    with np.errstate(all="ignore"):  # far out, anything overflows
        problems = [EndpointProblem(estimate, side, rise) for estimate in estimates for side in (-1.0, 1.0)]
        endpoints = find_endpoints(problems)
    pairs = [endpoints[i : i + 2] for i in range(0, len(endpoints), 2)]
    log_likelihood = deletion.log_likelihood(deletion.restricted, deletion.x)
    changes = np.array([[_endpoint_change(deletion, endpoint, log_likelihood) for endpoint in pair] for pair in pairs])
    return {
        "end": (["parameter", "bound"], np.array([[endpoint.value for endpoint in pair] for pair in pairs])),
        "end_status": (["parameter", "bound"], np.array([[endpoint.status for endpoint in pair] for pair in pairs])),
        "end_change": (["observation", "parameter", "bound"], np.moveaxis(changes, -1, 0)),
    }


def _endpoint_change(deletion: CaseDeletion, endpoint: Endpoint, at_estimate: Array) -> Array:
    """Return how one endpoint moves without each observation (n,), to first order."""
    if endpoint.status == "at_bound":
        return np.zeros_like(at_estimate)
    if endpoint.status != "finite" or endpoint.point is None:
        return np.full_like(at_estimate, np.nan)
    at_endpoint = deletion.log_likelihood(endpoint.point.restricted, endpoint.point.x)
    change: Array = -2.0 * (at_endpoint - at_estimate) / endpoint.point.natural_slope
    return change


# --- exact deletion --------------------------------------------------------------------------------------------------


def _exact_deletion(deletion: CaseDeletion, quantities: Sequence[Quantity], progressbar: bool) -> Variables:
    minima = []
    with DelayedProgressBar("Fitting without each observation", len(deletion.labels), progressbar) as progress:
        for index, (step, minimum) in enumerate(zip(deletion.one_step, deletion.minima_at_once(), strict=True)):
            known = np.isfinite(minimum).all()
            minima.append(minimum if known else DeletedObservation(deletion, index).minimum(deletion.x + step))
            progress.advance(1)
    points = np.array(minima)
    lost = [deletion.labels[i] for i in np.flatnonzero(~np.isfinite(points).all(axis=1))]
    if lost:
        warnings.warn(
            f"Without {lost[0]} no optimum was found, nor without {len(lost) - 1} more: exact_change is NaN there.",
            stacklevel=3,
        )
    estimate = _values(deletion, quantities, deletion.x[None])
    return {
        "exact_change": (BY_PARAMETER, _values(deletion, quantities, points) - estimate),
        "exact_displacement": (["observation"], _heights(deletion, points)),
    }


def _heights(deletion: CaseDeletion, points: Array) -> Array:
    """Return Δ(−2LL) of all observations at points (n, m), above the estimate."""
    heights = np.full(len(points), np.nan)
    usable = np.isfinite(points).all(axis=1)
    if usable.any():
        heights[usable] = deletion.restricted.values(points[usable]) - deletion.restricted.value(deletion.x)
    return heights


# --- the posterior ---------------------------------------------------------------------------------------------------


def _cross_validated(deletion: CaseDeletion, dt: Posterior) -> list[Any]:
    """Return what ``az.loo`` says of each term."""
    from arviz import loo

    tree = pointwise_log_likelihood(deletion.fit.objective, dt, progressbar=False)
    tree["posterior"] = xr.DataTree(enough_draws(dt))  # how many draws are worth
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)  # of high k: they are what is asked for
        return [loo(tree, var_name=name, pointwise=True) for name in deletion.sizes]


def _of_posterior(loo_terms: Sequence[Any]) -> Variables:
    return {
        "pareto_k": (["observation"], np.concatenate([np.ravel(term.pareto_k) for term in loo_terms])),
        "elpd_loo": (["observation"], np.concatenate([np.ravel(term.elpd_i) for term in loo_terms])),
    }
