"""Likelihood ratio tests: published ones, closed forms, edges, what vanishes, and what is not nested."""

import runpy
from functools import cache

import numpy as np
import published
import pymc as pm
import pytensor.tensor as pt
import pytest
from published import EXAMPLES
from scipy import optimize, stats
from selection import exhaustive
from variance_components import one_way

import pymc_landscape as pml
from pymc_landscape.inference.hypothesis_tests import likelihood_ratio
from pymc_landscape.optimize.infimum import infimum
from pymc_landscape.optimize.multistart import search_from_start as follow


def lr(null, alternative, **options) -> pml.LikelihoodRatioTest:
    return pml.likelihood_ratio_test(null, alternative, progressbar=False, **options)


def fit(model, **options) -> pml.Fit:
    return pml.fit_mle(model, progressbar=False, **options)


@cache
def budworm(sex: bool = True, dead: tuple[int, ...] = tuple(published.DEAD)) -> pm.Model:
    with pm.Model() as model:
        b0, b2 = pm.Flat("b0"), pm.Flat("b2")
        b1 = pm.Flat("b1") if sex else 0.0
        eta = b0 + b1 * published.MALE + b2 * published.DOSE
        pm.Binomial("dead", n=published.TRIED, logit_p=eta, observed=np.array(dead))
    return model


Y = np.array([1.0, 2.0, 0.5, 4.5, -1.0])


@cache
def two_means(sigma: float = 2.0) -> pm.Model:
    """The same numbers in two groups, each with a mean of its own; σ known."""
    with pm.Model() as model:
        first, second = pm.Normal("first", 0, 10), pm.Normal("second", 0, 10)
        pm.Normal("y", pt.stack([first, second])[:, None], np.float64(sigma), observed=np.stack([Y, Y + 1]))
    return model


# --- regular ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["do", "without", "fits", "objectives"])
def test_budworm_without_sex(how):
    """Venables & Ripley: LR 10.22696843, p 0.00138402."""
    null = pm.do(budworm(), {"b1": 0.0}) if how == "do" else budworm(False)
    wrap = {"fits": fit, "objectives": pml.Objective}.get(how, lambda model: model)
    test = lr(wrap(null), wrap(budworm()))
    assert test.statistic == pytest.approx(10.22696843, abs=1e-8)
    assert test.p_value == pytest.approx(0.00138402, abs=5e-9)
    assert (test.df, test.reference) == (1, "chi2")
    np.testing.assert_array_equal(test.weights, [0.0, 1.0])
    assert not len(test.draws)
    assert "inside the alternative" in test.message
    assert ("found in the alternative at b1 = 0" in test.message) == (how != "do")


@pytest.mark.exhaustive
def test_budworm_against_its_bootstrap():
    """200 draws under the null: χ²₁ by Kolmogorov–Smirnov, and p as they are counted."""
    test = lr(budworm(False), budworm(), reference="bootstrap", draws=200, random_seed=3)
    assert test.reference == "bootstrap"
    assert test.draws.shape == (200,)
    assert stats.kstest(test.draws, stats.chi2(1).cdf).pvalue > 1e-3
    assert test.p_value == (1 + (test.draws >= test.statistic).sum()) / 201


def test_a_known_mean_in_closed_form():
    """LR = n ȳ² / σ², with what the null does not fix free."""
    test = lr(pm.do(two_means(), {"second": 0.0}), two_means())
    assert test.statistic == pytest.approx(5 * (Y + 1).mean() ** 2 / 4, abs=1e-9)
    assert test.p_value == pytest.approx(stats.chi2(1).sf(test.statistic), rel=1e-9)


def test_a_null_with_nothing_free():
    """LR = Σ n ȳ² / σ² on two degrees of freedom."""
    null = pm.do(two_means(), {"first": 0.5, "second": 0.0})
    test = lr(null, two_means())
    wanted = 5 * ((Y.mean() - 0.5) ** 2 + (Y + 1).mean() ** 2) / 4
    assert (test.statistic, test.df) == (pytest.approx(wanted, abs=1e-9), 2)
    assert test.null.n_parameters == 0
    assert test.null.aic == pytest.approx(test.null.minus2ll)
    assert "fixed by the null" in repr(test.null)
    assert lr(null, fit(two_means())).statistic == test.statistic


