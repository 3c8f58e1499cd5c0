"""What a fit holds: labels, numbers, tables, draws; and the kinds of information behind its standard errors."""

import copy
import re
from functools import cache

import arviz as az
import numpy as np
import pymc as pm
import pytest
import xarray as xr
from selection import some

import pymc_landscape as pml
from pymc_landscape.optimize import fit_of

X = np.array([[1.0, 0.5], [1.0, -1.2], [1.0, 2.0], [1.0, 0.1], [1.0, -0.4], [1.0, 1.4], [1.0, -2.2], [1.0, 0.9]])
Y = np.array([2.1, -0.9, 4.4, 1.2, 0.7, 3.9, -2.8, 2.6])


@cache
def regression():
    with pm.Model(coords={"term": ["intercept", "x"]}, name="line") as model:
        beta = pm.Normal("beta", 0, 10, dims="term")
        sigma = pm.HalfNormal("sigma", 10)
        pm.Deterministic("ratio", beta[0] / beta[1])
        pm.Normal("y", pm.math.dot(X, beta), sigma, observed=Y)
    return model


@pytest.fixture(scope="module")
def objective():
    return pml.Objective(regression())


@pytest.fixture(scope="module")
def fit(objective):
    return pml.fit_mle(objective, progressbar=False)


@pytest.fixture(scope="module")
def by_hand():
    """Estimates and covariance of least squares, the errors' standard deviation by maximum likelihood."""
    beta, rss, *_ = np.linalg.lstsq(X, Y)
    sigma = np.sqrt(rss[0] / len(Y))
    return beta, sigma, sigma**2 * np.linalg.inv(X.T @ X)


def test_estimates_and_errors_are_those_of_least_squares(fit, by_hand):
    beta, sigma, cov = by_hand
    assert fit.status == "converged"
    assert fit.message == "8 of 8 starts ended here."
    np.testing.assert_allclose(fit.point["line::beta"], beta, rtol=1e-8)
    np.testing.assert_allclose(fit.standard_error["line::beta"], np.sqrt(np.diag(cov)), rtol=1e-8)
    np.testing.assert_allclose(fit.point["line::sigma"], sigma, rtol=1e-8)
    np.testing.assert_allclose(fit.standard_error["line::sigma"], sigma / np.sqrt(2 * len(Y)), rtol=1e-8)


def test_a_deterministic_has_the_delta_methods_error(fit, by_hand):
    (a, b), _, cov = by_hand
    slope = np.array([1 / b, -a / b**2])
    np.testing.assert_allclose(fit.derived["line::ratio"], a / b, rtol=1e-8)
    np.testing.assert_allclose(fit.derived_standard_error["line::ratio"], np.sqrt(slope @ cov @ slope), rtol=1e-7)


def test_criteria_are_counted_as_they_say(fit, by_hand):
    _, sigma, _ = by_hand
    n, k = len(Y), 3
    minus2ll = n * np.log(2 * np.pi * sigma**2) + n
    assert (fit.n_parameters, fit.n_observations) == (k, n)
    assert fit.minus2ll == pytest.approx(minus2ll, abs=1e-9)
    assert fit.log_likelihood == pytest.approx(-minus2ll / 2, abs=1e-9)
    assert fit.aic == pytest.approx(minus2ll + 2 * k)
    assert fit.aicc == pytest.approx(minus2ll + 2 * k + 2 * k * (k + 1) / (n - k - 1))
    assert fit.bic == pytest.approx(minus2ll + k * np.log(n))


def test_covariance_is_labelled_and_agrees_with_the_errors(fit, objective, by_hand):
    cov = fit.covariance
    assert cov.dims == ("parameter", "parameter_bis")
    labels = ["line::beta[intercept]", "line::beta[x]", "line::sigma"]
    assert list(cov["parameter"].values) == labels
    np.testing.assert_allclose(cov[:2, :2], by_hand[2], rtol=1e-7)
    errors = np.append(fit.standard_error["line::beta"], fit.standard_error["line::sigma"])
    np.testing.assert_allclose(np.sqrt(np.diagonal(cov)), errors)
    # on the unconstrained scale the standard deviation is a logarithm
    assert np.sqrt(fit.theta_covariance[2, 2]) == pytest.approx(1 / np.sqrt(2 * len(Y)), rel=1e-7)
    np.testing.assert_allclose(objective.gradient(fit.theta), 0.0, atol=1e-6)


