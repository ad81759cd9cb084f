"""The plain screen through real pipes and a real terminal: one event a line, nothing drawn twice."""

import asyncio
import json
import os
import pty
import select
import sys
import termios
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import pytest

from cnmessage_client.cli.chat.entries import (
    Entry,
    Mark,
    Note,
    Output,
    Preview,
    Rule,
    Said,
    Trouble,
    Typed,
)
from cnmessage_client.cli.chat.linereader import MOST_WAITING
from cnmessage_client.cli.chat.plain import Plain
from cnmessage_client.cli.chat.plainlines import message_json, message_line
from cnmessage_client.model import MessageFile, TransferProgress
from tests.support.stage import WrittenTalk

PATIENCE = 10.0
NOON = datetime(2026, 11, 25, 12, 3, 7, tzinfo=datetime.now().astimezone().tzinfo)
FILE = MessageFile("1a2b3c4d-0000-7000-8000-000000000000", "a.pdf", 1258291, "00")


def said(body: str, number: int = 0, **fields: Any) -> Said:
    values: dict[str, Any] = {"sender": "bob", "to": ("alice",), "kind": "direct", "seq": number, **fields}
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
    stdin: TextIO
    out: End
    err: End

    def feed(self, text: str) -> None:
        self.stdin.write(text)
        self.stdin.flush()

    async def lines(self, count: int) -> list[str]:
        stream = self.screen.lines()
        return [await asyncio.wait_for(anext(stream), PATIENCE) for _ in range(count)]

    async def rest(self) -> list[str]:
        async with asyncio.timeout(PATIENCE):
            return [line async for line in self.screen.lines()]


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
        async with Plain(talk, stdin=stdin, out=out_file, err=err_file, **options) as screen:
            yield Pipes(screen, talk, typed, End(out), End(err))


def show(screen: Plain, *entries: Entry) -> None:
    for entry in entries:
        screen.show(entry, again=False)


# -- what is printed --------------------------------------------------------------------------------


def test_messages_go_to_stdout_all_else_to_stderr_and_each_is_one_line() -> None:
    async def test() -> None:
        async with piped() as pipes:
            show(
                pipes.screen,
                said("one\ntwo\x1b[2J\u202e"),
                Note("carol came"),
                said("hi", 1, to=("alice", "carol")),
                Trouble("there is no command 'x'"),
                said("hi", 2, to=("all",), kind="broadcast"),
                Rule("new"),
                Preview(said("psst\nall of it " + "x" * 500, 3, sender="dave")),
                said("", 4, file=FILE, kind="file"),
                Typed("> ", "history"),
                Output("a\tb\nc"),
            )
            assert pipes.out.lines(7) == [
                r"12:03:07 bob: one\ntwo[2J",
                "12:03:08 bob → alice, carol: hi",
                "12:03:09 bob → all: hi",
                r"12:03:10 dave: psst\nall of it " + "x" * 500,
                "12:03:11 bob: [file] a.pdf, 1.2 MiB · /files get 1a2b3c4d",
                "a\tb",
                "c",
            ]
            assert pipes.err.lines(3) == ["carol came", "there is no command 'x'", "new"]
            assert pipes.out.seen == pipes.err.seen == b""

    asyncio.run(test())


def test_own_lines_are_told_once_a_mark() -> None:
    async def test() -> None:
        async with piped() as pipes:
            for entry, again in (
                (own(Mark.QUEUED), False),
                (own(Mark.STORED), True),
                (own(Mark.STORED, seq=7), True),
                (own(Mark.DELIVERED), True),
                (replace(own(Mark.FAILED, "x" * 100, reason="no such\nuser"), key="other"), True),
            ):
                pipes.screen.show(entry, again=again)
            assert pipes.err.lines(4) == [
                "[queued] → bob: hi",
                "[stored] → bob: hi",
                "[delivered] → bob: hi",
                f"[failed] → bob: {'x' * 60}… · no such\\nuser · /retry",
            ]
            show(pipes.screen, said("end"))
            assert pipes.out.lines(1) == ["12:03:07 bob: end"]

    asyncio.run(test())


def test_what_another_view_holds_is_printed_once_with_its_date() -> None:
    async def test() -> None:
        async with piped() as pipes:
            show(pipes.screen, said("seen", 1))
            pipes.talk.peer = "bob"
            pipes.talk.entries = [
                said("older", 0),
                said("seen", 1),
                Rule("new"),
                said("mine", 2, sender="alice", to=("bob",), mark=Mark.DELIVERED),
                own(Mark.QUEUED),
            ]
            pipes.screen.redraw()
            pipes.screen.redraw()
            show(pipes.screen, said("later", 3))
            assert pipes.out.lines(4) == [
                "12:03:08 bob: seen",
                "2026-11-25 12:03:07 bob: older",
                "2026-11-25 12:03:09 alice → bob: mine",
                "12:03:10 bob: later",
            ]
            assert pipes.err.lines(3) == ["[to bob]", "[online]", "new"]
            pipes.talk.peer = None
            pipes.screen.redraw()
            assert pipes.err.lines(1) == ["[home]"]

    asyncio.run(test())


