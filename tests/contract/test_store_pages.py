"""Every store: a page ends at its limit of bytes while it is read, and all pages hold each item once.

The rows are as wide as the protocol allows: 256 names of 32 letters, bodies and notes of 64 KiB.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnmessage_broker.store.memory.store import MemoryStore
from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import Account, Group, Query, listed_size
from cnmessage_protocol.codec import encode
from cnmessage_protocol.conversation import Direct, from_wire
from cnmessage_protocol.records import MAX_BODY, MAX_RECIPIENTS, InboxItem, Kind
from tests.contract.conftest import BACKENDS, DURABLE, Desk

PAGE = 1 << 18
WIDE = "w" * 28


def crowd(desk: Desk, count: int = MAX_RECIPIENTS) -> tuple[Account, ...]:
    """So many users with the longest names there are."""
    return desk.accounts(*[f"{WIDE}{number:04}" for number in range(count)])


def wide(desk: Desk, *, messages: int) -> tuple[Account, Account, list[InboxItem]]:
    """Messages to everyone in a crowd, each third with the longest body; sender, a recipient, their items."""
    sender, *others = crowd(desk)
    for number in range(messages):
        body = "b" * MAX_BODY if number % 3 == 0 else f"{number}"
        desk.commit(desk.write(sender, *others, sender, body=body))
    return sender, others[0], list(desk.store.inbox_after(others[0].id, 0, 1000, 1 << 40))


def on_the_wire(items: Any) -> int:
    return sum(len(encode(item)) for item in items)


# -- sync ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_bytes", [1, PAGE, 3 * PAGE])
def test_pages_of_a_wide_inbox_stay_below_their_limit_and_miss_nothing(
    store: Store, desk: Desk, max_bytes: int
) -> None:
    _, bob, items = wide(desk, messages=40)
    walked: list[InboxItem] = []
    while page := store.inbox_after(bob.id, len(walked), 1000, max_bytes):
        assert len(page) == 1 or on_the_wire(page) <= sum(item.size for item in page) <= max_bytes
        walked += page
    assert walked == items


# -- history ---------------------------------------------------------------------------------------


def walk(store: Store, owner: Account, query: dict[str, Any]) -> list[InboxItem]:
    """All pages from the newest to the oldest, in rising seq."""
    walked: list[InboxItem] = []
    upto: int | None = None
    head = store.marks(owner.id).head
    for _ in range(head + 2):
        found = store.history(owner.id, Query(**query, upto=upto))
        walked = [*found.items, *walked]
        assert len(found.items) <= 1 or sum(item.size for item in found.items) <= query["max_bytes"]
        if not found.more:
            return walked
        assert found.before - 1 < (head + 1 if upto is None else upto)  # or paging would never end
        upto = found.before - 1
    raise AssertionError("paging did not end")


@pytest.mark.parametrize("max_bytes", [1, PAGE, 1 << 30])
def test_history_of_wide_rows_ends_at_its_limit_of_bytes(store: Store, desk: Desk, max_bytes: int) -> None:
    _, bob, items = wide(desk, messages=40)
    assert walk(store, bob, {"limit": 1000, "max_bytes": max_bytes}) == items
    page = store.history(bob.id, Query(1000, max_bytes=max_bytes)).items
    assert len(page) == 1 or on_the_wire(page) <= max_bytes


def test_history_asks_on_where_the_first_item_without_room_stands(store: Store, desk: Desk) -> None:
    _, bob, _ = wide(desk, messages=40)
    found = store.history(bob.id, Query(1000, max_bytes=PAGE))
    assert found.more
    assert found.before == found.items[0].seq


def test_little_among_wide_rows_is_found_in_one_page(store: Store, desk: Desk) -> None:
    sender, bob, _ = wide(desk, messages=40)
    desk.store.commit(Group([desk.write(bob, bob, body="mine")]))
    desk.commit(*[desk.write(sender, bob, body="b" * MAX_BODY) for _ in range(40)])
    query = Query(1000, max_bytes=PAGE, conversation=Direct(bob.name), received_only=False)
    found = store.history(bob.id, query)
    assert [item.body for item in found.items] == ["mine"]
    assert not found.more


BODIES = st.sampled_from(["x", "é✓" * 30, "y" * 400])
SENT = st.lists(st.tuples(BODIES, st.integers(1, 6), st.sampled_from(Kind), st.booleans()), max_size=25)


def both(act: Callable[[Store], Any]) -> Any:
    """The same done with each backend, which must give the same."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / name for name in DURABLE]
        for place in places:
            place.mkdir()
        stores = [BACKENDS[place.name](place) for place in places]
        try:
            answers = [act(each) for each in (MemoryStore(b"e" * 16), *stores)]
        finally:
            for each in stores:
                each.close()
    assert all(each == answers[0] for each in answers)
    return answers[0]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    SENT,
    st.integers(1, 8),
    st.integers(1, 3000),
    st.sampled_from([None, "all", "alice", "nobody"]),
)
def test_all_pages_of_history_hold_each_item_once_whatever_the_limits(
    sent: list[tuple[str, int, Kind, bool]],
    limit: int,
    max_bytes: int,
    peer: str | None,
) -> None:
    conversation = None if peer is None else from_wire(peer)
    narrow: dict[str, Any] = {"conversation": conversation, "received_only": peer is None}

    def act(store: Store) -> Any:
        desk = Desk(store)
        bob, alice, *others = desk.accounts("bob", "alice", *[f"user{number}" for number in range(6)])
        for body, width, kind, mine in sent:
            sender, *to = (bob, alice) if mine else (alice, bob)
            desk.commit(desk.write(sender, *to, *others[:width], body=body, kind=kind))
        walked = walk(store, bob, {"limit": limit, "max_bytes": max_bytes, **narrow})
        items = list(store.history(bob.id, Query(limit=999, max_bytes=1 << 30, **narrow)).items)
        assert walked == items
        return items

    both(act)


