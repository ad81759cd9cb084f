"""Files that are offered: list, fetch, withdraw, decline, end; and who may do what with which.

A file that is not the caller's to see is answered exactly like one that does not exist.
"""

from collections.abc import Iterable

from cnmessage_broker.between import Crowded, Finished, Gone, Open, Progress, Ready, Release, Unused
from cnmessage_broker.loop.context import Caller, Deps
from cnmessage_broker.loop.effects import Effect, Push, Refuse, Reply, Tell
from cnmessage_broker.loop.handlers.offers import Fate, concerned, ended, moved
from cnmessage_broker.loop.waits import OnReader, OnWriter
from cnmessage_broker.store.ports.files import FileStore
from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.reader import FileReader, Reader
from cnmessage_broker.store.ports.records import AccountId, FetchRow, FetchStatus, FileRow, FileStatus
from cnmessage_protocol.deliveries import FileState
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.files.channel import Noted, Opened
from cnmessage_protocol.ids import FileId
from cnmessage_protocol.requests import Decline, Files, Withdraw
from cnmessage_protocol.results import Done, FileList, ListedFile

_PAGE_BYTES = 1 << 18


async def files(request: Files, caller: Caller, deps: Deps) -> list[Effect]:
    """What the caller sent, with how far each recipient is, or what they were offered."""
    _, account = caller.bound()
    page = (account.id, request.before, request.limit, _PAGE_BYTES)
    if request.sent:
        found = await OnReader(lambda reader: reader.files.sent(*page))
    else:
        found = await OnReader(lambda reader: reader.files.received(*page))
    rows = tuple(_row(row, fetches, deps) for row, fetches in found.files)
    return [Reply(FileList(rows, more=found.more), found.looked_at)]


def _row(row: FileRow, fetches: Iterable[FetchRow], deps: Deps) -> ListedFile:
    ended = is_expired(row, deps)
    places = []
    for each in fetches:
        status, offset = str(each.status), each.offset
        if each.status is FetchStatus.FETCHING:
            offset = deps.fetching.get((row.id, each.account), offset)
        if ended and each.status is not FetchStatus.DONE:
            status = str(FileStatus.EXPIRED)
        elif row.status is FileStatus.WITHDRAWN and each.status is FetchStatus.FETCHING:
            status = str(FetchStatus.FAILED)  # it will not go on
        places.append((each.name, status, offset))
    state = str(FileStatus.EXPIRED) if ended else str(row.status)
    return ListedFile(
        order=row.order,
        id=row.id,
        sender=row.owner_name,
        name=row.name,
        size=row.size,
        sha256=row.sha256,
        note=row.note,
        time=row.created,
        expires=row.expires,
        state=state,
        recipients=tuple(places),
    )


async def withdraw(request: Withdraw, caller: Caller, deps: Deps) -> list[Effect]:
    """Take a file back, or give an upload up; one that has ended already is fine."""
    _device, account = caller.bound()
    row = await OnReader(lambda reader: reader.files.find(FileId(request.file)))
    if row is None or row.owner != account.id:
        raise _no_such_file()
    if row.status in {FileStatus.WITHDRAWN, FileStatus.EXPIRED}:
        return [Reply(Done())]
    told = await concerned([row] if row.status is FileStatus.STORED else [], deps)
    digest = await OnWriter(lambda store: store.files.end(row.id, FileStatus.WITHDRAWN))
    error = RequestError(ErrorCode.WITHDRAWN, f"'{row.name}' was withdrawn by {row.owner_name}")
    gone: list[Effect] = [Reply(Done()), Tell(Gone(row.id, error))]
    gone += ended(told, "withdrawn", deps)
    return gone if digest is None else [*gone, Tell(Release(digest))]


async def decline(request: Decline, caller: Caller, deps: Deps) -> list[Effect]:
    """The caller does not want the file: downloads of it stop, on all devices; its sender is told."""
    _, account = caller.bound()
    row = await _offered(FileId(request.file), account.id)
    text = f"'{row.name}' was given up meanwhile; get it again to have it after all"
    gone = Tell(Gone(row.id, RequestError(ErrorCode.WITHDRAWN, text), account.id))
    return [Reply(Done()), *await _moved_on(row, account.id, FetchStatus.FAILED, 0, deps), gone]


async def open_file(request: Open, caller: Caller, deps: Deps) -> list[Effect]:
    """Check the caller's rights and say what will come."""
    _, account = caller.bound()
    row = await _offered(FileId(request.file), account.id)
    if row.status is FileStatus.WITHDRAWN:
        raise RequestError(ErrorCode.WITHDRAWN, f"'{row.name}' was withdrawn by {row.owner_name}")
    if row.status is FileStatus.EXPIRED or is_expired(row, deps):
        raise has_expired(row)
    if row.sha256 is None:
        raise _no_such_file()
    if request.get.offset > row.size:
        text = f"'offset' is {request.get.offset}, but '{row.name}' has only {row.size} bytes"
        raise RequestError(ErrorCode.BAD_REQUEST, text)
    moved = await _moved_on(row, account.id, FetchStatus.FETCHING, request.get.offset, deps)
    opened = Opened(row.name, row.size, row.sha256, row.mtime, row.executable)
    return [Reply(Ready(opened, account.id)), *moved]


