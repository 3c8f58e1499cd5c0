"""Where fits go wrong elsewhere: edges, ridges, slopes without end. Never silently."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import references as ref
import zoo_regressions
from scipy import optimize, stats
from selection import exhaustive, some
from variance_components import EFFECT, ERROR, eight_schools, one_way
from verbs import fit, value
from zoo import ZOO

import pymc_landscape as pml

# --- the edge of a support -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", ["log", exhaustive("interval"), exhaustive("untransformed")])
def test_dyestuff2_has_no_batches_at_all(prior):
    model, (a, n, mean, ssb, ssw) = one_way("Dyestuff2", prior)
    here = fit(model)
    sigma = np.sqrt((ssb + ssw) / (a * n))
    assert here.status.value == "at_bound"
    assert value(here.point, "sigma_b") == 0.0
    assert here.minus2ll == pytest.approx(162.87303665, abs=1e-7)
    assert value(here.point, "mu") == pytest.approx(mean, rel=1e-9)
    assert value(here.point, "sigma") == pytest.approx(sigma, rel=1e-8)
    assert value(here.standard_error, "sigma") == pytest.approx(sigma / np.sqrt(2 * a * n), rel=1e-6)
    assert value(here.standard_error, "mu") == pytest.approx(sigma / np.sqrt(a * n), rel=1e-6)
    assert "edge" in here.summary().loc["sigma_b", "note"]
    assert "sigma_b" in here.message


def test_dyestuff_has_batches():
    """In (σ², λ) the information is diagonal: var σ̂² = 2σ⁴/(a(n−1)), var λ̂ = 2λ²/a."""
    model, (a, n, mean, ssb, ssw) = one_way("Dyestuff", "log")
    here = fit(model)
    s2, whole = ssw / (a * (n - 1)), ssb / a
    b = np.sqrt((whole - s2) / n)
    var_s2, var_whole = 2 * s2**2 / (a * (n - 1)), 2 * whole**2 / a
    estimates = {"mu": mean, "sigma_b": b, "sigma": np.sqrt(s2)}
    errors = {
        "mu": np.sqrt(whole / (a * n)),
        "sigma_b": np.sqrt(var_s2 + var_whole) / n / (2 * b),
        "sigma": np.sqrt(var_s2) / (2 * np.sqrt(s2)),
    }
    assert here.status.value == "converged"
    assert here.minus2ll == pytest.approx(327.327059881, abs=1e-8)
    assert b == pytest.approx(37.260346, abs=1e-6)
    for name, wanted in estimates.items():
        assert value(here.point, name) == pytest.approx(wanted, rel=1e-7)
        assert value(here.standard_error, name) == pytest.approx(errors[name], rel=1e-6)


def test_eight_schools_do_not_differ():
    here = fit(eight_schools(lambda: pm.HalfCauchy("tau", 5)))
    assert here.status.value == "at_bound"
    assert value(here.point, "tau") == 0.0
    assert value(here.point, "mu") == pytest.approx(7.68561672, abs=1e-8)
    assert here.log_likelihood == pytest.approx(-29.67424369, abs=1e-8)
    assert value(here.standard_error, "mu") == pytest.approx((ERROR**-2).sum() ** -0.5, rel=1e-7)
    assert not np.isfinite(value(here.standard_error, "tau"))


@pytest.mark.parametrize(("dead", "p"), [(0, 0.0), (10, 1.0)])
def test_none_of_ten_and_all_of_ten(dead, p):
    with pm.Model() as model:
        chance = pm.Beta("p", 2, 2)
        pm.Binomial("dead", n=10, p=chance, observed=dead)
    here = fit(model)
    assert here.status.value == "at_bound"
    assert (value(here.point, "p"), here.minus2ll) == (p, 0.0)


def test_elements_of_one_array_each_on_its_own_edge():
    with pm.Model(coords={"group": ["none", "some", "all"]}) as model:
        p = pm.Beta("p", 1, 1, dims="group")
        pm.Binomial("dead", n=10, p=p, observed=[0, 3, 10])
    here = fit(model)
    assert here.status.value == "at_bound"
    np.testing.assert_allclose(value(here.point, "p"), [0, 0.3, 1], rtol=1e-8)
    assert value(here.point, "p")[0] == 0
    errors = value(here.standard_error, "p")
    assert errors[1] == pytest.approx(np.sqrt(0.3 * 0.7 / 10), rel=1e-7)
    assert not np.isfinite(errors[[0, 2]]).any()
    assert list(here.summary()["note"].str.contains("edge")) == [True, False, True]


@pytest.mark.parametrize(
    "limit",
    [exhaustive(1), [1, 0.5, 0.5], exhaustive(pt.sqrt(np.array([1, 0.25, 0.25])))],
    ids=["one", "each", "graph"],
)
def test_limits_that_are_spread_over_a_shape(limit):
    """Each proportion ends at its own limit, and so does its profile interval."""
    trials, seen = 10, np.array([10, 4, 6])
    with pm.Model() as model:
        p = pm.Uniform("p", 0, limit, shape=3)
        pm.Binomial("y", trials, p, observed=seen)
    highest = np.broadcast_to(1.0 if isinstance(limit, int) else [1.0, 0.5, 0.5], 3)
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status.value == "at_bound"
    estimate = np.minimum(seen / trials, highest)
    np.testing.assert_allclose(fit.point["p"], estimate, rtol=1e-9)
    ends = pml.confidence_intervals(fit, progressbar=False)["interval"].sel(interval_method="profile").values
    for (low, high), x, best, limit_here in zip(ends, seen, estimate, highest, strict=True):
        drop = _rise_of(trials, x, best)
        assert low == pytest.approx(optimize.brentq(drop, 1e-9, best - 1e-9), abs=1e-8)
        open_above = drop(limit_here - 1e-12) > 0
        assert high == pytest.approx(optimize.brentq(drop, best, limit_here - 1e-12) if open_above else limit_here)


def _rise_of(trials: int, x: int, best: float) -> Callable[[float], float]:
    def minus2ll(p: float) -> float:
        return -2 * stats.binom.logpmf(x, trials, p)

    return lambda p: minus2ll(p) - minus2ll(best) - stats.chi2.ppf(0.95, 1)


@pytest.mark.exhaustive
def test_no_more_zeros_than_poisson_has():
    """psi ends on 1, where PyMC's density has a value and a slope but no second derivative."""
    y = np.array([6, 1, 1, 3, 1, 1, 1, 0, 2, 3, 3, 4, 0, 2, 1])
    with pm.Model() as model:
        psi, mu = pm.Beta("psi", 1, 1), pm.Gamma("mu", 2, 1)
        pm.ZeroInflatedPoisson("y", psi, mu, observed=y)
    here = fit(model)
    assert here.status.value == "at_bound"
    assert value(here.point, "psi") == 1.0
    assert value(here.point, "mu") == pytest.approx(y.mean(), rel=1e-6)
    assert value(here.standard_error, "mu") == pytest.approx(np.sqrt(y.mean() / len(y)), rel=1e-5)
    assert here.minus2ll == pytest.approx(-2 * stats.poisson(y.mean()).logpmf(y).sum(), abs=1e-9)


