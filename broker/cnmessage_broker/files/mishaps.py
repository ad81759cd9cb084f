"""What errors of the broker's disk mean: a refusal, and a line in the log. Must know no transfer."""

import errno

import structlog

from cnmessage_broker.files.descriptors import SHORTAGE
from cnmessage_protocol.errors import ErrorCode, RequestError

FULL = {errno.ENOSPC, errno.EDQUOT}

_QUIET_BEATS = 60
"""Beats without a shortage of descriptors before the next one is worth another line in the log."""


class Mishaps:
    """Turns errors into refusals, and logs them."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log
        self._quiet = 0

    def refusal(self, error: OSError) -> RequestError:
        """What the client is told; what is wrong stands in the log."""
        if error.errno in SHORTAGE:
            if not self._quiet:
                self._log.error("no more files can be opened", error=str(error))
            self._quiet = _QUIET_BEATS
            text = (
                "the broker has too many files and connections open; nothing was lost, try again in a moment"
            )
            return RequestError(ErrorCode.BUSY, text)
        self._log.error("a file could not be read or written", error=str(error))
        text = "the broker's disk is full" if error.errno in FULL else "the broker's disk failed"
        return RequestError(ErrorCode.STORAGE, f"{text}; ask who runs it, or try later")

    def beat(self) -> None:
        """A second went by."""
        self._quiet = max(0, self._quiet - 1)
