"""Whether the database at a path may be worked on: is it there, is it the one that was there, is it whole.

Nothing here creates or changes a file: a database that is lost or damaged must stay as it was found, and must
not be taken for a new one, or all that people wrote is gone with the first start.
"""

import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import structlog

from cnmessage_broker.store.sqlite import incarnation
from cnmessage_broker.store.sqlite.migrate import (
    UnusableDatabaseError,
    begin_anew,
    damaged,
    recognise,
    refusing,
)

_REFERRING = (
    "SELECT EXISTS(SELECT 1 FROM message) OR EXISTS(SELECT 1 FROM inbox) OR EXISTS(SELECT 1 FROM device)"
)


def examine(path: Path, log: structlog.typing.FilteringBoundLogger | None) -> None:
    """What a start does first: refuse a database that is lost or damaged. One that never was is fine.

    The pages are all looked at when the broker that ran last was not stopped but killed, and when the file
    was changed since. That reads the whole file.
    """
    if not _there_is_one(path):
        return
    with reading(path) as connection:
        if incarnation.beside(path).exists() and incarnation.stopped_cleanly(connection, path):
            return
        if log is not None:
            log.debug("the last stop was not clean", bytes=path.stat().st_size)
        began = time.monotonic()
        fault = first_fault(connection)
        if fault is not None:
            raise damaged(path, fault)
        if log is not None:
            log.info("the database was examined", seconds=round(time.monotonic() - began, 3))


@contextmanager
def reading(path: Path, *, beside_a_broker: bool = False) -> Iterator[apsw.Connection]:
    """A connection to an existing database of ours, older ones included, that changes nothing in it.

    Alone with the file, it takes up what a crash left half done, as every reader must; beside a running
    broker it leaves that to the broker. UnusableDatabaseError when there is none that can be read.
    """
    require(path)
    flags = apsw.SQLITE_OPEN_READONLY if beside_a_broker else apsw.SQLITE_OPEN_READWRITE
    with refusing(path):
        connection = apsw.Connection(str(path), flags=flags)
        try:
            connection.set_busy_timeout(5000)
            connection.execute("PRAGMA query_only = ON")
            if incarnation.has_log(path):
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            if recognise(connection, path):
                _require_contents(connection, path)
            elif incarnation.beside(path).exists():
                raise damaged(path, "there is nothing in it")
            if not incarnation.has_log(path):
                _require_whole_pages(connection, path)
            yield connection
        finally:
            connection.close()


def require(path: Path) -> None:
    """Refuse a path where there is no database, whether there ever was one or not."""
    if not _there_is_one(path):
        what = "is empty" if path.exists() else "is not there"
        raise UnusableDatabaseError(f"there is no database {path}: the file {what}")


def first_fault(connection: apsw.Connection) -> str | None:
    """The first thing that is wrong with the pages; None when they are whole."""
    try:
        ((found,),) = connection.execute("PRAGMA quick_check(1)")
    except apsw.CorruptError as error:
        return str(error)
    return None if found == "ok" else str(found)


def _there_is_one(path: Path) -> bool:
    """False when there never was a database; UnusableDatabaseError when there was one, and it is lost."""
    with refusing(path):
        if path.is_symlink() and not path.exists():
            raise UnusableDatabaseError(
                f"{path} is a link to {path.readlink()}, which is not there; mount or restore that first"
            )
        status = path.stat() if path.exists() else None
        if status is not None and not stat.S_ISREG(status.st_mode):
            raise UnusableDatabaseError(f"{path} cannot be used: it is not a regular file; move it away")
        if status is not None and status.st_size:
            return True
        what = "missing" if status is None else "empty"
        if incarnation.beside(path).exists():
            name = incarnation.beside(path)
            raise UnusableDatabaseError(
                f"{path} is {what}, and {name.name} says that there was a database: put a backup back. "
                f"To begin anew on purpose, remove {name}"
            )
        if incarnation.has_log(path):
            raise UnusableDatabaseError(
                f"{path} is {what}, and {incarnation.log_of(path).name} says that there was a database: "
                f"put a backup back. {begin_anew(path)}"
            )
        return False


def _require_whole_pages(connection: apsw.Connection, path: Path) -> None:
    """SQLite takes what is missing of the last page for zeros, which may be the end of somebody's text."""
    ((size,),) = connection.execute("PRAGMA page_size")
    if path.stat().st_size % size:
        raise damaged(path, "it is cut off inside a page")


def _require_contents(connection: apsw.Connection, path: Path) -> None:
    """What a start writes before anything else, and the accounts that everything else refers to."""
    if incarnation.beside(path).exists():
        for key, sizes in (
            ("epoch", {incarnation.TOKEN_SIZE}),
            ("incarnation", {0, incarnation.TOKEN_SIZE}),  # none in a backup
        ):
            value = incarnation.get(connection, key)
            if value is None or len(value) not in sizes:
                raise damaged(path, f"its {key} is missing")
    ((referring,),) = connection.execute(_REFERRING)
    ((accounts,),) = connection.execute("SELECT EXISTS(SELECT 1 FROM account)")
    if referring and not accounts:
        raise damaged(path, "its accounts are missing")
