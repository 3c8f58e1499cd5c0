"""The exact law of one variance component: closed forms of balanced data, and RLRsim's numbers."""

import re
from functools import cache

import latent_models
import numpy as np
import pymc as pm
import pytest
from scipy import optimize, stats

import pymc_landscape as pml
from pymc_landscape.inference.hypothesis_tests.exact_law import VarianceComponent


@cache
def dyestuff(restricted: bool = False) -> pml.LikelihoodRatioTest:
    return _tested(latent_models.dyestuff_with_priors(), "sd", restricted)


def _tested(model: pm.Model, spread: str, restricted: bool, **fixed) -> pml.LikelihoodRatioTest:
    options = {"latent": "u", "restricted": "auto" if restricted else ()}
    null = pml.Objective(pm.do(model, {spread: 0.0, **fixed}), **options)
    return pml.likelihood_ratio_test(
        null, pml.Objective(model, **options), reference="exact", random_seed=1, progressbar=False
    )


def balanced_tail(statistic: float, groups: int, each: int) -> float:
    """One-way layout: LR is a function of F alone (Herbach 1959), so that its tail is one of F."""
    within, n = groups * (each - 1), groups * each

    def ratio(f: float) -> float:
        between, rest = (groups - 1) * f, float(within)
        inflated = within * between / (groups * rest)
        return n * np.log((between + rest) / (between / inflated + rest)) - groups * np.log(inflated)

    threshold = groups / (groups - 1)
    return float(stats.f.sf(optimize.brentq(lambda f: ratio(f) - statistic, threshold, 1e4), groups - 1, within))


def test_dyestuff_has_the_law_of_f():
    """p = Pr(F ≥ 4.598) = 0.0043975; a statistic of 0 with chance Pr(F ≤ 6/5) = 0.660997."""
    test = dyestuff()
    assert test.p_value == pytest.approx(balanced_tail(test.statistic, 6, 5), abs=4 * test.p_value_error)
    assert test.p_value_error < 0.03 * test.p_value
    assert (test.draws == 0).mean() == pytest.approx(stats.f.cdf(6 / 5, 5, 24), abs=4 * np.sqrt(0.22 / 20_000))
    share = balanced_tail(stats.chi2(1).isf(0.1), 6, 5)  # 0.02425, where ½ χ²₁ says 5 %
    assert (test.draws > stats.chi2(1).isf(0.1)).mean() == pytest.approx(share, abs=4 * np.sqrt(share / 20_000))
    assert "exact law" in repr(test)


@pytest.mark.exhaustive
def test_few_groups_are_told_beside_the_mixture():
    model = latent_models.dyestuff_with_priors()
    null, alternative = (pml.Objective(m, latent="u") for m in (pm.do(model, {"sd": 0.0}), model))
    test = pml.likelihood_ratio_test(null, alternative, progressbar=False)
    assert test.p_value == pytest.approx(0.01005209, abs=1e-7)  # ½ χ²₁
    assert "With 6 groups" in test.message
    assert "66 % of the statistics are 0, for 50 %" in test.message
    assert "2.4 % are above 2.71, for 5 %" in test.message or "2.5 % are above" in test.message
    assert re.search(r"gives p = 0\.004\d+ ± 0\.0001", test.message)


def test_a_tail_far_out_has_the_same_relative_error():
    """LR = 30 of six groups of five: Pr = 8.0989e-9."""
    law = VarianceComponent(np.full(5, 2.8), np.full(6, 2.8), 30, 29, 0, False)
    p, error = law.tail(30.0, 20_000, np.random.default_rng(1))
    assert p == pytest.approx(balanced_tail(30.0, 6, 5), abs=4 * error)
    assert error < 0.1 * p


@pytest.mark.exhaustive
def test_restricted_dyestuff():
    """RLRsim's exactRLRT, 200,000 draws: RLRT 6.369, p 0.0044 (0.00015)."""
    test = dyestuff(restricted=True)
    assert test.statistic == pytest.approx(6.369, abs=5e-4)
    assert test.p_value == pytest.approx(0.0044, abs=4 * (test.p_value_error + 0.00015))


X = np.array([1, 2, 3, 4, 5, 2, 4, 6, 1, 3, 5, 7, 9.0])
GROUP = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3])
Y = np.array([3.1, 3.9, 5.2, 6.1, 6.8, 2.9, 5.5, 7.0, 1.2, 2.9, 6.9, 8.8, 11.2]) + 0.5 * np.array([-1, 1] * 6 + [-1])


def unbalanced() -> pm.Model:
    """A slope and a level for each of four groups, as levels of the groups."""
    with pm.Model() as model:
        a, b, sd, sigma = (
            pm.Normal("a", 0, 10),
            pm.Normal("b", 0, 10),
            pm.HalfNormal("sd", 5),
            pm.HalfNormal("sigma", 5),
        )
        pm.Normal("y", pm.Normal("u", a, sd, shape=4)[GROUP] + b * X, sigma, observed=Y)
    return model


def ratios(samples, restricted: bool):
    """LR of each column of `samples`: β and σ in closed form, the ratio λ of the variances on a fine grid.

    Lines of Laird & Ware (1982): V = I + λ ZZ', −2LL = (n − p or n) log rss(λ) + log|V| (+ log|X'V⁻¹X|) + constant.
    """
    n, design, groups = len(Y), np.stack([np.ones(len(Y)), X], axis=1), np.eye(4)[GROUP]
    heights = []
    for ratio in np.r_[0.0, np.geomspace(1e-7, 1e4, 1500)]:
        inverse = np.linalg.inv(np.eye(n) + ratio * groups @ groups.T)
        normal = design.T @ inverse @ design
        left = inverse - inverse @ design @ np.linalg.inv(normal) @ design.T @ inverse
        rss = np.einsum("is,ij,js->s", samples, left, samples, optimize=True)
        extra = np.linalg.slogdet(normal)[1] if restricted else 0.0
        heights.append((n - 2 * restricted) * np.log(rss) - np.linalg.slogdet(inverse)[1] + extra)
    return heights[0] - np.min(heights, axis=0)


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("restricted", [False, True])
def test_the_law_of_unbalanced_groups_is_that_of_the_refits(restricted, rng):
    """Against statistics of simulated data whose likelihood is a closed form but for one ratio; some are refitted."""
    test = _tested(unbalanced(), "sd", restricted)
    simulated = rng.normal(size=(len(Y), 4000))
    right = ratios(simulated, restricted)
    assert (right < 1e-6).mean() == pytest.approx((test.draws == 0).mean(), abs=4 * np.sqrt(2 * 0.25 / 4000))
    assert stats.ks_2samp(test.draws[test.draws > 1e-6], right[right > 1e-6]).pvalue > 1e-3
    options = {"starts": 1, "progressbar": False}
    for y, statistic in zip(simulated.T[:5], right, strict=False):
        null, larger = (pml.fit_mle(fit.objective.with_data(y=y), **options) for fit in (test.null, test.alternative))
        assert null.result.value - larger.result.value == pytest.approx(statistic, abs=1e-4)


def test_other_models_have_no_exact_law():
    with pm.Model() as model:
        sd, b = pm.HalfNormal("sd", 2), pm.Normal("b", 0, 2)
        pm.Poisson("y", pm.math.exp(b + pm.Normal("u", 0, sd, shape=4)[GROUP]), observed=np.arange(13))
    null, alternative = (pml.Objective(m, latent="u") for m in (pm.do(model, {"sd": 0.0}), model))
    with pytest.raises(ValueError, match="one variance"):
        pml.likelihood_ratio_test(null, alternative, reference="exact", progressbar=False)
