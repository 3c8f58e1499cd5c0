"""Work on threads: all of it, its first error, and nothing more."""

import threading

import pytest

from pymc_landscape.numerics import n_workers, on_threads


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_each_item_is_worked_on_once(workers):
    seen, lock = [], threading.Lock()

    def work(item):
        with lock:
            seen.append(item)

    on_threads(work, range(20), workers)
    assert sorted(seen) == list(range(20))
    assert n_workers() >= 1


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_ends_the_work(workers):
    def work(item):
        if item == 3:
            raise ArithmeticError("three")

    with pytest.raises(ArithmeticError, match="three"):
        on_threads(work, range(1000), workers)
