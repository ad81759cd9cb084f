"""One SQLite connection with named statements and transactions; its errors become StoreError.

Knows nothing of what the statements mean.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import structlog

from cnmessage_broker.store.ports.records import StoreError
from cnmessage_broker.store.sqlite import incarnation, queries
from cnmessage_broker.store.sqlite.checkpoints import Checkpoints
from cnmessage_broker.store.sqlite.condition import examine
from cnmessage_broker.store.sqlite.migrate import open_database

Bindings = Sequence[Any] | Mapping[str, Any]


class Database:
    """The database file at `path`, of the newest schema. UnusableDatabaseError if it is lost or damaged."""

    def __init__(self, path: Path, log: structlog.typing.FilteringBoundLogger | None = None) -> None:
        self._sql = queries.load()
        self._path = path
        self._failed = False
        examine(path, log)
        self.connection = open_database(path)
        self._checkpoints = Checkpoints(self.connection, path, log)
        self._identity = _identity(path)

    def run(self, name: str, bindings: Bindings = ()) -> list[tuple[Any, ...]]:
        """Run a named statement; all its rows."""
        return list(self.each(name, bindings))

    def each(self, name: str, bindings: Bindings = ()) -> Iterator[tuple[Any, ...]]:
        """Run a named statement; its rows as they are asked for."""
        try:
            yield from self.connection.execute(self._sql[name], bindings)
        except apsw.ConstraintError:
            raise
        except apsw.Error as error:
            raise self._translated(error) from error
        except UnicodeDecodeError as error:
            raise self.damage(error) from error

    def many(self, name: str, bindings: Sequence[Bindings]) -> None:
        """Run a named statement once for each of the bindings, inside a transaction."""
        self.connection.executemany(self._sql[name], bindings)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; on disk when it ends."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield
            self._check_identity()
            self.connection.execute("COMMIT")
        except BaseException as error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            if isinstance(error, apsw.Error):
                raise self._translated(error) from error
            raise

    def damage(self, error: Exception) -> StoreError:
        """What is there was never written so. Nobody knows what else is wrong, so the broker must stop."""
        self._failed = True
        text = f"the broker's database is damaged: {error!r}; 'cnmessage-broker check --deep' tells more"
        return StoreError(text, fatal=True)

    def _check_identity(self) -> None:
        """SQLite goes on writing into a file that has no name any more; nothing may be acknowledged then."""
        if _identity(self._path) != self._identity:
            raise StoreError(f"the database {self._path} was removed or replaced", fatal=True)

    def close(self) -> None:
        """Move the log into the file and release it; that all went well is remembered for the next start.

        After a failure everything stays as it lies, for the next start to look at.
        """
        self._checkpoints.close()
        whole = not self._failed and _identity(self._path) == self._identity
        if self._failed:
            self.connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        else:
            try:
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except apsw.Error:  # nothing is lost: what stands in the log is part of the database
                whole = False
        self.connection.close()
        if whole:
            with suppress(OSError):
                incarnation.remember_stop(self._path)

    def _translated(self, error: apsw.Error) -> StoreError:
        if isinstance(error, apsw.FullError):
            return StoreError("the broker's disk is full", fatal=False)
        if isinstance(error, apsw.BusyError):
            return StoreError("another program holds the broker's database", fatal=False)
        if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
            return self.damage(error)
        self._failed = True
        return StoreError(f"the broker's disk failed: {error}", fatal=True)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
