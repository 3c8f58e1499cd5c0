"""Seconds on the wall's clock and of the processor: others on the machine stretch the first, hardly the second."""

import resource
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

TURN_SECONDS = 0.3
Way = Callable[[], Any]


def once(work: Way, name: str) -> tuple[dict[str, float], Any]:
    """Time one call; the figures, and what the call returned."""
    wall, processor = time.perf_counter(), _processor()
    found = work()
    return {name: time.perf_counter() - wall, f"{name}_processor": _processor() - processor}, found


def _processor() -> float:
    """Return the seconds of a processor that this process has taken, and what it started (a C compiler, R)."""
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + of_children.ru_utime + of_children.ru_stime


def in_turns(ways: Mapping[str, Way], repeats: int, seconds: float = TURN_SECONDS) -> dict[str, float]:
    """Return for each way, by both clocks, the median over turns of the best call in each.

    The best call is what it takes while the neighbours are quiet. A median of calls would not be fair: a parallel loop
    waits ten times its own 1 ms for a core that another process holds.
    """
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            turns[name].append(_turn(way, seconds))
    wall = {name: statistics.median(best for best, _ in found) for name, found in turns.items()}
    return wall | {f"{name}_processor": statistics.median(best for _, best in found) for name, found in turns.items()}


def _turn(way: Way, seconds: float) -> tuple[float, float]:
    calls, end = [], time.perf_counter() + seconds
    while not calls or time.perf_counter() < end:
        took, _ = once(way, "call")
        calls.append((took["call"], took["call_processor"]))
    return min(wall for wall, _ in calls), min(processor for _, processor in calls)
