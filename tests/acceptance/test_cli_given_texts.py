"""Texts that a person hands over: byte order marks, sources without an end, other encodings."""

import codecs
import os
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.acceptance.test_cli_streams import sh
from tests.support.harness import PASSWORD

MARK = codecs.BOM_UTF8


@pytest.mark.parametrize("way", ["file", "stdin"])
def test_a_byte_order_mark_is_no_part_of_a_password(cli: Cli, way: str, tmp_path: Path) -> None:
    old, new = f"old secret {way}", f"new secret {way}"
    (tmp_path / "marked").write_bytes(MARK + f"{old}\r\n{new}\r\n".encode())
    data = (tmp_path / "marked").read_bytes()
    given = ("--password-file", str(tmp_path / "marked")) if way == "file" else ("--password-stdin",)
    cli.ok("signup", f"marked{way}", *given, stdin=data)
    cli.ok("logout")
    cli.ok("login", f"marked{way}", "--password-stdin", stdin=old)
    cli.ok("passwd", *given, stdin=data)
    cli.ok("logout")
    cli.ok("login", f"marked{way}", "--password-stdin", stdin=new)


def test_a_byte_order_mark_is_no_part_of_a_text_from_standard_input(cli: Cli) -> None:
    cli.accounts("mark1")
    cli.ok("--profile", "mark1", "send", "mark1", "-", stdin=MARK + "\ufeffinner ✓\n".encode())
    cli.ok("--profile", "mark1", "send", "mark1", "\ufeffas an argument")
    bodies = [each["body"] for each in cli.ok("--profile", "mark1", "history", "--json").objects]
    assert bodies == ["\ufeffinner ✓", "\ufeffas an argument"]  # one is taken off, where a text is read


def test_a_byte_order_mark_is_part_of_a_file_that_is_sent(cli: Cli) -> None:
    cli.accounts("mark2")
    cli.ok("--profile", "mark2", "files", "send", "mark2", "-", "--name", "a.csv", stdin=MARK + b"a;b\n")
    got = sh(cli, '"$@" | od -An -tx1', "--profile", "mark2", "files", "get", "a.csv", "-o", "-")
    assert got.out.split()[:3] == ["ef", "bb", "bf"]


def test_a_byte_order_mark_before_a_script_is_no_part_of_its_first_line(cli: Cli) -> None:
    cli.accounts("mark3")
    done = cli("--profile", "mark3", "chat", stdin=MARK + b"whoami\n")
    assert (done.status, done.rows[0][0]) == (0, "mark3")


@pytest.mark.parametrize("file", ["config.toml", "known_brokers", "profiles/mark4/profile.toml"])
def test_a_byte_order_mark_is_no_part_of_a_setting(cli: Cli, file: str) -> None:
    cli.accounts("mark4")
    cli.ok("profile", "use", "mark4")
    path = cli.home.config / file
    path.write_bytes(MARK + path.read_bytes())
    place = cli.address.removeprefix("cnm://").partition("#")[0]
    assert cli.ok("whoami", CNMESSAGE_BROKER=place).rows[0][0] == "mark4"


def test_a_byte_order_mark_hides_no_pinned_key(cli: Cli) -> None:
    cli.accounts("mark5")
    place = cli.address.removeprefix("cnm://").partition("#")[0]
    (cli.home.config / "known_brokers").write_bytes(MARK + f"{place} {'A' * 43}\n".encode())
    result = cli("--profile", "mark5", "whoami", CNMESSAGE_BROKER=place)
    assert result.status == 4
    assert "is not the expected one" in result.err


