"""Checkpoints of the write-ahead log on a thread of their own, so that no commit waits for one.

A checkpoint copies pages into the database file and syncs it, which takes many times as long as a commit. The
log can begin anew only when all of it was copied, and that a busy writer may never let happen: from `FULL` on
it is the commit that copies the rest. A checkpoint that fails loses nothing; the next one does its work too.

What somebody still reads cannot be copied. For pages of a moment ago the commit waits a few milliseconds, as
readers that take turns without end would let the log grow for ever. For what reads long, a backup, nobody
waits: the log grows, the thread tries again, and afterwards the log's file gets its usual size back, even if
nothing more is written.
"""

import threading
from contextlib import suppress
from pathlib import Path

import apsw
import structlog

from cnmessage_broker.store.sqlite.incarnation import log_of
from cnmessage_broker.thread_names import show_name

DUE = 1000
"""Pages in the log, of 4 KiB each, from which on they are copied beside the writer."""

FULL = 16_000
"""Pages in the log from which on the commit itself copies what is left, and which the log's file keeps."""

PAUSE = 0.5
"""Seconds until the next attempt after one that a reader was in the way of."""

PATIENCE = 50
"""Milliseconds for which a commit waits for readers so that the log can begin anew."""

USUAL = 5000
"""Milliseconds for which a writing connection waits for others."""

_HEADERS = 1.01
"""What the log's own headers add to its pages."""


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
        pause: float = PAUSE,
        patience: int = PATIENCE,
    ) -> None:
        self._path, self._log = path, log
        self._due, self._full = due, full
        self._pause, self._patience = pause, patience
        self._pages = 0
        self._tried = 0
        """Pages in the log when the thread was called last, or the commit itself copied."""
        self._left = 0
        """Pages that could not be copied at the last attempt, because somebody read what was before them."""
        self._wanted = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        ((page,),) = connection.execute("PRAGMA page_size")
        connection.execute(f"PRAGMA journal_size_limit = {int(full * page * _HEADERS)}")
        connection.set_wal_hook(self._committed)
        there = _size(log_of(path)) // page
        if there >= due:  # the last broker was killed: nothing is known of it
            self._left = there
            self._call_thread()

    def close(self) -> None:
        """Wait for the checkpoint that runs, if one does."""
        self._closing = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _committed(self, connection: apsw.Connection, name: str, pages: int) -> int:
        if pages < self._pages:
            self._tried = 0  # the log has begun anew
        self._pages = pages
        if pages - self._tried < self._due and (self._left or pages < self._full):
            return apsw.SQLITE_OK
        self._tried = pages
        if pages >= self._full and self._left < self._due:
            connection.set_busy_timeout(self._patience)
            self._copy(connection, name, apsw.SQLITE_CHECKPOINT_RESTART)
            connection.set_busy_timeout(USUAL)
        if pages < self._full or self._left:
            self._call_thread()
        return apsw.SQLITE_OK

    def _call_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
            self._thread.start()
        self._wanted.set()

    def _copy(
        self, connection: apsw.Connection, name: str, mode: int = apsw.SQLITE_CHECKPOINT_PASSIVE
    ) -> int:
        """Copy what nobody reads any more; gives the pages of the log if they are all copied, else 0."""
        try:
            pages, copied = connection.wal_checkpoint(name, mode)
        except apsw.BusyError:  # a checkpoint is under way already, or there are readers who take long
            self._left = self._left or 1
            return 0
        except apsw.Error as error:
            if self._log is not None:
                self._log.warning("checkpoint failed", error=str(error))
            return 0
        self._left = pages - copied
        return 0 if self._left else pages

    # -- on the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        show_name()
        connection = apsw.Connection(str(self._path))
        try:
            connection.execute("PRAGMA synchronous = FULL")
            while True:
                self._wanted.wait(self._pause if self._left else None)
                self._wanted.clear()  # before it looks: what is said from now on is for the next round
                if self._closing:
                    return
                copied = self._copy(connection, "main")
                if copied >= self._full and self._pages <= copied:
                    self._shorten(connection)
        finally:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close()

    def _shorten(self, connection: apsw.Connection) -> None:
        """Empty a log that is all copied. When somebody writes just now, that commit does it."""
        with suppress(apsw.Error):
            connection.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
