"""From starts to a `Fit` and its status."""

from pymc_landscape.optimize.active_set import (
    InsideBound,
    bound_ahead,
    bounds_ahead,
    bounds_passed,
    released_bounds,
    settle,
)
from pymc_landscape.optimize.estimates import NaturalScale, as_draws
from pymc_landscape.optimize.fit import fit_map, fit_mle, fit_of, fit_weighted, require_optimum
from pymc_landscape.optimize.fit_result import Fit, natural_point
from pymc_landscape.optimize.infimum import has_infimum, infimum
from pymc_landscape.optimize.limit_point import limit_point
from pymc_landscape.optimize.local_search import SearchResult, search
from pymc_landscape.optimize.multistart import LocalOptimum, StartResult, search_from_start
from pymc_landscape.optimize.release_from_infinity import released_from_infinity
from pymc_landscape.optimize.starts import StartingPoints, find_starts
from pymc_landscape.optimize.status import Status, StatusReport
from pymc_landscape.optimize.symmetries import Symmetry, nearest_copy, symmetric_copies
from pymc_landscape.optimize.tolerances import BOUND_TOLERANCE, NEAR_INFIMUM, RUNAWAY_DISTANCE

__all__ = [
    "BOUND_TOLERANCE",
    "NEAR_INFIMUM",
    "RUNAWAY_DISTANCE",
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
    "bounds_ahead",
    "bounds_passed",
    "find_starts",
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
    "search",
    "search_from_start",
    "settle",
    "symmetric_copies",
]
