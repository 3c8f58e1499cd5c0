"""Every distribution of PyMC as likelihood, through every verb: an answer, or the refusal that the docs show."""

import sys
from pathlib import Path

import pymc as pm
import pytest
from selection import slow, some
from zoo_verbs import VERBS
from zoo_walk import CASES, kept, walk

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs" / "_extensions"))
# No likelihoods: classes to write distributions with, priors of matrices, a name that is deprecated, and one that needs
# a package of its own.
NO_LIKELIHOODS = {"Continuous", "Discrete", "Distribution", "SymbolicRandomVariable"}
PRIORS = {"LKJCorr", "WishartBartlett", "PolyaGamma"}
ALWAYS = ("gamma", "half_normal", "pareto")
# These walks take from 20 s to minutes each: they are left to the tests before a release.
SLOW = (
    "garch",
    "skew_student_t",
    "ordered_probit",
    "truncated_gamma",
    "mv_student_t",
    "kronecker_normal",
    "mixture_of_vectors",
    "truncated_normal_sample",
    "skew_normal",
    "mv_normal",
    "ordered_logistic_sample",
    "wishart",
    "mv_student_t_random_walk",
    "normal_mixture_of_two",
    "mv_gaussian_random_walk",
    "ex_gaussian",
    "random_walk_of_laplace_steps",
    "asymmetric_laplace",
    "zero_inflated_poisson_sample",
    "inflated_at_zero",
    "car",
    "zero_inflated_negative_binomial",
    "student_t",
    "autoregression_of_two",
    "tobit",
    "euler_maruyama",
    "zero_inflated_binomial",
)
WALKS = [*some([n for n in CASES if n not in SLOW], ALWAYS), *map(slow, SLOW)]


def test_every_distribution_of_pymc_is_a_likelihood_of_the_zoo():
    covered = {name for case in CASES.values() for name in case.covers}
    assert set(pm.distributions.__all__) - NO_LIKELIHOODS - PRIORS == covered
    assert len(CASES) >= 80


def test_the_table_is_of_these_models_and_verbs():
    found = kept()
    assert list(found["models"]) == list(CASES)
    assert found["verbs"] == list(VERBS)
    assert not any("wrong" in each for each in found["models"].values())
    assert all(tuple(each["covers"]) == CASES[name].covers for name, each in found["models"].items())


def test_the_page_shows_every_model_and_sentence():
    from proof_tables import zoo_table

    shown = zoo_table()
    for name, each in kept()["models"].items():
        assert f"| {name} |" in shown
        assert all(sentence in shown for sentence in each["refused"].values())


@pytest.mark.parametrize("name", WALKS)
def test_verbs_answer_or_refuse_as_the_table_says(name, tmp_path):
    assert walk(name, tmp_path) == kept()["models"][name]
