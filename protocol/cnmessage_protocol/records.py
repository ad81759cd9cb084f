"""The two rows that travel by the thousand: a message on its way in, an inbox item on its way out.

On the wire both are arrays, not maps (docs/adr/0002): the records here are those arrays, so that the order of
their fields is the layout, and the only place where it stands. Their checks are written out by hand because
they run once a message. Knows nothing of who sends or stores a row.
"""

from collections.abc import Mapping, Sized
from enum import IntEnum
from typing import Any, NamedTuple

from cnmessage_protocol.codec import encode
from cnmessage_protocol.conversation import Conversation, Everyone, from_wire, on_screen
from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.ids import (
    ID_SIZE,
    NAME_PATTERN,
    ClientId,
    FileId,
    MessageId,
    UserName,
)
from cnmessage_protocol.schema import EARLIEST, LARGEST, LATEST

MAX_BODY = 1 << 16
"""Largest message body in bytes, of UTF-8 if it is text."""

MAX_RECIPIENTS = 256
"""Most names one direct message may have."""

MAX_FILE_NAME = 255
"""Longest name of a file in bytes of UTF-8."""

DIGEST_SIZE = 32
"""Bytes of a SHA-256."""

MAX_EXTRAS = 16
"""Most keys in a row's extras; each is a text of 1 to MAX_EXTRA_KEY bytes."""

MAX_EXTRA_KEY = 32
MAX_EXTRAS_SIZE = 4096
"""Most bytes of a row's extras, as they lie on the wire."""

NO_EXTRAS: Mapping[str, Any] = {}
"""Extras as they are in this version: a map with no key."""

KNOWN_EXTRAS: frozenset[str] = frozenset()
"""The keys that this version knows in an outgoing row; those of an item of kind file are `file_extras`."""

_NAME_BYTES = 34
_ROW_BYTES = 128
_FACTS_BYTES = MAX_FILE_NAME + 96


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


class NewMessage(NamedTuple):
    """A message as its sender hands it over, for 1 to MAX_RECIPIENTS conversations; Everyone stands alone.

    A body of bytes is well-formed; no broker carries one yet.
    """

    client_id: ClientId
    to: tuple[Conversation, ...]
    body: str | bytes
    extras: Mapping[str, Any] = NO_EXTRAS

    @property
    def size(self) -> int:
        """How many bytes the row takes on the wire, or somewhat more."""
        return row_size(self.body, self.to)


class FileFacts(NamedTuple):
    """What an item of kind file tells of its file; size in bytes."""

    id: FileId
    name: str
    size: int
    sha256: bytes


class InboxItem(NamedTuple):
    """One entry of an inbox.

    `seq` counts 1, 2, 3 … without gaps for each owner. `time` is the broker's, in milliseconds since 1970.
    `client_id` is set on the owner's own copies only, `file` on items of kind file only, whose body is the
    sender's note and may be empty; their `extras` are `file_extras`.
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
    extras: Mapping[str, Any] = NO_EXTRAS

    @property
    def size(self) -> int:
        """How many bytes the row takes on the wire, or somewhat more."""
        return row_size(self.body, self.to, self.file)


class UnknownItem(NamedTuple):
    """An entry of an inbox that this version cannot show: of a kind to come, or with a body of bytes.

    What every row tells, whatever its kind. `kind` is a number that Kind may not have.
    """

    seq: int
    direction: Direction
    id: MessageId
    kind: int
    time: int

    @property
    def size(self) -> int:
        """How many bytes are kept of it, or somewhat more."""
        return _ROW_BYTES


Item = InboxItem | UnknownItem
"""What an inbox holds, as a client reads it."""


def utf8_size(text: str) -> int:
    """Bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def row_size(body: str | bytes, to: Sized, file: FileFacts | None = None) -> int:
    """How many bytes a message takes on the wire as a row of any kind, or somewhat more."""
    facts = 0 if file is None else _FACTS_BYTES
    size = utf8_size(body) if isinstance(body, str) else len(body)
    return size + _NAME_BYTES * len(to) + _ROW_BYTES + facts


