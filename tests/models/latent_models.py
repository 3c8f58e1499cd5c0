"""Hierarchical models that R fits too, each written in the ways that people write it in PyMC.

`centred`: the effects have the parameters in their prior. `standard`: standard normal effects, multiplied by the
standard deviation where they are used (the "non-centred" form). `means`: the effects are the groups' own levels. All
forms of a case have the same parameters and the same marginal likelihood. Priors give support only: they are flat, so
that a likelihood that takes in a prior by mistake still has the right maximum, but not the right value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import published
import pymc as pm
import pytensor.tensor as pt
import references as ref

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Case:
    """A case of ``data/lme4.json``: its name there, its models by form, and what is integrated out of them."""

    name: str
    forms: dict[str, Callable[[], pm.Model]]
    latent: tuple[str, ...]
    quadrature: int = 1


@cache
def read(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / f"{name}.csv", dtype={"herd": str})


def codes(column) -> tuple[np.ndarray, list[str]]:
    """Number the groups in the order of their names, as R does; and their names."""
    names, number = np.unique(np.asarray(column), return_inverse=True)
    return number, [str(n) for n in names]


def spread(name: str, scale: float, **kwargs):
    """A standard deviation, 0 allowed."""
    return pm.HalfFlat(name, initval=np.full(kwargs.get("shape", ()), scale), **kwargs)


def flat(name: str, scale, **kwargs):
    return pm.Flat(name, initval=np.asarray(scale, dtype=float), **kwargs)


def effects(name: str, sd, form: str, **kwargs):
    """Independent normal effects around 0."""
    if form == "centred":
        return pm.Normal(name, 0, sd, **kwargs)
    return sd * pm.Normal(name, 0, 1, **kwargs)


def root(sd, rho):
    """Cholesky's root of the covariance matrix of two effects."""
    return pt.stacklists([[sd[0], pt.zeros(())], [rho * sd[1], pt.sqrt(1 - rho**2) * sd[1]]])


def pair(name: str, sd, rho, form: str, n: int):
    """Two correlated effects for each of n groups, (n, 2)."""
    if form == "centred":
        return pm.MvNormal(name, np.zeros(2), chol=root(sd, rho), shape=(n, 2))
    return pm.Normal(name, 0, 1, shape=(n, 2)) @ root(sd, rho).T


# --- linear models ---------------------------------------------------------------------------------------------------


def dyestuff(which: str, form: str) -> pm.Model:
    data = published.read("dyestuff").query("set == @which")
    batch, names = codes(data["batch"])
    typical, width = float(data["yield"].mean()), float(data["yield"].std())
    with pm.Model(coords={"batch": names}) as model:
        mu = flat("mu", typical)
        sd, sigma = spread("sd", width / 2), spread("sigma", width)
        level = pm.Normal("u", mu, sd, dims="batch") if form == "means" else mu + effects("u", sd, form, dims="batch")
        pm.Normal("yield", level[batch], sigma, observed=data["yield"].to_numpy(float))
    return model


def dyestuff_with_priors() -> pm.Model:
    """Dyestuff with priors to start from: ``pm.do`` refuses a model with initial values."""
    data = published.read("dyestuff").query("set == 'Dyestuff'")
    batch, names = codes(data["batch"])
    with pm.Model(coords={"batch": names}) as model:
        mu = pm.Normal("mu", 1500, 100)
        sd, sigma = pm.HalfNormal("sd", 100), pm.HalfNormal("sigma", 100)
        u = pm.Normal("u", 0, 1, dims="batch")
        pm.Normal("yield", mu + sd * u[batch], sigma, observed=data["yield"].to_numpy(float))
    return model


def sleepstudy(form: str, effect: str) -> pm.Model:
    data = published.read("sleepstudy")
    subject, names = codes(data["subject"])
    days = data["days"].to_numpy(float)
    with pm.Model(coords={"subject": names}) as model:
        b = flat("b", [250.0, 10.0], shape=2)
        if effect == "intercept":
            sd = spread("sd", 20.0)
            level = b[0] + effects("u", sd, form, dims="subject")[subject] + b[1] * days
        else:
            sd = pm.HalfFlat("sd", shape=2, initval=np.array([20.0, 5.0]))
            if effect == "correlated":
                u = pair("u", sd, pm.Uniform("rho", -1, 1, initval=0.0), form, len(names))
            else:
                u = effects("u", sd, form, shape=(len(names), 2))
            level = b[0] + u[subject, 0] + (b[1] + u[subject, 1]) * days
        sigma = spread("sigma", 25.0)
        pm.Normal("reaction", level, sigma, observed=data["reaction_ms"].to_numpy(float))
    return model


