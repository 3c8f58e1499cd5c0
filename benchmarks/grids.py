"""Many points of one model, by us and by others, in turns; and the memory of very many.

What has threads on one side is read off the wall's clock, the best call of each turn: the rest by the processor's.
"""

import importlib.util
import resource
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

import pymc_landscape as pml
from benchmarks import handwritten
from benchmarks.clocks import in_turns, once
from benchmarks.isolate import Caches
from benchmarks.rows import Row, alone, at_most, compared, median
from benchmarks.workloads import line_data, regression

ROWS, SIGMA, MIB = 1000, 0.5, 2**20
AXES = {"a": (0.8, 1.2), "b": (1.8, 2.2)}
LOOPS = {
    "compile_logp": ("loop over `model.compile_logp()`", 40),
    "scipy": ("loop over `scipy.stats.norm.logpdf`", 100),
    "compute_log_likelihood": ("`pm.compute_log_likelihood`", None),
}


def speed(num: str, *names: str) -> dict[str, float]:
    """Time `num` × `num` points of 1,000 rows after compiling, every contender in turn."""
    return in_turns(contenders(int(num), names), repeats=3)


def contenders(num: int, names: Collection[str]) -> dict[str, Callable[[], np.ndarray]]:
    """Give ways to the same log-likelihoods, compiled already and known to agree."""
    model, points = regression(ROWS), _points(num)
    x, y = line_data(ROWS)
    makers: dict[str, Callable[[], Callable[[], np.ndarray]]] = {
        "numba": lambda: lambda: handwritten.parallel(x, y, points),
        "jax": lambda: handwritten.with_jax(x, y, points),
        "landscape": lambda: _landscape(model, num),
        "compile_logp": lambda: _compile_logp(model, points),
        "scipy": lambda: lambda: handwritten.scipy_loop(x, y, points),
        "compute_log_likelihood": lambda: _compute_log_likelihood(model, num),
    }
    ways = {name: makers[name]() for name in names if name != "jax" or importlib.util.find_spec("jax")}
    _check(ways, handwritten.parallel(x, y, points))
    return ways


def memory(num: str) -> dict[str, Any]:
    """Evaluate `num` × `num` points of 500 rows; seconds, bytes of the result, and peak bytes beyond it."""
    objective = pml.Objective(regression(500), backend="numba")
    pml.evaluate_landscape(objective, _grid(50), progressbar=False)  # compiles
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    took, surface = once(lambda: pml.evaluate_landscape(objective, _grid(int(num)), progressbar=False), "seconds")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return took | {"result": surface.nbytes, "extra": peak - before - surface.nbytes}


def _points(num: int) -> np.ndarray:
    axes = [np.linspace(*AXES[name], num) for name in ("a", "b")]
    a, b = (values.ravel() for values in np.meshgrid(*axes, indexing="ij"))
    return np.column_stack([a, b, np.full(num**2, SIGMA)])


def _grid(num: int) -> Any:
    return pml.regular_grid({name: (*ends, num) for name, ends in AXES.items()})


def _landscape(model: pm.Model, num: int) -> Callable[[], np.ndarray]:
    """Time the whole verb: points made, likelihood and prior evaluated, Dataset labelled."""
    objective, grid = pml.Objective(model, backend="numba"), _grid(num)

    def way() -> np.ndarray:
        surface = pml.evaluate_landscape(objective, grid, at={"sigma": SIGMA}, progressbar=False)
        return surface["log_likelihood"].values.ravel()

    return way


def _compile_logp(model: pm.Model, points: np.ndarray) -> Callable[[], np.ndarray]:
    logp = model.compile_logp()
    return lambda: handwritten.compile_logp_loop(logp, points)


def _compute_log_likelihood(model: pm.Model, num: int) -> Callable[[], np.ndarray]:
    """Use PyMC's pointwise log-likelihood on the grid, summed; parameters must be broadcast."""
    grid = xr.DataArray(_points(num).reshape(num, num, 3), dims=("i", "j", "parameter"))
    draws = {n: grid.isel(parameter=k, drop=True) for k, n in enumerate(("a", "b", "sigma"))}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})

    def way() -> np.ndarray:
        found: Any = pm.compute_log_likelihood(
            tree, sample_dims=("i", "j"), extend_inferencedata=False, model=model, progressbar=False
        )
        return found["y"].sum("y_dim_0").values.ravel()

    return way


def _check(ways: dict[str, Callable[[], np.ndarray]], wanted: np.ndarray) -> None:
    """Stop if someone computes something else; compile_logp has the prior in it, a little off."""
    for name, way in ways.items():
        found = way()
        offset = found[0] - wanted[0] if name == "compile_logp" else 0.0
        loose = 1e-3 if name == "compile_logp" else 1e-9
        if not np.allclose(found - offset, wanted, rtol=loose):
            raise AssertionError(f"{name} computes another log-likelihood")


def rows(caches: Caches, repeats: int) -> list[Row]:
    """10⁴ and 10⁶ points × 1,000 rows beside handwritten loops; 10⁷ points in memory."""
    few, many = (speed, 100, "landscape", "numba", "jax", *LOOPS), (speed, 1000, "landscape", "numba", "jax")
    large = (memory, 3163)
    caches.warm(*few)
    of_few, of_many, ten_million = caches.in_turns([few, many, large], repeats)
    found = []
    for size, answers, within in (("10⁴", of_few, 2), ("10⁶", of_many, 1.3)):
        work = f"`evaluate_landscape`, {size} points × 1,000 rows, compiled"
        kernel, jax = "handwritten parallel numba, fastmath", "handwritten JAX, `vmap` and `jit`"
        found += [
            compared(work, answers, "landscape", "numba", kernel, within=within, clock="wall"),
            compared(work, answers, "landscape", "jax", jax, faster=2, clock="wall"),
        ]
    work = "`evaluate_landscape`, 10⁴ points × 1,000 rows, compiled"
    for name, (peer, faster) in LOOPS.items():
        found.append(compared(work, of_few, "landscape", name, peer, faster=faster, clock="wall"))
    extra = median(ten_million, "extra") / MIB
    found.append(alone("10⁷ points × 500 rows", median(ten_million, "seconds"), clock="wall"))
    work = "its peak memory beyond the result"
    found.append(alone(work, extra, at_most(extra, 1024, "MiB"), unit="MiB", clock="memory"))
    return found
