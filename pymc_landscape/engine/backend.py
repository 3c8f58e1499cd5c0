"""What every back end is: functions that evaluate blocks of points, and what has been measured of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm

from pymc_landscape._typing import Array, Graph

Run = Callable[[Array], list[Array]]
Fill = Callable[[Array, list[Array]], None]


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
    seconds_per_point: float = np.inf
    width: int = 1


def point_by_point(vector: Graph, graphs: Sequence[Graph], **compile_kwargs: Any) -> Run:
    """Return a loop in Python over a function of one point, compiled with PyMC's options `compile_kwargs`."""
    evaluate = pm.pytensorf.compile([vector], graphs, on_unused_input="ignore", **compile_kwargs)

    def run(points: Array) -> list[Array]:
        return [np.stack(column) for column in zip(*(evaluate(point) for point in points), strict=True)]

    return run
