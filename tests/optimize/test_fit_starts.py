"""Where a fit begins and what it makes of it, and what the natural scale says of the estimate."""

from functools import cache

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import references as ref
import xarray as xr
import zoo_awkward
from interval_models import FLAT_Y as Y
from pymc.distributions import transforms
from scipy import optimize, stats
from selection import exhaustive
from variance_components import eight_schools, one_way
from verbs import fit, value
from zoo import ZOO

from pymc_landscape import Objective
from pymc_landscape.optimize import multistart as ends

# --- starts without a slope, without a value, or with a slope of zero ------------------------------------------------


@pytest.mark.exhaustive
def test_a_kink_at_the_start():
    """The slope of √|m| at 0 is NaN; the value there is finite."""
    with pm.Model() as model:
        m = pm.Normal("m", 0, 3)
        pm.Normal("y", pt.sqrt(pt.abs(m)), 1.0, observed=Y)
    here = fit(model)
    assert here.status.value == "converged"
    assert abs(value(here.point, "m")) == pytest.approx(Y.mean() ** 2, rel=1e-6)
    assert value(here.standard_error, "m") == pytest.approx(2 * Y.mean() / np.sqrt(len(Y)), rel=1e-6)


@pytest.mark.exhaustive
def test_half_a_line_without_a_slope():
    """The branch not taken spoils the gradient wherever m < 0: NaN times 0."""
    with pm.Model() as model:
        m = pm.Normal("m", 0, 3, initval=-1.0)
        pm.Normal("y", pt.switch(m > 0, pt.sqrt(m), m), 1.0, observed=Y)
    here = fit(model)
    assert here.status.value == "converged"
    assert value(here.point, "m") == pytest.approx(Y.mean() ** 2, rel=1e-5)
    assert here.minus2ll == pytest.approx(-2 * stats.norm(Y.mean()).logpdf(Y).sum(), abs=1e-6)


def test_a_kink_at_the_optimum():
    """Least absolute deviations: the median, where −2LL has a corner and no curvature to make an error of."""
    y = np.array([0.3, -1.2, 2.5, 0.7, 5.0])
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1)
        pm.Laplace("y", mu, 1.0, observed=y)
    here = fit(model)
    assert value(here.point, "mu") == pytest.approx(0.7, abs=1e-6)
    assert here.minus2ll == pytest.approx(-2 * stats.laplace(0.7).logpdf(y).sum(), abs=1e-6)
    assert here.status.value in ("converged", "failed")
    assert not np.isfinite(value(here.standard_error, "mu"))


def test_a_model_without_gradients():
    """A simulator in Python; the information of its curve is diagonal: 2σ²/SSE'' and σ²/2n."""
    times, observed = np.arange(1.0, 9.0), zoo_awkward.WAITS / 4

    def sse(rate: float) -> float:
        return ((observed - np.exp(-rate * times)) ** 2).sum()

    rate = optimize.minimize_scalar(sse, bracket=(0.01, 0.1, 1.0), tol=1e-12).x
    curvature = (sse(rate + 1e-4) - 2 * sse(rate) + sse(rate - 1e-4)) / 1e-8
    sigma = np.sqrt(sse(rate) / 8)
    here = fit(ZOO["black_box"]().model)
    assert here.status.value == "converged"
    assert "Newton" not in here.optimizer
    assert here.optimizer == here.starts["optimizer"][0]
    assert here.minus2ll == pytest.approx(8 * np.log(2 * np.pi * sigma**2) + 8, abs=1e-8)
    assert value(here.point, "rate") == pytest.approx(rate, rel=1e-5)
    assert value(here.point, "sigma") == pytest.approx(sigma, rel=1e-5)
    assert value(here.standard_error, "rate") == pytest.approx(np.sqrt(2 * sigma**2 / curvature), rel=1e-3)
    assert value(here.standard_error, "sigma") == pytest.approx(sigma / 4, rel=1e-3)


@cache
def two_groups() -> tuple[pm.Model, dict[str, np.ndarray]]:
    """Poisson counts with an identity link: at b = 0 the mean is 0 and the counts are impossible."""
    low, high = np.array([2, 4, 3, 3]), np.array([9, 7, 11, 8, 10])
    group = np.repeat([0.0, 1.0], [4, 5])
    with pm.Model() as model:
        b = pm.Normal("b", 5, 5, shape=2, initval=np.zeros(2))
        pm.Poisson("y", b[0] + b[1] * group, observed=np.r_[low, high])
    first, second = low.mean() / 4, high.mean() / 5
    answer = {"b": np.array([low.mean(), high.mean() - low.mean()]), "se": np.sqrt([first, first + second])}
    return model, answer


