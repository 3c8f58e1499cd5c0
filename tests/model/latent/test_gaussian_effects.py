"""Normal effects of every kind that PyMC writes, where their variance is 0 and elsewhere: the marginal is normal."""

import logging

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import integrate, optimize, stats
from selection import exhaustive, slow

import pymc_landscape as pml

N, ERROR, MU = 6, 0.8, 0.5
HALF = N // 2
AT = np.arange(N)
DESIGN = np.random.default_rng(0).normal(size=(12, N))
Y = np.random.default_rng(1).normal(1.0, 1.0, 12)
CLOSE = 0.5 ** np.abs(np.subtract.outer(AT, AT))
ROWS, COLUMNS = np.array([[1.0, 0.3], [0.3, 2.0]]), CLOSE[:HALF, :HALF]
RING = np.eye(N, k=1) + np.eye(N, k=-1)
RING[0, 4] = RING[4, 0] = 1.0
LEVEL = np.full(N, 0.3)


def series(rho, s, n=N, first=4.0, constant=0.0):
    """Mean and covariance of u_t = c + Σ ρ_i u_(t−i) + s v_t, from its triangular equations."""
    p, equations = len(rho), np.eye(n)
    for t in range(p, n):
        equations[t, t - 1 - np.arange(p)] = -np.asarray(rho)
    solved = np.linalg.inv(equations)
    variances = np.r_[np.full(p, first), np.full(n - p, s**2)]
    return solved @ np.r_[np.zeros(p), np.full(n - p, constant)], solved @ np.diag(variances) @ solved.T


def walk(s, n=N, step=1.0):
    return np.full((n, n), 4.0) + s**2 * step * np.minimum.outer(np.arange(n), np.arange(n))


def twice(mean, covariance):
    return np.tile(mean, 2), np.kron(np.eye(2), covariance)


def wide():
    return pm.Normal.dist(0.0, 2.0)


def mv_walk(**scale):
    first = pm.MvNormal.dist(np.ones(2), np.eye(2) * 4)
    return pm.MvGaussianRandomWalk("u", mu=np.zeros(2), init_dist=first, shape=(HALF, 2), **scale).ravel()


def drift(x, pull, s):
    return pull * (0.2 - x), s


