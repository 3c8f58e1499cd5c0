"""Work on a cluster of this machine's processes: two workers beside one, a task that does nothing, large stores."""

import logging
import resource
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm
from distributed import Client, LocalCluster

import pymc_landscape as pml
from benchmarks.clocks import once
from benchmarks.isolate import Caches
from benchmarks.rows import Row, alone, at_most, compared, median
from pymc_landscape.results.cluster import RangeTasks

REFITS, ROWS, TASKS = 3_000, 2_000, 500
EFFECT_REFITS, GROUPS, EACH = 100, 60, 4
GRID = {"level": (-1.0, 2.0, 100), "slope": (-1.0, 2.0, 1_000), "spread": (0.5, 2.0, 100)}  # 10⁷ points
STORED = (10**8, 10**7)
QUIET: dict[str, Any] = {"progressbar": False}


def workers(n: str) -> dict[str, float]:
    """Time refits, a landscape and tasks that do nothing on `n` workers of one thread, each after a first short one."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=ROWS)
    with pm.Model() as model:
        level, slope, spread = pm.Normal("level", 0, 5), pm.Normal("slope", 0, 5), pm.HalfNormal("spread", 5)
        pm.StudentT("y", nu=4, mu=level + slope * x, sigma=spread, observed=0.5 + 0.7 * x + rng.standard_t(4, ROWS))
    fit = pml.fit_mle(pml.Objective(model, backend="numba"), **QUIET)
    effects = pml.fit_mle(pml.Objective(_with_effects(rng), latent="effect"), **QUIET)
    with _cluster(int(n)) as cluster, cluster.get_client() as client:

        def refitted(of: pml.Fit, draws: int, name: str) -> dict[str, float]:
            pml.parametric_bootstrap(of, draws=16, random_seed=1, client=client, **QUIET)
            again = {"draws": draws, "random_seed": 2, "client": client, **QUIET}
            took, _ = once(lambda: pml.parametric_bootstrap(of, **again), name)
            return took

        warm = {name: (low, high, 10) for name, (low, high, _) in GRID.items()}
        pml.evaluate_landscape(fit, warm, client=client, **QUIET)
        measured = refitted(fit, REFITS, "refits") | refitted(effects, EFFECT_REFITS, "effect_refits")
        points, _ = once(lambda: pml.evaluate_landscape(fit, GRID, client=client, **QUIET), "points")
        tasks, _ = once(lambda: _nothing(client), "tasks")
    return {name: took for name, took in (measured | points | tasks).items() if not name.endswith("_processor")}


def _cluster(n: int) -> LocalCluster:
    return LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=":0", silence_logs=logging.CRITICAL)


def _with_effects(rng: np.random.Generator) -> pm.Model:
    x, group = rng.normal(size=GROUPS * EACH), np.repeat(np.arange(GROUPS), EACH)
    counts = rng.poisson(np.exp(0.5 + 0.4 * x + 0.7 * rng.normal(size=GROUPS)[group]))
    with pm.Model() as model:
        level, slope, spread = pm.Normal("level", 0, 5), pm.Normal("slope", 0, 5), pm.HalfNormal("spread", 5)
        effect = pm.Normal("effect", 0, spread, shape=GROUPS)
        pm.Poisson("y", pm.math.exp(level + slope * x + effect[group]), observed=counts)
    return model


def written(n: str) -> dict[str, float]:
    """Time a landscape of `n` points on its way to a store, ten million of them, and take the client's peak memory."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=20)
    with pm.Model() as model:
        level, slope = pm.Normal("level", 0, 5), pm.Normal("slope", 0, 5)
        pm.Poisson("y", pm.math.exp(level + slope * x), observed=rng.poisson(np.exp(0.4 + 0.6 * x)))
    objective = pml.Objective(model, backend="numba")
    lines = int(n) // 10_000
    with tempfile.TemporaryDirectory() as folder, _cluster(2) as cluster, cluster.get_client() as client:

        def land(name: str, n_level: int, n_slope: int) -> None:
            grid = {"level": (-1.0, 1.5, n_level), "slope": (-0.5, 1.5, n_slope)}
            pml.evaluate_landscape(objective, grid, store=Path(folder) / name, client=client, **QUIET)

        land("small.zarr", 100, 100)
        measured, _ = once(lambda: land("large.zarr", lines, 10_000), "written")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {f"written_{n}": measured["written"] * 1e7 / int(n), f"peak_{n}": peak}


def _nothing(client: Client) -> None:
    for _ in RangeTasks(client, lambda start, stop: None, "nothing", most=1).over(0, TASKS):
        pass


def _of(figure: str) -> tuple[str, str]:
    more, fewer = (f"{figure}_{n}" for n in STORED)
    return more, fewer


def rows(caches: Caches, repeats: int) -> list[Row]:
    """Measure two workers beside one, and a large landscape beside one of a tenth of its points."""
    stores = zip(*caches.in_turns([(written, n) for n in STORED], repeats), strict=True)
    large = [more | fewer for more, fewer in stores]
    to_store = "landscape of 10⁸ points of 20 rows to a zarr store, two workers"
    two, one = caches.in_turns([(workers, 2), (workers, 1)], repeats)
    measured = ("refits", "effect_refits", "points", "tasks")
    answers = [
        {f"{name}_{n}": answer[name] for n, answer in ((1, less), (2, more)) for name in measured}
        for less, more in zip(one, two, strict=True)
    ]
    model = f"Student t, {ROWS:,} rows, two workers of one thread"
    effects = f"Poisson with {GROUPS} random effects, two workers of one thread"
    each = 1e3 * median(answers, "tasks_2") / TASKS
    options: dict[str, Any] = {"faster": 1.8, "clock": "wall"}
    return [
        compared(f"{REFITS:,} bootstrap refits, {model}", answers, "refits_2", "refits_1", "one worker", **options),
        compared(
            f"{EFFECT_REFITS} refits, {effects}", answers, "effect_refits_2", "effect_refits_1", "one worker", **options
        ),
        compared(f"landscape of 10⁷ points, {model}", answers, "points_2", "points_1", "one worker", **options),
        compared(f"{to_store}, by ten million", large, *_of("written"), "of 10⁷", within=1.1, clock="wall"),
        compared(f"{to_store}, memory", large, *_of("peak"), "of 10⁷", within=1.1, unit="MiB", clock="bytes"),
        alone("a task that does nothing", each, at_most(each, 5, "ms"), unit="ms", clock="wall"),
    ]
