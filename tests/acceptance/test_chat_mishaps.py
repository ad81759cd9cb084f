"""What a person does by mistake in the chat: nothing is lost by it, and no secret goes to anybody."""

import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.support.chat import Chat, open_chat
from tests.support.harness import BIN, PASSWORD
from tests.support.patience import PATIENCE

NEW = "another good secret"
MANY = "\n".join(f"line {number}" for number in range(20))


def bodies(cli: Cli, profile: str) -> list[str]:
    """What is in the inbox of a profile."""
    return [row[5] for row in cli.ok("--profile", profile, "history", "20").rows]


def in_talk(chat: Chat, user: str, peer: str) -> None:
    """Open a conversation."""
    chat.online()
    chat.enter(f"to {peer}")
    chat.until_line(f"{user} → {peer}>")


def recalled(chat: Chat, prompt: str, presses: int = 4) -> str:
    """The line with what so many Up bring back, and a mark behind it."""
    chat.key(*["up"] * presses)
    chat.type("!")
    rows = chat.wait(lambda rows: rows[-1].startswith(prompt) and rows[-1].endswith("!"), "an earlier line")
    chat.key("ctrl-c")
    return rows[-1]


# -- secrets ----------------------------------------------------------------------------------------


def test_a_password_typed_ahead_of_its_question_answers_it_and_stands_nowhere(cli: Cli) -> None:
    cli.accounts("ahead2", "ahead3")
    with open_chat(cli, "ahead2") as chat:
        in_talk(chat, "ahead2", "ahead3")
        chat.enter("/send ahead3 please confirm --wait read --timeout 30")  # goes on while the rest is typed
        chat.type("".join(f"{line}\r" for line in ("/passwd", PASSWORD, NEW, NEW)))
        chat.until("The password was changed")
        chat.enter("done")
        chat.said("done ✓")
        assert recalled(chat, "ahead2 → ahead3>") == "ahead2 → ahead3> to ahead3!"
        assert NEW not in chat.raw.decode()
        assert PASSWORD not in chat.raw.decode()
    assert not {PASSWORD, NEW} & set(bodies(cli, "ahead3"))


def test_lines_behind_a_refused_password_are_sent_to_nobody(cli: Cli) -> None:
    cli.accounts("ahead4", "ahead5")
    with open_chat(cli, "ahead4") as chat:
        in_talk(chat, "ahead4", "ahead5")
        chat.type("".join(f"{line}\r" for line in ("/passwd", "not this one", NEW, NEW, "a line too many")))
        chat.until("typed ahead without being asked for")
        chat.enter("and on")
        chat.said("and on ✓")
    assert bodies(cli, "ahead5") == ["and on"]


@pytest.mark.parametrize("first", ["/passwd --oops", "/login ahead6 x", "/signup\nal ice"])
def test_through_a_pipe_nothing_is_done_behind_a_failed_command_that_asks(cli: Cli, first: str) -> None:
    name = {"/p": "ahead6", "/l": "ahead7", "/s": "ahead8"}[first[:2]]
    cli.accounts(name, f"{name}b")
    result = cli("--profile", name, "chat", stdin=f"to {name}b\nbefore\n{first}\n{NEW}\n{NEW}\n")
    assert result.status == 8
    assert "were not carried out" in result.err
    assert NEW not in result.out + result.err
    assert bodies(cli, f"{name}b") == ["before"]


def test_a_login_behind_a_logout_waits_for_its_end(cli: Cli) -> None:
    cli.accounts("turn1", "turn2")
    with open_chat(cli, "turn1") as chat:
        in_talk(chat, "turn1", "turn2")
        chat.enter("/break 3")
        chat.until_status("reconnecting")
        chat.enter("/users")
        chat.type(f"/logout\rlogin turn1\r{PASSWORD}\r")
        chat.until("Logged in", patience=40)
        chat.online()
        assert PASSWORD not in chat.raw.decode()
    assert bodies(cli, "turn2") == []


def test_what_is_typed_while_a_command_asks_is_kept_nowhere(cli: Cli) -> None:
    cli.accounts("part1", "part2")
    with open_chat(cli, "part1") as chat:
        in_talk(chat, "part1", "part2")
        chat.enter("/break 3")
        chat.until_status("reconnecting")
        chat.enter("/passwd")
        chat.until_line("Old password:")
        for answer in (PASSWORD, NEW, NEW):
            chat.enter(answer)
        chat.type("partial")
        chat.key("alt-n", "up", "down", "tab", "ctrl-u")
        chat.type("partial")
        chat.until("The password was changed")
        chat.until("1 typed ahead without being asked for")
        chat.until_line("part1 → part2>")
        chat.key("ctrl-y", "down")
        chat.type("clean")
        chat.until_line("part1 → part2> clean")
        assert "partial" not in chat.raw.decode()


