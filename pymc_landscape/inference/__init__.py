"""Intervals, tests, bootstrap, influence, model comparison."""

from pymc_landscape.inference.case_influence import influence
from pymc_landscape.inference.coverage import coverage_study
from pymc_landscape.inference.hypothesis_tests import (
    HypothesisTest,
    LikelihoodRatioTest,
    likelihood_ratio_test,
    refuse_changed_data,
    score_test,
    tests,
    wald_test,
)
from pymc_landscape.inference.interpolated_intervals import read_intervals
from pymc_landscape.inference.intervals import confidence_intervals
from pymc_landscape.inference.laplace_consistency import laplace_check
from pymc_landscape.inference.model_comparison import compare_models
from pymc_landscape.inference.resampling import parametric_bootstrap

__all__ = [
    "HypothesisTest",
    "LikelihoodRatioTest",
    "compare_models",
    "confidence_intervals",
    "coverage_study",
    "influence",
    "laplace_check",
    "likelihood_ratio_test",
    "parametric_bootstrap",
    "read_intervals",
    "refuse_changed_data",
    "score_test",
    "tests",
    "wald_test",
]