@pytest.mark.parametrize("options", [{}, exhaustive({"default_transform": None})], ids=["transformed", "untransformed"])
def test_an_edge_with_a_slope_at_it(options):
    """The prior allows no p below 0.2; the data would like 0."""
    with pm.Model() as model:
        p = pm.Uniform("p", 0.2, 1, **options)
        pm.Binomial("dead", n=10, p=p, observed=0)
    here = fit(model)
    assert here.status.value == "at_bound"
    assert value(here.point, "p") == 0.2
    assert here.minus2ll == pytest.approx(-20 * np.log(0.8), rel=1e-12)


# --- ridges ----------------------------------------------------------------------------------------------------------

Y = np.array([1.3, 0.2, 2.1, 0.9, 1.8, 1.1])


def test_only_a_sum_is_known():
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 1, shape=2)
        pm.Deterministic("total", beta.sum())
        pm.Normal("y", beta.sum(), 1.0, observed=Y)
    here = fit(model)
    assert here.status.value == "not_identified"
    assert "beta[0] − beta[1]" in here.message
    assert np.isinf(value(here.standard_error, "beta")).all()
    assert (here.summary().loc[["beta[0]", "beta[1]"], "note"] != "").all()
    assert value(here.derived, "total") == pytest.approx(Y.mean(), rel=1e-9)
    assert value(here.derived_standard_error, "total") == pytest.approx(len(Y) ** -0.5, rel=1e-7)
    assert here.minus2ll == pytest.approx(-2 * stats.norm(Y.mean()).logpdf(Y).sum(), abs=1e-9)


