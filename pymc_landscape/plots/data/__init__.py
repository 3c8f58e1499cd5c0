"""What is drawn: Datasets read into arrays."""

from pymc_landscape.plots.data.descents import SAMPLE, gather_descents, lengths
from pymc_landscape.plots.data.draws import element, find_draws, limits
from pymc_landscape.plots.data.inputs import Descents, FitLike, SimulatedLike, as_dataset, refuse_many
from pymc_landscape.plots.data.intervals import (
    Bar,
    CredibleKind,
    Curve,
    Rows,
    Strip,
    curve_of,
    gather_bars,
    level_title,
    levels_of,
    parameters,
    posterior_rows,
)
from pymc_landscape.plots.data.landscape import LandscapeView, as_cells, landscape_view, lowest
from pymc_landscape.plots.data.levels import (
    CONTOUR_LEVELS,
    CURVE_LEVELS,
    band_boundaries,
    boundary_labels,
    cutoffs,
    percent,
)
from pymc_landscape.plots.data.marginal import Marginal, draws_of, marginal_of, marginals_of
from pymc_landscape.plots.data.polylines import arrow_head, arrows, cap, join, segments, smooth, thin, with_gaps
from pymc_landscape.plots.data.profile import ProfileEnd, TracedProfile, traced_profile
from pymc_landscape.plots.data.projection import draws_metric, paths_on_axes, project_paths, two_axes, zero_of
from pymc_landscape.plots.data.simulated import Simulated, gather_simulated

__all__ = [
    "CONTOUR_LEVELS",
    "CURVE_LEVELS",
    "SAMPLE",
    "Bar",
    "CredibleKind",
    "Curve",
    "Descents",
    "FitLike",
    "LandscapeView",
    "Marginal",
    "ProfileEnd",
    "Rows",
    "Simulated",
    "SimulatedLike",
    "Strip",
    "TracedProfile",
    "arrow_head",
    "arrows",
    "as_cells",
    "as_dataset",
    "band_boundaries",
    "boundary_labels",
    "cap",
    "curve_of",
    "cutoffs",
    "draws_metric",
    "draws_of",
    "element",
    "find_draws",
    "gather_bars",
    "gather_descents",
    "gather_simulated",
    "join",
    "landscape_view",
    "lengths",
    "level_title",
    "levels_of",
    "limits",
    "lowest",
    "marginal_of",
    "marginals_of",
    "parameters",
    "paths_on_axes",
    "percent",
    "posterior_rows",
    "project_paths",
    "refuse_many",
    "segments",
    "smooth",
    "thin",
    "traced_profile",
    "two_axes",
    "with_gaps",
    "zero_of",
]
