"""Models whose intervals and tests are judged by simulation, with the coverage that is known in closed form.

Each is fitted to data whose estimate is the truth that data are then simulated from.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pymc as pm
from scipy import optimize, stats

Q = float(stats.chi2.ppf(0.95, 1))
Z = math.sqrt(Q)
FIVE, TEN, BERNOULLI_N, NORMALS = 6, 10, 20, 16
# (method, label) -> the exact share of intervals that hold the truth.
Exact = dict[tuple[str, str], float]


@dataclass(frozen=True)
class Judged:
    """A model, what is known exactly, and how many data sets the bootstrap is repeated for, with how many refits each.

    ``promised`` are the methods whose coverage is 95 % for many data, and these are many.
    """

    title: str
    build: Callable[[], pm.Model]
    says: str
    exact: Callable[[], Exact] = dict
    promised: tuple[str, ...] = ()
    bootstrap: tuple[int, int] = (2000, 199)
    options: dict[str, Any] = field(default_factory=dict)


def regular() -> pm.Model:
    """Return a Poisson regression of 60 counts."""
    x = np.linspace(-1, 1, 60)
    with pm.Model() as model:
        rate = pm.math.exp(pm.Normal("a", 0, 5) + pm.Normal("b", 0, 5) * x)
        pm.Poisson("y", rate, observed=np.random.default_rng(1).poisson(np.exp(1 + 0.5 * x)))
    return model


def edge() -> pm.Model:
    """Return a mean that cannot be negative, and is 0."""
    noise = np.random.default_rng(2).normal(size=NORMALS)
    with pm.Model() as model:
        pm.Normal("y", pm.HalfNormal("s", 10), np.float64(1.0), observed=noise - noise.mean())
    return model


def edge_exact() -> Exact:
    """ŝ = max(ȳ, 0): half of the data sets give 0, and the others miss where ȳ is beyond the cut-off."""
    return {("wald", "s"): 0.5 - stats.norm.sf(Z), ("profile", "s"): float(stats.norm.cdf(Z))}


def small_sample() -> pm.Model:
    """Six normal observations, mean and spread unknown."""
    y = np.array([-1.2, -0.7, -0.1, 0.3, 0.6, 1.1])
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 5), pm.HalfNormal("sigma", 5)
        pm.Normal("y", mu, sigma, observed=(y - y.mean()) / y.std())
    return model


def small_sample_exact() -> Exact:
    """Use Student's t for the mean, and for the spread that n σ̂²/σ² follows χ² with n − 1 degrees of freedom."""
    n = FIVE
    student, spread = stats.t(n - 1), stats.chi2(n - 1)
    low, high = _roots(n)
    root = Z / math.sqrt(2 * n)
    return {
        ("wald", "mu"): 1 - 2 * student.sf(Z * math.sqrt((n - 1) / n)),
        ("profile", "mu"): 1 - 2 * student.sf(math.sqrt((n - 1) * math.expm1(Q / n))),
        ("wald", "sigma"): spread.cdf(n / (1 - root) ** 2) - spread.cdf(n / (1 + root) ** 2),
        ("profile", "sigma"): spread.cdf(n * high) - spread.cdf(n * low),
    }


def skewed() -> pm.Model:
    """Return the mean of ten exponential waiting times."""
    y = np.random.default_rng(3).exponential(size=TEN)
    with pm.Model() as model:
        pm.Exponential("y", scale=pm.HalfNormal("mean", 5), observed=y / y.mean())
    return model


def skewed_exact() -> Exact:
    """2 n v follows χ² with 2 n degrees of freedom, v the estimate over the truth."""
    n = TEN
    law, (low, high), root = stats.chi2(2 * n), _roots(2 * n), Z / math.sqrt(n)
    return {
        ("wald", "mean"): law.cdf(2 * n / (1 - root)) - law.cdf(2 * n / (1 + root)),
        ("profile", "mean"): law.cdf(2 * n * high) - law.cdf(2 * n * low),
    }


