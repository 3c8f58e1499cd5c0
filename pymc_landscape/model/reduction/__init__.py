"""Terms of the likelihood with fewer rows than data: what is the same at every point is added up once."""

from pymc_landscape.model.reduction.reduced_terms import reduced_term

__all__ = ["reduced_term"]
