"""A clock that is wrong while the broker starts or runs: files stay, and are there again once it is right."""

import asyncio
import time
from pathlib import Path

from cnmessage_broker.loop.upkeep import SWEEP_INTERVAL
from cnmessage_client import Home
from cnmessage_client.link.connection import new_key_pair
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.files.channel import Chunk, Get, Granted, Stop
from tests.support.channel import BODY, PUT, FilePeer, fetch, upload
from tests.support.harness import BrokerThread, broker_config, eventually, sign_up

YEAR = 365 * 86400.0


class Clocks:
    """A wall clock that can be set, and a monotonic one that can be hurried to the next sweep."""

    def __init__(self) -> None:
        self.wrong = 0.0
        self.asked = 0
        self.hurried = 0.0

    def wall(self) -> float:
        self.asked += 1
        return time.time() + self.wrong

    def monotonic(self) -> float:
        return time.monotonic() + self.hurried

    def sweep(self) -> None:
        """The next sweep is due."""
        self.hurried += SWEEP_INTERVAL


def test_a_broker_that_starts_with_a_clock_a_year_ahead_loses_no_file(tmp_path: Path, home: Home) -> None:
    config, clock = broker_config(tmp_path / "broker"), Clocks()
    parts = config.data / "files" / "parts"
    with BrokerThread(config, wall=clock.wall, monotonic=clock.monotonic) as running:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        keys = {name: home.profile(name).keys(new_key_pair) for name in ("alice", "bob")}
        with FilePeer(running.address, keys["alice"]) as alice:
            file = upload(alice).file
            alice.say(b"v" * 16, PUT)
            alice.expect(Granted)
            alice.say(b"v" * 16, Chunk(0), BODY[:1000])
            eventually(lambda: [each.stat().st_size for each in parts.iterdir()] == [1000])
    clock.wrong = YEAR
    with (
        BrokerThread(config, wall=clock.wall, monotonic=clock.monotonic) as running,
        FilePeer(running.address, keys["bob"]) as bob,
    ):
        bob.say(file, Get())
        assert bob.expect(Stop).code == ErrorCode.EXPIRED
        swept = clock.asked
        clock.sweep()
        eventually(lambda: clock.asked > swept)  # the next sweep asks what time it is
    clock.wrong = 0.0
    with (
        BrokerThread(config, wall=clock.wall, monotonic=clock.monotonic) as running,
        FilePeer(running.address, keys["bob"]) as bob,
        FilePeer(running.address, keys["alice"]) as alice,
    ):
        assert fetch(bob, file) == BODY
        alice.say(b"v" * 16, PUT)
        assert alice.expect(Granted).offset == 1000


def test_a_download_stops_when_the_clock_jumps_and_goes_on_when_it_is_right(
    tmp_path: Path, home: Home
) -> None:
    config, clock = broker_config(tmp_path / "broker"), Clocks()
    with BrokerThread(config, wall=clock.wall, monotonic=clock.monotonic) as running:
        asyncio.run(sign_up(running.address, home, "alice", "bob"))
        keys = {name: home.profile(name).keys(new_key_pair) for name in ("alice", "bob")}
        with FilePeer(running.address, keys["alice"]) as alice, FilePeer(running.address, keys["bob"]) as bob:
            file = upload(alice).file
            bob.say(file, Get(0, 1000, 1000))
            assert bob.expect(Chunk) == Chunk(0)
            clock.wrong = YEAR
            clock.sweep()
            assert bob.expect(Stop).code == ErrorCode.EXPIRED
            clock.wrong = 0.0
            assert fetch(bob, file, 1000) == BODY[1000:]
            assert len(list((config.data / "files" / "blobs").glob("*/*"))) == 1