def test_line_after_line_half_a_secret_is_not_the_beginning_of_the_next_line(cli: Cli) -> None:
    cli.accounts("half1", "half2")
    with open_chat(cli, "half1", "--plain") as chat:
        chat.until("[online]")
        chat.enter("@half2")
        chat.until("[to half2]")
        chat.enter("/break 5")  # long enough to type all that follows on a busy machine
        chat.until("[reconnecting")
        chat.enter("/passwd")
        for question, answer in (("Old", PASSWORD), ("New", NEW), ("Repeat", NEW)):
            chat.until(question)
            chat.enter(answer)
        chat.type("partial")
        chat.until("The password was changed")
        chat.enter("clean")
        chat.until("[stored] → half2: clean")
    assert bodies(cli, "half2") == ["clean"]


# -- leaving ----------------------------------------------------------------------------------------


def test_lines_behind_exit_are_not_carried_out(cli: Cli) -> None:
    cli.accounts("over1", "over2")
    after = "".join(f"after {number}\n" for number in range(20))
    result = cli("--profile", "over1", "chat", stdin=f"to over2\nbefore\n/exit\n{after}")
    assert result.status == 0
    with open_chat(cli, "over1") as chat:
        chat.online()
        chat.type("exit\rsend over2 zombie\r")
        assert chat.finish() == 0
    assert bodies(cli, "over2") == ["before"]


def test_commands_that_had_not_begun_are_named_when_a_person_leaves(cli: Cli) -> None:
    cli.accounts("begun1", "begun2")
    with open_chat(cli, "begun1") as chat:
        chat.online()
        chat.enter("break 60")
        chat.until_status("reconnecting")
        for line in ("users", "blacklist add begun2"):
            chat.enter(line)
        chat.key("ctrl-d")
        assert chat.finish() == 0
        chat.until("stopped: users")
        chat.until("not begun: blacklist add begun2")


# -- questions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["ctrl-c", "ctrl-d"])
def test_who_gives_up_the_question_has_the_text_back_with_up(cli: Cli, key: str) -> None:
    one, two = f"back{key[-1]}1", f"back{key[-1]}2"
    cli.accounts(one, two)
    with open_chat(cli, one, rows=40) as chat:
        in_talk(chat, one, two)
        chat.enter("/break 60")
        chat.until_status("reconnecting")
        chat.enter("/users")  # what runs is not what Ctrl-C is for now
        chat.paste(MANY)
        chat.key("enter")
        chat.until_line("[y/N]")
        chat.type("yes, I th")
        chat.key("alt-n")
        chat.until_line("[y/N] yes, I th")
        chat.key("ctrl-c")
        chat.until_line("[y/N]")
        chat.key(key)
        chat.until_line(f"{one} → {two}>")
        chat.key("up")
        chat.wait(lambda rows: rows[-1].endswith("line 19"), "the text in the line")
        assert "stopped" not in chat.text
        chat.key("ctrl-c")
        chat.until_line(f"{one} → {two}>")
        chat.key("ctrl-d")
        assert chat.finish() == 0
    assert bodies(cli, two) == []


def test_a_word_that_may_be_a_command_without_its_slash_is_asked_about(cli: Cli) -> None:
    cli.accounts("word1", "word2")
    with open_chat(cli, "word1") as chat:
        in_talk(chat, "word1", "word2")
        chat.enter("exit")
        chat.until("Send 'exit' as text to word2? In a conversation the command is '/exit'. [y/N]")
        chat.enter("n")
        chat.until_line("word1 → word2>")
        chat.key("up")
        chat.until_line("word1 → word2> exit")
        chat.key("enter")
        chat.until_line("[y/N]")
        chat.enter("y")
        chat.said("exit ✓")
        chat.until_line("word1 → word2>")
        chat.key("up")  # an answer to a question is not brought back
        chat.until_line("word1 → word2> exit")


# -- the editor -------------------------------------------------------------------------------------


def an_editor(folder: Path, *lines: str) -> str:
    """A program that is called with a file; gives its path."""
    path = folder / "editor"
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("WORD=text $OWN/ours", "1 text"),
        ("~/ours --wait", "2"),
        ("$OWN/ours 'two words'", "2"),
        ("'PLACE/ours' --flag", "2"),
    ],
)
def test_the_editor_is_a_line_for_a_shell_as_everywhere(
    cli: Cli, tmp_path: Path, line: str, written: str
) -> None:
    cli.accounts("line1")
    own = an_editor(tmp_path, 'for last; do :; done; printf "$# $WORD" >"$last"')
    Path(own).rename(tmp_path / "ours")
    whole, here = line.replace("PLACE", str(tmp_path)), str(tmp_path)
    with open_chat(cli, "line1", EDITOR=whole, VISUAL="", HOME=here, OWN=here) as chat:
        chat.online()
        chat.enter("edit")
        chat.until_line(f"line1> {written}")


