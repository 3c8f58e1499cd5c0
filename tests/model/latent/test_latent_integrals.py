"""Random effects integrated out, against integrals in closed form and by other quadrature."""

from functools import cache

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from scipy import integrate, optimize, special, stats
from selection import exhaustive, some

import pymc_landscape as pml
from pymc_landscape.numerics.factorization import Sparse
from pymc_landscape.objective.observations.simulate import Simulator

RNG = np.random.default_rng(11)
GROUP = np.repeat(np.arange(5), [3, 4, 2, 5, 4])
X = RNG.normal(size=len(GROUP))
Y = 2.0 + 0.5 * X + RNG.normal(0, 1.2, 5)[GROUP] + RNG.normal(0, 0.7, len(GROUP))
COUNTS = RNG.poisson(np.exp(0.3 + RNG.normal(0, 0.8, 5)[GROUP]))


@cache
def intercepts(centred: bool = True) -> pm.Model:
    with pm.Model(coords={"group": list("abcde")}) as model:
        b, spread = pm.Normal("b", 0, 10, shape=2), pm.HalfNormal("spread", 3)
        sigma = pm.HalfNormal("sigma", 3)
        u = pm.Normal("u", 0, spread, dims="group") if centred else spread * pm.Normal("z", 0, 1, dims="group")
        pm.Deterministic("ratio", spread / sigma)
        pm.Deterministic("level", b[0] + u, dims="group")
        pm.Normal("y", b[0] + b[1] * X + u[GROUP], sigma, observed=Y)
    return model


def closed(b0: float, b1: float, spread: float, sigma: float) -> float:
    """The marginal density of all observations is normal."""
    cov = sigma**2 * np.eye(len(Y)) + spread**2 * (GROUP[:, None] == GROUP)
    return -2.0 * float(stats.multivariate_normal(b0 + b1 * X, cov).logpdf(Y))


def slopes(function, x: np.ndarray) -> np.ndarray:
    """Central differences, with the leading error removed."""
    out = []
    for i, value in enumerate(x):
        h = 1e-3 * max(abs(value), 0.1)
        step = np.eye(len(x))[i] * h
        one, half = ((function(x + s * step) - function(x - s * step)) / (2 * s * h) for s in (1.0, 0.5))
        out.append((4 * half - one) / 3)
    return np.array(out)


@pytest.fixture(scope="module")
def marginal() -> pml.Objective:
    return pml.Objective(intercepts(), latent=["u"])


@pytest.fixture(scope="module")
def fitted(marginal) -> pml.Fit:
    return pml.fit_mle(marginal, progressbar=False)


POINTS = [(2.0, 0.5, 1.2, 0.7), (1.0, -0.3, 0.2, 2.0), (3.0, 1.0, 5.0, 0.3)]


def point(b0: float, b1: float, spread: float, sigma: float) -> dict:
    return {"b": [b0, b1], "spread": spread, "sigma": sigma}


def test_parameters_are_what_is_not_integrated_out(marginal):
    assert marginal.latent == ("u",)
    assert marginal.labels == ("b[0]", "b[1]", "spread", "sigma")
    assert marginal.conditional == ()
    assert pml.Objective(intercepts(), latent=()).conditional == ("u",)
    assert pml.Objective(intercepts()).latent == ("u",)
    assert pml.Objective(intercepts(centred=False)).latent == ()


@pytest.mark.parametrize("at", POINTS)
def test_minus2ll_of_normal_effects_is_that_of_a_normal_vector(marginal, at):
    theta = marginal.pack(point(*at))
    assert float(marginal.minus2ll(theta)) == pytest.approx(closed(*at), rel=1e-10)
    natural = lambda t: closed(t[0], t[1], np.exp(t[2]), np.exp(t[3]))  # noqa: E731
    value, gradient = marginal.value_and_gradient(theta)
    assert float(value) == pytest.approx(closed(*at), rel=1e-10)
    np.testing.assert_allclose(gradient, slopes(natural, theta), rtol=1e-6, atol=1e-6)
    hessian = np.array([slopes(lambda t, i=i: slopes(natural, t)[i], theta) for i in range(4)])
    np.testing.assert_allclose(marginal.hessian(theta), hessian, rtol=1e-4, atol=1e-3)
    direction = np.array([0.3, -1.0, 0.5, 2.0])
    np.testing.assert_allclose(
        marginal.hessian_product(theta, direction), marginal.hessian(theta) @ direction, rtol=1e-6, atol=1e-5
    )


