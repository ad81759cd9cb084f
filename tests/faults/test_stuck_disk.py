"""A disk that does not answer: all that needs none goes on, and what waits for it keeps its order.

A real SQLite whose syncs wait until the test lets them go.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from cnmessage_broker.loop.reactor import ALONE, ROWS
from cnmessage_broker.net.sockets import REPLY_QUEUE
from cnmessage_client import Home
from cnmessage_client.link.connection import new_key_pair
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.files.channel import Chunk, Credit, Get, Opened, Pause, Stop
from tests.support.channel import FilePeer, upload
from tests.support.harness import BrokerThread, broker_config, eventually, sign_up
from tests.support.patience import PATIENCE
from tests.support.raw import Raw, answer, ask, frame
from tests.support.rows import message_row
from tests.support.stuck_disk import Disk, stuck_disk


class Peers:
    """Raw peers with the keys of alice, bob and carol, who are logged in."""

    def __init__(self, running: BrokerThread, raw: Raw, home: Home, disk: Disk) -> None:
        self.broker, self.disk, self._raw, self._home = running.broker, disk, raw, home
        self.alice, self.bob, self.carol = (self.another(name) for name in ("alice", "bob", "carol"))

    def another(self, name: str) -> "zmq.Socket[bytes]":
        """One more connection of this user."""
        return self._raw.dealer(self._home.profile(name).keys(new_key_pair))

    def files(self, name: str) -> FilePeer:
        """This user on the file channel."""
        return FilePeer(self.broker.address, self._home.profile(name).keys(new_key_pair))

    def stick(self) -> None:
        """From now on a message of alice to bob is on its way to a disk that is stuck."""
        self.disk.stick()
        self.alice.send(frame("send", {"messages": [message_row(["bob"], "first")]}, request_id=1))
        assert self.disk.waiting.acquire(timeout=PATIENCE)

    def bodies(self, name: str) -> list[str]:
        """What a user's inbox holds."""
        account = self.broker.deps.directory.account_by_name(name)
        assert account is not None
        return [item.body for item in self.broker.store.inbox_after(account.id, 0, 9999, 1 << 30)]


@pytest.fixture
def peers(tmp_path: Path, home: Home) -> Iterator[Peers]:
    with stuck_disk() as disk, BrokerThread(broker_config(tmp_path / "broker")) as running:
        asyncio.run(sign_up(running.address, home, "alice", "bob", "carol"))
        with Raw(running.address) as raw:
            yield Peers(running, raw, home, disk)
        disk.free()


def test_beats_are_answered_pages_read_and_programs_attached_while_the_disk_is_stuck(peers: Peers) -> None:
    earlier = ask(peers.alice, "send", {"messages": [message_row(["bob"], "earlier")]})
    assert earlier.error is None
    attached = ask(peers.bob, "attach", {})
    assert attached.result is not None
    peers.stick()
    beat = {"listener": attached.result["listener"], "cursor": 1}
    for _ in range(20):
        assert ask(peers.bob, "beat", beat).result is not None
    page = ask(peers.carol, "history", {})
    assert page.error is None
    listed = ask(peers.carol, "users", {})
    assert listed.result is not None
    assert [row[:2] for row in listed.result["users"]] == [["alice", False], ["bob", True], ["carol", False]]
    assert ask(peers.carol, "attach", {}).error is None
    assert ask(peers.carol, "whoami", {}).error is None
    assert not peers.alice.poll(0), "what is not on the disk is not acknowledged"
    peers.disk.free()
    assert answer(peers.alice).error is None
    assert peers.bodies("bob") == ["earlier", "first"]


def test_what_waits_for_the_disk_keeps_its_order_and_is_acknowledged_once_it_is_there(peers: Peers) -> None:
    peers.stick()
    bodies = [f"{number}" for number in range(REPLY_QUEUE - 1)]  # no more than a peer may leave unread
    for number, body in enumerate(bodies, start=2):
        peers.alice.send(frame("send", {"messages": [message_row(["bob"], body)]}, request_id=number))
    peers.carol.send(frame("block", {"name": "alice"}))
    assert ask(peers.bob, "users", {}).error is None  # so all of the above was read
    assert not peers.alice.poll(0)
    assert not peers.carol.poll(0)
    peers.disk.free()
    assert [answer(peers.alice).request_id for _ in range(REPLY_QUEUE)] == [*range(1, REPLY_QUEUE + 1)]
    assert answer(peers.carol).error is None
    assert peers.bodies("bob") == ["first", *bodies]


def test_whoever_reads_what_they_sent_waits_until_it_is_there(peers: Peers) -> None:
    peers.stick()
    peers.alice.send(frame("history", {"own": True}, request_id=2))
    assert ask(peers.carol, "history", {"own": True}).error is None
    assert not peers.alice.poll(0)
    peers.disk.free()
    assert answer(peers.alice).request_id == 1
    page = answer(peers.alice)
    assert page.result is not None
    assert len(page.result["items"]) == 1


def test_a_flood_in_front_of_a_stuck_disk_is_bounded_and_told_so_and_others_read(peers: Peers) -> None:
    peers.stick()
    many = [peers.another("carol") for _ in range(4)]
    rows = [message_row(["bob"], "x" * 1000) for _ in range(100)]
    body = frame("send", {"messages": rows})
    refused = 0
    while not refused:
        for each in many:
            for _ in range(20):
                each.send(body)
        assert ask(peers.bob, "users", {}).error is None
        for each in many:
            while each.poll(0):
                error = answer(each).error
                assert error is not None, "nothing is acknowledged yet"
                assert error.code is ErrorCode.BUSY
                refused += 1
    reactor = peers.broker.reactor
    assert reactor._commit.rows <= ROWS * ALONE + 2 * len(rows)
    assert reactor._arrivals.turns.size <= 64 << 20
    peers.disk.free()
    eventually(lambda: not reactor._commit.busy and not reactor._arrivals.turns.size)
    assert ask(peers.another("alice"), "send", {"messages": [message_row(["bob"], "after")]}).error is None


def test_a_stop_waits_for_what_is_on_its_way_and_acknowledges_it(peers: Peers) -> None:
    peers.stick()
    peers.broker.stop()
    assert not peers.alice.poll(100)
    peers.disk.free()
    assert answer(peers.alice).error is None
    assert peers.bodies("bob") == ["first"]


@pytest.mark.parametrize("word", [Pause(), Stop("storage"), Get(0, 1000, 1000)])
def test_what_was_asked_before_a_transfer_ended_says_nothing_to_the_next_one(peers: Peers, word: Any) -> None:
    with peers.files("alice") as alice, peers.files("bob") as bob:
        file = upload(alice).file
        peers.disk.stick()
        bob.say(file, Get(0, 1000, 1000))
        assert peers.disk.waiting.acquire(timeout=PATIENCE)  # that bob fetches it is being written down
        bob.say(file, word)
        bob.say(file, Get(500, 1000, 1000))
        bob.say(b"o" * 16, Credit(1))
        assert bob.expect(Stop).code == ErrorCode.NOT_ATTACHED  # so all of the above was read
        peers.disk.free()
        assert bob.expect(Opened)
        assert bob.expect(Chunk).offset == 500
