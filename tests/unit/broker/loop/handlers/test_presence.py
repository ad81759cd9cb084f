"""Listeners and who is online: attach, detach, beat, users, and what was missed meanwhile."""

from cnmessage_protocol.conversation import from_wire
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.machines.liveness import EXPIRY
from cnmessage_protocol.requests import Attach, Beat, Block, Detach, History, Login, Receipts, Users, Whoami
from cnmessage_protocol.results import Done
from tests.unit.broker.conftest import PASSWORD, Room


def missed(room: Room, key: str, peer: str | None = None) -> list[str]:
    return [
        item.body
        for item in room.ask(key, History(missed=True, peer=None if peer is None else from_wire(peer))).items
    ]


def leave(room: Room, key: str, topic: bytes) -> None:
    assert room.ask(key, Detach(topic)) == Done()


def test_attaching_tells_where_and_how_deliveries_come(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    room.send(bob, "alice")
    answer = room.ask(alice, Attach())
    assert (answer.user, answer.epoch, answer.head, answer.read_upto) == ("alice", room.store.epoch, 1, 0)
    assert answer.deliveries == 1
    assert (answer.heartbeat, answer.expiry) == (1000, int(EXPIRY * 1000))
    listener = room.deps.listeners.get(answer.listener, alice)
    assert listener is not None
    assert listener.key == answer.key
    assert not listener.granted  # the broker grants when the subscription comes


def test_a_cursor_counts_only_under_the_epoch_it_belongs_to(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    identity = room.send(alice, "bob")

    def state() -> str:
        return str(room.ask(alice, Receipts((identity,))).receipts[0][1][0][1])

    room.attach(bob, cursor=1, epoch=b"o" * 16)
    room.attach(bob, cursor=1)
    assert state() == "stored"
    room.attach(bob, cursor=1, epoch=room.store.epoch)
    assert state() == "delivered"


def test_too_many_listeners_of_one_user_or_of_all_are_refused() -> None:
    room = Room(listeners_per_user=2, max_listeners=3)
    alice, bob, carol = room.users("alice", "bob", "carol")
    first = room.attach(alice)
    room.attach(alice)
    assert room.refusal(alice, Attach()) is ErrorCode.RATE_LIMITED
    room.attach(bob)
    assert room.refusal(carol, Attach()) is ErrorCode.RATE_LIMITED
    leave(room, alice, first.topic)
    room.attach(carol)


def test_a_device_that_attaches_was_used(room: Room) -> None:
    alice = room.user("alice")
    room.attach(alice)
    device = room.store.device(alice)
    assert device is not None
    assert device.last_seen == room.deps.now_ms()


def test_detaching_may_be_repeated_and_touches_only_ones_own(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    hers = room.attach(alice)
    leave(room, bob, hers.topic)
    assert room.deps.listeners.online(room.account("alice").id)
    leave(room, alice, hers.topic)
    leave(room, alice, hers.topic)
    assert not room.deps.listeners.online(room.account("alice").id)


def test_a_beat_keeps_alive_and_tells_where_the_inbox_ends(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    his = room.attach(bob)
    room.monotonic += EXPIRY - 0.1
    identity = room.send(alice, "bob")
    pulse = room.ask(bob, Beat(his.topic, 0))
    assert (pulse.head, pulse.epoch, pulse.read_upto) == (1, room.store.epoch, 0)
    room.monotonic += EXPIRY - 0.1
    assert room.deps.listeners.expired(room.monotonic) == []
    room.ask(bob, Beat(his.topic, 1))
    assert room.ask(alice, Receipts((identity,))).receipts[0][1] == (("bob", "delivered"),)
    assert not his._unconfirmed


def test_a_beat_beyond_the_head_confirms_no_future_message(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    his = room.attach(bob)
    room.ask(bob, Beat(his.topic, 1 << 60))
    identity = room.send(alice, "bob")
    assert room.ask(alice, Receipts((identity,))).receipts[0][1] == (("bob", "stored"),)


def test_a_beat_for_an_listener_that_ended_or_is_anothers_is_refused(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    hers = room.attach(alice)
    assert room.refusal(bob, Beat(hers.topic, 0)) is ErrorCode.NOT_ATTACHED
    leave(room, alice, hers.topic)
    assert room.refusal(alice, Beat(hers.topic, 0)) is ErrorCode.NOT_ATTACHED


def test_a_wall_clock_that_jumps_ends_no_listener(room: Room) -> None:
    alice = room.user("alice")
    hers = room.attach(alice)
    for jump in (1e9, -2e9):
        room.wall += jump
        room.monotonic += 1
        assert room.ask(alice, Beat(hers.topic, 0)).head == 0
        assert room.deps.listeners.expired(room.monotonic) == []


def test_the_user_list_comes_in_pages_with_who_is_online(room: Room) -> None:
    alice, bob, _ = room.users("alice", "bob", "carol")
    room.attach(bob)
    now = room.deps.now_ms()
    first = room.ask(alice, Users(limit=2))
    assert (first.users, first.more) == ((("alice", False, None), ("bob", True, now)), True)
    rest = room.ask(alice, Users(after="bob", limit=2))
    assert (rest.users, rest.more) == ((("carol", False, None),), False)


def test_a_one_shot_request_makes_nobody_online(room: Room) -> None:
    alice = room.user("alice")
    for request in (Whoami(), Users(), History()):
        room.ask(alice, request)
    assert room.ask(alice, Users()).users == (("alice", False, None),)


# -- history 0 -------------------------------------------------------------------------------------


def test_missed_are_the_direct_messages_of_the_last_absence(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    room.send(alice, "bob", "before he ever came")
    first = room.attach(bob)
    assert missed(room, bob) == ["before he ever came"]
    room.send(alice, "bob", "while there")
    assert missed(room, bob) == ["before he ever came"]
    leave(room, bob, first.topic)
    assert missed(room, bob) == []
    room.send(alice, "bob", "while away")
    room.send(bob, "alice", "his own")
    room.send(alice, "bob", "while away too")
    room.attach(bob)
    room.send(alice, "bob", "back again")
    assert missed(room, bob) == ["while away", "while away too"]
    assert missed(room, bob) == ["while away", "while away too"]


def test_missed_may_be_asked_without_attaching_and_gives_the_same_each_time(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    room.send(alice, "bob", "one")
    assert missed(room, bob) == missed(room, bob) == ["one"]
    room.send(alice, "bob", "two")
    assert missed(room, bob) == ["one", "two"]


def test_a_second_program_does_not_end_or_begin_an_absence(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    room.send(alice, "bob", "away")
    first, second = room.attach(bob), room.attach(bob)
    room.send(alice, "bob", "there")
    leave(room, bob, first.topic)
    room.send(alice, "bob", "still there")
    room.attach(bob)
    assert missed(room, bob) == ["away"]
    assert second.owner == room.account("bob").id


def test_broadcasts_and_the_blocked_are_not_among_the_missed(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    his = room.attach(bob)
    leave(room, bob, his.topic)
    room.ask(bob, Block("carol"))
    phone = room.attach(carol)
    room.send(alice, "all", "to everyone online")
    room.send(carol, "bob", "blocked")
    room.send(alice, "bob carol", "direct to two")
    leave(room, carol, phone.topic)
    assert missed(room, bob) == ["direct to two"]


def test_missed_with_a_peer_shows_what_they_wrote_not_ones_own(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    room.send(alice, "bob", "from alice")
    room.send(bob, "alice", "a one-shot of his own")
    room.send(carol, "bob", "from carol")
    assert missed(room, bob, peer="alice") == ["from alice"]


def test_missed_pages_like_any_history(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for number in range(5):
        room.send(alice, "bob", str(number))
    room.attach(bob)
    room.send(alice, "bob", "there")
    page = room.ask(bob, History(limit=2, missed=True))
    assert ([item.body for item in page.items], page.more) == (["3", "4"], True)
    page = room.ask(bob, History(limit=9, missed=True, before=page.before))
    assert ([item.body for item in page.items], page.more) == (["0", "1", "2"], False)


def test_the_absence_ends_whichever_device_comes(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    room.send(alice, "bob", "one")
    room.ask("phone", Login("bob", PASSWORD))
    room.attach("phone")
    room.send(alice, "bob", "two")
    assert missed(room, bob) == missed(room, "phone") == ["one"]


def test_clock_jumps_do_not_move_what_was_missed(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    his = room.attach(bob)
    room.wall += 1e8
    leave(room, bob, his.topic)
    room.wall -= 2e8
    room.send(alice, "bob", "missed")
    room.attach(bob)
    room.wall += 3e8
    room.send(alice, "bob", "not missed")
    assert missed(room, bob) == ["missed"]
