"""What is said, and what is not, while a message is on its way; hooks that fail; who has seen what."""

import signal
from pathlib import Path

import pytest

from cnmessage_client import SyncClient
from tests.acceptance.conftest import Cli
from tests.support.harness import BrokerProcess, eventually, home_at

FAILING = 'grep -qv \'"body": "bad\''
"""A hook that fails for each message that begins with `bad`."""


def send_all(cli: Cli, sender: str, name: str, *bodies: str) -> None:
    for body in bodies:
        cli.ok("--profile", sender, "send", name, body)


def level(cli: Cli, sender: str, name: str, body: str, *command: str) -> str:
    """How far a message has come once its recipient has run a command."""
    (sent,) = cli.ok("--profile", sender, "send", name, body, "--json").objects
    cli.ok("--profile", name, *command)
    again = cli("--profile", sender, "send", name, body, "--client-id", sent["client_id"], "--wait", "read",
                "--timeout", "0.3", "--json")  # fmt: skip
    return str(again.objects[0]["status"])


def test_watch_keeps_going_and_names_at_the_end_what_failed(cli: Cli) -> None:
    cli.accounts("going1", "going2")
    send_all(cli, "going2", "going1", "one", "bad two", "three", "bad four", "five")
    watch = ("watch", "--exec", FAILING, "--keep-going", "--count", "5")
    result = cli("--profile", "going1", *watch)
    assert result.status == 8
    assert [row[-1] for row in result.rows] == ["one", "bad two", "three", "bad four", "five"]
    *each, last = result.err.splitlines()
    assert ["for message 2" in each[0], "for message 4" in each[1]] == [True, True]
    assert last.endswith("failed for 2 of 5 messages: 2, 4")
    assert cli.ok("--profile", "going1", "whoami", "--json").objects[0]["unread"] == 0


def test_watch_that_is_interrupted_names_what_failed_too(cli: Cli) -> None:
    cli.accounts("going3", "going4")
    send_all(cli, "going4", "going3", "bad one", "two")
    with cli.start("--profile", "going3", "watch", "--exec", FAILING, "--keep-going") as watch:
        watch.wait_for("two", "stdout")
        result = watch.end(signal.SIGTERM)
    assert result.status == 130
    assert "failed for 1 of 2 messages: 1\n" in result.err


def test_watch_without_keep_going_ends_at_the_first_failure_and_keeps_it_unread(cli: Cli) -> None:
    cli.accounts("going5", "going6")
    send_all(cli, "going6", "going5", "one", "bad two", "three")
    result = cli("--profile", "going5", "watch", "--exec", FAILING, "--count", "3")
    assert (result.status, [row[-1] for row in result.rows]) == (8, ["one"])
    assert cli.ok("--profile", "going5", "whoami", "--json").objects[0]["unread"] == 2
    killed = cli("--profile", "going5", "watch", "--exec", "kill -9 $$", "--count", "1")
    assert "was ended by signal 9" in killed.err
    assert cli("--profile", "going5", "watch", "--keep-going").status == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_waiting_is_told_that_the_message_is_stored(cli: Cli, number: signal.Signals) -> None:
    name = f"stopped{number}"
    cli.accounts(name, f"{name}-to")
    with cli.start("--profile", name, "send", f"{name}-to", "hi", "--wait", "read", "--json") as sending:
        eventually(lambda: cli.ok("--profile", f"{name}-to", "history").out != "")
        result = sending.end(number)
    assert result.status == 130
    assert '"status": "' in result.out
    assert "The message is stored" in result.err


def test_a_broker_that_goes_while_somebody_waits_does_not_hide_that_it_is_stored(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "broker") as broker:
        cli = Cli(home_at(tmp_path / "home"), broker.address)
        cli.accounts("away1", "away2")
        words = ("send", "away2", "hi", "--wait", "read", "--json", "--timeout", "2")
        with cli.start("--profile", "away1", *words) as sending:
            eventually(lambda: cli.ok("--profile", "away2", "history", "--keep", "--unread").out != "")
            broker.kill()
            result = sending.finish()
    assert result.status == 10
    assert '"status": "stored"' in result.out
    assert "stored, but not read" in result.err


def test_quiet_tells_a_person_nothing_that_the_status_says(cli: Cli) -> None:
    cli.accounts("hush1", "hush2")
    for command in (
        ("send", "hush2", "hi"),
        ("broadcast", "hi"),
        ("blacklist", "add", "hush2"),
        ("blacklist", "rm", "hush2"),
        ("profile", "use", "hush1"),
        ("logout",),
    ):
        with cli.terminal("--profile", "hush1", *command, "--quiet", NO_COLOR="1") as terminal:
            assert terminal.finish() == 0
        assert terminal.shown == "", command
    cli.accounts("hush3")
    with cli.terminal("--profile", "hush3", "whoami", "--quiet", NO_COLOR="1") as terminal:
        assert terminal.finish() == 0
    assert "hush3 on" in terminal.shown  # which is what was asked for
    assert cli.ok("--profile", "hush3", "send", "hush2", "hi", "--quiet").rows[0][1:] == ["stored", "1"]


def test_what_was_shown_is_delivered_and_only_what_is_marked_is_read(cli: Cli) -> None:
    cli.accounts("seen1", "seen2")
    assert level(cli, "seen1", "seen2", "one", "users") == "stored"
    assert level(cli, "seen1", "seen2", "two", "history", "1") == "stored"  # the first was not shown
    assert level(cli, "seen1", "seen2", "three", "history") == "delivered"
    assert level(cli, "seen1", "seen2", "four", "history", "--with", "seen1") == "delivered"
    assert level(cli, "seen1", "seen2", "five", "history", "--unread", "--keep") == "delivered"
    assert level(cli, "seen1", "seen2", "six", "history", "--unread") == "read"


@pytest.mark.parametrize("to_stdout", [False, True])
def test_a_file_that_was_fetched_is_delivered(cli: Cli, tmp_path: Path, *, to_stdout: bool) -> None:
    giver, taker = f"gives{int(to_stdout)}", f"takes{int(to_stdout)}"
    cli.accounts(giver, taker)
    (tmp_path / "a.txt").write_text("content")
    (sent,) = cli.ok("--profile", giver, "files", "send", taker, str(tmp_path / "a.txt"), "--json").objects[
        -1:
    ]
    assert states(cli, giver, sent["message"]) == {taker: "stored"}
    cli.ok("--profile", taker, "files", "get", "a.txt", "-o", "-" if to_stdout else str(tmp_path), "--force")
    # Told to the broker, which writes it down with whatever comes next: nobody waits for its disk.
    eventually(lambda: states(cli, giver, sent["message"]) == {taker: "delivered"})


def states(cli: Cli, profile: str, message: str) -> dict[str, str]:
    """How far a message has come with each recipient."""
    with SyncClient(home=cli.home, profile=profile, broker=cli.address) as client:
        (found,) = client.receipts([message])
    return dict(found.states)
