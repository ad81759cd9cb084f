"""The broker's side of the file channel, spoken to by peers that keep to the rules they want to."""

import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnmessage_broker.pace import GENTLE_CHUNK
from cnmessage_client import Client, Home
from cnmessage_client.connection import new_key_pair
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.codec import encode
from cnmessage_protocol.envelope import VERSION
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.filechannel import (
    CHUNK,
    FIRST_CHUNK,
    WINDOW,
    WINDOW_CHUNKS,
    Chunk,
    Credit,
    Fetched,
    Finish,
    Get,
    Granted,
    Kept,
    Noted,
    Opened,
    Put,
    Stop,
)
from tests.support.channel import FilePeer
from tests.support.harness import BrokerThread, broker_config, eventually, sign_up
from tests.support.raw import new_keys

UPLOAD = b"u" * 16
BODY = os.urandom(3 * CHUNK + 17)
DIGEST = hashlib.sha256(BODY).digest()
PUT = Put("a.bin", len(BODY), ("bob",))


@pytest.fixture
def keys(broker: BrokerThread, home: Home) -> dict[str, KeyPair]:
    """Device keys of alice, bob and eve, who are logged in."""
    names = ("alice", "bob", "eve")
    asyncio.run(sign_up(broker.address, home, *names))
    return {name: home.profile(name).keys(new_key_pair) for name in names}


@pytest.fixture
def alice(broker: BrokerThread, keys: dict[str, KeyPair]) -> Iterator[FilePeer]:
    with FilePeer(broker.address, keys["alice"]) as peer:
        yield peer


@pytest.fixture
def bob(broker: BrokerThread, keys: dict[str, KeyPair]) -> Iterator[FilePeer]:
    with FilePeer(broker.address, keys["bob"]) as peer:
        yield peer


def give(peer: FilePeer, body: bytes, offset: int = 0, upto: int | None = None) -> None:
    """Send the bytes from an offset on as chunks."""
    end = len(body) if upto is None else upto
    for place in range(offset, end, CHUNK):
        peer.say(UPLOAD, Chunk(place), body[place : min(place + CHUNK, end)])


def upload(peer: FilePeer, body: bytes = BODY, put: Put = PUT) -> Kept:
    """A whole upload."""
    peer.say(UPLOAD, put)
    give(peer, body, peer.expect(Granted).offset)
    peer.say(UPLOAD, Finish(hashlib.sha256(body).digest()))
    kept: Kept = peer.expect(Kept)
    return kept


def fetch(peer: FilePeer, file: bytes, offset: int = 0) -> bytes:
    """The bytes from an offset on."""
    peer.say(file, Get(offset, offset + WINDOW, CHUNK))
    size = peer.expect(Opened).size
    got = b""
    while offset + len(got) < size:
        _, message, data = peer.hear()
        assert isinstance(message, Chunk)
        assert message.offset == offset + len(got)
        got += data
    return got


def test_bytes_arrive_as_they_were_sent_and_the_blob_has_their_digest(
    broker: BrokerThread, alice: FilePeer, bob: FilePeer
) -> None:
    kept = upload(alice)
    assert kept.recipients == 1
    assert fetch(bob, kept.file) == BODY
    bob.say(kept.file, Fetched())
    assert bob.expect(Noted) == Noted()
    files = broker.broker.config.data / "files"
    (blob,) = (files / "blobs").glob("*/*")
    assert blob.read_bytes() == BODY
    assert blob.name == DIGEST.hex()
    eventually(lambda: not list((files / "parts").iterdir()))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_any_size_goes_and_comes(alice: FilePeer, bob: FilePeer, size: int) -> None:
    body = os.urandom(size)
    assert fetch(bob, upload(alice, body, Put("x", size, ("bob",))).file) == body


def test_a_repeated_finish_and_a_repeated_put_are_answered_as_before(alice: FilePeer) -> None:
    kept = upload(alice)
    alice.say(UPLOAD, PUT)
    assert alice.expect(Kept) == kept


def test_the_wrong_offset_is_answered_with_the_right_one(alice: FilePeer) -> None:
    alice.say(UPLOAD, PUT)
    alice.expect(Granted)
    alice.say(UPLOAD, Chunk(0), BODY[:10])
    alice.say(UPLOAD, Chunk(5), BODY[5:20])
    assert alice.expect(Granted).offset == 10
    alice.say(UPLOAD, Finish(DIGEST))
    assert alice.expect(Granted).offset == 10, "not all is here yet"


def test_other_bytes_than_the_digest_says_are_not_kept_and_begin_anew(alice: FilePeer) -> None:
    alice.say(UPLOAD, PUT)
    alice.expect(Granted)
    give(alice, bytes(len(BODY)))
    alice.say(UPLOAD, Finish(DIGEST))
    assert alice.expect(Granted).offset == 0
    give(alice, BODY)
    alice.say(UPLOAD, Finish(DIGEST))
    assert alice.expect(Kept)


