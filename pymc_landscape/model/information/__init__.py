"""What one observation of a known family tells of its parameters: the expected information, and Firth's penalty."""

from pymc_landscape.model.information.fisher_information import fisher_graph, has_known_information
from pymc_landscape.model.information.jeffreys_penalty import penalty_graph, undetermined, without_log_det_op

__all__ = ["fisher_graph", "has_known_information", "penalty_graph", "undetermined", "without_log_det_op"]
