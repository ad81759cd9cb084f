"""Delivery: names become inboxes before the commit, stored items become pushes after it."""

import pytest
from msgspec.structs import replace

from cnmessage_broker.loop.delivery import PUSH_BYTES, Addresses, address_file, notices, pushes
from cnmessage_broker.loop.effects import Push
from cnmessage_broker.loop.listeners import WINDOW_BYTES, Event
from cnmessage_broker.store.ports.records import Group, Stored, Submission
from cnmessage_protocol.deliveries import PUSH_ITEMS, Items
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.ids import ClientId, MessageId, UserName, uuid7
from cnmessage_protocol.records import Direction, FileFacts, InboxItem, Kind
from cnmessage_protocol.requests import Block, Send
from tests.contract.conftest import Desk
from tests.unit.broker.conftest import Room, message


def addressed(room: Room, sender: str, to: str) -> Submission:
    addresses = Addresses(room.store, room.deps.listeners, room.account(sender), 77)
    return addresses.on(message(to), MessageId(b"i" * 16))


def seqs(pushed: list[Push]) -> list[list[int]]:
    """The seqs of each list of items."""
    return [[item[0] for item in push.values["items"]] for push in pushed if push.kind == Items.KIND]


def test_a_direct_message_enters_the_inboxes_of_those_it_names(room: Room) -> None:
    room.users("alice", "bob", "carol", "dave")
    new = addressed(room, "alice", "carol bob")
    assert new.recipients == (room.account("carol").id, room.account("bob").id)
    assert (list(new.to), new.kind, new.time) == (["carol", "bob"], Kind.DIRECT, 77)
    assert not new.withheld
    assert (new.sender, new.sender_name) == (room.account("alice").id, "alice")


def test_a_name_that_is_no_user_is_named(room: Room) -> None:
    room.users("alice", "bob")
    with pytest.raises(RequestError, match="there is no user 'nobody'") as caught:
        addressed(room, "alice", "bob nobody")
    assert caught.value.code is ErrorCode.NO_SUCH_USER


def test_a_blocker_gets_nothing_and_the_sender_cannot_tell(room: Room) -> None:
    alice, bob, _ = room.users("alice", "bob", "carol")
    room.ask(bob, Block("alice"))
    new = addressed(room, "alice", "bob carol")
    assert new.recipients == (room.account("bob").id, room.account("carol").id)
    assert new.withheld == {room.account("bob").id}
    acks = [room.ask(alice, Send((message(name),))).acks[0] for name in ("bob", "carol")]
    assert [ack[3] for ack in acks] == [1, 1]
    assert room.store.marks(room.account("bob").id).head == 0


