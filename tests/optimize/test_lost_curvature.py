"""Predictors far from 0: what the Hessian has lost in rounding is neither a standard error nor a ridge."""

import numpy as np
import pymc as pm
import pytest

import pymc_landscape as pml
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize import Status
from pymc_landscape.optimize.flat_directions import find_directions
from pymc_landscape.optimize.local_search import SearchResult
from pymc_landscape.optimize.status import judge

X = np.linspace(0.0, 1.0, 30)
RNG = np.random.default_rng(0)
Y, COUNTS, FLAGS = 2 + 3 * X + RNG.normal(0, 0.3, 30), RNG.poisson(np.exp(1 + X)), RNG.random(30) < 0.3 + 0.4 * X


def regression(family, offset):
    x = offset + X
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
        eta = a + b * x
        if family == "normal":
            pm.Normal("y", eta, 0.3, observed=Y)
        elif family == "poisson":
            pm.Poisson("y", pm.math.exp(eta), observed=COUNTS)
        else:
            pm.Bernoulli("y", logit_p=eta, observed=FLAGS)
    return model


@pytest.mark.parametrize("offset", [1e6, 1e8, 1.7e9])
def test_a_slope_far_from_zero_is_refused_in_a_sentence(offset):
    fit = pml.fit_mle(regression("normal", offset), starts=1, progressbar=False)
    assert fit.status is Status.FAILED
    assert "rounding" in fit.message
    assert "subtract their means" in fit.message
    assert np.isnan(fit.standard_error["b"])
    with pytest.raises(ValueError, match="subtract their means"):
        pml.confidence_intervals(fit, progressbar=False)


@pytest.mark.parametrize("family", ["poisson", "bernoulli"])
def test_so_are_those_of_other_families(family):
    fit = pml.fit_mle(regression(family, 1e8), starts=1, progressbar=False)
    assert not fit.status.is_optimum
    assert "subtract their means" in fit.message or fit.status is Status.UNBOUNDED


def test_where_digits_suffice_nothing_is_refused():
    fit = pml.fit_mle(regression("normal", 1e4), starts=1, progressbar=False)
    error = 0.3 / np.sqrt(((X - X.mean()) ** 2).sum())
    assert fit.status is Status.CONVERGED
    assert float(fit.standard_error["b"]) == pytest.approx(error, rel=1e-5)


def test_a_ridge_is_one_however_large_the_predictor():
    x = 1e8 + X
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
        pm.Normal("y", (a + b) * x / 1e8, 0.3, observed=Y)
    fit = pml.fit_mle(model, starts=1, progressbar=False)
    assert fit.status is Status.NOT_IDENTIFIED
    assert "a + b" in fit.message or "a − b" in fit.message


@pytest.mark.parametrize("slant", [0.01, -0.1])
def test_a_curvature_that_the_surface_does_not_bear_out_is_no_standard_error(slant):
    """Along a ridge of logarithms, what rounding leaves of the curvature says e^±1000: the surface never rises so."""
    with pm.Model() as model:
        a, b = pm.HalfNormal("a", 1), pm.HalfNormal("b", 1)
        pm.Normal("y", pm.math.log(a) - pm.math.log(b), 1.0, observed=np.array([0.5, 1.5]))
    objective = pml.Objective(model)
    restricted, theta = RestrictedObjective(objective), np.array([15.0, 14.0])
    turn = np.pi / 4 + slant
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])

    def judged(hessian):
        value, gradient = restricted.value_and_gradient(theta)
        end = SearchResult(restricted, theta, value, gradient, hessian, 1e-9, "Newton")
        return judge(end, find_directions(end)).status

    assert judged(8.0 * np.outer(across, across) + 1e-6 * np.outer(along, along)) is Status.NOT_IDENTIFIED
    assert judged(objective.hessian(theta)) in (Status.NOT_IDENTIFIED, Status.UNBOUNDED)