def test_a_start_without_a_likelihood():
    model, answer = two_groups()
    here = fit(model, random_seed=1)
    assert here.status.value == "converged"
    np.testing.assert_allclose(value(here.point, "b"), answer["b"], rtol=1e-7)
    np.testing.assert_allclose(value(here.standard_error, "b"), answer["se"], rtol=1e-7)
    assert value(here.starts, "start_minus2ll")[0] == np.inf


@pytest.mark.exhaustive
def test_a_given_start_without_a_likelihood_is_no_optimum():
    model, answer = two_groups()
    here = fit(model, starts={"b": [-50.0, -50.0]}, random_seed=1)
    if here.status.is_optimum:
        np.testing.assert_allclose(value(here.point, "b"), answer["b"], rtol=1e-6)
    else:
        assert here.status.value == "failed"
        assert "density 0 under Poisson" in here.message


def test_a_start_outside_the_support_is_refused():
    with pytest.raises(ValueError, match="inside the support"):
        fit(eight_schools(lambda: pm.HalfNormal("tau", 5)), starts={"mu": 0.0, "tau": -1.0})


def test_an_estimate_of_exactly_zero():
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 1), 1.0, observed=np.array([-1.0, 1.0]))
    here = fit(model)
    assert here.status.value == "converged"
    assert value(here.point, "mu") == 0


@pytest.mark.exhaustive
def test_limits_in_small_whole_numbers_have_a_middle():
    """In a byte, 35 + 105 is -116, and PyMC's own initial point lies outside the support."""
    with pm.Model() as model:
        pm.Normal("y", pm.Uniform("mu", 35, 105), 10.0, observed=np.array([60.0, 70.0]))
    assert value(fit(model).point, "mu") == pytest.approx(65.0)


def test_a_start_on_the_edge_is_not_trapped_there():
    model, _ = one_way("Dyestuff", "log")
    here = fit(model, starts={"mu": 1500.0, "sigma_b": 0.0, "sigma": 60.0})
    assert here.status.value == "converged"
    assert value(here.point, "sigma_b") == pytest.approx(37.260346, abs=1e-6)


def test_a_standard_deviation_is_stationary_at_zero_and_not_an_optimum():
    """On the whole line −2LL is symmetric in σ_b: at 0 the slope is 0 and the curvature negative."""
    model, _ = one_way("Dyestuff", "whole line")
    here = fit(model)
    assert here.status.value == "converged"
    assert abs(value(here.point, "sigma_b")) == pytest.approx(37.260346, abs=1e-6)


@pytest.mark.exhaustive
def test_two_equal_components_are_a_saddle():
    """Both components at the same place: no slope tells them apart. With one spread for both nothing can collapse."""
    y = ref.WAITING

    def minus2ll(x: np.ndarray) -> float:
        each = x[0] * stats.norm(x[1], x[3]).pdf(y) + (1 - x[0]) * stats.norm(x[2], x[3]).pdf(y)
        return -2 * np.log(each).sum()

    found = optimize.minimize(
        minus2ll, [0.36, 54.6, 80.1, 5.9], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-11}
    )
    with pm.Model() as model:
        w, sigma = pm.Beta("w", 2, 2), pm.HalfNormal("sigma", 10)
        mu = pm.Normal("mu", 70, 20, shape=2)
        pm.NormalMixture("waiting", pt.stack([w, 1 - w]), mu, sigma, observed=y)
    for starts in (1, {"w": 0.5, "mu": [70.0, 70.0], "sigma": 13.0}):  # the initial point is a saddle too
        here = fit(model, starts=starts)
        assert here.status.value == "converged"
        assert here.minus2ll == pytest.approx(found.fun, abs=1e-7)
        np.testing.assert_allclose(np.sort(value(here.point, "mu")), found.x[1:3], rtol=1e-6)


def test_a_discrete_parameter_is_refused():
    with pm.Model() as model:
        n = pm.DiscreteUniform("n", 5, 20)
        p = pm.Beta("p", 2, 2)
        pm.Binomial("k", n=n, p=p, observed=[3, 4, 5])
    with pytest.raises(ValueError, match=r"the discrete n\b.*latent=\['n'\]\) sums"):
        fit(model)


# --- several starts --------------------------------------------------------------------------------------------------

TWO_VALLEYS = np.array([-5.0, -4.6, -5.3, 6.0, 6.1])


@cache
def cauchy() -> pm.Model:
    with pm.Model() as model:
        m = pm.Normal("m", 0, 10)
        pm.Cauchy("y", m, 0.5, observed=TWO_VALLEYS)
    return model


