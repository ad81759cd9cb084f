"""The verb table: which handler answers which request, under which guard, and what it costs.

Guards and budgets are declared here and checked once, before the handler. Errors of any kind become an answer
here, so that no request can stop the broker.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from math import ceil
from types import MappingProxyType
from typing import Any

from cnmessage_broker import between
from cnmessage_broker.loop.context import Caller, Deps, last_use
from cnmessage_broker.loop.delivery import width_of
from cnmessage_broker.loop.effects import Effect, MarkSeen, Refuse, Submit
from cnmessage_broker.loop.handlers import account, blacklist, files, messages, presence, uploads
from cnmessage_broker.loop.refusals import noted
from cnmessage_broker.loop.waits import Settled
from cnmessage_broker.scheduling.charges import BYTES_READ, BYTES_WRITTEN, WIDE, Cost
from cnmessage_broker.store.ports.records import StoreError
from cnmessage_protocol import requests as verbs
from cnmessage_protocol.errors import CnMessageError, ErrorCode, RequestError


class Guard(Enum):
    """What must hold before a handler runs."""

    ANYONE = "anyone"
    LOGGED_IN = "logged in"


FREE = Cost()
READS = Cost(reads=10)
"""For looking; what was looked at is added once it is known."""

SENDS = Cost(writes=1)
"""For a message; its inbox rows and bytes are added."""

SYNCS = Cost(writes=20)
"""For a transaction of its own."""

FILES = "files"
"""The line of what looks at files and changes them."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One row of the table.

    `commits_first`: what the caller has waiting to be written is committed before it runs. `cost` is spent
    for it in any case, and refused to who is in debt for the same kind of work. Handlers of one `line` run
    one after the other, whoever asked: they look at what others of it change.
    """

    handler: Callable[[Any, Caller, Deps], Awaitable[list[Effect]]]
    cost: Cost
    guard: Guard = Guard.LOGGED_IN
    commits_first: bool = True
    line: str = ""


VERBS: Mapping[type[verbs.Request], Verb] = MappingProxyType(
    {
        verbs.Signup: Verb(account.signup, SYNCS, Guard.ANYONE),
        verbs.Login: Verb(account.login, SYNCS, Guard.ANYONE),
        verbs.Logout: Verb(account.logout, SYNCS, Guard.ANYONE),
        verbs.Passwd: Verb(account.passwd, SYNCS),
        verbs.Whoami: Verb(account.whoami, READS),
        verbs.Devices: Verb(account.devices, READS),
        verbs.Revoke: Verb(account.revoke, SYNCS),
        verbs.Attach: Verb(presence.attach, SYNCS, commits_first=False),
        verbs.Detach: Verb(presence.detach, FREE, commits_first=False),
        verbs.Beat: Verb(presence.beat, FREE, commits_first=False),
        verbs.Send: Verb(messages.send, SENDS, commits_first=False),
        verbs.Sync: Verb(messages.sync, READS),
        verbs.History: Verb(messages.history, READS),
        verbs.Ack: Verb(messages.ack, SENDS, commits_first=False),
        verbs.Conversations: Verb(messages.conversations, READS),
        verbs.Users: Verb(presence.users, READS),
        verbs.Block: Verb(blacklist.block, SYNCS),
        verbs.Unblock: Verb(blacklist.unblock, SYNCS),
        verbs.Blacklist: Verb(blacklist.blacklist, READS),
        verbs.Receipts: Verb(messages.receipts, READS),
        verbs.Files: Verb(files.files, READS),
        verbs.Withdraw: Verb(files.withdraw, SYNCS, line=FILES),
        verbs.Decline: Verb(files.decline, SYNCS, line=FILES),
    },
)
"""Every request of the protocol; a test fails when one is missing."""

FILE_VERBS: Mapping[type[verbs.Request], Verb] = MappingProxyType(
    {
        between.Begin: Verb(uploads.begin, SYNCS, line=FILES),
        between.Complete: Verb(uploads.complete, FREE, commits_first=False, line=FILES),
        between.Open: Verb(files.open_file, SYNCS, line=FILES),
        between.Progress: Verb(files.progress, FREE, Guard.ANYONE, commits_first=False, line=FILES),
        between.Finished: Verb(files.finished, SYNCS, line=FILES),
        between.Crowded: Verb(files.crowded, FREE, Guard.ANYONE),
        between.Unused: Verb(files.unused, FREE, Guard.ANYONE, line=FILES),
    },
)
"""What the file thread may ask on behalf of a client, and what it tells of one that may be gone."""


def verb_of(request: verbs.Request) -> Verb:
    """The row for a request, whichever channel it came on."""
    return VERBS.get(type(request)) or FILE_VERBS[type(request)]


async def run(request: verbs.Request, caller: Caller, deps: Deps) -> list[Effect]:
    """Check guard and budgets, run the handler, turn its errors into a refusal; the log hears of some."""
    return noted(request, caller, deps, await _run(request, caller, deps))


async def _run(request: verbs.Request, caller: Caller, deps: Deps) -> list[Effect]:
    verb = verb_of(request)
    if verb.guard is Guard.LOGGED_IN and caller.account is None:
        text = "this device is not logged in"
        return [Refuse(RequestError(ErrorCode.UNAUTHENTICATED, text))]
    wait = _debt(verb.cost, caller, deps)
    if wait > 0:
        text = f"this account has had too much done; try again in {ceil(wait)} s"
        return [Refuse(RequestError(ErrorCode.RATE_LIMITED, text))]
    spend(Cost(verb.cost.writes + _asked(request), verb.cost.reads), caller, deps)
    if verb.commits_first and caller.account is not None:
        await Settled(caller.account.id)
    effects = await guarded(verb.handler(request, caller, deps))
    spend(Cost(_written(effects, deps)), caller, deps)
    return [*_seen(caller, deps), *effects]


def _seen(caller: Caller, deps: Deps) -> list[Effect]:
    """That the caller's device was used, if it is some time since that was written down."""
    device = caller.device
    if device is None or last_use(device, deps.now_ms()) == device.last_seen:
        return []
    return [MarkSeen(device.key)]


