"""The port of a store: accounts, devices, blacklists, messages and inboxes; what it keeps of files is a part.

A store speaks in domain verbs, never in queries, and knows no sockets and no requests. One method is one
transaction, and one thread at a time writes.
"""

from typing import Protocol

from cnmessage_broker.store.ports.directory import Directory
from cnmessage_broker.store.ports.files import FileStore
from cnmessage_broker.store.ports.reader import Reader
from cnmessage_broker.store.ports.records import Account, AccountId, Device, Group, Outcome, Owner
from cnmessage_protocol.ids import ClientId, UserName


class Store(Directory, Reader, Protocol):
    """Durable state. Methods raise StoreError when the disk fails; reads never change anything."""

    @property
    def files(self) -> FileStore:
        """What is kept about files."""

    def reader(self) -> Reader:
        """One more reader, for a thread of its own; whoever asked for it closes it before the store."""

    def create_account(self, name: UserName, password: str, now: int) -> Account:
        """A new account with an empty inbox, away since ever; NameTakenError if the name exists."""

    def change_password(
        self, account: AccountId, password: str, keep: str, *, was: str | None = None
    ) -> list[Device]:
        """Set the hash and unbind every device but the key `keep`; gives the devices unbound.

        PasswordChangedError if the hash is not `was` any more.
        """

    def bind_device(
        self, key: str, account: AccountId, label: str, now: int, *, password: str | None = None
    ) -> Device:
        """Bind a key to an account, replacing any earlier binding; the same binding keeps its id.

        PasswordChangedError if the account's hash is not `password` any more.
        """

    def unbind_device(self, account: AccountId, device: int) -> Device | None:
        """Remove one of an account's bindings; gives it, or None when it is not one of theirs."""

    def block(self, owner: Owner, target: AccountId) -> bool:
        """Put on the blacklist; False when it was on it."""

    def unblock(self, owner: Owner, target: AccountId) -> bool:
        """Take off the blacklist; False when it was not on it."""

    def commit(self, group: Group) -> list[Outcome]:
        """Store a whole group durably; one outcome a submission, in order.

        An id stands for one message: CONFLICT for another one, and while an upload goes on under the id.
        """

    def has_message(self, sender: AccountId, client_id: ClientId) -> bool:
        """Whether a message of this sender has this id."""
