"""A file being sent: what is refused before a byte leaves, and what it notices later."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from cnmessage_client.transfer.source import Source
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
    assert caught.value.code in {ErrorCode.USAGE, ErrorCode.STORAGE}


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
