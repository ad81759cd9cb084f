"""The file channel: every message on it and how it lies in frames.

    DEALER ↔ ROUTER   ┌──────────────────────────────────────────────────┐┌───────────────────┐
                      │ msgpack [version, transfer (16 bytes), verb, map] ││ bytes, CHUNK only │
                      └──────────────────────────────────────────────────┘└───────────────────┘

`transfer` names one transfer on one link: the client's id of an upload, the file's id for a download. A
chunk's bytes are a frame of their own and never pass through msgpack. Machines: transfer.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from cnmessage_protocol.codec import REQUEST_LIMITS, decode, encode
from cnmessage_protocol.envelope import VERSION
from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError, told_code
from cnmessage_protocol.ids import ID_SIZE
from cnmessage_protocol.records import DIGEST_SIZE, MAX_BODY, MAX_FILE_NAME, recipients
from cnmessage_protocol.requests import Request
from cnmessage_protocol.schema import LARGEST, blob, build, count, integer, optional, plain, text, wire

FILES = 2
"""The file channel's port, counted from the request port."""

CHUNK = 1 << 20
"""Most bytes in one chunk."""

FETCHED_CHUNK = 1 << 19
"""Most bytes in a chunk that a client asks for: what it does not read waits in the broker's memory."""

FIRST_CHUNK = 1 << 14
"""Bytes in the first chunks of a file; they grow while they come quickly."""

WINDOW_CHUNKS = 32
WINDOW = WINDOW_CHUNKS * CHUNK
"""Most bytes under way that the receiving side has not on disk yet."""

MAX_HEADER = 3 << 17
"""Largest first frame; a note of 64 KiB and 256 names fit."""

MAX_EXPIRES = 3650 * 86400
"""Most seconds that a file may be asked to last."""

_identity = blob(ID_SIZE)
_offset = integer(0, LARGEST)
_chunk = integer(1, CHUNK)


def _names(_: str, value: Any) -> tuple[str, ...]:
    """Recipients: existing names, each once; a broadcast carries no file."""
    found = recipients(value)
    if found == ("all",):
        raise ProtocolError("a file goes to named users; 'all' cannot receive one")
    return found


def _file_name(name: str, value: Any) -> str:
    """A name of 1 to 255 bytes, no path; receivers clean it again before they use it."""
    checked: str = text(MAX_FILE_NAME, min_bytes=1)(name, value)
    if "/" in checked or "\0" in checked:
        raise ProtocolError("a file's name must not hold '/' or NUL")
    return checked


@dataclass(frozen=True, slots=True)
class Put(Request):
    """Begin an upload, or go on with it: the same call. `expires` in seconds from now; nil: as configured."""

    VERB: ClassVar[str] = "put"
    name: str = wire(_file_name)
    size: int = wire(_offset)
    to: tuple[str, ...] = wire(_names)
    note: str = wire(text(MAX_BODY), default="")
    expires: int | None = wire(optional(integer(1, MAX_EXPIRES)), default=None)


