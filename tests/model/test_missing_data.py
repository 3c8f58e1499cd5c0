"""Missing observations and predictions drop out of the likelihood, covariates do not: against complete cases."""

import logging

import numpy as np
import pymc as pm
import pytest
from scipy import optimize, special, stats

import pymc_landscape as pml

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*missing values:pymc.exceptions.ImputationWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning"),  # PyMC, of missing counts
]


def minimum(function, start):
    return optimize.minimize(function, start, method="BFGS", options={"gtol": 1e-7}).fun


def normal_regression():
    rng = np.random.default_rng(5)
    x = rng.normal(size=40)
    y = 1 + 2 * x + rng.normal(size=40)
    y[[3, 7]] = np.nan
    with pm.Model() as model:
        a, b, s = pm.Normal("a"), pm.Normal("b"), pm.HalfNormal("s", 5)
        pm.Normal("y", a + b * x, s, observed=y)
    seen = ~np.isnan(y)
    rest = np.linalg.lstsq(np.c_[np.ones(38), x[seen]], y[seen])[1][0]
    return model, ("y_unobserved",), 38 * (np.log(2 * np.pi * rest / 38) + 1)


def skewed_waiting_times():
    """By Laplace's approximation the missing one would count as something else than 1."""
    g = np.random.default_rng(6).gamma(3, 1, 40)
    g[5] = np.nan
    with pm.Model() as model:
        pm.Gamma("g", pm.HalfNormal("alpha", 5), pm.HalfNormal("beta", 5), observed=g)
    seen = g[~np.isnan(g)]
    return (
        model,
        ("g_unobserved",),
        minimum(lambda t: -2 * stats.gamma.logpdf(seen, *np.exp([t[0]]), 0, np.exp(t[1])).sum(), [1, 0]),
    )


def counts_of_two_kinds():
    a, b = np.array([3, 5, np.nan, 2, 4.0]), np.array([8, np.nan, np.nan, 6, 9.0])
    with pm.Model() as model:
        rate = pm.HalfNormal("rate", 5, shape=2)
        pm.Poisson("a", rate[0], observed=a)
        pm.Binomial("b", 10, pm.Deterministic("p", rate[1] / (1 + rate[1])), observed=b)
    seen = a[~np.isnan(a)], b[~np.isnan(b)]
    right = stats.poisson.logpmf(seen[0], 3.5).sum() + stats.binom.logpmf(seen[1], 10, 23 / 30).sum()
    return model, ("a_unobserved", "b_unobserved"), -2 * right


def count_ahead():
    with pm.Model() as model:
        rate = pm.Gamma("rate", 5, 5)
        pm.Poisson("next_week", rate)
        pm.Poisson("weeks", rate, observed=[3, 2, 5])
    return model, ("next_week",), -2 * stats.poisson.logpmf([3, 2, 5], 10 / 3).sum()


def prediction_written_without_its_centre():
    y = np.array([1.2, 0.3, 2.2, 1.9])
    with pm.Model() as model:
        mu, s, ahead = pm.Normal("mu", 0, 9), pm.HalfNormal("s", 9), pm.Normal("ahead", 0, 1)
        pm.Deterministic("tomorrow", mu + s * ahead)
        pm.Normal("y", mu, s, observed=y)
    return model, ("ahead",), 4 * (np.log(2 * np.pi * y.var()) + 1)


def change_point_with_missing_years():
    rng = np.random.default_rng(2)
    year = np.arange(16)
    y = rng.poisson(np.where(year <= 7, 4.0, 1.2)).astype(float)
    y[[4, 12]] = np.nan
    with pm.Model() as model:
        s = pm.DiscreteUniform("s", 0, 15)
        early, late = pm.Exponential("early", 1), pm.Exponential("late", 1)
        pm.Poisson("d", pm.math.switch(s >= year, early, late), observed=y)
    ok = ~np.isnan(y)

    def m2ll(t):
        each = [stats.poisson.logpmf(y[ok], np.exp(np.where(s >= year[ok], *t))).sum() for s in range(16)]
        return -2 * (special.logsumexp(each) - np.log(16))

    return pml.Objective(model, latent="s"), ("s", "d_unobserved"), minimum(m2ll, [1.4, 0.2])


DROPPED = [
    normal_regression,
    skewed_waiting_times,
    counts_of_two_kinds,
    count_ahead,
    prediction_written_without_its_centre,
    change_point_with_missing_years,
]


@pytest.mark.parametrize("build", DROPPED, ids=lambda build: build.__name__)
def test_the_likelihood_is_that_of_what_is_there(build):
    model, latent, right = build()
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status.is_optimum
    assert fit.minus2ll == pytest.approx(right, abs=1e-5)
    assert fit.objective.latent == latent
    assert not fit.objective.is_integral
    assert f"(latent): {', '.join(latent)}; with latent=() they are." in repr(fit)


@pytest.mark.exhaustive
def test_a_missing_covariate_is_integrated_out():
    rng = np.random.default_rng(7)
    x = rng.normal(2, 1.5, 50)
    y = 1 + 0.7 * x + rng.normal(0, 0.5, 50)
    x[:3] = np.nan
    with pm.Model() as model:
        m, sx = pm.Normal("m", 0, 10), pm.HalfNormal("sx", 5)
        a, b, s = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10), pm.HalfNormal("s", 5)
        pm.Normal("y", a + b * pm.Normal("x", m, sx, observed=x), s, observed=y)

    def m2ll(t):
        m, a, b, (sx, s) = *t[:3], np.exp(t[3:])
        rows = stats.norm.logpdf(x[3:], m, sx).sum() + stats.norm.logpdf(y[3:], a + b * x[3:], s).sum()
        return -2 * (rows + stats.norm.logpdf(y[:3], a + b * m, np.hypot(s, b * sx)).sum())

    fit = pml.fit_mle(model, progressbar=False)
    assert fit.objective.is_integral
    assert fit.minus2ll == pytest.approx(minimum(m2ll, [2, 1, 0.7, 0, -0.5]), abs=1e-5)


def test_half_of_a_vector_drawn_together_does_not_drop_out():
    rows = np.array([[1.0, 2.0], [0.5, np.nan], [2.0, 2.5]])
    with pm.Model() as model:
        pm.MvNormal("y", pm.Normal("mu", 0, 5, shape=2), [[1, 0.5], [0.5, 2]], observed=rows)
    objective = pml.Objective(model)
    assert objective.latent == ("y_unobserved",)
    at = np.array([0.3, 0.7])
    right = stats.multivariate_normal([0.3, 0.7], [[1, 0.5], [0.5, 2]]).logpdf(rows[[0, 2]]).sum()
    assert objective.log_likelihood(at) == pytest.approx(right + stats.norm.logpdf(0.5, 0.3), abs=1e-8)


def test_it_is_said_once_and_can_be_kept(caplog):
    model, latent, _ = count_ahead()
    with caplog.at_level(logging.WARNING, "pymc_landscape"):
        pml.Objective(model)
        pml.Objective(model)
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == list(latent)
    assert pml.Objective(model, latent=()).latent == ()
    with pytest.raises(ValueError, match=r"latent=\['next_week'\]"):
        pml.fit_mle(pml.Objective(model, latent=()), progressbar=False)


def test_an_unused_parameter_stays_one():
    with pm.Model() as model:
        pm.Normal("unused")
        pm.Normal("y", pm.Normal("mu"), 1, observed=[0.0, 1.0])
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status.value == "not_identified"
    assert "unused" in fit.message
