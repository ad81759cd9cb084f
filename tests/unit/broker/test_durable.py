"""A file has its name only when it is whole; what fails leaves what was there, and nothing else."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from cnmessage_broker import durable
from tests.support.shortage import files_end_at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def there(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


@pytest.mark.parametrize("sync", [True, False])
def test_what_is_written_replaces_what_was_there(path: Path, *, sync: bool) -> None:
    for content in (b"one", b"", b"three"):
        durable.write(path, content, sync=sync)
        assert path.read_bytes() == content
    assert there(path) == ["file"]


def test_nobody_else_reads_it_whatever_the_umask_and_whatever_lay_there(path: Path) -> None:
    before = os.umask(0)
    try:
        path.write_bytes(b"open")
        path.with_name("file.new").write_bytes(b"left by one that was killed")
        durable.write(path, b"x")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == b"x"


def test_a_full_disk_leaves_what_was_there(path: Path) -> None:
    durable.write(path, b"before")
    with files_end_at(100), pytest.raises(OSError, match="large") as caught:
        durable.write(path, b"x" * 1000)
    assert caught.value.errno == errno.EFBIG
    assert (path.read_bytes(), there(path)) == (b"before", ["file"])


def test_what_is_broken_off_leaves_nothing_not_even_beside_it(path: Path) -> None:
    class BrokenOff(BaseException):
        pass

    def half() -> None:
        with durable.replaced(path) as new:
            new.write_bytes(b"half")
            new.with_name(f"{new.name}-journal").write_bytes(b"of SQLite")
            raise BrokenOff

    with pytest.raises(BrokenOff):
        half()
    assert there(path) == []


def test_two_do_not_write_one_file_at_once(path: Path) -> None:
    new = path.with_name("file.new")
    with new.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="another program writes it") as caught:
            durable.write(path, b"x")
    assert caught.value.errno == errno.EBUSY
    assert there(path) == ["file.new"]
    durable.write(path, b"x")
    assert there(path) == ["file"]


def test_a_link_that_lies_in_the_way_is_not_followed(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"dear")
    path.with_name("file.new").symlink_to(victim)
    with pytest.raises(OSError, match="links"):
        durable.write(path, b"x")
    assert victim.read_bytes() == b"dear"
