"""`export`: everything that was said, once and in order, in any number; what is cut short leaves nothing."""

import errno
import fcntl
import json
import os
import re
import select
import signal
import subprocess
import termios
from array import array
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.support.harness import BIN, BrokerProcess, eventually, home_at
from tests.support.large_inbox import body_of, fill
from tests.support.memory import most_memory
from tests.support.patience import PATIENCE
from tests.support.shortage import small_disk

TEXTS = ["*one* <b>", "two\n\n# no heading\n    deep", "\x1b[31mthree\x1b[0m \u202eolleh", "四 ✓ & é"]


class Texts(HTMLParser):
    """The texts of the messages on a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "p" and ("class", "text") in attrs
        self.found += [""] if self._inside else []

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data


def talk(cli: Cli, me: str, other: str) -> None:
    """Each writes the half of TEXTS to the other, in turn."""
    cli.accounts(me, other)
    for number, text in enumerate(TEXTS):
        sender, to = (me, other) if number % 2 else (other, me)
        cli.ok("--profile", sender, "send", to, "-", stdin=text)


def test_what_is_exported_is_what_history_shows_and_what_was_sent(cli: Cli) -> None:
    talk(cli, "same1", "same2")
    cli.accounts("same3")
    cli.ok("--profile", "same3", "send", "same1", "same2", "to both")
    cli.ok("--profile", "same1", "broadcast", "to everyone")
    as_user = ("--profile", "same1")
    everything = cli.ok(*as_user, "export")
    assert [each["body"] for each in everything.objects] == [*TEXTS, "to both", "to everyone"]
    assert [each["seq"] for each in everything.objects] == list(range(1, 7))
    received = [each for each in everything.objects if each["from"] != "same1"]
    assert received == cli.ok(*as_user, "history", "100", "--json").objects
    assert everything.out == cli.ok(*as_user, "export", "--json", "--format", "jsonl").out
    for names in (("same2",), ("all",), ("SAME3",)):
        with_one = cli.ok(*as_user, "history", "100", "--with", *names, "--json").objects
        assert cli.ok(*as_user, "export", *names).objects == with_one != []
    assert [each["seq"] for each in cli.ok(*as_user, "export", "same3", "same2", "same2").objects] == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert cli.ok(*as_user, "export", "--since", "1h").out == everything.out
    assert cli.ok(*as_user, "export", "--until", "1h") == (0, "", "Nothing there.\n")


def test_pages_and_markdown_have_every_text_and_nothing_that_acts_on_a_terminal(cli: Cli) -> None:
    talk(cli, "forms1", "forms2")
    page = cli.ok("--profile", "forms1", "export", "forms2", "--format", "html").out
    shown = [re.sub("[\x1b\u202e]", "", text) for text in TEXTS]
    assert Texts(page).found == shown
    assert page.count('<article class="own">') == 2
    text = cli.ok("--profile", "forms1", "export", "forms2", "--format", "md").out
    assert re.findall(r"^#.*", text, re.MULTILINE)[0] == "# Messages of forms1 with forms2"
    for out in (page, text):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", out)
    assert len(re.findall(r"^\d\d:\d\d:\d\d ", text, re.MULTILINE)) == len(TEXTS)


def test_in_a_locale_without_unicode_an_export_is_utf_8_all_the_same(cli: Cli) -> None:
    talk(cli, "ascii2", "ascii3")
    own = {"PYTHONIOENCODING": "ascii"}
    assert (
        Texts(cli.ok("--profile", "ascii2", "export", "--format", "html", **own).out).found[-1] == TEXTS[-1]
    )


def test_nothing_counts_as_read_or_received_and_nobody_is_seen_online(cli: Cli) -> None:
    cli.accounts("mark1", "mark2")
    (sent,) = cli.ok("--profile", "mark2", "send", "mark1", "hi", "--json").objects
    cli.ok("--profile", "mark1", "export")
    cli.ok("--profile", "mark1", "export", "mark2", "--format", "html")
    assert cli.ok("--profile", "mark1", "whoami", "--json").objects[0]["unread"] == 1
    again = (
        "send",
        "mark1",
        "hi",
        "--client-id",
        sent["client_id"],
        "--wait",
        "delivered",
        "--timeout",
        "0.3",
    )
    assert cli("--profile", "mark2", *again, "--json").objects[0]["status"] == "stored"
    users = {each["name"]: each for each in cli.ok("--profile", "mark2", "users", "--json").objects}
    assert users["mark1"]["last_seen"] is None


# -- to a file ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("a.html", "<!DOCTYPE html>"),
        ("a.HTM", "<!DOCTYPE html>"),
        ("a.md", "# Messages"),
        ("a.txt", "{"),
        ("a", "{"),
    ],
)
def test_a_file_has_the_form_that_its_name_says_and_is_for_its_owner_alone(
    cli: Cli, tmp_path: Path, name: str, begins: str
) -> None:
    me = f"file{len(name)}{len(begins)}{name[2:3].lower()}"
    cli.accounts(me)
    cli.ok("--profile", me, "send", me, "hello")
    path = tmp_path / "out" / name
    path.parent.mkdir()
    done = cli.ok("--profile", me, "export", "-o", str(path), "--json")
    assert path.read_text().startswith(begins)
    assert path.stat().st_mode & 0o777 == 0o600
    (told,) = done.objects
    assert (told["path"], told["messages"], told["files"]) == (str(path), 1, 0)
    before = path.read_bytes()
    again = cli("--profile", me, "export", "-o", str(path))
    assert (again.status, again.out) == (6, "")
    assert "exists already; nothing was overwritten" in again.err
    cli.ok("--profile", me, "send", me, "more")
    cli.ok("--profile", me, "export", "-o", str(path), "--force", "--quiet")
    assert path.read_bytes().startswith(before[:9])
    assert b"more" in path.read_bytes()
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_is_told_in_a_line_before_anything_is_written(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("wrong-e1", "wrong-e2")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    before = sorted(tmp_path.iterdir())
    for words, status, hint in (
        ("--format xml", 2, "'jsonl', 'md', 'html'"),
        ("--format html --json", 2, "leave one out"),
        ("--force", 2, "--output"),
        ("--since never", 2, "is no time"),
        ("--since 2h --until 3h", 2, "nothing lies between"),
        ("@wrong-e2", 2, "write wrong-e2"),
        ("--with wrong-e2", 2, "export wrong-e2"),
        ("--to @wrong-e2,wrong-e1", 2, "export wrong-e2 wrong-e1"),
        ("nobody-there", 5, "no user 'nobody-there'"),
        ("wrong-e2 nobody-there -o {}/x.html", 5, "no user 'nobody-there'"),
        ("-o {}/file", 6, "--force"),
        ("-o {}/link", 6, "--force"),
        ("-o {}/folder", 6, "exists"),
        ("-o {}/folder --force", 2, "no regular file"),
        ("-o {}/link --force", 2, "no regular file"),
        ("-o /dev/null --force", 2, "no regular file"),
        ("-o {}/none/x.html", 2, "no directory"),
        ("-o {}/file/x.html", 2, "no directory"),
        ("-o {}/" + "n" * 300, 2, "too long"),
        ("--files {}/file", 2, "is a file"),
        ("--files {}/file/below", 2, "is no directory; name one"),
    ):
        result = cli("--profile", "wrong-e1", "export", *words.format(*[tmp_path] * 2).split())
        assert (result.status, result.out) == (status, ""), (words, result)
        assert hint in result.err, (words, result.err)
        assert result.err.startswith(("cnmessage: ", '{"error": '))
        assert len(result.err.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "file").read_text() == "mine"
    empty = cli("--profile", "wrong-e1", "export", "--output", "")
    assert (empty.status, "it is empty" in empty.err) == (2, True)


# -- many -----------------------------------------------------------------------------------------


@pytest.fixture
def few(tmp_path: Path) -> BrokerProcess:
    """A broker whose data may be filled while it is stopped."""
    return BrokerProcess(tmp_path / "large")


def filled(broker: BrokerProcess, home: Path, count: int) -> Cli:
    """A stopped broker's data with so many messages of alice and bob; who asks it once it runs."""
    with broker:
        cli = Cli(home_at(home), broker.address)
        cli.accounts("alice", "bob")
        assert broker.stop() == 0
    fill(broker.data, ("alice", "bob"), count)
    return cli


