"""Messages and inboxes: send, sync, history, conversations, ack, receipts."""

from collections.abc import Sequence
from typing import assert_never

from cnmessage_broker.loop.context import Caller, Deps
from cnmessage_broker.loop.delivery import Addresses, existing
from cnmessage_broker.loop.effects import Confirm, Effect, MarkRead, MarkReceived, Reply, Submit
from cnmessage_broker.loop.waits import OnReader, Settled
from cnmessage_broker.store.ports.reader import Reader
from cnmessage_broker.store.ports.records import ConversationRow, Query
from cnmessage_protocol.conversation import Direct, Everyone, to_wire
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.ids import MessageId
from cnmessage_protocol.records import NewMessage
from cnmessage_protocol.requests import Ack, Conversations, History, Receipts, Send, Sync
from cnmessage_protocol.results import (
    MAX_RECEIPTS,
    PAGE_ITEMS,
    ConversationList,
    ListedConversation,
    Page,
    ReadMark,
    ReceiptList,
)

PAGE_BYTES = 1 << 18
"""About the most bytes of rows in one page: what a client leaves unread must not fill our memory."""


def rows_of(message: NewMessage, deps: Deps) -> int:
    """Inbox rows that storing a message writes, its sender's own too, or pushes if those are more."""
    rows = 1
    for conversation in message.to:
        match conversation:
            case Direct():
                rows += 1
            case Everyone():
                rows += len(deps.listeners)
            case _ as never:
                assert_never(never)
    return rows


async def send(request: Send, caller: Caller, deps: Deps) -> list[Effect]:
    """Store messages; each is acknowledged or refused by itself."""
    _, account = caller.bound()
    if deps.stopping:
        raise RequestError(ErrorCode.SHUTDOWN, "the broker is stopping; the message stays queued")
    now, now_ms = deps.monotonic(), deps.now_ms()
    wait = deps.budgets.send.wait(account.id, now, len(request.messages))
    if wait > 0:
        raise RequestError(ErrorCode.RATE_LIMITED, f"too many messages; try again in {int(wait) + 1} s")
    deps.budgets.send.spend(account.id, now, len(request.messages))
    effect = Submit([])
    addresses = Addresses(deps.directory, deps.listeners, account, now_ms)
    for message in request.messages:
        try:
            submission = addresses.on(message, deps.message_id(now_ms))
        except RequestError as error:
            effect.refused.append((message.client_id, error.code, error.message))
        else:
            effect.submissions.append(submission)
    return [effect]


async def sync(request: Sync, caller: Caller, deps: Deps) -> list[Effect]:
    """The next items above a cursor; having asked above it means having what lies below."""
    _, account = caller.bound()
    limit = min(request.limit, PAGE_ITEMS)
    items = await OnReader(lambda reader: reader.inbox_after(account.id, request.after, limit, PAGE_BYTES))
    head = deps.directory.marks(account.id).head
    if items:
        head = max(head, items[-1].seq)  # the reader may be ahead of what we were told
    more = bool(items) and items[-1].seq < head
    known = [MarkReceived(account.id, request.after)] if request.after <= head else []
    return [*known, Reply(Page(tuple(items), head, more), len(items))]


async def history(request: History, caller: Caller, deps: Deps) -> list[Effect]:
    """The latest items that match the request's filters."""
    _, account = caller.bound()
    if request.missed:
        await Settled(account.id, presence=True)  # since when they are here is not said before
    marks = deps.directory.marks(account.id)
    above, upto = 0, None if request.before is None else request.before - 1
    if request.missed:
        above = marks.away_from
        upto = min(each for each in (upto, marks.away_upto, marks.head) if each is not None)
    if request.unread:
        above = max(above, marks.read)
    match request.peer:
        case Direct(name):
            existing(deps.directory, name)
        case Everyone() | None:
            pass
        case _ as never:
            assert_never(never)
    query = Query(
        limit=min(request.limit, PAGE_ITEMS),
        above=above,
        upto=upto,
        since=request.since,
        until=request.until,
        conversation=request.peer,
        received_only=(request.peer is None and not request.own) or request.missed or request.unread,
        direct_only=request.missed,
        unread_only=request.unread,
        max_bytes=PAGE_BYTES,
    )
    found = await OnReader(lambda reader: reader.history(account.id, query))
    head = max(deps.directory.marks(account.id).head, *(item.seq for item in found.items), 0)
    return [Reply(Page(tuple(found.items), head, found.more, found.before), len(found.items))]


async def ack(request: Ack, caller: Caller, deps: Deps) -> list[Effect]:
    """Raise the read mark, or that of one conversation; it never goes back and never beyond the head."""
    _, account = caller.bound()
    marks = deps.directory.marks(account.id)
    upto = min(request.upto, marks.head)
    match request.peer:
        case None:
            mark = max(marks.read, upto)
            return [MarkRead(account.id, mark), Confirm(ReadMark(mark))]
        case Direct(name):
            existing(deps.directory, name)
        case Everyone():
            pass
        case _ as never:
            assert_never(never)
    return [MarkRead(account.id, upto, request.peer), Confirm(ReadMark(marks.read))]


async def conversations(request: Conversations, caller: Caller, _: Deps) -> list[Effect]:
    """With whom the caller talks, and what of it is unread."""
    _device, account = caller.bound()

    def look(reader: Reader) -> tuple[Sequence[ConversationRow], bool]:
        behind = None if request.before is None else (request.before, request.beside)
        found = reader.conversations(account.id, behind, request.limit, PAGE_BYTES)
        last = (found[-1].last.seq, to_wire(found[-1].conversation)) if found else None
        return found, last is not None and bool(reader.conversations(account.id, last, 1, 1))

    found, more = await OnReader(look)
    rows = [
        ListedConversation(to_wire(each.conversation), each.unread, each.read, each.last) for each in found
    ]
    return [Reply(ConversationList(tuple(rows), more), len(rows))]


async def receipts(request: Receipts, caller: Caller, _: Deps) -> list[Effect]:
    """How far the caller's own messages have come."""
    _device, account = caller.bound()
    share = MAX_RECEIPTS // max(1, len(request.ids))
    ids = [MessageId(each) for each in request.ids]
    known = await OnReader(lambda reader: reader.receipts(account.id, ids, share))
    missing = [each for each in request.ids if MessageId(each) not in known]
    if missing:
        raise RequestError(ErrorCode.NO_SUCH_MESSAGE, "you sent no message with this id")
    rows = tuple(
        (identity, tuple((name, _state(received=received, read=read)) for name, received, read in places))
        for identity, places in known.items()
    )
    return [Reply(ReceiptList(rows), sum(len(places) for _, places in rows))]


def _state(*, received: bool, read: bool) -> str:
    if read:
        return "read"
    return "delivered" if received else "stored"
