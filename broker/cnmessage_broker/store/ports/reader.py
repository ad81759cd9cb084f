"""The port of reading pages: what may take long, and is read beside the writer.

A reader belongs to one thread. It sees all that was committed before it was asked.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from cnmessage_broker.store.ports.records import (
    AccountId,
    ConversationRow,
    FetchRow,
    FileRow,
    FilesFound,
    Found,
    Owner,
    Place,
    Query,
    Usage,
    UserRow,
)
from cnmessage_protocol.ids import ClientId, FileId, MessageId, UserName
from cnmessage_protocol.records import InboxItem


class FileReader(Protocol):
    """Files, and who fetches them."""

    def find(self, file: FileId) -> FileRow | None:
        """The file of an id."""

    def upload(self, owner: AccountId, client_id: ClientId) -> FileRow | None:
        """The file that an owner's upload became."""

    def usage(self, owner: AccountId) -> Usage:
        """All files of an owner that are uploading or stored."""

    def may_fetch(self, file: FileId, account: AccountId) -> bool:
        """Whether this account was addressed and not withheld from; an owner's own right is FileRow.owner."""

    def fetches(self, file: FileId) -> Sequence[FetchRow]:
        """Everyone the file was addressed to, in order; who got nothing looks like one who does not fetch."""

    def needs_content(self, sha256: bytes) -> bool:
        """Whether a stored file has this digest."""

    def sent(self, owner: AccountId, before: int | None, limit: int, max_bytes: int) -> FilesFound:
        """An owner's files with an order below `before`: at most `limit`, and `max_bytes`, one at least."""

    def received(self, account: AccountId, before: int | None, limit: int, max_bytes: int) -> FilesFound:
        """The same of the files that this account may fetch, with how far it is with each."""


class Reader(Protocol):
    """Pages of inboxes, users and files. Methods raise StoreError when the disk fails."""

    @property
    def files(self) -> FileReader:
        """What is kept about files."""

    def one_state(self) -> AbstractContextManager[None]:
        """What is read in here belongs together, whatever is written meanwhile."""

    def users(self, after: str, limit: int) -> Sequence[UserRow]:
        """Accounts with a name above `after`, in order of name."""

    def inbox_after(self, owner: Owner, after: int, limit: int, max_bytes: int) -> Sequence[InboxItem]:
        """Items above `after` in rising seq: at most `limit`, and `max_bytes` of the wire, one at least."""

    def history(self, owner: Owner, query: Query) -> Found:
        """The latest items that match, found in about the same time however large the inbox is."""

    def conversations(
        self, owner: Owner, behind: Place | None, limit: int, max_bytes: int
    ) -> Sequence[ConversationRow]:
        """The owner's conversations, the one with the latest item first, several with the same by name: those
        behind this place, at most `limit`, and `max_bytes` of the wire, one at least.
        """

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