def test_a_grid_goes_down_to_a_variance_of_zero(marginal):
    spreads = np.array([0.0, 1e-6, 0.3, 1.2])
    grid = pml.regular_grid({"spread": spreads, "sigma": [0.7, 1.5]})
    surface = pml.evaluate_landscape(marginal, grid, at={"b": [2.0, 0.5]}, progressbar=False)
    wanted = [[closed(2.0, 0.5, a, s) for s in (0.7, 1.5)] for a in spreads]
    np.testing.assert_allclose(surface["minus2ll"].transpose("spread", "sigma"), wanted, rtol=1e-10)
    assert surface.attrs["latent"] == "u"
    outside = pml.regular_grid({"spread": [-0.1, 0.1]})
    heights = pml.evaluate_landscape(marginal, outside, at={"b": [2.0, 0.5], "sigma": 1.0}, progressbar=False)
    assert float(heights["log_likelihood"][0]) == -np.inf
    assert np.isfinite(heights["log_likelihood"][1])


@pytest.mark.parametrize("how", ["non-centred", exhaustive("by quadrature")])
def test_other_routes_give_the_same_integral(marginal, how):
    other = (
        pml.Objective(intercepts(centred=False), latent="z")
        if how == "non-centred"
        else pml.Objective(intercepts(), latent="u", quadrature=3)
    )
    theta = np.array([marginal.pack(point(*at)) for at in POINTS])
    np.testing.assert_allclose(other.minus2ll(theta), marginal.minus2ll(theta), rtol=1e-10)
    np.testing.assert_allclose(other.gradient(theta), marginal.gradient(theta), rtol=1e-7, atol=1e-8)


def test_a_fit_knows_its_random_effects(fitted):
    """Best linear unbiased predictors and their conditional variances (Henderson 1975)."""
    b0, b1 = fitted.point["b"].values
    spread, sigma = float(fitted.point["spread"]), float(fitted.point["sigma"])
    counts = np.bincount(GROUP)
    precision = counts / sigma**2 + 1 / spread**2
    wanted = np.bincount(GROUP, Y - b0 - b1 * X) / sigma**2 / precision
    np.testing.assert_allclose(fitted.latent["u"], wanted, atol=1e-8)
    np.testing.assert_allclose(fitted.latent["u_se"], precision**-0.5, atol=1e-8)
    assert fitted.latent["u"].dims == ("group",)
    assert fitted.latent.attrs["latent"] == "u"
    assert fitted.status.is_optimum
    best = fitted.minus2ll
    around = [closed(b0, b1, spread * f, sigma * g) for f, g in ((1.01, 1), (0.99, 1), (1, 1.01), (1, 0.99))]
    assert best == pytest.approx(closed(b0, b1, spread, sigma), abs=1e-8)
    assert min(around) > best


def test_deterministics_of_effects_are_left_out(fitted):
    assert list(fitted.derived) == ["ratio"]
    assert float(fitted.derived["ratio"]) == pytest.approx(float(fitted.point["spread"] / fitted.point["sigma"]))


def test_new_data_have_new_random_effects(marginal):
    draw = Simulator(marginal)
    sets = np.array([draw(point(2.0, 0.5, 1.5, 0.5), seed)["y"] for seed in range(4000)]) - 2.0 - 0.5 * X
    cov = sets.T @ sets / len(sets)
    wanted = 0.25 * np.eye(len(Y)) + 2.25 * (GROUP[:, None] == GROUP)
    error = np.sqrt((wanted**2 + np.outer(np.diag(wanted), np.diag(wanted))) / len(sets))
    assert (np.abs(cov - wanted) < 5 * error).all()


def test_other_data_need_no_new_objective(marginal):
    theta = marginal.pack(point(*POINTS[0]))
    moved = marginal.with_data(y=Y + 1.0)
    assert float(moved.minus2ll(theta)) == pytest.approx(closed(1.0, *POINTS[0][1:]), rel=1e-10)
    assert float(marginal.minus2ll(theta)) == pytest.approx(closed(*POINTS[0]), rel=1e-10)


