"""Simulated coverage against sums over all data sets, and against the exact laws of a normal mean and its posterior."""

import logging
from functools import cache

import arviz as az
import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import optimize, stats
from selection import exhaustive
from verbs import fit

import pymc_landscape as pml
from pymc_landscape.inference import coverage
from pymc_landscape.inference.coverage import Sampler
from pymc_landscape.objective.observations.simulate import observed_data

DRAWS = 2_000
OF_MEANS = 800  # each is fitted
N, P = 10, 0.7
CUTOFF = 3.841458820694124
Y = np.array([1.2, -0.4, 3.1, 2.2, 0.7])


def study(model: pm.Model, *args, **options):
    return pml.coverage_study(fit(model), *args, progressbar=False, **options)


def within_monte_carlo(share, exact: float, draws: int) -> bool:
    return abs(float(share) - exact) <= 4 * np.sqrt(exact * (1 - exact) / draws)


# --- a proportion: sums over the counts ------------------------------------------------------------------------------


def of_counts(n: int = N, p: float = P):
    counts = np.arange(n + 1)
    return counts, stats.binom(n, p).pmf(counts)


def log_ratio(counts: np.ndarray, p: float, n: int = N) -> np.ndarray:
    """−2 log of the likelihood ratio of p, by count."""
    return 2 * (stats.binom.logpmf(counts, n, counts / n) - stats.binom.logpmf(counts, n, p))


