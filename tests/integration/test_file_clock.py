"""A clock that is wrong while the broker starts or runs: files stay, and are there again once it is right."""

import asyncio
import time
from pathlib import Path

import pytest

from cnmessage_broker.loop import upkeep
from cnmessage_client import Home
from cnmessage_client.link.connection import new_key_pair
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.files.channel import Chunk, Get, Granted, Stop
from tests.support.channel import BODY, PUT, FilePeer, fetch, upload
from tests.support.harness import BrokerThread, broker_config, eventually, sign_up

YEAR = 365 * 86400.0


@pytest.fixture(autouse=True)
def _sweeps_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "SWEEP_INTERVAL", 0.1)


class Clock:
    """A wall clock that can be set."""

    def __init__(self) -> None:
        self.wrong = 0.0
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return time.time() + self.wrong


def test_a_broker_that_starts_with_a_clock_a_year_ahead_loses_no_file(tmp_path: Path, home: Home) -> None:
    config, clock = broker_config(tmp_path / "broker"), Clock()
    parts = config.data / "files" / "parts"
    with BrokerThread(config, wall=clock) as running:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        keys = {name: home.profile(name).keys(new_key_pair) for name in ("alice", "bob")}
        with FilePeer(running.address, keys["alice"]) as alice:
            file = upload(alice).file
            alice.say(b"v" * 16, PUT)
            alice.expect(Granted)
            alice.say(b"v" * 16, Chunk(0), BODY[:1000])
            eventually(lambda: [each.stat().st_size for each in parts.iterdir()] == [1000])
    clock.wrong = YEAR
    with BrokerThread(config, wall=clock) as running, FilePeer(running.address, keys["bob"]) as bob:
        bob.say(file, Get())
        assert bob.expect(Stop).code == ErrorCode.EXPIRED
        swept = clock.asked
        eventually(lambda: clock.asked > swept, 30)  # the next sweep asks what time it is
    clock.wrong = 0.0
    with (
        BrokerThread(config, wall=clock) as running,
        FilePeer(running.address, keys["bob"]) as bob,
        FilePeer(running.address, keys["alice"]) as alice,
    ):
        assert fetch(bob, file) == BODY
        alice.say(b"v" * 16, PUT)
        assert alice.expect(Granted).offset == 1000


def test_a_download_stops_when_the_clock_jumps_and_goes_on_when_it_is_right(
    tmp_path: Path, home: Home
) -> None:
    config, clock = broker_config(tmp_path / "broker"), Clock()
    with BrokerThread(config, wall=clock) as running:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        keys = {name: home.profile(name).keys(new_key_pair) for name in ("alice", "bob")}
        with FilePeer(running.address, keys["alice"]) as alice, FilePeer(running.address, keys["bob"]) as bob:
            file = upload(alice).file
            bob.say(file, Get(0, 1000, 1000))
            assert bob.expect(Chunk) == Chunk(0)
            clock.wrong = YEAR
            assert bob.expect(Stop).code == ErrorCode.EXPIRED
            clock.wrong = 0.0
            assert fetch(bob, file, 1000) == BODY[1000:]
            assert len(list((config.data / "files" / "blobs").glob("*/*"))) == 1
