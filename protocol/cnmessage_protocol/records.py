"""The two rows that travel by the thousand: a message on its way in, an inbox item on its way out.

On the wire both are arrays, not maps (docs/adr/0002). Their checks are written out by hand because they run
once a message.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.ids import (
    EVERYONE,
    ID_SIZE,
    NAME_PATTERN,
    ClientId,
    FileId,
    MessageId,
    UserName,
    user_name,
)
from cnmessage_protocol.schema import LARGEST, LATEST

MAX_BODY = 1 << 16
"""Largest message body in bytes of UTF-8."""

MAX_RECIPIENTS = 256
"""Most names one direct message may have."""

MAX_FILE_NAME = 255
"""Longest name of a file in bytes of UTF-8."""

DIGEST_SIZE = 32
"""Bytes of a SHA-256."""

TO_EVERYONE = (EVERYONE,)
"""The recipients of a broadcast, as they stand on the wire."""

_ITEM_PLACES = 10
_FILE_PLACES = 4
_NAME_BYTES = 34
_ROW_BYTES = 128
_FACTS_BYTES = MAX_FILE_NAME + 64


class Kind(IntEnum):
    """What an inbox item is."""

    DIRECT = 0
    BROADCAST = 1
    FILE = 2


class Direction(IntEnum):
    """Whether the inbox's owner received the message or sent it (their own copy)."""

    RECEIVED = 0
    SENT = 1


_KINDS = {int(kind): kind for kind in Kind}
_DIRECTIONS = {int(direction): direction for direction in Direction}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as its sender hands it over: row `[client_id, to, body]`."""

    client_id: ClientId
    to: tuple[UserName, ...]
    body: str

    def row(self) -> list[Any]:
        """The array on the wire."""
        return [self.client_id, self.to, self.body]

    @property
    def size(self) -> int:
        """How many bytes the row takes on the wire, or somewhat more."""
        return row_size(self.body, self.to)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What an item of kind file tells of its file: `[id, name, size, sha256]`, size in bytes."""

    id: FileId
    name: str
    size: int
    sha256: bytes

    def row(self) -> list[Any]:
        """The array on the wire."""
        return [self.id, self.name, self.size, self.sha256]


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One entry of an inbox: `[seq, direction, id, kind, from, to, time, body, client_id, file]`.

    `seq` counts 1, 2, 3 … without gaps for each owner. `time` is the broker's, in milliseconds since 1970.
    `client_id` is set on the owner's own copies only, `file` on items of kind file only, whose body is the
    sender's note and may be empty.
    """

    seq: int
    direction: Direction
    id: MessageId
    kind: Kind
    sender: UserName
    to: tuple[UserName, ...]
    time: int
    body: str
    client_id: ClientId | None
    file: FileFacts | None = None

    def row(self) -> list[Any]:
        """The array on the wire."""
        return [
            self.seq,
            self.direction,
            self.id,
            self.kind,
            self.sender,
            self.to,
            self.time,
            self.body,
            self.client_id,
            None if self.file is None else self.file.row(),
        ]

    @property
    def size(self) -> int:
        """How many bytes the row takes on the wire, or somewhat more."""
        return row_size(self.body, self.to, self.file)


def utf8_size(text: str) -> int:
    """Bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def row_size(body: str, to: tuple[UserName, ...], file: FileFacts | None = None) -> int:
    """How many bytes a message takes on the wire as a row of any kind, or somewhat more."""
    facts = 0 if file is None else _FACTS_BYTES
    return utf8_size(body) + _NAME_BYTES * len(to) + _ROW_BYTES + facts


def outgoing(name: str, value: Any) -> Outgoing:
    """Check one row of a SEND request."""
    if type(value) is not list or len(value) != 3:
        raise ProtocolError(f"'{name}': a message must be an array [client_id, to, body]")
    client_id, to, body = value
    if type(client_id) is not bytes or len(client_id) != ID_SIZE:
        raise ProtocolError(f"'client_id' must be {ID_SIZE} bytes")
    if type(body) is not str:
        raise ProtocolError("'body' must be text")
    check_body(body)
    return Outgoing(ClientId(client_id), recipients(to), body)


