"""The three streams of a process: those that the caller has closed, and a reader that goes away.

Who prints to an output that is closed, full or without a reader gets an OSError, every time; nothing is
swallowed but what is told on standard error, which has no other place to go. Knows no command.
"""

import asyncio
import errno
import fcntl
import os
import select
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO

from cnmessage_client.home_files import RAISE_LIMIT, TOO_MANY
from cnmessage_protocol.errors import CnMessageError, ErrorCode

_PIECE = select.PIPE_BUF
"""Bytes that a pipe takes at once when it takes any."""


def opens_alone() -> bool:
    """Whether the program, called without a command, opens the chat: a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def replace_closed() -> None:
    """Take the place of each stream that the caller has closed, before anything else is opened there.

    Standard error becomes one that nobody reads. The others become streams that fail when they are used.
    """
    for name, mode, fails in (("stdin", "r", True), ("stdout", "w", True), ("stderr", "w", False)):
        if getattr(sys, name) is None:
            flags = os.O_RDONLY if (mode == "r") is not fails else os.O_WRONLY
            descriptor = os.open(os.devnull, flags)  # the lowest that is free: the stream's own
            setattr(sys, name, os.fdopen(descriptor, mode))


def check_output() -> None:
    """Raise STORAGE when standard output is closed: whatever a command does, it has something to tell."""
    if not _open_for(sys.stdout, os.O_WRONLY):
        text = "standard output is closed; nothing was done. To do it without its output, add: >/dev/null"
        raise CnMessageError(ErrorCode.STORAGE, text)


def input_bytes() -> BinaryIO:
    """Standard input as bytes; UNREADABLE when it is closed."""
    if not _open_for(sys.stdin, os.O_RDONLY):
        raise unreadable("standard input", OSError(errno.EBADF, "it is closed"))
    return sys.stdin.buffer


def unreadable(place: str, error: OSError) -> CnMessageError:
    """The error for what a person named to be read, and what the operating system said about it."""
    more = f"; {RAISE_LIMIT}" if error.errno in TOO_MANY else ""
    return CnMessageError(ErrorCode.UNREADABLE, f"{place} cannot be read: {error.strerror or error}{more}")


def say(stream: TextIO, text: str) -> None:
    """Write a hint or an error, at once. Where nobody can be told, a command goes on as it would have."""
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        discard(stream)


def discard(stream: TextIO) -> None:
    """What is left in a stream that failed, and all that follows, goes nowhere."""
    with suppress(OSError, ValueError):  # a stream without a descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


async def write_as_read(stream: BinaryIO, data: bytes) -> None:
    """Write it all. While a reader takes nothing the event loop goes on, and with it what signals ask for."""
    descriptor = stream.fileno()
    rest = memoryview(data)
    while rest:
        await _room(descriptor)
        with suppress(BlockingIOError):  # a stream that another program shares, and has set so
            rest = rest[os.write(descriptor, rest[:_PIECE]) :]


async def _room(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    room = asyncio.Event()
    try:
        loop.add_writer(descriptor, room.set)
    except PermissionError:  # a file, which makes nobody wait
        return
    try:
        await room.wait()
    finally:
        loop.remove_writer(descriptor)


@contextmanager
def terminal_at_hand() -> Iterator[TextIO | None]:
    """A stream to this process's terminal, whatever is piped: standard error, or the one it was started in.

    None where there is no terminal.
    """
    if sys.stderr.isatty():
        yield sys.stderr
        return
    try:
        descriptor = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as terminal:
        yield terminal


@contextmanager
def reader_watched(stream: TextIO, left: Callable[[], object]) -> Iterator[None]:
    """For this time, `left` is called once, on another thread, when nobody reads the stream any more.

    Only pipes and sockets have a reader that can leave; a terminal that goes sends a signal.
    """
    descriptor = _pipe_of(stream)
    if descriptor is None:
        yield
        return
    stop, stopper = os.pipe()
    ends = select.poll()
    for each in (descriptor, stop):
        ends.register(each, 0)  # nothing but the end of the other side

    def wait() -> None:
        ended = {each for each, _ in ends.poll()}
        if stop not in ended:
            left()

    thread = threading.Thread(target=wait, name="reader of the output", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.close(stopper)
        thread.join()
        os.close(stop)


def _pipe_of(stream: TextIO) -> int | None:
    with suppress(OSError, ValueError):
        mode = os.fstat(stream.fileno()).st_mode
        return stream.fileno() if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else None
    return None


def _open_for(stream: TextIO, access: int) -> bool:
    """Whether it can be used so: a stream that was opened the other way is as good as closed."""
    try:
        flags = fcntl.fcntl(stream.fileno(), fcntl.F_GETFL)
    except ValueError:  # no descriptor: a test's own, or another program's
        return not stream.closed
    except OSError:
        return False
    return flags & os.O_ACCMODE in {access, os.O_RDWR}
