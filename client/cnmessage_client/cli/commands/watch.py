"""The command `watch`: messages as they come, and a program to run for each."""

import asyncio
import json
import os
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TextIO

import click

from cnmessage_client.client import Client
from cnmessage_client.model import Message, Unknown
from cnmessage_client.ringing import Notification, NotifyLevel, rings
from cnmessage_client.shell.command import Facts, Section, command
from cnmessage_client.shell.out.notifier import Notifier
from cnmessage_client.shell.out.osc import sequence
from cnmessage_client.shell.out.safe_text import safe_text
from cnmessage_client.shell.settings import Settings, common, usage
from cnmessage_client.shell.streams import say, terminal_at_hand
from cnmessage_protocol.deliveries import FileState, OfferState
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.ids import id_text, may_be_user
from cnmessage_protocol.machines.states import State

_MOST_NAMED = 10
"""Messages that are named at the end, of those whose hook has failed."""

_MOST_OVER = 256
"""Files that are remembered to be offered no more: their messages may be on their way."""


def _instead(words: Sequence[str]) -> str | None:
    (word, *_) = [*words, ""]
    if word.isdecimal():
        return f"watch --count {word}"
    return f"history --with {word}" if may_be_user(word) else None


@command(
    Facts(
        Section.MESSAGES,
        "cnmessage watch --json | jq -r .body",
        asks=False,
        account=False,
        moves=False,
        in_chat=False,
        for_reader=True,
        long_lived=True,
        usual=("follow", "listen", "tail", "receive"),
        instead=_instead,
    )
)
@click.option("--count", "-n", type=click.IntRange(1), help="Leave after so many messages.")
@click.option("--own", is_flag=True, help="Show also what you send from elsewhere.")
@click.option(
    "--exec",
    "command_line",
    metavar="COMMAND",
    help="Run for each message, its JSON on standard input; read only when COMMAND exits 0, else watch ends.",
)
@click.option(
    "--keep-going",
    is_flag=True,
    help="With --exec: go on when COMMAND fails. What it failed for counts as read, is named at the end, and "
    "makes the exit status 8.",
)
@click.option(
    "--notify",
    is_flag=True,
    help="Ring the terminal's bell for each message, and have the terminal show a desktop notification.",
)
@common
def watch(
    settings: Settings,
    count: int | None,
    own: bool,
    command_line: str | None,
    keep_going: bool,
    notify: bool,
) -> None:
    """Show messages as they come. Begins with the unread ones; you are online meanwhile."""
    if keep_going and command_line is None:
        raise usage("--keep-going is about --exec: say also what to run, as in: watch --exec COMMAND")
    if command_line is not None and not command_line.strip():
        raise usage("--exec is empty; say what to run, as in: watch --exec COMMAND")
    hook = None if command_line is None else _Hook(settings, command_line, keep_going=keep_going)

    async def job(client: Client) -> None:
        renderer = settings.renderer
        announcer = Announcer(settings)
        client.on_state, client.on_file = announcer.moved, announcer.file_moved
        client.on_offer, client.on_unknown = announcer.offer_moved, renderer.pushed
        seen = 0
        with _bell(terminal) as ring:
            async for entry in client.follow(auto_ack=False, own=own):
                if hook is not None and isinstance(entry, Message):
                    await hook.run(entry)
                renderer.entry(entry)
                announcer.shown(entry)
                ring(entry)
                seen += isinstance(entry, Message)
                if seen == count:
                    await client.mark_read(entry.seq)
                    return
                client.acknowledge(entry.seq)

    with ExitStack() as at_the_end:
        terminal = at_the_end.enter_context(terminal_at_hand()) if notify else None
        if notify and terminal is None:
            raise usage(
                "--notify needs a terminal, and there is none here; leave it out, or use --exec COMMAND"
            )
        try:
            settings.run(job)
        except BaseException:
            if hook is not None and hook.failed:
                settings.renderer.error(hook.trouble)
            raise
    if hook is not None and hook.failed:
        raise hook.trouble


