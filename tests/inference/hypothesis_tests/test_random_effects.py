"""Likelihood ratio tests of random effects: the law where a correlation vanishes, however the models are written.

The data are simulated; the laws are those of Stram & Lee (1994). Values of sleepstudy are lme4's (``data/lme4.json``).
"""

from functools import cache

import latent_models
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import stats
from selection import slow

import pymc_landscape as pml

GROUPS, TIMES = 15, 6
GROUP, X = np.repeat(np.arange(GROUPS), TIMES), np.tile(np.linspace(-1, 1, TIMES), GROUPS)


@cache
def response() -> np.ndarray:
    rng = np.random.default_rng(5)
    own = rng.normal(size=(GROUPS, 2)) * [1.0, 0.6]
    return 1 + 0.5 * X + own[GROUP, 0] + own[GROUP, 1] * X + rng.normal(0, 0.7, len(X))


def intercepts(spread: str = "tau") -> pm.Model:
    with pm.Model() as model:
        variance = spread == "variance"
        scale = pm.HalfNormal(spread, 2)
        u = pm.Normal("u", 0, pt.sqrt(scale) if variance else scale, shape=GROUPS)
        _observe(u[GROUP])
    return model


def slopes(how: str) -> pml.Objective:
    """Correlated intercepts and slopes, by standard deviations and a correlation or by a factor of the covariance."""
    with pm.Model() as model:
        if how == "factor":
            root, _, _ = pm.LKJCholeskyCov("chol", n=2, eta=1.0, sd_dist=pm.HalfNormal.dist(2.0))
        else:
            sd = pm.HalfNormal("sd", 2, shape=2)
            match how:
                case "rho":
                    root = latent_models.root(sd, pm.Uniform("rho", -1, 1))
                case "tanh":
                    root = latent_models.root(sd, pt.tanh(pm.Normal("z", 0, 1)))
                case "share":
                    root = latent_models.root(sd, 2 * pm.Beta("share", 2, 2) - 1)
                case "correlations":
                    root = sd[:, None] * pm.LKJCorr("R", n=2, eta=1.0)
        u = pm.Normal("u", 0, 1, shape=(GROUPS, 2)) @ root.T
        _observe(u[GROUP, 0] + u[GROUP, 1] * X)
    return pml.Objective(model, latent="u")


def _observe(effects) -> None:
    b, sigma = pm.Normal("b", 0, 10, shape=2), pm.HalfNormal("sigma", 2)
    pm.Normal("y", b[0] + b[1] * X + effects, sigma, observed=response())


@pytest.mark.parametrize("how", ["factor", *map(slow, ["rho", "tanh", "share", "correlations"])])
def test_a_slope_and_its_correlation_in_every_form(how):
    """½ χ²₁ + ½ χ²₂, the null written apart with a scalar spread of another name."""
    test = pml.likelihood_ratio_test(intercepts(), slopes(how), progressbar=False)
    assert (test.df, test.reference) == (2, "chibar2")
    np.testing.assert_array_equal(test.weights, [0.0, 0.5, 0.5])
    wanted = (stats.chi2(1).sf(test.statistic) + stats.chi2(2).sf(test.statistic)) / 2
    assert test.p_value == pytest.approx(wanted, rel=1e-9)
    assert "Its tau is" in test.message


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_spread_on_another_scale():
    """The null has a variance, the alternative a factor of the covariance."""
    test = pml.likelihood_ratio_test(intercepts("variance"), slopes("factor"), progressbar=False)
    np.testing.assert_array_equal(test.weights, [0.0, 0.5, 0.5])
    assert "on another scale" in test.message


@pytest.mark.slow
@pytest.mark.exhaustive
def test_one_more_of_three_correlated_effects():
    """½ χ²₂ + ½ χ²₃."""

    def quadratic(q: int) -> pm.Model:
        with pm.Model() as model:
            root, _, _ = pm.LKJCholeskyCov("chol", n=q, eta=1.0, sd_dist=pm.HalfNormal.dist(2.0))
            u = pm.MvNormal("u", np.zeros(q), chol=root, shape=(GROUPS, q))
            _observe(sum(u[GROUP, i] * X**i for i in range(q)))
        return model

    test = pml.likelihood_ratio_test(quadratic(2), quadratic(3), progressbar=False)
    np.testing.assert_array_equal(test.weights, [0.0, 0.0, 0.5, 0.5])


@pytest.mark.slow
@pytest.mark.exhaustive
def test_two_correlated_effects_at_once_are_simulated():
    """Their covariance is at the tip of a cone that is no orthant: two elements of the factor add to one variance."""
    with pm.Model() as none:
        _observe(0.0)
    test = pml.likelihood_ratio_test(none, slopes("factor"), draws=3, random_seed=1, progressbar=False)
    assert test.reference == "bootstrap"
    assert "through the square alone" in test.message


@pytest.mark.exhaustive
@pytest.mark.parametrize("free", [False, True])
def test_sleepstudy_slopes(free):
    """LR 42.139299, p 3.9612e-10, also where the null leaves the correlation free, which then makes no difference."""
    alternative = latent_models.sleepstudy_with_priors()
    null = pm.do(alternative, {"slope_sd": 0.0} if free else {"slope_sd": 0.0, "rho": 0.0})
    test = pml.likelihood_ratio_test(null, alternative, progressbar=False)
    assert test.statistic == pytest.approx(42.139299, abs=1e-6)
    assert test.p_value == pytest.approx(3.9612e-10, rel=1e-4)
    assert test.df == 2


# --- squares ---------------------------------------------------------------------------------------------------------


def by_square(y: np.ndarray) -> pm.Model:
    with pm.Model() as model:
        c = pm.Normal("c", 0, 1)
        pm.Normal("y", c**2, 1.0, observed=y)
    return model


def test_a_parameter_that_enters_by_its_square():
    """y ~ N(c², 1): ½ χ²₀ + ½ χ²₁ in c², and said so: c = 0 lies inside the support."""
    y = np.array([0.7, 1.1, -0.2, 0.9])
    model = by_square(y)
    test = pml.likelihood_ratio_test(pm.do(model, {"c": 0.0}), model, progressbar=False)
    assert test.statistic == pytest.approx(4 * y.mean() ** 2, abs=1e-8)
    assert test.p_value == pytest.approx(stats.chi2(1).sf(test.statistic) / 2, rel=1e-8)
    assert "−2LL depends on c through the square alone" in test.message
    assert "edge" not in test.message


def test_a_score_that_is_0_by_chance_is_no_symmetry():
    """y ~ N(c x, 1) with Σ x y = 0: −2LL of these data is symmetric in c, of others it is not."""
    x = np.array([-1.0, 0.0, 1.0])
    with pm.Model() as model:
        c = pm.Normal("c", 0, 1)
        pm.Normal("y", c * x, 1.0, observed=[2.0, 1.0, 2.0])
    test = pml.likelihood_ratio_test(pm.do(model, {"c": 0.0}), model, progressbar=False)
    assert test.reference == "chi2"
