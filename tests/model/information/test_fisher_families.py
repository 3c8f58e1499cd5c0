"""Fisher information of each family, against the scores of the log density averaged over the distribution."""

import numpy as np
import pymc as pm
import pytensor
import pytest
from scipy import optimize, stats

import pymc_landscape as pml

# Observations at these probabilities stand for the whole distribution.
MIDDLES = (np.arange(20_000) + 0.5) / 20_000
WHOLE = np.arange(200)


def continuous(name):
    a, b = pm.HalfNormal("a", 5), pm.HalfNormal("b", 5)
    if name == "beta":
        pm.Beta("y", a, b, observed=stats.beta(2.5, 1.5).ppf(MIDDLES))
    elif name == "inverse gamma":
        pm.InverseGamma("y", a, b, observed=stats.invgamma(2.5, scale=1.5).ppf(MIDDLES))
    elif name == "weibull":
        pm.Weibull("y", a, b, observed=stats.weibull_min(2.5, scale=1.5).ppf(MIDDLES))
    elif name == "wald":
        pm.Wald("y", a, b, observed=stats.invgauss(2.5 / 1.5, scale=1.5).ppf(MIDDLES))
    else:
        pm.Gamma("y", a, b, observed=stats.gamma(2.5, scale=1 / 1.5).ppf(MIDDLES))
    return {"a": 2.5, "b": 1.5}, np.full(MIDDLES.size, 1 / MIDDLES.size)


def discrete(name):
    if name == "negative binomial":
        pm.NegativeBinomial("y", mu=pm.HalfNormal("a", 5), alpha=2.0, observed=WHOLE)
        return {"a": 3.0}, stats.nbinom(2, 2 / 5).pmf(WHOLE)
    if name == "poisson":
        pm.Poisson("y", mu=pm.math.exp(pm.Normal("a", 0, 1)), observed=WHOLE)
        return {"a": 1.2}, stats.poisson(np.exp(1.2)).pmf(WHOLE)
    if name == "geometric":
        pm.Geometric("y", p=pm.Beta("a", 1, 1), observed=WHOLE + 1)
        return {"a": 0.3}, stats.geom(0.3).pmf(WHOLE + 1)
    if name == "categorical":
        pm.Categorical("y", p=pm.Dirichlet("w", np.ones(3)), observed=[0, 1, 2])
        return {"w": np.array([0.2, 0.3, 0.5])}, np.array([0.2, 0.3, 0.5])
    if name == "ordered":
        pm.OrderedLogistic("y", eta=pm.Normal("a", 0, 1), cutpoints=[-1.0, 0.5], compute_p=False, observed=[0, 1, 2])
        upper = stats.logistic.cdf(np.array([-1.0, 0.5]) - 0.4)
        return {"a": 0.4}, np.diff([0, *upper, 1])
    link, chance = {
        "logit": (pm.math.invlogit, stats.logistic.cdf),
        "probit": (pm.math.invprobit, stats.norm.cdf),
        "cloglog": (lambda x: 1 - pm.math.exp(-pm.math.exp(x)), lambda x: 1 - np.exp(-np.exp(x))),
    }[name]
    pm.Bernoulli("y", p=link(pm.Normal("a", 0, 1)), observed=[0, 1])
    return {"a": 0.7}, np.array([1 - chance(0.7), chance(0.7)])


def both(write, name):
    """Information of one observation by formula, and as the variance of its score."""
    with pm.Model() as model:
        point, weights = write(name)
    objective = pml.Objective(model)
    theta = objective.pack(point)
    scores = objective.scores(theta)
    return objective.fisher(theta) / len(weights), (weights[:, None] * scores).T @ scores


@pytest.mark.parametrize("name", ["beta", "inverse gamma", "weibull", "wald", "gamma"])
def test_information_is_the_variance_of_scores(name):
    formula, averaged = both(continuous, name)
    np.testing.assert_allclose(formula, averaged, rtol=0.01, atol=0.01)


@pytest.mark.parametrize(
    "name",
    ["negative binomial", "poisson", "geometric", "categorical", "ordered", "logit", "probit", "cloglog"],
)
def test_information_of_counts_is_the_variance_of_scores(name):
    formula, averaged = both(discrete, name)
    np.testing.assert_allclose(formula, averaged, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize(
    "chance",
    [lambda x: 1 / (1 + pm.math.exp(-x)), lambda x: pm.Deterministic("p", pm.math.sigmoid(x)), pm.math.invlogit],
)
def test_a_sigmoid_however_written_keeps_its_information_far_out(chance):
    with pm.Model() as model:
        eta = pm.Normal("eta", 0, 10, shape=2)
        pm.Bernoulli("y", p=chance(eta)[np.array([0, 1, 1])], observed=[1, 1, 1])
    found = pml.Objective(model).fisher(np.array([40.0, 1.0]))
    np.testing.assert_allclose(found, np.diag([np.exp(-40.0), 2 * stats.logistic.pdf(1.0)]), rtol=1e-10, atol=0)


def decay(steps=12):
    """Means a kᵗ by a loop: PyTensor keeps the last step of a loop alone where it may."""
    t = np.arange(1, steps + 1)
    with pm.Model() as model:
        k, a = pm.Normal("k", 0.8, 1), pm.Normal("a", 2, 1)
        means = pytensor.scan(
            lambda y, k: k * y, outputs_info=[a], non_sequences=[k], n_steps=steps, return_updates=False
        )
        pm.Normal("y", means, 0.1, observed=2 * 0.8**t + 0.1 * np.cos(t))
    return model, t


def test_information_of_means_by_a_loop():
    model, t = decay()
    slopes = np.array([2 * t * 0.7 ** (t - 1), 0.7**t])
    found = pml.Objective(model).fisher(np.array([0.7, 2.0]))
    np.testing.assert_allclose(found, slopes @ slopes.T / 0.1**2, rtol=1e-12)


def test_the_penalty_on_means_by_a_loop():
    """Firth's estimate is where −2LL − log det I is lowest: by SciPy, on the closed form."""
    model, t = decay()
    data = 2 * 0.8**t + 0.1 * np.cos(t)

    def penalised(x):
        slopes = np.array([x[1] * t * x[0] ** (t - 1), x[0] ** t])
        return (((data - x[1] * x[0] ** t) / 0.1) ** 2).sum() - np.linalg.slogdet(slopes @ slopes.T)[1]

    lowest = optimize.minimize(penalised, [0.8, 2.0], method="BFGS", options={"gtol": 1e-7})
    fit = pml.fit_mle(model, penalty="firth", progressbar=False)
    np.testing.assert_allclose([fit.point["k"], fit.point["a"]], lowest.x, atol=1e-5)
