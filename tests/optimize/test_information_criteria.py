"""AIC, AICc and BIC count what the model determines: a ridge takes a parameter away, an edge does not."""

import numpy as np
import pymc as pm
import pytest
from verbs import fit

import pymc_landscape as pml

Y = np.array([1.2, 0.3, 2.1, 1.7, -0.4, 0.9])
X = np.array([-1.0, 0.5, 2.0, 1.0, -2.0, 0.3])
COUNTS = np.array([3, 0, 2, 4, 1, 2])


def mean_only() -> pml.Fit:
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("a", 0, 1), np.float64(1.0), observed=Y)
    return fit(model)


def of_mean(write) -> pm.Model:
    with pm.Model() as model:
        pm.Normal("y", write(), np.float64(1.0), observed=Y)
    return model


REDUNDANT = {
    "sum": lambda: pm.Normal("a", 0, 1) + pm.Normal("c", 0, 1),
    "three": lambda: pm.Normal("a", 0, 1, shape=3).sum(),
    "product": lambda: pm.Normal("a", 0, 1) * pm.HalfNormal("c", 1),
    "unused": lambda: pm.Normal("a", 0, 1) + 0.0 * pm.Normal("c", 0, 1),
}


@pytest.mark.parametrize("name", REDUNDANT)
def test_a_redundant_parameter_is_not_counted(name):
    plain, here = mean_only(), fit(of_mean(REDUNDANT[name]))
    assert here.minus2ll == pytest.approx(plain.minus2ll, abs=1e-8)
    assert here.n_parameters > 1
    assert here.n_identified == 1
    for criterion in ("aic", "aicc", "bic"):
        assert getattr(here, criterion) == pytest.approx(getattr(plain, criterion), abs=1e-8)
    assert f"(k = {here.n_parameters}, 1 identified, n = 6;" in repr(here)


def test_weights_that_are_scaled_to_one_are_one_fewer():
    with pm.Model() as scaled:
        weights = pm.HalfNormal("w", 1, shape=3)
        pm.Categorical("y", weights / weights.sum(), observed=np.array([0, 1, 1, 2, 0, 1, 2, 1]))
    with pm.Model() as simplex:
        pm.Categorical("y", pm.Dirichlet("p", np.ones(3)), observed=np.array([0, 1, 1, 2, 0, 1, 2, 1]))
    assert (fit(scaled).n_identified, fit(simplex).n_identified) == (2, 2)
    assert fit(scaled).aic == pytest.approx(fit(simplex).aic, abs=1e-8)


def test_a_design_without_full_rank_counts_its_rank():
    """R's glm gives the third coefficient NA, and logLik 3 − 1 degrees of freedom."""
    design = np.column_stack([np.ones(6), X, 2.0 - 3.0 * X])
    with pm.Model() as model:
        pm.Poisson("y", pm.math.exp(design @ pm.Normal("b", 0, 5, shape=3)), observed=COUNTS)
    with pm.Model() as full:
        pm.Poisson("y", pm.math.exp(design[:, :2] @ pm.Normal("b", 0, 5, shape=2)), observed=COUNTS)
    assert fit(model).n_identified == np.linalg.matrix_rank(design) == 2
    assert fit(model).bic == pytest.approx(fit(full).bic, abs=1e-8)


def test_one_of_two_variances_that_only_add_up_is_counted():
    with pm.Model() as model:
        both = pm.HalfNormal("s", 1) ** 2 + pm.HalfNormal("t", 1) ** 2
        pm.Normal("y", pm.Normal("mu", 0, 1), pm.math.sqrt(both), observed=Y)
    assert fit(model).n_identified == 2


def test_what_vanishes_at_the_estimate_only_is_counted():
    """Where a is 0, exp(bx) means nothing: elsewhere in the model it does, as lme4 counts a correlation with 0."""
    with pm.Model() as model:
        a, b = pm.HalfNormal("a", 1), pm.Normal("b", 0, 1)
        pm.Normal("y", -a * pm.math.exp(b * X), pm.HalfNormal("s", 1), observed=np.abs(Y) + 1)
    here = fit(model)
    assert here.status == "not_identified"
    assert (here.n_parameters, here.n_identified) == (3, 3)
    assert here.aic == pytest.approx(here.minus2ll + 6)


def test_what_cannot_be_said_is_no_number():
    """The same beside a potential, which cannot be simulated: the edge or a ridge may have made b vanish."""
    with pm.Model() as model:
        a, b = pm.HalfNormal("a", 1), pm.Normal("b", 0, 1)
        mean = -a * pm.math.exp(b * X)
        pm.Potential("y", pm.logp(pm.Normal.dist(mean, 1.0), np.abs(Y) + 1))
    here = fit(model)
    assert here.status == "not_identified"
    assert np.isnan([here.n_identified, here.aic, here.aicc, here.bic]).all()


def test_an_optimum_counts_every_parameter():
    with pm.Model() as edge:
        pm.Binomial("y", 10, pm.Beta("p", 1, 1), observed=0)
    assert (fit(edge).status, fit(edge).n_identified) == ("at_bound", 1)
    assert fit(edge).bic_of(10) == pytest.approx(fit(edge).minus2ll + np.log(10))
