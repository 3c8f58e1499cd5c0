"""Every continuous distribution of PyMC as likelihood of a small sample."""

import numpy as np
import pymc as pm
from scipy import stats
from zoo_cases import case, rng

X = np.linspace(-1.5, 1.5, 24)
LINE = 0.7 + 0.9 * X + 0.5 * rng(1).normal(size=24)
POSITIVE = rng(2).gamma(3.0, 0.6, 24)
SHARES = rng(3).beta(2.0, 3.0, 24)
ANGLES = rng(4).vonmises(0.8, 2.0, 24)
TAILED = stats.t(3, 1.0, 0.8).ppf((np.arange(30) + 0.5) / 30)
SKEWED = stats.skewnorm(4, 1.0, 1.5).rvs(40, random_state=6)


def flat(name, **options):
    return pm.Normal(name, 0, 5, **options)


def scale(name="sigma", size=3.0):
    return pm.HalfNormal(name, size)


@case("Normal", by_hand=lambda p: stats.norm(p["a"] + p["b"] * X, p["sigma"]).logpdf(LINE), fixed={"b": 0.0})
def normal():
    with pm.Model() as model:
        pm.Normal("y", flat("a") + flat("b") * X, scale(), observed=LINE)
    return model


@case("TruncatedNormal", fixed={"mu": 1.0})
def truncated_normal_sample():
    with pm.Model() as model:
        pm.TruncatedNormal("y", flat("mu"), scale(), lower=0.0, upper=6.0, observed=POSITIVE)
    return model


@case("StudentT", by_hand=lambda p: stats.t(p["nu"], p["mu"], p["sigma"]).logpdf(TAILED))
def student_t():
    with pm.Model() as model:
        pm.StudentT("y", nu=pm.Gamma("nu", 2, 0.1), mu=flat("mu"), sigma=scale(), observed=TAILED)
    return model


@case("SkewNormal", by_hand=lambda p: stats.skewnorm(p["alpha"], p["mu"], p["sigma"]).logpdf(SKEWED))
def skew_normal():
    with pm.Model() as model:
        pm.SkewNormal("y", alpha=flat("alpha"), mu=flat("mu"), sigma=scale(), observed=SKEWED)
    return model


@case("SkewStudentT", by_hand=lambda p: stats.jf_skew_t(p["a"], p["b"], p["mu"], p["sigma"]).logpdf(TAILED))
def skew_student_t():
    with pm.Model() as model:
        a, b = pm.Gamma("a", 3, 1), pm.Gamma("b", 3, 1)
        pm.SkewStudentT("y", a=a, b=b, mu=flat("mu"), sigma=scale(), observed=TAILED)
    return model


@case("Laplace", by_hand=lambda p: stats.laplace(p["mu"], p["b"]).logpdf(LINE))
def laplace():
    with pm.Model() as model:
        pm.Laplace("y", flat("mu"), scale("b"), observed=LINE)
    return model


@case("AsymmetricLaplace", fixed={"mu": 0.5})
def asymmetric_laplace():
    with pm.Model() as model:
        pm.AsymmetricLaplace("y", b=scale("b"), kappa=pm.Gamma("kappa", 2, 2), mu=flat("mu"), observed=LINE)
    return model


@case("AsymmetricLaplace")
def quantile_regression():
    with pm.Model() as model:
        pm.AsymmetricLaplace("y", b=scale("b"), q=0.7, mu=flat("a") + flat("slope") * X, observed=LINE)
    return model


@case("Logistic", by_hand=lambda p: stats.logistic(p["mu"], p["s"]).logpdf(LINE))
def logistic():
    with pm.Model() as model:
        pm.Logistic("y", flat("mu"), scale("s"), observed=LINE)
    return model


@case("LogitNormal")
def logit_normal():
    with pm.Model() as model:
        pm.LogitNormal("y", flat("mu"), scale(), observed=SHARES)
    return model


@case("LogNormal", "Lognormal", by_hand=lambda p: stats.lognorm(p["sigma"], scale=np.exp(p["mu"])).logpdf(POSITIVE))
def log_normal():
    with pm.Model() as model:
        pm.LogNormal("y", flat("mu"), scale(), observed=POSITIVE)
    return model


@case("Cauchy", by_hand=lambda p: stats.cauchy(p["mu"], p["s"]).logpdf(TAILED))
def cauchy():
    with pm.Model() as model:
        pm.Cauchy("y", flat("mu"), scale("s"), observed=TAILED)
    return model


