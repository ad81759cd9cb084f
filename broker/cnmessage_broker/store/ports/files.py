"""The port of what a store keeps about files; one method is one transaction.

A file's bytes are elsewhere: here is who sent it, who may fetch it and how far each is.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from cnmessage_broker.store.ports.reader import FileReader
from cnmessage_broker.store.ports.records import (
    AccountId,
    Clock,
    FetchRow,
    FetchStatus,
    FileRow,
    FileStatus,
    NewFile,
)
from cnmessage_protocol.ids import FileId


class FileStore(FileReader, Protocol):
    """Durable state about files.

    `Store.commit` of a submission that carries a file's facts makes an uploading file a stored one, in the
    transaction of its message: digest, message, seq and everyone addressed are set. A file that ended before
    that stays ended, and one that has a message already keeps it.
    """

    def add(self, new: NewFile) -> FileRow:
        """Enter an upload; for a known (owner, client_id) the row there is, whatever else differs."""

    def set_fetch(
        self, file: FileId, account: AccountId, status: FetchStatus, offset: int, now: int
    ) -> FetchRow | None:
        """Write down how far a recipient is; DONE stays. What holds now; None if they may not fetch."""

    def end(self, file: FileId, status: FileStatus) -> bytes | None:
        """Withdraw or expire a file, which stays readable; one that has ended already stays as it is.

        Gives its digest if that was a stored file and no other one needs the content.
        """

    def expire(self, files: Sequence[FileId]) -> Sequence[bytes]:
        """End these because their time is over; gives the digests that no stored file needs any more."""

    def newly_overdue(self, clock: Clock, limit: int) -> Sequence[FileRow]:
        """Stored files, then uploads, that are past due and have no grace yet; the longest overdue first."""

    def age(self, clock: Clock, elapsed: int, longest: int, graces: Mapping[FileId, int]) -> None:
        """The broker has run for `elapsed` seconds more: graces that were given have that much less left.

        What is not past due any more, because the clock was put right, has none; no grace is longer than
        `longest`, all in seconds. Then `graces` gives these files theirs. Nothing is written when no file is
        past due.
        """

    def due(self, clock: Clock, limit: int) -> Sequence[FileRow]:
        """Stored files, then uploads, that are past due and whose grace is over; the longest over first."""

    def live_digests(self) -> Iterable[bytes]:
        """Contents that stored files need."""

    def open_uploads(self) -> Iterable[FileId]:
        """Files that are uploading."""
