"""Grids around an estimate, against closed forms."""

import logging
from functools import cache

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import stats

import pymc_landscape as pml

Y = np.array([1.0, 2.0, 4.0, 5.5])
X = np.array([[1.0, -1.0], [1.0, 0.0], [1.0, 0.5], [1.0, 2.5]])
BETA = np.linalg.solve(X.T @ X, X.T @ Y)
ERRORS = 2.0 * np.sqrt(np.diag(np.linalg.inv(X.T @ X)))


@cache
def line(known: bool = True) -> pm.Model:
    with pm.Model(coords={"term": ["one", "x"]}) as model:
        beta = pm.Normal("beta", 0, 10, dims="term")
        sigma = 2.0 if known else pm.HalfNormal("sigma", 5)
        pm.Normal("y", X @ beta, sigma, observed=Y)
    return model


@pytest.fixture(scope="module")
def fit() -> pml.Fit:
    return pml.fit_mle(line(), progressbar=False)


def test_one_axis_ends_at_the_wald_limits(fit):
    grid = pml.fit_grid(fit, "beta[x]", num=11, level=0.9)
    assert dict(grid.sizes) == {"beta[x]": 11, "parameter": 2}
    reach = stats.norm.ppf(0.95) * ERRORS[1]
    np.testing.assert_allclose(grid["beta[x]"], np.linspace(BETA[1] - reach, BETA[1] + reach, 11), rtol=1e-9)
    assert float(fit.point["beta"][1]) in grid["beta[x]"].values
    assert (grid.attrs["kind"], grid.attrs["level"]) == ("fit", 0.9)


@pytest.mark.parametrize("num", [3, 10, 51])
def test_the_joint_region_touches_the_sides_of_the_box(fit, num):
    """On each side the profile, for which the likelihood is quadratic, is at the cut-off."""
    grid = pml.fit_grid(fit, num=num, level=0.95)
    assert list(grid.sizes) == ["beta[one]", "beta[x]", "parameter"]
    rise = stats.chi2.ppf(0.95, 2)
    for i, label in enumerate(("beta[one]", "beta[x]")):
        values = grid[label].to_numpy()
        assert len(values) == num
        assert (np.diff(values) > 0).all()
        np.testing.assert_allclose(values[[0, -1]], BETA[i] + np.array([-1, 1]) * np.sqrt(rise) * ERRORS[i], rtol=1e-9)
        assert float(fit.point["beta"][i]) in values


def test_a_landscape_over_it_is_fixed_at_the_estimate(fit):
    surface = pml.evaluate_landscape(line(), pml.fit_grid(fit, "beta[one]", num=5), progressbar=False)
    np.testing.assert_allclose(surface["at"], BETA, rtol=1e-8)
    assert surface.attrs["at"] == "the fit"
    assert surface.attrs["kind"] == "fit"
    assert float(surface["minus2ll"].min()) == pytest.approx(fit.minus2ll)


def test_names_are_those_of_a_posterior_grid(fit):
    free = pml.fit_mle(line(known=False), progressbar=False)
    axes = {None: ["beta[one]", "beta[x]", "sigma"], "~sigma": ["beta[one]", "beta[x]"], "beta[0]": ["beta[one]"]}
    for var_names, labels in axes.items():
        assert list(pml.fit_grid(free, var_names, num=3).sizes)[:-1] == labels
    assert list(pml.fit_grid(free, ["sigma", "beta[x]", "sigma"], num=3).sizes)[:-1] == ["sigma", "beta[x]"]
    unconstrained = pml.fit_grid(free, "sigma_log__", num=3, level=0.95)
    theta = np.log(free.point["sigma"].item())
    np.testing.assert_allclose(unconstrained["sigma_log__"], theta + np.array([-1, 0, 1]) * 1.959964 / np.sqrt(8), 1e-5)


def test_an_axis_ends_where_the_support_does():
    with pm.Model() as model:
        pm.Binomial("y", 4, pm.Beta("p", 1, 1), observed=1)
    values = pml.fit_grid(pml.fit_mle(model, progressbar=False), num=20)["p"].to_numpy()
    assert values[0] == 0
    assert values[-1] == pytest.approx(0.25 + stats.norm.ppf(0.995) * np.sqrt(0.25 * 0.75 / 4))
    assert np.isclose(values, 0.25, rtol=1e-9).sum() == 1
    assert len(values) == 20


@pytest.mark.parametrize(("observed", "ends"), [(0, (0.0, 0.3)), (10, (0.7, 1.0))])
def test_from_a_bound_an_axis_is_one_sided(observed, ends):
    """−2LL is −2n log(1 − p): slope 2n and curvature 2n at the bound."""
    with pm.Model() as model:
        pm.Binomial("y", 10, pm.Beta("p", 1, 1), observed=observed)
    values = pml.fit_grid(pml.fit_mle(model, progressbar=False), num=9, level=0.99)["p"].to_numpy()
    q = stats.chi2.ppf(0.99, 1)
    reach = (-20 + np.sqrt(400 + 40 * q)) / 20
    assert values[0 if observed == 0 else -1] == ends[0 if observed == 0 else 1]
    np.testing.assert_allclose(np.diff(values), reach / 8)


