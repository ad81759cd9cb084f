"""The full screen of the chat on a fake terminal, with keys from a pipe and a talk that a test writes itself.

Its messages are of shortly after noon on one day, wherever the machine is.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input

from cnmessage_client.chat.screen.fullscreen import FullScreen
from cnmessage_client.chat.screen.terminal import SteadyOutput
from cnmessage_client.chat.screen.theme import Theme
from cnmessage_client.chat.talk.entries import Entry, Said
from cnmessage_client.chat.talk.status import Status
from cnmessage_protocol.conversation import Conversation
from tests.support.conversations import ALICE
from tests.support.patience import PATIENCE
from tests.support.screen import FakeTerminal
from tests.support.taker import Taker

KEYS = {
    "enter": "\r",
    "tab": "\t",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "page up": "\x1b[5~",
    "page down": "\x1b[6~",
    "end": "\x1b[F",
    "alt-end": "\x1b[1;3F",
    "alt-enter": "\x1b\r",
    **{f"ctrl-{letter}": chr(ord(letter) - 96) for letter in "abcdefghijklmnopqrstuvwxyz"},
}


NOON = datetime(2026, 11, 25, 12, 3, tzinfo=datetime.now().astimezone().tzinfo)


def said(body: str, number: int = 0, sender: str = "bob", **fields: Any) -> Said:
    """A message to alice, `number` seconds after noon."""
    time = NOON + timedelta(seconds=number)
    return Said(f"k{number}", time, sender, (ALICE,), "direct", body, **fields)


def numbered(count: int, first: int = 0) -> list[Entry]:
    """Messages `line 0`, `line 1` and so on."""
    return [said(f"line {number}", number) for number in range(first, first + count)]


def lasting(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A coroutine as a test."""

    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


@dataclass
class WrittenTalk:
    """A talk without rules: it holds what the test puts there."""

    entries: list[Entry] = field(default_factory=list)
    prompt: str = "alice> "
    asks: bool = False
    conversation: Conversation | None = None
    shown: Status = field(default_factory=lambda: Status("online", "alice", 0, (), 2))

    def status(self, now: float) -> Status:
        del now
        return self.shown


@dataclass
class Stage:
    """A screen that runs, and what it has told its driver."""

    talk: WrittenTalk
    terminal: FakeTerminal
    screen: FullScreen
    keys: PipeInput
    taker: Taker
    told: list[tuple[str, str]]
    drawn: asyncio.Event

    def add(self, *entries: Entry) -> None:
        """Entries come to the view."""
        for entry in entries:
            self.talk.entries.append(entry)
            self.screen.show(entry, again=False)

    def type(self, text: str) -> None:
        self.keys.send_text(text)

    def key(self, *names: str) -> None:
        self.keys.send_text("".join(KEYS[name] for name in names))

    def paste(self, text: str) -> None:
        self.keys.send_text(f"\x1b[200~{text}\x1b[201~")

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds, looking whenever the screen was drawn."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds():
                    self.drawn.clear()
                    await self.drawn.wait()
        except TimeoutError:
            raise AssertionError(f"waited in vain; the screen:\n{self.terminal.text}") from None

    async def shows(self, text: str) -> None:
        """Wait until the screen shows it."""
        await self.until(lambda: text in self.terminal.text)

    async def hides(self, text: str) -> None:
        """Wait until the screen shows it no more."""
        await self.until(lambda: text not in self.terminal.text)

    async def drafts(self, text: str) -> None:
        """Wait until this is the line being typed."""
        await self.until(lambda: self.screen.draft == text)

    def ask(self, question: str, *, hidden: bool = False) -> "asyncio.Task[str]":
        """Ask; gives the task that has the answer."""
        return asyncio.create_task(self.taker.input.ask(question, hidden=hidden))

    async def line(self) -> str | None:
        """The next line that was entered; None at the end."""
        return await self.taker.line()

    @property
    def input_row(self) -> str:
        return self.terminal.rows[-1]

    @property
    def status_row(self) -> str:
        return next(row for row in reversed(self.terminal.rows) if " online" in row)


@asynccontextmanager
async def on_stage(
    *entries: Entry, columns: int = 80, rows: int = 24, terminal: FakeTerminal | None = None, **options: Any
) -> AsyncIterator[Stage]:
    """A screen that runs until the end of the block."""
    shown = terminal or FakeTerminal(columns, rows)
    talk, told = WrittenTalk(list(entries)), list[tuple[str, str]]()

    taker = Taker(told)

    def size() -> Size:
        return Size(shown.height, shown.columns)

    with create_pipe_input() as keys:
        screen = FullScreen(
            talk,
            taker.input,
            on_output=lambda text: told.append(("output", text)),
            on_note=lambda text: told.append(("note", text)),
            on_more=lambda: told.append(("more", "")),
            theme=options.pop("theme", Theme()),
            today=lambda: date(2026, 11, 25),
            keys=keys,
            output=SteadyOutput(shown, size, term="xterm-256color", enable_cpr=False),  # type: ignore[arg-type]
            **options,
        )
        taker.screen = screen
        taker.input.begin()
        drawn = asyncio.Event()
        screen._app.after_render += lambda _: drawn.set()
        async with screen:
            stage = Stage(talk, shown, screen, keys, taker, told, drawn)
            await stage.shows(talk.prompt.strip())
            yield stage
