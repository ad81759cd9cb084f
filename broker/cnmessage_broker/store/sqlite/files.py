"""What the SQLite store keeps about files; see FileStore for the contract.

Knows nothing of inboxes: a message that completes a file is handed to it once it has its places. Who fetches
stands in rows of its own, beside the places of the message: those are never written again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cnmessage_broker.store.ports.records import (
    Account,
    AccountId,
    Clock,
    FetchRow,
    FetchStatus,
    FileRow,
    FilesFound,
    FileStatus,
    NewFile,
    Stored,
    Submission,
    Usage,
    listed_size,
)
from cnmessage_broker.store.sqlite.database import Database
from cnmessage_protocol.ids import ClientId, FileId, MessageId, UserName
from cnmessage_protocol.records import NO_EXTRAS, FileFacts, file_extras

_FILE_COLUMNS = 17
_NEWEST = 1 << 62


class SqliteFiles:
    """Files and who fetches them, in the database and with the accounts of the store."""

    def __init__(self, db: Database, accounts: Mapping[AccountId, Account]) -> None:
        self._db = db
        self._accounts = accounts

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
        return self._file(row)

    def find(self, file: FileId) -> FileRow | None:
        return self._first(self._db.run("file", (file,)))

    def upload(self, owner: AccountId, client_id: ClientId) -> FileRow | None:
        return self._first(self._db.run("upload", (owner, client_id)))

    def uploading(self, messages: Iterable[Submission]) -> bool:
        """Whether an upload goes on under the id of one of these messages."""
        return bool(self._db.run("some_upload")) and any(
            self._db.run("uploading", (each.sender, each.client_id)) for each in messages if each.file is None
        )

    def usage(self, owner: AccountId) -> Usage:
        rows = {late: (size, files) for late, size, files in self._db.run("file_usage", (owner,))}
        return Usage(*rows.get(0, (0, 0)), *rows.get(1, (0, 0)))

    def may_fetch(self, file: FileId, account: AccountId) -> bool:
        return bool(self._db.run("fetch", (file, account)))

    def fetches(self, file: FileId) -> Sequence[FetchRow]:
        return [self._fetch(row) for row in self._db.run("fetches", (file,))]

    def set_fetch(
        self, file: FileId, account: AccountId, status: FetchStatus, offset: int, now: int
    ) -> FetchRow | None:
        for row in self._db.run("fetch", (file, account)):
            known = self._fetch(row)
            wanted = FetchRow(account, known.name, status, offset)
            if known.status is FetchStatus.DONE or known == wanted:
                return known
            with self._db.transaction():
                self._db.run("set_fetch", (status, offset, now, file, account))
            return wanted
        return None

    def sent(self, owner: AccountId, before: int | None, limit: int, max_bytes: int) -> FilesFound:
        rows = self._db.each("sent_files", (owner, _NEWEST if before is None else before, limit))
        return self._page(((self._file(row), None) for row in rows), limit, max_bytes)

    def received(self, account: AccountId, before: int | None, limit: int, max_bytes: int) -> FilesFound:
        rows = self._db.each("received_files", (account, _NEWEST if before is None else before, limit))
        found = ((self._file(row[:_FILE_COLUMNS]), self._fetch(row[_FILE_COLUMNS:])) for row in rows)
        return self._page(found, limit, max_bytes)

    def _page(
        self, found: Iterable[tuple[FileRow, FetchRow | None]], limit: int, max_bytes: int
    ) -> FilesFound:
        """Files with the one fetch that is given, or with all they have. What no longer fits is not read."""
        chosen: list[tuple[FileRow, Sequence[FetchRow]]] = []
        size = looked_at = 0
        for row, mine in found:
            looked_at += 1
            size += listed_size(row, row.recipients if mine is None else 1)
            if chosen and size > max_bytes:
                return FilesFound(chosen, more=True, looked_at=looked_at)
            fetches = self.fetches(row.id) if mine is None else [mine]
            looked_at += len(fetches)
            chosen.append((row, fetches))
        return FilesFound(chosen, more=len(chosen) == limit, looked_at=looked_at)

    def end(self, file: FileId, status: FileStatus) -> bytes | None:
        with self._db.transaction():
            for (digest,) in self._db.run("end_file", (status, file)):
                if digest is not None and not self.needs_content(digest):
                    return bytes(digest)
        return None

    def needs_content(self, sha256: bytes) -> bool:
        return bool(self._db.run("content_is_needed", (sha256,)))

    def newly_overdue(self, clock: Clock, limit: int) -> Sequence[FileRow]:
        rows = self._db.run("fresh_overdue_files", (clock.now, limit))
        rows += self._db.run("fresh_overdue_uploads", (clock.uploads_before, limit - len(rows)))
        return [self._file(row) for row in rows]

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
        return [self._file(row) for row in rows]

    def live_digests(self) -> Iterable[bytes]:
        return [digest for (digest,) in self._db.run("live_digests")]

    def open_uploads(self) -> Iterable[FileId]:
        return [FileId(file) for (file,) in self._db.run("open_uploads")]

    # -- parts of a commit and of an item ---------------------------------------------------------

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

    def facts(self, message: bytes) -> tuple[FileFacts | None, Mapping[str, Any]]:
        """What an item tells of its file, and its extras.

        Looked up for each: a join would slow all items down for a few.
        """
        for identity, name, size, digest, mtime, executable in self._db.run("facts", (message,)):
            facts = FileFacts(FileId(identity), name, size, digest)
            return facts, file_extras(mtime, bool(executable))
        return None, NO_EXTRAS

    # -- inner ------------------------------------------------------------------------------------

    def _running(self) -> int:
        ((seconds,),) = self._db.run("running")
        return int(seconds)

    def _first(self, rows: Sequence[Sequence[Any]]) -> FileRow | None:
        return self._file(rows[0]) if rows else None

    def _file(self, row: Sequence[Any]) -> FileRow:
        order, identity, client_id, owner, name, size, digest, to, note, *rest = row
        created, expires, status, message, seq, offered, mtime, executable = rest
        try:
            owner_name, state = self._accounts[owner].name, FileStatus(status)
        except (KeyError, ValueError) as error:
            raise self._db.damage(error) from error
        return FileRow(
            order,
            FileId(identity),
            ClientId(client_id),
            owner,
            owner_name,
            name,
            size,
            digest,
            tuple([UserName(each) for each in to.split()]),
            note,
            created,
            expires,
            state,
            None if message is None else MessageId(message),
            seq,
            offered,
            mtime,
            bool(executable),
        )

    def _fetch(self, row: Sequence[Any]) -> FetchRow:
        account, status, upto = row
        try:
            return FetchRow(account, self._accounts[account].name, FetchStatus(status), upto)
        except (KeyError, ValueError) as error:
            raise self._db.damage(error) from error
