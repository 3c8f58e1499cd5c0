"""Rows that repeat are evaluated once: the same sums and derivatives, and never where rows meet or may change."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

import pymc_landscape as pml

N = 400
rng = np.random.default_rng(8)
DOSE, GROUP = rng.integers(0, 4, size=N).astype(float), rng.integers(0, 3, size=N)
COUNTS = rng.poisson(2.0, size=N)
WINS = rng.binomial(1, 0.4, size=N)
DESIGN = np.column_stack([np.ones(N), DOSE, GROUP == 1])


def counts_of_groups():
    rate = pm.Normal("u", shape=3)[GROUP] + pm.Normal("b") * DOSE
    pm.Poisson("y", pm.math.exp(rate), observed=COUNTS)


def logistic_by_a_product():
    pm.Bernoulli("y", logit_p=pm.math.dot(DESIGN, pm.Normal("b", shape=3)), observed=WINS)


def spread_by_row():
    pm.Normal("y", pm.math.exp(pm.Normal("a")), pm.math.exp(pm.Normal("c") * DOSE), observed=COUNTS.astype(float))


def censored():
    pm.Censored("y", pm.Exponential.dist(pm.math.exp(pm.Normal("a") * DOSE)), lower=None, upper=3, observed=WINS + 2.0)


MODELS = [counts_of_groups, logistic_by_a_product, spread_by_row, censored]


def objective_of(build):
    with pm.Model() as model:
        build()
    return pml.Objective(model)


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_sums_and_gradients_are_those_of_all_rows(build):
    objective = objective_of(build)
    assert "distinct of 400 rows" in objective.evaluators.density(objective.names).reduced["y"]
    size = objective.engine("density", objective.names).size
    thetas = np.random.default_rng(9).normal(size=(3, size))
    rows = objective.engine("unsummed", objective.names).at(thetas)["sum of all terms"]
    np.testing.assert_allclose(objective.engine("density", objective.names).at(thetas)["y"], rows, rtol=1e-12)
    scores = objective.engine("scores", objective.names).at(thetas)["scores"].reshape(3, -1, size).sum(axis=1)
    gradient = objective.engine("gradient", objective.names).at(thetas)["gradient"]
    np.testing.assert_allclose(gradient, -2.0 * scores, rtol=1e-9, atol=1e-8)


def chain():
    pm.GaussianRandomWalk("y", pm.Normal("mu"), init_dist=pm.Normal.dist(), observed=COUNTS.astype(float))


def neighbours():
    mean = pt.cumsum(pm.Normal("a") * DOSE)
    pm.Poisson("y", pm.math.exp(0.001 * mean), observed=COUNTS)


def parameter_by_row():
    pm.Poisson("y", pm.math.exp(pm.Normal("u", shape=N) + DOSE), observed=COUNTS)


def few_repeats():
    pm.Poisson("y", pm.math.exp(pm.Normal("b") * np.linspace(0, 1, N)), observed=COUNTS)


def data_that_may_change():
    pm.Poisson("y", pm.math.exp(pm.Normal("b") * pm.Data("dose", DOSE)), observed=COUNTS)


def one_to_be_set():
    pm.Poisson("y", pm.math.exp(pm.Normal("b") * DOSE), observed=pm.Data("counts", COUNTS))


@pytest.mark.parametrize(
    "build",
    [chain, neighbours, parameter_by_row, few_repeats, data_that_may_change, one_to_be_set],
    ids=lambda build: build.__name__,
)
def test_rows_stay_where_they_meet_differ_or_may_change(build):
    assert not objective_of(build).evaluators.density(frozenset()).reduced


def test_replaced_data_are_added_up_by_row():
    objective = objective_of(logistic_by_a_product)
    other = objective.with_data(y=1 - WINS)
    assert not other.evaluators.density(objective.names).reduced
    theta = np.array([0.3, -0.2, 0.5])
    signs = 2 * WINS - 1
    for each, sign in ((objective, signs), (other, -signs)):
        expected = -np.logaddexp(0, -sign * (DESIGN @ theta)).sum()
        assert each.log_likelihood(theta) == pytest.approx(expected, rel=1e-12)
