"""What a handler wants done in the end. A handler touches no socket and commits no message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cnmessage_broker.between import News
from cnmessage_broker.loop.listeners import Listener
from cnmessage_broker.store.ports.records import Owner, Submission
from cnmessage_protocol.conversation import Conversation
from cnmessage_protocol.errors import ErrorCode, RequestError


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the request with this result record. `looked_at`: rows of the store that were read for it."""

    result: Any
    looked_at: int = 0


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the request with an error."""

    error: RequestError


@dataclass(frozen=True, slots=True)
class Submit:
    """Store these messages with the group and answer the request once they are on disk.

    `refused` are rows (client_id, code, text) of the same request that will not be stored.
    """

    submissions: list[Submission]
    refused: list[tuple[bytes, ErrorCode, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Confirm:
    """Answer the request with this result once the group it belongs to is on disk."""

    result: Any


@dataclass(frozen=True, slots=True)
class MarkRead:
    """The owner has read up to this seq, in one conversation if it is given; written with the group."""

    owner: Owner
    upto: int
    conversation: Conversation | None = None


@dataclass(frozen=True, slots=True)
class MarkReceived:
    """A client of the owner has everything up to this seq; written with the group."""

    owner: Owner
    upto: int


@dataclass(frozen=True, slots=True)
class MarkPresence:
    """The owner came online or went offline; written with the group."""

    owner: Owner
    online: bool


@dataclass(frozen=True, slots=True)
class MarkSeen:
    """The device of this key was used; written with the group."""

    key: str


@dataclass(frozen=True, slots=True)
class Push:
    """Seal and publish a delivery to one listener; it may be lost on its way."""

    listener: Listener
    kind: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the file thread."""

    news: News


@dataclass(frozen=True, slots=True)
class Note:
    """Write a line to the log, as a warning: an event with its fields, no secret and no text among them."""

    event: str
    fields: Mapping[str, object]


Mark = MarkRead | MarkReceived | MarkPresence | MarkSeen
Effect = Note | Reply | Refuse | Submit | Confirm | Mark | Push | Tell
