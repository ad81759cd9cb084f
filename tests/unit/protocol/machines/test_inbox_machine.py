"""The inbox machine against a model broker, over links that drop, double, delay and reorder.

Whatever happens, every item is shown once and in order; once the links heal it catches up in bounded time.
"""

from collections import deque
from collections.abc import Sequence

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cnmessage_protocol.ids import UserName
from cnmessage_protocol.machines.inbox import HOLD, PATIENCE, HandOver, Inbox, InboxEffect, RequestItems
from cnmessage_protocol.records import Direction, InboxItem, Item, Kind
from cnmessage_protocol.testing import FakeClock, Fate, NetworkPath, calm
from tests.unit.protocol.strategies import thorough

PAGE = 40
BEAT = 1.0
ASK_LOST = 3.0
BOUND = 20.0
FATES = st.lists(st.sampled_from(Fate), max_size=8)

Page = tuple[list[InboxItem], int, bool, int]


def item(seq: int, number: int) -> InboxItem:
    """The `number`-th message ever written, at `seq` of this inbox."""
    identity = number.to_bytes(16, "big")
    name = UserName("bob")
    return InboxItem(seq, Direction.RECEIVED, identity, Kind.DIRECT, name, (name,), 0, str(number), None)  # type: ignore[arg-type]


