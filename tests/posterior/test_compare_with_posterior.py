"""Likelihood beside posterior: every column against a closed form, a published number, or ArviZ's own."""

import warnings

import arviz as az
import numpy as np
import published
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from posteriors import (
    KNOWN,
    NOISE,
    PRIOR_SD,
    SAMPLE,
    jeffreys,
    jeffreys_draws,
    normal_mean,
    normal_mean_draws,
    normal_mean_posterior,
    tree,
    two_valleys,
)
from scipy import integrate, special, stats
from verbs import fit

import pymc_landscape as pml
from pymc_landscape.posterior.marginal_mode import mode_by_density
from pymc_landscape.posterior.summary import summarise

Z = 1.959963984540054


def compare(here, draws, **options) -> xr.Dataset:
    return pml.compare_with_posterior(here, draws, random_seed=1, progressbar=False, **options)


def row(table: xr.Dataset, label: str) -> dict[str, object]:
    chosen = table.sel(parameter=label)
    return {str(name): value.values if value.ndim else value.item() for name, value in chosen.data_vars.items()}


@pytest.fixture(scope="module")
def mean_fit() -> pml.Fit:
    return fit(normal_mean())


@pytest.fixture(scope="module")
def conjugate(mean_fit) -> xr.Dataset:
    return compare(mean_fit, normal_mean_draws(draws=4000), var_names=["mu", "twice"])


# --- the two sides ---------------------------------------------------------------------------------------------------


def test_a_normal_mean_under_a_normal_prior(conjugate):
    mean, sd, share = normal_mean_posterior()
    mu, se = row(conjugate, "mu"), NOISE / np.sqrt(len(KNOWN))
    assert mu["mle"] == pytest.approx(KNOWN.mean(), abs=1e-10)
    assert mu["se"] == pytest.approx(se, rel=1e-10)
    np.testing.assert_allclose(mu["wald"], KNOWN.mean() + np.array([-Z, Z]) * se, rtol=1e-9)
    np.testing.assert_allclose(mu["profile"], mu["wald"], rtol=1e-9)
    assert mu["map"] == pytest.approx(mean, abs=1e-9)
    assert mu["prior_share"] == pytest.approx(share, abs=1e-8)
    assert mu["prior_sd"] == pytest.approx(PRIOR_SD, rel=0.05)
    assert mu["contraction"] == pytest.approx(1 - sd**2 / PRIOR_SD**2, abs=0.05)
    assert mu["verdict"] == "prior-dominated"  # two thirds of the precision are the prior's


def test_the_shifts_add_up_to_the_whole_difference(conjugate):
    mean, sd, _ = normal_mean_posterior()
    mu, se = row(conjugate, "mu"), NOISE / np.sqrt(len(KNOWN))
    assert mu["prior_shift"] == pytest.approx((mean - KNOWN.mean()) / se, abs=1e-8)
    assert mu["volume_shift"] == pytest.approx(0.0, abs=4 * mu["shift_mcse"])  # a symmetric posterior
    assert mu["total_shift"] == pytest.approx(mu["prior_shift"] + mu["volume_shift"], abs=1e-12)
    assert mu["total_shift"] == pytest.approx((mu["mean"] - mu["mle"]) / se, abs=1e-9)
    assert mu["shift_mcse"] == pytest.approx(sd / np.sqrt(16_000) / se, rel=0.1)
    assert mu["unit"] == mu["se"]


def test_a_deterministic_is_computed_from_draws_that_do_not_have_it(conjugate):
    mu, twice = row(conjugate, "mu"), row(conjugate, "twice")
    for name in ("mle", "se", "map", "mean", "median", "sd", "mcse", "prior_sd"):
        assert twice[name] == pytest.approx(2 * mu[name], rel=1e-9)
    for name in ("prior_share", "contraction", "prior_shift", "total_shift"):
        assert twice[name] == pytest.approx(mu[name], rel=1e-7)


def test_the_sentence_says_it(conjugate):
    mean, _, share = normal_mean_posterior()
    said = row(conjugate, "mu")["sentence"].split("; ")
    assert said[0] == f"The data say mu is {KNOWN.mean():.3g} ± {NOISE / np.sqrt(len(KNOWN)):.3g}"
    assert said[1].startswith(f"on the scale of mu the prior moves the mode to {mean:.3g} (−")
    assert said[2].startswith("the posterior is ")
    assert said[3] == f"{100 * share:.0f} % of the information is the prior's."