@pytest.mark.slow
def test_ten_times_as_many_messages_take_the_same_memory(tmp_path: Path) -> None:
    most: dict[tuple[int, str], float] = {}
    calls = {"all": (), "one": ("bob", "--format", "html")}
    for count in (2_000, 20_000):
        broker = BrokerProcess(tmp_path / f"broker{count}")
        cli = filled(broker, tmp_path / f"home{count}", count)
        with broker:
            for name, words in calls.items():
                path = tmp_path / f"{name}{count}"
                command = [str(BIN / "cnmessage"), "--profile", "alice", "export", *words]
                with path.open("wb") as out:
                    process = subprocess.Popen(command, stdout=out, env=cli.environment())
                    most[count, name] = most_memory(process, 4 * PATIENCE)
                assert process.returncode == 0
            lines = (tmp_path / f"all{count}").read_text().splitlines()
            assert [json.loads(line)["body"] for line in lines] == [body_of(each) for each in range(count)]
            page = (tmp_path / f"one{count}").read_text()
            assert Texts(page).found == [body_of(each) for each in range(count)]
    for name in calls:
        # 18,000 messages more are 4 MiB of text, and would be far more as objects.
        assert most[20_000, name] < most[2_000, name] + 3, most


def test_a_broker_that_is_killed_and_comes_back_is_asked_on(few: BrokerProcess, tmp_path: Path) -> None:
    cli = filled(few, tmp_path / "home", 4_000)
    with few, cli.start("--profile", "alice", "export") as export:
        first = export.line()  # the pipe takes no more than a part
        few.kill()
        few.start()
        result = export.finish()
    assert (result.status, result.err) == (0, "")
    bodies = [json.loads(line)["body"] for line in [first, *result.lines]]
    assert bodies == [body_of(each) for each in range(4_000)]


