"""Work of handlers on the password pool: begun at once, finished on the loop's own thread.

Knows no account and no password: a job, what to do with its result, and who waits for the answer.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from cnmessage_broker.loop.answers import Asker
from cnmessage_broker.loop.effects import Effect, Work
from cnmessage_broker.loop.passwords import PasswordPool, PoolFullError
from cnmessage_protocol.errors import ErrorCode, RequestError


@dataclass(frozen=True, slots=True)
class FinishedWork:
    """A job that is done, and who waits for it."""

    asker: Asker
    step: Callable[[], list[Effect]]
    """What follows from its result; raises what the job raised."""


class PasswordWork:
    """Jobs on `pool`; `wake` is called on any thread when one is done."""

    def __init__(self, pool: PasswordPool, wake: Callable[[], None]) -> None:
        self._pool = pool
        self._wake = wake
        self._done: deque[tuple[Asker, Work, Future[Any]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._done)

    def begin(self, asker: Asker, work: Work) -> None:
        """Hand a job over; RequestError when too many wait."""

        def done(future: "Future[Any]") -> None:
            self._done.append((asker, work, future))
            self._wake()

        try:
            self._pool.submit(work.job, done)
        except PoolFullError:
            text = "too many people are logging in; try again in a moment"
            raise RequestError(ErrorCode.BUSY, text) from None

    def take(self) -> FinishedWork | None:
        """The job that has been done for longest, and not been taken."""
        while self._done:
            asker, work, future = self._done.popleft()
            if not future.cancelled():
                return FinishedWork(asker, partial(_follow, work, future))
        return None


def _follow(work: Work, future: "Future[Any]") -> list[Effect]:
    return work.then(future.result())