# -- receipts --------------------------------------------------------------------------------------


def test_receipts_give_so_many_recipients_of_each_message(store: Store, desk: Desk) -> None:
    sender, *others = crowd(desk, 40)
    first = desk.send(sender, *others)
    last = desk.send(sender, others[0])
    store.commit(Group(received={others[0].id: 1}, read={others[1].id: 1}))
    found = store.receipts(sender.id, [first.id, last.id, first.id], 5)
    assert list(found[first.id]) == [
        (others[0].name, True, False),
        (others[1].name, True, True),
        *[(each.name, False, False) for each in others[2:5]],
    ]
    assert list(found[last.id]) == [(others[0].name, False, False)]


# -- files -----------------------------------------------------------------------------------------


def shared(desk: Desk, count: int) -> tuple[Account, Account]:
    """Files to everyone in a crowd, each third with the longest note; the owner and a recipient."""
    owner, *others = crowd(desk)
    for number in range(count):
        note = "n" * MAX_BODY if number % 3 == 0 else ""
        desk.share(owner, *others, name="f" * 255, note=note)
    desk.upload(owner, *others, name="unfinished")
    return owner, others[0]


@pytest.mark.parametrize("max_bytes", [1, PAGE])
@pytest.mark.parametrize("sent", [False, True])
def test_pages_of_wide_files_stay_below_their_limit_and_miss_nothing(
    store: Store, desk: Desk, sent: bool, max_bytes: int
) -> None:
    owner, bob = shared(desk, 30)
    who, find = (owner, store.files.sent) if sent else (bob, store.files.received)
    every = list(find(who.id, None, 999, 1 << 30).files)
    assert len(every) == 30 + sent
    walked: list[Any] = []
    before: int | None = None
    while True:
        page = find(who.id, before, 200, max_bytes)
        size = sum(listed_size(row, len(fetches)) for row, fetches in page.files)
        assert len(page.files) == 1 or size <= max_bytes
        # Of the first that no longer fits, the recipients are not read.
        rows = sum(1 + len(fetches) for _, fetches in page.files)
        assert page.looked_at == rows + page.more
        walked += page.files
        if not page.more:
            break
        before = page.files[-1][0].order
    assert walked == every
    assert before is not None  # it took more than one page


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["", "note" * 50]), st.booleans()), max_size=12),
    st.integers(1, 5),
    st.integers(1, 2500),
)
def test_all_pages_of_files_hold_each_file_once_whatever_the_limits(
    files: list[tuple[int, str, bool]], limit: int, max_bytes: int
) -> None:
    def act(store: Store) -> Any:
        desk = Desk(store)
        owner, *others = desk.accounts("owner", "a", "b", "c", "d")
        for width, note, whole in files:
            (desk.share if whole else desk.upload)(owner, *others[:width], note=note)
        told: list[Any] = []
        for find, who in ((store.files.sent, owner), (store.files.received, others[1])):
            walked: list[Any] = []
            before, more = None, True
            while more:
                page = find(who.id, before, limit, max_bytes)
                walked += [(row.id, list(fetches)) for row, fetches in page.files]
                told.append((page.looked_at, page.more))
                more = page.more
                before = page.files[-1][0].order if page.files else None
            every = find(who.id, None, 999, 1 << 30).files
            assert walked == [(row.id, list(fetches)) for row, fetches in every]
            told.append(walked)
        return told

    both(act)
