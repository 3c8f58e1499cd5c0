"""Every multivariate distribution and time series of PyMC as likelihood, and the functions that make some."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats
from zoo_cases import case, rng

PAIRS = rng(31).multivariate_normal([0.5, -0.3], [[1.0, 0.5], [0.5, 1.5]], size=25)
SHARES = rng(32).dirichlet([2.0, 3.0, 4.0], size=15)
SERIES = np.cumsum(rng(33).normal(0.1, 0.6, 30))
RETURNS = 0.5 * rng(34).standard_t(5, 60) * np.exp(0.3 * np.sin(np.arange(60) / 8))
WALK = np.cumsum(rng(35).multivariate_normal([0.1, 0.0], [[0.5, 0.2], [0.2, 0.6]], size=25), axis=0)
RING = np.roll(np.eye(8), 1, axis=1) + np.roll(np.eye(8), -1, axis=1)
PLACES = rng(36).normal(0.4, 0.8, 8)
SCATTERS = stats.wishart(6, [[1.0, 0.3], [0.3, 0.8]]).rvs(6, random_state=37)
MATRIX = rng(38).normal(0.5, 1.0, (6, 3))


def pair_mean():
    return pm.Normal("mu", 0, 5, shape=2)


def root(size=2, name="chol"):
    return pm.LKJCholeskyCov(name, n=size, eta=2, sd_dist=pm.Exponential.dist(1.0))[0]


@case("MvNormal", "LKJCholeskyCov")
def mv_normal():
    with pm.Model() as model:
        pm.MvNormal("y", mu=pair_mean(), chol=root(), observed=PAIRS)
    return model


@case("MvStudentT")
def mv_student_t():
    with pm.Model() as model:
        pm.MvStudentT("y", nu=5.0, mu=pair_mean(), chol=root(), observed=PAIRS)
    return model


@case("Dirichlet", by_hand=lambda p: [stats.dirichlet(p["a"]).logpdf(row) for row in SHARES])
def dirichlet():
    with pm.Model() as model:
        pm.Dirichlet("y", a=pm.Gamma("a", 2, 0.5, shape=3), observed=SHARES)
    return model


@case("StickBreakingWeights")
def stick_breaking():
    with pm.Model() as model:
        pm.StickBreakingWeights("y", alpha=pm.Gamma("alpha", 2, 1), K=2, observed=SHARES)
    return model


@case("Wishart")
def wishart():
    with pm.Model() as model:
        spread = pm.HalfNormal("spread", 2, shape=2)
        pm.Wishart("y", nu=6, V=pt.diag(spread), observed=SCATTERS[0])
    return model


@case("MatrixNormal")
def matrix_normal():
    with pm.Model() as model:
        rows, columns = pm.HalfNormal("rows", 2), pm.HalfNormal("columns", 2, shape=3)
        mean = pm.Normal("mean", 0, 3)
        pm.MatrixNormal(
            "y", mu=mean * np.ones((6, 3)), rowcov=rows * np.eye(6), colchol=pt.diag(columns), observed=MATRIX
        )
    return model


@case("KroneckerNormal")
def kronecker_normal():
    with pm.Model() as model:
        size, noise = pm.HalfNormal("size", 2), pm.HalfNormal("noise", 1)
        one = np.exp(-np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0))))
        two = np.exp(-np.abs(np.subtract.outer(np.arange(6.0), np.arange(6.0))) / 2)
        pm.KroneckerNormal(
            "y", mu=np.zeros(18), covs=[size * one, pt.as_tensor(two)], sigma=noise, observed=MATRIX.ravel()
        )
    return model


@case("CAR")
def car():
    with pm.Model() as model:
        mu, alpha, tau = pm.Normal("mu", 0, 3), pm.Beta("alpha", 2, 2), pm.Gamma("tau", 2, 1)
        pm.CAR("y", mu=mu * np.ones(8), W=RING, alpha=alpha, tau=tau, observed=PLACES)
    return model


@case("ICAR")
def icar():
    with pm.Model() as model:
        pm.ICAR("y", W=RING, sigma=pm.HalfNormal("sigma", 2), observed=PLACES - PLACES.mean())
    return model


@case("ZeroSumNormal")
def zero_sum_normal():
    with pm.Model() as model:
        pm.ZeroSumNormal("y", sigma=pm.HalfNormal("sigma", 2), observed=PLACES - PLACES.mean())
    return model


@case("AR")
def autoregression_of_two():
    with pm.Model() as model:
        rho, sigma = pm.Normal("rho", 0, 1, shape=2), pm.HalfNormal("sigma", 1)
        pm.AR("y", rho=rho, sigma=sigma, init_dist=pm.Normal.dist(0, 5, shape=2), observed=SERIES)
    return model


@case("GaussianRandomWalk")
def gaussian_random_walk():
    with pm.Model() as model:
        drift, sigma = pm.Normal("drift", 0, 1), pm.HalfNormal("sigma", 1)
        pm.GaussianRandomWalk("y", mu=drift, sigma=sigma, init_dist=pm.Normal.dist(0, 5), observed=SERIES)
    return model


@case("RandomWalk")
def random_walk_of_laplace_steps():
    with pm.Model() as model:
        steps = pm.Laplace.dist(pm.Normal("drift", 0, 1), pm.HalfNormal("b", 1))
        pm.RandomWalk("y", innovation_dist=steps, init_dist=pm.Normal.dist(0, 5), steps=29, observed=SERIES)
    return model


@case("MvGaussianRandomWalk")
def mv_gaussian_random_walk():
    with pm.Model() as model:
        start = pm.MvNormal.dist(np.zeros(2), 4 * np.eye(2))
        pm.MvGaussianRandomWalk("y", mu=pair_mean(), chol=root(), init_dist=start, observed=WALK)
    return model


@case("MvStudentTRandomWalk")
def mv_student_t_random_walk():
    with pm.Model() as model:
        start = pm.MvNormal.dist(np.zeros(2), 4 * np.eye(2))
        pm.MvStudentTRandomWalk("y", nu=5.0, mu=pair_mean(), chol=root(), init_dist=start, observed=WALK)
    return model


@case("GARCH11")
def garch():
    with pm.Model() as model:
        omega = pm.HalfNormal("omega", 1)
        a, b = pm.Uniform("a", 0, 1), pm.Uniform("b", 0, 1)
        pm.GARCH11("y", omega=omega, alpha_1=a, beta_1=(1 - a) * b, initial_vol=0.5, observed=RETURNS)
    return model


@case("EulerMaruyama")
def euler_maruyama():
    with pm.Model() as model:
        pull, sigma = pm.HalfNormal("pull", 1), pm.HalfNormal("sigma", 1)
        pm.EulerMaruyama(
            "y",
            0.1,
            lambda x, pull, sigma: (-pull * x, sigma),
            (pull, sigma),
            init_dist=pm.Normal.dist(0, 5),
            observed=SERIES / 3,
        )
    return model


@case("NormalMixture")
def normal_mixture_of_two():
    y = np.concatenate([rng(39).normal(-1.5, 0.6, 20), rng(40).normal(1.5, 0.6, 20)])
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 3, shape=2, transform=pm.distributions.transforms.ordered, initval=[-1.0, 1.0])
        pm.NormalMixture("y", w=pm.Dirichlet("w", np.ones(2)), mu=mu, sigma=pm.HalfNormal("sigma", 1), observed=y)
    return model


@case("Mixture")
def mixture_of_vectors():
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(2))
        mu = pm.Normal("mu", 0, 3, shape=(2, 2), initval=[[-0.5, -1.0], [1.5, 0.5]])
        parts = [pm.MvNormal.dist(mu[0], np.eye(2) / 2), pm.MvNormal.dist(mu[1], np.eye(2) / 2)]
        pm.Mixture("y", w=w, comp_dists=parts, observed=PAIRS)
    return model


@case("Simulator")
def simulator():
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 3), pm.HalfNormal("sigma", 2)
        pm.Simulator("y", lambda rng, mu, sigma, size=None: rng.normal(mu, sigma, size), mu, sigma, observed=SERIES)
    return model


@case("CustomDist", "DensityDist")
def custom_density_function():
    with pm.Model() as model:
        mu, s = pm.Normal("mu", 0, 3), pm.HalfNormal("s", 2)

        def logp(value, mu, s):
            return -pt.log(np.pi * s) - pt.log1p(((value - mu) / s) ** 2)

        pm.CustomDist("y", mu, s, logp=logp, observed=SERIES)
    return model


@case("CustomDist")
def custom_generative():
    with pm.Model() as model:
        mu, s = pm.Normal("mu", 0, 3), pm.HalfNormal("s", 2)
        pm.CustomDist(
            "y",
            mu,
            s,
            dist=lambda mu, s, size: pm.math.exp(pm.Normal.dist(mu, s, size=size)),
            observed=np.exp(SERIES / 3),
        )
    return model
