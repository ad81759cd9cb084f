"""Accounts and devices: signup, login, logout, passwd, whoami, sessions, revoke."""

from typing import Any

import pytest

from cnmessage_broker.loop.password_changes import REPEATABLE
from cnmessage_protocol.deliveries import Closed
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.requests import (
    Ack,
    Block,
    Devices,
    Login,
    Logout,
    Passwd,
    Revoke,
    Signup,
    Whoami,
)
from cnmessage_protocol.results import Done, LoggedIn
from tests.unit.broker.conftest import PASSWORD, Room

NEW = "another password"


def test_a_signup_makes_an_account_and_logs_in(room: Room) -> None:
    answer = room.ask("key", Signup("alice", PASSWORD, "laptop"))
    assert answer.user == "alice"
    assert room.ask("key", Whoami()).device == answer.device
    (device,) = room.store.devices(room.account("alice").id)
    assert (device.key, device.label) == ("key", "laptop")
    assert PASSWORD not in room.account("alice").password


def test_a_repeated_signup_logs_in_and_another_password_is_refused(room: Room) -> None:
    first = room.ask("key", Signup("alice", PASSWORD))
    assert room.ask("key", Signup("alice", PASSWORD)) == first
    assert room.refusal("other", Signup("alice", NEW)) is ErrorCode.NAME_TAKEN
    assert room.store.device("other") is None


def test_a_signup_repeated_while_the_first_is_being_hashed_logs_in_too(room: Room) -> None:
    # The link broke while the password was hashed; the client asks again. The account is theirs.
    first, second = [room.hashed("key", Signup("alice", PASSWORD)) for _ in "12"]
    answer = room.perform(room.drive(*first))
    assert isinstance(answer, LoggedIn)
    assert room.perform(room.drive(*second)) == answer


def test_a_signup_that_comes_second_with_another_password_is_refused(room: Room) -> None:
    first = room.hashed("one", Signup("alice", PASSWORD))
    second = room.hashed("two", Signup("alice", NEW))
    room.perform(room.drive(*first))
    with pytest.raises(Exception, match="taken"):
        room.perform(room.drive(*second))
    assert room.store.device("two") is None


def test_a_login_takes_the_right_password_only(room: Room) -> None:
    room.user("alice")
    assert room.refusal("key", Login("alice", NEW)) is ErrorCode.BAD_CREDENTIALS
    assert room.store.device("key") is None
    assert room.ask("key", Login("alice", PASSWORD)).user == "alice"


def test_an_unknown_name_and_a_wrong_password_are_told_alike(room: Room) -> None:
    room.user("alice")
    texts = []
    for name in ("alice", "nobody"):
        with pytest.raises(Exception, match="wrong user name or password") as caught:
            room.ask("key", Login(name, NEW))
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


def test_a_login_that_was_checked_against_an_old_password_does_not_count(room: Room) -> None:
    # Someone knows the password; the owner changes it while that login is being hashed.
    alice = room.user("alice")
    login = room.hashed("intruder", Login("alice", PASSWORD))
    assert login[1].result is True
    room.ask(alice, Passwd(PASSWORD, NEW))
    with pytest.raises(Exception, match="wrong user name or password"):
        room.perform(room.drive(*login))
    assert room.store.device("intruder") is None


def test_a_password_change_that_was_checked_against_an_old_password_does_not_count(room: Room) -> None:
    alice = room.user("alice")
    room.ask("intruder", Login("alice", PASSWORD))
    change = room.hashed("intruder", Passwd(PASSWORD, "the intruder's"))
    room.ask(alice, Passwd(PASSWORD, NEW))
    with pytest.raises(Exception, match="password"):
        room.perform(room.drive(*change))
    assert room.ask(alice, Whoami()).user == "alice"


def test_a_password_change_that_comes_again_gets_the_same_answer_and_logs_nobody_out(room: Room) -> None:
    alice = room.user("alice")
    room.ask("tablet", Login("alice", PASSWORD))
    first = room.ask(alice, Passwd(PASSWORD, NEW))
    assert first.revoked == 1
    room.ask("phone", Login("alice", NEW))
    assert room.ask(alice, Passwd(PASSWORD, NEW)) == first
    assert room.ask("phone", Whoami()).user == "alice"


