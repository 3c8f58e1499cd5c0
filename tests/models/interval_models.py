"""Models whose interval ends are known: small, each with its likelihood written as a textbook would."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import published
import pymc as pm
import pytensor.tensor as pt
import references as ref
from references import digits, numbers

# How a positive parameter may be written. None of it may matter to a likelihood.
POSITIVE: dict[str, Callable[..., object]] = {
    "half flat": lambda name, scale: pm.HalfFlat(name, initval=scale),
    "half normal": lambda name, scale: pm.HalfNormal(name, 2 * scale),
    "log normal": lambda name, scale: pm.LogNormal(name, np.log(scale), 0.3),
    "uniform": lambda name, scale: pm.Uniform(name, 0, 10 * scale),
    "untransformed": lambda name, scale: pm.HalfNormal(name, 2 * scale, default_transform=None, initval=scale),
    "flat": lambda name, scale: pm.Flat(name, initval=scale),
}
CHANCE: dict[str, Callable[[], object]] = {
    "uniform": lambda: pm.Uniform("p", 0, 1),
    "beta": lambda: pm.Beta("p", 2, 50),
    "untransformed": lambda: pm.Uniform("p", 0, 1, default_transform=None),
    "logit": lambda: pm.Deterministic("p", pm.math.invlogit(pm.Normal("eta", 0, 1.5))),
    "part": lambda: pm.Uniform("p", 0.5, 0.8),
}


@cache
def binomial(dead: int, prior: str = "uniform") -> pm.Model:
    with pm.Model() as model:
        pm.Binomial("dead", n=10, p=CHANCE[prior](), observed=dead)
    return model


@cache
def three_groups() -> pm.Model:
    with pm.Model(coords={"group": ["none", "some", "all"]}) as model:
        p = pm.Beta("p", 1, 1, dims="group")
        pm.Binomial("dead", n=10, p=p, observed=[0, 3, 10])
    return model


@cache
def poisson(count: int, prior: str) -> pm.Model:
    with pm.Model() as model:
        pm.Poisson("count", POSITIVE[prior]("mu", 2.0), observed=count)
    return model


def sample(n: int) -> np.ndarray:
    """n values with mean 40 and standard deviation 3 (divisor n)."""
    z = np.arange(n) - (n - 1) / 2 + 0.3 * (-1.0) ** np.arange(n)
    z = z - z.mean()
    return 40 + 3 * z / z.std()


@cache
def normal(n: int, prior: str = "half flat") -> pm.Model:
    with pm.Model() as model:
        pm.Normal("y", pm.Normal("mu", 0, 1), POSITIVE[prior]("sigma", 3.0), observed=sample(n))
    return model


@cache
def on_off(signal: str) -> pm.Model:
    """Li & Ma (1983): counts on and off a source, the second over four times the exposure."""
    with pm.Model() as model:
        s, b = POSITIVE[signal]("signal", 25.0), pm.HalfFlat("background", initval=75.0)
        pm.Poisson("on", s + b, observed=100)
        pm.Poisson("off", 4 * b, observed=300)
    return model


# --- regressions -----------------------------------------------------------------------------------------------------


@cache
def puromycin(prior: str = "half flat", known: bool = False) -> pm.Model:
    with pm.Model() as model:
        vm, k = POSITIVE[prior]("Vm", 200.0), POSITIVE[prior]("K", 0.1)
        sigma = np.sqrt(np.float64(published.SSE) / 10) if known else POSITIVE[prior]("sigma", 10.0)
        pm.Normal("rate", vm * published.CONC / (k + published.CONC), sigma, observed=published.RATE)
    return model


@cache
def budworm() -> pm.Model:
    """The published model with questions asked of it: the dose that kills half, the logit at log2 dose 3."""
    with pm.Model(coords={"term": ["intercept", "male", "ldose"], "sex": ["F", "M"]}) as model:
        b = pm.Normal("b", 0, 5, dims="term")
        eta = b[0] + b[1] * published.MALE + b[2] * published.DOSE
        pm.Deterministic("ld50", -pt.stack([b[0], b[0] + b[1]]) / b[2], dims="sex")
        pm.Deterministic("logit3", b[0] + 3 * b[2])
        pm.Binomial("dead", n=published.TRIED, logit_p=eta, observed=published.DEAD)
    return model


@cache
def menarche() -> pm.Model:
    with pm.Model() as model:
        b = pm.Flat("b", shape=2, initval=[-20.0, 1.5])
        pm.Deterministic("median", -b[0] / b[1])
        n, cases = ref.TOTAL.astype(int), ref.MENARCHE.astype(int)
        pm.Binomial("cases", n=n, logit_p=b[0] + b[1] * ref.AGE, observed=cases)
    return model


# MASS::wtloss: Venables & Ripley, MASS section 8.1. Days of a diet, weight in kg.
DAYS = numbers(
    """
    0 4 7 7 11 18 24 30 32 43 46 60 64 70 71 71 73 74 84 88 95 102 106 109 115 122 133 137 140 143 147 148 149 150 153
    156 161 164 165 165 170 176 179 198 214 218 221 225 233 238 241 246
    """
)
WEIGHT = numbers(
    """
    184.35 182.51 180.45 179.91 177.91 175.81 173.11 170.06 169.31 165.1 163.11 158.3 155.8 154.31 153.86 154.2 152.2
    152.8 150.3 147.8 146.1 145.6 142.5 142.3 139.4 137.9 133.7 133.7 133.3 131.2 133 132.2 130.8 131.3 129 127.9 126.9
    127.7 129.5 128.4 125.4 124.9 124.9 118.2 118.2 115.3 115.7 116 115.5 112.6 114 112.6
    """
)


@cache
def weight_loss() -> pm.Model:
    with pm.Model() as model:
        b = pm.Normal("b", 100, 50, shape=2)
        th, sigma = pm.LogNormal("th", 5, 1), pm.HalfNormal("sigma", 5)
        pm.Normal("weight", b[0] + b[1] * 2 ** (-DAYS / th), sigma, observed=WEIGHT)
    return model


@cache
def frogs() -> pm.Model:
    """Predation by size of tadpole: data of Vonesh & Bolker (2005), model of the vignette of R's bbmle."""
    size, killed = np.repeat([9.0, 12, 21, 25, 37], 3), digits("021345000010000")
    with pm.Model() as model:
        c, d, g = pm.Beta("c", 1, 1, initval=0.5), pm.LogNormal("d", 2, 1), pm.LogNormal("g", 2, 1)
        p = c * pt.exp(g * (pt.log(size / d) + 1 - size / d))
        pm.Binomial("killed", n=10, p=p, observed=killed.astype(int))
    return model