def test_the_simulated_law_of_a_normal_mean_is_chi_squared_exactly():
    null = pm.do(two_means(), {"first": 0.5, "second": 0.0})
    test = lr(null, two_means(), reference="bootstrap", draws=300, random_seed=1)
    assert stats.kstest(test.draws, stats.chi2(2).cdf).pvalue > 1e-3


def test_one_parameter_and_a_value_on_another_scale():
    """7 of 10 against ½: 2 Σ O log(O / E)."""
    with pm.Model() as model:
        p = pm.Beta("p", 1, 1)
        pm.Binomial("y", n=10, p=p, observed=7)
    test = lr(pm.do(model, {"p": 0.5}), model)
    assert test.statistic == pytest.approx(2 * (7 * np.log(7 / 5) + 3 * np.log(3 / 5)), abs=1e-9)


def test_an_array_with_fewer_elements_is_matched_by_label():
    with pm.Model(coords={"term": ["intercept", "ldose"]}) as null:
        b = pm.Flat("b", dims="term")
        pm.Binomial("dead", n=published.TRIED, logit_p=b[0] + b[1] * published.DOSE, observed=published.DEAD)
    test = lr(null, published.budworm())
    assert test.statistic == pytest.approx(10.22696843, abs=1e-8)
    assert "b[male] = 0" in test.message


def test_a_null_that_ties_two_parameters_together():
    """Equal means, written as a Deterministic of the same name: LR = n (ȳ₁ − ȳ₂)² / 2σ²."""
    with pm.Model() as null:
        first = pm.Normal("first", 0, 10)
        second = pm.Deterministic("second", first)
        pm.Normal("y", pt.stack([first, second])[:, None], np.float64(2.0), observed=np.stack([Y, Y + 1]))
    test = lr(null, two_means())
    assert test.statistic == pytest.approx(5 / 8, abs=1e-9)
    assert test.reference == "chi2"


def test_a_value_that_cannot_be_found_is_taken_as_inside_and_said():
    """Puromycin with σ known against σ free."""
    test = lr(published.puromycin(published.S), published.puromycin())
    known = published.SSE / published.S**2 + 12 * np.log(2 * np.pi * published.S**2)
    assert test.statistic == pytest.approx(known - published_free(), abs=1e-6)
    assert "sigma is not known" in test.message


def published_free() -> float:
    return 89.27096865


# --- edges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", ["log", exhaustive("interval")])
def test_dyestuff_on_the_edge(prior):
    """Half of χ²₁: LR 5.40282609, p 0.01005209 (naive 0.02010417)."""
    model, _ = one_way("Dyestuff", prior)
    null = pm.do(model, {"sigma_b": 0.0})
    test = lr(null, model)
    assert test.statistic == pytest.approx(5.40282609, abs=1e-8)
    assert test.p_value == pytest.approx(0.01005209, abs=5e-9)
    assert (test.df, test.reference) == (1, "chibar2")
    np.testing.assert_array_equal(test.weights, [0.5, 0.5])
    assert "sigma_b on the edge" in test.message
    assert lr(null, model, reference="chi2").p_value == pytest.approx(0.02010417, abs=5e-9)


@pytest.mark.exhaustive
def test_a_mirror_image_is_an_edge_too():
    """A standard deviation with a prior on the whole line: the likelihood knows only its size."""
    whole, _ = one_way("Dyestuff", "whole line")
    half, _ = one_way("Dyestuff", "log")
    test = lr(pm.do(half, {"sigma_b": 0.0}), whole)
    assert test.p_value == pytest.approx(0.01005209, abs=5e-9)


@pytest.mark.exhaustive
def test_an_estimate_on_the_edge_leaves_no_doubt_about_the_null():
    """Dyestuff2: σ_b = 0 fits best; Pr(χ²₀ ≥ 0) = 1."""
    model, _ = one_way("Dyestuff2", "log")
    test = lr(pm.do(model, {"sigma_b": 0.0}), model)
    assert (test.statistic, test.p_value) == (0.0, 1.0)


COUNTS = np.array([0, 1, 5, 2, 9, 0, 0, 3, 1, 12, 0, 2, 1, 4, 0, 7])


@cache
def counts(overdispersed: bool) -> pm.Model:
    with pm.Model() as model:
        mu = pm.Exponential("mu", 1)
        if overdispersed:
            pm.NegativeBinomial("y", mu, pm.Exponential("alpha", 1), observed=COUNTS)
        else:
            pm.Poisson("y", mu, observed=COUNTS)
    return model


