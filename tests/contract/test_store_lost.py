"""SQLite only: where there was a database, one that is lost or damaged is refused and left as it lies."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from cnmessage_broker.maintenance import file_report
from cnmessage_broker.maintenance.backup import back_up
from cnmessage_broker.maintenance.check import check
from cnmessage_broker.maintenance.deep_check import deep_check
from cnmessage_broker.store.ports.records import Query, StoreError
from cnmessage_broker.store.sqlite import incarnation, queries
from cnmessage_broker.store.sqlite.migrate import APPLICATION_ID, UnusableDatabaseError
from cnmessage_broker.store.sqlite.store import SqliteStore
from tests.contract.conftest import Desk


class Log:
    """Remembers what a start says."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.fields: dict[str, Any] = {}

    def debug(self, event: str, **_: Any) -> None:
        self.events.append(event)

    def info(self, event: str, **fields: Any) -> None:
        self.events.append(event)
        self.fields |= fields


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A stopped broker's database of a few hundred pages: two users and what one wrote to the other."""
    made = tmp_path / "store.db"
    desk = Desk(SqliteStore(made, os.urandom))
    alice, bob = desk.accounts("alice", "bob")
    for number in range(40):
        desk.send(alice, bob, body=f"message {number} " * 500)
    desk.store.close()
    return made


def start(path: Path, log: Any = None) -> None:
    SqliteStore(path, os.urandom, log).close()


def examined(path: Path) -> bool:
    """Start and stop; whether the start looked at all pages."""
    log = Log()
    start(path, log)
    assert log.events in ([], ["the last stop was not clean", "the database was examined"])
    assert not log.events or log.fields["seconds"] >= 0
    return bool(log.events)


def kill(path: Path) -> None:
    """What a killed broker leaves: the database with its log, and the token."""
    desk = Desk(SqliteStore(path, os.urandom), first=1000)
    alice, bob = (desk.store.account_by_name(name) for name in ("alice", "bob"))
    assert alice is not None
    assert bob is not None
    desk.send(alice, bob, body="the last one")
    files = {each: each.read_bytes() for each in path.parent.glob("store.db*") if each.suffix != ".db-shm"}
    desk.store.close()
    for each, content in files.items():
        each.write_bytes(content)


def edit(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()


def page_size(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[16:18], "big")


def garbage(path: Path, seed: int = 7) -> None:
    """Each fifth page from the third on is no page any more."""
    content, size = bytearray(path.read_bytes()), page_size(path)
    for begin in range(2 * size, len(content), 5 * size):
        content[begin : begin + size] = bytes((seed * each) % 251 for each in range(size))
    path.write_bytes(content)


def cut(path: Path, whole: Callable[[int], int]) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: whole(len(content))])


def nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("unmounted.db"))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def empty_beside_its_log(path: Path) -> None:
    kill(path)
    path.write_bytes(b"")


def another(path: Path, *statements: str) -> None:
    path.unlink()
    edit(path, *statements)


