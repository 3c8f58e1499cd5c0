"""Which term of a likelihood is written with fewer rows, and how."""

from __future__ import annotations

import pytensor.tensor as pt

from pymc_landscape._typing import Graph
from pymc_landscape.model import GraphInputs, ReducedTerm, is_written_out, summed_rows
from pymc_landscape.model.reduction.distinct_rows import weighted_rows
from pymc_landscape.model.reduction.sufficient_statistics import gaussian_term

# The derivatives of a quadratic form take longer to rewrite than those of a row, by as much as a fit of so many rows.
ROWS_FOR_DERIVATIVES = 10_000


def reduced_term(values: GraphInputs, name: str, row: Graph) -> ReducedTerm | None:
    """Write the sum of a term with fewer rows than it has, exactly.

    Parameters
    ----------
    values : GraphInputs
        The model, over one flat vector.
    name : str
        The term.
    row : Graph
        Its log-likelihood by row.

    Returns
    -------
    ReducedTerm or None
        None where all rows are added up: where that is as fast, or their data may change.
    """
    rv = values.model[name]
    n = row.type.shape[0] if row.type.ndim else None
    if n is None or is_written_out([row]):
        return None
    if row.type.ndim == 1 and (statistics := gaussian_term(values, rv)) is not None:
        total = statistics.total if n >= ROWS_FOR_DERIVATIVES else summed_rows(row)
        return ReducedTerm(total, f"sufficient statistics of {n} rows", statistics.value)
    if (found := weighted_rows(row, list(values.swaps))) is not None:
        rows, weights = found
        how = f"{len(weights)} distinct of {n} rows, weighted by their number"
        return ReducedTerm(summed_rows(rows, pt.constant(weights)), how)
    return None
