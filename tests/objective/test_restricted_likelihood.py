"""The restricted likelihood (REML) against lme4, nlme and metafor, the definition, and closed forms."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

import pymc_landscape as pml
from tests.models import fixed_effects as models

FAST = ("dyestuff2", "bcg")


def fitted(name):
    make, latent = models.WRITTEN[name]
    return pml.fit_mle(pml.Objective(make(), latent=latent, restricted="auto"), starts=1, progressbar=False)


def of_fixed(fit, suffix=""):
    return np.concatenate([np.ravel(fit.latent[name + suffix]) for name in fit.objective.restricted])


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in FAST else pytest.mark.exhaustive) for n in models.WRITTEN]
)
def test_estimates_are_those_of_r(name):
    truth, fit = models.REML[name], fitted(name)
    assert fit.minus2ll == pytest.approx(truth["minus2ll"], abs=1e-6)
    for label, value in truth["parameters"].items():
        assert float(fit.point[label]) == pytest.approx(value, rel=1e-6, abs=1e-6)
    np.testing.assert_allclose(of_fixed(fit), np.ravel(truth["fixed"]), rtol=1e-6)
    np.testing.assert_allclose(of_fixed(fit, "_se"), np.ravel(truth["fixed_se"]), rtol=1e-6)


def dense(y, design, covariance):
    """−2 log L_R by its definition."""
    inverse = np.linalg.inv(covariance)
    information = design.T @ inverse @ design
    b = np.linalg.solve(information, design.T @ inverse @ y)
    r = y - design @ b
    determinants = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(information)[1]
    return (len(y) - design.shape[1]) * np.log(2 * np.pi) + determinants + r @ inverse @ r


def test_an_ordinary_regression_divides_by_n_less_p():
    rng = np.random.default_rng(2)
    design = np.column_stack([np.ones(12), rng.normal(size=(12, 2))])
    y = design @ [3.0, -1.0, 0.5] + rng.normal(0, 2, 12)
    with pm.Model() as model:
        b = pm.Normal("b", 0, 0.1, shape=3)  # a prior that would pull, and plays no part
        pm.Normal("y", design @ b, pm.HalfNormal("sigma", 5), observed=y)
    fit = pml.fit_mle(pml.Objective(model, restricted="auto"), starts=1, progressbar=False)
    least, rss = np.linalg.lstsq(design, y)[:2]
    assert float(fit.point["sigma"]) ** 2 == pytest.approx(rss[0] / (12 - 3), rel=1e-8)
    assert fit.minus2ll == pytest.approx(dense(y, design, rss[0] / 9 * np.eye(12)), abs=1e-9)
    np.testing.assert_allclose(fit.latent["b"], least, rtol=1e-9)
    np.testing.assert_allclose(
        fit.latent["b_se"], np.sqrt(np.diag(rss[0] / 9 * np.linalg.inv(design.T @ design))), rtol=1e-7
    )


def test_a_balanced_design_gives_the_estimates_of_its_analysis_of_variance():
    """σ² = MSW, τ² = (MSB − MSW) / m, and var(µ̂) = MSB / (n m)."""
    rng = np.random.default_rng(4)
    y = 5 + rng.normal(0, 2, (7, 1)) + rng.normal(0, 1, (7, 4))
    with pm.Model() as model:
        mu = pm.StudentT("mu", nu=3, mu=0, sigma=1)  # any real number: its prior plays no part
        u = pm.Normal("u", 0, 1, shape=7)
        pm.Normal("y", mu + pm.HalfNormal("tau", 2) * u[:, None], pm.HalfNormal("sigma", 2), observed=y)
    fit = pml.fit_mle(pml.Objective(model, latent="u", restricted="mu"), starts=1, progressbar=False)
    between, within = 4 * y.mean(1).var(ddof=1), y.var(1, ddof=1).mean()
    assert float(fit.point["sigma"]) ** 2 == pytest.approx(within, rel=1e-7)
    assert float(fit.point["tau"]) ** 2 == pytest.approx((between - within) / 4, rel=1e-7)
    assert float(fit.latent["mu_se"]) ** 2 == pytest.approx(between / 28, rel=1e-7)


@pytest.mark.parametrize("size", [1.0, 0.3])
def test_a_random_walk_with_an_unknown_level_and_trend(size):
    """Effects that meet their neighbours, beside two arrays of fixed effects."""
    rng = np.random.default_rng(8)
    n, time = 15, np.arange(15.0)
    y = 4 + 0.3 * time + np.cumsum(rng.normal(0, 0.5, n)) + rng.normal(0, 0.4, n)
    with pm.Model() as model:
        level, trend = pm.Normal("level", 0, 10), pm.Normal("trend", 0, 1)
        walk = pm.GaussianRandomWalk("walk", 0, pm.HalfNormal("step", 1), init_dist=pm.Normal.dist(0, 0.1), steps=n - 1)
        pm.Normal("y", level + trend * time + walk, pm.HalfNormal("sigma", 1), observed=y)
    objective = pml.Objective(model, restricted="auto")
    assert objective.restricted == ("level", "trend")
    covariance = 0.01 + size**2 * np.minimum.outer(time, time) + 0.7**2 * np.eye(n)
    truth = dense(y, np.column_stack([np.ones(n), time]), covariance)
    assert float(objective.minus2ll(objective.pack({"step": size, "sigma": 0.7}))) == pytest.approx(truth, abs=1e-8)


@pytest.mark.exhaustive
def test_correlated_errors_without_effects():
    """Generalised least squares, by a multivariate normal."""
    rng = np.random.default_rng(5)
    lag = np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    design, y = np.column_stack([np.ones(10), rng.normal(size=10)]), rng.normal(size=10)
    with pm.Model() as model:
        b, rho, sigma = pm.Flat("b", shape=2), pm.Uniform("rho", 0, 1), pm.HalfNormal("sigma", 1)
        pm.MvNormal("y", design @ b, cov=sigma**2 * rho**lag, observed=y)
    objective = pml.Objective(model, restricted="auto")
    truth = dense(y, design, 1.3**2 * 0.6**lag)
    assert float(objective.minus2ll(objective.pack({"rho": 0.6, "sigma": 1.3}))) == pytest.approx(truth, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "latent"), [("cbpp", "auto"), pytest.param("epil", "z", marks=pytest.mark.exhaustive)]
)
def test_counts_have_the_approximation_of_glmmtmb_where_fixed_effects_are_named(name, latent):
    truth, model = models.REML[name], getattr(models, name)()
    with pytest.raises(ValueError, match="quadratic"):
        pml.Objective(model, latent=latent, restricted="auto")
    fit = pml.fit_mle(pml.Objective(model, latent=latent, restricted="beta"), starts=1, progressbar=False)
    assert fit.minus2ll == pytest.approx(truth["minus2ll"], abs=1e-6)
    assert float(fit.point["sd"]) == pytest.approx(truth["parameters"]["sd"], rel=1e-6)
    np.testing.assert_allclose(fit.latent["beta"], truth["fixed"], rtol=1e-6)
    assert "The restricted likelihood is Laplace's approximation, not exact" in fit.message


def regression(**more):
    """A model of which a test changes a part."""
    x, y = np.arange(8.0), np.array([1.0, 2.5, 2.0, 4.5, 3.0, 6.0, 5.0, 8.5])
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
        parts = {name: make(a, b) for name, make in more.items()}
        pm.Normal("y", parts.get("mean", a + b * x), parts.get("sigma", 1.0), observed=y)
    return model


def test_auto_takes_what_the_density_is_quadratic_in(caplog):
    model = regression(sigma=lambda a, b: pt.exp(pm.Normal("log_sigma", 0, 1)))
    objective = pml.Objective(model, restricted="auto")
    assert objective.restricted == ("a", "b")
    assert [v.name for v in objective.variables] == ["log_sigma"]
    assert "integrated out over a flat measure in place of a prior: a, b;" in caplog.text
    assert objective.origin["restricted"] == "a, b"
    assert "restricted" not in pml.Objective(model).origin


def test_a_coefficient_with_limits_is_a_fixed_effect_where_it_is_named(caplog):
    """A vague uniform prior plays no part either, nor do its limits."""
    x, y = np.arange(8.0), np.array([1.0, 2.5, 2.0, 4.5, 3.0, 6.0, 5.0, 8.5])
    with pm.Model() as model:
        a, b = pm.Uniform("a", -1, 10), pm.Flat("b")
        pm.Normal("y", a + b * x, pm.HalfNormal("s", 5), observed=y)
    assert pml.Objective(model, restricted="auto").restricted == ("b",)
    assert "a could be fixed effects too, but have a bounded support" in caplog.text
    objective = pml.Objective(model, restricted=["b", "a"])
    truth = dense(y, np.column_stack([np.ones(8), x]), np.eye(8))
    assert float(objective.minus2ll(objective.pack({"s": 1.0}))) == pytest.approx(truth, abs=1e-9)


def test_levels_that_sum_to_zero_are_fixed_effects():
    """Their coordinates are orthonormal: −2 log L_R is that of such contrasts."""
    rng, level = np.random.default_rng(1), np.tile(np.arange(3), 4)
    y = rng.normal(size=12)
    with pm.Model() as model:
        mu, z = pm.Normal("mu", 0, 5), pm.ZeroSumNormal("z", 2, shape=3)
        pm.Normal("y", mu + z[level], pm.HalfNormal("s", 5), observed=y)
    objective = pml.Objective(model, restricted="auto")
    contrasts = np.linalg.qr(np.column_stack([np.ones(3), np.eye(3)[:, :2]]))[0][:, 1:]
    truth = dense(y, np.column_stack([np.ones(12), contrasts[level]]), 0.7**2 * np.eye(12))
    assert float(objective.minus2ll(objective.pack({"s": 0.7}))) == pytest.approx(truth, abs=1e-9)
    levels = pml.fit_mle(objective, starts=1, progressbar=False).latent["z"]
    np.testing.assert_allclose(levels, y.reshape(4, 3).mean(0) - y.mean(), atol=1e-8)


def test_the_design_may_be_changed():
    x, y = np.arange(8.0), np.array([1.0, 2.5, 2.0, 4.5, 3.0, 6.0, 5.0, 8.5])
    with pm.Model() as model:
        design = pm.Data("design", np.column_stack([np.ones(8), x]))
        b = pm.Normal("b", 0, 10, shape=2)
        pm.Normal("y", design @ b, pm.HalfNormal("s", 5), observed=y)
    objective = pml.Objective(model, restricted="auto")
    theta, other = objective.pack({"s": 1.0}), np.column_stack([np.ones(8), x**2])
    changed = objective.with_data(design=other, y=2 * y)
    assert float(changed.minus2ll(theta)) == pytest.approx(dense(2 * y, other, np.eye(8)), abs=1e-8)
    pm.set_data({"design": other}, model=model)
    assert float(objective.minus2ll(theta)) == pytest.approx(dense(y, other, np.eye(8)), abs=1e-8)


def spread(a, b):
    return pm.HalfNormal("s", 5)


@pytest.mark.parametrize(
    ("more", "restricted", "words"),
    [
        ({"sigma": spread}, ["c"], "Expected parameters of the model as restricted, got 'c'"),
        ({"sigma": spread}, "s", "its support is not all real numbers"),
        ({"sigma": spread, "mean": lambda a, b: a + b}, "auto", "got a, b, of which a combination makes no difference"),
        ({"sigma": spread, "mean": lambda a, b: a * b}, "auto", "got a and b, of which"),
        ({"sigma": spread, "mean": lambda a, b: pt.exp(a + b)}, "auto", "got none"),
        ({}, "auto", "all of the parameters"),
    ],
)
def test_what_cannot_be_restricted_is_refused(more, restricted, words):
    with pytest.raises(ValueError, match=words):
        pml.Objective(regression(**more), restricted=restricted)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prior_weight": 1.0}, "their priors play no part"),
        ({"quadrature": 5}, "fixed effects meet all random"),
    ],
)
def test_options_that_mean_nothing_beside_it_are_refused(options, words):
    model = regression(sigma=spread)
    with pytest.raises(ValueError, match=words):
        pml.Objective(model, restricted="auto", **options)
    if "prior_weight" in options:
        with pytest.raises(ValueError, match=words):
            pml.fit_map(pml.Objective(model, restricted="auto"))
