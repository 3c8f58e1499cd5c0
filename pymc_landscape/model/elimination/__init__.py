"""Sums over discrete elements that few tables tie together, by variable elimination."""

from pymc_landscape.model.elimination.elimination_order import (
    WIDEST,
    EliminationPlan,
    TooWideError,
    elimination_plan,
)
from pymc_landscape.model.elimination.repeated_graphs import RepeatedGraph, repeated_graphs
from pymc_landscape.model.elimination.scan_maps import without_scans
from pymc_landscape.model.elimination.sum_product import element_probabilities, likeliest_states
from pymc_landscape.model.elimination.sum_product_ops import LogSums

__all__ = [
    "WIDEST",
    "EliminationPlan",
    "LogSums",
    "RepeatedGraph",
    "TooWideError",
    "element_probabilities",
    "elimination_plan",
    "likeliest_states",
    "repeated_graphs",
    "without_scans",
]