def test_the_mode_of_the_marginal_posterior(marginal):
    mode = pml.fit_map(marginal, progressbar=False)
    b, spread, sigma = mode.point["b"].values, float(mode.point["spread"]), float(mode.point["sigma"])

    def height(v: np.ndarray) -> float:
        prior = stats.norm(0, 10).logpdf(v[:2]).sum() + stats.halfnorm(scale=3).logpdf(v[2:]).sum()
        return closed(*v) - 2.0 * float(prior)

    here = np.array([*b, spread, sigma])
    np.testing.assert_allclose(slopes(height, here), 0.0, atol=1e-5)


# --- effects that are not normal, or data that are not -------------------------------------------------------------


@cache
def counts(effect) -> pm.Model:
    with pm.Model() as model:
        a, spread = pm.Normal("a", 0, 5), pm.HalfNormal("spread", 3)
        pm.Poisson("n", pt.exp(a + effect(spread)[GROUP]), observed=COUNTS)
    return model


def by_hand(a: float, spread: float, log_prior) -> float:
    """One integral a group, over a fine grid: the trapezoidal rule is exact to rounding for what decays so fast."""
    total = 0.0
    u = np.linspace(-12, 12, 6001)
    for g in range(5):
        n = COUNTS[g == GROUP]
        f = n.sum() * (a + u) - len(n) * np.exp(a + u) - special.gammaln(n + 1).sum() + log_prior(u, spread)
        total += np.log(integrate.trapezoid(np.exp(f - f.max()), u)) + f.max()
    return -2.0 * float(total)


EFFECTS = {
    "normal": (lambda s: pm.Normal("u", 0, s, shape=5), lambda u, s: stats.norm(0, s).logpdf(u)),
    # its density on the scale on which it is integrated
    "log of a gamma": (
        lambda s: pt.log(pm.Gamma("u", 2.0, s, shape=5)),
        lambda u, s: stats.gamma(2.0, scale=1 / s).logpdf(np.exp(u)) + u,
    ),
}


@pytest.mark.parametrize("name", some(EFFECTS, ["log of a gamma"]))
def test_quadrature_is_the_integral(name):
    effect, log_prior = EFFECTS[name]
    exact = pml.Objective(counts(effect), latent="u", quadrature=41)
    rough = pml.Objective(counts(effect), latent="u", quadrature=1)
    for a, spread in ((0.3, 0.8), (-0.5, 1.5)):
        theta, wanted = exact.pack({"a": a, "spread": spread}), by_hand(a, spread, log_prior)
        assert float(exact.minus2ll(theta)) == pytest.approx(wanted, abs=1e-6)
        assert 1e-4 < abs(float(rough.minus2ll(theta)) - wanted) < 1.0
        hand = slopes(lambda t: by_hand(t[0], np.exp(t[1]), log_prior), theta)
        np.testing.assert_allclose(exact.gradient(theta), hand, atol=2e-5)
        own = slopes(lambda t: float(rough.minus2ll(t)), theta)
        np.testing.assert_allclose(rough.gradient(theta), own, rtol=1e-6, atol=1e-6)


@pytest.mark.exhaustive
def test_blocks_of_two_effects_by_quadrature(rng):
    """Intercept and slope of a logistic regression by group, against a fixed grid for each group."""
    died = rng.binomial(6, special.expit(0.2 + 0.8 * X))
    with pm.Model() as model:
        a, spread, rho = pm.Normal("a", 0, 5), pm.HalfNormal("spread", 2, shape=2), pm.Uniform("rho", -1.0, 1.0)
        root = pt.stack([pt.stack([spread[0], 0.0]), pt.stack([rho * spread[1], spread[1] * pt.sqrt(1 - rho**2)])])
        u = pm.MvNormal("u", np.zeros(2), chol=root, shape=(5, 2))
        pm.Binomial("y", 6, logit_p=a + u[GROUP, 0] + u[GROUP, 1] * X, observed=died)
    objective = pml.Objective(model, latent="u", quadrature=15)
    at = {"a": 0.2, "spread": [0.7, 0.5], "rho": 0.3}
    theta = objective.pack(at)
    z = np.linspace(-7, 7, 141)
    grid = np.stack(np.meshgrid(z, z, indexing="ij"), axis=-1).reshape(-1, 2)
    lower = np.array([[0.7, 0.0], [0.3 * 0.5, 0.5 * np.sqrt(1 - 0.09)]])
    effects, total = grid @ lower.T, 0.0
    for g in range(5):
        own = g == GROUP
        eta = 0.2 + effects[:, :1] + effects[:, 1:] * X[own]
        f = stats.binom.logpmf(died[own], 6, special.expit(eta)).sum(axis=1) + stats.norm.logpdf(grid).sum(axis=1)
        total += special.logsumexp(f) + 2 * np.log(z[1] - z[0])
    assert float(objective.minus2ll(theta)) == pytest.approx(-2 * total, abs=1e-6)
    own = slopes(lambda t: float(objective.minus2ll(t)), theta)
    np.testing.assert_allclose(objective.gradient(theta), own, rtol=1e-6, atol=1e-6)


