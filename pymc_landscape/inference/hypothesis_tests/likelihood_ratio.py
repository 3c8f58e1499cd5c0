"""`likelihood_ratio_test`: whether a larger model improves on a smaller by more than chance would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pymc_landscape._typing import ModelLike, RandomSeed
from pymc_landscape.inference.hypothesis_tests.boundary_weights import mixture
from pymc_landscape.inference.hypothesis_tests.exact_law import (
    DRAWS,
    generator,
    told_of_few_groups,
    variance_component,
)
from pymc_landscape.inference.hypothesis_tests.likelihood_ratio_fits import ZERO, RatioSimulator, nested_pair
from pymc_landscape.inference.hypothesis_tests.nested_models import Nesting, nest
from pymc_landscape.inference.hypothesis_tests.nested_test import (
    ROUNDING,
    LikelihoodRatioTest,
    Reference,
    check_test_options,
    with_simulated_law,
)
from pymc_landscape.inference.hypothesis_tests.null_constraint import NullConstraint
from pymc_landscape.inference.hypothesis_tests.penalized_ratio import KEPT, penalized_statistic, refuse_one_penalized
from pymc_landscape.inference.hypothesis_tests.sandwich_law import misspecified
from pymc_landscape.inference.hypothesis_tests.unfitted_models import refuse_posterior_mode
from pymc_landscape.inference.hypothesis_tests.vanishing_correlations import are_correlations
from pymc_landscape.inference.resampling import natural_point, repeat, seeds
from pymc_landscape.numerics import chibar2_tail
from pymc_landscape.objective import Objective
from pymc_landscape.objective.observations import Simulator, StackedData
from pymc_landscape.optimize import Fit, Status, has_infimum
from pymc_landscape.results.cluster import ClientLike, checked_client

if TYPE_CHECKING:
    from distributed import Client


def likelihood_ratio_test(
    null: Fit | ModelLike | Objective,
    alternative: Fit | ModelLike | Objective,
    *,
    sandwich: bool = False,
    reference: Reference = "auto",
    draws: int = 999,
    random_seed: RandomSeed | None = None,
    client: ClientLike = None,
    progressbar: bool = True,
) -> LikelihoodRatioTest:
    """Test a model against a larger one of the same data by how much −2LL falls.

    A null is made with PyMC's own ``pm.do(model, {"beta": 0.0})``, or is a model of its own with some of the
    parameters, under the same names. Models that are not nested compare by information criteria instead.

    Parameters
    ----------
    null, alternative : Fit, pm.Model or Objective
        The smaller model and the larger; what is not a fit is fitted.
    sandwich : bool
        Whether to allow for a model that is wrong: the law of the drop is then Σ λⱼ χ²₁, with weights from the scores
        of the observations. Needs independent observations, and a null inside the alternative.
    reference : {"auto", "chi2", "chibar2", "bootstrap", "exact"}
        The law under the null. ``"auto"``: χ² where the null lies inside the alternative; the χ̄² mixture where it puts
        parameters at a bound of their support; the parametric bootstrap where neither holds, since parameters of
        the alternative make no difference under the null (Davies 1987), or the null's own estimate is at a bound. Where
        a variance of few groups is tested, `message` says how far off the mixture is. ``"exact"``: the law of the one
        variance component of a linear mixed model, by maximum likelihood or restricted.
    draws : int
        How many data sets a bootstrap simulates.
    random_seed : int or Generator, optional
        As in PyMC.
    client : distributed.Client or "current", optional
        The workers of a Dask cluster fit what a bootstrap simulates: with the same numbers, for each set has its seed.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    LikelihoodRatioTest
        Read its `message`: it says why the reference is what it is.

    Raises
    ------
    ValueError
        If the null is not nested in the alternative, data or observed terms differ, a fit has not arrived, one of the
        fits is penalised and the other is not, the
        alternative lies above its own special case, or the law that is needed cannot be had.

    Notes
    -----
    LR = −2 log L(null) + 2 log L(alternative), asymptotically χ² with the difference of the numbers of parameters as
    degrees of freedom (Wilks 1938, *Annals of Mathematical Statistics* 9, 60-62); at a bound Σ wⱼ χ²ⱼ (Self & Liang
    1987, *Journal of the American Statistical Association* 82, 605-610; Stram & Lee 1994, *Biometrics* 50, 1171-1177).
    Of two penalised fits LR is that of the penalised profile: the alternative's objective is minimised where the null
    holds, so that its information keeps what the null fixes (Heinze & Schemper 2002).
    A parameter that vanishes under the null leaves no χ² (Davies 1987, *Biometrika* 74, 33-43; the number of components
    of a mixture: McLachlan 1987, *Applied Statistics* 36, 318-324): the statistic is the largest over its values, which
    are searched for the data and for each simulated set. The bootstrap takes the null's estimate for the truth; it is
    an approximation, and where that estimate is on an edge it need not come right with more data (Andrews 2000,
    *Econometrica* 68, 399-405). Of one variance component of a linear mixed model the law is known for any number of
    groups (Crainiceanu & Ruppert 2004, *Journal of the Royal Statistical Society* B 66, 165-185). Simulated: p = (1 +
    #{LR* ≥ LR}) / (1 + B) (Davison & Hinkley 1997, *Bootstrap Methods and their Application*, chapter 4). Of a model
    that is wrong the λⱼ are the eigenvalues of (J A⁻¹BA⁻¹ Jᵀ)(J A⁻¹ Jᵀ)⁻¹, A the observed information, B the outer
    products of the scores, J the derivatives of what is tested (Kent 1982, *Biometrika* 69, 19-27).

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10)
    ...     y = pm.Normal("y", mu, sigma, observed=[0.2, 1.4, 0.9, 1.1, 0.5])
    >>> test = pml.likelihood_ratio_test(pm.do(model, {"mu": 0.0}), model)
    >>> round(test.statistic, 4), test.df, round(test.p_value, 4), test.reference
    (7.7406, 1, 0.0054, 'chi2')
    """
    sandwich, draws = check_test_options(null, alternative, sandwich, reference, draws, random_seed, progressbar)
    cluster = checked_client(client)
    if sandwich and reference != "auto":
        raise ValueError(f"Expected one law, got sandwich=True and reference={reference!r}: leave one of them out.")
    fits = nested_pair(null, alternative, progressbar)
    for fit, which in zip(fits, ("null", "alternative"), strict=True):
        _refuse_no_minimum(fit, which)
    refuse_one_penalized(*fits)
    nesting = nest(*fits)
    if fits[1].is_penalized:
        return _penalized(nesting, *fits, "sandwich" if sandwich else reference)
    statistic = _statistic(*fits)
    if sandwich:
        return misspecified(statistic, NullConstraint(*fits), *fits)
    chosen, why = _chosen(reference, nesting, *fits)
    message = " ".join(sentence for sentence in (why, nesting.assumed, _at_infinity(*fits)) if sentence)
    if chosen == "bootstrap":
        return _bootstrapped(statistic, nesting, *fits, draws, random_seed, cluster, progressbar, message)
    if chosen == "exact":
        return _exact(statistic, nesting, *fits, random_seed, message)
    weights = mixture(nesting, fits[1]) if chosen == "chibar2" else np.eye(nesting.df + 1)[-1]
    if chosen == "chibar2" and reference == "auto":
        message = f"{message} {told_of_few_groups(nesting, fits[1], statistic, weights)}".strip()
    p_value = float(chibar2_tail(statistic, weights))
    return LikelihoodRatioTest(statistic, nesting.df, p_value, chosen, weights, np.zeros(0), *fits, message)


def _penalized(nesting: Nesting, null: Fit, alternative: Fit, law: str) -> LikelihoodRatioTest:
    """Return the test of two penalised fits, by the plain χ²."""
    if law not in ("auto", "chi2"):
        raise ValueError(f"Expected reference='chi2' for penalised likelihoods, got {law!r}: no other is known.")
    statistic = penalized_statistic(alternative, nesting)
    weights = np.eye(nesting.df + 1)[-1]
    p_value, message = float(chibar2_tail(statistic, weights)), f"{KEPT} {nesting.assumed}".strip()
    return LikelihoodRatioTest(statistic, nesting.df, p_value, "chi2", weights, np.zeros(0), null, alternative, message)


# --- the two fits ----------------------------------------------------------------------------------------------------


def _refuse_no_minimum(fit: Fit, which: str) -> None:
    """Refuse a fit whose −2LL is not the lowest; one whose estimate is not unique, or at infinity, has its infimum."""
    refuse_posterior_mode(fit, which)
    if not has_infimum(fit.status, fit.result):
        raise ValueError(
            f"Expected fits that have arrived, got the {which}, which is {fit.status.value}: {fit.message}"
        )


def _at_infinity(null: Fit, alternative: Fit) -> str:
    """Say which of the two has no maximum, and that its least upper bound takes its place."""
    without = [name for name, fit in (("null", null), ("alternative", alternative)) if fit.status is Status.UNBOUNDED]
    if not without:
        return ""
    return (
        f"No maximum is attained by the {' nor by the '.join(without)}: −2LL there is the value that it falls towards."
    )


def _statistic(null: Fit, alternative: Fit) -> float:
    statistic = null.minus2ll - alternative.minus2ll
    if statistic < -ROUNDING:
        raise ValueError(
            f"Expected an alternative that fits at least as well as its special case, got −2LL "
            f"{alternative.minus2ll:.6f} for the alternative and {null.minus2ll:.6f} for the null: the fit of the "
            f"alternative ({alternative.status.value}) has not arrived at its lowest point; fit it again with "
            "starts=[null.point] or more starts."
        )
    return statistic if statistic > ZERO else 0.0


# --- which law -------------------------------------------------------------------------------------------------------


def _chosen(reference: Reference, nesting: Nesting, null: Fit, alternative: Fit) -> tuple[str, str]:
    """Return the reference and why it is that."""
    if reference != "auto":
        return reference, f"The reference {reference} was asked for."
    correlated = are_correlations(nesting, null, alternative)
    irregular = _irregular(nesting, null, correlated)
    if irregular:
        return "bootstrap", _if_simulable(null, irregular)
    if not nesting.at_bound:
        return "chi2", "The null lies inside the alternative." if nesting.point is not None else ""
    reason = _edge(nesting)
    try:
        mixture(nesting, alternative)
    except (ValueError, np.linalg.LinAlgError) as error:
        return "bootstrap", _if_simulable(null, f"{reason}, where the weights of χ̄² cannot be had: {error}")
    if correlated:
        reason += f", where {', '.join(nesting.vanished)}, the correlation of its effect, vanishes (Stram & Lee 1994)"
    return "chibar2", f"{reason}: the reference is a mixture of χ² (Self & Liang 1987)."


def _edge(nesting: Nesting) -> str:
    """Say what is on an edge: of the support, or of the squares."""
    squared = ", ".join(nesting.squared)
    told = f"−2LL depends on {squared} through the square alone, which cannot be negative and is 0 under the null"
    bounded = ", ".join(label for label in nesting.at_bound if label not in nesting.squared)
    if not bounded:
        return told
    return f"The null puts {bounded} on the edge of the alternative" + (f", and {told}" if squared else "")


def _irregular(nesting: Nesting, null: Fit, correlated: bool) -> str:
    """Say why no mixture of χ² is the law, if so."""
    if nesting.vanished and not correlated:
        names = ", ".join(nesting.vanished)
        return (
            f"Under the null {names} makes no difference to the likelihood, so that no χ² is its law (Davies 1987): "
            "the likelihood ratio is the largest over all its values."
            + (f" The null leaves {', '.join(nesting.idle)} free, which does not count in it." if nesting.idle else "")
        )
    if null.status is Status.AT_BOUND:
        return (
            "The null's own estimate is on an edge of its support, so that no simple mixture of χ² is the law. The "
            "bootstrap is an approximation there, and need not come right with more data (Andrews 2000): fix that "
            "parameter in both models, or repeat the test with it a standard error inside, and see whether p changes."
        )
    is_idle = null.status is Status.NOT_IDENTIFIED and len(null.flat_directions) <= len(nesting.idle)
    if not null.status.is_optimum and not is_idle:
        return f"The null's estimate is {null.status.value}, so that no χ² is the law."
    if len(nesting.at_bound) > nesting.df:
        return "The null puts more parameters on the edge than it has fewer."
    return ""


def _if_simulable(null: Fit, why: str) -> str:
    try:
        Simulator(null.objective)(natural_point(null), 0)
    except ValueError as error:
        raise ValueError(f"{why} The parametric bootstrap is needed, and cannot be had. {error}") from error
    return f"{why} The reference is the parametric bootstrap."


# --- the law, simulated ----------------------------------------------------------------------------------------------


def _bootstrapped(
    statistic: float,
    nesting: Nesting,
    null: Fit,
    alternative: Fit,
    draws: int,
    random_seed: RandomSeed | None,
    client: Client | None,
    progressbar: bool,
    message: str,
) -> LikelihoodRatioTest:
    simulate = RatioSimulator(null, alternative, nesting)
    better = simulate.better_alternative()
    if better is not None:
        message += (
            f" Over the values of {', '.join(nesting.vanished)} a lower −2LL was found than the fit's: it is used."
        )
        alternative, statistic = better, null.minus2ll - better.minus2ll
        simulate = RatioSimulator(null, alternative, nesting)
    statistics, stopped = repeat(
        simulate,
        seeds(random_seed, draws),
        "Simulating under the null",
        progressbar,
        at_once=StackedData.most_sets(alternative.objective),
        client=client,
    )
    law = (statistic, nesting.df, np.nan, "bootstrap", np.zeros(0), np.zeros(0))
    test = LikelihoodRatioTest(*law, null, alternative, message)
    return with_simulated_law(test, statistics, draws, stopped, "a refit failed")


def _exact(
    statistic: float, nesting: Nesting, null: Fit, alternative: Fit, random_seed: RandomSeed | None, message: str
) -> LikelihoodRatioTest:
    """Compare with the exact law of one variance component."""
    component = variance_component(nesting, alternative)
    if component is None:
        raise ValueError(
            "Expected a linear mixed model with normal errors of one variance, and a null in which the only spread of "
            "its effects is 0, for reference='exact', got another: use reference='bootstrap'."
        )
    rng = generator(random_seed)
    p_value, error = component.tail(statistic, DRAWS, rng)
    message += (
        f" It is that of a linear mixed model with one variance component (Crainiceanu & Ruppert 2004), simulated; the "
        f"Monte Carlo standard error of p is {error:.2g}."
    )
    law = (statistic, nesting.df, p_value, "exact", np.zeros(0), component.simulated(DRAWS, rng))
    return LikelihoodRatioTest(*law, null, alternative, message, p_value_error=error)