def test_the_connection_is_told_when_it_changes_but_no_countdown() -> None:
    async def test() -> None:
        async with piped() as pipes:
            for connection in (
                "connecting",
                "online",
                "reconnecting in 4 s (1)",
                "reconnecting in 3 s (1)",
                "online",
            ):
                pipes.talk.shown = replace(pipes.talk.shown, connection=connection)
                pipes.screen.redraw()
            show(pipes.screen, Note("end"))
            assert pipes.err.lines(5) == [
                "[connecting]",
                "[online]",
                "[reconnecting in 4 s (1)]",
                "[online]",
                "end",
            ]

    asyncio.run(test())


def test_with_json_everything_is_an_object() -> None:
    async def test() -> None:
        async with piped(as_json=True) as pipes:
            show(pipes.screen, said("a\nb\x1b"), own(Mark.STORED), Note("x"), own(Mark.FAILED, reason="no"))
            show(pipes.screen, said("", 3, file=FILE, kind="file"))
            objects = [json.loads(line) for line in pipes.out.lines(4)]
            time = (NOON - NOON.utcoffset()).replace(tzinfo=None).isoformat()  # type: ignore[operator]
            assert objects[0] == {
                "id": "k0",
                "seq": 0,
                "kind": "direct",
                "from": "bob",
                "to": ["alice"],
                "time": f"{time}.000Z",
                "body": "a\nb\x1b",
            }
            assert objects[1] == {"id": None, "client_id": "k99", "status": "stored", "recipients": 1}
            assert objects[2] == {
                "id": None,
                "client_id": "k99",
                "status": "failed",
                "recipients": 1,
                "reason": "no",
            }
            assert objects[3]["file"] == FILE.as_json()
            assert [json.loads(line) for line in pipes.err.lines(1)] == [{"note": "x"}]
            with pipes.screen.view("sending") as view:
                view.moved("x", TransferProgress("a", None, "waiting", 0, 1, 0))
            assert json.loads(pipes.out.lines(1)[0])["progress"]["name"] == "a"

    asyncio.run(test())


def test_commands_print_from_their_threads_and_files_have_few_lines() -> None:
    async def test() -> None:
        async with piped() as pipes:
            surface = pipes.screen.surface
            assert (surface.person, surface.colour) == (False, False)

            def command() -> None:
                surface.out("data")
                with pipes.screen.view("sending") as view:
                    view.moved("x", TransferProgress("a.txt", None, "sending", 0, 1 << 20, 0))

            await asyncio.to_thread(command)
            assert pipes.out.lines(1) == ["data"]
            assert pipes.err.lines(1) == ["sending a.txt, 1.0 MiB"]

    asyncio.run(test())


# -- what is read -----------------------------------------------------------------------------------


def test_lines_come_one_by_one_and_the_last_needs_no_line_feed() -> None:
    async def test() -> None:
        async with piped() as pipes:
            pipes.feed("one\r\n\ntwo\ufffd é\nthr")
            assert await pipes.lines(3) == ["one", "", "two\ufffd é"]
            pipes.feed("ee")
            pipes.stdin.close()
            assert await pipes.rest() == ["three"]
            assert await pipes.rest() == []
            assert pipes.screen.draft == ""

    asyncio.run(test())


class _Measured(deque[str]):
    """Lines that wait; it knows how many there have been at most."""

    most = 0

    def append(self, line: str) -> None:
        super().append(line)
        self.most = max(self.most, len(self))


def test_a_file_of_any_length_is_read_as_fast_as_it_is_taken(tmp_path: Path) -> None:
    count = MOST_WAITING * 50

    async def test() -> None:
        path = tmp_path / "lines"
        path.write_text("".join(f"line {number}\n" for number in range(count)))
        with path.open("rb") as file, (tmp_path / "out").open("w") as out:
            async with Plain(WrittenTalk(), stdin=file.fileno(), out=out, err=out) as screen:
                screen._lines = waiting = _Measured()
                async with asyncio.timeout(PATIENCE):
                    lines = [line async for line in screen.lines()]
                assert lines == [f"line {number}" for number in range(count)]
                assert waiting.most <= MOST_WAITING

    asyncio.run(test())


def test_leaving_does_not_wait_for_a_line_nor_for_somebody_who_takes_them() -> None:
    async def test(fed: str) -> None:
        async with piped() as pipes:
            pipes.feed(fed)
            if fed:
                await pipes.lines(1)

    for fed in ("", "x\n" * (MOST_WAITING * 3)):
        asyncio.run(asyncio.wait_for(test(fed), PATIENCE))
    assert not [thread for thread in threading.enumerate() if thread.name == "standard input"]


