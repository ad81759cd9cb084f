"""The log of the SQLite store stays short, no commit waits for that, and a checkpoint loses nothing."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest
import structlog

from cnmessage_broker.store.sqlite.checkpoints import Checkpoints
from cnmessage_broker.store.sqlite.migrate import open_database
from cnmessage_broker.store.sqlite.store import SqliteStore
from tests.contract.conftest import Desk
from tests.support.harness import eventually
from tests.support.patience import PATIENCE

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


# -- beside readers --------------------------------------------------------------------------------


def log_size(path: Path) -> int:
    """Bytes of the log's file."""
    log = path.with_name(path.name + "-wal")
    return log.stat().st_size if log.exists() else 0


def insert(connection: apsw.Connection, rows: int) -> None:
    for _ in range(rows):
        connection.execute("INSERT INTO t VALUES (zeroblob(8000))")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Path, apsw.Connection]]:
    """A database with a log of at most about 100 pages, and its writer."""
    path = tmp_path / "store.db"
    connection = open_database(path)
    connection.execute("CREATE TABLE t (x)")
    checkpoints = Checkpoints(connection, path, due=20, full=100, pause=0.01)
    yield path, connection
    checkpoints.close()
    connection.close()


def test_a_log_that_grew_beside_a_reader_is_short_again_when_the_reader_is_gone_and_nobody_writes(
    watched: tuple[Path, apsw.Connection],
) -> None:
    path, writer = watched
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM t").fetchall() == [(0,)]
    insert(writer, 400)
    assert log_size(path) > 400 * PAGE
    assert reader.execute("SELECT count(*) FROM t").fetchall() == [(0,)]
    reader.close()
    eventually(lambda: log_size(path) <= 100 * PAGE * 1.02)
    assert writer.execute("SELECT count(*) FROM t").fetchall() == [(400,)]


def test_a_log_that_grew_beside_a_reader_is_short_again_while_the_writer_goes_on(
    watched: tuple[Path, apsw.Connection],
) -> None:
    path, writer = watched
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM t").fetchall()
    insert(writer, 400)
    reader.close()

    def goes_on() -> bool:
        insert(writer, 1)
        return log_size(path) <= 150 * PAGE

    eventually(goes_on)


def test_readers_who_take_turns_without_end_do_not_let_the_log_grow(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    writer = open_database(path)
    writer.execute("CREATE TABLE t (x)")
    checkpoints = Checkpoints(writer, path, due=20, full=100, patience=1000)
    insert(writer, 10)
    reads, done = threading.Semaphore(0), threading.Event()

    def read() -> None:
        reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        reader.set_busy_timeout(5000)
        while not done.is_set():
            reader.execute("SELECT sum(length(hex(x))) FROM (SELECT x FROM t LIMIT 10)").fetchall()
            reads.release()
        reader.close()

    began_anew, written = 0, 0
    with ThreadPoolExecutor(2) as pool:
        reading = [pool.submit(read) for _ in range(2)]
        try:
            while began_anew < 3 and written < 1500:
                assert reads.acquire(timeout=PATIENCE), "nobody reads meanwhile"
                before = checkpoints._pages
                insert(writer, 1)
                began_anew, written = began_anew + (checkpoints._pages < before), written + 1
        finally:
            done.set()
        for each in reading:
            each.result(timeout=PATIENCE)
    assert began_anew == 3
    checkpoints.close()
    writer.close()


def test_the_log_of_a_broker_that_was_killed_is_copied_beside_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    killed = apsw.Connection(str(path))
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0", "CREATE TABLE t (x)"):
        killed.execute(statement).fetchall()
    insert(killed, 200)
    before = log_size(path)
    connection = apsw.Connection(str(path))
    checkpoints = Checkpoints(connection, path, due=20, full=100, pause=0.01)
    eventually(lambda: log_size(path) == 0)
    assert before > 400 * PAGE
    checkpoints.close()
    connection.close()
    killed.close()


def everybody(path: Path) -> list[bytes]:
    """The ids of all messages in the file."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [row[0] for row in connection.execute("SELECT id FROM message")]
    finally:
        connection.close()
