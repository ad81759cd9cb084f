"""Standard input as a file: the same again is the same file, and what is too much leaves nothing behind."""

import io
import shutil
from pathlib import Path

import pytest

from cnmessage_client import CnMessageError, ErrorCode
from cnmessage_client.shell.read.spool import spool


def test_the_same_content_for_the_same_users_is_the_same_file(tmp_path: Path) -> None:
    paths = [spool(io.BytesIO(b"content"), tmp_path, to) for to in ("bob", "bob", "carol")]
    assert [path.read_bytes() for path in set(paths)] == [b"content"] * 2
    assert paths[0] == paths[1] != paths[2]


def test_what_the_disk_has_no_room_for_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    everything = shutil.disk_usage(tmp_path).total
    with pytest.raises(CnMessageError, match="no room for all of standard input") as caught:
        spool(io.BytesIO(b"content"), tmp_path, "bob", reserve=everything)
    assert caught.value.code is ErrorCode.STORAGE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/full"])
def test_a_device_has_no_end(tmp_path: Path, device: str) -> None:
    with Path(device).open("rb") as source, pytest.raises(CnMessageError, match="has no end"):
        spool(source, tmp_path, "bob")


def test_nothing_at_all_is_an_empty_file(tmp_path: Path) -> None:
    with Path("/dev/null").open("rb") as source:
        assert spool(source, tmp_path, "bob").read_bytes() == b""
