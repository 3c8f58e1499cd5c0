"""Discrete variables summed out of a density: which of them meet, at which states, and in what order."""

from pymc_landscape.model.discrete.groups import TOGETHER
from pymc_landscape.model.discrete.states import FEW, ConfigurationPlan
from pymc_landscape.model.discrete.sums import EliminatedSum, Sum, SumOut, Sums

__all__ = ["FEW", "TOGETHER", "ConfigurationPlan", "EliminatedSum", "Sum", "SumOut", "Sums"]
