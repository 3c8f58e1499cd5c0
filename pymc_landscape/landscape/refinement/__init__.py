"""Landscapes of which few points are evaluated: multiresolution, interpolation, and checks of both."""

from pymc_landscape.landscape.refinement.refined_evaluation import Refined, refined_evaluation, refuse_unrefined

__all__ = ["Refined", "refined_evaluation", "refuse_unrefined"]
