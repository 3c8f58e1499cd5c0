"""Regressions and single-level likelihoods."""

import numpy as np
import pymc as pm
from scipy import stats
from zoo_registry import Specimen, specimen

RNG = np.random.default_rng(20240229)
X = RNG.normal(size=30)
Y = 1.0 + 0.7 * X + 0.5 * RNG.normal(size=30)
COUNTS = RNG.poisson(np.exp(0.4 + 0.6 * X))


@specimen()
def gaussian_known_sigma() -> Specimen:
    with pm.Model(name="") as model:
        alpha = pm.Normal("alpha", 0, 3)
        beta = pm.Normal("beta", 0.5, 2)
        pm.Normal("y", alpha + beta * X, 0.5, observed=Y)

    def by_hand(p):
        prior = stats.norm(0, 3).logpdf(p["alpha"]) + stats.norm(0.5, 2).logpdf(p["beta"])
        return {"y": stats.norm(p["alpha"] + p["beta"] * X, 0.5).logpdf(Y)}, prior

    axes = {"alpha": np.linspace(0, 2, 4), "beta": np.linspace(-0.5, 2, 3)}
    return Specimen(model, axes, by_hand=by_hand)


@specimen("edge")
def gaussian_unknown_sigma() -> Specimen:
    with pm.Model() as model:
        alpha = pm.Normal("alpha", 0, 3)
        beta = pm.Normal("beta", 0, 2)
        sigma = pm.HalfNormal("sigma", 2)
        pm.Normal("y", alpha + beta * X, sigma, observed=Y)

    def by_hand(p):
        prior = stats.norm(0, 3).logpdf(p["alpha"]) + stats.norm(0, 2).logpdf(p["beta"])
        prior += stats.halfnorm(scale=2).logpdf(p["sigma"])
        if p["sigma"] <= 0:
            return {"y": np.full(30, -np.inf)}, -np.inf
        return {"y": stats.norm(p["alpha"] + p["beta"] * X, p["sigma"]).logpdf(Y)}, prior

    axes = {"sigma": np.array([-0.4, 0.3, 0.6, 1.5]), "beta": np.linspace(0, 1.5, 3)}
    return Specimen(model, axes, {"alpha": 0.9}, by_hand)


@specimen()
def student_t_robust() -> Specimen:
    with pm.Model() as model:
        slope = pm.Normal("slope", 0, 2)
        nu = pm.Gamma("nu", 2, 0.1)
        sigma = pm.HalfCauchy("sigma", 1)
        pm.StudentT("y", nu=nu, mu=slope * X, sigma=sigma, observed=Y)

    def by_hand(p):
        prior = stats.norm(0, 2).logpdf(p["slope"]) + stats.gamma(2, scale=10).logpdf(p["nu"])
        prior += stats.halfcauchy(scale=1).logpdf(p["sigma"])
        return {"y": stats.t(p["nu"], p["slope"] * X, p["sigma"]).logpdf(Y)}, prior

    axes = {"nu": np.array([1.5, 4.0, 30.0]), "slope": np.linspace(-0.5, 1.5, 3)}
    return Specimen(model, axes, {"sigma": 1.1}, by_hand)


@specimen()
def logit_20_predictors() -> Specimen:
    rng = np.random.default_rng(20)
    design = rng.normal(size=(60, 20))
    died = rng.binomial(1, 1 / (1 + np.exp(-design @ rng.normal(0, 0.5, size=20))))
    coords = {"predictor": [f"x{i}" for i in range(20)]}
    with pm.Model(coords=coords) as model:
        b0 = pm.Normal("b0", 0, 5)
        beta = pm.Normal("beta", 0, 1, dims="predictor")
        pm.Bernoulli("died", logit_p=b0 + design @ beta, observed=died)

    def by_hand(p):
        eta = p["b0"] + design @ p["beta"]
        prior = stats.norm(0, 5).logpdf(p["b0"]) + stats.norm(0, 1).logpdf(p["beta"]).sum()
        return {"died": -np.logaddexp(0, np.where(died == 1, -eta, eta))}, prior

    axes = {"beta[x3]": np.linspace(-1, 1, 3), "beta[x17]": np.linspace(-0.5, 1.5, 3)}
    return Specimen(model, axes, {"beta": np.linspace(-0.3, 0.6, 20), "b0": 0.2}, by_hand)


@specimen()
def poisson_offset() -> Specimen:
    exposure = np.linspace(1, 6, 30)
    with pm.Model() as model:
        a = pm.Normal("a", 0, 2)
        b = pm.Laplace("b", 0, 1)
        pm.Poisson("cases", pm.math.exp(a + b * X + np.log(exposure)), observed=COUNTS)

    def by_hand(p):
        rate = np.exp(p["a"] + p["b"] * X) * exposure
        prior = stats.norm(0, 2).logpdf(p["a"]) + stats.laplace(0, 1).logpdf(p["b"])
        return {"cases": stats.poisson(rate).logpmf(COUNTS)}, prior

    return Specimen(model, {"a": np.linspace(-1.5, 0.5, 3), "b": np.linspace(-0.4, 1, 3)}, by_hand=by_hand)


