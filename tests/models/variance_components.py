"""Two-level normal models with the groups integrated out by hand, whose optimum may lie at a variance of zero."""

from collections.abc import Callable
from functools import cache

import numpy as np
import published
import pymc as pm
import pytensor.tensor as pt

SCHOOLS = published.SCHOOLS
EFFECT, ERROR = (SCHOOLS[c].to_numpy(float) for c in ("effect", "standard_error"))

PRIORS: dict[str, Callable[[], object]] = {
    "log": lambda: pm.HalfNormal("sigma_b", 100),
    "interval": lambda: pm.Uniform("sigma_b", 0, 200),
    "untransformed": lambda: pm.HalfNormal("sigma_b", 100, default_transform=None),
    "whole line": lambda: pm.Normal("sigma_b", 0, 100, initval=0.0),
}


@cache
def one_way(which: str, prior: str) -> tuple[pm.Model, np.ndarray]:
    """A balanced one-way layout with the batches integrated out by hand, from its two sums of squares.

    −2 log L = a(n−1) log σ² + a log λ + SSW/σ² + (SSB + an(ȳ−µ)²)/λ + an log 2π, λ = σ² + nσ_b².
    """
    rows = published.read("dyestuff").query("set == @which")
    table = np.stack([g.to_numpy(float) for _, g in rows.groupby("batch")["yield"]])
    (a, n), mean = table.shape, table.mean()
    ssb, ssw = n * ((table.mean(1) - mean) ** 2).sum(), ((table - table.mean(1, keepdims=True)) ** 2).sum()
    with pm.Model() as model:
        mu, sigma_b = pm.Normal("mu", 0, 5000), PRIORS[prior]()
        sigma = pm.HalfNormal("sigma", 100)
        whole = sigma**2 + n * sigma_b**2
        minus2ll = a * (n - 1) * pt.log(sigma**2) + a * pt.log(whole) + a * n * np.log(2 * np.pi)
        minus2ll += ssw / sigma**2 + (ssb + a * n * (mean - mu) ** 2) / whole
        pm.Potential("yield", -minus2ll / 2)
    return model, np.array([a, n, mean, ssb, ssw])


def eight_schools(tau: Callable[[], object]) -> pm.Model:
    with pm.Model() as model:
        mu, tau = pm.Normal("mu", 0, 20), tau()
        pm.Normal("effect", mu, pt.sqrt(tau**2 + ERROR**2), observed=EFFECT)
    return model
