"""Pictures of what the verbs return: a Dataset goes in, ArviZ's PlotCollection comes out.

``landscape`` draws curves with their χ² cut-offs (one axis) and filled contours with the posterior
draws on top (two axes), on every backend of arviz-plots; ``surface`` draws two axes in three
dimensions, with matplotlib or plotly. Nothing here evaluates a model.
"""

from pymc_landscape.plots.landscape import landscape
from pymc_landscape.plots.surface import surface

__all__ = ["landscape", "surface"]
