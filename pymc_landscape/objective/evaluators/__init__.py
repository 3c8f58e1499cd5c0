"""The engines of one model, by what they are asked for; with a penalty or without."""

from pymc_landscape.objective.evaluators.engine_kinds import LOG_PENALTY, LOG_PRIOR, TOTAL, Kind
from pymc_landscape.objective.evaluators.fixed_effects import FixedEffects
from pymc_landscape.objective.evaluators.model_evaluators import Evaluators
from pymc_landscape.objective.evaluators.penalized_evaluators import FIRTH, PenalizedEvaluators, knows_information
from pymc_landscape.objective.evaluators.restricted_evaluators import Restricted, find_fixed_effects
from pymc_landscape.objective.evaluators.row_block_evaluators import RowBlockEvaluators
from pymc_landscape.objective.evaluators.row_blocks import row_blocks

__all__ = [
    "FIRTH",
    "LOG_PENALTY",
    "LOG_PRIOR",
    "TOTAL",
    "Evaluators",
    "FixedEffects",
    "Kind",
    "PenalizedEvaluators",
    "Restricted",
    "RowBlockEvaluators",
    "find_fixed_effects",
    "knows_information",
    "row_blocks",
]
