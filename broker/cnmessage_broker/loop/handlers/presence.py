"""Listeners and who is online: attach, detach, beat, users."""

from cnmessage_broker.loop.context import Caller, Deps
from cnmessage_broker.loop.effects import Effect, MarkPresence, MarkReceived, Reply
from cnmessage_broker.loop.listeners import Event
from cnmessage_broker.loop.waits import OnReader
from cnmessage_protocol.envelope import VERSION
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.machines.liveness import EXPIRY, HEARTBEAT
from cnmessage_protocol.records import MAX_BODY
from cnmessage_protocol.requests import Attach, Beat, Detach, Users
from cnmessage_protocol.results import CAPABILITIES, MAX_MESSAGES, Attached, Done, ListedUser, Pulse, UserList

DELIVERIES = 1
"""The push socket's port, counted from the request socket's; sockets.py binds it there."""


async def attach(request: Attach, caller: Caller, deps: Deps) -> list[Effect]:
    """Open a listener; deliveries begin once the client has subscribed and was greeted."""
    device, account = caller.bound()
    if deps.pressed:
        raise RequestError(ErrorCode.BUSY, "the broker is short of memory; try again in a moment")
    config = deps.config
    if not deps.listeners.has_room(
        account.id, caller.address, config.listeners_per_user, config.max_listeners
    ):
        raise RequestError(ErrorCode.RATE_LIMITED, "too many programs are attached; end one or wait a moment")
    listener, came = deps.listeners.add(device, account.name, deps.listened(), caller.address)
    marks = deps.directory.marks(account.id)
    effects: list[Effect] = [MarkPresence(account.id, online=True)] if came else []
    if request.cursor is not None and request.epoch == deps.directory.epoch and request.cursor <= marks.head:
        effects.append(MarkReceived(account.id, request.cursor))
    answer = Attached(
        user=account.name,
        epoch=deps.directory.epoch,
        head=marks.head,
        read_upto=marks.read,
        listener=listener.topic,
        key=listener.key,
        heartbeat=int(HEARTBEAT * 1000),
        expiry=int(EXPIRY * 1000),
        deliveries=DELIVERIES,
        max_body=MAX_BODY,
        max_messages=MAX_MESSAGES,
        version=VERSION,
        capabilities=CAPABILITIES,
    )
    return [*effects, Reply(answer)]


async def detach(request: Detach, caller: Caller, deps: Deps) -> list[Effect]:
    """End a listener; one that is gone already is fine."""
    caller.bound()
    listener = deps.listeners.get(request.listener, caller.key)
    gone = listener is not None and deps.listeners.remove(listener, Event.DETACHED)
    left: list[Effect] = [MarkPresence(listener.owner, online=False)] if listener is not None and gone else []
    return [*left, Reply(Done())]


async def beat(request: Beat, caller: Caller, deps: Deps) -> list[Effect]:
    """Keep a listener alive; tells where the inbox ends, which finds a lost last push."""
    _, account = caller.bound()
    listener = deps.listeners.get(request.listener, caller.key)
    if listener is None:
        raise RequestError(ErrorCode.NOT_ATTACHED, "this listener has ended; attach again")
    listener.liveness.heard(deps.listened())
    deps.listeners.step(listener, Event.BEAT)
    marks = deps.directory.marks(account.id)
    effects: list[Effect] = []
    if request.cursor > marks.head:  # nobody can have what is not there: this says nothing of what was read
        return [Reply(Pulse(marks.head, deps.directory.epoch, marks.read))]
    listener.confirmed(request.cursor)
    if request.cursor > marks.received:
        effects.append(MarkReceived(account.id, request.cursor))
    return [*effects, Reply(Pulse(marks.head, deps.directory.epoch, marks.read))]


async def users(request: Users, caller: Caller, deps: Deps) -> list[Effect]:
    """A page of all accounts with who is online."""
    caller.bound()
    rows = await OnReader(lambda reader: reader.users(request.after, request.limit))
    listed = tuple(ListedUser(row.name, deps.listeners.online(row.id), row.last_seen) for row in rows)
    return [Reply(UserList(listed, more=len(rows) == request.limit), len(rows))]
