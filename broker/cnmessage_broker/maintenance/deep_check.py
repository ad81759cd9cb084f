"""`check --deep`: every message against its checksum and the inboxes, every file against its digest.

Reads all of it, one row and one piece of a file at a time.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw

from cnmessage_broker.files.blobs import content_path
from cnmessage_broker.store.sqlite.checksums import fits
from cnmessage_broker.store.sqlite.condition import reading
from cnmessage_broker.store.sqlite.places import unpack_places
from cnmessage_protocol.ids import id_text

Progress = Callable[[str], None]
"""Hears over and over what is being looked at; it shows that now and then."""

_PIECE = 1 << 20
_OFTEN = 1000
_MESSAGES = """
    SELECT message.id, message.sender, message.client_id, message.kind, CAST(message.recipients AS BLOB),
           CAST(message.body AS BLOB), message.sent_at, message.own_seq, message.places,
           message.checksum, account.name
    FROM message LEFT JOIN account ON account.id = message.sender
"""
_PLACED = "SELECT 1 FROM inbox WHERE owner = ? AND seq = ? AND message = ? AND direction = ?"
_CONTENTS = """
    SELECT file.sha256, file.size, file.id, account.name
    FROM file LEFT JOIN account ON account.id = file.owner
    WHERE file.status = 'stored'
    ORDER BY file.sha256
"""


def deep_check(database: Path, files: Path, progress: Progress) -> Iterator[str]:
    """What is wrong with the messages of a database, and with the files in the folder `files`, a line each.

    The database is of the newest version, and `check` has looked at it before.
    """
    with reading(database) as connection:
        try:
            yield from _messages(connection, progress)
            yield from _contents(connection, files, progress)
        except (apsw.Error, UnicodeDecodeError) as error:
            yield f"SQLite: {error}; what comes after it was not looked at"


def _messages(connection: apsw.Connection, progress: Progress) -> Iterator[str]:
    ((total,),) = connection.execute("SELECT count(*) FROM message")
    for count, (*columns, checksum, name) in enumerate(connection.execute(_MESSAGES), start=1):
        if count % _OFTEN == 0:
            progress(f"message {count} of {total}")
        if not fits(columns, checksum) or checksum < 0:
            yield f"message {id_text(columns[0])} is damaged (user {name or '?'})"
        elif not _is_placed(connection, columns):
            yield f"message {id_text(columns[0])} is not where it was delivered (user {name or '?'})"


def _is_placed(connection: apsw.Connection, columns: list[Any]) -> bool:
    """Whether each inbox that the message was put in has it where the message says."""
    identity, sender, own_seq, packed = columns[0], columns[1], columns[7], columns[8]
    places = unpack_places(packed)
    items = [(owner, seq, identity, 0) for owner, seq in places if seq]
    if (sender, own_seq) not in places:
        items.append((sender, own_seq, identity, 1))
    return all(any(connection.execute(_PLACED, item)) for item in items)


def _contents(connection: apsw.Connection, files: Path, progress: Progress) -> Iterator[str]:
    last, fault = None, None
    for sha256, size, identity, name in connection.execute(_CONTENTS):
        if sha256 is None:
            continue  # `check` says so
        if (sha256, size) != last:
            last = sha256, size
            fault = _fault(content_path(files, sha256), sha256, size, progress)
        if fault is not None:
            yield f"the content of file {id_text(identity)} {fault} (user {name or '?'})"


def _fault(path: Path, sha256: bytes, size: int, progress: Progress) -> str | None:
    digest, read = hashlib.sha256(), 0
    try:
        with path.open("rb") as content:
            while piece := content.read(_PIECE):
                digest.update(piece)
                read += len(piece)
                progress(f"byte {read} of {size} of file content {sha256.hex()}")
    except FileNotFoundError:
        return f"is missing: {path}"
    except OSError as error:
        return f"cannot be read: {path}: {error.strerror}"
    return None if (digest.digest(), read) == (sha256, size) else f"is damaged: {path}"
