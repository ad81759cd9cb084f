"""What the client hands to applications: plain frozen records with text ids and real times."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast, get_args

from msgspec import Struct

from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import id_text
from cnmessage_protocol.records import Direction, FileFacts, Item, Kind, UnknownItem
from cnmessage_protocol.results import ListedConversation, ListedDevice, ListedFile, ListedUser

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND


MessageKind = Literal["direct", "broadcast", "file"]

Level = Literal["stored", "delivered", "read"]
"""How far a message has come: on the broker's disk, with a client of its recipient, seen."""

LEVELS: tuple[Level, ...] = get_args(Level)
"""All of them, in order."""

_KIND_NAMES: Mapping[int, MessageKind] = {
    Kind.DIRECT: "direct",
    Kind.BROADCAST: "broadcast",
    Kind.FILE: "file",
}

FileStatus = Literal["uploading", "stored", "withdrawn", "expired"]
RecipientStatus = Literal["offered", "fetching", "done", "expired", "failed"]
Phase = Literal["waiting", "sending", "receiving", "verifying", "done", "failed"]


class MessageFile(Struct, frozen=True):
    """The file a message offers. `size` in bytes, `sha256` in hexadecimal; `name` is not cleaned."""

    id: str
    name: str
    size: int
    sha256: str

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints for it."""
        return {"id": self.id, "name": self.name, "size": self.size, "sha256": self.sha256}


class Message(Struct, frozen=True):
    """One entry of the inbox; `received` is False for own copies, `file` is there for kind file only."""

    id: str
    seq: int
    kind: MessageKind
    sender: str
    to: tuple[str, ...]
    time: datetime
    body: str
    received: bool
    client_id: str | None
    file: MessageFile | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints for it everywhere; `file` is there for kind file only."""
        file = {} if self.file is None else {"file": self.file.as_json()}
        return {
            "id": self.id,
            "seq": self.seq,
            "kind": self.kind,
            "from": self.sender,
            "to": list(self.to),
            "time": json_time(self.time),
            "body": self.body,
            **file,
        }


UNKNOWN = "an item that this version cannot show"
"""What a person is told instead of it."""


class Unknown(Struct, frozen=True):
    """An entry of the inbox that this version cannot show: of a kind to come, or a message that is no text.

    `kind` is its number on the wire where it has no name here.
    """

    id: str
    seq: int
    kind: str
    time: datetime
    received: bool

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints for it everywhere."""
        return {"kind": self.kind, "seq": self.seq, "id": self.id, "time": json_time(self.time)}


class ConversationInfo(Struct, frozen=True):
    """A conversation with a user, or "all": received items that are not read, and its last item."""

    name: str
    unread: int
    last: Message | Unknown

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints for it."""
        return {"name": self.name, "unread": self.unread, "last": self.last.as_json()}


class Receipt(Struct, frozen=True):
    """A message is on the broker's disk. `seq` is that of the sender's own copy."""

    id: str
    client_id: str
    seq: int
    recipients: int


class User(Struct, frozen=True):
    """One account. `last_seen` is None for a user who never was online."""

    name: str
    online: bool
    last_seen: datetime | None

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints for it."""
        seen = None if self.last_seen is None else json_time(self.last_seen)
        return {"name": self.name, "online": self.online, "last_seen": seen}


class Device(Struct, frozen=True):
    """One device that is logged in to this account."""

    id: int
    label: str
    created: datetime
    last_seen: datetime
    online: bool
    current: bool

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints for it."""
        return {
            "id": self.id,
            "label": self.label,
            "created": json_time(self.created),
            "last_seen": json_time(self.last_seen),
            "online": self.online,
            "current": self.current,
        }


class Delivered(Struct, frozen=True):
    """How far one message has come, by recipient."""

    id: str
    states: Mapping[str, Level]


class TransferProgress(Struct, frozen=True):
    """How far one file has come: `done` of `size` bytes; `started_at` is where this run began.

    `error` says why it failed, which the call that moves the file raises. `file` is the file's id, None while
    the broker has not given one.
    """

    name: str
    file: str | None
    phase: Phase
    done: int
    size: int
    started_at: int
    error: CnMessageError | None = None


Progress = Callable[[TransferProgress], None]
"""Is told how far a file has come."""


class SentFile(Struct, frozen=True):
    """One file of a send: it is offered to its recipients, or in a FilesError, and `error` says why not.

    With an error, ids and digest are empty as far as they were not known before.
    """

    id: str
    name: str
    size: int
    sha256: str
    message: str
    recipients: int
    error: CnMessageError | None = None


