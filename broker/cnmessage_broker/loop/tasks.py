"""Handlers under way: each goes on until it must wait, and again when what it waits for has come.

The loop itself drives them, one at a time, so between two waits a handler is alone with what the loop has.
Those of one line run one after the other from their beginning to their end, waits included. Knows no verb.
"""

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from cnmessage_broker.jobs import JobDone
from cnmessage_broker.loop.answers import Asker
from cnmessage_broker.loop.commit import Commit
from cnmessage_broker.loop.context import Caller
from cnmessage_broker.loop.effects import Effect
from cnmessage_broker.loop.passwords import PasswordPool, PoolFullError
from cnmessage_broker.loop.performer import Performer
from cnmessage_broker.loop.waits import OnHasher, OnReader, OnWriter, Settled, Wait
from cnmessage_broker.scheduling.ranked import LAST, Rank, Ranked
from cnmessage_broker.store.ports.reader import Reader
from cnmessage_protocol.errors import ErrorCode, RequestError

Steps = Coroutine[Wait[Any], Any, list[Effect]]
"""A handler at work; in the end it gives its effects."""

Read = Callable[[Callable[[Reader], Any], Callable[[JobDone], None]], None]
"""Runs a job on a reader and says what became of it, on any thread."""

READS = 4
"""Most pages that are handed to readers at a time: the others keep their order here."""

MOST_SECONDS = 0.005
"""Most that one job counts as its user's work: that a disk is slow is nobody's fault. Passwords have budgets
of their own, and count nothing here."""

_BEGIN = JobDone()
_BUSY = RequestError(ErrorCode.BUSY, "too many people are logging in; try again in a moment")


@dataclass(slots=True, eq=False)
class Task:
    """A handler for `asker`; `what` names it in the log. `ended` is called after its effects were carried
    out, with the seconds that its jobs took elsewhere.
    """

    steps: Steps
    what: str
    asker: Asker | None = None
    caller: Caller | None = None
    line: str = ""
    rank: Rank = LAST
    ended: Callable[[float], None] | None = None
    seconds: float = 0.0
    done: bool = False


class Tasks:
    """Drives handlers. `wake` is called, on any thread, when one can go on."""

    def __init__(
        self, performer: Performer, commit: Commit, read: Read, hasher: PasswordPool, wake: Callable[[], None]
    ) -> None:
        self._performer = performer
        self._commit = commit
        self._read = read
        self._hasher = hasher
        self._wake = wake
        self._pages: Ranked[tuple[Task, Callable[[Reader], Any]]] = Ranked()
        self._reading = 0
        self._came: deque[tuple[Task, JobDone]] = deque()
        self._read_done: deque[None] = deque()
        self._lines: dict[str, deque[Task]] = {}

    def __bool__(self) -> bool:
        """Whether some can go on."""
        return bool(self._came)

    def start(self, task: Task) -> None:
        """Begin with a handler, or let it wait for those of its line; it may be done when this returns."""
        if task.line:
            line = self._lines.setdefault(task.line, deque())
            line.append(task)
            if line[0] is not task:
                return
        self._drive(task, _BEGIN)

    def go_on(self) -> None:
        """Take up those for whom something has come."""
        while self._read_done:
            self._read_done.popleft()
            self._reading -= 1
        self._hand_over()
        for _ in range(len(self._came)):
            task, came = self._came.popleft()
            task.seconds += min(came.seconds, MOST_SECONDS)
            self._drive(task, came)

    def close(self) -> None:
        """Drop those that did not even begin."""
        for line in self._lines.values():
            for task in line:
                task.steps.close()

    def _drive(self, task: Task, came: JobDone) -> None:
        more: JobDone | None = came
        while more is not None:
            try:
                wait = task.steps.send(more.result) if more.error is None else task.steps.throw(more.error)
            except StopIteration as end:
                self._end(task, end.value)
                return
            except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the broker
                self._end(task, self._performer.fault(error, task.what))
                return
            more = self._begin(task, wait)

    def _begin(self, task: Task, wait: Wait[Any]) -> JobDone | None:
        """Have done what it waits for; its result if there is nothing to wait for."""
        arrive = partial(self._arrive, task)
        match wait:
            case OnReader(job):
                self._pages.put(task.rank, (task, job))
                self._hand_over()
            case OnWriter(job):
                self._commit.write(task.rank, job, arrive)
            case OnHasher(job):
                try:
                    self._hasher.submit(job, lambda came: arrive(replace(came, seconds=0.0)))
                except PoolFullError:
                    return JobDone(error=_BUSY)
            case Settled(owner, presence):
                resume = partial(arrive, _BEGIN)
                return None if self._commit.when_settled(owner, resume, presence=presence) else _BEGIN
            case _:
                raise TypeError(wait)
        return None

    def _hand_over(self) -> None:
        """Give readers what they have room for."""
        while self._pages and self._reading < READS:
            task, job = self._pages.take()
            self._reading += 1
            self._read(job, partial(self._page_read, task))

    def _page_read(self, task: Task, came: JobDone) -> None:
        self._read_done.append(None)
        self._arrive(task, came)

    def _arrive(self, task: Task, came: JobDone) -> None:
        self._came.append((task, came))
        self._wake()

    def _end(self, task: Task, effects: list[Effect]) -> None:
        heavy, _ = task.rank
        self._performer.perform(task.asker, effects, task.caller, heavy=heavy)
        task.done = True
        if task.ended is not None:
            task.ended(task.seconds)
        line = self._lines.get(task.line)
        if line is not None:
            line.popleft()
            if line:
                self._arrive(line[0], _BEGIN)
            else:
                del self._lines[task.line]
