"""What passes between the broker and a store: frozen records, and what a store raises.

Plain values: they know neither how a store keeps them nor what travels on the wire. Times are in ms since
1970, sizes in bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

from msgspec import Struct

from cnmessage_protocol.conversation import Conversation
from cnmessage_protocol.ids import ClientId, FileId, MessageId, UserName
from cnmessage_protocol.records import NO_EXTRAS, FileFacts, InboxItem, Kind, utf8_size

AccountId = int
Owner = int
"""The account whose inbox is meant."""


@dataclass(frozen=True, slots=True)
class Account:
    """One user. `password` is an argon2id hash; times are in ms since 1970."""

    id: AccountId
    name: UserName
    password: str
    created: int


@dataclass(frozen=True, slots=True)
class Device:
    """A CURVE key bound to an account; `key` is its z85 text."""

    id: int
    key: str
    account: AccountId
    label: str
    created: int
    last_seen: int


class Submission(Struct, frozen=True):
    """A message to store. `recipients` are all it is addressed to; it enters the inboxes of those who are not
    in `withheld`, and the sender's own.

    A sender who is among the recipients gets one received item and no copy. `to` is what everybody sees.
    `extras` are those of its rows: they are kept with the file that it completes.
    """

    id: MessageId
    client_id: ClientId
    sender: AccountId
    sender_name: UserName
    recipients: tuple[AccountId, ...]
    to: tuple[UserName, ...]
    kind: Kind
    body: str
    time: int
    withheld: frozenset[AccountId] = frozenset()
    file: FileFacts | None = None
    extras: Mapping[str, Any] = NO_EXTRAS


class Stored(Struct, frozen=True):
    """A submission is on disk. `seq` is that of the sender's own item, `places` are rows (recipient, seq).

    Every recipient has a place; a seq of 0 says that it was withheld from their inbox, because blocking is
    silent and the sender must see no difference.
    `fresh` is False when the same client id was stored before: the earlier id and numbers are given.
    """

    id: MessageId
    seq: int
    places: tuple[tuple[Owner, int], ...]
    fresh: bool


class Conflict(Enum):
    """The client id stands for another message already."""

    CLIENT_ID = "client_id"


Outcome = Stored | Conflict


@dataclass(slots=True)
class Group:
    """Everything that goes to the disk together: one transaction, one fsync.

    `read` and `received` map owners to a seq and only ever raise it, `read_in` one conversation of theirs;
    `presence` tells who got their first
    listener (True) or lost their last one, with the time in ms; `seen` when a device's key was used last.
    """

    submissions: list[Submission] = field(default_factory=list)
    read: dict[Owner, int] = field(default_factory=dict)
    received: dict[Owner, int] = field(default_factory=dict)
    presence: list[tuple[Owner, bool, int]] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    read_in: dict[tuple[Owner, Conversation], int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        marks = self.read or self.read_in or self.received
        return bool(self.submissions or marks or self.presence or self.seen)


@dataclass(frozen=True, slots=True)
class Marks:
    """How far an inbox goes: `head` the last seq, `read` and `received` what its owner's clients have.

    `away_from` and `away_upto` bound the last period without a listener: items with
    away_from < seq ≤ away_upto came in it; `away_upto` is None while it lasts. Up to `read` everything is
    read; above it conversations have marks of their own. `unread` counts received items that are not read.
    """

    head: int
    read: int
    received: int
    away_from: int
    away_upto: int | None
    unread: int


@dataclass(frozen=True, slots=True)
class Query:
    """Which inbox items a history request wants; every set field narrows it. Received ones may be unread.

    `above` and `upto` bound seq (exclusive, inclusive), `since` and `until` the time in ms (inclusive,
    exclusive). At most `limit` latest matches, of about `max_bytes` on the wire, one at least.
    """

    limit: int
    above: int = 0
    upto: int | None = None
    since: int | None = None
    until: int | None = None
    conversation: Conversation | None = None
    received_only: bool = True
    direct_only: bool = False
    unread_only: bool = False
    max_bytes: int = 1 << 18


@dataclass(frozen=True, slots=True)
class Found:
    """Matches in rising seq; when `more`, older items may match: ask again with upto = before - 1."""

    items: Sequence[InboxItem]
    more: bool
    before: int


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation of an owner: how many received items of it are not read, how far it is read, and its
    last item, of either direction.
    """

    conversation: Conversation
    unread: int
    read: int
    last: InboxItem


