"""Pictures of what the verbs return: a Dataset goes in, ArviZ's PlotCollection comes out.

``landscape`` draws curves with their χ² cut-offs (one axis) and filled contours with the posterior
draws on top (two axes), on every backend of arviz-plots; ``surface`` draws two axes in three
dimensions, with matplotlib or plotly. Nothing here evaluates a model.

``paths`` draws optimisers on a landscape, ``animation`` lets them walk, ``descent`` draws how deep they
are after so many steps, ``waterfall`` where the starts of a fit ended, ``spectrum`` how the surface bends,
``critical_points`` valleys, peaks and the passes between.
"""

from pymc_landscape.plots.animation import animation
from pymc_landscape.plots.critical_points import critical_points
from pymc_landscape.plots.descent import descent
from pymc_landscape.plots.landscape import landscape
from pymc_landscape.plots.paths import paths
from pymc_landscape.plots.spectrum import spectrum
from pymc_landscape.plots.surface import surface
from pymc_landscape.plots.track import project_paths
from pymc_landscape.plots.waterfall import waterfall

__all__ = [
    "animation",
    "critical_points",
    "descent",
    "landscape",
    "paths",
    "project_paths",
    "spectrum",
    "surface",
    "waterfall",
]
