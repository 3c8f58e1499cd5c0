"""Models, data and grids that the benchmarks share."""

import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

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


def mixture(rows: int) -> pm.Model:
    """Build two normal components with means in order."""
    rng = np.random.default_rng(16)
    y = np.r_[rng.normal(-2, 1, rows // 3), rng.normal(2, 1.5, rows - rows // 3)]
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5, shape=2, transform=pm.distributions.transforms.ordered, initval=[-1.0, 1.0])
        w, sigma = pm.Dirichlet("w", np.ones(2)), pm.HalfNormal("sigma", 3, shape=2)
        pm.NormalMixture("y", w=w, mu=mu, sigma=sigma, observed=y)
    return model


def autoregression(rows: int) -> pm.Model:
    """Build an AR(2) with its level."""
    rng = np.random.default_rng(17)
    y = np.zeros(rows)
    for t in range(2, rows):
        y[t] = 0.5 * y[t - 1] - 0.3 * y[t - 2] + rng.normal()
    with pm.Model() as model:
        rho, sigma = pm.Normal("rho", 0, 1, shape=3), pm.HalfNormal("sigma", 2)
        pm.AR("y", rho, sigma=sigma, constant=True, ar_order=2, init_dist=pm.Normal.dist(0, 2), observed=y)
    return model


def censored(rows: int) -> pm.Model:
    """Build Weibull life times, a third of them cut off."""
    y = np.minimum(np.random.default_rng(18).weibull(1.5, rows) * 10, 12.0)
    with pm.Model() as model:
        alpha, beta = pm.HalfNormal("alpha", 3), pm.HalfNormal("beta", 20)
        pm.Censored("y", pm.Weibull.dist(alpha, beta), lower=None, upper=12.0, observed=y)
    return model


def customers(merge: bool = True) -> pm.Model:
    """Build BG/NBD of the CDNOW customers; `merge` counts those with one history."""
    behavior = example("user_behavior")
    model: pm.Model = behavior.build_model(behavior.load_customers(), merge=merge)
    return model


def budworm() -> pm.Model:
    """Build the logistic regression of 12 rows: moths that died of a dose, by sex."""
    data = pd.read_csv(EXAMPLES / "data" / "budworm.csv")
    male = (data["sex"] == "M").to_numpy(float)
    with pm.Model() as model:
        b = pm.Normal("b", 0, 10, shape=3)
        logit = b[0] + b[1] * male + b[2] * data["ldose"].to_numpy(float)
        pm.Binomial("dead", n=data["n"].to_numpy(), logit_p=logit, observed=data["dead"].to_numpy())
    return model


def counts_of_customers() -> pm.Model:
    """Build purchases of 2,357 customers at rates ~ Gamma(r, α), nobody ever leaving."""
    data = pd.read_csv(EXAMPLES / "data" / "cdnow.csv")
    with pm.Model() as model:
        r, alpha = pm.HalfNormal("r", 5), pm.HalfNormal("alpha", 50)
        mean = r / alpha * data["age_weeks"].to_numpy(float)
        pm.NegativeBinomial("x", mu=mean, alpha=r, observed=data["frequency"].to_numpy())
    return model


def sleepstudy() -> pm.Model:
    """Build lme4's model of the drivers, lines with correlated effects `u`."""
    data = pd.read_csv(EXAMPLES / "data" / "sleepstudy.csv")
    subject, days = pd.factorize(data["subject"])[0], data["days"].to_numpy(float)
    with pm.Model() as model:
        b, sd, rho = pm.Normal("b", 0, 1000, shape=2), pm.HalfNormal("sd", 100, shape=2), pm.Uniform("rho", -1.0, 1.0)
        sigma = pm.HalfNormal("sigma", 100)
        root = pt.stack([pt.stack([sd[0], 0.0]), pt.stack([rho * sd[1], sd[1] * pt.sqrt(1 - rho**2)])])
        u = pm.MvNormal("u", np.zeros(2), chol=root, shape=(18, 2))
        mean = b[0] + u[subject, 0] + (b[1] + u[subject, 1]) * days
        pm.Normal("y", mean, sigma, observed=data["reaction_ms"].to_numpy())
    return model


def example(name: str) -> ModuleType:
    """Import a script of ../examples."""
    spec: Any = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


MODELS: dict[str, Callable[[], pm.Model]] = {
    "gaussian": partial(regression, 40),
    "logistic": partial(logistic, 5000),
    "customers": partial(customers, merge=False),  # row by row, as lifetimes does
    "budworm": budworm,
    "nbd": counts_of_customers,
}

# First pictures: what is shown, the model, and its axes.
PICTURES: dict[str, tuple[str, Callable[[], pm.Model], Axes]] = {
    "regression": (
        "Gaussian regression, 500 rows",
        partial(regression, 500),
        {"a": (0.8, 1.2, 101), "b": (1.8, 2.2, 101)},
    ),
    "lkj": (
        "LKJ and MvNormal, 500 × 3",
        partial(lkj, 500),
        {"mu[0]": (-0.3, 0.3, 101), "mu[1]": (-0.3, 0.3, 101)},
    ),
    "gp": (
        "Gaussian process, 60 rows",
        partial(gaussian_process, 60),
        {"length": (0.5, 3.0, 101), "eta": (0.3, 3.0, 101)},
    ),
    "logistic": (
        "logistic, 20 predictors, 500 rows",
        partial(logistic, 500),
        {"beta[0]": (-1.0, 1.0, 101), "beta[1]": (-1.0, 1.0, 101)},
    ),
    "mixture": (
        "mixture of two normals, 300 rows",
        partial(mixture, 300),
        {"sigma[0]": (0.5, 2.0, 101), "sigma[1]": (0.8, 2.5, 101)},
    ),
    "ar": (
        "AR(2), 200 steps",
        partial(autoregression, 200),
        {"rho[1]": (0.2, 0.8, 101), "rho[2]": (-0.6, 0.0, 101)},
    ),
    "censored": (
        "censored Weibull, 200 rows",
        partial(censored, 200),
        {"alpha": (1.0, 2.0, 101), "beta": (8.0, 12.0, 101)},
    ),
    "cdnow": (
        "BG/NBD of CDNOW, 2,357 customers",
        customers,
        {"r": (0.2, 0.3, 101), "alpha": (3.5, 5.5, 101)},
    ),
}
