"""The SQLite file that a broker works on: its one writing connection, transactions, and reading connections.

Knows nothing of what the statements mean.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw
import structlog

from cnmessage_broker.store.ports.records import StoreError
from cnmessage_broker.store.sqlite import incarnation, queries
from cnmessage_broker.store.sqlite.checkpoints import Checkpoints
from cnmessage_broker.store.sqlite.condition import examine
from cnmessage_broker.store.sqlite.migrate import open_database
from cnmessage_broker.store.sqlite.statements import Soundness, Statements

READER_CACHE = 16 << 10
"""KiB of pages that a reading connection keeps."""


class Database(Statements):
    """The database file at `path`, of the newest schema. UnusableDatabaseError if it is lost or damaged."""

    def __init__(self, path: Path, log: structlog.typing.FilteringBoundLogger | None = None) -> None:
        examine(path, log)
        super().__init__(open_database(path), queries.load(), Soundness())
        self._path = path
        self._checkpoints = Checkpoints(self.connection, path, log)
        self._identity = _identity(path)

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
                raise self._soundness.translated(error) from error
            raise

    def beside(self) -> "ReadingConnection":
        """A connection that reads, for another thread; to be closed before this one."""
        return ReadingConnection(self._path, self._sql, self._soundness)

    def _check_identity(self) -> None:
        """SQLite goes on writing into a file that has no name any more; nothing may be acknowledged then."""
        if _identity(self._path) != self._identity:
            raise StoreError(f"the database {self._path} was removed or replaced", fatal=True)

    def close(self) -> None:
        """Move the log into the file and release it; that all went well is remembered for the next start.

        After a failure everything stays as it lies, for the next start to look at.
        """
        self._checkpoints.close()
        failed = self._soundness.failed
        whole = not failed and _identity(self._path) == self._identity
        if failed:
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


class ReadingConnection(Statements):
    """Reads beside the writer, without waiting for it or making it wait."""

    def __init__(self, path: Path, sql: Mapping[str, str], soundness: Soundness) -> None:
        try:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            connection.set_busy_timeout(5000)
            connection.execute("PRAGMA query_only = TRUE")
            connection.execute(f"PRAGMA cache_size = -{READER_CACHE}")
        except apsw.Error as error:
            raise soundness.translated(error) from error
        super().__init__(connection, sql, soundness)

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """What is read in here belongs together, whatever is written meanwhile."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def close(self) -> None:
        """Release it; what it might do for the log on closing is the writer's."""
        self.connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self.connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
