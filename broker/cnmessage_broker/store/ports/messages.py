"""What the broker needs from a store, and the records that pass between them.

A store speaks in domain verbs, never in queries; one method is one transaction. Every backend runs under
one contract suite (tests/contract). Only app.py names a concrete one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from cnmessage_broker.store.ports.files import FileStore
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import FileFacts, InboxItem, Kind

AccountId = int
SEEN_GRAIN = 60_000
"""Milliseconds within which a device's last use is not written again."""

MOST_UNREAD = 100_000
"""Unread items that are counted: it takes as long as they are many."""

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


@dataclass(frozen=True, slots=True)
class Submission:
    """A message to store. `recipients` are all it is addressed to; it enters the inboxes of those who are not
    in `withheld`, and the sender's own.

    A sender who is among the recipients gets one received item and no copy. `to` is what everybody sees.
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


@dataclass(frozen=True, slots=True)
class Stored:
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
    """Everything one turn of the reactor wants on disk: one transaction, one fsync.

    `read` and `received` map owners to a seq and only ever raise it; `arrived` and `left` tell who got
    their first and lost their last attachment, with the time in ms.
    """

    submissions: list[Submission] = field(default_factory=list)
    read: dict[Owner, int] = field(default_factory=dict)
    received: dict[Owner, int] = field(default_factory=dict)
    presence: list[tuple[Owner, bool, int]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.submissions or self.read or self.received or self.presence)


@dataclass(frozen=True, slots=True)
class Marks:
    """How far an inbox goes: `head` the last seq, `read` and `received` what its owner's clients have.

    `away_from` and `away_upto` bound the last period without an attachment: items with
    away_from < seq ≤ away_upto came in it; `away_upto` is None while it lasts.
    """

    head: int
    read: int
    received: int
    away_from: int
    away_upto: int | None


@dataclass(frozen=True, slots=True)
class Query:
    """Which inbox items a history request wants; every set field narrows it.

    `above` and `upto` bound seq (exclusive, inclusive), `since` and `until` the time in ms (inclusive,
    exclusive). At most `limit` latest matches, of about `max_bytes` on the wire, one at least; at most `scan`
    items are looked at, with about `scan_bytes` of names and text in them.
    """

    limit: int
    above: int = 0
    upto: int | None = None
    since: int | None = None
    until: int | None = None
    peer: UserName | None = None
    received_only: bool = True
    direct_only: bool = False
    max_bytes: int = 1 << 18
    scan: int = 2_000
    scan_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """Matches in rising seq; when `more`, older items may match: ask again with upto = before - 1.

    `looked_at` is how many items were read for it, whether they match or not.
    """

    items: Sequence[InboxItem]
    more: bool
    before: int
    looked_at: int


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


class Store(FileStore, Protocol):
    """Durable state. Methods raise StoreError when the disk fails; reads never change anything."""

    @property
    def epoch(self) -> bytes:
        """16 bytes that change when an older state of the database was put back."""

    def create_account(self, name: UserName, password: str, now: int) -> Account:
        """A new account with an empty inbox, away since ever; NameTakenError if the name exists."""

    def account_by_name(self, name: str) -> Account | None:
        """The account of a lower-cased name."""

    def account(self, account: AccountId) -> Account | None:
        """The account of an id."""

    def users(self, after: str, limit: int) -> Sequence[UserRow]:
        """Accounts with a name above `after`, in order of name."""

    def change_password(self, account: AccountId, password: str, keep: str) -> Sequence[Device]:
        """Set the hash and unbind every device but the key `keep`; gives the devices unbound."""

    def bind_device(self, key: str, account: AccountId, label: str, now: int) -> Device:
        """Bind a key to an account, replacing any earlier binding; the same binding keeps its id."""

    def device(self, key: str) -> Device | None:
        """The binding of a key."""

    def devices(self, account: AccountId) -> Sequence[Device]:
        """All keys of an account in order of id."""

    def unbind_device(self, account: AccountId, device: int) -> Device | None:
        """Remove one of an account's bindings; gives it, or None when it is not one of theirs."""

    def saw_device(self, key: str, now: int) -> None:
        """The device was used; kept exact to the minute only, to spare the disk."""

    def block(self, owner: Owner, target: AccountId) -> bool:
        """Put on the blocklist; False when it was on it."""

    def unblock(self, owner: Owner, target: AccountId) -> bool:
        """Take off the blocklist; False when it was not on it."""

    def blocked_by(self, owner: Owner) -> Sequence[UserName]:
        """Whom `owner` blocks, in order of name."""

    def blockers_of(self, sender: AccountId) -> Collection[AccountId]:
        """Who blocks `sender`."""

    def commit(self, group: Group) -> list[Outcome]:
        """Store a whole group durably; one outcome a submission, in order."""

    def marks(self, owner: Owner) -> Marks:
        """How far this inbox goes."""

    def inbox_after(self, owner: Owner, after: int, limit: int, max_bytes: int) -> Sequence[InboxItem]:
        """Items above `after` in rising seq: at most `limit`, and `max_bytes` of the wire, one at least."""

    def history(self, owner: Owner, query: Query) -> Found:
        """The latest items that match."""

    def unread(self, owner: Owner) -> int:
        """How many received items lie above the read mark, at most MOST_UNREAD."""

    def receipts(
        self,
        sender: AccountId,
        ids: Sequence[MessageId],
        limit: int,
    ) -> Mapping[MessageId, Sequence[tuple[UserName, bool, bool]]]:
        """For each of the sender's messages rows (recipient, received, read); others' are left out.

        Everyone it was addressed to has a row, but for each message there are at most `limit`. One who
        blocks looks like one who is away.
        """

    def close(self) -> None:
        """Checkpoint and release; nothing may be called afterwards."""
