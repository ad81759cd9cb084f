"""The plain screen of the chat between real pipes, and messages to be shown on it."""

import asyncio
import os
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TextIO

from cnmessage_client.chat.plain.plain import Plain
from cnmessage_client.chat.talk.entries import Entry, Mark, Said
from cnmessage_client.model import MessageFile
from tests.support.conversations import whom
from tests.support.patience import PATIENCE
from tests.support.stage import WrittenTalk
from tests.support.taker import Taker

NOON = datetime(2026, 11, 25, 12, 3, 7, tzinfo=datetime.now().astimezone().tzinfo)
FILE = MessageFile("1a2b3c4d-0000-7000-8000-000000000000", "a.pdf", 1258291, "00")


def said(body: str, number: int = 0, **fields: Any) -> Said:
    values: dict[str, Any] = {"sender": "bob", "to": ("alice",), "kind": "direct", "seq": number, **fields}
    values["to"] = whom(*values["to"])
    return Said(f"k{number}", NOON + timedelta(seconds=number), body=body, **values)


def own(mark: Mark, body: str = "hi", **fields: Any) -> Said:
    return said(body, 99, **{"sender": "alice", "to": ("bob",), "mark": mark, "seq": None, **fields})


class End:
    """The reading end of a pipe or a terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.seen = b""

    def lines(self, count: int) -> list[str]:
        """The next lines."""
        while self.seen.count(b"\n") < count:
            self.read()
        *lines, rest = self.seen.split(b"\n", count)
        self.seen = rest
        return [line.decode().removesuffix("\r") for line in lines]

    def read(self) -> None:
        ready, _, _ = select.select([self._descriptor], [], [], PATIENCE)
        assert ready, f"nothing more came after {self.seen!r}"
        self.seen += os.read(self._descriptor, 65536)


@dataclass
class Pipes:
    """A plain screen and the other ends of its three streams."""

    screen: Plain
    talk: WrittenTalk
    taker: Taker
    stdin: TextIO
    out: End
    err: End

    def feed(self, text: str) -> None:
        self.stdin.write(text)
        self.stdin.flush()

    def ask(self, question: str, *, hidden: bool = False) -> "asyncio.Task[str]":
        """Ask; gives the task that has the answer."""
        return asyncio.create_task(self.taker.input.ask(question, hidden=hidden))

    async def lines(self, count: int) -> list[str | None]:
        return [await self.taker.line() for _ in range(count)]


@asynccontextmanager
async def plain(talk: WrittenTalk, stdin: int, **options: Any) -> AsyncIterator[tuple[Plain, Taker]]:
    """A plain screen that reads a descriptor, and who takes its lines."""
    taker = Taker(piped=not os.isatty(stdin))
    async with Plain(talk, taker.input, stdin=stdin, **options) as screen:
        taker.screen = screen
        taker.input.begin()
        yield screen, taker


@asynccontextmanager
async def piped(**options: Any) -> AsyncIterator[Pipes]:
    (stdin, feed), (out, out_end), (err, err_end) = os.pipe(), os.pipe(), os.pipe()
    talk = WrittenTalk()
    with (
        os.fdopen(stdin, "rb"),
        os.fdopen(feed, "w") as typed,
        os.fdopen(out_end, "w") as out_file,
        os.fdopen(err_end, "w") as err_file,
        os.fdopen(out, "rb"),
        os.fdopen(err, "rb"),
    ):
        async with plain(talk, stdin, out=out_file, err=err_file, **options) as (screen, taker):
            yield Pipes(screen, talk, taker, typed, End(out), End(err))


def show(screen: Plain, *entries: Entry) -> None:
    for entry in entries:
        screen.show(entry, again=False)
