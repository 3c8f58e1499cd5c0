"""Searches of one model given many data sets, side by side."""

from pymc_landscape.optimize.stacks.stacked_searches import StackedSearches

__all__ = ["StackedSearches"]