def sleepstudy_with_priors() -> pm.Model:
    """Correlated intercepts and slopes with priors to start from: ``pm.do`` refuses a model with initial values."""
    data = published.read("sleepstudy")
    subject, names = codes(data["subject"])
    days = data["days"].to_numpy(float)
    with pm.Model() as model:
        b, sigma = pm.Normal("b", [250.0, 10.0], 100.0, shape=2), pm.HalfNormal("sigma", 50)
        spreads = [pm.HalfNormal("intercept_sd", 50), pm.HalfNormal("slope_sd", 20)]
        u = pm.MvNormal("u", np.zeros(2), chol=root(spreads, pm.Uniform("rho", -1, 1)), shape=(len(names), 2))
        mean = b[0] + u[subject, 0] + (b[1] + u[subject, 1]) * days
        pm.Normal("reaction", mean, sigma, observed=data["reaction_ms"].to_numpy(float))
    return model


def sleepstudy_in_turn() -> pm.Model:
    """Correlated effects, the slopes given the intercepts."""
    data = published.read("sleepstudy")
    subject, names = codes(data["subject"])
    days = data["days"].to_numpy(float)
    with pm.Model(coords={"subject": names}) as model:
        b = flat("b", [250.0, 10.0], shape=2)
        sd = pm.HalfFlat("sd", shape=2, initval=np.array([20.0, 5.0]))
        rho = pm.Uniform("rho", -1, 1, initval=0.0)
        u = pm.Normal("u", 0, sd[0], dims="subject")
        slope = pm.Normal("slope", rho * sd[1] / sd[0] * u, sd[1] * pt.sqrt(1 - rho**2), dims="subject")
        sigma = spread("sigma", 25.0)
        mean = b[0] + u[subject] + (b[1] + slope[subject]) * days
        pm.Normal("reaction", mean, sigma, observed=data["reaction_ms"].to_numpy(float))
    return model


def sleepstudy_lkj() -> pm.Model:
    """The same with PyMC's prior for a covariance matrix: other parameters, the same maximum."""
    data = published.read("sleepstudy")
    subject, names = codes(data["subject"])
    days = data["days"].to_numpy(float)
    with pm.Model(coords={"subject": names}) as model:
        b = flat("b", [250.0, 10.0], shape=2)
        chol, _, _ = pm.LKJCholeskyCov("chol", n=2, eta=1.0, sd_dist=pm.HalfNormal.dist(50.0))
        u = pm.Normal("u", 0, 1, shape=(len(names), 2)) @ chol.T
        sigma = spread("sigma", 25.0)
        mean = b[0] + u[subject, 0] + (b[1] + u[subject, 1]) * days
        pm.Normal("reaction", mean, sigma, observed=data["reaction_ms"].to_numpy(float))
    return model


def penicillin(form: str) -> pm.Model:
    """Two crossed effects: every sample on every plate."""
    data = read("penicillin")
    (plate, plates), (sample, samples) = codes(data["plate"]), codes(data["sample"])
    with pm.Model(coords={"plate": plates, "sample": samples}) as model:
        mu = flat("mu", 23.0)
        on_plate = effects("u", spread("sd_plate", 1.0), form, dims="plate")
        of_sample = effects("v", spread("sd_sample", 1.5), form, dims="sample")
        sigma = spread("sigma", 0.5)
        pm.Normal(
            "diameter", mu + on_plate[plate] + of_sample[sample], sigma, observed=data["diameter"].to_numpy(float)
        )
    return model


def pastes(form: str) -> pm.Model:
    """Casks within batches; as `means`, a cask's level is drawn around its batch's level."""
    data = read("pastes")
    batch, batches = codes(data["batch"])
    cask, casks = codes(data["batch"] + data["cask"])
    home = np.array([batches.index(name[0]) for name in casks])
    with pm.Model(coords={"batch": batches, "cask": casks}) as model:
        mu = flat("mu", 60.0)
        sd_batch, sd_cask, sigma = spread("sd_batch", 1.0), spread("sd_cask", 2.0), spread("sigma", 1.0)
        if form == "means":
            level = pm.Normal("v", pm.Normal("u", mu, sd_batch, dims="batch")[home], sd_cask, dims="cask")[cask]
        else:
            level = mu + effects("u", sd_batch, form, dims="batch")[batch]
            level = level + effects("v", sd_cask, form, dims="cask")[cask]
        pm.Normal("strength", level, sigma, observed=data["strength"].to_numpy(float))
    return model


# --- counts ----------------------------------------------------------------------------------------------------------


def cbpp(form: str) -> pm.Model:
    """Sick cattle of each herd in four periods."""
    data = read("cbpp")
    herd, names = codes(data["herd"].str.zfill(2))
    periods = data["period"].to_numpy()
    x = np.column_stack([np.ones(len(data)), *(periods == p for p in (2, 3, 4))]).astype(float)
    with pm.Model(coords={"herd": names}) as model:
        b = flat("b", [-1.0, -1.0, -1.0, -1.0], shape=4)
        sd = spread("sd", 0.5)
        if form == "means":  # a herd's own intercept
            eta = pm.Normal("u", b[0], sd, dims="herd")[herd] + x[:, 1:] @ b[1:]
        else:
            eta = x @ b + effects("u", sd, form, dims="herd")[herd]
        pm.Binomial("sick", n=data["size"].to_numpy(), logit_p=eta, observed=data["incidence"].to_numpy())
    return model