@dataclass(frozen=True, slots=True)
class Granted:
    """Send from `offset`, up to `upto`. The answer to PUT and to a chunk with the wrong offset."""

    VERB: ClassVar[str] = "granted"
    file: bytes = wire(_identity)
    offset: int = wire(_offset)
    upto: int = wire(_offset)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of the file from `offset` on; they are the second frame."""

    VERB: ClassVar[str] = "chunk"
    offset: int = wire(_offset)


@dataclass(frozen=True, slots=True)
class Credit:
    """Bytes up to `upto` may be sent, in chunks of at most `chunk`. Absolute: repeating it does no harm."""

    VERB: ClassVar[str] = "credit"
    upto: int = wire(_offset)
    chunk: int = wire(_chunk, default=CHUNK)


@dataclass(frozen=True, slots=True)
class Finish:
    """All bytes were sent and have this SHA-256."""

    VERB: ClassVar[str] = "finish"
    sha256: bytes = wire(blob(DIGEST_SIZE))


@dataclass(frozen=True, slots=True)
class Kept:
    """The file is on disk and offered to its recipients. The answer to FINISH, and to a PUT after it."""

    VERB: ClassVar[str] = "kept"
    file: bytes = wire(_identity)
    message: bytes = wire(_identity)
    seq: int = wire(integer(1, LARGEST))
    recipients: int = wire(count)


@dataclass(frozen=True, slots=True)
class Get(Request):
    """Send me a file from `offset` on, up to `upto`, in chunks of at most `chunk`."""

    VERB: ClassVar[str] = "get"
    offset: int = wire(_offset, default=0)
    upto: int = wire(_offset, default=0)
    chunk: int = wire(_chunk, default=FIRST_CHUNK)


@dataclass(frozen=True, slots=True)
class Opened:
    """What will come. The answer to GET, before any chunk."""

    VERB: ClassVar[str] = "opened"
    name: str = wire(text(MAX_FILE_NAME))
    size: int = wire(_offset)
    sha256: bytes = wire(blob(DIGEST_SIZE))


@dataclass(frozen=True, slots=True)
class Fetched(Request):
    """The receiver has the whole file, verified and on disk."""

    VERB: ClassVar[str] = "fetched"


@dataclass(frozen=True, slots=True)
class Noted:
    """The answer to FETCHED: the sender can see it."""

    VERB: ClassVar[str] = "noted"


@dataclass(frozen=True, slots=True)
class Stop:
    """This transfer has ended. `code` is an error code; from a client, why it gave up."""

    VERB: ClassVar[str] = "stop"
    code: str = wire(text(32))
    message: str = wire(text(1024), default="")

    @property
    def error(self) -> RequestError:
        """The same as an error; a code this side does not know counts as internal."""
        return RequestError(told_code(self.code), self.message)


FileMessage = Put | Granted | Chunk | Credit | Finish | Kept | Get | Opened | Fetched | Noted | Stop


def _catalogue(*records: type[Any]) -> Mapping[str, type[Any]]:
    return MappingProxyType({each.VERB: each for each in records})


FROM_CLIENT = _catalogue(Put, Get, Chunk, Credit, Finish, Fetched, Stop)
FROM_BROKER = _catalogue(Granted, Opened, Chunk, Credit, Kept, Noted, Stop)
"""Verb to record, by who may say it."""


def pack(transfer: bytes, message: FileMessage) -> bytes:
    """The first frame of a message."""
    return encode([VERSION, transfer, message.VERB, plain(message)])


def stop(error: RequestError) -> Stop:
    """An error as it travels; its text is cut to what the other side accepts."""
    return Stop(str(error.code), error.message.encode()[:1000].decode(errors="ignore"))


def unpack(frames: Sequence[Any], catalogue: Mapping[str, type[Any]]) -> tuple[bytes, FileMessage]:
    """The transfer and the checked message in the frames after the routing id; a chunk's bytes stay there.

    `frames` are bytes-like and have a length. ProtocolError for anything the channel does not allow.
    """
    if not 1 <= len(frames) <= 2 or len(frames[0]) > MAX_HEADER:
        raise ProtocolError("a message on the file channel has one frame, a chunk two")
    value = decode(bytes(frames[0]), REQUEST_LIMITS)
    if type(value) is not list or len(value) != 4:
        raise ProtocolError("a message must be an array [version, transfer, verb, map]")
    version, transfer, verb, arguments = value
    if type(version) is not int or version != VERSION:
        raise ProtocolError("the other side speaks another protocol version", ErrorCode.UNSUPPORTED_VERSION)
    _identity("transfer", transfer)
    record = catalogue.get(verb) if type(verb) is str else None
    if record is None:
        raise ProtocolError(f"unknown verb '{str(verb)[:32]}' on the file channel", ErrorCode.UNKNOWN_VERB)
    message: FileMessage = build(record, arguments)
    if (len(frames) == 2) is not (record is Chunk) or (record is Chunk and not 1 <= len(frames[1]) <= CHUNK):
        raise ProtocolError(f"a chunk, and nothing else, has a second frame, of 1 to {CHUNK} bytes")
    return transfer, message
