"""`score_test` and `wald_test`: a larger model against a smaller one, of which only one has to be fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from pymc_landscape._typing import Array, ModelLike, RandomSeed
from pymc_landscape.arguments import checked_choice
from pymc_landscape.inference.hypothesis_tests.boundary_weights import mixture
from pymc_landscape.inference.hypothesis_tests.nested_test import (
    HypothesisTest,
    Reference,
    check_test_options,
    with_simulated_law,
)
from pymc_landscape.inference.hypothesis_tests.null_constraint import NullConstraint
from pymc_landscape.inference.hypothesis_tests.sandwich_law import refuse_no_sandwich
from pymc_landscape.inference.hypothesis_tests.score_statistic import ScoreFunction
from pymc_landscape.inference.hypothesis_tests.unfitted_models import (
    fitted_null,
    model_at,
    objective_without_fit,
    refuse_no_optimum,
    shared_point,
    unfitted_null,
)
from pymc_landscape.inference.hypothesis_tests.wald_statistic import wald_statistic
from pymc_landscape.inference.resampling import natural_point, repeat, seeds, start_inside
from pymc_landscape.numerics import chibar2_tail
from pymc_landscape.objective import Objective
from pymc_landscape.objective.observations import Data, Simulator
from pymc_landscape.optimize import Fit, Status, StatusReport, fit_of, search_from_start
from pymc_landscape.results.cluster import ClientLike, checked_client

if TYPE_CHECKING:
    from distributed import Client

Information = Literal["auto", "expected", "observed"]


def score_test(
    null: Fit | ModelLike | Objective,
    alternative: Fit | ModelLike | Objective,
    *,
    information: Information = "auto",
    sandwich: bool = False,
    reference: Reference = "auto",
    draws: int = 999,
    random_seed: RandomSeed | None = None,
    client: ClientLike = None,
    progressbar: bool = True,
) -> HypothesisTest:
    """Test a model against a larger one by the slope of the larger where the smaller has its estimate.

    Only the null is fitted: use it where the larger model is hard to fit, or has no maximum (separation). It does not
    depend on the scale of the parameters where the expected information is known.

    Parameters
    ----------
    null, alternative : Fit, pm.Model or Objective
        As in `likelihood_ratio_test`. A null that is not a fit is fitted; the alternative never is.
    information : {"auto", "expected", "observed"}
        What measures the slope. ``"auto"``: the expected (Fisher) information, as textbooks, statsmodels and R have it,
        where it is known in closed form; else the observed, minus the second derivatives on the natural scale.
    sandwich : bool
        Whether to measure the slope as it varies between observations, which holds where the model is wrong.
    reference : {"auto", "chi2", "chibar2", "bootstrap"}
        As in `likelihood_ratio_test`.
    draws : int
        How many data sets a bootstrap simulates.
    random_seed : int or Generator, optional
        As in PyMC.
    client : distributed.Client or "current", optional
        The workers of a Dask cluster do a bootstrap's data sets, with the same numbers.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    HypothesisTest
        Its `alternative` is an Objective, for there is no fit of it; `information` says what was taken.

    Raises
    ------
    ValueError
        If the null is not nested in the alternative or has no optimum, parameters of the alternative make no difference
        under the null, or the information there is not positive definite.

    Notes
    -----
    S = Uᵀ I⁻¹ U with U the gradient of log L by all parameters of the alternative at the null's estimate and I the
    information there (Rao 1948, *Proceedings of the Cambridge Philosophical Society* 44, 50-57), asymptotically as the
    likelihood ratio; one-sided at a bound (Silvapulle & Silvapulle 1995, *Journal of the American Statistical
    Association* 90, 342-349). With the sandwich: Boos (1992, *The American Statistician* 46, 327-333).

    Examples
    --------
    One proportion: S = (7 − 5)² / 2.5, the square of the textbook's z.

    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> test = pml.score_test(pm.do(model, {"p": 0.5}), model)
    >>> round(test.statistic, 6), test.df, round(test.p_value, 6), test.information
    (1.6, 1, 0.205903, 'expected')
    """
    sandwich, draws = check_test_options(null, alternative, sandwich, reference, draws, random_seed, progressbar)
    _refuse_options(information, sandwich, reference)
    cluster = checked_client(client)
    larger = objective_without_fit(alternative)
    smaller = fitted_null(null, larger, progressbar)
    constraint = NullConstraint(smaller, model_at(larger, shared_point(larger, smaller)))
    _refuse_vanished(constraint)
    if sandwich:
        refuse_no_sandwich(constraint, larger)
    score_of = ScoreFunction(constraint, "sandwich" if sandwich else information)
    assert constraint.nesting.point is not None
    score = score_of(larger, constraint.nesting.point)
    at_edge = smaller.n_parameters > 0 and smaller.status is Status.AT_BOUND
    why = "The null's own estimate is on an edge of its support, so that no simple mixture of χ² is the law."
    chosen, reason = _law(reference, constraint, why if at_edge else "")
    weights = score.weights(constraint.nesting.df) if chosen == "chibar2" else np.eye(constraint.nesting.df + 1)[-1]
    message = f"{reason} {constraint.nesting.assumed} The {score.information} information at the null was taken."
    made = _made(score.statistic, constraint, weights, chosen, message, smaller, larger)
    made = replace(made, test="score", information=score.information)
    if chosen != "bootstrap":
        return made

    def simulated(data: Data) -> float:
        vector = _refitted_null(smaller, constraint, data)
        return np.nan if vector is None else score_of(larger.with_data(**data), vector).statistic

    return _bootstrapped(made, simulated, smaller, draws, random_seed, cluster, progressbar)


def wald_test(
    null: Fit | ModelLike | Objective,
    alternative: Fit | ModelLike | Objective,
    *,
    information: Information = "auto",
    sandwich: bool = False,
    reference: Reference = "auto",
    draws: int = 999,
    random_seed: RandomSeed | None = None,
    client: ClientLike = None,
    progressbar: bool = True,
) -> HypothesisTest:
    """Test a model against a larger one by how far the estimate of the larger is from the smaller, in standard errors.

    Only the alternative is fitted. It depends on the scale on which the model is written, as the others do not, and
    has little power where the estimate is far out and its standard error large (Hauck & Donner 1977): where in doubt,
    `likelihood_ratio_test`.

    Parameters
    ----------
    null, alternative : Fit, pm.Model or Objective
        As in `likelihood_ratio_test`. An alternative that is not a fit is fitted; the null is fitted only to simulate.
    information : {"auto", "expected", "observed"}
        What the standard errors are made of; ``"auto"``: those that the alternative's fit has, of a model the observed.
    sandwich : bool
        Whether to take the robust covariance, from the scores of the observations (White 1982).
    reference : {"auto", "chi2", "chibar2", "bootstrap"}
        As in `likelihood_ratio_test`.
    draws : int
        How many data sets a bootstrap simulates.
    random_seed : int or Generator, optional
        As in PyMC.
    client : distributed.Client or "current", optional
        The workers of a Dask cluster do a bootstrap's data sets, with the same numbers.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    HypothesisTest
        Its `null` is an Objective, for there is no fit of it; `information` says what was taken.

    Raises
    ------
    ValueError
        If the null is not nested in the alternative, the alternative has no optimum, or what is tested has no standard
        error.

    Notes
    -----
    W = rᵀ (J C Jᵀ)⁻¹ r, r(θ) = 0 the null, J its derivatives and C the covariance, all on the natural scale at the
    alternative's estimate (Wald 1943, *Transactions of the American Mathematical Society* 54, 426-482), asymptotically
    as the likelihood ratio. Where the null puts parameters at a bound, the estimate stays inside, and W follows the
    mixture that the likelihood ratio follows; a standard deviation is tested at 0 by its square, the variance.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     p = pm.Beta("p", 1, 1)
    ...     y = pm.Binomial("y", n=10, p=p, observed=7)
    >>> test = pml.wald_test(pm.do(model, {"p": 0.5}), model)
    >>> round(test.statistic, 6), test.df, round(test.p_value, 4)
    (1.904762, 1, 0.1675)
    """
    sandwich, draws = check_test_options(null, alternative, sandwich, reference, draws, random_seed, progressbar)
    _refuse_options(information, sandwich, reference)
    cluster = checked_client(client)
    fit = fit_of(alternative, "wald_test", prior_weight=0.0, progressbar=progressbar)
    refuse_no_optimum(fit, "alternative")
    constraint = NullConstraint(unfitted_null(null, fit), fit)
    if sandwich:
        refuse_no_sandwich(constraint, fit.objective)
    kind = "sandwich" if sandwich else fit.information if information == "auto" else information
    statistic = wald_statistic(constraint, fit.result, StatusReport(fit.status), kind)
    chosen, reason = _law(reference, constraint, _irregular(constraint, fit))
    weights = mixture(constraint.nesting, fit) if chosen == "chibar2" else np.eye(constraint.nesting.df + 1)[-1]
    message = f"{reason} {constraint.nesting.assumed} The {kind} information at the estimate was taken."
    smaller = constraint.null.objective if constraint.null.n_parameters else constraint.null
    made = _made(statistic, constraint, weights, chosen, message, smaller, fit)
    made = replace(made, test="wald", information=kind)
    if chosen != "bootstrap":
        return made

    def simulated(data: Data) -> float:
        end = search_from_start(fit.objective.with_data(**data), start_inside(fit), "")
        if not end.report.status.is_optimum:
            return np.nan
        return wald_statistic(constraint, end.result, end.report, kind)

    return _bootstrapped(
        made, simulated, fitted_null(null, fit.objective, progressbar), draws, random_seed, cluster, progressbar
    )


# --- what is refused -------------------------------------------------------------------------------------------------


def _refuse_options(information: str, sandwich: bool, reference: str) -> None:
    checked_choice("information", information, get_args(Information))
    if reference == "exact":
        raise ValueError(
            "Expected reference to be auto, chi2, chibar2 or bootstrap, got 'exact', which is the law of a likelihood "
            "ratio: use likelihood_ratio_test."
        )
    if sandwich and information != "auto":
        raise ValueError(f"Expected one kind of covariance, got sandwich=True and information={information!r}.")
    if sandwich and reference == "bootstrap":
        raise ValueError(
            "Expected a law for a model that may be wrong, got sandwich=True and reference='bootstrap', which "
            "simulates from the model: leave one of them out."
        )


def _refuse_vanished(constraint: NullConstraint) -> None:
    if constraint.nesting.vanished:
        names = ", ".join(constraint.nesting.vanished)
        raise ValueError(
            f"Expected parameters that all make a difference where the null holds, got {names}, which makes none: the "
            "slope of the alternative depends on its value there (Davies 1977); use likelihood_ratio_test."
        )


# --- which law -------------------------------------------------------------------------------------------------------


def _irregular(constraint: NullConstraint, fit: Fit) -> str:
    """Say why no mixture of χ² is the law of Wald's statistic, if so."""
    vanished = ", ".join(constraint.nesting.vanished)
    if vanished:
        return (
            f"Under the null {vanished} makes no difference to the likelihood, so that no χ² is its law (Davies 1977)."
        )
    restricted = fit.result.restricted
    held = {restricted.layout.labels[restricted.positions[element]] for element in restricted.fixed_elements}
    if held - set(constraint.labels):
        return "The alternative has other parameters on an edge of its support, so that no simple mixture is the law."
    return ""


