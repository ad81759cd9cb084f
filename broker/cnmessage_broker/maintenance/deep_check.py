"""`check --deep`: every message against its checksum and the inboxes, what finds items in large inboxes
against those, every file against its digest.

Reads all of it, one row and one piece of a file at a time.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw

from cnmessage_broker.files.blobs import content_path
from cnmessage_broker.store.sqlite.checksums import fits
from cnmessage_broker.store.sqlite.condition import reading
from cnmessage_broker.store.sqlite.places import unpack_places
from cnmessage_broker.store.sqlite.sections import EVERYONE, Sections
from cnmessage_protocol.ids import id_text
from cnmessage_protocol.records import Kind

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
_PLACED = """
    SELECT 1 FROM inbox WHERE owner = ? AND seq = ? AND message = ? AND direction = ?
    AND (peer IS NULL OR peer = ?) AND (sent_at IS NULL OR sent_at = ?)
"""
_OWNERS = "SELECT id, name, head FROM account ORDER BY id"
_DESCRIBED = """
    SELECT number, least, greatest, received, direct FROM section WHERE owner = ? ORDER BY number
"""
_ITEMS = """
    SELECT inbox.seq, inbox.direction, message.kind, message.sender, message.sent_at, message.places
    FROM inbox JOIN message ON message.id = inbox.message
    WHERE inbox.owner = ? AND inbox.seq BETWEEN ? AND ?
"""
_IN_CONVERSATIONS = "SELECT count(*) FROM conversation_item WHERE owner = ?"
_IN_CONVERSATION = (
    "SELECT 1 FROM conversation_item WHERE owner = ? AND peer = ? AND direction = ? AND seq = ?"
)
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
            yield from _sections(connection, progress)
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
    identity, sender, _, kind, _, _, time, own_seq, packed = columns
    places = unpack_places(packed)
    sent_by, sent_to = sender, places[0][0] if len(places) == 1 else None
    if kind == Kind.BROADCAST:
        sent_by = sent_to = EVERYONE
    items = [
        (owner, seq, identity, 0, sent_to if owner == sender else sent_by, time)
        for owner, seq in places
        if seq
    ]
    if (sender, own_seq) not in places:
        items.append((sender, own_seq, identity, 1, sent_to, time))
    return all(any(connection.execute(_PLACED, item)) for item in items)


def _sections(connection: apsw.Connection, progress: Progress) -> Iterator[str]:
    """Whether full sections say what is in them, and have their items in the right conversations only."""
    owners: list[tuple[Any, ...]] = connection.execute(_OWNERS).fetchall()
    for owner, name, head in owners:
        sections = Sections(owner)
        found: set[tuple[Any, ...]] = set()
        belonging = 0
        for number in sections.filled(0, head):
            first, last = sections.first(number), sections.last(number)
            progress(f"item {max(1, first)} of {head} of user {name}")
            items: list[tuple[Any, ...]] = connection.execute(_ITEMS, (owner, first, last)).fetchall()
            found.add((number, *_description(items)))
            for place in (place for item in items for place in _conversations(owner, *item)):
                belonging += 1
                if not any(connection.execute(_IN_CONVERSATION, (owner, *place))):
                    yield f"item {place[2]} is not in a conversation it belongs to (user {name})"
        for number in sorted({int(each[0]) for each in found ^ {*connection.execute(_DESCRIBED, (owner,))}}):
            yield f"items from {max(1, sections.first(number))} on are not as described (user {name})"
        ((there,),) = connection.execute(_IN_CONVERSATIONS, (owner,))
        if there > belonging:
            yield f"{there - belonging} items are in conversations they do not belong to (user {name})"


def _description(items: list[tuple[Any, ...]]) -> tuple[int, ...]:
    """Of a section: the least and the greatest time, how many are received, how many are no broadcasts."""
    times = [time for _, _, _, _, time, _ in items]
    received = sum(direction == 0 for _, direction, _, _, _, _ in items)
    direct = sum(kind != Kind.BROADCAST for _, _, kind, _, _, _ in items)
    return min(times, default=0), max(times, default=0), received, direct


def _conversations(
    owner: int, seq: int, direction: int, kind: int, sender: int, _: int, places: bytes
) -> list[tuple[int, int, int]]:
    """Where an item must be: rows (peer, direction, seq)."""
    if kind == Kind.BROADCAST:
        return [(EVERYONE, direction, seq)]
    if sender != owner:
        return [(sender, direction, seq)]
    try:
        peers = [peer for peer, _ in unpack_places(places)]
    except struct.error:
        return []  # its message is damaged, and named already
    return [(peer, direction if peer == owner else 1, seq) for peer in peers]


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
