"""Prior, profiles and marginal of one parameter as curves, against their closed forms."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from posteriors import (
    KNOWN,
    NOISE,
    PRIOR_MEAN,
    PRIOR_SD,
    SAMPLE,
    jeffreys,
    jeffreys_draws,
    normal_mean,
    normal_mean_draws,
    normal_mean_posterior,
    tree,
)
from scipy import stats
from verbs import fit

import pymc_landscape as pml

# What a kernel estimate from four thousand draws, relative to its own highest point, may be off by.
KERNEL = 0.08


def curves(here, draws, *names, **options) -> xr.Dataset:
    return pml.four_curves(here, draws, list(names) or None, random_seed=1, progressbar=False, **options)


def heights(found: xr.Dataset, label: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    one = found.sel(parameter=label)
    return one["value"].values, {name: one["height"].sel(curve=name).values for name in found["curve"].values}


def scaled(height: np.ndarray) -> np.ndarray:
    return height / height.max()


@pytest.fixture(scope="module")
def conjugate() -> xr.Dataset:
    return curves(fit(normal_mean()), normal_mean_draws(), "mu", "twice", num=401)


def test_all_four_of_a_normal_mean_are_normal(conjugate):
    mean, sd, _ = normal_mean_posterior()
    at, found = heights(conjugate, "mu")
    likelihood = np.exp(-0.5 * len(KNOWN) * (at - KNOWN.mean()) ** 2 / NOISE**2)
    posterior = np.exp(-0.5 * ((at - mean) / sd) ** 2)
    prior = np.exp(-0.5 * ((at - PRIOR_MEAN) / PRIOR_SD) ** 2)
    np.testing.assert_allclose(found["likelihood profile"], scaled(likelihood), atol=1e-4)
    np.testing.assert_allclose(found["posterior profile"], scaled(posterior), atol=1e-4)
    np.testing.assert_allclose(found["prior"], scaled(prior), atol=1e-7)
    np.testing.assert_allclose(found["posterior marginal"], scaled(posterior), atol=KERNEL)


def test_each_curve_is_1_at_its_highest_and_points_are_in_order(conjugate):
    np.testing.assert_allclose(conjugate["height"].max("point"), 1.0)
    assert (conjugate["value"].diff("point") > 0).all()
    mean, _, _ = normal_mean_posterior()
    assert float(conjugate["mle"].sel(parameter="mu")) == pytest.approx(KNOWN.mean(), rel=1e-9)
    assert float(conjugate["map"].sel(parameter="mu")) == pytest.approx(mean, rel=1e-8)


def test_the_prior_of_what_is_computed_is_a_kernel_estimate(conjugate):
    at, found = heights(conjugate, "twice")
    prior = np.exp(-0.5 * ((at / 2 - PRIOR_MEAN) / PRIOR_SD) ** 2)
    np.testing.assert_allclose(found["prior"], scaled(prior), atol=KERNEL)
    likelihood = np.exp(-0.5 * len(KNOWN) * (at / 2 - KNOWN.mean()) ** 2 / NOISE**2)
    np.testing.assert_allclose(found["likelihood profile"], scaled(likelihood), atol=1e-4)


def test_prior_one_over_sigma_makes_the_marginal_the_likelihoods_profile():
    """Profiles of a normal mean: (1 + t²/(n−1)) to the power −n/2, and with the prior −(n+1)/2."""
    here, n = fit(pml.Objective(jeffreys(), potentials="prior")), len(SAMPLE)
    found = curves(here, jeffreys_draws())
    at, of_mu = heights(found, "mu")
    t = (at - SAMPLE.mean()) / (SAMPLE.std(ddof=1) / np.sqrt(n))
    profile = scaled((1 + t**2 / (n - 1)) ** (-n / 2))
    np.testing.assert_allclose(of_mu["likelihood profile"], profile, atol=2e-4)
    np.testing.assert_allclose(of_mu["posterior profile"], scaled((1 + t**2 / (n - 1)) ** (-(n + 1) / 2)), atol=2e-4)
    np.testing.assert_allclose(of_mu["posterior marginal"], profile, atol=KERNEL)
    np.testing.assert_allclose(of_mu["prior"], 1.0)
    at, of_sigma = heights(found, "sigma")
    np.testing.assert_allclose(of_sigma["prior"], scaled(1 / at), rtol=1e-7)


@pytest.mark.exhaustive
def test_a_parameter_that_the_likelihood_does_not_know_has_a_level_profile():
    y = np.array([1.2, 0.3, 2.1, 1.7])
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("a", 0, 1) + pm.Normal("b", 0, 2), np.float64(1.0), observed=y)
    cov = np.linalg.inv(np.diag([1.0, 0.25]) + len(y))
    drawn = np.random.default_rng(4).multivariate_normal(cov @ [y.sum(), y.sum()], cov, (2, 1000))
    at, found = heights(curves(fit(model), tree(a=drawn[..., 0], b=drawn[..., 1]), "a"), "a")
    np.testing.assert_allclose(found["likelihood profile"], 1.0)
    mean, sd = (cov @ [y.sum(), y.sum()])[0], np.sqrt(cov[0, 0])
    np.testing.assert_allclose(found["posterior profile"], scaled(stats.norm(mean, sd).pdf(at)), atol=1e-4)


def test_an_edge_of_the_support_is_where_curves_end():
    """None of ten: likelihood (1−p)¹⁰, prior level, posterior Beta(1, 11)."""
    with pm.Model() as model:
        pm.Binomial("y", n=10, p=pm.Beta("p", 1, 1), observed=0)
    found = curves(fit(model), tree(p=np.random.default_rng(7).beta(1, 11, (4, 2000))))
    at, of_p = heights(found, "p")
    assert at[0] == 0.0
    np.testing.assert_allclose(of_p["likelihood profile"], (1 - at) ** 10, atol=2e-3)
    np.testing.assert_allclose(of_p["prior"], 1.0, rtol=1e-9)
    assert of_p["posterior marginal"][0] > 0.8  # not smoothed across the edge


@pytest.mark.exhaustive
def test_without_a_maximum_the_profile_is_measured_from_the_least_upper_bound():
    x, won = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1])
    with pm.Model() as model:
        pm.Bernoulli("won", logit_p=pm.Normal("b", 0, 3) * x, observed=won)
    found = curves(fit(model), tree(b=np.abs(np.random.default_rng(8).normal(3, 1.5, (2, 500)))))
    b, of_b = heights(found, "b")
    known = np.isfinite(of_b["likelihood profile"])
    likelihood = np.exp(-np.log1p(np.exp(-np.multiply.outer(b, np.abs(x)))).sum(axis=1))
    assert known.sum() > 10
    # steps from infinity are long, and between them the curve is interpolated
    np.testing.assert_allclose(of_b["likelihood profile"][known], likelihood[known], atol=0.02)
    for name in ("prior", "posterior profile", "posterior marginal"):
        assert np.nanmax(of_b[name]) == 1.0


def test_curves_survive_files(conjugate, tmp_path):
    conjugate.to_netcdf(tmp_path / "curves.nc")
    xr.testing.assert_identical(xr.open_dataset(tmp_path / "curves.nc").load(), conjugate)
    assert list(pml.to_datatree(conjugate).children) == ["curves"]


def test_wrong_questions_get_a_sentence():
    with pytest.raises(ValueError, match="num to be a whole number, at least 11, got 3"):
        pml.four_curves(normal_mean(), normal_mean_draws(draws=5), num=3)
