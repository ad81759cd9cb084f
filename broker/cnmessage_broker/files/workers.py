"""Threads for what makes the disk wait, shared out by owner: nobody's work waits behind a heap of another's.

One job of an owner runs at a time, and owners take turns. Knows neither uploads nor disks.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from cnmessage_broker.thread_names import show_name

_Job = Callable[[], None]


class Worker(Protocol):
    """Where one owner's jobs go."""

    def submit(self, job: _Job, /) -> "Future[None]":
        """Run it when it is the owner's turn."""
        ...


class Workers:
    """`count` threads. `submit` may be called from any thread."""

    def __init__(self, count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name, initializer=show_name)
        self._lock = threading.Lock()
        self._free = count
        self._closed = False
        self._waiting: OrderedDict[int, deque[tuple[Future[None], _Job]]] = OrderedDict()
        self._busy: set[int] = set()

    def submit(self, owner: int, job: _Job) -> "Future[None]":
        """Run a job of this owner when it is its turn; after a shutdown it is cancelled at once."""
        future: Future[None] = Future()
        with self._lock:
            if self._closed:
                future.cancel()
                return future
            self._waiting.setdefault(owner, deque()).append((future, job))
            self._begin()
        return future

    def of(self, owner: int) -> Worker:
        """What this owner submits to."""
        return _Own(self, owner)

    def shutdown(self) -> None:
        """Drop what has not begun, and wait for what runs."""
        with self._lock:
            self._closed = True
            for line in self._waiting.values():
                for future, _ in line:
                    future.cancel()
            self._waiting.clear()
        self._pool.shutdown(wait=True)

    def _begin(self) -> None:
        """With the lock: give free threads the first jobs of owners that have none running."""
        for owner in [each for each in self._waiting if each not in self._busy]:
            if not self._free:
                return
            line = self._waiting.pop(owner)
            future, job = line.popleft()
            if line:
                self._waiting[owner] = line  # behind the other owners
            self._free -= 1
            self._busy.add(owner)
            self._pool.submit(self._run, owner, future, job)

    def _run(self, owner: int, future: "Future[None]", job: _Job) -> None:
        if future.set_running_or_notify_cancel():
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - it is for whoever waits
                future.set_exception(error)
            else:
                future.set_result(None)
        with self._lock:
            self._free += 1
            self._busy.discard(owner)
            self._begin()


@dataclass(frozen=True, slots=True)
class _Own:
    workers: Workers
    owner: int

    def submit(self, job: _Job, /) -> "Future[None]":
        return self.workers.submit(self.owner, job)