@case("HalfCauchy", by_hand=lambda p: stats.halfcauchy(scale=p["s"]).logpdf(POSITIVE))
def half_cauchy():
    with pm.Model() as model:
        pm.HalfCauchy("y", scale("s"), observed=POSITIVE)
    return model


@case("HalfNormal", by_hand=lambda p: stats.halfnorm(scale=p["s"]).logpdf(POSITIVE))
def half_normal():
    with pm.Model() as model:
        pm.HalfNormal("y", scale("s"), observed=POSITIVE)
    return model


@case("HalfStudentT")
def half_student_t():
    with pm.Model() as model:
        pm.HalfStudentT("y", nu=4.0, sigma=scale("s"), observed=np.abs(TAILED))
    return model


@case("Gamma", by_hand=lambda p: stats.gamma(p["shape"], scale=1 / p["rate"]).logpdf(POSITIVE))
def gamma():
    with pm.Model() as model:
        pm.Gamma("y", pm.HalfNormal("shape", 5), pm.HalfNormal("rate", 5), observed=POSITIVE)
    return model


@case("Gamma")
def gamma_glm():
    with pm.Model() as model:
        mean = pm.math.exp(flat("a") + flat("b") * X)
        pm.Gamma("y", mu=mean, sigma=mean * scale("cv"), observed=POSITIVE)
    return model


@case("InverseGamma", by_hand=lambda p: stats.invgamma(p["a"], scale=p["b"]).logpdf(POSITIVE))
def inverse_gamma():
    with pm.Model() as model:
        pm.InverseGamma("y", pm.HalfNormal("a", 5), pm.HalfNormal("b", 5), observed=POSITIVE)
    return model


@case("Exponential", by_hand=lambda p: stats.expon(scale=1 / p["rate"]).logpdf(POSITIVE))
def exponential():
    with pm.Model() as model:
        pm.Exponential("y", pm.Gamma("rate", 2, 1), observed=POSITIVE)
    return model


@case("ChiSquared", by_hand=lambda p: stats.chi2(p["nu"]).logpdf(POSITIVE))
def chi_squared():
    with pm.Model() as model:
        pm.ChiSquared("y", pm.Gamma("nu", 2, 0.5), observed=POSITIVE)
    return model


@case("Weibull", by_hand=lambda p: stats.weibull_min(p["k"], scale=p["lam"]).logpdf(POSITIVE))
def weibull():
    with pm.Model() as model:
        pm.Weibull("y", pm.Gamma("k", 2, 1), pm.Gamma("lam", 2, 1), observed=POSITIVE)
    return model


@case("Pareto", by_hand=lambda p: stats.pareto(p["alpha"], scale=1.0).logpdf(1 + POSITIVE))
def pareto():
    with pm.Model() as model:
        pm.Pareto("y", pm.Gamma("alpha", 2, 1), 1.0, observed=1 + POSITIVE)
    return model


@case("Pareto")
def pareto_with_threshold():
    with pm.Model() as model:
        pm.Pareto("y", pm.Gamma("alpha", 2, 1), pm.Uniform("m", 0, 1 + POSITIVE.min()), observed=1 + POSITIVE)
    return model


@case("Uniform", by_hand=lambda p: stats.uniform(0, p["top"]).logpdf(SHARES))
def uniform():
    with pm.Model() as model:
        top = pm.Uniform("top", SHARES.max(), 5.0)
        pm.Uniform("y", 0.0, top, observed=SHARES)
    return model


@case("Triangular", by_hand=lambda p: stats.triang(p["c"]).logpdf(SHARES))
def triangular():
    with pm.Model() as model:
        pm.Triangular("y", lower=0.0, c=pm.Uniform("c", 0, 1), upper=1.0, observed=SHARES)
    return model


@case("Beta", by_hand=lambda p: stats.beta(p["a"], p["b"]).logpdf(SHARES))
def beta():
    with pm.Model() as model:
        pm.Beta("y", pm.Gamma("a", 2, 1), pm.Gamma("b", 2, 1), observed=SHARES)
    return model


@case("Beta")
def beta_regression():
    with pm.Model() as model:
        mean = pm.math.invlogit(flat("a") + flat("b") * X)
        pm.Beta("y", mu=mean, nu=pm.Gamma("nu", 2, 0.1), observed=SHARES)
    return model


