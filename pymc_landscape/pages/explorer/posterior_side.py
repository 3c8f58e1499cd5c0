"""What prior and posterior say on the page: intervals, marginals and sentences, for each size and weight."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pymc_landscape._typing import Array, Posterior, RandomSeed
from pymc_landscape.pages.explorer.chosen_axes import ChosenAxis
from pymc_landscape.pages.explorer.encoding import encode_heights, json_number, json_numbers
from pymc_landscape.pages.explorer.explored_draws import ExploredDraws, marginal_heights, posterior_interval
from pymc_landscape.pages.explorer.weighted_modes import Modes, Weights
from pymc_landscape.posterior import compare_with_posterior, sentence_at_weight


@dataclass(frozen=True)
class PosteriorSide:
    """What draws say under each size of the sample and weight of the prior.

    Parameters
    ----------
    intervals : array (axes, sizes, weights, 2)
        Highest-density intervals; NaN where draws cannot be reweighted so far.
    marginals : list of array (sizes, weights, n)
        By axis: −2 log of the marginal density over its maximum.
    pareto_k : array (sizes, weights)
        Of the importance weights; NaN where there are none.
    """

    intervals: Array
    marginals: list[Array]
    pareto_k: Array


def posterior_side(draws: ExploredDraws | None, axes: Sequence[ChosenAxis], weights: Weights) -> PosteriorSide:
    """Reweight the draws to each size and weight."""
    shape = (len(weights.sizes), len(weights.prior_weights))
    intervals = np.full((len(axes), *shape, 2), np.nan)
    marginals = [np.full((*shape, len(axis.values)), np.nan) for axis in axes]
    pareto_k = np.full(shape, np.nan)
    if draws is None:
        return PosteriorSide(intervals, marginals, pareto_k)
    values = draws.along([axis.label for axis in axes])
    for m, size in enumerate(weights.sizes):
        for p, weight in enumerate(weights.prior_weights):
            chosen, pareto_k[m, p] = draws.reweighted(weight, size)
            if chosen is None:
                continue
            for j, axis in enumerate(axes):
                intervals[j, m, p] = posterior_interval(values[chosen, j])
                marginals[j][m, p] = marginal_heights(values[chosen, j], axis)
    return PosteriorSide(intervals, marginals, pareto_k)


def encode_marginal(heights: Array) -> dict[str, Any] | None:
    """Return the marginals of an axis as the page reads them; None without draws."""
    sizes, weights, number = heights.shape
    if np.isnan(heights).all():
        return None
    code = encode_heights(heights.reshape(-1, number))
    known = ~np.isnan(heights).all(axis=2)
    scale = np.reshape(code["scale"], (sizes, weights))
    rows = [
        [float(s) if is_known else None for s, is_known in zip(*row, strict=True)] for row in zip(scale, known, strict=True)
    ]
    return {"q": code["q"], "shape": [sizes, weights, number], "scale": rows}


def encode_limits(side: PosteriorSide, table: Any, weights: Weights) -> list[list[list[dict[str, Any]]]]:
    """Return limits by axis, size and weight as the page reads them."""
    return [
        [
            [
                {
                    "profile": json_numbers(table["profile"].to_numpy()[j, m, p]),
                    "profile_status": table["profile_status"].to_numpy()[j, m, p].tolist(),
                    "wald": json_numbers(table["wald"].to_numpy()[j, m, p]),
                    "posterior": None
                    if np.isnan(side.intervals[j, m, p]).any()
                    else json_numbers(side.intervals[j, m, p]),
                }
                for p in range(len(weights.prior_weights))
            ]
            for m in range(len(weights.sizes))
        ]
        for j in range(len(side.intervals))
    ]


def encode_pareto_k(side: PosteriorSide) -> list[list[float | None]]:
    """Return the Pareto k by size and weight; None where nothing was reweighted."""
    return [[json_number(k) for k in row] for row in side.pareto_k.tolist()]


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
    values, errors, shares = (rows[name].to_numpy() for name in ("mode", "standard_error", "prior_share"))
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
    return [str(sentence) for sentence in table["sentence"].to_numpy()]