# The effects for a scale s, and their mean and covariance.
KINDS = {
    "normal": (lambda s: pm.Normal("u", 0.3, s, shape=N), lambda s: (LEVEL, s**2 * np.eye(N))),
    "precision": (lambda s: pm.Normal("u", 0.3, tau=1 / s**2, shape=N), lambda s: (LEVEL, s**2 * np.eye(N))),
    "log-normal": (lambda s: pt.log(pm.LogNormal("u", 0.3, s, shape=N)), lambda s: (LEVEL, s**2 * np.eye(N))),
    "covariance": (lambda s: pm.MvNormal("u", LEVEL, cov=s**2 * CLOSE), lambda s: (LEVEL, s**2 * CLOSE)),
    "cholesky": (
        lambda s: pm.MvNormal("u", LEVEL, chol=s * np.linalg.cholesky(CLOSE)),
        lambda s: (LEVEL, s**2 * CLOSE),
    ),
    "precision matrix": (
        lambda s: pm.MvNormal("u", LEVEL, tau=np.linalg.inv(CLOSE) / s**2),
        lambda s: (LEVEL, s**2 * CLOSE),
    ),
    "zero sum": (lambda s: pm.ZeroSumNormal("u", s, shape=N), lambda s: (0 * LEVEL, s**2 * (np.eye(N) - 1 / N))),
    "random walk": (
        lambda s: pm.GaussianRandomWalk("u", mu=0.2, sigma=s, init_dist=wide(), steps=N - 1),
        lambda s: (0.2 * AT, walk(s)),
    ),
    "two walks": (
        lambda s: pm.GaussianRandomWalk("u", sigma=s, init_dist=wide(), shape=(2, HALF)).ravel(),
        lambda s: twice(np.zeros(HALF), walk(s, HALF)),
    ),
    "vector walk": (lambda s: mv_walk(cov=s**2 * ROWS), lambda s: (np.ones(N), walk_of_vectors(s))),
    "vector walk, cholesky": (
        lambda s: mv_walk(chol=s * np.linalg.cholesky(ROWS)),
        lambda s: (np.ones(N), walk_of_vectors(s)),
    ),
    "autoregression": (
        lambda s: pm.AR("u", [0.7], sigma=s, init_dist=wide(), steps=N - 1),
        lambda s: series([0.7], s),
    ),
    "none": (lambda s: pm.AR("u", [0.0], sigma=s, init_dist=wide(), steps=N - 1), lambda s: series([0.0], s)),
    "stationary": (
        lambda s: pm.AR("u", [0.6], sigma=s, init_dist=pm.Normal.dist(0, s / 0.8), steps=N - 1),
        lambda s: series([0.6], s, first=s**2 / 0.64),
    ),
    "second order": (
        lambda s: pm.AR("u", [0.4, 0.7, -0.3], constant=True, sigma=s, init_dist=wide(), steps=N - 2),
        lambda s: series([0.7, -0.3], s, constant=0.4),
    ),
    "with a constant": (
        lambda s: pm.AR("u", [0.4, 0.7], constant=True, sigma=s, init_dist=wide(), shape=(2, HALF)).ravel(),
        lambda s: twice(*series([0.7], s, HALF, constant=0.4)),
    ),
    "diffusion": (
        lambda s: pm.EulerMaruyama("u", 0.1, drift, (0.5, s), init_dist=wide(), shape=(N,), initval=0 * LEVEL),
        lambda s: series([0.95], s * np.sqrt(0.1), constant=0.01),
    ),
    "areas": (
        lambda s: pm.CAR("u", LEVEL, RING, 0.6, 1 / s**2, shape=N),
        lambda s: (LEVEL, s**2 * np.linalg.inv(np.diag(RING.sum(0)) - 0.6 * RING)),
    ),
    "matrix": (
        lambda s: pm.MatrixNormal("u", np.zeros((2, HALF)), rowcov=s**2 * pt.as_tensor(ROWS), colcov=COLUMNS).ravel(),
        lambda s: (0 * LEVEL, s**2 * np.kron(ROWS, COLUMNS)),
    ),
    "kronecker": (
        lambda s: pm.KroneckerNormal("u", np.zeros(N), covs=[s**2 * ROWS, COLUMNS], sigma=0.5 * s, shape=N),
        lambda s: (0 * LEVEL, s**2 * (np.kron(ROWS, COLUMNS) + 0.25 * np.eye(N))),
    ),
}
# The quickest; the fit of a random walk below is by default too.
SOME = ("zero sum",)
SLOW = ("kronecker", "vector walk", "covariance", "matrix")
# PyMC's density of areas goes without these constants.
CONSTANTS = {"areas": N * np.log(2 * np.pi) - np.log(RING.sum(0)).sum()}


def walk_of_vectors(s):
    return np.kron(np.minimum.outer(AT[:HALF], AT[:HALF]), s**2 * ROWS) + np.kron(np.ones((HALF, HALF)), 4 * np.eye(2))


def kinds():
    return [kind if kind in SOME else slow(kind) if kind in SLOW else exhaustive(kind) for kind in KINDS]


def model_of(kind):
    with pm.Model() as model:
        s, mu = pm.HalfNormal("s", 1), pm.Normal("mu", 0, 10)
        pm.Normal("y", mu + pt.dot(DESIGN, KINDS[kind][0](s)), ERROR, observed=Y)
    return model


def minus2ll(kind, s, mu=MU):
    mean, covariance = KINDS[kind][1](s)
    whole = DESIGN @ covariance @ DESIGN.T + ERROR**2 * np.eye(len(Y))
    return -2 * stats.multivariate_normal.logpdf(Y, mu + DESIGN @ mean, whole) - CONSTANTS.get(kind, 0.0)


@pytest.mark.filterwarnings("ignore:pytensor.tensor.linalg.trace is deprecated:FutureWarning")  # PyMC's MatrixNormal
@pytest.mark.parametrize("kind", kinds())
def test_the_marginal_likelihood_goes_on_to_a_variance_of_0(kind):
    objective = pml.Objective(model_of(kind), latent="u")
    engine, layout = objective.evaluators.engine("gradient"), objective.layout()
    names = [v.name for v in objective.variables]
    for s in (0.0, 1e-6, 0.4, 30.0):
        value, gradient = engine.one(layout.join({"s": np.array(s), "mu": np.array(MU)}))
        assert value == pytest.approx(minus2ll(kind, s), abs=1e-8)
        by_mu = (minus2ll(kind, s, MU + 1e-5) - minus2ll(kind, s, MU - 1e-5)) / 2e-5
        assert gradient[names.index("mu")] == pytest.approx(by_mu, rel=1e-6, abs=1e-6)
        h = 1e-5 * max(s, 1.0)
        by_s = 0.0 if s < h else (minus2ll(kind, s + h) - minus2ll(kind, s - h)) / (2 * h)
        assert gradient[names.index("s")] == pytest.approx(by_s, rel=1e-5, abs=1e-2 if 0 < s < h else 1e-6)