def test_an_edge_at_infinity():
    """Poisson in the negative binomial: α → ∞, half of χ²₁ (Lawless 1987)."""
    test = lr(counts(False), counts(True))
    mu = COUNTS.mean()
    a = test.alternative.point["alpha"].item()
    free = -2 * stats.nbinom(a, a / (a + mu)).logpmf(COUNTS).sum()
    assert test.statistic == pytest.approx(-2 * stats.poisson(mu).logpmf(COUNTS).sum() - free, abs=1e-7)
    assert test.p_value == pytest.approx(stats.chi2(1).sf(test.statistic) / 2, rel=1e-9)
    assert "alpha = +∞" in test.message


@pytest.mark.exhaustive
def test_a_simulated_edge_agrees_with_its_mixture():
    """Half of the statistics are 0, or nearly."""
    test = lr(counts(False), counts(True), reference="bootstrap", draws=40, random_seed=2)
    assert len(test.draws) == 40
    assert 0.35 < (test.draws < 1e-3).mean() < 0.8
    assert test.p_value == 1 / (1 + len(test.draws))


@cache
def shrunk_means(scale: str) -> pm.Model:
    """Two means that cannot be negative, with errors that are correlated; or their roots."""
    cov = np.array([[1.0, 0.6], [0.6, 1.0]])
    with pm.Model() as model:
        a, b = pm.HalfNormal("a", 10), pm.HalfNormal("b", 10)
        nuisance = pm.Normal("nuisance", 0, 10)
        mean = pt.stack([a**2, b**2] if scale == "root" else [a, b])
        pm.MvNormal("y", mean, cov, observed=np.array([[1.1, 0.3], [0.9, -0.2], [0.8, 0.9]]))
        pm.Normal("z", nuisance, 1, observed=[0.1, 0.3])
    return model


@pytest.mark.exhaustive
@pytest.mark.parametrize("scale", ["plain", "root"])
def test_two_parameters_on_the_edge(scale):
    """Self & Liang's case 7, with the correlation of the estimates: w₂ = ¼ + asin ρ / 2π."""
    model = shrunk_means(scale)
    test = lr(pm.do(model, {"a": 0.0, "b": 0.0}), model)
    w2 = 0.25 + np.arcsin(0.6) / (2 * np.pi)
    assert test.reference == "chibar2"
    np.testing.assert_allclose(test.weights, [0.5 - w2, 0.5, w2], atol=1e-4)


def test_an_edge_beside_something_inside():
    """One on the edge and one inside: ½ χ²₁ + ½ χ²₂."""
    model = shrunk_means("plain")
    test = lr(pm.do(model, {"b": 0.0, "nuisance": 0.0}), model)
    np.testing.assert_array_equal(test.weights, [0.0, 0.5, 0.5])
    assert "b on the edge" in test.message


@pytest.mark.exhaustive
def test_a_null_that_is_itself_on_an_edge_calls_for_simulation():
    """With a = 0 the best b is negative: 0."""
    model = shrunk_means("plain")
    test = lr(pm.do(model, {"a": 0.0}), model, draws=3, random_seed=1)
    assert test.null.status.value == "at_bound"
    assert test.reference == "bootstrap"
    assert "own estimate is on an edge" in test.message


@pytest.mark.exhaustive
def test_a_term_that_says_nothing_about_what_is_free():
    """With the nuisance fixed, the second observed variable depends on nothing; LR = n z̄²."""
    model = shrunk_means("plain")
    test = lr(pm.do(model, {"nuisance": 0.0}), model, reference="bootstrap", draws=5, random_seed=1)
    assert test.statistic == pytest.approx(2 * 0.2**2, abs=1e-9)
    assert len(test.draws) == 5


# --- what vanishes ---------------------------------------------------------------------------------------------------


@cache
def contaminated() -> pm.Model:
    y = np.random.default_rng(2).normal(size=30)
    with pm.Model() as model:
        w, mu = pm.Beta("w", 1, 1), pm.Normal("mu", 0, 5)
        pm.NormalMixture("y", pt.stack([1 - w, w]), pt.stack([np.float64(0.0) * mu, mu]), 1.0, observed=y)
    return model


@pytest.mark.exhaustive
def test_a_mean_without_weight_calls_for_simulation():
    null = pm.do(contaminated(), {"w": 0.0, "mu": 1.0})
    test = lr(null, contaminated(), draws=4, random_seed=1)
    assert test.reference == "bootstrap"
    assert "mu makes no difference" in test.message
    assert "Davies" in test.message
    assert 0 < test.p_value <= 1
    assert (test.draws >= 0).all()
    assert not len(test.weights)


