"""A command that is repeated after it was cut short, whenever that was: it ends in 0, with nothing twice."""

import hashlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.acceptance.test_cli_files import make, offer, states
from tests.acceptance.test_cli_files_errors import LONG, sparse
from tests.support.harness import BrokerProcess, eventually, home_at

MANY = 72
"""Files that take long enough, together, for a run to be cut short among them."""


def into(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """What is there, parts among it."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def only_state(cli: Cli, sender: str, receiver: str) -> set[str]:
    """The states of all that a sender offered to a receiver."""
    return {each[receiver] for each in states(cli, sender, "--sent").values()}


@pytest.mark.parametrize(
    ("verb", "words", "more"),
    [
        ("files get", ("ID",), ()),
        ("files get", ("ID",), ("--skip-existing",)),
        ("files get", ("ID",), ("--force",)),
        ("files get", ("a.txt",), ()),
        ("files get", ("--all",), ()),
        ("files get", ("--all",), ("--skip-existing",)),
        ("getfile", ("1", "a.txt"), ()),
    ],
)
def test_a_file_that_an_earlier_run_has_put_in_its_place_is_done(
    cli: Cli, tmp_path: Path, verb: str, words: Sequence[str], more: Sequence[str]
) -> None:
    cli.accounts("placed1", "placed2")
    identity = offer(cli, "placed1", "placed2", make(tmp_path / "a.txt", "content"))
    folder = into(tmp_path)
    # As if that run had died before it could say so, and had left the part's name of the file, too.
    make(folder / "a.txt", "content")
    os.link(folder / "a.txt", folder / f".a.txt.{identity[:8]}.part")
    words = [identity if word == "ID" else word for word in words]
    got = cli.ok("--profile", "placed2", *verb.split(), *words, *more, "-o", str(folder))
    assert [row[4:] for row in got.rows] == [["fetched", str(folder / "a.txt")]]
    assert contents(folder) == {"a.txt": b"content"}
    assert states(cli, "placed1")[identity] == {"placed2": "done"}
    cli.ok("--profile", "placed2", *verb.split(), *words, *more, "-o", str(folder))
    assert contents(folder) == {"a.txt": b"content"}


def test_what_is_printed_is_not_fetched_a_second_time(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("printed1", "printed2")
    identity = offer(cli, "printed1", "printed2", make(tmp_path / "a.txt", "content"))
    waiting = cli.home.state / "profiles" / "printed2" / "fetching" / identity
    waiting.mkdir(parents=True)
    make(waiting / "a.txt", "content")
    got = cli.ok("--profile", "printed2", "files", "get", "a.txt", "-o", "-")
    assert (got.out, got.err) == ("content", "verifying a.txt, 7 bytes\n")
    assert states(cli, "printed1")[identity] == {"printed2": "done"}
    assert not waiting.exists()


def test_a_withdrawn_file_that_is_here_is_done_too(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("back1", "back2")
    identity = offer(cli, "back1", "back2", make(tmp_path / "a.txt", "content"))
    folder = into(tmp_path)
    make(folder / "a.txt", "content")
    cli.ok("--profile", "back1", "files", "rm", identity)
    cli.ok("--profile", "back2", "files", "get", identity, "-o", str(folder))
    assert states(cli, "back1")[identity] == {"back2": "done"}


def test_other_content_and_what_is_no_file_stays_in_the_way(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("way1", "way2")
    identity = offer(cli, "way1", "way2", make(tmp_path / "a.txt", "content"))
    folder = into(tmp_path)
    command = ("--profile", "way2", "files", "get", identity, "-o", str(folder))
    make(tmp_path / "same", "content")
    for put in (
        lambda: make(folder / "a.txt", "CONTENT"),
        lambda: make(folder / "a.txt", "content and more"),
        lambda: (folder / "a.txt").symlink_to(tmp_path / "same"),
        lambda: os.mkfifo(folder / "a.txt"),
    ):
        put()
        result = cli(*command)
        assert (result.status, result.out) == (6, "")
        assert "is not this file" in result.err
        (folder / "a.txt").unlink()
    assert states(cli, "way1")[identity] == {"way2": "offered"}
    assert contents(folder) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("more", [(), ("--skip-existing",)])
def test_fetching_many_cut_short_again_and_again_ends_in_0(
    cli: Cli, tmp_path: Path, number: signal.Signals, more: Sequence[str]
) -> None:
    sender, receiver = f"many{number}{len(more)}a", f"many{number}{len(more)}b"
    cli.accounts(sender, receiver)
    paths = [make(tmp_path / f"{each}.txt", f"file {each}") for each in range(MANY)]
    cli.ok("--profile", sender, "files", "send", receiver, *paths, "--quiet")
    folder = into(tmp_path)
    command = ("--profile", receiver, "files", "get", "--all", "-o", str(folder), "--quiet", *more)
    for upto in (MANY // 4, MANY // 2):
        with cli.start(*command) as get:
            eventually(lambda: len(list(folder.glob("*.txt"))) >= upto)  # noqa: B023 - run at once
            get.end(number)
    cli.ok(*command)
    assert contents(folder) == {f"{each}.txt": f"file {each}".encode() for each in range(MANY)}
    assert only_state(cli, sender, receiver) == {"done"}
    assert cli.ok(*command).out == ""


def test_a_broker_that_is_killed_among_many_and_comes_back_leaves_nothing_undone(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "broker") as broker:
        cli = Cli(home_at(tmp_path / "home"), broker.address)
        cli.accounts("killed1", "killed2")
        paths = [make(tmp_path / f"{each}.txt", f"file {each}") for each in range(MANY)]
        cli.ok("--profile", "killed1", "files", "send", "killed2", *paths, "--quiet")
        folder = into(tmp_path)
        command = ("--profile", "killed2", "files", "get", "--all", "-o", str(folder), "--timeout", "2")
        with cli.start(*command) as get:
            eventually(lambda: len(list(folder.glob("*.txt"))) >= MANY // 4)
            broker.kill()
            assert get.finish().status == 3
        broker.start()
        cli.ok(*command)
        assert contents(folder) == {f"{each}.txt": f"file {each}".encode() for each in range(MANY)}
        assert only_state(cli, "killed1", "killed2") == {"done"}


def test_files_of_one_name_that_were_cut_short_get_the_numbers_of_one_run(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("twin1", "twin2")
    old, new = (offer(cli, "twin1", "twin2", make(tmp_path / "a.txt", text)) for text in ("old", "new"))
    folder = into(tmp_path)
    command = ("--profile", "twin2", "files", "get", "--all", "-o", str(folder))
    # A run that ended between the two.
    cli.ok("--profile", "twin2", "files", "get", new, "-o", str(folder))
    got = cli.ok(*command)
    assert [row[0] for row in got.rows] == [old]
    assert contents(folder) == {"a.txt": b"new", "a (2).txt": b"old"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_sending_many_cut_short_offers_none_of_them_twice(
    cli: Cli, tmp_path: Path, number: signal.Signals
) -> None:
    sender, receiver = f"sent{number}a", f"sent{number}b"
    cli.accounts(sender, receiver)
    paths = [make(tmp_path / f"{each}.txt", f"file {each}") for each in range(20)]
    command = (
        "--profile",
        sender,
        "files",
        "send",
        receiver,
        *paths,
        sparse(tmp_path / "long.bin"),
        "--quiet",
    )
    with cli.start(*command) as send:
        eventually(lambda: len(states(cli, receiver)) == len(paths))
        send.end(number)
    before = set(states(cli, receiver))
    sent = cli.ok(*command)
    assert before < {row[0] for row in sent.rows}
    digests = {row[1]: row[3] for row in sent.rows}
    assert {name: digests[name] for name in ("0.txt", "long.bin")} == {
        "0.txt": hashlib.sha256(b"file 0").hexdigest(),
        "long.bin": hashlib.sha256(bytes(LONG)).hexdigest(),
    }
    assert len(states(cli, receiver)) == len(paths) + 1
    # Once it has succeeded, the same command sends once more.
    assert not before & {row[0] for row in cli.ok(*command[:-2], "--quiet").rows}


def test_sending_many_to_a_broker_that_is_killed_and_comes_back_offers_none_twice(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "broker") as broker:
        cli = Cli(home_at(tmp_path / "home"), broker.address)
        cli.accounts("lost1", "lost2")
        paths = [make(tmp_path / f"{each}.txt", f"file {each}") for each in range(20)]
        long = sparse(tmp_path / "long.bin")
        command = ("--profile", "lost1", "files", "send", "lost2", *paths, long, "--timeout", "2")
        with cli.start(*command) as send:
            eventually(lambda: len(states(cli, "lost2")) == len(paths))
            broker.kill()
            cut = send.finish()
            assert (cut.status, len(cut.rows)) == (3, len(paths))
        broker.start()
        cli.ok(*command)
        assert len(states(cli, "lost2")) == len(paths) + 1
        assert {len(each) for each in states(cli, "lost1").values()} == {1}


def test_what_was_stored_and_then_withdrawn_is_sent_anew(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("anew1", "anew2")
    good, missing = make(tmp_path / "good.txt", "good"), str(tmp_path / "missing.txt")
    command = ("--profile", "anew1", "files", "send", "anew2", good, missing)
    first = cli(*command)
    assert first.status == 8
    cli.ok("--profile", "anew1", "files", "rm", first.rows[0][0])
    make(Path(missing), "found")
    second = cli.ok(*command)
    assert first.rows[0][0] not in {row[0] for row in second.rows}
    got = cli.ok("--profile", "anew2", "files", "get", "--all", "-o", str(into(tmp_path)))
    assert sorted(row[1] for row in got.rows) == ["good.txt", "missing.txt"]