Place = tuple[int, str]
"""Where a conversation stands in the list: the seq of its last item, its name."""


@dataclass(frozen=True, slots=True)
class UserRow:
    """One line of the user list; `last_seen` in ms: last came, left or sent. None if never."""

    id: AccountId
    name: UserName
    last_seen: int | None


class StoreError(Exception):
    """The disk did not take it: nothing of the transaction is stored.

    `fatal` when the disk is not merely full: after a failed fsync nobody knows what it holds, so the
    broker must stop and let the database recover at its next start.
    """

    def __init__(self, message: str, *, fatal: bool) -> None:
        super().__init__(message)
        self.fatal = fatal


class NameTakenError(Exception):
    """An account of that name exists already."""


class PasswordChangedError(Exception):
    """The account's password is not the one any more that was checked."""


# -- files -------------------------------------------------------------------------------------


class FileStatus(StrEnum):
    """Where a file is in its life."""

    UPLOADING = "uploading"
    STORED = "stored"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class FetchStatus(StrEnum):
    """How far one recipient is with a file."""

    OFFERED = "offered"
    FETCHING = "fetching"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NewFile:
    """An upload that begins. Times in ms since 1970, `size` in bytes.

    `mtime` and `executable`: as it was on its sender's disk, as far as that is known.
    """

    id: FileId
    client_id: ClientId
    owner: AccountId
    name: str
    size: int
    to: tuple[UserName, ...]
    note: str
    created: int
    expires: int | None
    mtime: int | None = None
    executable: bool = False


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file. `order` rises with each new one. `sha256`, `message` and `seq` are set once it is stored."""

    order: int
    id: FileId
    client_id: ClientId
    owner: AccountId
    owner_name: UserName
    name: str
    size: int
    sha256: bytes | None
    to: tuple[UserName, ...]
    note: str
    created: int
    expires: int | None
    status: FileStatus
    message: MessageId | None
    seq: int
    recipients: int
    mtime: int | None = None
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What an owner's files take: bytes, by the size they will have, and how many they are.

    Those that are stored and past due, once they have a grace, are counted apart: `overdue_size` and
    `overdue_files`.
    """

    size: int
    files: int
    overdue_size: int
    overdue_files: int


@dataclass(frozen=True, slots=True)
class Clock:
    """Now, in ms since 1970: files that expire at or before `now` are past due, and so are uploads that began
    before `uploads_before`.
    """

    now: int
    uploads_before: int


@dataclass(frozen=True, slots=True)
class FetchRow:
    """One recipient of a file; `offset` in bytes, as far as it was when last written down."""

    account: AccountId
    name: UserName
    status: FetchStatus
    offset: int


@dataclass(frozen=True, slots=True)
class FilesFound:
    """A page of files, the latest first, each with how far its recipients are, or the one who asked.

    When `more`, there may be older ones: ask again before the last one's `order`. `looked_at` is how many
    rows were read for it, recipients included.
    """

    files: Sequence[tuple[FileRow, Sequence[FetchRow]]]
    more: bool
    looked_at: int


_FILE_BYTES = 160
_FETCH_BYTES = 56


def listed_size(row: FileRow, fetches: int) -> int:
    """How many bytes a file takes in a list, or somewhat more, when `fetches` recipients stand with it."""
    return _FILE_BYTES + utf8_size(row.name) + utf8_size(row.note) + _FETCH_BYTES * fetches
