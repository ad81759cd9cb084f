"""The file channel: every message on it and how it lies in frames.

    DEALER ↔ ROUTER   ┌──────────────────────────────────────────────────────┐┌───────────────────┐
                      │ msgpack [version, transfer (16 bytes), verb, fields] ││ bytes, CHUNK only │
                      └──────────────────────────────────────────────────────┘└───────────────────┘

`transfer` names one transfer on one link: the client's id of an upload, the file's id for a download. A
chunk's bytes are a frame of their own and never pass through msgpack. Must know nothing of sockets and of
what a message leads to.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, assert_never

from msgspec import Struct

from cnmessage_protocol.codec import REQUEST_LIMITS, decode, encode, peek
from cnmessage_protocol.conversation import Direct, Everyone, from_wire, on_screen
from cnmessage_protocol.envelope import VERSION
from cnmessage_protocol.errors import ErrorCode, ProtocolError, RequestError, known_code
from cnmessage_protocol.ids import ID_SIZE
from cnmessage_protocol.records import DIGEST_SIZE, MAX_BODY, MAX_FILE_NAME, MAX_RECIPIENTS
from cnmessage_protocol.requests import Request
from cnmessage_protocol.schema import (
    EARLIEST,
    LARGEST,
    LATEST,
    blob,
    boolean,
    build,
    compared,
    count,
    fields,
    integer,
    many,
    optional,
    plain,
    text,
)

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

_PLACES = 4
_PEEK = 32
"""Bytes within which a transfer stands, however its version is written."""

_identity = blob(ID_SIZE)
_offset = integer(0, LARGEST)
_chunk = integer(1, CHUNK)
_mtime = optional(integer(EARLIEST, LATEST))


def _recipient(name: str, value: Any) -> str:
    """One user's name, in small letters; a broadcast carries no file."""
    if type(value) is not str:
        raise ProtocolError(f"'{name}' must hold names")
    try:
        found = from_wire(value)
    except ValueError as error:
        raise ProtocolError(f"'{name}': '{value[:64]}' cannot be a user: {error}") from error
    match found:
        case Direct(user):
            return user
        case Everyone():
            raise ProtocolError(f"'{name}' must name users: '{on_screen(found)}' cannot receive a file")
        case _ as never:
            assert_never(never)


def _recipients(name: str, value: Any) -> tuple[str, ...]:
    """Users' names, each once."""
    return tuple(dict.fromkeys(many(_recipient, MAX_RECIPIENTS, minimum=1)(name, value)))


def _file_name(name: str, value: Any) -> str:
    """A name of 1 to 255 bytes, no path; receivers clean it again before they use it."""
    checked: str = compared(MAX_FILE_NAME, min_bytes=1)(name, value)
    if "/" in checked or "\0" in checked:
        raise ProtocolError(f"'{name}' must not hold '/' or NUL")
    return checked


class Put(Request, frozen=True):
    """Begin an upload, or go on with it: the same call. `size` in bytes.

    `expires`: seconds from now; nil: as long as the broker keeps files. `mtime`: when it was written last on
    the sender's disk, in ms since 1970, and whether it was `executable` there: for receivers who want it so.
    """

    VERB: ClassVar[str] = "put"
    name: Annotated[str, _file_name]
    size: Annotated[int, _offset]
    to: Annotated[tuple[str, ...], _recipients]
    note: Annotated[str, text(MAX_BODY)] = ""
    expires: Annotated[int | None, optional(integer(1, MAX_EXPIRES))] = None
    mtime: Annotated[int | None, _mtime] = None
    executable: Annotated[bool, boolean] = False


class Granted(Struct, frozen=True):
    """Send from `offset`, up to `upto`. The answer to PUT, and to a CHUNK or FINISH that does not fit."""

    VERB: ClassVar[str] = "granted"
    file: Annotated[bytes, _identity]
    offset: Annotated[int, _offset]
    upto: Annotated[int, _offset]


class Chunk(Struct, frozen=True):
    """Bytes of the file from `offset` on, 1 to CHUNK of them: they are the second frame."""

    VERB: ClassVar[str] = "chunk"
    offset: Annotated[int, _offset]


class Credit(Struct, frozen=True):
    """Bytes up to `upto` may be sent, in chunks of at most `chunk`. Absolute: repeating it does no harm."""

    VERB: ClassVar[str] = "credit"
    upto: Annotated[int, _offset]
    chunk: Annotated[int, _chunk] = CHUNK


class Finish(Struct, frozen=True):
    """All bytes of an upload were sent and have this SHA-256. Answered with KEPT, or GRANTED if not so."""

    VERB: ClassVar[str] = "finish"
    sha256: Annotated[bytes, blob(DIGEST_SIZE)]


class Kept(Struct, frozen=True):
    """The file is on disk and in its recipients' inboxes. The answer to FINISH, and to a PUT after it.

    `message` is the id and `seq` the place of the sender's own copy.
    """

    VERB: ClassVar[str] = "kept"
    file: Annotated[bytes, _identity]
    message: Annotated[bytes, _identity]
    seq: Annotated[int, integer(1, LARGEST)]
    recipients: Annotated[int, count]


class Get(Request, frozen=True):
    """Send me a file from `offset` on, up to `upto`, in chunks of at most `chunk`."""

    VERB: ClassVar[str] = "get"
    offset: Annotated[int, _offset] = 0
    upto: Annotated[int, _offset] = 0
    chunk: Annotated[int, _chunk] = FIRST_CHUNK


