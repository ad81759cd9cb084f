"""The port of a store: accounts, devices, blacklists, messages and inboxes; what it keeps of files is a part.

A store speaks in domain verbs, never in queries, and knows no sockets and no requests. One method is one
transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from cnmessage_broker.store.ports.files import FileStore
from cnmessage_broker.store.ports.records import (
    Account,
    AccountId,
    Device,
    Found,
    Group,
    Marks,
    Outcome,
    Owner,
    Query,
    UserRow,
)
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import InboxItem


class Store(Protocol):
    """Durable state. Methods raise StoreError when the disk fails; reads never change anything."""

    @property
    def epoch(self) -> bytes:
        """16 bytes that change when an older state of the database was put back."""

    @property
    def files(self) -> FileStore:
        """What is kept about files."""

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
        """Put on the blacklist; False when it was on it."""

    def unblock(self, owner: Owner, target: AccountId) -> bool:
        """Take off the blacklist; False when it was not on it."""

    def blocked_by(self, owner: Owner) -> Sequence[UserName]:
        """Whom `owner` blocks, in order of name."""

    def blockers_of(self, sender: AccountId) -> Collection[AccountId]:
        """Who blocks `sender`."""

    def commit(self, group: Group) -> list[Outcome]:
        """Store a whole group durably; one outcome a submission, in order.

        An id stands for one message: CONFLICT for another one, and while an upload goes on under the id.
        """

    def has_message(self, sender: AccountId, client_id: ClientId) -> bool:
        """Whether a message of this sender has this id."""

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
        """Release everything; nothing may be called afterwards."""
