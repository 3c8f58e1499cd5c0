"""Whole optimisation paths of any optimiser."""

from pymc_landscape.optimize.descent.optimization_paths import descend
from pymc_landscape.optimize.descent.race import descent_race

__all__ = [
    "descend",
    "descent_race",
]