def test_averages_over_a_skewed_posterior_are_volume():
    """Under prior ∝ 1/σ: mode √(SSE/(n+1)), mean √(SSE/2) Γ((n−2)/2)/Γ((n−1)/2); the log prior bends upwards."""
    n, sse = len(SAMPLE), ((SAMPLE - SAMPLE.mean()) ** 2).sum()
    here = fit(pml.Objective(jeffreys(), potentials="prior"))
    sigma = row(compare(here, jeffreys_draws(draws=4000)), "sigma")
    mle, mode = np.sqrt(sse / n), np.sqrt(sse / (n + 1))
    mean = np.sqrt(sse / 2) * np.exp(special.gammaln((n - 2) / 2) - special.gammaln((n - 1) / 2))
    se = mle / np.sqrt(2 * n)
    assert sigma["mle"] == pytest.approx(mle, rel=1e-8)
    assert sigma["map"] == pytest.approx(mode, rel=1e-8)
    assert sigma["prior_shift"] == pytest.approx((mode - mle) / se, rel=1e-6)
    assert sigma["volume_shift"] == pytest.approx((mean - mode) / se, abs=4 * sigma["shift_mcse"])
    assert sigma["prior_share"] == pytest.approx(-1 / (2 * n + 2), abs=1e-8)
    # the other parameter integrated out: σ has its mode at √(SSE/n), the estimate; on log σ both are a step higher
    assert sigma["marginal_mode"] == pytest.approx(mle, abs=4 * sigma["integrated_error"] * se)
    assert sigma["integrated_shift"] == pytest.approx((mle - mode) / se, abs=4 * sigma["integrated_error"])
    assert sigma["skewness_shift"] == pytest.approx((mean - mle) / se, abs=4 * sigma["skewness_error"])
    assert sigma["integrated_error"] < 0.03
    assert sigma["scale_name"].tolist() == ["sigma", "log sigma"]
    unbounded = [(0.0, 0.01), ((np.sqrt(sse / (n - 1)) - mle) / se, 0.06)]
    for name, (exact, error) in zip(("prior_shift", "integrated_shift"), unbounded, strict=True):
        assert sigma[f"{name}_on_scale"][1] == pytest.approx(exact, abs=error)
    assert "on the scale of sigma the prior moves the mode" in sigma["sentence"]
    assert "integrating the other parameters out moves the mode" in sigma["sentence"]
    assert "skewness puts the mean" in sigma["sentence"]
    assert np.isnan(sigma["contraction"])
    assert np.isnan(sigma["prior_sd"])
    assert "the prior has a potential" in sigma["note"]


def logit(p):
    return np.log(p / (1 - p))


@pytest.mark.parametrize(("successes", "tried", "a", "b"), [(7, 10, 1, 1), (3, 40, 2, 5), (9, 12, 0.5, 0.5)])
def test_a_proportion_on_two_scales(successes, tried, a, b):
    """Beta(α, β): mode (α−1)/(α+β−2) on p and α/(α+β) on logit p; the sum of the parts is the same."""
    alpha, beta = a + successes, b + tried - successes
    with pm.Model() as model:
        pm.Binomial("y", tried, pm.Beta("p", a, b), observed=successes)
    p = row(compare(fit(model), tree(p=np.random.default_rng(2).beta(alpha, beta, (4, 1000)))), "p")
    mle, modes = successes / tried, np.array([(alpha - 1) / (alpha + beta - 2), alpha / (alpha + beta)])
    se, mean = np.sqrt(mle * (1 - mle) / tried), alpha / (alpha + beta)
    assert p["scale_name"].tolist() == ["p", "logit p"]
    np.testing.assert_allclose(p["prior_shift_on_scale"], (modes - mle) / se, atol=1e-6)
    np.testing.assert_allclose(p["integrated_shift_on_scale"], 0.0, atol=1e-12)
    np.testing.assert_allclose(p["skewness_shift_on_scale"], (mean - modes) / se, atol=4 * p["shift_mcse"])
    np.testing.assert_allclose(p["total_shift_on_scale"], p["total_shift"], atol=1e-9)
    data = [modes * (1 - modes), (successes / modes**2 + (tried - successes) / (1 - modes) ** 2)]
    both = (alpha - 1) / modes[0] ** 2 + (beta - 1) / (1 - modes[0]) ** 2
    shares = [1 - data[1][0] / both, 1 - tried / (alpha + beta)]  # logit: n p(1−p) of (α+β) p(1−p)
    np.testing.assert_allclose(p["prior_share_on_scale"], shares, atol=1e-6)
    assert p["volume_shift"] == pytest.approx(p["integrated_shift"] + p["skewness_shift"], abs=1e-12)


def test_a_rate_on_two_scales():
    """Gamma(a, b) and Poisson: the posterior Gamma(a + Σy, b + n) has its mode at (α−1)/β, and on log λ at α/β."""
    counts = np.array([2, 0, 3, 1, 1])
    with pm.Model() as model:
        pm.Poisson("y", pm.Gamma("lam", 3, 2), observed=counts)
    alpha, beta = 3 + counts.sum(), 2 + len(counts)
    lam = row(compare(fit(model), tree(lam=np.random.default_rng(3).gamma(alpha, 1 / beta, (4, 1000)))), "lam")
    modes, se = np.array([(alpha - 1) / beta, alpha / beta]), np.sqrt(counts.mean() / len(counts))
    assert lam["scale_name"].tolist() == ["lam", "log lam"]
    np.testing.assert_allclose(lam["prior_shift_on_scale"], (modes - counts.mean()) / se, atol=1e-6)
    np.testing.assert_allclose(lam["prior_share_on_scale"], [2 / (alpha - 1), 1 - len(counts) / beta], atol=1e-6)


