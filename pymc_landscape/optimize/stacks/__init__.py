"""Searches of one model given many data sets, side by side."""

from pymc_landscape.optimize.stacks.nearby_bounds import elements_near_bounds
from pymc_landscape.optimize.stacks.stacked_searches import StackedSearches
from pymc_landscape.optimize.stacks.stacked_symmetries import may_be_symmetric

__all__ = ["StackedSearches", "elements_near_bounds", "may_be_symmetric"]
