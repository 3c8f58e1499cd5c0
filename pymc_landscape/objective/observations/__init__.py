"""What an objective makes of its observations: pointwise values, new data, batches, losses, impossible data."""

from pymc_landscape.objective.observations.fitted_values import FittedTerm, fitted_values
from pymc_landscape.objective.observations.impossible_data import name_impossible_data
from pymc_landscape.objective.observations.joint_densities import joint_densities, refuse_joint_densities
from pymc_landscape.objective.observations.large_data import sum_over_blocks
from pymc_landscape.objective.observations.minibatch import BatchSlope
from pymc_landscape.objective.observations.pointwise import GROUPS, enough_draws, pointwise_log_likelihood
from pymc_landscape.objective.observations.result_origin import data_digest, observed_contents, result_origin
from pymc_landscape.objective.observations.simulate import (
    Data,
    Simulator,
    data_set,
    digests,
    known_value,
    observed_data,
    observed_values,
)
from pymc_landscape.objective.observations.stacked_data import StackedData
from pymc_landscape.objective.observations.term_losses import loss_table
from pymc_landscape.objective.observations.weighted_observations import WeightedObservations

__all__ = [
    "GROUPS",
    "BatchSlope",
    "Data",
    "FittedTerm",
    "Simulator",
    "StackedData",
    "WeightedObservations",
    "data_digest",
    "data_set",
    "digests",
    "enough_draws",
    "fitted_values",
    "joint_densities",
    "known_value",
    "loss_table",
    "name_impossible_data",
    "observed_contents",
    "observed_data",
    "observed_values",
    "pointwise_log_likelihood",
    "refuse_joint_densities",
    "result_origin",
    "sum_over_blocks",
]
