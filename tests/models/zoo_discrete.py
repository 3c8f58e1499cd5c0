"""Every discrete distribution of PyMC as likelihood of a small sample."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats
from zoo_cases import case, rng

X = np.linspace(-1.5, 1.5, 24)
COUNTS = rng(11).poisson(np.exp(0.9 + 0.4 * X))
CLUMPED = rng(12).negative_binomial(2, 0.35, 40)
FLAGS = rng(13).binomial(1, 1 / (1 + np.exp(-0.3 - X)))
OF_TEN = rng(14).binomial(10, rng(15).beta(3, 4, 24))
MANY_ZEROS = np.where(rng(16).uniform(size=40) < 0.35, 0, rng(17).poisson(3.0, 40))
GRADES = np.digitize(0.8 * X + rng(18).logistic(size=24), [-1.0, 0.2, 1.4])
TABLE = rng(19).multinomial(12, [0.2, 0.5, 0.3], size=8)
AMOUNTS = np.where(rng(20).uniform(size=40) < 0.4, 0.0, rng(21).gamma(3.0, 0.7, 40))


def line():
    return pm.Normal("a", 0, 5) + pm.Normal("b", 0, 5) * X


@case("Bernoulli", fixed={"b": 0.0})
def bernoulli():
    with pm.Model() as model:
        pm.Bernoulli("y", logit_p=line(), observed=FLAGS)
    return model


@case("Bernoulli")
def probit():
    with pm.Model() as model:
        pm.Bernoulli("y", p=pm.math.invprobit(line()), observed=FLAGS)
    return model


@case("Bernoulli")
def complementary_log_log():
    with pm.Model() as model:
        pm.Bernoulli("y", p=1 - pm.math.exp(-pm.math.exp(line())), observed=FLAGS)
    return model


@case("Binomial", by_hand=lambda p: stats.binom(10, p["p"]).logpmf(OF_TEN))
def binomial():
    with pm.Model() as model:
        pm.Binomial("y", n=10, p=pm.Beta("p", 1, 1), observed=OF_TEN)
    return model


@case("BetaBinomial", by_hand=lambda p: stats.betabinom(10, p["a"], p["b"]).logpmf(OF_TEN))
def beta_binomial_sample():
    with pm.Model() as model:
        pm.BetaBinomial("y", n=10, alpha=pm.Gamma("a", 2, 1), beta=pm.Gamma("b", 2, 1), observed=OF_TEN)
    return model


@case("Poisson", fixed={"b": 0.0}, by_hand=lambda p: stats.poisson(np.exp(p["a"] + p["b"] * X)).logpmf(COUNTS))
def poisson():
    with pm.Model() as model:
        pm.Poisson("y", pm.math.exp(line()), observed=COUNTS)
    return model


@case("NegativeBinomial", fixed={"mu": 3.0})
def negative_binomial_sample():
    with pm.Model() as model:
        mu, alpha = pm.Gamma("mu", 2, 0.5), pm.Gamma("alpha", 2, 0.5)
        pm.NegativeBinomial("y", mu=mu, alpha=alpha, observed=CLUMPED)
    return model


@case("NegativeBinomial")
def negative_binomial_n_p():
    with pm.Model() as model:
        pm.NegativeBinomial("y", n=pm.Gamma("n", 2, 0.5), p=pm.Beta("p", 1, 1), observed=CLUMPED)
    return model


@case("Geometric", by_hand=lambda p: stats.geom(p["p"]).logpmf(1 + CLUMPED))
def geometric():
    with pm.Model() as model:
        pm.Geometric("y", pm.Beta("p", 1, 1), observed=1 + CLUMPED)
    return model


@case("HyperGeometric")
def hyper_geometric():
    with pm.Model() as model:
        marked = pm.DiscreteUniform("marked", 8, 40)
        pm.HyperGeometric("y", N=60, k=marked, n=20, observed=np.array([5, 7, 6, 8]))
    return model


@case("HyperGeometric")
def hyper_geometric_of_a_real_number():
    with pm.Model() as model:
        marked = pm.Uniform("marked", 9, 39)
        pm.HyperGeometric("y", N=60, k=marked, n=20, observed=np.array([5, 7, 6, 8]))
    return model


@case("DiscreteUniform")
def discrete_uniform():
    with pm.Model() as model:
        pm.DiscreteUniform("y", 0, pm.DiscreteUniform("top", 1, 40), observed=CLUMPED)
    return model


@case("DiscreteWeibull")
def discrete_weibull():
    with pm.Model() as model:
        pm.DiscreteWeibull("y", q=pm.Beta("q", 1, 1), beta=pm.Gamma("beta", 2, 1), observed=CLUMPED)
    return model


@case("Categorical", by_hand=lambda p: np.log(p["p"][GRADES]))
def categorical_sample():
    with pm.Model() as model:
        pm.Categorical("y", p=pm.Dirichlet("p", np.ones(4)), observed=GRADES)
    return model


@case("Categorical")
def softmax_regression():
    with pm.Model(coords={"grade": ["low", "mid", "high"]}) as model:
        a, b = pm.Normal("a", 0, 5, dims="grade"), pm.Normal("b", 0, 5, dims="grade")
        scores = pt.concatenate([np.zeros((24, 1)), a + b * X[:, None]], axis=1)
        pm.Categorical("y", logit_p=scores, observed=GRADES)
    return model


@case("OrderedLogistic", fixed={"b": 0.0})
def ordered_logistic_sample():
    with pm.Model() as model:
        cut = pm.Normal("cut", 0, 3, shape=3, transform=pm.distributions.transforms.ordered, initval=[-1.0, 0.0, 1.0])
        pm.OrderedLogistic("y", eta=pm.Normal("b", 0, 5) * X, cutpoints=cut, observed=GRADES)
    return model


@case("OrderedProbit", fixed={"b": 0.0})
def ordered_probit():
    with pm.Model() as model:
        cut = pm.Normal("cut", 0, 3, shape=3, transform=pm.distributions.transforms.ordered, initval=[-1.0, 0.0, 1.0])
        pm.OrderedProbit("y", eta=pm.Normal("b", 0, 5) * X, cutpoints=cut, observed=GRADES)
    return model


@case("OrderedMultinomial")
def ordered_multinomial():
    with pm.Model() as model:
        cut = pm.Normal("cut", 0, 3, shape=2, transform=pm.distributions.transforms.ordered, initval=[-1.0, 1.0])
        x = np.linspace(-1, 1, 8)
        pm.OrderedMultinomial("y", eta=pm.Normal("b", 0, 5) * x, cutpoints=cut, n=12, observed=TABLE)
    return model


@case("Multinomial", by_hand=lambda p: stats.multinomial(12, p["p"]).logpmf(TABLE))
def multinomial():
    with pm.Model() as model:
        pm.Multinomial("y", n=12, p=pm.Dirichlet("p", np.ones(3)), observed=TABLE)
    return model


@case("DirichletMultinomial")
def dirichlet_multinomial_sample():
    counts = np.array([[9, 2, 1], [3, 6, 3], [1, 9, 2], [5, 1, 6], [2, 2, 8], [7, 5, 0]])
    with pm.Model() as model:
        pm.DirichletMultinomial("y", n=12, a=pm.Gamma("a", 2, 0.5, shape=3), observed=counts)
    return model


@case("ZeroInflatedPoisson")
def zero_inflated_poisson_sample():
    with pm.Model() as model:
        pm.ZeroInflatedPoisson("y", psi=pm.Beta("psi", 1, 1), mu=pm.Gamma("mu", 2, 0.5), observed=MANY_ZEROS)
    return model


@case("ZeroInflatedBinomial")
def zero_inflated_binomial():
    with pm.Model() as model:
        y = np.minimum(MANY_ZEROS, 10)
        pm.ZeroInflatedBinomial("y", psi=pm.Beta("psi", 1, 1), n=10, p=pm.Beta("p", 1, 1), observed=y)
    return model


@case("ZeroInflatedNegativeBinomial")
def zero_inflated_negative_binomial():
    y = np.where(rng(16).uniform(size=80) < 0.35, 0, rng(22).negative_binomial(3, 0.3, 80))
    with pm.Model() as model:
        mu, alpha = pm.Gamma("mu", 2, 0.5), pm.Gamma("alpha", 2, 0.5)
        pm.ZeroInflatedNegativeBinomial("y", psi=pm.Beta("psi", 1, 1), mu=mu, alpha=alpha, observed=y)
    return model


@case("HurdlePoisson")
def hurdle_poisson():
    with pm.Model() as model:
        pm.HurdlePoisson("y", psi=pm.Beta("psi", 1, 1), mu=pm.Gamma("mu", 2, 0.5), observed=MANY_ZEROS)
    return model


@case("HurdleNegativeBinomial")
def hurdle_negative_binomial():
    with pm.Model() as model:
        # derivatives of the incomplete beta function by a free alpha are loops of Python's, which take half an hour
        pm.HurdleNegativeBinomial("y", psi=pm.Beta("psi", 1, 1), mu=pm.Gamma("mu", 2, 0.5), alpha=2.0, observed=CLUMPED)
    return model


@case("HurdleGamma")
def hurdle_gamma():
    with pm.Model() as model:
        k, rate = pm.Gamma("k", 2, 0.5), pm.Gamma("rate", 2, 0.5)
        pm.HurdleGamma("y", psi=pm.Beta("psi", 1, 1), alpha=k, beta=rate, observed=AMOUNTS)
    return model


@case("HurdleLogNormal")
def hurdle_log_normal():
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 3), pm.HalfNormal("sigma", 2)
        pm.HurdleLogNormal("y", psi=pm.Beta("psi", 1, 1), mu=mu, sigma=sigma, observed=AMOUNTS)
    return model


@case("Mixture")
def zero_inflated_by_mixture():
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(2))
        parts = [pm.DiracDelta.dist(0), pm.Poisson.dist(pm.Gamma("mu", 2, 0.5))]
        pm.Mixture("y", w=w, comp_dists=parts, observed=MANY_ZEROS)
    return model


@case("Truncated")
def truncated_poisson():
    with pm.Model() as model:
        pm.Truncated("y", pm.Poisson.dist(pm.Gamma("mu", 2, 0.5)), lower=1, observed=COUNTS[COUNTS > 0])
    return model


@case("Censored")
def censored_poisson():
    with pm.Model() as model:
        whole = pm.Poisson.dist(pm.math.exp(line()))
        pm.Censored("y", whole, lower=None, upper=5, observed=np.minimum(COUNTS, 5))
    return model
