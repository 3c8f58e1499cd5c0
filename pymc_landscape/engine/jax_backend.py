"""Many points through JAX: on its CPU worth compiling for a few models only, and the way to a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pymc as pm

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.backend import Backend

# Points that run through the processor side by side inside JAX's own loop.
SIDE_BY_SIDE = 256
# Points in a block.
BLOCK = 4096


def jax_backend(vector: Graph, graphs: Sequence[Graph]) -> Backend:
    """Return the graphs as JAX functions of blocks of points.

    Parameters
    ----------
    vector : Graph
        The flat input.
    graphs : sequence of Graph
        One graph an output, a scalar or vector of one point.

    Raises
    ------
    ImportError
        If JAX is not installed.
    NotImplementedError
        If JAX has no counterpart of an Op: one in Python, or a sum by elimination.
    """
    try:
        import jax
    except ImportError as error:
        raise ImportError(
            "backend='jax' needs JAX, which is not installed: pip install 'pymc-landscape[jax]'."
        ) from error
    try:
        function = pm.pytensorf.compile([vector], graphs, mode="JAX", on_unused_input="ignore", trust_input=True)
    except NotImplementedError as error:
        raise NotImplementedError(
            f"Expected a model whose Ops JAX has, got one that it has not ({error}): leave backend out."
        ) from error
    shared = [container.storage for container in function.input_storage[1:]]
    of_one_point = function.vm.jit_fn

    def many(points: Array, *data: Array) -> Any:
        return jax.lax.map(lambda point: of_one_point(point, *data), points, batch_size=SIDE_BY_SIDE)

    batch_function = jax.jit(many)

    def run(points: Array) -> list[Array]:
        padded = _pad(points)  # a new length would mean compiling again
        values = batch_function(padded, *(storage[0] for storage in shared))
        return [np.asarray(value)[: len(points)] for value in values]

    return Backend(run, block=BLOCK)


def _pad(points: Array) -> Array:
    """Repeat the last point until the length is a power of two."""
    missing = (1 << (len(points) - 1).bit_length()) - len(points)
    return np.concatenate([points, np.repeat(points[-1:], missing, axis=0)])