def test_a_question_is_answered_by_the_next_line_wherever_it_is() -> None:
    async def test() -> None:
        async with piped() as pipes:
            pipes.feed("signup alice\nsecret\n")
            stream = pipes.screen.lines()
            assert await asyncio.wait_for(anext(stream), PATIENCE) == "signup alice"
            assert await pipes.screen.ask("Password: ", hidden=True) == "secret"
            taking = asyncio.ensure_future(anext(stream))
            asking = asyncio.create_task(pipes.screen.ask("Sure? [y/N] ", hidden=False))
            await asyncio.to_thread(pipes.err.lines, 2)  # both questions were put
            pipes.feed("y\nnext line\n")
            assert await asyncio.wait_for(asking, PATIENCE) == "y"
            assert await asyncio.wait_for(taking, PATIENCE) == "next line"
            pipes.stdin.close()
            with pytest.raises(EOFError):
                await asyncio.wait_for(pipes.screen.ask("More? ", hidden=False), PATIENCE)
            assert await pipes.screen.edit("x") is None

    asyncio.run(test())


def test_a_question_that_nobody_waits_for_any_more_takes_no_line() -> None:
    async def test() -> None:
        async with piped() as pipes:
            asking = asyncio.create_task(pipes.screen.ask("Sure? ", hidden=False))
            await asyncio.to_thread(pipes.err.lines, 1)
            asking.cancel()
            await asyncio.wait((asking,))
            pipes.feed("line\n")
            assert await pipes.lines(1) == ["line"]

    asyncio.run(test())


# -- on a terminal ----------------------------------------------------------------------------------


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    person, program = pty.openpty()
    try:
        yield person, program
    finally:
        os.close(person)
        os.close(program)


def _echoes(descriptor: int) -> bool:
    return bool(termios.tcgetattr(descriptor)[3] & termios.ECHO)


def _until(holds: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not holds():
        assert time.monotonic() < deadline
        pause.wait(0.005)


def test_a_terminal_stays_as_it_is_but_for_the_echo_of_a_secret() -> None:
    async def test(person: int, program: int) -> bytes:
        shown = End(person)
        before = termios.tcgetattr(program)
        with os.fdopen(os.dup(program), "w") as out:
            async with Plain(WrittenTalk(), stdin=program, out=out, err=out) as screen:
                assert screen.surface.person
                assert not screen.surface.colour
                show(screen, said("hi"), Note("x"), Trouble("y"), own(Mark.STORED), Output("z"))
                screen.redraw()
                screen.ring()
                screen.ring()
                asking = asyncio.create_task(screen.ask("Password: ", hidden=True))
                await asyncio.to_thread(_until, lambda: not _echoes(program))
                os.write(person, b"sesame\n")
                assert await asyncio.wait_for(asking, PATIENCE) == "sesame"
                assert _echoes(program)
                os.write(person, b"typed\n\x04")
                assert [line async for line in screen.lines()] == ["typed"]
        assert termios.tcgetattr(program) == before
        while b"typed" not in shown.seen:
            shown.read()
        return shown.seen

    with terminal() as (person, program):
        raw = asyncio.run(test(person, program))
    assert b"\x1b" not in raw
    assert b"sesame" not in raw
    assert b"Password: \r\n" in raw
    assert raw.count(b"\a") == 1


def test_an_editor_has_the_terminal_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "editor.py"
    script.write_text(
        "import os, pathlib, sys\n"
        "terminal = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)\n"
        "os.write(terminal, b'ready\\n')\n"
        "pathlib.Path(sys.argv[2]).write_bytes(os.read(terminal, 100))\n"
    )

    async def test(person: int, program: int) -> None:
        monkeypatch.setenv("VISUAL", f"{sys.executable} {script} {os.ttyname(program)}")
        shown = End(person)
        with os.fdopen(os.dup(program), "w") as out:
            async with Plain(WrittenTalk(), stdin=program, out=out, err=out) as screen:
                taking = asyncio.ensure_future(anext(screen.lines()))
                editing = asyncio.create_task(screen.edit("draft"))
                await asyncio.to_thread(shown.lines, 1)
                os.write(person, b"for the editor\n")
                assert await asyncio.wait_for(editing, PATIENCE) == "for the editor"
                os.write(person, b"for the chat\n")
                assert await asyncio.wait_for(taking, PATIENCE) == "for the chat"

    with terminal() as (person, program):
        asyncio.run(test(person, program))


def test_no_form_of_a_message_holds_what_acts_on_a_terminal() -> None:
    attack = "\x1b[2J\x07\u202e\n\r\t\x9b\u2028"
    hostile = said(attack, sender=attack, to=(attack, attack), file=replace(FILE, name=attack, id=attack))
    for line in (message_line(hostile), message_line(hostile, dated=True), message_json(hostile)):
        assert line.isprintable()
