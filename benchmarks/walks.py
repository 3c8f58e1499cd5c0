"""What a step of a descent costs, beside the gradient that it needs."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import pymc_landscape as pml
from benchmarks.workloads import logistic, regression


def adam_overhead(rows: int, steps: int) -> dict[str, float]:
    """Time a path of Adam, and its gradients alone; µs a step."""
    objective = pml.Objective(regression(rows))
    walk = {"steps": steps, "tolerance": 0.0, "learning_rate": 0.01, "progressbar": False}
    path = pml.descend(objective, "adam", **walk)
    points, slope = path["theta"].values[0], objective.slope()
    turns = [
        (_seconds(lambda: pml.descend(objective, "adam", **walk)), _seconds(lambda: [slope(x) for x in points]))
        for _ in range(5)
    ]
    descent, gradients = (1e6 * min(column) / steps for column in zip(*turns, strict=True))
    return {"descent": descent, "gradient": gradients, "overhead": descent - gradients}


def minibatch_steps(rows: int, batch_size: int, steps: int) -> dict[str, float]:
    """Time steps of Adam on all data and by batches, the whole call and the walk alone; µs a step."""
    objective = pml.Objective(logistic(rows))
    walk: dict[str, Any] = {"starts": np.zeros((1, 20)), "tolerance": 0.0, "random_seed": 1, "progressbar": False}
    seconds: dict[str, list[float]] = {"full": [], "full_walk": [], "batch": [], "batch_walk": []}
    for _ in range(4):
        for name, options in (("full", {"steps": 100}), ("batch", {"steps": steps, "batch_size": batch_size})):
            start = time.perf_counter()
            path = pml.descend(objective, "adam", **walk, **options)
            seconds[name].append((time.perf_counter() - start) / options["steps"])
            seconds[f"{name}_walk"].append(float(path["seconds"][0, -1]) / options["steps"])
    return {name: 1e6 * min(found) for name, found in seconds.items()}


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
