"""What the client keeps is this user's alone, and whole or not there."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnmessage_client.private import private_folder, write_private, written_whole
from tests.support.shortage import files_end_at


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_folders_and_files_are_nobody_elses_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    tmp_path.chmod(0o755)
    write_private(tmp_path / "a" / "b" / "file", b"x")
    private_folder(tmp_path / "c" / "d")
    made = list(tmp_path.rglob("*"))
    assert {each.stat().st_mode & 0o777 for each in made if each.is_dir()} == {0o700}
    assert {each.stat().st_mode & 0o777 for each in made if each.is_file()} == {0o600}
    assert tmp_path.stat().st_mode & 0o777 == 0o755, "what was there stays as it was"


@pytest.mark.parametrize("replace", [True, False])
def test_a_full_disk_leaves_what_was_there_and_is_told_with_the_name(
    tmp_path: Path, *, replace: bool
) -> None:
    path = tmp_path / "file"
    write_private(path, b"before")
    with files_end_at(10), pytest.raises(OSError, match="file") as caught:
        write_private(path, b"x" * 100, replace=replace)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"before"


def test_one_that_came_into_being_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, b"first", replace=False)
    write_private(path, b"second", replace=False)
    assert path.read_bytes() == b"first"
    write_private(path, b"third")
    assert path.read_bytes() == b"third"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="file"):
            private_folder(path)


@pytest.mark.parametrize("replace", [True, False])
def test_a_file_has_its_name_once_it_is_whole_and_not_where_it_ends_badly(
    tmp_path: Path, *, replace: bool
) -> None:
    path = tmp_path / ("n" * 251 + ".txt")  # the longest that there is

    def interrupted() -> None:
        with written_whole(path, replace=replace) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
    with written_whole(path, replace=replace) as file:
        file.write(b"whole")
        assert not path.exists()
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [(path.name, b"whole")]


@pytest.mark.parametrize("links", [True, False])
def test_who_came_first_keeps_the_name_and_the_other_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:  # a file system without links cannot be had without being root
        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "file"

    def late() -> None:
        with written_whole(path, replace=False) as file:
            file.write(b"second")
            path.write_bytes(b"first")

    with pytest.raises(FileExistsError):
        late()
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("file", b"first")]
    with written_whole(tmp_path / "other", replace=False) as file:
        file.write(b"other")
    assert (tmp_path / "other").read_bytes() == b"other"
    assert len(list(tmp_path.iterdir())) == 2
