"""Modes that are searched together are those that are found alone."""

import numpy as np
import pymc as pm
import pytest
from scipy import integrate, stats

import pymc_landscape as pml
from pymc_landscape.model.latent.mode_search import Mode
from pymc_landscape.model.latent.stacked_modes import newton_on_all

GROUP = np.repeat(np.arange(6), 4)
X = np.random.default_rng(1).normal(size=24)
COUNTS = np.random.default_rng(2).poisson(3.0, 24)
ONES = COUNTS > 2


def intercepts() -> pm.Model:
    with pm.Model() as model:
        b, spread = pm.Normal("b", 0, 2), pm.HalfNormal("spread", 1)
        u = pm.Normal("u", 0, spread, shape=6)
        pm.Bernoulli("y", logit_p=b + X + u[GROUP], observed=ONES)
    return model


def slopes() -> pm.Model:
    with pm.Model() as model:
        b, spread = pm.Normal("b", 0, 2), pm.HalfNormal("spread", 1)
        u = pm.Normal("u", 0, spread, shape=(6, 2))
        pm.Poisson("y", pm.math.exp(b + u[GROUP, 0] + u[GROUP, 1] * X), observed=COUNTS)
    return model


def two_sizes() -> pm.Model:
    """Of the groups half have a slope."""
    with pm.Model() as model:
        b, spread = pm.Normal("b", 0, 2), pm.HalfNormal("spread", 1)
        u, v = pm.Normal("u", 0, spread, shape=6), pm.Normal("v", 0, spread, shape=3)
        slope = pm.math.where(GROUP < 3, v[np.minimum(GROUP, 2)], 0.0)
        pm.Poisson("y", pm.math.exp(b + u[GROUP] + slope * X), observed=COUNTS)
    return model


def integral_of(model, latent, quadrature):
    objective = pml.Objective(model, latent=latent, quadrature=quadrature)
    return objective.engine("density").laplace


@pytest.mark.parametrize("quadrature", [1, 5])
@pytest.mark.parametrize(("build", "latent"), [(intercepts, "u"), (slopes, "u"), (two_sizes, ["u", "v"])])
def test_many_have_the_values_that_each_has_alone(build, latent, quadrature, rng):
    laplace = integral_of(build(), latent, quadrature)
    thetas = np.stack([rng.uniform(-1.0, 2.0, 40), rng.uniform(0.05, 2.0, 40)], axis=1)
    alone = np.array([laplace.value(theta) for theta in thetas])
    together = np.stack(laplace.values(thetas), axis=1)
    np.testing.assert_allclose(together, alone, rtol=1e-11)


def test_none_of_them_is_searched_alone(monkeypatch, rng):
    laplace = integral_of(slopes(), "u", 5)
    monkeypatch.setattr(type(laplace), "_search", None)
    thetas = np.stack([rng.uniform(0.5, 1.5, 40), rng.uniform(0.1, 1.0, 40)], axis=1)
    assert np.isfinite(laplace.values(thetas)[0]).all()


def test_where_a_whole_step_goes_too_far_a_search_goes_alone():
    """From far below, a step of a Poisson model goes far beyond; it is found all the same, by halves."""
    laplace = integral_of(slopes(), "u", 1)
    theta = np.array([-30.0, 2.0])
    vectors = np.concatenate([theta, np.zeros(12)])[None]
    assert not newton_on_all(laplace.pattern, vectors, 2, laplace._derivatives_at).found.any()
    laplace._last = np.zeros(12)
    thetas = theta + np.array([[0.0, 0.0], [0.01, 0.0], [0.02, 0.0]])
    np.testing.assert_allclose(laplace.values(thetas)[0], [laplace.value(t)[0] for t in thetas], rtol=1e-11)


def test_outside_the_support_there_is_no_likelihood():
    laplace = integral_of(intercepts(), "u", 3)
    log_l, prior = laplace.values(np.array([[0.5, -1.0], [0.5, 1.0], [0.5, -0.1]]))
    assert np.isneginf(log_l[[0, 2]]).all()
    assert np.isneginf(prior[[0, 2]]).all()
    assert np.isfinite(log_l[1])


def test_the_values_are_those_of_integrals_over_each_effect():
    """By SciPy's adaptive quadrature, group by group."""
    laplace = integral_of(intercepts(), "u", 31)
    thetas = np.stack([np.linspace(-0.5, 1.5, 9), np.linspace(0.3, 1.4, 9)], axis=1)

    def by_scipy(b, spread):
        def inside(u, rows):
            p = 1.0 / (1.0 + np.exp(-(b + X[rows] + u)))
            return np.prod(np.where(ONES[rows], p, 1.0 - p)) * stats.norm.pdf(u, 0, spread)

        groups = [np.flatnonzero(np.equal(GROUP, i)) for i in range(6)]
        return sum(np.log(integrate.quad(inside, -12, 12, args=(rows,), epsabs=1e-13)[0]) for rows in groups)

    np.testing.assert_allclose(laplace.values(thetas)[0], [by_scipy(*theta) for theta in thetas], atol=1e-7)


def test_what_is_found_is_a_mode():
    laplace = integral_of(two_sizes(), ["u", "v"], 1)
    vectors = np.hstack([np.array([[1.0, 0.5], [0.5, 1.0]]), np.zeros((2, 9))])
    stack = newton_on_all(laplace.pattern, vectors, 2, laplace._derivatives_at)
    assert stack.found.all()
    for i in range(2):
        alone = laplace.mode(vectors[i, :2])
        assert isinstance(alone, Mode)
        np.testing.assert_allclose(stack.vectors[i], alone.vector, rtol=1e-9)
        np.testing.assert_allclose(stack.log_determinants[i], alone.curvature.log_determinant, rtol=1e-11)
