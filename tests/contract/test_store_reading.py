"""Every store: reading inboxes. Pages, history with its filters, unread counts, receipts."""

from typing import Any

import pytest

from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import Account, Group, Query
from cnmessage_protocol.conversation import Direct, from_wire, to_wire
from cnmessage_protocol.ids import MessageId, UserName
from cnmessage_protocol.records import Kind
from tests.contract.conftest import Desk


def test_inbox_after_gives_rising_items_above_a_seq(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    for number in range(1, 6):
        desk.send(alice, bob, body=str(number))

    def page(after: int, limit: int) -> list[str]:
        return [item.body for item in store.inbox_after(bob.id, after, limit, 999)]

    assert page(0, 99) == ["1", "2", "3", "4", "5"]
    assert page(2, 2) == ["3", "4"]
    assert page(5, 9) == page(2**62, 9) == []


def test_inbox_after_stops_before_the_size_of_the_rows_exceeds_the_limit(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    for body in ("ééé", "abcd", "x", "y" * 50):
        desk.send(alice, bob, body=body)

    sizes = [item.size for item in store.inbox_after(bob.id, 0, 99, 1 << 20)]

    def count(after: int, max_bytes: int) -> int:
        return len(store.inbox_after(bob.id, after, 99, max_bytes))

    for length in (1, 2, 3, 4):
        assert count(0, sum(sizes[:length])) == length
        assert count(0, sum(sizes[:length]) - 1) == max(1, length - 1)
    # One item too large by itself must come all the same, or its owner would never get past it.
    assert count(3, 1) == 1


def talk(desk: Desk) -> tuple[Account, Account, Account]:
    """An inbox of bob's with everything a filter can tell apart; time is ten times the body."""
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    desk.send(alice, bob, body="1", time=10)
    desk.send(bob, alice, carol, body="2", time=20)
    desk.send(carol, alice, bob, kind=Kind.BROADCAST, body="3", time=30)
    desk.send(bob, alice, carol, kind=Kind.BROADCAST, body="4", time=40)
    desk.send(carol, bob, alice, body="5", time=50)
    desk.send(bob, carol, body="6", time=60)
    desk.send(bob, bob, body="7", time=70)
    desk.send(alice, bob, kind=Kind.FILE, body="8", time=80)
    return alice, bob, carol


ALICE = from_wire("alice")
FILTERS: list[tuple[dict[str, Any], str]] = [
    ({}, "13578"),
    ({"received_only": False}, "12345678"),
    ({"limit": 2}, "78"),
    ({"limit": 2, "received_only": False, "upto": 6}, "56"),
    ({"above": 3}, "578"),
    ({"above": 3, "upto": 7}, "57"),
    ({"upto": 0}, ""),
    ({"upto": 99}, "13578"),
    ({"above": 8}, ""),
    ({"above": 99}, ""),
    ({"since": 50}, "578"),
    ({"until": 50}, "13"),
    ({"since": 30, "until": 70}, "35"),
    ({"since": 30, "until": 30}, ""),
    ({"direct_only": True}, "1578"),
    ({"direct_only": True, "received_only": False}, "125678"),
    ({"conversation": from_wire("alice"), "received_only": False}, "128"),
    ({"conversation": from_wire("carol"), "received_only": False}, "256"),
    ({"conversation": from_wire("carol")}, "5"),
    ({"conversation": from_wire("bob"), "received_only": False}, "7"),
    ({"conversation": from_wire("carol"), "since": 30, "above": 5, "received_only": False}, "6"),
    ({"conversation": from_wire("carol"), "limit": 1, "upto": 5, "received_only": False}, "5"),
    ({"conversation": from_wire("all"), "received_only": False}, "34"),
    ({"conversation": from_wire("all"), "direct_only": True, "received_only": False}, ""),
    ({"conversation": from_wire("ali")}, ""),
    ({"conversation": from_wire("lice")}, ""),
    ({"conversation": from_wire("nobody")}, ""),
]


@pytest.mark.parametrize(("fields", "bodies"), FILTERS, ids=str)
def test_history_gives_the_latest_that_match(desk: Desk, fields: dict[str, Any], bodies: str) -> None:
    _, bob, _ = talk(desk)
    assert desk.bodies(bob, Query(**{"limit": 99, **fields})) == list(bodies)


@pytest.mark.parametrize("kind", [Kind.DIRECT, Kind.FILE])
@pytest.mark.parametrize("to", [("bob", "carol"), ("carol", "bob"), ("carol", "bob", "alice")], ids=" ".join)
def test_a_message_stands_in_the_history_with_each_it_went_to_its_sender_among_them(
    desk: Desk, to: tuple[str, ...], kind: Kind
) -> None:
    accounts = {each.name: each for each in desk.accounts("alice", "bob", "carol")}
    bob = accounts[UserName("bob")]
    desk.send(bob, *(accounts[UserName(name)] for name in to), kind=kind, body="x")

    def between(owner: str, peer: str, *, received_only: bool = False) -> list[str]:
        query = Query(9, conversation=from_wire(peer), received_only=received_only)
        return desk.bodies(accounts[UserName(owner)], query)

    for other in to:
        assert between("bob", other) == ["x"]
        assert between(other, "bob") == ["x"]
        assert between("bob", other, received_only=True) == (["x"] if other == "bob" else [])
    assert between("carol", "alice") == between("carol", "carol") == []


def test_history_is_the_owners_own(desk: Desk) -> None:
    alice, _, carol = talk(desk)
    assert desk.bodies(alice, Query(99)) == list("2345")
    assert desk.bodies(carol, Query(99, conversation=from_wire("bob"), received_only=False)) == list("256")


@pytest.mark.parametrize("limit", [1, 2, 3, 99])
@pytest.mark.parametrize("name", [None, "alice", "carol", "all", "nobody"])
@pytest.mark.parametrize("above", [0, 2])
def test_paging_back_by_before_finds_every_match_once(
    store: Store, desk: Desk, limit: int, name: str | None, above: int
) -> None:
    _, bob, _ = talk(desk)
    conversation = None if name is None else from_wire(name)
    everything = desk.bodies(bob, Query(99, conversation=conversation, above=above, received_only=False))
    pages: list[str] = []
    upto: int | None = None
    for _turn in range(10):
        found = store.history(
            bob.id,
            Query(limit, conversation=conversation, above=above, upto=upto, received_only=False),
        )
        assert len(found.items) <= limit
        pages = [item.body for item in found.items] + pages
        if not found.more:
            break
        assert upto is None or found.before - 1 < upto  # each page gets on, or paging would never end
        upto = found.before - 1
    else:
        raise AssertionError("paging did not end")
    assert pages == everything


def test_more_says_whether_older_items_may_match(store: Store, desk: Desk) -> None:
    _, bob, _ = talk(desk)
    assert store.history(bob.id, Query(99)).more is False
    assert store.history(bob.id, Query(1)).more is True
    assert store.history(bob.id, Query(1)).before == 8
    assert store.history(bob.id, Query(1, above=7)).more is False
    assert store.history(bob.id, Query(9, upto=0)).more is False


def test_history_of_an_empty_inbox_is_empty(store: Store, desk: Desk) -> None:
    alice = desk.account("alice")
    found = store.history(alice.id, Query(9))
    assert (list(found.items), found.more) == ([], False)


def test_a_message_keeps_the_name_of_a_recipient_that_has_dots_and_dashes(desk: Desk) -> None:
    alice, dotted, _ = desk.accounts("alice", "b.o-b_", "b.o")
    desk.send(alice, dotted, body="hi")
    assert desk.bodies(alice, Query(9, conversation=Direct(dotted.name), received_only=False)) == ["hi"]
    assert desk.bodies(alice, Query(9, conversation=from_wire("b.o"), received_only=False)) == []


def test_unread_counts_received_items_above_the_read_mark(store: Store, desk: Desk) -> None:
    _, bob, _ = talk(desk)
    counts = []
    for mark in (0, 1, 2, 3, 6, 7, 8):
        store.commit(Group(read={bob.id: mark}))
        counts.append(store.marks(bob.id).unread)
    assert counts == [5, 4, 4, 3, 2, 1, 0]
    store.commit(Group(received={bob.id: 8}))
    assert store.marks(desk.account("dave").id).unread == 0


def test_receipts_tell_how_far_a_message_came_with_each_recipient(store: Store, desk: Desk) -> None:
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    desk.send(alice, carol)
    sent = desk.send(alice, bob, carol)

    def rows() -> list[tuple[str, bool, bool]]:
        return list(store.receipts(alice.id, [sent.id], 9)[sent.id])

    assert rows() == [("bob", False, False), ("carol", False, False)]
    store.commit(Group(received={bob.id: 1, carol.id: 1}))
    assert rows() == [("bob", True, False), ("carol", False, False)]
    store.commit(Group(read={carol.id: 2}))
    assert rows() == [("bob", True, False), ("carol", True, True)]


def test_receipts_leave_out_others_messages_and_unknown_ids(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    mine, theirs = desk.send(alice, bob), desk.send(bob, alice)
    alone = desk.send(alice)
    found = store.receipts(alice.id, [mine.id, theirs.id, MessageId(b"?" * 16), mine.id, alone.id], 9)
    assert found.keys() == {mine.id, alone.id}
    assert list(found[alone.id]) == []
    assert store.receipts(alice.id, [], 9) == {}


def test_receipts_show_one_who_blocks_like_one_who_is_away(store: Store, desk: Desk) -> None:
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    new = desk.write(alice, bob, carol, blockers=[bob])
    desk.commit(new)
    rows = store.receipts(alice.id, [new.id], 9)[new.id]
    assert list(rows) == [("bob", False, False), ("carol", False, False)]


def test_reading_changes_nothing(store: Store, desk: Desk) -> None:
    _, bob, _ = talk(desk)
    before = store.marks(bob.id)
    store.inbox_after(bob.id, 0, 99, 999)
    store.history(bob.id, Query(9))
    assert store.marks(bob.id) == before


def test_pages_lose_no_conversation_though_several_have_the_same_last_item(store: Store, desk: Desk) -> None:
    alice, dave, bob, carol = desk.accounts("alice", "dave", "bob", "carol")
    desk.commit(desk.write(alice, bob), desk.write(carol, alice), desk.write(alice, dave, carol, bob))
    found: list[tuple[int, str]] = []
    while page := store.conversations(alice.id, found[-1] if found else None, 1, 1 << 20):
        found += [(each.last.seq, to_wire(each.conversation)) for each in page]
    assert found == [(3, "bob"), (3, "carol"), (3, "dave")]
