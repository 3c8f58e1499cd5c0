"""Threads: as many of ours as there are processors, and one of BLAS while they run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController


@cache
def n_workers() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
