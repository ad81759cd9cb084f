"""Every store: committing a group. Who gets which item, repeated client ids, marks and presence."""

import pytest
from msgspec.structs import replace

from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import Conflict, Group, Stored
from cnmessage_protocol.ids import ClientId, UserName
from cnmessage_protocol.records import Direction, InboxItem, Kind
from tests.contract.conftest import Desk, stored


def test_a_message_enters_the_recipients_inboxes_and_the_senders_own(store: Store, desk: Desk) -> None:
    alice, bob, carol, dave = desk.accounts("alice", "bob", "carol", "dave")
    new = desk.write(alice, bob, carol, body="hi ✓", time=77)
    (outcome,) = desk.commit(new)
    assert outcome == Stored(new.id, 1, ((bob.id, 1), (carol.id, 1)), fresh=True)
    received = InboxItem(
        1, Direction.RECEIVED, new.id, Kind.DIRECT, alice.name, (bob.name, carol.name), 77, "hi ✓", None
    )
    assert list(store.inbox_after(bob.id, 0, 9, 999)) == [received]
    assert list(store.inbox_after(carol.id, 0, 9, 999)) == [received]
    own = received._replace(direction=Direction.SENT, client_id=new.client_id)
    assert list(store.inbox_after(alice.id, 0, 9, 999)) == [own]
    assert list(store.inbox_after(dave.id, 0, 9, 999)) == []
    assert store.marks(dave.id).head == 0


