"""Who may upload, fetch, withdraw and decline what; what the sender and the file thread are told."""

import hashlib
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from cnmessage_broker.between import (
    Begin,
    Begun,
    Complete,
    Finished,
    Gone,
    Open,
    Progress,
    Ready,
    Release,
    Unused,
)
from cnmessage_broker.loop.effects import Tell
from cnmessage_protocol.codec import encode
from cnmessage_protocol.deliveries import FileState
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.files.channel import Get, Kept, Noted, Opened, Put
from cnmessage_protocol.ids import FileId
from cnmessage_protocol.records import FileFacts, Kind
from cnmessage_protocol.requests import Block, Decline, Files, Logout, Request, Sync, Withdraw
from tests.unit.broker.conftest import Room

DIGEST = hashlib.sha256(b"hello").digest()
PUT = Put("a.txt", 5, ("bob",), "look at this")


def upload(room: Room, key: str, put: Put = PUT, sha256: bytes = DIGEST) -> bytes:
    """A whole file; gives its id."""
    begun = room.ask(key, Begin(os.urandom(16), put))
    assert isinstance(begun, Begun)
    room.ask(key, Complete(begun.file, sha256))
    return begun.file


def listed(room: Room, key: str, *, sent: bool) -> list[tuple[Any, ...]]:
    return list(room.ask(key, Files(sent)).files)


def states(room: Room, key: str) -> dict[str, str]:
    """Recipient to state, of the latest file this device's user sent."""
    return {name: state for name, state, _ in listed(room, key, sent=True)[0][-1]}


