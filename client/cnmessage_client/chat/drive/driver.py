"""The driver of the chat: does what the talk wants, with a screen, a client, and commands.

Commands run in threads, all else on one event loop. What fails here is shown, and the chat goes on. Knows no
terminal, and not whose turn it is.
"""

import asyncio
import errno
import os
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cnmessage_client.chat.drive import spool
from cnmessage_client.chat.drive.client import ChatClient
from cnmessage_client.chat.drive.commands import CommandRunner
from cnmessage_client.chat.drive.feed import Feed
from cnmessage_client.chat.drive.help import asked_about, help_text
from cnmessage_client.chat.drive.host import ChatHost
from cnmessage_client.chat.drive.input import Input
from cnmessage_client.chat.drive.lastwords import LastWords
from cnmessage_client.chat.drive.loudness import Loudness
from cnmessage_client.chat.drive.partner import with_partner
from cnmessage_client.chat.drive.running import Running
from cnmessage_client.chat.drive.typed_here import HintsHere, typed_here
from cnmessage_client.chat.screens import Screen
from cnmessage_client.chat.talk.effects import (
    AskFiles,
    AskReceipts,
    Break,
    DropCommands,
    DropLines,
    Edit,
    Effect,
    LoadEarlier,
    LookUp,
    MarkRead,
    Notify,
    Quit,
    Received,
    Redraw,
    Remember,
    RunCommand,
    SendAsFile,
    SendMessage,
    SetDraft,
    Show,
)
from cnmessage_client.chat.talk.offers import about
from cnmessage_client.chat.talk.status import Completions
from cnmessage_client.chat.talk.talk import Talk
from cnmessage_client.chat.talk.views import said_of
from cnmessage_client.client import Client
from cnmessage_client.model import Message, Unknown, User
from cnmessage_client.ringing import NotifyLevel
from cnmessage_client.shell.command import asks_json
from cnmessage_client.shell.group import Commands
from cnmessage_client.shell.outcome import perform
from cnmessage_client.shell.settings import Settings
from cnmessage_protocol.conversation import Conversation, Direct, on_screen, to_wire
from cnmessage_protocol.errors import EXIT_STATUS, CnMessageError, ErrorCode

_PATIENCE = 1.0
"""Seconds that another thread waits for the loop."""


_LOOK_UP = 3.0
"""Seconds that lines wait to hear whether there is a user of this name."""

_GOES_ON = {EXIT_STATUS[code] for code in (ErrorCode.UNREACHABLE, ErrorCode.INTERRUPTED)}
"""Status of an upload that goes on where it stopped when the same text is sent again."""

_NO_READER = 1
"""Status, without any error to tell, of a command that wrote to a pipe which nobody reads."""