@pytest.mark.parametrize("old", ["a wrong one", NEW + "!", PASSWORD + " "])
def test_a_wrong_old_password_is_refused_also_where_the_new_one_is_in_force(room: Room, old: str) -> None:
    alice = room.user("alice")
    assert room.refusal(alice, Passwd(old, PASSWORD)) is ErrorCode.BAD_CREDENTIALS  # it confirms no guess
    room.ask(alice, Passwd(PASSWORD, NEW))
    assert room.refusal(alice, Passwd(old, NEW)) is ErrorCode.BAD_CREDENTIALS


def test_a_password_change_is_repeated_by_the_device_that_made_it_only(room: Room) -> None:
    alice = room.user("alice")
    room.ask(alice, Passwd(PASSWORD, NEW))
    room.ask("phone", Login("alice", NEW))
    assert room.refusal("phone", Passwd(PASSWORD, NEW)) is ErrorCode.BAD_CREDENTIALS


def test_a_password_change_is_not_repeated_after_another_one_or_with_another_new_password(room: Room) -> None:
    alice = room.user("alice")
    room.ask(alice, Passwd(PASSWORD, NEW))
    assert room.refusal(alice, Passwd(PASSWORD, "a third password")) is ErrorCode.BAD_CREDENTIALS
    room.ask("phone", Login("alice", NEW))
    room.ask("phone", Passwd(NEW, "a third password"))
    room.ask(alice, Login("alice", "a third password"))
    assert room.refusal(alice, Passwd(PASSWORD, NEW)) is ErrorCode.BAD_CREDENTIALS


def test_a_password_change_is_repeatable_for_a_minute(room: Room) -> None:
    alice = room.user("alice")
    room.ask(alice, Passwd(PASSWORD, NEW))
    room.monotonic += REPEATABLE
    assert room.ask(alice, Passwd(PASSWORD, NEW)).revoked == 0
    room.monotonic += 1
    assert room.refusal(alice, Passwd(PASSWORD, NEW)) is ErrorCode.BAD_CREDENTIALS


def test_repeats_with_a_wrong_old_password_count_as_any_other() -> None:
    room = Room(login_burst=2)
    alice = room.user("alice")
    codes = [room.refusal(alice, Passwd("wrong one", PASSWORD)) for _ in range(3)]
    assert codes == [ErrorCode.BAD_CREDENTIALS] * 2 + [ErrorCode.RATE_LIMITED]


def test_a_login_moves_a_key_and_ends_its_listeners_there(room: Room) -> None:
    alice, _ = room.users("alice", "bob")
    listener = room.attach(alice)
    room.ask(alice, Login("bob", PASSWORD))
    assert room.ask(alice, Whoami()).user == "bob"
    assert not room.deps.listeners.online(room.account("alice").id)
    assert [(push.listener, push.kind) for push in room.pushed] == [(listener, Closed.KIND)]
    assert room.store.marks(room.account("alice").id).away_upto is None


def test_a_repeated_login_keeps_the_listeners(room: Room) -> None:
    alice = room.user("alice")
    listener = room.attach(alice)
    room.ask(alice, Login("alice", PASSWORD))
    assert room.deps.listeners.get(listener.topic, alice) is listener


def test_a_logout_unbinds_the_key_and_may_be_repeated(room: Room) -> None:
    alice = room.user("alice")
    room.attach(alice)
    assert room.ask(alice, Logout()) == Done()
    assert room.store.device(alice) is None
    assert len(room.deps.listeners) == 0
    assert room.pushed[0].values == {"reason": "unauthenticated"}
    assert room.ask(alice, Logout()) == Done()
    assert room.ask("unknown", Logout()) == Done()


