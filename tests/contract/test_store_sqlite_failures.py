"""SQLite only: a transaction that fails leaves nothing behind, on disk or in memory; a killed writer
leaves everything it acknowledged.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from cnmessage_broker.maintenance.check import check
from cnmessage_broker.store.ports.records import (
    FetchStatus,
    FileRow,
    FileStatus,
    Group,
    Query,
    StoreError,
)
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_protocol.ids import ClientId, MessageId
from tests.contract.conftest import Desk, everything, stored

NAMES = ("alice", "bob", "carol")
WRITER = """
import os, sys
from itertools import count
from pathlib import Path
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_protocol.ids import MessageId
from tests.contract.conftest import Desk

desk = Desk(SqliteStore(Path(sys.argv[1]), os.urandom), first=int(sys.argv[2]))
alice, bob = (desk.store.account_by_name(name) or desk.account(name) for name in ("alice", "bob"))
for turn in count():
    group = [desk.write(alice, bob, body=f"{turn} {place}" * 50) for place in range(turn % 20 + 1)]
    for outcome in desk.commit(*group):
        print(outcome.id.hex(), outcome.places[0][1], outcome.seq, flush=True)
"""

Act = Callable[[Desk], Any]
WRITES: dict[str, Act] = {
    "create_account": lambda desk: desk.account("dave"),
    "change_password": lambda desk: desk.store.change_password(1, "new", "key1"),
    "bind_device": lambda desk: desk.store.bind_device("key9", 1, "new", 7),
    "bind_device again": lambda desk: desk.store.bind_device("key1", 1, "new", 7),
    "bind_device elsewhere": lambda desk: desk.store.bind_device("key1", 2, "new", 7),
    "unbind_device": lambda desk: desk.store.unbind_device(1, 1),
    "saw_device": lambda desk: desk.store.commit(Group(seen={"key1": 9})),
    "block": lambda desk: desk.store.block(2, 1),
    "unblock": lambda desk: desk.store.unblock(1, 2),
    "commit messages": lambda desk: desk.send(*accounts(desk)[:2]),
    "add_file": lambda desk: desk.upload(*accounts(desk)[:2], client_id=b"n" * 16),
    "commit a file": lambda desk: desk.commit(desk.offer(file(desk, b"u"), sha256=b"e" * 32)),
    "set_fetch": lambda desk: desk.store.files.set_fetch(file(desk, b"s").id, 3, FetchStatus.FETCHING, 5, 9),
    "end_file": lambda desk: desk.store.files.end(file(desk, b"s").id, FileStatus.WITHDRAWN),
    "commit marks": lambda desk: desk.store.commit(Group(read={2: 1}, presence=[(1, True, 9)])),
}


def accounts(desk: Desk) -> list[Any]:
    return [desk.store.account_by_name(name) for name in NAMES]


def file(desk: Desk, letter: bytes) -> FileRow:
    """One of the files there are: `u` is being uploaded, `s` is stored."""
    row = desk.store.files.upload(1, ClientId(letter * 16))
    assert row is not None
    return row


def state(desk: Desk) -> list[Any]:
    """All that the store tells, out of its memory and off its disk."""
    devices = [desk.store.device(f"key{number}") for number in range(10)]
    known = [desk.store.account_by_name(name) for name in (*NAMES, "dave")]
    told = [everything(desk.store, account, []) for account in known if account is not None]
    return [devices, known, told, list(desk.store.users("", 99))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def desk(path: Path) -> Iterator[Desk]:
    store = SqliteStore(path, os.urandom)
    made = Desk(store)
    alice, bob, carol = made.accounts(*NAMES)
    store.bind_device("key1", alice.id, "", 1)
    store.bind_device("key2", alice.id, "", 1)
    store.block(alice.id, bob.id)
    made.send(alice, bob)
    made.upload(alice, carol, client_id=b"u" * 16)
    made.share(alice, carol, client_id=b"s" * 16)
    yield made
    made.store.close()


def database(desk: Desk) -> apsw.Connection:
    assert isinstance(desk.store, SqliteStore)
    return desk.store._db.connection


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_cannot_commit_changes_nothing_and_works_later(
    desk: Desk, path: Path, name: str
) -> None:
    before = state(desk)
    database(desk).set_commit_hook(lambda: True)  # SQLite then rolls back instead of committing
    with pytest.raises(StoreError) as caught:
        WRITES[name](desk)
    assert caught.value.fatal  # not a full disk: the broker must stop
    assert state(desk) == before
    database(desk).set_commit_hook(None)
    WRITES[name](desk)
    changed = state(desk)
    assert changed != before
    desk.store.close()
    reopened = SqliteStore(path, os.urandom)
    assert state(Desk(reopened))[:2] == changed[:2]
    desk.store = reopened  # which the fixture closes


def fill(desk: Desk, act: Callable[[int], Any]) -> int:
    """Act until the disk, which may not grow, is full; how often that went well."""
    connection = database(desk)
    ((pages,),) = connection.execute("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(5000):
        before = state(desk)
        try:
            act(number)
        except StoreError as error:
            refused = error
        else:
            continue
        assert not refused.fatal
        assert "full" in str(refused)
        assert state(desk) == before
        return number
    raise AssertionError("the disk never was full")


def test_a_full_disk_refuses_messages_keeps_reading_and_recovers(desk: Desk, path: Path) -> None:
    alice, bob, _ = accounts(desk)
    taken = fill(desk, lambda number: desk.send(alice, bob, body=f"{number} " * 100))
    assert len(desk.bodies(bob)) == len(desk.bodies(bob, Query(999))) == taken + 1
    assert desk.store.marks(bob.id).head == taken + 1
    database(desk).execute("PRAGMA max_page_count = 100000")
    assert desk.send(alice, bob, body="again").places == ((bob.id, taken + 2),)
    assert desk.bodies(bob)[-1] == "again"
    desk.store.close()
    assert check(path) == []
    desk.store = SqliteStore(path, os.urandom)


def test_a_full_disk_refuses_a_whole_group_its_duplicates_included(desk: Desk) -> None:
    alice, bob, _ = accounts(desk)
    first = desk.write(alice, bob, body="first")
    desk.commit(first)
    ((pages,),) = database(desk).execute("PRAGMA page_count")
    database(desk).execute(f"PRAGMA max_page_count = {pages}")
    before = state(desk)
    large = [desk.write(alice, bob, body="x" * 60_000) for _ in range(3)]
    with pytest.raises(StoreError):
        desk.commit(desk.write(alice, bob), first, *large)
    assert state(desk) == before
    assert not stored(desk.commit(first)[0]).fresh  # a repetition needs no room
    database(desk).execute("PRAGMA max_page_count = 100000")
    assert [stored(each).places[0][1] for each in desk.commit(*large)] == [3, 4, 5]


def test_a_full_disk_refuses_accounts_devices_and_blocks_alike(desk: Desk) -> None:
    people = desk.accounts(*[f"user{number}" for number in range(80)])
    pairs = [(one.id, other.id) for one in people for other in people if one != other]
    fill(desk, lambda number: desk.store.create_account(f"new{number}", "h" * 900, 1))  # type: ignore[arg-type]
    fill(desk, lambda number: desk.store.bind_device(f"many{number}", people[0].id, "l" * 100, 1))
    refused = pairs[fill(desk, lambda number: desk.store.block(*pairs[number]))]
    database(desk).execute("PRAGMA max_page_count = 100000")
    assert desk.store.block(*refused) is True
    assert desk.account("dave") == desk.store.account_by_name("dave")


@pytest.mark.parametrize(
    "read",
    [
        lambda desk: desk.store.inbox_after(2, 0, 9, 999),
        lambda desk: desk.store.history(2, Query(9)),
        lambda desk: desk.store.users("", 9),
        lambda desk: desk.store.receipts(1, [MessageId((1).to_bytes(16, "big"))], 9),
        lambda desk: desk.store.files.sent(1, None, 9, 999),
        lambda desk: desk.store.files.received(3, None, 9, 999),
    ],
    ids=["inbox_after", "history", "users", "receipts", "sent_files", "received_files"],
)
def test_a_read_that_fails_is_a_store_error_too(desk: Desk, read: Act) -> None:
    read(desk)
    database(desk).set_progress_handler(lambda: True, 1)  # SQLite gives up at its next step
    try:
        with pytest.raises(StoreError):
            read(desk)
    finally:
        database(desk).set_progress_handler(None)
    read(desk)


@pytest.mark.parametrize("lines", [1, 37, 400])
def test_a_killed_writer_has_lost_nothing_it_acknowledged(path: Path, lines: int) -> None:
    acknowledged: dict[str, tuple[int, int]] = {}
    for turn in range(2):  # the second writer starts on what the first one left
        command = [sys.executable, "-c", WRITER, str(path), str(1 + turn * 1_000_000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for count, line in enumerate(writer.stdout, start=1):
                if count == lines:
                    writer.send_signal(signal.SIGKILL)
                if line.endswith("\n"):  # what still stands in the pipe was acknowledged as well
                    identity, seq, own = line.split()
                    acknowledged[identity] = int(seq), int(own)
        assert writer.returncode == -signal.SIGKILL
    assert len(acknowledged) >= 2 * lines
    assert check(path) == []
    store = SqliteStore(path, os.urandom)
    for name, place in (("bob", 0), ("alice", 1)):
        account = store.account_by_name(name)
        assert account is not None
        items = store.inbox_after(account.id, 0, 1_000_000, 1 << 40)
        assert [item.seq for item in items] == list(range(1, store.marks(account.id).head + 1))
        found = {item.id.hex(): item.seq for item in items}
        assert {identity: seqs[place] for identity, seqs in acknowledged.items()}.items() <= found.items()
    store.close()


def test_a_database_that_was_removed_acknowledges_nothing_more(tmp_path: Path) -> None:
    # SQLite itself would go on writing into the file that has no name any more.
    path = tmp_path / "store.db"
    desk = Desk(SqliteStore(path, os.urandom))
    alice, bob = (desk.account(name) for name in ("alice", "bob"))
    desk.send(alice, bob)
    path.unlink()
    with pytest.raises(StoreError, match="removed or replaced") as caught:
        desk.send(alice, bob)
    assert caught.value.fatal
    desk.store.close()
