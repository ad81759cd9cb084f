"""The chat as plain lines: for pipes, files, screen readers and terminals that shall stay as they are.

Messages and what commands print go to standard output, all else to standard error; no colour, no escape
sequence, and nothing is drawn twice. The same lines are typed as on the full screen. Used by the driver.
"""

import asyncio
import os
import shutil
import sys
import termios
import threading
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Self, TextIO

from cnmessage_client.chat.editor import edit_text
from cnmessage_client.chat.plain.reader import LineReader
from cnmessage_client.chat.plain.words import (
    delivery_json,
    mark_json,
    mark_line,
    message_json,
    message_line,
    other_json,
    other_line,
)
from cnmessage_client.chat.screens import TalkView
from cnmessage_client.chat.talk.entries import (
    Entry,
    Mark,
    Note,
    Output,
    Preview,
    Pushed,
    Rule,
    Said,
    Trouble,
    Typed,
)
from cnmessage_client.shell.out.progress import Events, Lines, View
from cnmessage_client.shell.out.render import Renderer
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_protocol.errors import CnMessageError, ErrorCode

MOST_PRINTED = 20_000
"""Messages that are known to have been printed; older ones would be again when their view is opened."""


class Plain:
    """The Screen without a terminal. `stdin` is a file descriptor."""

    keeps_draft = False

    def __init__(
        self,
        talk: TalkView,
        *,
        as_json: bool = False,
        clock: Callable[[], float] = time.monotonic,
        stdin: int = 0,
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        self.surface = PlainSurface(sys.stdout if out is None else out, sys.stderr if err is None else err)
        self._talk = talk
        self._as_json = as_json
        self._clock = clock
        self._stdin = stdin
        self._reader = LineReader(stdin, self._came)
        self._lines: deque[str] = deque()
        self._ended = False
        self._asking: deque[asyncio.Future[str | None]] = deque()
        self._taking: asyncio.Future[str | None] | None = None
        self._printed: OrderedDict[str, Mark | None] = OrderedDict()
        self._earlier: set[str] = set()
        self._peer = talk.peer
        self._connection = ""

    # -- what is shown ----------------------------------------------------------------------------

    def view(self, verb: str) -> View:
        """Few lines about each file."""
        renderer = Renderer(self.surface, as_json=self._as_json, quiet=False)
        return Events(renderer) if self._as_json else Lines(renderer, verb)

    def show(self, entry: Entry, *, again: bool) -> None:
        """Print what is new."""
        self._tell_where_we_are()
        match entry:
            case Said() | Preview(said=Said()):
                said = entry.said if isinstance(entry, Preview) else entry
                if self._is_new(said) and not (again and said.key in self._earlier):
                    self._say(said)
            case Note(text) | Trouble(text) | Rule(text):
                self._tell(text)
            case Pushed(kind) if self._as_json:
                self.surface.out(delivery_json(kind))
            case Pushed():
                self._tell(entry.text)
            case Output(text):
                self.surface.out(text)
            case Typed():
                pass  # who typed it knows

    def redraw(self) -> None:
        """Print what the open view holds and nobody has seen: earlier messages, with their dates."""
        self._tell_where_we_are()
        rule: Rule | None = None
        for entry in list(self._talk.entries):
            # What has no seq yet is of just now, and shown as such.
            if isinstance(entry, Said) and entry.seq is not None and self._is_new(entry):
                self._earlier.add(entry.key)
                if rule is not None:
                    self._tell(rule.label)
                if self._as_json:
                    self._say(entry)
                else:
                    self.surface.out(message_line(entry, dated=True))
            rule = entry if isinstance(entry, Rule) else None

    def ring(self) -> None:
        """The bell, where there may be one."""
        if self.surface.rings:
            self.surface.write_err("\a")

    def _say(self, said: Said) -> None:
        if said.mark is None:
            self.surface.out(message_json(said) if self._as_json else message_line(said))
        elif self._as_json:
            self.surface.out(mark_json(said))
        else:
            self.surface.err(mark_line(said))

    def _tell(self, text: str) -> None:
        self.surface.err(other_json(text) if self._as_json else other_line(text))

    def _tell_where_we_are(self) -> None:
        if self._talk.peer != self._peer:
            self._peer = self._talk.peer
            self._tell("[home]" if self._peer is None else f"[to {self._peer}]")
        connection = self._talk.status(self._clock()).connection
        word = connection.partition(" ")[0]
        if word != self._connection:
            self._connection = word
            self._tell(f"[{connection}]")

    def _is_new(self, said: Said) -> bool:
        """Whether it was not printed yet, with this mark; from now on it was."""
        known = said.key in self._printed and self._printed[said.key] is said.mark
        self._printed[said.key] = said.mark
        self._printed.move_to_end(said.key)
        if len(self._printed) > MOST_PRINTED:
            self._earlier.discard(self._printed.popitem(last=False)[0])
        return not known

    # -- what is typed ----------------------------------------------------------------------------

    def set_draft(self, text: str) -> None:
        """Lines that were read cannot be taken back."""

    @property
    def draft(self) -> str:
        """The line being typed: the terminal has it, if any."""
        return ""

    async def edit(self, text: str) -> str:
        """Lend the terminal to $VISUAL or $EDITOR."""
        if not os.isatty(self._stdin):
            raise CnMessageError(ErrorCode.USAGE, "an editor needs a terminal; write the text as a line")
        with self._reader.pause():
            return await asyncio.to_thread(edit_text, text, os.environ)

    async def ask(self, question: str, *, hidden: bool) -> str:
        """The next line is the answer; raises EOFError when there is none."""
        terminal = os.isatty(self._stdin)
        shown = safe_text(question, lines=True)
        self.surface.write_err(shown if terminal else f"{shown.rstrip()}\n")
        with _without_echo(self._stdin) if hidden and terminal else nullcontext():
            line = await self._next(asking=True)
        if hidden and terminal:
            self.surface.write_err("\n")
        if line is None:
            raise EOFError
        return line

    def typed_ahead(self) -> str | None:
        """None: `ask` takes the next line anyhow."""
        return None

    def expect_answers(self, *, expected: bool) -> None:
        """The terminal shows what is typed, here as in any other program."""

    def forget_ahead(self) -> int:
        """Forget what was read and not taken."""
        count = len(self._lines)
        for _ in range(count):
            self._reader.taken()
        self._lines.clear()
        if os.isatty(self._stdin):
            termios.tcflush(self._stdin, termios.TCIFLUSH)  # a line without its end, yet
        return count

    async def lines(self) -> AsyncIterator[str]:
        """Every line that answers no question, until the end of input."""
        while (line := await self._next(asking=False)) is not None:
            yield line

    async def __aenter__(self) -> Self:
        self._reader.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reader.stop()

    async def _next(self, *, asking: bool) -> str | None:
        if self._lines:
            self._reader.taken()
            return self._lines.popleft()
        if self._ended:
            return None
        awaited: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        if asking:
            self._asking.append(awaited)
        else:
            self._taking = awaited
        line = await awaited
        if line is not None:
            self._reader.taken()
        return line

    def _came(self, line: str | None) -> None:
        """The reader has a line. Questions come first: what follows a command may be its answers."""
        self._ended = line is None
        waiting = [each for each in (*self._asking, self._taking) if each is not None and not each.done()]
        if line is None:
            for each in waiting:
                each.set_result(None)
        elif waiting:
            waiting[0].set_result(line)
        else:
            self._lines.append(line)
        self._asking = deque(each for each in self._asking if not each.done())


class PlainSurface:
    """Standard output and standard error, line by line; safe to use from any thread."""

    colour = False

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out, self._err = out, err
        self._lock = threading.Lock()

    @property
    def person(self) -> bool:
        """Whether standard output is a terminal."""
        return self._out.isatty()

    @property
    def rings(self) -> bool:
        """Whether a bell is heard."""
        return self._err.isatty()

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return shutil.get_terminal_size().columns

    def out(self, text: str) -> None:
        """Lines to standard output, at once."""
        with self._lock:
            self._out.write(text + "\n")
            self._out.flush()

    def err(self, text: str) -> None:
        """Lines to standard error, at once."""
        self.write_err(text + "\n")

    def write_err(self, text: str) -> None:
        """Text to standard error, as it is."""
        with self._lock:
            self._err.write(text)
            self._err.flush()


@contextmanager
def _without_echo(descriptor: int) -> Iterator[None]:
    """What is typed meanwhile does not appear on the terminal."""
    before = termios.tcgetattr(descriptor)
    quiet = termios.tcgetattr(descriptor)
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