def test_credit_is_what_is_on_disk_and_a_window(alice: FilePeer) -> None:
    first = WINDOW_CHUNKS * FIRST_CHUNK
    alice.say(UPLOAD, Put("big", 3 * WINDOW, ("bob",)))
    assert alice.expect(Granted).upto == first
    give(alice, bytes(first))
    while (credit := alice.expect(Credit)).upto - WINDOW_CHUNKS * credit.chunk < first:
        pass
    assert credit.chunk > FIRST_CHUNK, "they came quickly"


def test_while_messages_are_stored_an_upload_is_asked_for_small_chunks(
    broker: BrokerThread, alice: FilePeer, home: Home
) -> None:
    async def talk() -> None:
        async with Client(home=home, profile="bob", broker=broker.address) as bob:
            await bob.send("alice", "hello")

    alice.say(UPLOAD, Put("big", 4 * WINDOW, ("bob",)))
    alice.expect(Granted)
    give(alice, bytes(WINDOW))
    while alice.expect(Credit).chunk < CHUNK:
        pass
    asyncio.run(talk())
    give(alice, bytes(2 * WINDOW), WINDOW)
    while alice.expect(Credit).chunk > GENTLE_CHUNK:
        pass


def test_the_more_files_move_the_smaller_are_their_chunks(
    broker: BrokerThread, alice: FilePeer, bob: FilePeer
) -> None:
    bob.say(UPLOAD, Put("other", 5, ("alice",)))
    bob.expect(Granted)
    alice.say(UPLOAD, Put("big", 4 * WINDOW, ("bob",)))
    alice.expect(Granted)
    give(alice, bytes(WINDOW))
    while (chunk := alice.expect(Credit).chunk) < CHUNK // 2:
        pass
    bob.say(UPLOAD, Stop("internal"))
    give(alice, bytes(2 * WINDOW), WINDOW)
    assert chunk == CHUNK // 2
    while alice.expect(Credit).chunk < CHUNK:
        pass


def test_an_upload_goes_on_where_it_was_on_a_fresh_link(
    broker: BrokerThread, keys: dict[str, KeyPair], alice: FilePeer
) -> None:
    alice.say(UPLOAD, PUT)
    alice.expect(Granted)
    give(alice, BODY, 0, CHUNK)
    alice.say(UPLOAD, Chunk(7), b"where am I?")
    assert alice.expect(Granted).offset == CHUNK
    alice.close()
    with FilePeer(broker.address, keys["alice"]) as again:
        again.say(UPLOAD, PUT)
        assert again.expect(Granted).offset == CHUNK
        give(again, BODY, CHUNK)
        again.say(UPLOAD, Finish(DIGEST))
        assert again.expect(Kept)


def test_an_upload_goes_on_after_the_broker_was_restarted(tmp_path: Path, home: Home) -> None:
    config = broker_config(tmp_path / "broker")
    with BrokerThread(config) as running:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        keys = home.profile("alice").keys(new_key_pair)
        with FilePeer(running.address, keys) as alice:
            alice.say(UPLOAD, PUT)
            alice.expect(Granted)
            give(alice, BODY, 0, 2 * CHUNK)
            alice.say(UPLOAD, Finish(DIGEST))
            assert alice.expect(Granted).offset == 2 * CHUNK
    with BrokerThread(config) as running, FilePeer(running.address, keys) as alice:
        alice.say(UPLOAD, PUT)
        assert alice.expect(Granted).offset == 2 * CHUNK
        give(alice, BODY, 2 * CHUNK)
        alice.say(UPLOAD, Finish(DIGEST))
        assert alice.expect(Kept)


def test_a_download_goes_on_at_any_offset(alice: FilePeer, bob: FilePeer) -> None:
    file = upload(alice).file
    assert fetch(bob, file, CHUNK + 5) == BODY[CHUNK + 5 :]


def test_no_more_comes_than_credit_allows(alice: FilePeer, bob: FilePeer) -> None:
    file = upload(alice).file
    bob.say(file, Get(0, 1000, 600))
    bob.expect(Opened)
    sizes = [len(bob.hear()[2]) for _ in range(2)]
    assert sizes == [600, 400]
    bob.say(file, Credit(1001))
    assert bob.hear()[1:] == (Chunk(1000), BODY[1000:1001])


def test_guessed_and_stolen_ids_bring_nothing(
    broker: BrokerThread, keys: dict[str, KeyPair], alice: FilePeer
) -> None:
    file = upload(alice).file
    with FilePeer(broker.address, keys["eve"]) as eve:
        for identity in [file, *(os.urandom(16) for _ in range(1000))]:
            eve.say(identity, Get())
            transfer, answer, data = eve.hear()
            assert (transfer, data) == (identity, b"")
            assert isinstance(answer, Stop)
            assert answer == Stop(str(ErrorCode.NO_SUCH_FILE), answer.message)
            assert "no such file for you" in answer.message


def test_who_is_not_logged_in_moves_nothing(broker: BrokerThread, alice: FilePeer) -> None:
    file = upload(alice).file
    with FilePeer(broker.address, new_keys()) as nobody:
        for message in (Get(), Fetched(), PUT):
            nobody.say(file, message)
            assert nobody.expect(Stop).code == ErrorCode.UNAUTHENTICATED