def test_summary_is_a_table_a_row_an_element(fit):
    table = fit.summary()
    assert list(table.columns) == ["estimate", "se", "wald95_lb", "wald95_ub", "note"]
    assert list(table.index) == ["line::beta[intercept]", "line::beta[x]", "line::sigma", "line::ratio"]
    np.testing.assert_allclose(table["wald95_ub"] - table["estimate"], 1.959963984540054 * table["se"])
    assert (table["note"] == "").all()
    other = fit.summary(level=0.5, var_names="line::sigma")
    assert list(other.columns)[2:4] == ["wald50_lb", "wald50_ub"]
    assert len(other) == 1


@pytest.mark.parametrize("level", [0, 1, 95, -0.5])
def test_a_level_outside_its_limits_is_refused(fit, level):
    with pytest.raises(ValueError, match="level strictly between 0 and 1"):
        fit.summary(level=level)


def test_an_unknown_name_lists_the_known(fit):
    with pytest.raises(ValueError, match="line::sigma"):
        fit.summary(var_names="sigam")


def test_the_repr_says_what_matters(fit):
    text, html = repr(fit), fit._repr_html_()
    for shown in (text, html):
        assert "Maximum likelihood" in shown
        assert "converged" in shown
        assert "line::beta[x]" in shown
    assert "<table" in html


def test_draws_have_the_moments_of_the_fit(fit):
    draws = fit.draws(20_000, random_seed=1)
    assert draws["line::beta"].dims == ("chain", "draw", "term")
    np.testing.assert_allclose(draws["line::beta"].mean(("chain", "draw")), fit.point["line::beta"], rtol=0.02)
    np.testing.assert_allclose(draws["line::beta"].std(("chain", "draw")), fit.standard_error["line::beta"], rtol=0.03)
    assert (draws["line::sigma"] > 0).all()
    xr.testing.assert_identical(draws.drop_attrs(), fit.draws(20_000, random_seed=1).drop_attrs())
    np.testing.assert_allclose(draws["line::ratio"], draws["line::beta"][..., 0] / draws["line::beta"][..., 1])
    assert len(az.summary(draws)) == 4


def test_a_fit_goes_into_a_tree_and_through_a_file(fit, tmp_path):
    tree = pml.to_datatree(fit, fit)
    assert set(tree.children) == {"fit", "fit_2"}
    saved = fit.to_dataset()
    saved.to_netcdf(tmp_path / "fit.nc")
    with xr.open_dataset(tmp_path / "fit.nc") as again:
        xr.testing.assert_identical(again.load(), saved)
    assert saved.attrs["status"] == "converged"
    assert float(saved["line::ratio_se"]) == float(fit.derived_standard_error["line::ratio"])


def test_a_fit_keeps_its_numbers_when_the_data_change():
    with pm.Model() as model:
        y = pm.Data("y_data", Y)
        mu = pm.Normal("mu", 0, 10)
        pm.Normal("y", mu, 1.0, observed=y)
    fit = pml.fit_mle(model, progressbar=False)
    pm.set_data({"y_data": Y + 5}, model=model)
    assert float(fit.point["mu"]) == pytest.approx(Y.mean())
    assert fit.minus2ll == pytest.approx(((Y - Y.mean()) ** 2).sum() + len(Y) * np.log(2 * np.pi))
    assert float(pml.fit_mle(model, progressbar=False).point["mu"]) == pytest.approx(Y.mean() + 5)


def test_the_model_of_the_context_and_a_given_objective():
    with regression() as model:
        inside = pml.fit_mle(progressbar=False)
    assert inside.objective.model is model
    assert pml.fit_map(pml.Objective(model, prior_weight=0.3), progressbar=False).objective.prior_weight == 1
    assert pml.fit_mle(pml.Objective(model, prior_weight=0.3), progressbar=False).objective.prior_weight == 0


def test_the_estimate_is_a_place_on_the_landscape(fit, objective):
    name = "line::beta[x]"
    grid = pml.regular_grid({name: float(fit.point["line::beta"][1]) + np.array([-0.01, 0.0, 0.01])})
    surface = pml.evaluate_landscape(objective, grid, at=fit, progressbar=False)
    assert np.argmin(surface["minus2ll"].values) == 1
    assert float(surface["minus2ll"].min()) == pytest.approx(fit.minus2ll, abs=1e-9)