# --- effects that are tied together --------------------------------------------------------------------------------


def test_a_random_walk(rng):
    steps = 120
    path = np.cumsum(rng.normal(0, 0.5, steps))
    seen = path + rng.normal(0, 1.0, steps)
    with pm.Model() as model:
        step, sigma = pm.HalfNormal("step", 1), pm.HalfNormal("sigma", 1)
        level = pm.GaussianRandomWalk("level", sigma=step, init_dist=pm.Normal.dist(0, 2.0), steps=steps - 1)
        pm.Normal("y", level, sigma, observed=seen)
    objective = pml.Objective(model)
    assert objective.latent == ("level",)

    def wanted(t: np.ndarray) -> float:
        s, e = np.exp(t)
        later = np.minimum.outer(np.arange(steps), np.arange(steps))
        return -2.0 * float(stats.multivariate_normal(cov=4.0 + s**2 * later + e**2 * np.eye(steps)).logpdf(seen))

    theta = objective.pack({"step": 0.6, "sigma": 0.9})
    assert float(objective.minus2ll(theta)) == pytest.approx(wanted(theta), rel=1e-9)
    np.testing.assert_allclose(objective.gradient(theta), slopes(wanted, theta), rtol=1e-5, atol=1e-4)
    assert objective.evaluators.integrals.laplace.pattern.n_colours == 4  # a band, and the start that meets all


def test_a_grid_of_integrals_is_searched_in_step(rng):
    """Volatilities that walk: the values of a line, found together, are those found at each point alone."""
    with pm.Model() as model:
        step = pm.Exponential("step", 10)
        v = pm.GaussianRandomWalk("v", sigma=step, init_dist=pm.Normal.dist(0, 1), shape=70)
        pm.StudentT("r", nu=8, sigma=pm.math.exp(v), observed=rng.standard_t(8, 70))
    alone = pml.Objective(model)
    line = pml.evaluate_landscape(alone, pml.regular_grid({"step": (-0.1, 0.5, 7)}), progressbar=False)
    values = line["log_likelihood"].to_numpy()
    assert values[0] == -np.inf
    mode = alone.evaluators.integrals.laplace
    assert isinstance(mode.mode(np.array([0.3])).curvature, Sparse)
    expected = [mode.value(np.array([s]))[0] for s in line["step"].to_numpy()[1:]]
    np.testing.assert_allclose(values[1:], expected, rtol=1e-12)


@pytest.mark.exhaustive
@pytest.mark.parametrize("sizes", [(12, 4), (330, 5)], ids=["few", "many"])
def test_crossed_effects(sizes, rng):
    n = 60 if sizes[0] < 100 else 450
    one, other = rng.integers(0, sizes[0], n), rng.integers(0, sizes[1], n)
    y = rng.normal(0, 1, sizes[0])[one] + rng.normal(0, 0.5, sizes[1])[other] + rng.normal(0, 0.8, n)
    with pm.Model() as model:
        mu, spread, sigma = pm.Normal("mu", 0, 5), pm.HalfNormal("spread", 2, shape=2), pm.HalfNormal("sigma", 2)
        u, v = pm.Normal("u", 0, spread[0], shape=sizes[0]), pm.Normal("v", 0, spread[1], shape=sizes[1])
        pm.Normal("y", mu + u[one] + v[other], sigma, observed=y)
    objective = pml.Objective(model)
    assert objective.latent == ("u", "v")

    def wanted(t: np.ndarray) -> float:
        s = np.exp(t[1:])
        cov = s[0] ** 2 * (one[:, None] == one) + s[1] ** 2 * (other[:, None] == other) + s[2] ** 2 * np.eye(n)
        return -2.0 * float(stats.multivariate_normal(np.full(n, t[0]), cov).logpdf(y))

    theta = objective.pack({"mu": 0.1, "spread": [1.2, 0.4], "sigma": 0.9})
    assert float(objective.minus2ll(theta)) == pytest.approx(wanted(theta), rel=1e-10)
    np.testing.assert_allclose(objective.gradient(theta), slopes(wanted, theta), rtol=1e-5, atol=1e-5)
    if sizes[0] == 12:
        with pytest.raises(ValueError, match="small independent blocks for quadrature, got"):
            pml.Objective(model, latent=["u", "v"], quadrature=5).minus2ll(theta)