def test_what_must_be_simulated_and_cannot_is_refused():
    with pm.Model() as model:
        w, mu = pm.Beta("w", 1, 1), pm.Normal("mu", 0, 5)
        y = np.random.default_rng(2).normal(size=30)
        pm.Potential("term", pt.log((1 - w) * pt.exp(-(y**2) / 2) + w * pt.exp(-((y - mu) ** 2) / 2)).sum())
    with pytest.raises(ValueError, match=r"mu makes no difference.*pm\.Potential 'term'"):
        lr(pm.do(model, {"w": 0.0, "mu": 1.0}), model)


def nbd_with_histories(customers) -> pm.Model:
    """NBD for the observed variable of the BG/NBD model: nobody leaves, the last purchase is the latest of x."""
    age = customers["age_weeks"].to_numpy(float)

    def logp(history, r, alpha, age):
        return published.nbd_logp(history[..., 0], r, alpha, age)

    def random(r, alpha, age, rng, size=None):
        x = rng.poisson(rng.gamma(r, 1 / alpha, size=age.shape) * age).astype(float)
        last = np.where(x > 0, age * rng.beta(np.maximum(x, 1), 1), 0.0)
        return np.stack([x, last], axis=-1)

    with pm.Model() as model:
        r, alpha = pm.LogNormal("r", 0, 1), pm.LogNormal("alpha", np.log(10), 1)
        history = customers[["frequency", "recency_weeks"]].to_numpy(float)
        options = {"logp": logp, "random": random, "signature": "(),(),()->(2)"}
        pm.CustomDist("history", r, alpha, age, **options, observed=history)
    return model


@pytest.mark.exhaustive
def test_cdnow_customers_leave():
    """Δ = 362.469323; as a → 0 nothing depends on b, so the law is simulated (a few draws only)."""
    example = runpy.run_path(str(EXAMPLES / "user_behavior.py"))
    customers = example["load_customers"]()
    test = lr(nbd_with_histories(customers), example["build_model"](customers, merge=False), draws=2, random_seed=4)
    assert test.statistic == pytest.approx(362.469323, abs=1e-6)
    assert (test.df, test.reference) == (2, "bootstrap")
    assert "b makes no difference" in test.message
    assert test.draws.max() < 30
    assert test.p_value == 1 / (1 + len(test.draws))


EVEN = np.array([2.0, 3, 2, 3, 2, 4, 2, 3] * 40)


@cache
def far_out() -> pm.Model:
    """Counts that vary less than Poisson's, as a negative binomial: best at b = ∞, where gammaln(b) has no digits."""

    def logp(y, mu, b):
        grown = pt.gammaln(b + y) - pt.gammaln(b)
        return grown - y * pt.log(b + mu) - b * pt.log1p(mu / b) + y * pt.log(mu) - pt.gammaln(y + 1)

    with pm.Model() as model:
        mu, b = pm.Exponential("mu", 1), pm.LogNormal("b", 0, 1)
        pm.CustomDist("y", mu, b, logp=logp, observed=EVEN)
    return model


@pytest.mark.parametrize("start", [0.0, 4.0])
def test_the_infimum_of_what_runs_away_is_read_where_there_are_digits(start):
    """Underdispersed counts under a negative binomial: −2LL falls towards Poisson's and never reaches it."""
    usual = np.array([1.0, start])
    poisson = -2 * stats.poisson(EVEN.mean()).logpmf(EVEN).sum()
    end = follow(pml.Objective(far_out()), usual, "")
    assert infimum(end.report.status, end.result, usual) == pytest.approx(poisson, abs=2e-3)


def test_what_falls_for_ever_has_no_infimum():
    """One observation, σ → 0."""
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 1), pm.HalfNormal("sigma", 1), observed=[0.3])
    usual = np.array([0.0, 0.0])
    with np.errstate(all="ignore"):
        end = follow(pml.Objective(model), usual, "")
        assert np.isnan(infimum(end.report.status, end.result, usual))


# --- refused ---------------------------------------------------------------------------------------------------------


def test_models_the_wrong_way_round():
    with pytest.raises(ValueError, match="got 'b1', which the alternative does not have"):
        lr(budworm(), budworm(False))


def test_as_many_parameters():
    with pytest.raises(ValueError, match="got 3 and 3"):
        lr(budworm(), budworm())


