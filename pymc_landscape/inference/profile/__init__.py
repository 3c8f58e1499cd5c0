"""Profile likelihoods: constrained minimisation along a quantity, and interval ends."""

from pymc_landscape.inference.profile.active_set import freed, settle_active_set
from pymc_landscape.inference.profile.constrained_point import (
    ConstrainedPoint,
    Pair,
    evaluate_at,
    point_without_hessian,
)
from pymc_landscape.inference.profile.constraint_manifold import minimize_on
from pymc_landscape.inference.profile.continuation import LOWER, ProfileContinuation, ProfileStep
from pymc_landscape.inference.profile.current_fit import (
    ReferenceFit,
    copies_of,
    has_limit,
    optima_and_copies,
    refuse_no_infimum,
    refuse_no_optimum,
    standard_error,
)
from pymc_landscape.inference.profile.endpoint_newton import EndpointProblem
from pymc_landscape.inference.profile.endpoints import SCREEN, Endpoint, find_endpoints
from pymc_landscape.inference.profile.level_points import LevelPoints, LevelProblems, level_points_batch
from pymc_landscape.inference.profile.profile import profile_likelihood
from pymc_landscape.inference.profile.quantities import BOUNDS, Quantity, find_quantities
from pymc_landscape.inference.profile.score_endpoints import ScoreStatistic, find_score_endpoints
from pymc_landscape.inference.profile.stacked_endpoints import StackedEndpoints

__all__ = [
    "BOUNDS",
    "LOWER",
    "SCREEN",
    "ConstrainedPoint",
    "Endpoint",
    "EndpointProblem",
    "LevelPoints",
    "LevelProblems",
    "Pair",
    "ProfileContinuation",
    "ProfileStep",
    "Quantity",
    "ReferenceFit",
    "ScoreStatistic",
    "StackedEndpoints",
    "copies_of",
    "evaluate_at",
    "find_endpoints",
    "find_quantities",
    "find_score_endpoints",
    "freed",
    "has_limit",
    "level_points_batch",
    "minimize_on",
    "optima_and_copies",
    "point_without_hessian",
    "profile_likelihood",
    "refuse_no_infimum",
    "refuse_no_optimum",
    "settle_active_set",
    "standard_error",
]