def _debt(cost: Cost, caller: Caller, deps: Deps) -> float:
    """Seconds until the caller may ask for work of this kind."""
    now, account = deps.monotonic(), None if caller.account is None else caller.account.id
    waits = [0.0]
    if cost.writes:
        waits.append(deps.budgets.writes.wait(account, caller.key, caller.address, now))
    if cost.reads:
        waits.append(deps.budgets.reads.wait(account, caller.key, caller.address, now))
    return max(waits)


def spend(cost: Cost, caller: Caller, deps: Deps) -> None:
    """Charge work to who asked for it."""
    now, account = deps.monotonic(), None if caller.account is None else caller.account.id
    if cost.writes:
        deps.budgets.writes.spend(account, caller.key, caller.address, now, cost.writes)
    if cost.reads:
        deps.budgets.reads.spend(account, caller.key, caller.address, now, cost.reads)


def read_cost(rows: int, size: int) -> Cost:
    """Of an answer of `size` bytes for which so many rows were looked at."""
    return Cost(reads=rows + size / BYTES_READ)


def _asked(request: verbs.Request) -> float:
    """Units of what a request alone leaves in the store: an upload's note and names."""
    if not isinstance(request, between.Begin):
        return 0.0
    put = request.put
    return (len(put.note) + len(put.name) + sum(map(len, put.to))) / BYTES_WRITTEN


def _written(effects: Iterable[Effect], deps: Deps) -> float:
    """Units of what is to be written and pushed: the sender's own row, others', and the body."""
    return sum(
        [
            2 + max(0, width_of(new, deps.listeners) - 2) * WIDE + len(new.body) / BYTES_WRITTEN
            for effect in effects
            if isinstance(effect, Submit)
            for new in effect.submissions
        ]
    )


async def guarded(steps: Awaitable[list[Effect]]) -> list[Effect]:
    """Run a handler; what it raises on purpose becomes a refusal. A fatal StoreError passes."""
    try:
        return await steps
    except StoreError as error:
        if error.fatal:
            raise
        return [Refuse(RequestError(ErrorCode.STORAGE, f"{error}; nothing was changed, try again later"))]
    except CnMessageError as error:
        return [Refuse(RequestError(error.code, error.message))]
