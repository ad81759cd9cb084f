"""The chat on the whole terminal: a view that scrolls, files on their way, a status line, and the line typed.

Pulls what it shows from the talk whenever it draws, at most every 30 ms, and draws only rows that are seen.
Runs on the loop that enters it; leaving gives the terminal back as it was.
Made by sitting.py, used by driver.py.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import date
from typing import Self

from prompt_toolkit.application import Application
from prompt_toolkit.application.current import set_app
from prompt_toolkit.application.run_in_terminal import run_in_terminal
from prompt_toolkit.clipboard import ClipboardData
from prompt_toolkit.completion import Completer
from prompt_toolkit.filters import Condition
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output import Output as TerminalOutput

from cnmessage_client.chat.editor import edit_text
from cnmessage_client.chat.screen.cells import Row
from cnmessage_client.chat.screen.drawing import draw
from cnmessage_client.chat.screen.layout import Sources, screen_layout
from cnmessage_client.chat.screen.lineedit import LineEdit, typed_text
from cnmessage_client.chat.screen.scrollback import Drawn, Scrollback
from cnmessage_client.chat.screen.statusline import status_line
from cnmessage_client.chat.screen.terminal import SteadyOutput
from cnmessage_client.chat.screen.theme import Theme
from cnmessage_client.chat.screen.transfers import Transfers
from cnmessage_client.chat.screens import TalkView
from cnmessage_client.chat.talk.entries import Entry, Output
from cnmessage_client.shell.out.progress import View
from cnmessage_client.shell.out.safe_text import safe_text

REDRAW_PAUSE = 0.03
REFRESH = 1.0
"""Seconds between two redraws at least, and at most: a countdown goes on."""


class FullScreen:
    """The Screen on a terminal.

    `on_output` gets what commands print and `on_note` their hints and errors, on the loop's thread. `on_more`
    is called for PgUp at the top, `on_interrupt` for Ctrl-C when nothing is typed and to say no to what the
    talk asks, `on_next` for Alt-N.
    """

    keeps_draft = True

    def __init__(
        self,
        talk: TalkView,
        *,
        on_output: Callable[[str], None],
        on_note: Callable[[str], None],
        on_more: Callable[[], None],
        on_interrupt: Callable[[], object],
        on_next: Callable[[], object] = lambda: None,
        completer: Completer | None = None,
        theme: Theme | None = None,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = date.today,
        keys: Input | None = None,
        output: TerminalOutput | None = None,
    ) -> None:
        self._talk = talk
        self._theme = Theme.of(os.environ) if theme is None else theme
        self._clock = clock
        self._on_more, self._on_interrupt, self._on_next = on_more, on_interrupt, on_next
        self._output = output or SteadyOutput.from_pty(sys.stdout, term=os.environ.get("TERM"))
        self._drawn = Drawn(lambda entry, width: draw(entry, width, self._theme, self._talk.peer))
        self._scrollback = Scrollback(self._drawn, today)
        self._peer = talk.peer
        self._typed: asyncio.Queue[str | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._transfers = Transfers(clock, self._invalidate)
        self._line = LineEdit(completer, self._entered, self._invalidate)
        self._app: Application[None] = Application(
            screen_layout(self._sources(), self._line),
            key_bindings=self._keys(),
            enable_page_navigation_bindings=False,
            full_screen=True,
            mouse_support=False,
            color_depth=None if self._theme.colour else ColorDepth.DEPTH_1_BIT,
            min_redraw_interval=REDRAW_PAUSE,
            refresh_interval=REFRESH,
            input=keys or create_input(),
            output=self._output,
        )
        self.surface = ScreenSurface(on_output, on_note, width=self._columns, colour=self._theme.colour)

    # -- what the driver asks for -----------------------------------------------------------------

    def view(self, verb: str) -> View:
        """Rows above the status line, one a file."""
        return self._transfers.view(verb)

    def show(self, entry: Entry, *, again: bool) -> None:
        """Draw soon; who reads further up is told how much came."""
        if not again:
            self._scrollback.came()
        if isinstance(entry, Output) and entry.from_top:
            self._scrollback.to_top_of(entry)
        self.redraw()

    def redraw(self) -> None:
        """Draw soon; in another view from its end."""
        if self._talk.peer != self._peer:
            self._peer = self._talk.peer
            self._drawn.forget()
            self._scrollback.to_end()
        self._invalidate()

    def ring(self) -> None:
        """The bell."""
        self._output.bell()

    def set_draft(self, text: str) -> None:
        """Put text into the line being typed."""
        self._line.set_draft(text)
        self._invalidate()

    @property
    def draft(self) -> str:
        """The line being typed."""
        return self._line.draft

    async def edit(self, text: str) -> str:
        """Lend the terminal to $VISUAL or $EDITOR; the loop goes on meanwhile."""
        with set_app(self._app):
            return typed_text(await run_in_terminal(lambda: edit_text(text, os.environ), in_executor=True))

    async def ask(self, question: str, *, hidden: bool) -> str:
        """A line in answer to a question; raises EOFError or KeyboardInterrupt when there is none."""
        try:
            return await self._line.ask(safe_text(question, lines=True), hidden=hidden)
        finally:
            if hidden:
                self._forget_clipboard()

    def typed_ahead(self) -> str | None:
        """A line that was entered while nothing was asked."""
        if self._typed.empty():
            return None
        line = self._typed.get_nowait()
        if line is None:  # the end stays the end
            self._typed.put_nowait(None)
        return line

    def expect_answers(self, *, expected: bool) -> None:
        """Show dots for what is typed until a question is there, and do not let Up bring it back."""
        self._line.expect(expected=expected)
        if not expected:
            self._forget_clipboard()

    def forget_ahead(self) -> int:
        """Forget what was entered, and what is being typed; but not that it has ended."""
        count = int(bool(self._line.buffer.text))
        self._line.buffer.reset()
        while self.typed_ahead() is not None:
            count += 1
        return count

    def _forget_clipboard(self) -> None:
        """Nothing that was cut out of a secret can be put anywhere."""
        self._app.clipboard.set_data(ClipboardData())

    async def lines(self) -> AsyncIterator[str]:
        """What is typed, until Ctrl-D; raises what has ended the screen."""
        while (line := await self._typed.get()) is not None:
            if not self._talk.asks:
                self._line.remember(line)
            yield line
        if self._task is not None and self._task.done():
            with suppress(EOFError):  # the terminal is gone
                self._task.result()

    async def __aenter__(self) -> Self:
        running = asyncio.Event()
        self.surface.loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(
            self._app.run_async(pre_run=running.set, set_exception_handler=False, handle_sigint=False)
        )
        self._task.add_done_callback(lambda _: self._typed.put_nowait(None))
        started = asyncio.create_task(running.wait())
        await asyncio.wait((started, self._task), return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if self._task.done():
            self._task.result()
        return self

    async def __aexit__(self, *_: object) -> None:
        task = self._task
        if task is None:
            return
        if self._app.future is not None and not self._app.future.done():
            self._app.exit()
        await asyncio.wait((task,))

    # -- keys -------------------------------------------------------------------------------------

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        self._line.bind(keys)
        empty = Condition(lambda: not self._line.buffer.text)
        scrolled = Condition(lambda: not self._scrollback.at_end)
        keys.add("pageup")(lambda _: self._page_up())
        keys.add("pagedown")(lambda _: self._scrollback.down(self._talk.entries))
        keys.add("end", filter=scrolled)(lambda _: self._scrollback.to_end())
        keys.add("escape", "end")(lambda _: self._scrollback.to_end())
        keys.add("c-end")(lambda _: self._scrollback.to_end())
        keys.add("c-c")(lambda _: self._line.give_up() or self._on_interrupt())
        keys.add("c-d", filter=empty)(lambda _: self._end())
        keys.add("escape", "n", filter=Condition(lambda: not self._line.lent))(lambda _: self._on_next())
        keys.add("c-z")(_suspend)
        return keys

    def _page_up(self) -> None:
        if not self._scrollback.up(self._talk.entries):
            self._on_more()

    def _entered(self, line: str) -> None:
        self._scrollback.to_end()
        self._typed.put_nowait(line)

    def _end(self) -> None:
        if self._talk.asks:
            self._on_interrupt()
        elif self._line.end():
            self._typed.put_nowait(None)

    # -- drawing ----------------------------------------------------------------------------------

    def _sources(self) -> Sources:
        return Sources(
            view=self._rows,
            transfers=lambda: [[(self._theme.dim, line)] for line in self._transfers.lines(self._columns())],
            status=self._status,
            prompt=lambda: self._talk.prompt,
            width=self._columns,
        )

    def _rows(self, width: int, height: int) -> list[Row]:
        return self._scrollback.visible(self._talk.entries, width, height)

    def _status(self) -> Row:
        below = None if self._scrollback.at_end else self._scrollback.below
        return status_line(self._talk.status(self._clock()), self._columns(), self._theme, below)

    def _columns(self) -> int:
        return self._output.get_size().columns

    def _invalidate(self) -> None:
        self._app.invalidate()


class ScreenSurface:
    """Where commands print: to the driver, which puts it into the view. Safe to use from any thread."""

    person = True

    def __init__(
        self,
        on_output: Callable[[str], None],
        on_note: Callable[[str], None],
        *,
        width: Callable[[], int],
        colour: bool,
    ) -> None:
        self.colour = colour
        self.loop: asyncio.AbstractEventLoop | None = None
        self._on_output, self._on_note, self._width = on_output, on_note, width

    @property
    def width(self) -> int:
        """Columns of the view."""
        return self._width()

    def out(self, text: str) -> None:
        """What a command was asked for."""
        self._tell(self._on_output, text)

    def err(self, text: str) -> None:
        """Hints and errors."""
        self._tell(self._on_note, text)

    def _tell(self, listener: Callable[[str], None], text: str) -> None:
        if self.loop is None:
            listener(text)
            return
        with suppress(RuntimeError):  # the loop was closed: the chat is over
            self.loop.call_soon_threadsafe(listener, text)


def _suspend(event: KeyPressEvent) -> None:
    event.app.suspend_to_background()