def _roots(n: int) -> tuple[float, float]:
    """Return where n (v − 1 − log v) is the cut-off, below and above v = 1."""

    def rise(v: float) -> float:
        return n * (v - 1 - math.log(v)) - Q

    return float(optimize.brentq(rise, 1e-9, 1.0)), float(optimize.brentq(rise, 1.0, 1e3))


def bounded() -> pm.Model:
    """Twenty trials, of which two succeed."""
    with pm.Model() as model:
        pm.Binomial("y", n=BERNOULLI_N, p=pm.Beta("p", 1, 1), observed=2)
    return model


def bounded_exact() -> Exact:
    """All counts there are; by Wald's formula none and all have no interval."""
    n, p = BERNOULLI_N, 0.1
    y = np.arange(n + 1)
    share, chance = y / n, stats.binom(n, p).pmf(y)
    within = (np.abs(share - p) <= Z * np.sqrt(share * (1 - share) / n)) & (share > 0) & (share < 1)
    rise = 2 * (stats.binom(n, share).logpmf(y) - stats.binom(n, p).logpmf(y))
    return {("wald", "p"): float(chance[within].sum()), ("profile", "p"): float(chance[rise <= Q].sum())}


def hierarchical() -> pm.Model:
    """Twelve groups of five, normal effects integrated out."""
    rng, group = np.random.default_rng(4), np.repeat(np.arange(12), 5)
    with pm.Model() as model:
        tau = pm.HalfNormal("tau", 3)
        effect = pm.Normal("effect", pm.Normal("mu", 0, 5), tau, shape=12)
        y = rng.normal(0, 1, 12)[group] + rng.normal(0, 1, 60)
        pm.Normal("y", effect[group], pm.HalfNormal("sigma", 3), observed=y)
    return model


COVERED = {
    "regular": Judged(
        "regular: Poisson regression, n = 60",
        regular,
        "Many data: all three are promised 95 %.",
        promised=("wald", "profile", "bootstrap"),
    ),
    "edge": Judged(
        "edge: a mean of 0 that cannot be negative",
        edge,
        "On an edge the profile holds the truth more often.",
        edge_exact,
    ),
    "small": Judged(
        "small n: six normal observations", small_sample, "Nobody promises 95 % of six.", small_sample_exact
    ),
    "skewed": Judged(
        "skewed: mean of ten waiting times",
        skewed,
        "Symmetric intervals of a skewed estimate miss on one side.",
        skewed_exact,
    ),
    "hierarchical": Judged(
        "hierarchical: 12 groups of 5",
        hierarchical,
        "Spreads of twelve groups are estimated too small.",
        bootstrap=(200, 99),
    ),
    "bounded": Judged(
        "bounded: 20 trials, p = 0.1",
        bounded,
        "Counts are few, and coverage jumps with p.",
        bounded_exact,
    ),
}


def binary_effects(
    group_size: int, groups: int, spread: float
) -> tuple[pm.Model, Callable[[np.random.Generator], Any]]:
    """Return a logistic model with a normal effect a group, and how data are drawn from it at mean 0."""
    group = np.repeat(np.arange(groups), group_size)

    def draw(rng: np.random.Generator) -> Any:
        return rng.binomial(1, 1 / (1 + np.exp(-spread * rng.normal(size=groups)[group])))

    with pm.Model() as model:
        effect = pm.Normal("effect", pm.Normal("mu", 0, 5), pm.HalfNormal("tau", 5), shape=groups)
        pm.Bernoulli("y", logit_p=effect[group], observed=draw(np.random.default_rng(5)))
    return model, draw


def normal_effects(group_size: int, groups: int) -> tuple[pm.Model, Callable[[np.random.Generator], Any]]:
    """Return a linear model with normal effects, whose integral is exact, and how data are drawn."""
    group = np.repeat(np.arange(groups), group_size)

    def draw(rng: np.random.Generator) -> Any:
        return rng.normal(size=groups)[group] + rng.normal(size=len(group))

    with pm.Model() as model:
        effect = pm.Normal("effect", pm.Normal("mu", 0, 5), pm.HalfNormal("tau", 5), shape=groups)
        pm.Normal("y", effect[group], pm.HalfNormal("sigma", 5), observed=draw(np.random.default_rng(6)))
    return model, draw
