"""The rows of the table: what is measured, the figure, and the bar it has to keep."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.isolate import Caches, in_turns, median
from benchmarks.workloads import FIRST

MIB = 2**20
ROWS = 1000  # of the regression that is evaluated 10⁴ times
NUM = 100


@dataclass(frozen=True)
class Row:
    """One line of the table; `kept` is None where there is no bar."""

    work: str
    figure: str
    bar: str = ""
    kept: bool | None = None


def imports(caches: Caches, repeats: int) -> list[Row]:
    """Import time beyond `import pymc`."""
    task = ("importing",)
    caches.warm(task)  # writes the bytecode
    (answers,) = in_turns([partial(caches.warm, task)], repeats)
    ours, pymc = median(answers, "pymc_landscape"), median(answers, "pymc")
    return [
        Row("`import pymc`, for comparison", f"{pymc:.2f} s"),
        Row("`import pymc_landscape` beyond it", f"{ours:.3f} s", "≤ 0.3 s", ours <= 0.3),
    ]


def first(caches: Caches, repeats: int) -> list[Row]:
    """First landscape of a new process, 101 × 101, with a full and with an empty compile cache."""
    tasks = {name: ("first_landscape", name) for name in FIRST}
    for task in tasks.values():
        caches.warm(task)
    runs = [partial(run, task) for task in tasks.values() for run in (caches.warm, caches.cold)]
    answers = in_turns(runs, repeats)
    rows = []
    for name, warm, cold in zip(tasks, answers[::2], answers[1::2], strict=True):
        rows += [_first_row(name, "warm", warm, 1.0), _first_row(name, "cold", cold, 5.0)]
    return rows


def _first_row(name: str, cache: str, answers: list[dict[str, Any]], bar: float) -> Row:
    ours, model = median(answers, "import", "landscape"), median(answers, "model")
    if not all(answer["finite"] for answer in answers):
        raise AssertionError(f"{name}: the landscape has points that are not finite")
    figure = f"{ours:.2f} s (and {model:.2f} s building the model in PyMC)"
    return Row(f"{FIRST[name][0]}, {cache}", figure, f"≤ {bar:g} s", ours <= bar)


def throughput(caches: Caches, repeats: int) -> list[Row]:
    """10⁴ points × 1,000 rows, compiled; the whole verb against the bare loops of others."""
    caches.warm(("throughput", str(ROWS), "20", "1"))
    runs = [partial(caches.warm, ("throughput", str(ROWS), str(NUM), "5"))]
    (answers,) = in_turns(runs, repeats)
    us = {name: median(answers, name) for name in answers[0]}
    ours = us["landscape"]
    return [
        Row("`evaluate_landscape`, numba", f"{ours:.2f} µs a point"),
        _rival("loop over `model.compile_logp()`", us["compile_logp"], ours, 40),
        _rival("loop over `scipy.stats.norm.logpdf`", us["scipy"], ours, 100),
        _rival("`pm.compute_log_likelihood`", us["compute_log_likelihood"], ours, None),
        _hand(us["handwritten"], ours),
    ]


def _rival(work: str, theirs: float, ours: float, bar: float | None) -> Row:
    figure = f"{theirs:.1f} µs a point, {theirs / ours:.0f} × ours"
    return Row(work, figure, *((f"≥ {bar} ×", theirs / ours >= bar) if bar else ()))


def _hand(theirs: float, ours: float) -> Row:
    figure = f"{theirs:.2f} µs a point; ours takes {ours / theirs:.2f} ×"
    return Row("handwritten parallel numba, fastmath", figure, "ours ≤ 2 ×", ours <= 2 * theirs)


def memory(caches: Caches, repeats: int) -> list[Row]:
    """10⁶ and 10⁷ points × 500 rows: memory beyond the result, time in proportion."""
    tasks = [("memory", "500", num) for num in ("1000", "3163")]
    million, ten = in_turns([partial(caches.warm, task) for task in tasks], repeats)
    extra, result = (median(ten, name) / MIB for name in ("extra", "result"))
    seconds = median(ten, "seconds")
    ratio = seconds / median(million, "seconds")
    beyond = f"{extra:.0f} MiB (the result itself {result:.0f} MiB)"
    return [
        Row("10⁷ points, peak memory beyond the result", beyond, "≤ 1024 MiB", extra <= 1024),
        Row("10⁷ points", f"{seconds:.1f} s"),
        Row("10⁷ points against 10⁶, time", f"{ratio:.1f} ×", "about 10 ×", ratio <= 13),
    ]


SECTIONS: dict[str, tuple[str, Callable[[Caches, int], list[Row]]]] = {
    "imports": ("Import", imports),
    "first": ("First landscape of a new process, 101 × 101, beyond `import pymc`", first),
    "throughput": ("10⁴ points × 1,000 rows, compiled", throughput),
    "memory": ("Large grids, 500 rows", memory),
}