def test_a_broker_that_does_not_come_back_is_told_and_leaves_no_file(
    few: BrokerProcess, tmp_path: Path
) -> None:
    cli = filled(few, tmp_path / "home", 20_000)
    out = tmp_path / "out"
    out.mkdir()
    words = ("export", "-o", str(out / "a.md"), "--timeout", "1")
    with few, cli.start("--profile", "alice", *words) as export:
        eventually(lambda: any(each.stat().st_size for each in out.iterdir()))
        few.kill()
        result = export.finish()
    assert (result.status, result.out) == (3, "")
    assert len(result.err.splitlines()) == 1
    assert list(out.iterdir()) == []


STOPS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", STOPS)
def test_stopped_it_says_so_and_leaves_no_half_of_a_file(
    few: BrokerProcess, tmp_path: Path, number: signal.Signals
) -> None:
    cli = filled(few, tmp_path / "home", 20_000)
    out = tmp_path / "out"
    out.mkdir()
    with few, cli.start("--profile", "alice", "export", "-o", str(out / "a.html")) as export:
        eventually(lambda: any(each.stat().st_size for each in out.iterdir()))
        result = export.end(number)
    assert (result.status, result.err.rstrip()) == (130, f"interrupted; nothing is in {out / 'a.html'}")
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("number", STOPS)
def test_stopped_while_nobody_reads_it_ends_at_the_first_signal(
    few: BrokerProcess, tmp_path: Path, number: signal.Signals
) -> None:
    cli = filled(few, tmp_path / "home", 4_000)
    reader, writer = os.pipe()
    command = [str(BIN / "cnmessage"), "--profile", "alice", "export"]
    with few, os.fdopen(reader, "rb") as stream:
        process = subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE, env=cli.environment())
        os.close(writer)
        eventually(
            lambda: waiting(stream.fileno()) > fcntl.fcntl(stream, fcntl.F_GETPIPE_SZ) - 4 * select.PIPE_BUF
        )
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
        assert json.loads(stream.readline())["body"] == body_of(0)
    assert process.returncode == 130
    assert err.decode().rstrip() == "interrupted; what was written is only a beginning"


def waiting(descriptor: int) -> int:
    """How many bytes are in a pipe."""
    size = array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, size)
    return size[0]


def test_a_reader_that_has_had_enough_ends_it_without_a_word(few: BrokerProcess, tmp_path: Path) -> None:
    cli = filled(few, tmp_path / "home", 4_000)
    with few:
        reader, writer = os.pipe()
        command = [str(BIN / "cnmessage"), "--profile", "alice", "export"]
        process = subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE, env=cli.environment())
        os.close(writer)
        with os.fdopen(reader, "rb") as stream:
            assert json.loads(stream.readline())["body"] == body_of(0)
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (1, b"")


def test_a_disk_that_is_full_is_told_and_keeps_what_was_there(few: BrokerProcess, tmp_path: Path) -> None:
    cli = filled(few, tmp_path / "home", 4_000)
    disk = tmp_path / "disk"
    disk.mkdir()
    command = [str(BIN / "cnmessage"), "--profile", "alice", "export", "-o", str(disk / "a.html")]
    look = ["sh", "-c", '"$@"; status=$?; ls -A "$0"; exit $status', str(disk), *command]
    with few:
        done = subprocess.run(
            [*small_disk(disk, 64), *look],
            capture_output=True,
            env=cli.environment(),
            timeout=PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stdout) == (6, b""), done.stderr
    assert (
        f"no room for {disk / 'a.html'} on this machine: {os.strerror(errno.ENOSPC)}" in done.stderr.decode()
    )