@contextmanager
def _bell(terminal: TextIO | None) -> Iterator[Callable[[Message | Unknown], None]]:
    """Gives what rings at this terminal, if any, for an entry that came; at the end also for what waits."""

    def show(notification: Notification) -> None:
        if terminal is not None:
            say(terminal, sequence(notification, os.environ))

    notifier = Notifier(show)

    def ring(entry: Message | Unknown) -> None:
        if terminal is not None and isinstance(entry, Message) and rings(entry, "", NotifyLevel.ALL):
            notifier.came(entry)

    try:
        yield ring
    finally:
        notifier.flush()
        notifier.close()


class _Hook:
    """The command of --exec, and the messages that it has failed for."""

    def __init__(self, settings: Settings, line: str, *, keep_going: bool) -> None:
        self._settings = settings
        self._line = line
        self._keep_going = keep_going
        self._runs = 0
        self.failed = 0
        self._named: deque[int] = deque(maxlen=_MOST_NAMED)

    async def run(self, message: Message) -> None:
        """Run it for a message; PARTIAL when it fails and is not to go on."""
        data = json.dumps(message.as_json()).encode() + b"\n"
        # In a thread: asyncio's own subprocesses fail when a command does not care to read its input.
        done = await asyncio.to_thread(subprocess.run, self._line, shell=True, input=data, check=False)  # noqa: S604 - the user's own command
        self._runs += 1
        if done.returncode == 0:
            return
        status = done.returncode
        how = f"exited {status}" if status > 0 else f"was ended by signal {-status}"
        text = f"'{self._line}' {how} for message {message.seq}"
        if not self._keep_going:
            raise CnMessageError(ErrorCode.PARTIAL, f"{text}, which stays unread")
        self.failed += 1
        self._named.append(message.seq)
        self._settings.renderer.error(CnMessageError(ErrorCode.PARTIAL, text))

    @property
    def trouble(self) -> CnMessageError:
        """What is told at the end when it failed."""
        which = ", ".join(map(str, self._named))
        last = "the last of them " if self.failed > len(self._named) else ""
        messages = "1 message" if self._runs == 1 else f"{self._runs} messages"
        text = f"'{self._line}' failed for {self.failed} of {messages}: {last}{which}"
        return CnMessageError(ErrorCode.PARTIAL, text)


class Announcer:
    """Says on stderr when the connection is lost and when it is back, and what became of files."""

    def __init__(self, settings: Settings) -> None:
        self._renderer = settings.renderer
        self._away = False
        self._over: deque[OfferState] = deque(maxlen=_MOST_OVER)

    def moved(self, state: State, retry_in: float) -> None:
        """The connection is in another state; `retry_in` seconds it is tried again."""
        if state is State.WAITING:
            self._away = True
            self._renderer.note(f"connection lost; trying again in {retry_in:.1f} s")
        elif state is State.LIVE and self._away:
            self._away = False
            self._renderer.note("back")
        elif state is State.LIVE and self._renderer.for_person:
            self._renderer.note("Watching; Ctrl-C ends it.")

    def file_moved(self, news: FileState) -> None:
        """A recipient of an own file moved on."""
        if news.state == "done":
            self._renderer.note(f"{news.user} has fetched {safe_text(news.name)}")
        elif news.state == "failed":
            self._renderer.note(f"{news.user} gave up fetching {safe_text(news.name)}")

    def offer_moved(self, news: OfferState) -> None:
        """A file that was offered can be had no more, or again."""
        if news.state in {"withdrawn", "expired"}:
            self._over.append(news)
            self._tell(news)

    def shown(self, entry: Message | Unknown) -> None:
        """An entry was printed: an offer that was over before it came is told of again, behind it."""
        file = entry.file if isinstance(entry, Message) else None
        for news in self._over:
            if file is not None and id_text(news.file) == file.id:
                self._tell(news)

    def _tell(self, news: OfferState) -> None:
        self._renderer.note(f"[{news.state}] {news.user}: {safe_text(news.name)}")
