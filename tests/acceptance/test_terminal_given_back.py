"""Whatever ends or stops a program from outside, the terminal is the shell's again, as it was before."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.support.chat import Chat
from tests.support.harness import PASSWORD, eventually
from tests.support.shell import Shell

ENDING = (
    signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGINT,
    signal.SIGABRT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGXCPU,
)  # fmt: skip
RAW = (False, False, False)
INTERRUPTED = 130


EDITOR = """
import os, signal, sys, termios, time, tty
was = termios.tcgetattr(0)
def aside(*_):
    termios.tcsetattr(0, termios.TCSADRAIN, was)
    os.write(1, b"aside\\n")
    os.kill(os.getpid(), signal.SIGSTOP)
    take("again")
def take(word):
    tty.setraw(0)
    os.write(1, word.encode())
signal.signal(signal.SIGTSTP, aside)
take("here")
open(os.environ["GO"]).read()
termios.tcsetattr(0, termios.TCSADRAIN, was)
open(sys.argv[1], "w").write("written")
"""
"""One that does as vi and nano do when they are stopped."""


def editor(folder: Path, *lines: str) -> str:
    """An editor that makes the terminal its own, as they all do."""
    path = folder / "editor"
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return str(path)


def full_screen(shell: Chat) -> None:
    shell.online()
    eventually(lambda: shell.modes == RAW)


@pytest.mark.parametrize(
    "numbers", [ENDING[:3], pytest.param(ENDING[3:], marks=pytest.mark.slow)], ids=["usual", "others"]
)
def test_a_full_screen_that_is_ended_from_outside_leaves_the_terminal_as_it_was(
    cli: Cli, tmp_path: Path, numbers: tuple[signal.Signals, ...]
) -> None:
    cli.accounts("gone1")
    with Shell(cli, tmp_path) as shell:
        for number in numbers:
            shell.run("gone1", "chat")
            full_screen(shell)
            shell.type("half a line")
            shell.until_line("gone1> half a line")
            shell.send(number)
            assert shell.ended() == INTERRUPTED, number


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
@pytest.mark.parametrize("words", [("chat",), ("chat", "--plain")])
def test_a_question_of_the_chat_that_is_ended_from_outside_leaves_the_terminal_as_it_was(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], number: signal.Signals
) -> None:
    cli.accounts("gone2")
    with Shell(cli, tmp_path) as shell:
        shell.run("gone2", *words)
        shell.until("online")
        shell.enter("passwd")
        shell.until("Old password:")
        eventually(lambda: not shell.modes[0])
        shell.type_secret("half a secret")
        shell.send(number)
        assert shell.ended() == INTERRUPTED
        assert b"half a secret" not in shell.raw


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGUSR1, signal.SIGINT])
def test_a_question_of_a_command_that_is_ended_from_outside_leaves_the_terminal_as_it_was(
    cli: Cli, tmp_path: Path, number: signal.Signals
) -> None:
    cli.accounts("gone3")
    with Shell(cli, tmp_path) as shell:
        shell.run("other", "login", "gone3")
        shell.until("Password:")
        eventually(lambda: not shell.modes[0])
        shell.type_secret("half a secret")
        shell.send(number)
        assert shell.ended() == INTERRUPTED
        assert b"half a secret" not in shell.raw


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("words", [("chat",), ("chat", "--plain")])
def test_an_editor_ends_with_its_chat_and_what_it_saved_is_kept(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], number: signal.Signals
) -> None:
    cli.accounts("gone4")
    own = editor(tmp_path, "stty raw -echo", 'echo saved so far >"$1"', "echo here", "exec tail -f /dev/null")
    with Shell(cli, tmp_path, VISUAL=own, TMPDIR=str(tmp_path)) as shell:
        shell.run("gone4", *words)
        shell.until("online")
        shell.enter("edit")
        shell.until("here")
        shell.send(number)
        assert shell.ended() == INTERRUPTED
        shell.until("what it saved is kept in")
    (kept,) = tmp_path.glob("cnmessage-*-kept.txt")
    assert kept.read_text() == "saved so far\n"


@pytest.mark.parametrize("words", [("chat",), ("chat", "--plain")])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_editor_that_a_script_runs_ends_with_its_chat_too(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], number: signal.Signals
) -> None:
    cli.accounts("gone9")
    own = editor(tmp_path, "sh -c 'echo $$ >PID; echo here; exec tail -f /dev/null'", "true")
    with Shell(cli, tmp_path, VISUAL=f"PID={tmp_path}; cd $PID; {own}", TMPDIR=str(tmp_path)) as shell:
        shell.run("gone9", *words, before=f"tail -f /dev/null & echo $! >{tmp_path}/OTHER;")
        shell.until("online")
        shell.enter("edit")
        shell.until("here")
        child, other = (int((tmp_path / name).read_text()) for name in ("PID", "OTHER"))
        shell.send(number)
        assert shell.ended() == INTERRUPTED
        eventually(lambda: not runs(child))
        os.kill(other, signal.SIGTERM)  # it was left alone: ProcessLookupError says that it was not


def runs(process: int) -> bool:
    """Whether there is this process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_full_screen_gives_the_terminal_back_before_it_stops_and_takes_it_again(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("gone5", "gone6")
    with Shell(cli, tmp_path) as shell:
        shell.run("gone5", "chat")
        full_screen(shell)
        shell.enter("@gone6 hello")
        shell.said("hello ✓")
        shell.type("half a line")
        for by_key in (False, True, False):
            shell.until_line("gone5> half a line")
            if by_key:
                shell.suspend()
            else:
                shell.send(signal.SIGTSTP)
            shell.has_it_back()
            shell.foreground()
            eventually(lambda: shell.modes == RAW)
            shell.until_line("gone5> half a line")
            shell.said("hello ✓")
            shell.online()
        shell.key("ctrl-c", "ctrl-d")
        assert shell.ended() == 0


@pytest.mark.parametrize("words", [("chat",), ("chat", "--plain"), ("passwd",)])
@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
def test_a_secret_is_asked_again_after_a_stop_and_never_seen(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], number: signal.Signals
) -> None:
    cli.accounts("gone7")
    with Shell(cli, tmp_path) as shell:
        shell.run("gone7", *words)
        if words != ("passwd",):
            shell.until("online")
            shell.enter("passwd")
        shell.until("Old password:")
        eventually(lambda: not shell.modes[0])
        if number is signal.SIGTSTP:
            shell.type_secret("half a secret")
        shell.send(number)
        if number is signal.SIGTSTP:
            shell.has_it_back()
        else:  # nobody could prepare for that
            shell.at_prompt()
            shell.type("stty sane\n")
            eventually(lambda: shell.modes == (True, True, True))
        since = len(shell.raw)
        shell.foreground()
        shell.wait(lambda _: b"Old password:" in shell.raw[since:], "the question again")
        eventually(lambda: not shell.modes[0])
        if number is signal.SIGTSTP and words != ("chat",):  # what was typed before is not the shell's
            shell.enter(PASSWORD)
            shell.until("New password:")
        shell.key("ctrl-c")
        if words != ("passwd",):
            shell.until(re.compile("^stopped", re.MULTILINE))
            shell.key("ctrl-d")
        shell.at_prompt()
        if number is signal.SIGTSTP:
            shell.has_it_back()
        assert b"half a secret" not in shell.raw
        assert PASSWORD.encode() not in shell.raw