class Opened(Struct, frozen=True):
    """What will come. The answer to GET, before any chunk. `mtime` and `executable` are those of PUT."""

    VERB: ClassVar[str] = "opened"
    name: Annotated[str, text(MAX_FILE_NAME)]
    size: Annotated[int, _offset]
    sha256: Annotated[bytes, blob(DIGEST_SIZE)]
    mtime: Annotated[int | None, _mtime] = None
    executable: Annotated[bool, boolean] = False


class Fetched(Request, frozen=True):
    """The receiver has the whole file, verified and on disk. Answered with NOTED."""

    VERB: ClassVar[str] = "fetched"


class Noted(Struct, frozen=True):
    """That the file was fetched is written down, and its sender can see it. The answer to FETCHED."""

    VERB: ClassVar[str] = "noted"


class Pause(Struct, frozen=True):
    """The client stops here for now. What has arrived is kept; the same PUT, or a GET, goes on. No answer."""

    VERB: ClassVar[str] = "pause"


class Stop(Struct, frozen=True):
    """This transfer has ended, with an error code as `code`.

    From a client, it is given up: what arrived of an upload is removed, a download has failed. No answer.
    """

    VERB: ClassVar[str] = "stop"
    code: Annotated[str, text(32)]
    message: Annotated[str, text(1024)] = ""

    @property
    def error(self) -> RequestError:
        """The same as an error; a code this side does not know counts as internal."""
        return RequestError(known_code(self.code), self.message)


FileMessage = Put | Granted | Chunk | Credit | Finish | Kept | Get | Opened | Fetched | Noted | Pause | Stop


def _catalogue(*records: type[FileMessage]) -> Mapping[str, type[FileMessage]]:
    return MappingProxyType({each.VERB: each for each in records})


FROM_CLIENT = _catalogue(Put, Get, Chunk, Credit, Finish, Fetched, Pause, Stop)
FROM_BROKER = _catalogue(Granted, Opened, Chunk, Credit, Kept, Noted, Stop)
"""Verb to record, by who may say it."""


def pack(transfer: bytes, message: FileMessage) -> bytes:
    """The first frame of a message."""
    return encode([VERSION, transfer, message.VERB, plain(message)])


def stop(error: RequestError) -> Stop:
    """An error as it travels; its text is cut to what the other side accepts."""
    return Stop(str(error.code), error.message.encode()[:1000].decode(errors="ignore"))


def unpack(frames: Sequence[Any], catalogue: Mapping[str, type[FileMessage]]) -> tuple[bytes, FileMessage]:
    """The transfer and the checked message in the frames after the routing id; a chunk's bytes stay there.

    `frames` are bytes-like and have a length. A broker may be newer: keys of its messages that are not known
    here are ignored; those of a client's are refused. ProtocolError says what is wrong, by its field:
    UNSUPPORTED_VERSION for another version, BAD_REQUEST for everything else.
    """
    transfer, verb, values = _envelope(frames)
    record = catalogue.get(verb)
    if record is None:
        raise ProtocolError(f"'verb': the file channel has no '{verb[:32]}' from this side")
    _check_bytes(frames, verb)
    if type(values) is not dict:
        raise ProtocolError("'fields' must be a map")
    if catalogue is FROM_BROKER:
        known = {each.name for each in fields(record)}
        values = {key: value for key, value in values.items() if key in known}
    try:
        message: FileMessage = build(record, values)
    except ProtocolError as error:
        raise ProtocolError(error.message) from error  # a text that is too long is malformed like any other
    return transfer, message


def peek_transfer(frame: Any) -> bytes | None:
    """The transfer that a bytes-like first frame is about, whatever follows; None if it cannot be read."""
    transfer = peek(bytes(frame[:_PEEK]), 1)
    return transfer if type(transfer) is bytes and len(transfer) == ID_SIZE else None


def _envelope(frames: Sequence[Any]) -> tuple[bytes, str, Any]:
    """Transfer, verb and fields, these not checked yet."""
    if not 1 <= len(frames) <= 2:
        raise ProtocolError("a message has one frame, a chunk two")
    if len(frames[0]) > MAX_HEADER:
        raise ProtocolError(f"the first frame has {len(frames[0])} bytes; the limit is {MAX_HEADER}")
    try:
        value = decode(bytes(frames[0]), REQUEST_LIMITS)
    except ProtocolError as error:
        text = "the first frame must be one msgpack value within the limits, with nothing behind it"
        raise ProtocolError(text) from error
    if type(value) is not list or len(value) != _PLACES:
        raise ProtocolError("the first frame must be an array [version, transfer, verb, fields]")
    version, transfer, verb, values = value
    if type(version) is not int or version != VERSION:
        text = f"'version' must be {VERSION}; update the older side"
        raise ProtocolError(text, ErrorCode.UNSUPPORTED_VERSION)
    if type(verb) is not str:
        raise ProtocolError("'verb' must be text")
    return _identity("transfer", transfer), verb, values


def _check_bytes(frames: Sequence[Any], verb: str) -> None:
    """A chunk, and nothing else, has a second frame."""
    if verb != Chunk.VERB:
        if len(frames) > 1:
            raise ProtocolError(f"'{verb}' has one frame; only a chunk has a second one")
    elif len(frames) == 1:
        raise ProtocolError("a chunk has a second frame, with its bytes")
    elif not 1 <= len(frames[1]) <= CHUNK:
        raise ProtocolError(f"a chunk has 1 to {CHUNK} bytes, not {len(frames[1])}")
