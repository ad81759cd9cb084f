"""Profiles that something is wrong with, or that a program uses: none hides another, none is half removed."""

import os
import signal
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.acceptance.test_cli_streams import online
from tests.support.harness import eventually

NOT_TOML = b"user = ["
DAMAGES = {
    "no TOML": NOT_TOML,
    "no text": b"\xff\xfe\x00",
    "no string": b"user = 5\n",
    "no broker": b'user = "dam1"\nbroker = "x y"\n',
    "much too long": b"#" * (2 << 20),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_profile_is_named_and_does_not_hide_the_others(cli: Cli, damage: str) -> None:
    name = f"dam{list(DAMAGES).index(damage)}"
    cli.accounts(name, f"{name}-good")
    (cli.home.profile(name).folder / "profile.toml").write_bytes(DAMAGES[damage])
    for group in (("profile", "list"), ("profile",)):
        listed = cli(*group)
        assert listed.status == 8
        assert [row[0] for row in listed.rows] == [name, f"{name}-good"]
        assert listed.rows[0][3] == "damaged"
        assert listed.rows[1][1] == f"{name}-good"
        (line,) = listed.err.splitlines()
        assert f"profile rm {name} --force" in line
        assert str(cli.home.profile(name).folder) in line
    damaged, good = cli("profile", "list", "--json").objects
    assert (damaged["damaged"], damaged["user"], good["damaged"]) == (True, None, False)


KEYS = {
    "garbage": b"garbage",
    "empty": b"",
    "no key": b"x" * 40 + b"\n" + b"y" * 40 + b"\n",
    "no base": b"~" * 40 + b"\n" + b"\xff" * 40 + b"\n",
    "others may read": None,
    "gone": None,
}


@pytest.mark.parametrize("damage", KEYS)
def test_a_profile_with_a_device_key_of_no_use_is_named(cli: Cli, damage: str) -> None:
    name = f"key{list(KEYS).index(damage)}"
    cli.accounts(name, f"{name}-good")
    key, content = cli.home.profile(name).folder / "device.key", KEYS[damage]
    if content is not None:
        key.write_bytes(content)
    elif damage == "gone":
        key.unlink()
    else:
        key.chmod(0o644)
    listed = cli("profile", "list")
    assert (listed.status, [row[3] for row in listed.rows]) == (8, ["damaged", ""])
    (line,) = listed.err.splitlines()
    assert f"{key} " in f"{line} ".replace(",", " ")
    assert f"profile rm {name} --force" in line
    damaged, good = cli("profile", "list", "--json").objects
    assert (damaged["damaged"], damaged["user"], good["damaged"]) == (True, name, False)


def test_a_profile_nobody_is_logged_in_with_needs_no_key(cli: Cli) -> None:
    cli.accounts("keyless1")
    cli.ok("--profile", "keyless1", "logout")
    (cli.home.profile("keyless1").folder / "device.key").unlink(missing_ok=True)
    assert cli.ok("profile", "list").rows[0][3] != "damaged"


@pytest.mark.parametrize("make", ["pipe", "folder", "loop"])
def test_a_profile_whose_settings_are_no_file_is_named_at_once(cli: Cli, make: str) -> None:
    cli.accounts(f"odd-{make}", f"odd-{make}-good")
    path = cli.home.profile(f"odd-{make}").folder / "profile.toml"
    path.unlink()
    if make == "pipe":
        os.mkfifo(path)
    elif make == "folder":
        path.mkdir()
    else:
        path.symlink_to(path)
    listed = cli("profile", "list")
    assert (listed.status, [row[3] for row in listed.rows]) == (8, ["damaged", ""])
    assert len(listed.err.splitlines()) == 1
    assert cli("--profile", f"odd-{make}", "whoami").status in {6, 9}


def test_what_the_list_names_for_a_damaged_profile_removes_it(cli: Cli) -> None:
    cli.accounts("mend1", "mend1-good")
    (cli.home.profile("mend1").folder / "profile.toml").write_bytes(NOT_TOML)
    kept = cli("profile", "rm", "mend1")
    assert (kept.status, "--force" in kept.err, "damaged" in kept.err) == (6, True, True)
    cli.ok("profile", "rm", "mend1", "--force")
    assert [row[0] for row in cli.ok("profile", "list").rows] == ["mend1-good"]


def test_a_damaged_choice_of_profile_hides_none_and_nothing_is_half_removed(cli: Cli) -> None:
    cli.accounts("choice1")
    (cli.home.config / "config.toml").write_bytes(NOT_TOML)
    listed = cli("profile", "list")
    assert (listed.status, [row[0] for row in listed.rows]) == (8, ["choice1"])
    assert "profile use NAME" in listed.err
    assert cli("--profile", "choice1", "profile", "rm", "choice1", "--force").status == 9
    assert cli.home.profile("choice1").exists
    cli.ok("profile", "use", "choice1")
    assert cli.ok("profile", "list").rows[0][3] == "current"


@pytest.mark.parametrize("command", ["watch", "chat --plain", "send NAME hi --wait read"])
def test_a_profile_is_not_removed_beside_a_program_that_uses_it(cli: Cli, command: str) -> None:
    name = f"busy-{command[:4]}"
    cli.accounts(name, f"{name}-too")
    words = [f"{name}-too" if word == "NAME" else word for word in command.split()]
    with cli.terminal("--profile", name, *words) as running:
        eventually(
            lambda: (
                online(cli, name, f"{name}-too") or cli.ok("--profile", f"{name}-too", "history").out != ""
            )
        )
        before = content(cli.home.profile(name).folder)
        refused = cli("profile", "rm", name, "--force")
        assert (refused.status, f"a program uses profile '{name}' now" in refused.err) == (6, True)
        assert content(cli.home.profile(name).folder) == before
        running.process.send_signal(signal.SIGTERM)
        running.finish()
    cli.ok("profile", "rm", name, "--force")
    assert not cli.home.profile(name).folder.exists()


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
