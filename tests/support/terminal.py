"""A program in a pseudo-terminal whose screen a test can look at, as a person would.

A thread reads what the program writes and keeps the screen up to date, so that the program never waits for
the test; a test waits, with a deadline, until the screen shows what it should.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pyte

from tests.support.forked import FORK, PROGRAM, Forked, suits
from tests.support.harness import eventually
from tests.support.patience import PATIENCE

KEYS = {
    "enter": "\r",
    "tab": "\t",
    "escape": "\x1b",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "page up": "\x1b[5~",
    "page down": "\x1b[6~",
    "home": "\x1b[H",
    "end": "\x1b[F",
    **{f"ctrl-{letter}": chr(ord(letter) - 96) for letter in "abcdefghijklmnopqrstuvwxyz"},
    **{f"alt-{letter}": f"\x1b{letter}" for letter in "abcdefghijklmnopqrstuvwxyz0123456789"},
}

_COLOURS = {
    name: number
    for first, bright in ((30, ""), (90, "bright"))
    for number, name in enumerate(
        (
            f"{bright}{each}"
            for each in ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white")
        ),
        first,
    )
}

# The child must have a controlling terminal, as a person's has: then Ctrl-C and the window's size reach it.
_TAKE_TERMINAL = "import fcntl,os,sys,termios; fcntl.ioctl(0,termios.TIOCSCTTY,0); os.execv(sys.argv[1],sys.argv[1:])"  # fmt: skip  # noqa: E501


class _Emulator(pyte.Screen):
    """The emulated screen; it answers what programs ask a terminal."""

    def __init__(self, columns: int, rows: int, answer: Callable[[str], None]) -> None:
        super().__init__(columns, rows)
        self._answer = answer
        self.bells = 0
        self.title_set = False

    def write_process_input(self, data: str) -> None:
        self._answer(data)

    def bell(self, *_: Any) -> None:
        self.bells += 1

    def set_title(self, *_: Any) -> None:
        self.title_set = True

    def select_graphic_rendition(self, *attributes: int, **_: Any) -> None:
        # It knows no dim text; nothing of ours is in italics, so they stand for it.
        super().select_graphic_rendition(*(3 if each == 2 else each for each in attributes))


def start_in_terminal(
    command: Sequence[str], environment: dict[str, str], columns: int, rows: int
) -> "tuple[subprocess.Popen[bytes] | Forked, int]":
    """Start a program in a pseudo-terminal of its own; gives the process and our side of the terminal."""
    side, other = pty.openpty()
    set_size(side, columns, rows)
    if command[0] == PROGRAM and suits(environment):
        forked = FORK.start(command, environment, (other, other, other), terminal=True)
        os.close(other)
        return forked, side
    process = subprocess.Popen(
        [sys.executable, "-ISc", _TAKE_TERMINAL, *command],
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
        env=environment,
    )
    os.close(other)
    return process, side


def set_size(side: int, columns: int, rows: int) -> None:
    """Make the window of a pseudo-terminal that large."""
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class ScreenTerminal:
    """A process in a pseudo-terminal of `columns` by `rows`."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], *, columns: int = 80, rows: int = 24
    ) -> None:
        self.process, self._side = start_in_terminal(command, environment, columns, rows)
        self.raw = b""
        self._ended = False
        self._changed = threading.Condition()
        self._screen = _Emulator(columns, rows, self._write)
        self._stream = pyte.ByteStream(self._screen)
        self._wake, self._waker = os.pipe()
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    # -- what a person does -----------------------------------------------------------------------

    def type(self, text: str) -> None:
        """Type text, key by key as far as the program can tell."""
        self._write(text)

    def key(self, *names: str) -> None:
        """Press keys by name."""
        self._write("".join(KEYS[name] for name in names))

    def enter(self, text: str) -> None:
        """Type a line and Enter."""
        self._write(text + KEYS["enter"])

    def paste(self, text: str) -> None:
        """Paste text as a terminal with bracketed paste does."""
        self._write(f"\x1b[200~{text}\x1b[201~")

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size."""
        with self._changed:
            self._screen.resize(rows, columns)
        set_size(self._side, columns, rows)

    def stop(self) -> None:
        """Stop the program from outside, and have the terminal as a shell leaves it: lines, and an echo."""
        self.process.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self.process.pid}/stat")
        eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
        modes = termios.tcgetattr(self._side)
        modes[3] |= termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN
        modes[0] |= termios.ICRNL
        termios.tcsetattr(self._side, termios.TCSANOW, modes)
        with self._changed:
            self._screen.reset()  # the shell, and what ran in it, has painted over all

    def go_on(self) -> None:
        """As `fg` does."""
        self.process.send_signal(signal.SIGCONT)

    @property
    def modes(self) -> tuple[bool, bool, bool]:
        """Whether the terminal echoes, edits lines, and makes signals of Ctrl-C and the like."""
        flags = termios.tcgetattr(self._side)[3]
        return bool(flags & termios.ECHO), bool(flags & termios.ICANON), bool(flags & termios.ISIG)

    # -- what a person sees -----------------------------------------------------------------------

    @property
    def lines(self) -> list[str]:
        """The rows of the screen without blanks at their ends."""
        with self._changed:
            return self._lines()

    @property
    def text(self) -> str:
        """The whole screen."""
        return "\n".join(self.lines)

    @property
    def bells(self) -> int:
        """How often the bell was rung."""
        with self._changed:
            return self._screen.bells

    @property
    def title_set(self) -> bool:
        """Whether anything has set the window's title."""
        with self._changed:
            return self._screen.title_set

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and row of the cursor, counted from 0."""
        with self._changed:
            return self._screen.cursor.x, self._screen.cursor.y

    def cells(self) -> list[list[Any]]:
        """Every cell of the screen with its character and its look (see pyte.screens.Char), row by row."""
        with self._changed:
            screen = self._screen
            return [[screen.buffer[row][at] for at in range(screen.columns)] for row in range(screen.lines)]

    def ansi(self) -> list[str]:
        """The rows of the screen with their looks as SGR sequences, each beginning and ending without any."""
        return ["".join(_looks(row)).rstrip() for row in self.cells()]

    def until(self, wanted: str | re.Pattern[str], *, gone: bool = False, patience: float = PATIENCE) -> str:
        """Wait until the screen shows it, or no more shows it; gives the screen's text then."""
        pattern = re.compile(re.escape(wanted)) if isinstance(wanted, str) else wanted

        def seen(lines: list[str]) -> bool:
            return (pattern.search("\n".join(lines)) is None) is gone

        what = f"{pattern.pattern!r} {'to go' if gone else 'to be shown'}"
        return "\n".join(self.wait(seen, what, patience))

    def wait(self, holds: Callable[[list[str]], bool], what: str, patience: float = PATIENCE) -> list[str]:
        """Wait until it holds for the rows of the screen; gives them."""
        found: list[str] = []

        def look() -> bool:
            nonlocal found
            found = self._lines()
            return holds(found) or self._ended

        with self._changed:
            self._changed.wait_for(look, patience)
        assert holds(found), f"waited in vain for {what}; the screen:\n{self.picture(found)}"
        return found

    def picture(self, lines: Sequence[str] | None = None) -> str:
        """The screen in a frame, for messages of failed tests."""
        shown = self.lines if lines is None else lines
        return "\n".join(["┌" + "─" * self._screen.columns, *(f"│{line}" for line in shown), "└"])

    # -- the end ----------------------------------------------------------------------------------

    def finish(self) -> int:
        """Wait for the end; gives the exit status."""
        with self._changed:
            ended = self._changed.wait_for(lambda: self._ended, PATIENCE)
        assert ended, f"it does not end; the screen:\n{self.picture()}"
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self._waker)
        self._reader.join(PATIENCE)
        os.close(self._wake)
        os.close(self._side)

    # -- inner ------------------------------------------------------------------------------------

    def _lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    def _write(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self._side, data) :]

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._side, self._wake], [], [])
            data = b""
            if self._side in ready:
                with suppress(OSError):  # Linux says EIO when the other side is closed
                    data = os.read(self._side, 65536)
            with self._changed:
                if data:
                    self.raw += data
                    self._stream.feed(data)
                else:
                    self._ended = True
                self._changed.notify_all()
                if self._ended:
                    return


def _looks(row: list[Any]) -> Iterator[str]:
    """The characters of a row, and a sequence wherever the look changes."""
    before: tuple[int, ...] = ()
    last = max((at for at, cell in enumerate(row) if cell.data.strip() or cell.reverse), default=-1)
    for cell in row[: last + 1]:
        flags = ((cell.bold, 1), (cell.italics, 2), (cell.underscore, 4), (cell.reverse, 7))
        look = tuple(number for shown, number in flags if shown)
        look += (_COLOURS[cell.fg],) if cell.fg in _COLOURS else ()
        look += (_COLOURS[cell.bg] + 10,) if cell.bg in _COLOURS else ()
        if look != before:
            yield f"\x1b[{';'.join(map(str, (0, *look)))}m"
        yield cell.data
        before = look
    if before:
        yield "\x1b[0m"
