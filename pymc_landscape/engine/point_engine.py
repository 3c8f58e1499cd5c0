"""An engine whose answer at each point is work of its own: an integral, or differences of another engine's answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import override

import numpy as np

from pymc_landscape._typing import Array
from pymc_landscape.engine.backend import Backend
from pymc_landscape.engine.chunks import ChunkedEvaluation
from pymc_landscape.engine.engine import Engine


class PointEngine(Engine):
    """Functions of one flat vector, answered point by point."""

    @abstractmethod
    def answer(self, point: Array) -> Sequence[float | Array]:
        """Return one value an output at a point (k,)."""

    @override
    def one(self, point: Array) -> list[Array]:
        with np.errstate(all="ignore"):
            return [np.asarray(value) for value in self.answer(point)]

    @override
    def several(self, points: Array) -> list[Array]:
        return [np.stack(column) for column in zip(*map(self.one, points), strict=True)]

    @override
    def at(self, points: Array) -> dict[str, Array]:
        if len(points) == 1:
            return {name: value[None] for name, value in zip(self.names, self.one(points[0]), strict=True)}
        return super().at(points)

    @override
    def compile(self) -> None:
        """Nothing to do: the engines inside choose for themselves."""

    @override
    def evaluate(self, evaluation: ChunkedEvaluation) -> None:
        evaluation.finish(Backend(self.several))
