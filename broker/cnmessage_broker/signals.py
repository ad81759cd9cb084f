"""Signals: what a service manager, a shell or a terminal may send, and what becomes of it.

A signal may come at any moment, amid a line of the log too: all that is done here is to raise, or to call
what is given, which must do no more than leave word. Must not know what a broker is.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_UNUSED = ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGSTKFLT")
"""They would end a process that does not know them; not every system has them all."""


class BrokenOffError(Exception):
    """A signal came that ends this program; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def not_yet() -> None:
    """Until `listen` nothing but what ends a program is minded: a start may take a while."""
    for name in ("SIGHUP", "SIGPIPE", *_UNUSED):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def listen(stop: Callable[[], None], hang_up: Callable[[], None], unused: Callable[[str], None]) -> None:
    """What ends a program calls `stop`; SIGHUP `hang_up`, but `stop` when its terminal was closed.

    All others that are sent by hand call `unused` with their name.
    """
    terminals = [stream.fileno() for stream in (sys.stdin, sys.stderr) if stream.isatty()]

    def hung_up(_: int, __: FrameType | None) -> None:
        closed = terminals and not any(map(os.isatty, terminals))
        (stop if closed else hang_up)()

    for number in _STOPPING:
        signal.signal(number, lambda *_: stop())
    not_yet()  # SIGPIPE stays so: who reads what is written here may leave
    signal.signal(signal.SIGHUP, hung_up)
    for name in _UNUSED:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, _: unused(signal.Signals(number).name))


@contextmanager
def broken_off() -> Iterator[None]:
    """In here what ends a program raises BrokenOffError, so that what is half done is taken back."""

    def raises(number: int, _: FrameType | None) -> None:
        raise BrokenOffError(number)

    numbers = (*_STOPPING, signal.SIGHUP)
    before = [signal.signal(number, raises) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
