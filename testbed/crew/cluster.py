"""Many machines: Dask's workers, each order a task of theirs.

A task whose worker dies is given to another.  Files that stay come home with what came of their orders.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import queue
import re
import signal
import threading
import time
import uuid
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Never, TypeVar, cast

from testbed import __version__
from testbed.crew import at_worker
from testbed.crew.at_worker import Delivery, Hire
from testbed.crew.work import Order, Work
from testbed.errors import MachineError, UsageError, not_written
from testbed.extras import needs_extra
from testbed.protocols.text import shown
from testbed.whole_file import whole_file

if TYPE_CHECKING:
    from distributed import Client, Future

_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://[^\s/]+:\d{1,5}")
_CONNECT_S = 10.0
_WORKERS_S = 30.0  # in which the first of them reports
_LOOK_S = 0.2
_COUNT_S = 2.0
_DISMISS_S = 10.0
_AHEAD = 2  # orders for each thread of a worker: it has the next at hand when one is over

Wanted = TypeVar("Wanted", bound=Order)
R = TypeVar("R")


def cluster_crew(scheduler: str | None = None, workers: int = 0) -> DaskCrew:
    """The workers of a scheduler, ``tcp://HOST:PORT``; or so many of this machine's own, by a scheduler of their own.

    Raises UsageError without Dask, for an address that is none, or for workers of another version; MachineError where
    nobody answers.
    """
    needs_extra("cluster", "to play on many machines")
    import distributed

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is wrong is said here, once
    cluster = None
    if scheduler is None:
        with _started_deaf():
            cluster = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
            )
        scheduler = cluster.scheduler_address
    with contextlib.ExitStack() as unless_well:
        if cluster is not None:
            unless_well.callback(cluster.close)
        client = _connected(scheduler)
        unless_well.callback(client.close)
        _check_workers(client, scheduler)
        unless_well.pop_all()
    return DaskCrew(client, scheduler, cluster)


class DaskCrew:
    """Players at a cluster's workers, as many as those have threads.  Has what a Crew has."""

    def __init__(self, client: Client, scheduler: str, cluster: object = None) -> None:
        self._client = client
        self._scheduler = scheduler
        self._cluster = cluster
        self._name = uuid.uuid4().hex
        self._works = 0
        self._work: Work[Never, object] | None = None
        self._hire: Future | None = None
        self._counted, self._count_again = 1, 0.0

    def play(self, work: Work[Wanted, R], orders: Iterable[Wanted]) -> Iterator[R | None]:
        """Raises MachineError when the scheduler is gone, UsageError or MachineError for files that cannot be written.

        The rest is as for :meth:`testbed.crew.crew.Crew.play`.
        """
        self._engage(work)
        waiting = iter(orders)
        over: queue.SimpleQueue[Future] = queue.SimpleQueue()
        busy: dict[Future, Wanted] = {}
        call = uuid.uuid4().hex
        try:
            while True:
                while len(busy) < _AHEAD * self._threads() and (order := next(waiting, None)) is not None:
                    key = f"{self._name}-{call}-{order.number}"
                    future = self._client.submit(at_worker.deliver, self._hire, order, key=key)
                    busy[future] = order
                    future.add_done_callback(over.put)
                if not busy:
                    return
                with contextlib.suppress(queue.Empty):
                    future = over.get(timeout=_LOOK_S)
                    yield self._done(work, future, busy.pop(future))
                yield None
        finally:
            if busy and self._client.status == "running":
                self._client.cancel(list(busy), force=True)

    def dismiss(self) -> None:
        if self._client.status == "running":
            telling = threading.Thread(target=self._tell_all, daemon=True)
            telling.start()
            telling.join(_DISMISS_S)  # one that is held may never answer
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()  # type: ignore[attr-defined]

    def _tell_all(self) -> None:
        with contextlib.suppress(Exception):  # who does not hear of it has ended
            self._client.run(at_worker.dismiss, self._name, on_error="ignore")

    def _threads(self) -> int:
        """How many orders are played at a time, asked now and then as workers come and go; at least one."""
        self._heed_scheduler()
        if time.monotonic() > self._count_again:
            known = self._client.scheduler_info(n_workers=-1)["workers"]
            self._counted = max(1, sum(worker["nthreads"] for worker in known.values()))
            self._count_again = time.monotonic() + _COUNT_S
        return self._counted

    def _heed_scheduler(self) -> None:
        if self._client.status != "running":
            raise MachineError(
                f"the scheduler at {self._scheduler} is gone; start it and its workers again, and repeat the command"
            )

    def _engage(self, work: Work[Never, object]) -> None:
        if work is self._work:
            return
        self._works += 1
        self._work = work
        packed = pickle.dumps(Hire(self._name, self._works, work, _here()))
        self._hire = self._client.submit(at_worker.unpacked, packed, key=f"{self._name}-{self._works}")

    def _done(self, work: Work[Wanted, R], future: Future, order: Wanted) -> R:
        from distributed import KilledWorker

        try:
            delivery = future.result()
        except KilledWorker:
            return work.not_done(order, "all workers that played it have died")
        except Exception as error:
            self._heed_scheduler()
            return work.not_done(order, f"a worker failed: {type(error).__name__}: {error}")
        assert isinstance(delivery, Delivery)
        if delivery.kept is not None:
            file = work.keep / order.kept
            try:
                work.keep.mkdir(parents=True, exist_ok=True)
                with whole_file(file) as out:
                    out.write(delivery.kept)
            except OSError as error:
                raise not_written(f"{shown(file)}: what came from a worker cannot be written", error) from error
        return cast(R, delivery.told)


def _here() -> str:
    """The working directory, ``""`` where it was removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


@contextlib.contextmanager
def _started_deaf() -> Iterator[None]:
    """Processes started meanwhile do not hear Ctrl-C, which a terminal tells to all: they end with who asked."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _connected(scheduler: str) -> Client:
    from distributed import Client

    if not _ADDRESS.fullmatch(scheduler):
        raise UsageError(f"--scheduler {shown(scheduler)}: this is not an address; write tcp://HOST:PORT")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other versions of Python or Dask: they may differ
            return Client(scheduler, timeout=_CONNECT_S, set_as_default=False)
    except OSError as error:
        raise MachineError(
            f"no scheduler answers at {scheduler}; start one there with 'dask scheduler', or see what holds up packets"
        ) from error


def _check_workers(client: Client, scheduler: str) -> None:
    """Wait for the first worker, and see that all have this version."""
    try:
        client.wait_for_workers(1, timeout=_WORKERS_S)
    except TimeoutError as error:
        raise MachineError(
            f"the scheduler at {scheduler} has no workers; start them with 'dask worker {scheduler}'"
        ) from error

    def version() -> str:  # it travels as a whole, as workers may lack this very module
        try:
            from testbed import __version__ as found
        except ImportError:
            return ""
        return found

    for worker, found in client.run(version).items():
        if found != __version__:
            has = f"Mail Testbed {found}" if found else "no Mail Testbed"
            raise UsageError(f"the worker at {worker} has {has}, and this is {__version__}: install the same on both")
