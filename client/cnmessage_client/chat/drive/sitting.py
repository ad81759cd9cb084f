"""One sitting at the chat: from the first question to the last word, with its exit status.

Sees to it that somebody is logged in, and leaves: at once when a person wants to, or, where the lines come
from a pipe, once all is done. Knows no line that is typed.
"""

import asyncio
import errno
import gc
import locale
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace

from cnmessage_client.chat.drive.debug_file import DebugFile
from cnmessage_client.chat.drive.driver import Driver
from cnmessage_client.chat.drive.first_run import connect, first_run
from cnmessage_client.chat.plain.plain import Plain
from cnmessage_client.chat.screens import Screen
from cnmessage_client.chat.talk.talk import Talk
from cnmessage_client.new_ids import new_id
from cnmessage_client.profile import DEFAULT_PROFILE, Home
from cnmessage_client.shell.group import Commands
from cnmessage_client.shell.settings import Settings
from cnmessage_client.shell.signals import ending, heeded, stop_in_background, stop_now, wait_for_terminal
from cnmessage_client.shell.streams import input_bytes, reader_watched
from cnmessage_protocol.conversation import Conversation, Direct
from cnmessage_protocol.errors import EXIT_STATUS, CnMessageError, ErrorCode
from cnmessage_protocol.ids import id_text
from cnmessage_protocol.machines.states import State

_LOOK = 0.02
"""Seconds between two looks at what still waits."""

_LAST_WORD = 1.0
"""Seconds that a message which was just typed has to be stored when a person leaves."""

_AWAY = frozenset({State.WAITING, State.CLOSED})
"""The connection is known to be away."""

_INTERRUPTED = EXIT_STATUS[ErrorCode.INTERRUPTED]


async def sit(
    program: Commands,
    settings: Settings,
    *,
    plain: bool,
    broker_given: bool,
    conversation: Conversation | None = None,
) -> int:
    """Chat with the commands of `program`; gives the exit status, or raises what it ended with.

    `conversation` is the one to begin in; None: at home.
    """
    wait_for_terminal()
    piped = not sys.stdin.isatty()
    if piped:
        input_bytes()  # one that is closed is no empty one
    plain = plain or piped or settings.as_json or not sys.stdout.isatty() or _is_dumb(os.environ)
    with ExitStack() as at_the_end:
        note = None
        if settings.debug and not plain:
            profile = Home.find().profile(settings.profile or DEFAULT_PROFILE)
            log = at_the_end.enter_context(DebugFile(profile))
            settings = replace(settings, debug_to=log.write)
            note = f"the lines of --debug go to {log.path}"
        driver = _driver(program, settings, plain=plain, piped=piped)
        if note is not None:
            driver.note(note)
        driver.load_level()
        sitting = Sitting(
            driver,
            piped=piped,
            plain_terminal=plain and not piped,
            broker_given=broker_given,
            conversation=conversation,
        )
        return await _sit(driver, sitting, settings)


def _driver(program: Commands, settings: Settings, *, plain: bool, piped: bool) -> Driver:
    talk = Talk(
        Home.find().profile(settings.profile or DEFAULT_PROFILE).user,
        commands=program.facts,
        could_be=program.could_be,
        new_key=lambda: id_text(new_id()),
        can_ask=not piped,
        whole_previews=plain,
    )
    driver = Driver(program, settings, talk, piped=piped)
    driver.screen = Plain(talk, driver.input, as_json=settings.as_json) if plain else _full_screen(driver)
    return driver


async def _sit(driver: Driver, sitting: "Sitting", settings: Settings) -> int:
    """The whole of it, with its last words."""
    loop, broken = asyncio.get_running_loop(), BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
    try:
        with reader_watched(sys.stdout, lambda: loop.call_soon_threadsafe(driver.feed.broken, broken)):
            status = await sitting.run()
    finally:
        for fault in driver.feed.faults:
            settings.renderer.note(fault)
    for line in driver.unsaid:
        settings.renderer.note(line)
    for line in sitting.stopped:
        settings.renderer.note(f"stopped: {line}")
    for line in sitting.not_begun:
        settings.renderer.note(f"not begun: {line}")
    if sitting.waiting:
        settings.renderer.note(_waiting(sitting.waiting))
    return status or int(bool(driver.feed.faults))


