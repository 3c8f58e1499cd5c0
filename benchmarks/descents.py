"""Descents on one core: a recorded step beside its gradient alone, and a step on a batch beside one on all rows."""

from functools import partial
from typing import Any

from threadpoolctl import threadpool_limits

import pymc_landscape as pml
from benchmarks.clocks import in_turns
from benchmarks.isolate import Caches
from benchmarks.rows import Bar, Row, alone, median
from benchmarks.workloads import logistic, regression

STEPS, ROWS = 1000, 100_000


def adam() -> dict[str, Any]:
    """Time 1,000 recorded steps of Adam, and the same gradients alone."""
    with threadpool_limits(1):
        objective = pml.Objective(regression(1000))
        walk = partial(pml.descend, objective, "adam", steps=STEPS, tolerance=0.0, progressbar=False)
        thetas, slope = walk()["theta"].values[0], objective.value_and_gradient_function()

        def gradients() -> None:
            for theta in thetas:
                slope(theta)

        return in_turns({"descend": walk, "gradient": gradients}, 3)


def minibatch() -> dict[str, Any]:
    """Time a step of SGD on 64 rows, and on all, by the path's own clock."""
    with threadpool_limits(1):
        objective = pml.Objective(logistic(ROWS))

        def a_step(steps: int, batch_size: int | None) -> float:
            path = pml.descend(
                objective, "sgd", steps=steps, learning_rate=0.1 / ROWS, batch_size=batch_size, record_every=steps,
                tolerance=0.0, random_seed=1, progressbar=False,
            )  # fmt: skip
            return float(path["seconds"][0, -1]) / steps

        return {"batch": min(a_step(STEPS, 64) for _ in range(3)), "all": min(a_step(20, None) for _ in range(3))}


def rows(caches: Caches, repeats: int) -> list[Row]:
    """Compare recorded steps with their gradients alone, and steps by a batch with those by all data."""
    steps, batch = caches.in_turns([(adam,), (minibatch,)], repeats)
    beside = (median(steps, "descend_processor") - median(steps, "gradient_processor")) / STEPS
    few, every = median(batch, "batch"), median(batch, "all")
    return [
        alone("a recorded step of Adam beside its gradient", beside, Bar("≤ 60 µs", beside <= 60e-6)),
        Row(
            "a step of SGD, 64 of 100,000 rows, logistic", few, "the same on all rows", every, clock="wall",
            bars=(Bar("≥ 50 × faster", every >= 50 * few),),
        ),
    ]  # fmt: skip
