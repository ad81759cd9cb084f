"""The three streams of a process: those that its caller has closed, and those that take no more.

What cannot be printed on standard output is an error, every time. What cannot be said on standard error has
no other place to go and stops nobody. Must not know what is printed.
"""

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TextIO


class UnprintableError(OSError):
    """Standard output takes no more; the text says why."""

    def __str__(self) -> str:
        if self.errno == errno.EBADF:
            return "standard output is closed: nothing can be printed"
        return f"standard output cannot be written to: {self.strerror}"


def prepare() -> None:
    """Put streams that keep to the rules above in the place of this process's own.

    Before anything else is opened: it might get the number of a stream that is closed.
    """
    for name, mode, access in (
        ("stdin", "r", os.O_WRONLY),  # to be read it fails, as a closed one would
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, access), mode))
    sys.stdout, sys.stderr = _as(Output, sys.stdout), _as(Untiring, sys.stderr)


class Output(io.TextIOWrapper):
    """Standard output; raises UnprintableError where another stream raises any OSError."""

    def write(self, text: str, /) -> int:
        """As of any stream."""
        try:
            return super().write(text)
        except OSError as error:
            raise UnprintableError(error.errno, error.strerror) from error

    def flush(self) -> None:
        """As of any stream."""
        try:
            super().flush()
        except OSError as error:
            raise UnprintableError(error.errno, error.strerror) from error


class Untiring(io.TextIOWrapper):
    """A stream that may end: what nobody takes any more is lost, and stops nobody.

    So a closed terminal, a reader of a pipe that left, or a full disk does not end who logs.
    """

    def write(self, text: str, /) -> int:
        """As of any stream."""
        try:
            return super().write(text)
        except OSError as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        """As of any stream."""
        try:
            super().flush()
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        if error.errno in {errno.EPIPE, errno.EIO, errno.EBADF}:  # for ever; a disk may have room again
            discard(self)


def discard(stream: TextIO) -> None:
    """What is left in a stream that failed, and all that follows, goes nowhere."""
    with suppress(OSError, ValueError):  # a stream without a descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


def _as(kind: type[io.TextIOWrapper], stream: TextIO) -> TextIO:
    """The same stream, of that kind; one that is no process's own stays as it is."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    encoding, by_line, at_once = stream.encoding, stream.line_buffering, stream.write_through
    return kind(stream.detach(), encoding, "backslashreplace", line_buffering=by_line, write_through=at_once)
