"""Work on threads: all of it, its first error, and nothing more."""

import gc
import os
import threading
import warnings

import pytest
from threadpoolctl import ThreadpoolController

from pymc_landscape.numerics import WRITING, n_workers, on_threads, one_blas_thread, threads


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


def test_cycles_are_collected_again_after_graphs_are_written():
    with WRITING:
        with WRITING:
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ArithmeticError), WRITING:
        raise ArithmeticError
    assert gc.isenabled()


def test_after_graphs_are_written_only_what_is_new_is_gone_through():
    generations, thresholds = [], gc.get_threshold()
    gc.collect(1)
    gc.set_threshold(1000, 1, 10)
    gc.collect(0), gc.collect(0)  # the next collection that Python sets off is one of older objects too
    gc.callbacks.append(record := lambda phase, info: phase == "start" and generations.append(info["generation"]))
    try:
        with WRITING:
            graphs = [[] for _ in range(2000)]
        assert generations == [0]
        graphs += [[] for _ in range(500)]
        assert generations == [0]
        gc.set_threshold(0)  # which is another way to have it off
        with WRITING:
            graphs += [[] for _ in range(500)]
        assert generations == [0]
    finally:
        gc.callbacks.remove(record)
        gc.set_threshold(*thresholds)


def test_ctrl_c_in_a_collection_leaves_nothing_locked(monkeypatch):
    def stopped(generation):
        raise KeyboardInterrupt

    thresholds, lock = gc.get_threshold(), threads._OneThread()
    monkeypatch.setattr(threads.gc, "collect", stopped)
    gc.set_threshold(10)
    try:
        with pytest.raises(KeyboardInterrupt), lock:
            kept = [[] for _ in range(100)]
        assert gc.isenabled()
        assert len(kept) == 100
        thread = threading.Thread(target=lambda: lock.__enter__(), daemon=True)
        thread.start()
        thread.join(5)
        assert not thread.is_alive()
    finally:
        gc.set_threshold(*thresholds)
        gc.enable()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        with WRITING:
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_in_a_fork_of_a_process_that_writes_cycles_are_collected():
    with WRITING, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fork of a process with threads, some of them of others
        child = os.fork()
        if not child:
            with WRITING:
                was_off = not gc.isenabled()
            os._exit(0 if was_off and gc.isenabled() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
