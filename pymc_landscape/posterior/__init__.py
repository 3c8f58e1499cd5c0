"""The likelihood beside the posterior."""

from pymc_landscape.posterior.compare import compare_with_posterior
from pymc_landscape.posterior.deviance import posterior_deviance
from pymc_landscape.posterior.draws import PosteriorDraws, read_posterior
from pymc_landscape.posterior.parameter_curves import four_curves
from pymc_landscape.posterior.power_scaled_prior import prior_path

__all__ = [
    "PosteriorDraws",
    "compare_with_posterior",
    "four_curves",
    "posterior_deviance",
    "prior_path",
    "read_posterior",
]
