"""Linear models with fixed effects, for the restricted likelihood: as analysts write them, each in other words."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

DATA = Path(__file__).parent.parent / "data"
EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "data"
REML = json.loads((DATA / "reml.json").read_text())


def dyestuff(name: str = "Dyestuff") -> pm.Model:
    table = pd.read_csv(EXAMPLES / "dyestuff.csv")
    own = table[table["set"] == name]
    batch, labels = pd.factorize(own["batch"])
    with pm.Model(coords={"batch": labels}) as model:
        mu = pm.Normal("mu", own["yield"].mean(), 10_000)
        between, within = pm.HalfNormal("between", 1_000), pm.HalfNormal("within", 1_000)
        effect = pm.Normal("effect", 0, between, dims="batch")
        pm.Normal("y", mu + effect[batch], within, observed=own["yield"].to_numpy())
    return model


def dyestuff2() -> pm.Model:
    return dyestuff("Dyestuff2")


def _sleep() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = pd.read_csv(EXAMPLES / "sleepstudy.csv")
    return pd.factorize(table["subject"])[0], table["days"].to_numpy(float), table["reaction_ms"].to_numpy()


def sleepstudy() -> pm.Model:
    """Slopes that correlate with intercepts, without a centre: `z` is named, the design is ``pm.Data``."""
    subject, days, reaction = _sleep()
    with pm.Model() as model:
        design = pm.Data("design", np.column_stack([np.ones(len(days)), days]))
        beta = pm.Normal("beta", [250, 10], [100, 20], shape=2)
        s0, s1 = pm.HalfNormal("sd_intercept", 50), pm.HalfNormal("sd_slope", 20)
        rho, sigma = pm.Uniform("rho", -1, 1), pm.HalfNormal("sigma", 50)
        z = pm.Normal("z", 0, 1, shape=(2, 18))
        slope = s1 * (rho * z[0] + pt.sqrt(1 - rho**2) * z[1])
        pm.Normal("y", design @ beta + s0 * z[0][subject] + slope[subject] * days, sigma, observed=reaction)
    return model


def sleepstudy_by_factor() -> pm.Model:
    """The same by PyMC's Cholesky factor, centred at the fixed effects."""
    subject, days, reaction = _sleep()
    with pm.Model() as model:
        level, trend = pm.Normal("level", 250, 100), pm.Flat("trend")
        chol, _, _ = pm.LKJCholeskyCov("L", n=2, eta=1, sd_dist=pm.HalfNormal.dist([50, 20], shape=2))
        own = pm.MvNormal("own", pt.stack([level, trend]), chol=chol, shape=(18, 2))
        mean = own[subject, 0] + own[subject, 1] * days
        pm.Normal("y", mean, pm.HalfNormal("sigma", 50), observed=reaction)
    return model


def sleepstudy_uncorrelated() -> pm.Model:
    """Centred effects of two kinds, and one array of two fixed effects beside another."""
    subject, days, reaction = _sleep()
    with pm.Model() as model:
        level, trend = pm.Normal("level", 250, 100), pm.Normal("trend", 0, 20, shape=1)
        s0, s1 = pm.HalfNormal("sd_intercept", 50), pm.HalfNormal("sd_slope", 20)
        a, b = pm.Normal("a", level, s0, shape=18), pm.Normal("b", 0, s1, shape=18)
        mean = a[subject] + (trend[0] + b[subject]) * days
        pm.Normal("y", mean, pm.HalfNormal("sigma", 50), observed=reaction)
    return model


def sleepstudy_intercepts() -> pm.Model:
    subject, days, reaction = _sleep()
    with pm.Model() as model:
        level, trend = pm.Normal("level", 250, 100), pm.Normal("trend", 0, 20)
        a = pm.Normal("a", 0, pm.HalfNormal("sd_intercept", 50), shape=18)
        pm.Normal("y", level + trend * days + a[subject], pm.HalfNormal("sigma", 50), observed=reaction)
    return model


def penicillin() -> pm.Model:
    """Crossed effects, one of them with the fixed effect for its mean."""
    table = pd.read_csv(DATA / "penicillin.csv")
    plate, sample = (pd.factorize(table[name])[0] for name in ("plate", "sample"))
    with pm.Model() as model:
        mu = pm.Normal("mu", 20, 100)
        sd_plate, sd_sample = pm.HalfNormal("sd_plate", 5), pm.HalfNormal("sd_sample", 5)
        a = pm.Normal("a", mu, sd_plate, shape=int(plate.max()) + 1)
        b = pm.Normal("b", 0, sd_sample, shape=int(sample.max()) + 1)
        pm.Normal("y", a[plate] + b[sample], pm.HalfNormal("sigma", 5), observed=table["diameter"].to_numpy())
    return model


