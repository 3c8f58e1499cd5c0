"""What is asked of a restricted fit (REML), and what may be compared with it."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import stats
from scipy.optimize import brentq, minimize_scalar

import pymc_landscape as pml
from pymc_landscape.objective.observations import Simulator
from tests.models import fixed_effects as models

QUIET = {"progressbar": False}


@pytest.fixture(scope="module")
def dyestuff():
    return pml.fit_mle(pml.Objective(models.dyestuff(), restricted="auto"), starts=1, **QUIET)


@pytest.fixture(scope="module")
def by_likelihood():
    return pml.fit_mle(models.dyestuff(), starts=1, **QUIET)


def test_no_spread_is_tested_between_restricted_fits(dyestuff):
    """Without batches −2 log L_R is that of a mean: (n − 1)(log 2π s² + 1) + log n."""
    test = pml.likelihood_ratio_test(pm.do(models.dyestuff(), {"between": 0.0}), dyestuff, **QUIET)
    y = _data(dyestuff)["y"]
    alone = 29 * (np.log(2 * np.pi * y.var(ddof=1)) + 1) + np.log(30)
    assert test.null.minus2ll == pytest.approx(alone, abs=1e-7)
    assert test.statistic == pytest.approx(alone - 319.654276842257, abs=1e-6)
    assert test.p_value == pytest.approx(0.5 * stats.chi2.sf(test.statistic, 1), rel=1e-6)


def _data(fit):
    return {rv.name: fit.objective.model.rvs_to_values[rv].data for rv in fit.objective.model.observed_RVs}


@pytest.mark.exhaustive
def test_a_random_slope_against_none():
    """lme4: REMLcrit 1786.465085 without and 1743.628272 with; ½ χ²₁ + ½ χ²₂ (Stram & Lee 1994)."""
    full = pml.Objective(models.sleepstudy(), latent="z", restricted="beta")
    null = pml.Objective(pm.do(models.sleepstudy(), {"sd_slope": 0.0, "rho": 0.0}), latent="z", restricted="beta")
    fits = [pml.fit_mle(objective, starts=1, **QUIET) for objective in (null, full)]
    statistic = fits[0].minus2ll - fits[1].minus2ll
    assert statistic == pytest.approx(1786.465085395 - 1743.628271958, abs=1e-6)


def test_criteria_count_fixed_effects_as_r_does(dyestuff):
    """Of lme4: AIC(m) 325.6543, BIC(m) 329.8579, three parameters and thirty rows."""
    assert (dyestuff.n_parameters, dyestuff.n_identified) == (2, 3)
    assert dyestuff.aic == pytest.approx(325.6543, abs=1e-4)
    assert dyestuff.bic == pytest.approx(329.8579, abs=1e-4)


def test_a_summary_has_fixed_effects_with_their_wald_limits(dyestuff):
    table = dyestuff.summary()
    assert list(table.index) == ["between", "within", "mu"]
    np.testing.assert_allclose(table.loc["mu", ["estimate", "se"]].astype(float), [1527.5, 19.38341], rtol=1e-6)
    assert table.loc["mu", "wald95_ub"] == pytest.approx(1527.5 + stats.norm.ppf(0.975) * 19.383412, abs=1e-4)
    assert "Restricted maximum likelihood (REML) fit: converged" in repr(dyestuff)
    assert "k = 2 + 1 fixed" in repr(dyestuff)
    assert list(dyestuff.summary(var_names="mu").index) == ["mu"]
    assert dyestuff.to_dataset().attrs["restricted"] == "mu"


def test_profile_limits_of_a_spread_are_those_of_the_definition(dyestuff):
    """In a balanced design −2 log L_R is a function of the mean squares between and within: m = 5, n = 6."""
    y = _data(dyestuff)["y"].reshape(6, 5)
    squares = 5 * y.mean(1).var(ddof=1) * 5, y.var(1, ddof=1).sum() * 4

    def value(between, within):
        v = within**2 + 5 * between**2
        logs = 5 * np.log(v) + 24 * np.log(within**2) + squares[0] / v + squares[1] / within**2
        return logs + 29 * np.log(2 * np.pi) + np.log(30)

    def profiled(between):
        return minimize_scalar(lambda w: value(between, w), bounds=(30, 80), method="bounded", options={"xatol": 1e-10})

    cut = dyestuff.minus2ll + stats.chi2.ppf(0.95, 1)
    ends = [brentq(lambda b: profiled(b).fun - cut, *around) for around in ((5, 40), (45, 200))]
    found = pml.confidence_intervals(dyestuff, "between", **QUIET)["interval"].squeeze()
    np.testing.assert_allclose(found, ends, rtol=1e-6)


def test_simulated_data_have_the_estimated_fixed_effects(dyestuff):
    draws = pml.parametric_bootstrap(dyestuff, draws=30, random_seed=3, **QUIET)
    assert float(draws["within"].mean()) == pytest.approx(49.5, abs=5)
    assert set(draws["status"].values.ravel()) <= {"converged", "at_bound"}


def test_a_profile_of_a_fixed_effect_is_refused(dyestuff):
    with pytest.raises(ValueError, match="got 'mu', a fixed effect that the restricted likelihood integrates out"):
        pml.confidence_intervals(dyestuff, "mu", **QUIET)
    with pytest.raises(ValueError, match="a fixed effect that the restricted likelihood integrates out"):
        dyestuff.objective.find("mu")


def test_a_restricted_likelihood_is_not_compared_with_one_that_is_none(dyestuff, by_likelihood):
    for pair in ((dyestuff, by_likelihood), (by_likelihood, dyestuff)):
        with pytest.raises(ValueError, match="two by restricted maximum likelihood"):
            pml.likelihood_ratio_test(*pair, **QUIET)
    with pytest.raises(ValueError, match="got only 'reml' with restricted"):
        pml.compare_models({"ml": by_likelihood, "reml": dyestuff}, **QUIET)


def test_a_test_of_fixed_effects_is_refused(dyestuff):
    with pytest.raises(ValueError, match="'mu' is not free: restricted likelihoods test variances"):
        pml.likelihood_ratio_test(pm.do(models.dyestuff(), {"mu": 1500.0}), dyestuff, **QUIET)


def test_the_prior_has_no_part_in_it(dyestuff):
    draws = xr.Dataset({name: (("chain", "draw"), [[50.0] * 4]) for name in ("mu", "between", "within")})
    with pytest.raises(ValueError, match="their priors play no part"):
        pml.compare_with_posterior(dyestuff, draws, **QUIET)
    with pytest.raises(ValueError, match="their priors play no part"):
        pml.prior_path(dyestuff.objective, **QUIET)


def test_simulated_data_show_the_design():
    objective = pml.Objective(models.sleepstudy(), latent="z", restricted="beta")
    point = {"sd_intercept": 20.0, "sd_slope": 5.0, "rho": 0.1, "sigma": 30.0}
    design = objective.model["design"].get_value()
    np.testing.assert_allclose(Simulator(objective).design(point), design, atol=1e-8)


def regression(design, name="b"):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(5), 4)
    y = rng.normal(size=5)[groups] + rng.normal(size=20)
    with pm.Model() as model:
        b = pm.Normal(name, 0, 5, shape=design.shape[1])
        u = pm.Normal("u", 0, pm.HalfNormal("between", 2), shape=5)
        pm.Normal("y", design @ b + u[groups], pm.HalfNormal("within", 2), observed=y)
    return pml.fit_mle(pml.Objective(model, restricted="auto"), starts=1, **QUIET)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_only_the_same_design_of_fixed_effects_is_compared():
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(20), rng.normal(size=20)])
    fit = regression(design)
    refused = {
        "another design of b": regression(np.column_stack([np.ones(20), rng.normal(size=20)])),
        r"on two in 'a' and in 'b', which alone moves −2LL by 4.605": regression(design * [1, 10]),
        "got other shapes of b": regression(design[:, :1]),
        "got b and g": regression(design, "g"),
    }
    for words, other in refused.items():
        with pytest.raises(ValueError, match=words):
            pml.compare_models({"a": fit, "b": other}, **QUIET)
    centred = regression(design - [0.0, 0.3])
    table = pml.compare_models({"a": fit, "b": centred}, **QUIET)
    np.testing.assert_allclose(np.ptp(table["aic"]), 0.0, atol=1e-7)