def cauchy_minimum(near: float) -> tuple[float, float]:
    """Return place and −2LL of the valley near a point, by SciPy."""
    found = optimize.minimize_scalar(
        lambda m: -2 * stats.cauchy(m, 0.5).logpdf(TWO_VALLEYS).sum(),
        bracket=(near - 0.3, near, near + 0.3),
        tol=1e-12,
    )
    return found.x, found.fun


def test_every_start_is_kept_and_the_lowest_end_is_the_estimate():
    here = fit(cauchy(), starts=[{"m": 6.0}, {"m": -5.0}])
    ends = [cauchy_minimum(6.0), cauchy_minimum(-5.0)]
    np.testing.assert_allclose(value(here.starts, "minus2ll"), [v for _, v in ends], rtol=1e-9)
    np.testing.assert_allclose(value(here.starts, "end_theta")[:, 0], [m for m, _ in ends], rtol=1e-6)
    np.testing.assert_allclose(value(here.starts, "start_theta")[:, 0], [6.0, -5.0])
    assert value(here.point, "m") == pytest.approx(ends[1][0], rel=1e-6)
    assert list(value(here.starts, "status")) == ["converged", "converged"]
    assert list(value(here.starts, "origin")) == ["given", "given"]
    assert (value(here.starts, "n_evaluations") > 0).all()


def test_local_optima_are_the_other_optima_each_once_the_lowest_first():
    here = fit(cauchy(), starts=[{"m": 6.0}, {"m": -5.0}, {"m": 6.1}, {"m": -4.9}])
    (other,) = here.local_optima()
    place, height = cauchy_minimum(6.0)
    assert float(other.point["m"]) == pytest.approx(place, rel=1e-6)
    assert other.value == pytest.approx(height, rel=1e-9)
    assert other.status.is_optimum
    assert float(fit(cauchy(), starts=here.local_optima()).point["m"]) == pytest.approx(place, rel=1e-6)


def test_ctrl_c_keeps_the_starts_that_were_searched(monkeypatch):
    search, calls = ends.search_from_start, []

    def interrupted(objective, theta, origin):
        calls.append(origin)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return search(objective, theta, origin)

    monkeypatch.setattr(ends, "search_from_start", interrupted)
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 1), 1.0, observed=Y)
    with pytest.warns(UserWarning, match="2 of 4 starts"):
        here = fit(model, starts=4, random_seed=1)
    assert here.starts.sizes["start"] == 2
    calls[:] = ["", ""]
    with pytest.raises(KeyboardInterrupt):
        fit(model, starts=4, random_seed=1)


def test_scattered_starts_find_the_lower_of_two_lines():
    """Errors in both variables, the true abscissae as parameters: by SciPy, with these in closed form."""
    rng = np.random.default_rng(3)
    truth = np.linspace(0, 8, 10)
    wx, wy = 10.0 ** np.linspace(3, 0, 10), 10.0 ** np.linspace(0, 3, 10)
    x, y = truth + rng.normal(size=10) / np.sqrt(wx), 5.5 - 0.5 * truth + rng.normal(size=10) / np.sqrt(wy)
    constant = 20 * np.log(2 * np.pi) - np.log(wx).sum() - np.log(wy).sum()

    def minus2ll(line: np.ndarray) -> float:
        return constant + ((y - line[0] - line[1] * x) ** 2 / (1 / wy + line[1] ** 2 / wx)).sum()

    options = {"xatol": 1e-10, "fatol": 1e-11}
    best = optimize.minimize(minus2ll, [5.5, -0.5], method="Nelder-Mead", options=options)
    with pm.Model() as model:
        a, b, xi = pm.Normal("a", 0, 10), pm.Normal("b", 0, 5), pm.Normal("xi", 4, 20, shape=10)
        pm.Normal("x", xi, 1 / np.sqrt(wx), observed=x)
        pm.Normal("y", a + b * xi, 1 / np.sqrt(wy), observed=y)
    objective = Objective(model, latent=())
    one, here, again = fit(objective, starts=1), fit(objective), fit(objective)
    assert one.minus2ll > best.fun + 100
    assert here.minus2ll == pytest.approx(best.fun, abs=1e-6)
    np.testing.assert_allclose([value(here.point, "a"), value(here.point, "b")], best.x, rtol=1e-5)
    ended = int(here.starts["ended_here"].sum())
    assert f"{ended} of {here.starts.sizes['start']} starts ended here" in here.message
    assert here.local_optima()[0].value == pytest.approx(one.minus2ll, abs=1e-6)
    xr.testing.assert_equal(here.starts.drop_vars("seconds"), again.starts.drop_vars("seconds"))


