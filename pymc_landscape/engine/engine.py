"""Evaluate the graphs of one point at many points, in the way that suits the size of the work.

There are three ways to run a graph, and with ``backend=None`` the size of the work chooses. The *interpreter*
evaluates whole blocks with NumPy and is ready at once; the *kernel* is machine code, which takes seconds to compile
the first time; *JAX* is used when asked for. The interpreter starts, is timed on its first blocks, and keeps the
work if that is done sooner than a kernel could be compiled; the patience is spent once for each engine, so that many
small requests end at the kernel too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np
import pymc as pm
import pytensor
from pymc.pytensorf import resolve_backend_compile_kwargs
from pytensor.graph.traversal import ancestors

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.chunks import Backend, ChunkedEvaluation, Evaluation, Progress, Rows, Run
from pymc_landscape.engine.kernel_cache import is_compiled, kernel_name, record_compiled
from pymc_landscape.engine.numpy_backend import interpreted
from pymc_landscape.engine.python_backend import straight_line
from pymc_landscape.engine.rewrites import interpreter_mode, without_parameter_checks
from pymc_landscape.numerics import one_blas_thread

_log = logging.getLogger("pymc_landscape")

# Seconds of interpreting for which no kernel is compiled: about what compiling takes, so that either choice
# costs at most twice the better one. Linear algebra takes numba several times longer; a kernel on disk loads in one.
PATIENCE = 3.0
PATIENCE_ON_DISK = 1.0
PATIENCE_LINEAR_ALGEBRA = 12.0
# From so many points on, linear algebra is left to a kernel that only has to be loaded.
MANY_POINTS = 2_000
# Seconds of single points after which more than a few at a time are worth a function of blocks, which takes as long.
PATIENCE_FOR_BLOCKS, FEW = 1.0, 4
# Seconds of work for which threads, chunks and a way back from errors are not set up.
SMALL = 2e-3
# The first block also pays for first calls of everything: it says nothing about the others.
WARM_UP_BLOCKS = 1
JAX_BLOCK = 4096


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
    patience : float, optional
        Seconds of interpreting for which no kernel is compiled that is not on disk; left out, about what compiling
        takes for most graphs.
    """

    def __init__(
        self,
        vector: Graph,
        graphs: Mapping[str, Graph],
        *,
        check_bounds: bool = True,
        backend: str | None = None,
        compile_kwargs: Mapping[str, Any] | None = None,
        patience: float | None = None,
    ):
        self.patience = patience
        self.vector, self.names = vector, tuple(graphs)
        self.graphs = without_parameter_checks([_flat(graph) for graph in graphs.values()], check_bounds)
        self.compile_kwargs = dict(compile_kwargs or {})
        self.backend = "mode" if "mode" in self.compile_kwargs and backend is None else backend
        if self.backend not in (None, "interpreter"):
            resolve_backend_compile_kwargs(backend, self.compile_kwargs)
        self._ways: dict[str, Backend] = {}
        self._spent = 0.0
        self._linear_algebra = _linear_algebra(self.graphs)

    def __call__(
        self,
        rows: Rows,
        total: int,
        *,
        chunk: int | None = None,
        progress: Progress = lambda done: None,
        into: Mapping[str, Array] | None = None,
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
        into : mapping of str to array, optional
            Arrays (total, ...) for the outputs, to be filled in place; left out, new ones.

        Returns
        -------
        Evaluation
            Raises the model's own exception only if *every* point raised one.
        """
        work = ChunkedEvaluation(self.names, self.size, rows, total, chunk or total, progress, into)
        try:
            with one_blas_thread() if self._linear_algebra else nullcontext():
                self._run(work)
        except (KeyboardInterrupt, RuntimeError) as error:
            if not _is_ctrl_c(error):
                raise
            work.result.interrupted = True
            work.blank()
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
        if len(points) == 1 and self.backend in (None, "interpreter") and "numba" not in self._ways:
            return {name: value[None] for name, value in zip(self.names, self.one(points[0]), strict=True)}
        block = self._directly(points)
        if block is not None:
            return dict(zip(self.names, block, strict=True))
        result = self(lambda a, b: points[a:b], len(points))
        if result.interrupted:
            raise KeyboardInterrupt
        return result.values

    def _directly(self, points: Array) -> list[Array] | None:
        """Evaluate a block that is done before larger work is set up; None if it is not, or if the model raises."""
        at_hand = self._ways.get("numba") or self._ways.get("interpreter")
        way = at_hand if self.backend in (None, "interpreter") else None
        if way is None or len(points) * way.seconds_a_point > SMALL or len(points) > (way.block or np.inf):
            return None
        if way is not self._ways.get("numba") and self._kernel_is_better(len(points)):
            return None
        start = time.thread_time()
        try:
            with one_blas_thread() if self._linear_algebra else nullcontext(), np.errstate(all="ignore"):
                return way.run(points)
        except Exception:  # at some point or other: the larger machinery finds out at which
            return None
        finally:
            self._spent += time.thread_time() - start

    def one(self, point: Array) -> list[Array]:
        """Evaluate one point, for work in which each point depends on the last.

        The same choice as for blocks: interpreted, until a kernel would have been compiled in that time.
        """
        if self.backend not in (None, "interpreter") or "numba" in self._ways or self._spent > self._patience:
            return [value[0] for value in self._way(self.backend or "numba").run(point[None])]
        single, start = self._single, time.thread_time()
        with np.errstate(all="ignore"):
            values: list[Array] = single(point)
        self._spent += time.thread_time() - start
        return values

    def several(self, points: Array) -> list[Array]:
        """Evaluate a few points (n, k), a stack an output; one by one until a function of blocks is worth it."""
        by_itself = self.backend not in (None, "interpreter") or self._spent > self._patience
        if self._ways or by_itself or (len(points) > FEW and self._spent > PATIENCE_FOR_BLOCKS):
            out = self.at(points)
            return [out[name] for name in self.names]
        return [np.stack(values) for values in zip(*(self.one(point) for point in points), strict=True)]

    @cached_property
    def _single(self) -> Callable[[Array], list[Array]]:
        """The graphs as they are, interpreted: vectorising a large graph takes longer than many points."""
        compile_ = pm.pytensorf.compile
        with pytensor.config.change_flags(cxx=""):
            function = compile_(
                [self.vector], self.graphs, mode=interpreter_mode(), on_unused_input="ignore", trust_input=True
            )
        return straight_line(function)

    def compile(self) -> None:
        """Compile the kernel now, for work that comes in many small requests."""
        self._way(self.backend or "numba")

    def _run(self, work: ChunkedEvaluation) -> None:
        if self.backend is None and "numba" not in self._ways and not self._kernel_is_better(work.total):
            self._interpret(work)
        if work.position < work.total:
            work.finish(self._way(self.backend or "numba"))

    @cached_property
    def _kernel_name(self) -> str:
        return kernel_name(self.graphs)

    @cached_property
    def _on_disk(self) -> bool:
        """Whether the kernel has been compiled on this machine before."""
        return is_compiled(self._kernel_name)

    def _kernel_is_better(self, total: int) -> bool:
        """Whether it is known before the first block that a kernel will be done sooner."""
        at_hand = self._linear_algebra and total >= MANY_POINTS and self._on_disk
        return at_hand or self._spent > self._patience

    @property
    def _patience(self) -> float:
        """Seconds of interpreting that a kernel would have to beat."""
        if self.backend == "interpreter":
            return np.inf
        if self._on_disk:
            return PATIENCE_ON_DISK
        usual = PATIENCE_LINEAR_ALGEBRA if self._linear_algebra else PATIENCE
        return usual if self.patience is None else self.patience

    def _interpret(self, work: ChunkedEvaluation) -> None:
        """Interpret block after block while the whole of it is expected to stay within the patience.

        Patience counts processor time, so that a busy machine does not change the choice.
        """
        way, blocks, patience = self._way("interpreter"), 0, self._patience
        while work.position < work.total:
            start, first = time.thread_time(), work.position
            work.position = min(first + (way.block or 1), work.total)
            work.block(way, first, work.position)
            seconds = time.thread_time() - start
            self._spent += seconds
            blocks += 1
            left = seconds * (work.total - work.position) / (work.position - first)
            if blocks > WARM_UP_BLOCKS and self._spent + left > patience:
                return

    def _way(self, name: str) -> Backend:
        if name not in self._ways:
            makers = {
                "interpreter": self._interpreter,
                "numba": self._kernel_or_interpreter,
                "jax": self._jax,
            }
            self._ways[name] = makers.get(name, self._loop)()
        return self._ways[name]

    def _interpreter(self) -> Backend:
        """Interpret blocks of points; a graph that PyTensor cannot vectorise, point by point."""
        try:
            run, block = interpreted(self.vector, self.graphs)
        except NotImplementedError:
            return Backend(self._one_by_one(mode=interpreter_mode()), block=1)
        return Backend(run, block=block)

    def _kernel_or_interpreter(self) -> Backend:
        """Compile the kernel; what numba cannot compile stays with the interpreter, which is right and slower."""
        from numba.core.errors import NumbaError

        from pymc_landscape.engine.numba_backend import Kernel

        try:
            kernel = Kernel(self.vector, self.graphs, self.lengths)
        except (NumbaError, NotImplementedError):
            if self.backend == "numba":
                raise
            _log.info("Numba cannot compile this model: going on with NumPy.")
            return self._way("interpreter")
        if kernel.object_mode and self.backend is None:
            _log.info("An Op of the model is Python code, which numba cannot compile: going on with NumPy.")
            return self._way("interpreter")
        record_compiled(self._kernel_name)
        return Backend(kernel, parallel=not kernel.object_mode, fill=kernel.fill)

    def _jax(self) -> Backend:
        from pymc_landscape.engine.jax_backend import jax_batch

        return Backend(jax_batch(self.vector, self.graphs), block=JAX_BLOCK)

    def _loop(self) -> Backend:
        """Loop in Python over a function of one point, compiled as the user asked."""
        name = None if self.backend == "mode" else self.backend
        return Backend(self._one_by_one(**resolve_backend_compile_kwargs(name, self.compile_kwargs)))

    def _one_by_one(self, **compile_kwargs: Any) -> Run:
        one = pm.pytensorf.compile([self.vector], self.graphs, on_unused_input="ignore", **compile_kwargs)

        def run(points: Array) -> list[Array]:
            return [np.stack(column) for column in zip(*(one(p) for p in points), strict=True)]

        return run

    @cached_property
    def lengths(self) -> list[int | None]:
        """Length of each vector output: from its static shape, else from one evaluation."""
        shapes = [graph.type.shape for graph in self.graphs]
        if any(None in shape for shape in shapes):
            example = self._way("interpreter").run(np.ones((1, self.size)))
            shapes = [value.shape[1:] for value in example]
        return [shape[0] if shape else None for shape in shapes]


def _is_ctrl_c(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: inside a lock of the thread pool it can surface as a RuntimeError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _flat(graph: Graph) -> Graph:
    graph = graph.astype("float64")
    return graph.ravel() if graph.type.ndim > 1 else graph


def _linear_algebra(graphs: list[Graph]) -> bool:
    """Whether numba will have a factorisation or a solve to compile."""
    modules = {type(getattr(v.owner.op, "core_op", v.owner.op)).__module__ for v in ancestors(graphs) if v.owner}
    return any("linalg" in module for module in modules)
