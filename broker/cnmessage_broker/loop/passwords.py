"""argon2id in a bounded pool of workers, so that hashing never holds up messages.

OWASP's profile: 19 MiB, 2 iterations, 1 lane. Knows neither accounts nor sockets.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cnmessage_broker import jobs
from cnmessage_broker.jobs import JobDone
from cnmessage_broker.priority import step_back
from cnmessage_broker.thread_names import show_name


class PoolFullError(Exception):
    """Too many passwords wait to be hashed already."""


class Passwords:
    """Hashes and verifies with one profile."""

    def __init__(self, hasher: PasswordHasher, dummy: str | None = None) -> None:
        self._hasher = hasher
        self.dummy = dummy or hasher.hash("no account has this password")
        """The hash that is verified where there is none. Whatever fits it opens nothing."""

    def hash(self, password: str) -> str:
        """The argon2id hash to store."""
        return self._hasher.hash(password)

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password fits; without a stored hash it takes as long and says no."""
        try:
            self._hasher.verify(stored or self.dummy, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None


# Made once and for all: each start of the program would take 30 ms longer to make it anew.
_DUMMY = "$argon2id$v=19$m=19456,t=2,p=1$ojkM8K/b6kME9QRtcRVKGA$0dJygz7z0OjTCDB8VdWwhW4zsW1H881dFUk/jHqxR2U"

OWASP = Passwords(PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1), _DUMMY)


def _begin() -> None:
    show_name()
    step_back()


class PasswordPool:
    """Runs jobs on `workers` threads; at most `queue` of them at a time, waiting or running."""

    def __init__(self, workers: int, queue: int) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="password", initializer=_begin)
        self._room = threading.BoundedSemaphore(queue)
        self.taken = 0
        """Jobs that were ever handed over."""

    def submit(self, job: Callable[[], Any], done: Callable[[JobDone], None]) -> None:
        """Run `job`; `done` is called on the worker's thread. PoolFullError when there is no room."""
        if not self._room.acquire(blocking=False):
            raise PoolFullError
        self.taken += 1

        def finish(came: JobDone) -> None:
            self._room.release()
            done(came)

        jobs.submit(self._executor, job, finish)

    def close(self) -> None:
        """Wait for what runs and drop what waits."""
        self._executor.shutdown(wait=True, cancel_futures=True)
