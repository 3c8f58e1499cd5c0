"""Threads: as many of ours as there are processors, and one of BLAS while they run."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache, cached_property
from threading import Lock, RLock, local
from typing import TYPE_CHECKING, Any

from threadpoolctl import ThreadpoolController


class _OneThread:
    """A lock that a thread may take several times, and that is open in a fork of the process.

    While it is held Python collects no cycles: most of what graphs are made of stays, and to go through all objects of
    PyMC and PyTensor for them took a seventh of a first fit. Afterwards it goes through what is new, if that is due.
    """

    def __init__(self) -> None:
        self._lock, self._held, self._collects = RLock(), 0, False
        if hasattr(os, "register_at_fork"):  # the thread that holds it does not live on in a fork
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        """Open the lock, whoever holds it."""
        if self._held and self._collects:
            gc.enable()
        self._lock, self._held = RLock(), 0

    def __enter__(self) -> None:
        self._lock.acquire()
        self._held += 1
        if self._held == 1:
            self._collects = gc.isenabled()
            gc.disable()

    def __exit__(self, *_: object) -> None:
        self._held -= 1
        try:
            # else the next object sets off a collection, maybe of all
            if not self._held and self._collects and 0 < gc.get_threshold()[0] < gc.get_count()[0]:
                gc.collect(0)
        finally:  # Ctrl-C may come meanwhile
            if not self._held and self._collects:
                gc.enable()
            self._lock.release()


_NOTHING = object()


class ThreadCell(list[Any]):
    """A cell with one value, of which each thread that has written its own reads that: what PyTensor calls storage.

    Two threads with other data so evaluate the same compiled function side by side. C code, which looks into the list
    itself, reads what `publish` has put there.

    Parameters
    ----------
    value : object
        What threads read that have written none.
    """

    def __init__(self, value: Any):
        super().__init__([value])
        self._own = local()

    def __getitem__(self, index: Any) -> Any:
        value = getattr(self._own, "value", _NOTHING)
        return super().__getitem__(index) if value is _NOTHING else value

    def __setitem__(self, index: Any, value: Any) -> None:
        self._own.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return ThreadCell, (self[0],)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Give this thread back what it read before, whatever it writes meanwhile."""
        before = getattr(self._own, "value", _NOTHING)
        try:
            yield
        finally:
            if before is not _NOTHING:
                self._own.value = before
            elif hasattr(self._own, "value"):
                del self._own.value

    def publish(self) -> None:
        """Put this thread's value where C code looks; hold `WRITING` until that has read it."""
        super().__setitem__(0, self[0])


# Graphs are written, rewritten and compiled by one thread at a time: PyTensor's settings are those of the process.
WRITING = _OneThread()


def one_at_a_time(function: Any) -> Callable[..., Any]:
    """Return a function of PyTensor's, which has storage of its own, as one that several threads may call.

    Parameters
    ----------
    function : callable
        Compiled by PyTensor; its data may be in cells of which each thread has its own.
    """
    cells = [c.storage for c in function.input_storage if isinstance(c.storage, ThreadCell)]

    def call(*values: Any) -> Any:
        with WRITING:
            for cell in cells:
                cell.publish()
            return function(*values)

    return call


if TYPE_CHECKING:
    cached_once = cached_property
else:

    class cached_once(cached_property):
        """A cached property that one thread makes while others wait for it."""

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            """Return what is made once."""
            with WRITING:
                return super().__get__(instance, owner)


@cache
def _n_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Limit(local):
    """How many threads this thread may start, itself among them; None for as many as there are processors."""

    n: int | None = None


_LIMIT = _Limit()


def n_workers() -> int:
    """Return how many threads this thread may work with: one a processor, if nothing else was said."""
    return _LIMIT.n or _n_processors()


@contextmanager
def at_most_threads(n: int) -> Iterator[None]:
    """Let this thread work with `n` threads: where it is one of many that somebody else started."""
    before, _LIMIT.n = _LIMIT.n, n
    try:
        yield
    finally:
        _LIMIT.n = before


def on_threads[Item](work: Callable[[Item], None], items: Iterable[Item], workers: int) -> None:
    """Do `work` for each item, on as many threads as there are `workers`; the calling thread is one of them.

    Raises
    ------
    Exception
        The first that `work` raises. Items whose work has not begun by then, or by Ctrl-C, are dropped; that of the
        others ends before this does.
    """
    if workers <= 1:
        for item in items:
            work(item)
        return
    rest, lock, errors = iter(items), Lock(), list[BaseException]()

    def take() -> None:
        """Work on one item after the other, until none is left or there was an error."""
        try:
            while not errors:
                with lock:
                    item = next(rest, rest)
                if item is rest:
                    return
                work(item)  # type: ignore[arg-type]
        except BaseException as error:
            errors.append(error)

    helpers = [_pool().submit(take) for _ in range(min(workers, n_workers()) - 1)]
    try:
        take()
    finally:
        # what the pool has not begun is not needed any more: this thread has seen to every item
        running = [helper for helper in helpers if not helper.cancel()]
        wait(running)
    if errors:
        raise errors[0]


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads of this process, which wait for work as long as it lives."""
    return ThreadPoolExecutor(max(n_workers() - 1, 1), thread_name_prefix="pymc_landscape")


if hasattr(os, "register_at_fork"):  # threads do not live on in a fork
    os.register_at_fork(after_in_child=lambda: _pool.cache_clear())


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS from starting threads: inside ours, or for matrices so small that they wait longer than they work."""
    before = [(library, n) for library in _blas() if (n := library.get_num_threads()) != 1]
    for library, _ in before:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, n in before:
            library.set_num_threads(n)


@cache  # looking for its libraries takes milliseconds, and threadpoolctl's own limit asks them for all they are
def _blas() -> list[Any]:
    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]
