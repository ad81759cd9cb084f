"""What a peer on the file channel may not do, how much it may, and what a crash or an attack leaves."""

import asyncio
import os
from pathlib import Path

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