def _is_dumb(environment: Mapping[str, str]) -> bool:
    """Whether the terminal can do nothing but lines."""
    return environment.get("TERM", "dumb") in {"", "dumb", "unknown"}


def _full_screen(driver: Driver) -> Screen:
    # Late: reading lines from a pipe does without.
    from cnmessage_client.chat.screen.completing import ChatCompleter  # noqa: PLC0415
    from cnmessage_client.chat.screen.fullscreen import FullScreen  # noqa: PLC0415

    talk, profile = driver.talk, driver.living.settings.profile
    return FullScreen(
        talk,
        driver.input,
        on_output=driver.feed.printed,
        on_note=driver.note,
        on_more=driver.more,
        on_next=driver.next_view,
        on_focus=driver.loudness.focus,
        completer=ChatCompleter(
            driver.program,
            known=driver.completions,
            talking=lambda: talk.conversation is not None and talk.user is not None,
            options=["--profile", profile or DEFAULT_PROFILE],
        ),
    )


class Sitting:
    """One run of the chat. `piped`: lines come from a program or a file, so each is done before the next.

    `broker_given`: the broker was named, so a first run need not ask for it. `waiting` is, once it is over,
    how many messages wait for the next command that connects; `stopped` are the commands that still ran,
    `not_begun` those that waited for them. `plain_terminal`: a person types, line after line.
    `conversation` is the one to begin in.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        piped: bool,
        plain_terminal: bool,
        broker_given: bool,
        conversation: Conversation | None = None,
    ) -> None:
        self.waiting = 0
        self.stopped: list[str] = []
        self.not_begun: list[str] = []
        self._plain_terminal = plain_terminal
        self._driver = driver
        self._piped = piped
        self._broker_given = broker_given
        self._conversation = conversation
        self._settings = driver.living.settings

    async def run(self) -> int:
        """The whole of it; gives the exit status, or raises what it ended with."""
        driver = self._driver
        self._heed_signals()
        if not self._piped and locale.getencoding().lower() != "utf-8":
            driver.warned("this terminal's language is not in UTF-8: letters may be lost; set LANG=C.UTF-8")
        # What was loaded up to here stays: no collection need look at it again, which would take longer than
        # a key may wait for its echo.
        gc.collect()
        gc.freeze()
        async with driver.screen:
            try:
                status = await self._until_left()
                in_time = await self._last_words(status)
            finally:
                self.waiting = self._count()
                self.stopped, self.not_begun = driver.runner.lines, driver.runner.lines_to_come
                await driver.close()
        if driver.feed.lost is not None:
            raise driver.feed.lost
        if status != 0:
            return status
        if not in_time:
            raise CnMessageError(
                ErrorCode.NOT_DELIVERED,
                f"{_messages(self.waiting)} not stored; kept, and sent by the next command that connects",
            )
        if self._piped and driver.feed.failed:
            raise CnMessageError(ErrorCode.PARTIAL, "not all lines were carried out; see above")
        return 0

    async def _until_left(self) -> int:
        left = self._driver.left
        entering = asyncio.get_running_loop().create_task(self._enter())
        await asyncio.wait((left, entering), return_when=asyncio.FIRST_COMPLETED)
        if not entering.done():
            entering.cancel()
            await asyncio.wait((entering,))
        if not entering.cancelled():
            try:
                entering.result()  # raises what it ended with
            except EOFError:
                text = f"the answers ended before anybody was logged in; use: {self._entrances}"
                raise CnMessageError(ErrorCode.UNAUTHENTICATED, text) from None
            if self._piped:
                await self._connected()
                await self._check_partner()
            if self._conversation is not None:
                self._driver.open(self._conversation)
            self._driver.input.begin()
        return await left

    async def _connected(self) -> None:
        """Wait until it is online and knows who else is: lines may ask. Not if the first attempt fails."""
        clock, driver = asyncio.get_running_loop().time, self._driver
        waits, deadline = True, clock() + self._settings.timeout
        while waits and clock() < deadline and not driver.left.done():
            await asyncio.sleep(_LOOK)
            known = driver.talk.status(clock()).online is not None
            waits = driver.living.state not in _AWAY and not known

    async def _check_partner(self) -> None:
        """NO_SUCH_USER before a line is read for somebody who does not exist, as far as that can be known."""
        living, partner = self._driver.living, self._conversation
        if isinstance(partner, Direct) and living.state is State.LIVE:
            await living.ask(living.login, lambda client: client.history(1, peer=partner.name))

    async def _enter(self) -> None:
        driver, living = self._driver, self._driver.living
        if living.profile.user is not None:
            await connect(living, driver)
        elif self._settings.no_input:
            text = f"nobody is logged in with profile '{living.profile.name}'; use: {self._entrances}"
            raise CnMessageError(ErrorCode.UNAUTHENTICATED, text)
        else:
            driver.input.questions()
            await first_run(living, driver, broker_given=self._broker_given)

    @property
    def _entrances(self) -> str:
        """How somebody is logged in to this profile, in a shell."""
        command = self._settings.command()
        return f"{command} login NAME, or, if you are new: {command} signup NAME"

    # -- the end ----------------------------------------------------------------------------------

    async def _last_words(self, status: int) -> bool:
        """Whether all that was to be stored before leaving is stored."""
        driver = self._driver
        if status != 0:
            return True
        if self._piped:
            return await self._stored(self._settings.timeout)
        if driver.living.state is State.LIVE:
            await self._stored(_LAST_WORD)
        return True

    async def _stored(self, patience: float) -> bool:
        """Wait until nothing waits any more; False when for `patience` seconds nothing has changed."""
        clock = asyncio.get_running_loop().time
        waiting, deadline = self._count(), clock() + patience
        while waiting and clock() < deadline:
            await asyncio.sleep(_LOOK)
            if self._count() != waiting:
                waiting, deadline = self._count(), clock() + patience
        return not waiting

    def _count(self) -> int:
        return max(len(self._driver.sending), self._driver.living.queued)

    # -- signals ----------------------------------------------------------------------------------

    def _heed_signals(self) -> None:
        loop, driver = asyncio.get_running_loop(), self._driver

        def interrupted() -> None:
            if driver.input.interrupt():
                return
            if self._plain_terminal:
                driver.note(
                    f"Ctrl-D or '{driver.slash}exit' leaves; Ctrl-C clears the line, or stops a command."
                )
            else:
                driver.leave(_INTERRUPTED)

        aside = False

        def stopped() -> None:
            nonlocal aside
            driver.screen.put_aside()
            aside = True
            stop_now()
            loop.call_later(_LOOK, here_again)

        def here_again() -> None:
            if aside:  # it did not stop, for nobody could have brought it back
                continued()

        def continued() -> None:
            nonlocal aside
            aside = False
            if not stop_in_background():  # brought back since, it comes here again
                driver.screen.continued()

        if heeded(signal.SIGINT):
            loop.add_signal_handler(signal.SIGINT, interrupted)
        if heeded(signal.SIGTSTP):
            loop.add_signal_handler(signal.SIGTSTP, stopped)
        loop.add_signal_handler(signal.SIGCONT, continued)
        for number in ending():
            loop.add_signal_handler(number, driver.leave, _INTERRUPTED)


def _messages(count: int) -> str:
    return "1 message is" if count == 1 else f"{count} messages are"


def _waiting(count: int) -> str:
    waiting = "1 message waits; it goes" if count == 1 else f"{count} messages wait; they go"
    return f"{waiting} out with the next command that connects"
