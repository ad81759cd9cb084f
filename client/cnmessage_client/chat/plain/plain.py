"""The chat as plain lines: for pipes, files, screen readers and terminals that shall stay as they are.

Messages and what commands print go to standard output, all else to standard error; no colour, no escape
sequence, and nothing is drawn twice. The same lines are typed as on the full screen; who gets them is unknown
here.
"""

import os
import shutil
import sys
import termios
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Self, TextIO

from cnmessage_client.chat.editor import Editor
from cnmessage_client.chat.plain.reader import MOST_BYTES, LineReader
from cnmessage_client.chat.plain.words import (
    delivery_json,
    mark_json,
    mark_line,
    message_json,
    message_line,
    other_json,
    other_line,
)
from cnmessage_client.chat.screens import InputHandler, TalkView
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
from cnmessage_client.chat.talk.turns import Typing
from cnmessage_client.ringing import Notification
from cnmessage_client.shell.out.osc import BELL
from cnmessage_client.shell.out.progress import Events, Lines, ProgressView
from cnmessage_client.shell.out.render import Renderer
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_client.shell.streams import say, unreadable
from cnmessage_protocol.conversation import on_screen
from cnmessage_protocol.errors import CnMessageError, ErrorCode

MOST_PRINTED = 20_000
"""Messages that are known to have been printed; older ones would be again when their view is opened."""


