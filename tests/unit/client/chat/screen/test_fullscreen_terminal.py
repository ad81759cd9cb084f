"""The full screen and its terminal: output of commands, bell, editor, and whatever the terminal is like."""

import asyncio
import os
import re
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cnmessage_client.chat.editor import Editor
from cnmessage_client.chat.screen.theme import Theme
from cnmessage_client.chat.talk.entries import Entry, Mark, Output, Trouble
from cnmessage_client.ringing import Notification
from cnmessage_protocol.errors import CnMessageError
from tests.support.screen import FakeTerminal
from tests.support.stage import lasting, on_stage, said


@lasting
async def test_commands_print_from_their_threads_in_order() -> None:
    async with on_stage(columns=60) as stage:
        surface = stage.screen.surface

        def command() -> None:
            for number in range(100):
                surface.out(str(number))
            surface.err("done")

        thread = threading.Thread(target=command)
        thread.start()
        await asyncio.to_thread(thread.join)
        assert stage.told == [*(("output", str(number)) for number in range(100)), ("note", "done")]
        assert (surface.person, surface.colour, surface.width) == (True, True, 60)
    surface.out("after the end")  # of a command that did not hear of it


@lasting
async def test_a_notification_rings_and_changes_nothing_on_the_screen() -> None:
    async with on_stage() as stage:
        before, cursor = stage.terminal.rows, stage.terminal.cursor
        stage.screen.notify(Notification("bob", "hi"))
        assert stage.terminal.bells == 1
        assert (stage.terminal.rows, stage.terminal.cursor) == (before, cursor)


@lasting
async def test_the_focus_of_the_terminal_is_told_and_is_nothing_that_was_typed() -> None:
    focus: list[bool] = []
    async with on_stage(on_focus=focus.append) as stage:
        assert stage.terminal.raw.count("\x1b[?1004h") == 1
        stage.type("a\x1b[Ob\x1b[Ic")
        await stage.drafts("abc")
        assert focus == [False, True]
    assert stage.terminal.raw.count("\x1b[?1004l") == 1


