"""Threads: as many of ours as there are processors, and one of BLAS while they run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


@cache
def n_workers() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_threads[Item](work: Callable[[Item], None], items: Sequence[Item], workers: int) -> None:
    """Do `work` for each item, on as many threads as there are `workers`; one worker is the calling thread.

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
    pool = ThreadPoolExecutor(workers)
    try:
        for _ in pool.map(work, items):
            pass
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keep BLAS from starting threads: inside ours, or for matrices so small that they wait longer than they work."""
    limit: AbstractContextManager[Any] = _blas().limit(limits=1, user_api="blas")
    return limit


@cache  # looking for its libraries takes milliseconds
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