def test_a_parameter_that_no_data_speak_of():
    model = ZOO["idle_parameter"]().model
    assert "idle" not in fit(model).point  # its prior integrates to 1
    here = fit(pml.Objective(model, latent=()))
    assert here.status.value == "not_identified"
    assert "idle" in here.message
    assert "mu" not in here.message.split(":")[0]
    assert np.isinf(value(here.standard_error, "idle"))
    assert np.isfinite(value(here.standard_error, "mu"))


def test_a_ridge_that_is_curved():
    """Only the product is known: no straight direction is level, and yet nothing is determined but a b."""
    with pm.Model() as model:
        a, b = pm.HalfNormal("a", 2), pm.HalfNormal("b", 2)
        pm.Normal("y", a * b, 1.0, observed=Y)
    here = fit(model)
    assert here.status.value == "not_identified"
    assert np.isinf(value(here.standard_error, "a"))
    assert value(here.point, "a") * value(here.point, "b") == pytest.approx(Y.mean(), rel=1e-6)


def test_a_prior_settles_what_the_likelihood_leaves_open():
    """Normal(0, 1) priors on two parameters whose sum is known: both are half of the shrunken sum."""
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 1, shape=2)
        pm.Normal("y", beta.sum(), 1.0, observed=Y)
    here = pml.fit_map(model, progressbar=False)
    assert here.status.value == "converged"
    total = 2 * Y.sum() / (1 + 2 * len(Y))
    np.testing.assert_allclose(value(here.point, "beta"), total / 2, rtol=1e-8)
    precision = np.eye(2) + len(Y)
    np.testing.assert_allclose(here.covariance, np.linalg.inv(precision), rtol=1e-8)


# --- slopes without end ----------------------------------------------------------------------------------------------


def logistic(x, y) -> pm.Model:
    with pm.Model() as model:
        b = pm.Normal("b", 0, 5, shape=2)
        pm.Bernoulli("y", logit_p=b[0] + b[1] * np.asarray(x, float), observed=np.asarray(y))
    return model


def test_complete_separation():
    here = fit(logistic([-2, -1, 1, 2, 4], [0, 0, 1, 1, 1]))
    assert here.status.value == "unbounded"
    assert np.isnan([here.aic, here.aicc, here.bic]).all()
    assert "AIC" not in repr(here)
    assert "separat" in here.message
    assert "b[1]" in here.message
    assert not np.isfinite(value(here.standard_error, "b")[1])
    assert here.minus2ll == pytest.approx(0, abs=1e-4)


@pytest.mark.exhaustive
def test_separation_names_the_predictor_also_where_it_is_far_from_zero():
    """What separates is x; the intercept only follows it, on a larger scale."""
    here = fit(logistic(np.arange(101.0, 107.0), [0, 0, 0, 1, 1, 1]))
    assert here.status.value == "unbounded"
    assert "b[1]" in here.message
    assert not np.isfinite(value(here.standard_error, "b")).any()


def test_students_t_of_normal_data_nears_the_normal_distribution():
    """As PyMC writes it, the density is highest at 10¹⁶ degrees of freedom, for no digit of it is left there."""
    here = fit(ZOO["student_t_robust"]().model)
    x, y = zoo_regressions.X, zoo_regressions.Y
    rest = y - x * (x @ y) / (x @ x)
    assert here.status.value == "unbounded"
    assert "nu goes to +∞" in here.message
    assert here.minus2ll == pytest.approx(-2 * stats.norm(0, np.sqrt(np.mean(rest**2))).logpdf(rest).sum(), abs=1e-4)


