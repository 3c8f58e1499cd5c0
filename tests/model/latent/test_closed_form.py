"""Integrals over effects in closed form, against the search for the mode that they spare; and what has none."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import stats

import pymc_landscape as pml
from pymc_landscape.model.latent import MarginalEngine

RNG = np.random.default_rng(5)
GROUP = np.repeat(np.arange(6), [1, 2, 3, 3, 2, 4])
X = RNG.normal(size=len(GROUP))
Y = RNG.normal(size=len(GROUP)) + RNG.normal(size=6)[GROUP]


def slopes_by_group() -> pm.Model:
    """Intercepts and slopes, correlated; a group of one row leaves the variances identified by the others."""
    with pm.Model() as model:
        b, sd = pm.Normal("b", 0, 10, shape=2), pm.HalfNormal("sd", 3, shape=2)
        rho, sigma = pm.Uniform("rho", -1, 1), pm.HalfNormal("sigma", 3)
        root = pt.stack([pt.stack([sd[0], 0.0]), pt.stack([rho * sd[1], sd[1] * pt.sqrt(1 - rho**2)])])
        u = pm.MvNormal("u", np.zeros(2), chol=root, shape=(6, 2))
        pm.Normal("y", b[0] + u[GROUP, 0] + (b[1] + u[GROUP, 1]) * X, sigma, observed=Y)
    return model


def blocks_of_two_sizes() -> pm.Model:
    """Pairs in the first two groups, single effects elsewhere."""
    with pm.Model() as model:
        spread, sigma = pm.HalfNormal("spread", 2), pm.HalfNormal("sigma", 2)
        u, v = pm.Normal("u", 0, spread, shape=6), pm.Normal("v", 0.3, 2 * spread, shape=2)
        pm.Normal("y", u[GROUP] + pt.where(GROUP < 2, v[np.minimum(GROUP, 1)], 0.0), sigma, observed=Y)
    return model


def summing_to_zero() -> pm.Model:
    """Each effect meets all others."""
    with pm.Model() as model:
        b, spread, sigma = pm.Normal("b", 0, 10), pm.HalfNormal("spread", 2), pm.HalfNormal("sigma", 2)
        u = pm.ZeroSumNormal("u", spread, shape=6)
        pm.Normal("y", b + u[GROUP], sigma, observed=Y)
    return model


def smooth_curve() -> pm.Model:
    """A Gaussian process with a value in each row."""
    with pm.Model() as model:
        scale, length, sigma = (pm.HalfNormal(name, 2) for name in ("scale", "length", "sigma"))
        cov = scale**2 * pt.exp(-0.5 * ((X[:, None] - X) / length) ** 2) + 1e-6 * np.eye(len(X))
        u = pm.MvNormal("u", np.zeros(len(X)), cov=cov)
        pm.Normal("y", u, sigma, observed=Y)
    return model


@pytest.mark.parametrize("build", [slopes_by_group, blocks_of_two_sizes, summing_to_zero, smooth_curve])
def test_values_and_slopes_are_those_of_the_search(build, rng):
    objective = pml.Objective(build(), latent=[rv.name for rv in build().free_RVs if rv.name in "uv"])
    evaluators, names = objective.evaluators, objective.names
    integrals = evaluators.integrals
    assert integrals.closed_form is not None
    theta = rng.normal(size=(2, objective.size)) / 3
    moved = evaluators.engine("natural", names), evaluators.engine("natural_jacobian", names)
    for kind in ("density", "gradient", "hessian"):
        searched = MarginalEngine(kind, integrals.joint_term, integrals.laplace, objective.size, *moved, lambda: 0.0)
        engine = evaluators.engine(kind, names)
        for one, other in zip(engine.several(theta), searched.several(theta), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-7 if kind == "hessian" else 1e-10)


def test_a_curve_has_the_likelihood_of_a_normal_vector():
    objective = pml.Objective(smooth_curve(), latent="u")
    assert objective.evaluators.integrals.closed_form is not None
    at = {"scale": 1.3, "length": 0.8, "sigma": 0.6}
    cov = at["scale"] ** 2 * np.exp(-0.5 * ((X[:, None] - X) / at["length"]) ** 2)
    cov += (1e-6 + at["sigma"] ** 2) * np.eye(len(X))
    want = -2 * stats.multivariate_normal(np.zeros(len(X)), cov).logpdf(Y)
    assert float(objective.minus2ll(objective.pack(at))) == pytest.approx(want, rel=1e-10)


@pytest.mark.parametrize("build", [summing_to_zero, smooth_curve])
def test_where_the_curvature_is_not_positive_there_is_no_value(build):
    """A negative variance, as a step may try: NaN, and no error of a factorisation."""
    objective = pml.Objective(build(), latent="u")
    engines = {kind: objective.evaluators.engine(kind) for kind in ("density", "gradient", "hessian")}
    outside = {v.name: -1.0 if v.name == "sigma" else 0.5 for v in objective.variables}
    vector = objective.layout().join(outside)
    assert engines["density"].one(vector)[0] == -np.inf
    assert engines["gradient"].one(vector)[0] == engines["hessian"].one(vector)[0] == np.inf


def test_of_many_effects_that_all_meet_the_mode_is_searched_for(monkeypatch):
    monkeypatch.setattr("pymc_landscape.model.latent.closed_form.LARGEST_FULL", 4)
    objective = pml.Objective(summing_to_zero(), latent="u")
    assert objective.evaluators.integrals.closed_form is None
    assert np.isfinite(objective.minus2ll(objective.pack({"b": 0.1, "spread": 0.7, "sigma": 0.9})))


def test_outside_the_support_there_is_no_value():
    objective = pml.Objective(slopes_by_group(), latent="u")
    engines = {kind: objective.evaluators.engine(kind) for kind in ("density", "gradient", "hessian")}
    outside = np.array([0.0, 0.0, 1.0, 1.0, 0.2, -1.0])
    assert engines["density"].one(outside)[0] == -np.inf
    assert engines["gradient"].one(outside)[0] == engines["hessian"].one(outside)[0] == np.inf
    assert all(np.isnan(engines[kind].one(outside)[1]).all() for kind in ("gradient", "hessian"))


NOT_QUADRATIC = {
    "a corner": lambda v, p: abs(v) + p,
    "a step": lambda v, p: pt.switch(v > 0, v, 2.0 * v) + p,
    "a power that is 1 at first": lambda v, p: abs(v) ** p,
    "a curve": lambda v, p: pt.exp(v) * p,
}


@pytest.mark.parametrize("name", NOT_QUADRATIC)
def test_what_is_not_quadratic_for_certain_is_searched(name):
    with pm.Model() as model:
        p, s = pm.Normal("p", 1, 1), pm.HalfNormal("s", 1)
        v = pm.Normal("v", 0, s, shape=4)
        pm.Normal("y", NOT_QUADRATIC[name](v, p), 1.0, observed=np.ones(4))
    assert pml.Objective(model, latent="v").evaluators.integrals.closed_form is None


def test_effects_with_a_corner_in_their_prior_are_searched():
    with pm.Model() as model:
        s = pm.HalfNormal("s", 1)
        v = pm.Laplace("v", 0, s, shape=4)
        pm.Normal("y", v, 1.0, observed=np.ones(4))
    assert pml.Objective(model, latent="v").evaluators.integrals.closed_form is None
