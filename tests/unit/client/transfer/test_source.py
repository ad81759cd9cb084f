"""A file being sent: what is refused before a byte leaves, and what it notices later."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cnmessage_client.transfer.source import UNDATED, Source
from cnmessage_protocol.errors import CnMessageError, ErrorCode

MADE_UP = [
    Path("/proc/version"),
    Path("/proc/self/status"),
    Path("/proc/self/environ"),
    Path("/sys/kernel/mm/transparent_hugepage/enabled"),
    Path("/sys/kernel/uevent_seqnum"),
]
"""They say 0 bytes and have some, or say a page and have less."""


@pytest.mark.parametrize("path", MADE_UP, ids=str)
def test_a_file_that_is_not_as_long_as_it_says_is_refused_with_what_to_do(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"{path} is not on this system")
    with pytest.raises(CnMessageError, match=f"{path} does not hold as much.*cat {path} .*--name") as caught:
        Source(path)
    assert caught.value.code is ErrorCode.USAGE


def test_memory_that_is_shown_as_a_file_is_no_trouble_of_the_disk() -> None:
    with pytest.raises(CnMessageError, match="/proc/self/mem cannot be read from its beginning") as caught:
        Source(Path("/proc/self/mem"))
    assert caught.value.code is ErrorCode.UNREADABLE


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def folder(path: Path) -> None:
    path.mkdir()


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [fifo, listening, folder, device])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "there"
    make(path)
    with pytest.raises(CnMessageError, match="there") as caught:
        Source(path)
    assert caught.value.code is ErrorCode.USAGE


@pytest.mark.parametrize("written", [-(10**10), -1, 0, 1, 1_700_000_000_123])
def test_a_time_before_1970_is_a_time_and_only_that_of_the_undated_is_none(
    tmp_path: Path, written: int
) -> None:
    path = tmp_path / "there"
    path.touch()
    os.utime(path, ns=(written * 1_000_000, written * 1_000_000))
    source = Source(path)
    assert source.mtime == written
    source.close()
    os.utime(path, (UNDATED, UNDATED))
    source = Source(path)
    assert source.mtime is None
    source.close()


def test_a_snapshot_of_a_log_that_grows_at_this_moment_is_no_shorter_one(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.touch()
    with subprocess.Popen([sys.executable, "-uc", GROWING, str(path)], stdin=subprocess.PIPE) as writer:
        try:
            for _ in range(3000):
                source = Source(path, snapshot=True)
                assert source.size <= path.stat().st_size
                source.close()
        finally:
            writer.kill()


GROWING = "import sys\nlog = open(sys.argv[1], 'ab', buffering=0)\nwhile True: log.write(b'a line\\n')\n"


@pytest.mark.parametrize("size", [0, 1, 1 << 20])
def test_a_file_as_long_as_it_says_is_read_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "there"
    path.write_bytes(body := os.urandom(size))
    source = Source(path)
    assert (source.size, source.read(0, size)) == (size, body)
    source.close()


def test_a_file_with_holes_is_as_long_as_it_says(tmp_path: Path) -> None:
    path = tmp_path / "there"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    source = Source(path)
    assert source.size == 1 << 30
    source.close()


@pytest.mark.parametrize("size", [0, 50, 200])
def test_a_file_that_shrinks_or_grows_while_it_is_read_is_not_sent(tmp_path: Path, size: int) -> None:
    path = tmp_path / "there"
    path.write_bytes(b"x" * 100)
    source = Source(path)
    source.read(0, 10)
    os.truncate(path, size)
    with pytest.raises(CnMessageError, match="changed while it was being sent") as caught:  # noqa: PT012 - either
        source.read(10, 90)
        source.digest()
    assert caught.value.code is ErrorCode.INTEGRITY
    source.close()
