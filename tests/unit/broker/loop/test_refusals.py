"""Which refusals the log hears of, with whom and from where, and that it hears of nothing else."""

from typing import Any

import pytest

from cnmessage_broker.between import Begin, Crowded
from cnmessage_broker.loop.effects import Note
from cnmessage_protocol.files.channel import Put
from cnmessage_protocol.requests import History, Login, Passwd, Request, Send, Signup, Whoami
from tests.unit.broker.conftest import PASSWORD, Room, message

WRONG = "not the password"


def notes(room: Room, key: str, request: Request) -> list[tuple[str, dict[str, Any]]]:
    """What the log hears of a request."""
    effects = room.start(key, request)
    return [(each.event, dict(each.fields)) for each in effects if isinstance(each, Note)]


def told(user: str | None, key: str, reason: str, **more: str) -> dict[str, Any]:
    return {"user": user, "key": key[:8], "address": "127.0.0.1", "reason": reason, **more}


def test_each_wrong_password_is_noted_and_each_refusal_after_them() -> None:
    room = Room(login_burst=2, login_rate=0.001)
    room.user("alice")
    heard = [notes(room, "a stranger's key", Login("alice", WRONG)) for _ in range(4)]
    reasons = ["bad_credentials", "bad_credentials", "rate_limited", "rate_limited"]
    assert heard == [[("login refused", told("alice", "a stranger's key", reason))] for reason in reasons]
    assert WRONG not in str(heard)


def test_a_name_that_is_taken_and_a_wrong_old_password_are_noted(room: Room) -> None:
    alice = room.user("alice")
    assert notes(room, "stranger", Signup("alice", WRONG)) == [
        ("signup refused", told("alice", "stranger", "name_taken"))
    ]
    assert notes(room, alice, Passwd(WRONG, WRONG)) == [
        ("password change refused", told("alice", alice, "bad_credentials"))
    ]


@pytest.mark.parametrize(
    "request_", [Login("hunter2-secret", WRONG), Signup("hunter2-secret", WRONG)], ids=repr
)
@pytest.mark.parametrize("burst", [1, 10])
def test_a_name_that_is_no_users_may_be_a_password_and_is_not_noted(request_: Request, burst: int) -> None:
    room = Room(login_burst=burst, login_rate=0.001)
    room.user("alice")
    if burst == 1:
        room.hashed("stranger", request_)  # and what comes of it is not followed
    heard = notes(room, "stranger", request_)
    assert [(fields["user"], fields["key"]) for _, fields in heard] == [(None, "stranger")] * len(heard)
    assert len(heard) == (burst == 1 or isinstance(request_, Login))
    assert "hunter2" not in str(heard)


def test_a_quota_and_a_size_are_noted_without_the_name_of_the_file() -> None:
    room = Room(file_quota=10, file_limit=20)
    alice = room.user("alice")
    asked = [Begin(bytes([size]) * 16, Put("secret plans", size, ("alice",))) for size in (11, 21)]
    assert [notes(room, alice, each) for each in asked] == [
        [("over the quota", told("alice", alice, "quota", verb="begin upload"))],
        [("too large", told("alice", alice, "too_large", verb="begin upload"))],
    ]


def test_what_comes_too_often_is_noted_whatever_it_is() -> None:
    room = Room(send_burst=1, send_rate=0.001, read_burst=1, read_rate=0.001)
    alice = room.user("alice")
    room.ask(alice, Send((message("alice"),)))
    room.ask(alice, History())
    for request, verb in (
        (Send((message("alice"),)), "send"),
        (History(), "history"),
        (Crowded(), "transfer"),
    ):
        assert notes(room, alice, request) == [
            ("too often", told("alice", alice, "rate_limited", verb=verb))
        ], verb


@pytest.mark.parametrize(
    "request_", [Login("alice", PASSWORD), Signup("bob", PASSWORD), Signup("alice", PASSWORD)], ids=repr
)
def test_who_is_let_in_is_not_noted(room: Room, request_: Request) -> None:
    room.user("alice")
    assert notes(room, "stranger", request_) == []


def test_an_ordinary_mistake_is_not_noted(room: Room) -> None:
    alice = room.user("alice")
    assert notes(room, "stranger", Whoami()) == []
    assert notes(room, alice, Send((message("nobody"),))) == []
