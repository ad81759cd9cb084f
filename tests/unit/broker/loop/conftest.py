"""The loop's commit and handlers without clients: a real store, and threads that work on the spot or when the
test lets them.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
import zmq

from cnmessage_broker import jobs
from cnmessage_broker.between import FileAnswer, Lanes
from cnmessage_broker.config import Config
from cnmessage_broker.jobs import JobDone
from cnmessage_broker.keys import load_or_create
from cnmessage_broker.loop.answers import Answers
from cnmessage_broker.loop.commit import LINGER, Commit
from cnmessage_broker.loop.context import Deps, budgets
from cnmessage_broker.loop.doorbell import Doorbell
from cnmessage_broker.loop.effects import Submit
from cnmessage_broker.loop.listeners import Listeners
from cnmessage_broker.loop.passwords import PasswordPool
from cnmessage_broker.loop.performer import Performer
from cnmessage_broker.loop.publisher import Publisher
from cnmessage_broker.loop.tasks import Tasks
from cnmessage_broker.net.gate import GateLimits
from cnmessage_broker.net.sockets import Sockets, Watch
from cnmessage_broker.net.zap import DELIVERIES_DOMAIN, DOMAIN, Admission, anybody
from cnmessage_broker.scheduling.asker import Ticket
from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.reader import Reader
from cnmessage_broker.store.ports.records import Account, Marks, Submission
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import Kind
from cnmessage_protocol.trace import Trail
from tests.support.harness import free_port


class Turn:
    """A commit over a store with alice and bob; the file thread's tickets wait for its answers."""

    def __init__(self, store: SqliteStore, sockets: Sockets, admission: Admission, data: Path) -> None:
        self.store = store
        self.alice, self.bob = (store.create_account(UserName(name), "", 1) for name in ("alice", "bob"))
        self.link = Lanes()
        self.now = 1000.0
        self.holding = False
        self.held: deque[Callable[[], None]] = deque()
        self.pages: deque[Callable[[], None]] = deque()
        log = structlog.get_logger()
        config = Config(data=data)
        listeners = self.listeners = Listeners(os.urandom)
        self.trail = Trail(listening=True)
        clocks = (lambda: self.now, time.time, os.urandom, lambda: self.now)
        deps = Deps(config, store, listeners, budgets(config), *clocks, trail=self.trail)
        answers = Answers(sockets.requests, sockets.request_links, self.link, time.monotonic, log)
        doorbell = Doorbell(sockets.deliveries, sockets.delivery_links, listeners, admission.bar, log)
        self.publisher = Publisher(doorbell.publish, lambda: self.now)
        self.commit = Commit(deps, self.write, answers, self.publisher, self.link, lambda: None, log)
        self.pool = PasswordPool(workers=1, queue=2)
        self.rung = threading.Semaphore(0)
        performer = self.performer = Performer(deps, answers, self.commit, self.publisher, self.link, log)
        self.tasks = Tasks(performer, self.commit, self.read, self.pool, self.rung.release)

    def write(self, job: Callable[[Store], Any], done: Callable[[JobDone], None]) -> None:
        """The store's writer, on this very thread."""
        self.held.append(lambda: done(jobs.run(partial(job, self.store))))
        if not self.holding:
            self.held.popleft()()

    def read(self, job: Callable[[Reader], Any], done: Callable[[JobDone], None]) -> None:
        """The store's readers, when the test lets them."""
        self.pages.append(lambda: done(jobs.run(partial(job, self.store))))

    def run(self) -> None:
        """What the loop does at the end of a turn and at the beginning of the next."""
        self.commit.run()
        self.now += 2 * LINGER  # marks alone have waited long enough
        self.commit.run()
        while self.commit.finish():
            pass

    def let_go(self) -> None:
        """The writer does what it was handed, and the loop goes on from there."""
        self.held.popleft()()
        self.commit.finish()

    def submit(
        self, number: int, body: str = "hello", sender: Account | None = None, *, heavy: bool = False
    ) -> None:
        """A message from alice, or another, to bob, for whose fate the ticket of this number waits."""
        identity, to = number.to_bytes(16, "big"), (self.bob.name,)
        new = message(sender or self.alice, self.bob, identity, to, body)
        self.commit.submit(Ticket(number), Submit([new]), heavy=heavy)

    @property
    def marks(self) -> Marks:
        """How bob's inbox stands."""
        return self.store.marks(self.bob.id)

    def answered(self) -> dict[int, object]:
        """What was answered since the last look, by ticket: a result, or the code of a refusal."""
        answers = [each for each in self.link.to_files.take() if isinstance(each, FileAnswer)]
        return {each.ticket: each.result if each.error is None else each.error.code for each in answers}


def message(
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
    made = Turn(store, sockets, admission, tmp_path)
    yield made
    made.pool.close()
    store.close()
    sockets.close()
    context.term()