async def progress(request: Progress, caller: Caller, deps: Deps) -> list[Effect]:
    """How far a fetch is; only where it pauses is written down.

    It begins with `open_file`, which tells the sender. What was declined or given up since, from another
    device perhaps, stays so: nobody would tell the sender otherwise.
    """
    del caller
    file, account = FileId(request.file), request.account
    if not request.paused:
        deps.fetching[file, account] = request.offset
        return []
    deps.fetching.pop((file, account), None)
    if not deps.stopping:
        now, offset = deps.now_ms(), request.offset
        await OnWriter(lambda store: _paused(store.files, file, account, offset, now))
    return []


def _paused(files: FileStore, file: FileId, account: AccountId, offset: int, now: int) -> None:
    if _status(files, file, account) is FetchStatus.FETCHING:
        files.set_fetch(file, account, FetchStatus.FETCHING, offset, now)


async def finished(request: Finished, caller: Caller, deps: Deps) -> list[Effect]:
    """The caller has the file, or gave it up; the sender is told."""
    _, account = caller.bound()
    row = await _offered(FileId(request.file), account.id)
    status = FetchStatus.DONE if request.whole else FetchStatus.FAILED
    moved = await _moved_on(row, account.id, status, row.size if request.whole else 0, deps)
    return [Reply(Noted()), *moved]


async def crowded(_: Crowded, __: Caller, ___: Deps) -> list[Effect]:
    """The refusal that the file thread has given: like any of its kind, it is noted."""
    return [Refuse(RequestError(ErrorCode.RATE_LIMITED, "too many transfers at once"))]


async def unused(request: Unused, caller: Caller, deps: Deps) -> list[Effect]:
    """Let a blob go that no file needs."""
    del caller, deps
    needed = await OnWriter(lambda store: store.files.needs_content(request.sha256))
    return [] if needed else [Tell(Release(request.sha256))]


def has_expired(row: FileRow) -> RequestError:
    """The error for a file whose time is over, or an upload's."""
    return RequestError(ErrorCode.EXPIRED, f"'{row.name}' has expired; ask {row.owner_name} to send it again")


async def _offered(file: FileId, account: AccountId) -> FileRow:
    """The file, if it is the caller's own or was offered to them."""

    def look(reader: Reader) -> FileRow | None:
        row = reader.files.find(file)
        if row is None or (row.owner != account and not reader.files.may_fetch(file, account)):
            return None
        return row

    row = await OnReader(look)
    if row is None:
        raise _no_such_file()
    return row


async def _moved_on(
    row: FileRow, account: AccountId, status: FetchStatus, offset: int, deps: Deps
) -> list[Effect]:
    """Write down where a recipient is; if it is news the sender hears of it, and where they themselves are.

    Nothing is written for the sender's own copy: it counts for nothing.
    """
    now = deps.now_ms()

    def move(store: Store) -> tuple[FetchStatus | None, FetchRow | None]:
        before = _status(store.files, row.id, account)
        return before, store.files.set_fetch(row.id, account, status, offset, now)

    before, news = await OnWriter(move)
    if news is None or news.status is before:
        return []
    if news.status is not FetchStatus.FETCHING:
        deps.fetching.pop((row.id, account), None)
    values = {"file": row.id, "name": row.name, "user": news.name, "state": str(news.status)}
    told = [Push(each, FileState.KIND, values) for each in deps.listeners.of(row.owner) if each.granted]
    if FetchStatus.FAILED not in {before, news.status}:
        return [*told]
    fate: Fate = "declined" if news.status is FetchStatus.FAILED else "offered"
    if fate == "offered" and (row.status is not FileStatus.STORED or is_expired(row, deps)):
        return [*told]  # it was fetched after all, and can be had no more
    return [*told, *moved(row, [account], fate, deps.listeners)]


def _status(files: FileReader, file: FileId, account: AccountId) -> FetchStatus | None:
    """Where a recipient is with a file; None for whom it is not for."""
    return next((each.status for each in files.fetches(file) if each.account == account), None)


def is_expired(row: FileRow, deps: Deps) -> bool:
    """Whether its time is over by now."""
    past = row.expires is not None and row.expires <= deps.now_ms()
    return row.status is FileStatus.EXPIRED or (row.status is FileStatus.STORED and past)


def _no_such_file() -> RequestError:
    text = "there is no such file for you: it is none of those that you sent or were offered"
    return RequestError(ErrorCode.NO_SUCH_FILE, text)
