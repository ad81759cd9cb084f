"""A question on this process's terminal: a secret is not seen, also not after the process was stopped.

However it ends, the terminal is as it was, and nothing of a secret stays for whoever reads next.
"""

import errno
import os
import select
import sys
import termios
from typing import Any

import click

from cnmessage_client.shell.signals import (
    around_stops,
    stop_in_background,
    wait_for_terminal,
    woken_by_signals,
)
from cnmessage_client.shell.streams import say

_MANY = 1 << 10


def ask_here(question: str, *, hidden: bool) -> str:
    """The answer. Asks on standard error, so that data alone goes to standard output."""
    wait_for_terminal()
    before = _modes()

    def give() -> None:
        if hidden and before is not None:
            _set(before, termios.TCSAFLUSH)  # half a secret is not for the shell

    def take() -> None:
        if stop_in_background():
            return  # brought back since, it was asked then
        modes = _modes()
        if hidden and modes is not None:
            modes[3] &= ~termios.ECHO
            _set(modes, termios.TCSAFLUSH)  # what was typed before was typed for all to see
        _say(question)

    with around_stops(give, take):
        try:
            take()
            return _line(show_end=hidden)
        finally:
            give()


def _say(question: str) -> None:
    """Ask, also in the middle of asking: a stream cannot be written to while it is being written to."""
    try:
        os.write(sys.stderr.fileno(), question.encode(errors="replace"))
    except (OSError, ValueError):  # closed, or a stream without a descriptor
        say(sys.stderr, question)


def _line(*, show_end: bool) -> str:
    """The line that is typed, without its end. click.Abort when the person gives up, with ^C or ^D.

    A signal that comes between Python's last look for one and a read would wait for a key: so the terminal is
    read only once something is there.
    """
    try:
        _wait()
        line = sys.stdin.readline()
    except (KeyboardInterrupt, OSError):
        line = ""
    if show_end or not line:
        say(sys.stderr, "\n")
    if not line:
        raise click.Abort
    return line.removesuffix("\n")


def _wait() -> None:
    """Return once standard input has something."""
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError):  # it has none, so nothing of it is waited for
        return
    with woken_by_signals() as woken:
        while descriptor not in select.select([descriptor, *woken], [], [])[0]:
            for each in woken:
                each.recv(_MANY)


def _modes() -> list[Any] | None:
    try:
        return termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError):  # no terminal
        return None


def _set(modes: list[Any], when: int) -> None:
    while True:
        try:
            termios.tcsetattr(sys.stdin.fileno(), when, modes)
        except termios.error as error:
            if error.args[0] == errno.EINTR:  # it was brought back in the middle of this
                continue
        return
