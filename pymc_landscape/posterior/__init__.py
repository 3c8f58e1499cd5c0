"""The likelihood beside the posterior."""

from pymc_landscape.posterior.compare import compare_with_posterior
from pymc_landscape.posterior.densities import marginal_density
from pymc_landscape.posterior.deviance import posterior_deviance
from pymc_landscape.posterior.draws import PosteriorDraws, read_posterior
from pymc_landscape.posterior.parameter_curves import four_curves
from pymc_landscape.posterior.power_scaled_prior import prior_path, sentence_at_weight

__all__ = [
    "PosteriorDraws",
    "compare_with_posterior",
    "four_curves",
    "marginal_density",
    "posterior_deviance",
    "prior_path",
    "read_posterior",
    "sentence_at_weight",
]
