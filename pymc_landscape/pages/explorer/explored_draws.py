"""Posterior draws on the axes, and reweighted to another weight of the prior or size of the sample.

Draws of the posterior become draws under likelihood^m · prior^p by importance weights, smoothed by ArviZ's Pareto
method; where the Pareto k says that these are not to be trusted, there is no answer (Kallioinen and others 2024,
*Statistics and Computing* 34, 57).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._typing import Array
from pymc_landscape.pages.explorer.explored import ChosenAxis
from pymc_landscape.posterior import PosteriorDraws, marginal_density

# Pareto k above which smoothed importance weights are not to be trusted.
TRUSTED = 0.7
# So many equally weighted draws are the least that the ends of an interval are read off.
ENOUGH = 100
# Probability of the intervals.
PROBABILITY = 0.95


def draws_along(draws: PosteriorDraws, labels: Sequence[str]) -> Array:
    """Return the draws (S, n) of some elements, on the scale of their labels."""
    objective, vectors = draws.objective, draws.vectors
    layout, columns = objective.layout(), []
    elements = [objective.find(label) for label in labels]
    if any(element.unconstrained for element in elements):
        theta = objective.pack(layout.split(vectors))
        slices = objective.layout(objective.names).slices
    for element in elements:
        name = element.variable.name
        if element.unconstrained:
            columns.append(theta[:, slices[name].start + element.index])
        else:
            columns.append(vectors[:, layout.slices[name].start + element.index])
    return np.stack(columns, axis=1)


def reweighted(draws: PosteriorDraws, prior_weight: float, size: int) -> tuple[NDArray[np.intp] | None, float]:
    """Return which draws stand for likelihood^size · prior^prior_weight, and the Pareto k of their weights.

    Returns
    -------
    array (S,) of int or None
        Positions, each as often as it counts; None where the weights are not to be trusted.
    float
        Pareto k; −∞ where nothing had to be reweighted.
    """
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    everyone = np.arange(len(draws.vectors), dtype=np.intp)
    if prior_weight == 1.0 and size == 1:
        return everyone, -np.inf
    ratios = (size - 1.0) * draws.log_likelihood + (prior_weight - 1.0) * draws.log_prior
    if not np.isfinite(ratios).all():
        return None, np.inf
    if np.ptp(ratios) == 0:
        return everyone, -np.inf
    # ArviZ takes what weights are one over, as the likelihoods of leave-one-out are
    smoothed, shape = array_stats.psislw(-ratios)  # type: ignore[no-untyped-call]
    if not float(shape) <= TRUSTED:
        return None, float(shape)
    shares = np.exp(smoothed - np.max(smoothed))
    shares = shares / shares.sum()
    if 1.0 / (shares**2).sum() < ENOUGH:
        return None, float(shape)
    ends = np.cumsum(shares)
    places = (np.arange(len(everyone)) + 0.5) / len(everyone)
    return np.searchsorted(ends, places).clip(max=len(everyone) - 1), float(shape)


def posterior_interval(values: Array) -> Array:
    """Return the highest-density interval (2,) of some draws (S,)."""
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    interval: Array = np.asarray(array_stats.hdi(values, prob=PROBABILITY))  # type: ignore[no-untyped-call]
    return interval


def marginal_heights(values: Array, axis: ChosenAxis) -> Array:
    """Return −2 log of the marginal density of some draws (S,) at the points of an axis, over its maximum."""
    density = marginal_density(values, axis.values, axis.bounds)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(-2.0 * np.log(density / np.nanmax(density)))
