"""The end of files and the clocks: a clock that jumps ends nothing that is put right within the grace."""

import os

import pytest

from cnmessage_broker.between import Begin, Begun, Complete, Gone, News, Open, Ready, Release
from cnmessage_broker.loop.effects import Tell
from cnmessage_broker.loop.handlers.expiry import AGING
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.files.channel import Get, Put
from cnmessage_protocol.requests import Files, Withdraw
from tests.unit.broker.conftest import Room

DAY = 86400
YEAR = 365 * DAY
DIGEST = b"d" * 32
PUT = Put("a.txt", 5, ("bob",))


def upload(room: Room, key: str, put: Put = PUT) -> bytes:
    """A whole file; gives its id."""
    begun = room.ask(key, Begin(os.urandom(16), put))
    room.ask(key, Complete(begun.file, DIGEST))
    assert isinstance(begun, Begun)
    return begun.file


def run(room: Room, seconds: int, *, by_the_clock: bool = True) -> list[News]:
    """Time passes, and the broker sweeps as it does; what the file thread is told."""
    told: list[News] = []
    for _ in range(0, seconds, 30):
        room.monotonic += 30
        room.wall += 30 if by_the_clock else 0
        told += [effect.news for effect in room.sweep() if isinstance(effect, Tell)]
    return told


def names(told: list[News]) -> list[str]:
    return [type(each).__name__ for each in told]


def state(room: Room, key: str) -> str:
    return str(room.ask(key, Files(sent=True)).files[0][-2])


