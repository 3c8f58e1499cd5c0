"""Refits to simulated data: the parametric bootstrap, and what repeats such work."""

from pymc_landscape.inference.resampling.bootstrap import in_own_copy, parametric_bootstrap
from pymc_landscape.inference.resampling.percentiles import Percentiles, by_label
from pymc_landscape.inference.resampling.replication import (
    fit_to_simulate,
    repeat,
    restricted_like,
    seeds,
    start_inside,
)
from pymc_landscape.optimize import natural_point

__all__ = [
    "Percentiles",
    "by_label",
    "fit_to_simulate",
    "in_own_copy",
    "natural_point",
    "parametric_bootstrap",
    "repeat",
    "restricted_like",
    "seeds",
    "start_inside",
]
