"""What prior and posterior say on the page: intervals, marginals and sentences, for each size and weight."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from pymc_landscape._typing import Posterior, RandomSeed
from pymc_landscape.pages.explorer.explored import ChosenAxis, Modes, PosteriorSide, Weights
from pymc_landscape.pages.explorer.explored_draws import (
    draws_along,
    marginal_heights,
    posterior_interval,
    reweighted,
)
from pymc_landscape.posterior import PosteriorDraws, compare_with_posterior, sentence_at_weight


def posterior_side(draws: PosteriorDraws | None, axes: Sequence[ChosenAxis], weights: Weights) -> PosteriorSide:
    """Reweight the draws to each size and weight."""
    shape = (len(weights.sizes), len(weights.prior_weights))
    intervals = np.full((len(axes), *shape, 2), np.nan)
    marginals = [np.full((*shape, len(axis.values)), np.nan) for axis in axes]
    pareto_k = np.full(shape, np.nan)
    if draws is None:
        return PosteriorSide(intervals, marginals, pareto_k)
    values = draws_along(draws, [axis.label for axis in axes])
    for m, size in enumerate(weights.sizes):
        for p, weight in enumerate(weights.prior_weights):
            chosen, pareto_k[m, p] = reweighted(draws, weight, size)
            if chosen is None:
                continue
            for j, axis in enumerate(axes):
                intervals[j, m, p] = posterior_interval(values[chosen, j])
                marginals[j][m, p] = marginal_heights(values[chosen, j], axis)
    return PosteriorSide(intervals, marginals, pareto_k)


def sentences(
    modes: Modes,
    labels: Sequence[str],
    weights: Weights,
    dt: Posterior | None,
    group: str,
    random_seed: RandomSeed | None,
) -> list[list[list[str]]]:
    """Return what is to be said of each axis, by size and weight.

    For the posterior itself, with draws at hand, they are those of `compare_with_posterior`.
    """
    rows = modes.path.sel(parameter=list(labels))
    values, errors, shares = (rows[name].values for name in ("mode", "standard_error", "prior_share"))
    out: list[list[list[str]]] = []
    for size in weights.sizes:
        by_weight = []
        for weight in weights.prior_weights:
            i = weights.position(weight, size)
            estimates = zip(labels, values[0], errors[0] / np.sqrt(size), values[i], shares[i], strict=True)
            by_weight.append([sentence_at_weight(n, (e, se), mode, s, weight) for n, e, se, mode, s in estimates])
        out.append(by_weight)
    if dt is not None and 1.0 in weights.prior_weights:
        said = _compared(modes, labels, dt, group, random_seed)
        if said is not None:
            out[0][weights.prior_weights.index(1.0)] = said
    return out


def _compared(
    modes: Modes, labels: Sequence[str], dt: Posterior, group: str, random_seed: RandomSeed | None
) -> list[str] | None:
    """Return the sentences of `compare_with_posterior`; None where it refuses the model or the draws."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = compare_with_posterior(
                modes.fit, dt, var_names=list(labels), group=group, random_seed=random_seed, progressbar=False
            )
    except ValueError:
        return None
    return [str(sentence) for sentence in table["sentence"].values]
