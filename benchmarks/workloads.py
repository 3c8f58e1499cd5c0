"""Models, data and grids that the benchmarks share."""

from collections.abc import Callable

import numpy as np
import pymc as pm

Axes = dict[str, tuple[float, float, int]]


def regression(rows: int) -> pm.Model:
    """Build a straight line with Gaussian errors of unknown size."""
    x, y = line_data(rows)
    with pm.Model() as model:
        a = pm.Normal("a", 0, 10)
        b = pm.Normal("b", 0, 10)
        sigma = pm.HalfNormal("sigma", 5)
        pm.Normal("y", a + b * x, sigma, observed=y)
    return model


def line_data(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Make the data of :func:`regression`: about 1 + 2x, give or take 0.5."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=rows)
    return x, 1 + 2 * x + 0.5 * rng.normal(size=rows)


def lkj(rows: int) -> pm.Model:
    """Build a three-variable normal with an LKJ prior on its correlations."""
    y = np.random.default_rng(12).normal(size=(rows, 3))
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5, shape=3)
        chol, _, _ = pm.LKJCholeskyCov("chol", n=3, eta=2.0, sd_dist=pm.Exponential.dist(1.0))
        pm.MvNormal("y", mu, chol=chol, observed=y)
    return model


def gaussian_process(rows: int) -> pm.Model:
    """Build a Gaussian process with a squared-exponential covariance."""
    rng = np.random.default_rng(13)
    x = np.linspace(0, 10, rows)
    y = np.sin(x) + 0.3 * rng.normal(size=rows)
    with pm.Model() as model:
        length = pm.Gamma("length", 2, 1)
        eta = pm.HalfNormal("eta", 2)
        sigma = pm.HalfNormal("sigma", 1)
        gp = pm.gp.Marginal(cov_func=eta**2 * pm.gp.cov.ExpQuad(1, ls=length))
        gp.marginal_likelihood("y", X=x[:, None], y=y, sigma=sigma)
    return model


def logistic(rows: int) -> pm.Model:
    """Build a logistic regression on twenty predictors."""
    design, y = logistic_data(rows)
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 1, shape=20)
        pm.Bernoulli("y", logit_p=pm.math.dot(design, beta), observed=y)
    return model


def logistic_data(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Make the data of :func:`logistic`."""
    rng = np.random.default_rng(14)
    design = rng.normal(size=(rows, 20))
    return design, rng.binomial(1, 1 / (1 + np.exp(-design @ rng.normal(0, 0.5, size=20))))


def many_groups(groups: int) -> pm.Model:
    """Build groups of three observations, each group with a mean of its own."""
    y = np.random.default_rng(15).normal(size=(groups, 3)).ravel()
    of = np.repeat(np.arange(groups), 3)
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5)
        each = pm.Normal("each", 0, 1, shape=groups)
        sigma = pm.HalfNormal("sigma", 1)
        pm.Normal("y", mu + each[of], sigma, observed=y)
    return model


FIRST: dict[str, tuple[str, Callable[[], pm.Model], Axes]] = {
    "regression": (
        "Gaussian regression, 500 rows",
        lambda: regression(500),
        {"a": (0.8, 1.2, 101), "b": (1.8, 2.2, 101)},
    ),
    "lkj": (
        "LKJ and MvNormal, 500 × 3",
        lambda: lkj(500),
        {"mu[0]": (-0.3, 0.3, 101), "mu[1]": (-0.3, 0.3, 101)},
    ),
    "gp": (
        "Gaussian process, 60 rows",
        lambda: gaussian_process(60),
        {"length": (0.5, 3.0, 101), "eta": (0.3, 3.0, 101)},
    ),
    "logistic": (
        "logistic, 20 predictors, 500 rows",
        lambda: logistic(500),
        {"beta[0]": (-1.0, 1.0, 101), "beta[1]": (-1.0, 1.0, 101)},
    ),
}