def test_starts_from_the_prior_are_reproducible():
    model = cauchy()
    here, again = (fit(model, starts=6, random_seed=7) for _ in range(2))
    assert here.starts.sizes["start"] == 6
    assert here.starts["origin"].values[0] == "initial point"
    xr.testing.assert_equal(here.starts.drop_vars("seconds"), again.starts.drop_vars("seconds"))
    assert here.minus2ll == here.starts["minus2ll"].min().item()
    assert here.minus2ll == pytest.approx(cauchy_minimum(-5.0)[1], rel=1e-9)


@pytest.mark.parametrize(
    "without_draws",
    [
        lambda: pm.ICAR("field", W=1 - np.eye(3, dtype=int)),
        lambda: pm.CustomDist("field", logp=lambda value: -0.5 * value**2, shape=3),
    ],
    ids=["improper", "custom"],
)
def test_a_prior_that_cannot_be_drawn_from_leaves_the_other_starts(without_draws):
    data = np.array([1.0, 2.5, 4.0])
    with pm.Model() as model:
        level, field = pm.Normal("level", 0, 5), without_draws()
        pm.Normal("y", level + field, 1, observed=data)
        pm.Normal("z", field, 1, observed=np.zeros(3))
    here = fit(model, starts=8, random_seed=1)
    assert here.starts.sizes["start"] == 8
    assert value(here.starts, "start_theta")[:, 0].std() > 0
    np.testing.assert_allclose(value(here.point, "level"), 2.5, atol=1e-6)
    np.testing.assert_allclose(value(here.point, "field"), (data - 2.5) / 2, atol=1e-6)


@pytest.mark.parametrize("tree", [True, exhaustive(False)])
def test_a_posterior_begins_at_its_likeliest_draw(tree):
    """Most draws lie in the wrong valley; the likeliest does not."""
    draws = np.array([[6.2, 5.9, 6.4, 6.1, 5.8], [6.0, 6.3, -4.9, 6.2, 5.7]])
    posterior = xr.Dataset({"m": (("chain", "draw"), draws)}, {"chain": [0, 1], "draw": np.arange(5)})
    here = fit(cauchy(), starts=xr.DataTree.from_dict({"posterior": posterior}) if tree else posterior)
    assert value(here.starts, "start_theta")[0, 0] == -4.9
    assert "chain 1, draw 2" in here.starts["origin"].values[0]
    assert here.starts.sizes["start"] > 1
    assert here.minus2ll == pytest.approx(cauchy_minimum(-5.0)[1], rel=1e-9)


def test_the_mean_of_a_posterior_may_hold_deterministics():
    with pm.Model() as model:
        m = pm.Normal("m", 0, 3)
        pm.Deterministic("twice", 2 * m)
        pm.Normal("y", m, 1.0, observed=Y)
    mean = xr.Dataset({"m": 0.5, "twice": 1.0})
    assert value(fit(model, starts=mean).point, "m") == pytest.approx(Y.mean())


def test_a_posterior_of_another_model_is_refused():
    posterior = xr.Dataset({"other": (("chain", "draw"), np.zeros((1, 4)))})
    with pytest.raises(ValueError, match="m"):
        fit(cauchy(), starts=posterior)


# --- natural scales --------------------------------------------------------------------------------------------------


def test_one_parameter_in_closed_form():
    """p̂ = k/n with error √(p̂(1−p̂)/n); the odds by the delta method: se/(1−p̂)²; the logit: 1/√(n p̂(1−p̂))."""
    with pm.Model() as model:
        p = pm.Beta("p", 2, 2)
        pm.Deterministic("odds", p / (1 - p))
        pm.Deterministic("logit", pm.math.logit(p))
        pm.Binomial("k", n=10, p=p, observed=7)
    here = fit(model)
    error = np.sqrt(0.21 / 10)
    assert value(here.point, "p") == pytest.approx(0.7, rel=1e-9)
    assert value(here.standard_error, "p") == pytest.approx(error, rel=1e-8)
    assert here.covariance.item() == pytest.approx(error**2, rel=1e-8)
    assert value(here.derived, "odds") == pytest.approx(7 / 3, rel=1e-8)
    assert value(here.derived_standard_error, "odds") == pytest.approx(error / 0.09, rel=1e-7)
    assert value(here.derived_standard_error, "logit") == pytest.approx(1 / np.sqrt(2.1), rel=1e-7)
    assert here.theta_covariance == pytest.approx(np.array([[1 / 2.1]]), rel=1e-7)
    assert here.minus2ll == pytest.approx(-2 * stats.binom(10, 0.7).logpmf(7), rel=1e-12)


