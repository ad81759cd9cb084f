"""The signals that end a program, or put it aside: those that come from outside and can be caught.

Whoever has made something of the terminal undoes it before the process ends or stops. Knows no terminal.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ENDING = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGABRT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGXCPU")

_TRIES = 100
"""How often it is stopped anew by somebody who goes on with it where it is, in the background."""


def ending() -> Iterator[signal.Signals]:
    """Signals beside SIGINT that would end this process on the spot; not those ignored, as `nohup` wants."""
    for name in _ENDING:
        number = getattr(signal, name, None)
        if number is not None and heeded(number):
            yield number


def heeded(number: signal.Signals) -> bool:
    """Whether whoever started this process has left the signal to it."""
    return signal.getsignal(number) is not signal.SIG_IGN


def stop_now() -> None:
    """Stop as SIGTSTP does where nobody catches it; returns when the process goes on.

    Where nobody could bring it back, as without a shell, it does not stop, and this returns at once.
    """
    caught = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, caught)


def in_background() -> bool:
    """Whether standard input is a terminal that belongs to somebody else now, as behind `&` or `bg`.

    How it is set then is theirs: who read that would leave it so, and who sets it is stopped in the middle.
    """
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp()
    except (OSError, ValueError):  # no terminal
        return False


def stop_in_background() -> bool:
    """Stop, as who reads from a terminal does that is not theirs; whether it was so.

    Returns when the process goes on, or at once where nobody could bring it back.
    """
    if not in_background():
        return False
    os.kill(0, signal.SIGTTIN)
    return True


def wait_for_terminal() -> None:
    """Return once the terminal is this process's; it is stopped until then."""
    tries = 0
    while stop_in_background() and tries < _TRIES:
        tries += 1


@contextmanager
def woken_by_signals() -> Iterator[list[socket.socket]]:
    """For this time, sockets to be read from when a signal has come, for a wait that shall not outlast it.

    None on a thread that gets no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield []
        return
    heard, told = socket.socketpair()
    with heard, told:
        told.setblocking(False)
        before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        try:
            yield [heard]
        finally:
            signal.set_wakeup_fd(before)


@contextmanager
def around_stops(give: Callable[[], object], take: Callable[[], object]) -> Iterator[None]:
    """For this time, `give` is called before this process stops, and `take` when it goes on.

    Of SIGSTOP it hears afterwards only: `take` may find anything. Both run on the main thread, in the middle
    of whatever it does; on another thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread() or not heeded(signal.SIGTSTP):
        yield
        return
    given = False

    def stopped(*_: object) -> None:
        nonlocal given
        give()
        given = True
        stop_now()
        if given:  # it did not stop, so nothing brings it back
            continued()

    def continued(*_: object) -> None:
        nonlocal given
        given = False
        take()

    before = {
        number: signal.signal(number, handler)
        for number, handler in ((signal.SIGTSTP, stopped), (signal.SIGCONT, continued))
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
