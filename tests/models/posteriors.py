"""Models whose posterior can be drawn from exactly, without a sampler, and what is known of them."""

from functools import cache

import numpy as np
import pymc as pm
import xarray as xr

NOISE, PRIOR_MEAN, PRIOR_SD = 2.0, 1.0, 0.5
KNOWN = np.array([3.1, 0.4, 2.2, 5.0, 1.7, 2.9, 4.4, 3.3])
SAMPLE = np.array([4.2, 5.1, 3.3, 6.0, 4.8, 5.5, 2.9, 4.4, 5.8, 3.7])


def tree(**draws: np.ndarray) -> xr.DataTree:
    """Draws (chain, draw, ...) as a sampler would return them."""
    arrays = {
        name: (("chain", "draw", *(f"{name}_dim_{i}" for i in range(value.ndim - 2))), value)
        for name, value in draws.items()
    }
    chains, n = next(iter(draws.values())).shape[:2]
    posterior = xr.Dataset(arrays, {"chain": np.arange(chains), "draw": np.arange(n)})
    return xr.DataTree.from_dict({"posterior": posterior})


@cache
def normal_mean() -> pm.Model:
    """A normal mean, standard deviation known, under a normal prior."""
    with pm.Model() as model:
        mu = pm.Normal("mu", PRIOR_MEAN, PRIOR_SD)
        pm.Deterministic("twice", 2 * mu)
        pm.Normal("y", mu, np.float64(NOISE), observed=KNOWN)
    return model


def normal_mean_posterior() -> tuple[float, float, float]:
    """Mean and standard deviation of the posterior, and the share that the prior has of the precision."""
    prior, data = PRIOR_SD**-2, len(KNOWN) * NOISE**-2
    mean = (prior * PRIOR_MEAN + data * KNOWN.mean()) / (prior + data)
    return float(mean), float((prior + data) ** -0.5), prior / (prior + data)


def normal_mean_draws(draws: int = 1000, chains: int = 4, seed: int = 3) -> xr.DataTree:
    mean, sd, _ = normal_mean_posterior()
    return tree(mu=np.random.default_rng(seed).normal(mean, sd, (chains, draws)))


def jeffreys(y: np.ndarray = SAMPLE) -> pm.Model:
    """A normal sample, mean and standard deviation unknown, under a prior ∝ 1/σ."""
    with pm.Model() as model:
        mu, sigma = pm.Flat("mu", initval=float(y.mean())), pm.HalfFlat("sigma", initval=1.0)
        pm.Potential("prior", -pm.math.log(sigma))
        pm.Normal("y", mu, sigma, observed=y)
    return model


def jeffreys_draws(y: np.ndarray = SAMPLE, draws: int = 1000, chains: int = 4, seed: int = 5) -> xr.DataTree:
    """(n−1)s²/σ² follows χ²_{n−1}, and the mean given σ is normal."""
    rng, n = np.random.default_rng(seed), len(y)
    sigma = np.sqrt(((y - y.mean()) ** 2).sum() / rng.chisquare(n - 1, (chains, draws)))
    return tree(mu=rng.normal(y.mean(), sigma / np.sqrt(n)), sigma=sigma)


def mean_of(y: np.ndarray, sigma: float = 2.0) -> pm.Model:
    """A normal mean with known standard deviation, and something computed from it."""
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 10)
        pm.Deterministic("twice", 2 * mu)
        pm.Normal("y", mu, np.float64(sigma), observed=y)
    return model


@cache
def two_valleys() -> pm.Model:
    """−log L with valleys at −2 and 2; that at 2 is deeper by 3."""
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5)
        pm.Potential("y", pm.math.logaddexp(-0.5 * ((mu + 2) / 0.3) ** 2 - 3, -0.5 * ((mu - 2) / 0.3) ** 2))
    return model
