"""One BLAS thread while ours run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keep BLAS from starting threads: inside ours, or for matrices so small that they wait longer than they work."""
    limit: AbstractContextManager[Any] = _blas().limit(limits=1, user_api="blas")
    return limit


@cache  # looking for its libraries takes milliseconds
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
