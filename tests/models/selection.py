"""Which cases of a parametrised test always run, and which with ``pytest -m exhaustive`` alone."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def exhaustive(*case: Any) -> Any:
    """Return a case of a parametrised test that ``pytest -m exhaustive`` alone runs."""
    return pytest.param(*case, marks=pytest.mark.exhaustive)


def slow(*case: Any) -> Any:
    """Return a case of a parametrised test that takes long: ``pytest -m slow`` runs it, before a release."""
    return pytest.param(*case, marks=(pytest.mark.exhaustive, pytest.mark.slow))


def some(cases: Iterable[Any], always: Callable[[Any], bool] | Iterable[Any]) -> list[Any]:
    """Return the cases in their order; those that `always` does not hold, or is not true of, are exhaustive."""
    chosen = always if callable(always) else list(always).__contains__
    return [case if chosen(case) else exhaustive(*(case if isinstance(case, tuple) else (case,))) for case in cases]
