"""Data sets and models with published optima, for all tests."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

EXAMPLES = Path(__file__).parents[2] / "examples"
DATA = EXAMPLES / "data"


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / f"{name}.csv")


# Puromycin: Bates & Watts (1988), treated cells. rate = Vm c / (K + c) + error.
TREATED = read("puromycin").query("state == 'treated'")
CONC, RATE = TREATED["conc"].to_numpy(float), TREATED["rate"].to_numpy(float)
VM, K, SSE, S, SIGMA_ML = 212.683743, 0.06412128, 1195.448814, 10.93366, 9.98101871


@cache
def puromycin(sigma: float | None = None) -> pm.Model:
    with pm.Model() as model:
        vm = pm.Flat("Vm", initval=200.0)
        k = pm.HalfFlat("K", initval=0.1)
        if sigma is None:
            sigma = pm.HalfFlat("sigma", initval=10.0)
        pm.Normal("rate", vm * CONC / (k + CONC), sigma, observed=RATE)
    return model


# Budworm: Venables & Ripley, MASS section 7.2. logit p = b0 + b1 [sex = M] + b2 ldose.
BUDWORM = read("budworm")
DOSE = BUDWORM["ldose"].to_numpy(float)
MALE = (BUDWORM["sex"] == "M").to_numpy(float)
DEAD, TRIED = BUDWORM["dead"].to_numpy(), BUDWORM["n"].to_numpy()
B_HAT = np.array([-3.47315529, 1.10074335, 1.06421396])
B_SE = np.array([0.46852038, 0.35582713, 0.13107749])


@cache
def budworm() -> pm.Model:
    with pm.Model(coords={"term": ["intercept", "male", "ldose"]}) as model:
        b = pm.Flat("b", dims="term")
        pm.Binomial("dead", n=TRIED, logit_p=b[0] + b[1] * MALE + b[2] * DOSE, observed=DEAD)
    return model


# CDNOW: Fader, Hardie & Lee (2005). x repeat purchases, the last at t_x, observed for T weeks.
CDNOW = read("cdnow")
BOUGHT = CDNOW["frequency"].to_numpy(float)
LAST, AGE = CDNOW["recency_weeks"].to_numpy(float), CDNOW["age_weeks"].to_numpy(float)


def nbd_logp(x, r, alpha, age):
    """Log-likelihood of each customer when nobody ever leaves."""
    return pt.gammaln(r + x) - pt.gammaln(r) + r * pt.log(alpha) - (r + x) * pt.log(alpha + age)


def betaln(a, b):
    """Logarithm of the beta function."""
    return pt.gammaln(a) + pt.gammaln(b) - pt.gammaln(a + b)


def bg_nbd_logp(x, last, age, r, alpha, a, b):
    """Log-likelihood of each customer when one may leave after each purchase."""
    rate = pt.gammaln(r + x) - pt.gammaln(r) + r * pt.log(alpha)
    stayed = betaln(a, b + x) - betaln(a, b) - (r + x) * pt.log(alpha + age)
    left = betaln(a + 1, b + pt.maximum(x, 1) - 1) - betaln(a, b)
    left = left - (r + x) * pt.log(alpha + last)
    return rate + pt.switch(x > 0, pt.logaddexp(stayed, left), stayed)


# Eight schools: Rubin (1981). The marginal likelihood of (mu, tau) has its maximum on the edge.
SCHOOLS = read("eight_schools")


# Dyestuff: Davies & Goldsmith (1972), and Box & Tiao's set with no batch effect at all.
@cache
def dyestuff(which: str) -> tuple[pm.Model, np.ndarray]:
    rows = read("dyestuff").query("set == @which")
    table = np.stack([g.to_numpy(float) for _, g in rows.groupby("batch")["yield"]])
    with pm.Model() as model:
        mu, between, within = pm.Flat("mu"), pm.HalfFlat("between"), pm.HalfFlat("within")
        cov = within**2 * np.eye(5) + between**2 * np.ones((5, 5))
        pm.MvNormal("yield", pt.ones(5) * mu, cov, observed=table)
    return model, table
