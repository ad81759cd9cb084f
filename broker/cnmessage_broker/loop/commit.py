"""The commit: what is collected goes to the writer in groups, and then it is answered and published.

One thing is at the writer at a time, a group or a job; what comes meanwhile is collected for the next one, so
the loop never waits for the disk. What heavy users send is a group of its own, and goes when it is its turn:
others wait for what is at the writer, never for what is collected. Each sender's order holds. What is
collected, whom it will answer, and what happens when the disk does not take it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from cnmessage_broker.between import Lanes
from cnmessage_broker.jobs import JobDone
from cnmessage_broker.loop import delivery
from cnmessage_broker.loop.answers import Answers, Asker
from cnmessage_broker.loop.context import Deps
from cnmessage_broker.loop.effects import Confirm, Submit
from cnmessage_broker.loop.pending import BYTES_OF_ROW, Pending, merged, sent
from cnmessage_broker.loop.publisher import Publisher
from cnmessage_broker.scheduling.ranked import Rank, Ranked
from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import Group, Outcome, Owner, Stored, StoreError
from cnmessage_protocol.conversation import Conversation
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.records import Kind
from cnmessage_protocol.trace import counted

Write = Callable[[Callable[[Store], Any], Callable[[JobDone], None]], None]
"""Runs a job on the store's writer and says what became of it, on any thread."""

LINGER = 0.005
"""Seconds that marks alone wait for a message to go to the disk with: mostly they come in its answer, and it
would find the disk busy with them."""

HEAVY_ROWS = 300
BEHIND = 8
HEAVY_BEHIND = 1
"""Inbox rows of a heavy users' group while others talk; groups whose deliveries may be on their way still
when the next is handed over, and a heavy users' next.
"""

RETRY = 0.25
"""Seconds until what nobody will say again is tried again on a disk that did not take it."""