class FilesError(CnMessageError):
    """Some files of a send were not sent: `failed` are those, each with its error; `sent` are the others.

    Its code is that of the failures where all failed alike, else PARTIAL.
    """

    def __init__(self, sent: Sequence[SentFile], failed: Sequence[SentFile]) -> None:
        errors = [each.error for each in failed if each.error is not None]
        codes = {each.code for each in errors}
        code = ErrorCode.PARTIAL if sent or len(codes) != 1 else codes.pop()
        texts = [each.message for each in errors]
        count = f"{len(failed)} of {len(sent) + len(failed)} files not sent: "
        super().__init__(code, (count if len(sent) + len(failed) > 1 else "") + "; ".join(texts))
        self.sent, self.failed = list(sent), list(failed)


class RecipientState(Struct, frozen=True):
    """How far one recipient is with a file."""

    name: str
    state: RecipientStatus
    bytes: int


class FileInfo(Struct, frozen=True):
    """A file that was sent or offered.

    `sha256` is None while it is being uploaded, `expires` for one that stays. A receiver sees only itself in
    `recipients`.
    """

    id: str
    name: str
    size: int
    sha256: str | None
    sender: str
    note: str
    time: datetime
    expires: datetime | None
    state: FileStatus
    recipients: tuple[RecipientState, ...]

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints for it."""
        return {
            "id": self.id,
            "name": self.name,
            "size": self.size,
            "sha256": self.sha256,
            "from": self.sender,
            "note": self.note,
            "time": json_time(self.time),
            "expires": None if self.expires is None else json_time(self.expires),
            "state": self.state,
            "recipients": [
                {"name": each.name, "state": each.state, "bytes": each.bytes} for each in self.recipients
            ],
        }


Offer = FileInfo | MessageFile
"""What tells of a file that is offered."""


def pushed_json(kind: str) -> dict[str, Any]:
    """The object that `--json` prints for a delivery of a kind to come, which is in no inbox."""
    return {"kind": kind, "seq": None, "id": None, "time": None}


def delivered_of(row: tuple[bytes, Sequence[tuple[str, Any]]]) -> Delivered:
    """The application's view of a row of results.ReceiptList."""
    identity, states = row
    return Delivered(id_text(identity), dict(states))


def device_of(row: ListedDevice) -> Device:
    """The application's view of a listed device."""
    created, seen = from_millis(row.created), from_millis(row.last_seen)
    return Device(row.device, row.label, created, seen, row.online, row.current)


def user_of(row: ListedUser) -> User:
    """The application's view of a listed user."""
    return User(row.name, row.online, None if row.last_seen is None else from_millis(row.last_seen))


def file_info(row: ListedFile) -> FileInfo:
    """The application's view of a listed file; the protocol has checked which words its states are."""
    return FileInfo(
        id_text(row.id),
        row.name,
        row.size,
        None if row.sha256 is None else row.sha256.hex(),
        row.sender,
        row.note,
        from_millis(row.time),
        None if row.expires is None else from_millis(row.expires),
        cast("FileStatus", row.state),
        tuple(RecipientState(name, cast("RecipientStatus", at), size) for name, at, size in row.recipients),
    )


def entry_of(item: Item) -> Message | Unknown:
    """The application's view of an inbox item."""
    if isinstance(item, UnknownItem):
        return Unknown(
            id_text(item.id),
            item.seq,
            _KIND_NAMES.get(item.kind, str(item.kind)),
            from_millis(item.time),
            item.direction is Direction.RECEIVED,
        )
    return Message(
        id_text(item.id),
        item.seq,
        _KIND_NAMES[item.kind],
        item.sender,
        item.to,
        from_millis(item.time),
        item.body,
        item.direction is Direction.RECEIVED,
        None if item.client_id is None else id_text(item.client_id),
        None if item.file is None else _file_of(item.file),
    )


def conversation_info(row: ListedConversation) -> ConversationInfo:
    """The application's view of a row of the list of conversations."""
    return ConversationInfo(row.name, row.unread, entry_of(row.last))


def _file_of(facts: FileFacts) -> MessageFile:
    return MessageFile(id_text(facts.id), facts.name, facts.size, facts.sha256.hex())


def from_millis(milliseconds: int) -> datetime:
    """A UTC time from milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def to_millis(time: datetime) -> int:
    """Milliseconds since 1970, 0 for all that was before; a time without a zone is taken as local."""
    try:
        return max(0, (time.astimezone(UTC) - _EPOCH) // _MILLISECOND)
    except (OverflowError, ValueError):  # within a day of the first year or of the last
        return 0 if time.year < _EPOCH.year else _LATEST


def json_time(time: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
