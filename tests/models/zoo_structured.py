"""Hierarchies, time series, processes, mixtures: models with structure between the rows."""

import warnings

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor import scan
from scipy import special, stats
from zoo_registry import Specimen, specimen

SCHOOLS = [
    "Choate",
    "Deerfield",
    "Phillips Andover",
    "Phillips Exeter",
    "Hotchkiss",
    "Lawrenceville",
]
SCHOOLS += ["St. Paul's", "Mt. Hermon"]
EFFECT = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERROR = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
TIMES = np.linspace(0, 3, 12)
SERIES = np.array([0.3, 0.8, 0.2, -0.4, 0.1, 0.9, 1.3, 0.7, 0.6, -0.2, -0.5, 0.4])


@specimen()
def eight_schools_centred() -> Specimen:
    with pm.Model(coords={"school": SCHOOLS}) as model:
        mu = pm.Normal("mu", 0, 10)
        tau = pm.HalfCauchy("tau", 5)
        theta = pm.Normal("theta", mu, tau, dims="school")
        pm.Normal("effect", theta, ERROR, observed=EFFECT, dims="school")

    def by_hand(p):
        prior = stats.norm(0, 10).logpdf(p["mu"]) + stats.halfcauchy(scale=5).logpdf(p["tau"])
        prior += stats.norm(p["mu"], p["tau"]).logpdf(p["theta"]).sum()
        return {"effect": stats.norm(p["theta"], ERROR).logpdf(EFFECT)}, prior

    axes = {"tau": np.array([1.0, 5.0, 20.0]), "theta[Choate]": np.array([-5.0, 10.0, 30.0])}
    return Specimen(model, axes, {"mu": 7.0, "theta": EFFECT / 2}, by_hand)


@specimen()
def eight_schools_non_centred() -> Specimen:
    with pm.Model(coords={"school": SCHOOLS}) as model:
        mu = pm.Normal("mu", 0, 10)
        tau = pm.HalfCauchy("tau", 5)
        z = pm.Normal("z", dims="school")
        theta = pm.Deterministic("theta", mu + tau * z, dims="school")
        pm.Normal("effect", theta, ERROR, observed=EFFECT, dims="school")

    def by_hand(p):
        prior = stats.norm(0, 10).logpdf(p["mu"]) + stats.halfcauchy(scale=5).logpdf(p["tau"])
        prior += stats.norm().logpdf(p["z"]).sum()
        theta = p["mu"] + p["tau"] * p["z"]
        return {"effect": stats.norm(theta, ERROR).logpdf(EFFECT)}, prior

    axes = {"mu": np.linspace(-5, 15, 3), "tau": np.array([1.0, 5.0, 20.0])}
    return Specimen(model, axes, {"z": np.linspace(1, -1, 8)}, by_hand)


@specimen()
def radon_like() -> Specimen:
    rng = np.random.default_rng(85)
    county, floor = rng.integers(0, 6, 50), rng.integers(0, 2, 50)
    radon = rng.normal(1.3 - 0.6 * floor + rng.normal(0, 0.3, 6)[county], 0.7)
    coords = {"county": [f"county {c}" for c in "ABCDEF"], "home": np.arange(50)}
    with pm.Model(coords=coords) as model:
        mu_a = pm.Normal("mu_a", 0, 5)
        sigma_a = pm.Exponential("sigma_a", 1)
        a = pm.Normal("a", mu_a, sigma_a, dims="county")
        b = pm.Normal("b", 0, 5)
        sigma = pm.Exponential("sigma", 1)
        pm.Normal("radon", a[county] + b * floor, sigma, observed=radon, dims="home")

    def by_hand(p):
        prior = stats.norm(0, 5).logpdf(p["mu_a"]) + stats.norm(0, 5).logpdf(p["b"])
        prior += stats.expon().logpdf(p["sigma_a"]) + stats.expon().logpdf(p["sigma"])
        prior += stats.norm(p["mu_a"], p["sigma_a"]).logpdf(p["a"]).sum()
        return {"radon": stats.norm(p["a"][county] + p["b"] * floor, p["sigma"]).logpdf(radon)}, prior

    axes = {"b": np.linspace(-1.5, 0.5, 3), "a[county C]": np.linspace(0, 2.5, 3)}
    return Specimen(model, axes, {"a": np.linspace(1, 1.6, 6), "sigma_a": 0.4}, by_hand)


def _squared_exponential(scale: float, length: float) -> np.ndarray:
    return scale**2 * np.exp(-0.5 * (np.subtract.outer(TIMES, TIMES) / length) ** 2)


