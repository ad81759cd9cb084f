"""Unfinished files: nobody else's file is written, nothing that exists is overwritten unasked."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from cnmessage_client.transfer.part import Part
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.files.channel import Opened
from cnmessage_protocol.schema import LATEST

FILE = bytes(range(16))
PART = ".a.txt.00010203.part"
CONTENT = memoryview(b"content")
DIGEST = hashlib.sha256(CONTENT).digest()


def received(directory: Path) -> Part:
    part = Part.make(directory, "a.txt", FILE)
    part.write(0, CONTENT)
    return part


def test_a_whole_file_gets_its_name_and_the_usual_mode(tmp_path: Path) -> None:
    part = received(tmp_path)
    assert stat.S_IMODE((tmp_path / PART).stat().st_mode) == 0o600
    before = os.umask(0o027)
    try:
        part.keep(tmp_path / "a.txt", DIGEST, overwrite=False)
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
        part.close()
    assert (tmp_path / "a.txt").read_bytes() == CONTENT
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("mtime", [None, 0, 1_700_000_000_123, LATEST])
def test_a_file_is_like_its_senders_as_far_as_this_disk_can(tmp_path: Path, mtime: int | None) -> None:
    part = received(tmp_path)
    like = Opened("a.txt", len(CONTENT), DIGEST, mtime, executable=True)
    part.keep(tmp_path / "a.txt", DIGEST, overwrite=False, like=like)
    part.close()
    facts = (tmp_path / "a.txt").stat()
    mode = stat.S_IMODE(facts.st_mode)
    assert mode & 0o111 == (mode & 0o444) >> 2
    if mtime not in {None, LATEST}:
        assert facts.st_mtime_ns == (mtime or 0) * 1_000_000


def test_other_content_is_not_kept(tmp_path: Path) -> None:
    part = received(tmp_path)
    assert refused(lambda: part.keep(tmp_path / "a.txt", bytes(32), overwrite=True)) is ErrorCode.INTEGRITY
    part.close()
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "symlink", "dangling", "directory"])
def test_what_exists_stays_and_the_part_too(tmp_path: Path, kind: str) -> None:
    target, elsewhere = tmp_path / "a.txt", tmp_path / "elsewhere"
    if kind == "file":
        target.write_text("mine")
    elif kind == "directory":
        target.mkdir()
    else:
        target.symlink_to(elsewhere)
        if kind == "symlink":
            elsewhere.write_text("mine")
    before = names(tmp_path)
    part = received(tmp_path)
    assert refused(lambda: part.keep(target, DIGEST, overwrite=False)) is ErrorCode.EXISTS
    part.close()
    assert names(tmp_path) == sorted([*before, PART])
    assert not elsewhere.exists() or elsewhere.read_text() == "mine"


def test_overwriting_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "a.txt").symlink_to(tmp_path / "elsewhere")
    part = received(tmp_path)
    part.keep(tmp_path / "a.txt", DIGEST, overwrite=True)
    part.close()
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert not (tmp_path / "a.txt").is_symlink()
    assert (tmp_path / "a.txt").read_bytes() == CONTENT


def test_overwriting_does_not_replace_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    part = received(tmp_path)
    assert refused(lambda: part.keep(tmp_path / "a.txt", DIGEST, overwrite=True)) is ErrorCode.EXISTS
    part.close()


def test_where_there_are_no_links_nothing_is_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file system without links cannot be had without being root.
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    part = received(tmp_path)
    (tmp_path / "taken").write_text("mine")
    assert refused(lambda: part.keep(tmp_path / "taken", DIGEST, overwrite=False)) is ErrorCode.EXISTS
    part.keep(tmp_path / "a.txt", DIGEST, overwrite=False)
    part.close()
    assert (tmp_path / "taken").read_text() == "mine"
    assert (tmp_path / "a.txt").read_bytes() == CONTENT
    assert names(tmp_path) == ["a.txt", "taken"]


def test_a_later_download_finds_the_part_and_hashes_what_it_skips(tmp_path: Path) -> None:
    first = Part.make(tmp_path, "a.txt", FILE)
    first.write(0, CONTENT[:3])
    first.close()
    part = Part.find(tmp_path, FILE)
    assert part is not None
    assert part.size == 3
    part.write(3, CONTENT[3:])
    while not part.hashed:
        part.hash_more()
    part.keep(tmp_path / "a.txt", DIGEST, overwrite=False)
    part.close()
    assert Part.find(tmp_path, bytes(16)) is None


def test_two_downloads_do_not_write_one_part(tmp_path: Path) -> None:
    part = received(tmp_path)
    assert refused(lambda: Part.find(tmp_path, FILE)) is ErrorCode.BUSY
    assert refused(lambda: Part.make(tmp_path, "a.txt", FILE)) is ErrorCode.BUSY
    part.close()


def test_a_link_in_the_parts_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / PART).symlink_to(tmp_path / "elsewhere")
    assert refused(lambda: Part.find(tmp_path, FILE)) is ErrorCode.EXISTS
    assert refused(lambda: Part.make(tmp_path, "a.txt", FILE)) is ErrorCode.EXISTS
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_a_pipe_in_the_parts_place_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / PART)
    assert refused(lambda: Part.find(tmp_path, FILE)) is ErrorCode.EXISTS


def test_a_file_that_has_another_name_too_is_not_written(tmp_path: Path) -> None:
    # As if a download had died between giving the file its name and removing the part's.
    (tmp_path / "placed").write_text("mine")
    os.link(tmp_path / "placed", tmp_path / PART)
    assert Part.find(tmp_path, FILE) is None
    received(tmp_path).close()
    assert (tmp_path / "placed").read_text() == "mine"
    assert (tmp_path / PART).read_bytes() == CONTENT


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CnMessageError, match="nowhere does not exist"):
        Part.make(tmp_path / "nowhere", "a.txt", FILE)


def refused(step: Callable[[], object]) -> ErrorCode:
    with pytest.raises(CnMessageError) as caught:
        step()
    return caught.value.code


def names(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


@pytest.mark.parametrize(
    ("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600), (0, 0o600), (0o040, 0o600)]
)
def test_a_fetched_file_is_as_the_mask_says_unless_it_lets_anybody_write(
    tmp_path: Path, mask: int, mode: int
) -> None:
    before = os.umask(mask)
    try:
        part = Part.make(tmp_path, "a.txt", b"f" * 16)
        assert part.path.stat().st_mode & 0o777 == 0o600
        part.write(0, memoryview(b"x"))
        part.keep(tmp_path / "a.txt", hashlib.sha256(b"x").digest(), overwrite=False)
        part.close()
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode
