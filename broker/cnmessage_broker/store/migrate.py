"""Opening a database file: is it ours, is it of a version we know, bring it up to date.

Migrations only go forward; a copy of the file is kept beside it before an upgrade. Called by sqlite.py.
"""

from pathlib import Path

import apsw

from cnmessage_broker.store.queries import migrations

APPLICATION_ID = 0x636E6D31
"""'cnm1' in the file's header (SQLite's application_id)."""


class UnusableDatabaseError(Exception):
    """The file is not one this broker may work on; the text says why and what to do."""


def open_database(path: Path) -> apsw.Connection:
    """A connection to the file, created or brought to the newest schema; WAL, fsync on each commit."""
    try:
        if not path.exists():
            path.touch(mode=0o600)
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(5000)
        _recognise(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA cache_size = -65536")
        _upgrade(connection, path)
    except apsw.NotADBError as error:
        raise UnusableDatabaseError(f"{path} is not an SQLite database; move it away") from error
    except apsw.CorruptError as error:
        raise UnusableDatabaseError(f"{path} is damaged: {error}; put a backup back") from error
    except (apsw.Error, OSError) as error:
        raise UnusableDatabaseError(f"{path} cannot be used: {error}") from error
    return connection


def _recognise(connection: apsw.Connection, path: Path) -> None:
    """Look before touching anything: another program's file must stay as it is."""
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


def _upgrade(connection: apsw.Connection, path: Path) -> None:
    steps = migrations()
    (version,) = next(connection.execute("PRAGMA user_version"))
    if version == len(steps):
        return
    if version:
        backup(connection, path.with_name(f"{path.name}.v{version}.bak"))
    connection.execute("BEGIN IMMEDIATE")
    for number, script in enumerate(steps[version:], start=version + 1):
        connection.execute(script)
        connection.execute(f"PRAGMA user_version = {number}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("COMMIT")


def backup(connection: apsw.Connection, target: Path) -> None:
    """A consistent copy of a live database."""
    copy = apsw.Connection(str(target))
    try:
        with copy.backup("main", connection, "main") as steps:
            while not steps.done:
                steps.step(1000)
    finally:
        copy.close()
