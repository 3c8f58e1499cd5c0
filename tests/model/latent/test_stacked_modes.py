"""Modes that are searched together are those that are found alone."""

import numpy as np
import pymc as pm
import pytest
from scipy import integrate, stats

import pymc_landscape as pml
from pymc_landscape.model.latent.mode_search import Mode
from pymc_landscape.model.latent.stacked_modes import newton_on_all
from pymc_landscape.numerics import hessian_of_gradients

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


@pytest.mark.parametrize("quadrature", [1, 5])
@pytest.mark.parametrize(("build", "latent"), [(intercepts, "u"), (slopes, "u"), (two_sizes, ["u", "v"])])
def test_many_have_the_slopes_that_each_has_alone(build, latent, quadrature, monkeypatch, rng):
    laplace = integral_of(build(), latent, quadrature)
    thetas = np.stack([rng.uniform(-0.5, 1.5, 9), rng.uniform(0.3, 1.5, 9)], axis=1)
    alone = [laplace.value_and_gradient(theta) for theta in thetas]
    modes = np.array([laplace.mode(theta).vector[2:] for theta in thetas])
    near = modes + 0.01 * rng.normal(size=modes.shape)
    monkeypatch.setattr(type(laplace), "value_and_gradient", None)  # none is answered by itself
    for starts in (None, near):
        values, gradients, effects = laplace.values_and_gradients(thetas, starts)
        np.testing.assert_allclose(values, [value for value, _ in alone], rtol=1e-11)
        np.testing.assert_allclose(gradients, [gradient for _, gradient in alone], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(effects, modes, atol=1e-9)


def test_a_slope_whose_mode_is_not_found_together_is_found_alone():
    laplace = integral_of(slopes(), "u", 1)
    thetas = np.array([-30.0, 2.0]) + np.array([[0.0, 0.0], [30.5, -1.0]])
    starts = np.zeros((2, 12))
    assert newton_on_all(laplace.pattern, np.hstack([thetas, starts]), 2, laplace._derivatives_at).found.tolist() == [
        False,
        True,
    ]
    values, gradients, _ = laplace.values_and_gradients(thetas, starts)
    alone = [laplace.value_and_gradient(theta) for theta in thetas]
    np.testing.assert_allclose(values, [value for value, _ in alone], rtol=1e-11)
    np.testing.assert_allclose(gradients, [gradient for _, gradient in alone], rtol=1e-8)


@pytest.mark.parametrize("quadrature", [1, 5])
def test_curvatures_are_slopes_of_slopes_and_none_are_outside(quadrature):
    objective = pml.Objective(slopes(), latent="u", quadrature=quadrature)
    engine, gradient = objective.engine("hessian"), objective.engine("gradient")
    points = np.array([[0.9, 0.7], [1.2, -0.5], [0.4, 1.1]])
    values, gradients, hessians = engine.several(points)
    assert np.isposinf(values[1])
    assert np.isnan(gradients[1]).all()
    assert np.isnan(hessians[1]).all()
    for i in (0, 2):
        want = hessian_of_gradients(lambda x: gradient.one(x)[1], points[i])
        np.testing.assert_allclose(hessians[i].reshape(2, 2), want, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(gradients[i], gradient.one(points[i])[1], rtol=1e-8)
        assert values[i] == pytest.approx(float(gradient.one(points[i])[0]), rel=1e-11)


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