def test_quasi_complete_separation():
    """At x = 0 both outcomes happen, elsewhere x tells: −2LL falls towards that of two fair coins."""
    here = fit(logistic([-2, -1, 0, 0, 1, 2], [0, 0, 0, 1, 1, 1]))
    assert here.status.value == "unbounded"
    assert "separat" in here.message
    assert "b[1]" in here.message
    assert here.minus2ll == pytest.approx(4 * np.log(2), abs=1e-4)
    assert not np.isfinite(value(here.standard_error, "b")[1])


def separated(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether some b has s x b ≥ 0 in every row, s = ±1 the outcome, and not 0 in all (Albert & Anderson 1984)."""
    rows = x * (2 * y - 1)[:, None]
    found = optimize.linprog(-rows.sum(0), A_ub=-rows, b_ub=np.zeros(len(y)), bounds=[(-1, 1)] * x.shape[1])
    return -found.fun > 1e-9


def test_separation_is_told_from_steep_curves(rng):
    """Linear programming says which of thirty random sets are separated, whatever the units of the predictor."""
    n = 14
    with pm.Model() as model:
        x = pm.Data("x", np.zeros((n, 3)))
        pm.Bernoulli("y", logit_p=x @ pm.Normal("b", 0, 5, shape=3), observed=np.zeros(n))
    objective, wrong = pml.Objective(model), []
    for i in range(30):
        first, second = rng.normal(size=n), rng.integers(0, 2, size=n)
        y = (first + rng.logistic(size=n) * (0.1, 0.5, 1.0)[i % 3] > 0).astype(float)
        design = np.column_stack([np.ones(n), first, second])
        units = np.array([1.0, 10.0 ** (i % 5 - 2), 1.0])
        status = fit(objective.with_data(x=design * units, y=y)).status.value
        if (status == "unbounded") != separated(design, y) or status not in ("unbounded", "converged"):
            wrong.append((i, status))
    assert not wrong


def test_one_group_without_any_case():
    """The group's effect runs away; the slope that others inform stays known, as R's glm without that group."""
    with pm.Model() as model:
        b = pm.Normal("b", 0, 5, shape=3)
        rare = np.r_[np.zeros(len(ref.AGE)), 1.0]
        age, n, cases = np.r_[ref.AGE, 13.0], np.r_[ref.TOTAL, 50.0], np.r_[ref.MENARCHE, 0.0]
        pm.Binomial("n", n=n.astype(int), logit_p=b[0] + b[1] * age + b[2] * rare, observed=cases)
    here = fit(model)
    assert here.status.value == "unbounded"
    assert "b[2]" in here.message
    np.testing.assert_allclose(value(here.point, "b")[:2], ref.MENARCHE_LOGIT.estimate["b"], rtol=1e-5)
    np.testing.assert_allclose(value(here.standard_error, "b")[:2], ref.MENARCHE_LOGIT.standard_error["b"], rtol=1e-5)
    assert not np.isfinite(value(here.standard_error, "b")[2])


@cache
def mixture() -> pm.Model:
    with pm.Model() as model:
        w = pm.Beta("w", 2, 2)
        mu = pm.Normal("mu", 70, 20, shape=2)
        sigma = pm.HalfNormal("sigma", 10, shape=2)
        pm.NormalMixture("waiting", pt.stack([w, 1 - w]), mu, sigma, observed=ref.WAITING)
    return model


COLLAPSING = {"w": 0.01, "mu": [ref.WAITING[0], 72.0], "sigma": [1e-3, 13.0]}
GOOD = {"w": 0.4, "mu": [55.0, 80.0], "sigma": [6.0, 6.0]}


def test_a_component_that_collapses_on_one_observation():
    here = fit(mixture(), starts=[COLLAPSING])
    assert here.status.value == "unbounded"
    assert "collapse" in here.message
    assert not np.isfinite(value(here.standard_error, "sigma")[0])


def test_a_local_maximum_beside_a_collapse_is_kept_and_the_collapse_is_told():
    here = fit(mixture(), starts=[GOOD, COLLAPSING])
    assert list(value(here.starts, "status")) == ["converged", "unbounded"]
    assert value(here.starts, "minus2ll")[0] == pytest.approx(-2 * ref.FAITHFUL.log_likelihood, abs=1e-7)
    assert "collapse" in here.message
    np.testing.assert_allclose(value(here.point, "mu"), ref.FAITHFUL.estimate["mu"], rtol=1e-6)


def test_counts_with_too_little_spread_for_a_negative_binomial():
    """Less spread than Poisson: alpha runs to infinity, where the model is Poisson's."""
    y = np.array([3, 4, 3, 4, 3, 4, 4, 3, 5, 2])
    with pm.Model() as model:
        mu, size = pm.Gamma("mu", 2, 0.5), pm.Exponential("alpha", 0.1)
        pm.NegativeBinomial("y", mu=mu, alpha=size, observed=y)
    here = fit(model)
    assert here.status.value == "unbounded"
    assert "alpha" in here.message
    assert value(here.point, "mu") == pytest.approx(y.mean(), rel=1e-3)
    assert value(here.standard_error, "mu") == pytest.approx(np.sqrt(y.mean() / len(y)), rel=1e-2)
    assert not np.isfinite(value(here.standard_error, "alpha"))
    assert here.minus2ll == pytest.approx(-2 * stats.poisson(y.mean()).logpmf(y).sum(), abs=1e-3)


@pytest.mark.parametrize("seed", some(range(4), [0]))
def test_tails_lighter_than_normal_for_students_t(seed):
    """The limit is the normal law. With 10^30 degrees of freedom PyMC's density is rounding, of any size and sign."""
    y = np.random.default_rng(seed).uniform(-1, 1, size=40)
    with pm.Model() as model:
        nu, mu, sigma = pm.Gamma("nu", 2, 0.1), pm.Normal("mu", 0, 5), pm.HalfNormal("sigma", 1)
        pm.StudentT("y", nu=nu, mu=mu, sigma=sigma, observed=y)
    here = fit(model)
    assert here.status.value == "unbounded"
    assert "nu goes to +∞" in here.message
    assert here.minus2ll == pytest.approx(-2 * stats.norm(y.mean(), y.std()).logpdf(y).sum(), abs=1e-3)
    assert value(here.point, "mu") == pytest.approx(y.mean(), abs=1e-3)
    assert not np.isfinite(value(here.standard_error, "nu"))


def beta_binomial(y: list[int]) -> pm.Model:
    with pm.Model() as model:
        p, kappa = pm.Beta("p", 2, 2), pm.HalfCauchy("kappa", 10)
        pm.BetaBinomial("y", p * kappa, (1 - p) * kappa, 12, observed=y)
    return model


@pytest.mark.exhaustive
def test_counts_with_too_little_spread_for_a_beta_binomial():
    """Less spread than binomial (Tarone 1979): kappa runs to infinity."""
    y = np.array([4, 5, 7, 1, 6, 4, 8, 4, 4, 7, 3, 6, 6, 7, 4, 4, 5, 5, 5, 3])
    here = fit(beta_binomial(y))
    assert here.status.value == "unbounded"
    assert "kappa" in here.message
    assert not np.isfinite(value(here.standard_error, "kappa"))
    # the density itself loses digits where kappa is large
    assert here.minus2ll == pytest.approx(-2 * stats.binom(12, y.mean() / 12).logpmf(y).sum(), abs=0.5)


@pytest.mark.exhaustive
def test_a_density_that_overflows_on_the_way_is_no_slope_without_end():
    """At kappa = 1e-100 PyMC's log density is +inf, by rounding; the maximum lies inside, as SciPy finds it."""
    y = [0, 5, 10, 10, 1, 1, 0, 3, 11, 12, 9, 12, 12, 12, 2, 0, 1, 8, 5, 5]

    def minus2ll(x: np.ndarray) -> float:
        p, kappa = 1 / (1 + np.exp(-x[0])), np.exp(x[1])
        return -2 * stats.betabinom(12, p * kappa, (1 - p) * kappa).logpmf(y).sum()

    found = optimize.minimize(minus2ll, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    here = fit(beta_binomial(y))
    assert here.status.value == "converged"
    assert here.minus2ll == pytest.approx(found.fun, abs=1e-8)
    assert value(here.point, "kappa") == pytest.approx(np.exp(found.x[1]), rel=1e-5)


def test_data_without_any_spread():
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 5)
        pm.Normal("y", mu, sigma, observed=[2.5, 2.5, 2.5, 2.5])
    here = fit(model)
    assert here.status.value == "unbounded"
    assert "sigma" in here.message
    assert not np.isfinite(value(here.standard_error, "sigma"))


@cache
def centred_schools() -> pml.Objective:
    with pm.Model() as model:
        mu, tau = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5)
        theta = pm.Normal("theta", mu, tau, shape=8)
        pm.Normal("effect", theta, ERROR, observed=EFFECT)
    return pml.Objective(model, latent=())


