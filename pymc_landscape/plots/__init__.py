"""Pictures of what the verbs return: a Dataset goes in, ArviZ's PlotCollection comes out.

``landscape`` draws curves with their χ² cut-offs (one axis) and filled contours with the posterior
draws on top (two axes), on every backend of arviz-plots; ``surface`` draws two axes in three
dimensions, with matplotlib or plotly. Nothing here evaluates a model.

``paths`` draws optimisers on a landscape, ``animation`` lets them walk, ``descent`` draws how deep they
are after so many steps, ``waterfall`` where the starts of a fit ended, ``spectrum`` how the surface bends,
``critical_points`` valleys, peaks and the passes between.

``regions`` draws joint confidence regions, a panel a pair.

``comparison`` draws the way from the likelihood's answer to the posterior's, ``four_curves`` what prior, likelihood
and posterior say of a parameter.

``profile`` draws what a profile says beside Wald's parabola, ``nuisance_paths`` what the others do meanwhile,
``intervals`` the intervals of all methods row by row, ``band`` those of a curve along it, and ``wilks_qq`` whether
simulated drops of −2LL follow their law.

``influence`` draws which observations an estimate hangs on.
"""

from pymc_landscape.plots.animation_plot import animation
from pymc_landscape.plots.band_plot import band
from pymc_landscape.plots.comparison_plot import comparison
from pymc_landscape.plots.critical_points_plot import critical_points
from pymc_landscape.plots.data import project_paths
from pymc_landscape.plots.descent_plot import descent
from pymc_landscape.plots.four_curves_plot import four_curves
from pymc_landscape.plots.influence_plot import influence
from pymc_landscape.plots.intervals_plot import intervals
from pymc_landscape.plots.landscape_plot import landscape
from pymc_landscape.plots.nuisance_paths_plot import nuisance_paths
from pymc_landscape.plots.paths_plot import paths
from pymc_landscape.plots.profile_plot import profile
from pymc_landscape.plots.regions_plot import regions
from pymc_landscape.plots.spectrum_plot import spectrum
from pymc_landscape.plots.surface_plot import surface
from pymc_landscape.plots.waterfall_plot import waterfall
from pymc_landscape.plots.wilks_qq_plot import wilks_qq

__all__ = [
    "animation",
    "band",
    "comparison",
    "critical_points",
    "descent",
    "four_curves",
    "influence",
    "intervals",
    "landscape",
    "nuisance_paths",
    "paths",
    "profile",
    "project_paths",
    "regions",
    "spectrum",
    "surface",
    "waterfall",
    "wilks_qq",
]
