"""The port of what a store holds in memory: who there is, and how each inbox stands.

It is asked on every request, so it never waits and never fails, and any thread may ask. What is written shows
here once it is on disk.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from cnmessage_broker.store.ports.records import Account, AccountId, Device, Marks, Owner
from cnmessage_protocol.ids import UserName


class Directory(Protocol):
    """Accounts, devices, blacklists and the marks of inboxes, as of the last commit."""

    @property
    def epoch(self) -> bytes:
        """16 bytes that change when an older state of the database was put back."""

    def account_by_name(self, name: str) -> Account | None:
        """The account of a lower-cased name."""

    def account(self, account: AccountId) -> Account | None:
        """The account of an id."""

    def device(self, key: str) -> Device | None:
        """The binding of a key."""

    def devices(self, account: AccountId) -> Sequence[Device]:
        """All keys of an account in order of id."""

    def blocked_by(self, owner: Owner) -> Sequence[UserName]:
        """Whom `owner` blocks, in order of name."""

    def blockers_of(self, sender: AccountId) -> Collection[AccountId]:
        """Who blocks `sender`."""

    def marks(self, owner: Owner) -> Marks:
        """How far this inbox goes."""