def test_the_joint_mode_of_random_effects_has_no_end():
    here = pml.fit_map(centred_schools(), progressbar=False)
    assert here.status.value == "unbounded"
    assert "tau" in here.message
    assert "random effects" in here.message


@pytest.mark.exhaustive
def test_the_joint_likelihood_of_random_effects_knows_nothing_of_their_law():
    here = fit(centred_schools())
    assert here.status.value == "not_identified"
    assert "mu" in here.message
    assert "tau" in here.message
    np.testing.assert_allclose(value(here.point, "theta"), EFFECT, rtol=1e-7)
    np.testing.assert_allclose(value(here.standard_error, "theta"), ERROR, rtol=1e-7)
    assert np.isinf(value(here.standard_error, "tau"))


@pytest.mark.exhaustive
def test_an_end_on_an_edge_is_searched_again_from_its_own_start():
    """The second search has all elements again, not only those that were free on the edge."""
    rng = np.random.default_rng(8)
    y = np.r_[rng.normal(54, 6, 60), rng.normal(80, 6, 110)]
    with pm.Model() as model:
        p = pm.Uniform("p", 0.0, 1.0)
        mu = pm.Normal("mu", 70, 15, shape=2)
        sigma = pm.HalfNormal("sigma", 10, shape=2)
        parts = [pm.Normal.dist(mu[0], sigma[0]), pm.Normal.dist(mu[1], sigma[1])]
        pm.Mixture("y", pm.math.stack([p, 1 - p]), parts, observed=y)
    here = pml.fit_mle(model, progressbar=False)
    assert here.status.value == "converged"
    # below one normal for all, by as much as two humps so far apart must give
    one = -2 * stats.norm(y.mean(), y.std()).logpdf(y).sum()
    assert here.minus2ll < one - 50
    np.testing.assert_allclose(np.sort(here.point["mu"]), [54, 80], atol=2.5)


