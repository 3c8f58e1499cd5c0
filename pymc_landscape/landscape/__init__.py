"""The surface: grids, evaluation, profiled surfaces, critical points, curvature."""

from pymc_landscape.landscape.critical_point_search import critical_points
from pymc_landscape.landscape.estimate_grid import fit_grid
from pymc_landscape.landscape.evaluate import evaluate_landscape
from pymc_landscape.landscape.grid_points import axes_of
from pymc_landscape.landscape.grids import posterior_grid, regular_grid
from pymc_landscape.landscape.hessian_eigenvalues import hessian_spectrum
from pymc_landscape.landscape.planes import plane_grid

__all__ = [
    "axes_of",
    "critical_points",
    "evaluate_landscape",
    "fit_grid",
    "hessian_spectrum",
    "plane_grid",
    "posterior_grid",
    "regular_grid",
]