class Commit:
    """Collects; `run` hands over, `finish` takes up what became of it. `wake` is called, on any thread, when
    there is something to take up. `failed`: the disk cannot be trusted any more, and the broker must end.
    """

    def __init__(
        self,
        deps: Deps,
        write: Write,
        answers: Answers,
        publisher: Publisher,
        link: Lanes,
        wake: Callable[[], None],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self.failed = False
        self._deps = deps
        self._write = write
        self._answers = answers
        self._publisher = publisher
        self._link = link
        self._wake = wake
        self._log = log
        self._collected: deque[Pending[Asker]] = deque([Pending()])
        self._heavy: deque[Pending[Asker]] = deque()
        self.heavy_rows = HEAVY_ROWS
        """Inbox rows of one heavy users' group, but for a single message with more."""
        self._heavy_is_next = False
        self._jobs: Ranked[tuple[Callable[[Store], Any], Callable[[JobDone], None]]] = Ranked()
        self._writing = False
        self._job_is_next = False
        self._handed_over: list[Pending[Asker]] = []
        self._came: deque[JobDone | None] = deque()
        self._owed = Group()
        self._owed_from = 0.0
        self._lingers_from: float | None = None
        self._disk_failing = False

    @property
    def rows(self) -> int:
        """Inbox rows that were collected, and what of the bodies takes as long; not what is at the writer."""
        return _rows(self._heavy) + _rows(self._collected)

    def rows_beside(self, owner: Owner | None, *, heavy: bool) -> int:
        """Those that a message of this owner, a heavy user or another, would go to the disk with."""
        return _rows(self._heavy if heavy or self._is_among_heavy(owner) else self._collected)

    def _is_among_heavy(self, owner: Owner | None) -> bool:
        return any(owner in each.senders for each in self._heavy)

    @property
    def busy(self) -> bool:
        """Whether something is on its way to the disk."""
        return self._writing or bool(self._jobs) or bool(self._heavy) or any(self._collected)

    # -- collecting -------------------------------------------------------------------------------

    def submit(self, asker: Asker, effect: Submit, *, heavy: bool = False) -> None:
        """Messages to store, and who waits for it; `heavy`: their sender has had much done."""
        listeners = self._deps.listeners
        rows = sum(
            [delivery.width_of(new, listeners) + len(new.body) // BYTES_OF_ROW for new in effect.submissions]
        )
        if heavy or any(self._is_among_heavy(each.sender) for each in effect.submissions[:1]):
            if not self._heavy or self._heavy[-1].rows + rows > self.heavy_rows:
                self._heavy.append(Pending())
            self._heavy[-1].add(asker, effect, rows)
            return
        if self._collected[-1].group.presence:
            self._collected.append(Pending())  # who came or went did so before this message
        self._collected[-1].add(asker, effect, rows)

    def confirm(self, asker: Asker, effect: Confirm) -> None:
        """Who waits for what has been collected."""
        self._collected[-1].answers.append((asker, effect))

    def read(self, owner: Owner, upto: int, conversation: Conversation | None = None) -> None:
        """The owner has read up to here, in one conversation if it is given."""
        group = self._collected[-1].group
        if conversation is None:
            group.read[owner] = max(upto, group.read.get(owner, 0))
        else:
            key = owner, conversation
            group.read_in[key] = max(upto, group.read_in.get(key, 0))

    def received(self, owner: Owner, upto: int) -> None:
        """A client of the owner has everything up to here."""
        marks = self._collected[-1].group.received
        marks[owner] = max(upto, marks.get(owner, 0))

    def presence(self, owner: Owner, *, online: bool) -> None:
        """The owner came or went: after the messages that were collected, and before those to come."""
        if self._heavy:
            self._collected += (*self._heavy, Pending())
            self._heavy.clear()
        self._collected[-1].group.presence.append((owner, online, self._deps.now_ms()))

    def seen(self, key: str) -> None:
        """This device was used."""
        self._collected[-1].group.seen[key] = self._deps.now_ms()

    def write(self, rank: Rank, job: Callable[[Store], Any], done: Callable[[JobDone], None]) -> None:
        """Have something else done by the writer, in turn with the groups; `done` is called on its thread."""
        self._jobs.put(rank, (job, done))

    def when_settled(self, owner: Owner, resume: Callable[[], None], *, presence: bool = False) -> bool:
        """Whether something of this owner's is on its way, see Pending.touches; then `resume` is called once
        it is not.
        """
        under_way = (*self._handed_over, *self._collected, *self._heavy)
        touching = [each for each in under_way if each.touches(owner, presence=presence)]
        left = len(touching)

        def one_less() -> None:
            nonlocal left
            left -= 1
            if not left:
                resume()

        for pending in touching:
            pending.waiting.append(one_less)
            pending.urgent = True
        return bool(touching)

    # -- to the writer, and back ------------------------------------------------------------------

    def run(self) -> None:
        """Hand the next over, if nothing is at the writer."""
        if self._writing:
            return
        now = self._deps.monotonic()
        behind = 0 if self._deps.stopping else len(self._publisher)
        light = behind <= BEHIND and (self._ready(now) or (bool(self._owed) and now >= self._owed_from))
        heavy = behind <= HEAVY_BEHIND and bool(self._heavy)
        if self._jobs and (self._job_is_next or not (light or heavy)):
            self._writing, self._job_is_next = True, False
            job, done = self._jobs.take()
            self._write(job, partial(self._job_done, done))
        elif heavy and not self._others_first() and (not light or self._heavy_is_next):
            self._heavy_is_next = False
            self._hand_over([self._heavy.popleft()])
        elif light:
            self._heavy_is_next, self._lingers_from = True, None
            groups, self._collected = [*self._collected], deque([Pending()])
            self._hand_over(groups)

    def _others_first(self) -> bool:
        """Whether something of the others' was before: a message of the same sender, somebody's coming."""
        mine = self._heavy[0].senders
        return any(each.group.presence or not mine.isdisjoint(each.senders) for each in self._collected)

    def _hand_over(self, groups: list[Pending[Asker]]) -> None:
        self._writing, self._job_is_next, self._handed_over = True, True, groups
        work = [self._owed, *(each.group for each in groups)]
        self._write(partial(_commit_all, work), self._arrive)

    def _ready(self, now: float) -> bool:
        """Whether what was collected goes to the disk now."""
        waited_for = self._deps.stopping or (bool(self._heavy) and self._others_first())
        if any(each.urgent for each in self._collected) or (waited_for and any(self._collected)):
            return True
        if not any(self._collected):
            return False
        if self._lingers_from is None:
            self._lingers_from = now
        return now - self._lingers_from >= LINGER

    def wait(self, now: float) -> float | None:
        """Seconds until there is something to hand over by itself; None when there is not."""
        if self._writing or self._lingers_from is None:
            return None
        return max(0.0, self._lingers_from + LINGER - now)

    def _job_done(self, done: Callable[[JobDone], None], came: JobDone) -> None:
        done(came)
        self._arrive(None)

    def _arrive(self, came: JobDone | None) -> None:
        self._came.append(came)
        self._wake()

    def finish(self) -> bool:
        """Take up what became of what was handed over, if it is known; the next is handed over before."""
        if not self._came:
            return False
        came, before = self._came.popleft(), self._handed_over
        self._writing, self._handed_over = False, []
        if came is None:
            self.run()
            return True
        if came.error is not None:
            raise came.error
        outcomes, error = list(came.result[0]), came.result[1]
        if outcomes:
            del outcomes[0]  # that of what was owed
            self._owed = Group()
        for pending in before[len(outcomes) :]:
            self._owe(pending)
        self.run()
        for pending, each in zip(before, outcomes, strict=False):
            self._taken(pending, each)
        if error is not None:
            self._not_taken(before[len(outcomes) :], error)
        for pending in before:
            for resume in pending.waiting:
                resume()
        return True

    def _taken(self, pending: Pending[Asker], outcomes: Sequence[Outcome]) -> None:
        if self._disk_failing:
            self._deps.trail.note("commit", "failing", "taken", "sound")
        self._disk_failing = False
        if any(new.kind is not Kind.FILE for new in pending.group.submissions):
            self._link.talked_at = self._deps.monotonic()
        place = 0
        for asker, effect in pending.answers:
            match effect:
                case Confirm(result):
                    self._answers.answer(asker, result)
                case Submit():
                    upto = place + len(effect.submissions)
                    self._answers.answer(asker, sent(effect, outcomes[place:upto]))
                    place = upto
        stored = [
            (new, outcome)
            for new, outcome in zip(pending.group.submissions, outcomes, strict=True)
            if isinstance(outcome, Stored)
        ]
        self._publisher.put(delivery.pushes(self._deps.listeners, stored))

    def _owe(self, pending: Pending[Asker]) -> None:
        """Marks, and who came and went, are known only here: they are tried again."""
        self._owed = merged(self._owed, replace(pending.group, submissions=[]))
        self._owed_from = self._deps.monotonic() + RETRY

    def _not_taken(self, refused: Sequence[Pending[Asker]], error: StoreError) -> None:
        messages = sum(len(each.group.submissions) for each in refused)
        if not self._disk_failing:
            self._log.error("commit failed", error=str(error), messages=messages)
        before = "failing" if self._disk_failing else "sound"
        self._deps.trail.note("commit", before, "not taken", "failing", counted(messages, "message"))
        self._disk_failing = True
        self._owed_from = self._deps.monotonic() + RETRY
        text = f"{error}; nothing was stored, try again later"
        for pending in refused:
            for asker, _ in pending.answers:
                self._answers.refuse(asker, RequestError(ErrorCode.STORAGE, text))
        self.failed = self.failed or error.fatal


def _rows(pending: Iterable[Pending[Asker]]) -> int:
    return sum([each.rows for each in pending])


def _commit_all(groups: Sequence[Group], store: Store) -> tuple[list[list[Outcome]], StoreError | None]:
    """The outcomes of these groups in order, up to the first that is not taken, and why that is."""
    outcomes: list[list[Outcome]] = []
    for group in groups:
        try:
            outcomes.append(store.commit(group) if group else [])
        except StoreError as error:
            return outcomes, error
    return outcomes, None
