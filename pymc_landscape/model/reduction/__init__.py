"""Terms of the likelihood with fewer rows than data: what is the same at every point is added up once."""

from pymc_landscape.model.reduction.distinct_rows import over_other_rows, words_of_rows
from pymc_landscape.model.reduction.reduced_terms import reduced_term

__all__ = ["over_other_rows", "reduced_term", "words_of_rows"]