class InboxOverALossyLink(RuleBasedStateMachine):
    """`written` is the truth; `shown` what the machine gave the application."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.weather: deque[Fate] = deque()
        self.pushes: NetworkPath[list[InboxItem]] = NetworkPath(self._fate)
        self.asks: NetworkPath[tuple[int, int]] = NetworkPath(self._fate)
        self.pages: NetworkPath[Page] = NetworkPath(self._fate)
        self.heads: NetworkPath[int] = NetworkPath(self._fate)
        self.written: list[InboxItem] = []
        self.numbers = 0
        self.shown: list[Item] = []
        self.shown_before_restore = 0
        self.asking_since: float | None = None
        self.generation = 0
        self.next_beat = 0.0

    @initialize(history=st.integers(0, 20), cursor=st.integers(0, 20))
    def begin(self, history: int, cursor: int) -> None:
        self._append(history)
        self.start = min(cursor, history)
        self.inbox = Inbox(self.start)

    # -- what happens in the world ----------------------------------------------------------------

    @rule(fates=FATES)
    def the_weather_changes(self, fates: list[Fate]) -> None:
        self.weather = deque(fates)

    @rule(lists=st.lists(st.integers(1, 5), min_size=1, max_size=6))
    def the_broker_pushes(self, lists: list[int]) -> None:
        for count in lists:
            self.pushes.send(self.clock.now, self._append(count))

    @precondition(lambda self: len(self.written) < 2 * HOLD)
    @rule()
    def the_broker_writes_far_more_than_is_held(self) -> None:
        self._append(1)
        for _ in range(3):
            self.pushes.send(self.clock.now, self._append(HOLD // 2))

    @rule(seconds=st.sampled_from([0.01, 0.05, PATIENCE, 1.0, 4.0]))
    def time_passes(self, seconds: float) -> None:
        end = self.clock.now + seconds
        while self.clock.now < end:
            self._step(end)

    @rule(paused=st.booleans())
    def the_application_pauses_or_goes_on(self, paused: bool) -> None:
        self.inbox.paused = paused
        if not paused:
            self._perform(self.inbox.head_reported(self.clock.now, self.inbox.head))

    @rule()
    def the_link_is_cut(self) -> None:
        self._reconnect()
        self._perform(self.inbox.head_reported(self.clock.now, len(self.written)))

    @rule(lost=st.integers(0, 12), unread=st.integers(0, 5))
    def an_older_database_is_restored(self, lost: int, unread: int) -> None:
        """The last items are gone; the read mark of then is at most what was shown then."""
        del self.written[max(0, len(self.written) - lost) :]
        head = len(self.written)
        mark = max(0, min(self.inbox.cursor, head) - unread)
        self._reconnect()
        self.inbox.restored(mark)
        self.start, self.shown_before_restore = mark, len(self.shown)
        self._perform(self.inbox.head_reported(self.clock.now, head))

    # -- what must hold ---------------------------------------------------------------------------

    @invariant()
    def nothing_is_shown_twice(self) -> None:
        assert len({each.id for each in self.shown}) == len(self.shown)

    @invariant()
    def what_is_shown_is_the_inbox_in_order_without_a_gap(self) -> None:
        if not hasattr(self, "inbox"):
            return
        earlier = {each.id for each in self.shown[: self.shown_before_restore]}
        due = [each for each in self.written[self.start : self.inbox.cursor] if each.id not in earlier]
        assert self.shown[self.shown_before_restore :] == due

    def teardown(self) -> None:
        """Heal everything: the inbox must catch up, and then be quiet."""
        if not hasattr(self, "inbox"):
            return
        self.weather.clear()
        self.inbox.paused = False
        self._perform(self.inbox.head_reported(self.clock.now, self.inbox.head))
        self.time_passes(BOUND)
        assert self.inbox.cursor == len(self.written)
        assert not self.inbox.behind
        assert self.inbox.deadline is None
        self.nothing_is_shown_twice()
        self.what_is_shown_is_the_inbox_in_order_without_a_gap()

    # -- the model broker and the links -----------------------------------------------------------

    def _fate(self) -> Fate:
        if not self.weather:
            return calm()
        self.weather.rotate(-1)
        return self.weather[-1]

    def _append(self, count: int) -> list[InboxItem]:
        head = len(self.written)
        fresh = [item(head + place, self.numbers + place) for place in range(1, count + 1)]
        self.numbers += count
        self.written += fresh
        return fresh

    def _reconnect(self) -> None:
        for link in (self.pushes, self.asks, self.pages, self.heads):
            link.cut()
        self.inbox.interrupted()
        self.asking_since = None

    def _step(self, end: float) -> None:
        moments = [self.pushes.next_arrival, self.asks.next_arrival, self.pages.next_arrival]
        moments += [self.heads.next_arrival, self.inbox.deadline, self.next_beat, end]
        if self.asking_since is not None:
            moments.append(self.asking_since + ASK_LOST)
        now = self.clock.advance_to(min(each for each in moments if each is not None))
        if now >= self.next_beat:
            self.next_beat = now + BEAT
            self.heads.send(now, len(self.written))
        for after, generation in self.asks.arrived(now):
            items = self.written[after : after + PAGE]
            page = (items, len(self.written), after + PAGE < len(self.written), generation)
            self.pages.send(now, page)
        for pushed in self.pushes.arrived(now):
            self._perform(self.inbox.pushed(now, pushed))
        for head in self.heads.arrived(now):
            self._perform(self.inbox.head_reported(now, head))
        for items, head, more, generation in self.pages.arrived(now):
            if self.asking_since is not None and generation == self.generation:
                self.asking_since = None
                self._perform(self.inbox.page(now, items, head, more=more))
        if self.asking_since is not None and now >= self.asking_since + ASK_LOST:
            self.asking_since = None  # whoever drives the machine notices a lost answer
            self.inbox.ask_failed(now)
        self._perform(self.inbox.tick(now))

    def _perform(self, effects: Sequence[InboxEffect]) -> None:
        for effect in effects:
            match effect:
                case HandOver(items):
                    self.shown += items
                case RequestItems(after):
                    assert self.asking_since is None, "at most one request is outstanding"
                    self.generation += 1
                    self.asking_since = self.clock.now
                    self.asks.send(self.clock.now, (after, self.generation))


TestInboxOverALossyLink = pytest.mark.timeout(300)(InboxOverALossyLink.TestCase)
TestInboxOverALossyLink.settings = thorough(60, 2000)
