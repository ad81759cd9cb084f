"""A question on this process's terminal: a secret is not seen, also not after the process was stopped.

However it ends, the terminal is as it was, and nothing of a secret stays for whoever reads next.
"""

import errno
import sys
import termios
from typing import Any

import click

from cnmessage_client.shell.signals import around_stops, stop_in_background, wait_for_terminal
from cnmessage_client.shell.streams import say


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
            _set(modes, termios.TCSADRAIN)
        say(sys.stderr, question)

    with around_stops(give, take):
        try:
            line: str = click.prompt(
                question, default="", show_default=False, prompt_suffix="", hide_input=hidden, err=True
            )
        finally:
            if hidden and before is not None and _modes() != before:  # it went on just behind the answer
                _set(before, termios.TCSADRAIN)
    return line


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
