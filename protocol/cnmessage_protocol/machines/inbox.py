"""Machine: one inbox as a client sees it: cursor, gap, resync, duplicates.

Takes pushed items, pages and heads with the time they came; says what to show and what to ask for. Shows
every item once and in order whatever the link drops, repeats or reorders. Knows no socket and no clock.

    pushed seq ≤ cursor   drop          pushed seq = cursor + 1   show
    pushed seq beyond     hold up to HOLD items; still missing after PATIENCE seconds → RequestItems
    head beyond cursor    the same patience, then RequestItems: finds a lost last push
"""

from collections import deque
from collections.abc import Sequence
from enum import Enum

from msgspec import Struct

from cnmessage_protocol.ids import MessageId
from cnmessage_protocol.records import Item
from cnmessage_protocol.trace import Trail, counted

HOLD = 256
"""Most items kept beyond a gap; more are dropped and asked for."""

PATIENCE = 0.3
"""Seconds a gap may stay open before the client asks for what is missing."""

MOST_BARREN = 5
"""Pages in a row that may hold nothing of what they say there is."""

_REMEMBERED = 4096


class HandOver(Struct, frozen=True):
    """Items to hand to the application, in order, each for the first time."""

    items: Sequence[Item]


class RequestItems(Struct, frozen=True):
    """Request the items above `after`; at most one such request is outstanding."""

    after: int


class Stuck(Struct, frozen=True):
    """The broker says again and again that there are items, and does not give them."""

    what: str


InboxEffect = HandOver | RequestItems | Stuck


class Stage(Enum):
    """How an inbox stands, in the words of a trail."""

    CAUGHT_UP = "caught up"
    BEHIND = "behind"
    ASKING = "asking"
    PAUSED = "paused"


class Inbox:
    """The client's view of one inbox; `cursor` is the last seq shown.

    While `paused`, pushes are let go and nothing is asked for: the application has enough to do.
    """

    def __init__(self, cursor: int = 0, trail: Trail | None = None) -> None:
        self._trail = trail or Trail()
        self._noted = Stage.CAUGHT_UP
        self.cursor = cursor
        self.head = cursor
        self.paused = False
        self._held: dict[int, Item] = {}
        self._asking = False
        self._asked_after = cursor
        self._barren = 0
        self._overdue: float | None = None
        self._target = cursor
        self._recent: deque[MessageId] = deque(maxlen=_REMEMBERED)
        self._replayed: frozenset[MessageId] = frozenset()

    @property
    def behind(self) -> bool:
        """Whether the broker is known to hold items that were not shown yet."""
        return self.head > self.cursor

    @property
    def stage(self) -> Stage:
        """How it stands."""
        if self.paused:
            return Stage.PAUSED
        if self._asking:
            return Stage.ASKING
        return Stage.BEHIND if self.behind else Stage.CAUGHT_UP

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to do, or None."""
        return None if self._asking or self.paused else self._overdue

    def pushed(self, now: float, items: Sequence[Item]) -> list[InboxEffect]:
        """Items came on the push channel."""
        ready: list[Item] = []
        for item in () if self.paused else items:
            if item.seq == self.cursor + 1:
                self._take(item, ready)
            elif item.seq > self.cursor and len(self._held) < HOLD:
                self._held[item.seq] = item
        if items:
            self.head = max(self.head, items[-1].seq)
        self._note("pushed", len(items))
        return self._settle(now, ready)

    def head_reported(self, now: float, head: int) -> list[InboxEffect]:
        """The broker said where the inbox ends."""
        self.head = max(self.head, head)
        self._note("head", f"seq {head}")
        return self._settle(now, [])

    def ask_now(self) -> list[InboxEffect]:
        """Catch up at once, as after a new listener: never mind patience."""
        if self._asking or self.paused:
            return []
        self._asking = True
        self._asked_after = self.cursor
        self._note("sync asked", f"after {self.cursor}")
        return [RequestItems(self.cursor)]

    def pause(self, now: float, *, paused: bool) -> list[InboxEffect]:
        """The application cannot take more for now, or can again."""
        self.paused = paused
        self._note("pause" if paused else "resume")
        return [] if paused else self.head_reported(now, self.head)

    def page(self, now: float, items: Sequence[Item], head: int, *, more: bool) -> list[InboxEffect]:
        """The answer to RequestItems."""
        self._asking = False
        useful = head <= self._asked_after or any(item.seq == self._asked_after + 1 for item in items[:1])
        self._barren = 0 if useful else self._barren + 1
        if self._barren >= MOST_BARREN:
            text = f"it says that there are messages above {self._asked_after} and does not give them"
            return [Stuck(text)]
        before = self.cursor
        ready: list[Item] = []
        for item in items:
            if item.seq == self.cursor + 1:
                self._take(item, ready)
        # A page that brings nothing new must not be asked for again at once, or a faulty broker spins us. It
        # also corrects what was told and pushed before, or items that do not exist keep us asking for ever.
        moved = self.cursor > before
        if not moved:
            self._held.clear()
            self.head = self.cursor
        self.head = max(self.head, head)
        self._note("page", len(items))
        effects = self._settle(now, ready)
        return effects + self.ask_now() if more and moved else effects

    def ask_failed(self, now: float, pause: float = PATIENCE) -> None:
        """The request was refused for the moment; it is repeated after the pause."""
        self._asking = False
        self._overdue = now + max(pause, PATIENCE)
        self._note("refused")

    def interrupted(self) -> None:
        """The link went down: an outstanding request will not be answered."""
        self._asking = False
        self._overdue = None
        self._note("interrupted")

    def restored(self, cursor: int) -> None:
        """The broker's database is another one now: begin again at `cursor`.

        Items shown lately are recognised by id and not shown again.
        """
        self.cursor = self.head = self._target = cursor
        self._held.clear()
        self._replayed = frozenset(self._recent)
        self._asking, self._overdue = False, None
        self._note("restored", f"seq {cursor}")

    def tick(self, now: float) -> list[InboxEffect]:
        """Time passed."""
        if self._asking or self.paused or self._overdue is None or now < self._overdue:
            return []
        self._overdue = None
        return self.ask_now() if self.cursor < self._target else self._settle(now, [])

    def _note(self, event: str, cause: str | int = "") -> None:
        """For the trail: it may stand otherwise since `event`, caused by so many items perhaps."""
        if self._trail.listening and (stage := self.stage) is not self._noted:
            before, self._noted = self._noted, stage
            what = counted(cause, "item") if isinstance(cause, int) else cause
            self._trail.note("inbox", before, event, stage, what)

    def _take(self, item: Item, ready: list[Item]) -> None:
        next_item: Item | None = item
        while next_item is not None:
            self.cursor = next_item.seq
            if next_item.id not in self._replayed:
                ready.append(next_item)
            next_item = self._held.pop(self.cursor + 1, None) if self._held else None

    def _settle(self, now: float, ready: list[Item]) -> list[InboxEffect]:
        if ready:
            self._recent.extend([item.id for item in ready])
        if self._held:
            self._held = {seq: item for seq, item in self._held.items() if seq > self.cursor}
        if self._overdue is not None and self.cursor >= self._target:
            self._overdue = None
        if self._overdue is None and self.head > self.cursor:
            self._overdue = now + PATIENCE
            self._target = self.head
        return [HandOver(ready)] if ready else []