def test_other_data():
    other = (*published.DEAD[:-1], 17)
    with pytest.raises(ValueError, match="different values of 'dead'"):
        lr(budworm(False, other), budworm())


def test_other_observed_terms():
    with pm.Model() as null:
        b0 = pm.Flat("b0")
        pm.Poisson("killed", pt.exp(b0), observed=published.DEAD)
    with pytest.raises(ValueError, match="got killed in the null and dead"):
        lr(null, budworm())


def test_another_likelihood():
    """A null that fixes a parameter, and is another model besides."""
    with pm.Model() as model:
        first = pm.Normal("first", 0, 10)
        pm.Data("second", 0.0)
        pm.Cauchy("y", first, 1.0, observed=np.stack([Y, Y + 1]))
    with pytest.raises(ValueError, match="differ in something else"):
        lr(model, two_means())


def test_data_that_changed_between_the_fits():
    with pm.Model() as model:
        x = pm.Data("x", np.arange(5.0))
        a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10)
        pm.Normal("y", a + b * x, 1.0, observed=Y)
    null, alternative = fit(pm.do(model, {"b": 0.0})), fit(model)
    assert lr(null, alternative).df == 1
    pm.set_data({"x": np.arange(5.0) ** 2}, model=model)
    with pytest.raises(ValueError, match="when the alternative was fitted"):
        lr(null, alternative)


@pytest.mark.exhaustive
def test_an_alternative_above_its_own_special_case():
    """Two hills, and the alternative on the lower one."""

    def hills(free: bool) -> pml.Objective:
        with pm.Model() as model:
            mu = pm.Normal("mu", 0, 10)
            shift = pm.Normal("shift", 0, 1) if free else 0.0
            pm.Potential("hill", pt.logaddexp(-((mu - 2) ** 2), -((mu + 8) ** 2) - 3) - (shift - 1) ** 2)
        return pml.Objective(model)

    null, alternative = fit(hills(False), starts={"mu": 2.0}), fit(hills(True), starts={"mu": -8.0})
    with pytest.raises(ValueError, match=r"alternative \(converged\) has not arrived.*starts=\[null\.point\]"):
        lr(null, alternative)
    assert lr(null, fit(hills(True), starts=[null.point])).statistic == pytest.approx(2.0)


def test_fits_that_have_not_arrived():
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 10)
        pm.Normal("y", mu, sigma, observed=[3.0])
    null = fit(pm.do(model, {"sigma": 1.0}))
    with pytest.raises(ValueError, match="Expected fits that have arrived, got the alternative, which is"):
        lr(null, fit(model))


def test_a_posterior_mode():
    with pytest.raises(ValueError, match="posterior mode as null"):
        lr(pml.fit_map(budworm(False), progressbar=False), budworm())


def test_a_null_with_nothing_free_must_fix_everything():
    with pm.Model() as null:
        pm.Normal("y", 0, 1, observed=np.stack([Y, Y + 1]))
    with pytest.raises(ValueError, match="no value for 'first'"):
        lr(null, two_means())


def test_a_null_with_nothing_free_and_other_data():
    with pm.Model() as null:
        pm.Data("first", 0.0)
        pm.Data("second", 0.0)
        pm.Normal("y", 0, 2, observed=np.stack([Y, Y]))
    with pytest.raises(ValueError, match="same data"):
        lr(null, two_means())


@pytest.mark.parametrize("options", [{"reference": "normal"}, {"draws": 0}, {"draws": 2.5}])
def test_options_are_checked_first(options):
    with pytest.raises(ValueError, match=r"Expected (reference|draws)"):
        lr(None, None, **options)


def test_a_mixture_without_an_edge():
    with pytest.raises(ValueError, match="reference='chi2'"):
        lr(budworm(False), budworm(), reference="chibar2")


# --- what comes back -------------------------------------------------------------------------------------------------


def test_in_words_and_as_a_dataset(tmp_path):
    model, _ = one_way("Dyestuff", "log")
    test = lr(pm.do(model, {"sigma_b": 0.0}), model)
    assert "p = 0.0100521 (0.5 χ²(0) + 0.5 χ²(1))" in repr(test)
    assert "<strong>" in test._repr_html_()
    dataset = test.to_dataset()
    assert dataset["p_value"].item() == test.p_value
    assert dataset["minus2ll"].sel(model="null").item() == test.null.minus2ll
    np.testing.assert_array_equal(dataset["weights"], [0.5, 0.5])
    assert dataset.attrs["reference"] == "chibar2"
    dataset.to_netcdf(tmp_path / "test.nc")
    with pytest.raises(AttributeError):
        test.statistic = 0.0  # type: ignore[misc]


