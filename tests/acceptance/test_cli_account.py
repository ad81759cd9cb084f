"""Accounts, devices, other users, profiles and completion."""

import asyncio
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from cnmessage_client import Client
from cnmessage_client.cli.main import cli as program
from cnmessage_client.shell.command import Group
from tests.acceptance.conftest import Cli
from tests.support.harness import BIN, PASSWORD, BrokerProcess, home_at
from tests.support.patience import PATIENCE


def test_changing_the_password_logs_other_devices_out(cli: Cli, password_file: str, tmp_path: Path) -> None:
    cli.accounts("pass1")
    cli.ok("--profile", "phone", "login", "pass1", "--password-file", password_file)
    wrong = cli("--profile", "pass1", "passwd", "--password-stdin", stdin="not this one\nnew password\n")
    assert wrong.status == 4
    assert cli("--profile", "phone", "whoami").status == 0
    both = tmp_path / "both"
    both.write_text(f"{PASSWORD}\nnew password\n")
    (changed,) = cli.ok("--profile", "pass1", "passwd", "--password-file", str(both), "--json").objects
    assert changed == {"status": "changed", "revoked": 1}
    assert cli("--profile", "phone", "whoami").status == 4
    assert cli("--profile", "pass1", "whoami").status == 0
    assert cli("--profile", "phone", "login", "pass1", "--password-file", password_file).status == 4
    cli.ok("--profile", "phone", "login", "pass1", "--password-stdin", stdin="new password")


def test_the_old_password_is_checked_before_a_new_one_is_asked_for(cli: Cli) -> None:
    cli.accounts("early1")
    with cli.terminal("--profile", "early1", "passwd") as terminal:
        terminal.until("Old password: ")
        terminal.enter("not this one\n")
        assert terminal.finish() == 4
    assert "the old password is wrong; nothing was changed" in terminal.shown
    assert "New password" not in terminal.shown
    with cli.terminal("--profile", "early1", "passwd") as terminal:
        terminal.until("Old password: ")
        terminal.enter(f"{PASSWORD}\n")
        for question in ("New password: ", "confirmation: "):
            terminal.until(question)
            terminal.enter("another password\n")
        assert terminal.finish() == 0
    assert len(cli.ok("--profile", "early1", "devices").rows) == 1
    cli.ok("--profile", "early1", "passwd", "--password-stdin", stdin=f"another password\n{PASSWORD}\n")


def test_whoami_says_what_is_known_here_when_no_broker_answers(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "broker") as broker:
        cli = Cli(home_at(tmp_path / "home"), broker.address)
        cli.accounts("known1", "known2")
        cli.ok("--profile", "known2", "logout")
        asked = cli.ok("--profile", "known1", "whoami", "--json").objects[0]
    here = cli("--profile", "known1", "whoami", "--timeout", "1")
    place = broker.address.partition("#")[0].removeprefix("cnm://")
    assert (here.status, here.rows) == (3, [["known1", "known1", place, "", ""]])
    assert len(here.err.splitlines()) == 1
    said = cli("--profile", "known1", "whoami", "--timeout", "1", "--json")
    assert said.objects == [{**asked, "session": None, "unread": None}]
    with cli.terminal("--profile", "known1", "whoami", "--timeout", "1", NO_COLOR="1") as terminal:
        assert terminal.finish() == 3
    assert "known1 on" in terminal.shown
    # Nothing is known of another broker, or where nobody is logged in.
    for words in (
        ("--profile", "known1", "--broker", "127.0.0.1:9"),
        ("--profile", "known2"),
        ("--profile", "new"),
    ):
        other = cli(*words, "whoami", "--timeout", "1")
        assert (other.status in {3, 4}, other.out) == (True, "")


GROUPS = [name for name, command in program.commands.items() if isinstance(command, Group)]


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_alone_is_its_list(cli: Cli, name: str) -> None:
    cli.accounts("default", f"other-{name}")
    cli.ok("blacklist", "add", f"other-{name}")
    cli.ok("files", "send", "default", "/etc/hostname")
    for options in ((), ("--json",)):
        assert cli.ok(name, *options).out == cli.ok(name, "list", *options).out != ""
    assert cli(name, "nothing-of-this-name!").status == 2


def test_sessions_can_be_listed_and_revoked(cli: Cli, password_file: str) -> None:
    cli.accounts("sess1")
    cli.ok("--profile", "phone", "login", "sess1", "--password-file", password_file)
    rows = cli.ok("--profile", "sess1", "sessions").rows
    assert rows == cli.ok("--profile", "sess1", "sessions", "list").rows
    assert [row[1].partition("@")[0] for row in rows] == ["sess1", "phone"]
    assert [row[4] for row in rows] == ["this one", "offline"]
    assert cli.ok("--profile", "sess1", "sessions", "revoke", rows[1][0]).rows == [[rows[1][0], "logged out"]]
    assert cli("--profile", "phone", "send", "sess1", "hi").status == 4
    assert len(cli.ok("--profile", "sess1", "sessions").rows) == 1


def test_logging_out_ends_the_login_and_may_be_repeated(cli: Cli) -> None:
    cli.accounts("default")
    cli.ok("logout")
    assert cli("send", "default", "hi").status == 4
    cli.ok("logout")
    assert cli.ok("profile", "list").rows == [
        ["default", "", cli.address.partition("#")[0].removeprefix("cnm://"), "current"]
    ]