def test_a_new_password_logs_out_all_other_devices(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for key in ("two", "three"):
        room.ask(key, Login("alice", PASSWORD))
    kept, gone = room.attach(alice), room.attach("two")
    assert room.refusal(alice, Passwd(NEW, NEW)) is ErrorCode.BAD_CREDENTIALS
    assert room.ask(alice, Passwd(PASSWORD, NEW)).revoked == 2
    assert [each.key for each in room.store.devices(room.account("alice").id)] == [alice]
    assert list(room.deps.listeners.all()) == [kept]
    assert [push.listener for push in room.pushed] == [gone]
    assert room.refusal("two", Login("alice", PASSWORD)) is ErrorCode.BAD_CREDENTIALS
    assert room.ask("two", Login("alice", NEW)).user == "alice"
    assert room.ask(bob, Whoami()).user == "bob"


def test_whoami_tells_how_the_inbox_stands(room: Room) -> None:
    alice, bob, _ = room.users("alice", "bob", "carol")
    for _turn in range(3):
        room.send(bob, "alice")
    room.send(alice, "bob")
    room.ask(alice, Ack(2))
    room.ask(alice, Block("carol"))
    found = room.ask(alice, Whoami())
    assert (found.user, found.head, found.read_upto, found.unread, found.blocked) == ("alice", 4, 2, 1, 1)


def test_sessions_lists_ones_own_devices(room: Room) -> None:
    alice, _ = room.users("alice", "bob")
    room.ask("phone", Login("alice", PASSWORD, "my phone"))
    room.attach("phone")
    first, second = room.ask(alice, Devices()).devices
    assert (first[1], first[4], first[5]) == ("", False, True)
    assert (second[1], second[4], second[5]) == ("my phone", True, False)
    assert second[2] == room.deps.now_ms()


def test_revoke_ends_another_session_of_ones_own(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    session = room.ask("phone", Login("alice", PASSWORD)).device
    room.attach("phone")
    assert room.refusal(bob, Revoke(session)) is ErrorCode.NO_SUCH_DEVICE
    assert room.ask(alice, Revoke(session)) == Done()
    assert room.refusal("phone", Whoami()) is ErrorCode.UNAUTHENTICATED
    assert [push.kind for push in room.pushed] == [Closed.KIND]
    assert room.refusal(alice, Revoke(session)) is ErrorCode.NO_SUCH_DEVICE


@pytest.mark.parametrize("verb", [Signup, Login])
def test_guessing_is_slowed_by_name_by_key_and_by_address_before_any_hashing(
    verb: type[Signup | Login],
) -> None:
    cases: list[tuple[dict[str, int], Any]] = [
        ({"login_burst": 3}, lambda turn: (f"key{turn}", verb("alice", NEW))),
        ({"login_burst": 3}, lambda turn: ("key", verb(f"user{turn}", NEW))),
        ({"address_login_burst": 3}, lambda turn: (f"key{turn}", verb(f"user{turn}", NEW))),
    ]
    for settings, attempt in cases:
        room = Room(**settings)
        room.user("alice")
        for turn in range(3):
            room.hashed(*attempt(turn))
        for turn in (3, 4):
            with pytest.raises(StopIteration):  # it ends without
                room.hashed(*attempt(turn))
        assert room.refusal(*attempt(9)) is ErrorCode.RATE_LIMITED
        room.monotonic += 60
        room.hashed(*attempt(10))


def test_wrong_logins_of_others_lock_nobody_out() -> None:
    room = Room(login_burst=3, address_login_burst=5)
    alice = room.user("alice")
    for turn in range(9):
        room.refusal(f"stranger{turn}", Login("alice", NEW))
    assert room.refusal("strange", Login("alice", PASSWORD)) is ErrorCode.RATE_LIMITED
    # On a device of hers, even at the strangers' own address; on a new one, at any other.
    assert room.ask(alice, Login("alice", PASSWORD)).user == "alice"
    assert room.ask(alice, Passwd(PASSWORD, NEW)).revoked == 0
    room.address = "192.0.2.7"
    assert room.ask("phone", Login("alice", NEW)).user == "alice"


def test_guessing_from_many_addresses_is_slowed_all_the_same() -> None:
    room = Room(login_burst=2)
    room.user("alice")
    codes = []
    for turn in range(25):
        room.address = f"192.0.2.{turn}"
        codes.append(room.refusal(f"key{turn}", Login("alice", NEW)))
    assert codes == [ErrorCode.BAD_CREDENTIALS] * 20 + [ErrorCode.RATE_LIMITED] * 5


def test_a_device_of_another_account_has_no_budget_of_its_own_for_this_one() -> None:
    room = Room(login_burst=2)
    _, bob = room.users("alice", "bob")
    codes = [room.refusal(bob, Login("alice", NEW)) for _ in range(3)]
    assert codes == [ErrorCode.BAD_CREDENTIALS] * 2 + [ErrorCode.RATE_LIMITED]


def test_old_passwords_cannot_be_guessed_either() -> None:
    room = Room(login_burst=2)
    alice = room.user("alice")
    codes = [room.refusal(alice, Passwd(NEW, NEW)) for _ in range(3)]
    assert codes == [ErrorCode.BAD_CREDENTIALS] * 2 + [ErrorCode.RATE_LIMITED]
