"""Graphs of hundreds or thousands of Ops, written out step by step, against the same recursion in NumPy."""

import numpy as np
import pytest
import written_out
from scipy import optimize, stats

import pymc_landscape as pml

Z2 = stats.chi2.ppf(0.95, 1)
EXACT = {"xatol": 1e-11, "fatol": 1e-13, "maxiter": 5000}


def minimum(minus2ll, x):
    return optimize.minimize(minus2ll, x, method="Nelder-Mead", options=EXACT)


def test_a_recursion_of_many_steps_is_fitted():
    model, minus2ll = written_out.predators_and_prey(32)
    best = minimum(minus2ll, [0.9, 0.7])
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status.value == "converged"
    assert fit.minus2ll == pytest.approx(best.fun, abs=1e-9)
    np.testing.assert_allclose([fit.point["a"], fit.point["b"]], best.x, rtol=1e-6)
    low, high = pml.confidence_intervals(fit, "a", progressbar=False)["interval"].values.ravel()
    for end in (low, high):
        profiled = optimize.minimize_scalar(lambda b, a=end: minus2ll([a, b]), bounds=(0.3, 1.2), method="bounded")
        assert profiled.fun - best.fun == pytest.approx(Z2, abs=1e-6)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_every_verb_on_a_recursion_of_many_steps():
    model, minus2ll = written_out.predators_and_prey(80)
    fit = pml.fit_mle(model, progressbar=False)
    grid = pml.fit_grid(fit, num=5)
    surface = pml.evaluate_landscape(fit, grid, progressbar=False)["minus2ll"].transpose("a", "b")
    right = [[minus2ll((a, b)) for b in surface["b"].values] for a in surface["a"].values]
    np.testing.assert_allclose(surface, right, rtol=1e-10)
    scores, step = fit.objective.scores(fit.theta), 1e-5
    assert np.abs(scores.sum(axis=0)).max() < 1e-3 * np.abs(scores).max()
    of_prey = pml.confidence_intervals(fit, "prey[9]", method="wald", progressbar=False)["interval"].values.ravel()
    at = lambda p: written_out.populations(*p, 80)[9]  # noqa: E731
    x, covariance = np.array([fit.point["a"], fit.point["b"]], dtype=float), fit.covariance.values
    slope = np.array([(at(x + step * e) - at(x - step * e)) / (2 * step) for e in np.eye(2)])
    error = np.sqrt(slope @ covariance @ slope)
    np.testing.assert_allclose(of_prey, at(x) + np.array([-1, 1]) * np.sqrt(Z2) * error, rtol=1e-6)


@pytest.mark.exhaustive
def test_a_thousand_steps_are_evaluated():
    model, minus2ll = written_out.predators_and_prey(1000)
    objective = pml.Objective(model)
    value = objective.minus2ll(objective.pack({"a": 0.9, "b": 0.7}))
    assert value == pytest.approx(minus2ll((0.9, 0.7)), rel=1e-10)


def test_a_sum_of_many_terms_is_fitted():
    """Exponential: the estimate is 1 / mean, its standard error that over √n."""
    model, y = written_out.sum_of_terms(100)
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.point["rate"] == pytest.approx(1 / y.mean(), rel=1e-7)
    assert fit.standard_error["rate"] == pytest.approx(1 / y.mean() / 10, rel=1e-6)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_many_layers_are_fitted():
    model, minus2ll = written_out.hidden_layers(100)
    fit = pml.fit_mle(model, progressbar=False)
    x = fit.point["start"].values
    steps = 1e-5 * np.eye(4)
    assert fit.minus2ll == pytest.approx(minus2ll(x), abs=1e-6)
    slopes = [(minus2ll(x + h) - minus2ll(x - h)) / 2e-5 for h in steps]
    np.testing.assert_allclose(slopes, 0.0, atol=1e-4)
