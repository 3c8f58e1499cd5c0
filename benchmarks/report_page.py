"""How long a report takes: the page of a model that was fitted before, in a process that compiled nothing yet."""

import time
from collections.abc import Callable
from typing import Any

import pymc as pm
from threadpoolctl import threadpool_limits

import pymc_landscape as pml
from benchmarks.effects import sleepstudy_model
from benchmarks.fitting import MODELS


def _sleepstudy() -> pml.Objective:
    return pml.Objective(sleepstudy_model(), latent="u")


REPORTED: dict[str, Callable[[], pm.Model | pml.Objective]] = {"budworm": MODELS["budworm"], "sleepstudy": _sleepstudy}


def report(name: str) -> dict[str, Any]:
    """Time the report of a fitted model, first and again, and the writing of its page.

    Returns
    -------
    dict
        ``first`` and ``again`` in seconds, ``bytes`` of the page, ``slowest`` section with its seconds, and ``refused``
        sections.
    """
    with threadpool_limits(1):
        fit = pml.fit_mle(REPORTED[name](), progressbar=False)
        first, page = _timed(fit)
        again, _ = _timed(fit)
    slowest = max(page.seconds, key=lambda title: page.seconds[title])
    return {
        "first": first,
        "again": again,
        "bytes": len(page.html.encode()),
        "slowest": f"{slowest}, {page.seconds[slowest]:.1f} s",
        "refused": len(page.refused),
    }


def _timed(fit: pml.Fit) -> tuple[float, pml.Report]:
    start = time.perf_counter()
    page = pml.report(fit, random_seed=1, progressbar=False)
    _ = page.html
    return time.perf_counter() - start, page
