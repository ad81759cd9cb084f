"""The checksum in each message row: CRC-32 over all its columns, so that damage on the disk shows.

SQLite keeps its pages in order but cannot tell that a byte of a text became another one. This is against
accidents only: who may write the file may write the checksum too.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import apsw

_HEAD = struct.Struct("<4q5I")


def message_checksum(
    identity: bytes,
    sender: int,
    client_id: bytes,
    kind: int,
    recipients: bytes,
    body: bytes,
    sent_at: int,
    own_seq: int,
    places: bytes,
) -> int:
    """CRC-32 of one row, its columns in the order of the table, texts as UTF-8.

    The lengths come first, so that no two rows are the same bytes. struct.error or TypeError when a value is
    of a kind that the column never holds.
    """
    lengths = (len(identity), len(client_id), len(recipients), len(body), len(places))
    head = _HEAD.pack(sender, kind, sent_at, own_seq, *lengths)
    return zlib.crc32(b"".join((head, identity, client_id, recipients, body, places)))


def fits(columns: Sequence[Any], checksum: int) -> bool:
    """Whether a row is as it was written; the columns as they came out of the file, texts as bytes."""
    return _computed(*columns) == checksum


def teach(connection: apsw.Connection) -> None:
    """Let SQL use it, for rows that were stored before there were checksums."""
    connection.create_scalar_function("message_checksum", _computed, 9, deterministic=True)


def _computed(*columns: Any) -> int:
    """The checksum, or one that no row has: damage can make a value one of another kind."""
    try:
        return message_checksum(*columns)
    except (struct.error, TypeError):
        return -1