class Driver:
    """Ties talk, screen, client and commands together. `piped`: lines come from a program or a file."""

    screen: Screen
    """Set before anything else happens; it needs the driver too."""

    def __init__(self, program: Commands, settings: Settings, talk: Talk, *, piped: bool) -> None:
        self.loop = asyncio.get_running_loop()
        self.program = program
        self.talk = talk
        self.feed = Feed(talk, self.perform, self.leave, self._here)
        self.input = Input(self, piped=piped, trace=settings.trace)
        self._piped = piped
        self.living = ChatClient(settings, self.feed, self.feed.broken)
        self.loudness = Loudness(self.living.profile, lambda each: self.screen.notify(each))  # noqa: PLW0108 - no screen yet
        self.runner = CommandRunner(self._command_ended)
        self.left: asyncio.Future[int] = self.loop.create_future()
        """Done once the chat is to be left, with the exit status."""
        self.sending: set[str] = set()
        """Keys of messages that are not stored yet."""
        self.unsaid: list[str] = []
        """What went wrong when nobody could see it any more."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._loading: set[asyncio.Task[None]] = set()
        self._looking: set[asyncio.Task[None]] = set()
        # What a first run and commands want of a person.
        self.note, self.warned = self.feed.note, self.feed.warned
        self.ask, self.questions_over = self.input.ask, self.input.questions_over

    def leave(self, status: int) -> None:
        """Leave the chat."""
        if not self.left.done():
            self.left.set_result(status)
            self.input.left()

    async def close(self) -> None:
        """Stop everything that goes on."""
        await self.runner.stop()
        self.feed.close()
        self.loudness.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:  # an editor gives the terminal back first
            await asyncio.wait(self._tasks)
        await self.living.close()

    # -- what a person does -----------------------------------------------------------------------

    def typed(self, line: str) -> None:
        """A line for the talk."""
        self.feed.give(lambda now: self.talk.typed(line, now, datetime.now(UTC)), typed=True)

    @property
    def talk_asks(self) -> bool:
        """Whether the talk asks about a message."""
        return self.talk.asks

    @property
    def resolved(self) -> bool:
        """Whether what was typed is done, so far as the next line waits for it: in a pipe, for all of it."""
        if self._looking:
            return False
        return not (self.runner.busy or self._loading) if self._piped else not self.runner.about_account

    def stop(self) -> bool:
        """Stop the newest command that runs; gives whether there was one."""
        for task in self._looking:
            task.cancel()
        return bool(self._looking) or self.runner.interrupt()

    def next_view(self) -> None:
        """To what is unread, else home; what is being typed stays with the view it was typed in."""
        unread = [conversation for conversation, _ in self.talk.status(self.loop.time()).unread]
        conversation = unread[0] if unread else None
        if conversation == self.talk.conversation or self.talk.user is None or self.talk.asks:
            return
        self.talk.leave_draft(self.screen.draft)
        self.screen.set_draft("")
        self.typed("/home" if conversation is None else f"/to {on_screen(conversation)}")

    def more(self) -> None:
        """Earlier messages are wanted."""
        self.feed.give(self.talk.more)

    def completions(self) -> Completions:
        """On another thread: what the line may be completed with."""
        found: Future[Completions] = Future()
        try:
            self.loop.call_soon_threadsafe(lambda: found.set_result(self.talk.completions))
            return found.result(_PATIENCE)
        except (RuntimeError, TimeoutError):  # the chat is over, or too busy
            return Completions((), ())

    # -- what the talk wants ----------------------------------------------------------------------

    def perform(self, effect: Effect) -> None:  # noqa: C901, PLR0912 - one case an effect
        """Do what the talk wants."""
        match effect:
            case Show(entry, again):
                self.screen.show(entry, again=again)
            case Redraw():
                self.screen.redraw()
            case Received():
                self.loudness.received(effect, self.talk.user or "")
            case Notify(level):
                self._notify(level)
            case SetDraft(text, offered=True):
                if not self.screen.draft:
                    self.screen.set_draft(text, offered=True)
            case Remember(line):
                self.screen.remember(line)
            case SetDraft(text):
                self.screen.set_draft(text + self.screen.draft)
            case MarkRead(seq, conversation):
                self.living.acknowledge(seq, conversation)
            case Quit():
                self.leave(0)
            case RunCommand(words):
                self._run(words)
            case Break(pause):
                if not self.living.cut(pause):
                    self.warned("there is no connection to cut")
            case SendMessage():
                self.sending.add(effect.key)
                self._spawn(self._send(effect, self.talk.user))
            case DropCommands():
                self.talk.logged_out_amid(self.screen.draft if self.screen.keys else None, self.input.ahead)
                for line in self.runner.drop():
                    self.warned(f"not begun, for who typed it is not logged in any more: {line}")
            case SendAsFile():
                self._send_as_file(effect)
            case DropLines():
                self.input.drop()
            case LookUp(conversation):
                self._look_up(conversation)
            case LoadEarlier():
                self._loading.add(self._spawn(self._load_earlier(effect, self.living.login)))
            case AskReceipts(ids):
                self._spawn(self._ask_receipts(ids, self.living.login))
            case AskFiles():
                self._spawn(self._ask_files(effect, self.living.login))
            case Edit(text):
                self.input.editor_opened()
                self._loading.add(self._spawn(self._edit(text)))

    async def _send(self, message: SendMessage, user: str | None) -> None:
        try:
            to = tuple(map(to_wire, message.to))
            receipt = await self.living.send(user, message.key, to, message.body)
        except CnMessageError as error:
            failure = CnMessageError(error.code, self._here(error.message))
            self.feed.failed = True
            self.feed.give(lambda now: self.talk.failed(message.key, failure, now))
        else:
            self.feed.give(lambda now: self.talk.stored(message.key, receipt, now))
        finally:
            self.sending.discard(message.key)

    async def _load_earlier(self, wanted: LoadEarlier, login: int) -> None:
        async def load(client: Client) -> list[Message | Unknown]:
            if wanted.conversation is None:
                return await client.entries(wanted.limit, before=wanted.before, own=True)
            peer = to_wire(wanted.conversation)
            return await client.entries(wanted.limit, peer=peer, before=wanted.before)

        try:
            found = await self.living.ask(login, load)
        except CnMessageError as error:
            if error.code is not ErrorCode.NO_SUCH_USER:  # the talk says so in its own words
                self.warned(f"earlier messages did not come: {error.message}")
        else:
            if found is not None:
                came = found
                for asked in about(map(said_of, found)):  # what is offered no more is not shown as if it were
                    await self._ask_files(asked, login)
                self.feed.give(lambda now: self.talk.earlier(wanted.conversation, came, now))

    def open(self, conversation: Conversation) -> None:
        """Open a conversation before the first line that is typed."""
        self.feed.give(lambda now: self.talk.begin_in(conversation, now), typed=True)

    def _look_up(self, conversation: Conversation) -> None:
        self._looking.add(self._spawn(self._users_for(conversation, self.living.login)))

    async def _users_for(self, conversation: Conversation, login: int) -> None:
        users: list[User] | None = None
        with suppress(CnMessageError, TimeoutError):
            async with asyncio.timeout(_LOOK_UP):
                users = await self.living.ask(login, lambda client: client.users())
        if login == self.living.login:
            named = None if users is None else [(user.name, user.online) for user in users]
            self.feed.give(lambda now: self.talk.looked_up(conversation, named, now), typed=True)

    async def _ask_receipts(self, ids: Sequence[str], login: int) -> None:
        try:
            found = await self.living.ask(login, lambda client: client.receipts(ids))
        except CnMessageError:
            return  # the talk asks again
        if found is not None:
            came = found
            self.feed.give(lambda now: self.talk.receipts(came, now))

    async def _ask_files(self, wanted: AskFiles, login: int) -> None:
        with suppress(CnMessageError):  # the talk asks again
            found = await self.living.ask(
                login, lambda client: client.files(sent=wanted.sent, holding=wanted.ids)
            )
            if found is not None:
                came = found
                self.feed.give(lambda _: self.talk.files(came, wanted))

    async def _edit(self, text: str) -> None:
        line = None
        try:
            line = await self.screen.edit(text)
        except CnMessageError as error:
            self.feed.failed = True
            if self.left.done():
                self.unsaid.append(error.message)
            self.warned(error.message)
            self.screen.set_draft(text)
        finally:
            self.input.editor_closed(line)

    # -- commands ---------------------------------------------------------------------------------

    def _run(self, words: tuple[str, ...]) -> None:
        words = self.program.in_small(words)
        facts = self.program.facts_of(words)
        about = asked_about(words, explains=facts.explains)
        if about is not None:
            self._help(about, exact=facts.explains)
            return
        if isinstance(self.talk.conversation, Direct):
            known = self.talk.completions.names
            words = with_partner(self.program, words, to_wire(self.talk.conversation), known)
        if facts.asks:
            self.input.questions()
        self.runner.run(words, facts, self._carry)

    def _help(self, words: Sequence[str], *, exact: bool) -> None:
        surface, keys = self.screen.surface, self.screen.keys
        look = {"colour": surface.colour, "keys": keys, "exact": exact}
        try:
            text = help_text(self.program, words, self.slash, surface.width, **look)
        except CnMessageError as error:
            self.feed.failed = True
            self.warned(error.message)
        else:
            self.feed.give(lambda _: self.talk.output(text, from_top=True))

    @property
    def slash(self) -> str:
        """What stands before a command where one is."""
        return "" if self.talk.conversation is None else "/"

    def _here(self, text: str) -> str:
        """What a command says, as it is typed here."""
        facts = self.program.facts
        return typed_here(text, self.slash, {name for name in facts if facts[name].in_chat})

    def _carry(self, running: Running) -> int:
        """On a command's own thread: carry it out, and tell what went wrong."""
        own = self.living.settings
        hints = HintsHere(self.screen.surface, self._here)
        words = LastWords(hints)

        async def ask(question: str, hidden: bool) -> str:
            words.release()
            return await self.ask(question, hidden=hidden)

        surface = words if running.facts.asks else hints
        host = ChatHost(self.living, running, surface, ask, self.screen.view)
        settings = replace(own, host=host, prefix=self.slash)
        status, as_json = 1, own.as_json or asks_json(running.words)
        try:
            error, status = perform(self.program, running.words, settings)
            if error is not None and as_json:
                replace(settings, as_json=True).renderer.error(error)
        finally:
            if running.facts.asks:
                running.tell(partial(self.questions_over, failed=status != 0))
            running.tell(words.release)
        if error is not None and not as_json:
            running.tell(self.warned, error.message)
        if error is not None and isinstance(error.__cause__, OSError) and error.__cause__.filename is None:
            running.tell(self.feed.broken, error.__cause__)  # the output takes nothing more
        if status == _NO_READER and error is None:
            running.tell(self.feed.broken, BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))
        return status

    def _command_ended(self, running: Running, outcome: int | BaseException) -> None:
        if isinstance(outcome, BaseException):
            self.feed.broken(outcome)
        status = outcome if isinstance(outcome, int) else 1
        self.feed.failed = self.feed.failed or status != 0
        if status == EXIT_STATUS[ErrorCode.INTERRUPTED] and not self.left.done():
            self.note("stopped")
        self.feed.give(lambda _: self.talk.finished(running.words, status))
        if running.facts.unread is not None:
            self._spawn(self.living.look_again())
        self.input.go_on()

    def _send_as_file(self, wanted: SendAsFile) -> None:
        names = tuple(map(to_wire, wanted.to))
        try:
            path = spool.write(self.living.profile, names, wanted.name, wanted.body)
        except CnMessageError as error:
            self.warned(error.message)
            return
        to = [part for name in names for part in ("--to", name)]

        def carry(running: Running) -> int:
            status = self._carry(running)
            if status not in _GOES_ON:
                spool.remove(path)
            if status != 0:
                running.tell(self.note, "The text was not sent. Up brings it back into the line.")
            return status

        words = ("files", "send", *to, str(path))
        self.runner.run(words, self.program.facts_of(words), carry)

    # -- what rings -------------------------------------------------------------------------------

    def load_level(self) -> None:
        """Be as loud as was chosen earlier."""
        try:
            self.loudness.load()
        except CnMessageError as error:
            self.warned(f"{error.message}; until then {self.loudness.words}")

    def _notify(self, level: NotifyLevel | None) -> None:
        try:
            if level is not None:
                self.loudness.change(level)
        except CnMessageError as error:
            self.feed.failed = True
            self.warned(f"{self.loudness.words}, but only until this chat ends: {error.message}")
        else:
            self.note(f"{self.loudness.words}; to change it: {self.slash}notify {'|'.join(NotifyLevel)}")

    # -- inner ------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._loading.discard(task)
        self._looking.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.feed.broken(error)
        self.input.go_on()
