"""What one new process measures: ``python -m benchmarks.probes NAME ARGUMENT...`` prints JSON.

Nothing heavy is imported at the top, so that a probe sees the first import of everything.
"""

import itertools
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

Answer = dict[str, Any]


def importing() -> Answer:
    """Time `import pymc`, then what `import pymc_landscape` adds."""
    clock = [time.perf_counter()]
    import pymc  # noqa: F401

    clock.append(time.perf_counter())
    import pymc_landscape  # noqa: F401

    clock.append(time.perf_counter())
    return {"pymc": clock[1] - clock[0], "pymc_landscape": clock[2] - clock[1]}


def first_landscape(name: str, backend: str = "") -> Answer:
    """Time the first 101 × 101 landscape of a process, `import pymc` left out.

    `xarray` is the part that its first Dataset takes, which imports dask where it is installed.
    """
    import pymc  # noqa: F401

    clock = [time.perf_counter()]
    import pymc_landscape as pml

    clock.append(time.perf_counter())
    from benchmarks.workloads import FIRST

    _, build, axes = FIRST[name]
    model = build()
    clock.append(time.perf_counter())
    grid = pml.regular_grid(axes)
    clock.append(time.perf_counter())
    objective = pml.Objective(model, backend=backend or None)
    surface = pml.evaluate_landscape(objective, grid, progressbar=False)
    clock.append(time.perf_counter())
    parts = zip(("import", "model", "xarray", "landscape"), itertools.pairwise(clock), strict=True)
    finite = bool(surface["minus2ll"].notnull().all())
    return {part: end - start for part, (start, end) in parts} | {"finite": finite}


def throughput(rows: str, num: str, repeats: str, *names: str) -> Answer:
    """Time `num` × `num` points after compiling, every contender in turn; µs a point."""
    from benchmarks.contest import contenders, microseconds

    return microseconds(contenders(int(rows), int(num), names), int(num) ** 2, int(repeats))


def memory(rows: str, num: str) -> Answer:
    """Evaluate `num` × `num` points; seconds, bytes of the result, and peak bytes beyond it."""
    import pymc_landscape as pml
    from benchmarks.workloads import regression

    objective = pml.Objective(regression(int(rows)), backend="numba")
    small, large = (_line_grid(pml, n) for n in (50, int(num)))
    pml.evaluate_landscape(objective, small, progressbar=False)  # compiles
    before, start = _resident(), time.perf_counter()
    surface = pml.evaluate_landscape(objective, large, progressbar=False)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "result": surface.nbytes, "extra": peak - before - surface.nbytes}


def _line_grid(pml: Any, num: int) -> Any:
    return pml.regular_grid({"a": (0.8, 1.2, num), "b": (1.8, 2.2, num)})


def _resident() -> int:
    """Bytes in memory now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def fit(name: str, repeats: str, starts: str) -> Answer:
    """Time the first fit of a process, and further ones in turns with a rival's; seconds."""
    from benchmarks.fitting import fits

    return fits(name, int(repeats), starts)


def first_fit(name: str, starts: str) -> Answer:
    """Time the first fit of a process; seconds, −2LL, status."""
    from benchmarks.starts import first_fit as measure

    return measure(name, starts)


def spectrum(groups: str) -> Answer:
    """Time the leading eigenvalues of the Hessian of a large model; seconds."""
    from benchmarks.fitting import spectrum as measure

    return measure(int(groups))


def adam(repeats: str) -> Answer:
    """Time recorded steps of Adam, and their gradients alone; µs a step."""
    from benchmarks.fitting import adam as measure

    return measure(int(repeats))


def minibatch(rows: str, repeats: str) -> Answer:
    """Time a step on 64 rows, and on all; µs a step."""
    from benchmarks.fitting import minibatch as measure

    return measure(int(rows), int(repeats))


def intervals(repeats: str) -> Answer:
    """Time six interval ends, in turns with iminuit's; seconds."""
    from benchmarks.uncertainty import intervals as measure

    return measure(int(repeats))


def contour(repeats: str) -> Answer:
    """Time a contour of 40 vertices, in turns with iminuit's; seconds."""
    from benchmarks.uncertainty import contour as measure

    return measure(int(repeats))


def profiles(repeats: str) -> Answer:
    """Time profiles, ends read off them, and a heat map of profiles; seconds."""
    from benchmarks.uncertainty import profiles as measure

    return measure(int(repeats))


def bootstrap(name: str, draws: str) -> Answer:
    """Time a bootstrap; seconds."""
    from benchmarks.simulation import bootstrap as measure

    return measure(name, int(draws))


def coverage(name: str, draws: str) -> Answer:
    """Time a study of coverage; seconds, and how far it is from what is exact."""
    from benchmarks.simulation import coverage as measure

    return measure(name, int(draws))


def hdi(draws: str) -> Answer:
    """Time a study of coverage with sampled posteriors; seconds a data set."""
    from benchmarks.simulation import hdi as measure

    return measure(int(draws))


def sleepstudy(repeats: str) -> Answer:
    """Time a fit with random effects and its intervals; seconds, and those of lme4."""
    from benchmarks.effects import sleepstudy as measure

    return measure(int(repeats))


def groups(n: str, rows: str, repeats: str) -> Answer:
    """Time one marginal value with gradient; seconds, bytes, error."""
    from benchmarks.effects import groups as measure

    return measure(int(n), int(rows), int(repeats))


def hidden_markov(steps: str, repeats: str) -> Answer:
    """Time the likelihood of a hidden Markov chain with its slope; seconds, and those of the forward recursion."""
    from benchmarks.chains import hidden_markov as measure

    return measure(int(steps), int(repeats))


def pointwise(rows: str, draws: str, repeats: str) -> Answer:
    """Time the pointwise log-likelihood, in turns with PyMC's; seconds."""
    from benchmarks.pointwise import speed

    return speed(int(rows), int(draws), int(repeats))


def pointwise_first(rows: str, draws: str, whose: str) -> Answer:
    """Time the first pointwise log-likelihood of a process, ours or PyMC's; seconds."""
    from benchmarks.pointwise import first

    return first(int(rows), int(draws), whose)


def pointwise_memory(rows: str, draws: str, where: str) -> Answer:
    """Evaluate the pointwise log-likelihood once; seconds, bytes of the result, and peak bytes."""
    from benchmarks.pointwise import memory as measure

    return measure(int(rows), int(draws), where)


def explorer_page(draws: str) -> Answer:
    """Open the explorer of CDNOW in a browser; bytes, seconds, milliseconds."""
    from benchmarks.explorer_page import explorer_page as measure

    return measure(draws)


def report(name: str) -> Answer:
    """Write the report of a fitted model; seconds, and bytes of the page."""
    from benchmarks.report_page import report as measure

    return measure(name)


ALL = (
    importing,
    first_landscape,
    throughput,
    memory,
    fit,
    first_fit,
    spectrum,
    adam,
    minibatch,
    intervals,
    contour,
    profiles,
    bootstrap,
    coverage,
    hdi,
    sleepstudy,
    groups,
    hidden_markov,
    pointwise,
    pointwise_first,
    pointwise_memory,
    explorer_page,
    report,
)
PROBES = {f.__name__: f for f in ALL}

if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]](*sys.argv[2:])))
