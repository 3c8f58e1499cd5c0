"""What every back end is: functions that evaluate blocks of points, and what has been measured of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.interpreter import InterpretedCost

Run = Callable[[Array], list[Array]]
Fill = Callable[[Array, list[Array]], None]
# What is not interpreted costs nothing that is counted.
NOTHING = InterpretedCost(0.0)
# What may be asked for by name.
BACKENDS = "numba", "jax", "c", "interpreter"


@dataclass
class Backend:
    """How to evaluate a block of points.

    Parameters
    ----------
    run : callable
        From points (G, k) to one array (G, ...) an output.
    fill : callable, optional
        The same as `run`, into arrays that are given.
    block : int, optional
        The number of points in a block at which it works best; left out, any.
    parallel : bool
        Whether threads help: it releases the interpreter's lock.
    cost : InterpretedCost
        What a block costs, where it is interpreted.

    Attributes
    ----------
    seconds_per_point : float
        The least that was measured.
    width : int
        How many numbers it gives for a point.
    """

    run: Run
    fill: Fill | None = None
    block: int | None = None
    parallel: bool = False
    cost: InterpretedCost = NOTHING
    seconds_per_point: float = np.inf
    width: int = 1


def checked_backend(name: str | None) -> str | None:
    """Return the name of a back end in small letters, or refuse it."""
    known = name.lower() if isinstance(name, str) else name
    if known is not None and known not in BACKENDS:
        raise ValueError(
            f"Expected a backend among {', '.join(map(repr, BACKENDS))}, got {name!r}: leave it out, and the size of "
            "the work chooses; a mode of PyTensor's is given as compile_kwargs={'mode': ...}."
        )
    return known


def point_by_point(vector: Graph, graphs: Sequence[Graph], **compile_kwargs: Any) -> Run:
    """Return a loop in Python over a function of one point, compiled with PyMC's options `compile_kwargs`."""
    evaluate = pm.pytensorf.compile([vector], graphs, on_unused_input="ignore", **compile_kwargs)

    def run(points: Array) -> list[Array]:
        return [np.stack(column) for column in zip(*(evaluate(point) for point in points), strict=True)]

    return run
