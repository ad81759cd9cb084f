"""Whom a user does not want to hear from: block, unblock, blacklist. The blocked are never told."""

from cnmessage_broker.loop.context import Caller, Deps
from cnmessage_broker.loop.effects import Effect, Reply
from cnmessage_broker.loop.waits import OnWriter
from cnmessage_broker.store.ports.records import Account
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.requests import Blacklist, Block, Unblock
from cnmessage_protocol.results import Done, Names

MAX_BLOCKED = 4096


async def block(request: Block, caller: Caller, deps: Deps) -> list[Effect]:
    """Put a user on the caller's blacklist."""
    _, account = caller.bound()
    target = _other(request.name, account, deps)
    blocked = deps.directory.blocked_by(account.id)
    if len(blocked) >= MAX_BLOCKED and target.name not in blocked:
        raise RequestError(ErrorCode.TOO_LARGE, f"a blacklist holds at most {MAX_BLOCKED} users")
    await OnWriter(lambda store: store.block(account.id, target.id))
    return [Reply(Done())]


async def unblock(request: Unblock, caller: Caller, deps: Deps) -> list[Effect]:
    """Take a user off the caller's blacklist."""
    _, account = caller.bound()
    target = _other(request.name, account, deps)
    await OnWriter(lambda store: store.unblock(account.id, target.id))
    return [Reply(Done())]


async def blacklist(_: Blacklist, caller: Caller, deps: Deps) -> list[Effect]:
    """Whom the caller blocks."""
    _device, account = caller.bound()
    return [Reply(Names(tuple(deps.directory.blocked_by(account.id))))]


def _other(name: str, account: Account, deps: Deps) -> Account:
    target = deps.directory.account_by_name(name)
    if target is None:
        raise RequestError(ErrorCode.NO_SUCH_USER, f"there is no user '{name}'")
    if target.id == account.id:
        raise RequestError(ErrorCode.CONFLICT, "you cannot block yourself")
    return target