def test_where_the_verdict_depends_on_the_scale_it_is_said():
    """1 of 2 under Beta(a, a): of the information at ½ the prior has 2(a − 1) of 2a on p, 2a of 2a + 2 on logit p."""
    with pm.Model() as model:
        pm.Binomial("y", 2, pm.Beta("p", 2.5, 2.5), observed=1)
    p = row(compare(fit(model), tree(p=np.random.default_rng(4).beta(3.5, 3.5, (4, 1000)))), "p")
    np.testing.assert_allclose(p["prior_share_on_scale"], [3 / 5, 5 / 7], atol=1e-6)
    with pm.Model() as model:
        pm.Binomial("y", 2, pm.Beta("p", 1.8, 1.8), observed=1)
    p = row(compare(fit(model), tree(p=np.random.default_rng(4).beta(2.8, 2.8, (4, 1000)))), "p")
    np.testing.assert_allclose(p["prior_share_on_scale"], [1.6 / 3.6, 3.6 / 5.6], atol=1e-6)
    assert p["verdict_on_scale"].tolist() == ["data-dominated", "prior-dominated"]
    assert p["verdict"] == "data-dominated"
    said = p["sentence"].split("; ")
    assert said[-2] == "44 % of the information is the prior's on the scale of p"
    assert said[-1] == ("on the scale of logit p it is no shift, 64 % of the information the prior's: prior-dominated.")


def test_chains_that_disagree_are_named(mean_fit):
    """R-hat tells, the Monte Carlo error does not."""
    draws = normal_mean_draws(draws=500)
    apart = draws["posterior"]["mu"] + np.array([0.0, 0.0, 0.0, 1.5])[:, None]
    found = compare(mean_fit, xr.Dataset({"mu": apart}), var_names="mu")
    mu = row(found, "mu")
    assert mu["rhat"] == pytest.approx(float(az.rhat(xr.Dataset({"mu": apart}))["mu"]))
    assert mu["rhat"] > 1.1
    assert "chains have not converged" in mu["note"]
    assert f"the chains have not converged (R-hat {mu['rhat']:.3g}): no confidence in any of this" in mu["sentence"]


def test_an_unknown_share_is_no_domination_by_the_data():
    """τ has its posterior mode at 0, where there is no curvature to be shared; the estimate lies inside."""
    from pymc_landscape.posterior.split import Split

    unknown = Split("tau", 1.0, 0.0, 0.4, 0.6, 0.2, 0.01, 0.02, np.nan)
    assert unknown.verdict(is_closed=True, is_at_bound=False) == "undecided"
    assert unknown.verdict(is_closed=True, is_at_bound=True) == "at boundary"
    assert unknown.verdict(is_closed=False, is_at_bound=False) == "prior-dominated"


def test_modes_of_marginals_by_gradients_are_within_their_errors():
    """σ with the mean integrated out has its mode at √(SSE/n)."""
    here = fit(pml.Objective(jeffreys(), potentials="prior"))
    exact = np.sqrt(((SAMPLE - SAMPLE.mean()) ** 2).mean())
    found = [row(compare(here, jeffreys_draws(draws=500, seed=seed), var_names="sigma"), "sigma") for seed in range(5)]
    off = np.array([one["marginal_mode"] - exact for one in found])
    errors = np.array([one["integrated_error"] * one["unit"] for one in found])
    assert (np.abs(off) < 4 * errors).all()
    assert np.abs(off).max() < 0.01


@pytest.mark.parametrize(("a", "b"), [(5, 21), (9, 17), (12, 14), (2, 9)])
def test_modes_of_marginals_from_draws_alone_are_within_their_errors(a, b):
    """Shares of a simplex have no gradients of their own: each is beta, its mode (a−1)/(a+b−2)."""
    exact, sd = (a - 1) / (a + b - 2), stats.beta(a, b).std()
    found = [mode_by_density(np.random.default_rng(i).beta(a, b, 4000), (0.0, 1.0), 4000.0) for i in range(8)]
    assert max(abs(one.value - exact) / one.error for one in found) < 4
    assert max(one.error for one in found) < 0.35 * sd


def test_a_mode_on_the_edge_of_the_support_is_there():
    edge = mode_by_density(np.random.default_rng(1).exponential(2.0, 4000), (0.0, np.inf), 4000.0)
    assert (edge.value, edge.error) == (0.0, 0.0)