def test_a_block_hinders_only_the_blocked(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    room.ask(bob, Block("alice"))
    assert addressed(room, "bob", "alice").recipients == (room.account("alice").id,)
    room.send(bob, "alice")
    assert room.store.marks(room.account("alice").id).head == 1
    assert alice


def test_a_broadcast_goes_to_everyone_online_but_the_sender_and_blockers(room: Room) -> None:
    keys = room.users("alice", "bob", "carol", "dave", "offline")
    for key in keys[:4]:
        room.attach(key)
    room.ask(keys[3], Block("alice"))
    new = addressed(room, "alice", "all")
    assert set(new.recipients) == {room.account(name).id for name in ("bob", "carol", "dave")}
    assert (new.kind, list(new.to)) == (Kind.BROADCAST, ["all"])
    assert new.withheld == {room.account("dave").id}


def test_a_push_reaches_every_program_of_recipient_and_sender(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    hers, his, his_too = room.attach(alice), room.attach(bob), room.attach(bob)
    room.attach(carol)
    identity = room.send(alice, "bob", "hi")
    rows = {push.listener.topic: push.values["items"] for push in room.pushed}
    assert rows.keys() == {hers.topic, his.topic, his_too.topic}
    assert rows[his.topic] == rows[his_too.topic]
    (his_item,) = rows[his.topic]
    (time,) = {item.time for item in rows[his.topic]}
    assert his_item == InboxItem(
        1, Direction.RECEIVED, identity, Kind.DIRECT, UserName("alice"), (UserName("bob"),), time, "hi", None
    )
    (own,) = rows[hers.topic]
    assert own.direction == Direction.SENT
    assert own.client_id is not None


def test_a_push_shows_what_the_store_gives_later(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for key in (alice, bob):
        room.attach(key)
    room.send(alice, "bob alice", "one")
    room.send(bob, "all", "two")
    for push in room.pushed:
        for row in push.values["items"]:
            (item,) = room.store.inbox_after(push.listener.owner, row.seq - 1, 1, 999)
            assert item == row


def offered(room: Room, sender: str, *recipients: str, note: str = "") -> Submission:
    """The message of a file whose upload is complete."""
    people = [room.account(name) for name in recipients]
    row = Desk(room.store).upload(room.account(sender), *people, name="plan.txt", size=9, note=note, mtime=5)
    facts = FileFacts(row.id, row.name, row.size, b"d" * 32)
    return address_file(room.store, room.account(sender), row, facts, MessageId(b"m" * 16), 77)


def test_a_file_is_offered_under_its_uploads_id_with_the_note_as_body(room: Room) -> None:
    alice, bob, _ = room.users("alice", "bob", "carol")
    room.ask(bob, Block("alice"))
    new = offered(room, "alice", "carol", "bob", note="look")
    assert new.recipients == (room.account("carol").id, room.account("bob").id)
    assert (new.to, new.kind, new.body, new.time) == (("carol", "bob"), Kind.FILE, "look", 77)
    assert new.withheld == {room.account("bob").id}
    assert new.file is not None
    files = room.store.files
    assert files.upload(room.account("alice").id, new.client_id) == files.find(new.file.id)
    assert alice


def test_a_pushed_file_shows_what_the_store_gives_later(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    room.attach(alice)
    his = room.attach(bob)
    new = offered(room, "alice", "bob")
    before = his._bytes
    (outcome,) = room.store.commit(Group([new]))
    assert isinstance(outcome, Stored)
    pushed = list(pushes(room.deps.listeners, [(new, outcome)]))
    assert len(pushed) == 2
    for push in pushed:
        (row,) = push.values["items"]
        (item,) = room.store.inbox_after(push.listener.owner, 0, 9, 999)
        assert item == row
        assert item.file == new.file
        assert item.extras == {"mtime": 5}
    (item,) = room.store.inbox_after(his.owner, 0, 9, 999)
    assert his._bytes - before == item.size


def test_a_message_to_oneself_is_pushed_once(room: Room) -> None:
    alice = room.user("alice")
    room.attach(alice)
    room.send(alice, "alice", "note")
    assert seqs(room.pushed) == [[1]]
    assert room.pushed[0].values["items"][0][1] == Direction.RECEIVED


def test_items_come_in_order_in_lists_of_bounded_length(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    room.attach(bob)
    room.ask(alice, Send(tuple(message("bob") for _ in range(2 * PUSH_ITEMS + 1))))
    lists = seqs(room.pushed)
    assert [len(each) for each in lists] == [PUSH_ITEMS, PUSH_ITEMS, 1]
    assert [seq for each in lists for seq in each] == list(range(1, 2 * PUSH_ITEMS + 2))


def test_lists_of_large_messages_are_shorter(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    room.attach(bob)
    body = "x" * (PUSH_BYTES // 3 - 500)
    room.ask(alice, Send(tuple(message("bob", body) for _ in range(7))))
    assert seqs(room.pushed) == [[1, 2, 3], [4, 5, 6], [7]]


def test_a_repeated_message_is_not_pushed_again(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    room.attach(bob)
    request = Send((message("bob", client_id=b"c" * 16),))
    first, second = room.ask(alice, request), room.ask(alice, request)
    assert first == second
    assert seqs(room.pushed) == [[1]]


def test_who_is_not_granted_yet_or_far_behind_gets_no_push(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    his = room.attach(bob)
    room.deps.listeners.step(his, Event.CANCELLED)
    room.send(alice, "bob")
    assert room.pushed == []
    room.deps.listeners.step(his, Event.HELLO)
    assert his.take([(1, 1 << 40)]) == 1
    room.send(alice, "bob")
    assert room.pushed == []
    his.confirmed(1)
    room.send(alice, "bob")
    assert seqs(room.pushed) == [[3]]  # the client sees the gap and asks


def test_a_push_never_leaves_a_gap_in_its_own_list(room: Room) -> None:
    # When the window fills in the middle of a commit, the rest waits: a later small item must not overtake.
    alice, bob = room.users("alice", "bob")
    his = room.attach(bob)
    assert his.take([(0, WINDOW_BYTES - 30_000)]) == 1
    bodies = ["x", "y" * 60_000, "z", "z"]
    room.ask(alice, Send(tuple(message("bob", body) for body in bodies)))
    pushed = [seq for each in seqs(room.pushed) for seq in each]
    assert pushed == [1, 2]


def test_pushes_of_one_commit_from_many_senders_keep_the_inboxs_order(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    for key in (alice, bob, carol):
        room.attach(key)
    pairs = [("alice", "bob"), ("bob", "carol"), ("carol", "bob alice"), ("alice", "all"), ("bob", "bob")]
    group = [addressed(room, sender, to) for sender, to in pairs]
    outcomes = [each for each in room.store.commit(Group(list(group))) if isinstance(each, Stored)]
    lists = list(pushes(room.deps.listeners, zip(group, outcomes, strict=True)))
    for push in lists:
        items = [row.seq for row in push.values["items"]]
        assert items == list(range(1, room.store.marks(push.listener.owner).head + 1))
    assert len(lists) == 3


def test_a_notice_goes_to_all_who_may_hear_it(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    heard = [room.attach(alice), room.attach(bob)]
    room.deps.listeners.step(room.attach(carol), Event.CANCELLED)
    found = list(notices(room.deps.listeners, "presence", {"changes": []}))
    assert [push.listener for push in found] == heard


def test_who_leaves_while_a_message_is_being_pushed_gets_no_more_and_hinders_nobody(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    his = [room.attach(bob) for _ in range(3)]
    hers = room.attach(carol)
    new = [addressed(room, "alice", "bob carol") for _ in range(PUSH_ITEMS + 1)]
    many = [
        replace(each, id=MessageId(uuid7(n, bytes(10))), client_id=ClientId(uuid7(n, bytes(10))))
        for n, each in enumerate(new)
    ]
    stored = [
        (each, outcome)
        for each, outcome in zip(many, room.store.commit(Group(many)), strict=True)
        if isinstance(outcome, Stored)
    ]
    being_pushed = iter(pushes(room.deps.listeners, stored))
    pushed = [next(being_pushed)]
    for each in (his[0], his[2]):
        room.deps.listeners.remove(each)
    pushed += being_pushed
    assert alice
    assert [push.listener for push in pushed] == [his[0], his[1], his[1], hers, hers]