class Plain:
    """The Screen without a terminal. `handler` is told of lines; `stdin` is a file descriptor."""

    def __init__(
        self,
        talk: TalkView,
        handler: InputHandler,
        *,
        as_json: bool = False,
        clock: Callable[[], float] = time.monotonic,
        stdin: int = 0,
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        self.surface = PlainSurface(sys.stdout if out is None else out, sys.stderr if err is None else err)
        self._talk, self._handler = talk, handler
        self._as_json = as_json
        self._clock = clock
        self._stdin = stdin
        self._reader = LineReader(stdin, self._came)
        self._terminal = os.isatty(stdin)
        self._editor = Editor(os.environ)
        self._typing = Typing()
        self._untaken = 0
        self._loud: list[Any] | None = None
        self._printed: OrderedDict[str, Mark | None] = OrderedDict()
        self._earlier: set[str] = set()
        self._conversation = talk.conversation
        self._connection = ""

    keys = False

    # -- what is shown ----------------------------------------------------------------------------

    def view(self, verb: str) -> ProgressView:
        """Few lines about each file."""
        renderer = Renderer(self.surface, as_json=self._as_json, quiet=False)
        return Events(renderer) if self._as_json else Lines(renderer, verb)

    def show(self, entry: Entry, *, again: bool) -> None:
        """Print what is new."""
        self._tell_where_we_are()
        match entry:
            case Said() | Preview(said=Said()):
                said = entry.said if isinstance(entry, Preview) else entry
                known = said.key in self._printed
                if again and said.mark is not Mark.FAILED and (not known or said.key in self._earlier):
                    pass  # not sent here: how far it is tells nobody anything
                elif not known and said.mark not in {None, Mark.QUEUED, Mark.FAILED}:
                    self._is_new(said)
                    self._earlier.add(said.key)
                    self._print(said)
                elif self._is_new(said):
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
            if isinstance(entry, Said) and entry.seq is not None:
                if entry.key not in self._printed:
                    self._is_new(entry)
                    self._earlier.add(entry.key)
                    if rule is not None:
                        self._tell(rule.label)
                    self._print(entry, dated=True)
                elif entry.key not in self._earlier and self._is_new(entry):
                    self._say(entry)
            rule = entry if isinstance(entry, Rule) else None

    def put_aside(self) -> None:
        """Let what is typed be seen: it is for others. Half a secret is not for them."""
        if self._loud is not None:
            termios.tcsetattr(self._stdin, termios.TCSAFLUSH, self._loud)
        self._editor.stop()

    def continued(self) -> None:
        """Ask again what is asked; a secret is still no business of the screen's."""
        self._editor.go_on()
        question = self._typing.question
        if question is not None and self._terminal:
            if self._loud is not None:
                self._stop_echo()
            self.surface.write_err(safe_text(question.text, lines=True))

    def notify(self, _: Notification) -> None:
        """The bell alone, where there may be one: no escape sequence."""
        if self.surface.rings:
            self.surface.write_err(BELL)

    def _print(self, said: Said, *, dated: bool = False) -> None:
        """A message as data, an own one of elsewhere or of earlier too."""
        self.surface.out(message_json(said) if self._as_json else self._line_of(said, dated=dated))

    def _line_of(self, said: Said, *, dated: bool) -> str:
        return message_line(said, dated=dated, person=self.surface.person)

    def _say(self, said: Said) -> None:
        if said.mark is None:
            self._print(said)
        elif self._as_json:
            self.surface.out(mark_json(said))
        else:
            self.surface.err(mark_line(said, person=self.surface.rings))

    def _tell(self, text: str) -> None:
        self.surface.err(other_json(text) if self._as_json else other_line(text))

    def _tell_where_we_are(self) -> None:
        if self._talk.conversation != self._conversation:
            self._conversation = self._talk.conversation
            self._tell("[home]" if self._conversation is None else f"[to {on_screen(self._conversation)}]")
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

    def set_draft(self, text: str, *, offered: bool = False) -> None:
        """Lines that were read cannot be taken back."""

    @property
    def draft(self) -> str:
        """The line being typed: the terminal has it, if any."""
        return ""

    @property
    def half_typed(self) -> bool:
        """Unknown: the terminal has it."""
        return False

    def lend(self, typing: Typing) -> None:
        """Ask what is asked, without echo if hidden. All else that is typed is seen, as in any program."""
        if typing.question is not self._typing.question:
            self._echo_again()
            if typing.question is not None:
                text = safe_text(typing.question.text, lines=True)
                if typing.hidden and self._terminal:
                    self._stop_echo()  # before it is asked: who answers at once is not seen either
                self.surface.write_err(text if self._terminal else f"{text.rstrip()}\n")
        self._typing = typing
        while self._untaken > typing.ahead:
            self._untaken -= 1
            self._reader.taken()

    def remember(self, line: str) -> None:
        """Nothing brings a line back here."""

    def forget(self) -> None:
        """A line without its end, yet."""
        if self._terminal:
            termios.tcflush(self._stdin, termios.TCIFLUSH)

    async def edit(self, text: str) -> str:
        """Lend the terminal to $VISUAL or $EDITOR."""
        if not self._terminal:
            raise CnMessageError(ErrorCode.USAGE, "an editor needs a terminal; write the text as a line")
        with self._reader.pause():
            return await self._editor.edit(text)

    async def __aenter__(self) -> Self:
        self._reader.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._reader.stop()
        if self._loud is not None:
            self.forget()
        self._echo_again()
        if self._reader.endless and error[0] is None:
            text = (
                f"a line of standard input has more than {MOST_BYTES} bytes: it and what follows was not read"
            )
            raise CnMessageError(ErrorCode.TOO_LARGE, text)
        if self._reader.failed is not None and not self._terminal and error[0] is None:
            raise unreadable("standard input", self._reader.failed)

    def _came(self, line: str | None) -> None:
        self._untaken += line is not None
        self._handler.entered(line)

    def _stop_echo(self) -> None:
        self._loud = self._loud or termios.tcgetattr(self._stdin)
        quiet = termios.tcgetattr(self._stdin)
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(self._stdin, termios.TCSADRAIN, quiet)

    def _echo_again(self) -> None:
        if self._loud is not None:
            termios.tcsetattr(self._stdin, termios.TCSADRAIN, self._loud)
            self._loud = None
            self.surface.write_err("\n")


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
            say(self._err, text)