def test_effects_within_effects(rng):
    batch = np.array([0, 0, 1, 1, 2, 2])
    cask = np.repeat(np.arange(6), 3)
    y = rng.normal(0, 1.0, 3)[batch[cask]] + rng.normal(0, 0.6, 6)[cask] + rng.normal(0, 0.5, 18)
    with pm.Model() as model:
        spread, sigma = pm.HalfNormal("spread", 2, shape=2), pm.HalfNormal("sigma", 2)
        top = pm.Normal("top", 0, spread[0], shape=3)
        low = pm.Normal("low", top[batch], spread[1], shape=6)
        pm.Normal("y", low[cask], sigma, observed=y)
    objective = pml.Objective(model)

    def wanted(s0: float, s1: float, e: float) -> float:
        whole = batch[cask]
        cov = s0**2 * (whole[:, None] == whole) + s1**2 * (cask[:, None] == cask) + e**2 * np.eye(18)
        return -2.0 * float(stats.multivariate_normal(cov=cov).logpdf(y))

    for at in ((1.1, 0.7, 0.6), (0.0, 0.7, 0.6), (0.0, 0.0, 0.6), (1.0, 0.0, 0.6)):
        values = objective.natural_log_likelihood({"spread": [[at[0], at[1]]], "sigma": [at[2]]})
        assert -2.0 * float(values[0]) == pytest.approx(wanted(*at), rel=1e-10)


def test_missing_observations_are_integrated_out():
    y = np.where(np.arange(len(Y)) % 4 == 0, np.nan, Y)
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 3)
        with pytest.warns(UserWarning, match="imput"):  # PyMC's word
            pm.Normal("y", mu, sigma, observed=np.ma.masked_invalid(y))
    objective = pml.Objective(model)
    assert objective.latent == ("y_unobserved",)
    wanted = stats.norm(1.5, 0.8).logpdf(y[np.isfinite(y)]).sum()
    found = objective.natural_log_likelihood({"mu": [1.5], "sigma": [0.8]})
    assert float(found[0]) == pytest.approx(wanted, rel=1e-10)


def test_effects_that_nobody_named_are_guessed_where_a_joint_fit_fails():
    """Eight schools, not centred: the joint likelihood is a ridge, and tau has no estimate there."""
    effect, error = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    with pm.Model() as model:
        mu, tau = pm.Normal("mu", 0, 20), pm.HalfNormal("tau", 20)
        eta = pm.Normal("eta", 0, 1, shape=8)
        pm.Normal("y", mu + tau * eta, error, observed=effect)
    joint = pml.fit_mle(model, progressbar=False)
    assert not joint.status.is_optimum
    assert "eta" in joint.message
    objective = pml.Objective(model, latent="eta")
    assert objective.perhaps_latent == ()
    fit = pml.fit_mle(objective, progressbar=False)
    assert fit.status.value == "at_bound"
    assert float(fit.point["tau"]) == 0.0
    assert float(fit.point["mu"]) == pytest.approx(7.68561672, rel=1e-8)
    assert fit.minus2ll == pytest.approx(2 * 29.67424369, abs=1e-7)