def outgoing(name: str, value: Any) -> NewMessage:
    """Check one row of a SEND request. Everything in it must be known: a broker drops nothing in silence."""
    if type(value) is not list or len(value) != len(NewMessage._fields):
        raise ProtocolError(f"'{name}' must be an array [{', '.join(NewMessage._fields)}]")
    row: Any = NewMessage._make(value)
    if type(row.client_id) is not bytes or len(row.client_id) != ID_SIZE:
        raise ProtocolError(f"'{name}.client_id' must be {ID_SIZE} bytes")
    try:
        to = recipients(row.to)
    except ProtocolError as error:
        raise ProtocolError(f"'{name}.to': {error.message}", error.code) from error
    if type(row.body) is not str and type(row.body) is not bytes:
        raise ProtocolError(f"'{name}.body' must be text")
    try:
        check_body(row.body)
    except ProtocolError as error:
        raise ProtocolError(f"'{name}.body': {error.message}", error.code) from error
    if row.extras or type(row.extras) is not dict:
        for key in sorted(extras(f"{name}.extras", row.extras).keys() - KNOWN_EXTRAS):
            raise ProtocolError(f"'{name}.extras': unknown key '{key}'")
    return NewMessage(client_id=ClientId(row.client_id), to=to, body=row.body)


def check_body(body: str | bytes) -> None:
    """A body is 1 byte to 64 KiB, of UTF-8 if it is text."""
    try:
        size = utf8_size(body) if isinstance(body, str) else len(body)
    except UnicodeEncodeError as error:
        raise ProtocolError("the message is not valid Unicode; convert it to UTF-8 first") from error
    if size > MAX_BODY:
        raise ProtocolError(
            f"the message has {size} bytes; the limit is {MAX_BODY}: split it",
            ErrorCode.TOO_LARGE,
        )
    if size == 0:
        raise ProtocolError("the message is empty; write something to send")


def recipients(to: Any) -> tuple[Conversation, ...]:
    """The conversations that names stand for, each once; the word for everyone stands alone."""
    if type(to) not in {list, tuple} or not 1 <= len(to) <= MAX_RECIPIENTS:
        raise ProtocolError(f"a message is for 1 to {MAX_RECIPIENTS} names, in an array")
    found = []
    for each in to:
        if type(each) is not str:
            raise ProtocolError("a name must be text")
        try:
            found.append(from_wire(each))
        except ValueError as error:
            raise ProtocolError(f"'{each[:64]}' cannot be a user: {error}") from error
    if len(found) > 1:
        if Everyone() in found:
            alone = on_screen(Everyone())
            raise ProtocolError(f"'{alone}' stands alone: it already means every user online")
        return tuple(dict.fromkeys(found))
    return (found[0],)


def extras(name: str, value: Any) -> Mapping[str, Any]:
    """Check the bounds of a row's extras; what the keys mean is not looked at."""
    if (
        type(value) is not dict
        or len(value) > MAX_EXTRAS
        or not all(type(key) is str and 1 <= utf8_size(key) <= MAX_EXTRA_KEY for key in value)
    ):
        raise ProtocolError(f"'{name}' must be a map of at most {MAX_EXTRAS} short texts to values")
    if len(encode(value)) > MAX_EXTRAS_SIZE:
        raise ProtocolError(f"'{name}' has more than {MAX_EXTRAS_SIZE} bytes", ErrorCode.TOO_LARGE)
    return value


def file_extras(mtime: int | None, executable: bool) -> Mapping[str, Any]:
    """The extras of an item of kind file: `mtime`, in ms since 1970, when it was written last on its sender's
    disk, if that is known; and `executable`, if it was.
    """
    written = {} if mtime is None else {"mtime": mtime}
    return {**written, "executable": True} if executable else written or NO_EXTRAS


