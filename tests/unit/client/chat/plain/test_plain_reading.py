"""The plain screen through real pipes and a real terminal: lines, questions, secrets, the editor."""

import asyncio
import os
import pty
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from cnmessage_client.chat.plain.reader import MOST_WAITING
from cnmessage_client.chat.plain.words import message_json, message_line
from cnmessage_client.chat.talk.entries import Mark, Note, Output, Trouble
from cnmessage_client.ringing import Notification
from cnmessage_protocol.errors import CnMessageError
from tests.support.patience import PATIENCE
from tests.support.pipes import FILE, End, own, piped, plain, said, show
from tests.support.stage import WrittenTalk

# -- what is read -----------------------------------------------------------------------------------


def test_lines_come_one_by_one_and_the_last_needs_no_line_feed() -> None:
    async def test() -> None:
        async with piped() as pipes:
            pipes.feed("one\r\n\ntwo\ufffd é\nthr")
            assert await pipes.lines(3) == ["one", "", "two\ufffd é"]
            pipes.feed("ee")
            pipes.stdin.close()
            assert await pipes.lines(2) == ["three", None]
            assert pipes.screen.draft == ""

    asyncio.run(test())


def test_a_file_of_any_length_is_read_as_fast_as_it_is_taken(tmp_path: Path) -> None:
    count = MOST_WAITING * 50

    async def test() -> None:
        path = tmp_path / "lines"
        path.write_text("".join(f"line {number}\n" for number in range(count)))
        with path.open("rb") as file, (tmp_path / "out").open("w") as out:
            async with plain(WrittenTalk(), file.fileno(), out=out, err=out) as (screen, taker):
                for number in range(count):
                    assert await taker.line() == f"line {number}"
                    assert screen._typing.ahead <= MOST_WAITING
                assert await taker.line() is None

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
            pipes.taker.busy = True
            pipes.feed("signup alice\nsecret\n")
            assert await pipes.lines(1) == ["signup alice"]
            assert await asyncio.wait_for(pipes.ask("Password: ", hidden=True), PATIENCE) == "secret"
            asking = pipes.ask("Sure? [y/N] ")
            await asyncio.to_thread(pipes.err.lines, 2)  # both questions were put
            pipes.feed("y\nnext line\n")
            assert await asyncio.wait_for(asking, PATIENCE) == "y"
            pipes.taker.busy = False
            pipes.taker.input.go_on()
            assert await pipes.lines(1) == ["next line"]
            pipes.stdin.close()
            with pytest.raises(EOFError):
                await asyncio.wait_for(pipes.ask("More? "), PATIENCE)
            with pytest.raises(CnMessageError, match="an editor needs a terminal"):
                await pipes.screen.edit("x")

    asyncio.run(test())


def test_a_question_that_nobody_waits_for_any_more_takes_no_line() -> None:
    async def test() -> None:
        async with piped() as pipes:
            asking = pipes.ask("Sure? ")
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
            async with plain(WrittenTalk(), program, out=out, err=out) as (screen, taker):
                assert screen.surface.person
                assert not screen.surface.colour
                show(screen, said("hi"), Note("x"), Trouble("y"), own(Mark.STORED), Output("z"))
                screen.redraw()
                screen.notify(Notification("bob", "hi"))
                asking = asyncio.create_task(taker.input.ask("Password: ", hidden=True))
                await asyncio.to_thread(_until, lambda: not _echoes(program))
                os.write(person, b"sesame\n")
                assert await asyncio.wait_for(asking, PATIENCE) == "sesame"
                assert _echoes(program)
                os.write(person, b"typed\n\x04")
                assert [await taker.line(), await taker.line()] == ["typed", None]
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
            async with plain(WrittenTalk(), program, out=out, err=out) as (screen, taker):
                taking = asyncio.create_task(taker.line())
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
