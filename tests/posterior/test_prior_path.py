"""The mode under prior^w against closed forms; where it jumps; what ArviZ says beside it."""

import arviz as az
import numpy as np
import pymc as pm
import pytest
import xarray as xr
from posteriors import KNOWN, NOISE, PRIOR_MEAN, PRIOR_SD, normal_mean, normal_mean_draws, two_valleys
from scipy import special, stats
from selection import exhaustive
from verbs import fit

import pymc_landscape as pml

WEIGHTS = np.array([0.0, 0.25, 0.5, 1.0, 3.0])


def path(model, weights=WEIGHTS, **options) -> xr.Dataset:
    return pml.prior_path(model, weights, progressbar=False, **options)


@pytest.fixture(scope="module")
def conjugate() -> xr.Dataset:
    return path(normal_mean(), var_names=["mu", "twice"], level=0.9)


def test_the_mode_of_a_normal_mean_is_a_weighted_mean(conjugate):
    """Precisions w/τ² and n/σ² weigh the two means, and add up to that of the mode."""
    prior, data = WEIGHTS / PRIOR_SD**2, len(KNOWN) / NOISE**2
    mode = (prior * PRIOR_MEAN + data * KNOWN.mean()) / (prior + data)
    mu = conjugate.sel(parameter="mu")
    np.testing.assert_allclose(mu["mode"], mode, rtol=1e-9)
    np.testing.assert_allclose(mu["standard_error"], (prior + data) ** -0.5, rtol=1e-9)
    np.testing.assert_allclose(conjugate["mode"].sel(parameter="twice"), 2 * mode, rtol=1e-9)
    np.testing.assert_allclose(conjugate["delta_minus2ll"], data * (mode - KNOWN.mean()) ** 2, atol=1e-9)
    np.testing.assert_allclose(conjugate["log_prior"], stats.norm(PRIOR_MEAN, PRIOR_SD).logpdf(mode), rtol=1e-8)


def test_limits_narrow_as_the_prior_grows(conjugate):
    mu = conjugate.sel(parameter="mu")
    half = special.ndtri(0.95) * mu["standard_error"]
    np.testing.assert_allclose(mu["interval"].sel(bound="upper"), mu["mode"] + half, rtol=1e-8)
    np.testing.assert_allclose(mu["interval"].sel(bound="lower"), mu["mode"] - half, rtol=1e-8)
    assert (conjugate["interval_status"] == "finite").all()


def test_its_ends_are_the_two_fits_and_a_count_has_a_closed_form():
    """Beta(a, b) to the power w, and x of n: (x + w(a−1)) / (n + w(a+b−2))."""
    with pm.Model() as model:
        pm.Binomial("y", n=10, p=pm.Beta("p", 3, 9), observed=7)
    found = path(model, np.linspace(0, 1, 5))["mode"].sel(parameter="p")
    w = found["weight"].values
    np.testing.assert_allclose(found, (7 + 2 * w) / (10 + 10 * w), rtol=1e-8)
    assert float(found[0]) == pytest.approx(float(fit(model).point["p"]), rel=1e-9)
    assert float(found[-1]) == pytest.approx(float(pml.fit_map(model, progressbar=False).point["p"]), rel=1e-9)


def test_weights_between_share_one_compiled_graph():
    objective = pml.Objective(two_valleys())
    first, second = (objective.with_prior_weight(w) for w in (0.3, 0.7))
    assert first.engine("gradient") is second.engine("gradient")
    theta = np.array([1.5])
    slopes = [one.gradient(theta)[0] for one in (first, second, first)]
    # d/dμ of −2 log prior is 2μ/25
    np.testing.assert_allclose(np.diff(slopes), [0.4 * 2 * 1.5 / 25, -0.4 * 2 * 1.5 / 25], rtol=1e-9)


