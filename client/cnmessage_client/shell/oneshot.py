"""The host of a command that is a process of its own: its streams, its terminal, its own client and loop.

Knows no command by name. It is the host unless a chat brings another.
"""

import asyncio
import errno
import os
import sys
from collections.abc import Awaitable, Callable
from typing import BinaryIO, TypeVar

from cnmessage_client.client import Client
from cnmessage_client.loop import new_event_loop
from cnmessage_client.shell.command import Facts
from cnmessage_client.shell.host import Run
from cnmessage_client.shell.out.colours import wants_colour
from cnmessage_client.shell.out.progress import Bars, Events, Lines, Nothing, ProgressView
from cnmessage_client.shell.out.render import Renderer
from cnmessage_client.shell.prompt import ask_here
from cnmessage_client.shell.streams import input_bytes, reader_watched, say
from cnmessage_protocol.errors import CnMessageError, ErrorCode

Result = TypeVar("Result")

PATIENCE = 1.5
"""Seconds without an answer after which a person is told so."""


class ProcessSurface:
    """Standard output and standard error, as they are when something is written."""

    @property
    def person(self) -> bool:
        """Whether standard output is a terminal."""
        return sys.stdout.isatty()

    @property
    def colour(self) -> bool:
        """Whether that terminal has colours and they are wanted."""
        return self.person and wants_colour(os.environ)

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        import shutil  # noqa: PLC0415 - most commands never ask

        return shutil.get_terminal_size().columns

    def out(self, text: str) -> None:
        """Lines to standard output, at once."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def err(self, text: str) -> None:
        """Lines to standard error, at once; nothing happens where nobody can be told."""
        say(sys.stderr, text + "\n")


class OneShot:
    """Connects for one job and leaves. `patience`: seconds without an answer before a person is told so."""

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self.surface = ProcessSurface()

    @property
    def can_ask(self) -> bool:
        """Whether standard input is a terminal."""
        return sys.stdin.isatty()

    def run(self, run: Run, facts: Facts, job: Callable[[Client], Awaitable[Result]]) -> Result:
        """Connect, do the job, leave. What is long-lived gets the faster loop, which takes longer to load.

        What is for its reader ends with BrokenPipeError, at once, when nobody reads standard output any more.
        """

        async def main() -> Result:
            client = run.client()
            client.patient = False
            if not facts.enters and not client.profile.exists:
                name = client.profile.name
                command = run.command(name)
                whose = f"with profile '{name}'" if run.profile else "here"
                text = (
                    f"nobody has logged in {whose} yet; use: {command} signup NAME, or, with an account that "
                    f"you have, {command} login NAME"
                )
                raise CnMessageError(ErrorCode.UNAUTHENTICATED, text)
            patience = asyncio.get_running_loop().call_later(self._patience, _still_waiting, run, client)
            try:
                async with client:
                    if facts.for_reader or (facts.moves and run.renderer.as_json):
                        return await _while_read(job(client))
                    return await job(client)
            finally:
                patience.cancel()

        with asyncio.Runner(loop_factory=new_event_loop if facts.long_lived else None) as runner:
            return runner.run(main())

    async def while_read(self, wait: Awaitable[Result]) -> Result:
        """Wait as long as somebody reads standard output."""
        return await _while_read(wait)

    def ask(self, question: str, *, hidden: bool = False) -> str:
        """Ask on standard error, so that data alone goes to standard output."""
        return ask_here(question, hidden=hidden)

    def stdin(self) -> BinaryIO:
        """Standard input."""
        return input_bytes()

    def stdout(self) -> BinaryIO:
        """Standard output."""
        return sys.stdout.buffer

    def view(self, renderer: Renderer, verb: str, count: int) -> ProgressView:
        """Events with --json, nothing with --quiet, bars on a terminal, lines elsewhere."""
        if renderer.as_json:
            return Events(renderer)
        if renderer.quiet:
            return Nothing()
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            return Bars(renderer, count)
        return Lines(renderer, verb)


async def _while_read(job: Awaitable[Result]) -> Result:
    """Do the job as long as somebody reads standard output; else BrokenPipeError."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    alone = over = False

    def left() -> None:
        nonlocal alone
        if task is not None and not alone and not over:
            alone = True
            task.cancel()

    with reader_watched(sys.stdout, lambda: loop.call_soon_threadsafe(left)):
        try:
            return await job
        except asyncio.CancelledError:
            if alone:
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None
            raise
        finally:
            over = True  # what comes after, as closing the client, is not cancelled


def _still_waiting(run: Run, client: Client) -> None:
    if run.interactive and not client.reached:
        run.renderer.note(f"waiting for the broker at {client.address.place} ...")
