"""The epoch: 16 bytes that change when an older state of the database was put back.

Each start draws a token and writes it both into the database and beside it. When the two differ at the next
start, the database is not the one that ran last, so clients must not trust their cursors: the epoch is drawn
anew. A backup is marked as such when it is made. Called by sqlite.py.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import apsw

TOKEN_SIZE = 16
_GET = "SELECT value FROM meta WHERE key = ?"
_SET = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


def settle_epoch(connection: apsw.Connection, path: Path, randomness: Callable[[int], bytes]) -> bytes:
    """The epoch of this start; records a fresh token in the database and in the file beside it."""
    beside = path.with_name(path.name + ".incarnation")
    token = _get(connection, "incarnation")
    last = b""
    with contextlib.suppress(FileNotFoundError):
        last = beside.read_bytes()
    epoch = _get(connection, "epoch")
    if epoch is None or not token or token != last:
        epoch = randomness(TOKEN_SIZE)
    fresh = randomness(TOKEN_SIZE)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_SET, ("epoch", epoch))
    connection.execute(_SET, ("incarnation", fresh))
    connection.execute("COMMIT")
    _replace(beside, fresh)
    return epoch


def mark_as_copy(connection: apsw.Connection) -> None:
    """Make a backup recognisable: whoever starts on it gets a new epoch."""
    connection.execute(_SET, ("incarnation", b""))


def _get(connection: apsw.Connection, key: str) -> bytes | None:
    row = next(iter(connection.execute(_GET, (key,))), None)
    return None if row is None else bytes(row[0])


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
