"""Files that a person names: read within a bound and a time, and no empty word means this directory."""

import os
import re
import shlex
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.acceptance.test_cli_broker import _broker
from tests.acceptance.test_cli_files import make
from tests.acceptance.test_cli_streams import sh
from tests.support.harness import BIN, PASSWORD

BROKER = str(BIN / "cnmessage-broker")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", ["pipe", "endless", "terminal"])
def test_a_password_is_not_waited_for_without_end(cli: Cli, tmp_path: Path, kind: str) -> None:
    cli.accounts(f"word-{kind}")
    main, side = os.openpty()
    path = {"pipe": tmp_path / "pipe", "endless": Path("/dev/zero"), "terminal": Path(os.ttyname(side))}[kind]
    os.mkfifo(tmp_path / "pipe")
    result = cli("--profile", f"word-{kind}", "login", f"word-{kind}", "--password-file", str(path),
                 "--timeout", "0.5")  # fmt: skip
    assert (result.status, result.out) == (2, "")
    assert ("--timeout" if kind != "endless" else "longer than") in result.err
    os.close(main)
    os.close(side)


@pytest.mark.parametrize(
    "writer",
    [
        "printf %s WORD",
        "echo WORD",
        "timeout 0.3 tail -f /dev/null; echo WORD",
        "echo WORD; exec tail -f /dev/null",
    ],
)
def test_a_password_comes_through_a_pipe_however_it_is_written(cli: Cli, writer: str) -> None:
    name = f"piped{len(writer)}"
    cli.accounts(name)
    write = writer.replace("WORD", shlex.quote(PASSWORD))
    script = f'mkfifo f; ( {{ {write}; }} >f ) & "$@"; status=$?; kill $! 2>/dev/null; exit $status'
    home = cli.home.config
    done = sh(cli, f"cd {home} && {script}", "--profile", name, "login", name, "--password-file", "f")
    assert done.status == 0, done.err


@pytest.mark.parametrize(
    "words",
    [
        ("login", "empty1", "--password-file", ""),
        ("files", "get", "--all", "-o", ""),
        ("getfile", "x", "-o", ""),
        ("files", "cancel", "x", "-o", ""),
        ("files", "send", "empty1", ""),
        ("sendfile", "empty1", ""),
        ("send", "empty1", "hi", "--client-id", ""),
        ("watch", "--exec", ""),
        ("history", "--with", ""),
        ("blacklist", "add", ""),
        ("files", "send", "--to", "", "/etc/hosts"),
    ],
    ids=" ".join,
)
def test_an_empty_word_as_of_a_variable_that_is_not_set_means_nothing_else(
    cli: Cli, words: tuple[str, ...]
) -> None:
    cli.accounts("default")
    result = cli(*words)
    assert (result.status, result.out) == (2, ""), result
    assert len(result.err.splitlines()) == 1
    assert "'peer'" not in result.err
    assert "'name'" not in result.err


@pytest.mark.parametrize(
    "words",
    [("key", "--data", ""), ("start", "--data", ""), ("start", "--config", ""), ("backup", "")],
    ids=" ".join,
)
def test_the_broker_takes_no_empty_path_for_this_directory(words: tuple[str, ...]) -> None:
    result = _broker(*words)
    assert (result.status, result.out) == (2, "")
    assert "is empty" in result.err
    assert _broker("key", CNMESSAGE_BROKER_DATA="").status == 2


def test_the_settings_of_a_broker_are_read_within_bounds(tmp_path: Path) -> None:
    result = _broker("key", "--data", str(tmp_path), "--config", "/dev/zero")
    assert (result.status, "holds more than" in result.err) == (2, True)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/dev/zero", 2, "a device, and no file; send a part of it: head -c SIZE /dev/zero | "),
        ("/dev/null", 2, "a device, and no file"),
        ("pipe", 2, "a named pipe, and no file; send what comes out of it: cat "),
        ("socket", 2, "a socket and no regular file"),
        ("folder", 2, "a directory; in a shell, send it packed: tar cz "),
        ("/proc/version", 2, "cat /proc/version | "),
        ("/proc/self/mem", 6, "cannot be read from its beginning"),
    ],
)
def test_what_is_no_file_is_called_what_it_is(
    cli: Cli, tmp_path: Path, path: str, status: int, said: str
) -> None:
    import socket

    if not path.startswith("/"):
        there = tmp_path / path
        if path == "pipe":
            os.mkfifo(there)
        elif path == "folder":
            there.mkdir()
        else:
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(str(there))
        path = str(there)
    cli.accounts(name := f"kind-{Path(path).name}")
    for verb in (("files", "send"), ("sendfile",)):
        result = cli("--profile", name, *verb, name, path)
        assert (result.status, result.out) == (status, ""), result
        (line,) = result.err.splitlines()
        assert said in line
        assert "disk failed" not in line
    assert cli.ok("--profile", name, "files").out == ""


@pytest.mark.parametrize(
    "words", ["whoami", "send x", "files send x ./y", "files send x y", "files get --all"]
)
def test_a_command_in_a_directory_that_was_removed_ends_in_words(cli: Cli, words: str) -> None:
    cli.accounts("default")
    gone = f'mkdir -p {cli.home.state}/gone; cd {cli.home.state}/gone; rmdir ../gone; exec "$@"'
    result = sh(cli, gone, *words.split())
    assert result.status in {0, 2, 6}
    assert "output: No such file" not in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    "words",
    [
        "whoami",
        "files list",
        "send default hello",
        "files send default README.md LICENSE",
        "files get x -o -",
        "watch --count 1",
        "history --unread",
        "chat",
        "login default --password-file LICENSE",
    ],
)
def test_a_machine_that_lets_nothing_be_opened_is_told_in_one_line(cli: Cli, words: str) -> None:
    cli.accounts("default")
    enough = set[int]()
    for limit in (6, 8, 10, 12, 16, 20, 26, 40):
        result = sh(cli, f'cd "{ROOT}"; ulimit -n {limit}; exec timeout 60 "$@"', *words.split())
        assert (result.status, result.out) == (6, ""), (limit, result)
        (line,) = result.err.splitlines()
        assert "ulimit -n" in line
        if "beside those that are open" in line:
            enough.add(int(re.findall(r"ulimit -n (\d+)", line)[0]))
    assert len(enough) == 1, "however few there are, it is the same that is enough"
    again = sh(cli, f'cd "{ROOT}"; ulimit -n {enough.pop()}; exec "$@"', "whoami")
    assert again.status == 0, again
    assert cli.ok("history", "0").out == "", "nothing was sent"


def test_with_as_many_descriptors_as_a_command_asks_for_several_files_move_at_once(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("default")
    names = [str(make(tmp_path / f"{number}.txt", str(number))) for number in range(8)]
    (tmp_path / "here").mkdir()
    few = f'cd "{tmp_path}/here"; ulimit -n 72; exec timeout 60 "$@"'
    for words in (["files", "send", "default", *names], ["files", "get", "--all"]):
        result = sh(cli, few, *words)
        assert result.status == 0, result
    assert len(list((tmp_path / "here").iterdir())) == len(names)


def test_a_directory_that_is_not_there_is_answered_with_the_line_that_makes_it(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("dir1")
    result = cli("--profile", "dir1", "files", "get", "--all", "-o", str(tmp_path / "my files"))
    assert result.status == 2
    made = sh(cli, result.err.partition("make it first: ")[2])
    assert made.status == 0
    cli.ok("--profile", "dir1", "files", "get", "--all", "-o", str(tmp_path / "my files"))