LOST: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (Path.unlink, "is missing"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "empty, and its log is there": (empty_beside_its_log, "is empty"),
    "a link to nowhere": (nowhere, "is a link to"),
    "a directory": (folder, "not a regular file"),
    "a pipe": (pipe, "not a regular file"),
    "text": (lambda path: path.write_bytes(b"no database at all " * 999), "not an SQLite database"),
    "zeros": (lambda path: path.write_bytes(bytes(path.stat().st_size)), "is not an SQLite database"),
    "cut to half": (lambda path: cut(path, lambda size: size // 2), "is damaged"),
    "cut inside a page": (lambda path: cut(path, lambda size: size - 100), "is damaged"),
    "cut by a page": (lambda path: cut(path, lambda size: size - page_size(path)), "is damaged"),
    "cut to its first bytes": (lambda path: cut(path, lambda _: 50), "is "),
    "garbage in the middle": (garbage, "is damaged"),
    "of SQLite, but with nothing in it": (lambda path: another(path, "VACUUM"), "nothing in it"),
    "ours, but with nothing in it": (
        lambda path: another(path, f"PRAGMA application_id = {APPLICATION_ID}"),
        "nothing in it",
    ),
    "another program's": (lambda path: another(path, "CREATE TABLE bookmark (url)"), "another program"),
    "without meta": (lambda path: edit(path, "DROP TABLE meta"), "meta.key is missing"),
    "with an empty meta": (lambda path: edit(path, "DELETE FROM meta"), "its epoch is missing"),
    "without a token": (
        lambda path: edit(path, "DELETE FROM meta WHERE key = 'incarnation'"),
        "its incarnation is missing",
    ),
    "without messages": (lambda path: edit(path, "DROP TABLE message"), "message.body is missing"),
    "without a column": (lambda path: edit(path, "ALTER TABLE account DROP COLUMN head"), "account.head"),
    "without an index": (lambda path: edit(path, "DROP INDEX file_owner"), "file_owner is missing"),
    "without accounts": (
        lambda path: edit(path, "PRAGMA foreign_keys = OFF", "DELETE FROM account"),
        "its accounts are missing",
    ),
}


def lie(path: Path) -> list[tuple[str, Any]]:
    """What lies in the folder: names, and what the files hold."""
    return sorted(
        (each.name, each.read_bytes() if each.is_file() else None)
        for each in path.parent.iterdir()
        if each.suffix not in {".db-shm", ".db-wal"}
    )


def outcome(call: Callable[[], Any]) -> tuple[str | None, Any]:
    """The refusal, or what the call gave."""
    try:
        return None, call()
    except UnusableDatabaseError as error:
        return str(error), None


@pytest.mark.parametrize("name", LOST)
def test_what_is_lost_or_damaged_is_refused_and_left_alone(path: Path, name: str) -> None:
    damage, text = LOST[name]
    damage(path)
    before = lie(path)
    acts: dict[str, Callable[[], Any]] = {
        "start": lambda: start(path),
        "files list": lambda: file_report.all_files(path),
        "backup": lambda: back_up(path, path.with_name("copy.db")),
        "check": lambda: check(path),
        "start again": lambda: start(path),
    }
    for act, call in acts.items():
        refusal, found = outcome(call)
        if act.startswith("start"):
            assert refusal is not None
            assert text in refusal
            assert re.search("put a backup back|choose another|move it away|mount or restore", refusal)
        if refusal is None:
            # A list of files need not come by the damaged page; a check does, and tells.
            assert name in {"garbage in the middle", "cut inside a page"}
            assert act == "files list" or (act == "check" and found)
        else:
            assert "\n" not in refusal
            assert str(path) in refusal
        assert lie(path) == before, act


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_who_removes_the_named_file_begins_anew(path: Path, name: str) -> None:
    LOST[name][0](path)
    with pytest.raises(UnusableDatabaseError, match=r"on purpose, remove .*store\.db\.incarnation"):
        start(path)
    incarnation.beside(path).unlink()
    start(path)
    assert check(path) == []


def test_a_log_alone_says_that_there_was_a_database(path: Path) -> None:
    kill(path)
    incarnation.beside(path).unlink()
    for lost in (False, True):
        path.unlink() if lost else path.write_bytes(b"")
        with pytest.raises(UnusableDatabaseError, match=r"store\.db-wal says that there was a database"):
            start(path)
        assert incarnation.log_of(path).stat().st_size


def test_a_link_to_nowhere_is_not_a_first_start_either(tmp_path: Path) -> None:
    (tmp_path / "store.db").symlink_to(tmp_path / "unmounted" / "store.db")
    with pytest.raises(UnusableDatabaseError, match="mount or restore"):
        start(tmp_path / "store.db")


def test_a_linked_database_is_served(path: Path) -> None:
    elsewhere = path.parent / "disk" / "real.db"
    elsewhere.parent.mkdir()
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert not examined(path)
    store = SqliteStore(path, os.urandom)
    assert incarnation.has_log(path)  # which lies beside the file, not beside the link
    store.close()
    assert not incarnation.has_log(path)
    assert check(path) == []


def forget(path: Path) -> None:
    """The token stands in the database already, but not beside it yet."""
    start(path)
    incarnation.beside(path).unlink()


@pytest.mark.parametrize("step", range(5))
def test_a_first_start_that_crashed_while_it_made_the_database_starts(tmp_path: Path, step: int) -> None:
    path = tmp_path / "store.db"
    script = "".join(queries.migrations()[:2])
    steps: list[Callable[[], Any]] = [
        path.touch,
        lambda: edit(path, "PRAGMA journal_mode = WAL"),
        lambda: edit(path, f"PRAGMA journal_mode = WAL; PRAGMA application_id = {APPLICATION_ID}"),
        lambda: edit(path, script, f"PRAGMA user_version = 2; PRAGMA application_id = {APPLICATION_ID}"),
        lambda: forget(path),
    ]
    steps[step]()
    start(path)
    assert check(path) == []


# -- a clean stop ----------------------------------------------------------------------------------


def test_a_clean_stop_spares_the_next_start_the_examination(path: Path) -> None:
    assert [examined(path) for _ in range(3)] == [False, False, False]
    check(path)
    back_up(path, path.with_name("copy.db"))
    file_report.all_files(path)
    assert not examined(path)


def test_a_running_broker_is_no_clean_stop_even_before_it_writes(path: Path) -> None:
    store = SqliteStore(path, os.urandom)
    killed = path.parent / "killed"
    killed.mkdir()
    for each in path.parent.glob("store.db*"):
        shutil.copy2(each, killed)
    assert examined(killed / "store.db")
    store.close()
    assert not examined(path)


def test_a_start_that_dies_before_its_first_write_has_forgotten_the_clean_stop(
    path: Path,
) -> None:
    # The mark must be gone from the disk before the database is written, not with it. The first write is
    # that of the start's token, which needs randomness.
    def dies(_: int) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SqliteStore(path, dies)
    assert examined(path)


@pytest.mark.parametrize("change", ["killed", "touched", "restored", "moved"])
def test_what_is_not_as_a_clean_stop_left_it_is_examined(path: Path, change: str) -> None:
    if change == "killed":
        kill(path)
    elif change == "touched":
        os.utime(path, ns=(1, 1))
    elif change == "restored":
        back_up(path, path.with_name("copy.db"))
        path.with_name("copy.db").replace(path)
    else:
        incarnation.beside(path).unlink()
    assert examined(path)
    assert not examined(path)


def test_a_stop_after_a_failure_is_not_clean(path: Path) -> None:
    store = SqliteStore(path, os.urandom)
    store._db.connection.set_progress_handler(lambda: True, 1)
    with pytest.raises(StoreError):
        store.inbox_after(1, 0, 9, 999)
    store._db.connection.set_progress_handler(None)
    store.close()
    assert examined(path)


# -- damage that shows while the broker runs ---------------------------------------------------------


def break_pages(path: Path, *tables: str) -> None:
    """The root pages of these tables are garbage."""
    connection = apsw.Connection(str(path))
    roots = [
        root
        for table in tables
        for (root,) in connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,))
    ]
    connection.close()
    content, size = bytearray(path.read_bytes()), page_size(path)
    for root in roots:
        content[(root - 1) * size : root * size] = b"\xff" * size
    path.write_bytes(content)


