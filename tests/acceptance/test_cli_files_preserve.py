"""What a file was on its sender's disk: when it was written, whether it could be run, for who wants it so."""

import os
import stat
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.acceptance.test_cli_files import make, offer

WRITTEN = 1_700_000_000_123
"""In ms since 1970."""


def source(path: Path, *, runs: bool = True, written: int = WRITTEN) -> str:
    make(path, "#!/bin/sh\n")
    path.chmod(0o750 if runs else 0o640)
    os.utime(path, ns=(written * 1_000_000, written * 1_000_000))
    return str(path)


def facts(path: Path) -> tuple[int, int]:
    """When it was written, in ms, and its mode."""
    found = path.stat()
    return found.st_mtime_ns // 1_000_000, stat.S_IMODE(found.st_mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def test_a_file_is_as_old_and_as_executable_as_it_was_if_that_is_wanted(
    cli: Cli, tmp_path: Path, folder: Path
) -> None:
    cli.accounts("kept1", "kept2")
    offer(cli, "kept1", "kept2", source(tmp_path / "run.sh"))
    offer(cli, "kept1", "kept2", source(tmp_path / "notes.txt", runs=False))
    command = ("--profile", "kept2", "files", "get", "run.sh", "notes.txt", "-o", str(folder))
    began = time.time_ns() // 1_000_000
    cli.ok(*command)
    usual = facts(folder / "run.sh")[1]
    assert not usual & 0o111
    for name in ("run.sh", "notes.txt"):
        written, mode = facts(folder / name)
        assert (written >= began - 10, mode) == (True, usual)
        (folder / name).unlink()
    cli.ok(*command, "--preserve")
    assert facts(folder / "run.sh") == (WRITTEN, usual | (usual & 0o444) >> 2)
    assert facts(folder / "notes.txt") == (WRITTEN, usual)


def test_one_that_is_here_already_gets_them_too(cli: Cli, tmp_path: Path, folder: Path) -> None:
    cli.accounts("after1", "after2")
    identity = offer(cli, "after1", "after2", source(tmp_path / "run.sh"))
    command = ("--profile", "after2", "getfile", identity, "-o", str(folder))
    cli.ok(*command)
    (folder / "run.sh").chmod(0o600)
    cli.ok(*command)
    assert facts(folder / "run.sh")[1] == 0o600
    cli.ok(*command, "--preserve")
    assert facts(folder / "run.sh") == (WRITTEN, 0o700)


@pytest.mark.parametrize("written", [-315_619_200_000, -86_400_000, -1, 0, 1, 4_102_444_800_000])
def test_a_time_is_kept_however_long_ago_it_was(cli: Cli, tmp_path: Path, folder: Path, written: int) -> None:
    sender, receiver = f"odd{written}a".replace("-", "_"), f"odd{written}b".replace("-", "_")
    cli.accounts(sender, receiver)
    identity = offer(cli, sender, receiver, source(tmp_path / "old.txt", written=written))
    cli.ok("--profile", receiver, "files", "get", identity, "-o", str(folder), "--preserve")
    assert facts(folder / "old.txt")[0] == written


def test_standard_input_has_no_time_and_standard_output_keeps_none(
    cli: Cli, tmp_path: Path, folder: Path
) -> None:
    cli.accounts("std1", "std2")
    began = time.time_ns() // 1_000_000
    cli.ok("--profile", "std1", "files", "send", "std2", "-", "--name", "in.txt", stdin="x")
    cli.ok("--profile", "std2", "files", "get", "in.txt", "-o", str(folder), "--preserve")
    written, mode = facts(folder / "in.txt")
    assert written >= began - 10
    assert not mode & 0o111
    refused = cli("--profile", "std2", "files", "get", "in.txt", "-o", "-", "--preserve")
    assert (refused.status, "leave --preserve out" in refused.err) == (2, True)
    assert tmp_path.exists()


def test_a_download_that_was_cut_short_keeps_them_when_it_goes_on(
    cli: Cli, tmp_path: Path, folder: Path
) -> None:
    cli.accounts("cut1", "cut2")
    identity = offer(cli, "cut1", "cut2", source(tmp_path / "run.sh"))
    make(folder / f".run.sh.{identity[:8]}.part", "#!/")
    cli.ok("--profile", "cut2", "files", "get", identity, "-o", str(folder), "--preserve")
    assert facts(folder / "run.sh")[0] == WRITTEN
    assert (folder / "run.sh").read_text() == "#!/bin/sh\n"
    assert [each.name for each in folder.iterdir()] == ["run.sh"]
