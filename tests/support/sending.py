"""What became of files that were sent, whether or not all of them were."""

from collections.abc import Awaitable

from cnmessage_client import FilesError, SentFile


async def outcomes(sending: Awaitable[list[SentFile]]) -> list[SentFile]:
    """Those that failed, each with its error, then the others."""
    try:
        return await sending
    except FilesError as error:
        return [*error.failed, *error.sent]
