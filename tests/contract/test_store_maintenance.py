"""Checking a database finds every planted fault; a backup is whole and taken beside a running broker."""

import os
from pathlib import Path

import apsw
import pytest

from cnmessage_broker.maintenance.backup import back_up
from cnmessage_broker.maintenance.check import check
from cnmessage_broker.store.sqlite.migrate import UnusableDatabaseError
from cnmessage_broker.store.sqlite.store import SqliteStore
from tests.contract.conftest import Desk

FAULTS = {
    "a lost inbox row": ("DELETE FROM inbox WHERE owner = 2 AND seq = 2", "not numbered"),
    "a lost last inbox row": ("DELETE FROM inbox WHERE owner = 2 AND seq = 3", "not numbered"),
    "a lost first inbox row": ("DELETE FROM inbox WHERE owner = 2 AND seq = 1", "not numbered"),
    "a gap": ("UPDATE inbox SET seq = 9 WHERE owner = 2 AND seq = 3", "not numbered"),
    "a row before the first": ("UPDATE inbox SET seq = 0 WHERE owner = 2 AND seq = 1", "not numbered"),
    "a head too low": ("UPDATE account SET head = 2 WHERE id = 2", "not numbered"),
    "a head too high": ("UPDATE account SET head = 4 WHERE id = 2", "not numbered"),
    "an emptied inbox": ("DELETE FROM inbox WHERE owner = 2", "not numbered"),
    "a message twice": (
        """UPDATE inbox SET message = (SELECT message FROM inbox WHERE owner = 2 AND seq = 1)
        WHERE owner = 2 AND seq = 2""",
        "holds a message twice",
    ),
    "a lost message": ("DELETE FROM message WHERE body = 'second'", "has no message"),
    "a read mark beyond the head": ("UPDATE account SET read_upto = 4 WHERE id = 2", "beyond the head"),
    "a received mark beyond the head": (
        "UPDATE account SET received_upto = 4 WHERE id = 2",
        "beyond the head",
    ),
    "an away mark beyond the head": ("UPDATE account SET away_from = 4 WHERE id = 2", "beyond the head"),
    "an away end beyond the head": ("UPDATE account SET away_upto = 4 WHERE id = 2", "beyond the head"),
}

FILE_FAULTS = {
    "a lost digest": ("UPDATE file SET sha256 = NULL", "no digest or no message"),
    "a lost message": (
        "UPDATE file SET message = zeroblob(16) WHERE status = 'stored'",
        "no digest or no message",
    ),
    "a message whose file is lost": ("DELETE FROM file", "message that offers a file has none"),
    "a fetch whose file is lost": ("DELETE FROM file", "fetches a file that is not there"),
    "an upload that is offered": ("UPDATE file SET status = 'uploading'", "offered already"),
    "a lost recipient": ("DELETE FROM fetch", "recipients are not all known"),
    "a wrong count": ("UPDATE usage SET files = files - 1", "the count of files is wrong"),
    "a count of wrong bytes": ("UPDATE usage SET size = 0", "the count of files is wrong"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A stopped broker's database: two users, three messages from the first to the second."""
    made = tmp_path / "store.db"
    desk = Desk(SqliteStore(made, os.urandom))
    alice, bob = desk.accounts("alice", "bob")
    for body in ("first", "second", "third"):
        desk.send(alice, bob, body=body)
    desk.store.close()
    return made


def edit(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    assert connection.changes() > 0
    connection.close()


def test_a_sound_database_has_no_faults(path: Path) -> None:
    assert check(path) == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_names_the_user(path: Path, name: str) -> None:
    statement, found = FAULTS[name]
    edit(path, statement)
    faults = check(path)
    assert any(found in fault and "(user bob)" in fault for fault in faults), faults


@pytest.mark.parametrize("name", FILE_FAULTS)
def test_a_fault_about_a_file_is_found_and_names_the_user(path: Path, name: str) -> None:
    desk = Desk(SqliteStore(path, os.urandom), first=100)
    alice = desk.store.account_by_name("alice")
    assert alice is not None
    desk.share(alice, alice)
    desk.upload(alice, alice)
    desk.store.close()
    assert check(path) == []
    statement, found = FILE_FAULTS[name]
    edit(path, statement)
    faults = check(path)
    assert any(found in fault and "(user alice)" in fault for fault in faults), faults


def test_damaged_pages_are_found(path: Path) -> None:
    content = bytearray(path.read_bytes())
    connection = apsw.Connection(str(path))
    ((page,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'inbox'")
    ((size,),) = connection.execute("PRAGMA page_size")
    connection.close()
    content[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(content)
    # A check is for damaged files: it must say so, not break on them.
    assert any(fault.startswith("SQLite: ") for fault in check(path))


def test_a_database_that_is_not_there_cannot_be_checked_or_copied(tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"
    for call in (lambda: check(missing), lambda: back_up(missing, tmp_path / "copy")):
        with pytest.raises(UnusableDatabaseError, match="there is no database"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_cannot_be_copied(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"only text, nothing else in here" * 200)
    with pytest.raises(UnusableDatabaseError):
        back_up(tmp_path / "text", tmp_path / "copy")


def test_a_backup_beside_a_running_broker_holds_all_that_was_acknowledged(path: Path) -> None:
    desk = Desk(SqliteStore(path, os.urandom), first=100)
    alice, bob = (desk.store.account_by_name(name) for name in ("alice", "bob"))
    assert alice is not None
    assert bob is not None
    desk.send(alice, bob, body="fourth")  # still in the write-ahead log
    copy = path.with_name("copy.db")
    back_up(path, copy)
    desk.send(alice, bob, body="after the copy")
    assert check(copy) == []
    restored = Desk(SqliteStore(copy, os.urandom))
    assert restored.bodies(bob) == ["first", "second", "third", "fourth"]
    restored.store.close()
    assert desk.bodies(bob)[-1] == "after the copy"
    desk.store.close()


def test_a_check_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    check(path)
    assert path.read_bytes() == before