@pytest.mark.parametrize("group", ["blacklist", "block"])
def test_the_blacklist_is_silent_and_brings_nothing_back(cli: Cli, group: str) -> None:
    me, other = f"{group[:5]}-me", f"{group[:5]}-other"
    cli.accounts(me, other)
    assert cli.ok("--profile", me, group, "add", other.upper()).rows == [[other.upper(), "blocked"]]
    assert cli.ok("--profile", me, group, "list").lines == [other]
    cli.ok("--profile", me, group, "add", other)
    kept_out = cli.ok("--profile", other, "send", me, "can you hear me?")
    assert kept_out.rows[0][1] == "stored"
    assert cli.ok("--profile", me, group, "rm", other).rows == [[other, "unblocked"]]
    assert cli.ok("--profile", me, group, "list").out == ""
    cli.ok("--profile", other, "send", me, "and now?")
    assert [row[5] for row in cli.ok("--profile", me, "history").rows] == ["and now?"]


def test_users_lists_everyone_and_list_users_is_the_same(cli: Cli) -> None:
    cli.accounts("users2", "users1")
    listed = cli.ok("--profile", "users1", "users")
    names = [row[0] for row in listed.rows]
    assert names == sorted(names)
    assert {"users1", "users2"} <= set(names)
    assert cli.ok("--profile", "users1", "list_users").out == listed.out


def test_profiles_can_be_listed_and_chosen(cli: Cli) -> None:
    cli.accounts("prof1", "prof2")
    assert cli.ok("profile", "use", "prof2").lines == ["prof2"]
    place = cli.address.partition("#")[0].removeprefix("cnm://")
    assert cli.ok("profile", "list").rows == [
        ["prof1", "prof1", place, ""],
        ["prof2", "prof2", place, "current"],
    ]
    assert cli.ok("whoami").rows[0][0] == "prof2"
    second = cli("signup", "prof3", "--password-stdin", stdin=PASSWORD)
    assert second.status == 2
    assert "--profile prof3" in second.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_each_shell(cli: Cli, shell: str) -> None:
    script = cli.ok("completion", shell).out
    assert "_CNMESSAGE_COMPLETE" in script
    assert f"{shell}_complete" in script


def test_bash_completes_commands_and_names_while_the_broker_is_down(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "broker") as broker:
        cli = Cli(home_at(tmp_path / "home"), broker.address)
        cli.accounts("default", "berta", "bernd", "anna")
        cli.ok("users")
    script = (
        'eval "$(cnmessage completion bash)"\n'
        'complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); '
        "_cnmessage_completion cnmessage; "
        'echo "${COMPREPLY[*]}"; }\n'
        "complete_words cnmessage bro\ncomplete_words cnmessage send be\n"
        "complete_words cnmessage --profile nobody send be\ncomplete_words cnmessage blacklist add an\n"
    )
    environment = cli.environment()
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stdout.splitlines() == ["broadcast broker", "bernd berta", "", "anna"], done.stderr


def test_who_is_online_was_not_last_seen_some_time_ago_but_is_there_now(cli: Cli) -> None:
    cli.accounts("now1", "then1")
    with cli.start("--profile", "now1", "watch") as watch:
        cli.ok("--profile", "then1", "send", "now1", "are you there?")
        watch.wait_for("are you there?", "stdout")
        with cli.terminal("--profile", "then1", "users") as terminal:
            assert terminal.finish() == 0
        rows = [line.split() for line in terminal.shown.splitlines()]
        assert ["now1", "online", "now"] in rows
        (other,) = (row for row in rows if row[:1] == ["then1"])
        assert (other[1], "now" in other) == ("offline", False)
        with cli.terminal("--profile", "now1", "devices") as terminal:
            assert terminal.finish() == 0
        assert " now " in terminal.shown
        # A program gets the broker's time, as ever.
        assert "now" not in {row[2] for row in cli.ok("--profile", "then1", "users").rows}


def test_commands_that_need_no_deliveries_make_nobody_come_or_leave(cli: Cli) -> None:
    cli.accounts("still1", "seen1")

    async def scenario() -> list[tuple[str, bool]]:
        news: list[tuple[str, bool]] = []
        came = asyncio.Event()
        async with Client(home=cli.home, profile="still1", broker=cli.address) as client:

            def heard(changes: Sequence[tuple[str, bool]]) -> None:
                news.extend(each for each in changes if each[0] == "seen1")
                if news:
                    came.set()

            client.on_presence = heard
            stream = client.messages()
            for words in (
                ("send", "still1", "one"),
                ("broadcast", "two"),
                ("send", "still1", "three", "--wait", "delivered"),
                ("users",),
                ("history", "--unread"),
                ("whoami",),
                ("devices",),
                ("blacklist", "list"),
                ("files", "send", "still1", __file__),
                ("files",),
            ):
                waiting = asyncio.ensure_future(anext(stream)) if "send" in words or "two" in words else None
                await asyncio.to_thread(cli.ok, "--profile", "seen1", *words)
                if waiting is not None:
                    await asyncio.wait_for(waiting, PATIENCE)
            before = list(news)
            async with Client(home=cli.home, profile="seen1", broker=cli.address) as other:
                first = asyncio.ensure_future(anext(other.messages()))
                await asyncio.wait_for(came.wait(), PATIENCE)  # what does, is heard of
                first.cancel()
        assert before == []
        return news

    assert asyncio.run(scenario())[0] == ("seen1", True)
