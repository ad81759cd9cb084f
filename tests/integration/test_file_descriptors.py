"""What transfers hold of the broker: no descriptor while no bytes move, and so many transfers and no more."""

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from cnmessage_broker.files.descriptors import IDLE
from cnmessage_client import Client, Home
from cnmessage_client.link.connection import new_key_pair
from cnmessage_client.profile import KeyPair
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.files.channel import Chunk, Credit, Finish, Get, Granted, Kept, Opened, Put, Stop
from tests.support.channel import (
    BODY,
    DIGEST,
    PUT,
    UPLOAD,
    FilePeer,
    fetch,
    give,
    needs_proc,
    of_files,
    upload,
)
from tests.support.harness import PASSWORD, BrokerThread, broker_config, eventually, sign_up
from tests.support.shortage import no_descriptors


@needs_proc
@pytest.mark.parametrize("size", [0, 1000])
def test_an_upload_that_was_only_asked_for_holds_no_file_and_makes_none(
    broker: BrokerThread, alice: FilePeer, size: int
) -> None:
    for number in range(20):
        alice.say(bytes([number]) * 16, Put("x", size, ("bob",)))
        alice.expect(Granted)
    assert of_files(broker) == []
    assert not list((broker.broker.config.data / "files" / "parts").iterdir())


@needs_proc
def test_a_download_without_credit_holds_no_file(
    broker: BrokerThread, alice: FilePeer, bob: FilePeer
) -> None:
    file = upload(alice).file
    bob.say(file, Get(0, 0, 1000))
    bob.expect(Opened)
    eventually(lambda: of_files(broker) == [])
    bob.say(file, Credit(1000, 1000))
    assert bob.expect(Chunk) == Chunk(0)
    assert len(of_files(broker)) == 1


@needs_proc
def test_what_falls_silent_holds_no_file_and_goes_on_where_it_was(tmp_path: Path, home: Home) -> None:
    hurried = 0.0
    clock = lambda: time.monotonic() + hurried  # noqa: E731 - it reads as what it is
    with BrokerThread(broker_config(tmp_path / "broker"), monotonic=clock) as broker, ExitStack() as stack:
        asyncio.run(sign_up(broker.address, home, "alice", "bob"))
        keys = [home.profile(name).keys(new_key_pair) for name in ("alice", "bob")]
        alice, bob = (stack.enter_context(FilePeer(broker.address, each)) for each in keys)
        file = upload(alice).file
        alice.say(b"v" * 16, PUT)
        alice.expect(Granted)
        alice.say(b"v" * 16, Chunk(0), BODY[:1000])
        bob.say(file, Get(0, 1000, 1000))
        assert bob.expect(Chunk) == Chunk(0)
        eventually(lambda: len(of_files(broker)) == 2)
        hurried = IDLE
        eventually(lambda: of_files(broker) == [])
        bob.say(file, Credit(2000, 1000))
        while bob.expect(Chunk) != Chunk(1000):
            pass
        for place in range(1000, len(BODY), 100_000):
            alice.say(b"v" * 16, Chunk(place), BODY[place : place + 100_000])
        alice.say(b"v" * 16, Finish(DIGEST))
        assert fetch(bob, alice.expect(Kept).file) == BODY


def test_when_no_file_can_be_opened_one_transfer_waits_and_nothing_is_lost(
    broker: BrokerThread, alice: FilePeer, bob: FilePeer, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = upload(alice)
    eventually(lambda: of_files(broker) == [])
    with no_descriptors():
        alice.say(b"v" * 16, PUT)
        alice.expect(Granted)
        alice.say(b"v" * 16, Chunk(0), BODY[:1000])
        bob.say(kept.file, Get(0, 1000, 1000))
        for peer in (alice, bob):
            stopped = peer.expect(Stop)
            assert stopped.code == ErrorCode.BUSY
            assert "try again in a moment" in stopped.message
    log = capsys.readouterr().out
    assert log.count("no more files can be opened") == 1
    assert "could not be read or written" not in log
    alice.say(b"v" * 16, PUT)
    assert alice.expect(Granted).offset == 0
    alice.say(b"v" * 16, Chunk(0), BODY[:1000])
    assert fetch(bob, kept.file) == BODY


async def log_in(address: str, home: Home, name: str, *profiles: str) -> None:
    for profile in profiles:
        async with Client(home=home, profile=profile, broker=address) as client:
            await client.login(name, PASSWORD)


def test_a_user_has_so_many_transfers_on_all_devices_together(tmp_path: Path, home: Home) -> None:
    config = broker_config(tmp_path / "broker", transfers_per_user=3)
    with BrokerThread(config) as running, ExitStack() as stack:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        asyncio.run(log_in(running.address, home, "alice", "second", "third"))

        def peer(profile: str) -> FilePeer:
            keys: KeyPair = home.profile(profile).keys(new_key_pair)
            return stack.enter_context(FilePeer(running.address, keys))

        first, second, third, bob = (peer(each) for each in ("alice", "second", "third", "bob"))
        for number, device in enumerate([first, first, second]):
            device.say(bytes([number]) * 16, PUT)
            device.expect(Granted)
        for device in (second, third):
            device.say(UPLOAD, PUT)
            stopped = device.expect(Stop)
            assert stopped.code == ErrorCode.RATE_LIMITED
            assert "3 transfers of one user at once; wait for some to end" in stopped.message
        bob.say(UPLOAD, Put("mine", 5, ("alice",)))
        bob.expect(Granted)
        first.say(bytes([0]) * 16, Stop("withdrawn"))
        first.say(UPLOAD, PUT)
        give(first, BODY, first.expect(Granted).offset)
        first.say(UPLOAD, Finish(DIGEST))
        assert first.expect(Kept)