def wald_ends(counts: np.ndarray, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    p = counts / n
    reach = 1.959963984540054 * np.sqrt(p * (1 - p) / n)
    return p - reach, p + reach


def profile_ends(count: int, n: int = N) -> tuple[float, float]:
    """Where the ratio crosses the cut-off, by bisection; on an edge the edge itself."""

    def above(p: float) -> float:
        return float(log_ratio(np.array([count]), p)[0]) - CUTOFF

    low = 0.0 if count == 0 else optimize.brentq(above, 1e-12, count / n, xtol=1e-14)
    high = 1.0 if count == n else optimize.brentq(above, count / n, 1 - 1e-12, xtol=1e-14)
    return low, high


@cache
def proportion() -> pm.Model:
    """Seven of ten."""
    with pm.Model() as model:
        pm.Binomial("y", N, pm.Beta("p", 1, 1), observed=7)
    return model


@pytest.fixture(scope="module")
def of_proportion():
    return study(proportion(), draws=DRAWS, random_seed=4).sel(parameter="p")


def test_the_profile_of_a_proportion_covers_as_the_sum_over_counts_says(of_proportion):
    """A count is inside where −2 log of its likelihood ratio at p is below χ²₁(0.95)."""
    counts, chance = of_counts()
    exact = float(chance @ (log_ratio(counts, P) <= CUTOFF))
    here = of_proportion.sel(interval_method="profile")
    assert within_monte_carlo(here["coverage"], exact, DRAWS)
    assert int(here["n_failed"]) == 0
    share = float(here["coverage"])
    assert float(here["coverage_se"]) == pytest.approx(np.sqrt(share * (1 - share) / DRAWS))


def test_the_profile_of_a_proportion_is_as_wide_as_the_sum_over_counts_says(of_proportion):
    counts, chance = of_counts()
    widths = np.array([high - low for low, high in map(profile_ends, counts)])
    mean = chance @ widths
    error = np.sqrt(chance @ (widths - mean) ** 2 / DRAWS)
    assert float(of_proportion.sel(interval_method="profile")["width"]) == pytest.approx(mean, abs=4 * error)


def test_walds_interval_of_a_proportion_covers_less(of_proportion):
    """On an edge there is no standard error and no interval of Wald's: such a data set is a miss."""
    counts, chance = of_counts()
    low, high = wald_ends(counts)
    inner = (counts > 0) & (counts < N)
    exact = float(chance[inner] @ ((low <= P) & (high >= P))[inner])
    here = of_proportion.sel(interval_method="wald")
    assert exact == pytest.approx(0.8401, abs=5e-5)
    assert within_monte_carlo(here["coverage"], exact, DRAWS)
    assert within_monte_carlo(here["no_interval"], 1 - chance[inner].sum(), DRAWS)
    assert int(here["n_failed"]) == round(float(here["no_interval"]) * DRAWS)
    assert float(of_proportion.sel(interval_method="profile")["coverage"]) > exact


def test_widths_are_compared_where_every_method_has_an_interval(of_proportion):
    """Wald has none at 0 and at 10: the profile's mean width there is over 1 to 9."""
    counts, chance = of_counts()
    inner = (counts > 0) & (counts < N)
    profile = np.array([high - low for low, high in map(profile_ends, counts)])
    wald = np.subtract(*wald_ends(counts)[::-1])
    for method, widths in {"profile": profile, "wald": wald}.items():
        mean = chance[inner] @ widths[inner] / chance[inner].sum()
        error = np.sqrt(chance[inner] @ (widths[inner] - mean) ** 2 / DRAWS)
        here = of_proportion.sel(interval_method=method)
        assert float(here["width_common"]) == pytest.approx(mean, abs=4 * error)
    assert float(of_proportion["width"].sel(interval_method="wald")) == pytest.approx(
        float(of_proportion["width_common"].sel(interval_method="wald")), rel=1e-12
    )


def test_a_rare_event_without_walds_interval_in_most_sets():
    """At p = 1/20 of twenty, 36 % of the sets have no success, and no interval of Wald's."""
    with pm.Model() as rare:
        pm.Binomial("y", 20, pm.Beta("p", 1, 1), observed=1)
    counts, chance = of_counts(20, 0.05)
    low, high = wald_ends(counts, 20)
    inner = counts > 0
    exact = float(chance[inner] @ ((low <= 0.05) & (high >= 0.05))[inner])
    made = study(rare, draws=1000, random_seed=5).sel(parameter="p", interval_method="wald")
    assert within_monte_carlo(made["coverage"], exact, 1000)
    assert within_monte_carlo(made["no_interval"], chance[0], 1000)


def test_data_that_come_again_are_not_fitted_again(monkeypatch):
    """Ten tries have eleven outcomes."""
    fitted, fit_mle = [], coverage.fit_mle
    monkeypatch.setattr(coverage, "fit_mle", lambda *args, **options: fitted.append(1) or fit_mle(*args, **options))
    made = study(proportion(), draws=300, random_seed=4)
    assert len(fitted) <= N + 1
    assert made.attrs["draws"] == 300


# --- a normal mean: Student's t --------------------------------------------------------------------------------------


@cache
def mean_of_five() -> pm.Model:
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 100), pm.HalfNormal("sigma", 10), observed=Y)
    return model


def test_a_normal_mean_from_five_is_covered_as_students_t_says():
    """The profile interval is ȳ ± s √((exp(q/n) − 1)(n − 1)/n): t has to be below √(n − 1) √(exp(q/n) − 1)."""
    n = len(Y)
    here = study(mean_of_five(), "mu", draws=OF_MEANS, method=["profile", "wald"], random_seed=2)
    assert list(here["interval_method"].values) == ["profile", "wald"]
    within = {"profile": np.sqrt((n - 1) * np.expm1(CUTOFF / n)), "wald": np.sqrt(CUTOFF * (n - 1) / n)}
    for method, reach in within.items():
        exact = 1 - 2 * stats.t(n - 1).sf(reach)
        assert within_monte_carlo(here["coverage"].sel(interval_method=method, parameter="mu"), exact, OF_MEANS)
    assert here.attrs["draws"] == OF_MEANS
    assert int(here["n_failed"].sum()) == int(here["n_open"].sum()) == 0


# --- posteriors ------------------------------------------------------------------------------------------------------

FOUR = np.array([1.0, 2.0, 0.5, 4.5])


@cache
def conjugate() -> pm.Model:
    """A mean of four with known standard deviation 2, and a prior N(0, 1): the posterior is N(ȳ / 2, 1 / 2)."""
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1)
        pm.Deterministic("twice", 2 * mu)
        pm.Normal("y", mu, np.float64(2.0), observed=FOUR)
    return model


