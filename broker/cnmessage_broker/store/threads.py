"""The threads that work on a store, so that nobody else ever waits for a disk: one writes, some read.

Jobs of the writer run one after the other, in the order in which they were handed over.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cnmessage_broker import jobs
from cnmessage_broker.jobs import JobDone
from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.reader import Reader
from cnmessage_broker.thread_names import show_name


class StoreThreads:
    """Threads on `store`: its writer, and `readers` with a reader each."""

    def __init__(self, store: Store, readers: int) -> None:
        self._store = store
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer", initializer=show_name)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="reader", initializer=show_name)
        self._own = threading.local()
        self._opened: list[Reader] = []

    def write(self, job: Callable[[Store], Any], done: Callable[[JobDone], None]) -> None:
        """Run `job` on the writer; `done` is called there with what became of it."""
        jobs.submit(self._writer, lambda: job(self._store), done)

    def read(self, job: Callable[[Reader], Any], done: Callable[[JobDone], None]) -> None:
        """Run `job` on a reader; `done` is called there with what became of it."""
        jobs.submit(self._readers, lambda: self._read(job), done)

    def _read(self, job: Callable[[Reader], Any]) -> Any:
        reader = self._reader()
        with reader.one_state():
            return job(reader)

    def _reader(self) -> Reader:
        mine: Reader | None = getattr(self._own, "reader", None)
        if mine is None:
            mine = self._own.reader = self._store.reader()
            self._opened.append(mine)
        return mine

    def close(self) -> None:
        """Finish what was handed over and release the readers; the store itself stays open."""
        self._readers.shutdown(wait=True)
        self._writer.shutdown(wait=True)
        for reader in self._opened:
            reader.close()