@pytest.mark.parametrize("form", [exhaustive("centred"), "standard"])
def test_a_horseshoe_knows_products_of_its_scales_only(form):
    """y ~ N(0, 1 + (tau lam)^2): the product is known, or 0, and the ridge between the factors is bent."""
    y = np.array([3.0, -2.0, 0.5, 4.0])
    with pm.Model() as model:
        tau, lam = pm.HalfCauchy("tau", 1), pm.HalfCauchy("lam", 1, shape=4)
        centred = form == "centred"
        effect = pm.Normal("effect", 0, tau * lam) if centred else tau * lam * pm.Normal("z", 0, 1, shape=4)
        pm.Normal("y", effect, np.float64(1.0), observed=y)
    objective = pml.Objective(model, latent="effect" if centred else "z")
    fit = pml.fit_mle(objective, progressbar=False)
    assert fit.status.value == "not_identified"
    assert "tau" in fit.message
    assert "lam" in fit.message
    scale = np.sqrt(np.maximum(y**2 - 1, 0))
    np.testing.assert_allclose(fit.point["tau"] * fit.point["lam"], scale, rtol=1e-6, atol=1e-6)
    truth = -2 * stats.norm.logpdf(y, 0, np.sqrt(1 + scale**2)).sum()
    assert fit.minus2ll == pytest.approx(truth, abs=1e-8)
    assert np.isinf(fit.standard_error["tau"])


@pytest.mark.exhaustive
@pytest.mark.parametrize("form", ["centred", "standard"])
def test_a_cholesky_factor_that_is_singular_is_an_edge(form):
    """Intercepts and slopes by group of which the data find a correlation of ±1, with PyMC's LKJ prior."""
    rng = np.random.default_rng(3)
    group, x = np.repeat(np.arange(8), 8), rng.normal(size=64)
    y = 1 + 0.5 * x + rng.normal(size=8)[group] + 0.6 * rng.normal(size=64)
    with pm.Model() as model:
        chol, _, _ = pm.LKJCholeskyCov("chol", n=2, eta=2.0, sd_dist=pm.HalfNormal.dist(2.0, shape=2))
        b, sigma = pm.Normal("b", 0, 5, shape=2), pm.Exponential("sigma", 1)
        if form == "centred":
            u = pm.MvNormal("u", 0, chol=chol, shape=(8, 2))
        else:
            u = pm.Normal("z", 0, 1, shape=(8, 2)) @ chol.T
        pm.Normal("y", b[0] + u[group, 0] + (b[1] + u[group, 1]) * x, sigma, observed=y)
    fit = pml.fit_mle(pml.Objective(model, latent="u" if form == "centred" else "z"), progressbar=False)

    def minus2ll(v):
        root, rows = np.array([[v[2], 0], [v[3], v[4]]]), np.column_stack([np.ones(64), x])
        between = (rows @ root @ root.T @ rows.T) * (group[:, None] == group)
        return -2 * stats.multivariate_normal.logpdf(y, rows @ v[:2], between + v[5] ** 2 * np.eye(64))

    bounds = [(None, None)] * 2 + [(1e-6, None), (None, None), (0, None), (1e-6, None)]
    truth = optimize.minimize(minus2ll, [1, 0.5, 1, 0, 0.1, 0.6], bounds=bounds, options={"ftol": 1e-15, "gtol": 1e-9})
    assert truth.x[4] == 0
    assert fit.status.value == "at_bound"
    assert fit.minus2ll == pytest.approx(truth.fun, abs=1e-7)
    np.testing.assert_allclose(fit.point["chol"], truth.x[2:5], atol=1e-4)
    assert fit.point["chol"][2] == 0
    assert abs(fit.derived["chol_corr"][0, 1]) == pytest.approx(1)


@pytest.mark.exhaustive
def test_a_mixture_that_ends_on_its_edge_is_the_simpler_model_there():
    """No more zeros than Poisson has: psi is 1, where PyMC's density has a value and its slope by psi is NaN."""
    rng = np.random.default_rng(23)
    group = np.repeat(np.arange(8), 6)
    y = rng.poisson(np.exp(0.8 + 0.5 * rng.normal(size=8))[group])

    def model(inflated):
        with pm.Model() as built:
            mu, sd = pm.Normal("mu", 0, 2), pm.HalfNormal("sd", 1)
            rate = pm.math.exp(pm.Normal("u", mu, sd, shape=8)[group])
            if inflated:
                pm.ZeroInflatedPoisson("y", pm.Beta("psi", 2, 2), rate, observed=y)
            else:
                pm.Poisson("y", rate, observed=y)
        return built

    inflated, plain = (pml.fit_mle(model(kind), progressbar=False) for kind in (True, False))
    assert inflated.status.value == "at_bound"
    assert inflated.point["psi"] == 1
    assert inflated.minus2ll == pytest.approx(plain.minus2ll, abs=1e-8)
    for name in ("mu", "sd"):
        assert float(inflated.point[name]) == pytest.approx(float(plain.point[name]), rel=1e-5)
        assert float(inflated.standard_error[name]) == pytest.approx(float(plain.standard_error[name]), rel=1e-4)