def quantiles(twin: pml.Objective, number: int = 4000) -> xr.Dataset:
    """Return the posterior of `conjugate`, as draws that lie at its quantiles."""
    mean = observed_data(twin)["y"].mean() / 2
    mu = stats.norm(mean, np.sqrt(0.5)).ppf((np.arange(number) + 0.5) / number)
    drawn = np.reshape(mu, (2, -1))
    return xr.Dataset({"mu": (("chain", "draw"), drawn), "twice": (("chain", "draw"), 2 * drawn)})


@pytest.mark.exhaustive
def test_the_hdi_of_a_shrunken_mean_covers_as_its_normal_law_says(monkeypatch):
    """ȳ ~ N(2, 1) and the HDI is ȳ/2 ± 1.96 √½: it holds 2 where ȳ/2, which is N(1, ¼), is that close to it."""
    monkeypatch.setattr(coverage, "Sampler", lambda objective, settings: lambda twin, seed: quantiles(twin))
    names = {"mu": {"mu": 1.0}, "thrice": {"mu": 1.0, "twice": 1.0}}
    here = study(conjugate(), names, draws=OF_MEANS, method=["hdi", "wald"], sampler={"draws": 1}, random_seed=3)
    reach = 1.959963984540054 * np.sqrt(0.5)
    exact = stats.norm(1.0, 0.5).cdf(2 + reach) - stats.norm(1.0, 0.5).cdf(2 - reach)
    for name, size in (("mu", 1), ("thrice", 3)):
        hdi = here.sel(interval_method="hdi", parameter=name)
        assert within_monte_carlo(hdi["coverage"], exact, OF_MEANS)
        assert float(hdi["width"]) == pytest.approx(2 * size * reach, rel=5e-3)
        assert within_monte_carlo(here["coverage"].sel(interval_method="wald", parameter=name), 0.95, OF_MEANS)


@pytest.fixture(scope="module")
def sampler():
    objective = pml.Objective(conjugate())
    return objective, Sampler(objective, {"draws": 1000, "tune": 300, "chains": 2})


def test_a_sampler_draws_from_the_posterior_given_the_data_of_each_twin(sampler):
    """N(ȳ / 2, 1 / 2)."""
    objective, sample = sampler
    for shift in (0.0, 5.0):
        drawn = sample(objective.with_data(y=FOUR + shift), 1)
        standard_error = np.sqrt(0.5 / az.ess(drawn)["mu"].item())
        assert float(drawn["mu"].mean()) == pytest.approx((2.0 + shift) / 2, abs=4 * standard_error)
        assert float(drawn["mu"].std()) == pytest.approx(np.sqrt(0.5), rel=0.1)
        np.testing.assert_allclose(drawn["twice"], 2 * drawn["mu"])
    np.testing.assert_array_equal(sample(objective.with_data(y=FOUR + 5.0), 1)["mu"], drawn["mu"])
    np.testing.assert_array_equal(observed_data(objective)["y"], FOUR)


def test_a_sampler_compiles_once(sampler, monkeypatch):
    objective, sample = sampler
    sample(objective.with_data(y=FOUR), 1)

    def compiles(*args, **options):
        raise AssertionError("compiled again")

    monkeypatch.setattr("pymc.model.core.compile", compiles)
    sample(objective.with_data(y=FOUR + 1), 2)


@pytest.mark.exhaustive
def test_a_sampler_has_the_predictors_of_its_objective():
    with pm.Model() as model:
        x = pm.Data("x", np.ones(4))
        pm.Normal("y", x * pm.Normal("b", 0, 100), np.float64(1e-3), observed=FOUR)
    twin = pml.Objective(model).with_data(x=[1.0, 2.0, 3.0, 4.0])
    sample = Sampler(twin, {"draws": 50, "tune": 200, "chains": 1})
    assert float(sample(twin.with_data(y=[3.0, 6.0, 9.0, 12.0]), 1)["b"].mean()) == pytest.approx(3.0, abs=1e-3)
    np.testing.assert_array_equal(model["x"].get_value(), np.ones(4))


