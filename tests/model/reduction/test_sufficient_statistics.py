"""Gaussian terms by sufficient statistics: the digits of the rows, however data are scaled, or the rows themselves."""

import numpy as np
import pymc as pm
import pytest

import pymc_landscape as pml
from pymc_landscape.model.reduction import reduced_terms

N = 600
LOG_2_PI = np.log(2.0 * np.pi)


def exact(y, mean, sigma):
    """The log-likelihood in extended precision."""
    z = (np.asarray(y, np.longdouble) - np.asarray(mean, np.longdouble)) / np.asarray(sigma, np.longdouble)
    return float(np.sum(-0.5 * z**2 - np.log(np.asarray(sigma, np.longdouble)) - 0.5 * np.longdouble(LOG_2_PI)))


def both_ways(objective, thetas):
    """Log-likelihoods by the engine of sums, and those of all rows added up."""
    names = objective.names
    rows = objective.engine("unsummed", names).at(thetas)["sum of all terms"]
    return objective.engine("density", names).at(thetas)["y"], rows


def straight_line(scale=1.0, shift=0.0, offset=0.0):
    rng = np.random.default_rng(5)
    x = shift + scale * rng.normal(size=N)
    y = offset + 2.0 * (x - shift) / scale + rng.normal(size=N)
    with pm.Model() as model:
        a, b = pm.Normal("a", offset, 10), pm.Normal("b", 0, 10)
        sigma = pm.HalfNormal("sigma", 5)
        pm.Normal("y", a + b * x, sigma, observed=y)
    return pml.Objective(model), x, y


@pytest.mark.parametrize(
    ("scale", "shift", "offset"), [(1.0, 0.0, 0.0), (1e8, 0.0, 0.0), (1e-9, 0.0, 1e6), (10.0, 2010.0, -3e5)]
)
def test_digits_are_those_of_the_rows(scale, shift, offset):
    objective, x, y = straight_line(scale, shift, offset)
    assert objective.evaluators.density(objective.names).reduced == {"y": f"sufficient statistics of {N} rows"}
    at = np.array([offset - 2.0 * shift / scale, 2.0 / scale])
    ways = [(far, beside, s) for far in (1.0, 1.001, 0.0, 30.0) for beside in (0.0, 1e-3) for s in (0.01, 1.0, 9.0)]
    thetas = [[*(at * far + beside), np.log(s)] for far, beside, s in ways]
    reduced, rows = both_ways(objective, np.array(thetas))
    truth = [exact(y, a + b * x.astype(np.longdouble), np.exp(log_s)) for a, b, log_s in thetas]
    np.testing.assert_allclose(reduced, truth, rtol=1e-10)
    assert np.max(np.abs(reduced / truth - 1)) <= 10 * np.max(np.abs(rows / truth - 1)) + 1e-14


def test_every_way_to_write_a_linear_mean_is_found_with_its_derivatives(monkeypatch):
    """Products, sums of products, groups, numbers by row, transformed parameters, spreads known up to a number."""
    monkeypatch.setattr(reduced_terms, "ROWS_FOR_DERIVATIVES", N)
    rng = np.random.default_rng(6)
    x, w, group = rng.normal(size=(N, 3)), rng.uniform(1, 2, size=N), rng.integers(0, 4, size=N)
    with pm.Model() as model:
        b, u, c = pm.Normal("b", shape=3), pm.Normal("u", shape=4), pm.HalfNormal("c")
        sigma = pm.HalfNormal("sigma")
        mean = pm.math.dot(x, b) / w + u[group] - c * x[:, 0] * w * 2 + (x[:, :2] * b[:2]).sum(axis=1) + 3.0
        pm.Normal("y", mean, sigma / w, observed=rng.normal(size=N))
    objective = pml.Objective(model)
    assert "y" in objective.evaluators.density(objective.names).reduced
    thetas = rng.normal(size=(4, 9))
    reduced, rows = both_ways(objective, thetas)
    np.testing.assert_allclose(reduced, rows, rtol=1e-12)
    scores = objective.engine("scores", objective.names).at(thetas)["scores"].reshape(4, N, 9)
    gradient = objective.engine("gradient", objective.names).at(thetas)["gradient"]
    np.testing.assert_allclose(gradient, -2.0 * scores.sum(axis=1), rtol=1e-10, atol=1e-9)


def test_infinite_and_impossible_values_are_those_of_the_rows():
    objective = straight_line()[0]
    engine = {kind: objective.engine(kind, frozenset()) for kind in ("density", "unsummed")}
    points = [[np.inf, 0, 1], [0, -np.inf, 1], [np.nan, 0, 1], [0, 0, 0], [0, 0, -1], [0, 0, np.inf], [1e200, 0, 1]]
    values = engine["density"].at(np.array(points, float))["y"]
    np.testing.assert_array_equal(values, engine["unsummed"].at(np.array(points, float))["sum of all terms"])


def test_rows_stay_where_digits_are_not_certain():
    rng = np.random.default_rng(7)
    x, few = rng.normal(size=N), rng.normal(size=40)
    data = {
        "perfect": (x, 1.0 + 2.0 * x),
        "nearly dependent": (1.0 + 1e-7 * x, x),
        "few": (few, few + rng.normal(size=40)),
    }
    for covariate, y in data.values():
        with pm.Model() as model:
            a, b, sigma = pm.Normal("a"), pm.Normal("b"), pm.HalfNormal("sigma")
            pm.Normal("y", a + b * covariate, sigma, observed=y)
        assert not pml.Objective(model).evaluators.density(frozenset()).reduced
    with pm.Model() as model:
        a, covariate = pm.Normal("a"), pm.Data("x", x)
        pm.Normal("y", a * covariate, 1.0, observed=x)
        pm.Normal("z", pm.math.exp(a * x), 1.0, observed=x)
    assert not pml.Objective(model).evaluators.density(frozenset()).reduced


def test_data_that_are_replaced_are_added_up_by_row():
    objective, x, y = straight_line()
    other = objective.with_data(y=y + x)
    assert not other.evaluators.density(objective.names).reduced
    theta = np.array([0.1, 1.5, 0.2])
    assert objective.log_likelihood(theta) == pytest.approx(exact(y, 0.1 + 1.5 * x, np.exp(0.2)), rel=1e-12)
    assert other.log_likelihood(theta) == pytest.approx(exact(y + x, 0.1 + 1.5 * x, np.exp(0.2)), rel=1e-12)


def test_a_landscape_says_how_its_terms_are_made():
    objective, _, _ = straight_line()
    grid = pml.regular_grid({"a": (-1, 1, 5), "b": (1, 3, 4)})
    surface = pml.evaluate_landscape(objective, grid)
    by_row = pml.evaluate_landscape(objective, grid, pointwise=True)
    assert surface.attrs["rows"] == f"y: sufficient statistics of {N} rows"
    assert "rows" not in by_row.attrs
    np.testing.assert_allclose(by_row["y"].sum("y_dim_0"), surface["log_likelihood"], rtol=1e-12)