def pastes() -> pm.Model:
    """Casks in batches: the effects of casks have those of their batches for means."""
    table = pd.read_csv(DATA / "pastes.csv")
    batch = pd.factorize(table["batch"])[0]
    cask = pd.factorize(table["batch"] + table["cask"])[0]
    of = pd.Series(batch).groupby(cask).first().to_numpy()
    with pm.Model() as model:
        mu = pm.Normal("mu", 60, 100)
        sd_cask, sd_batch = pm.HalfNormal("sd_cask", 5), pm.HalfNormal("sd_batch", 5)
        b = pm.Normal("b", mu, sd_batch, shape=int(batch.max()) + 1)
        c = pm.Normal("c", b[of], sd_cask, shape=len(of))
        pm.Normal("y", c[cask], pm.HalfNormal("sigma", 5), observed=table["strength"].to_numpy())
    return model


def orthodont_by_sex() -> pm.Model:
    """Errors of two sizes, and an interaction."""
    table = pd.read_csv(DATA / "orthodont.csv")
    subject = pd.factorize(table["subject"])[0]
    male, age = table["male"].to_numpy(), table["age"].to_numpy(float)
    design = np.column_stack([np.ones(len(age)), age, male, age * male])
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 100, shape=4)
        u = pm.Normal("u", 0, pm.HalfNormal("sd_subject", 5), shape=int(subject.max()) + 1)
        female, other = pm.HalfNormal("sigma_female", 5), pm.HalfNormal("sigma_male", 5)
        sigma = pt.where(male == 1, other, female)
        pm.Normal("y", design @ beta + u[subject], sigma, observed=table["distance"].to_numpy())
    return model


def ovary_ar1() -> pm.Model:
    """Autoregressive errors by mare, written by innovations; no random effects."""
    table = pd.read_csv(DATA / "ovary.csv")
    first = np.r_[True, (table["mare"].to_numpy()[1:] != table["mare"].to_numpy()[:-1])]
    angle = 2 * np.pi * table["time"].to_numpy()
    design, y = np.column_stack([np.ones(len(table)), np.sin(angle), np.cos(angle)]), table["follicles"].to_numpy(float)
    before = np.maximum(np.arange(len(y)) - 1, 0)
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 100, shape=3)
        rho, sigma = pm.Uniform("rho", -1, 1), pm.HalfNormal("sigma", 10)
        mean = design @ beta
        mean = mean + pt.where(first, 0.0, rho * (y[before] - mean[before]))
        pm.Normal("y", mean, sigma * pt.where(first, 1.0, pt.sqrt(1 - rho**2)), observed=y)
    return model


def bcg(columns: str = "") -> pm.Model:
    """Trials with known variances, pooled: the effect of each trial has its own, by τ."""
    table = pd.read_csv(DATA / "bcg.csv")
    parts = {"ablat": [table["ablat"]], "alloc": [table["alloc"] == k for k in ("random", "systematic")]}
    design = np.column_stack([np.ones(len(table)), *(c for name in columns.split() for c in parts[name])]).astype(float)
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 1, shape=design.shape[1])
        tau2 = pm.HalfNormal("tau2", 1)
        own = pm.Normal("own", design @ beta, pt.sqrt(tau2), shape=len(table))
        pm.Normal("y", own, np.sqrt(table["v"].to_numpy()), observed=table["y"].to_numpy())
    return model


def bcg_latitude() -> pm.Model:
    return bcg("ablat")


def bcg_latitude_allocation() -> pm.Model:
    return bcg("ablat alloc")


def cbpp() -> pm.Model:
    """Counts, of which the log density is not quadratic in the effects."""
    table = pd.read_csv(DATA / "cbpp.csv")
    herd, period = pd.factorize(table["herd"])[0], table["period"].to_numpy()
    design = np.column_stack([np.ones(len(table)), *(period == k for k in (2, 3, 4))]).astype(float)
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 3, shape=4)
        u = pm.Normal("u", 0, pm.HalfNormal("sd", 2), shape=15)
        n, seen = table["size"].to_numpy(), table["incidence"].to_numpy()
        pm.Binomial("y", n=n, logit_p=design @ beta + u[herd], observed=seen)
    return model


def epil() -> pm.Model:
    table = pd.read_csv(DATA / "epil.csv")
    subject = pd.factorize(table["subject"])[0]
    design = np.column_stack([np.ones(len(table)), np.log(table["base"]), table["trt"] != "placebo"]).astype(float)
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 3, shape=3)
        z = pm.Normal("z", 0, 1, shape=int(subject.max()) + 1)
        rate = pm.math.exp(design @ beta + pm.HalfNormal("sd", 2) * z[subject])
        pm.Poisson("y", rate, observed=table["y"].to_numpy())
    return model


# By name in reml.json: what makes each, and which latent variables are named.
WRITTEN = {
    "dyestuff": (dyestuff, "auto"),
    "dyestuff2": (dyestuff2, "auto"),
    "sleepstudy": (sleepstudy, "z"),
    "sleepstudy_uncorrelated": (sleepstudy_uncorrelated, "auto"),
    "sleepstudy_intercepts": (sleepstudy_intercepts, "auto"),
    "penicillin": (penicillin, "auto"),
    "pastes": (pastes, "auto"),
    "orthodont_by_sex": (orthodont_by_sex, "auto"),
    "ovary_ar1": (ovary_ar1, "auto"),
    "bcg": (bcg, "auto"),
    "bcg_latitude": (bcg_latitude, "auto"),
    "bcg_latitude_allocation": (bcg_latitude_allocation, "auto"),
}