def test_budworm_reproduces_the_published_table_and_az_summary():
    here = fit(published.budworm())
    draws = here.draws(500, random_seed=2)
    table = compare(here, draws, ci_prob=0.95)
    np.testing.assert_allclose(table["mle"], published.B_HAT, atol=5e-9)
    np.testing.assert_allclose(table["se"], published.B_SE, atol=2e-8)
    limits = [[-4.45806805, -2.61353597], [0.41921243, 1.82044456], [0.82285452, 1.33903878]]
    np.testing.assert_allclose(table["profile"], limits, atol=2e-8)
    assert (table["verdict"] == "data-dominated").all()
    np.testing.assert_allclose(table["prior_share"], 0, atol=1e-12)  # flat priors
    assert np.isnan(table["contraction"]).all()
    assert "the prior is improper (b)" in table["note"].values[0]
    assert_as_arviz(table, draws)


def assert_as_arviz(table: xr.Dataset, draws: xr.Dataset) -> None:
    for kind in ("hdi", "eti"):
        summary = az.summary(draws, ci_prob=0.95, ci_kind=kind, round_to="none").loc[table["parameter"].values]
        np.testing.assert_allclose(table[kind].sel(bound="lower"), summary[f"{kind}95_lb"], rtol=1e-12)
        np.testing.assert_allclose(table[kind].sel(bound="upper"), summary[f"{kind}95_ub"], rtol=1e-12)
    for ours, theirs in {"mean": "mean", "sd": "sd", "mcse": "mcse_mean"}.items():
        np.testing.assert_allclose(table[ours], summary[theirs], rtol=1e-10)
    medians = az.summary(draws, kind="stats_median", round_to="none").loc[table["parameter"].values]
    np.testing.assert_allclose(table["median"], medians["median"], rtol=1e-12)


def test_cdnow_reproduces_the_published_estimates_and_az_summary():
    """NBD under a weak prior: 2,357 customers leave it little to say."""
    with pm.Model() as model:
        r, alpha = pm.HalfNormal("r", 2), pm.HalfNormal("alpha", 50)
        pm.Potential("x", published.nbd_logp(published.BOUGHT, r, alpha, published.AGE))
    here = fit(model)
    draws = here.draws(200, random_seed=3)
    table = compare(here, draws)
    np.testing.assert_allclose(table["mle"], [0.38476767, 12.07208497], rtol=1e-7)
    assert here.minus2ll == pytest.approx(2 * 9763.660222, abs=2e-6)
    assert (table["prior_share"] < 0.01).all()
    assert (table["verdict"] == "data-dominated").all()
    assert_as_arviz(table, draws)


# --- prior ∝ 1/σ: the marginal posterior is the profile likelihood ---------------------------------------------------


def test_the_marginal_posterior_of_a_normal_mean_is_its_profile_likelihood():
    """Both are (1 + t²/(n−1))^(−n/2), pointwise; the posterior by summing its landscape over σ."""
    objective, n = pml.Objective(jeffreys(), potentials="prior"), len(SAMPLE)
    profile = pml.profile_likelihood(fit(objective), "mu", progressbar=False).sel(parameter="mu")
    sigma = np.geomspace(0.05, 500.0, 3001)
    at = profile["value"].values
    surface = pml.evaluate_landscape(objective, pml.regular_grid({"mu": at, "sigma": sigma}), progressbar=False)
    height = np.exp(surface["log_posterior"] - surface["log_posterior"].max())
    marginal = integrate.simpson(height.transpose("mu", "sigma").values * sigma, x=np.log(sigma), axis=1)
    t = (at - SAMPLE.mean()) / (SAMPLE.std(ddof=1) / np.sqrt(n))
    likelihood = np.exp(-0.5 * profile["delta_minus2ll"].values)
    np.testing.assert_allclose(likelihood, (1 + t**2 / (n - 1)) ** (-n / 2), atol=1e-8)
    np.testing.assert_allclose(marginal / marginal[profile["step"].values == 0], likelihood, atol=1e-6)


@pytest.mark.exhaustive
def test_so_it_is_for_the_draws_of_nuts():
    """A density that is the profile likelihood, normalised, is t with n − 1 degrees."""
    with jeffreys():
        dt = pm.sample(500, tune=500, chains=2, cores=1, random_seed=5, progressbar=False, quiet=True)
    n, mu = len(SAMPLE), dt["posterior"]["mu"]
    law = stats.t(n - 1, SAMPLE.mean(), SAMPLE.std(ddof=1) / np.sqrt(n))
    distance = stats.kstest(mu.values.ravel(), law.cdf).statistic
    assert stats.kstwo.sf(distance, int(az.ess(dt, var_names="mu")["mu"])) > 1e-3
    found = row(compare(fit(pml.Objective(jeffreys(), potentials="prior")), dt, var_names="mu"), "mu")
    assert found["total_shift"] == pytest.approx(0.0, abs=5 * found["shift_mcse"])
    assert found["mean"] == float(mu.mean())


