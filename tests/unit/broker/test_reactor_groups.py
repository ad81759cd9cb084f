"""What the reactor puts in one group: order within a turn, and what a full disk may cost.

A whole broker on disk, bound but not running, so that a test decides what one turn holds.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cnmessage_broker.app import Broker
from cnmessage_broker.loop.effects import MarkRead, Presence, Submit
from cnmessage_broker.net.link import Link
from cnmessage_broker.scheduling.asker import Origin
from cnmessage_broker.store.ports.records import Account, Marks, Submission
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import Kind
from tests.support.harness import broker_config

NOBODY = Origin(Link(("", 0), 0.0), 1)


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Broker]:
    with Broker(broker_config(tmp_path)) as broker:
        for name in ("alice", "bob"):
            broker.store.create_account(UserName(name), "", 1)
        yield broker
        broker.stop()
        broker.run()  # one last turn, which closes what the loop holds


def bob(idle: Broker) -> Account:
    account = idle.store.account_by_name("bob")
    assert account is not None
    return account


def marks(idle: Broker) -> Marks:
    return idle.store.marks(bob(idle).id)


def submit(idle: Broker, number: int, body: str = "hello") -> Submit:
    """A message from alice to bob."""
    sender = idle.store.account_by_name("alice")
    assert sender is not None
    identity = number.to_bytes(16, "big")
    to, recipients = (bob(idle).name,), (bob(idle).id,)
    return Submit(
        [
            Submission(
                MessageId(identity),
                ClientId(identity),
                sender.id,
                sender.name,
                recipients,
                to,
                Kind.DIRECT,
                body,
                1,
            )
        ]
    )


def test_a_message_right_after_a_departure_counts_as_missed(idle: Broker) -> None:
    reactor = idle.reactor
    reactor._perform(None, Presence(bob(idle).id, online=True))
    reactor._group.run()
    reactor._perform(None, Presence(bob(idle).id, online=False))
    reactor._perform(NOBODY, submit(idle, 1))
    reactor._group.run()
    assert (marks(idle).away_from, marks(idle).head) == (0, 1)


def test_a_message_right_after_an_arrival_does_not_count_as_missed(idle: Broker) -> None:
    reactor = idle.reactor
    reactor._perform(None, Presence(bob(idle).id, online=True))
    reactor._perform(NOBODY, submit(idle, 1))
    reactor._group.run()
    assert (marks(idle).away_upto, marks(idle).head) == (0, 1)


def test_a_full_disk_does_not_forget_who_came_and_what_was_read(idle: Broker) -> None:
    # The sender of a refused message sends again; nobody sends presence and marks again.
    reactor, store = idle.reactor, idle.store
    assert isinstance(store, SqliteStore)
    reactor._perform(NOBODY, submit(idle, 1))
    reactor._group.run()
    ((pages,),) = store._db.connection.execute("PRAGMA page_count")
    store._db.connection.execute(f"PRAGMA max_page_count = {pages}")
    reactor._perform(None, Presence(bob(idle).id, online=True))
    reactor._perform(None, MarkRead(bob(idle).id, 1))
    reactor._perform(NOBODY, submit(idle, 2, "x" * 60_000))
    reactor._group.run()
    assert not reactor.failed
    assert marks(idle).head == 1
    store._db.connection.execute("PRAGMA max_page_count = 100000")
    reactor._group.run()
    assert (marks(idle).read, marks(idle).away_upto) == (1, 1)
