"""Many points to evaluate: in chunks, on threads, through errors at single points and through Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from pymc_landscape._dataclasses import dataclass
from pymc_landscape._typing import Array
from pymc_landscape.engine.backend import Backend, Run, in_common
from pymc_landscape.numerics import n_workers, on_threads
from pymc_landscape.results import Stop

Rows = Callable[[int, int], Array]
Progress = Callable[[int], None]

# Long enough that the 40 µs a pool spends on a chunk vanish, short enough for Ctrl-C and the progress bar.
CHUNK_SECONDS = 0.05
# Less work than this is not shared out: a thread has to wake up, and two of Python's wait for each other.
WORTH_A_THREAD = 1e-3
# Rows of points, and what comes back for them, are built chunk by chunk and never take more than this.
CHUNK_BYTES = 2**25
# Blocks of fewer lines of a grid than this are cut to single lines, whose points differ along one axis alone.
FEW_LINES = 8
# Rows of points that stay in a processor's cache until they are evaluated; and the seconds of work for which the 30 µs
# of a chunk in Python do not matter.
CACHE_BYTES, LEAST_SECONDS = 2**18, 1e-3


@dataclass
class Evaluation:
    """What came of evaluating many points.

    Parameters
    ----------
    values : dict of str to array
        One (G, ...) array an output; NaN where a point was not reached or the model raised.
    n_evaluated : int
        How many points were reached.
    stopped : KeyboardInterrupt or ClusterLost, optional
        What ended it early; None where nothing did.
    errors : list
        (index of the point, exception) for each point at which the model itself raised.
    """

    values: dict[str, Array]
    n_evaluated: int = 0
    stopped: Stop | None = None
    errors: list[tuple[int, Exception]] = field(default_factory=list)

    @property
    def interrupted(self) -> bool:
        """Whether it ended early."""
        return self.stopped is not None


class ChunkedEvaluation:
    """Points to be evaluated, and the results so far: in arrays of their own, or in those given as `into`.

    Of the points of a grid, `line` is how many each of its lines has.
    """

    def __init__(
        self,
        names: Sequence[str],
        size: int,
        rows: Rows,
        total: int,
        chunk: int,
        progress: Progress,
        into: Mapping[str, Array] | None = None,
        line: int | None = None,
    ):
        self.names, self.rows, self.total, self.progress, self._line = names, rows, total, progress, line
        self._width = max(size, 1)
        self.chunk = max(1, min(chunk, CHUNK_BYTES // (8 * self._width)))
        self.position = 0
        self.result = Evaluation(dict(into or {}))
        self._reached: list[tuple[int, int]] = []
        self._lock = Lock()

    def block(self, backend: Backend, start: int, stop: int) -> None:
        """Evaluate points start to stop, in parts no larger than a chunk."""
        for a in range(start, stop, self.chunk):
            b, began = min(a + self.chunk, stop), time.perf_counter()
            self._evaluate(backend, self.rows(a, b), a)
            # the fastest seen: a busy machine makes points slow, never fast
            rate = max(time.perf_counter() - began, 1e-7) / (b - a)
            backend.seconds_per_point = min(backend.seconds_per_point, rate)
            with self._lock:
                backend.width = sum(int(np.prod(v.shape[1:])) for v in self.result.values.values()) or backend.width
                self._reached.append((a, b))
                self.result.n_evaluated += b - a
                self.progress(b - a)

    def same_in_blocks(self, backend: Backend) -> NDArray[np.bool_] | None:
        """Return which elements (k,) all points of the first block have in common; None where this is no grid."""
        if not self.total or not self._line or backend.block is None:
            return None
        start, stop = self._parts(backend.block, is_best=True)[0]
        return in_common(self.rows(start, min(stop, start + self.chunk)))

    def finish(self, backend: Backend) -> None:
        """Evaluate all that is left, on threads where they help."""
        workers = n_workers() if backend.parallel else 1
        parts = self._parts(backend.block or self._timed_size(backend, workers), is_best=backend.block is not None)
        here = backend
        if workers > 1 and len(parts) > 1 and backend.bound is not None:
            run, fill = backend.bound()
            here = replace(backend, run=run, fill=fill)
        on_threads(lambda part: self.block(here, *part), parts, min(workers, len(parts)))
        backend.seconds_per_point, backend.width = here.seconds_per_point, here.width  # the next call knows them too

    def _parts(self, size: int, is_best: bool) -> list[tuple[int, int]]:
        """Return where parts of about `size` points begin and end; in few lines of a grid, none reaches into another.

        Only where `is_best`, for what is done once a block: threads share the work as evenly as they can.
        """
        line, begin, end = self._line or 0, self.position, self.total
        if not (is_best and line):
            ends = [*range(begin + size, end, size), end]
        elif size >= FEW_LINES * line:
            ends = [*range(size - size % line, end, size - size % line), end]
        else:
            step = -(-line // -(-line // size))  # pieces of one length, as far as that goes
            inside = [*range(step, line, step), line]
            ends = [first + stop for first in range(0, end, line) for stop in inside]
        return list(zip([begin, *ends[:-1]], ends, strict=True))

    def _timed_size(self, backend: Backend, workers: int) -> int:
        """Return how many points fill a chunk's time, and no more than leave work for every thread."""
        if backend.seconds_per_point == np.inf:
            first = min(16, self.total - self.position)
            self.block(backend, self.position, self.position + first)
            self.position += first
        remaining = self.total - self.position
        cached = max(CACHE_BYTES // (8 * self._width), int(LEAST_SECONDS / backend.seconds_per_point))
        full = min(int(CHUNK_SECONDS / backend.seconds_per_point), CHUNK_BYTES // (8 * max(backend.width, 1)), cached)
        even = -(-remaining // workers) if remaining * backend.seconds_per_point > WORTH_A_THREAD else remaining
        return max(1, min(full, even, self.chunk))

    def blank(self) -> None:
        """Make the points that were not reached NaN."""
        position = 0
        for a, b in [*sorted(self._reached), (self.total, self.total)]:
            for value in self.result.values.values():
                value[position:a] = np.nan
            position = b

    def _evaluate(self, backend: Backend, points: Array, start: int) -> None:
        """Evaluate straight into the results where that can be done: they may be as large as memory."""
        # another thread may be making the arrays of the results, one after the other
        if backend.fill is not None and all(name in self.result.values for name in self.names):
            outs = [self.result.values[name][start : start + len(points)] for name in self.names]
            try:
                backend.fill(points, outs)
            except Exception:  # a point raises: find out which
                pass
            else:
                return
        self._store(start, self._careful(backend.run, points, start))

    def _careful(self, run: Run, points: Array, start: int) -> list[Array] | None:
        """Evaluate; where the model raises, halve the block until only the points that raise are left out."""
        try:
            with np.errstate(all="ignore"):
                return run(points)
        except Exception as error:
            if len(points) == 1:
                with self._lock:
                    self.result.errors.append((start, error))
                    for value in self.result.values.values():
                        value[start] = np.nan
                return None
        half = len(points) // 2
        for a, b in ((0, half), (half, len(points))):
            self._store(start + a, self._careful(run, points[a:b], start + a))
        return None

    def _store(self, start: int, values: list[Array] | None) -> None:
        if values is None:
            return
        with self._lock:
            for name, value in zip(self.names, values, strict=True):
                if name not in self.result.values:
                    made = np.empty((self.total, *value.shape[1:]))
                    for index, _ in self.result.errors:
                        made[index] = np.nan
                    self.result.values[name] = made
        for name, value in zip(self.names, values, strict=True):
            self.result.values[name][start : start + len(value)] = value
