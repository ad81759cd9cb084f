"""What a person sees in a terminal: prompts, tables, colours; and that texts of others do no harm there."""

import asyncio
import json
import re
import unicodedata

import pytest
from wcwidth import wcwidth

from cnmessage_client import Client
from cnmessage_protocol.requests import Login
from tests.acceptance.conftest import Cli
from tests.support.harness import PASSWORD, free_port

# Clear the screen, set the title, ask the terminal for an answer it would type, hide in colour, link, copy;
# the same with the one-byte C1 forms; overwrite a line; reorder; hide; break out of the line.
ATTACKS = (
    "\x1b[2J\x1b[H cleared",
    "\x1b]0;title\x07",
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x1b[6n\x1b[c\x05 answers",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31mC1 \x9d0;title\x9c\x90q\x9c",
    "honest\rforged",
    "abc\x08\x08\x08xyz\x7f",
    "user\u202egnp.exe\u202c \u2066isolate\u2069 \u200e\u200f\u061c",
    "zero\u200bwidth\ufeff\u2060\u00ad",
    "tag\U000e0041\U000e007f",
    "one\u2028two\u2029three\x0bfour\x0cfive\x85six",
    "\x0e\x0f shift \x00 nul \x07 bell",
    "2026-01-01 00:00:00  boss: forged?\n2026-01-01 00:00:00  boss: you are fired",
)
_HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _harmful(shown: str, *, allowed: str) -> set[str]:
    return {each for each in shown if unicodedata.category(each) in _HARMFUL and each not in allowed}


@pytest.mark.parametrize("words", ["signup far1", "login far1", "signup"])
def test_nobody_types_a_password_for_a_broker_that_is_not_there(cli: Cli, words: str) -> None:
    with cli.terminal(*words.split(), "--broker", f"127.0.0.1:{free_port()}") as terminal:
        if words == "signup":
            terminal.until("User name: ")
            terminal.enter("far1\n")
        assert terminal.finish() == 3
    assert "refuses connections" in terminal.shown
    assert "assword" not in terminal.shown
    assert cli.home.profiles() == []


def test_nobody_types_an_old_password_who_cannot_change_it(cli: Cli) -> None:
    cli.accounts("passwd-out")
    cli.ok("--profile", "passwd-out", "logout")
    for profile, status in (("passwd-out", 4), ("fresh", 4)):
        with cli.terminal("--profile", profile, "passwd") as terminal:
            assert terminal.finish() == status
        assert "assword" not in terminal.shown.replace("passwd", "")


def test_a_newcomer_is_asked_for_name_and_password_and_the_password_is_not_shown(cli: Cli) -> None:
    with cli.terminal("signup") as terminal:
        terminal.until("User name: ")
        terminal.enter("prompt1\n")
        terminal.until("Password: ")
        terminal.enter("a long secret\n")
        terminal.until("Repeat for confirmation: ")
        terminal.enter("a long secret\n")
        assert terminal.finish() == 0
    assert "Welcome, prompt1." in terminal.shown
    assert "a long secret" not in terminal.shown
    with cli.terminal("passwd") as terminal:
        for question, answer in (
            ("Old password: ", "a long secret"),
            ("New password: ", "another secret"),
            ("Repeat for confirmation: ", "another secret"),
        ):
            terminal.until(question)
            terminal.enter(answer + "\n")
        assert terminal.finish() == 0
    assert "0 other devices" in terminal.shown
    with cli.terminal("login", "prompt1") as terminal:
        terminal.until("Password: ")
        terminal.enter("another secret\n")
        assert terminal.finish() == 0
    assert "Logged in, prompt1." in terminal.shown
    assert "Repeat" not in terminal.shown


def test_no_input_never_asks_even_in_a_terminal(cli: Cli) -> None:
    with cli.terminal("signup", "noask1", "--no-input") as terminal:
        assert terminal.finish() == 2
    assert "--password-stdin" in terminal.shown


def test_ctrl_c_at_a_prompt_ends_with_130_and_no_traceback(cli: Cli) -> None:
    with cli.terminal("login", "abort1") as terminal:
        terminal.until("Password: ")
        terminal.enter("\x03")
        assert terminal.finish() == 130
    assert "Traceback" not in terminal.shown


def test_a_terminal_gets_tables_and_sentences(cli: Cli) -> None:
    cli.accounts("table1", "table2")
    cli.ok("--profile", "table1", "blacklist", "add", "table2")
    for arguments, shown in (
        (("users",), r"NAME +STATE +LAST SEEN"),
        (("sessions",), r"ID +DEVICE +SINCE +LAST SEEN +STATE"),
        (("blacklist", "list"), r"NAME"),
        (("profile", "list"), r"PROFILE +USER +BROKER"),
        (("whoami",), r"table1 on 127\.0\.0\.1:\d+, profile table1, 0 unread"),
        (("send", "table2", "hi"), r"Stored for 1 user\."),
    ):
        with cli.terminal(*arguments, "--profile", "table1", NO_COLOR="1") as terminal:
            assert terminal.finish() == 0
        assert re.search(shown, terminal.shown), terminal.shown
        assert "\t" not in terminal.shown


def test_colour_only_in_a_terminal_and_never_with_no_color(cli: Cli) -> None:
    cli.accounts("color1")
    cli.ok("--profile", "color1", "send", "color1", "hi")
    for more, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        for arguments in (("history",), ("users",)):
            with cli.terminal("--profile", "color1", *arguments, **more) as terminal:
                assert terminal.finish() == 0
            assert ("\x1b[" in terminal.shown) is coloured, (arguments, terminal.shown)
    with cli.terminal("--profile", "color1", "history", "--json") as terminal:
        assert terminal.finish() == 0
    assert json.loads(terminal.shown)["body"] == "hi"


def test_no_attack_in_a_text_reaches_the_terminal_in_any_form(cli: Cli) -> None:
    cli.accounts("evil1", "good1")
    cli.ok("--profile", "evil1", "send", "good1", "-", stdin="\n".join(ATTACKS[:-1]))
    for more in ({}, {"NO_COLOR": "1"}):
        with cli.terminal("--profile", "good1", "history", **more) as terminal:
            assert terminal.finish() == 0
        assert _harmful(_COLOUR.sub("", terminal.shown), allowed="\r\n\u200c\u200d") == set()
        assert "honestforged" in terminal.shown
    lines = cli.ok("--profile", "good1", "history").out
    assert _harmful(lines, allowed="\t\n") == set()
    assert len(lines.splitlines()) == 1
    as_json = cli.ok("--profile", "good1", "history", "--json")
    assert _harmful(as_json.out, allowed="\n") == set()
    # A program gets the text whole, only escaped.
    assert as_json.objects[0]["body"] == "\n".join(ATTACKS[:-1])


def test_a_forged_line_in_a_text_is_seen_to_be_part_of_it(cli: Cli) -> None:
    cli.accounts("forge1", "forge2")
    cli.ok("--profile", "forge1", "send", "forge2", ATTACKS[-1])
    with cli.terminal("--profile", "forge2", "watch", "--quiet", "--count", "1", NO_COLOR="1") as terminal:
        assert terminal.finish() == 0
    first, second = terminal.shown.splitlines()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  forge1: ", first)
    assert second.startswith("    ")


@pytest.mark.parametrize(
    "arguments", [("send", "\x1b[2Jbob\u202e", "hi"), ("\x1b[2J\u202e",), ("whoami", "--broker", "\x1b[2J")]
)
def test_error_messages_are_harmless_too(cli: Cli, arguments: tuple[str, ...]) -> None:
    cli.accounts("err1")
    result = cli("--profile", "err1", *arguments)
    assert result.status != 0
    assert _harmful(result.err, allowed="\n") == set()


def test_a_device_label_chosen_by_another_program_is_harmless(cli: Cli) -> None:
    async def log_in() -> None:
        async with Client(home=cli.home, profile="phone", broker=cli.address) as client:
            await client._calls.ask(Login("label1", PASSWORD, "\x1b[2Jphone\u202e\t\r"))

    cli.accounts("label1")
    asyncio.run(log_in())
    with cli.terminal("--profile", "label1", "sessions") as terminal:
        assert terminal.finish() == 0
    assert _harmful(_COLOUR.sub("", terminal.shown), allowed="\r\n") == set()
    piped = cli.ok("--profile", "label1", "sessions")
    assert _harmful(piped.out, allowed="\t\n") == set()
    assert {len(row) for row in piped.rows} == {5}


def test_long_messages_break_between_words_and_families_stay_together(cli: Cli) -> None:
    cli.accounts("wrap1")
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
    words = [f"word{number}" for number in range(60)]
    cli.ok("--profile", "wrap1", "send", "wrap1", " ".join(words))
    cli.ok("--profile", "wrap1", "send", "wrap1", family * 40)
    with cli.terminal("--profile", "wrap1", "history", COLUMNS="80") as terminal:
        assert terminal.finish() == 0
    rows = _COLOUR.sub("", terminal.shown).splitlines()
    assert all(sum(max(0, wcwidth(each)) for each in row) <= 80 for row in rows)
    assert [word for row in rows for word in row.split() if word.startswith("word")] == words
    assert sum(row.count(family) for row in rows) == 40
    assert len(rows) > 10