def marked_clean(path: Path) -> None:
    """Rot does not change a file's times; so the next start does not look."""
    incarnation.remember_stop(path)


READS: dict[str, Callable[[SqliteStore], Any]] = {
    "inbox_after": lambda store: store.inbox_after(2, 0, 9, 999),
    "history": lambda store: store.history(2, Query(9)),
    "receipts": lambda store: store.receipts(1, [store.inbox_after(1, 0, 1, 999)[0].id], 9),
    "commit": lambda store: Desk(store, 2000).send(store.account(1), store.account(2)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", READS)
def test_a_damaged_page_stops_a_running_broker_and_its_next_start(path: Path, name: str) -> None:
    break_pages(path, "inbox", "message")
    marked_clean(path)
    store = SqliteStore(path, os.urandom)
    with pytest.raises(StoreError, match="is damaged") as caught:
        READS[name](store)
    assert caught.value.fatal
    store.close()
    with pytest.raises(UnusableDatabaseError, match=r"is damaged: .*; put a backup back"):
        start(path)


DAMAGED_ROWS = {
    "a body that is no text": "UPDATE message SET body = CAST(x'ff' AS TEXT)",
    "names that are no text": "UPDATE message SET recipients = CAST(x'ff' AS TEXT)",
    "a sender who is not there": "UPDATE message SET sender = 99",
    "a kind that is none": "UPDATE message SET kind = 9",
    "a direction that is none": "UPDATE inbox SET direction = 9",
    "half a place": "UPDATE message SET places = x'00'",
    "a place of nobody": "UPDATE message SET places = zeroblob(16)",
}


@pytest.mark.parametrize("name", DAMAGED_ROWS)
def test_a_damaged_row_is_a_fatal_store_error_and_never_served(path: Path, name: str) -> None:
    ((identity,),) = apsw.Connection(str(path)).execute("SELECT id FROM message LIMIT 1")
    edit(path, "PRAGMA foreign_keys = OFF", DAMAGED_ROWS[name])
    store = SqliteStore(path, os.urandom)
    read = store.receipts if "place" in name else store.inbox_after
    arguments: Any = (1, [identity], 9) if "place" in name else (2, 0, 99, 1 << 20)
    with pytest.raises(StoreError, match="check --deep") as caught:
        read(*arguments)
    assert caught.value.fatal
    store.close()
    faults = [*check(path), *deep_check(path, path.parent, lambda _: None)]
    assert faults


def test_a_damaged_row_is_fatal_when_a_file_is_listed_or_an_account_is_loaded(path: Path) -> None:
    desk = Desk(SqliteStore(path, os.urandom), first=500)
    alice = desk.store.account_by_name("alice")
    assert alice is not None
    desk.share(alice, alice)
    desk.store.close()
    edit(path, "UPDATE file SET status = 'lost'")
    store = SqliteStore(path, os.urandom)
    with pytest.raises(StoreError, match="damaged"):
        store.files.sent(alice.id, None, 9, 999)
    store.close()
    edit(path, "UPDATE account SET name = CAST(x'ff' AS TEXT) WHERE id = 1")
    with pytest.raises(UnusableDatabaseError, match="damaged"):
        start(path)


def test_no_backup_is_kept_of_a_damaged_database(path: Path) -> None:
    garbage(path)
    with pytest.raises(UnusableDatabaseError, match="is damaged"):
        back_up(path, path.with_name("copy.db"))
    assert not path.with_name("copy.db").exists()
