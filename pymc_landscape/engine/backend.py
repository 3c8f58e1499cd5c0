"""What every back end is: functions that evaluate blocks of points, and what has been measured of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any, cast

import numpy as np
import pymc as pm
import pytensor
from numpy.typing import NDArray
from pytensor.compile.mode import get_mode

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array, Graph
from pymc_landscape.arguments import checked_mapping, refused, unknown_name
from pymc_landscape.engine.interpreter import InterpretedCost
from pymc_landscape.numerics import one_at_a_time

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
    bound : callable, optional
        Gives `run` and `fill` on the data of the thread that asks, for threads that help it.

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
    bound: Callable[[], tuple[Run, Fill]] | None = None
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


def checked_compile_kwargs(compile_kwargs: Any) -> Mapping[str, Any] | None:
    """Return options of PyTensor's compiler as they are; refuse what it does not have."""
    if compile_kwargs is None:
        return None
    checked_mapping("compile_kwargs", compile_kwargs, example="{'mode': 'NUMBA'}")
    known = {*signature(pytensor.function).parameters, "random_seed"} - {"inputs", "outputs"}
    for name in compile_kwargs:
        if name not in known:
            raise unknown_name("options of pytensor.function in compile_kwargs", name, sorted(known))
    mode = compile_kwargs.get("mode")
    try:
        get_mode(mode)
    except Exception:
        raise refused(
            "a mode of PyTensor's in compile_kwargs", mode, "write for example 'NUMBA'", by_type=False
        ) from None
    return cast(Mapping[str, Any], compile_kwargs)


def in_common(points: Array) -> NDArray[np.bool_]:
    """Return which elements (k,) points (n, k) have in common, to the last bit: 0 and −0 are two."""
    bits = np.ascontiguousarray(points, dtype=float).view(np.int64)
    return np.asarray((bits == bits[:1]).all(axis=0))


def point_by_point(vector: Graph, graphs: Sequence[Graph], **compile_kwargs: Any) -> Run:
    """Return a loop in Python over a function of one point, compiled with PyMC's options `compile_kwargs`."""
    evaluate = one_at_a_time(pm.pytensorf.compile([vector], graphs, on_unused_input="ignore", **compile_kwargs))

    def run(points: Array) -> list[Array]:
        return [np.stack(column) for column in zip(*(evaluate(point) for point in points), strict=True)]

    return run