def _known_file_extras(name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    mtime, executable = values.get("mtime"), values.get("executable", False)
    if mtime is not None and (type(mtime) is not int or not EARLIEST <= mtime <= LATEST):
        raise ProtocolError(f"'{name}.mtime' must be a whole number from {EARLIEST} to {LATEST}")
    if type(executable) is not bool:
        raise ProtocolError(f"'{name}.executable' must be true or false")
    return file_extras(mtime, executable)


def inbox_item(name: str, value: Any) -> Item:
    """Check one inbox row that a broker sent; keys of its extras that are not known are left out.

    Of a kind to come only what every row tells is checked, and kept.
    """
    if type(value) is not list or len(value) != len(InboxItem._fields):
        raise ProtocolError(f"'{name}': an inbox item must be an array of {len(InboxItem._fields)} elements")
    row: Any = InboxItem._make(value)
    if (
        type(row.seq) is not int
        or not 1 <= row.seq <= LARGEST
        or type(row.direction) is not int
        or row.direction not in _DIRECTIONS
        or type(row.id) is not bytes
        or len(row.id) != ID_SIZE
        or type(row.kind) is not int
        or not 0 <= row.kind <= LARGEST
        or type(row.time) is not int
        or not 0 <= row.time <= LATEST
    ):
        raise ProtocolError(f"'{name}': this inbox item is not of the protocol's form")
    kind, body, file = _KINDS.get(row.kind), row.body, row.file
    direction, identity = _DIRECTIONS[row.direction], MessageId(row.id)
    if kind is None:  # whatever its other places hold is for a version that knows the kind
        return UnknownItem(row.seq, direction, identity, row.kind, row.time)
    known = NO_EXTRAS
    if row.extras or type(row.extras) is not dict:
        found = extras(f"{name}.extras", row.extras)
        known = _known_file_extras(f"{name}.extras", found) if kind is Kind.FILE else NO_EXTRAS
    if (
        type(row.sender) is not str
        or NAME_PATTERN.match(row.sender) is None
        or type(row.to) is not list
        or not 1 <= len(row.to) <= MAX_RECIPIENTS
        or not (type(body) is bytes or type(body) is str)
        or (utf8_size(body) if type(body) is str else len(body)) > MAX_BODY
        or (row.client_id is not None and (type(row.client_id) is not bytes or len(row.client_id) != ID_SIZE))
        or not all(type(each) is str and NAME_PATTERN.match(each) for each in row.to)
        or (file is not None) is not (kind is Kind.FILE)
    ):
        raise ProtocolError(f"'{name}': this inbox item is not of the protocol's form")
    facts = None if file is None else file_facts(f"{name}.file", file)
    if type(body) is not str:
        return UnknownItem(row.seq, direction, identity, kind, row.time)
    return InboxItem(
        seq=row.seq,
        direction=direction,
        id=identity,
        kind=kind,
        sender=UserName(row.sender),
        to=tuple(row.to),
        time=row.time,
        body=body,
        client_id=None if row.client_id is None else ClientId(row.client_id),
        file=facts,
        extras=known,
    )


def file_facts(name: str, value: Any) -> FileFacts:
    """Check what an item says of its file."""
    if type(value) is list and len(value) == len(FileFacts._fields):
        facts: Any = FileFacts._make(value)
        if (
            type(facts.id) is bytes
            and len(facts.id) == ID_SIZE
            and type(facts.name) is str
            and 1 <= utf8_size(facts.name) <= MAX_FILE_NAME
            and type(facts.size) is int
            and 0 <= facts.size <= LARGEST
            and type(facts.sha256) is bytes
            and len(facts.sha256) == DIGEST_SIZE
        ):
            return FileFacts._make(value)
    raise ProtocolError(f"'{name}': what this item says of its file is not of the protocol's form")
