"""The engines of a model whose data are read in blocks of rows: log L and its derivatives are sums over the blocks.

The model holds one block. Its graphs are evaluated on each block in turn, the threads on a block each, and what comes
back is added up in pairs, always in one order: the numbers do not depend on the threads. The last block is filled up
with copies of one of its rows, of weight 0.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from itertools import islice
from typing import Any, NoReturn, Self, get_args, override

import numpy as np
import pytensor
from numpy.typing import ArrayLike
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import DifferenceEngine, Engine
from pymc_landscape.model import DataSwaps, Density, Layout, argument, summed_rows
from pymc_landscape.objective.evaluators.engine_kinds import LOG_PRIOR, WEIGHTED, Kind, Moved
from pymc_landscape.objective.evaluators.model_evaluators import Evaluators
from pymc_landscape.objective.evaluators.row_block_sums import RowBlockSums
from pymc_landscape.objective.evaluators.row_blocks import Block, RowBlocks, filled_up

# What is a sum over rows; and what else needs no data at all.
SUMS = WEIGHTED | {"density"}
WITHOUT_DATA = frozenset([*get_args(Moved), "combination"])
# Seed and spread of the point at which rows are looked at one by one, and how alike they must be on their own.
SEED, SPREAD, SAME = 1, 0.1, 1e-8


class RowBlockEvaluators(Evaluators):
    """Engines of a model's values and derivatives, summed over blocks of rows.

    Attributes
    ----------
    row_blocks : RowBlocks
        The rows.
    """

    row_blocks: RowBlocks
    in_blocks = True

    @classmethod
    def of(cls, evaluators: Evaluators, rows: RowBlocks) -> Self:
        """Return the engines of a model's likelihood on other rows than its own.

        Raises
        ------
        ValueError
            If something is integrated or summed out or penalised, a Deterministic depends on the rows, a term counts
            rows more than once, or rows do not stand on their own.
        """
        _refuse_other_than_rows(evaluators, rows)
        twin = cls.__new__(cls)
        vars(twin).update(vars(evaluators), row_blocks=rows)
        first, factory = filled_up(next(rows.blocks()), rows.size), evaluators.factory
        twin._connect(evaluators.data.with_data(first), factory.backend, factory.compile_kwargs)
        _refuse_dependent_rows(evaluators, rows)
        return twin

    # --- what there is to know of the data ---------------------------------------------------------------------------

    @property
    @override
    def data(self) -> DataSwaps:
        self.refuse_row_blocks()

    @property
    @override
    def contents(self) -> dict[str, Array]:
        return {**self._data.values, **self.row_blocks.digests()}

    @property
    @override
    def n_observations(self) -> int:
        return self.metadata.n_observations * self.row_blocks.n_rows // self.row_blocks.size

    @override
    def observed_digests(self) -> dict[str, Array]:
        digests, found = self.row_blocks.digests(), {}
        for rv in self.model.observed_RVs:
            parents = set(ancestors([self.model.rvs_to_values[rv]]))
            parts = [digest for name, digest in digests.items() if self._data.variable(name) in parents]
            found[rv.name] = np.concatenate([np.zeros(0, np.uint8), *parts])
        return found

    @override
    def refuse_row_blocks(self, what: str = "this") -> NoReturn:
        raise ValueError(
            f"Expected all data in memory for {what}, got an objective that reads {self.row_blocks.n_rows:,} rows in "
            "blocks: it has −2LL, its derivatives and what is made of them; for more, take a sample of the rows."
        )

    @override
    def with_data(self, data: Mapping[str, ArrayLike]) -> NoReturn:
        self.refuse_row_blocks("other data")

    # --- engines -----------------------------------------------------------------------------------------------------

    @override
    def engine(self, kind: Kind, unconstrained: frozenset[str] = frozenset()) -> Engine:
        if kind not in SUMS | WITHOUT_DATA:
            self.refuse_row_blocks(f"what is asked of single rows ({kind})")
        return super().engine(kind, unconstrained)

    @override
    def _build(self, kind: Kind, unconstrained: frozenset[str]) -> Engine:
        engine = super()._build(kind, unconstrained)
        if kind in WITHOUT_DATA or isinstance(engine, DifferenceEngine):  # differences of what is summed already
            return engine
        weight = self._prior_weight if kind in WEIGHTED and self.prior_weight else None
        return RowBlockSums(engine, self.row_blocks, self._arguments, weight)

    @override
    def _key(self, kind: Kind, unconstrained: frozenset[str]) -> Hashable:
        return super()._key(kind, unconstrained), self.row_blocks

    @property
    @override
    def _weight(self) -> float | Graph:
        return self._prior_weight if self.prior_weight else 0.0

    @property
    def _prior_weight(self) -> Graph:
        """Weight of the log prior in graphs, always a variable: each block has its share of the prior."""
        return self.metadata.keep("prior weight", lambda: argument(pytensor.shared(1.0, name="prior_weight")))

    @override
    def summands(self, density: Density, layout: Layout) -> dict[str, Graph]:
        return {name: summed_rows(row, self._row_weights) for name, row in density.rows.items()}

    @property
    def _row_weights(self) -> Graph:
        """How often each row of a block counts: 1, and 0 for those that only fill the last block."""
        ones = np.ones(self.row_blocks.size)
        return self.metadata.keep(
            ("row weights", len(ones)), lambda: argument(pytensor.shared(ones, name="row_weights", shape=ones.shape))
        )

    def _arguments(self, block: Block, is_filled: bool = False) -> dict[Graph, Any]:
        """Return the arguments of graphs for one block; `is_filled` lets rows count that only fill it up."""
        n, size = len(next(iter(block.values()))), self.row_blocks.size
        padded, names = filled_up(block, size), tuple(block)
        weights = np.where(np.arange(size) < (size if is_filled else n), 1.0, 0.0)
        values = dict(zip(self._data.containers(names), map(padded.__getitem__, names), strict=True))
        return {**values, self._row_weights: weights}


# --- what cannot be summed over rows ---------------------------------------------------------------------------------


def _refuse_other_than_rows(evaluators: Evaluators, rows: RowBlocks) -> None:
    """Refuse a model whose likelihood, or whose Deterministics, are more than sums over the rows."""
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
    own = {evaluators.data.variable(name) for name in rows.names}
    moving = [d.name for d in model.deterministics if not own.isdisjoint(ancestors([d]))]
    if moving:
        raise ValueError(
            f"Expected Deterministics of parameters alone, got {', '.join(moving)}, which the rows move: leave "
            f"{'it' if len(moving) == 1 else 'them'} out of the model."
        )


def _refuse_dependent_rows(evaluators: Evaluators, rows: RowBlocks) -> None:
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