def warpbreaks(form: str) -> pm.Model:
    """An effect for each loom, that is each observation: overdispersion."""
    x = np.column_stack(
        [np.ones(54), ref.WOOL_B, ref.TENSION_M, ref.TENSION_H, ref.WOOL_B * ref.TENSION_M, ref.WOOL_B * ref.TENSION_H]
    )
    with pm.Model() as model:
        b = flat("b", [3.5, 0, 0, 0, 0, 0], shape=6)
        u = effects("u", spread("sd", 0.3), form, shape=54)
        pm.Poisson("breaks", pt.exp(x @ b + u), observed=ref.BREAKS.astype(int))
    return model


def epil_design() -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Intercept, log of the counts before (centred), drug, log of the age (centred), and the product, in R's order."""
    data = read("epil")
    log_base, log_age = np.log(data["base"] / 4), np.log(data["age"])
    log_base, drug = (log_base - log_base.mean()).to_numpy(), (data["trt"] == "progabide").to_numpy(float)
    return data, [np.ones(len(data)), log_base, drug, (log_age - log_age.mean()).to_numpy(), log_base * drug]


def epil_nested(form: str) -> pm.Model:
    """An effect for each subject and one for each visit."""
    data, columns = epil_design()
    subject = data["subject"].to_numpy() - 1
    with pm.Model() as model:
        b = flat("b", [1.5, 1.0, 0, 0, 0], shape=5)
        u = effects("u", spread("sd_subject", 0.5), form, shape=59)
        v = effects("v", spread("sd_visit", 0.3), form, shape=236)
        eta = np.column_stack(columns) @ b + u[subject] + v
        pm.Poisson("y", pt.exp(eta), observed=data["y"].to_numpy())
    return model


def epil_slopes(form: str) -> pm.Model:
    """A level and a trend over the visits for each subject, correlated."""
    data, columns = epil_design()
    subject, visit = data["subject"].to_numpy() - 1, (2 * data["period"].to_numpy() - 5) / 10
    x = np.column_stack([*columns[:4], visit, columns[4]])
    with pm.Model() as model:
        b = flat("b", [1.5, 1.0, 0, 0, 0, 0], shape=6)
        sd = pm.HalfFlat("sd", shape=2, initval=np.array([0.5, 0.5]))
        u = pair("u", sd, pm.Uniform("rho", -1, 1, initval=0.0), form, 59)
        eta = x @ b + u[subject, 0] + u[subject, 1] * visit
        pm.Poisson("y", pt.exp(eta), observed=data["y"].to_numpy())
    return model


# --- a curve ---------------------------------------------------------------------------------------------------------


def orange(form: str) -> pm.Model:
    """Trees grow along one logistic curve, to a height of their own."""
    data = read("orange")
    tree, names = codes(data["Tree"])
    with pm.Model(coords={"tree": names}) as model:
        asym, xmid, scal = flat("asym", 190.0), flat("xmid", 720.0), spread("scal", 350.0)
        sd, sigma = spread("sd", 30.0), spread("sigma", 8.0)
        height = (
            pm.Normal("u", asym, sd, dims="tree") if form == "means" else asym + effects("u", sd, form, dims="tree")
        )
        share = pm.math.invlogit((data["age"].to_numpy(float) - xmid) / scal)
        pm.Normal("girth", height[tree] * share, sigma, observed=data["circumference"].to_numpy(float))
    return model


def forms(build: Callable[..., pm.Model], names: str, *args) -> dict[str, Callable[[], pm.Model]]:
    """A builder for each form."""
    return {form: lambda form=form: build(*args, form) for form in names.split()}


def of_sleep(effect: str) -> dict[str, Callable[[], pm.Model]]:
    return forms(lambda form: sleepstudy(form, effect), "centred standard")


CASES = {
    case.name: case
    for case in (
        Case("dyestuff", forms(dyestuff, "centred standard means", "Dyestuff"), ("u",)),
        Case("dyestuff2", forms(dyestuff, "centred standard means", "Dyestuff2"), ("u",)),
        Case("sleepstudy", of_sleep("correlated"), ("u",)),
        Case("sleepstudy_uncorrelated", of_sleep("uncorrelated"), ("u",)),
        Case("sleepstudy_intercepts", of_sleep("intercept"), ("u",)),
        Case("penicillin", forms(penicillin, "centred standard"), ("u", "v")),
        Case("pastes", forms(pastes, "centred standard means"), ("u", "v")),
        Case("cbpp_1", forms(cbpp, "centred standard means"), ("u",)),
        Case("cbpp_9", forms(cbpp, "centred standard means"), ("u",), quadrature=9),
        Case("warpbreaks_1", forms(warpbreaks, "centred standard"), ("u",)),
        Case("warpbreaks_9", forms(warpbreaks, "centred standard"), ("u",), quadrature=9),
        Case("epil_nested", forms(epil_nested, "centred standard"), ("u", "v")),
        Case("epil_slopes", forms(epil_slopes, "centred standard"), ("u",)),
        Case("orange", forms(orange, "centred standard means"), ("u",)),
    )
}