def test_a_clock_that_jumps_a_year_ends_nothing_and_put_right_all_is_there_again(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    file = upload(room, alice)
    room.wall += YEAR
    assert room.refusal(bob, Open(file, Get())) is ErrorCode.EXPIRED, "at once"
    assert names(run(room, 3600)) == ["Gone"], "transfers stop once, and the content is not let go"
    assert state(room, alice) == "expired"
    room.wall -= YEAR
    assert isinstance(room.ask(bob, Open(file, Get())), Ready)
    assert state(room, alice) == "stored"
    assert run(room, 3 * DAY) == []
    assert isinstance(room.ask(bob, Open(file, Get())), Ready)


def test_a_clock_that_jumps_back_and_forth_ends_nothing(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    file = upload(room, alice)
    for _ in range(5):
        room.wall += YEAR
        assert names(run(room, DAY // 2)) == ["Gone"]
        room.wall -= YEAR
        assert run(room, AGING) == []
    room.wall -= YEAR
    assert run(room, 2 * DAY) == []
    room.wall += YEAR
    assert isinstance(room.ask(bob, Open(file, Get())), Ready)


def test_a_file_whose_time_is_over_ends_after_a_day_of_running(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    file = upload(room, alice, Put("a.txt", 5, ("bob",), expires=2 * DAY))
    room.wall += 2 * DAY
    assert names(run(room, DAY - 2 * AGING)) == ["Gone"]
    assert names(run(room, 4 * AGING)) == ["Gone", "Release"]
    assert run(room, DAY) == []
    assert room.refusal(bob, Open(file, Get())) is ErrorCode.EXPIRED
    room.wall -= YEAR
    assert room.refusal(bob, Open(file, Get())) is ErrorCode.EXPIRED, "what has ended has ended"


def test_a_file_lingers_no_longer_than_it_was_to_last(room: Room) -> None:
    # Otherwise files of a second each, which count for no quota then, would fill the disk for a day.
    alice, _ = room.users("alice", "bob")
    upload(room, alice, Put("a.txt", 5, ("bob",), expires=1))
    room.wall += 2
    assert names(run(room, 2 * AGING + 30)) == ["Gone", "Gone", "Release"]


def test_without_a_grace_a_file_ends_at_once() -> None:
    room = Room(expiry_grace=0)
    alice, _ = room.users("alice", "bob")
    upload(room, alice)
    room.wall += YEAR
    assert names(run(room, 30)) == ["Gone", "Gone", "Release"]


def test_time_in_which_the_wall_clock_stood_counts_for_nothing_but_running_time(room: Room) -> None:
    alice, _ = room.users("alice", "bob")
    upload(room, alice)
    assert run(room, 2 * DAY, by_the_clock=False) == []
    room.wall += YEAR
    assert names(run(room, DAY + 3 * AGING, by_the_clock=False)) == ["Gone", "Gone", "Release"]


def test_an_unfinished_upload_has_the_same_grace_and_may_go_on_in_it(room: Room) -> None:
    alice, _ = room.users("alice", "bob")
    begin, left = Begin(b"u" * 16, PUT), Begin(b"v" * 16, PUT)
    begun, gone = room.ask(alice, begin), room.ask(alice, left)
    room.wall += YEAR
    assert run(room, DAY // 2) == []
    assert room.ask(alice, begin) == begun
    room.ask(alice, Complete(begun.file, DIGEST))
    (ended,) = [
        each for each in run(room, DAY // 2 + 2 * AGING) if isinstance(each, Gone) and each.file == gone.file
    ]
    assert ended.error.code is ErrorCode.EXPIRED
    assert room.refusal(alice, left) is ErrorCode.WITHDRAWN


def test_a_withdrawn_file_has_no_grace(room: Room) -> None:
    alice, _ = room.users("alice", "bob")
    file = upload(room, alice)
    room.wall += YEAR
    run(room, 60)
    room.ask(alice, Withdraw(file))
    assert room.told[-1] == Release(DIGEST)
    assert run(room, 2 * DAY) == []


def test_what_is_past_due_takes_no_quota_and_what_is_unfinished_does() -> None:
    room = Room(file_quota=10, file_count=2)
    alice, _ = room.users("alice", "bob")
    for _ in range(2):
        upload(room, alice)
    assert room.refusal(alice, Begin(os.urandom(16), PUT)) is ErrorCode.QUOTA
    room.wall += YEAR
    run(room, 30)
    for _ in range(2):
        room.ask(alice, Begin(os.urandom(16), PUT))
    assert room.refusal(alice, Begin(os.urandom(16), PUT)) is ErrorCode.QUOTA
    room.wall += YEAR
    assert room.refusal(alice, Begin(os.urandom(16), PUT)) is ErrorCode.QUOTA, "until they have ended"
    run(room, DAY + 3 * AGING)
    room.ask(alice, Begin(os.urandom(16), PUT))


def test_what_is_past_due_takes_no_more_room_than_another_quota() -> None:
    room, brief = Room(file_quota=10, file_count=100), Put("a.txt", 5, ("bob",), expires=1)
    alice, _ = room.users("alice", "bob")
    files = []
    for _ in range(4):
        files.append(upload(room, alice, brief))
        room.wall += 2
        room.sweep()
    assert room.refusal(alice, Begin(os.urandom(16), PUT)) is ErrorCode.QUOTA
    room.ask(alice, Withdraw(files[0]))
    room.ask(alice, Begin(os.urandom(16), PUT))
    assert room.refusal(alice, Begin(os.urandom(16), PUT)) is ErrorCode.QUOTA


def test_files_of_nothing_count_too_whole_or_not() -> None:
    room, empty = Room(file_count=3), Put("none", 0, ("bob",))
    alice, bob = room.users("alice", "bob")
    file = upload(room, alice, empty)
    begin = Begin(os.urandom(16), empty)
    room.ask(alice, begin)
    room.ask(alice, Begin(os.urandom(16), empty))
    with pytest.raises(Exception, match=r"you have 3 files here, .* so 'none' finds no place"):
        room.ask(alice, Begin(os.urandom(16), empty))
    room.ask(alice, begin)  # going on with one is no further one
    room.ask(bob, Begin(os.urandom(16), Put("his", 0, ("alice",))))
    room.ask(alice, Withdraw(file))
    room.ask(alice, Begin(os.urandom(16), empty))
