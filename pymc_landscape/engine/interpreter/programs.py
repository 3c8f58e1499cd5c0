"""Programs: lines of NumPy, and the values they refer to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.basic import Apply
from pytensor.tensor.type import TensorType

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.engine.interpreter.array_functions import in_order

# What lines name beside their values; and what those of a loop do.
OF_LINES: Mapping[str, Any] = MappingProxyType(
    {"__builtins__": {}, "slice": slice, "asarray": np.asarray, "by_rows": np.ascontiguousarray, "float64": np.float64}
)
_NUMPY = {"array": np.array, "zeros": np.zeros, "empty": np.empty, "shape": np.shape, "in_order": in_order}
OF_LOOPS: Mapping[str, Any] = MappingProxyType(
    {"__builtins__": {}, "int": int, "float": float, "len": len, "range": range, **_NUMPY}
)


@dataclass(frozen=True)
class StraightLine:
    """The source of a function, and the values by name that its lines refer to."""

    source: str
    values: dict[str, Any]

    def function(self) -> Callable[..., Any]:
        """Return the function."""
        names = {**OF_LINES, **self.values}
        exec(self.source, names)
        function: Callable[..., Any] = names["function"]
        return function


class InterpretedCost(NamedTuple):
    """Counted seconds of a function.

    Parameters
    ----------
    call : float
        Of a call, whatever its points.
    point : float
        Of each point in it.
    parts : sequence of (sequence of (int, int), float)
        What of that depends on some elements of the points alone: where these begin and end, and the seconds.
    """

    call: float
    point: float = 0.0
    parts: Sequence[tuple[Sequence[tuple[int, int]], float]] = ()

    def of(self, n_points: int, block: int | None = None, same: NDArray[np.bool_] | None = None) -> float:
        """Return the seconds for so many points in one call, or in blocks.

        Parameters
        ----------
        n_points : int
            How many.
        block : int, optional
            In blocks of so many.
        same : array (k,) of bool, optional
            Which elements all points of a block have in common: what depends on these alone is done once.
        """
        n_calls, point = -(-n_points // (block or n_points or 1)), self.point
        if same is not None:
            point -= sum(seconds for places, seconds in self.parts if all(same[a:b].all() for a, b in places))
        return n_calls * self.call + n_points * point


class Program(NamedTuple):
    """A function of graphs, what it costs to call it, and what is kept with it."""

    function: Callable[..., Any]
    cost: InterpretedCost
    beside: Any = None


class Performed:
    """A call of an Op itself, which wants arrays where NumPy's functions leave numbers."""

    def __init__(self, node: Apply[Any]):
        self.node, self._perform, self._n = node, node.op.perform, len(node.outputs)
        types = [v.type for v in node.inputs]
        self._numbers = [i for i, kind in enumerate(types) if isinstance(kind, TensorType) and kind.ndim == 0]

    def __call__(self, *values: Any) -> Any:
        """Return the output, or the list of them."""
        inputs = list(values)
        for i in self._numbers:
            inputs[i] = np.asarray(inputs[i])
        storage: list[list[Any]] = [[None] for _ in range(self._n)]
        self._perform(self.node, inputs, storage)
        return storage[0][0] if self._n == 1 else [cell[0] for cell in storage]


class Loop:
    """A loop: its lines, the function ``loop`` which calls ``step``, and the lines of a step, or a function.

    Parameters
    ----------
    source : str
        Lines.
    step : StraightLine or callable
        From the inputs of one step to a sequence of its outputs.
    """

    def __init__(self, source: str, step: StraightLine | Callable[..., Any]):
        self.source, self.step = source, step
        names = {**OF_LOOPS, "step": step.function() if isinstance(step, StraightLine) else step}
        exec(source, names)
        self._call: Callable[..., Any] = names["loop"]

    def __call__(self, *values: Any) -> Any:
        """Return what comes of the loop."""
        return self._call(*values)
