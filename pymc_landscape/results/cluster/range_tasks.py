"""A loop over many alike units (data sets, starts, points) in tasks on the workers of a Dask cluster.

What the units need travels once, pickled, and is loaded once by each worker; a task is a range of units. Ranges grow
until a task takes seconds, and come back in order, so that whoever reads them has at any time what a loop in this
process would have finished. A unit's result must depend on nothing but the unit: then it does not depend on how the
units were cut, nor on the workers. Of the ranges no more are on their way than keep all workers busy, so that memory
here does not grow with their number. Where a worker is lost, Dask does its tasks again elsewhere.
"""

from __future__ import annotations

import time
import uuid
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from hashlib import sha256
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any

from pymc_landscape._dataclasses import dataclass
from pymc_landscape.numerics import at_most_threads
from pymc_landscape.results import ClusterLost

if TYPE_CHECKING:
    from distributed import Client, Future

# A task takes so many seconds, where its units allow.
SECONDS = 2.0
# Of each thread of the workers so many are on their way; where their units may not be more, up to so many, as take so
# many seconds together.
AHEAD, MOST_AHEAD, BUSY = 4, 64, 0.25
# How fast ranges may grow, from one unit on; and at the end so many are left for each thread.
GROWTH, LAST = 8, 2
# Seconds for which a number of threads is believed, and after which it is said that there are none.
BELIEVED, PATIENCE = 2.0, 10.0
# So many numbers come back from a task at most, of units that can be cut so.
NUMBERS = 2**20
# Models that a worker keeps loaded.
KEPT = 8


