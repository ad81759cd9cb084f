"""The host of commands that are typed in the chat: its screen, its client, its questions.

One for each command that runs. The command is on a thread of its own; what it wants of client and screen
happens on the event loop while it waits. Knows neither talk nor whose turn it is.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, BinaryIO, TypeVar

import click

from cnmessage_client.chat.drive.client import ChatClient
from cnmessage_client.chat.drive.running import Running
from cnmessage_client.client import Client
from cnmessage_client.shell.command import Facts
from cnmessage_client.shell.host import Run
from cnmessage_client.shell.out.progress import Events, Nothing, ProgressView
from cnmessage_client.shell.out.render import Renderer
from cnmessage_client.shell.out.surface import Surface
from cnmessage_client.shell.settings import usage

Result = TypeVar("Result")

Ask = Callable[[str, bool], Coroutine[Any, Any, str]]
"""Asks a question, hidden or not, on the event loop; without an answer it raises click.Abort or EOFError."""


class ChatHost:
    """Carries out the job of one command with the client that lives on."""

    can_ask = True

    def __init__(
        self,
        living: ChatClient,
        running: Running,
        surface: Surface,
        ask: Ask,
        view: Callable[[str], ProgressView],
    ) -> None:
        self.surface = surface
        self._living = living
        self._running = running
        self._ask = ask
        self._view = view

    def run(self, run: Run, facts: Facts, job: Callable[[Client], Awaitable[Result]]) -> Result:
        """Do the job on the chat's loop; raises KeyboardInterrupt when the person stops it."""
        if facts.long_lived:
            name = click.get_current_context().command.name
            raise usage(f"'{name}' is for the command line: here, messages are shown as they come")
        own = self._living.settings
        if run.profile != own.profile or run.broker != own.broker:
            raise usage(
                "a chat has one profile and one broker; for another, run the command outside, or start "
                "another chat: cnmessage --profile NAME chat"
            )
        if run.debug and not own.debug:
            raise usage("a chat tells its steps from its beginning on, or not: cnmessage --debug chat")
        # A client that follows would hear of its logout, and end, perhaps before the command has its answer.
        account = facts.enters or facts.leaves
        return self._running.wait(
            lambda: self._living.do(job, timeout=run.timeout, account=account),
        )

    async def while_read(self, wait: Awaitable[Result]) -> Result:
        """Wait: a screen is read as long as there is a chat."""
        return await wait

    def ask(self, question: str, *, hidden: bool = False) -> str:
        """Ask in the line that is being typed."""
        try:
            return self._running.wait(lambda: self._ask(question, hidden))
        except (EOFError, KeyboardInterrupt):
            raise click.Abort from None

    def stdin(self) -> BinaryIO:
        """Refuses: what is typed here are lines of the chat."""
        raise usage("'-' is for the command line: here, standard input is the chat's")

    def stdout(self) -> BinaryIO:
        """Refuses: the screen is the chat's."""
        raise usage("'-o -' is for the command line: here, standard output is the chat's")

    def view(self, renderer: Renderer, verb: str, count: int) -> ProgressView:
        """Lines of the screen that change in place, unless the command is for a program or quiet."""
        del count
        if renderer.as_json:
            return Events(renderer)
        return Nothing() if renderer.quiet else self._view(verb)