@pytest.mark.parametrize("steps", [100, exhaustive(700)])
def test_ctrl_c_while_sampling_is_passed_on(sampler, monkeypatch, steps):
    """PyMC keeps the draws that it has, or complains that there are none."""
    objective, sample = sampler
    astep, taken = pm.NUTS.astep, []

    def stops(*args):
        taken.append(1)
        if len(taken) > steps:
            raise KeyboardInterrupt
        return astep(*args)

    monkeypatch.setattr(pm.NUTS, "astep", stops)
    with pytest.raises(KeyboardInterrupt):
        sample(objective.with_data(y=FOUR), 1)


@pytest.mark.exhaustive
def test_hdis_are_made_of_sampled_posteriors():
    """At the mode of a flat prior, with known σ, an HDI is Wald's interval."""
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 1e3), np.float64(2.0), observed=FOUR)
    level = logging.getLogger("pymc").level
    here = study(model, draws=6, method=["hdi", "wald"], sampler={"draws": 400, "tune": 200, "chains": 1})
    assert here["width"].sel(interval_method="hdi").item() == pytest.approx(2 * 1.96, rel=0.15)
    assert here["width"].sel(interval_method="wald").item() == pytest.approx(2 * 1.96, rel=1e-3)
    assert (here["n_failed"] == 0).all()
    assert logging.getLogger("pymc").level == level


# --- the bootstrap, Ctrl-C, and what is refused ----------------------------------------------------------------------


def test_fewer_refits_of_the_bootstrap_can_be_asked_for(monkeypatch):
    from pymc_landscape.inference import intervals

    asked, bootstrap = [], intervals.parametric_bootstrap

    def counts(fit, *, draws, **options):
        asked.append(draws)
        return bootstrap(fit, draws=draws, **options)

    monkeypatch.setattr(intervals, "parametric_bootstrap", counts)
    here = study(conjugate(), draws=3, method=["bootstrap", "wald"], bootstrap_draws=40, random_seed=1)
    assert asked == [40, 40, 40]
    assert here["width"].sel(interval_method="bootstrap").item() == pytest.approx(2 * 1.96, rel=0.4)


def test_ctrl_c_keeps_the_data_sets_that_are_finished(monkeypatch):
    searched, search = [], coverage.StackedSearches

    def stops(*args, **options):
        searched.append(1)
        if len(searched) > 1:
            raise KeyboardInterrupt
        return search(*args, **options)

    monkeypatch.setattr(coverage, "StackedSearches", stops)
    monkeypatch.setattr(coverage.StackedData, "most_sets", staticmethod(lambda objective: 4))
    with pytest.warns(UserWarning, match="4 of 10 replicates"):
        here = study(mean_of_five(), draws=10)
    assert (here.attrs["draws"], here.attrs["completion"]) == (4, "interrupted")


def test_bad_requests_are_refused():
    model = conjugate()
    here = fit(model)
    with pytest.raises(ValueError, match="posterior mode"):
        pml.coverage_study(pml.fit_map(model, progressbar=False))
    with pytest.raises(ValueError, match="at least 1"):
        pml.coverage_study(here, draws=0)
    with pytest.raises(ValueError, match="one or several of wald, profile, bootstrap, hdi, got 'walt'"):
        pml.coverage_study(here, method="walt")
    with pytest.raises(ValueError, match="one or several of"):
        pml.coverage_study(here, method=["eti"])
    with pytest.raises(ValueError, match="'hdi' together with arguments"):
        pml.coverage_study(here, method=["hdi"])
    with pytest.raises(ValueError, match="'hdi' together with arguments"):
        pml.coverage_study(here, sampler={"draws": 100})
    with pytest.raises(ValueError, match="got 'random_seed': leave it out"):
        pml.coverage_study(here, method=["hdi"], sampler={"random_seed": 1})
    with pytest.raises(ValueError, match="between 0 and 1"):
        pml.coverage_study(here, level=95)
