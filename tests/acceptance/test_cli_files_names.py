"""Names of files: whatever a sender calls one, it goes there, is found by it, and harms no receiver."""

import os
import unicodedata
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.acceptance.test_cli_files import make, offer


def test_a_hostile_name_stays_in_the_directory_and_is_made_harmless(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("name1", "name2")
    source = make(tmp_path / "x", "x")
    into = tmp_path / "in" / "deep"
    into.mkdir(parents=True)
    for name in ("../../up.txt", "/etc/abs.txt"):
        refused = cli("--profile", "name1", "files", "send", "name2", source, "--name", name)
        assert (refused.status, "'/'" in refused.err) == (2, True)
    names = ("..\\up.txt", ".bashrc", "a\x1b[2Jb\u202e.txt", "CON", "n" * 255, "\n", "...")
    for name in names:
        cli.ok("--profile", "name1", "files", "send", "name2", source, "--name", name)
    cli.ok("--profile", "name2", "files", "get", "--all", "-o", str(into))
    made = sorted(path.name for path in into.iterdir())
    assert len(made) == len(names)
    assert {path.name for path in tmp_path.iterdir()} == {"x", "in", "home"}
    assert list((tmp_path / "in").iterdir()) == [into]
    assert all(name.isprintable() and not name.startswith(".") for name in made)
    listed = cli.ok("--profile", "name2", "files", "list").out
    assert "\x1b" not in listed
    assert "\u202e" not in listed


def test_a_name_that_is_no_text_is_refused_and_not_altered(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("bytes1", "bytes2")
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.write_bytes(b"content")
    for words in ([str(odd)], [str(odd), "--name", os.fsdecode(b"caf\xe9")]):
        refused = cli("--profile", "bytes1", "files", "send", "bytes2", *words)
        assert (refused.status, refused.out) == (2, "")
        assert "not UTF-8 text" in refused.err
    assert cli.ok("--profile", "bytes1", "files", "send", "bytes2", str(odd), "--name", "café").rows
    (row,) = cli.ok("--profile", "bytes2", "files", "list", "--received", "--json").objects
    assert row["name"] == "café"


def test_names_of_every_kind_go_there_and_are_found_by_what_one_would_type(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("kind1", "kind2")
    into = tmp_path / "in"
    into.mkdir()
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467.png"
    saved = {
        "-rf": "_rf",
        "re\u0301sume\u0301.pdf": "r\u00e9sum\u00e9.pdf",
        family: family,
        "CON.txt": "_CON.txt",
        " spaces ": "spaces",
        f"{'l' * 251}.txt": f"{'l' * 236}.txt",
    }
    for name in saved:
        make(tmp_path / name, name)
    command = (
        "--profile",
        "kind1",
        "files",
        "send",
        "kind2",
        "--",
        *(str(tmp_path / name) for name in saved),
    )
    typed = [unicodedata.normalize("NFC", name) for name in saved]
    assert [row[1] for row in cli.ok(*command).rows] == typed
    got = cli.ok("--profile", "kind2", "files", "get", "-o", str(into), "--", *typed).rows
    assert {row[1]: Path(row[5]).name for row in got} == dict(zip(typed, saved.values(), strict=True))
    assert sorted(each.name for each in into.iterdir()) == sorted(saved.values())


def test_a_name_that_begins_with_a_dash_is_a_path_behind_two_of_them(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.accounts("dashes1", "dashes2")
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "-rf", "x")
    for words in (
        ("files", "send", "dashes2", "--", "-rf"),
        ("files", "send", "--", "dashes2", "-rf"),
        ("files", "send", "--to", "dashes2", "--", "-rf"),
        ("files", "send", "dashes2", "./-rf"),
        ("sendfile", "dashes2", "--", "-rf"),
    ):
        assert cli.ok("--profile", "dashes1", *words).rows[0][1] == "-rf"
    refused = cli("--profile", "dashes1", "files", "send", "dashes2", "-rf")
    assert (refused.status, "stands behind --" in refused.err) == (2, True)


def test_names_that_a_command_would_take_for_options_are_saved_as_plain_ones_and_told(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("dash1", "dash2")
    into = tmp_path / "in"
    into.mkdir()
    for name in ("-rf", "_rf", "--"):
        offer(cli, "dash1", "dash2", make(tmp_path / name, name))
    got = cli.ok("--profile", "dash2", "files", "get", "--all", "-o", str(into)).rows
    assert {row[1]: Path(row[5]).read_text() for row in got} == {"-rf": "-rf", "_rf": "_rf", "--": "--"}
    assert sorted(Path(row[5]).name for row in got) == ["_-", "_rf", "_rf (2)"]
    assert sorted(each.name for each in into.iterdir()) == ["_-", "_rf", "_rf (2)"]


def test_a_person_is_told_where_a_file_was_saved(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.accounts("where1", "where2")
    offer(cli, "where1", "where2", make(tmp_path / "big.iso", "x"))
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    for words in (("getfile", "big.iso"), ("files", "get", "big.iso", "-o", "..", "--force")):
        with cli.terminal("--profile", "where2", *words, NO_COLOR="1", COLUMNS="300") as terminal:
            assert terminal.finish() == 0
        place = tmp_path.resolve() / ("big.iso" if "-o" in words else "in/big.iso")
        shown = terminal.shown.replace("\r\n", "")
        assert f"big.iso, 1 byte: fetched, saved as {place}" in shown
    # Programs get the path as the directory was given.
    (row,) = cli.ok("--profile", "where2", "files", "get", "big.iso").rows
    assert row[5] == "big.iso"


def test_an_odd_name_is_fetched_and_taken_back_as_it_is_shown(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("shown1", "shown2")
    source, into = make(tmp_path / "x", "x"), tmp_path / "in"
    into.mkdir()
    for name in ("esc\x1b[31m.txt", "new\nline.txt", "tab\tback\\slash"):
        cli.ok("--profile", "shown1", "files", "send", "shown2", source, "--name", name)
    listed = [row[2] for row in cli.ok("--profile", "shown2", "files").rows]
    assert "esc[31m.txt" in listed
    assert len(cli.ok("--profile", "shown2", "files", "get", "-o", str(into), *listed).rows) == 3
    assert cli.ok("--profile", "shown2", "files", "get", "-o", str(into), "new line.txt").rows
    assert len(cli.ok("--profile", "shown1", "files", "rm", *listed).rows) == 3


def test_a_name_that_is_another_one_here_is_said(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("said1", "said2")
    source = make(tmp_path / "x", "x")
    for name in (".hidden", "-rf", "plain.txt", "re\u0301sume\u0301.pdf"):
        cli.ok("--profile", "said1", "files", "send", "said2", source, f"--name={name}")
    result = cli.ok("--profile", "said2", "files", "get", "--all", "-o", str(tmp_path))
    told = [line.partition(":")[0] for line in result.err.splitlines() if "is called" in line]
    assert sorted(told) == ["'-rf' is called '_rf' here", "'.hidden' is called 'hidden' here"]
    assert "is called" not in cli.ok("--profile", "said2", "files", "get", ".hidden", "-o", "-").err


@pytest.mark.parametrize("stands", ["link", "directory", "other", "link to nothing"])
@pytest.mark.parametrize("more", [(), ("--force",), ("--skip-existing",)])
def test_a_file_that_has_ended_is_refused_as_such_whatever_stands_here(
    cli: Cli, tmp_path: Path, stands: str, more: tuple[str, ...]
) -> None:
    names = [f"ended{len(stands)}{''.join(more)[2:6]}{each}" for each in "ab"]
    cli.accounts(*names)
    there, target = tmp_path / "in" / "n.txt", tmp_path / "elsewhere"
    there.parent.mkdir()
    gone = offer(cli, names[0], names[1], make(tmp_path / "n.txt", "content"))
    cli.ok("--profile", names[0], "files", "rm", gone)
    match stands:
        case "link":
            target.write_text("content")
            there.symlink_to(target)
        case "link to nothing":
            there.symlink_to(target)
        case "directory":
            there.mkdir()
        case _:
            there.write_text("another")
    result = cli("--profile", names[1], "files", "get", "n.txt", "-o", str(there.parent), *more)
    assert (result.status, result.out) == (6, ""), result
    assert "was withdrawn by" in result.err
    assert "exists" not in result.err
    assert [each.name for each in there.parent.iterdir()] == ["n.txt"]


def test_where_no_file_can_be_made_it_is_said_why(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("place1", "place2")
    offer(cli, "place1", "place2", make(tmp_path / "n.txt", "content"))
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for place, status, told in (
        ("/dev/full", 2, "'/dev/full' is no directory"),
        ("/dev/full/in", 2, "'/dev/full' is no directory"),
        (str(tmp_path / "n.txt" / "in"), 2, "n.txt' is no directory"),
        (str(tmp_path / "dangling"), 2, "dangling' is no directory"),
        (str(tmp_path / "new" / "in"), 2, "make it first: mkdir -p -- "),
        ("/proc", 6, "no file can be made in /proc; choose another directory"),
    ):
        result = cli("--profile", "place2", "files", "get", "n.txt", "-o", place)
        assert (result.status, told in result.err) == (status, True), (place, result)
        assert "does not exist" not in result.err