def check_body(body: str) -> None:
    """A body is 1 byte to 64 KiB of UTF-8."""
    try:
        size = utf8_size(body)
    except UnicodeEncodeError as error:
        raise ProtocolError("the message is not valid Unicode") from error
    if size > MAX_BODY:
        raise ProtocolError(
            f"the message has {size} bytes; the limit is {MAX_BODY}: split it",
            ErrorCode.TOO_LARGE,
        )
    if size == 0:
        raise ProtocolError("the message is empty; write something to send")


def recipients(to: Any) -> tuple[UserName, ...]:
    """Names of a direct message, each once, or the single word for everyone."""
    if type(to) not in {list, tuple} or not 1 <= len(to) <= MAX_RECIPIENTS:
        raise ProtocolError(f"'to' must be an array of 1 to {MAX_RECIPIENTS} names")
    names = []
    for each in to:
        if type(each) is not str:
            raise ProtocolError("'to' must hold names")
        try:
            names.append(user_name(each))
        except ValueError as error:
            raise ProtocolError(f"'{each[:64]}' cannot be a user: {error}", ErrorCode.NO_SUCH_USER) from error
    if len(names) > 1:
        if EVERYONE in names:
            raise ProtocolError(f"'{EVERYONE}' stands alone: it already means every user online")
        return tuple(dict.fromkeys(names))
    return (names[0],)


def inbox_item(name: str, value: Any) -> InboxItem:
    """Check one inbox row that a broker sent."""
    if type(value) is not list or len(value) != _ITEM_PLACES:
        raise ProtocolError(f"'{name}': an inbox item must be an array of {_ITEM_PLACES} elements")
    seq, direction, identity, kind, sender, to, time, body, client_id, file = value
    if (
        type(seq) is not int
        or not 1 <= seq <= LARGEST
        or type(direction) is not int
        or direction not in _DIRECTIONS
        or type(identity) is not bytes
        or len(identity) != ID_SIZE
        or type(kind) is not int
        or kind not in _KINDS
        or type(sender) is not str
        or NAME_PATTERN.match(sender) is None
        or type(to) is not list
        or not 1 <= len(to) <= MAX_RECIPIENTS
        or type(time) is not int
        or not 0 <= time <= LATEST
        or type(body) is not str
        or utf8_size(body) > MAX_BODY
        or (client_id is not None and (type(client_id) is not bytes or len(client_id) != ID_SIZE))
        or not all(type(each) is str and NAME_PATTERN.match(each) for each in to)
        or (file is not None) is not (kind == Kind.FILE)
    ):
        raise ProtocolError(f"'{name}': this inbox item is not of the protocol's form")
    return InboxItem(
        seq,
        _DIRECTIONS[direction],
        MessageId(identity),
        _KINDS[kind],
        UserName(sender),
        tuple(to),
        time,
        body,
        None if client_id is None else ClientId(client_id),
        None if file is None else file_facts(name, file),
    )


def file_facts(name: str, value: Any) -> FileFacts:
    """Check what an item says of its file."""
    if type(value) is list and len(value) == _FILE_PLACES:
        identity, file_name, size, digest = value
        if (
            type(identity) is bytes
            and len(identity) == ID_SIZE
            and type(file_name) is str
            and 1 <= utf8_size(file_name) <= MAX_FILE_NAME
            and type(size) is int
            and 0 <= size <= LARGEST
            and type(digest) is bytes
            and len(digest) == DIGEST_SIZE
        ):
            return FileFacts(FileId(identity), file_name, size, digest)
    raise ProtocolError(f"'{name}': what this item says of its file is not of the protocol's form")
