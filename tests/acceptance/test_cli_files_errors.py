"""What can go wrong with files: each with its own words and exit status, and the rest of a batch goes on."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.conftest import Cli
from tests.acceptance.test_cli_files import make, offer, states
from tests.support.harness import BIN, BrokerProcess, home_at
from tests.support.patience import PATIENCE

LONG = 128 << 20
"""Bytes of a file that takes long enough to be interrupted."""


def sparse(path: Path, size: int = LONG) -> str:
    """A file of zeros; takes no time to make."""
    with path.open("wb") as file:
        file.truncate(size)
    return str(path)


@pytest.fixture(scope="module")
def small_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A broker with little room."""
    data = tmp_path_factory.mktemp("small") / "broker"
    limits = {"CNMESSAGE_BROKER_FILE_LIMIT": "100000", "CNMESSAGE_BROKER_FILE_QUOTA": "150000"}
    with BrokerProcess(data, None, **limits) as running:
        yield running


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("send", "bob"), "which file"),
        (("send", "./x"), "to whom"),
        (("send",), "--help"),
        (("send", "bob", "-"), "--name NAME"),
        (("send", "bob", "-", "-", "--name", "x"), "only once"),
        (("send", "bob", "/a", "/b", "--name", "x"), "one by one"),
        (("send", "bob", "/a", "--wait", "read"), "fetched"),
        (("get",), "--all"),
        (("get", "x", "--all"), "not both"),
        (("get", "x", "--force", "--skip-existing"), "not both"),
        (("get", "x", "-o", "/no/such/place"), "no directory '/no/such/place'"),
        (("get", "x", "-o", "-", "--json"), "--json"),
        (("rm",), "--help"),
        (("cancel",), "--help"),
        (("fetch", "x"), "fetch"),
    ],
)
def test_2_usage(cli: Cli, arguments: tuple[str, ...], hint: str) -> None:
    result = cli("files", *arguments)
    assert (result.status, result.out) == (2, "")
    assert hint in result.err


def test_a_terminal_is_no_place_for_raw_data(cli: Cli) -> None:
    cli.accounts("raw1")
    with cli.terminal("--profile", "raw1", "files", "get", "x", "-o", "-") as terminal:
        assert terminal.finish() == 2
    assert "terminal" in terminal.shown