def test_a_walk_that_does_not_move_is_at_its_bound():
    y = 1 + np.random.default_rng(1).normal(0, 0.5, 40)
    at = np.arange(40)

    def right(p):
        whole = 100 + p[0] ** 2 * np.minimum.outer(at, at) + p[1] ** 2 * np.eye(40)
        return -2 * stats.multivariate_normal.logpdf(y, np.zeros(40), whole)

    best = optimize.minimize(right, [0.2, 0.5], bounds=[(0, None), (0.01, None)])
    with pm.Model() as model:
        step, error = pm.HalfNormal("step", 1), pm.HalfNormal("error", 1)
        level = pm.GaussianRandomWalk("level", mu=0, sigma=step, init_dist=pm.Normal.dist(0, 10), steps=39)
        pm.Normal("y", level, error, observed=y)
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status is fit.status.AT_BOUND
    assert "step" in fit.message
    assert fit.minus2ll == pytest.approx(best.fun, abs=1e-6)
    steps = {"step": np.array([0.0, 0.1])}
    land = pml.evaluate_landscape(fit, steps, at={"error": 0.47}, progressbar=False)["minus2ll"]
    np.testing.assert_allclose(land, [right([0, 0.47]), right([0.1, 0.47])], atol=1e-7)


def vectors(how):
    """Three effects of each of 30 groups, of which the third is the sum of the others: a covariance of rank 2."""
    rng = np.random.default_rng(5)
    root = np.array([[1.0, 0, 0], [0.5, 0.8, 0], [1.5, 0.8, 0]])
    group = np.repeat(np.arange(30), 4)
    x = rng.normal(size=(120, 3))
    y = (x * (rng.normal(size=(30, 3)) @ root.T)[group]).sum(1) + rng.normal(0, 0.5, 120)
    with pm.Model() as model:
        sd = pm.HalfNormal("sd", 2, shape=3)
        half = pm.Uniform("half", -1, 1, shape=3)
        error = pm.HalfNormal("error", 1)
        factor = pt.stack([sd[0], 0, 0, half[0], sd[1], 0, half[1], half[2], sd[2]]).reshape((3, 3))
        cov = factor @ factor.T
        scale = {"cov": cov} if how == "cov" else {"chol": factor}
        u = pm.MvNormal("u", np.zeros(3), **scale, shape=(30, 3))
        pm.Normal("y", (x * u[group]).sum(-1), error, observed=y)
    return model, x, group, y


@pytest.mark.exhaustive
@pytest.mark.parametrize("how", ["cov", "chol"])
def test_a_covariance_without_full_rank(how):
    model, x, group, y = vectors(how)
    objective = pml.Objective(model)
    point = {"sd": [1.0, 0.8, 0.0], "half": [0.5, 0.9, 0.7], "error": 0.5}
    root = np.array([[1.0, 0, 0], [0.5, 0.8, 0], [0.9, 0.7, 0]])
    wide = np.zeros((120, 90))
    for i, g in enumerate(group):
        wide[i, 3 * g : 3 * g + 3] = x[i]
    whole = wide @ np.kron(np.eye(30), root @ root.T) @ wide.T + 0.25 * np.eye(120)
    points = {name: np.asarray(value)[None] for name, value in point.items()}
    got = -2 * objective.natural_log_likelihood(points)[0]
    assert got == pytest.approx(-2 * stats.multivariate_normal.logpdf(y, np.zeros(120), whole), abs=1e-7)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_two_walks_that_move_together():
    rng = np.random.default_rng(0)
    w = np.cumsum(rng.normal(size=(5, 1)) @ np.array([[1.0, 0.6]]), axis=0)
    at = np.repeat(np.arange(5), 10)
    y = w[at] + 0.1 * rng.normal(size=(50, 2))

    def right(t, last=0.0):
        factor = np.array([[np.exp(t[0]), 0], [t[1], last]])
        moves = np.kron(np.minimum.outer(at, at), factor @ factor.T)
        whole = moves + np.kron(np.ones((50, 50)), 100 * np.eye(2)) + np.exp(2 * t[2]) * np.eye(100)
        return -2 * stats.multivariate_normal.logpdf(y.ravel(), cov=whole)

    best = optimize.minimize(right, [0, 0.6, -2.3], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9})
    with pm.Model() as model:
        chol, *_ = pm.LKJCholeskyCov("chol", n=2, eta=2, sd_dist=pm.HalfCauchy.dist(2.5, shape=2))
        start = pm.MvNormal.dist(np.zeros(2), 100 * np.eye(2))
        a = pm.MvGaussianRandomWalk("a", mu=np.zeros(2), chol=chol, init_dist=start, shape=(5, 2))
        pm.Normal("y", a[at], pm.HalfNormal("sigma", 1), observed=y)
    fit = pml.fit_mle(model, progressbar=False)
    assert fit.status is fit.status.AT_BOUND
    assert fit.minus2ll == pytest.approx(best.fun, abs=1e-5)


