"""The log of the SQLite store stays short, no commit waits for that, and a checkpoint loses nothing."""

import os
from pathlib import Path

import apsw
import pytest
import structlog

from cnmessage_broker.store.sqlite.checkpoints import Checkpoints
from cnmessage_broker.store.sqlite.migrate import open_database
from cnmessage_broker.store.sqlite.store import SqliteStore
from tests.contract.conftest import Desk
from tests.support.harness import eventually

PAGE = 4096
MUCH = "x" * 60_000


def copied(path: Path) -> int:
    """Bytes of the database file itself, without its log."""
    return path.stat().st_size


def test_the_log_is_copied_beside_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    desk = Desk(SqliteStore(path, os.urandom))
    alice, bob = desk.accounts("alice", "bob")
    before = copied(path)
    for _ in range(100):  # six megabytes, more than the thousand pages that are due
        desk.send(alice, bob, body=MUCH)
    eventually(lambda: copied(path) > before + 1000 * PAGE // 2)
    desk.store.close()
    assert len(everybody(path)) == 100


def test_a_full_log_is_copied_by_the_commit_itself(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = open_database(path)
    checkpoints = Checkpoints(connection, path, due=10**9, full=50)
    connection.execute("CREATE TABLE t (x)")
    before = copied(path)
    for _ in range(60):
        connection.execute("INSERT INTO t VALUES (zeroblob(8000))")
    assert copied(path) > before + 50 * PAGE
    # All of it was copied, so the log began anew and is no longer than one copy's worth.
    assert path.with_name("store.db-wal").stat().st_size < 80 * PAGE
    checkpoints.close()
    connection.close()


def test_a_checkpoint_that_fails_is_told_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = open_database(path)
    with structlog.testing.capture_logs() as logs:
        checkpoints = Checkpoints(connection, path, structlog.get_logger(), due=10**9, full=5)
        connection.execute("CREATE TABLE t (x)")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (zeroblob(80000))")
        other = apsw.Connection(str(tmp_path / "elsewhere.db"))
        checkpoints._copy(other, "no such database")
        connection.execute("COMMIT")
    assert [each["event"] for each in logs] == ["checkpoint failed"]
    assert connection.execute("SELECT length(x) FROM t").fetchall() == [(80000,)]
    checkpoints.close()
    connection.close()


def test_a_stop_in_any_moment_of_a_checkpoint_is_heard(tmp_path: Path) -> None:
    for number in range(150):
        path = tmp_path / f"store{number}.db"
        connection = open_database(path)
        checkpoints = Checkpoints(connection, path, due=1)
        for size in range(number % 5):
            connection.execute(f"CREATE TABLE t{size} (x)")
        checkpoints.close()
        connection.close()


@pytest.mark.parametrize("rounds", [0, 40])
def test_closing_waits_for_what_runs_and_leaves_no_log(tmp_path: Path, rounds: int) -> None:
    path = tmp_path / "store.db"
    desk = Desk(SqliteStore(path, os.urandom))
    alice, bob = desk.accounts("alice", "bob")
    for _ in range(rounds):
        desk.send(alice, bob, body=MUCH * 2)
    desk.store.close()
    assert not path.with_name("store.db-wal").exists()
    assert len(everybody(path)) == rounds


def everybody(path: Path) -> list[bytes]:
    """The ids of all messages in the file."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [row[0] for row in connection.execute("SELECT id FROM message")]
    finally:
        connection.close()
