"""An engine: functions of one flat vector, evaluated at many.

How one point, or a block of points, is evaluated is each engine's own affair: :class:`GraphEngine` runs graphs on one
of several back ends, a marginal likelihood is an integral at each point. What they share stands here: large work in
chunks, with errors at single points, a progress bar and Ctrl-C; small work directly.
"""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cache

import numpy as np

from pymc_landscape._typing import Array, Graph
from pymc_landscape.engine.chunks import ChunkedEvaluation, Evaluation, Progress, Rows
from pymc_landscape.numerics import one_blas_thread

# What is freed stays with the process up to twice this: arrays of a block, or of a model's data, are mostly smaller.
KEPT_BYTES = 2**24
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h


class Engine(ABC):
    """Functions of one flat vector, ready to be evaluated at many.

    Parameters
    ----------
    names : sequence of str
        One name an output.
    size : int
        Length k of the flat vector.
    """

    def __init__(self, names: Sequence[str], size: int):
        self.names, self.size = tuple(names), size
        keep_freed_memory()

    @property
    def linear_algebra(self) -> bool:
        """Whether a point takes factorisations or solves, for which BLAS would start threads."""
        return False

    @property
    @abstractmethod
    def lengths(self) -> list[int | None]:
        """Length of each output that is a vector, None for a scalar."""

    @abstractmethod
    def one(self, point: Array) -> list[Array]:
        """Evaluate one point (k,), for work in which each point depends on the last."""

    @abstractmethod
    def several(self, points: Array) -> list[Array]:
        """Evaluate a few points (n, k); one array (n, ...) an output."""

    @abstractmethod
    def compile(self) -> None:
        """Compile what is worth compiling now, for work that comes in many small requests."""

    @abstractmethod
    def evaluate(self, evaluation: ChunkedEvaluation) -> None:
        """Evaluate all points of `evaluation` that are left."""

    def is_convex(self, name: str, several: Mapping[Graph, Sequence[Array]] | None = None) -> bool:
        """Return whether an output, a scalar, is known to be a convex function of the vector.

        With the data as they are; with `several` values of some data, with each of them.
        """
        return False

    def at(self, points: Array) -> dict[str, Array]:
        """Evaluate points (G, k) that are at hand; Ctrl-C raises."""
        result = self(lambda a, b: points[a:b], len(points))
        if result.interrupted:
            raise KeyboardInterrupt
        return result.values

    def at_in_blocks(self, points: Array) -> dict[str, Array]:
        """Evaluate the same as a block, also one point: alone it would have a function of its own written for it."""
        found = self.at(points if len(points) > 1 else np.repeat(points, 2, axis=0))
        return {name: values[: len(points)] for name, values in found.items()}

    def __call__(
        self,
        rows: Rows,
        total: int,
        *,
        chunk: int | None = None,
        progress: Progress = lambda done: None,
        into: Mapping[str, Array] | None = None,
        line: int | None = None,
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
        line : int, optional
            Of a grid, how many points differ in turn along its last axis alone.

        Returns
        -------
        Evaluation
            Raises the model's own exception only if *every* point raised one.
        """
        evaluation = ChunkedEvaluation(self.names, self.size, rows, total, chunk or total, progress, into, line)
        try:
            with one_blas_thread() if self.linear_algebra else nullcontext():
                self.evaluate(evaluation)
        except (KeyboardInterrupt, RuntimeError) as error:
            if not _is_ctrl_c(error):
                raise
            evaluation.result.stopped = KeyboardInterrupt()
            evaluation.blank()
        errors = evaluation.result.errors
        if errors and len(errors) == evaluation.result.n_evaluated:
            raise errors[0][1]
        return evaluation.result


@cache
def keep_freed_memory() -> None:
    """Let the C library keep what arrays free, for the next ones; where it has no such rule, nothing happens.

    Arrays of 128 KiB and more come from the system, which clears them page by page when they are first written: of a
    picture of a Gaussian process that was two fifths of the time. Glibc raises that limit by itself to the largest
    array that was freed ("dynamic mmap threshold" in mallopt(3)), but not where ``MALLOC_TRIM_THRESHOLD_`` is set, as
    Dask does for its workers: a bootstrap took five times as long there.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
    mallopt(M_TRIM_THRESHOLD, 2 * KEPT_BYTES)


def _is_ctrl_c(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: inside a lock of the thread pool it can surface as a RuntimeError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None
