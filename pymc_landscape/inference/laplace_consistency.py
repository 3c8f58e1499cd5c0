"""`laplace_check`: whether an approximate marginal likelihood is consistent, by the mean score of simulated data.

The score of a true likelihood has mean 0 at the parameters that made the data. Random effects and data are simulated at
the estimate, and the approximation's score at that same point is averaged over them: a mean that differs from 0 is an
error of the approximation (``checkConsistency`` in the manual of the R package TMB). The mean is tested by Hotelling's
T² (Hotelling 1931, *Annals of Mathematical Statistics* 2).
"""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import scipy
import xarray as xr
from pymc.util import get_random_generator

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, ModelLike, RandomSeed
from pymc_landscape.arguments import check_run_options, checked_count
from pymc_landscape.inference.resampling import restricted_like
from pymc_landscape.objective import Objective
from pymc_landscape.objective.observations import Simulator
from pymc_landscape.optimize import Fit, fit_of, require_optimum
from pymc_landscape.results import DelayedProgressBar, array_dataset, provenance_attributes

# Directions in which the scores' variance is less than this share of the largest are left out of the test.
NEGLIGIBLE_VARIANCE = 1e-10


@dataclass(frozen=True)
class LaplaceCheck:
    """Whether the mean score is 0, and what its being otherwise would do to the estimate.

    Attributes
    ----------
    statistic, df, p_value : float
        Hotelling's T² of the mean score, its degrees of freedom, and the p-value by the F distribution.
    labels : tuple of str
        The elements of the scores: on the unconstrained scale, without parameters at a bound of their support.
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
        return array_dataset(data, {"parameter": list(self.labels)}, attrs)

    def _repr_html_(self) -> str:
        return f"<div>{escape(repr(self))}</div>"

    def __repr__(self) -> str:
        """Say what came out."""
        i = int(np.argmax(np.abs(self.bias)))
        outcome = "no sign of a bias" if self.p_value > 0.05 else "the mean score is not 0"
        return (
            f"Laplace check: {outcome} (T² {self.statistic:.3g}, df {self.df}, p {self.p_value:.3g}, {self.draws} data "
            f"sets); largest estimated bias {self.bias[i]:+.2g} standard errors, of {self.labels[i]}"
        )


def laplace_check(
    fit: Fit | ModelLike | Objective | None = None,
    *,
    draws: int = 200,
    random_seed: RandomSeed | None = None,
    progressbar: bool = True,
) -> LaplaceCheck:
    """Test the approximation behind a fit with random effects by simulating from it.

    Use it where effects are not normal or data are few. `importance_sampling` instead gives the error of the marginal
    likelihood at one point.

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

    Notes
    -----
    With s̄ the mean of n scores and S their covariance, T² = n s̄ᵀS⁻¹s̄ has T²(n − k)/(k(n − 1)) ~ F(k, n − k). The bias
    is S⁻¹s̄, the step of one Fisher scoring from the estimate, in standard errors.

    Examples
    --------
    >>> import pymc as pm, pymc_landscape as pml
    >>> with pm.Model() as model:
    ...     effect = pm.Normal("effect", pm.Normal("mu", 0, 10), 1.0, shape=3)
    ...     y = pm.Normal("y", effect, 0.5, observed=[0.2, 1.4, 0.9])
    >>> check = pml.laplace_check(model, draws=100, random_seed=1)  # exact: the density is quadratic in the effect
    >>> check.df, check.p_value > 0.05
    (1, True)
    """
    draws = checked_count("draws", draws)
    check_run_options(random_seed, progressbar)
    fit = fit_of(fit, "laplace_check", progressbar=progressbar)
    if not fit.objective.is_integral:
        raise ValueError(
            "Expected a fit with random effects that were integrated out, got one without: name them as latent."
        )
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
    simulator, restricted, x = Simulator(fit.objective), fit.result.restricted, fit.result.x
    point = restricted.natural_point(x)
    scores = np.empty((len(seeds), len(x)))
    with DelayedProgressBar("Simulating scores", len(seeds), progressbar) as bar:
        for i, seed in enumerate(seeds):
            twin = fit.objective.with_data(**simulator(point, int(seed)))
            scores[i] = -0.5 * restricted_like(restricted, twin).value_and_gradient(x)[1]
            bar.advance(1)
    return scores


def _tested(fit: Fit, scores: Array) -> LaplaceCheck:
    """Test that the mean of the scores is 0, in the directions in which they vary."""
    n, _ = scores.shape
    mean, cov = scores.mean(axis=0), np.atleast_2d(np.cov(scores.T))
    scale = np.sqrt(np.maximum(np.diagonal(cov), np.finfo(float).tiny))
    values, vectors = np.linalg.eigh(cov / np.outer(scale, scale))
    kept = values > NEGLIGIBLE_VARIANCE * values.max()
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T / np.outer(scale, scale)
    statistic, df = float(n * mean @ inverse @ mean), int(kept.sum())
    p_value = float(scipy.special.fdtrc(df, n - df, statistic * (n - df) / (df * (n - 1))))
    bias = inverse @ mean / np.sqrt(np.diagonal(inverse))
    return LaplaceCheck(
        statistic, df, p_value, tuple(fit.result.restricted.labels), mean, bias, n, dict(fit.objective.origin)
    )
