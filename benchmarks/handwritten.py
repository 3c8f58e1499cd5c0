"""The log-likelihood of a straight line by other means; every function: points (G, 3) of a, b, sigma -> (G,)."""

from collections.abc import Callable

import numba
import numpy as np
from scipy import stats

Array = np.ndarray


def compile_logp_loop(logp: Callable[[dict[str, float]], float], points: Array) -> Array:
    """Loop over PyMC's own compiled function, with a dict a point, as its documentation does."""
    return np.array([logp({"a": a, "b": b, "sigma_log__": np.log(s)}) for a, b, s in points])


def scipy_loop(x: Array, y: Array, points: Array) -> Array:
    """Loop over `scipy.stats.norm.logpdf`."""
    return np.array([stats.norm.logpdf(y, a + b * x, s).sum() for a, b, s in points])


@numba.njit(parallel=True, fastmath=True)
def parallel(x: Array, y: Array, points: Array) -> Array:
    """Loop in machine code written for this one model: all cores, vector instructions."""
    out = np.empty(len(points))
    for g in numba.prange(len(points)):
        a, b, s = points[g]
        squares = 0.0
        for i in range(x.size):
            squares += (y[i] - a - b * x[i]) ** 2
        out[g] = -0.5 * squares / s**2 - x.size * (np.log(s) + 0.5 * np.log(2 * np.pi))
    return out


def with_jax(x: Array, y: Array, points: Array) -> Callable[[], Array]:
    """Compile the density of one point over all, as JAX's documentation does; in chunks, which memory asks for."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def density(point: jax.Array) -> jax.Array:
        a, b, s = point
        squares = ((y - a - b * x) ** 2).sum()
        return -0.5 * squares / s**2 - x.size * (jnp.log(s) + 0.5 * jnp.log(2 * jnp.pi))

    every, chunk = jax.jit(jax.vmap(density)), 10_000
    return lambda: np.concatenate([np.asarray(every(points[k : k + chunk])) for k in range(0, len(points), chunk)])
