"""Outputs of an engine of one block of rows, added up over all blocks."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, override

import numpy as np

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine import Backend, ChunkedEvaluation, Engine
from pymc_landscape.model import held_values
from pymc_landscape.numerics import at_most_threads, n_workers, on_threads, one_blas_thread
from pymc_landscape.objective.evaluators.engine_kinds import LOG_PRIOR
from pymc_landscape.objective.evaluators.row_blocks import Block, RowBlocks, UnreadableRowsError

# Points for which the data are gone through once: their arithmetic takes far longer than reading does.
POINTS = 256


class RowBlockSums(Engine):
    """Outputs of an engine of one block of rows, added up over all blocks; the log prior is that of any.

    Parameters
    ----------
    engine : Engine
        Of one block.
    rows : RowBlocks
        The blocks.
    arguments : callable
        Gives the values of the engine's arguments for a block.
    weight : Graph, optional
        Weight of the log prior in the engine's graphs, which this thread has; each block gets its share.
    """

    def __init__(
        self,
        engine: Engine,
        rows: RowBlocks,
        arguments: Callable[..., dict[Graph, Any]],
        weight: Graph | None = None,
    ):
        super().__init__(engine.names, engine.size)
        self._engine, self._rows, self._arguments, self._weight = engine, rows, arguments, weight
        self._is_convex: dict[str, bool] = {}
        self._unreadable: UnreadableRowsError | None = None

    @property
    @override
    def linear_algebra(self) -> bool:
        return self._engine.linear_algebra

    @property
    @override
    def lengths(self) -> list[int | None]:
        return self._engine.lengths

    @override
    def one(self, point: Array) -> list[Array]:
        return [value[0] for value in self.several(point[None])]

    @override
    def several(self, points: Array) -> list[Array]:
        sums, lock, weight = _PairwiseSums(), Lock(), self._weight
        share = {} if weight is None else {weight: weight.get_value() / self._rows.n_blocks}

        def add(load: tuple[int, Callable[[], Block]]) -> None:
            position, read = load
            with at_most_threads(1), np.errstate(all="ignore"), held_values(share):
                outputs = self._on_block(points, read())
            with lock:
                sums.put(position, outputs)

        with one_blas_thread():
            on_threads(add, enumerate(self._rows.loads()), n_workers())
        totals = [
            first if name == LOG_PRIOR else total
            for name, first, total in zip(self.names, sums.first, sums.total(), strict=True)
        ]
        if not all(np.isfinite(total).all() for total in totals):
            self._rows.refuse_missing()
        return totals

    def _on_block(self, points: Array, block: Block) -> list[Array]:
        outputs = self._with(points, self._arguments(block))
        if len(next(iter(block.values()))) < self._rows.size and any(np.isnan(o).any() for o in outputs):
            # −∞ times a weight of 0: with the rows that fill the block, copies of one of its own, it is −∞
            filled = self._with(points, self._arguments(block, is_filled=True))
            outputs = [np.where(np.isinf(f), f, o) for f, o in zip(filled, outputs, strict=True)]
        return outputs

    def _with(self, points: Array, values: dict[Graph, Any]) -> list[Array]:
        with held_values(values):
            if len(points) == 1:
                return [np.asarray(value)[None] for value in self._engine.one(points[0])]
            out = self._engine.at(points)
            return [out[name] for name in self.names]

    @override
    def compile(self) -> None:
        self._engine.compile()

    @override
    def evaluate(self, evaluation: ChunkedEvaluation) -> None:
        self._unreadable = None
        evaluation.finish(Backend(self._once, block=POINTS))

    def _once(self, points: Array) -> list[Array]:
        """Evaluate points, unless the data could not be read before: then no smaller part of them helps."""
        if self._unreadable is not None:
            raise self._unreadable
        try:
            return self.several(points)
        except UnreadableRowsError as error:
            self._unreadable = error
            raise

    @override
    def is_convex(self, name: str, several: Any = None) -> bool:
        if name not in self._is_convex:

            def convex(block: Block) -> bool:
                with held_values(self._arguments(block)):
                    return self._engine.is_convex(name)

            self._is_convex[name] = all(map(convex, self._rows.blocks()))
        return self._is_convex[name]


class _PairwiseSums:
    """Sums of arrays that come in any order, added up in pairs in the order of their positions."""

    first: list[Array]

    def __init__(self) -> None:
        self._waiting: dict[int, list[Array]] = {}
        self._parts: list[list[Array]] = []  # sums of so many items as the ones in the binary digits of their number
        self._n = 0

    def put(self, position: int, item: list[Array]) -> None:
        """Take one item."""
        self._waiting[position] = item
        while self._n in self._waiting:
            part = self._waiting.pop(self._n)
            if not self._n:
                self.first = part
            self._n += 1
            count = self._n
            while count % 2 == 0:
                part = [a + b for a, b in zip(self._parts.pop(), part, strict=True)]
                count //= 2
            self._parts.append(part)

    def total(self) -> list[Array]:
        """Return the sums."""
        totals = self._parts[-1]
        for part in reversed(self._parts[:-1]):
            totals = [a + b for a, b in zip(part, totals, strict=True)]
        return totals
