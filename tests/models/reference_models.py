"""The PyMC models of the data sets in `references`, each with its answer and its number of parameters."""

import runpy
from collections.abc import Callable
from functools import cache

import numpy as np
import published
import pymc as pm
import pytensor.tensor as pt
import references as ref

import pymc_landscape as pml


def design(*columns: np.ndarray) -> np.ndarray:
    """Return the columns after one of ones."""
    return np.column_stack([np.ones_like(columns[0]), *columns])


def stackloss() -> pm.Model:
    x = design(ref.AIR_FLOW, ref.WATER_TEMP, ref.ACID_CONC)
    with pm.Model(coords={"term": ["intercept", "air", "water", "acid"]}) as model:
        b = pm.Normal("b", 0, 100, dims="term")
        sigma = pm.HalfNormal("sigma", 10)
        pm.Normal("loss", x @ b, sigma, observed=ref.STACK_LOSS)
    return model


def menarche() -> pm.Model:
    with pm.Model() as model:
        b = pm.Normal("b", 0, 30, shape=2)
        pm.Binomial("n", n=ref.TOTAL.astype(int), logit_p=b[0] + b[1] * ref.AGE, observed=ref.MENARCHE)
    return model


def mtcars() -> pm.Model:
    with pm.Model() as model:
        b = pm.StudentT("b", nu=3, mu=0, sigma=10, shape=2)
        pm.Bernoulli("manual", logit_p=b[0] + b[1] * ref.WEIGHT, observed=ref.MANUAL)
    return model


def warpbreaks() -> pm.Model:
    x = design(ref.WOOL_B, ref.TENSION_M, ref.TENSION_H, ref.WOOL_B * ref.TENSION_M, ref.WOOL_B * ref.TENSION_H)
    with pm.Model() as model:
        b = pm.Normal("b", 0, 5, shape=6)
        pm.Poisson("breaks", pt.exp(x @ b), observed=ref.BREAKS)
    return model


QUINE_X = design(ref.ETH, ref.SEX, *(form == ref.FORM for form in (1, 2, 3)), ref.SLOW)


def quine() -> pm.Model:
    with pm.Model() as model:
        b = pm.Normal("b", 0, 3, shape=7)
        alpha = pm.Exponential("alpha", 1)
        pm.NegativeBinomial("days", mu=pt.exp(QUINE_X @ b), alpha=alpha, observed=ref.DAYS)
    return model


def clotting_inverse() -> pm.Model:
    """The start must have positive means: where eta is negative there is no likelihood at all."""
    with pm.Model() as model:
        b = pm.Normal("b", 0, 1, shape=2, initval=np.array([0.02, 0.01]))
        alpha = pm.HalfNormal("alpha", 1000)
        mu = 1 / (b[0] + b[1] * ref.LOG_PLASMA)
        pm.Gamma("lot1", mu=mu, sigma=mu / pt.sqrt(alpha), observed=ref.LOT1)
    return model


def clotting_log() -> pm.Model:
    with pm.Model() as model:
        b = pm.Normal("b", 0, 10, shape=2)
        alpha = pm.Gamma("alpha", 2, 0.02)
        pm.Gamma("lot2", alpha, alpha * pt.exp(-b[0] - b[1] * ref.LOG_PLASMA), observed=ref.LOT2)
    return model


def ovarian() -> pm.Model:
    until = np.where(ref.FUSTAT == 1, np.inf, ref.FUTIME)
    with pm.Model() as model:
        b = pm.Normal("b", 0, 10, shape=3)
        alpha = pm.HalfNormal("alpha", 5)
        life = pm.Weibull.dist(alpha, pt.exp(b[0] + b[1] * ref.ECOG + b[2] * ref.RX))
        pm.Censored("days", life, lower=None, upper=until, observed=ref.FUTIME)
    return model


def orobanche() -> pm.Model:
    x = design(ref.KIND_73, ref.CUCUMBER, ref.KIND_73 * ref.CUCUMBER)
    with pm.Model() as model:
        b = pm.Normal("b", 0, 2, shape=4)
        kappa = pm.HalfCauchy("kappa", 50)
        p = pm.math.invlogit(x @ b)
        pm.BetaBinomial("r", p * kappa, (1 - p) * kappa, ref.SEEDS.astype(int), observed=ref.GERMINATED)
    return model


