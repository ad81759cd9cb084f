"""What goes to the disk in one group: order within a turn, and what a full disk may cost.

A real store and real sockets, on which nobody is.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
import zmq

from cnmessage_broker.between import FileAnswer, Lanes
from cnmessage_broker.config import Config
from cnmessage_broker.keys import load_or_create
from cnmessage_broker.loop.answers import Answers
from cnmessage_broker.loop.commit import Commit
from cnmessage_broker.loop.context import Deps, budgets
from cnmessage_broker.loop.doorbell import Doorbell
from cnmessage_broker.loop.effects import Confirm, Submit
from cnmessage_broker.loop.listeners import Listeners
from cnmessage_broker.loop.pending import BYTES_OF_ROW
from cnmessage_broker.net.gate import GateLimits
from cnmessage_broker.net.sockets import Sockets, Watch
from cnmessage_broker.net.zap import DELIVERIES_DOMAIN, DOMAIN, Admission, anybody
from cnmessage_broker.scheduling.asker import Ticket
from cnmessage_broker.store.ports.records import Account, Marks, Submission
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import Kind
from cnmessage_protocol.results import Done, Sent
from cnmessage_protocol.trace import Trail
from tests.support.harness import free_port


class Turn:
    """A commit over a store with alice and bob; the file thread's tickets wait for its answers."""

    def __init__(self, store: SqliteStore, sockets: Sockets, admission: Admission, data: Path) -> None:
        self.store = store
        self.alice, self.bob = (store.create_account(UserName(name), "", 1) for name in ("alice", "bob"))
        self.link = Lanes()
        log = structlog.get_logger()
        config = Config(data=data)
        listeners = self.listeners = Listeners(os.urandom)
        self.trail = Trail(listening=True)
        clocks = (time.monotonic, time.time, os.urandom, time.monotonic)
        deps = Deps(config, store, listeners, budgets(config), *clocks, trail=self.trail)
        answers = Answers(sockets.requests, sockets.request_links, self.link, time.monotonic, log)
        doorbell = Doorbell(sockets.deliveries, sockets.delivery_links, listeners, admission.bar, log)
        self.commit = Commit(deps, answers, doorbell, self.link, log)

    def submit(self, number: int, body: str = "hello") -> None:
        """A message from alice to bob, for whose fate the ticket of this number waits."""
        identity, to = number.to_bytes(16, "big"), (self.bob.name,)
        self.commit.submit(Ticket(number), Submit([_message(self.alice, self.bob, identity, to, body)]))

    @property
    def marks(self) -> Marks:
        """How bob's inbox stands."""
        return self.store.marks(self.bob.id)

    def answered(self) -> dict[int, object]:
        """What was answered since the last look, by ticket: a result, or the code of a refusal."""
        answers = [each for each in self.link.to_files.take() if isinstance(each, FileAnswer)]
        return {each.ticket: each.result if each.error is None else each.error.code for each in answers}


def _message(
    sender: Account, to: Account, identity: bytes, names: tuple[UserName, ...], body: str
) -> Submission:
    return Submission(
        MessageId(identity),
        ClientId(identity),
        sender.id,
        sender.name,
        (to.id,),
        names,
        Kind.DIRECT,
        body,
        1,
    )


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[Turn]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    admission = Admission({DOMAIN: anybody, DELIVERIES_DOMAIN: anybody}, time.monotonic)
    watch = Watch(admission, GateLimits(8, 8, 8, 1.0), 1 << 20, time.monotonic, structlog.get_logger())
    _, secret = load_or_create(tmp_path / "broker.key")
    sockets = Sockets(context, "127.0.0.1", free_port(), secret, watch)
    store = SqliteStore(tmp_path / "store.db", os.urandom)
    yield Turn(store, sockets, admission, tmp_path)
    store.close()
    sockets.close()
    context.term()


def test_bytes_of_bodies_count_as_rows_do(turn: Turn) -> None:
    turn.submit(1)
    assert turn.commit.rows == 2
    turn.submit(2, "x" * 10 * BYTES_OF_ROW)
    assert turn.commit.rows == 2 + 2 + 10


def test_a_broadcast_counts_as_many_rows_as_there_are_who_listen(turn: Turn) -> None:
    device = turn.store.bind_device("key", turn.bob.id, "", 1)
    for _ in range(20):
        turn.listeners.add(device, turn.bob.name, 0.0)
    new = _message(turn.alice, turn.bob, bytes(16), (UserName("all"),), "hello")
    turn.commit.submit(Ticket(1), Submit([replace(new, kind=Kind.BROADCAST)]))
    assert turn.commit.rows == 21


def test_a_message_right_after_a_departure_counts_as_missed(turn: Turn) -> None:
    turn.commit.presence(turn.bob.id, online=True)
    turn.commit.run()
    turn.commit.presence(turn.bob.id, online=False)
    turn.submit(1)
    turn.commit.run()
    assert (turn.marks.away_from, turn.marks.head) == (0, 1)


def test_a_message_right_after_an_arrival_does_not_count_as_missed(turn: Turn) -> None:
    turn.commit.presence(turn.bob.id, online=True)
    turn.submit(1)
    turn.commit.run()
    assert (turn.marks.away_upto, turn.marks.head) == (0, 1)


def test_nothing_is_answered_before_it_is_on_disk(turn: Turn) -> None:
    turn.submit(1)
    turn.commit.confirm(Ticket(2), Confirm(Done()))
    assert turn.answered() == {}
    assert turn.marks.head == 0
    turn.commit.run()
    identity = (1).to_bytes(16, "big")
    assert turn.answered() == {1: Sent(((identity, identity, 1, 1),), ()), 2: Done()}
    assert turn.marks.head == 1


def test_a_full_disk_does_not_forget_who_came_and_what_was_read(turn: Turn) -> None:
    # The sender of a refused message sends again; nobody sends presence and marks again.
    turn.submit(1)
    turn.commit.run()
    connection = turn.store._db.connection
    ((pages,),) = connection.execute("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count = {pages}")
    turn.commit.presence(turn.bob.id, online=True)
    turn.commit.read(turn.bob.id, 1)
    turn.submit(2, "x" * 60_000)
    turn.commit.run()
    assert not turn.commit.failed
    assert turn.answered()[2] is ErrorCode.STORAGE
    assert turn.marks.head == 1
    connection.execute("PRAGMA max_page_count = 100000")
    turn.commit.run()
    assert (turn.marks.read, turn.marks.away_upto) == (1, 1)


def test_that_the_disk_fails_and_is_sound_again_is_told(turn: Turn) -> None:
    turn.submit(1)
    turn.commit.run()
    assert turn.trail.take() == []
    connection = turn.store._db.connection
    ((pages,),) = connection.execute("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count = {pages}")
    for number in (2, 3):
        turn.submit(number, "x" * 60_000)
        turn.commit.run()
    connection.execute("PRAGMA max_page_count = 100000")
    turn.submit(4)
    turn.commit.run()
    assert [str(each) for each in turn.trail.take()] == [
        "commit: sound --not taken--> failing (1 message)",
        "commit: failing --not taken--> failing (1 message)",
        "commit: failing --taken--> sound",
    ]