@specimen("slow")
def gp_marginal() -> Specimen:
    with pm.Model() as model:
        length = pm.Gamma("length", 3, 2)
        eta = pm.HalfNormal("eta", 2)
        sigma = pm.HalfNormal("sigma", 1)
        process = pm.gp.Marginal(cov_func=eta**2 * pm.gp.cov.ExpQuad(1, length))
        process.marginal_likelihood("y", X=TIMES[:, None], y=SERIES, sigma=sigma)

    def by_hand(p):
        prior = stats.gamma(3, scale=0.5).logpdf(p["length"])
        prior += stats.halfnorm(scale=2).logpdf(p["eta"]) + stats.halfnorm.logpdf(p["sigma"])
        # PyMC adds a jitter of 1e-6 to the diagonal of a marginal Gaussian process
        cov = _squared_exponential(p["eta"], p["length"]) + (p["sigma"] ** 2 + 1e-6) * np.eye(12)
        return {"y": stats.multivariate_normal(np.zeros(12), cov).logpdf(SERIES)}, prior

    axes = {"length": np.array([0.3, 0.8, 2.0]), "sigma": np.array([0.2, 0.5, 1.0])}
    return Specimen(model, axes, {"eta": 0.8}, by_hand)


@specimen("slow")
def gp_latent() -> Specimen:
    counts = np.array([1, 3, 2, 0, 1, 2, 4, 3, 1, 0, 0, 2])
    with pm.Model() as model:
        length = pm.Gamma("length", 3, 2)
        field = pm.gp.Latent(cov_func=pm.gp.cov.ExpQuad(1, length)).prior("f", X=TIMES[:, None])
        pm.Poisson("n", pm.math.exp(field), observed=counts)

    def by_hand(p):
        # PyMC adds a jitter of 1e-6 to the diagonal of a latent Gaussian process
        cov = _squared_exponential(1.0, p["length"]) + 1e-6 * np.eye(12)
        field = np.linalg.cholesky(cov) @ p["f_rotated_"]
        prior = stats.gamma(3, scale=0.5).logpdf(p["length"])
        prior += stats.norm.logpdf(p["f_rotated_"]).sum()
        return {"n": stats.poisson(np.exp(field)).logpmf(counts)}, prior

    axes = {"length": np.array([0.3, 0.8, 2.0]), "f_rotated_[0]": np.linspace(-1, 1, 3)}
    return Specimen(model, axes, {"f_rotated_": np.linspace(0.5, -0.5, 12)}, by_hand)


@specimen()
def autoregression() -> Specimen:
    with pm.Model() as model:
        rho = pm.Normal("rho", 0, 1, shape=2)
        sigma = pm.HalfNormal("sigma", 1)
        start = pm.Normal.dist(0, 2)
        pm.AR("y", rho=rho, sigma=sigma, constant=True, init_dist=start, observed=SERIES)

    def by_hand(p):
        prior = stats.norm().logpdf(p["rho"]).sum() + stats.halfnorm().logpdf(p["sigma"])
        step = stats.norm(p["rho"][0] + p["rho"][1] * SERIES[:-1], p["sigma"]).logpdf(SERIES[1:])
        return {"y": stats.norm(0, 2).logpdf(SERIES[0]) + step.sum()}, prior

    axes = {"rho[1]": np.linspace(-0.5, 1.2, 3), "sigma": np.array([0.2, 0.5, 1.0])}
    return Specimen(model, axes, {"rho": np.array([0.1, 0.4])}, by_hand)


