"""Ranges of units on workers: in order, whole, and with a word where they are not."""

import contextlib
import logging
import os
import signal
import threading
import time
from itertools import chain

import pytest

distributed = pytest.importorskip("distributed")
from pymc_landscape.results import ClusterLost  # noqa: E402
from pymc_landscape.results.cluster import RangeTasks, checked_client  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of Dask's
]


def units(start, stop):
    time.sleep(0.02 * (stop - start))
    return list(range(start, stop))


def values(client, work, n, **options):
    return list(chain.from_iterable(part for _, _, part in RangeTasks(client, work, "a model", **options).over(0, n)))


@pytest.fixture
def own_cluster():
    """A cluster that a test may break."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=logging.CRITICAL
    ) as cluster:
        yield cluster


def test_units_come_in_order_and_each_once(client):
    assert values(client, units, 50) == list(range(50))
    assert values(client, units, 0) == []


def test_ranges_grow_but_not_beyond_what_is_wanted(client):
    parts = list(RangeTasks(client, lambda a, b: b - a, "a model", most=16).over(0, 200))
    assert [a for a, _, _ in parts] == [0, *(b for _, b, _ in parts[:-1])]
    assert all(b - a == n <= 16 for a, b, n in parts)
    assert max(n for _, _, n in parts) == 16


def test_work_that_is_sent_is_loaded_once_by_each_worker(client):
    class Counting:
        def __setstate__(self, state):
            import builtins

            builtins.n_loaded = getattr(builtins, "n_loaded", 0) + 1

        def __getstate__(self):
            return {"some": "state"}

        def __call__(self, start, stop):
            import builtins

            return [(os.getpid(), builtins.n_loaded)]

    assert {n for _, n in values(client, Counting(), 30, most=1)} == {1}


@pytest.mark.parametrize(("error", "kind"), [("ValueError('Expected, got.')", ValueError), ("1 / 0", RuntimeError)])
def test_a_task_that_fails_is_named_with_what_it_is_about(client, error, kind):
    def failing(start, stop):
        if start > 9:
            exec(f"raise {error}" if "(" in error else error)
        return [None]

    with pytest.raises(kind, match=r"(Expected, got\.|ZeroDivisionError).*a model, unit 1\d"):
        values(client, failing, 40, most=1, name=lambda a, b: f"unit {a}")
    assert values(client, units, 4) == [0, 1, 2, 3]  # the cluster is as good as before


@pytest.mark.exhaustive
def test_what_a_lost_worker_did_is_done_again(own_cluster):
    with own_cluster.get_client() as client:
        pid = next(iter(client.run(os.getpid).values()))
        threading.Timer(0.4, os.kill, (pid, signal.SIGKILL)).start()
        assert values(client, units, 100) == list(range(100))


def stopped_by(event, client, came, most):
    """Collect units until `event` is to happen, and on."""
    for _, stop, part in RangeTasks(client, units, "a model", most=most).over(0, 400):
        came += part
        if stop > 12:
            event()


def ctrl_c():
    raise KeyboardInterrupt


def test_ctrl_c_keeps_what_came_and_cancels_the_rest(client):
    came = []
    with pytest.raises(KeyboardInterrupt):
        stopped_by(ctrl_c, client, came, most=2)
    assert came == list(range(len(came)))
    began = time.perf_counter()
    assert values(client, units, 2) == [0, 1]
    assert time.perf_counter() - began < 6.0  # not after 380 others


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_goes_away_is_told(own_cluster):
    client, came = own_cluster.get_client(), []
    with pytest.raises(ClusterLost, match=r"connection to the scheduler was lost .* of 400 units of a model"):
        stopped_by(lambda: own_cluster.sync(own_cluster.scheduler.close), client, came, most=4)
    assert came == list(range(len(came)))
    with contextlib.suppress(TimeoutError):
        client.close(1)


def test_the_client_that_is_meant(client):
    assert checked_client(None) is None
    assert checked_client(client) is client
    with client.as_current():
        assert checked_client("current") is client
    with pytest.raises(TypeError, match=r"Expected client to be a distributed\.Client, 'current' or None, got str"):
        checked_client("mine")
    with pytest.raises(TypeError, match="got LocalCluster"):
        checked_client(client.cluster)


def test_without_distributed_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pymc-landscape\[dask\]"):
        checked_client("current")
