"""Uploads, asked for by the file thread: may one begin, and recording it once its bytes are on disk."""

from cnmessage_broker.between import Begin, Begun, Complete
from cnmessage_broker.loop.context import Caller, Deps
from cnmessage_broker.loop.delivery import address_file, existing
from cnmessage_broker.loop.effects import Effect, Reply, Submit
from cnmessage_broker.loop.handlers.files import has_expired, is_expired
from cnmessage_broker.loop.waits import OnReader, OnWriter
from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import Account, FileRow, FileStatus, NewFile, Usage
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.files.channel import Kept, Put
from cnmessage_protocol.ids import ID_SIZE, ClientId, FileId, UserName
from cnmessage_protocol.records import FileFacts

_SECOND = 1000


async def begin(request: Begin, caller: Caller, deps: Deps) -> list[Effect]:
    """Enter an upload, or go on with it; one that is complete is answered as it was, unless it has ended."""
    _, account = caller.bound()
    put, client_id = request.put, ClientId(request.upload)

    def look(store: Store) -> tuple[FileRow | None, bool, Usage]:
        """The upload if it is known, whether its id is a message's, and what the caller's files take."""
        files = store.files
        taken = store.has_message(account.id, client_id)
        return files.upload(account.id, client_id), taken, files.usage(account.id)

    row, taken, used = await OnWriter(look)
    if taken and (row is None or row.status is FileStatus.UPLOADING):
        raise RequestError(ErrorCode.CONFLICT, "this id stands for a message already")
    if row is None:
        new = _new_file(put, client_id, account, used, deps)
        row = await OnWriter(lambda store: store.files.add(new))
    gone = row.status is not FileStatus.UPLOADING and row.message is None  # its note is not known any more
    if not gone and (row.name, row.size, row.to, row.note) != (put.name, put.size, put.to, put.note):
        raise RequestError(ErrorCode.CONFLICT, "this id stands for another upload already")
    if row.status is FileStatus.UPLOADING:
        return [Reply(Begun(row.id, row.size, account.id))]
    if row.message is None:
        raise RequestError(ErrorCode.WITHDRAWN, f"the upload of '{row.name}' was given up; send it again")
    if row.status is FileStatus.WITHDRAWN:
        raise RequestError(ErrorCode.WITHDRAWN, f"'{row.name}' was sent, and then withdrawn; send it again")
    if is_expired(row, deps):
        raise has_expired(row)
    return [Reply(Kept(row.id, row.message, row.seq, row.recipients))]


def _new_file(put: Put, client_id: ClientId, account: Account, used: Usage, deps: Deps) -> NewFile:
    """The upload to enter; RequestError if it may not be."""
    config, now = deps.config, deps.now_ms()
    if deps.stopping:
        raise RequestError(ErrorCode.SHUTDOWN, "the broker is stopping; send the file again later")
    if put.size > config.file_limit:
        text = f"'{put.name}' has {put.size} bytes; this broker takes files of up to {config.file_limit}"
        raise RequestError(ErrorCode.TOO_LARGE, text)
    _check_quota(put, used, deps)
    for name in put.to:
        existing(deps.directory, name)
    lasts = config.file_expiry if put.expires is None else put.expires
    if config.file_expiry and lasts > config.file_expiry:
        text = (
            f"'expires' is over the {config.file_expiry} seconds for which this broker keeps files; "
            "ask for less, or leave it out"
        )
        raise RequestError(ErrorCode.BAD_REQUEST, text)
    identity = FileId(deps.randomness(ID_SIZE))
    return NewFile(
        identity,
        client_id,
        account.id,
        put.name,
        put.size,
        tuple(UserName(name) for name in put.to),
        put.note,
        created=now,
        expires=now + lasts * _SECOND if lasts else None,
        mtime=put.mtime,
        executable=put.executable,
    )


def _check_quota(put: Put, used: Usage, deps: Deps) -> None:
    """QUOTA when it is used up. What has expired counts only beyond a quota of its own.

    It waits for the end of its grace; files of a second each would fill the disk meanwhile.
    """
    config = deps.config
    files = used.files + max(0, used.overdue_files - config.file_count)
    size = used.size + max(0, used.overdue_size - config.file_quota)
    if files >= config.file_count:
        text = (
            f"you have {files} files here, unfinished ones included, and this broker keeps "
            f"{config.file_count} for a user, so '{put.name}' finds no place"
        )
        raise RequestError(ErrorCode.QUOTA, text)
    if size + put.size > config.file_quota:
        text = (
            f"'{put.name}' has {put.size} bytes, but only {max(0, config.file_quota - size)} of your "
            f"{config.file_quota} are left"
        )
        raise RequestError(ErrorCode.QUOTA, text)


async def complete(request: Complete, caller: Caller, deps: Deps) -> list[Effect]:
    """Offer a file to its recipients: its message is stored with the group, as any other."""
    _, account = caller.bound()
    row = await OnReader(lambda reader: reader.files.find(FileId(request.file)))
    if row is None or row.owner != account.id or row.status in {FileStatus.WITHDRAWN, FileStatus.EXPIRED}:
        raise RequestError(ErrorCode.WITHDRAWN, "this upload was given up meanwhile; send the file again")
    if deps.stopping:
        raise RequestError(
            ErrorCode.SHUTDOWN, "the broker is stopping; the file is kept, send it again later"
        )
    now = deps.now_ms()
    facts = FileFacts(row.id, row.name, row.size, request.sha256)
    return [Submit([address_file(deps.directory, account, row, facts, deps.message_id(now), now)])]
