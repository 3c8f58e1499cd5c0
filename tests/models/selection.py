"""Which cases of a parametrised test always run, and which with ``pytest -m exhaustive`` alone."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def some(cases: Iterable[str], always: Callable[[str], bool] | Iterable[str]) -> list[Any]:
    """Parameters in their order; those that `always` does not hold, or is not true of, are exhaustive."""
    chosen = always if callable(always) else set(always).__contains__
    return [case if chosen(case) else pytest.param(case, marks=pytest.mark.exhaustive) for case in cases]