def test_a_map_is_the_mode_without_a_jacobian():
    """Gamma(3, 2) prior, Poisson counts: the mode on the natural scale is (a + Σy − 1) / (b + n)."""
    counts = np.array([2, 4, 3, 1])
    with pm.Model() as model:
        rate = pm.Gamma("rate", 3, 2)
        pm.Poisson("y", rate, observed=counts)
    fit = pml.fit_map(model, progressbar=False)
    assert float(fit.point["rate"]) == pytest.approx((3 + counts.sum() - 1) / (2 + len(counts)))
    assert np.isnan(fit.aic)
    assert "Posterior mode" in repr(fit)


# --- kinds of information --------------------------------------------------------------------------------------------


def curve(y):
    with pm.Model() as model:
        b = pm.Normal("b", 0, 10, shape=2, initval=[1.0, 0.5])
        pm.Normal("y", b[0] * np.exp(-b[1] * np.arange(6.0)), 0.3, observed=y)
    return model


def test_expected_information_is_that_of_gauss_and_newton():
    y = np.array([2.2, 1.1, 0.9, 0.1, 0.4, -0.2])
    fit = pml.fit_mle(curve(y), information="expected", progressbar=False)
    b, t = fit.point["b"].values, np.arange(6.0)
    jacobian = np.stack([np.exp(-b[1] * t), -b[0] * t * np.exp(-b[1] * t)], axis=1)
    expected = 0.09 * np.linalg.inv(jacobian.T @ jacobian)
    np.testing.assert_allclose(fit.covariance, expected, rtol=1e-8)
    observed = pml.fit_mle(curve(y), progressbar=False)
    residual = y - b[0] * np.exp(-b[1] * t)
    curvature = np.array(
        [
            [0.0, (-residual * -t * np.exp(-b[1] * t)).sum()],
            [(-residual * -t * np.exp(-b[1] * t)).sum(), (-residual * b[0] * t**2 * np.exp(-b[1] * t)).sum()],
        ]
    )
    exact = 0.09 * np.linalg.inv(jacobian.T @ jacobian + curvature)
    np.testing.assert_allclose(observed.covariance, exact, rtol=1e-7)
    assert not np.allclose(exact, expected, rtol=1e-3)


FAMILIES = {
    "Normal": lambda a, b, y: pm.Normal("y", a, pm.math.exp(b), observed=y),
    "LogNormal": lambda a, b, y: pm.LogNormal("y", a, pm.math.exp(b), observed=np.abs(y) + 0.1),
    "Laplace": lambda a, b, y: pm.Laplace("y", a, pm.math.exp(b), observed=y),
    "Cauchy": lambda a, b, y: pm.Cauchy("y", a, pm.math.exp(b), observed=y),
    "Logistic": lambda a, b, y: pm.Logistic("y", a, pm.math.exp(b), observed=y),
    "Gumbel": lambda a, b, y: pm.Gumbel("y", a, pm.math.exp(b), observed=y),
    "StudentT": lambda a, b, y: pm.StudentT("y", nu=5, mu=a, sigma=pm.math.exp(b), observed=y),
    "Gamma": lambda a, b, y: pm.Gamma("y", pm.math.exp(a), pm.math.exp(b), observed=np.abs(y) + 0.1),
    "Exponential": lambda a, b, y: pm.Exponential("y", pm.math.exp(a + b), observed=np.abs(y) + 0.1),
    "Poisson": lambda a, b, y: pm.Poisson("y", pm.math.exp(a + b), observed=np.abs(y).astype(int)),
    "Geometric": lambda a, b, y: pm.Geometric("y", pm.math.sigmoid(a + b), observed=1 + np.abs(y).astype(int)),
    "Bernoulli": lambda a, b, y: pm.Bernoulli("y", logit_p=a + b, observed=(y > 0).astype(int)),
    "Binomial": lambda a, b, y: pm.Binomial("y", n=7, logit_p=a + b, observed=np.abs(y).astype(int)),
}


@pytest.mark.filterwarnings("ignore:RNG Variable")  # drawing does not need the next state
@pytest.mark.parametrize("family", some(FAMILIES, ["Normal", "Binomial"]))
def test_expected_information_is_the_variance_of_simulated_scores(family, rng):
    """Fisher's identity, with data drawn from the model by PyMC."""
    n, theta = 20_000, np.array([0.3, -0.2])
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 1), pm.Normal("b", 0, 1)
        FAMILIES[family](a, b, rng.normal(size=n))
    simulated = pm.draw(pm.do(model, {"a": theta[0], "b": theta[1]})["y"], random_seed=1)
    objective = pml.Objective(model)
    scores = objective.with_data(y=simulated).scores(theta)
    squares = scores[:, :, None] * scores[:, None, :]
    error = squares.std(axis=0) / np.sqrt(n)
    assert (np.abs(objective.fisher(theta) / n - squares.mean(axis=0)) < 5 * error + 1e-12).all()


