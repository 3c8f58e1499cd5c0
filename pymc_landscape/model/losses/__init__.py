"""Which losses the log densities of distributions are: families, with their formulas."""

from pymc_landscape.model.losses.loss_families import LOSS_FAMILIES, Family
from pymc_landscape.model.losses.loss_formulas import Affine, add_up, quantile_of

__all__ = ["LOSS_FAMILIES", "Affine", "Family", "add_up", "quantile_of"]
