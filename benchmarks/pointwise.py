"""The log-likelihood of every observation at every draw, by us and by PyMC, in turns; and what memory it takes.

Both get one warm-up call, so that every kernel is compiled, and give back their result before the next turn. A third
turn only writes as many numbers into new memory: nothing that returns them can be faster.
"""

import gc
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

import pymc_landscape as pml
from benchmarks.clocks import in_turns, once
from benchmarks.isolate import Caches
from benchmarks.rows import Row, alone, at_most, compared, median
from benchmarks.workloads import regression

CHAINS, MIB = 4, 2**20


def speed(rows: str, draws: str) -> dict[str, Any]:
    """Time both on `rows` observations and `draws` draws, in turns; and the largest difference."""
    model, dt = regression(int(rows)), posterior(int(draws))
    few = dt.isel(draw=slice(0, 5))
    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: _ours(model, dt),
        "pymc": lambda: _pymc(model, dt),
        "floor": lambda: np.empty((int(draws), int(rows))).fill(1.0),
    }
    ours, theirs = _ours(model, few)["log_likelihood"]["y"].to_numpy(), _pymc(model, few)["y"].to_numpy()
    if (off := float(np.abs(ours - theirs).max())) > 1e-9:
        raise AssertionError(f"PyMC computes something else, by {off}")
    _ours(model, dt)  # the first large request compiles the kernel
    gc.collect()
    return in_turns(ways, 3)


def first(rows: str, draws: str, whose: str) -> dict[str, Any]:
    """Time the first call of a process, with all that it compiles."""
    model, dt = regression(int(rows)), posterior(int(draws))
    return once(lambda: (_ours if whose == "ours" else _pymc)(model, dt), whose)[0]


def memory(rows: str, draws: str, where: str) -> dict[str, Any]:
    """Evaluate once, into memory or onto disk; bytes of the result, and peak bytes beyond what was there."""
    model, dt = regression(int(rows)), posterior(int(draws))
    objective = pml.Objective(model, backend="numba")
    _ours(objective, dt.isel(draw=slice(0, 2)))  # compiles
    gc.collect()
    before = _peak()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "groups.zarr" if where == "disk" else None
        tree = _ours(objective, dt, store)
        return {"result": sum(group.nbytes for group in tree.children.values()), "peak": _peak() - before}


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


def rows(caches: Caches, repeats: int) -> list[Row]:
    """Log-likelihood of every observation at every draw, against PyMC's own; and its memory."""
    tasks = [(speed, 100_000, 1000), (speed, 1000, 4000)]
    firsts = [(first, 1000, 4000, whose) for whose in ("ours", "pymc")]
    for task in (*tasks, *firsts):
        caches.warm(*task)
    wide, tall, ours, theirs = caches.in_turns([*tasks, *firsts], repeats)
    ((disk,),) = caches.in_turns([(memory, 100_000, 1000, "disk")], 1)
    peer = "`pm.compute_log_likelihood`"
    floor = f"writing as many numbers takes {median(wide, 'floor'):.2g} s"
    both = [mine | other for mine, other in zip(ours, theirs, strict=True)]
    note = f"the result is {disk['result'] / MIB:.0f} MiB"
    peak = disk["peak"] / MIB
    return [
        compared("10⁵ observations × 1,000 draws", wide, "ours", "pymc", peer, faster=20, clock="wall", note=floor),
        compared("10³ observations × 4,000 draws", tall, "ours", "pymc", peer, clock="wall"),
        compared("the same, first call of a process", both, "ours", "pymc", peer),
        alone(
            '10⁵ × 1,000 with `store="x.zarr"`: peak memory', peak, at_most(peak, 1024, "MiB"), unit="MiB",
            clock="memory", note=note,
        ),
    ]  # fmt: skip