def test_an_estimate_that_is_near_0_has_not_run_away():
    """Within a third of a standard error of 0, a tenth of it more is level, and the way back rises: as a parabola."""
    with pm.Model() as model:
        mu, sigma = pm.Flat("mu"), pm.Uniform("sigma", 0, 3)
        pm.Normal("y", mu, sigma, observed=np.zeros(8))
    objective = pml.Objective(model)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=8)
        y = (y - y.mean()) / y.std() * rng.uniform(0.8, 1.6)
        y += rng.choice([-1, 1]) * rng.uniform(0.24, 0.31) * y.std() / np.sqrt(8)
        fit = pml.fit_mle(objective.with_data(y=y), starts=1, progressbar=False)
        assert fit.status == "converged"
        np.testing.assert_allclose([fit.point["mu"], fit.point["sigma"]], [y.mean(), y.std()], atol=1e-6)


@pytest.mark.parametrize("above", [1e-4, 1e-3])
def test_an_estimate_a_hair_from_the_edge_has_not_run_away(above):
    """A mean that cannot be negative, a thousandth of a standard error above 0: the maximum is the mean itself."""
    noise = np.random.default_rng(2).normal(size=16)
    with pm.Model() as model:
        pm.Normal("y", pm.HalfNormal("s", 10), np.float64(1.0), observed=noise - noise.mean() + above)
    here = fit(model)
    assert here.status == "converged"
    assert float(here.point["s"]) == pytest.approx(above, abs=1e-7)
    end = pml.confidence_intervals(here, progressbar=False)["interval"].to_numpy().ravel()[1]
    assert end == pytest.approx(above + np.sqrt(stats.chi2.ppf(0.95, 1) / 16), rel=1e-6)
