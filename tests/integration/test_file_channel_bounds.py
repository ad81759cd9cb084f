"""What a peer on the file channel may not do, how much it may, and what a crash or an attack leaves."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cnmessage_broker.files.channel import REFUSALS
from cnmessage_client import Client, Home
from cnmessage_client.link.connection import new_key_pair
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.codec import encode
from cnmessage_protocol.envelope import VERSION
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.files.channel import CHUNK, Chunk, Fetched, Finish, Get, Granted, Kept, Stop
from tests.support.channel import BODY, DIGEST, PUT, UPLOAD, FilePeer, fetch, give, upload
from tests.support.harness import BrokerThread, broker_config, eventually, sign_up
from tests.support.raw import new_keys

OTHER = b"o" * 16


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
    bob.say(UPLOAD, Chunk(0), b"of no upload")
    assert bob.expect(Stop).code == ErrorCode.NOT_ATTACHED
    assert fetch(bob, upload(alice).file) == BODY


def test_what_is_malformed_is_answered_with_what_is_wrong_about_it(alice: FilePeer) -> None:
    def frame(verb: str, **values: object) -> bytes:
        return encode([VERSION, UPLOAD, verb, values])

    for frames, code, reason in (
        ([frame("get", upto=-1)], "bad_request", "'upto'"),
        ([frame("get", colour=1)], "bad_request", "'colour'"),
        ([frame("put", name="a/b", size=1, to=["bob"])], "bad_request", "'name'"),
        ([frame("put", name="x", size=1, to=["b b"])], "bad_request", "'to[0]'"),
        ([frame("take")], "bad_request", "'verb'"),
        ([frame("chunk", offset=0)], "bad_request", "a chunk has a second frame"),
        ([frame("chunk", offset=0), b""], "bad_request", "a chunk has 1 to"),
        ([frame("fetched") + b"\0"], "bad_request", "nothing behind it"),
        ([frame("fetched"), b"a", b"b"], "bad_request", "one frame, a chunk two"),
        ([encode([99, UPLOAD, "get", {}])], "unsupported_version", "'version'"),
    ):
        alice.throw(*frames)
        transfer, answer, _ = alice.hear()
        assert transfer == UPLOAD
        assert isinstance(answer, Stop)
        assert answer.code == code
        assert reason in answer.message
        assert "unpack" not in answer.message


def test_a_malformed_message_ends_its_transfer_and_takes_nothing_away(alice: FilePeer) -> None:
    alice.say(UPLOAD, PUT)
    alice.expect(Granted)
    give(alice, BODY, 0, CHUNK)
    alice.throw(encode([VERSION, UPLOAD, "chunk", {"offset": "next"}]), b"bytes")
    assert alice.expect(Stop).code == ErrorCode.BAD_REQUEST
    alice.say(UPLOAD, Chunk(CHUNK), BODY[CHUNK : 2 * CHUNK])
    assert alice.expect(Stop).code == ErrorCode.NOT_ATTACHED
    alice.say(UPLOAD, PUT)
    assert alice.expect(Granted).offset == CHUNK
    give(alice, BODY, CHUNK)
    alice.say(UPLOAD, Finish(DIGEST))
    assert alice.expect(Kept)


def test_a_flood_of_malformed_messages_is_no_flood_of_answers(alice: FilePeer, bob: FilePeer) -> None:
    at_once, rate = REFUSALS
    began = time.monotonic()
    for _ in range(10 * at_once):
        alice.throw(encode([VERSION, UPLOAD, "take", {}]))
    bob.throw(encode([VERSION, OTHER, "take", {}]))
    assert bob.expect(Stop).code == ErrorCode.BAD_REQUEST, "one who floods is answered less, others are not"
    alice.say(OTHER, PUT)
    answers = 0
    while not isinstance(message := alice.hear()[1], Granted):
        assert isinstance(message, Stop)
        answers += 1
    assert 1 <= answers <= at_once + rate * (time.monotonic() - began) + 1


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


@pytest.mark.parametrize("limit", ["transfers_per_device", "transfers_per_user", "max_transfers"])
def test_more_transfers_than_allowed_are_refused_and_noted(tmp_path: Path, home: Home, limit: str) -> None:
    with (
        capture_logs() as log,
        BrokerThread(broker_config(tmp_path / "broker", **{limit: 2})) as running,
    ):
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        with FilePeer(running.address, home.profile("alice").keys(new_key_pair)) as alice:
            for number in range(3):
                alice.say(bytes([number]) * 16, PUT)
            assert alice.expect(Stop).code == ErrorCode.RATE_LIMITED
        eventually(lambda: [(each["event"], each["user"]) for each in log] == [("too often", "alice")])


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
    give(alice, BODY, transfer=b"v" * 16)
    alice.say(b"v" * 16, Finish(DIGEST))
    assert fetch(bob, alice.expect(Kept).file) == BODY
