"""Less usual likelihoods and parameters: censored, missing, several terms, integers, simplexes."""

import warnings

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import special, stats
from zoo_registry import Specimen, specimen

X = np.linspace(-1.5, 1.5, 14)
Y = 0.4 + 1.1 * X + np.sin(7 * X) / 3
WAITS = np.array([0.4, 1.9, 3.0, 0.8, 3.0, 2.2, 1.1, 3.0])


@specimen()
def zero_inflated_poisson() -> Specimen:
    counts = np.array([0, 0, 3, 1, 0, 4, 2, 0, 0, 5])
    with pm.Model() as model:
        psi = pm.Beta("psi", 2, 1)
        mu = pm.Exponential("mu", 0.3)
        pm.ZeroInflatedPoisson("n", psi=psi, mu=mu, observed=counts)

    def by_hand(p):
        some = np.log(p["psi"]) + stats.poisson(p["mu"]).logpmf(counts)
        zero = np.log(1 - p["psi"] + p["psi"] * np.exp(-p["mu"]))
        prior = stats.beta(2, 1).logpdf(p["psi"]) + stats.expon(scale=1 / 0.3).logpdf(p["mu"])
        return {"n": np.where(counts == 0, zero, some)}, prior

    axes = {"psi": np.array([0.3, 0.6, 0.95]), "mu": np.array([1.0, 2.5, 5.0])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def censored_weibull() -> Specimen:
    with pm.Model() as model:
        shape = pm.Gamma("shape", 2, 1)
        scale = pm.HalfNormal("scale", 5)
        wait = pm.Weibull.dist(alpha=shape, beta=scale)
        pm.Censored("wait", wait, lower=None, upper=3.0, observed=WAITS)

    def by_hand(p):
        wait = stats.weibull_min(p["shape"], scale=p["scale"])
        prior = stats.gamma(2).logpdf(p["shape"]) + stats.halfnorm(scale=5).logpdf(p["scale"])
        return {"wait": np.where(WAITS < 3, wait.logpdf(WAITS), wait.logsf(3.0))}, prior

    axes = {"shape": np.array([0.7, 1.4, 3.0]), "scale": np.array([1.0, 2.5, 6.0])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def truncated_normal() -> Specimen:
    with pm.Model() as model:
        mu = pm.TruncatedNormal("mu", 1, 2, lower=-1, upper=4)
        sigma = pm.HalfNormal("sigma", 2)
        pm.Truncated("wait", pm.Normal.dist(mu, sigma), lower=0, upper=3.5, observed=WAITS)

    def by_hand(p):
        y = stats.norm(p["mu"], p["sigma"])
        prior = stats.truncnorm(-1, 1.5, 1, 2).logpdf(p["mu"])
        prior += stats.halfnorm(scale=2).logpdf(p["sigma"])
        return {"wait": y.logpdf(WAITS) - np.log(y.cdf(3.5) - y.cdf(0))}, prior

    axes = {"mu": np.array([0.0, 1.5, 3.0]), "sigma": np.array([0.8, 1.5, 3.0])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def dirichlet_multinomial() -> Specimen:
    table = np.array([[3, 5, 2], [1, 8, 1], [4, 4, 2]])
    with pm.Model() as model:
        share = pm.Dirichlet("share", np.ones(3))
        conc = pm.Gamma("conc", 2, 0.1)
        pm.DirichletMultinomial("n", n=10, a=conc * share, observed=table)

    def by_hand(p):
        prior = stats.dirichlet(np.ones(3)).logpdf(p["share"] / np.sum(p["share"]))
        prior += stats.gamma(2, scale=10).logpdf(p["conc"])
        term = stats.dirichlet_multinomial(p["conc"] * p["share"], 10).logpmf(table)
        return {"n": term}, prior

    axes = {"conc": np.array([3.0, 15.0, 60.0]), "share_simplex__[1]": np.linspace(0, 1, 3)}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def missing_data() -> Specimen:
    holes = np.where(np.isin(np.arange(14), [2, 9]), np.nan, Y)
    with pm.Model() as model:
        slope = pm.Normal("slope", 0, 2)
        sigma = pm.HalfNormal("sigma", 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pm.exceptions.ImputationWarning)
            pm.Normal("y", slope * X, sigma, observed=np.ma.masked_invalid(holes))

    def by_hand(p):
        seen, absent = ~np.isnan(holes), np.isnan(holes)
        prior = stats.norm(0, 2).logpdf(p["slope"]) + stats.halfnorm().logpdf(p["sigma"])
        y = stats.norm(p["slope"] * X[absent], p["sigma"])
        prior += y.logpdf(p["y_unobserved"]).sum()
        return {"y_observed": stats.norm(p["slope"] * X[seen], p["sigma"]).logpdf(Y[seen])}, prior

    axes = {"slope": np.linspace(0, 2, 3), "y_unobserved[1]": np.linspace(-1, 1, 3)}
    return Specimen(model, axes, {"sigma": 0.6}, by_hand)


@specimen()
def two_observed() -> Specimen:
    counts = np.array([2, 0, 1, 4])
    with pm.Model() as model:
        a = pm.Normal("a", 0, 1)
        sigma = pm.HalfNormal("sigma", 1)
        pm.Poisson("n", pm.math.exp(a), observed=counts)
        pm.Normal("y", a + X, sigma, observed=Y)

    def by_hand(p):
        prior = stats.norm().logpdf(p["a"]) + stats.halfnorm().logpdf(p["sigma"])
        n = stats.poisson(np.exp(p["a"])).logpmf(counts)
        return {"n": n, "y": stats.norm(p["a"] + X, p["sigma"]).logpdf(Y)}, prior

    axes = {"a": np.linspace(-0.5, 1.5, 3), "sigma": np.array([0.2, 0.5, 1.5])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def potential_only() -> Specimen:
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 3)
        scale = pm.HalfNormal("scale", 2)
        pm.Potential("fit", pm.logp(pm.Laplace.dist(mu, scale), Y))

    def by_hand(p):
        prior = stats.norm(0, 3).logpdf(p["mu"]) + stats.halfnorm(scale=2).logpdf(p["scale"])
        return {"fit": stats.laplace(p["mu"], p["scale"]).logpdf(Y)}, prior

    axes = {"mu": np.linspace(-1.03, 1, 3), "scale": np.array([0.5, 1.0, 2.0])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen("discrete")
def change_point() -> Specimen:
    accidents = np.array([5, 4, 6, 3, 5, 4, 1, 0, 2, 1, 0, 1])
    years = np.arange(12)
    with pm.Model() as model:
        switch = pm.DiscreteUniform("switch", 1, 10)
        early = pm.Exponential("early", 0.5)
        late = pm.Exponential("late", 0.5)
        rate = pm.math.switch(switch > years, early, late)
        pm.Poisson("accidents", rate, observed=accidents)

    def by_hand(p):
        prior = stats.randint(1, 11).logpmf(p["switch"])
        prior += stats.expon(scale=2).logpdf(p["early"]) + stats.expon(scale=2).logpdf(p["late"])
        rate = np.where(p["switch"] > years, p["early"], p["late"])
        return {"accidents": stats.poisson(rate).logpmf(accidents)}, prior

    axes = {"switch": np.arange(3, 10), "late": np.array([0.5, 1.0, 2.0])}
    return Specimen(model, axes, {"early": 4.0}, by_hand)


@specimen("discrete")
def hidden_population() -> Specimen:
    with pm.Model() as model:
        animals = pm.Poisson("animals", 20)
        p = pm.Beta("p", 2, 2)
        pm.Binomial("caught", n=animals, p=p, observed=np.array([7, 9, 6]))

    def by_hand(point):
        prior = stats.poisson(20).logpmf(point["animals"]) + stats.beta(2, 2).logpdf(point["p"])
        return {"caught": stats.binom(point["animals"], point["p"]).logpmf([7, 9, 6])}, prior

    axes = {"animals": np.array([9, 15, 25]), "p": np.array([0.2, 0.4, 0.7])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def custom_density() -> Specimen:
    with pm.Model() as model:
        low = pm.Normal("low", 0, 1)
        width = pm.HalfNormal("width", 4)
        pm.CustomDist(
            "wait",
            low,
            width,
            logp=lambda value, low, width: -pt.log(width * pt.cosh((value - low) / width)),
            observed=WAITS,
        )

    def by_hand(p):
        prior = stats.norm().logpdf(p["low"]) + stats.halfnorm(scale=4).logpdf(p["width"])
        return {"wait": -np.log(p["width"] * np.cosh((WAITS - p["low"]) / p["width"]))}, prior

    axes = {"low": np.linspace(0, 3, 3), "width": np.array([0.5, 1.5, 4.0])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def zero_sum() -> Specimen:
    with pm.Model(coords={"group": list("abc")}) as model:
        effect = pm.ZeroSumNormal("effect", 1.5, dims="group")
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", effect[np.arange(14) % 3], sigma, observed=Y)

    def by_hand(p):
        # a normal on the plane of zero sum, with that plane's own density
        plane = stats.multivariate_normal(cov=2.25 * (np.eye(3) - 1 / 3), allow_singular=True)
        prior = plane.logpdf(p["effect"]) + stats.halfnorm.logpdf(p["sigma"])
        return {"y": stats.norm(p["effect"][np.arange(14) % 3], p["sigma"]).logpdf(Y)}, prior

    axes = {"effect_zerosum__[0]": np.linspace(-1, 1, 3), "sigma": np.array([0.5, 1.0, 2.0])}
    return Specimen(model, axes, by_hand=by_hand)


@specimen()
def logistic_growth() -> Specimen:
    """A sigmoid curve with a matrix of parameters none of whose dimensions has coordinates."""
    with pm.Model() as model:
        b = pm.Normal("b", 0, 1, shape=(2, 2))
        curve = pm.math.sigmoid(b[0, 0] + b[0, 1] * X) + b[1, 0] * X * b[1, 1]
        pm.Normal("y", curve, 0.7, observed=Y)

    def by_hand(p):
        b = p["b"]
        curve = special.expit(b[0, 0] + b[0, 1] * X) + b[1, 0] * X * b[1, 1]
        return {"y": stats.norm(curve, 0.7).logpdf(Y)}, stats.norm().logpdf(b).sum()

    axes = {"b[0, 1]": np.linspace(-1, 2, 3), "b[1, 0]": np.linspace(-1, 2, 3)}
    return Specimen(model, axes, {"b": np.array([[0.1, 0.5], [0.9, 1.1]])}, by_hand)