def test_flat_priors_make_the_posterior_surface_the_likelihood():
    with pm.Model() as model:
        pm.Normal("y", pm.Flat("mu"), pm.HalfFlat("sigma"), observed=SAMPLE)
    grid = pml.regular_grid({"mu": np.linspace(2, 7, 21), "sigma": np.linspace(0.2, 4, 21)})
    surface = pml.evaluate_landscape(model, grid, progressbar=False)
    by_hand = stats.norm(grid["mu"].values[:, None, None], grid["sigma"].values[:, None]).logpdf(SAMPLE).sum(-1)
    difference = surface["log_posterior"].transpose("mu", "sigma").values - by_hand
    np.testing.assert_allclose(difference, difference[0, 0], atol=1e-10 * np.abs(by_hand).max())


# --- who determines what ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ridge() -> tuple[pml.Fit, xr.DataTree]:
    """Only the sum of two means is known; the posterior is normal."""
    y = np.array([1.2, 0.3, 2.1, 1.7])
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 1), pm.Normal("b", 0, 2)
        pm.Normal("y", a + b, np.float64(1.0), observed=y)
    cov = np.linalg.inv(np.diag([1.0, 0.25]) + len(y))
    draws = np.random.default_rng(4).multivariate_normal(cov @ [y.sum(), y.sum()], cov, (2, 2000))
    return fit(model), tree(a=draws[..., 0], b=draws[..., 1])


def test_what_the_likelihood_leaves_open_is_the_priors(ridge):
    table = compare(*ridge)
    assert table.attrs["status"] == "not_identified"
    assert table.attrs["message"].startswith("The likelihood does not determine a − b")
    assert (table["verdict"] == "prior-dominated").all()
    assert np.isnan(table["mle"]).all()
    assert np.isinf(table["se"]).all()
    assert (table["profile_status"] == "open").all()
    np.testing.assert_allclose(table["prior_share"], 1.0, atol=1e-8)
    # mode: a and b in proportion to their prior variances, 1 to 4
    np.testing.assert_allclose(table["map"], np.array([1, 4]) * 5.3 / 21, rtol=1e-7)
    np.testing.assert_allclose(table["unit"], table["sd"])
    assert "do not determine a" in table["sentence"].values[0]


def test_what_it_closes_is_its_own(ridge):
    total = row(compare(*ridge, var_names={"a + b": {"a": 1, "b": 1}}), "a + b")
    assert total["verdict"] == "data-dominated"
    assert total["mle"] == pytest.approx(1.325, rel=1e-8)
    assert total["se"] == pytest.approx(0.5, rel=1e-7)
    assert total["prior_share"] == pytest.approx(1 / 21, abs=1e-8)  # prior variance 5 beside 1/4
    assert total["contraction"] == pytest.approx(20 / 21, abs=0.01)


@pytest.mark.exhaustive
def test_what_neither_closes():
    y = np.array([1.2, 0.3, 2.1, 1.7])
    with pm.Model() as model:
        pm.Normal("y", pm.Flat("a") + pm.Uniform("b", -9, 9), np.float64(1.0), observed=y)
    b = np.random.default_rng(5).uniform(-9, 9, (2, 500))
    table = compare(fit(model), tree(a=y.mean() - b + np.random.default_rng(6).normal(0, 0.5, b.shape), b=b))
    assert (table["verdict"] == "unidentified").all()
    assert np.isnan(table["map"]).all()
    assert "nor does the prior" in table["sentence"].values[0]
    assert table.attrs["map_status"] == "not_identified"
    assert (table["modes"] == 1).all()  # the level top of a uniform has no valleys


def test_no_deaths_among_ten():
    """Mode and estimate are both 0; the mean is 1/12 above."""
    with pm.Model() as model:
        pm.Binomial("y", n=10, p=pm.Beta("p", 1, 1), observed=0)
    p = row(compare(fit(model), tree(p=np.random.default_rng(7).beta(1, 11, (4, 1000)))), "p")
    upper = 1 - np.exp(-special.chdtri(1, 0.05) / 20)
    assert p["verdict"] == "at boundary"
    assert (p["mle"], p["map"], p["prior_shift"]) == (0.0, 0.0, 0.0)
    assert p["profile_status"].tolist() == ["at_bound", "finite"]
    assert p["unit"] == pytest.approx(upper / (2 * Z), rel=1e-8)
    assert p["volume_shift"] == pytest.approx(1 / 12 / p["unit"], abs=4 * p["shift_mcse"])
    assert "on the edge of its support, 0 (95 % profile limits 0 to 0.175)" in p["sentence"]


