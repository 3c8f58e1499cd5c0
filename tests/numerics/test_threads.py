"""Work on threads: all of it, its first error, and nothing more."""

import threading

import pytest
from threadpoolctl import ThreadpoolController

from pymc_landscape.numerics import n_workers, on_threads, one_blas_thread


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


def test_blas_has_one_thread_inside_and_what_it_had_before_outside():
    blas = ThreadpoolController().select(user_api="blas")

    def now():
        return [library.get_num_threads() for library in blas.lib_controllers]

    with blas.limit(limits=2):
        before = now()
        with one_blas_thread(), one_blas_thread():
            assert set(now()) == {1}
        assert now() == before
        with pytest.raises(ArithmeticError), one_blas_thread():
            raise ArithmeticError
        assert now() == before
