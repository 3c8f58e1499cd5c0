"""Ranges of units on workers: in order, whole, and with a word where they are not."""

import contextlib
import logging
import os
import signal
import threading
import time
from functools import partial
from itertools import chain

import cloudpickle
import numpy as np
import pytest

distributed = pytest.importorskip("distributed")
from pymc_landscape.engine import Evaluation  # noqa: E402
from pymc_landscape.results import ClusterLost  # noqa: E402
from pymc_landscape.results.cluster import RangeTasks, checked_client, range_tasks  # noqa: E402

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


def fetched_together(client, monkeypatch, work, n):
    """Return how many results came back in each message."""
    messages, gather = [], client.gather
    monkeypatch.setattr(client, "gather", lambda futures: messages.append(len(futures)) or gather(futures))
    parts = list(RangeTasks(client, work, "a model", most=1).over(0, n))
    assert [a for a, _, _ in parts] == list(range(n))
    assert sum(messages) == n
    return messages


def test_short_tasks_travel_together(client, monkeypatch):
    assert len(fetched_together(client, monkeypatch, lambda a, b: a, 400)) < 200


@pytest.mark.parametrize("result", [np.zeros(600), Evaluation({"density": np.zeros(600)})], ids=["array", "object"])
def test_large_results_come_back_one_by_one(client, monkeypatch, result):
    monkeypatch.setattr(range_tasks, "NUMBERS", 1000)
    messages = fetched_together(client, monkeypatch, lambda a, b: result, 40)
    assert max(messages[1:]) == 1  # before the first came nobody knew


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
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_goes_away_is_told(own_cluster):
    client, came = own_cluster.get_client(), []
    with pytest.raises(ClusterLost, match=r"connection to the scheduler was lost .* of 400 units of a model"):
        stopped_by(lambda: own_cluster.sync(own_cluster.scheduler.close), client, came, most=4)
    assert came == list(range(len(came)))
    with contextlib.suppress(TimeoutError):
        client.close(1)


@pytest.fixture(scope="module")
def threads():
    """A client whose workers are two threads of this process."""
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as cluster,
        cluster.get_client() as client,
    ):
        yield client


class Loaded:
    """Counts how often it was loaded, in the process that loads it."""

    n = 0

    def __setstate__(self, state):
        Loaded.n += 1

    def __getstate__(self):
        return {"some": "state"}

    def __call__(self, start, stop):
        if start > 30:
            raise ValueError("Expected no more than 30.")
        return [(os.getpid(), start)] * (stop - start)


def test_workers_may_be_threads_of_this_process(threads):
    assert values(threads, units, 50) == list(range(50))
    assert RangeTasks(threads, units, "a model").seconds_per_unit == float("inf")
    tasks = RangeTasks(threads, units, "a model")
    assert [n for _, _, part in tasks.over(3, 20) for n in part] == list(range(3, 20))
    assert tasks.seconds_per_unit >= 0.02
    came = [pair for _, _, part in RangeTasks(threads, Loaded(), "a model", most=1).over(0, 20) for pair in part]
    assert came == [(os.getpid(), i) for i in range(20)]


def test_a_thread_of_this_process_says_where_a_task_failed(threads):
    with pytest.raises(ValueError, match=r"Expected no more than 30\. \[on a worker: a model, 3\d to 3\d\]"):
        values(threads, Loaded(), 40, most=1)
    with pytest.raises(RuntimeError, match=r"ZeroDivisionError: division by zero \[on a worker: a model, 0 to 0\]"):
        values(threads, lambda start, stop: 1 / 0, 3)


def test_of_models_that_workers_keep_the_last_used_stay():
    sent = [range_tasks._Sent(f"model {i}", cloudpickle.dumps(partial(pow, i))) for i in range(range_tasks.KEPT + 1)]
    first = range_tasks._work_of(sent[0])
    for one in sent[1:-1]:
        range_tasks._work_of(one)
    assert range_tasks._work_of(sent[0]) is first
    second = range_tasks._loaded["model 1"]
    range_tasks._work_of(sent[-1])  # one too many: the one used longest ago goes
    assert range_tasks._work_of(sent[0]) is first
    assert range_tasks._work_of(sent[1]) is not second


def test_who_waits_for_workers_is_told_and_gets_the_result_when_they_come(monkeypatch):
    monkeypatch.setattr(range_tasks, "PATIENCE", 0.2)
    monkeypatch.setattr(range_tasks, "BELIEVED", 0.0)
    options = {"threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(n_workers=0, **options) as cluster, cluster.get_client() as client:
        threading.Timer(1.5, cluster.scale, (1,)).start()
        with pytest.warns(UserWarning, match="The cluster has no workers: a model waits for one"):
            assert values(client, units, 5) == list(range(5))


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
