"""Doing one thing to many: go on after a failure, say which failed, exit 8 when only some did."""

import shlex
from collections.abc import Awaitable, Callable, Sequence

from cnmessage_client.shell.settings import Settings
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.records import MAX_RECIPIENTS

_HOPELESS = {ErrorCode.UNREACHABLE, ErrorCode.UNAUTHENTICATED, ErrorCode.BROKER_KEY_CHANGED}


class Failures:
    """What went wrong with some of `count` things.

    A single failure of a single thing is that failure; of several, PARTIAL, or the first one if all failed.
    """

    def __init__(self, settings: Settings, count: int) -> None:
        self._renderer = settings.renderer
        self.count = count
        self._errors: list[CnMessageError] = []

    def add(self, error: CnMessageError) -> None:
        """One failed. Raises its error when the others can only fail in the same way."""
        if error.code in _HOPELESS:
            raise error
        self._errors.append(error)
        if self.count > 1:
            self._renderer.error(error)

    @property
    def failed(self) -> int:
        """How many have failed so far."""
        return len(self._errors)

    def raise_if_any(self) -> None:
        """Once all were tried: raise what the command ends with, if any failed."""
        failed = self.failed
        if 0 < failed < self.count:
            text = f"{failed} of {self.count} {'was' if failed == 1 else 'were'} not done; see above"
            raise CnMessageError(ErrorCode.PARTIAL, text) from self._errors[0]
        if failed > 1:
            text = f"none of the {self.count} was done; see above"
            raise CnMessageError(self._errors[0].code, text) from self._errors[0]
        if failed:
            raise self._errors[0]


def too_many(settings: Settings, count: int, call: str, what: str, argument: str) -> str:
    """What to do about too many users for one message: `call` has "$@" for names, "$0" for `argument`."""
    shell = shlex.join(["sh", "-c", settings.typed(call), argument])
    text = f"{what} goes to at most {MAX_RECIPIENTS} users, and these are {count}"
    return f"{text}; with one name a line in a file NAMES, write: xargs -n {MAX_RECIPIENTS} {shell} < NAMES"


async def each_of(
    settings: Settings,
    names: Sequence[str],
    act: Callable[[str], Awaitable[object]],
    status: str,
) -> None:
    """Do it to each, and print a record for each success."""
    failures = Failures(settings, len(names))
    for name in names:
        try:
            await act(name)
        except CnMessageError as error:
            failures.add(error)
        else:
            settings.renderer.done({"name": name, "status": status}, f"{name}: {status}", (name, status))
    failures.raise_if_any()
