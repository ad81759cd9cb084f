"""SQLite only: which files are opened, how they are upgraded, when the epoch changes."""

import os
import shutil
from pathlib import Path

import apsw
import pytest

from cnmessage_broker.maintenance.backup import back_up
from cnmessage_broker.maintenance.check import check
from cnmessage_broker.store.ports.records import Clock, NameTakenError, Usage
from cnmessage_broker.store.sqlite import queries
from cnmessage_broker.store.sqlite.migrate import APPLICATION_ID, UnusableDatabaseError
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_protocol.ids import UserName
from tests.contract.conftest import Desk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def started(path: Path) -> SqliteStore:
    return SqliteStore(path, os.urandom)


def epoch_of_a_start(path: Path) -> bytes:
    """Start on the file, stop cleanly."""
    store = started(path)
    epoch = store.epoch
    store.close()
    return epoch


def pragma(path: Path, name: str) -> object:
    connection = apsw.Connection(str(path))
    ((value,),) = connection.execute(f"PRAGMA {name}")
    connection.close()
    return value


def foreign_database(path: Path) -> bytes:
    """Another program's database; gives the file's bytes."""
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE bookmark (url TEXT); INSERT INTO bookmark VALUES ('x')")
    connection.close()
    return path.read_bytes()


# -- which files are ours --------------------------------------------------------------------------


def test_a_new_file_says_whose_it_is_and_which_version(path: Path) -> None:
    epoch_of_a_start(path)
    assert pragma(path, "application_id") == APPLICATION_ID
    assert pragma(path, "user_version") == len(queries.migrations())


def test_commits_are_synced_and_writers_do_not_block_readers(path: Path) -> None:
    store = started(path)
    assert next(store._db.connection.execute("PRAGMA journal_mode")) == ("wal",)
    assert next(store._db.connection.execute("PRAGMA synchronous")) == (2,)  # FULL
    store.close()


def test_a_clean_stop_leaves_everything_in_the_one_file(path: Path) -> None:
    desk = Desk(started(path))
    desk.accounts("alice", "bob")
    desk.store.close()
    assert not path.with_name("store.db-wal").exists()
    again = started(path)
    with pytest.raises(NameTakenError):
        again.create_account(UserName("alice"), "", 1)
    again.close()


@pytest.mark.parametrize("content", [b"this is not a database, it only looks like one" * 99, b"x" * 4096])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(UnusableDatabaseError, match=r"store\.db is not an SQLite database; move it away"):
        started(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(path: Path) -> None:
    foreign_database(path)
    with pytest.raises(UnusableDatabaseError, match="belongs to another program; choose another data"):
        started(path)


def test_another_programs_database_is_left_as_it_was(path: Path) -> None:
    before = foreign_database(path)
    with pytest.raises(UnusableDatabaseError):
        started(path)
    assert path.read_bytes() == before


def test_a_database_of_a_newer_broker_is_refused(path: Path) -> None:
    epoch_of_a_start(path)
    known = len(queries.migrations())
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA user_version = {known + 1}")
    connection.close()
    with pytest.raises(UnusableDatabaseError, match=f"schema version {known + 1}, this broker knows {known}"):
        started(path)


def test_a_path_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableDatabaseError, match="cannot be used"):
        started(tmp_path / "no such folder" / "store.db")
    with pytest.raises(UnusableDatabaseError, match="cannot be used"):
        started(tmp_path)


def test_a_file_that_was_cut_off_is_refused_in_clear_words(path: Path) -> None:
    epoch_of_a_start(path)
    path.write_bytes(path.read_bytes()[:6000])
    with pytest.raises(UnusableDatabaseError, match=r"store\.db"):
        started(path)


# -- upgrades --------------------------------------------------------------------------------------


def older_database(path: Path, *more: str) -> None:
    """A file of the first version, with alice and a message from her to bob; `more` is run on it, too."""
    connection = apsw.Connection(str(path))
    connection.execute(queries.migrations()[0])
    connection.execute(f"PRAGMA user_version = 1; PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(
        """
        INSERT INTO meta VALUES ('epoch', zeroblob(16));
        INSERT INTO account (id, name, password, created, head)
               VALUES (1, 'alice', '', 1, 1), (2, 'bob', '', 1, 1);
        INSERT INTO message VALUES (zeroblob(16), 1, zeroblob(16), 0, 'bob', 'before', 5, 1,
                                    x'02000000000000000100000000000000');
        INSERT INTO inbox VALUES (1, 1, zeroblob(16), 1), (2, 1, zeroblob(16), 0);
        """
    )
    for script in more:
        connection.execute(script)
    connection.close()


