"""`Objective`: names to vectors, vectors to numbers; and what needs no optimum."""

from pymc_landscape.model import Element, FreeVariable, Layout, element_labels
from pymc_landscape.objective.bound_coordinates import (
    coordinate_limits,
    distances_to_bounds,
    has_vector_bounds,
    is_simplex,
)
from pymc_landscape.objective.conditional_modes import conditional_modes, fixed_effect_estimates
from pymc_landscape.objective.draws import SAMPLE_DIMS, Draws, DrawVectors, open_group, read_draws, select_labels
from pymc_landscape.objective.effect_groups import (
    effect_curvature,
    effect_groups,
    effect_names,
    effect_shapes,
    effects_that_depend_on,
)
from pymc_landscape.objective.evaluation_cost import affordable_evaluations
from pymc_landscape.objective.evaluation_noise import (
    STANDARD_DEVIATIONS,
    RoundingCheck,
    evaluation_noise,
    is_lower,
    largest_noise_between,
    minus2ll_with_digits,
    without_lost_digits,
)
from pymc_landscape.objective.evaluators import LOG_PENALTY, LOG_PRIOR, TOTAL, Kind
from pymc_landscape.objective.holders import draws_of_model, pymc_model
from pymc_landscape.objective.importance_sampler import importance_sampling
from pymc_landscape.objective.initial_values import InitialValues
from pymc_landscape.objective.integral_accuracy import check_integral
from pymc_landscape.objective.memoized_objective import (
    DerivativesAtOnce,
    MemoizedObjective,
    batch_value_gradient,
    batch_value_gradient_hessian,
    hessian_products,
    screen_batch,
)
from pymc_landscape.objective.model_argument import Fitted, is_fitted, objective_digest, objective_of
from pymc_landscape.objective.objective import Objective
from pymc_landscape.objective.objective_values import ARITHMETIC_ERRORS, DENSE
from pymc_landscape.objective.prior_draws import prior_draws
from pymc_landscape.objective.reference_point import Reference, reference_point
from pymc_landscape.objective.restricted import BoundElement, RestrictedObjective

__all__ = [
    "ARITHMETIC_ERRORS",
    "DENSE",
    "LOG_PENALTY",
    "LOG_PRIOR",
    "SAMPLE_DIMS",
    "STANDARD_DEVIATIONS",
    "TOTAL",
    "BoundElement",
    "DerivativesAtOnce",
    "DrawVectors",
    "Draws",
    "Element",
    "Fitted",
    "FreeVariable",
    "InitialValues",
    "Kind",
    "Layout",
    "MemoizedObjective",
    "Objective",
    "Reference",
    "RestrictedObjective",
    "RoundingCheck",
    "affordable_evaluations",
    "batch_value_gradient",
    "batch_value_gradient_hessian",
    "check_integral",
    "conditional_modes",
    "coordinate_limits",
    "distances_to_bounds",
    "draws_of_model",
    "effect_curvature",
    "effect_groups",
    "effect_names",
    "effect_shapes",
    "effects_that_depend_on",
    "element_labels",
    "evaluation_noise",
    "fixed_effect_estimates",
    "has_vector_bounds",
    "hessian_products",
    "importance_sampling",
    "is_fitted",
    "is_lower",
    "is_simplex",
    "largest_noise_between",
    "minus2ll_with_digits",
    "objective_digest",
    "objective_of",
    "open_group",
    "prior_draws",
    "pymc_model",
    "read_draws",
    "reference_point",
    "screen_batch",
    "select_labels",
    "without_lost_digits",
]