@cache
def ratio() -> pm.Model:
    """Fieller's problem: the ratio of two means, 6 and 3, each known to ±1."""
    with pm.Model() as model:
        a, b = pm.Normal("a", 0, 10), pm.Normal("b", 0, 10, initval=1.0)
        pm.Deterministic("ratio", a / b)
        pm.Normal("top", a, 1.0, observed=6.0)
        pm.Normal("bottom", b, 1.0, observed=3.0)
    return model


LINE_X, LINE_SIGMA = np.array([101.0, 102, 104, 107, 109]), 2.0
LINE_Y = np.array([31.2, 29.9, 38.1, 40.4, 47.3])


@cache
def line() -> pm.Model:
    with pm.Model() as model:
        b = pm.Normal("b", 0, 1, shape=2)
        pm.Normal("y", b[0] + b[1] * LINE_X, np.float64(LINE_SIGMA), observed=LINE_Y)
    return model


# --- what has no end, or two valleys ---------------------------------------------------------------------------------

# bbmle's orob1: Crowder (1978), Applied Statistics 27, the seeds of O. aegyptiaca; n seeds and m germinated.
OROB_N = numbers("43 51 44 71 24 7 19 56 87 55 10 13 62 104 51 11").astype(int)
OROB_M = numbers("2 9 5 16 2 0 17 43 79 50 9 11 47 90 46 9").astype(int)
DILUTION = digits("0000001111122222").astype(int)


@cache
def orob(scale: str = "theta") -> pm.Model:
    """Beta-binomial germination; `scale` is theta = a + b, or sigma = 1/sqrt(1 + theta)."""
    with pm.Model(coords={"dilution": ["1/1", "1/25", "1/625"]}) as model:
        prob = pm.Beta("prob", 1, 1, dims="dilution")
        theta = pm.HalfCauchy("theta", 50) if scale == "theta" else pm.Uniform("sigma", 0, 1) ** -2.0 - 1
        p = prob[DILUTION]
        pm.BetaBinomial("m", p * theta, (1 - p) * theta, OROB_N, observed=OROB_M)
    return model


LOW, SPEED = np.array([0.02, 0.04, 0.06, 0.08, 0.1, 0.12]), np.array([0.62, 1.05, 1.72, 2.03, 2.71, 2.96])


@cache
def low_concentrations() -> pm.Model:
    """Michaelis-Menten where nothing saturates yet: the curve can hardly be told from a straight line."""
    with pm.Model() as model:
        vm, k, sigma = pm.LogNormal("Vm", 2, 1), pm.LogNormal("K", 0, 1), pm.HalfNormal("sigma", 1)
        pm.Deterministic("slope", vm / k)
        pm.Normal("speed", vm * LOW / (k + LOW), sigma, observed=SPEED)
    return model


FLAT_Y = np.array([1.3, 0.2, 2.1, 0.9, 1.8, 1.1])


@cache
def only_a_sum() -> pm.Model:
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 1, shape=2)
        pm.Deterministic("total", beta.sum())
        pm.Normal("y", beta.sum(), 1.0, observed=FLAT_Y)
    return model


@cache
def idle() -> pm.Model:
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1)
        pm.Normal("idle", 0, 1)
        pm.Normal("y", mu, 1.0, observed=FLAT_Y)
    return model


CAUCHY = np.array([-3, -2, 1.5, 2, 2.9])


@cache
def cauchy() -> pm.Model:
    """Two valleys, at -1.7276 and, 4.89 lower, at 1.7796; the way up from the first is 0.18."""
    with pm.Model() as model:
        pm.Cauchy("y", pm.Normal("mu", 0, 5), 1.0, observed=CAUCHY)
    return model


@cache
def murray(corner: float) -> pm.Model:
    """Murray (1977, JRSS B 39, 27): bivariate normal, means 0, four whole pairs and eight halves, a valley by sign.

    With the first pair at (1, 1) both valleys, at rho = ±1/2, are equally low; farther out, the positive one is lower.
    """
    pairs: Sequence[tuple[float, float]] = ((corner, corner), (1, -1), (-1, 1), (-1, -1))
    with pm.Model() as model:
        s, rho = pm.HalfNormal("s", 2, shape=2), pm.Uniform("rho", -1, 1)
        free = 1 - rho**2
        whole = [
            pt.log(4 * np.pi**2 * s[0] ** 2 * s[1] ** 2 * free)
            + ((a / s[0]) ** 2 - 2 * rho * a * b / (s[0] * s[1]) + (b / s[1]) ** 2) / free
            for a, b in pairs
        ]
        halves = 4 * (pt.log(2 * np.pi * s**2) + 4 / s**2).sum()
        pm.Potential("pairs", -(sum(whole) + halves) / 2)
    return model
