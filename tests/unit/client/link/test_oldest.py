"""Reading from the oldest item on: each once and in order, a page at a time, whatever was asked for."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_client.link.oldest import oldest_first
from cnmessage_client.model import Message, Unknown
from cnmessage_protocol.errors import NoProgressError, RequestError
from cnmessage_protocol.results import PAGE_ITEMS, Identity

BEGAN = datetime(2026, 11, 25, tzinfo=UTC)
PEOPLE = ("bob", "carol", "dave")


def item(seq: int, with_: Sequence[str], *, received: bool = True) -> Message:
    """A message at a second of its own; `with_` are its conversations."""
    sender, to = (with_[0], tuple(with_[1:])) if received else ("alice", tuple(with_))
    time = BEGAN + timedelta(seconds=seq)
    return Message(f"{seq}", seq, "direct", sender, to, time, f"text {seq}", received, None)


class Inbox:
    """What a broker does, over a list. `head` may lie."""

    def __init__(self, items: Sequence[Message], head: int | None = None) -> None:
        self.items = items
        self.head = len(items) if head is None else head
        self.asked = 0
        self.most = 0

    async def whoami(self) -> Identity:
        return Identity("alice", 1, self.head, 0, 0, 0)

    async def entries(
        self,
        limit: int,
        *,
        peer: str | None,
        since: datetime | None,
        until: datetime | None,
        before: int,
        own: bool,
    ) -> list[Message | Unknown]:
        self.asked += 1
        found: list[Message | Unknown] = [
            each
            for each in self.items
            if each.seq < before
            and (own or each.received or peer is not None)
            and (peer is None or peer in {each.sender, *each.to})
            and (since is None or each.time >= since)
            and (until is None or each.time < until)
        ]
        self.most = max(self.most, len(found[-limit:]))
        return found[-limit:]


def read(inbox: Inbox, **wanted: object) -> list[int]:
    async def all_of_them() -> list[int]:
        return [entry.seq async for entry in oldest_first(inbox, **wanted)]  # type: ignore[arg-type]

    return asyncio.run(all_of_them())


def filled(count: int) -> Inbox:
    """Each third with bob, of carol, and from alice to bob and carol."""
    whose = [(["bob"], True), (["carol"], True), (["bob", "carol"], False)]
    return Inbox([item(seq, whose[seq % 3][0], received=whose[seq % 3][1]) for seq in range(1, count + 1)])


@pytest.mark.parametrize("count", [0, 1, PAGE_ITEMS - 1, PAGE_ITEMS, PAGE_ITEMS + 1, 3 * PAGE_ITEMS + 7])
def test_a_whole_inbox_is_read_once_and_in_order_in_as_many_pages_as_it_has(count: int) -> None:
    inbox = filled(count)
    assert read(inbox) == list(range(1, count + 1))
    assert inbox.asked == -(-count // PAGE_ITEMS)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 3 * PAGE_ITEMS - 3, 3 * PAGE_ITEMS, 10 * PAGE_ITEMS + 1])
def test_conversations_are_read_each_item_once_however_many_pages_they_have(count: int) -> None:
    every = range(1, count + 1)
    assert read(filled(count), peers="bob") == [seq for seq in every if seq % 3 != 1]
    assert read(filled(count), peers=["bob", "Carol", "BOB"]) == list(every)
    assert read(filled(count), peers=["dave"]) == []


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(PEOPLE), min_size=1, unique=True), st.booleans()), max_size=30
    ),
    st.lists(st.sampled_from(PEOPLE), unique=True),
    st.none() | st.integers(-1, 32),
    st.none() | st.integers(-1, 32),
)
def test_whatever_is_asked_for_comes_once_and_in_order(
    written: list[tuple[list[str], bool]], peers: list[str], since: int | None, until: int | None
) -> None:
    items = [item(seq, with_, received=received) for seq, (with_, received) in enumerate(written, 1)]
    begin, end = (None if each is None else BEGAN + timedelta(seconds=each) for each in (since, until))
    assert read(Inbox(items), peers=peers, since=begin, until=end) == [
        each.seq
        for each in items
        if (not peers or set(peers) & {each.sender, *each.to})
        and (since is None or each.seq >= since)
        and (until is None or each.seq < until)
    ]


def test_of_any_number_a_page_is_asked_for_at_a_time() -> None:
    for wanted in ({}, {"peers": ["bob", "carol"]}, {"since": BEGAN}):
        inbox = filled(20 * PAGE_ITEMS)
        assert read(inbox, **wanted) == list(range(1, 20 * PAGE_ITEMS + 1))
        assert inbox.most <= PAGE_ITEMS


def test_what_comes_meanwhile_is_not_waited_for() -> None:
    inbox = Inbox([item(seq, ["bob"]) for seq in range(1, 11)], head=4)
    assert read(inbox) == read(inbox, peers="bob") == [1, 2, 3, 4]


def test_a_broker_that_tells_of_items_and_gives_none_is_left() -> None:
    with pytest.raises(NoProgressError):
        read(Inbox([item(1, ["bob"])], head=1 << 62))


def test_a_wrong_argument_is_named() -> None:
    with pytest.raises(RequestError, match="peers"):
        read(filled(1), peers=[1])