@specimen()
def random_walk() -> Specimen:
    with pm.Model() as model:
        drift = pm.Normal("drift", 0, 1)
        sigma = pm.HalfNormal("sigma", 1)
        start = pm.Normal.dist(0, 1)
        pm.GaussianRandomWalk("y", mu=drift, sigma=sigma, init_dist=start, observed=SERIES)

    def by_hand(p):
        prior = stats.norm().logpdf(p["drift"]) + stats.halfnorm().logpdf(p["sigma"])
        step = stats.norm(p["drift"], p["sigma"]).logpdf(np.diff(SERIES)).sum()
        return {"y": stats.norm().logpdf(SERIES[0]) + step}, prior

    axes = {"drift": np.linspace(-0.5, 0.5, 3), "sigma": np.array([0.3, 0.6, 1.2])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def scan_moving_average() -> Specimen:
    """An MA(1) whose innovations are unrolled by a scan inside a CustomDist's logp."""

    def innovations_logp(value, theta, sigma):
        theta = theta.ravel()[0]  # PyMC has lined it up with the rows
        errors = scan(
            lambda y, before, theta: y - theta * before,
            sequences=[value],
            outputs_info=[pt.zeros(())],
            non_sequences=[theta],
            return_updates=False,
        )
        return pm.logp(pm.Normal.dist(0, sigma), errors)

    with pm.Model() as model:
        theta = pm.Uniform("theta", -1, 1)
        sigma = pm.HalfNormal("sigma", 1)
        pm.CustomDist("y", theta, sigma, logp=innovations_logp, observed=SERIES)

    def by_hand(p):
        errors, before = [], 0.0
        for y in SERIES:
            before = y - p["theta"] * before
            errors.append(before)
        prior = stats.uniform(-1, 2).logpdf(p["theta"]) + stats.halfnorm().logpdf(p["sigma"])
        return {"y": stats.norm(0, p["sigma"]).logpdf(errors)}, prior

    axes = {"theta": np.array([-0.6, 0.2, 0.7]), "sigma": np.array([0.3, 0.6, 1.2])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def scan_generative() -> Specimen:
    """A series written as a generative scan, whose density PyMC derives."""

    def dist(start, pull, sigma, size):
        def step(before, pull, sigma):
            now = pm.Normal.dist(pull * before, sigma)
            return now, pm.pytensorf.collect_default_updates([now])

        with warnings.catch_warnings():  # the old way of writing it, as PyMC's own pages have it
            warnings.filterwarnings("ignore", message="Scan return signature")
            series, _ = scan(step, outputs_info=[start], non_sequences=[pull, sigma], n_steps=12)
        return series

    with pm.Model() as model:
        pull = pm.Normal("pull", 0, 1)
        sigma = pm.HalfNormal("sigma", 1)
        pm.CustomDist("y", 0.1, pull, sigma, dist=dist, observed=SERIES)

    def by_hand(p):
        before = np.append(0.1, SERIES[:-1])
        prior = stats.norm().logpdf(p["pull"]) + stats.halfnorm().logpdf(p["sigma"])
        return {"y": stats.norm(p["pull"] * before, p["sigma"]).logpdf(SERIES)}, prior

    axes = {"pull": np.linspace(-0.5, 1, 3), "sigma": np.array([0.3, 0.6, 1.2])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def normal_mixture() -> Specimen:
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.array([1.0, 2.0]))
        mu = pm.Normal("mu", 0, 2, shape=2, initval=[-0.5, 1.0])
        pm.NormalMixture("y", w=w, mu=mu, sigma=0.4, observed=SERIES)

    def by_hand(p):
        each = stats.norm(p["mu"], 0.4).logpdf(SERIES[:, None]) + np.log(p["w"])
        prior = stats.dirichlet([1, 2]).logpdf(p["w"]) + stats.norm(0, 2).logpdf(p["mu"]).sum()
        return {"y": special.logsumexp(each, axis=1)}, prior

    axes = {"w_simplex__[0]": np.linspace(-1, 1, 3), "mu[1]": np.linspace(0.2, 1.4, 3)}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def poisson_mixture() -> Specimen:
    counts = np.array([0, 1, 9, 2, 7, 1, 0, 12])
    with pm.Model() as model:
        share = pm.Beta("share", 2, 2)
        low = pm.Gamma("low", 2, 2)
        high = pm.Gamma("high", 8, 1)
        parts = [pm.Poisson.dist(low), pm.Poisson.dist(high)]
        pm.Mixture("n", w=pt.stack([share, 1 - share]), comp_dists=parts, observed=counts)

    def by_hand(p):
        a = stats.poisson(p["low"]).logpmf(counts) + np.log(p["share"])
        b = stats.poisson(p["high"]).logpmf(counts) + np.log1p(-p["share"])
        prior = stats.beta(2, 2).logpdf(p["share"]) + stats.gamma(2, scale=0.5).logpdf(p["low"])
        return {"n": np.logaddexp(a, b)}, prior + stats.gamma(8).logpdf(p["high"])

    axes = {"share": np.array([0.2, 0.5, 0.9]), "high": np.array([4.0, 8.0, 15.0])}
    return Specimen(model, axes, {"low": 0.8}, by_hand)


@specimen("slow")
def correlated_effects() -> Specimen:
    rng = np.random.default_rng(7)
    pairs = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 2]], size=15)
    with pm.Model() as model:
        chol, _, _ = pm.LKJCholeskyCov("chol", n=2, eta=2, sd_dist=pm.Exponential.dist(1))
        mu = pm.Normal("mu", 0, 1, shape=2)
        pm.MvNormal("y", mu=mu, chol=chol, observed=pairs)

    def by_hand(p):
        chol = np.array([[p["chol"][0], 0.0], p["chol"][1:]])
        sd = np.linalg.norm(chol, axis=1)
        rho = chol[1, 0] / sd[1]
        # (sd, rho) -> chol for two variables: LKJ(2) is 3/4 (1 - rho^2), |d chol/d(sd, rho)| below
        prior = stats.expon.logpdf(sd).sum() + np.log(0.75 * (1 - rho**2))
        prior -= np.log(sd[1] / np.sqrt(1 - rho**2))
        prior += stats.norm.logpdf(p["mu"]).sum()
        return {"y": stats.multivariate_normal(p["mu"], chol @ chol.T).logpdf(pairs)}, prior

    axes = {
        "chol_cholesky-cov-packed__[1]": np.linspace(-0.5, 1, 3),
        "mu[0]": np.linspace(-1, 1, 3),
    }
    return Specimen(model, axes, by_hand=by_hand)