def test_at_a_bound_the_others_are_at_their_best():
    """A half-normal scale of 0, correlated with a mean: the curvature is that of the profile."""
    with pm.Model() as model:
        mu, slope = pm.Normal("mu", 0, 10), pm.HalfNormal("slope", 5)
        pm.Normal("y", mu - slope * X[:, 1], 1.0, observed=Y)
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.point["slope"] == 0
    grid = pml.fit_grid(fit, "slope", num=5)
    heights = pml.evaluate_landscape(model, grid, at=fit, nuisance="profile", progressbar=False)["minus2ll"]
    assert float(heights[-1]) - fit.minus2ll == pytest.approx(stats.chi2.ppf(0.99, 1), rel=1e-6)


def test_a_simplex_is_spanned_on_the_unconstrained_scale():
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(3))
        pm.Multinomial("y", 20, w, observed=[5, 7, 8])
    fit = pml.fit_mle(model, progressbar=False)
    grid = pml.fit_grid(fit, num=5)
    assert list(grid.sizes)[:-1] == ["w_simplex__[0]", "w_simplex__[1]"]
    surface = pml.evaluate_landscape(fit, grid, progressbar=False)
    assert float(surface["delta_minus2ll"].max()) > stats.chi2.ppf(0.95, 2)
    assert float(surface["minus2ll"].min()) == pytest.approx(fit.minus2ll)
    one = pml.fit_grid(fit, "w[0]", num=3, level=0.95)["w[0]"].to_numpy()
    np.testing.assert_allclose(one, 0.25 + np.array([-1, 0, 1]) * 1.959964 * np.sqrt(0.25 * 0.75 / 20), rtol=1e-6)


def test_a_model_and_an_objective_are_fitted_first(fit, caplog):
    wanted = pml.fit_grid(fit, num=5)
    with caplog.at_level(logging.INFO):
        for model in (line(), fit.objective):
            xr.testing.assert_allclose(pml.fit_grid(model, num=5), wanted)
    assert "fit_grid needs an optimum: the model was fitted first" in caplog.text
    with line():
        xr.testing.assert_allclose(pml.fit_grid(num=5), wanted)


def test_what_has_no_region_is_refused(fit):
    with pm.Model() as separated:
        b = pm.Normal("b", 0, 10)
        pm.Bernoulli("y", logit_p=b * np.array([-1.0, -0.5, 0.5, 1.0]), observed=[0, 0, 1, 1])
    with pytest.raises(ValueError, match=r"got one that is unbounded: .* Give the ranges yourself with regular_grid"):
        pml.fit_grid(pml.fit_mle(separated, progressbar=False))
    with pm.Model() as ridge:
        a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
        pm.Normal("y", a + b, 1.0, observed=Y)
    with pytest.raises(ValueError, match="got one that is not_identified"):
        pml.fit_grid(pml.fit_mle(ridge, progressbar=False))
    with pytest.raises(ValueError, match="Expected num to be a whole number, at least 3"):
        pml.fit_grid(fit, num=2)
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        pml.fit_grid(fit, level=95)
    with pytest.raises(ValueError, match="got 'gamma'"):
        pml.fit_grid(fit, "gamma")
    with pytest.raises(ValueError, match="at least one parameter"):
        pml.fit_grid(fit, "~beta")
    with pytest.raises(TypeError, match=r"Expected a pm\.Model, an Objective, a Fit, .* got str"):
        pml.fit_grid("beta")


def test_the_grid_survives_files(fit, tmp_path):
    grid = pml.fit_grid(fit, num=3)
    grid.to_netcdf(tmp_path / "grid.nc")
    with xr.open_dataset(tmp_path / "grid.nc") as again:
        xr.testing.assert_identical(again.load(), grid)


def test_from_a_corner_an_axis_reaches_to_where_minus2ll_has_risen():
    y = np.array([0.3, 1.0, 1.4, 2.9, 3.1])
    with pm.Model() as model:
        pm.Laplace("y", pm.Normal("mu", 0, 10), 0.8, observed=y)
    fit = pml.fit_mle(model, progressbar=False)
    axis = pml.fit_grid(fit, num=7, level=0.9)["mu"].to_numpy()

    def rise(mu):
        return 2 / 0.8 * (np.abs(y - mu).sum() - np.abs(y - np.median(y)).sum())

    ends = sorted([rise(axis[0]), rise(axis[-1])])
    assert pml.chi2_cutoff(0.9) <= ends[0]
    assert ends[0] < 1.5 * pml.chi2_cutoff(0.9)
    assert axis[3] == pytest.approx(1.4, abs=1e-6)
