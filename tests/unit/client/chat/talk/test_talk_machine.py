"""The talk against a model inbox: whatever comes and wherever a person looks, in whatever order.

The read mark never covers a message that was not shown in full; unread counts are never negative and exact
as long as nothing had to be forgotten; no message stands twice in a view; everything stays bounded.
"""

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cnmessage_client.chat.talk.bounds import Bounds
from cnmessage_client.chat.talk.effects import Effect, LoadEarlier, MarkRead, Redraw, Show
from cnmessage_client.chat.talk.entries import Said
from cnmessage_client.chat.talk.views import conversations_of, said_of
from cnmessage_client.model import Message
from cnmessage_protocol.conversation import Conversation, Direct, Everyone
from cnmessage_protocol.machines.states import State
from tests.unit.client.chat.talk.talking import (
    broadcast,
    new_talk,
    own,
    receipt,
    received,
    sent,
    some,
    type_in,
)
from tests.unit.protocol.strategies import thorough

PEERS = ("bob", "carol", "dave", "all")
VIEWS = st.sampled_from([*PEERS, None])


class TalkOverAnInbox(RuleBasedStateMachine):
    """`written` is the broker's inbox, of which the stream has brought `came`; `shown` stood on the screen.

    `hidden` came and was not shown since. Bounds are made small, so that they are met.
    """

    bounds: ClassVar[Bounds] = Bounds(entries=6, seqs=4, peers=2, views=2, page=3)

    def __init__(self) -> None:
        super().__init__()
        self.talk = new_talk(bounds=self.bounds)
        self.now = 0.0
        self.written: list[Message] = []
        self.came = 0
        self.shown: set[str] = set()
        self.hidden: dict[int, Conversation] = {}
        self.told = 0
        self.told_in: dict[Conversation, int] = {}
        self.held: list[Message] = []
        self.away = self.returning = False
        self.loads: list[LoadEarlier] = []
        self.unsent: list[str] = []

    # -- what happens -------------------------------------------------------------------------------

    @initialize(senders=st.lists(st.sampled_from(PEERS), max_size=12))
    def some_wrote_before(self, senders: list[str]) -> None:
        self.somebody_writes(senders, other=False)

    @rule(senders=st.lists(st.sampled_from(PEERS), min_size=1, max_size=6), other=st.booleans())
    def somebody_writes(self, senders: list[str], other: bool) -> None:
        to = ("alice", "erin") if other else ("alice",)
        for seq, sender in enumerate(senders, len(self.written) + 1):
            everyone = sender == "all"
            self.written.append(broadcast(seq) if everyone else received(seq, sender, to=to))

    @rule(to=st.sampled_from(PEERS))
    def another_device_of_ours_writes(self, to: str) -> None:
        seq = len(self.written) + 1
        kind = "broadcast" if to == "all" else "direct"
        self.written.append(own(seq, f"far-{seq}", to, kind=kind))

    @rule(to=st.sampled_from(PEERS))
    def we_write(self, to: str) -> None:
        effects = self._do(type_in(self.talk, f"@{to} hello", now=self.now))
        assert sent(effects) == [((to,), "hello")]
        self.unsent += [each.key for each in effects if hasattr(each, "key")]

    @precondition(lambda self: self.unsent)
    @rule(told=st.booleans())
    def the_broker_stores_ours(self, told: bool) -> None:
        key, seq = self.unsent.pop(0), len(self.written) + 1
        self.written.append(own(seq, key, "bob"))
        if told:
            self._do(self.talk.stored(key, receipt(key, seq), self.now))

    @precondition(lambda self: self.came < len(self.written))
    @rule(count=st.integers(1, 5))
    def the_stream_brings_some(self, count: int) -> None:
        for message in self.written[self.came : self.came + count]:
            self.came = message.seq
            effects = self.talk.came(message, self.now)
            if self.returning:
                self.held.append(message)
                assert effects == []
            else:
                self._arrive([message], effects)

    @rule(peer=VIEWS)
    def we_look_elsewhere(self, peer: str | None) -> None:
        self._do(type_in(self.talk, "/home" if peer is None else f"@{peer}", now=self.now))

    @rule(pages=st.integers(0, 3))
    def we_want_earlier_ones(self, pages: int) -> None:
        self._want_earlier()
        for _ in range(pages):
            while self.loads:
                self.an_answer_comes(0)
            self._want_earlier()

    def _want_earlier(self) -> None:
        self.now += 20.0
        self._do(self.talk.more(self.now))

    @rule()
    def we_clear(self) -> None:
        self._do(type_in(self.talk, "clear" if self.talk.conversation is None else "/clear", now=self.now))

    @precondition(lambda self: self.loads)
    @rule(place=st.integers(0, 9))
    def an_answer_comes(self, place: int) -> None:
        wanted = self.loads.pop(place % len(self.loads))
        matching = [
            each
            for each in self.written
            if (
                each.received
                if wanted.conversation is None
                else wanted.conversation in conversations_of(said_of(each))
            )
            and (wanted.before is None or each.seq < wanted.before)
        ]
        self._do(self.talk.earlier(wanted.conversation, matching[-wanted.limit :], self.now))

    @rule(state=st.sampled_from([State.WAITING, State.CATCHING_UP, State.LIVE]))
    def the_connection_moves(self, state: State) -> None:
        effects = self.talk.moved(state, 1.0, self.now)
        self.away = state is not State.LIVE and (self.away or state is State.WAITING)
        self.returning = self.away and state is not State.WAITING
        if not self.returning:
            self._arrive(self.held, effects)
            self.held = []
        else:
            self._do(effects)

    # -- what is promised ---------------------------------------------------------------------------

    def _do(self, effects: list[Effect]) -> list[Effect]:
        self.loads += some(effects, LoadEarlier)
        for effect in effects:
            match effect:
                case Show(Said() as said):
                    self._show(said)
                case Redraw():
                    for entry in self.talk.entries:
                        if isinstance(entry, Said):
                            self._show(entry)
                case MarkRead(seq, None):
                    assert self.told < seq <= self.came
                    self.told = seq
                case MarkRead(seq, Direct() | Everyone() as conversation):
                    assert self.told < seq <= self.came
                    self.told_in[conversation] = max(seq, self.told_in.get(conversation, 0))
        return effects

    def _arrive(self, messages: list[Message], effects: list[Effect]) -> None:
        """These are where they belong now; what the open view has is not hidden, even if it had it before."""
        here = {each.key for each in self.talk.entries if isinstance(each, Said)}
        for message in messages:
            if message.received and message.id not in here:
                self.hidden[message.seq] = conversations_of(said_of(message))[0]
        self._do(effects)

    def _show(self, said: Said) -> None:
        self.shown.add(said.key)
        self.hidden.pop(said.seq or 0, None)

    @invariant()
    def the_mark_covers_only_what_was_shown(self) -> None:
        covered = [
            each
            for each in self.written
            if each.received
            and each.seq <= max(self.told, self.told_in.get(conversations_of(said_of(each))[0], 0))
        ]
        assert {each.id for each in covered} <= self.shown

    @invariant()
    def counts_tell_no_more_than_came(self) -> None:
        came = [conversations_of(said_of(each))[0] for each in self.written[: self.came] if each.received]
        for conversation, count in self.talk.status(self.now).unread:
            assert 0 < count <= came.count(conversation)

    @invariant()
    def no_message_stands_twice(self) -> None:
        keys = [each.key for each in self.talk.entries if isinstance(each, Said)]
        assert len(keys) == len(set(keys))

    @invariant()
    def everything_is_bounded(self) -> None:
        views = self.talk._views
        assert len(views._views) <= self.bounds.views
        for each in (views.home, *views._views.values()):
            assert len(each.entries) <= self.bounds.entries
            assert len(each._keys | each._previewed) <= self.bounds.entries
        assert len(views.unread._waiting) <= self.bounds.peers


class TalkWithRoom(TalkOverAnInbox):
    """The same with bounds that are never met: then nothing is forgotten, and all can be read."""

    bounds: ClassVar[Bounds] = Bounds(page=3)

    @invariant()
    def counts_are_exact(self) -> None:
        waiting = list(self.hidden.values())
        counts = dict(self.talk.status(self.now).unread)
        assert counts == {each: waiting.count(each) for each in waiting}

    def teardown(self) -> None:
        # Whoever looks everywhere in the end, as far back as there is anything, has seen it all.
        self.the_connection_moves(State.LIVE)
        for peer in (*PEERS, None):
            self.we_look_elsewhere(peer)
            for _ in range(len(self.written)):
                self._want_earlier()
                if not self.loads:
                    break
                while self.loads:
                    self.an_answer_comes(0)
        assert self.talk.status(self.now).unread == ()
        assert self.told == self.came


TestTalkOverAnInbox = TalkOverAnInbox.TestCase
TestTalkOverAnInbox.settings = thorough(60, 1000)
TestTalkWithRoom = TalkWithRoom.TestCase
TestTalkWithRoom.settings = thorough(60, 1000)
