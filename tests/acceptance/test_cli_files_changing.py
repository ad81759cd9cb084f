"""Files that change while they are sent: refused with advice, or sent as they were when it began."""

import hashlib
import os
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.acceptance.test_cli_files import make, states
from tests.acceptance.test_cli_files_errors import LONG, sparse


@pytest.mark.parametrize("verb", [("files", "send"), ("sendfile",)])
def test_a_log_that_grows_is_sent_as_it_was_when_it_began(
    cli: Cli, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    sender, receiver = f"grow{len(verb)}a", f"grow{len(verb)}b"
    cli.accounts(sender, receiver)
    path = sparse(tmp_path / "app.log")
    began = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    with (
        cli.start("--profile", sender, *verb, receiver, path, "--snapshot", "--json") as send,
        Path(path).open("ab") as log,
    ):
        send.wait_for('"sending"', "stdout")
        log.write(b"one more line\n" * 1000)
        log.flush()
        result = send.finish()
    assert result.status == 0, result.err
    sent = result.objects[-1]
    assert (sent["status"], sent["size"], sent["sha256"]) == ("stored", LONG, began)
    assert list(states(cli, receiver).values()) == [{receiver: "offered"}]


def test_without_snapshot_it_is_refused_and_the_way_out_is_named(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("plain1", "plain2")
    path = sparse(tmp_path / "app.log")
    with (
        cli.start("--profile", "plain1", "files", "send", "plain2", path, "--json") as send,
        Path(path).open("ab") as log,
    ):
        send.wait_for('"sending"', "stdout")
        log.write(b"one more line\n")
        log.flush()
        result = send.finish()
    assert result.status == 9
    assert "changed while it was being sent" in result.err
    assert "--snapshot" in result.err
    assert states(cli, "plain2") == {}


def test_one_that_gets_shorter_is_refused_even_so(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("short1", "short2")
    path = sparse(tmp_path / "app.log")
    with cli.start("--profile", "short1", "files", "send", "short2", path, "--snapshot", "--json") as send:
        send.wait_for('"sending"', "stdout")
        os.truncate(path, 10)
        result = send.finish()
    assert result.status == 9
    assert "became shorter while it was being sent" in result.err
    assert states(cli, "short2") == {}


def test_a_snapshot_of_a_file_at_rest_is_the_file(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("rest1", "rest2")
    for name, content in (("some.log", "line\n"), ("empty.log", "")):
        path = make(tmp_path / name, content)
        (row,) = cli.ok("--profile", "rest1", "files", "send", "rest2", path, "--snapshot").rows
        assert row[2:4] == [str(len(content)), hashlib.sha256(content.encode()).hexdigest()]
