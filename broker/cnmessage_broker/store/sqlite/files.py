"""What the SQLite store keeps about files; see FileStore for the contract.

Knows nothing of inboxes: a message that completes a file is handed to it once it has its places. Who fetches
stands in rows of its own, beside the places of the message: those are never written again.
"""

from collections.abc import Iterable, Mapping, Sequence

from cnmessage_broker.store.ports.records import (
    Account,
    AccountId,
    Clock,
    FetchRow,
    FetchStatus,
    FileRow,
    FileStatus,
    NewFile,
    Stored,
    Submission,
)
from cnmessage_broker.store.sqlite.database import Database
from cnmessage_broker.store.sqlite.file_reader import SqliteFileReader
from cnmessage_protocol.ids import FileId
from cnmessage_protocol.records import FileFacts


class SqliteFiles(SqliteFileReader):
    """Files and who fetches them, in the database and with the accounts of the store."""

    def __init__(self, db: Database, accounts: Mapping[AccountId, Account]) -> None:
        super().__init__(db, accounts)
        self._db = db

    def add(self, new: NewFile) -> FileRow:
        known = self.upload(new.owner, new.client_id)
        if known is not None:
            return known
        values = (
            new.id,
            new.client_id,
            new.owner,
            new.name,
            new.size,
            " ".join(new.to),
            new.note,
            new.created,
            new.expires,
            new.mtime,
            new.executable,
        )
        with self._db.transaction():
            (row,) = self._db.run("add_file", values)
        return self.file(row)

    def uploading(self, messages: Iterable[Submission]) -> bool:
        """Whether an upload goes on under the id of one of these messages."""
        return bool(self._db.run("some_upload")) and any(
            self._db.run("uploading", (each.sender, each.client_id)) for each in messages if each.file is None
        )

    def set_fetch(
        self, file: FileId, account: AccountId, status: FetchStatus, offset: int, now: int
    ) -> FetchRow | None:
        for row in self._db.run("fetch", (file, account)):
            known = self.fetch(row)
            wanted = FetchRow(account, known.name, status, offset)
            if known.status is FetchStatus.DONE or known == wanted:
                return known
            with self._db.transaction():
                self._db.run("set_fetch", (status, offset, now, file, account))
            return wanted
        return None

    def end(self, file: FileId, status: FileStatus) -> bytes | None:
        with self._db.transaction():
            return self._ended(file, status)

    def expire(self, files: Sequence[FileId]) -> Sequence[bytes]:
        with self._db.transaction():
            digests = [self._ended(file, FileStatus.EXPIRED) for file in files]
        return [each for each in digests if each is not None]

    def _ended(self, file: FileId, status: FileStatus) -> bytes | None:
        for (digest,) in self._db.run("end_file", (status, file)):
            if digest is not None and not self.needs_content(digest):
                return bytes(digest)
        return None

    def newly_overdue(self, clock: Clock, limit: int) -> Sequence[FileRow]:
        rows = self._db.run("fresh_overdue_files", (clock.now, limit))
        rows += self._db.run("fresh_overdue_uploads", (clock.uploads_before, limit - len(rows)))
        return [self.file(row) for row in rows]

    def age(self, clock: Clock, elapsed: int, longest: int, graces: Mapping[FileId, int]) -> None:
        some = self._db.run("some_overdue_file") or self._db.run("some_overdue_upload")
        if not some and not graces:
            return
        with self._db.transaction():
            if some:
                self._db.run("run_on", (elapsed,))
                self._db.run("files_in_time", (clock.now,))
                self._db.run("uploads_in_time", (clock.uploads_before,))
                self._db.run("shorten_files", {"longest": self._running() + longest})
                self._db.run("shorten_uploads", {"longest": self._running() + longest})
            running = self._running()
            self._db.many("overdue", [(running + grace, file) for file, grace in graces.items()])

    def due(self, clock: Clock, limit: int) -> Sequence[FileRow]:
        values = {"running": self._running(), "limit": limit}
        rows = self._db.run("ended_files", {**values, "now": clock.now})
        values["limit"] -= len(rows)
        rows += self._db.run("ended_uploads", {**values, "uploads_before": clock.uploads_before})
        return [self.file(row) for row in rows]

    def live_digests(self) -> Iterable[bytes]:
        return [digest for (digest,) in self._db.run("live_digests")]

    def open_uploads(self) -> Iterable[FileId]:
        return [FileId(file) for (file,) in self._db.run("open_uploads")]

    # -- part of a commit --------------------------------------------------------------------------

    def complete(self, new: Submission, facts: FileFacts, place: Stored) -> None:
        """Inside the transaction of a message that offers a file: it is stored now, and offered."""
        values = {
            "id": facts.id,
            "owner": new.sender,
            "sha256": facts.sha256,
            "message": new.id,
            "seq": place.seq,
            "offered": len(place.places),
        }
        for (number,) in self._db.run("complete_file", values):
            rows = [
                (number, account, order, seq > 0, new.time)
                for order, (account, seq) in enumerate(place.places)
            ]
            self._db.many("add_fetch", rows)

    # -- inner ------------------------------------------------------------------------------------

    def _running(self) -> int:
        ((seconds,),) = self._db.run("running")
        return int(seconds)
