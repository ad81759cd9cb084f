"""A chat on a screen that is a script: a test types lines and waits for what is shown. All else is real."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Self
from uuid import UUID

from cnmessage_client import Home
from cnmessage_client.chat.drive.driver import Driver
from cnmessage_client.chat.drive.sitting import Sitting
from cnmessage_client.chat.screens import InputHandler
from cnmessage_client.chat.talk.entries import Entry, Note, Output, Said, Trouble
from cnmessage_client.chat.talk.talk import Talk
from cnmessage_client.chat.talk.turns import Typing
from cnmessage_client.cli.main import cli
from cnmessage_client.shell.group import Commands
from cnmessage_client.shell.out.progress import Nothing, ProgressView
from cnmessage_client.shell.settings import Settings
from tests.support.patience import PATIENCE


class ScriptSurface:
    """What commands print, for a program."""

    person = False
    colour = False
    width = 80

    def __init__(self, shown: Callable[[Entry], None], loop: asyncio.AbstractEventLoop) -> None:
        self._shown, self._loop = shown, loop

    def out(self, text: str) -> None:
        self._loop.call_soon_threadsafe(self._shown, Output(text))

    def err(self, text: str) -> None:
        self._loop.call_soon_threadsafe(self._shown, Note(text))


class ScriptScreen:
    """A Screen; `entries` is all that was shown so far."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.at_sight: dict[str, str] = {}
        """Lines that a quick person types the moment that a text is shown."""
        self.surface = ScriptSurface(self._add, asyncio.get_running_loop())
        self.draft = ""
        self.cannot_show: Callable[[Entry], bool] = lambda _: False
        """Which entries this screen has a defect for."""
        self._changed = asyncio.Condition()
        self.handler: InputHandler
        self._loop = asyncio.get_running_loop()
        self._notes: set[asyncio.Task[None]] = set()

    # -- for tests --------------------------------------------------------------------------------

    def enter(self, *lines: str) -> None:
        """Type lines."""
        for line in lines:
            self._loop.call_soon(self.handler.entered, line)

    async def until(self, holds: Callable[[Entry], bool]) -> Entry:
        """Wait until an entry is shown for which it holds; gives the last such one."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: any(map(holds, self.entries)))
        return [each for each in self.entries if holds(each)][-1]

    async def until_text(self, text: str) -> str:
        """Wait for a note, a trouble or output that holds it."""
        found = await self.until(lambda each: text in getattr(each, "text", ""))
        return str(getattr(found, "text", ""))

    async def until_said(self, body: str, mark: object) -> Said:
        """Wait for a message with this mark."""
        found = await self.until(
            lambda each: isinstance(each, Said) and each.body == body and each.mark is mark
        )
        assert isinstance(found, Said)
        return found

    @property
    def troubles(self) -> list[str]:
        """All troubles so far."""
        return [each.text for each in self.entries if isinstance(each, Trouble)]

    # -- for the driver ---------------------------------------------------------------------------

    def show(self, entry: Entry, *, again: bool) -> None:  # noqa: ARG002
        if self.cannot_show(entry):
            raise ZeroDivisionError("of the test")
        self._add(entry)

    def redraw(self) -> None: ...

    def notify(self, notification: object) -> None: ...

    def put_aside(self) -> None: ...

    def continued(self) -> None: ...

    def view(self, verb: str) -> ProgressView:  # noqa: ARG002
        return Nothing()

    def set_draft(self, text: str, *, offered: bool = False) -> None:  # noqa: ARG002
        self.draft = text

    half_typed = False
    keys = True

    def lend(self, typing: Typing) -> None:
        if typing.question is not None:
            self._add(Note(typing.question.text))

    def remember(self, line: str) -> None: ...

    def forget(self) -> None: ...

    async def edit(self, text: str) -> None:
        self.draft = text

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    def _add(self, entry: Entry) -> None:
        self.entries.append(entry)
        for text in [each for each in self.at_sight if each in getattr(entry, "text", "")]:
            self.enter(self.at_sight.pop(text))
        task = asyncio.get_running_loop().create_task(self._notify())
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class Chat:
    """A chat that runs: its driver, its screen, and the task that gives its exit status.

    `program` are its commands; `new_key` gives client ids, fresh ones unless a test says otherwise.
    """

    def __init__(
        self,
        profile: str,
        broker: str,
        home: Home,
        *,
        piped: bool = False,
        program: Commands = cli,
        new_key: Callable[[], str] | None = None,
        **settings: object,
    ) -> None:
        keys = count(1)
        self.screen = ScriptScreen()
        own = Settings(profile=profile, broker=broker, **settings)  # type: ignore[arg-type] # as a test says
        talk = Talk(
            home.profile(profile).user,
            commands=program.facts,
            new_key=new_key or (lambda: str(UUID(int=(id(self) << 64) + next(keys)))),
        )
        self.driver = Driver(program, own, talk, piped=piped)
        self.driver.screen = self.screen
        self.screen.handler = self.driver.input
        self.sitting = Sitting(self.driver, piped=piped, plain_terminal=False, broker_given=True)
        self.ended = asyncio.get_running_loop().create_task(self.sitting.run())

    async def status(self) -> int:
        """Wait for the end; gives the exit status, or raises what it ended with."""
        return await asyncio.wait_for(self.ended, PATIENCE)


@asynccontextmanager
async def sitting(profile: str, broker: str, home: Home, **more: Any) -> AsyncIterator[Chat]:
    """A chat that is ended when the test is over."""
    chat = Chat(profile, broker, home, **more)
    try:
        yield chat
    finally:
        if not chat.ended.done():
            chat.driver.leave(0)
            await asyncio.wait((chat.ended,), timeout=PATIENCE)
