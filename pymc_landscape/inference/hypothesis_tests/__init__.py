"""Tests of nested models: how one lies in the other, and the law of the statistic under the smaller one."""

from pymc_landscape.inference.hypothesis_tests.likelihood_ratio import likelihood_ratio_test
from pymc_landscape.inference.hypothesis_tests.nested_models import nest, refuse_changed_data, refuse_other_data
from pymc_landscape.inference.hypothesis_tests.nested_test import HypothesisTest, LikelihoodRatioTest, Reference
from pymc_landscape.inference.hypothesis_tests.score_and_wald import score_test, wald_test
from pymc_landscape.inference.hypothesis_tests.three_tests import tests
from pymc_landscape.inference.hypothesis_tests.unfitted_models import refuse_posterior_mode

__all__ = [
    "HypothesisTest",
    "LikelihoodRatioTest",
    "Reference",
    "likelihood_ratio_test",
    "nest",
    "refuse_changed_data",
    "refuse_other_data",
    "refuse_posterior_mode",
    "score_test",
    "tests",
    "wald_test",
]