@pytest.mark.parametrize("words", [("chat",), ("chat", "--plain")])
def test_an_editor_stops_and_goes_on_with_its_chat(cli: Cli, tmp_path: Path, words: tuple[str, ...]) -> None:
    cli.accounts("gone8")
    own = editor(tmp_path, f"exec {sys.executable} -c '{EDITOR}' \"$1\"")
    go = tmp_path / "go"
    os.mkfifo(go)
    with Shell(cli, tmp_path, VISUAL=own, GO=str(go)) as shell:
        shell.run("gone8", *words)
        shell.until("online")
        shell.enter("edit")
        shell.until("here")
        shell.send(signal.SIGTSTP)
        shell.has_it_back()
        assert b"aside" in shell.raw
        shell.foreground()
        shell.until("again")
        go.write_text("")
        shell.until("written")
        shell.key("ctrl-c", "ctrl-d")
        shell.ended()


def test_bars_show_the_cursor_while_the_command_is_stopped_and_when_it_is_ended(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("gone9", "gone10")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 30)
    with Shell(cli, tmp_path) as shell:
        shell.run("gone9", "files", "send", "gone10", str(tmp_path / "large"))
        shell.wait(lambda _: b"\x1b[?25l" in shell.raw, "the bars")
        shell.send(signal.SIGTSTP)
        shell.has_it_back()
        shell.foreground()
        shell.wait(lambda _: shell.raw.rfind(b"\x1b[?25l") > shell.raw.rfind(b"fg"), "the bars again")
        shell.send(signal.SIGQUIT)
        assert shell.ended() == INTERRUPTED


@pytest.mark.parametrize("words", [("passwd",), ("login", "gone10"), ("chat",), ("chat", "--plain")])
def test_what_is_begun_or_sent_to_the_background_waits_there_and_asks_unseen_when_it_is_back(
    cli: Cli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    cli.accounts("gone10")
    asks = words[0] != "chat"
    with Shell(cli, tmp_path) as shell:
        shell.run("gone10", *words, end=" &")
        eventually(lambda: shell.stopped)
        for _ in range(2):
            shell.foreground()
            if words == ("chat",):
                full_screen(shell)
            elif asks:
                shell.until(re.compile("assword:"))
                eventually(lambda: not shell.modes[0])
            else:
                shell.until("[online]")
            shell.type("half a line")
            shell.suspend() if not asks else shell.send(signal.SIGTSTP)
            shell.has_it_back()
            shell.background()
            shell.has_it_back()
        shell.foreground()
        eventually(lambda: not shell.stopped)
        if asks:
            eventually(lambda: not shell.modes[0])
            assert b"half a line" not in shell.raw
            assert b"may be echoed" not in shell.raw
            shell.key("ctrl-c")
        else:
            shell.key("ctrl-c", "ctrl-d")
        shell.ended()
