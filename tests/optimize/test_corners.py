"""Optima in corners of −2LL: medians, quantiles and modes, against sorting and linear programmes."""

import numpy as np
import pymc as pm
import pytest
from scipy import optimize, stats
from verbs import fit, value

import pymc_landscape as pml
from pymc_landscape.inference import corner_endpoints
from pymc_landscape.objective import RestrictedObjective
from pymc_landscape.optimize.bounds import settle_in_corner
from pymc_landscape.optimize.local_search import SearchResult

Q95 = stats.chi2.ppf(0.95, 1)


def laplace(y):
    with pm.Model() as model:
        pm.Laplace("y", pm.Normal("mu", 0, 5), pm.HalfNormal("b", 3), observed=y)
    return model


@pytest.mark.parametrize("n", [15, 16])
def test_a_median_is_found_and_has_an_interval(n):
    """Of an even number every value between the two in the middle is a maximum; the spread is known in closed form."""
    y = np.random.default_rng(n).laplace(1.0, 0.7, n)
    found = fit(laplace(y), random_seed=1)
    low, high = np.sort(y)[[(n - 1) // 2, n // 2]]
    middle = np.median(y)
    spread = np.abs(y - middle).mean()
    assert found.status == "converged"
    assert "kink" in found.message
    assert low - 1e-9 <= float(found.point["mu"]) <= high + 1e-9
    assert found.minus2ll == pytest.approx(2 * n * (np.log(2 * spread) + 1), abs=1e-8)
    assert float(found.standard_error["b"]) == pytest.approx(spread / np.sqrt(n), rel=1e-4)
    assert np.isnan(found.standard_error["mu"])

    def rise(mu):
        return 2 * n * np.log(np.abs(y - mu).mean() / spread) - Q95

    ends = pml.confidence_intervals(found, "mu", method=["wald", "profile"], progressbar=False)
    wanted = optimize.brentq(rise, middle - 5, middle), optimize.brentq(rise, middle, middle + 5)
    np.testing.assert_allclose(value(ends.sel(interval_method="profile"), "interval").ravel(), wanted, rtol=1e-8)
    assert np.isnan(value(ends.sel(interval_method="wald"), "interval")).all()


def test_few_points_of_a_profile_are_asked_for_an_end(monkeypatch):
    asked = []
    settle = corner_endpoints.settle_in_corner
    monkeypatch.setattr(corner_endpoints, "settle_in_corner", lambda result: asked.append(result) or settle(result))
    found = fit(laplace(np.random.default_rng(15).laplace(1.0, 0.7, 15)), random_seed=1)
    pml.confidence_intervals(found, "mu", progressbar=False)
    assert 4 <= len(asked) <= 24


def test_quantile_regression_is_the_linear_programme():
    rng, n, q = np.random.default_rng(3), 40, 0.7
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    y = x @ [1.0, 1.0, 2.0] + rng.standard_t(3, n)
    costs = np.concatenate([np.zeros(3), np.full(n, q), np.full(n, 1 - q)])
    bounds = [(None, None)] * 3 + [(0, None)] * (2 * n)
    programme = optimize.linprog(costs, A_eq=np.hstack([x, np.eye(n), -np.eye(n)]), b_eq=y, bounds=bounds)
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 5, shape=3)
        pm.AsymmetricLaplace("y", b=pm.HalfNormal("b", 3), q=q, mu=x @ beta, observed=y)
    found = fit(model, random_seed=1)
    assert found.status == "converged"
    np.testing.assert_allclose(found.point["beta"], programme.x[:3], atol=1e-6)


def test_the_mode_of_a_triangle_is_one_of_the_data():
    y = np.random.default_rng(4).beta(2.0, 3.0, 21)
    with pm.Model() as model:
        pm.Triangular("y", lower=0.0, c=pm.Uniform("c", 0, 1), upper=1.0, observed=y)
    lowest = min(-2 * stats.triang(c).logpdf(y).sum() for c in y)
    found = fit(model, random_seed=1)
    assert found.status == "converged"
    assert found.minus2ll == pytest.approx(lowest, abs=1e-7)


def test_a_density_that_grows_for_ever_has_no_corner():
    with pm.Model() as model:
        pm.Laplace("y", pm.Normal("mu", 0, 5), pm.HalfNormal("b", 3), observed=[2.5, 2.5, 2.5])
    assert fit(model, random_seed=1).status in ("unbounded", "at_bound")


def test_a_smooth_valley_across_all_axes_is_no_corner():
    """One direction is bent, so that slopes by all six elements change at once; a search that did not arrive."""
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("b", 0, 5, shape=6).sum(), 1, observed=[1.0, 2.0])
    restricted = RestrictedObjective(pml.Objective(model))
    x = np.full(6, 0.3)
    value, gradient = restricted.value_and_gradient(x)
    begin = SearchResult(restricted, x, value, gradient, restricted.hessian(x), np.inf, "none")
    assert settle_in_corner(begin) is begin


def test_a_profile_that_cannot_leave_a_corner_says_so():
    """A median regression of three coefficients: slopes by all of them jump."""
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(21), rng.normal(size=(21, 2))])
    y = x @ [1.0, 0.5, -0.3] + rng.laplace(size=21)
    with pm.Model() as model:
        b = pm.Flat("b", shape=3)
        pm.Potential("ll", -0.5 * pm.math.abs(y - x @ b).sum())
    here = pml.fit_mle(model, progressbar=False)
    with pytest.warns(UserWarning, match=r"profile of b\[1\] could not be followed .* confidence_intervals"):
        profile = pml.profile_likelihood(here, "b[1]", progressbar=False)
    assert set(np.unique(profile["status"])) == {"estimate", "failed"}