def test_a_likelihood_without_a_maximum_has_a_table():
    x, won = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1])
    with pm.Model() as model:
        b = pm.Normal("b", 0, 3)
        pm.Deterministic("odds", pm.math.exp(b))
        pm.Deterministic("p", pm.math.invlogit(b))
        pm.Bernoulli("won", logit_p=b * x, observed=won)
    grid = np.linspace(-5, 15, 4001)
    height = stats.norm(0, 3).pdf(grid) * np.prod([special.expit(abs(v) * grid) for v in x], axis=0)
    draws = np.random.default_rng(8).choice(grid, size=(4, 2000), p=height / height.sum())
    found = compare(fit(model), tree(b=draws))
    b = row(found, "b")
    assert found.attrs["status"] == "unbounded"
    assert "no maximum" in found.attrs["message"]
    assert b["verdict"] == "prior-dominated"
    assert np.isnan(b["mle"])
    assert b["profile_status"].tolist() == ["finite", "open"]
    assert b["profile"][1] == np.inf
    # against the least upper bound, 1: 2 · 2 [log(1 + e⁻ᵇ) + log(1 + e⁻²ᵇ)] = q
    assert 4 * np.log1p(np.exp(-np.array([1, 2]) * b["profile"][0])).sum() == pytest.approx(stats.chi2.ppf(0.95, 1))
    assert b["map"] == pytest.approx(grid[height.argmax()], abs=0.01)
    assert b["mean"] == pytest.approx(grid @ height / height.sum(), abs=5 * b["mcse"])
    assert f"The data bound b on one side only (95 % profile limits {b['profile'][0]:.3g} to ∞)" in b["sentence"]
    assert "above the value that it falls towards" in b["note"]
    bent = compare(fit(model), tree(b=draws), var_names=["odds", "p"])
    np.testing.assert_allclose(row(bent, "odds")["profile"], np.exp(b["profile"]), rtol=1e-8)
    np.testing.assert_allclose(row(bent, "p")["profile"], special.expit(b["profile"]), rtol=1e-8)
    assert row(bent, "p")["profile_status"].tolist() == ["finite", "at_bound"]


@pytest.mark.exhaustive
def test_of_two_groups_without_a_success_one_is_silent_on_one_side_only():
    """Counts 12 in five rows and 0 in five: a is determined as ever, b has an upper limit."""
    group, counts = np.repeat([0.0, 1.0], 5), np.array([3, 1, 4, 2, 2, 0, 0, 0, 0, 0])
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 2), pm.Normal("b", 0, 2)
        pm.Poisson("y", pm.math.exp(a + b * group), observed=counts)
    rng = np.random.default_rng(9)
    found = compare(fit(model), tree(a=rng.normal(0.9, 0.3, (2, 300)), b=rng.normal(-3, 1, (2, 300))))
    a, b, q = row(found, "a"), row(found, "b"), stats.chi2.ppf(0.95, 1)

    def rise(rate, ratio):  # of −2LL above 2 (12 − 12 log(12/5)), which it falls towards as b goes to −∞
        return 2 * (5 * rate * (1 + ratio) - 12 * np.log(rate)) - 2 * (12 - 12 * np.log(12 / 5))

    assert a["mle"] == pytest.approx(np.log(12 / 5), abs=1e-6)
    np.testing.assert_allclose(rise(np.exp(a["profile"]), 0.0), q, rtol=1e-7)
    ratio = np.exp(b["profile"][1])
    assert rise(12 / (5 * (1 + ratio)), ratio) == pytest.approx(q, rel=1e-7)
    assert (b["profile"][0], b["profile_status"].tolist()) == (-np.inf, ["open", "finite"])
    assert (a["verdict"], b["verdict"]) == ("data-dominated", "prior-dominated")


@pytest.mark.exhaustive
def test_limits_far_from_what_the_prior_allows_and_none_where_both_sides_are_open():
    x, won = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1])
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 1), pm.Normal("b", -8, 0.1)
        pm.Bernoulli("won", logit_p=a + b * x, observed=won)
    rng = np.random.default_rng(10)
    found = compare(fit(model), tree(a=rng.normal(0, 0.9, (2, 300)), b=rng.normal(-8, 0.1, (2, 300))))
    a, b = row(found, "a"), row(found, "b")
    # a is 0 at its best, for the design is symmetric
    assert 4 * np.log1p(np.exp(-np.array([1, 2]) * b["profile"][0])).sum() == pytest.approx(stats.chi2.ppf(0.95, 1))
    assert a["profile_status"].tolist() == ["open", "open"]
    assert np.isnan(a["mle"])
    assert "The data do not determine a" in a["sentence"]


@pytest.mark.exhaustive
def test_where_minus2ll_falls_without_end_there_are_no_limits_and_the_note_says_so():
    """A spike on one observation: of two components, one's scale goes to 0."""
    y = np.array([0.0, 1.0, 2.5])
    with pm.Model() as model:
        m, s = pm.Normal("m", 0, 3), pm.HalfNormal("s", 1)
        pm.NormalMixture("y", w=[0.5, 0.5], mu=pm.math.stack([m, 1.0]), sigma=pm.math.stack([s, 1.0]), observed=y)
    rng = np.random.default_rng(11)
    here = pml.fit_mle(model, starts=[{"m": 2.5, "s": 0.05}], progressbar=False)
    found = compare(here, tree(m=rng.normal(1, 1, (2, 200)), s=np.abs(rng.normal(1, 0.1, (2, 200)))))
    m = row(found, "m")
    assert found.attrs["status"] == "unbounded"
    assert np.isnan(m["mle"])
    assert m["profile_status"].tolist() == ["failed", "failed"]
    assert "no profile limits: −2LL falls without end" in m["note"]
    assert m["verdict"] != "data-dominated"