def test_each_inbox_counts_1_2_3_over_groups_and_within_one(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    desk.send(alice, bob, body="1")
    outcomes = desk.commit(
        desk.write(bob, alice, body="2"), desk.write(alice, bob, body="3"), desk.write(bob, bob, body="4")
    )
    assert [stored(each).seq for each in outcomes] == [2, 3, 4]
    desk.send(alice, bob, body="5")
    for owner, head in ((alice, 4), (bob, 5)):
        items = store.inbox_after(owner.id, 0, 99, 999)
        assert [item.seq for item in items] == list(range(1, head + 1))
        assert store.marks(owner.id).head == head
    assert desk.bodies(bob) == ["1", "2", "3", "4", "5"]
    assert desk.bodies(alice) == ["1", "2", "3", "5"]


def test_a_sender_among_the_recipients_gets_one_received_item_and_no_copy(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    desk.send(bob, alice)
    new = desk.write(alice, bob, alice)
    (outcome,) = desk.commit(new)
    assert outcome == Stored(new.id, 2, ((bob.id, 2), (alice.id, 2)), fresh=True)
    (item,) = store.inbox_after(alice.id, 1, 9, 999)
    assert (item.direction, item.client_id) == (Direction.RECEIVED, new.client_id)


def test_a_message_that_reaches_nobody_is_still_the_senders(store: Store, desk: Desk) -> None:
    # Every addressee blocks the sender, or nobody is online for a broadcast.
    alice, bob = desk.accounts("alice", "bob")
    (outcome, alone) = desk.commit(
        desk.write(alice, bob, blockers=[bob]), desk.write(alice, kind=Kind.BROADCAST)
    )
    assert isinstance(outcome, Stored)
    assert (outcome.places, outcome.seq) == (((bob.id, 0),), 1)
    assert (stored(alone).places, stored(alone).seq) == ((), 2)
    assert (store.marks(alice.id).head, store.marks(bob.id).head) == (2, 0)


def test_a_broadcast_keeps_its_kind_and_goes_to_everyone(store: Store, desk: Desk) -> None:
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    desk.send(alice, bob, carol, kind=Kind.BROADCAST)
    for owner in (alice, bob, carol):
        (item,) = store.inbox_after(owner.id, 0, 9, 999)
        assert (item.kind, item.to) == (Kind.BROADCAST, (UserName("all"),))


@pytest.mark.parametrize("together", [True, False], ids=["in one group", "in two groups"])
def test_the_same_client_id_again_gives_the_first_answer_and_stores_nothing(
    store: Store, desk: Desk, *, together: bool
) -> None:
    alice, bob = desk.accounts("alice", "bob")
    first = desk.write(alice, bob, time=5)
    again = replace(desk.write(alice, time=9), client_id=first.client_id, to=first.to)
    after = desk.write(alice, bob, body="after")
    groups = [[first, again, after]] if together else [[first], [again, after]]
    outcomes = [outcome for group in groups for outcome in desk.commit(*group)]
    assert outcomes[0] == Stored(first.id, 1, ((bob.id, 1),), fresh=True)
    assert outcomes[1] == Stored(first.id, 1, ((bob.id, 1),), fresh=False)
    assert stored(outcomes[2]).seq == 2
    assert desk.bodies(bob) == desk.bodies(alice) == ["hello", "after"]


@pytest.mark.parametrize("together", [True, False], ids=["in one group", "in two groups"])
@pytest.mark.parametrize(
    "difference", [{"body": "other"}, {"to": (UserName("carol"),)}, {"kind": Kind.BROADCAST}], ids=str
)
def test_other_content_under_a_client_id_is_a_conflict_and_stores_nothing(
    store: Store, desk: Desk, difference: dict[str, object], *, together: bool
) -> None:
    alice, bob, carol = desk.accounts("alice", "bob", "carol")
    first = desk.write(alice, bob)
    other = replace(desk.write(alice, carol), client_id=first.client_id, to=first.to)
    other = replace(other, **difference)
    after = desk.write(alice, bob, carol, body="after")
    groups = [[first, other, after]] if together else [[first], [other, after]]
    outcomes = [outcome for group in groups for outcome in desk.commit(*group)]
    assert outcomes[1] is Conflict.CLIENT_ID
    assert stored(outcomes[2]).places == ((bob.id, 2), (carol.id, 1))
    assert desk.bodies(alice) == desk.bodies(bob) == ["hello", "after"]
    assert desk.bodies(carol) == ["after"]


def test_a_client_id_belongs_to_its_sender_alone(desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    shared = ClientId(b"c" * 16)
    outcomes = desk.commit(
        desk.write(alice, bob, body="hers", client_id=shared),
        desk.write(bob, alice, body="his", client_id=shared),
    )
    assert all(stored(each).fresh for each in outcomes)
    assert desk.bodies(alice) == desk.bodies(bob) == ["hers", "his"]


def test_a_repeated_answer_is_the_same_after_marks_moved_and_more_came(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    first = desk.write(alice, bob)
    (before,) = desk.commit(first)
    desk.send(bob, alice)
    store.commit(Group(read={alice.id: 2}, presence=[(bob.id, True, 5)]))
    assert desk.commit(first) == [replace(stored(before), fresh=False)]


def test_a_repeated_group_keeps_its_marks_and_presence(store: Store, desk: Desk) -> None:
    # A duplicate among the submissions must not cost the rest of the group.
    alice, bob = desk.accounts("alice", "bob")
    first = desk.write(alice, bob)
    desk.commit(first)
    store.commit(Group([first], {bob.id: 1}, {alice.id: 1}, [(bob.id, True, 9)]))
    assert store.marks(bob.id).read == 1
    assert store.marks(bob.id).away_upto == 1
    assert store.marks(alice.id).received == 1


def test_an_empty_group_changes_nothing(store: Store, desk: Desk) -> None:
    alice = desk.account("alice")
    before = store.marks(alice.id)
    assert store.commit(Group()) == []
    assert store.marks(alice.id) == before


def test_marks_never_go_back_and_never_beyond_the_head(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    for _ in range(5):
        desk.send(alice, bob)

    def raised(*, read: int | None = None, received: int | None = None) -> tuple[int, int]:
        store.commit(
            Group(
                read={} if read is None else {bob.id: read},
                received={} if received is None else {bob.id: received},
            )
        )
        marks = store.marks(bob.id)
        return marks.read, marks.received

    assert raised(received=2) == (0, 2)
    assert raised(received=1) == (0, 2)
    assert raised(read=3) == (3, 3)  # what was read was received
    assert raised(read=1) == (3, 3)
    assert raised(received=2) == (3, 3)
    assert raised(received=4) == (3, 4)
    assert raised(read=2**62) == (5, 5)
    assert raised(received=2**62) == (5, 5)
    assert store.marks(alice.id).read == 0


def test_a_mark_may_reach_what_the_same_group_stores(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    store.commit(Group([desk.write(alice, bob)], read={bob.id: 1}, received={alice.id: 9}))
    assert store.marks(bob.id).read == 1
    assert store.marks(alice.id).received == 1


def test_the_last_period_without_an_listener_is_known(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")

    def away() -> tuple[int, int | None]:
        marks = store.marks(bob.id)
        return marks.away_from, marks.away_upto

    desk.send(alice, bob)
    assert away() == (0, None)  # away since ever
    desk.present(bob, online=True, now=1)
    assert away() == (0, 1)
    desk.send(alice, bob)
    assert away() == (0, 1)  # what comes while online does not lengthen it
    desk.present(bob, online=False, now=2)
    assert away() == (2, None)  # a new period begins; the one before is forgotten
    desk.send(alice, bob)
    desk.send(alice, bob)
    assert away() == (2, None)
    desk.present(bob, online=True, now=3)
    assert away() == (2, 4)
    assert store.marks(alice.id).away_upto is None


def test_who_sends_was_seen_then_also_when_the_clock_was_ahead_before(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    for time in (1000, 9_000_000, 2000):
        desk.send(alice, bob, time=time)
        assert [row.last_seen for row in store.users("", 9)] == [time, None]


def test_coming_and_going_in_one_group_count_in_order(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    desk.send(alice, bob)
    store.commit(Group(presence=[(bob.id, True, 5), (alice.id, True, 6), (bob.id, False, 7)]))
    assert (store.marks(bob.id).away_from, store.marks(bob.id).away_upto) == (1, None)
    assert store.marks(alice.id).away_upto == 1
    assert [row.last_seen for row in store.users("", 9)] == [6, 7]
