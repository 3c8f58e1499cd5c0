"""What does the likelihood alone say? The −2 log-likelihood landscape of any PyMC model, beside its posterior.

A ``pm.Model`` holds a prior, a likelihood and a posterior. The verbs here show the likelihood:

* ``Objective``: a model's −2LL, gradient and Hessian, compiled once
* ``regular_grid``, ``posterior_grid``, ``fit_grid``, ``plane_grid``: where to look
* ``evaluate_landscape``: log-likelihood, prior, posterior and −2LL over a grid
* ``fit_mle``, ``fit_map``: the lowest point, with standard errors, as a ``Fit``
* ``likelihood_ratio_test``: does a larger model improve by more than chance, as a ``LikelihoodRatioTest``
* ``score_test``, ``wald_test``: the same with one of the two fitted, as a ``HypothesisTest``; ``tests``: all three
* ``compare_models``: criteria, likelihood ratios and LOO in one table
* ``sum_over_blocks``: an ``Objective`` on more rows than memory holds
* ``pointwise_log_likelihood``: the groups that ``az.loo`` and ``az.psense_summary`` read
* ``compare_with_posterior``: likelihood beside posterior, and why they differ
* ``posterior_deviance``: how far above the maximum posterior draws lie, against χ²
* ``four_curves``: prior, likelihood profile, posterior profile and marginal posterior of a parameter
* ``prior_path``: the mode under a prior that grows from nothing
* ``influence``: what estimates and intervals would be without each observation
* ``parametric_bootstrap``: estimates from data that the fit itself simulates
* ``descend``, ``descent_race``: the ways of optimisers down the surface
* ``critical_points``: valleys, peaks, and the saddles between
* ``hessian_spectrum``: curvatures there, and ridges in words
* ``coverage_study``: how often intervals hold what they claim to
* ``confidence_intervals``, ``profile_likelihood``, ``confidence_contour``: what the likelihood leaves possible
* ``read_intervals``: interval ends of any level, off a profile
* ``explore``: the landscape as a page that one can walk on, an ``Explorer``
* ``report``: all of it on one page, as a ``Report``
* ``to_datatree``: results beside the posterior, saved with it
* ``plots``: curves, contours and surfaces
* ``laplace_check``, ``importance_sampling``: whether an integral over random effects can be trusted
* ``loss_table``: which loss each observed term is, with −2LL = a · loss + b as checked numbers
* ``chi2_cutoff``: χ² cut-offs on the scale of Δ(−2LL)
"""

import gc
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymc_landscape.inference import (
        HypothesisTest,
        LikelihoodRatioTest,
        compare_models,
        confidence_intervals,
        coverage_study,
        influence,
        laplace_check,
        likelihood_ratio_test,
        parametric_bootstrap,
        read_intervals,
        score_test,
        tests,
        wald_test,
    )
    from pymc_landscape.inference.profile import profile_likelihood
    from pymc_landscape.inference.regions import confidence_contour
    from pymc_landscape.landscape import (
        critical_points,
        evaluate_landscape,
        fit_grid,
        hessian_spectrum,
        plane_grid,
        posterior_grid,
        regular_grid,
    )
    from pymc_landscape.numerics import chi2_cutoff
    from pymc_landscape.objective import Objective, importance_sampling
    from pymc_landscape.objective.observations import loss_table, pointwise_log_likelihood, sum_over_blocks
    from pymc_landscape.optimize import Fit, fit_map, fit_mle
    from pymc_landscape.optimize.descent import descend, descent_race
    from pymc_landscape.pages.explorer import Explorer, explore
    from pymc_landscape.pages.model_report import Report, report
    from pymc_landscape.posterior import compare_with_posterior, four_curves, posterior_deviance, prior_path
    from pymc_landscape.results import to_datatree

__version__ = version("pymc-landscape")

__all__ = [
    "Explorer",
    "Fit",
    "HypothesisTest",
    "LikelihoodRatioTest",
    "Objective",
    "Report",
    "chi2_cutoff",
    "compare_models",
    "compare_with_posterior",
    "confidence_contour",
    "confidence_intervals",
    "coverage_study",
    "critical_points",
    "descend",
    "descent_race",
    "evaluate_landscape",
    "explore",
    "fit_grid",
    "fit_map",
    "fit_mle",
    "four_curves",
    "hessian_spectrum",
    "importance_sampling",
    "influence",
    "laplace_check",
    "likelihood_ratio_test",
    "loss_table",
    "parametric_bootstrap",
    "plane_grid",
    "plots",
    "pointwise_log_likelihood",
    "posterior_deviance",
    "posterior_grid",
    "prior_path",
    "profile_likelihood",
    "read_intervals",
    "regular_grid",
    "report",
    "score_test",
    "sum_over_blocks",
    "tests",
    "to_datatree",
    "wald_test",
]


# Names under which a verb is looked for that no spelling would lead to.
ELSEWHERE = {"wilks": "chi2_cutoff", "cutoff": "chi2_cutoff", "aic": "compare_models", "loo": "compare_models"}


# What is imported when it is first asked for, by room: a fit waits for no room that it does not enter.
LATER = {
    "inference": "HypothesisTest LikelihoodRatioTest compare_models confidence_intervals coverage_study influence "
    "laplace_check likelihood_ratio_test parametric_bootstrap read_intervals score_test tests wald_test",
    "inference.profile": "profile_likelihood",
    "inference.regions": "confidence_contour",
    "landscape": "critical_points evaluate_landscape fit_grid hessian_spectrum plane_grid posterior_grid regular_grid",
    "numerics": "chi2_cutoff",
    "objective": "Objective importance_sampling",
    "objective.observations": "loss_table pointwise_log_likelihood sum_over_blocks",
    "optimize": "Fit fit_map fit_mle",
    "optimize.descent": "descend descent_race",
    "pages.explorer": "Explorer explore",
    "pages.model_report": "Report report",
    "posterior": "compare_with_posterior four_curves posterior_deviance prior_path",
    "results": "to_datatree",
}


def __getattr__(name: str) -> Any:
    """Import a verb or a room when it is first asked for; else name what is near."""
    if name == "plots":
        return import_module("pymc_landscape.plots")
    for room, names in LATER.items():
        if name in names.split():
            globals()[name] = found = getattr(_imported(room), name)
            return found
    near = [ELSEWHERE[name]] if name in ELSEWHERE else [known for known in __all__ if name in known]
    near = near or get_close_matches(name, __all__)
    advice = f"did you mean {' or '.join(near[:3])}?" if near else "dir(pymc_landscape) lists all."
    raise AttributeError(f"Expected a public name of pymc_landscape, got {name!r}: {advice}")


def _imported(room: str) -> Any:
    """Import a room; what that makes stays, and is put with what is old: no collection goes through it, or is due.

    The first one that was would have gone through all of PyMC's objects. What a user has frozen stays so.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return import_module(f"pymc_landscape.{room}")
    finally:
        if collects:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def __dir__() -> list[str]:
    """List the public names, and nothing else."""
    return sorted(__all__)
