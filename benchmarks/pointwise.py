"""The log-likelihood of every observation at every draw, by us and by PyMC, in turns; and what memory it takes.

Both get one warm-up call, so that every kernel is compiled, and give back their result before the next turn. A third
turn only writes as many numbers into new memory: nothing that returns them can be faster.
"""

import gc
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

import pymc_landscape as pml
from benchmarks.workloads import regression

CHAINS = 4


def speed(rows: int, draws: int, repeats: int) -> dict[str, Any]:
    """Time both on `rows` observations and `draws` draws, in turns; seconds, and the largest difference."""
    model, dt = regression(rows), posterior(draws)
    few = dt.isel(draw=slice(0, 5))
    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: _ours(model, dt),
        "pymc": lambda: _pymc(model, dt),
        "floor": lambda: np.empty((draws, rows)).fill(1.0),
    }
    ours, theirs = _ours(model, few)["log_likelihood"]["y"].to_numpy(), _pymc(model, few)["y"].to_numpy()
    answer: dict[str, Any] = {"difference": float(np.abs(ours - theirs).max())}
    _ours(model, dt)  # the first large request compiles the kernel
    turns: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            gc.collect()
            start = time.perf_counter()
            way()
            turns[name].append(time.perf_counter() - start)
    return answer | {name: statistics.median(times) for name, times in turns.items()}


def first(rows: int, draws: int, whose: str) -> dict[str, Any]:
    """Time the first call of a process, with all that it compiles; seconds."""
    model, dt = regression(rows), posterior(draws)
    start = time.perf_counter()
    (_ours if whose == "ours" else _pymc)(model, dt)
    return {"seconds": time.perf_counter() - start}


def memory(rows: int, draws: int, where: str) -> dict[str, Any]:
    """Evaluate once, into memory or onto disk; seconds, bytes of the result, and peak bytes beyond what was there."""
    model, dt = regression(rows), posterior(draws)
    objective = pml.Objective(model, backend="numba")
    _ours(objective, dt.isel(draw=slice(0, 2)))  # compiles
    gc.collect()
    before, start = _peak(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "groups.zarr" if where == "disk" else None
        tree = _ours(objective, dt, store)
        seconds, size = time.perf_counter() - start, sum(group.nbytes for group in tree.children.values())
        return {"seconds": seconds, "result": size, "peak": _peak() - before}


def posterior(draws: int) -> xr.DataTree:
    """Draws around the truth of the workload."""
    rng, shape = np.random.default_rng(5), (CHAINS, draws // CHAINS)
    values = {name: (("chain", "draw"), rng.normal(at, 0.01, shape)) for name, at in zip("ab", (1.0, 2.0), strict=True)}
    values["sigma"] = (("chain", "draw"), rng.normal(0.5, 0.005, shape))
    return xr.DataTree.from_dict({"posterior": xr.Dataset(values)})


def _ours(model: Any, dt: xr.DataTree, store: Path | None = None) -> xr.DataTree:
    return pml.pointwise_log_likelihood(model, dt, store=store, progressbar=False)


def _pymc(model: pm.Model, dt: xr.DataTree) -> xr.Dataset:
    found: xr.Dataset = pm.compute_log_likelihood(dt, model=model, extend_inferencedata=False, progressbar=False)
    return found


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