def _law(reference: Reference, constraint: NullConstraint, irregular: str) -> tuple[str, str]:
    """Return the reference and why it is that."""
    nesting = constraint.nesting
    if reference == "chibar2" and not nesting.at_bound:
        raise ValueError("Expected the null on an edge of the alternative's support, got one inside: use 'chi2'.")
    if reference != "auto":
        return reference, f"The reference {reference} was asked for."
    if irregular:
        return "bootstrap", f"{irregular} The reference is the parametric bootstrap."
    if not nesting.at_bound:
        return "chi2", "The null lies inside the alternative."
    where = f"The null puts {', '.join(nesting.at_bound)} on the edge of the alternative"
    return "chibar2", f"{where}: the reference is a mixture of χ² (Silvapulle & Silvapulle 1995)."


def _made(
    statistic: float,
    constraint: NullConstraint,
    weights: Array,
    reference: str,
    message: str,
    null: Fit | Objective,
    alternative: Fit | Objective,
) -> HypothesisTest:
    p_value = float(chibar2_tail(statistic, weights))
    words = " ".join(message.split())
    return HypothesisTest(
        statistic, constraint.nesting.df, p_value, reference, weights, np.zeros(0), null, alternative, words
    )


# --- the law, simulated ----------------------------------------------------------------------------------------------


def _refitted_null(null: Fit, constraint: NullConstraint, data: Data) -> Array | None:
    """Return the alternative's natural vector at the null's estimate from simulated data; None where it failed."""
    assert constraint.nesting.point is not None
    if not null.n_parameters:
        return constraint.nesting.point
    end = search_from_start(null.objective.with_data(**data), start_inside(null), "")
    if not end.report.status.is_optimum:
        return None
    point = end.result.restricted.natural_point(end.result.x)
    return constraint.placed(null.objective.layout().join(point))


def _bootstrapped(
    test: HypothesisTest,
    statistic: Callable[[Data], float],
    null: Fit,
    draws: int,
    random_seed: RandomSeed | None,
    client: Client | None,
    progressbar: bool,
) -> HypothesisTest:
    simulator, point = Simulator(null.objective), natural_point(null)

    def simulated(seed: int) -> float:
        data = simulator(point, seed)
        try:
            return statistic(data)
        except ValueError:  # no statistic of these data
            return np.nan

    values, stopped = repeat(
        partial(map, simulated), seeds(random_seed, draws), "Simulating under the null", progressbar, client=client
    )
    return with_simulated_law(test, values, draws, stopped, "there was no statistic")
