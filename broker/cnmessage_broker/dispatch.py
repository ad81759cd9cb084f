"""The command table: which handler answers which request, under which guard.

Guards are declared here and checked once, before the handler. Errors of any kind become an answer here, so
that no request can stop the broker. Called by the reactor.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from cnmessage_broker import filelink
from cnmessage_broker.context import Caller, Deps
from cnmessage_broker.effects import Effect, Refuse
from cnmessage_broker.handlers import account, blocklist, files, messages, presence, uploads
from cnmessage_broker.ports import StoreError
from cnmessage_protocol import messages as verbs
from cnmessage_protocol.errors import CnMessageError, ErrorCode, RequestError


class Guard(Enum):
    """What must hold before a handler runs."""

    ANYONE = "anyone"
    LOGGED_IN = "logged in"


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table. `settled`: the group collected so far is committed before it runs."""

    handler: Callable[[Any, Caller, Deps], list[Effect]]
    guard: Guard = Guard.LOGGED_IN
    settled: bool = True


COMMANDS: Mapping[type[verbs.Request], Command] = MappingProxyType(
    {
        verbs.Signup: Command(account.signup, Guard.ANYONE),
        verbs.Login: Command(account.login, Guard.ANYONE),
        verbs.Logout: Command(account.logout, Guard.ANYONE),
        verbs.Passwd: Command(account.passwd),
        verbs.Whoami: Command(account.whoami),
        verbs.Sessions: Command(account.sessions),
        verbs.Revoke: Command(account.revoke),
        verbs.Attach: Command(presence.attach),
        verbs.Detach: Command(presence.detach),
        verbs.Beat: Command(presence.beat, settled=False),
        verbs.Send: Command(messages.send, settled=False),
        verbs.Sync: Command(messages.sync),
        verbs.History: Command(messages.history),
        verbs.Ack: Command(messages.ack, settled=False),
        verbs.Users: Command(presence.users),
        verbs.Block: Command(blocklist.block),
        verbs.Unblock: Command(blocklist.unblock),
        verbs.Blocklist: Command(blocklist.blocklist),
        verbs.Receipts: Command(messages.receipts),
        verbs.Files: Command(files.files),
        verbs.Withdraw: Command(files.withdraw),
        verbs.Decline: Command(files.decline),
    },
)
"""Every request of the protocol; a test fails when one is missing."""

FILE_COMMANDS: Mapping[type[verbs.Request], Command] = MappingProxyType(
    {
        filelink.Begin: Command(uploads.begin),
        filelink.Complete: Command(uploads.complete, settled=False),
        filelink.Open: Command(files.open_file),
        filelink.Moved: Command(files.moved, settled=False),
        filelink.Finished: Command(files.finished),
        filelink.Unused: Command(files.unused),
    },
)
"""What the file thread may ask on behalf of a client."""


def command_of(request: verbs.Request) -> Command:
    """The row for a request, whichever channel it came on."""
    return COMMANDS.get(type(request)) or FILE_COMMANDS[type(request)]


def run(request: verbs.Request, caller: Caller, deps: Deps) -> list[Effect]:
    """Check the guard, run the handler, turn its errors into a refusal."""
    command = command_of(request)
    if command.guard is Guard.LOGGED_IN and caller.account is None:
        text = "this device is not logged in; use 'cnmessage login' or 'cnmessage signup'"
        return [Refuse(RequestError(ErrorCode.UNAUTHENTICATED, text))]
    return guarded(lambda: _noted(command, request, caller, deps))


def _noted(command: Command, request: verbs.Request, caller: Caller, deps: Deps) -> list[Effect]:
    """Run the handler; that the device was used is written down first, at most once a minute."""
    if caller.device is not None and not deps.stopping:
        try:
            deps.store.saw_device(caller.key, deps.now_ms())
        except StoreError as error:
            if error.fatal:
                raise
    return command.handler(request, caller, deps)


def guarded(step: Callable[[], list[Effect]]) -> list[Effect]:
    """Run a step of a handler; what it raises on purpose becomes a refusal. A fatal StoreError passes."""
    try:
        return step()
    except StoreError as error:
        if error.fatal:
            raise
        return [Refuse(RequestError(ErrorCode.STORAGE, f"{error}; nothing was changed, try again later"))]
    except CnMessageError as error:
        return [Refuse(RequestError(error.code, error.message))]