def test_a_series_that_starts_from_no_normal_variable():
    with pm.Model() as model:
        s = pm.HalfNormal("s", 1)
        level = pm.GaussianRandomWalk("level", sigma=s, init_dist=pm.Logistic.dist(0, 1), steps=3)
        pm.Normal("y", level, 0.5, observed=[0.3, 0.5, 0.2, 0.4])
    u = np.linspace(-15, 15, 20001)
    height = stats.logistic.logpdf(u) + sum(stats.norm.logpdf(v, u, 0.5) for v in (0.3, 0.5, 0.2, 0.4))
    right = -2 * np.log(np.trapezoid(np.exp(height), u))
    got = -2 * pml.Objective(model).natural_log_likelihood({"s": np.zeros(1)})[0]
    assert got == pytest.approx(right, abs=0.01)  # Laplace's approximation


@pytest.mark.exhaustive
def test_areas_without_a_constant_in_their_density():
    """PyMC's ICAR has no (N − 1) log σ in its density, which is that of the sum and of the differences as they are."""
    s, design = 0.4, DESIGN
    with pm.Model() as model:
        pm.Normal("y", pt.dot(design, pm.ICAR("u", RING.astype(int), pm.HalfNormal("s", 1))), ERROR, observed=Y)
    precision = (np.diag(RING.sum(0)) - RING) / s**2 + np.ones((N, N)) / (0.001 * N) ** 2
    covariance = np.linalg.inv(precision)
    whole = design @ covariance @ design.T + ERROR**2 * np.eye(12)
    normalizer = 0.5 * N * np.log(2 * np.pi) + 0.5 * np.linalg.slogdet(covariance)[1]
    constant = -0.5 * np.log(2 * np.pi) - np.log(0.001 * N)
    right = stats.multivariate_normal.logpdf(Y, np.zeros(12), whole) + normalizer + constant
    got = pml.Objective(model).natural_log_likelihood({"s": np.array([s])})[0]
    assert got == pytest.approx(right, abs=1e-6)


def test_effects_whose_mode_cannot_be_looked_for_where_the_search_begins(caplog):
    caplog.set_level(logging.ERROR)
    with pm.Model() as model:
        u = pm.Normal("u", 0, pm.HalfNormal("s", 3), shape=4)
        pm.Poisson("y", u**2, observed=[3, 5, 2, 6])
    fit = pml.fit_mle(pml.Objective(model, quadrature=1), progressbar=False)
    assert not fit.status.is_optimum
    assert "No mode of the random effects u" in fit.message
    assert "latent=()" in fit.message


def test_effects_with_two_modes_are_integrated_in_panels():
    """The maximum of the sum of log ∫ Poisson(y; u²) N(u; 0, s) du, by SciPy's quad over both sides of 0."""
    seen = [3, 5, 2, 6]
    with pm.Model() as model:
        u = pm.Normal("u", 0, pm.HalfNormal("s", 3), shape=4)
        pm.Poisson("y", u**2, observed=seen)
    fit = pml.fit_mle(model, progressbar=False)

    def minus2ll(s):
        def half(k):
            return integrate.quad(
                lambda u: stats.poisson.pmf(k, u**2) * stats.norm.pdf(u, 0, s), 0, 40, points=[k**0.5], epsabs=0
            )[0]

        return -2 * sum(np.log(2 * half(k)) for k in seen)

    best = optimize.minimize_scalar(minus2ll, bounds=(0.1, 9), method="bounded", options={"xatol": 1e-9})
    assert fit.status.value == "converged"
    assert fit.minus2ll == pytest.approx(best.fun, abs=1e-6)
    assert float(fit.point["s"]) == pytest.approx(best.x, abs=1e-5)
    assert fit.latent.attrs["quadrature"] == "gauss_kronrod"