def test_a_model_without_slopes_has_profiles_by_differences():
    """y ~ Normal(a², 1), a² by an Op that is Python: −2LL has curvature 8nâ²; its rise is n (a² − â²)²."""

    @pytensor.wrap_py(itypes=[pt.dscalar], otypes=[pt.dscalar])
    def square(x):
        return np.asarray(float(x) ** 2)

    with pm.Model() as model:
        pm.Normal("y", square(pm.Normal("a", 1.0, 1.0)), np.float64(1.0), observed=np.array([2.0, 2.5]))
    a = row(compare(fit(model), tree(a=np.random.default_rng(15).normal(1.4, 0.2, (2, 200)))), "a")
    assert a["mle"] == pytest.approx(1.5, abs=1e-4)
    np.testing.assert_allclose(a["profile"], np.sqrt(2.25 + np.array([-Z, Z]) / np.sqrt(2)), atol=1e-6)
    assert a["se"] == pytest.approx(1 / np.sqrt(4 * 2 * 2.25), rel=1e-3)
    np.testing.assert_allclose(a["wald"], 1.5 + np.array([-Z, Z]) * a["se"], atol=2e-4)
    assert a["profile_status"].tolist() == ["finite", "finite"]
    assert a["prior_share"] == pytest.approx(1 - 18 / 19, rel=0.1)
    assert a["verdict"] == "data-dominated"


@pytest.mark.exhaustive
def test_a_simplex_counts_its_prior_in_observations():
    """Dirichlet(2, 2, 2) is worth three counts beside twenty."""
    with pm.Model() as model:
        pm.Multinomial("y", n=20, p=pm.Dirichlet("w", np.full(3, 2.0)), observed=np.array([12, 5, 3]))
    table = compare(fit(model), tree(w=np.random.default_rng(16).dirichlet([14, 7, 5], (2, 500))))
    np.testing.assert_allclose(table["mle"], np.array([12, 5, 3]) / 20, atol=1e-7)
    np.testing.assert_allclose(table["map"], np.array([13, 6, 4]) / 23, atol=1e-7)
    assert table["parameter"].values.tolist() == ["w[0]", "w[1]", "w[2]"]


def test_two_modes_are_told(mean_fit):
    signs = np.random.default_rng(9).choice([-1.0, 1.0], (4, 1000))
    with pm.Model() as model:
        pm.Normal("y", pm.Cauchy("mu", 0, 5) ** 2, np.float64(0.3), observed=np.array([3.8, 4.1, 4.2]))
    mu = signs * np.random.default_rng(10).uniform(1.9, 2.1, signs.shape)
    found = row(compare(fit(model, starts=[{"mu": 1.0}]), tree(mu=mu)), "mu")
    assert found["modes"] == 2
    assert "the posterior has 2 modes (−2.1 to −1.9" in found["sentence"]
    assert np.isinf(found["prior_sd"])  # a Cauchy has no variance
    assert found["contraction"] == 1.0


def test_draws_of_other_data_are_told(mean_fit):
    far = tree(mu=np.random.default_rng(11).normal(40.0, 0.1, (2, 50)))
    with pytest.warns(UserWarning, match="draws are those of other data, or the mode is a spike"):
        compare(mean_fit, far)


def test_a_draw_below_the_fit_is_told():
    local = fit(two_valleys(), starts=[{"mu": -2.0}])
    with pytest.warns(UserWarning, match="lower than the fit's by 6: a new optimum"):
        found = compare(local, tree(mu=np.random.default_rng(12).normal(2.0, 0.3, (2, 200))))
    assert "A draw is lower than the fit" in found.attrs["message"]


# --- one model on two scales -----------------------------------------------------------------------------------------


@pytest.mark.exhaustive
def test_limits_of_the_profile_do_not_depend_on_the_scale_and_hdi_and_mode_do():
    """7 of 10: p uniform, or its logit logistic, which is the same. Modes 7/10, and with the Jacobian 8/12."""
    p = np.random.default_rng(14).beta(8, 4, (4, 2000))
    with pm.Model() as plain:
        pm.Binomial("y", n=10, p=pm.Beta("p", 1, 1), observed=7)
    with pm.Model() as on_logits:
        t = pm.Logistic("t", 0, 1)
        pm.Deterministic("p", pm.math.invlogit(t))
        pm.Binomial("y", n=10, logit_p=t, observed=7)
    one = row(compare(fit(plain), tree(p=p)), "p")
    table = compare(fit(on_logits), tree(t=special.logit(p)), var_names=["t", "p"])
    other, same = row(table, "t"), row(table, "p")
    for name in ("mle", "profile", "eti"):
        # ETI: between two draws its ends are interpolated on either scale
        np.testing.assert_allclose(special.expit(other[name]), one[name], rtol=1e-8 if name != "eti" else 1e-4)
        np.testing.assert_allclose(same[name], one[name], rtol=1e-8)
    assert one["map"] == pytest.approx(7 / 10, abs=1e-7)
    assert special.expit(other["map"]) == pytest.approx(8 / 12, abs=1e-7)
    assert np.abs(special.expit(other["hdi"]) - one["hdi"]).max() > 0.005
    np.testing.assert_allclose(same["hdi"], one["hdi"], rtol=1e-9)
    assert np.abs(special.expit(other["wald"]) - one["wald"]).max() > 0.02


