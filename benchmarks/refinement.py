"""Few points in place of many: a slow model over a fine grid, refined and evaluated whole.

The processor's clock counts: both sides use all threads. Errors are those of −2LL up to the height of the 99.9 % level,
beside what the refined landscape says of itself.
"""

from typing import Any

import numpy as np

import pymc_landscape as pml
from benchmarks.clocks import once
from benchmarks.isolate import Caches
from benchmarks.rows import Row, alone, at_most, compared, median
from benchmarks.workloads import gaussian_process

AXES, HELD = {"length": (0.6, 3.6), "sigma": (0.2, 0.42)}, {"eta": 0.8}
ROWS = 60


def process(num: str) -> dict[str, float]:
    """Lay a Gaussian process over `num` × `num` points, both ways, after compiling."""
    objective = pml.Objective(gaussian_process(ROWS))
    options: dict[str, Any] = {"at": HELD, "progressbar": False}
    axes = {name: (*ends, int(num)) for name, ends in AXES.items()}
    pml.evaluate_landscape(objective, {name: (*ends, 40) for name, ends in AXES.items()}, **options)
    few, fine = once(lambda: pml.evaluate_landscape(objective, axes, refine=True, **options), "refined")
    every, whole = once(lambda: pml.evaluate_landscape(objective, axes, **options), "whole")
    shown = whole["delta_minus2ll"] <= pml.chi2_cutoff(0.999, df=2)
    error = np.abs(fine["minus2ll"] - whole["minus2ll"]).where(shown).max()
    share, stated = 100 * float(fine["evaluated"].mean()), float(fine.attrs["interpolation_error"])
    return few | every | {"share": share, "error": float(error), "stated": stated}


def rows(caches: Caches, repeats: int) -> list[Row]:
    """Measure a Gaussian process over 401 × 401 points."""
    (answers,) = caches.in_turns([(process, 401)], repeats)
    work = f"`refine=True`, Gaussian process of {ROWS} rows, 401 × 401 points"
    share, error, stated = (median(answers, name) for name in ("share", "error", "stated"))
    kept, told = at_most(error, 0.02, ""), f"stated: {stated:.1g}"
    return [
        compared(work, answers, "refined", "whole", "every point evaluated", faster=10),
        alone("its share of points evaluated", share, at_most(share, 10, "%"), unit="%", clock="count"),
        alone("its largest error", error, kept, unit="", note=told, clock="count"),
    ]
