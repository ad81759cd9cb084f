"""One SQLite connection with named statements and transactions; its errors become StoreError.

Called by sqlite.py, which knows what the statements mean.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from cnmessage_broker.ports import StoreError
from cnmessage_broker.store import queries
from cnmessage_broker.store.migrate import open_database

Bindings = Sequence[Any] | Mapping[str, Any]


class Database:
    """The database file at `path`, of the newest schema."""

    def __init__(self, path: Path) -> None:
        self._sql = queries.load()
        self._path = path
        self.connection = open_database(path)
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
            raise _translated(error) from error

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
                raise _translated(error) from error
            raise

    def _check_identity(self) -> None:
        """SQLite goes on writing into a file that has no name any more; nothing may be acknowledged then."""
        if _identity(self._path) != self._identity:
            raise StoreError(f"the database {self._path} was removed or replaced", fatal=True)

    def close(self) -> None:
        """Move the log into the file and release it."""
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _translated(error: apsw.Error) -> StoreError:
    if isinstance(error, apsw.FullError):
        return StoreError("the broker's disk is full", fatal=False)
    if isinstance(error, apsw.BusyError):
        return StoreError("another program holds the broker's database", fatal=False)
    return StoreError(f"the broker's disk failed: {error}", fatal=True)
