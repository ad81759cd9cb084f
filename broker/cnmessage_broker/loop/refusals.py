"""Which refusals the log hears of: what may be an attack, and what users will ask its operator about.

Works on what a handler wants done, and asks the directory whether a name is a user's. Knows no handler and no
log.
"""

from collections.abc import Iterable
from types import MappingProxyType

from cnmessage_broker.logs import KEY_SHORT
from cnmessage_broker.loop.context import Caller, Deps
from cnmessage_broker.loop.effects import Effect, Note, Refuse
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.requests import Login, Passwd, Request, Signup

OF_VERB = MappingProxyType(
    {Login: "login refused", Signup: "signup refused", Passwd: "password change refused"}
)
"""What the log calls a refusal of these, whatever the reason."""

OF_CODE = MappingProxyType(
    {
        ErrorCode.RATE_LIMITED: "too often",
        ErrorCode.QUOTA: "over the quota",
        ErrorCode.TOO_LARGE: "too large",
    }
)
"""What it calls a refusal of anything else for these reasons."""


def noted(request: Request, caller: Caller, deps: Deps, effects: Iterable[Effect]) -> list[Effect]:
    """The effects, and a line for the log beside each refusal that is worth one."""
    found: list[Effect] = []
    for effect in effects:
        found.append(effect)
        if isinstance(effect, Refuse):
            found += _note(request, caller, deps, effect.error.code)
    return found


def _note(request: Request, caller: Caller, deps: Deps, code: ErrorCode) -> list[Effect]:
    event = OF_VERB.get(type(request)) or OF_CODE.get(code)
    if event is None:
        return []
    account = caller.account
    if isinstance(request, Login | Signup):
        account = deps.directory.account_by_name(
            request.name
        )  # else it may be a password, typed in its place
    user = None if account is None else account.name
    fields = {"user": user, "key": caller.key[:KEY_SHORT], "address": caller.address, "reason": str(code)}
    return [Note(event, fields if event in OF_VERB.values() else {**fields, "verb": request.VERB})]
