"""Pictures of what the verbs return: a Dataset goes in, ArviZ's PlotCollection comes out.

``landscape`` draws curves with their χ² cut-offs (one axis) and filled contours with the posterior
draws on top (two axes), on every backend of arviz-plots; ``surface`` draws two axes in three
dimensions, with matplotlib or plotly. Nothing here evaluates a model.

``paths`` draws the paths of optimisers on a landscape, ``animation`` shows them iteration by iteration, ``descent``
draws how low they are after so many iterations, ``waterfall`` where the starts of a fit ended, ``spectrum`` how
strongly the surface bends, ``critical_points`` minima, maxima and saddles.

``regions`` draws joint confidence regions, a panel a pair.

``comparison`` draws the steps from the likelihood's answer to the posterior's, ``four_curves`` what prior, likelihood
and posterior say of a parameter.

``profile`` draws a profile beside Wald's parabola, ``nuisance_paths`` the values of the nuisance parameters along it,
``intervals`` the intervals of all methods row by row, ``band`` those of a curve along it, and ``wilks_qq`` whether
simulated drops of −2LL follow their law.

``influence`` draws which observations an estimate depends on.

Every plot takes ``backend``, ``visuals``, ``figsize`` (inches, of the whole figure) and ``**pc_kwargs``; posterior
draws are ``dt``, and confidence levels ``level``, a number or several.
"""

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


# Under which names a plot is looked for that no spelling would lead to.
ELSEWHERE = {"contour": "landscape", "curve": "profile", "film": "animation", "forest": "intervals", "pair": "regions"}


def __getattr__(name: str) -> Any:
    """Import a plot when it is first asked for, as ArviZ's plots take a second or two; else name what is near."""
    if name in __all__:
        module = "data" if name == "project_paths" else f"{name}_plot"
        globals()[name] = found = getattr(import_module(f"{__name__}.{module}"), name)
        return found
    near = [ELSEWHERE[name]] if name in ELSEWHERE else [known for known in __all__ if name in known]
    near = near or get_close_matches(name, __all__)
    advice = f"did you mean {' or '.join(near[:3])}?" if near else "dir(pymc_landscape.plots) lists all."
    raise AttributeError(f"Expected a plot of pymc_landscape, got {name!r}: {advice}")


def __dir__() -> list[str]:
    """List the plots, and nothing else."""
    return sorted(__all__)
