"""Evaluate the graphs of one point at many points: which way, in which chunks, on how many threads.

There are three ways to run a graph, and with ``backend=None`` the size of the work chooses. The *interpreter*
evaluates whole blocks with NumPy and is ready at once; the *kernel* is machine code, which takes seconds to compile
the first time; *JAX* is used when asked for. The interpreter starts, is timed on its first blocks, and keeps the
work if that is done sooner than a kernel could be compiled; the patience is spent once for each engine, so that many
small requests end at the kernel too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
import pymc as pm
from pymc.pytensorf import resolve_backend_compile_kwargs
from pytensor.graph.traversal import ancestors
from threadpoolctl import ThreadpoolController

from pymc_landscape.aliases import Array, Graph
from pymc_landscape.interpreter import interpreted, settle

Rows = Callable[[int, int], Array]
Run = Callable[[Array], list[Array]]
Progress = Callable[[int], None]

# Seconds of interpreting for which no kernel is compiled: about what compiling takes, so that either choice
# costs at most twice the better one. Linear algebra takes numba several times longer.
PATIENCE = 3.0
PATIENCE_LINEAR_ALGEBRA = 12.0
# Long enough that the 40 µs a pool spends on a chunk vanish, short enough for Ctrl-C and the progress bar.
CHUNK_SECONDS = 0.05
# Less work than this is done before a thread has started.
WORTH_A_THREAD = 5e-4
# Rows of points are built chunk by chunk, and never take more than this.
CHUNK_BYTES = 2**25
# The first block also pays for first calls of everything: it says nothing about the others.
WARM_UP_BLOCKS = 1
JAX_BLOCK = 4096


@dataclass
class Evaluation:
    """What came of evaluating many points.

    Parameters
    ----------
    values : dict of str to array
        One (G, ...) array an output; NaN where a point was not reached or the model raised.
    n_evaluated : int
        How many points were reached.
    interrupted : bool
        Whether Ctrl-C ended it early.
    errors : list
        (index of the point, exception) for each point at which the model itself raised.
    """

    values: dict[str, Array]
    n_evaluated: int = 0
    interrupted: bool = False
    errors: list[tuple[int, Exception]] = field(default_factory=list)


class Engine:
    """Graphs of one flat vector, ready to be evaluated at many.

    Parameters
    ----------
    vector : Graph
        Flat input of length k.
    graphs : mapping of str to Graph
        Graphs of one point; arrays come back raveled to vectors.
    check_bounds : bool
        As in ``pm.Model``.
    backend : str, optional
        ``"numba"``, ``"jax"``, ``"c"``, or ``"interpreter"``; None chooses by the size of the work.
    compile_kwargs : dict, optional
        As in PyMC; a ``mode`` in it is used as it is, in a loop over points.
    """

    def __init__(
        self,
        vector: Graph,
        graphs: Mapping[str, Graph],
        *,
        check_bounds: bool = True,
        backend: str | None = None,
        compile_kwargs: Mapping[str, Any] | None = None,
    ):
        self.vector, self.names = vector, tuple(graphs)
        self.graphs = settle([_flat(graph) for graph in graphs.values()], check_bounds)
        self.compile_kwargs = dict(compile_kwargs or {})
        self.backend = "mode" if "mode" in self.compile_kwargs and backend is None else backend
        if self.backend not in (None, "interpreter"):
            resolve_backend_compile_kwargs(backend, self.compile_kwargs)
        self._ways: dict[str, _Way] = {}
        self._spent = 0.0
        self._linear_algebra = _linear_algebra(self.graphs)
        self._patience = PATIENCE_LINEAR_ALGEBRA if self._linear_algebra else PATIENCE

    def __call__(
        self,
        rows: Rows,
        total: int,
        *,
        chunk: int | None = None,
        progress: Progress = lambda done: None,
    ) -> Evaluation:
        """Evaluate points.

        Parameters
        ----------
        rows : callable
            ``rows(a, b)`` gives points a to b as an array (b - a, k).
        total : int
            How many points there are.
        chunk : int, optional
            Largest number of points evaluated in one go.
        progress : callable
            Told after each chunk how many points it had.

        Returns
        -------
        Evaluation
            Raises the model's own exception only if *every* point raised one.
        """
        work = _Work(self, rows, total, chunk or total, progress)
        try:
            with self._one_blas_thread():
                self._run(work)
        except KeyboardInterrupt:
            work.result.interrupted = True
        errors = work.result.errors
        if errors and len(errors) == work.result.n_evaluated:
            raise errors[0][1]
        return work.result

    @property
    def size(self) -> int:
        """Length k of the flat vector."""
        return int(self.vector.type.shape[0])

    def at(self, points: Array) -> dict[str, Array]:
        """Evaluate points (G, k) that are at hand; Ctrl-C raises."""
        result = self(lambda a, b: points[a:b], len(points))
        if result.interrupted:
            raise KeyboardInterrupt
        return result.values

    def compile(self) -> None:
        """Compile the kernel now, for work that comes in many small requests."""
        self._way(self.backend or "numba")

    def _one_blas_thread(self) -> AbstractContextManager[Any]:
        """Keep BLAS from starting threads inside ours; looking for its libraries takes milliseconds, so do it once."""
        if not self._linear_algebra:
            return nullcontext()
        limit: AbstractContextManager[Any] = _blas().limit(limits=1, user_api="blas")
        return limit

    def _run(self, work: _Work) -> None:
        patient = self._spent <= self._patience
        if self.backend is None and "numba" not in self._ways and patient:
            self._interpret(work)
        if work.position < work.total:
            work.finish(self._way(self.backend or "numba"))

    def _interpret(self, work: _Work) -> None:
        """Interpret block after block while the whole of it is expected to stay within the patience.

        Patience counts processor time, so that a busy machine does not change the choice.
        """
        way, blocks = self._way("interpreter"), 0
        while work.position < work.total:
            start, first = time.thread_time(), work.position
            work.position = min(first + (way.block or 1), work.total)
            work.block(way, first, work.position)
            seconds = time.thread_time() - start
            self._spent += seconds
            blocks += 1
            left = seconds * (work.total - work.position) / (work.position - first)
            if blocks > WARM_UP_BLOCKS and self._spent + left > self._patience:
                return

    def _way(self, name: str) -> _Way:
        if name not in self._ways:
            makers = {
                "interpreter": self._interpreter,
                "numba": self._kernel_or_interpreter,
                "jax": self._jax,
            }
            self._ways[name] = makers.get(name, self._loop)()
        return self._ways[name]

    def _interpreter(self) -> _Way:
        run, block = interpreted(self.vector, self.graphs)
        return _Way(run, block=block)

    def _kernel_or_interpreter(self) -> _Way:
        """Compile the kernel; what numba cannot compile stays with the interpreter, which is right and slower."""
        from numba.core.errors import NumbaError

        from pymc_landscape.kernel import Kernel

        try:
            kernel = Kernel(self.vector, self.graphs, self._lengths())
        except (NumbaError, NotImplementedError):
            if self.backend == "numba":
                raise
            return self._way("interpreter")
        if kernel.object_mode and self.backend is None:
            return self._way("interpreter")  # an Op in Python gains nothing from a loop in machine code
        return _Way(kernel, parallel=not kernel.object_mode)

    def _jax(self) -> _Way:
        from pymc_landscape.jax_batch import jax_batch

        return _Way(jax_batch(self.vector, self.graphs), block=JAX_BLOCK)

    def _loop(self) -> _Way:
        """Loop in Python over a function of one point, compiled as the user asked."""
        name = None if self.backend == "mode" else self.backend
        kwargs = resolve_backend_compile_kwargs(name, self.compile_kwargs)
        one = pm.pytensorf.compile([self.vector], self.graphs, on_unused_input="ignore", **kwargs)

        def run(points: Array) -> list[Array]:
            return [np.stack(column) for column in zip(*(one(p) for p in points), strict=True)]

        return _Way(run)

    def _lengths(self) -> list[int | None]:
        """Length of each vector output: from its static shape, else from one evaluation."""
        shapes = [graph.type.shape for graph in self.graphs]
        if any(None in shape for shape in shapes):
            example = self._way("interpreter").run(np.ones((1, self.size)))
            shapes = [value.shape[1:] for value in example]
        return [shape[0] if shape else None for shape in shapes]


@dataclass
class _Way:
    """A way to evaluate a block of points: the size of block that it likes (None: any), and how fast it was at best."""

    run: Run
    block: int | None = None
    parallel: bool = False
    seconds_a_point: float = np.inf


class _Work:
    """Points to be evaluated, and the results so far."""

    def __init__(self, engine: Engine, rows: Rows, total: int, chunk: int, progress: Progress):
        self.names, self.rows, self.total, self.progress = engine.names, rows, total, progress
        width = max(engine.size, 1)
        self.chunk = max(1, min(chunk, CHUNK_BYTES // (8 * width)))
        self.position = 0
        self.result = Evaluation({})
        self._lock = Lock()

    def block(self, way: _Way, start: int, stop: int) -> None:
        """Evaluate points start to stop, in pieces no larger than a chunk."""
        for a in range(start, stop, self.chunk):
            b, began = min(a + self.chunk, stop), time.perf_counter()
            self._store(a, self._careful(way.run, self.rows(a, b), a))
            # the fastest seen: a busy machine makes points slow, never fast
            rate = max(time.perf_counter() - began, 1e-7) / (b - a)
            way.seconds_a_point = min(way.seconds_a_point, rate)
            with self._lock:
                self.result.n_evaluated += b - a
                self.progress(b - a)

    def finish(self, way: _Way) -> None:
        """Evaluate all that is left, on threads where they help."""
        workers = _workers() if way.parallel else 1
        size = way.block or self._timed_size(way, workers)
        starts = range(self.position, self.total, size)
        pieces = ((a, min(a + size, self.total)) for a in starts)
        if workers == 1 or len(starts) < 2:
            for a, b in pieces:
                self.block(way, a, b)
        else:
            self._on_threads(way, pieces, workers)

    def _on_threads(self, way: _Way, pieces: Iterator[tuple[int, int]], workers: int) -> None:
        pool = ThreadPoolExecutor(workers)
        try:
            for _ in pool.map(lambda piece: self.block(way, *piece), pieces):
                pass
        finally:  # Ctrl-C: drop what has not started; the rest ends within a chunk
            pool.shutdown(wait=True, cancel_futures=True)

    def _timed_size(self, way: _Way, workers: int) -> int:
        """Return how many points fill a chunk's time, and no more than leave work for every thread."""
        if way.seconds_a_point == np.inf:
            first = min(16, self.total - self.position)
            self.block(way, self.position, self.position + first)
            self.position += first
        left = self.total - self.position
        full = int(CHUNK_SECONDS / way.seconds_a_point)
        even = -(-left // workers) if left * way.seconds_a_point > WORTH_A_THREAD else left
        return max(1, min(full, even, self.chunk))

    def _careful(self, run: Run, points: Array, start: int) -> list[Array] | None:
        """Evaluate; where the model raises, halve the block until only the points that raise are left out."""
        try:
            with np.errstate(all="ignore"):
                return run(points)
        except Exception as error:
            if len(points) == 1:
                self.result.errors.append((start, error))
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
                    self.result.values[name] = np.full((self.total, *value.shape[1:]), np.nan)
        for name, value in zip(self.names, values, strict=True):
            self.result.values[name][start : start + len(value)] = value


def _flat(graph: Graph) -> Graph:
    graph = graph.astype("float64")
    return graph.ravel() if graph.type.ndim > 1 else graph


def _linear_algebra(graphs: list[Graph]) -> bool:
    """Whether numba will have a factorisation or a solve to compile."""
    modules = {type(getattr(v.owner.op, "core_op", v.owner.op)).__module__ for v in ancestors(graphs) if v.owner}
    return any("linalg" in module for module in modules)


@cache
def _workers() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