def test_several_terms_are_one_integral():
    with pm.Model() as model:
        spread = pm.HalfNormal("spread", 2)
        u = pm.Normal("u", 0, spread)
        pm.Normal("one", u, np.float64(1.0), observed=[0.3, 1.2])
        pm.Normal("other", u, np.float64(2.0), observed=-0.4)
    objective = pml.Objective(model)
    assert objective.terms == ("one + other",)
    cov = 1.3**2 + np.diag([1.0, 1.0, 4.0])
    wanted = stats.multivariate_normal(cov=cov).logpdf([0.3, 1.2, -0.4])
    assert float(objective.natural_log_likelihood({"spread": [1.3]})[0]) == pytest.approx(wanted, rel=1e-12)


def test_means_of_pairs_are_integrated_out(rng):
    """Neyman and Scott (1948): the joint maximum of σ² tends to σ²/2, the marginal one to σ²."""
    pairs = rng.normal(0, 3, 50)[:, None] + rng.normal(0, 1, (50, 2))
    with pm.Model() as model:
        sigma, mean = pm.HalfNormal("sigma", 5), pm.Flat("mean", shape=50)
        pm.Normal("y", mean[:, None], sigma, observed=pairs)
    marginal = pml.fit_mle(pml.Objective(model, latent="mean"), progressbar=False)
    joint = pml.fit_mle(pml.Objective(model, latent=()), progressbar=False)
    half = np.mean((pairs[:, 0] - pairs[:, 1]) ** 2) / 2
    assert float(marginal.point["sigma"]) ** 2 == pytest.approx(half, rel=1e-6)
    assert float(joint.point["sigma"]) ** 2 == pytest.approx(half / 2, rel=1e-6)


def test_a_surface_of_profiles_goes_down_to_a_variance_of_zero(marginal, fitted):
    """At spread 0 the best of the others is a straight line by least squares."""
    grid = pml.regular_grid({"spread": [0.0, 0.5]})
    surface = pml.evaluate_landscape(marginal, grid, at=fitted, nuisance="profile", progressbar=False)
    design = np.column_stack([np.ones(len(X)), X])
    rest = np.linalg.lstsq(design, Y, rcond=None)[1][0]
    wanted = len(Y) * (np.log(2 * np.pi * rest / len(Y)) + 1)
    assert float(surface["minus2ll"][0]) == pytest.approx(wanted, abs=1e-7)
    least = optimize.minimize(lambda v: closed(v[0], v[1], 0.5, np.exp(v[2])), [2.0, 0.5, 0.0], tol=1e-12).fun
    assert float(surface["minus2ll"][1]) == pytest.approx(least, abs=1e-6)


def test_draws_stand_beside_a_marginal_likelihood(fitted, rng):
    """Draws from the likelihood's own normal approximation; the tree has effects too, and they are left alone."""
    drawn = fitted.draws(500, random_seed=1)[["b", "spread", "sigma"]].map(np.abs)
    drawn["u"] = (("chain", "draw", "group"), rng.normal(size=(1, 500, 5)))
    deviance = pml.posterior_deviance(fitted, xr.DataTree.from_dict({"posterior": drawn}), progressbar=False)
    assert deviance.attrs["k"] == 4
    assert deviance.attrs["latent"] == "u"
    assert 3.0 < float(deviance["delta_minus2ll"].mean()) < 7.0


# --- is the approximation good? ------------------------------------------------------------------------------------


