"""The commit: what a turn has collected goes to the disk in one transaction, and then its answers and pushes
leave.

What is collected, whom it will answer, and what happens when the disk does not take it.
"""

from dataclasses import replace

import structlog

from cnmessage_broker.between import Lanes
from cnmessage_broker.loop import delivery
from cnmessage_broker.loop.answers import Answers, Asker
from cnmessage_broker.loop.context import Deps
from cnmessage_broker.loop.doorbell import Doorbell
from cnmessage_broker.loop.effects import Confirm, Submit
from cnmessage_broker.loop.pending import Pending, sent
from cnmessage_broker.store.ports.records import Owner, Stored, StoreError
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.trace import counted


class Commit:
    """Collects until `run`. `failed`: the disk cannot be trusted any more, and the broker must end."""

    def __init__(
        self,
        deps: Deps,
        answers: Answers,
        doorbell: Doorbell,
        link: Lanes,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self.failed = False
        self._deps = deps
        self._answers = answers
        self._doorbell = doorbell
        self._link = link
        self._log = log
        self._pending: Pending[Asker] = Pending()
        self._disk_failing = False

    @property
    def rows(self) -> int:
        """Inbox rows that wait to be written, and what of the bodies takes as long."""
        return self._pending.rows

    def commit_for(self, owner: Owner) -> None:
        """Write what waits if some of it is this owner's, so that they read what they wrote."""
        if self._pending.touches(owner):
            self.run()

    def submit(self, asker: Asker, effect: Submit) -> None:
        """Messages to store, and who waits for it."""
        if self._pending.group.presence:
            self.run()  # who came or went did so before this message
        width = sum(delivery.width_of(new, self._deps.listeners) for new in effect.submissions)
        self._pending.add(asker, effect, width)

    def confirm(self, asker: Asker, effect: Confirm) -> None:
        """Who waits for what has been collected."""
        self._pending.answers.append((asker, effect))

    def read(self, owner: Owner, upto: int) -> None:
        """The owner has read up to here."""
        marks = self._pending.group.read
        marks[owner] = max(upto, marks.get(owner, 0))

    def received(self, owner: Owner, upto: int) -> None:
        """A client of the owner has everything up to here."""
        marks = self._pending.group.received
        marks[owner] = max(upto, marks.get(owner, 0))

    def presence(self, owner: Owner, *, online: bool) -> None:
        """The owner came or went."""
        self._pending.group.presence.append((owner, online, self._deps.now_ms()))

    def run(self) -> None:
        """One transaction, then the answers and the pushes that waited for it."""
        if not self._pending.group and not self._pending.answers:
            return
        pending, self._pending = self._pending, Pending()
        try:
            outcomes = self._deps.store.commit(pending.group)
        except StoreError as error:
            self._not_taken(pending, error)
            return
        if self._disk_failing:
            self._deps.trail.note("commit", "failing", "taken", "sound")
        self._disk_failing = False
        if outcomes:
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
        now = self._deps.monotonic()
        for push in delivery.pushes(self._deps.listeners, stored):
            self._doorbell.ring(push, now)

    def _not_taken(self, pending: Pending[Asker], error: StoreError) -> None:
        if not self._disk_failing:
            self._log.error("commit failed", error=str(error), messages=len(pending.group.submissions))
        before = "failing" if self._disk_failing else "sound"
        count = counted(len(pending.group.submissions), "message")
        self._deps.trail.note("commit", before, "not taken", "failing", count)
        self._disk_failing = True
        text = f"{error}; nothing was stored, try again later"
        for asker, _ in pending.answers:
            self._answers.refuse(asker, RequestError(ErrorCode.STORAGE, text))
        # Marks, and who came and went, are known only here, so they are tried again with each turn.
        self._pending.group = replace(pending.group, submissions=[])
        self.failed = self.failed or error.fatal