@pytest.mark.parametrize("line", ["no-such-editor", "no-such-editor --wait"])
def test_an_editor_that_is_not_there_is_told(cli: Cli, tmp_path: Path, line: str) -> None:
    cli.accounts("none1")
    with open_chat(cli, "none1", EDITOR=line, VISUAL="", columns=160) as chat:
        chat.online()
        chat.enter("edit this")
        chat.until(
            re.compile(r"nothing was taken over from the editor .*no such (program|file)", re.IGNORECASE)
        )
        chat.until_line("none1> this")


def test_ctrl_c_belongs_to_the_editor_while_it_has_the_terminal(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("editor1", "editor2")
    editor = tmp_path / "editor"
    # Not print(): called in a handler while print() is at work, it raises.
    editor.write_text(
        f"#!{sys.executable}\n"
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, lambda *_: os.write(1, b'interrupted\\n'))\n"
        "os.write(1, b'here\\n')\n"
        "os.read(0, 100)\n"
        "print('kept', file=open(sys.argv[1], 'a'))\n"
    )
    editor.chmod(0o755)
    with open_chat(cli, "editor1", EDITOR=str(editor), VISUAL="") as chat:
        in_talk(chat, "editor1", "editor2")
        chat.enter("/edit precious text")
        chat.until("here")
        chat.key("ctrl-c")
        chat.until("interrupted")
        chat.enter("go on")
        chat.until("precious textkept")
        chat.key("enter")
        chat.said("precious textkept ✓")


def test_an_editor_that_fails_is_named_and_the_text_stays(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("editor3", "editor4")
    with open_chat(cli, "editor3", EDITOR=an_editor(tmp_path, "exit 3"), VISUAL="") as chat:
        in_talk(chat, "editor3", "editor4")
        chat.enter("/edit precious text")
        chat.until("ended with status 3")
        chat.until_line("editor3 → editor4> precious text")


def test_line_after_line_the_edited_text_goes_out_and_without_a_terminal_it_is_refused(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("editor5", "editor6")
    editor = an_editor(tmp_path, 'printf "one\\ntwo" > "$1"')
    with open_chat(cli, "editor5", "--plain", EDITOR=editor, VISUAL="") as chat:
        chat.until("[online]")
        chat.enter("@editor6")
        chat.until("[to editor6]")
        chat.enter("/edit")
        chat.until("[stored] → editor6: one…")
        chat.key("ctrl-c")
        chat.until("Ctrl-D or '/exit' leaves")
        chat.key("ctrl-d")
        assert chat.finish() == 0
    assert bodies(cli, "editor6") == ["one\\ntwo"]
    result = cli("--profile", "editor5", "chat", stdin="to editor6\n/edit precious\n", EDITOR=editor)
    assert result.status == 8
    assert "an editor needs a terminal" in result.err


# -- terminals and streams --------------------------------------------------------------------------


def test_a_terminal_that_can_do_nothing_gets_plain_lines(cli: Cli) -> None:
    cli.accounts("dumb1")
    with open_chat(cli, "dumb1", TERM="dumb") as chat:
        chat.until("[online]")
        chat.key("ctrl-d")
        assert chat.finish() == 0
        assert b"\x1b" not in chat.raw


@pytest.mark.parametrize("closed", [("<&-",), (">&-",), ("2>&-",), ("<&-", ">&-", "2>&-")])
def test_without_its_input_a_chat_is_refused_and_without_another_stream_it_ends_in_words(
    cli: Cli, closed: Sequence[str]
) -> None:
    name = f"closed{len(closed)}{'io2'['<>2'.index(closed[0][0])]}"
    cli.accounts(name)
    command = [
        "sh",
        "-c",
        f'exec "$0" "$@" {" ".join(closed)}',
        str(BIN / "cnmessage"),
        "--profile",
        name,
        "chat",
    ]
    done = subprocess.run(
        command,
        check=False,
        env=cli.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
    )
    status = 6 if "<&-" in closed else 0
    assert (done.returncode, b"Traceback" in done.stderr + done.stdout) == (status, False), done


def test_a_full_disk_behind_stdout_ends_it_in_words(cli: Cli) -> None:
    cli.accounts("full1")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [str(BIN / "cnmessage"), "--profile", "full1", "chat"],
            check=False, env=cli.environment(), input=b"whoami\n", stdout=full,
            stderr=subprocess.PIPE, timeout=PATIENCE,
        )  # fmt: skip
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr
    assert b"No space left" in done.stderr


# -- a text that goes as a file ---------------------------------------------------------------------


def test_a_long_text_that_is_refused_leaves_nothing_on_disk_and_comes_back_with_up(cli: Cli) -> None:
    cli.accounts("spool1")
    with open_chat(cli, "spool1") as chat:
        chat.online()
        chat.paste("@nobody-here precious " + "y" * 70_000)
        chat.key("enter")
        chat.until_line("[y/N]")
        chat.enter("y")
        chat.until("The text was not sent.")
        chat.process.send_signal(signal.SIGTERM)
        assert chat.finish() == 130
    assert not list(cli.home.state.rglob("spool/*"))
