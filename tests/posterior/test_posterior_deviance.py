"""Δ(−2LL) of exact posterior draws against the law they follow, and against what is not this model's posterior."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from posteriors import (
    KNOWN,
    NOISE,
    jeffreys,
    jeffreys_draws,
    normal_mean,
    normal_mean_draws,
    normal_mean_posterior,
    tree,
    two_valleys,
)
from scipy import stats
from verbs import fit

import pymc_landscape as pml


@pytest.fixture(scope="module")
def mean_fit() -> pml.Fit:
    return fit(normal_mean())


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    return np.random.default_rng(8).normal(3.0, 1.5, 1000)


@pytest.fixture(scope="module")
def regular(many) -> pml.Fit:
    """A normal sample of a thousand."""
    return fit(pml.Objective(jeffreys(many), potentials="prior"))


def test_each_draw_is_as_far_above_the_maximum_as_its_sum_of_squares(mean_fit):
    draws = normal_mean_draws(draws=50)
    rise = pml.posterior_deviance(mean_fit, draws)
    mu = draws["posterior"]["mu"]
    wanted = len(KNOWN) * (mu - KNOWN.mean()) ** 2 / NOISE**2
    xr.testing.assert_allclose(rise["delta_minus2ll"].drop_attrs(), wanted, rtol=1e-9, atol=1e-9)
    assert rise["delta_minus2ll"].dims == ("chain", "draw")


def test_effective_parameters_of_a_normal_mean(mean_fit):
    """E Δ = n (v + (m − ȳ)²)/σ²; DIC's p_D = n v/σ² is the share that is not the prior's."""
    mean, sd, share = normal_mean_posterior()
    rise = pml.posterior_deviance(mean_fit, normal_mean_draws(draws=4000))
    wanted = len(KNOWN) * (sd**2 + (mean - KNOWN.mean()) ** 2) / NOISE**2
    assert rise.attrs["p_d"] == pytest.approx(wanted, abs=4 * rise.attrs["p_d_mcse"])
    assert rise.attrs["p_d_dic"] == pytest.approx(1 - share, abs=0.03)
    assert rise.attrs["k"] == 1
    assert "larger than χ²_1: the prior pulls" in rise.attrs["message"]
    assert rise.attrs["ks_p_value"] < 1e-6


def test_draws_of_a_regular_model_follow_chi_squared(regular, many):
    draws = jeffreys_draws(many)
    rise = pml.posterior_deviance(regular, draws)
    assert rise.attrs["k"] == 2
    assert rise.attrs["ks_p_value"] > 0.05
    assert rise.attrs["p_d"] == pytest.approx(2.0, abs=0.1)
    assert "follows χ²_2" in rise.attrs["message"]
    distance = stats.kstest(rise["delta_minus2ll"].values.ravel(), stats.chi2(2).cdf).statistic
    assert rise.attrs["ks_statistic"] == pytest.approx(distance, rel=1e-12)


def test_dependent_draws_count_for_fewer(regular, many):
    """Each draw ten times over: the same distance, a tenth of the evidence."""
    few = jeffreys_draws(many, draws=100)["posterior"].to_dataset()
    often = few.isel(draw=np.repeat(np.arange(100), 10)).assign_coords(draw=np.arange(1000))
    rise = pml.posterior_deviance(regular, often)
    assert rise.attrs["ess"] < 0.25 * rise["delta_minus2ll"].size
    assert rise.attrs["ks_p_value"] > 0.01


def test_a_strong_prior_holds_draws_together(many):
    """Where prior and data agree, draws lie closer to the maximum than χ² does."""
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", many.mean(), 0.01), np.float64(1.5), observed=many)
    sd = (0.01**-2 + len(many) / 1.5**2) ** -0.5
    mu = np.random.default_rng(2).normal(many.mean(), sd, (2, 1000))
    rise = pml.posterior_deviance(fit(model), tree(mu=mu))
    assert rise.attrs["p_d"] == pytest.approx(sd**2 * len(many) / 1.5**2, rel=0.1)
    assert "the prior holds the draws together" in rise.attrs["message"]


def test_agreement_by_two_effects_that_cancel_is_told():
    """A Beta(5, 5) prior beside 7 of 10: narrower than the likelihood, and pulled away by as much."""
    with pm.Model() as model:
        pm.Binomial("y", n=10, p=pm.Beta("p", 5, 5), observed=7)
    rise = pml.posterior_deviance(fit(model), tree(p=np.random.default_rng(1).beta(12, 8, (4, 500))))
    assert rise.attrs["ks_p_value"] > 0.01
    assert rise.attrs["p_d_dic"] < 0.6
    assert "two effects that cancel" in rise.attrs["message"]


def test_a_model_is_fitted_from_the_draws(mean_fit):
    draws = normal_mean_draws(draws=20)
    of_model = pml.posterior_deviance(normal_mean(), draws, progressbar=False)
    of_fit = pml.posterior_deviance(mean_fit, draws)
    np.testing.assert_allclose(of_model["delta_minus2ll"], of_fit["delta_minus2ll"], atol=1e-9)


def test_a_draw_that_beats_the_fit_is_told():
    local = fit(two_valleys(), starts=[{"mu": -2.0}])
    draws = tree(mu=np.array([[-2.1, -1.9, 1.5, 1.99]]))
    with pytest.warns(UserWarning, match=r"chain 0, draw 3 has −2LL 0.001.* lower than the fit's by 5.99.* starts=dt"):
        rise = pml.posterior_deviance(local, draws)
    assert rise.attrs["best_draw"] == "chain 0, draw 3"
    assert rise.attrs["minimum"] == pytest.approx((0.01 / 0.3) ** 2 - 6, abs=1e-6)
    again = pml.posterior_deviance(two_valleys(), draws, progressbar=False)  # fitted from the draws: no warning
    assert again.attrs["minimum"] == pytest.approx((0.01 / 0.3) ** 2, abs=1e-6)


def test_the_result_survives_files(mean_fit, tmp_path):
    rise = pml.posterior_deviance(mean_fit, normal_mean_draws(draws=5))
    rise.to_netcdf(tmp_path / "rise.nc")
    xr.testing.assert_identical(xr.open_dataset(tmp_path / "rise.nc"), rise)
    rise.to_zarr(tmp_path / "rise.zar", consolidated=False)
    xr.testing.assert_identical(xr.open_zarr(tmp_path / "rise.zar", consolidated=False).load(), rise)
    assert "posterior_deviance" in pml.to_datatree(rise).children


# --- what is no posterior of this model ------------------------------------------------------------------------------


def test_draws_that_lack_a_parameter_are_refused(regular, many):
    draws = jeffreys_draws(many, draws=4)["posterior"].to_dataset()
    with pytest.raises(ValueError, match=r"none of its parameter sigma: they hold .*scale"):
        pml.posterior_deviance(regular, draws.rename(sigma="scale"))


def test_draws_of_another_shape_are_refused(mean_fit):
    with pytest.raises(ValueError, match=r"draws of mu of shape \(\), got \(3,\)"):
        pml.posterior_deviance(mean_fit, tree(mu=np.zeros((2, 5, 3))))


def test_draws_that_the_model_thinks_impossible_are_refused():
    y = np.array([0.4, 2.7, 1.9])
    with pm.Model() as model:
        pm.Uniform("y", 0, pm.HalfNormal("top", 10), observed=y)
    draws = tree(top=np.array([[3.0, 2.8, 2.6, 4.0]]))
    with pytest.raises(ValueError, match=r"1 of 4 at which its log density is -inf .*chain 0, draw 2.*other data"):
        pml.posterior_deviance(model, draws)


def test_draws_that_are_no_numbers_are_refused(mean_fit):
    with pytest.raises(ValueError, match=r"finite draws, got nan in mu \(chain 0, draw 1\)"):
        pml.posterior_deviance(mean_fit, tree(mu=np.array([[1.0, np.nan, 2.0]])))


def test_a_posterior_mode_is_no_zero(mean_fit):
    mode = pml.fit_map(normal_mean(), progressbar=False)
    with pytest.raises(ValueError, match="got a posterior mode: use fit_mle"):
        pml.posterior_deviance(mode, normal_mean_draws(draws=4))


def test_other_data_than_were_fitted_are_refused():
    with pm.Model() as model:
        y = pm.Data("y_data", np.array([1.0, 2.0, 3.0]))
        pm.Normal("y", pm.Normal("mu", 0, 10), np.float64(1.0), observed=y)
    here = fit(model)
    with model:
        pm.set_data({"y_data": np.array([5.0, 6.0, 7.0])})
    with pytest.raises(ValueError, match="the data 'y_data' were changed afterwards: fit it again"):
        pml.posterior_deviance(here, tree(mu=np.array([[1.0, 2.0]])))


@pytest.mark.parametrize("verb", [pml.posterior_deviance, pml.compare_with_posterior])
def test_random_effects_are_not_answered_by_a_joint_fit(verb):
    with pm.Model() as schools:
        theta = pm.Normal("theta", pm.Normal("mu", 0, 5), pm.HalfNormal("tau", 5), shape=4)
        pm.Normal("y", theta, np.float64(10.0), observed=np.array([28.0, 8.0, -3.0, 7.0]))
    draws = tree(theta=np.zeros((1, 5, 4)), mu=np.zeros((1, 5)), tau=np.ones((1, 5)))
    with pytest.raises(ValueError, match=r"effects are integrated out, got theta, .* a joint fit is no answer"):
        verb(pml.Objective(schools, latent=()), draws)
