"""What an operator names is read whole, within a bound and a time."""

import os
import threading
from pathlib import Path

import pytest

from cnmessage_broker.given import read_whole
from cnmessage_broker.keys import KeyFileError, load


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 100])
def test_a_file_is_read_whole_up_to_its_bound(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "there"
    path.write_bytes(content)
    assert read_whole(path, most=100) == content
    path.write_bytes(b"x" * 101)
    with pytest.raises(OSError, match="more than 100 bytes"):
        read_whole(path, most=100)


def test_what_has_no_end_and_what_nobody_writes_into_ends_too(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="more than 1000 bytes"):
        read_whole(Path("/dev/zero"), most=1000)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TimeoutError, match=r"nothing more came within 0\.1 s"):
        read_whole(tmp_path / "pipe", seconds=0.1)


@pytest.mark.parametrize("pieces", [[b"port = 1\n"], [b"po", b"rt = 1\n"], [b"port = 1"]])
def test_a_pipe_that_somebody_writes_into_is_read_to_its_end(tmp_path: Path, pieces: list[bytes]) -> None:
    os.mkfifo(tmp_path / "pipe")

    def write() -> None:
        with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
            for piece in pieces:
                pipe.write(piece)

    writer = threading.Thread(target=write)
    writer.start()
    assert read_whole(tmp_path / "pipe", seconds=10) == b"".join(pieces)
    writer.join()


def test_a_key_that_has_no_end_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(KeyFileError, match="cannot read the key"):
        load(path)
