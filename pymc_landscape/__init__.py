"""The likelihood side of any PyMC model: the −2 log-likelihood landscape, beside the posterior."""

from importlib.metadata import version

from pymc_landscape.objective import Objective

__version__ = version("pymc-landscape")
