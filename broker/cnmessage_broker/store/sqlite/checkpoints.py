"""Checkpoints of the write-ahead log on a thread of their own, so that no commit waits for one.

A checkpoint copies pages into the database file and syncs it, which takes many times as long as a commit. The
log can begin anew only when all of it was copied, and that a busy writer may never let happen: from `FULL` on
it is the commit that copies the rest. A checkpoint that fails loses nothing; the next one does its work too.
"""

import threading
from pathlib import Path

import apsw
import structlog

DUE = 1000
"""Pages in the log, of 4 KiB each, from which on they are copied beside the writer."""

FULL = 16_000
"""Pages in the log from which on the commit itself copies what is left."""


class Checkpoints:
    """Keeps the log of `connection`, a writer of the file at `path`, short; used on the writer's thread."""

    def __init__(
        self,
        connection: apsw.Connection,
        path: Path,
        log: structlog.typing.FilteringBoundLogger | None = None,
        *,
        due: int = DUE,
        full: int = FULL,
    ) -> None:
        self._path, self._log = path, log
        self._due, self._full = due, full
        self._wanted = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        connection.set_wal_hook(self._committed)

    def close(self) -> None:
        """Wait for the checkpoint that runs, if one does."""
        self._closing = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _committed(self, connection: apsw.Connection, name: str, pages: int) -> int:
        if pages >= self._full:
            self._copy(connection, name)
        elif pages >= self._due and not self._wanted.is_set():
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
                self._thread.start()
            self._wanted.set()
        return apsw.SQLITE_OK

    def _copy(self, connection: apsw.Connection, name: str) -> None:
        try:
            connection.wal_checkpoint(name, apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            if self._log is not None:
                self._log.warning("checkpoint failed", error=str(error))

    # -- on the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        connection = apsw.Connection(str(self._path))
        try:
            connection.execute("PRAGMA synchronous = FULL")
            while self._wanted.wait():
                self._wanted.clear()  # before it looks: what is said from now on is for the next round
                if self._closing:
                    return
                self._copy(connection, "main")
        finally:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close()