@case("Kumaraswamy")
def kumaraswamy():
    with pm.Model() as model:
        pm.Kumaraswamy("y", pm.Gamma("a", 2, 1), pm.Gamma("b", 2, 1), observed=SHARES)
    return model


@case("ExGaussian", by_hand=lambda p: stats.exponnorm(p["nu"] / p["sigma"], p["mu"], p["sigma"]).logpdf(POSITIVE))
def ex_gaussian():
    with pm.Model() as model:
        pm.ExGaussian("y", mu=flat("mu"), sigma=scale(), nu=pm.Gamma("nu", 2, 1), observed=POSITIVE)
    return model


@case("Gumbel", by_hand=lambda p: stats.gumbel_r(p["mu"], p["beta"]).logpdf(POSITIVE))
def gumbel():
    with pm.Model() as model:
        pm.Gumbel("y", flat("mu"), scale("beta"), observed=POSITIVE)
    return model


@case("Moyal", by_hand=lambda p: stats.moyal(p["mu"], p["sigma"]).logpdf(POSITIVE))
def moyal():
    with pm.Model() as model:
        pm.Moyal("y", flat("mu"), scale(), observed=POSITIVE)
    return model


@case("Rice", by_hand=lambda p: stats.rice(p["nu"] / p["sigma"], scale=p["sigma"]).logpdf(POSITIVE))
def rice():
    with pm.Model() as model:
        pm.Rice("y", nu=pm.Gamma("nu", 2, 1), sigma=scale(), observed=POSITIVE)
    return model


@case("VonMises", by_hand=lambda p: stats.vonmises(p["kappa"], p["mu"]).logpdf(ANGLES))
def von_mises_sample():
    with pm.Model() as model:
        pm.VonMises("y", mu=pm.VonMises("mu", 0, 0.1), kappa=pm.Gamma("kappa", 2, 1), observed=ANGLES)
    return model


@case("Wald", by_hand=lambda p: stats.invgauss(p["mu"] / p["lam"], scale=p["lam"]).logpdf(POSITIVE))
def wald():
    with pm.Model() as model:
        pm.Wald("y", mu=pm.Gamma("mu", 2, 1), lam=pm.Gamma("lam", 2, 1), observed=POSITIVE)
    return model


@case("Interpolated")
def interpolated():
    knots = np.linspace(-6, 6, 61)
    with pm.Model() as model:
        mu = flat("mu")

        def dist(mu, size):
            return mu + pm.Interpolated.dist(knots, np.exp(-np.abs(knots)), size=size)

        pm.CustomDist("y", mu, dist=dist, observed=LINE)
    return model


@case("Flat", "HalfFlat")
def flat_likelihood():
    with pm.Model() as model:
        pm.Flat("y", observed=LINE)
        pm.HalfFlat("z", observed=POSITIVE)
        pm.Normal("idle", 0, 1)
    return model


@case("DiracDelta", "Mixture")
def inflated_at_zero():
    y = np.where(SHARES < 0.3, 0.0, POSITIVE)
    with pm.Model() as model:
        share = pm.Beta("share", 1, 1)
        parts = [pm.DiracDelta.dist(0.0), pm.Gamma.dist(pm.Gamma("k", 2, 1), pm.Gamma("rate", 2, 1))]
        pm.Mixture("y", w=pm.math.stack([share, 1 - share]), comp_dists=parts, observed=y)
    return model


@case("Truncated")
def truncated_gamma():
    with pm.Model() as model:
        waits = pm.Gamma.dist(pm.Gamma("k", 2, 1), pm.Gamma("rate", 2, 1))
        pm.Truncated("y", waits, lower=0.2, upper=8.0, observed=np.clip(POSITIVE, 0.3, 7.9))
    return model


@case("Censored")
def censored_exponential():
    with pm.Model() as model:
        waits = pm.Exponential.dist(pm.Gamma("rate", 2, 1))
        pm.Censored("y", waits, lower=None, upper=2.5, observed=np.minimum(POSITIVE, 2.5))
    return model


@case("Censored")
def tobit():
    with pm.Model() as model:
        ideal = pm.Normal.dist(flat("a") + flat("b") * X, scale())
        pm.Censored("y", ideal, lower=0.0, upper=None, observed=np.maximum(LINE, 0))
    return model