# --- what comes in, what goes out ------------------------------------------------------------------------------------


def test_trees_of_any_sampler(tmp_path):
    """Other groups, other variables, other orders, thinned, stored: the same table."""
    with pm.Model(coords={"x": ["a", "b"]}) as model:
        beta = pm.Normal("beta", 0, 10, dims="x")
        pm.Normal("y", beta, np.array([0.5, 2.0]), observed=np.array([1.0, -3.0]), dims="x")
    here = fit(model)
    draws = np.random.default_rng(13).normal([1.0, -3.0], [0.5, 2.0], (2, 100, 2))
    labels = {"chain": [0, 1], "draw": np.arange(100), "x": ["a", "b"]}
    plain = xr.Dataset({"beta": (("chain", "draw", "x"), draws)}, labels)
    wanted = pml.posterior_deviance(here, plain)["delta_minus2ll"].values
    extra = plain.assign(other=("z", [1.0]), lp=(("chain", "draw"), draws[..., 0]))
    rich = xr.DataTree.from_dict({"posterior": extra, "warmup_posterior": plain * 100, "sample_stats": xr.Dataset()})
    rich.to_netcdf(tmp_path / "rich.nc")
    rich.to_zarr(tmp_path / "rich.zarr", consolidated=False)
    trees = {
        "tree": rich,
        "netcdf": xr.open_datatree(tmp_path / "rich.nc"),
        "zarr": xr.open_datatree(tmp_path / "rich.zarr", engine="zarr", consolidated=False),
        "turned": plain.isel(x=[1, 0]).transpose("x", "draw", "chain"),
        "unlabelled": plain.drop_vars("x").rename(x="beta_dim_0"),
    }
    for name, draws_of in trees.items():
        found = pml.posterior_deviance(here, draws_of)["delta_minus2ll"]
        np.testing.assert_allclose(found, wanted, rtol=1e-12, err_msg=name)
    thinned = compare(here, xr.open_datatree(tmp_path / "rich.nc").isel(draw=slice(None, None, 5)))
    np.testing.assert_allclose(thinned["mean"], draws[:, ::5].mean((0, 1)))
    assert thinned.attrs["draws"] == 40


def test_the_table_survives_files_and_trees(conjugate, tmp_path):
    conjugate.to_netcdf(tmp_path / "table.nc")
    xr.testing.assert_identical(xr.open_dataset(tmp_path / "table.nc").load(), conjugate)
    conjugate.to_zarr(tmp_path / "table.zarr", consolidated=False)
    xr.testing.assert_identical(xr.open_zarr(tmp_path / "table.zarr", consolidated=False).load(), conjugate)
    assert list(pml.to_datatree(conjugate).children) == ["comparison"]


def test_a_level_of_its_own(mean_fit):
    table = compare(mean_fit, normal_mean_draws(), ci_prob=0.5, level=0.99)
    half = float((table["profile"].sel(bound="upper") - table["mle"]).item())
    assert half == pytest.approx(stats.norm.ppf(0.995) * NOISE / np.sqrt(len(KNOWN)), rel=1e-8)
    assert float(table["eti"].diff("bound").item()) == pytest.approx(1.349 * float(table["sd"].item()), rel=0.05)


def test_wrong_questions_get_a_sentence(mean_fit):
    draws = normal_mean_draws(draws=10)
    with pytest.raises(ValueError, match="ci_prob strictly between 0 and 1, got 95"):
        compare(mean_fit, draws, ci_prob=95)
    with pytest.raises(ValueError, match="got 'nu': use mu"):
        compare(mean_fit, draws, var_names=["nu"])
    with pytest.raises(ValueError, match="got a posterior mode: use fit_mle"):
        compare(pml.fit_map(normal_mean(), progressbar=False), draws)


def test_intervals_of_a_posterior_mode_say_what_they_are():
    here = pml.fit_map(normal_mean(), progressbar=False)
    said = pml.confidence_intervals(here, "mu", progressbar=False).attrs["message"]
    assert "neither confidence intervals" in said
    assert "nor credible ones" in said
    assert pml.confidence_intervals(fit(normal_mean()), "mu", progressbar=False).attrs["message"] == ""


def test_an_element_that_is_the_same_in_all_draws_makes_no_noise():
    """The 1 in the corner of a correlation's Cholesky factor: ArviZ divides 0 by 0 there."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = summarise(np.ones((2, 20)), 0.9)
    assert (found.mean, found.sd) == (1.0, 0.0)
    assert found.hdi.tolist() == [1.0, 1.0]
