"""Is an approximate marginal likelihood consistent? Data are simulated from the fit, and the mean score must be 0.

The score of a true likelihood has mean 0 where the data come from. New random effects and data are drawn at the
estimate, and the approximation's score at that same place is averaged over them: what is left over is the
approximation's own (as TMB's ``checkConsistency``; Kristensen and others 2016, *Journal of Statistical Software*
70(5)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr
from pymc.util import get_random_generator
from scipy import stats

from pymc_landscape._typing import Array, RandomSeed
from pymc_landscape.inference.bootstrap import refuse_draws
from pymc_landscape.objective import Objective, RestrictedObjective, Simulator
from pymc_landscape.optimize import Fit, fit_of, require_optimum
from pymc_landscape.results import DelayedProgressBar, provenance_attributes

# Of the largest: directions in which scores vary less are not asked about.
NO_SPREAD = 1e-10


@dataclass(frozen=True)
class LaplaceCheck:
    """Whether the mean score is 0, and what its being otherwise would do to the estimate.

    Attributes
    ----------
    statistic, df, p_value : float
        Hotelling's T² of the mean score, its degrees of freedom, and the p-value by the F distribution.
    labels : tuple of str
        The elements of the scores: on the unconstrained scale, but for parameters on an edge, which are left out.
    mean_score : array (k,)
        Mean of the score, −½ ∂(−2LL)/∂θ.
    bias : array (k,)
        Estimated bias of each element in standard errors: the mean score times the inverse information.
    draws : int
        Simulated data sets with a score.
    origin : dict
        What is known of the model.
    """

    statistic: float
    df: int
    p_value: float
    labels: tuple[str, ...]
    mean_score: Array
    bias: Array
    draws: int
    origin: dict[str, Any]

    def to_dataset(self) -> xr.Dataset:
        """Return scores and bias by ``parameter``, and the test as attributes."""
        attrs = provenance_attributes(
            self.origin,
            group="laplace_check",
            statistic=self.statistic,
            df=self.df,
            p_value=self.p_value,
            draws=self.draws,
        )
        data = {"mean_score": ("parameter", self.mean_score), "bias": ("parameter", self.bias)}
        return xr.Dataset(data, {"parameter": list(self.labels)}, attrs)

    def __repr__(self) -> str:
        """Say what was found."""
        i = int(np.argmax(np.abs(self.bias)))
        found = "no sign of a bias" if self.p_value > 0.05 else "the mean score is not 0"
        return (
            f"Laplace check: {found} (T² {self.statistic:.3g}, df {self.df}, p {self.p_value:.3g}, {self.draws} data "
            f"sets); largest estimated bias {self.bias[i]:+.2g} standard errors, of {self.labels[i]}"
        )


def laplace_check(
    fit: Fit | pm.Model | Objective | None = None,
    *,
    draws: int = 200,
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
) -> LaplaceCheck:
    """Test the approximation behind a fit with random effects by simulating from it.

    Parameters
    ----------
    fit : Fit, pm.Model or Objective, optional
        With random effects that are integrated out, and an optimum; a model is fitted first, and left out it is that
        of the surrounding ``with`` block.
    draws : int
        Data sets to simulate. More find smaller inconsistencies: look at `bias`, not at the p-value alone.
    random_seed : int or Generator, optional
        As in PyMC.
    progressbar : bool
        Whether to show progress, once there is something to wait for.

    Returns
    -------
    LaplaceCheck
        The test that the mean score is 0, and the bias of the estimate that it stands for.

    Raises
    ------
    ValueError
        If nothing was integrated out, the fit has no optimum, or too few data sets have a score.
    """
    refuse_draws(draws)
    fit = fit_of(fit, "laplace_check", progressbar=progressbar)
    if not fit.objective.is_integral:
        raise ValueError("Expected a fit with random effects that were integrated out, got one without.")
    require_optimum(fit)
    rng = get_random_generator(random_seed, copy=True)
    seeds = rng.integers(0, 2**31, size=draws)
    scores = _scores(fit, seeds, progressbar)
    scores = scores[np.isfinite(scores).all(axis=1)]
    n, k = scores.shape
    if n <= k + 1:
        raise ValueError(f"Expected more than {k + 1} data sets with a score, got {n}: raise draws.")
    return _tested(fit, scores)


def _scores(fit: Fit, seeds: Array, progressbar: bool) -> Array:
    """Return the score (draws, k) of each simulated data set at the estimate."""
    simulator, found = Simulator(fit.objective), fit.result
    point = found.restricted.natural_point(found.x)
    scores = np.empty((len(seeds), len(found.x)))
    with DelayedProgressBar("Simulating scores", len(seeds), progressbar) as patient:
        for i, seed in enumerate(seeds):
            twin = fit.objective.with_data(**simulator(point, int(seed)))
            restricted = RestrictedObjective(twin, found.restricted.natural, found.restricted.fixed)
            scores[i] = -0.5 * restricted.value_and_gradient(found.x)[1]
            patient.advance(1)
    return scores


def _tested(fit: Fit, scores: Array) -> LaplaceCheck:
    n, _ = scores.shape
    mean, cov = scores.mean(axis=0), np.atleast_2d(np.cov(scores.T))
    scale = np.sqrt(np.maximum(np.diagonal(cov), np.finfo(float).tiny))
    values, vectors = np.linalg.eigh(cov / np.outer(scale, scale))
    kept = values > NO_SPREAD * values.max()
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T / np.outer(scale, scale)
    statistic, df = float(n * mean @ inverse @ mean), int(kept.sum())
    p_value = float(stats.f.sf(statistic * (n - df) / (df * (n - 1)), df, n - df))
    bias = inverse @ mean / np.sqrt(np.diagonal(inverse))
    return LaplaceCheck(
        statistic, df, p_value, tuple(fit.result.restricted.labels), mean, bias, n, dict(fit.objective.origin)
    )