def test_a_simplex_has_the_errors_of_a_multinomial():
    """cov p̂ = (diag p̂ − p̂p̂ᵀ)/N, singular as it must be."""
    counts = np.array([12, 30, 58])
    with pm.Model(coords={"choice": ["a", "b", "c"]}) as model:
        p = pm.Dirichlet("p", np.ones(3), dims="choice")
        pm.Multinomial("counts", n=100, p=p, observed=counts)
    here = fit(model)
    p = counts / 100
    assert here.status.value == "converged"
    assert here.point["p"].dims == ("choice",)
    np.testing.assert_allclose(value(here.point, "p"), p, rtol=1e-7)
    np.testing.assert_allclose(here.covariance, (np.diag(p) - np.outer(p, p)) / 100, rtol=1e-6)
    np.testing.assert_allclose(value(here.standard_error, "p"), np.sqrt(p * (1 - p) / 100), rtol=1e-7)


def test_cut_points_in_order_have_the_errors_of_cumulative_logits():
    """Without predictors, cut point j is logit F̂_j, with variance 1/(N F̂_j(1 − F̂_j))."""
    counts = np.array([20, 35, 30, 15])
    with pm.Model() as model:
        cut = pm.Normal("cut", 0, 3, shape=3, transform=transforms.ordered, initval=np.array([-1.0, 0, 1]))
        pm.OrderedLogistic("grade", eta=0.0, cutpoints=cut, observed=np.repeat(np.arange(4), counts))
    here = fit(model)
    below = np.cumsum(counts)[:-1] / counts.sum()
    assert here.status.value == "converged"
    np.testing.assert_allclose(value(here.point, "cut"), np.log(below / (1 - below)), rtol=1e-6)
    np.testing.assert_allclose(value(here.standard_error, "cut"), (100 * below * (1 - below)) ** -0.5, rtol=1e-6)


@pytest.mark.exhaustive
def test_a_covariance_matrix_has_the_errors_of_a_normal_sample():
    """σ̂ᵢ with σᵢ/√(2n), ρ̂ with (1 − ρ²)/√n, and the Cholesky factor by differences of its own formula."""
    table = np.column_stack([ref.AIR_FLOW, ref.WATER_TEMP])
    n, cov = len(table), np.cov(table.T, ddof=0)
    with pm.Model() as model:
        mu = pm.Normal("mu", 40, 30, shape=2)
        chol, _, _ = pm.LKJCholeskyCov("chol", n=2, eta=2, sd_dist=pm.Exponential.dist(0.1), compute_corr=True)
        pm.MvNormal("y", mu, chol=chol, observed=table)
    here = fit(model)
    sd, rho = np.sqrt(np.diag(cov)), np.corrcoef(table.T)[0, 1]
    assert here.status.value == "converged"
    np.testing.assert_allclose(value(here.point, "mu"), table.mean(0), rtol=1e-7)
    np.testing.assert_allclose(value(here.derived, "chol_stds"), sd, rtol=1e-6)
    np.testing.assert_allclose(value(here.derived_standard_error, "chol_stds"), sd / np.sqrt(2 * n), rtol=1e-6)
    np.testing.assert_allclose(value(here.derived, "chol_corr")[0, 1], rho, rtol=1e-6)
    np.testing.assert_allclose(
        value(here.derived_standard_error, "chol_corr")[0, 1], (1 - rho**2) / np.sqrt(n), rtol=1e-6
    )
    np.testing.assert_allclose(value(here.standard_error, "chol"), cholesky_errors(cov, n), rtol=1e-6)


def cholesky_errors(cov: np.ndarray, n: int) -> np.ndarray:
    """Errors of the packed Cholesky factor from cov(s_ij, s_kl) = (σ_ik σ_jl + σ_il σ_jk)/n, by central differences."""
    pairs = [(0, 0), (1, 0), (1, 1)]
    of_cov = np.array([[(cov[i, k] * cov[j, m] + cov[i, m] * cov[j, k]) / n for k, m in pairs] for i, j in pairs])

    def packed(elements: np.ndarray) -> np.ndarray:
        matrix = np.array([[elements[0], elements[1]], [elements[1], elements[2]]])
        return np.linalg.cholesky(matrix)[np.tril_indices(2)]

    centre = np.array([cov[i, j] for i, j in pairs])
    steps = 1e-5 * np.diag(centre)
    slopes = np.array([(packed(centre + h) - packed(centre - h)) / (2 * np.abs(h).max()) for h in steps])
    return np.sqrt(np.diag(slopes.T @ of_cov @ slopes))