def biochemists() -> pm.Model:
    articles = np.concatenate([np.repeat(ref.ARTICLES, ref.MEN), np.repeat(ref.ARTICLES, ref.WOMEN)])
    woman = np.repeat([0.0, 1.0], [sum(ref.MEN), sum(ref.WOMEN)])
    with pm.Model() as model:
        b = pm.Normal("b", 0, 2, shape=2)
        psi = pm.Beta("psi", 2, 2)
        pm.ZeroInflatedPoisson("articles", psi, pt.exp(b[0] + b[1] * woman), observed=articles)
    return model


def lh_exact() -> pm.Model:
    """The first value has the stationary law, as ``arima(method="ML")`` takes it; mu is its mean."""
    with pm.Model() as model:
        rho = pm.Normal("rho", 0, 1, shape=2, initval=np.array([1.0, 0.4]))
        sigma = pm.HalfNormal("sigma", 1)
        mu = pm.Deterministic("mu", rho[0] / (1 - rho[1]))
        first = pm.Normal.dist(mu, sigma / pt.sqrt(1 - rho[1] ** 2))
        pm.AR("level", rho, sigma=sigma, constant=True, init_dist=first, observed=ref.LH)
    return model


def lh_mean() -> pm.Model:
    """The same in terms of the mean, kept stationary by the prior."""
    with pm.Model() as model:
        mu, rho = pm.Normal("mu", 0, 10), pm.Uniform("rho", -1, 1)
        sigma = pm.HalfNormal("sigma", 1)
        first = pm.Normal.dist(mu, sigma / pt.sqrt(1 - rho**2))
        pm.AR("level", pt.stack([mu * (1 - rho), rho]), sigma=sigma, constant=True, init_dist=first, observed=ref.LH)
    return model


def lh_conditional() -> pm.Model:
    """Given the first value: a regression on the value before."""
    with pm.Model() as model:
        rho = pm.Normal("rho", 0, 1, shape=2)
        sigma = pm.Exponential("sigma", 1)
        pm.Normal("level", rho[0] + rho[1] * ref.LH[:-1], sigma, observed=ref.LH[1:])
    return model


def faithful() -> pm.Model:
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(2))
        mu = pm.Normal(
            "mu", 70, 20, shape=2, transform=pm.distributions.transforms.ordered, initval=np.array([60.0, 75])
        )
        sigma = pm.HalfNormal("sigma", 10, shape=2)
        pm.NormalMixture("waiting", w, mu, sigma, observed=ref.WAITING)
    return model


def cdnow_nbd() -> pm.Model:
    with pm.Model() as model:
        r, alpha = pm.HalfNormal("r", 2), pm.HalfNormal("alpha", 20)
        pm.CustomDist("x", r, alpha, published.AGE, logp=published.nbd_logp, observed=published.BOUGHT)
    return model


def bg_nbd() -> pm.Model:
    """The model of the example, one row a customer so that they are counted."""
    example = runpy.run_path(str(published.EXAMPLES / "user_behavior.py"))
    return example["build_model"](example["load_customers"](), merge=False)


CASES: dict[str, tuple[Callable[[], pm.Model], ref.Answer, int]] = {
    "stackloss": (stackloss, ref.STACKLOSS, 5),
    "menarche": (menarche, ref.MENARCHE_LOGIT, 2),
    "mtcars": (mtcars, ref.MTCARS_LOGIT, 2),
    "warpbreaks": (warpbreaks, ref.WARPBREAKS, 6),
    "quine": (quine, ref.QUINE, 8),
    "clotting_inverse": (clotting_inverse, ref.CLOTTING_INVERSE, 3),
    "clotting_log": (clotting_log, ref.CLOTTING_LOG, 3),
    "ovarian": (ovarian, ref.OVARIAN, 4),
    "orobanche": (orobanche, ref.OROBANCHE, 5),
    "biochemists": (biochemists, ref.BIOCHEMISTS, 3),
    "lh_exact": (lh_exact, ref.LH_EXACT, 3),
    "lh_mean": (lh_mean, ref.LH_MEAN, 3),
    "lh_conditional": (lh_conditional, ref.LH_CONDITIONAL, 3),
    "faithful": (faithful, ref.FAITHFUL, 5),
    "cdnow_nbd": (cdnow_nbd, ref.NBD, 2),
    "bg_nbd": (bg_nbd, ref.BG_NBD, 4),
    "puromycin": (published.puromycin, ref.PUROMYCIN, 3),
    "budworm": (published.budworm, ref.BUDWORM, 3),
}


@cache
def model_of(name: str) -> pm.Model:
    return CASES[name][0]()


@cache
def fit_of(name: str):
    return pml.fit_mle(model_of(name), progressbar=False)
