"""What the broker needs to keep about files, and the records that pass between it and a store.

Part of `ports.Store`; one method is one transaction. A file's bytes are elsewhere (blobs.py): here is who
sent it, who may fetch it and how far each is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cnmessage_protocol.ids import ClientId, FileId, MessageId, UserName
from cnmessage_protocol.records import utf8_size

AccountId = int
"""As in ports.py, which stands above this module."""


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
    """An upload that begins. Times in ms since 1970, `size` in bytes."""

    id: FileId
    client_id: ClientId
    owner: AccountId
    name: str
    size: int
    to: tuple[UserName, ...]
    note: str
    created: int
    expires: int | None


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


class FileStore(Protocol):
    """Durable state about files.

    `Store.commit` of a submission that carries a file's facts makes an uploading file a stored one, in the
    transaction of its message: digest, message, seq and everyone addressed are set. A file that ended before
    that stays ended, and one that has a message already keeps it.
    """

    def add_file(self, new: NewFile) -> FileRow:
        """Enter an upload; for a known (owner, client_id) the row there is, whatever else differs."""

    def file(self, file: FileId) -> FileRow | None:
        """The file of an id."""

    def upload(self, owner: AccountId, client_id: ClientId) -> FileRow | None:
        """The file that an owner's upload became."""

    def file_usage(self, owner: AccountId) -> Usage:
        """All files of an owner that are uploading or stored."""

    def may_fetch(self, file: FileId, account: AccountId) -> bool:
        """Whether this account was addressed and not withheld from; an owner's own right is FileRow.owner."""

    def fetches(self, file: FileId) -> Sequence[FetchRow]:
        """Everyone the file was addressed to, in order; who got nothing looks like one who does not fetch."""

    def set_fetch(
        self, file: FileId, account: AccountId, status: FetchStatus, offset: int, now: int
    ) -> FetchRow | None:
        """Write down how far a recipient is; DONE stays. What holds now; None if they may not fetch."""

    def sent_files(self, owner: AccountId, before: int | None, limit: int, max_bytes: int) -> FilesFound:
        """An owner's files with an order below `before`: at most `limit`, and `max_bytes`, one at least."""

    def received_files(
        self, account: AccountId, before: int | None, limit: int, max_bytes: int
    ) -> FilesFound:
        """The same of the files that this account may fetch, with how far it is with each."""

    def end_file(self, file: FileId, status: FileStatus) -> bytes | None:
        """Withdraw or expire a file, which stays readable; one that has ended already stays as it is.

        Gives its digest if that was a stored file and no other one needs the content.
        """

    def needs_content(self, sha256: bytes) -> bool:
        """Whether a stored file has this digest."""

    def newly_overdue(self, clock: Clock, limit: int) -> Sequence[FileRow]:
        """Stored files, then uploads, that are past due and have no grace yet; the longest overdue first."""

    def age_files(self, clock: Clock, elapsed: int, longest: int, graces: Mapping[FileId, int]) -> None:
        """The broker has run for `elapsed` seconds more: graces that were given have that much less left.

        What is not past due any more, because the clock was put right, has none; no grace is longer than
        `longest`, all in seconds. Then `graces` gives these files theirs. Nothing is written when no file is
        past due.
        """

    def due_files(self, clock: Clock, limit: int) -> Sequence[FileRow]:
        """Stored files, then uploads, that are past due and whose grace is over; the longest over first."""

    def live_digests(self) -> Iterable[bytes]:
        """Contents that stored files need."""

    def open_uploads(self) -> Iterable[FileId]:
        """Files that are uploading."""