def test_what_has_no_end_is_refused_in_a_line(cli: Cli) -> None:
    cli.accounts("endless1")
    zero = "/dev/zero"
    for command, status, said in (
        (("signup", "zero1", "--profile", "new", "--password-file", zero), 2, "longer than"),
        (("signup", "zero1", "--profile", "new", "--password-stdin"), 2, "longer than"),
        (("login", "endless1", "--password-file", zero), 2, "longer than"),
        (("passwd", "--password-stdin"), 2, "longer than"),
        (("send", "endless1", "-"), 7, "files send endless1 - --name NAME"),
        (("broadcast", "-"), 7, "more than"),
        (("chat",), 7, "has more than"),
        (("files", "send", "endless1", "-", "--name", "x"), 2, "head -c"),
        (("sendfile", "endless1", "-", "--name", "x"), 2, "head -c"),
    ):
        result = sh(cli, f'exec "$@" <{zero}', "--profile", "endless1", *command)
        assert (result.status, result.out) == (status, ""), (command, result)
        assert said in result.err.splitlines()[-1]
        assert "Traceback" not in result.err
    assert cli.ok("--profile", "endless1", "history").out == ""


@pytest.mark.parametrize("file", ["config.toml", "known_brokers", "profiles/endless2/profile.toml"])
def test_settings_without_an_end_are_refused_in_a_line(cli: Cli, file: str) -> None:
    cli.accounts("endless2")
    path = cli.home.config / file
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")
    profile = () if file == "config.toml" else ("--profile", "endless2")
    result = cli(*profile, "whoami")
    assert (result.status, len(result.err.splitlines())) == (9, 1), result
    assert str(path) in result.err


def test_only_the_lines_that_are_needed_are_read(cli: Cli, tmp_path: Path) -> None:
    long = tmp_path / "long"
    long.write_text(f"{PASSWORD}\n" + "x" * 2_000_000)
    cli.ok("signup", "first1", "--password-file", str(long))


def test_text_of_another_encoding_is_named(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("other1")
    (tmp_path / "wide").write_text(PASSWORD, encoding="utf-16")
    for command, data in (
        (("send", "other1", "-"), "hello".encode("utf-16")),
        (("login", "other1", "--password-file", str(tmp_path / "wide")), b""),
    ):
        result = cli("--profile", "other1", *command, stdin=data)
        assert result.status == 2
        assert "UTF-16; save it as UTF-8" in result.err


def test_one_line_feed_at_the_end_of_a_message_is_the_end_of_its_line_and_no_other_byte_is_altered(
    cli: Cli,
) -> None:
    cli.accounts("ends1", "ends2")
    given = {
        "a\n": "a",
        "a\n\n": "a\n",
        "\n\n": "\n",
        "a\r\n": "a\r",
        " \n": " ",
        "\ta ": "\ta ",
        "a\nb": "a\nb",
    }
    for text in given:
        cli.ok("--profile", "ends1", "send", "ends2", "-", stdin=text)
    bodies = [each["body"] for each in cli.ok("--profile", "ends2", "history", "--json").objects]
    assert bodies == list(given.values())
    for command in (("send", "ends2", "-"), ("broadcast", "-")):
        for nothing in ("", "\n"):
            empty = cli("--profile", "ends1", *command, stdin=nothing)
            assert (empty.status, "empty" in empty.err) == (2, True), empty


def test_the_end_of_a_passwords_line_is_no_part_of_it_and_no_other_byte_is_altered(cli: Cli) -> None:
    secret = " with a return\r"
    cli.ok("signup", "ends3", "--password-stdin", stdin=f"{secret}\r\n")
    cli.ok("logout")
    assert cli("login", "ends3", "--password-stdin", stdin=f"{secret.rstrip()}\n").status == 4
    cli.ok("login", "ends3", "--password-stdin", stdin=f"{secret}\r\n")


@pytest.mark.parametrize("text", [b"caf\xe9", b"\xed\xa0\x80"])
def test_what_is_no_text_is_answered_with_what_to_do(cli: Cli, text: bytes) -> None:
    cli.accounts("other2")
    calls = (
        (("send", "other2", "-"), text),
        (("send", "other2", os.fsdecode(text)), b""),
        (("broadcast", os.fsdecode(text)), b""),
        (("files", "send", "other2", "-", "--name", "x", "--note", os.fsdecode(text)), b"content"),
        (("passwd", "--password-stdin"), text),
        (("chat",), b"to other2\n" + text + b"\n"),
    )
    for arguments, stdin in calls:
        result = cli("--profile", "other2", *arguments, stdin=stdin)
        assert result.status == (8 if arguments == ("chat",) else 2), result
        assert "onvert it" in result.err, (arguments, result.err)