def units_at_once(numbers: int) -> int:
    """Return of how many units a task should be at most, where so many numbers come back for each; at least one."""
    return max(1, NUMBERS // max(numbers, 1))


class RangeTasks[Result]:
    """Units of work, done by workers range by range.

    Parameters
    ----------
    client : distributed.Client
        Whose workers.
    work : callable
        ``work(start, stop)``, or ``work(start, stop, along)`` where something goes along with each range, gives the
        result of units start to stop; it is pickled by value, with all that it holds.
    of : str
        What the work is about, in words: the model's name, for messages.
    name : callable, optional
        ``name(start, stop)`` says which units these are; left out, by their numbers.
    most : int, optional
        Largest number of units in a task.

    Attributes
    ----------
    seconds_per_unit : float
        The fewest that a worker took so far; infinite before.

    Notes
    -----
    A message costs milliseconds, whatever the number of tasks in it: when half of those on their way are back, others
    are sent all at once, and results that have come are fetched together.
    """

    def __init__(
        self,
        client: Client,
        work: Callable[..., Result],
        of: str,
        *,
        name: Callable[[int, int], str] | None = None,
        most: int | None = None,
    ):
        import cloudpickle

        self.client, self.of = client, of
        self._name = name or (lambda start, stop: f"{start} to {stop - 1}")
        self._most = most
        self._pickled: bytes = cloudpickle.dumps(work)
        self._sent: Future[Any] | None = None
        self.seconds_per_unit = float("inf")
        self._longest, self._n_threads, self._counted_at = 1, 0, -BELIEVED
        self._bytes_per_unit = 0.0  # the most that came back so far

    def over(
        self, start: int, stop: int, along: Callable[[int, int], object] | None = None
    ) -> Iterator[tuple[int, int, Result]]:
        """Yield ranges in order, each with its first and last (excluded) unit and its result.

        Where given, what ``along(start, stop)`` returns goes with a range: what only this call's units need.

        Raises
        ------
        ClusterLost
            If the scheduler is gone. What was yielded before is right.
        ValueError, RuntimeError
            If a task fails: with the model, the units, and what the worker says.
        """
        run, client = uuid.uuid4().hex, self.client
        on_way: deque[tuple[int, int, Future[Any]]] = deque()
        begin, length = start, self._next_length(self._longest, stop - start)
        try:
            while begin < stop or on_way:
                if begin < stop and len(on_way) <= self._lead(length) // 2:
                    ranges, most = list[tuple[int, int]](), self._lead(length) - len(on_way)
                    while begin < stop and len(ranges) < most:
                        ranges.append((begin, min(begin + min(length, self._fair(stop - begin)), stop)))
                        begin = ranges[-1][1]
                    on_way += self._send(run, ranges, along)
                for seconds, value in self._fetch(on_way):
                    first, last, _ = on_way[0]
                    if isinstance(value, _Failure):
                        raise value.error(f"{self.of}, {self._name(first, last)}")
                    on_way.popleft()
                    self.seconds_per_unit = min(self.seconds_per_unit, seconds / (last - first))
                    self._longest = max(self._longest, last - first)
                    length = self._next_length(last - first, stop - begin)
                    yield first, last, value
        except (CancelledError, OSError) as error:  # of the network: what work itself raises is a result
            done = (on_way[0][0] if on_way else begin) - start
            raise ClusterLost(
                f"The connection to the scheduler was lost ({type(error).__name__}) when {done} of {stop - start} "
                f"units of {self.of} were done: make another client, and call again."
            ) from error
        finally:
            if on_way and client.status == "running":
                client.cancel([future for _, _, future in on_way], force=True)

    def _send(
        self, run: str, ranges: list[tuple[int, int]], along: Callable[[int, int], object] | None
    ) -> list[tuple[int, int, Future[Any]]]:
        """Send tasks on their way, and before the first of them what all need."""
        import dask

        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GiB"}):
            if self._sent is None:
                digest = sha256(self._pickled).hexdigest()
                self._sent = self.client.submit(_Sent, digest, self._pickled, key=f"model-{run}")
            begins, ends = zip(*ranges, strict=True)
            extra = [] if along is None else [[along(begin, end) for begin, end in ranges]]
            keys = [f"pymc-landscape-{run}-{begin}" for begin in begins]
            futures = self.client.map(_perform, [self._sent] * len(ranges), begins, ends, *extra, key=keys)
        return [(begin, end, future) for (begin, end), future in zip(ranges, futures, strict=True)]

    def _fetch(self, on_way: Sequence[tuple[int, int, Future[Any]]]) -> list[tuple[float, Any]]:
        """Wait for the first of some tasks; return what it gave, and those right behind it that are done as well."""
        from distributed.scheduler import KilledWorker

        patient = True
        while True:
            try:
                begin, _, first = on_way[0]
                first.exception(timeout=PATIENCE)  # when it is done; what it gave is fetched below
                come, room = [first], 8 * NUMBERS / max(self._bytes_per_unit, 1.0)
                for _, end, future in islice(on_way, 1, None):
                    if future.status != "finished" or end - begin > room:
                        break
                    come.append(future)
                results: list[tuple[float, Any]] = self.client.gather(come)
                for (begin, end, _), (_, value) in zip(on_way, results, strict=False):
                    self._bytes_per_unit = max(self._bytes_per_unit, _size(value) / (end - begin))
                return results
            except TimeoutError:
                if self.client.status != "running":
                    raise ConnectionError(f"the client is {self.client.status}") from None
                if patient and not self.client.nthreads():
                    warnings.warn(f"The cluster has no workers: {self.of} waits for one.", stacklevel=4)
                    patient = False
            except KilledWorker as error:
                raise RuntimeError(
                    f"Expected workers that outlive their tasks, got {self.of}, on which several ended one after "
                    f"another ({error}): give them more memory."
                ) from error

    def _lead(self, length: int) -> int:
        """Return how many tasks of this length are on their way at most."""
        short = BUSY / max(self.seconds_per_unit * length, 1e-6)  # 0 before it is known
        small = AHEAD * 8 * NUMBERS / max(self._bytes_per_unit * length, 1.0)
        more = min(short, small, MOST_AHEAD) if length == self._most else AHEAD
        return int(max(AHEAD, more)) * self._threads()

    def _next_length(self, before: int, left: int) -> int:
        """Return of how many units the next range is."""
        most = min(GROWTH * before, self._fair(left), self._most or left)
        return max(min(int(SECONDS / max(self.seconds_per_unit, 1e-9)), most), 1)

    def _fair(self, left: int) -> int:
        """Return of how many units a range is at most, so that at the end none waits for long for another."""
        return max(-(-left // (LAST * self._threads())), 1)

    def _threads(self) -> int:
        """Return how many threads the workers have; at least one, for they may be on their way."""
        now = time.perf_counter()
        if now - self._counted_at > BELIEVED:
            self._n_threads, self._counted_at = sum(self.client.nthreads().values()), now
        return max(self._n_threads, 1)


def _size(value: object) -> int:
    """Return about how many bytes a result takes; Dask does not look into what it does not know."""
    from dask.sizeof import sizeof

    return int(sizeof(vars(value) if hasattr(value, "__dict__") else value))


# --- on a worker -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sent:
    """What travels once: Dask hands it on from worker to worker, and has it from the scheduler where all are lost."""

    digest: str
    pickled: bytes


_loaded: OrderedDict[str, Any] = OrderedDict()
_loading = Lock()


def _work_of(sent: _Sent) -> Callable[..., Any]:
    """Load what was sent, once in each process."""
    import cloudpickle

    with _loading:
        if sent.digest not in _loaded:
            _loaded[sent.digest] = cloudpickle.loads(sent.pickled)
            while len(_loaded) > KEPT:
                _loaded.popitem(last=False)
        _loaded.move_to_end(sent.digest)
        work: Callable[..., Any] = _loaded[sent.digest]
    return work


@dataclass(frozen=True)
class _Failure:
    """What a task raised: its exception may hold what cannot travel."""

    is_refusal: bool
    words: str

    def error(self, what: str) -> Exception:
        """Return it as an exception that says where it was raised."""
        kind = ValueError if self.is_refusal else RuntimeError
        return kind(f"{self.words} [on a worker: {what}]")


def _perform(sent: _Sent, start: int, stop: int, *along: Any) -> tuple[float, Any]:
    """Do units start to stop; return the seconds and the result. Of threads there are those that Dask was given."""
    try:
        work, began = _work_of(sent), time.perf_counter()
        with at_most_threads(1):
            value = work(start, stop, *along)
    except Exception as error:
        is_refusal = isinstance(error, ValueError)
        return 0.0, _Failure(is_refusal, str(error) if is_refusal else f"{type(error).__name__}: {error}")
    return time.perf_counter() - began, value
