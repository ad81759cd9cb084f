"""Readers beside the writer: the same answers, from another thread, and never half of what was written."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.reader import Reader
from cnmessage_broker.store.ports.records import Query, StoreError
from cnmessage_protocol.ids import MessageId
from cnmessage_protocol.records import Direction
from tests.contract.conftest import DURABLE, Desk
from tests.support.patience import PATIENCE


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    made = store.reader()
    yield made
    made.close()


def pages(reader: Reader, owner: int, ids: list[MessageId]) -> tuple[object, ...]:
    """All that a reader tells of one account."""
    return (
        list(reader.users("", 99)),
        list(reader.inbox_after(owner, 0, 99, 1 << 30)),
        reader.history(owner, Query(limit=99, received_only=False)),
        {identity: list(rows) for identity, rows in reader.receipts(owner, ids, 99).items()},
        reader.files.sent(owner, None, 99, 1 << 30),
        reader.files.received(owner, None, 99, 1 << 30),
    )


def test_a_reader_answers_as_the_store_does_with_all_that_is_committed(
    store: Store, desk: Desk, reader: Reader
) -> None:
    alice, bob = desk.accounts("alice", "bob")
    for round_ in range(3):
        identity = desk.send(alice, bob, body=f"round {round_}").id
        desk.share(alice, bob, client_id=bytes([round_]) * 16)
        for owner in (alice.id, bob.id):
            assert pages(reader, owner, [identity]) == pages(store, owner, [identity])


@pytest.mark.parametrize("store", DURABLE, indirect=True)
def test_what_a_reader_sees_beside_the_writer_is_always_a_beginning(store: Store, desk: Desk) -> None:
    alice, bob = desk.accounts("alice", "bob")
    done = threading.Event()

    def look() -> list[int]:
        reader = store.reader()
        heads: list[int] = []
        try:
            while not (done.is_set() and heads):
                found = reader.history(bob.id, Query(limit=9999, received_only=False))
                assert [item.seq for item in found.items] == list(range(1, len(found.items) + 1))
                assert all(item.direction is Direction.RECEIVED for item in found.items)
                heads.append(len(found.items))
        finally:
            reader.close()
        return heads

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        for _ in range(200):
            desk.send(alice, bob)
        done.set()
        heads = looking.result(timeout=PATIENCE)
    assert heads == sorted(heads)


@pytest.mark.parametrize("store", DURABLE, indirect=True)
def test_a_reader_cannot_write(store: Store, desk: Desk, reader: Reader) -> None:
    desk.account("alice")
    statements = reader._connection  # type: ignore[attr-defined]
    with pytest.raises(StoreError):
        statements.run("add_account", ("eve", "", 1))
    assert store.account_by_name("eve") is None
