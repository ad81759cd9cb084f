"""Files from the command line: sent, listed, announced, fetched, taken back."""

import json
import os
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.conftest import Cli
from tests.support.harness import eventually
from tests.support.patience import PATIENCE

SIZES = (0, 1, 262_143, 262_144, 262_145, 1 << 20)


def make(path: Path, content: bytes | str) -> str:
    """A file of this content; gives its path as a word."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def offer(cli: Cli, sender: str, to: str, path: str, *more: str) -> str:
    """Send a file; gives its id."""
    return str(cli.ok("--profile", sender, "files", "send", "--to", to, path, *more).rows[0][0])


def states(cli: Cli, user: str, *arguments: str) -> dict[str, dict[str, str]]:
    """Id to state of each recipient, as JSON tells it."""
    listed = cli.ok("--profile", user, "files", "list", *arguments, "--json").objects
    return {each["id"]: {one["name"]: one["state"] for one in each["recipients"]} for each in listed}


def test_several_files_reach_several_users_whole_and_with_the_digest_that_is_listed(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("many1", "many2", "many3")
    contents = {f"{size}.bin": os.urandom(size) for size in SIZES}
    paths = [make(tmp_path / name, content) for name, content in contents.items()]
    sent = cli.ok("--profile", "many1", "files", "send", "many2", "many3", *paths, "--note", "look").rows
    digests = {name: sha256(content).hexdigest() for name, content in contents.items()}
    assert [row[1:] for row in sent] == [
        [name, str(len(contents[name])), digests[name], "stored", "2"] for name in contents
    ]
    for user in ("many2", "many3"):
        folder = tmp_path / user
        folder.mkdir()
        got = cli.ok("--profile", user, "files", "get", "--all", "-o", str(folder)).rows
        assert {row[1]: row[3:] for row in got} == {
            name: [digest, "fetched", str(folder / name)] for name, digest in digests.items()
        }
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents
    assert cli.ok("--profile", "many2", "files", "get", "--all").out == ""


def test_the_words_of_the_first_cnmessage_are_still_understood(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.accounts("old1", "old2")
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "3"):
        make(tmp_path / name, name)
    counted = cli.ok("--profile", "old1", "sendfile", "old2", "2", "a", "b").rows
    assert [row[1] for row in counted] == ["a", "b"]
    # A number is a file like any other when there is one of that name.
    plain = cli.ok("--profile", "old1", "sendfile", "old2", "3", "a", "b", "3").rows
    assert [row[1] for row in plain] == ["3", "a", "b", "3 (2)"]
    into = tmp_path / "in"
    into.mkdir()
    cli.ok("--profile", "old2", "getfile", "2", "a", "b", "-o", "in")
    cli.ok("--profile", "old2", "getfile", "3", "-o", "in")
    assert {path.name: path.read_text() for path in into.iterdir()} == {"a": "a", "b": "b", "3": "3"}


def test_a_word_that_may_be_a_user_or_a_path_is_refused_and_the_two_ways_it_names_work(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.accounts("twice1", "twice2", "twice3")
    monkeypatch.chdir(tmp_path)
    for name in ("twice3", "x.txt"):
        make(tmp_path / name, name)
    result = cli("--profile", "twice1", "files", "send", "twice2", "twice3", "x.txt")
    assert (result.status, result.out) == (2, "")
    as_path, as_user = ("twice2", "./twice3", "x.txt"), ("--to", "twice2", "--to", "twice3", "x.txt")
    for words, recipients, count in ((as_path, "1", 2), (as_user, "2", 1)):
        assert " ".join(words) in result.err
        rows = cli.ok("--profile", "twice1", "files", "send", *words).rows
        assert [row[-1] for row in rows] == [recipients] * count


def test_standard_input_is_sent_under_a_name_and_a_file_comes_to_standard_output(cli: Cli) -> None:
    cli.accounts("pipe1", "pipe2")
    content = os.urandom(700_000)
    sent = cli.ok("--profile", "pipe1", "files", "send", "pipe2", "-", "--name", "dump.gz", stdin=content)
    (row,) = sent.rows
    assert row[1:4] == ["dump.gz", "700000", sha256(content).hexdigest()]
    got = cli.start("--profile", "pipe2", "files", "get", row[0], "-o", "-")
    with got:
        out, err = got.rest()
    assert (got.process.wait(PATIENCE), out) == (0, content), err
    assert states(cli, "pipe1")[row[0]] == {"pipe2": "done"}
    # Nothing of either is left behind on this machine.
    left = [path for path in cli.home.state.rglob("*") if path.is_file() and path.stat().st_size > 10_000]
    assert left == []


def test_a_file_is_an_item_of_the_inbox_and_says_how_to_fetch_it(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("item1", "item2")
    identity = offer(cli, "item1", "item2", make(tmp_path / "r.pdf", "x" * 1500), "--note", "see page 3")
    digest = sha256(b"x" * 1500).hexdigest()
    for command in (("history",), ("watch", "--count", "1")):
        (message,) = cli.ok("--profile", "item2", *command, "--json").objects
        assert (message["kind"], message["from"], message["body"]) == ("file", "item1", "see page 3")
        assert message["file"] == {"id": identity, "name": "r.pdf", "size": 1500, "sha256": digest}
    (row,) = cli.ok("--profile", "item2", "history").rows
    assert row[2:] == ["file", "item1", "item2", "see page 3", identity, "r.pdf", "1500", digest]
    with cli.terminal("--profile", "item2", "history", NO_COLOR="1") as terminal:
        assert terminal.finish() == 0
    shown = " ".join(terminal.shown.split())
    assert "item1: [file] r.pdf, 1.5 KiB · fetch it: " in shown
    assert f"--profile item2 files get {identity[:8]} see page 3" in shown
    # What it says works.
    cli.ok("--profile", "item2", "files", "get", identity[:8], "-o", str(tmp_path), "--force")


def test_the_sender_learns_who_has_fetched(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("learn1", "learn2", "learn3")
    path = make(tmp_path / "x.txt", "x")
    into = tmp_path / "in"
    into.mkdir()
    with cli.start("--profile", "learn1", "watch") as watch:
        eventually(
            lambda: ["learn1", "online"] in [row[:2] for row in cli.ok("--profile", "learn2", "users").rows]
        )
        command = ("files", "send", "learn2", "learn3", path, "--wait", "fetched", "--json")
        with cli.start("--profile", "learn1", *command) as send:
            eventually(lambda: list(states(cli, "learn2").values()) == [{"learn2": "offered"}])
            cli.ok("--profile", "learn2", "files", "get", "x.txt", "-o", str(into))
            assert "learn2 has fetched x.txt" in watch.wait_for("fetched")
            assert list(states(cli, "learn1", "--sent").values()) == [{"learn2": "done", "learn3": "offered"}]
            cli.ok("--profile", "learn3", "files", "get", "x.txt", "-o", str(into), "--force")
            result = send.finish()
    assert result.status == 0
    assert result.objects[-1]["status"] == "fetched"


def test_waiting_for_who_does_not_fetch_ends_with_10_and_the_file_stays_offered(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("late1", "late2")
    path = make(tmp_path / "x.txt", "x")
    command = ("files", "send", "late2", path, "--wait", "fetched", "--timeout", "1")
    result = cli("--profile", "late1", *command)
    assert (result.status, result.rows[0][4]) == (10, "stored")
    assert list(states(cli, "late2").values()) == [{"late2": "offered"}]


def test_who_is_blocked_does_not_notice_and_the_other_gets_nothing(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("block1", "block2")
    cli.ok("--profile", "block2", "blacklist", "add", "block1")
    identity = offer(cli, "block1", "block2", make(tmp_path / "x.txt", "x"))
    assert states(cli, "block1") == {identity: {"block2": "offered"}}
    assert states(cli, "block2") == {}
    assert cli("--profile", "block2", "files", "get", identity, "-o", str(tmp_path)).status == 5


def test_the_list_for_a_person_is_a_table_and_bare_files_is_the_list(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("table1", "table2")
    identity = offer(cli, "table1", "table2", make(tmp_path / "x.txt", "x" * 2048))
    with cli.terminal("--profile", "table1", "files", NO_COLOR="1") as terminal:
        assert terminal.finish() == 0
    head, row = terminal.shown.splitlines()[:2]
    assert head.split() == ["ID", "NAME", "SIZE", "FROM/TO", "WHEN", "STATE"]
    assert row.split()[:3] == [identity[:8], "x.txt", "2.0"]
    assert "to table2" in row
    assert "table2 offered" in row
    sent = cli.ok("--profile", "table1", "files").rows
    assert sent == cli.ok("--profile", "table1", "files", "list", "--sent").rows
    assert sent[0][:5] == [identity, "sent", "x.txt", "2048", sha256(b"x" * 2048).hexdigest()]
    assert cli.ok("--profile", "table1", "files", "list", "--received").out == ""
    assert cli.ok("--profile", "table2", "files").rows[0][1] == "received"


def test_a_file_can_be_taken_back_and_one_that_is_not_wanted_declined(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("back1", "back2")
    kept = offer(cli, "back1", "back2", make(tmp_path / "kept.txt", "k"))
    gone = offer(cli, "back1", "back2", make(tmp_path / "gone.txt", "g"))
    assert cli.ok("--profile", "back1", "files", "rm", gone[:8]).rows == [[gone, "gone.txt", "withdrawn"]]
    refused = cli("--profile", "back2", "files", "get", gone, "-o", str(tmp_path / "home"))
    assert refused.status == 6
    assert cli.ok("--profile", "back2", "files", "cancel", kept).rows == [[kept, "kept.txt", "cancelled"]]
    assert states(cli, "back1")[kept] == {"back2": "failed"}
    # The history stays, and one may think better of it; only not by the way.
    assert len(cli.ok("--profile", "back2", "history").rows) == 2
    into = tmp_path / "in"
    into.mkdir()
    assert "Nothing is waiting" in cli.ok("--profile", "back2", "getfile", "--all", "-o", str(into)).err
    cli.ok("--profile", "back2", "files", "get", kept, "-o", str(into))
    assert [path.name for path in into.iterdir()] == ["kept.txt"]
    assert cli("--profile", "back2", "files", "cancel", kept).status == 6
    assert cli("--profile", "back1", "files", "cancel", kept).status == 6


def test_one_name_twice_is_numbered_and_nothing_is_overwritten_unasked(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("same1", "same2")
    into = tmp_path / "in"
    into.mkdir()
    ids = [offer(cli, "same1", "same2", make(tmp_path / "a.txt", text)) for text in ("old", "new")]
    newest = cli.ok("--profile", "same2", "files", "get", "a.txt", "-o", str(into))
    assert newest.rows[0][0] == ids[1]
    assert "there are 2 files called 'a.txt'" in newest.err
    again = ("--profile", "same2", "files", "get", *ids, "-o", str(into))
    partly = cli(*again)
    assert (partly.status, [row[5] for row in partly.rows]) == (8, [str(into / "a (2).txt")])
    assert (into / "a.txt").read_text() == "new"
    skipped = cli.ok(*again, "--skip-existing")
    assert [row[4] for row in skipped.rows] == ["skipped", "fetched"]  # the second is here already
    cli.ok(*again, "--force")
    assert {path.name: path.read_text() for path in into.iterdir()} == {"a.txt": "old", "a (2).txt": "new"}


def test_an_expiry_is_kept_and_told(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("expire1", "expire2")
    identity = offer(cli, "expire1", "expire2", make(tmp_path / "x", "x"), "--expires", "1s")
    command = ("--profile", "expire2", "files", "get", identity, "-o", "-")
    eventually(lambda: cli(*command).status == 5)
    assert "expired" in cli(*command).err
    for wrong in ("7", "0s", "soon"):
        result = cli("--profile", "expire1", "files", "send", "expire2", "x", "--expires", wrong)
        assert result.status == 2


def test_files_are_taken_back_and_given_up_by_name(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("named1", "named2")
    path = make(tmp_path / "a.txt", "a")
    first, second = offer(cli, "named1", "named2", path), offer(cli, "named1", "named2", path)
    for user, verb in (("named1", "rm"), ("named2", "cancel")):
        refused = cli("--profile", user, "files", verb, "a.txt")
        assert (refused.status, refused.out) == (2, "")
        assert all(each[:8] in refused.err for each in (first, second))
        assert "named1 to named2" in refused.err
    assert cli.ok("--profile", "named1", "files", "rm", second[:8]).rows == [[second, "a.txt", "withdrawn"]]
    # The name means the one that is left; said again, it is still done.
    for user, verb, status in (("named2", "cancel", "cancelled"), ("named1", "rm", "withdrawn")):
        assert cli.ok("--profile", user, "files", verb, "a.txt").rows == [[first, "a.txt", status]]
        cli.ok("--profile", user, "files", verb, "a.txt")
    cases = {"rm": "that you sent", "cancel": "for you"}
    for verb, which in cases.items():
        missing = cli("--profile", "named1", "files", verb, "b.txt")
        assert (missing.status, f"no file 'b.txt' {which}" in missing.err) == (5, True)


def test_a_word_said_twice_counts_once(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("said1", "said2")
    identity = offer(cli, "said1", "said2", make(tmp_path / "a.txt", "a"))
    got = cli.ok("--profile", "said2", "files", "get", "a.txt", identity, "a.txt", "-o", str(tmp_path))
    assert len(got.rows) == 1
    assert len(cli.ok("--profile", "said1", "files", "rm", "a.txt", "a.txt").rows) == 1
    missing = cli("--profile", "said1", "files", "rm", "b.txt", "b.txt")
    assert (missing.status, "none of" in missing.err) == (5, False)
    partly = cli("--profile", "said1", "files", "rm", "a.txt", "b.txt")
    assert (partly.status, "1 of 2 was not done" in partly.err) == (8, True)


def test_json_objects_of_files_are_exactly_the_documented_ones(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("exact1", "exact2")
    path = make(tmp_path / "x.txt", "x")
    *events, sent = cli.ok("--profile", "exact1", "files", "send", "exact2", path, "--json").objects
    assert set(sent) == {"id", "name", "size", "sha256", "status", "message", "recipients"}
    (tmp_path / "in").mkdir()
    command = ("files", "get", sent["id"], "-o", str(tmp_path / "in"), "--json")
    *more, got = cli.ok("--profile", "exact2", *command).objects
    assert set(got) == {"id", "name", "size", "sha256", "status", "path"}
    for event in (*events, *more):
        assert set(event) == {"progress"}
        assert set(event["progress"]) == {"name", "phase", "done", "size"}
    assert [each["progress"]["phase"] for each in (*events, *more)].count("done") == 2
    for user, direction in (("exact1", "sent"), ("exact2", "received")):
        (listed,) = cli.ok("--profile", user, "files", "--json").objects
        assert set(listed) == {
            "id", "name", "size", "sha256", "from", "note", "time", "expires", "state", "recipients",
            "direction",
        }  # fmt: skip
        assert (listed["id"], listed["direction"]) == (sent["id"], direction)
    missing = cli("--profile", "exact2", "files", "get", str(uuid4()), "-o", str(tmp_path), "--json")
    assert json.loads(missing.err)["error"]["code"] == "no_such_file"
