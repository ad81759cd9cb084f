"""Messages not yet acknowledged, on disk before they are sent.

One append-only file for each running client, locked while it lives. A client that starts takes over the files
of those that died and sends what they left, under the same ids, so the broker stores each message once.
No fsync: what a killed process has written survives it; a power cut may take what was not acknowledged.

    record   b"M" or b"A" · length 4, big-endian · CRC-32 4 · payload
    M        msgpack of records.NewMessage        A   client_id (resolved, one way or the other)
"""

import fcntl
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from zlib import crc32

from cnmessage_client.home_files import RAISE_LIMIT, TOO_MANY, usable
from cnmessage_client.private import private_folder
from cnmessage_protocol.codec import REQUEST_LIMITS, decode, encode
from cnmessage_protocol.errors import CnMessageError, ErrorCode, ProtocolError
from cnmessage_protocol.ids import ID_SIZE, ClientId
from cnmessage_protocol.records import NewMessage, outgoing

COMPACT_AT = 32 << 20
"""Bytes at which the file is written anew with what is still open."""

_HEADER = struct.Struct(">cII")


class Outbox:
    """This client's file in `folder`, named after `user`; made at the first message."""

    def __init__(self, folder: Path, user: str, name: str) -> None:
        self._folder = folder
        self._path = folder / f"{user}@{name}.outbox"
        self._user = user
        self._file: int | None = None
        self._size = 0
        self._open: dict[ClientId, bytes] = {}

    def add(self, messages: Iterable[NewMessage]) -> None:
        """Write messages down; a STORAGE error when the disk does not take them."""
        records = {message.client_id: _record(b"M", encode(message)) for message in messages}
        self._write(b"".join(records.values()))
        self._open |= records

    def resolve(self, client_ids: Iterable[ClientId]) -> None:
        """These messages have their outcome and need not be sent again."""
        known = [client_id for client_id in client_ids if self._open.pop(client_id, None) is not None]
        if not known or self._file is None:
            return
        if not self._open:
            os.ftruncate(self._file, 0)
            self._size = 0
        elif self._size <= COMPACT_AT or not self._compact():
            self._write(b"".join([_record(b"A", client_id) for client_id in known]))

    def adopt(self) -> list[NewMessage]:
        """Take over what clients of the same user left behind when they died."""
        found: list[NewMessage] = []
        if not self._folder.is_dir():
            return found
        for path in sorted(self._folder.glob(f"{self._user}@*.outbox")):
            if path == self._path:
                continue
            with usable(path):
                try:
                    descriptor = os.open(path, os.O_RDWR)
                except FileNotFoundError:
                    continue
            with os.fdopen(descriptor, "rb+") as file:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue  # its client is alive
                if os.fstat(descriptor).st_nlink:  # else another one was quicker
                    left = _read(file.read())
                    self.add(left)
                    found += left
                    path.unlink(missing_ok=True)
        return found

    def close(self) -> None:
        """Release the file; it stays only if something in it is open."""
        if self._file is None:
            return
        if not self._open:
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None

    def _write(self, data: bytes) -> None:
        try:
            if self._file is None:
                self._file = self._create()
            _write_all(self._file, data)
        except OSError as error:
            if self._file is not None:
                os.ftruncate(self._file, self._size)  # half a record would hide all that follow it
            fewer = error.errno in TOO_MANY
            advice = (
                RAISE_LIMIT if fewer else "correct that, or set CNMESSAGE_HOME to a directory of your own"
            )
            text = f"the message cannot be kept in {self._folder}: {error.strerror}; nothing was sent"
            raise CnMessageError(ErrorCode.STORAGE, f"{text}: {advice}") from error
        self._size += len(data)

    def _create(self, content: bytes = b"") -> int:
        """A locked file under our name; it gets the name last, so that nobody ever finds it unlocked."""
        private_folder(self._folder)
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_all(descriptor, content)
            fresh.replace(self._path)
        except OSError:
            os.close(descriptor)
            fresh.unlink(missing_ok=True)
            raise
        return descriptor

    def _compact(self) -> bool:
        """Write the file anew; False where there is no room for that, and it stays as it is."""
        content = b"".join(self._open.values())
        try:
            earlier, self._file = self._file, self._create(content)
        except OSError:
            return False
        self._size = len(content)
        if earlier is not None:
            os.close(earlier)
        return True


def waiting_in(folder: Path) -> tuple[int, bool]:
    """How many messages have no outcome in the outboxes of a folder, and whether a client has one open."""
    count, alive = 0, False
    for path in folder.glob("*.outbox"):
        with usable(path), path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                alive = True
            count += len(_read(file.read()))
    return count, alive


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _record(kind: bytes, payload: bytes) -> bytes:
    return _HEADER.pack(kind, len(payload), crc32(payload)) + payload


def _read(data: bytes) -> list[NewMessage]:
    """What is open in a file; a torn or damaged tail ends it."""
    messages: dict[bytes, NewMessage] = {}
    for kind, payload in _records(data):
        if kind == b"A" and len(payload) == ID_SIZE:
            messages.pop(payload, None)
        elif kind == b"M":
            try:
                message = outgoing("outbox", decode(payload, REQUEST_LIMITS))
            except ProtocolError:
                continue
            messages[message.client_id] = message
    return list(messages.values())


def _records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + _HEADER.size <= len(data):
        kind, length, checksum = _HEADER.unpack_from(data, place)
        payload = data[place + _HEADER.size : place + _HEADER.size + length]
        if len(payload) != length or crc32(payload) != checksum:
            return
        yield kind, payload
        place += _HEADER.size + length
