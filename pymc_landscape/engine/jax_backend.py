"""Many points through JAX: on its CPU worth compiling for a few models only, and the way to a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pymc as pm
from pytensor.scalar.loop import ScalarLoop

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
    _teach_loops_over_numbers()
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


def _teach_loops_over_numbers() -> None:
    """Tell PyTensor how JAX loops over numbers, where it does not know: a derivative of `gammainc` is such a series."""
    from pytensor.link.jax.dispatch.basic import jax_funcify

    if ScalarLoop not in jax_funcify.registry:
        jax_funcify.register(ScalarLoop)(_loop_of_elements)


def _loop_of_elements(op: ScalarLoop, **options: Any) -> Callable[..., Any]:
    """Return a loop for all elements of arrays at once: those that are over stay as they are until all are."""
    import jax
    import jax.numpy as jnp
    from pytensor.link.jax.dispatch.basic import jax_funcify

    step, n_states = jax_funcify(op.fgraph, **{**options, "node": None}), len(op.outputs) - int(op.is_while)

    def loop(n_steps: Any, *inputs: Any) -> Any:
        types = [v.type.dtype for v in op.fgraph.inputs]
        shape = jnp.broadcast_shapes(jnp.shape(n_steps), *map(jnp.shape, inputs))
        values = [jnp.broadcast_to(jnp.asarray(x, t), shape) for x, t in zip(inputs, types, strict=True)]
        states, fixed = values[:n_states], values[n_states:]

        def one_step(now: Any) -> Any:
            n, goes_on, states, done = now
            made = step(*states, *fixed)
            made = made if isinstance(made, tuple | list) else (made,)
            states = [jnp.where(goes_on, new, old) for new, old in zip(made[:n_states], states, strict=True)]
            done = jnp.where(goes_on, made[-1], done) if op.is_while else done
            return n + 1, goes_on & ~done & (n + 1 < n_steps), states, done

        begin = 0, jnp.broadcast_to(jnp.asarray(n_steps) > 0, shape), states, jnp.zeros(shape, bool)
        _, _, states, done = jax.lax.while_loop(lambda now: now[1].any(), one_step, begin)
        outputs = [*states, *[done] * op.is_while]
        return tuple(outputs) if len(outputs) > 1 else outputs[0]

    return loop