def test_draws_are_in_the_dataset_and_a_seed_repeats_them():
    null, options = pm.do(two_means(), {"second": 0.0}), {"reference": "bootstrap", "draws": 5, "random_seed": 2}
    test = lr(null, two_means(), **options)
    np.testing.assert_array_equal(test.to_dataset()["draws"], test.draws)
    np.testing.assert_array_equal(lr(null, two_means(), **options).draws, test.draws)
    assert "parametric bootstrap, 5 draws" in repr(test)


def test_failed_refits_are_told(monkeypatch):
    null, calls = pm.do(two_means(), {"second": 0.0}), []

    def sometimes(self, seeds):
        for seed in seeds:
            calls.append(seed)
            yield np.nan if len(calls) % 2 else 1.0

    monkeypatch.setattr(likelihood_ratio.RatioSimulator, "__call__", sometimes)
    test = lr(null, two_means(), reference="bootstrap", draws=6)
    assert "In 3 of 6 simulated data sets a refit failed" in test.message
    assert test.p_value == (1 + (test.statistic <= 1.0) * 3) / 4


def test_ctrl_c_keeps_the_finished_draws(monkeypatch):
    null, calls = pm.do(two_means(), {"second": 0.0}), []

    def stops(self, seeds):
        for seed in seeds:
            calls.append(seed)
            if len(calls) > 3:
                raise KeyboardInterrupt
            yield 1.0

    monkeypatch.setattr(likelihood_ratio.RatioSimulator, "__call__", stops)
    with pytest.warns(UserWarning, match="3 of 9 replicates"):
        test = lr(null, two_means(), reference="bootstrap", draws=9)
    assert len(test.draws) == 3
    assert "Interrupted after 3 of 9" in test.message


@pytest.mark.parametrize("spread", [0.0, pytest.param(0.3, marks=pytest.mark.exhaustive)])
def test_a_spread_of_effects_that_the_null_fixes(spread):
    """Of data from balanced groups the marginal law is normal; its maximum is SciPy's."""
    group = np.repeat(np.arange(4), 4)
    y = np.random.default_rng(3).normal(2, 0.6, 16) + np.random.default_rng(4).normal(0, 0.5, 4)[group]
    same = (group[:, None] == group).astype(float)

    def minus2ll(p, sd):
        return -2 * stats.multivariate_normal.logpdf(y, np.full(16, p[0]), sd**2 * same + p[1] ** 2 * np.eye(16))

    tight = {"bounds": [(None, None), (0.01, None), (0, None)], "options": {"ftol": 1e-15, "gtol": 1e-10}}
    free = optimize.minimize(lambda p: minus2ll(p[:2], p[2]), [2, 0.6, 0.5], **tight).fun
    fixed = optimize.minimize(minus2ll, [2, 0.6], (spread,), bounds=tight["bounds"][:2], options=tight["options"]).fun
    with pm.Model() as model:
        between, within, mu = pm.HalfNormal("between", 1), pm.HalfNormal("within", 1), pm.Normal("mu", 0, 5)
        pm.Normal("y", mu + pm.Normal("u", 0, between, shape=4)[group], within, observed=y)
    test = pml.likelihood_ratio_test(pm.do(model, {"between": spread}), model, progressbar=False)
    assert test.null.minus2ll == pytest.approx(fixed, abs=1e-6)
    assert test.statistic == pytest.approx(fixed - free, abs=1e-6)
    share = 0.5 if spread == 0 else 1.0  # at the bound half of the law is the number 0
    assert test.p_value == pytest.approx(share * stats.chi2.sf(fixed - free, 1), abs=1e-6)


def test_what_is_evaluated_after_a_fit_takes_nothing_from_it():
    """Beyond 3 the density is +∞, as a truncated one is where its normalising integral underflows."""
    with pm.Model() as model:
        mu = pm.Flat("mu")
        pm.Potential("ll", pt.switch(mu > 3.0, np.inf, -2.0 * mu**2))
    here, null = fit(model), pm.do(model, {"mu": 1.0})
    assert np.isinf(here.result.restricted.value(np.array([4.0])))
    assert lr(null, here).statistic == pytest.approx(4.0)