@pytest.mark.exhaustive
def test_a_mode_that_changes_valleys():
    """−2LL lower at 2 by 6, the prior at −2: at μ > 0 its lowest is 16w/(1 + 0.09w), which passes 6 at w = 0.388."""
    with pm.Model() as model:
        mu = pm.Normal("mu", -2, 1)
        pm.Potential("y", pm.math.logaddexp(-0.5 * ((mu + 2) / 0.3) ** 2 - 3, -0.5 * ((mu - 2) / 0.3) ** 2))
    found = path(model, np.linspace(0, 1, 21), starts=[{"mu": -2.0}, {"mu": 2.0}])
    mode, w = found["mode"].sel(parameter="mu"), found["weight"].values
    np.testing.assert_allclose(mode[w < 0.388], 2 - 4 * (0.09 * w / (1 + 0.09 * w))[w < 0.388], atol=1e-6)
    np.testing.assert_allclose(mode[w > 0.388], -2, atol=1e-6)
    assert found.attrs["message"] == "The mode jumps between the weights 0.35 and 0.4."


@pytest.mark.exhaustive
def test_a_ridge_has_a_mode_as_soon_as_there_is_a_prior():
    y = np.array([1.2, 0.3, 2.1, 1.7])
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("a", 0, 1) + pm.Normal("b", 0, 2), np.float64(1.0), observed=y)
    found = path(model, [0, 0.5, 1])
    assert found["status"].values.tolist() == ["not_identified", "converged", "converged"]
    assert np.isnan(found["mode"].values[0]).all()
    w = found["weight"].values[1:]
    total = y.mean() * 5 / (5 + w / 4)  # prior variance 5/w beside 1/4
    np.testing.assert_allclose(found["mode"].values[1:], total[:, None] * [0.2, 0.8], rtol=1e-8)
    assert found.attrs["message"].startswith("At weight 0: The likelihood does not determine a − b")


@pytest.mark.parametrize("complete", [True, exhaustive(False)])
def test_sensitivity_is_that_of_arviz(complete):
    draws = normal_mean_draws(draws=500)
    groups = pml.to_datatree(pml.pointwise_log_likelihood(normal_mean(), draws, progressbar=False), dt=draws)
    wanted = az.psense_summary(groups, round_to=12).loc["mu"]
    found = path(normal_mean(), [0, 1], dt=groups if complete else draws, var_names=["mu", "twice"])
    mu = found.sel(parameter="mu")
    assert float(mu["psense_prior"]) == pytest.approx(wanted["prior"], abs=1e-11)
    assert float(mu["psense_likelihood"]) == pytest.approx(wanted["likelihood"], abs=1e-11)
    assert mu["psense_diagnosis"].item() == wanted["diagnosis"]
    assert found["psense_diagnosis"].sel(parameter="twice").item() == "not among the draws"


def test_the_path_survives_files(conjugate, tmp_path):
    conjugate.to_netcdf(tmp_path / "path.nc")
    xr.testing.assert_identical(xr.open_dataset(tmp_path / "path.nc").load(), conjugate)
    assert list(pml.to_datatree(conjugate).children) == ["prior_path"]


def test_wrong_questions_get_a_sentence():
    with pytest.raises(ValueError, match=r"weights of 0 or above, got \[-1.0, 1.0\]"):
        path(normal_mean(), [-1.0, 1.0])
    with pytest.raises(ValueError, match="weights of 0 or above"):
        path(normal_mean(), [])
    with pytest.raises(ValueError, match="strictly between 0 and 1, got 95"):
        path(normal_mean(), level=95)
    with pytest.raises(ValueError, match="got 'nu': use mu"):
        path(normal_mean(), [0, 1], var_names="nu")
    with pm.Model() as schools:
        theta = pm.Normal("theta", 0, pm.HalfNormal("tau", 5), shape=4)
        pm.Normal("y", theta, np.float64(10.0), observed=np.array([28.0, 8.0, -3.0, 7.0]))
    with pytest.raises(ValueError, match="random effects are integrated out, got theta"):
        path(pml.Objective(schools, latent=()))
