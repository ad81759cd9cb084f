"""Reading what the SQLite store keeps about files; nothing here writes. See FileReader for the contract."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cnmessage_broker.store.ports.records import (
    Account,
    AccountId,
    FetchRow,
    FetchStatus,
    FileRow,
    FilesFound,
    FileStatus,
    Usage,
    listed_size,
)
from cnmessage_broker.store.sqlite.statements import Statements
from cnmessage_protocol.ids import ClientId, FileId, MessageId, UserName
from cnmessage_protocol.records import NO_EXTRAS, FileFacts, file_extras

_FILE_COLUMNS = 17
_NEWEST = 1 << 62


class SqliteFileReader:
    """Files and who fetches them, by the statements of one connection and with the accounts of the store."""

    def __init__(self, statements: Statements, accounts: Mapping[AccountId, Account]) -> None:
        self._statements = statements
        self._accounts = accounts

    def find(self, file: FileId) -> FileRow | None:
        return self.first(self._statements.run("file", (file,)))

    def upload(self, owner: AccountId, client_id: ClientId) -> FileRow | None:
        return self.first(self._statements.run("upload", (owner, client_id)))

    def usage(self, owner: AccountId) -> Usage:
        rows = {late: (size, files) for late, size, files in self._statements.run("file_usage", (owner,))}
        return Usage(*rows.get(0, (0, 0)), *rows.get(1, (0, 0)))

    def may_fetch(self, file: FileId, account: AccountId) -> bool:
        return bool(self._statements.run("fetch", (file, account)))

    def fetches(self, file: FileId) -> Sequence[FetchRow]:
        return [self.fetch(row) for row in self._statements.run("fetches", (file,))]

    def needs_content(self, sha256: bytes) -> bool:
        return bool(self._statements.run("content_is_needed", (sha256,)))

    def sent(self, owner: AccountId, before: int | None, limit: int, max_bytes: int) -> FilesFound:
        rows = self._statements.each("sent_files", (owner, _NEWEST if before is None else before, limit))
        return self._page(((self.file(row), None) for row in rows), limit, max_bytes)

    def received(self, account: AccountId, before: int | None, limit: int, max_bytes: int) -> FilesFound:
        rows = self._statements.each(
            "received_files", (account, _NEWEST if before is None else before, limit)
        )
        found = ((self.file(row[:_FILE_COLUMNS]), self.fetch(row[_FILE_COLUMNS:])) for row in rows)
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

    def facts(self, message: bytes) -> tuple[FileFacts | None, Mapping[str, Any]]:
        """What an item tells of its file, and its extras.

        Looked up for each: a join would slow all items down for a few.
        """
        for identity, name, size, digest, mtime, executable in self._statements.run("facts", (message,)):
            facts = FileFacts(FileId(identity), name, size, digest)
            return facts, file_extras(mtime, bool(executable))
        return None, NO_EXTRAS

    # -- for the one that writes --------------------------------------------------------------------

    def first(self, rows: Sequence[Sequence[Any]]) -> FileRow | None:
        """The file of the first row, if there is one."""
        return self.file(rows[0]) if rows else None

    def file(self, row: Sequence[Any]) -> FileRow:
        """The file of a row."""
        order, identity, client_id, owner, name, size, digest, to, note, *rest = row
        created, expires, status, message, seq, offered, mtime, executable = rest
        try:
            owner_name, state = self._accounts[owner].name, FileStatus(status)
        except (KeyError, ValueError) as error:
            raise self._statements.damage(error) from error
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

    def fetch(self, row: Sequence[Any]) -> FetchRow:
        """The fetch of a row."""
        account, status, upto = row
        try:
            return FetchRow(account, self._accounts[account].name, FetchStatus(status), upto)
        except (KeyError, ValueError) as error:
            raise self._statements.damage(error) from error
