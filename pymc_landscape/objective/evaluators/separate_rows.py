"""Terms that are no sums over rows which stand on their own: refused, before they are added up block by block."""

from __future__ import annotations

from itertools import islice

import numpy as np
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array
from pymc_landscape.objective.evaluators.engine_kinds import LOG_PRIOR
from pymc_landscape.objective.evaluators.model_evaluators import Evaluators
from pymc_landscape.objective.evaluators.row_blocks import RowBlocks, filled_up

# Seed and spread of the point at which rows are looked at one by one, and how alike they must be on their own.
SEED, SPREAD, SAME = 1, 0.1, 1e-8


def refuse_other_than_rows(evaluators: Evaluators, rows: RowBlocks) -> None:
    """Refuse a model whose likelihood, or whose Deterministics, are more than sums over the rows."""
    evaluators.refuse_row_blocks("other rows")
    metadata, model = evaluators.metadata, evaluators.model
    hidden = [v.name for v in (*metadata.effects, *metadata.summed_variables)]
    if hidden or evaluators.penalty:
        raise ValueError(
            f"Expected a likelihood that is a sum over rows, got {', '.join(hidden) or 'a penalty'} "
            f"{'integrated or summed out' if hidden else 'in it'}: leave it out."
        )
    scaled = [rv.name for rv in model.observed_RVs if type(rv.owner.op).__name__ == "MinibatchRandomVariable"]
    if scaled:
        raise ValueError(
            f"Expected terms that count each row once, got total_size in {', '.join(scaled)}: leave it out."
        )
    own = evaluators.data.with_data({name: rows.example[name] for name in rows.names}).variables
    moving = [d.name for d in model.deterministics if not own.isdisjoint(ancestors([d]))]
    if moving:
        raise ValueError(
            f"Expected Deterministics of parameters alone, got {', '.join(moving)}, which the rows move: leave "
            f"{'it' if len(moving) == 1 else 'them'} out of the model."
        )


def refuse_dependent_rows(evaluators: Evaluators, rows: RowBlocks) -> None:
    """Refuse terms that are no sums over rows: a row has its log-likelihood among whichever others it stands."""
    blocks = [filled_up(block, rows.size) for block in islice(rows.blocks(), 2)]
    both = {name: np.concatenate([block[name] for block in blocks]) for name in rows.names}
    rng = np.random.default_rng(SEED)
    mixed = rng.choice(len(both[rows.names[0]]), size=rows.size)
    theta = _somewhere(evaluators, rng)
    apart = [_by_row(evaluators.with_data(block), theta, rows.size) for block in blocks]
    among = _by_row(evaluators.with_data({name: v[mixed] for name, v in both.items()}), theta, rows.size)
    for term, values in among.items():
        expected = np.concatenate([each[term] for each in apart])[mixed]
        if not np.allclose(values, expected, rtol=SAME, atol=SAME, equal_nan=True):
            raise ValueError(
                f"Expected terms whose rows stand on their own, got {term!r}, in which a row's log-likelihood depends "
                f"on the others, on their number, or on data with one entry a row beside {', '.join(rows.names)}: name "
                "all such data, or keep them in memory."
            )


def _somewhere(evaluators: Evaluators, rng: np.random.Generator) -> Array:
    """Return a vector beside the initial point, all variables natural."""
    start = evaluators.metadata.layout().join(evaluators.metadata.initial_point())
    if any(v.discrete for v in evaluators.metadata.variables):
        return start
    moved = evaluators.engine("unconstrained").one(start)
    beside = np.concatenate([np.ravel(value) for value in moved])
    return beside + rng.uniform(-SPREAD, SPREAD, size=beside.shape)


def _by_row(evaluators: Evaluators, theta: Array, size: int) -> dict[str, Array]:
    """Return the log-likelihood of each row of a block, by term."""
    discrete = any(v.discrete for v in evaluators.metadata.variables)
    engine = evaluators.engine("pointwise", frozenset() if discrete else evaluators.metadata.names)
    found = dict(zip(engine.names, engine.one(theta), strict=True))
    del found[LOG_PRIOR]
    for term, values in found.items():
        if values.size % size:
            raise ValueError(
                f"Expected terms with {size} rows, as the data have in the model, got {term!r} with {values.size} "
                "numbers: it cannot be added up over blocks of rows."
            )
    return {term: values.reshape(size, -1).sum(axis=1) for term, values in found.items()}
