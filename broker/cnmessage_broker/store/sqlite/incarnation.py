"""The file beside the database: which start it belongs to, and whether the last stop was clean.

Each start draws a token and writes it both into the database and beside it. When the two differ at the next
start, the database is not the one that ran last, so clients must not trust their cursors: the epoch, 16
bytes, is drawn anew. A backup is marked as such when it is made.

A clean stop adds the size and the time of change that it left the database with. They go, on the disk, before
anything is written into the database again; so whatever happens in between, the next start finds no clean
stop and looks at the database first. That the file exists at all says that there was a database.
"""

import contextlib
import struct
from collections.abc import Callable
from pathlib import Path

import apsw

from cnmessage_broker import durable

TOKEN_SIZE = 16
_GET = "SELECT value FROM meta WHERE key = ?"
_SET = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_LEFT_WITH = struct.Struct("<qq")


def beside(database: Path) -> Path:
    """The name of the file."""
    return database.with_name(database.name + ".incarnation")


def log_of(database: Path) -> Path:
    """The name of SQLite's write-ahead log, which lies beside the file itself, not beside a link to it."""
    real = database.resolve()
    return real.with_name(real.name + "-wal")


def has_log(database: Path) -> bool:
    """Whether there are commits that stand in the log only, or may."""
    try:
        return log_of(database).stat().st_size > 0
    except FileNotFoundError:
        return False


def current_epoch(connection: apsw.Connection, path: Path, randomness: Callable[[int], bytes]) -> bytes:
    """The epoch of this start; records a fresh token in the database and in the file beside it."""
    token = get(connection, "incarnation")
    last = _read(path)[:TOKEN_SIZE]
    epoch = get(connection, "epoch")
    if epoch is None or not token or token != last:
        epoch = randomness(TOKEN_SIZE)
    fresh = randomness(TOKEN_SIZE)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_SET, ("epoch", epoch))
    connection.execute(_SET, ("incarnation", fresh))
    connection.execute("COMMIT")
    durable.write(beside(path), fresh)
    return epoch


def stopped_cleanly(connection: apsw.Connection, path: Path) -> bool:
    """Whether the database is as the broker that ran last left it when it was stopped."""
    known = _read(path)
    return not has_log(path) and known == (get(connection, "incarnation") or b"") + _left_with(path)


def remember_stop(path: Path) -> None:
    """Write down, on the disk, that the database was closed and is whole."""
    durable.write(beside(path), _read(path)[:TOKEN_SIZE] + _left_with(path))


def forget_stop(path: Path) -> None:
    """The database is about to be written: from now on the last stop was not clean, on the disk too."""
    known = _read(path)
    if len(known) > TOKEN_SIZE:
        durable.write(beside(path), known[:TOKEN_SIZE])


def mark_as_copy(connection: apsw.Connection) -> None:
    """Make a backup recognisable: whoever starts on it gets a new epoch."""
    connection.execute(_SET, ("incarnation", b""))


def get(connection: apsw.Connection, key: str) -> bytes | None:
    """What the database says of itself under a key."""
    row = next(iter(connection.execute(_GET, (key,))), None)
    return None if row is None else bytes(row[0])


def _left_with(path: Path) -> bytes:
    status = path.stat()
    return _LEFT_WITH.pack(status.st_size, status.st_mtime_ns)


def _read(path: Path) -> bytes:
    with contextlib.suppress(FileNotFoundError):
        return beside(path).read_bytes()
    return b""