@pytest.mark.exhaustive
def test_importance_sampling_is_unbiased():
    exact = pml.Objective(counts(EFFECTS["normal"][0]), latent="u", quadrature=41)
    rough = pml.Objective(counts(EFFECTS["normal"][0]), latent="u", quadrature=1)
    at = {"a": 0.3, "spread": 0.8}
    wanted, off = float(exact.minus2ll(exact.pack(at))), float(rough.minus2ll(rough.pack(at)))
    found = [pml.importance_sampling(rough, at=at, draws=2000, random_seed=seed) for seed in range(20)]
    z = np.array([(f.minus2ll - wanted) / f.standard_error for f in found])
    assert stats.kstest(z, "norm").pvalue > 1e-3
    assert found[0].approximation == pytest.approx(off, abs=1e-9)
    assert np.mean([f.minus2ll for f in found]) == pytest.approx(wanted, abs=4 * found[0].standard_error / 20**0.5)
    assert 1000 < found[0].effective_draws <= 2000
    assert "importance sampling" in repr(found[0])
    assert float(found[0].to_dataset()["minus2ll"]) == found[0].minus2ll


def test_importance_sampling_has_no_error_where_laplace_is_exact(fitted):
    found = pml.importance_sampling(fitted, draws=5, random_seed=1)
    assert found.standard_error < 1e-6
    assert found.minus2ll == pytest.approx(fitted.minus2ll, abs=1e-8)


def test_an_exact_integral_passes_the_check(fitted):
    check = pml.laplace_check(fitted, draws=100, random_seed=4, progressbar=False)
    assert check.p_value > 0.001
    assert check.df == 4
    assert check.labels == ("b[0]", "b[1]", "spread", "sigma")
    assert "no sign of a bias" in repr(check)
    assert check.to_dataset()["bias"].dims == ("parameter",)


@pytest.mark.exhaustive
def test_a_rough_integral_does_not():
    """Yes or no, twice a group, and large effects: Laplace's approximation is known to be off (Breslow & Lin 1995)."""
    group = np.repeat(np.arange(60), 2)
    rng = np.random.default_rng(5)
    died = rng.binomial(1, special.expit(0.5 + rng.normal(0, 3.0, 60)[group]))
    with pm.Model() as model:
        a, spread = pm.Normal("a", 0, 10), pm.HalfNormal("spread", 10)
        u = pm.Normal("u", 0, spread, shape=60)
        pm.Bernoulli("y", logit_p=a + u[group], observed=died)
    fit = pml.fit_mle(pml.Objective(model, latent="u", quadrature=1), starts={"spread": 2.0}, progressbar=False)
    check = pml.laplace_check(fit, draws=300, random_seed=4, progressbar=False)
    assert check.p_value < 1e-4
    assert "the mean score is not 0" in repr(check)
    with pytest.raises(ValueError, match="more than 3 data sets"):
        pml.laplace_check(fit, draws=3, progressbar=False)


def test_checks_need_random_effects():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5)
        pm.Normal("y", mu, 1, observed=[1.0, 2.0])
    fit = pml.fit_mle(model, progressbar=False)
    with pytest.raises(ValueError, match="with random effects that were integrated out, got one without"):
        pml.laplace_check(fit)
    with pytest.raises(ValueError, match="with random effects that are integrated out, got none"):
        pml.importance_sampling(fit)


def test_effects_are_found_from_anywhere():
    """Far out a Poisson's curvature is singular to the last digit: what its factor says of the gain is no end."""
    group = np.repeat(np.arange(8), 6)
    with pm.Model() as model:
        b, spread = pm.Normal("b", 0, 5), pm.HalfNormal("spread", 1, shape=2)
        u = pm.Normal("u", 0, spread, shape=(8, 2))
        pm.Poisson("y", pm.math.exp(b + u[group, 0] + 0.7 * u[group, 1]), observed=np.arange(48) % 7)
    objective = pml.Objective(model, latent=["u"], quadrature=1)
    theta = np.array([1.0, -0.7, -0.3])
    right, laplace = objective.minus2ll(theta), objective.evaluators.integrals.laplace
    for seed in range(100):
        rng = np.random.default_rng(seed)
        laplace._last = rng.uniform(25, 90) * rng.uniform(0.5, 1.0, 16)
        value = -2.0 * laplace.value(np.concatenate([theta[:1], np.exp(theta[1:])]))[0]
        assert value == pytest.approx(right, rel=1e-10)
