"""Interval ends of chosen elements in models of hundreds of parameters, without a Hessian."""

import numpy as np
import pymc as pm
import pytest
from scipy import stats
from scipy.optimize import brentq

import pymc_landscape as pml
from pymc_landscape.numerics import krylov
from pymc_landscape.objective import Objective

GROUPS, EACH, Q = 320, 4, 3.841458820694124


@pytest.fixture(scope="module")
def data():
    return np.random.default_rng(0).normal(1.0, 1.0, (GROUPS, EACH))


@pytest.fixture(scope="module")
def means(data):
    """A mean for each group, and one standard deviation."""
    with pm.Model() as model:
        b, s = pm.Normal("b", 0, 10, shape=GROUPS), pm.HalfNormal("s", 2)
        pm.Normal("y", b[:, None], s, observed=data)
    return pml.fit_mle(pml.Objective(model, latent=()), starts=1, progressbar=False)


@pytest.fixture
def no_hessian(monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("a whole Hessian was asked for")

    monkeypatch.setattr(Objective, "hessian", refuse)


def closed_form(data):
    """Ends of the profile of a mean and of the standard deviation: all else in closed form, the scale by bisection."""
    n, squares = data.size, ((data - data.mean(1, keepdims=True)) ** 2).sum()
    reach = np.sqrt(squares / EACH * np.expm1(Q / n))
    s = np.sqrt(squares / n)

    def rise(at):
        return 2 * n * np.log(at / s) + squares / at**2 - n - Q

    return data[1].mean() + np.array([-reach, reach]), np.array([brentq(rise, 0.5 * s, s), brentq(rise, s, 2 * s)])


def test_ends_are_those_of_the_closed_form_and_need_no_hessian(means, data, no_hessian):
    intervals = pml.confidence_intervals(means, ["b[1]", "s"], progressbar=False)
    assert np.allclose(intervals["interval"].squeeze(), closed_form(data), atol=2e-6)
    assert (intervals["status"] == "finite").all()
    assert np.allclose(intervals["delta_minus2ll"], Q, atol=1e-8)


def test_wald_intervals_of_chosen_elements_need_no_hessian(means, data, no_hessian):
    found = pml.confidence_intervals(means, ["b[1]", "s"], method="wald", progressbar=False)["interval"].squeeze()
    n, squares = data.size, ((data - data.mean(1, keepdims=True)) ** 2).sum()
    s = np.sqrt(squares / n)
    errors = np.array([s / np.sqrt(EACH), s / np.sqrt(2 * n)])  # the expected and observed information agree here
    half = (found[:, 1] - found[:, 0]) / 2
    assert np.allclose(half, stats.norm.ppf(0.975) * errors, rtol=1e-5)


def test_an_error_by_other_information_is_not_that_of_the_curvature(means):
    robust = pml.fit_mle(means, sandwich=True, starts=1, progressbar=False)
    assert robust.information == "sandwich"
    found = pml.confidence_intervals(robust, ["b[1]"], method="wald", progressbar=False)
    assert (found["status"] == "failed").all()


def test_where_equations_are_not_solved_whole_hessians_give_the_same_ends(means, data, monkeypatch):
    monkeypatch.setattr(krylov, "ITERATIONS", 1)
    interval = pml.confidence_intervals(means, ["b[1]"], progressbar=False)["interval"].squeeze()
    assert np.allclose(interval, closed_form(data)[0], atol=2e-6)


@pytest.mark.exhaustive
def test_correlated_predictors_in_unequal_units(no_hessian):
    rng, k = np.random.default_rng(1), 310
    common, units = rng.normal(size=(1_500, 1)), 10.0 ** rng.uniform(-0.5, 0.5, k)
    x = (common + rng.normal(size=(1_500, k))) * units
    y = rng.poisson(np.exp(1 + 0.05 * x[:, 0] / units[0]))
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 1, shape=k)
        pm.Poisson("y", pm.math.exp(a + pm.math.dot(x, b)), observed=y)
    fit = pml.fit_mle(model, starts=1, progressbar=False)
    ends = pml.confidence_intervals(fit, ["b[0]"], progressbar=False)
    design = np.c_[np.ones(len(y)), x / units]

    def profile(value):
        beta, offset = np.r_[0.0, np.zeros(k - 1)], value * x[:, 0]
        rest = np.delete(design, 1, axis=1)
        for _ in range(12):
            rate = np.exp(offset + rest @ beta)
            beta = beta + np.linalg.solve(rest.T @ (rate[:, None] * rest), rest.T @ (y - rate))
        return -2 * stats.poisson.logpmf(y, np.exp(offset + rest @ beta)).sum()

    rises = [profile(end) - fit.minus2ll for end in ends["interval"].values.ravel()]
    assert np.allclose(rises, Q, atol=1e-4)
    assert (ends["status"] == "finite").all()


@pytest.mark.parametrize("unit", [1e-3, 1e4])
def test_units_do_not_matter_to_what_is_an_optimum(data, unit):
    with pm.Model() as model:
        b = pm.Normal("b", 0, 10 * unit, shape=GROUPS)
        pm.Normal("y", b[:, None], unit * np.linspace(0.5, 2, GROUPS)[:, None], observed=data * unit)
    fit = pml.fit_mle(pml.Objective(model, latent=()), starts=1, progressbar=False)
    assert fit.status.is_optimum
    assert np.allclose(fit.point["b"], unit * data.mean(1), atol=1e-4 * unit)
