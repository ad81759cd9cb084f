"""What the reference model keeps about files, in dictionaries; see FileStore for the contract.

Knows nothing of inboxes: a message that completes a file is handed to it once it has its places.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from cnmessage_protocol.ids import ClientId, FileId
from cnmessage_protocol.records import NO_EXTRAS, FileFacts, file_extras

_ALIVE = {FileStatus.UPLOADING, FileStatus.STORED}


@dataclass(slots=True)
class _Fetch:
    row: FetchRow
    entitled: bool
    changed: int


class MemoryFiles:
    """Files and who fetches them, each in the order of their making; `accounts` are those of the store."""

    def __init__(self, accounts: Mapping[AccountId, Account]) -> None:
        self._accounts = accounts
        self._files: dict[FileId, FileRow] = {}
        self._fetches: dict[FileId, dict[AccountId, _Fetch]] = {}
        self._overdue: dict[FileId, int] = {}
        self._running = 0

    def add(self, new: NewFile) -> FileRow:
        known = self.upload(new.owner, new.client_id)
        if known is not None:
            return known
        row = FileRow(
            len(self._files) + 1,
            new.id,
            new.client_id,
            new.owner,
            self._accounts[new.owner].name,
            new.name,
            new.size,
            None,
            new.to,
            new.note,
            new.created,
            new.expires,
            FileStatus.UPLOADING,
            None,
            seq=0,
            recipients=0,
            mtime=new.mtime,
            executable=new.executable,
        )
        self._files[new.id] = row
        self._fetches[new.id] = {}
        return row

    def find(self, file: FileId) -> FileRow | None:
        return self._files.get(file)

    def upload(self, owner: AccountId, client_id: ClientId) -> FileRow | None:
        mine = (row for row in self._files.values() if (row.owner, row.client_id) == (owner, client_id))
        return next(mine, None)

    def is_uploading(self, new: Submission) -> bool:
        """Whether an upload goes on under the id of this message."""
        row = self.upload(new.sender, new.client_id)
        return row is not None and row.status is FileStatus.UPLOADING

    def usage(self, owner: AccountId) -> Usage:
        mine = [row for row in self._files.values() if row.owner == owner and row.status in _ALIVE]
        late = [row.size for row in mine if row.status is FileStatus.STORED and row.id in self._overdue]
        size = sum(row.size for row in mine) - sum(late)
        return Usage(size, len(mine) - len(late), sum(late), len(late))

    def may_fetch(self, file: FileId, account: AccountId) -> bool:
        return self._entitled(file, account) is not None

    def fetches(self, file: FileId) -> Sequence[FetchRow]:
        return [each.row for each in self._fetches.get(file, {}).values()]

    def set_fetch(
        self, file: FileId, account: AccountId, status: FetchStatus, offset: int, now: int
    ) -> FetchRow | None:
        known = self._entitled(file, account)
        if known is None:
            return None
        wanted = replace(known.row, status=status, offset=offset)
        if known.row.status is not FetchStatus.DONE and known.row != wanted:
            known.row, known.changed = wanted, now
        return known.row

    def sent(self, owner: AccountId, before: int | None, limit: int, max_bytes: int) -> FilesFound:
        mine = [(row, self.fetches(row.id)) for row in self._latest(before) if row.owner == owner]
        return _page(mine, limit, max_bytes)

    def received(self, account: AccountId, before: int | None, limit: int, max_bytes: int) -> FilesFound:
        pairs = ((row, self._entitled(row.id, account)) for row in self._latest(before))
        return _page([(row, [mine.row]) for row, mine in pairs if mine is not None], limit, max_bytes)

    def end(self, file: FileId, status: FileStatus) -> bytes | None:
        row = self._files.get(file)
        if row is None or row.status not in _ALIVE:
            return None
        note = "" if row.status is FileStatus.UPLOADING else row.note
        self._files[file] = replace(row, status=status, note=note)
        self._overdue.pop(file, None)
        return None if row.sha256 in set(self.live_digests()) else row.sha256

    def expire(self, files: Sequence[FileId]) -> Sequence[bytes]:
        digests = [self.end(file, FileStatus.EXPIRED) for file in files]
        return [each for each in digests if each is not None]

    def needs_content(self, sha256: bytes) -> bool:
        return sha256 in set(self.live_digests())

    def newly_overdue(self, clock: Clock, limit: int) -> Sequence[FileRow]:
        fresh = [row for row in self._past_due(clock) if row.id not in self._overdue]
        return sorted(fresh, key=_since)[:limit]

    def age(self, clock: Clock, elapsed: int, longest: int, graces: Mapping[FileId, int]) -> None:
        if self._overdue:
            self._running += elapsed
        late = {row.id for row in self._past_due(clock)}
        most = self._running + longest
        self._overdue = {file: min(at, most) for file, at in self._overdue.items() if file in late}
        for file, grace in graces.items():
            if self._files[file].status in _ALIVE:
                self._overdue[file] = self._running + grace

    def due(self, clock: Clock, limit: int) -> Sequence[FileRow]:
        late = [row for row in self._past_due(clock) if row.id in self._overdue]
        over = [row for row in late if self._overdue[row.id] <= self._running]
        stored = [row for row in over if row.status is FileStatus.STORED]
        uploads = [row for row in over if row.status is FileStatus.UPLOADING]
        longest = [
            sorted(each, key=lambda row: (self._overdue[row.id], *_since(row))) for each in (stored, uploads)
        ]
        return [*longest[0], *longest[1]][:limit]

    def live_digests(self) -> Iterable[bytes]:
        stored = (row.sha256 for row in self._files.values() if row.status is FileStatus.STORED)
        return {digest for digest in stored if digest is not None}

    def open_uploads(self) -> Iterable[FileId]:
        return [row.id for row in self._files.values() if row.status is FileStatus.UPLOADING]

    # -- parts of a commit ------------------------------------------------------------------------

    def facts(self, new: Submission) -> FileFacts | None:
        """What the items of a message tell of its file; None when the message completes no file."""
        row = None if new.file is None else self._files.get(new.file.id)
        if new.file is None or row is None or row.owner != new.sender or row.message is not None:
            return None
        return FileFacts(row.id, row.name, row.size, new.file.sha256)

    def extras(self, file: FileFacts | None) -> Mapping[str, Any]:
        """The extras of the items that tell of a file."""
        if file is None:
            return NO_EXTRAS
        row = self._files[file.id]
        return file_extras(row.mtime, row.executable)

    def complete(self, new: Submission, facts: FileFacts, stored: Stored) -> None:
        row = self._files[facts.id]
        self._files[facts.id] = replace(
            row,
            status=FileStatus.STORED if row.status is FileStatus.UPLOADING else row.status,
            sha256=facts.sha256,
            message=new.id,
            seq=stored.seq,
            recipients=len(stored.places),
        )
        self._overdue.pop(facts.id, None)
        for account, seq in stored.places:
            offered = FetchRow(account, self._accounts[account].name, FetchStatus.OFFERED, 0)
            self._fetches[facts.id][account] = _Fetch(offered, seq > 0, new.time)

    # -- inner ------------------------------------------------------------------------------------

    def _entitled(self, file: FileId, account: AccountId) -> _Fetch | None:
        found = self._fetches.get(file, {}).get(account)
        return found if found is not None and found.entitled else None

    def _past_due(self, clock: Clock) -> Iterable[FileRow]:
        for row in self._files.values():
            stale = row.status is FileStatus.UPLOADING and row.created < clock.uploads_before
            if stale or _expired(row, clock.now):
                yield row

    def _latest(self, before: int | None) -> Iterable[FileRow]:
        return [row for row in reversed(self._files.values()) if before is None or row.order < before]


def _page(found: Sequence[tuple[FileRow, Sequence[FetchRow]]], limit: int, max_bytes: int) -> FilesFound:
    chosen: list[tuple[FileRow, Sequence[FetchRow]]] = []
    size = looked_at = 0
    for row, fetches in found[:limit]:
        looked_at += 1
        size += listed_size(row, len(fetches))
        if chosen and size > max_bytes:
            return FilesFound(chosen, more=True, looked_at=looked_at)
        looked_at += len(fetches)
        chosen.append((row, fetches))
    return FilesFound(chosen, more=len(chosen) == limit, looked_at=looked_at)


def _expired(row: FileRow, now: int) -> bool:
    return row.status is FileStatus.STORED and row.expires is not None and row.expires <= now


def _since(row: FileRow) -> tuple[bool, int, int]:
    """The order in which they became past due, stored ones first."""
    uploading = row.status is FileStatus.UPLOADING
    return uploading, row.created if uploading or row.expires is None else row.expires, row.order