def test_a_failed_upgrade_leaves_the_old_version(path: Path) -> None:
    older_database(path, "CREATE TABLE running (miles INTEGER)")  # a name that the fourth version takes
    with pytest.raises(UnusableDatabaseError, match="running already exists"):
        started(path)
    connection = apsw.Connection(str(path))
    assert list(connection.execute("SELECT body FROM message")) == [("before",)]
    assert list(connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'file'")) == []
    connection.execute("DROP TABLE running")
    connection.close()
    assert pragma(path, "user_version") == 1
    epoch_of_a_start(path)
    assert pragma(path, "user_version") == len(queries.migrations())


def test_a_new_database_needs_no_copy(path: Path) -> None:
    epoch_of_a_start(path)
    assert pragma(path, "user_version") == len(queries.migrations())
    assert list(path.parent.glob("*.bak")) == []


def test_a_database_from_before_there_were_files_is_upgraded_and_a_copy_is_kept(path: Path) -> None:
    older_database(path)
    desk = Desk(started(path))
    alice, bob = (desk.store.account_by_name(name) for name in ("alice", "bob"))
    assert alice is not None
    assert bob is not None
    assert list(desk.store.files.sent(alice.id, None, 9, 999).files) == []
    shared = desk.share(alice, bob, note="after")
    assert [(item.body, item.file is None) for item in desk.store.inbox_after(bob.id, 0, 9, 999)] == [
        ("before", True),
        ("after", False),
    ]
    assert desk.store.files.may_fetch(shared.id, bob.id)
    desk.store.close()
    assert pragma(path.with_name("store.db.v1.bak"), "user_version") == 1
    assert check(path) == []


def test_files_from_before_there_was_a_grace_are_upgraded(path: Path) -> None:
    old = started(path)
    alice, _ = Desk(old).accounts("alice", "bob")
    old._db.connection.execute(
        """
        DROP TABLE conversation_mark; DROP TABLE section; DROP TABLE conversation_item;
        ALTER TABLE account DROP COLUMN unread;
        ALTER TABLE inbox DROP COLUMN peer; ALTER TABLE inbox DROP COLUMN sent_at;
        DROP TRIGGER file_counted; DROP TRIGGER file_counted_anew;
        DROP TABLE running; DROP TABLE usage;
        DROP INDEX file_expires; DROP INDEX file_uploading;
        ALTER TABLE file DROP COLUMN overdue;
        ALTER TABLE file DROP COLUMN mtime; ALTER TABLE file DROP COLUMN executable;
        CREATE INDEX file_usage ON file (owner, size) WHERE status IN ('uploading', 'stored');
        CREATE INDEX file_expires ON file (expires) WHERE status = 'stored';
        CREATE INDEX file_uploading ON file (created) WHERE status = 'uploading';
        INSERT INTO file (id, client_id, owner, name, size, recipients, note, created, expires)
               VALUES (randomblob(16), randomblob(16), 1, 'old', 5, 'bob', '', 1, 50);
        PRAGMA user_version = 3;
        """
    )
    old.close()
    store = started(path)
    assert store.files.usage(alice.id) == Usage(5, 1, 0, 0)
    (row,) = store.files.newly_overdue(Clock(9, 9), 9)
    store.files.age(Clock(9, 9), 0, 100, {row.id: 100})
    assert [each.name for each, _ in store.files.sent(alice.id, None, 9, 1 << 20).files] == ["old"]
    store.close()
    assert check(path) == []


def test_files_from_before_their_senders_disk_was_told_of_are_upgraded(path: Path) -> None:
    old = started(path)
    desk = Desk(old)
    alice, bob = desk.accounts("alice", "bob")
    before = desk.share(alice, bob)
    old._db.connection.execute(
        """
        DROP TABLE conversation_mark; DROP TABLE section; DROP TABLE conversation_item;
        ALTER TABLE account DROP COLUMN unread;
        ALTER TABLE inbox DROP COLUMN peer; ALTER TABLE inbox DROP COLUMN sent_at;
        ALTER TABLE file DROP COLUMN mtime; ALTER TABLE file DROP COLUMN executable;
        PRAGMA user_version = 4;
        """
    )
    old.close()
    store = started(path)
    assert store.files.find(before.id) == before
    assert [item.extras for item in store.inbox_after(bob.id, 0, 9, 999)] == [{}]
    desk.store = store
    row = desk.upload(alice, bob, mtime=7, executable=True)
    assert (row.mtime, row.executable) == (7, True)
    store.close()
    assert check(path) == []


def test_the_grace_of_a_file_goes_on_over_a_restart(path: Path) -> None:
    desk, clock = Desk(started(path)), Clock(50, 0)
    row = desk.share(*desk.accounts("alice", "bob"), expires=50)
    desk.store.files.age(clock, 0, 100, {row.id: 100})
    desk.store.files.age(clock, 60, 100, {})
    desk.store.close()
    again = started(path)
    assert list(again.files.newly_overdue(clock, 9)) == []
    again.files.age(clock, 39, 100, {})
    assert list(again.files.due(clock, 9)) == []
    again.files.age(clock, 1, 100, {})
    assert [each.id for each in again.files.due(clock, 9)] == [row.id]
    again.close()


# -- the epoch -------------------------------------------------------------------------------------


def test_the_epoch_stays_over_clean_restarts(path: Path) -> None:
    assert len({epoch_of_a_start(path) for _ in range(4)}) == 1


def test_two_databases_have_different_epochs(path: Path) -> None:
    assert epoch_of_a_start(path) != epoch_of_a_start(path.with_name("other.db"))


def test_the_epoch_stays_when_the_broker_was_killed(path: Path) -> None:
    store = started(path)
    Desk(store).account("alice")
    killed = path.with_name("killed")  # what a killed broker leaves: the file, its log and the token
    killed.mkdir()
    for each in (path, path.with_name("store.db-wal"), path.with_name("store.db.incarnation")):
        shutil.copy(each, killed)
    again = started(killed / "store.db")
    assert again.epoch == store.epoch
    assert again.account_by_name("alice") is not None
    again.close()
    store.close()


def test_the_epoch_changes_when_an_older_copy_is_put_back(path: Path) -> None:
    before = epoch_of_a_start(path)
    older = path.with_name("older.db")
    shutil.copy(path, older)
    assert epoch_of_a_start(path) == before
    shutil.copy(older, path)
    restored = epoch_of_a_start(path)
    assert restored != before
    assert epoch_of_a_start(path) == restored


def test_the_epoch_changes_when_a_copy_is_started_elsewhere(path: Path) -> None:
    before = epoch_of_a_start(path)
    shutil.copy(path, path.with_name("moved.db"))
    assert epoch_of_a_start(path.with_name("moved.db")) != before


def test_the_epoch_changes_when_a_backup_is_put_back(path: Path) -> None:
    store = started(path)
    backup = path.with_name("backup.db")
    back_up(path, backup)
    store.close()
    shutil.copy(backup, path)
    restored = epoch_of_a_start(path)
    assert restored != store.epoch
    assert epoch_of_a_start(path) == restored


def test_the_epoch_changes_when_a_backup_is_started_in_a_new_place(path: Path) -> None:
    before = epoch_of_a_start(path)
    fresh = path.with_name("new directory")
    fresh.mkdir()
    back_up(path, fresh / "store.db")
    assert epoch_of_a_start(fresh / "store.db") != before


# -- presence over a restart -----------------------------------------------------------------------


def test_a_start_ends_the_presence_that_a_killed_broker_left(path: Path) -> None:
    desk = Desk(started(path))
    alice, bob = desk.accounts("alice", "bob")
    desk.send(alice, bob)
    desk.send(alice, bob)
    desk.present(alice, online=True, now=5)
    desk.send(alice, bob)
    desk.store.close()
    desk.store = started(path)
    marks = desk.store.marks(alice.id)
    assert (marks.away_from, marks.away_upto) == (3, None)
    marks = desk.store.marks(bob.id)  # who was away all along still is, since the same moment
    assert (marks.away_from, marks.away_upto) == (0, None)
    desk.store.close()