def test_garbage_is_dropped_and_everyone_else_goes_on(alice: FilePeer, bob: FilePeer) -> None:
    bob.throw(b"")
    bob.throw(os.urandom(1000), os.urandom(10))
    bob.throw(b"a", b"b", b"c", b"d")
    bob.throw(encode([VERSION, b"short", "get", {}]))
    bob.throw(encode([VERSION, UPLOAD, "get", {"upto": -1}]))
    bob.throw(encode([99, UPLOAD, "get", {}]))
    bob.say(UPLOAD, Chunk(0), b"of no upload")
    assert bob.expect(Stop).code == ErrorCode.NOT_ATTACHED
    assert fetch(bob, upload(alice).file) == BODY


def test_a_withdrawn_file_stops_coming(
    broker: BrokerThread, home: Home, alice: FilePeer, bob: FilePeer
) -> None:
    file = upload(alice).file

    async def withdraw() -> None:
        async with Client(home=home, profile="alice", broker=broker.address) as client:
            await client.withdraw_file(file.hex())

    bob.say(file, Get(0, 1, 1))
    bob.expect(Chunk)
    asyncio.run(withdraw())
    assert bob.expect(Stop).code == ErrorCode.WITHDRAWN
    blobs = broker.broker.config.data / "files" / "blobs"
    eventually(lambda: not list(blobs.glob("*/*")))


def test_a_device_that_is_logged_out_loses_its_transfers(
    broker: BrokerThread, home: Home, alice: FilePeer, bob: FilePeer
) -> None:
    file = upload(alice).file
    bob.say(file, Get(0, 1, 1))
    bob.expect(Chunk)

    async def log_out() -> None:
        async with Client(home=home, profile="bob", broker=broker.address) as client:
            await client.logout()

    asyncio.run(log_out())
    assert bob.expect(Stop).code == ErrorCode.UNAUTHENTICATED


def test_a_disk_without_room_refuses_and_keeps_nothing(tmp_path: Path, home: Home) -> None:
    with BrokerThread(broker_config(tmp_path / "broker", disk_reserve=1 << 60)) as running:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        with FilePeer(running.address, home.profile("alice").keys(new_key_pair)) as alice:
            alice.say(UPLOAD, PUT)
            assert alice.expect(Stop).code == ErrorCode.STORAGE
        assert not list((tmp_path / "broker" / "files" / "parts").iterdir())


def test_more_transfers_than_allowed_are_refused(tmp_path: Path, home: Home) -> None:
    with BrokerThread(broker_config(tmp_path / "broker", transfers_per_device=2)) as running:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        with FilePeer(running.address, home.profile("alice").keys(new_key_pair)) as alice:
            for number in range(3):
                alice.say(bytes([number]) * 16, PUT)
            assert alice.expect(Stop).code == ErrorCode.RATE_LIMITED


def test_orphans_of_a_crash_are_collected_at_the_next_start(tmp_path: Path, home: Home) -> None:
    config = broker_config(tmp_path / "broker")
    with BrokerThread(config) as running:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        with FilePeer(running.address, home.profile("alice").keys(new_key_pair)) as alice:
            upload(alice)
    files = config.data / "files"
    (files / "parts" / f"{'ab' * 16}.part").write_bytes(b"of an upload nobody knows")
    (files / "blobs" / "cd").mkdir(exist_ok=True)
    (files / "blobs" / "cd" / ("cd" * 32)).write_bytes(b"of no file")
    with BrokerThread(config):
        assert not list((files / "parts").iterdir())
        assert [each.name for each in (files / "blobs").glob("*/*")] == [DIGEST.hex()]


def test_nobody_can_change_what_another_has_stored_by_taking_back_the_same_content(
    broker: BrokerThread, alice: FilePeer, bob: FilePeer, keys: dict[str, KeyPair]
) -> None:
    with FilePeer(broker.address, keys["eve"]) as eve:
        eve.say(UPLOAD, PUT)
        give(eve, BODY, eve.expect(Granted).offset)
        eve.say(UPLOAD, Finish(DIGEST))
        eve.say(UPLOAD, Stop("withdrawn"))
        assert eve.expect(Kept), "FINISH was the last word"
        kept = upload(alice)
        eve.say(b"v" * 16, PUT)
        eve.expect(Granted)
        eve.say(b"v" * 16, Finish(b"x" * 32))
        eve.expect(Granted)
    assert fetch(bob, kept.file) == BODY


def test_a_blob_that_rotted_is_replaced_by_the_next_upload_of_its_content(
    broker: BrokerThread, alice: FilePeer, bob: FilePeer
) -> None:
    upload(alice)
    (blob,) = (broker.broker.config.data / "files" / "blobs").glob("*/*")
    blob.write_bytes(bytes(len(BODY)))
    alice.say(b"v" * 16, PUT)
    alice.expect(Granted)
    for place in range(0, len(BODY), CHUNK):
        alice.say(b"v" * 16, Chunk(place), BODY[place : place + CHUNK])
    alice.say(b"v" * 16, Finish(DIGEST))
    assert fetch(bob, alice.expect(Kept).file) == BODY