def test_a_complete_upload_is_an_item_of_kind_file_for_both_sides(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    file = upload(room, alice)
    for key in (alice, bob):
        (item,) = room.ask(key, Sync(0)).items
        assert (item.kind, item.body) == (Kind.FILE, "look at this")
        assert item.file == FileFacts(FileId(file), "a.txt", 5, DIGEST)


def test_what_a_file_was_on_its_senders_disk_is_offered_and_opened(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    file = upload(room, alice, replace(PUT, mtime=1_700_000_000_123, executable=True))
    extras = {"mtime": 1_700_000_000_123, "executable": True}
    for key in (alice, bob):
        assert room.ask(key, Sync(0)).items[0].extras == extras
    opened = room.ask(bob, Open(file, Get())).opened
    assert (opened.mtime, opened.executable) == (1_700_000_000_123, True)


def test_beginning_again_goes_on_with_the_same_file_and_answers_what_was_kept_once_it_is(room: Room) -> None:
    alice, _ = room.users("alice", "bob")
    begin = Begin(b"u" * 16, PUT)
    first, second = room.ask(alice, begin), room.ask(alice, begin)
    assert first == second
    acks = room.ask(alice, Complete(first.file, DIGEST)).acks
    assert room.ask(alice, begin) == Kept(first.file, acks[0][1], acks[0][2], 1)
    assert room.ask(alice, Complete(first.file, DIGEST)).acks == acks


@pytest.mark.parametrize("other", [Put("b.txt", 5, ("bob",), PUT.note), Put("a.txt", 6, ("bob",), PUT.note)])
def test_an_upload_id_stands_for_one_upload(room: Room, other: Put) -> None:
    alice, _ = room.users("alice", "bob")
    room.ask(alice, Begin(b"u" * 16, PUT))
    assert room.refusal(alice, Begin(b"u" * 16, other)) is ErrorCode.CONFLICT


def test_an_upload_that_was_kept_and_has_ended_is_not_answered_as_kept(room: Room) -> None:
    alice, _ = room.users("alice", "bob")
    taken_back, over = Begin(b"u" * 16, PUT), Begin(b"v" * 16, replace(PUT, expires=60))
    for begin in (taken_back, over):
        room.ask(alice, Complete(room.ask(alice, begin).file, DIGEST))
    room.ask(alice, Withdraw(room.ask(alice, taken_back).file))
    assert room.refusal(alice, taken_back) is ErrorCode.WITHDRAWN
    assert isinstance(room.ask(alice, over), Kept)
    room.wall += 61
    assert room.refusal(alice, over) is ErrorCode.EXPIRED


def test_what_is_too_large_over_the_quota_or_to_nobody_is_refused_and_leaves_nothing() -> None:
    room = Room(file_limit=10, file_quota=14)
    alice, _ = room.users("alice", "bob")
    assert room.refusal(alice, Begin(os.urandom(16), Put("x", 11, ("bob",)))) is ErrorCode.TOO_LARGE
    assert (
        room.refusal(alice, Begin(os.urandom(16), Put("x", 1, ("bob", "nobody")))) is ErrorCode.NO_SUCH_USER
    )
    room.ask(alice, Begin(os.urandom(16), Put("x", 10, ("bob",))))
    assert room.refusal(alice, Begin(os.urandom(16), Put("y", 5, ("bob",)))) is ErrorCode.QUOTA
    assert len(listed(room, alice, sent=True)) == 1


def test_withdrawing_gives_the_quota_back_and_ends_its_transfers() -> None:
    room = Room(file_quota=8)
    alice, bob = room.users("alice", "bob")
    file = upload(room, alice)
    room.ask(alice, Withdraw(file))
    gone, release = room.told
    assert isinstance(gone, Gone)
    assert (gone.file, gone.error.code) == (file, ErrorCode.WITHDRAWN)
    assert release == Release(DIGEST)
    assert room.refusal(bob, Open(file, Get())) is ErrorCode.WITHDRAWN
    upload(room, alice)
    room.ask(alice, Withdraw(file))
    assert len(room.told) == 2, "withdrawn once is withdrawn"


def test_who_was_fetching_a_file_that_is_withdrawn_fetches_no_more(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    file = upload(room, alice, Put("a.txt", 5, ("bob", "carol")))
    room.ask(bob, Open(file, Get()))
    room.ask(carol, Finished(file, whole=True))
    room.ask(alice, Withdraw(file))
    assert states(room, alice) == {"bob": "failed", "carol": "done"}


def test_a_content_that_another_file_needs_is_not_released(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    first, second = upload(room, alice), upload(room, bob, Put("mine.txt", 5, ("alice",)))
    room.ask(alice, Withdraw(first))
    assert Release(DIGEST) not in room.told
    room.ask(bob, Withdraw(second))
    assert room.told[-1] == Release(DIGEST)


def test_a_strangers_file_is_answered_exactly_like_one_that_does_not_exist(room: Room) -> None:
    alice, bob, eve = room.users("alice", "bob", "eve")
    file = upload(room, alice)
    refusals = []
    for identity in (file, b"?" * 16):
        for request in (
            Open(identity, Get()),
            Finished(identity, whole=True),
            Decline(identity),
            Withdraw(identity),
        ):
            with pytest.raises(Exception, match="no such file") as caught:
                room.ask(eve, request)
            refusals.append(str(caught.value))
    assert len(set(refusals)) == 1
    assert room.refusal(bob, Withdraw(file)) is ErrorCode.NO_SUCH_FILE
    room.ask(eve, Progress(file, room.account("eve").id, 3, paused=True))
    assert states(room, alice) == {"bob": "offered"}


def test_the_sender_sees_each_recipient_go_from_offered_to_done_and_is_told(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    room.attach(alice)
    file = upload(room, alice, Put("a.txt", 5, ("bob", "carol")))
    room.pushed.clear()
    assert states(room, alice) == {"bob": "offered", "carol": "offered"}
    assert room.ask(bob, Open(file, Get())).opened == Opened("a.txt", 5, DIGEST)
    room.ask(bob, Progress(file, room.account("bob").id, 3))
    ((*_, places),) = listed(room, alice, sent=True)
    assert places == (("bob", "fetching", 3), ("carol", "offered", 0))
    assert room.ask(bob, Finished(file, whole=True)) == Noted()
    room.ask(carol, Finished(file, whole=False))
    assert states(room, alice) == {"bob": "done", "carol": "failed"}
    news = [
        (push.values["user"], push.values["state"]) for push in room.pushed if push.kind == FileState.KIND
    ]
    assert news == [("bob", "fetching"), ("bob", "done"), ("carol", "failed")]
    room.ask(bob, Finished(file, whole=False))
    assert states(room, alice)["bob"] == "done"


@pytest.mark.parametrize("word", [Decline, partial(Finished, whole=False)])
def test_a_file_that_was_declined_or_given_up_stays_so_when_its_transfer_ends_later(
    room: Room, word: Callable[[bytes], Request]
) -> None:
    alice, bob = room.users("alice", "bob")
    room.attach(alice)
    file = upload(room, alice)
    room.ask(bob, Open(file, Get()))
    room.ask(bob, word(file))  # from another device, or on another link
    for paused in (False, True):
        room.ask(bob, Progress(file, room.account("bob").id, 3, paused=paused))
        assert states(room, alice) == {"bob": room.pushed[-1].values["state"]} == {"bob": "failed"}
    assert not room.deps.fetching
    room.ask(bob, Open(file, Get()))
    room.ask(bob, Progress(file, room.account("bob").id, 4, paused=True))
    assert listed(room, alice, sent=True)[0][-1] == (("bob", "fetching", 4),)
    assert room.pushed[-1].values["state"] == "fetching"


def test_how_far_a_device_came_is_kept_of_whom_it_was_when_it_is_logged_out_or_anothers(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    file = upload(room, alice, Put("a.txt", 5, ("bob", "carol")))
    room.ask(bob, Open(file, Get()))
    account = room.account("bob").id
    room.ask(bob, Logout())
    room.ask(bob, Progress(file, account, 3, paused=True))
    room.ask(carol, Progress(file, account, 4, paused=True))
    assert listed(room, alice, sent=True)[0][-1] == (("bob", "fetching", 4), ("carol", "offered", 0))


def test_who_blocks_the_sender_gets_nothing_and_looks_like_one_who_does_not_fetch(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    room.ask(bob, Block("alice"))
    file = upload(room, alice, Put("a.txt", 5, ("bob", "carol")))
    assert room.refusal(bob, Open(file, Get())) is ErrorCode.NO_SUCH_FILE
    assert listed(room, bob, sent=False) == []
    assert room.ask(bob, Sync(0)).items == ()
    assert states(room, alice) == {"bob": "offered", "carol": "offered"}
    assert len(listed(room, carol, sent=False)) == 1


def test_the_sender_may_fetch_their_own_file_and_nobody_is_told(room: Room) -> None:
    alice, _ = room.users("alice", "bob")
    file = upload(room, alice)
    assert isinstance(room.ask(alice, Open(file, Get())), Ready)
    room.ask(alice, Finished(file, whole=True))
    assert states(room, alice) == {"bob": "offered"}


def test_a_receiver_sees_their_own_state_only(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    file = upload(room, alice, Put("a.txt", 5, ("bob", "carol")))
    room.ask(carol, Finished(file, whole=True))
    ((_, identity, sender, name, size, digest, note, _, _, state, places),) = listed(room, bob, sent=False)
    assert (identity, sender, name, size, digest, note, state) == (
        file,
        "alice",
        "a.txt",
        5,
        DIGEST,
        "",
        "stored",
    )
    assert places == (("bob", "offered", 0),)


def test_a_file_expires_for_those_who_have_not_fetched_it() -> None:
    room = Room(file_expiry=100, expiry_grace=0)
    alice, bob, carol = room.users("alice", "bob", "carol")
    file = upload(room, alice, Put("a.txt", 5, ("bob", "carol"), expires=100))
    room.ask(bob, Finished(file, whole=True))
    room.wall += 99
    assert isinstance(room.ask(carol, Open(file, Get())), Ready)
    room.wall += 2
    assert room.refusal(carol, Open(file, Get())) is ErrorCode.EXPIRED, "also before the sweep"
    assert [effect.news for effect in room.sweep() if isinstance(effect, Tell)][-1] == Release(DIGEST)
    assert room.sweep() == []
    assert room.refusal(carol, Open(file, Get())) is ErrorCode.EXPIRED
    assert states(room, alice) == {"bob": "done", "carol": "expired"}


def test_what_is_asked_to_last_longer_than_the_broker_keeps_files_is_refused(room: Room) -> None:
    room = Room(file_expiry=100)
    alice, _ = room.users("alice", "bob")
    too_long = Put("a.txt", 5, ("bob",), expires=101)
    assert room.refusal(alice, Begin(b"u" * 16, too_long)) is ErrorCode.BAD_REQUEST


def test_a_blob_is_let_go_only_if_no_file_needs_it(room: Room) -> None:
    alice, _ = room.users("alice", "bob")
    upload(room, alice)
    assert room.start(alice, Unused(DIGEST)) == []
    assert room.start(alice, Unused(b"x" * 32)) == [Tell(Release(b"x" * 32))]


def test_an_upload_that_nobody_goes_on_with_expires() -> None:
    room = Room(upload_expiry=60, expiry_grace=0)
    alice, _ = room.users("alice", "bob")
    begun = room.ask(alice, Begin(b"u" * 16, PUT))
    room.wall += 61
    room.sweep()
    assert room.refusal(alice, Complete(begun.file, DIGEST)) is ErrorCode.WITHDRAWN
    assert room.refusal(alice, Begin(b"u" * 16, PUT)) is ErrorCode.WITHDRAWN


def test_declining_tells_the_sender_and_fetching_is_still_possible(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    file = upload(room, alice)
    room.ask(bob, Decline(file))
    assert states(room, alice) == {"bob": "failed"}
    assert isinstance(room.ask(bob, Open(file, Get())), Ready)
    assert states(room, alice) == {"bob": "fetching"}


def test_declining_stops_the_downloads_of_that_user_and_stays(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    file = upload(room, alice, replace(PUT, to=("bob", "carol")))
    for key in (bob, carol):
        room.ask(key, Open(file, Get()))
    news = [each.news for each in room.start(bob, Decline(file)) if isinstance(each, Tell)]
    assert [(each.file, each.error.code, each.account) for each in news if isinstance(each, Gone)] == [
        (file, ErrorCode.WITHDRAWN, room.account("bob").id)
    ]
    # What the stopped download has to say of itself comes later.
    room.start(bob, Progress(file, room.account("bob").id, 3))
    room.start(bob, Progress(file, room.account("bob").id, 3, paused=True))
    assert states(room, alice) == {"bob": "failed", "carol": "fetching"}
    room.start(carol, Progress(file, room.account("carol").id, 3, paused=True))
    assert listed(room, alice, sent=True)[0][-1] == (("bob", "failed", 0), ("carol", "fetching", 3))


def test_an_offset_behind_the_end_is_refused(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    assert room.refusal(bob, Open(upload(room, alice), Get(offset=6))) is ErrorCode.BAD_REQUEST


def test_files_are_listed_in_pages_the_latest_first(room: Room) -> None:
    alice, _ = room.users("alice", "bob")
    for number in range(5):
        upload(room, alice, Put(f"{number}.txt", 5, ("bob",)))
    first = room.ask(alice, Files(sent=True, limit=3))
    assert [row[3] for row in first.files] == ["4.txt", "3.txt", "2.txt"]
    assert first.more
    rest = room.ask(alice, Files(sent=True, before=first.files[-1][0], limit=3))
    assert [row[3] for row in rest.files] == ["1.txt", "0.txt"]
    assert not rest.more


def test_a_list_of_the_widest_files_fits_its_page(room: Room) -> None:
    names = [f"{'w' * 28}{number:04}" for number in range(256)]
    alice, bob, *_ = room.users("alice", *names)
    for _ in range(30):
        upload(room, alice, Put("f" * 255, 1 << 20, tuple(names), "n" * 30))
    for key in (alice, bob):
        page = room.ask(key, Files(sent=key is alice))
        assert len(encode(page.files)) <= 1 << 18
        assert page.more is (key is alice)


def test_what_an_upload_leaves_in_the_store_is_charged() -> None:
    room = Room(write_burst=100, write_rate=1)
    alice, _ = room.users("alice", "bob")
    room.ask(alice, Begin(b"1" * 16, PUT))
    room.ask(alice, Begin(b"2" * 16, replace(PUT, note="n" * 60_000)))
    assert room.refusal(alice, Begin(b"3" * 16, PUT)) is ErrorCode.RATE_LIMITED
