"""The chat on the whole terminal: a view that scrolls, files on their way, a status line, and the line typed.

Pulls what it shows from the talk whenever it draws, at most every 30 ms, and draws only rows that are seen.
Runs on the loop that enters it; leaving gives the terminal back as it was. Knows not who gets a line.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Self

from prompt_toolkit.application import Application
from prompt_toolkit.application.current import set_app
from prompt_toolkit.application.run_in_terminal import in_terminal
from prompt_toolkit.clipboard import ClipboardData
from prompt_toolkit.completion import Completer
from prompt_toolkit.filters import Condition
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output import Output as TerminalOutput

from cnmessage_client.chat.editor import Editor
from cnmessage_client.chat.screen.cells import Row, cut
from cnmessage_client.chat.screen.drawing import draw
from cnmessage_client.chat.screen.layout import Sources, screen_layout
from cnmessage_client.chat.screen.lineedit import LineEdit
from cnmessage_client.chat.screen.scrollback import Drawn, Scrollback
from cnmessage_client.chat.screen.statusline import status_line
from cnmessage_client.chat.screen.terminal import FOCUS, SteadyOutput
from cnmessage_client.chat.screen.theme import Theme
from cnmessage_client.chat.screen.transfers import TransferRows
from cnmessage_client.chat.screens import InputHandler, TalkView
from cnmessage_client.chat.talk.entries import Entry, Note, Output, Rule, Typed
from cnmessage_client.chat.talk.turns import Typing
from cnmessage_client.ringing import Notification
from cnmessage_client.shell.out.osc import sequence
from cnmessage_client.shell.out.progress import ProgressView
from cnmessage_client.shell.signals import in_background

BEGINNING = "'to NAME' begins a conversation, 'help' lists the rest."
"""What stands at home while there is nothing to show."""

REDRAW_PAUSE = 0.03
REFRESH = 1.0
"""Seconds between two redraws at least, and at most: a countdown goes on."""


class _OwnScreen(Application[None]):
    """Draws nothing while the terminal is somebody else's: after `bg` a timer may be due before this process
    is stopped again, and what it drew would lie over the shell.
    """

    def _redraw(self, render_as_done: bool = False) -> None:
        if not in_background():
            super()._redraw(render_as_done)


class FullScreen:
    """The Screen on a terminal.

    `handler` gets the lines, `on_output` what commands print, `on_note` their hints and errors, all on the
    loop's thread. `on_more` is called for PgUp at the top, `on_next` for Alt-N, `on_focus`
    when the terminal has got the focus or lost it.
    """

    def __init__(
        self,
        talk: TalkView,
        handler: InputHandler,
        *,
        on_output: Callable[[str], None],
        on_note: Callable[[str], None],
        on_more: Callable[[], None],
        on_next: Callable[[], object] = lambda: None,
        on_focus: Callable[[bool], object] = lambda _: None,
        completer: Completer | None = None,
        theme: Theme | None = None,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = date.today,
        keys: Input | None = None,
        output: TerminalOutput | None = None,
    ) -> None:
        self._talk, self._handler = talk, handler
        self._theme = Theme.of(os.environ) if theme is None else theme
        self._clock = clock
        self._on_more, self._on_next, self._on_focus = on_more, on_next, on_focus
        self._output = output or SteadyOutput.from_pty(sys.stdout, term=os.environ.get("TERM"))
        self._drawn = Drawn(lambda entry, width: draw(entry, width, self._theme, self._talk.conversation))
        self._scrollback = Scrollback(self._drawn, today)
        self._conversation = talk.conversation
        self._hidden = False
        self._task: asyncio.Task[None] | None = None
        self._transfers = TransferRows(clock, self._invalidate)
        self._line = LineEdit(completer, self._entered, self._invalidate, lambda: self._talk.asks)
        self._app = _OwnScreen(
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
        self._before = self._app.input.raw_mode()  # it keeps how the terminal is now
        self._editor = Editor(os.environ)
        self.surface = ScreenSurface(on_output, on_note, width=self._columns, colour=self._theme.colour)

    keys = True

    # -- what the driver asks for -----------------------------------------------------------------

    def view(self, verb: str) -> ProgressView:
        """Rows above the status line, one a file."""
        return self._transfers.view(verb)

    def show(self, entry: Entry, *, again: bool) -> None:
        """Draw soon; who reads further up is told how much came."""
        if not again and not isinstance(entry, Note | Rule | Typed):
            self._scrollback.came()
        if isinstance(entry, Output) and entry.from_top:
            self._scrollback.to_top_of(entry)
        self.redraw()

    def redraw(self) -> None:
        """Draw soon; in another view from its end."""
        if self._talk.conversation != self._conversation:
            self._conversation = self._talk.conversation
            self._drawn.forget()
            self._scrollback.to_end()
        self._invalidate()

    def put_aside(self) -> None:
        """The program is about to stop: give the terminal back, as it was before."""
        if self._ours:
            self._app.renderer.erase()
            self._before.__exit__(None, None, None)
        self._editor.stop()

    def continued(self) -> None:
        """The program goes on after a stop: the terminal was somebody else's, in every way."""
        self._editor.go_on()
        if self._ours:
            self._app.input.raw_mode().__enter__()
            self._app.renderer.reset()
            self._invalidate()

    @property
    def _ours(self) -> bool:
        """Whether the terminal is the chat's, and not an editor's."""
        return self._app.is_running and not self._app._running_in_terminal  # noqa: SLF001

    def notify(self, notification: Notification) -> None:
        """The bell, and a notification where the terminal shows such; the cursor stays where it is."""
        self._output.write_raw(sequence(notification, os.environ))
        self._output.flush()

    def set_draft(self, text: str, *, offered: bool = False) -> None:
        """Put text into the line being typed; what is typed next takes its place if it is only `offered`."""
        self._line.set_draft(text, offered=offered)
        self._invalidate()

    @property
    def draft(self) -> str:
        """The line being typed."""
        return self._line.draft

    @property
    def half_typed(self) -> bool:
        """Whether half a line is there."""
        return bool(self._line.buffer.text)

    def lend(self, typing: Typing) -> None:
        """What the line is from now on; nothing that was cut out of a secret can be put anywhere."""
        self._line.lend(typing)
        if self._hidden and not typing.hidden:
            self._app.clipboard.set_data(ClipboardData())
        self._hidden = typing.hidden

    def remember(self, line: str) -> None:
        """Up brings this line back."""
        self._line.remember(line)

    def forget(self) -> None:
        """Forget half a line."""
        self._line.forget()

    async def edit(self, text: str) -> None:
        """Lend the terminal to $VISUAL or $EDITOR; what was saved is the draft. The loop goes on."""
        with set_app(self._app):
            async with in_terminal():
                self._before.__exit__(None, None, None)  # as it was, not only with lines and an echo
                saved = await self._editor.edit(text)
        self.set_draft(saved)

    async def __aenter__(self) -> Self:
        running = asyncio.Event()
        self.surface.loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(
            self._app.run_async(pre_run=running.set, set_exception_handler=False, handle_sigint=False)
        )
        self._task.add_done_callback(lambda _: self._handler.entered(None))
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
        with suppress(EOFError):  # the terminal is gone
            task.result()

    # -- keys -------------------------------------------------------------------------------------

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        self._line.bind(keys)
        empty = Condition(lambda: not self.half_typed)
        scrolled = Condition(lambda: not self._scrollback.at_end)
        keys.add("pageup")(lambda _: self._page_up())
        keys.add("pagedown")(lambda _: self._scrollback.down(self._talk.entries))
        keys.add("end", filter=scrolled)(lambda _: self._scrollback.to_end())
        keys.add("escape", "end")(lambda _: self._scrollback.to_end())
        keys.add("c-end")(lambda _: self._scrollback.to_end())
        keys.add("c-c")(lambda _: self._handler.interrupt(half=self.half_typed))
        keys.add("c-d", filter=empty)(lambda _: self._handler.signed_off())
        keys.add("escape", "n", filter=Condition(lambda: not self._line.lent))(lambda _: self._on_next())
        for end, focused in FOCUS.items():
            keys.add("escape", "[", end)(lambda _, focused=focused: self._on_focus(focused))
        keys.add("c-z")(lambda _: os.kill(0, signal.SIGTSTP))
        return keys

    def _page_up(self) -> None:
        if not self._scrollback.up(self._talk.entries):
            self._on_more()
            self._scrollback.up(self._talk.entries)  # to what that has put there at once

    def _entered(self, line: str) -> None:
        self._scrollback.to_end()
        self._handler.entered(line)

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
        rows = self._scrollback.visible(self._talk.entries, width, height)
        begins = not self._talk.entries and self._talk.conversation is None and height > 0
        return [[(self._theme.dim, cut(BEGINNING, width))]] if begins else rows

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

    def _tell(self, handler: Callable[[str], None], text: str) -> None:
        if self.loop is None:
            handler(text)
            return
        with suppress(RuntimeError):  # the loop was closed: the chat is over
            self.loop.call_soon_threadsafe(handler, text)