@specimen()
def negative_binomial() -> Specimen:
    with pm.Model() as model:
        mu = pm.LogNormal("mu", 0.5, 1)
        alpha = pm.Exponential("alpha", 0.5)
        pm.NegativeBinomial("n", mu=mu, alpha=alpha, observed=COUNTS)

    def by_hand(p):
        share = p["alpha"] / (p["alpha"] + p["mu"])
        prior = stats.lognorm(1, scale=np.exp(0.5)).logpdf(p["mu"])
        prior += stats.expon(scale=2).logpdf(p["alpha"])
        return {"n": stats.nbinom(p["alpha"], share).logpmf(COUNTS)}, prior

    axes = {"mu": np.array([0.8, 1.5, 4.0]), "alpha": np.array([0.4, 2.0, 9.0])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def beta_binomial() -> Specimen:
    hits = np.array([3, 0, 7, 5, 10, 2])
    with pm.Model() as model:
        a = pm.Gamma("a", 2, 1)
        b = pm.InverseGamma("b", 3, 4)
        pm.BetaBinomial("hits", alpha=a, beta=b, n=10, observed=hits)

    def by_hand(p):
        prior = stats.gamma(2).logpdf(p["a"]) + stats.invgamma(3, scale=4).logpdf(p["b"])
        return {"hits": stats.betabinom(10, p["a"], p["b"]).logpmf(hits)}, prior

    axes = {"a": np.array([0.5, 1.5, 4.0]), "b": np.array([0.6, 2.0, 5.0])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def categorical() -> Specimen:
    seen = np.array([0, 2, 1, 1, 2, 2, 0, 1])
    with pm.Model() as model:
        p = pm.Dirichlet("p", np.array([2.0, 1.0, 3.0]))
        pm.Categorical("seen", p=p, observed=seen)

    def by_hand(point):
        prior = stats.dirichlet([2, 1, 3]).logpdf(point["p"] / np.sum(point["p"]))
        return {"seen": np.log(point["p"])[seen]}, prior

    axes = {"p_simplex__[0]": np.linspace(-1, 1, 3), "p_simplex__[1]": np.linspace(-0.5, 1, 3)}
    return Specimen(model, axes, {"p": np.array([0.3, 0.5, 0.2])}, by_hand)


@specimen()
def ordered_logistic() -> Specimen:
    grade = np.digitize(Y, [0.5, 1.2])
    with pm.Model() as model:
        slope = pm.Normal("slope", 0, 2)
        cuts = pm.Normal(
            "cuts",
            0,
            2,
            shape=2,
            transform=pm.distributions.transforms.ordered,
            initval=[-0.5, 0.8],
        )
        pm.OrderedLogistic("grade", eta=slope * X, cutpoints=cuts, observed=grade)

    def by_hand(p):
        below = 1 / (1 + np.exp(p["slope"] * X[:, None] - p["cuts"]))
        shares = np.diff(np.column_stack([np.zeros(30), below, np.ones(30)]))
        prior = stats.norm(0, 2).logpdf(p["slope"]) + stats.norm(0, 2).logpdf(p["cuts"]).sum()
        return {"grade": np.log(shares[np.arange(30), grade])}, prior

    axes = {"slope": np.linspace(-1, 3, 3), "cuts_ordered__[1]": np.linspace(-1, 1, 3)}
    return Specimen(model, axes, by_hand=by_hand)


@specimen("once")
def von_mises() -> Specimen:
    angles = np.array([0.3, -0.2, 1.0, 0.5, 2.9, -0.7])
    with pm.Model() as model:
        mu = pm.VonMises("mu", 0, 0.5)
        kappa = pm.HalfNormal("kappa", 5)
        pm.VonMises("angle", mu=mu, kappa=kappa, observed=angles)

    def by_hand(p):
        prior = stats.vonmises(0.5).logpdf(p["mu"]) + stats.halfnorm(scale=5).logpdf(p["kappa"])
        return {"angle": stats.vonmises(p["kappa"], p["mu"]).logpdf(angles)}, prior

    axes = {"mu": np.array([-2.0, 0.3, 1.0]), "kappa": np.array([0.3, 1.0, 4.0])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def one_count() -> Specimen:
    with pm.Model() as model:
        rate = pm.Gamma("rate", 1.5, 0.2)
        pm.Poisson("count", rate, observed=3)

    def by_hand(p):
        prior = stats.gamma(1.5, scale=5).logpdf(p["rate"])
        return {"count": stats.poisson(p["rate"]).logpmf(3)}, prior

    return Specimen(model, {"rate": np.array([0.75, 3.0, 7.8, 12.0])}, by_hand=by_hand)


@specimen()
def multi_dimensional_coords() -> Specimen:
    coords = {"site": ["x1", "x2"], "year": ["y1", "y2", "y3"], "rep": range(4)}
    seen = np.random.default_rng(3).normal(1, 1, size=(2, 3, 4))
    with pm.Model(coords=coords) as model:
        beta = pm.Normal("beta", 0, 2, dims=("site", "year"))
        sigma = pm.Exponential("sigma", 1, dims="site")
        pm.Normal("y", beta[:, :, None], sigma[:, None, None], observed=seen, dims=("site", "year", "rep"))

    def by_hand(p):
        prior = stats.norm(0, 2).logpdf(p["beta"]).sum() + stats.expon().logpdf(p["sigma"]).sum()
        scale = p["sigma"][:, None, None]
        return {"y": stats.norm(p["beta"][:, :, None], scale).logpdf(seen)}, prior

    axes = {"beta[x1, y2]": np.linspace(0, 2, 3), "sigma[x2]": np.array([0.5, 1.0, 2.0])}
    return Specimen(model, axes, {"beta": np.arange(6.0).reshape(2, 3) / 3}, by_hand)
