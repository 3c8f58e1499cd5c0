"""More rows than memory: a fit from a zarr store in blocks, beside the same fit of rows in memory, by row."""

import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
import zarr

import pymc_landscape as pml
from benchmarks.clocks import once
from benchmarks.isolate import Caches
from benchmarks.rows import Row, alone, at_most, compared, median

ROWS, IN_MEMORY, BLOCK, PREDICTORS = 10_000_000, 1_000_000, 100_000, 10


def fits() -> dict[str, float]:
    """Time a logistic regression from a store, and one of fewer rows in memory, both by a million rows; peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        x = zarr.create_array(Path(folder) / "x.zarr", shape=(ROWS, PREDICTORS), dtype="f8", chunks=(BLOCK, PREDICTORS))
        y = zarr.create_array(Path(folder) / "y.zarr", shape=(ROWS,), dtype="i1", chunks=(BLOCK,))
        for start, (predictors, outcomes) in zip(range(0, ROWS, BLOCK), _blocks(), strict=False):
            x[start : start + BLOCK], y[start : start + BLOCK] = predictors, outcomes
        block = _model(x[:BLOCK], y[:BLOCK])
        few = {"x": x[: 2 * BLOCK], "outcomes": y[: 2 * BLOCK]}
        pml.fit_mle(pml.sum_over_blocks(block, few), progressbar=False)
        stored, fit = once(
            lambda: pml.fit_mle(pml.sum_over_blocks(block, {"x": x, "outcomes": y}), progressbar=False), "stored"
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        whole = _model(x[:IN_MEMORY], y[:IN_MEMORY])
    pml.fit_mle(whole, progressbar=False)
    in_memory, other = once(lambda: pml.fit_mle(whole, progressbar=False), "in_memory")
    assert fit.status == other.status == "converged"
    share = ROWS / IN_MEMORY
    return {name: seconds / share for name, seconds in stored.items()} | in_memory | {"peak": peak}


def _blocks() -> Iterator[tuple[Any, Any]]:
    rng, slopes = np.random.default_rng(1), np.linspace(-0.5, 0.5, PREDICTORS)
    while True:
        x = rng.normal(size=(BLOCK, PREDICTORS))
        yield x, (rng.random(BLOCK) < 1 / (1 + np.exp(-0.1 - x @ slopes))).astype("i1")


def _model(x: Any, outcomes: Any) -> pm.Model:
    with pm.Model() as model:
        x, outcomes = pm.Data("x", x), pm.Data("outcomes", outcomes)
        level, slopes = pm.Normal("level", 0, 5), pm.Normal("slopes", 0, 5, shape=PREDICTORS)
        pm.Bernoulli("y", logit_p=level + x @ slopes, observed=outcomes)
    return model


def rows(caches: Caches, repeats: int) -> list[Row]:
    """Measure a fit of a store of 800 MB, by a million rows, and the memory that it takes."""
    answers = [caches.warm(fits) for _ in range(repeats)]
    work = f"logistic fit, {ROWS:,} rows × {PREDICTORS} in a zarr store, a million rows of it"
    peak = median(answers, "peak")
    return [
        compared(work, answers, "stored", "in_memory", "the same in memory", within=1.3, clock="wall"),
        alone("peak memory of that process", peak, at_most(peak, 1024, "MiB"), unit="MiB", clock="bytes"),
    ]
