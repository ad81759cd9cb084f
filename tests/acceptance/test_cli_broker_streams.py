"""Standard streams of the broker that are closed or full: it serves on, or says what it cannot do."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnmessage_broker.health import read
from tests.acceptance.conftest import Cli, Running
from tests.support.harness import BIN, eventually, free_port, home_at
from tests.support.patience import PATIENCE

_PROGRAM = str(BIN / "cnmessage-broker")
_UNPRINTABLE = {">&-": "is closed", "1</dev/null": "is closed", ">/dev/full": "No space left on device"}


def _sh(redirection: str, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the broker's that ends by itself, its streams as they are said in sh."""
    words = ["sh", "-c", f'exec "$@" {redirection}', "sh", _PROGRAM, *command]
    own = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(words, capture_output=True, text=True, env=own, timeout=PATIENCE, check=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data of a running broker that keeps a file."""
    folder = tmp_path_factory.mktemp("broker") / "data"
    command = [_PROGRAM, "start", "--port", str(free_port()), "--data", str(folder)]
    with Running(command, {"PATH": os.environ["PATH"]}) as running:
        address = running.wait_for("signup NAME", "stdout").split("'")[1]
        cli = Cli(home_at(tmp_path_factory.mktemp("home")), address)
        cli.accounts("keeper1")
        cli.ok("--profile", "keeper1", "files", "send", "keeper1", "/etc/hosts")
        yield folder


_PRINTING = ["key", "health", "health --json", "files list", "files purge --help", "--help", "--version"]


@pytest.mark.parametrize(
    ("command", "redirection", "unbuffered"),
    [
        *((command, redirection, "") for command in _PRINTING for redirection in (">&-", ">/dev/full")),
        ("key", "1</dev/null", ""),
        ("key", ">/dev/full", "1"),
        ("--help", ">&-", "1"),
    ],
)
def test_what_cannot_be_printed_is_one_line_and_exits_6(
    data: Path, command: str, redirection: str, unbuffered: str
) -> None:
    place = () if command.startswith("--") or command.endswith("--help") else ("--data", str(data))
    done = _sh(redirection, *command.split(), *place, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 6, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("cnmessage-broker: standard output")
    assert _UNPRINTABLE[redirection] in line


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_whether_standard_error_can_be_written_to_makes_no_difference(data: Path, redirection: str) -> None:
    shown = _sh(redirection, "key", "--data", str(data))
    assert (shown.returncode, shown.stdout) == (0, _sh("", "key", "--data", str(data)).stdout)
    assert _sh(redirection, "key", "--data", f"{data}-none").returncode == 1
    assert _sh(redirection, "frobnicate").returncode == 2


def test_a_reader_that_has_left_ends_a_list_without_a_word(data: Path) -> None:
    listed = _sh("| true", "files", "list", "--data", str(data))
    assert listed.stderr == ""


@pytest.mark.parametrize(
    "redirection",
    ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full"],
)
def test_a_broker_serves_whatever_its_streams_are(tmp_path: Path, redirection: str) -> None:
    folder, port = tmp_path / "data", free_port()
    command = [_PROGRAM, "start", "--port", str(port), "--data", str(folder)]
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
        text=True,
    )
    try:
        eventually(lambda: process.poll() is not None or read(folder) is not None)
        assert process.poll() is None, process.communicate()[1]
        address = _sh("", "key", "--data", str(folder)).stdout.strip()
        cli = Cli(home_at(tmp_path / "home"), address)
        cli.accounts("served1")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "Traceback" not in err
    (database,) = folder.glob("*.db")
    assert database.read_bytes().startswith(b"SQLite format 3\0")
