"""Doing one thing to many: go on after a failure, say which failed, exit 8 when only some did."""

from collections.abc import Awaitable, Callable, Sequence

from cnmessage_client.cli.options import Settings
from cnmessage_protocol.errors import CnMessageError, ErrorCode

_HOPELESS = {ErrorCode.UNREACHABLE, ErrorCode.UNAUTHENTICATED, ErrorCode.BROKER_KEY_CHANGED}


async def each_of(
    settings: Settings,
    names: Sequence[str],
    act: Callable[[str], Awaitable[object]],
    status: str,
) -> None:
    """Do it to each; prints a record for each success.

    A single failure of a single thing is that failure; of several, PARTIAL, or the first one if all failed.
    """
    failures: list[CnMessageError] = []
    for name in names:
        try:
            await act(name)
        except CnMessageError as error:
            if error.code in _HOPELESS:
                raise
            failures.append(error)
            if len(names) > 1:
                settings.renderer.error(error)
        else:
            settings.renderer.record({"name": name, "status": status}, f"{name}: {status}", (name, status))
    if failures and len(failures) < len(names):
        text = f"{len(failures)} of {len(names)} were not done; see above"
        raise CnMessageError(ErrorCode.PARTIAL, text)
    if len(failures) > 1:
        raise CnMessageError(failures[0].code, f"none of the {len(names)} was done; see above")
    if failures:
        raise failures[0]
