"""From starts to a `Fit` and its status."""

from pymc_landscape.optimize.active_set import (
    NATURAL_DISTANCE,
    InsideBound,
    bound_ahead,
    bound_towards,
    bounds_ahead,
    bounds_passed,
    released_bounds,
    settle,
)
from pymc_landscape.optimize.bounds import settle_in_corner
from pymc_landscape.optimize.estimates import NaturalScale, as_draws
from pymc_landscape.optimize.fit import fit_map, fit_mle, fit_of, fit_weighted, require_optimum
from pymc_landscape.optimize.fit_result import Fit, natural_point
from pymc_landscape.optimize.flat_directions import (
    INWARD,
    LONG,
    ONWARD,
    SIZES,
    STEPS,
    SUSPICIOUS_CURVATURE,
    SUSPICIOUS_ERROR,
    VAGUE,
)
from pymc_landscape.optimize.infimum import has_infimum, infimum
from pymc_landscape.optimize.limit_point import limit_point
from pymc_landscape.optimize.local_search import NEWTON, SearchResult, search
from pymc_landscape.optimize.multistart import LocalOptimum, StartResult, search_from_start
from pymc_landscape.optimize.release_from_infinity import released_from_infinity
from pymc_landscape.optimize.starts import StartingPoints, find_starts
from pymc_landscape.optimize.status import Status, StatusReport
from pymc_landscape.optimize.symmetries import (
    MOST_PARAMETERS,
    POINTS,
    Symmetry,
    find_symmetries,
    nearest_copy,
    scattered_points,
    symmetric_copies,
    value_tolerance,
)
from pymc_landscape.optimize.tolerances import (
    BOUND_DISTANCE,
    BOUND_STANDARD_ERROR,
    BOUND_TOLERANCE,
    CONVERGED,
    EXAMINED_DISTANCE,
    FALL,
    INFINITE_DISTANCE,
    LEVEL_FAR_OUT,
    NEAR_INFIMUM,
    NO_RISE,
    RISE_FAR_OUT,
    RUNAWAY_DISTANCE,
)

__all__ = [
    "BOUND_DISTANCE",
    "BOUND_STANDARD_ERROR",
    "BOUND_TOLERANCE",
    "CONVERGED",
    "EXAMINED_DISTANCE",
    "FALL",
    "INFINITE_DISTANCE",
    "INWARD",
    "LEVEL_FAR_OUT",
    "LONG",
    "MOST_PARAMETERS",
    "NATURAL_DISTANCE",
    "NEAR_INFIMUM",
    "NEWTON",
    "NO_RISE",
    "ONWARD",
    "POINTS",
    "RISE_FAR_OUT",
    "RUNAWAY_DISTANCE",
    "SIZES",
    "STEPS",
    "SUSPICIOUS_CURVATURE",
    "SUSPICIOUS_ERROR",
    "VAGUE",
    "Fit",
    "InsideBound",
    "LocalOptimum",
    "NaturalScale",
    "SearchResult",
    "StartResult",
    "StartingPoints",
    "Status",
    "StatusReport",
    "Symmetry",
    "as_draws",
    "bound_ahead",
    "bound_towards",
    "bounds_ahead",
    "bounds_passed",
    "find_starts",
    "find_symmetries",
    "fit_map",
    "fit_mle",
    "fit_of",
    "fit_weighted",
    "has_infimum",
    "infimum",
    "limit_point",
    "natural_point",
    "nearest_copy",
    "released_bounds",
    "released_from_infinity",
    "require_optimum",
    "scattered_points",
    "search",
    "search_from_start",
    "settle",
    "settle_in_corner",
    "symmetric_copies",
    "value_tolerance",
]