@lasting
async def test_without_colour_no_cell_has_a_colour() -> None:
    entries: list[Entry] = [
        said("hi"),
        Trouble("bad"),
        Output("\x1b[31mred"),
        said("x", 1, mark=Mark.FAILED, reason="no"),
    ]
    async with on_stage(*entries, theme=Theme(colour=False)) as stage:
        await stage.shows("x ✗ no · /retry")
        cells = [stage.terminal.look(x, y) for x in range(80) for y in range(24)]
        assert {(look.colour, look.dim) for look in cells} == {("default", False)}
        assert not stage.screen.surface.colour


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An editor that notes what it saw and writes something else."""
    script = tmp_path / "an editor.py"
    script.write_text(
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        f"seen = pathlib.Path({str(tmp_path / 'seen')!r})\n"
        "seen.write_text(f'{file}\\n{file.stat().st_mode:o}\\n' + file.read_text())\n"
        "if 'fail' in file.read_text():\n"
        "    sys.exit(1)\n"
        "file.write_text('edited\\n\\x1b[2Jtwice\\n')\n"
    )
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} '{script}'")
    return tmp_path / "seen"


def test_the_editor_gets_a_file_of_its_own_which_is_gone_afterwards(editor: Path) -> None:
    async def test() -> None:
        async with on_stage(said("hi")) as stage:
            await stage.screen.edit("the draft")
            assert stage.screen.draft == "edited\n\x1b[2Jtwice"
            path, mode, text = (await asyncio.to_thread(editor.read_text)).split("\n")
            assert text == "the draft"
            assert stat.S_IMODE(int(mode, 8)) == 0o600
            assert not await asyncio.to_thread(Path(path).exists)
            stage.type(" goes on")
            await stage.shows("twice goes on")
            assert "12:03 bob: hi" in stage.terminal.rows
            with pytest.raises(CnMessageError, match="it ended with status 1; EDITOR names another"):
                await stage.screen.edit("fail")

    asyncio.run(test())


def test_what_an_editor_saved_and_is_no_text_is_kept_where_the_error_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "editor"
    script.write_text("#!/bin/sh\nprintf 'caf\\351\\n' > \"$1\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(script))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(CnMessageError, match="is not UTF-8 text; what it saved is kept in") as caught:
        asyncio.run(Editor(os.environ).edit("before"))
    kept = Path(re.findall(r"kept in (\S+\.txt)", caught.value.message)[0])
    assert kept.read_bytes() == b"caf\xe9\n"
    kept.unlink()


@pytest.mark.parametrize("saved", ["one\ntwo", "one\ntwo\n", "one\ntwo\n\n"])
def test_line_feeds_at_the_end_of_what_was_edited_belong_to_no_text(
    saved: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, script = tmp_path / "wanted", tmp_path / "editor"
    wanted.write_text(saved)
    script.write_text(f'#!/bin/sh\ncat "{wanted}" > "$1"\n')
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(script))
    assert asyncio.run(Editor(os.environ).edit("")) == "one\ntwo"


def test_an_editor_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with on_stage() as stage:
            with pytest.raises(CnMessageError, match="'/no/such/editor': No such file or directory"):
                await stage.screen.edit("x")

    monkeypatch.setenv("VISUAL", "/no/such/editor")
    asyncio.run(test())


@lasting
async def test_the_terminal_is_given_back_even_after_an_error() -> None:
    terminal = FakeTerminal()

    async def chat() -> None:
        async with on_stage(terminal=terminal):
            assert terminal.raw.rindex("\x1b[?1049h") > terminal.raw.rfind("\x1b[?1049l")
            raise LookupError("a defect")

    with pytest.raises(LookupError):
        await chat()
    for on, off in (("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?2004h", "\x1b[?2004l"), ("\x1b[?7l", "\x1b[?7h")):
        assert terminal.raw.rindex(off) > terminal.raw.rindex(on)
    assert terminal.raw.rindex("\x1b[?25h") > terminal.raw.rindex("\x1b[?25l")


def _mangled(character: str) -> int:
    """Widths of a terminal that knows no emoji and takes ambiguous characters for wide."""
    from wcwidth import wcwidth

    width = wcwidth(character)
    return 1 if ord(character) > 0x1F000 else 2 if character in "✓✗…→─·" else width


@pytest.mark.parametrize("width", [_mangled, lambda _: 1])
def test_on_a_terminal_with_other_widths_all_other_rows_stay_as_they_are(width: Callable[[str], int]) -> None:
    async def test() -> None:
        terminal = FakeTerminal(80, 24, width)
        hostile = "👩👍🏽🇪🇺 e\u0301\u0301 ✓✗ 中文 " * 4
        async with on_stage(terminal=terminal) as stage:
            for number in range(15):
                stage.add(said(f"honest {number}", 2 * number), said(hostile, 2 * number + 1))
                await stage.shows(f"honest {number}")
                stage.type("x")
                await stage.shows("> " + "x" * (number + 1))
            honest = [row for row in terminal.rows if "honest" in row]
            assert honest == [f"12:03 bob: honest {number}" for number in range(15 - len(honest), 15)]
            assert len(honest) >= 5
            assert stage.input_row == "alice> " + "x" * 15
            assert terminal.rows[-2].startswith(" online ")

    asyncio.run(test())


@pytest.mark.parametrize("width", [_mangled, lambda _: 1])
def test_behind_a_character_of_disputed_width_all_stands_where_it_should(
    width: Callable[[str], int],
) -> None:
    async def test() -> None:
        terminal = FakeTerminal(80, 24, width)
        async with on_stage(said("X" * 60), terminal=terminal) as stage:
            await stage.shows("X" * 60)
            stage.talk.entries[:] = [said("e\u0301 ❤ 👍🏽👩 end")]
            stage.screen.redraw()
            await stage.shows("end")
            row = next(row for row in terminal.cell_rows if "end" in "".join(row))
            assert row[20:23] == ["e", "n", "d"]
            assert "X" not in "".join(row)

    asyncio.run(test())


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), RuntimeError("a defect")])
def test_the_terminal_is_given_back_whatever_ends_the_program(error: BaseException) -> None:
    terminal = FakeTerminal()

    def fail() -> None:
        raise error

    async def program() -> None:
        async with on_stage(terminal=terminal):
            if isinstance(error, Exception):
                fail()
            asyncio.get_running_loop().call_soon(fail)
            await asyncio.Event().wait()

    with pytest.raises(type(error)):
        asyncio.run(program())
    for made, undone in (("?1049h", "?1049l"), ("?2004h", "?2004l")):
        assert -1 < terminal.raw.rfind(made) < terminal.raw.rfind(undone)
    assert terminal.raw.rfind("?25l") < terminal.raw.rfind("?25h")
