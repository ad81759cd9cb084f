"""Opening a database file: is it ours, is it of a version we know, bring it up to date.

Migrations only go forward; a copy of the file is kept beside it before an upgrade. Whether the file is there
and whole was asked before (condition.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from cnmessage_broker import durable
from cnmessage_broker.store.sqlite import checksums, incarnation
from cnmessage_broker.store.sqlite.queries import migrations

APPLICATION_ID = 0x636E6D31
"""'cnm1' in the file's header (SQLite's application_id)."""

_PLACES = """
    SELECT entry.name || '.' || place.name FROM sqlite_schema AS entry
    JOIN pragma_table_info(entry.name) AS place WHERE entry.type = 'table'
    UNION ALL SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
"""


class UnusableDatabaseError(Exception):
    """The file is not one this broker may work on; the text says why and what to do."""


def open_database(path: Path) -> apsw.Connection:
    """A connection to the file, created or brought to the newest schema; WAL, fsync on each commit."""
    with refusing(path):
        if not path.exists():
            path.touch(mode=0o600)
        connection = apsw.Connection(str(path))
        try:
            connection.set_busy_timeout(5000)
            checksums.teach(connection)
            recognise(connection, path)
            incarnation.forget_stop(path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cache_size = -65536")
            _upgrade(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """What goes wrong with the file in here is one line that says what to do."""
    try:
        yield
    except apsw.NotADBError as error:
        raise UnusableDatabaseError(f"{path} is not an SQLite database; move it away{_then(path)}") from error
    except (apsw.CorruptError, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from error
    except (apsw.Error, OSError) as error:
        raise UnusableDatabaseError(f"{path} cannot be used: {error}") from error


def damaged(path: Path, fault: str) -> UnusableDatabaseError:
    """The refusal of a file that is not whole."""
    return UnusableDatabaseError(
        f"{path} is damaged: {' '.join(fault.split())}; put a backup back. {begin_anew(path)}"
    )


def begin_anew(path: Path) -> str:
    """What to do for whoever can do without what was there."""
    there = [each for each in (path, incarnation.log_of(path), incarnation.beside(path)) if each.exists()]
    return f"To begin anew on purpose, move away {' and '.join(map(str, there))}"


def _then(path: Path) -> str:
    there_was = incarnation.beside(path).exists()
    return f" and put a backup back. {begin_anew(path)}" if there_was else ""


def recognise(connection: apsw.Connection, path: Path) -> int:
    """Look before touching anything: another program's file must stay as it is. Gives the schema version."""
    known = len(migrations())
    (application,) = next(connection.execute("PRAGMA application_id"))
    (version,) = next(connection.execute("PRAGMA user_version"))
    (tables,) = next(connection.execute("SELECT count(*) FROM sqlite_schema"))
    if application != APPLICATION_ID and tables:
        raise UnusableDatabaseError(f"{path} belongs to another program; choose another data directory")
    if version > known:
        raise UnusableDatabaseError(
            f"{path} has schema version {version}, this broker knows {known}: update cnmessage",
        )
    lost = _schema(version) - _places(connection)
    if lost:
        raise damaged(path, f"{min(lost)} is missing in it")
    return int(version)


def _schema(version: int) -> set[str]:
    """Tables with their columns, and indexes, that a database of a version has."""
    model = apsw.Connection(":memory:")
    try:
        checksums.teach(model)
        for script in migrations()[:version]:
            model.execute(script)
        return _places(model)
    finally:
        model.close()


def _places(connection: apsw.Connection) -> set[str]:
    return {name for (name,) in connection.execute(_PLACES)}


def _upgrade(connection: apsw.Connection, path: Path) -> None:
    steps = migrations()
    (version,) = next(connection.execute("PRAGMA user_version"))
    if version == len(steps):
        return
    if version:
        with durable.replaced(path.with_name(f"{path.name}.v{version}.bak")) as copy:
            backup(connection, copy)
    connection.execute("BEGIN IMMEDIATE")
    for number, script in enumerate(steps[version:], start=version + 1):
        connection.execute(script)
        connection.execute(f"PRAGMA user_version = {number}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("COMMIT")


def backup(connection: apsw.Connection, target: Path) -> None:
    """A copy of a live database as it is at one moment, whatever is written meanwhile.

    apsw.FullError when the target's disk is full.
    """
    copy = apsw.Connection(str(target))
    try:
        # Without a transaction around it, SQLite begins the copy anew whenever another connection wrote.
        connection.execute("BEGIN")
        list(connection.execute("SELECT count(*) FROM sqlite_schema"))  # reading is what fixes the moment
        steps = copy.backup("main", connection, "main")
        try:
            while not steps.done:
                steps.step(1000)
        finally:
            steps.close(True)  # by force: what a step has raised is what went wrong
    finally:
        copy.close()
        if connection.in_transaction:
            connection.execute("ROLLBACK")