def test_scores_sum_to_the_slope(objective, fit):
    theta = fit.theta + 0.3
    np.testing.assert_allclose(-2 * objective.scores(theta).sum(axis=0), objective.gradient(theta), rtol=1e-10)


def test_what_has_no_closed_form_is_refused():
    with pm.Model() as model:
        alpha = pm.Exponential("alpha", 1)
        pm.NegativeBinomial("y", mu=3, alpha=alpha, observed=[1, 4, 9])
    with pytest.raises(ValueError, match="information='observed'"):
        pml.fit_mle(model, information="expected", progressbar=False)


@pytest.mark.parametrize("options", [{"information": "guessed"}, {"information": "expected", "sandwich": True}])
def test_contradictory_kinds_are_refused(objective, options):
    with pytest.raises(ValueError, match="Expected"):
        pml.fit_mle(objective, progressbar=False, **options)


@pytest.mark.parametrize(
    ("name", "told"), [("params", "fit.point"), ("bse", "fit.standard_error"), ("conf_int", "pml.confidence_intervals")]
)
def test_words_of_other_packages_are_told_where_that_is_here(name, told):
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 1), 1.0, observed=[0.1, 0.4])
    fit = pml.fit_mle(model)
    with pytest.raises(AttributeError, match=re.escape(told)):
        getattr(fit, name)
    assert not hasattr(fit, "__array__")
    assert copy.copy(fit).minus2ll == fit.minus2ll
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_the_kind'"):
        _ = fit.nothing_of_the_kind


def test_a_model_is_fitted_where_an_optimum_is_needed_and_the_log_says_so(caplog):
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 1), 1.0, observed=[0.1, 0.4])
    with caplog.at_level("INFO", logger="pymc_landscape"):
        fit = fit_of(pml.Objective(model), "influence")
    assert "influence needs an optimum: the model was fitted first (converged)" in caplog.text
    assert fit_of(fit, "influence") is fit
    with model:
        assert fit_of(None, "influence").minus2ll == fit.minus2ll
    with pytest.raises(TypeError, match=r"an object that holds a built pm.Model .*, got str: pass one of these first"):
        fit_of("model", "influence")


def test_starts_that_near_one_bound_are_at_one_optimum():
    """A spread whose estimate is 0: one search settles on it, the other stops where −2LL no longer falls."""
    with pm.Model() as model:
        mu, tau = pm.Normal("mu", 0, 20), pm.HalfCauchy("tau", 5)
        effect = pm.Normal("effect", mu, tau, shape=8)
        error = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
        pm.Normal("y", effect, error, observed=np.array([28.0, 8, -3, 7, -1, 1, 18, 12]))
    fit = pml.fit_mle(pml.Objective(model, latent="effect"), progressbar=False)
    assert fit.starts["ended_here"].all()
    assert fit.local_optima() == ()
    assert "Another optimum" not in fit.message


def test_a_fit_is_fitted_again_from_its_estimate():
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 1), 1.0, observed=[0.1, 0.4])
    mode = pml.fit_map(model)
    fit = pml.fit_mle(mode)
    np.testing.assert_allclose(fit.starts["start_theta"][0], mode.theta)
    assert float(fit.point["mu"]) == pytest.approx(0.25)


def test_a_deterministic_added_after_a_fit_is_known():
    with pm.Model() as model:
        a = pm.Normal("a", 0, 1)
        pm.Normal("y", a, 1, observed=[1.0, 2.0])
    before = pml.fit_mle(model, progressbar=False)
    with model:
        pm.Deterministic("factor", pm.math.exp(a))
    after = pml.fit_mle(model, progressbar=False)
    assert after.summary().loc["factor", "estimate"] == pytest.approx(np.exp(1.5))
    expected = np.exp(1.5 + np.array([-1, 1]) * np.sqrt(pml.chi2_cutoff() / 2))
    for fit in (before, after):
        ends = pml.confidence_intervals(fit, ["factor"], progressbar=False)["interval"]
        np.testing.assert_allclose(np.ravel(ends), expected, rtol=1e-7)
