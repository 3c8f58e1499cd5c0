"""Limits and marginals by size of the sample and weight of the prior, as the page reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.pages.explorer.encoding import encode_heights, json_number, json_numbers
from pymc_landscape.pages.explorer.explored import PosteriorSide, Weights


def encode_marginal(heights: Array) -> dict[str, Any] | None:
    """Return the marginals of an axis as the page reads them; None without draws."""
    sizes, weights, number = heights.shape
    if np.isnan(heights).all():
        return None
    code = encode_heights(heights.reshape(-1, number))
    known = ~np.isnan(heights).all(axis=2)
    scale = np.reshape(code["scale"], (sizes, weights))
    rows = [json_numbers(row) for row in np.where(known, scale, np.nan)]
    return {"q": code["q"], "shape": [sizes, weights, number], "scale": rows}


def encode_limits(side: PosteriorSide, table: Any, weights: Weights) -> list[list[list[dict[str, Any]]]]:
    """Return limits by axis, size and weight as the page reads them."""
    return [
        [
            [
                {
                    "profile": json_numbers(table["profile"].values[j, m, p]),
                    "profile_status": table["profile_status"].values[j, m, p].tolist(),
                    "wald": json_numbers(table["wald"].values[j, m, p]),
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
