"""watch: from the last seen message on, each once, across restarts of either side, and the hook."""

import json
import signal
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.support.harness import BrokerProcess, home_at


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_goes_on_after_the_last_seen_message_and_shows_nothing_twice(
    cli: Cli, number: signal.Signals
) -> None:
    name, other = f"seen{number}", f"other{number}"
    cli.accounts(name, other)
    for text in ("one", "two", "three"):
        cli.ok("--profile", other, "send", name, text)
    seen = []
    for text in ("four", "five"):
        with cli.start("--profile", name, "watch") as watch:
            seen.append(watch.line())
            seen += watch.end(number).lines
        cli.ok("--profile", other, "send", name, text)
    seen += cli.ok("--profile", name, "watch", "--count", "1").lines
    bodies = [line.split("\t")[-1] for line in seen]
    assert bodies == ["one", "two", "three", "four", "five"]


@pytest.mark.parametrize("mode", [(), ("--own",)])
def test_own_messages_from_elsewhere_are_shown_only_when_asked_for(cli: Cli, mode: tuple[str, ...]) -> None:
    sender, other = f"own1{len(mode)}", f"own2{len(mode)}"
    cli.accounts(sender, other)
    cli.ok("--profile", sender, "send", other, "my own")
    cli.ok("--profile", other, "send", sender, "an answer")
    with cli.start("--profile", sender, "watch", *mode) as watch:
        shown = [watch.line().split("\t")[-1] for _ in range(1 + len(mode))]
    assert shown == ["my own", "an answer"][-len(shown) :]


def test_watch_follows_across_a_broker_that_was_killed_without_a_login(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "broker") as broker:
        cli = Cli(home_at(tmp_path / "home"), broker.address)
        cli.accounts("back1", "back2")
        with cli.start("--profile", "back1", "watch", "--json") as watch:
            cli.ok("--profile", "back2", "send", "back1", "before")
            assert json.loads(watch.line())["body"] == "before"
            broker.kill()
            assert "trying again in" in watch.wait_for("connection lost")
            broker.start()
            cli.ok("--profile", "back2", "send", "back1", "meanwhile")
            assert json.loads(watch.line())["body"] == "meanwhile"
            watch.wait_for("back")
            cli.ok("--profile", "back2", "send", "back1", "after")
            assert json.loads(watch.line())["body"] == "after"
            assert watch.end().out == ""


def test_the_hook_gets_each_message_as_json_and_acknowledges_it_only_with_exit_0(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("hook1", "hook2")
    for text in ("one", "two", "three"):
        cli.ok("--profile", "hook2", "send", "hook1", text)
    got = tmp_path / "got"
    # Takes note of what it gets; fails at "two" until the way is free.
    script = f"tee -a {got} | grep -qv '\"two\"' || test -e {tmp_path}/free"
    command = ("--profile", "hook1", "watch", "--exec", script, "--json")
    failed = cli(*command)
    assert failed.status == 8
    assert failed.error["code"] == "partial"
    assert [each["body"] for each in failed.objects] == ["one"]
    unread = cli.ok("--profile", "hook1", "whoami", "--json").objects[0]["unread"]
    assert unread == 2
    (tmp_path / "free").touch()
    again = cli.ok(*command, "--count", "2")
    assert [each["body"] for each in again.objects] == ["two", "three"]
    handed = [json.loads(line) for line in got.read_text().splitlines()]
    assert [each["body"] for each in handed] == ["one", "two", "two", "three"]
    assert handed[2:] == again.objects
    assert cli.ok("--profile", "hook1", "whoami", "--json").objects[0]["unread"] == 0


def test_a_hook_that_reads_nothing_is_no_error(cli: Cli) -> None:
    cli.accounts("deaf1")
    cli.ok("--profile", "deaf1", "send", "deaf1", "-", stdin="x" * 65536)
    cli.ok("--profile", "deaf1", "send", "deaf1", "end")
    assert len(cli.ok("--profile", "deaf1", "watch", "--own", "--count", "2", "--exec", "true").lines) == 2


def test_watching_makes_online_and_leaving_ends_it(cli: Cli) -> None:
    cli.accounts("live1", "live2")
    cli.ok("--profile", "live2", "send", "live1", "ready?")
    with cli.start("--profile", "live1", "watch") as watch:
        watch.line()
        assert cli.ok("--profile", "live2", "users", "--online").rows[0][:2] == ["live1", "online"]
        watch.end()
    (user,) = [
        each for each in cli.ok("--profile", "live2", "users", "--json").objects if each["name"] == "live1"
    ]
    assert user["online"] is False
    assert user["last_seen"] is not None


def test_a_watcher_that_is_logged_out_from_elsewhere_ends_with_4(cli: Cli, password_file: str) -> None:
    cli.accounts("gone1")
    cli.ok("--profile", "phone", "login", "gone1", "--password-file", password_file)
    cli.ok("--profile", "gone1", "send", "gone1", "ready?")
    with cli.start("--profile", "phone", "watch", "--own") as watch:
        watch.line()
        (phone,) = [
            each["id"]
            for each in cli.ok("--profile", "gone1", "sessions", "--json").objects
            if each["online"]
        ]
        cli.ok("--profile", "gone1", "sessions", "revoke", str(phone))
        ended = watch.finish()
    assert ended.status == 4
    assert "login" in ended.err