def test_what_cannot_be_read_is_told_by_its_path(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("read1", "read2")
    secret = Path(make(tmp_path / "secret.txt", "x"))
    secret.chmod(0)
    cases = [(tmp_path / "missing.txt", 5), (tmp_path / "folder.d", 2), (Path("/dev/null"), 2)]
    if os.geteuid():
        cases.append((secret, 6))
    (tmp_path / "folder.d").mkdir()
    for path, status in cases:
        result = cli("--profile", "read1", "files", "send", "read2", str(path))
        assert (result.status, result.out) == (status, ""), path
        assert str(path) in result.err
    good = make(tmp_path / "good.txt", "good")
    batch = cli("--profile", "read1", "files", "send", "read2", str(cases[0][0]), good, str(cases[1][0]))
    assert batch.status == 8
    assert [row[1] for row in batch.rows] == ["good.txt"]
    assert str(cases[0][0]) in batch.err
    assert str(cases[1][0]) in batch.err
    assert "2 of 3 were not done" in batch.err


@pytest.mark.parametrize("place", ["photos", "./photos", "sub dir", "-d", "photos/"])
def test_the_line_that_a_directory_is_refused_with_sends_it(
    cli: Cli, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.accounts("pack1", "pack2", "pack3")
    monkeypatch.chdir(tmp_path)
    Path(place).mkdir()
    make(Path(place) / "a.jpg", "a")
    refused = cli("--profile", "pack1", "files", "send", "pack2", "pack3", "--", place)
    assert (refused.status, refused.out) == (2, "")
    said, _, line = refused.err.strip().partition(" is a directory; in a shell, send it packed: ")
    assert said == f"cnmessage: {place}"
    environment = cli.environment(PATH=f"{BIN}:{os.environ['PATH']}")
    subprocess.run(["sh", "-c", line], env=environment, capture_output=True, check=True)
    name = Path(place).name.replace("-d", "_d")
    shell = f'cnmessage --profile pack3 files get "{name}.tar.gz" -o - | tar tz'
    listed = subprocess.run(["sh", "-c", shell], env=environment, capture_output=True, check=True, text=True)
    assert listed.stdout.splitlines()[-1].endswith(f"{Path(place).name}/a.jpg")


def test_other_words_that_are_no_path_or_no_user_are_told_what_to_write(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.accounts("word1", "word2")
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "j.doe"):
        make(tmp_path / name, name)
    cases = [
        (("send", "word2", ""), 2, "an empty word is no path"),
        (("send", "word2", "."), 2, f"tar cz -C {tmp_path.parent} ./{tmp_path.name} | "),
        (("send", "all", "a.txt"), 2, "a file goes to users by name; 'all', everyone, cannot receive one"),
        (("send", "--to", "ALL", "a.txt"), 2, "a file goes to users by name"),
        (("send", "./word2", "a.txt"), 2, "'./word2' is no user"),
        (("send", "j.doe", "a.txt"), 2, "'j.doe' is a file here; if there is a user of that name, write: "),
        (("send", "missing.txt", "word2"), 5, "if 'word2' is a user: users stand before the files"),
        (("send", "--to", "word2", "word2"), 5, "or each behind --to"),
        (("send", "word2", "missing.txt"), 5, "missing.txt does not exist; check the path\n"),
        (("send", "word2", str(tmp_path / "no" / "x")), 5, f"{tmp_path / 'no' / 'x'} does not exist"),
    ]
    for words, status, said in cases:
        result = cli("--profile", "word1", "files", *words)
        assert (result.status, result.out) == (status, ""), words
        assert said in result.err
        assert "lists yours" not in result.err
    assert states(cli, "word1") == {}


def test_5_an_unknown_user_and_a_hint_if_the_name_was_meant_to_be_a_file(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("whom1")
    path = make(tmp_path / "x.txt", "x")
    result = cli("--profile", "whom1", "files", "send", "nobody-there", path)
    assert (result.status, "nobody-there" in result.err) == (5, True)
    result = cli("--profile", "whom1", "files", "send", "whom1", "missing.txt", path)
    assert result.status == 5
    assert "If 'missing.txt' is meant to be a file" in result.err


def test_5_an_unknown_file_and_someone_elses_cannot_be_told_apart(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("else1", "else2", "else3")
    theirs, unknown = offer(cli, "else1", "else2", make(tmp_path / "x.txt", "x")), str(uuid4())
    for command in (("get", "-o", str(tmp_path)), ("rm",), ("cancel",)):
        verb, *more = command
        said = []
        for identity in (theirs, unknown):
            result = cli("--profile", "else3", "files", verb, identity, *more)
            assert (result.status, result.out) == (5, "")
            said.append(result.err.replace(identity, "ID"))
        assert said[0] == said[1]
    # Nor may a recipient take back what is not theirs.
    assert cli("--profile", "else2", "files", "rm", theirs).status == 5
    for word in ("x.txt", theirs[:8]):
        assert cli("--profile", "else3", "files", "get", word, "-o", str(tmp_path)).status == 5
    into = tmp_path / "in"
    into.mkdir()
    batch = cli("--profile", "else2", "files", "get", "nothing.txt", "x.txt", "-o", str(into))
    assert batch.status == 8
    assert (into / "x.txt").read_text() == "x"


def test_6_an_existing_target_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("exists1", "exists2")
    identity = offer(cli, "exists1", "exists2", make(tmp_path / "x.txt", "theirs"))
    into = tmp_path / "in"
    into.mkdir()
    make(into / "x.txt", "mine")
    result = cli("--profile", "exists2", "files", "get", identity, "-o", str(into))
    assert (result.status, "--force" in result.err) == (6, True)
    assert (into / "x.txt").read_text() == "mine"
    assert states(cli, "exists1")[identity] == {"exists2": "offered"}
    (into / "x.txt").unlink()
    make(tmp_path / "elsewhere", "mine")
    (into / "x.txt").symlink_to(tmp_path / "elsewhere")
    assert cli("--profile", "exists2", "files", "get", identity, "-o", str(into)).status == 6
    cli.ok("--profile", "exists2", "files", "get", identity, "-o", str(into), "--force")
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert (into / "x.txt").read_text() == "theirs"


def test_7_too_large_or_over_quota_and_what_was_refused_takes_no_room(
    small_town: BrokerProcess, tmp_path: Path
) -> None:
    cli = Cli(home_at(tmp_path / "home"), small_town.address)
    cli.accounts("quota1", "quota2")
    sizes = (100_001, 50_001, 100_000)
    too_large, small, too_much = (make(tmp_path / f"{size}.bin", bytes(size)) for size in sizes)
    command = ("--profile", "quota1", "files", "send", "quota2")
    for path, status, said in (
        (too_large, 7, "100000"),
        (small, 0, "sending"),
        (too_much, 7, "99999 of your 150000 are left"),
    ):
        result = cli(*command, path)
        assert (result.status, said in result.err) == (status, True), result.err
    # Taking something back makes room again.
    (identity,) = states(cli, "quota1")
    cli.ok("--profile", "quota1", "files", "rm", identity)
    cli.ok(*command, too_much)


def test_9_a_file_that_changes_while_it_is_sent_is_not_sent(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("change1", "change2")
    path = sparse(tmp_path / "log.txt")
    with cli.start("--profile", "change1", "files", "send", "change2", path, "--json") as send:
        send.wait_for('"sending"', "stdout")
        with Path(path).open("ab") as file:
            file.write(b"one more line\n")
        result = send.finish()
    assert result.status == 9
    assert "changed while it was being sent" in result.err
    assert states(cli, "change2") == {}


def test_a_full_disk_of_the_receiver_is_told_and_the_same_command_goes_on_when_there_is_room(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("full1", "full2")
    content = os.urandom(3 << 20)
    identity = offer(cli, "full1", "full2", make(tmp_path / "x.bin", content))
    into = tmp_path / "in"
    into.mkdir()
    command = [str(BIN / "cnmessage"), "--profile", "full2", "files", "get", identity, "-o", str(into)]
    limited = ["sh", "-c", 'ulimit -f 2048; exec "$@"', "sh", *command]
    done = subprocess.run(limited, env=cli.environment(), capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 6, done.stderr
    assert b"no room for" in done.stderr
    assert not (into / "x.bin").exists()
    assert states(cli, "full1")[identity] == {"full2": "fetching"}
    cli.ok(*command[1:])
    assert (into / "x.bin").read_bytes() == content


def test_what_reads_our_output_may_fail_and_then_nothing_was_fetched(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("outfull1", "outfull2")
    identity = offer(cli, "outfull1", "outfull2", make(tmp_path / "x.bin", "y" * 300_000))
    command = [str(BIN / "cnmessage"), "--profile", "outfull2", "files", "get", identity, "-o", "-"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, env=cli.environment(), check=False
        )
    assert (done.returncode, b"no room" in done.stderr) == (6, True)
    reader, writer = os.pipe()
    os.close(reader)
    assert subprocess.run(command, stdout=writer, env=cli.environment(), check=False).returncode == 1
    os.close(writer)
    assert states(cli, "outfull1")[identity] != {"outfull2": "done"}
    cli.ok("--profile", "outfull2", "files", "get", "--all", "-o", str(tmp_path), "--force")
    assert states(cli, "outfull1")[identity] == {"outfull2": "done"}


@pytest.mark.parametrize("output", ["-", "folder"])
def test_the_newest_of_a_name_that_is_still_there_is_meant(cli: Cli, tmp_path: Path, output: str) -> None:
    sender, receiver = f"newest-{output}1", f"newest-{output}2"
    cli.accounts(sender, receiver)
    path, into = tmp_path / "n.txt", tmp_path / "folder"
    into.mkdir()
    offer(cli, sender, receiver, make(path, "oldest"))
    older = offer(cli, sender, receiver, make(path, "old"))
    gone = offer(cli, sender, receiver, make(path, "new"))
    cli.ok("--profile", sender, "files", "rm", gone)
    command = ("--profile", receiver, "files", "get", "n.txt", "-o", "-" if output == "-" else str(into))
    result = cli.ok(*command)
    assert (result.out if output == "-" else (into / "n.txt").read_text()) == "old"
    assert (
        f"there are 3 files called 'n.txt'; taking the newest that is still there, {older[:8]}" in result.err
    )
    newer = offer(cli, sender, receiver, make(path, "newer"))
    result = cli.ok(*command, "--force")
    assert (result.out if output == "-" else (into / "n.txt").read_text()) == "newer"
    assert f"taking the newest, {newer[:8]}" in result.err


def test_of_a_name_of_which_all_are_gone_the_newest_says_why(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("allgone1", "allgone2")
    old, new = (offer(cli, "allgone1", "allgone2", make(tmp_path / "n.txt", text)) for text in ("old", "new"))
    cli.ok("--profile", "allgone1", "files", "rm", old, new)
    result = cli("--profile", "allgone2", "files", "get", "n.txt", "-o", "-")
    assert (result.status, result.out) == (6, "")
    assert f"there are 2 files called 'n.txt'; taking the newest, {new[:8]}" in result.err
    assert "withdrawn" in result.err


def test_events_that_nobody_reads_any_more_are_no_defect(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("events1", "events2")
    command = [
        str(BIN / "cnmessage"),
        "--profile",
        "events1",
        "files",
        "send",
        "events2",
        sparse(tmp_path / "s"),
    ]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*command, "--json"], stdout=writer, stderr=subprocess.PIPE, env=cli.environment(), check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_6_given_up_elsewhere_while_it_is_fetched(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("given1", "given2", "given3")
    identity = offer(cli, "given1", "given2", sparse(tmp_path / "long.bin"), "--to", "given3")
    into, other = tmp_path / "in", tmp_path / "other"
    for folder in (into, other):
        folder.mkdir()
    with (
        cli.start("--profile", "given2", "files", "get", identity, "-o", str(into), "--json") as get,
        cli.start("--profile", "given3", "files", "get", identity, "-o", str(other)) as theirs,
    ):
        get.wait_for('"receiving"', "stdout")
        get.process.send_signal(signal.SIGSTOP)
        cli.ok("--profile", "given2", "files", "cancel", "long.bin", "-o", str(into))
        result = get.end(signal.SIGCONT)
        assert theirs.finish().status == 0
    assert (result.status, "given up meanwhile" in result.err) == (6, True), result.err
    assert list(into.iterdir()) == []
    assert states(cli, "given1")[identity] == {"given2": "failed", "given3": "done"}
    cli.ok("--profile", "given2", "files", "get", identity, "-o", str(into))


def test_a_directory_that_goes_while_a_file_comes_is_told_as_such(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("dir1", "dir2")
    identity = offer(cli, "dir1", "dir2", sparse(tmp_path / "long.bin"))
    into = tmp_path / "in"
    into.mkdir()
    with cli.start("--profile", "dir2", "files", "get", identity, "-o", str(into), "--json") as get:
        get.wait_for('"receiving"', "stdout")
        shutil.rmtree(into)
        result = get.finish()
    assert (result.status, "was removed while the file came" in result.err) == (5, True), result.err
    into.mkdir()
    cli.ok("--profile", "dir2", "files", "get", identity, "-o", str(into))


def test_6_withdrawn_while_it_is_fetched(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("gone1", "gone2")
    identity = offer(cli, "gone1", "gone2", sparse(tmp_path / "long.bin"))
    into = tmp_path / "in"
    into.mkdir()
    with cli.start("--profile", "gone2", "files", "get", identity, "-o", str(into), "--json") as get:
        get.wait_for('"receiving"', "stdout")
        get.process.send_signal(signal.SIGSTOP)
        cli.ok("--profile", "gone1", "files", "rm", identity)
        result = get.end(signal.SIGCONT)
    assert result.status == 6, result.err
    assert '"withdrawn"' in result.err
    assert list(into.iterdir()) == []
