"""Objects of other packages that hold a ``pm.Model``, and how their draws differ from its own."""

from pymc_landscape.objective.holders.bambi_draws import bambi_terms, draws_of_model
from pymc_landscape.objective.holders.model_holders import group_terms, pymc_model
from pymc_landscape.objective.holders.portable_model import PortableModel

__all__ = ["PortableModel", "bambi_terms", "draws_of_model", "group_terms", "pymc_model"]
