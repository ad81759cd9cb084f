"""Long transfers: what is shown meanwhile, and that the same command goes on after Ctrl-C."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli, Running
from tests.acceptance.test_cli_files import make, offer, states
from tests.acceptance.test_cli_files_errors import sparse
from tests.support.harness import BIN, eventually

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def test_bars_on_a_terminal_one_a_file_and_one_for_all(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("bar1", "bar2")
    paths = [make(tmp_path / name, os.urandom(2 << 20)) for name in ("a.bin", "b.bin")]
    with cli.terminal("--profile", "bar1", "files", "send", "bar2", *paths) as terminal:
        assert terminal.finish() == 0
    shown = _ESCAPES.sub("", terminal.shown)
    assert re.search(r"total .*4\.0/4\.0 MiB.* 2 of 2", shown)
    for name in ("a.bin", "b.bin"):
        assert re.search(rf"{re.escape(name)} .*2\.0/2\.0 MiB.* done", shown)
        assert f"{name}, 2.0 MiB: stored for 1 user, id " in shown
    with cli.terminal("--profile", "bar1", "files", "send", "bar2", paths[0], "--quiet") as terminal:
        assert terminal.finish() == 0
    assert "MiB:" in terminal.shown
    assert "sending" not in terminal.shown


def test_without_a_terminal_a_few_plain_lines_on_stderr(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("plain1", "plain2")
    path = make(tmp_path / "a.bin", os.urandom(2 << 20))
    sent = cli.ok("--profile", "plain1", "files", "send", "plain2", path)
    assert sent.err == "sending a.bin, 2.0 MiB\n"
    (tmp_path / "in").mkdir()
    got = cli.ok("--profile", "plain2", "files", "get", "a.bin", "-o", str(tmp_path / "in"))
    assert got.err == "receiving a.bin, 2.0 MiB\n"
    again = ("files", "get", "a.bin", "-o", str(tmp_path / "in"), "--force", "--quiet")
    assert cli.ok("--profile", "plain2", *again).err == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_upload_goes_on_with_the_same_command(
    cli: Cli, tmp_path: Path, number: signal.Signals
) -> None:
    sender, receiver = f"up{number}a", f"up{number}b"
    cli.accounts(sender, receiver)
    path = sparse(tmp_path / "long.bin")
    command = ("--profile", sender, "files", "send", receiver, path)
    with cli.start(*command, "--json") as send:
        send.wait_for('"sending"', "stdout")
        result = send.end(number)
    assert result.status == 130
    assert "the same command again goes on" in result.err
    (row,) = cli.ok("--profile", sender, "files").rows
    assert row[8] == "uploading"
    assert states(cli, receiver) == {}
    done = cli.ok(*command)
    assert done.rows[0][0] == row[0]
    assert list(states(cli, receiver).values()) == [{receiver: "offered"}]


def test_an_interrupted_download_keeps_what_is_here_and_goes_on(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("down1", "down2")
    path = sparse(tmp_path / "long.bin")
    identity = offer(cli, "down1", "down2", path)
    into = tmp_path / "in"
    into.mkdir()
    command = ("--profile", "down2", "files", "get", identity, "-o", str(into))
    with cli.start(*command, "--json") as get:
        get.wait_for('"receiving"', "stdout")
        eventually(lambda: any(path.stat().st_size for path in into.glob(".*.part")))
        result = get.end()
    assert result.status == 130
    assert "the same command again goes on" in result.err
    (part,) = into.iterdir()
    assert part.name == f".long.bin.{identity[:8]}.part"
    assert part.stat().st_size > 0
    done = cli.ok(*command)
    assert "going on from" in done.err
    assert [each.name for each in into.iterdir()] == ["long.bin"]
    assert (into / "long.bin").read_bytes() == Path(path).read_bytes()


def test_what_is_fed_to_standard_input_again_goes_on_as_any_file(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("feed1", "feed2")
    path = sparse(tmp_path / "long.bin")
    shell = 'exec "$0" --profile feed1 files send feed2 - --name dump.bin --json < "$1"'
    ids = set()
    for cut in (True, False):
        words = ["sh", "-c", shell, str(BIN / "cnmessage"), path]
        with Running(words, cli.environment()) as send:
            send.wait_for('"sending"', "stdout")
            result = send.end() if cut else send.finish()
        assert result.status == (130 if cut else 0)
        ids |= set(states(cli, "feed1"))
        assert len(ids) == 1
        assert list((cli.home.state / "profiles" / "feed1" / "spool").iterdir()) == []


def test_a_transfer_that_is_not_wanted_any_more_is_cancelled_and_leaves_nothing(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("cancel1", "cancel2")
    path = sparse(tmp_path / "long.bin")
    with cli.start("--profile", "cancel1", "files", "send", "cancel2", path, "--json") as send:
        send.wait_for('"sending"', "stdout")
        send.end()
    (identity,) = states(cli, "cancel1")
    cli.ok("--profile", "cancel1", "files", "cancel", identity[:8])
    assert [row[8] for row in cli.ok("--profile", "cancel1", "files").rows] in ([], ["withdrawn"])
    offered = offer(cli, "cancel1", "cancel2", path)
    assert offered != identity
    into = tmp_path / "in"
    into.mkdir()
    with cli.start("--profile", "cancel2", "files", "get", offered, "-o", str(into), "--json") as get:
        get.wait_for('"receiving"', "stdout")
        eventually(lambda: any(path.stat().st_size for path in into.glob(".*.part")))
        get.end()
    assert len(list(into.iterdir())) == 1
    cli.ok("--profile", "cancel2", "files", "cancel", offered, "-o", str(into))
    assert list(into.iterdir()) == []
    assert states(cli, "cancel1")[offered] == {"cancel2": "failed"}
