"""What this machine keeps: profiles, known brokers, and a home that cannot be used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnmessage_client.address import parse_address
from cnmessage_client.known_brokers import KnownBrokers
from cnmessage_client.link.outbox import Outbox
from cnmessage_protocol.conversation import from_wire
from cnmessage_protocol.ids import ClientId, uuid7
from cnmessage_protocol.records import NewMessage
from tests.acceptance.conftest import Cli
from tests.support.harness import PASSWORD
from tests.support.patience import PATIENCE


def wait_in(cli: Cli, name: str, *bodies: str) -> Outbox:
    """Messages that an earlier command has left in the profile of this user."""
    left = Outbox(cli.home.profile(name).outbox, name, "1-killed")
    left.add(
        NewMessage(ClientId(uuid7(number, bytes(10))), (from_wire(name),), body)
        for number, body in enumerate(bodies, 1)
    )
    return left


# -- profiles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["login", "signup"])
def test_a_login_that_fails_leaves_no_profile_behind(cli: Cli, verb: str) -> None:
    cli.accounts("real1")
    for profile, password, more in (
        ("ghost", "not this one, certainly", ()),
        ("ghost", "short", ()),
        ("ghost", PASSWORD, ("--broker", "127.0.0.1:1")),
        ("ghost", PASSWORD, ("--broker", cli.address.replace("127.0.0.1", "nowhere.invalid"))),
    ):
        assert cli("--profile", profile, *more, verb, "real1", "--password-stdin", stdin=password).status != 0
        assert not cli.home.profile("ghost").folder.exists()
    assert [row[0] for row in cli.ok("profile", "list").rows] == ["real1"]
    assert "nobody has logged in with profile 'ghost' yet" in cli("--profile", "ghost", "whoami").err


def test_a_wrong_password_keeps_the_profile_that_was_there(cli: Cli, password_file: str) -> None:
    cli.accounts("stays1")
    cli.ok("--profile", "stays1", "logout")
    assert cli("--profile", "stays1", "login", "stays1", "--password-stdin", stdin="wrong pass").status == 4
    cli.ok("--profile", "stays1", "login", "stays1", "--password-file", password_file)
    assert len(cli.ok("--profile", "stays1", "devices").rows) == 1


@pytest.mark.parametrize("how", ["logout", "revoked", "passwd"])
def test_a_profile_shows_its_user_only_while_logged_in(cli: Cli, password_file: str, how: str) -> None:
    name, other = f"gone-{how}", f"other-{how}"
    cli.accounts(name)
    cli.ok("--profile", other, "login", name, "--password-file", password_file)
    if how == "logout":
        cli.ok("--profile", name, "logout")
    elif how == "revoked":
        (mine,) = (row for row in cli.ok("--profile", name, "devices").rows if row[4] == "this one")
        cli.ok("--profile", other, "devices", "revoke", mine[0])
    else:
        cli.ok("--profile", other, "passwd", "--password-stdin", stdin=f"{PASSWORD}\nanother password\n")
    assert cli("--profile", name, "whoami").status == 4
    users = {row["name"]: row["user"] for row in cli.ok("profile", "list", "--json").objects}
    assert users == {name: None, other: name}


def test_another_broker_that_does_not_know_a_device_takes_nobody_off_the_profile(
    cli: Cli, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from tests.support.harness import BrokerProcess

    cli.accounts("elsewhere1")
    with BrokerProcess(tmp_path_factory.mktemp("elsewhere") / "broker") as other:
        assert cli("--profile", "elsewhere1", "--broker", other.address, "whoami").status == 4
    cli.ok("--profile", "elsewhere1", "whoami")


def test_a_profile_is_removed_when_nothing_is_lost_by_it(cli: Cli) -> None:
    cli.accounts("away1", "stay1")
    cli.ok("--profile", "away1", "logout")
    cli.ok("profile", "use", "away1")
    (removed,) = cli.ok("profile", "rm", "away1", "--json").objects
    assert removed == {"profile": "away1", "status": "removed", "discarded": 0}
    assert [row[0] for row in cli.ok("profile", "list").rows] == ["stay1"]
    assert not cli.home.profile("away1").folder.exists()
    again = cli("profile", "rm", "away1")
    assert (again.status, "no profile 'away1'" in again.err) == (2, True)


def test_what_would_be_lost_with_a_profile_is_said_and_needs_force(cli: Cli) -> None:
    cli.accounts("full1")
    wait_in(cli, "full1", "one", "two").close()
    refused = cli("profile", "rm", "full1")
    assert refused.status == 6
    for told in ("2 messages", "full1 is logged in", "--force"):
        assert told in refused.err
    assert "full1" in cli.ok("profile", "list").out
    (removed,) = cli.ok("profile", "rm", "full1", "--force", "--json").objects
    assert removed["discarded"] == 2
    assert not cli.home.profile("full1").outbox.exists()


def test_a_person_is_asked_before_a_profile_with_messages_is_removed(cli: Cli) -> None:
    cli.accounts("asked1")
    cli.ok("--profile", "asked1", "logout")
    wait_in(cli, "asked1", "one").close()
    for answer, status in (("n", 130), ("y", 0)):
        with cli.terminal("profile", "rm", "asked1") as terminal:
            assert "1 message" in terminal.until("[y/N]: ")
            terminal.enter(f"{answer}\n")
            assert terminal.finish() == status
        assert cli.home.profile("asked1").exists is (answer == "n")


def test_a_profile_that_a_program_uses_is_not_removed(cli: Cli) -> None:
    cli.accounts("used1")
    running = wait_in(cli, "used1", "on its way")
    refused = cli("profile", "rm", "used1", "--force")
    assert (refused.status, "a program uses profile 'used1'" in refused.err) == (6, True)
    running.close()


# -- known brokers ---------------------------------------------------------------------------------


def test_known_brokers_are_listed_and_forgotten(cli: Cli) -> None:
    cli.accounts("knows1")
    place = parse_address(cli.address).place
    known = KnownBrokers(cli.home)
    known.pin(parse_address("Other.example:9"), bytes(32))
    known.pin(parse_address("other.example"), bytes(32))
    known.pin(parse_address("[::1]:9"), bytes(32))
    listed = cli.ok("broker", "list", "--json").objects
    assert [each["broker"] for each in listed] == sorted(
        [place, "other.example:9", "other.example:12416", "[::1]:9"]
    )
    assert all(each["key"].startswith("SHA256:") for each in listed)
    for typed, forgotten in (
        ("other.example:9", ["other.example:9"]),
        ("[::1]", ["[::1]:9"]),
        (cli.address, [place]),
        ("OTHER.example", ["other.example:12416"]),
    ):
        assert [row[0] for row in cli.ok("broker", "forget", typed).rows] == forgotten
    assert cli.ok("broker", "list").out == ""
    missing = cli("broker", "forget", "other.example")
    assert (missing.status, "broker list" in missing.err) == (2, True)


def test_the_error_about_a_changed_key_names_the_command_that_helps(cli: Cli) -> None:
    cli.accounts("anew1")
    place = parse_address(cli.address)._replace(key=None)
    KnownBrokers(cli.home).pin(place, bytes(range(32)))
    told = cli("--profile", "anew1", "--broker", place.place, "whoami")
    assert told.status == 4
    command = told.err.split("'")[1]
    assert command.startswith("cnmessage broker forget ")
    cli.ok(*command.split()[1:])
    cli.ok("--profile", "anew1", "whoami")


# -- a home that cannot be used --------------------------------------------------------------------

_AS_NOBODY = """
import os, sys
import encodings.idna, platformdirs
import cnmessage_broker.cli, cnmessage_client.chat.drive.sitting, cnmessage_client.cli.main
os.setgid(54321)
os.setuid(54321)
broker = sys.argv.pop(1) == "broker"
(cnmessage_broker.cli if broker else cnmessage_client.cli.main).main()
"""


def as_nobody(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A command of a user without an entry in passwd."""
    return subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, *words],
        env={"PATH": os.environ["PATH"], **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")


@needs_root
@pytest.mark.parametrize(
    "words",
    [
        ("client", "whoami"),
        ("client", "profile", "list"),
        ("client", "chat"),
        ("broker", "start"),
        ("broker", "health"),
    ],
)
def test_a_user_without_a_home_is_told_which_variable_helps(words: tuple[str, ...]) -> None:
    result = as_nobody(*words)
    (line,) = result.stderr.splitlines()
    assert "CNMESSAGE_HOME" in line
    assert (result.returncode, result.stdout) == (2 if words[0] == "broker" else 6, "")


@needs_root
def test_what_needs_no_home_works_without_one() -> None:
    for words in (("client", "--help"), ("client", "completion", "bash")):
        result = as_nobody(*words)
        assert (result.returncode, result.stderr) == (0, "")


@needs_root
def test_a_home_of_another_user_is_named_with_its_owner(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    for words in (("client", "whoami"), ("client", "profile", "list"), ("client", "broker", "list")):
        result = as_nobody(*words, CNMESSAGE_HOME=str(home))
        (line,) = result.stderr.splitlines()
        assert result.returncode == 6
        assert str(tmp_path) in line
        assert "Permission denied" in line
        assert "belongs to root" in line


def test_every_way_in_which_a_home_is_none_is_one_line(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("homeless1")
    (tmp_path / "file").write_text("a regular file")
    (tmp_path / "crowded" / "profiles").mkdir(parents=True)
    (tmp_path / "crowded" / "profiles" / "default").write_text("no directory")
    (tmp_path / "odd" / "profiles" / "default" / "profile.toml").mkdir(parents=True)
    (tmp_path / "key" / "profiles" / "default" / "device.key").mkdir(parents=True)
    (tmp_path / "pins" / "known_brokers").mkdir(parents=True)
    (tmp_path / "loop").symlink_to("loop")
    for home in ("file", "file/below", "crowded", "odd", "key", "pins", "loop"):
        result = cli(
            "signup", "homeless2", "--password-stdin", stdin=PASSWORD, CNMESSAGE_HOME=str(tmp_path / home)
        )
        assert (result.status, result.out) == (6, ""), (home, result)
        line = result.err.splitlines()[-1]
        assert line.startswith("cnmessage: cannot use ")
        assert str(tmp_path / home) in line
        assert "CNMESSAGE_HOME" in line
    # Nothing of it has made the account.
    cli.ok("--profile", "homeless2", "signup", "homeless2", "--password-stdin", stdin=PASSWORD)


def test_a_key_that_cannot_be_pinned_is_told_and_undoes_nothing(cli: Cli) -> None:
    cli.accounts("unpinned1")
    known = cli.home.config / "known_brokers"
    known.unlink()
    lock = known.with_suffix(".lock")
    lock.unlink()
    lock.mkdir()
    sent = cli("--profile", "unpinned1", "send", "unpinned1", "hi")
    assert (sent.status, len(sent.rows)) == (0, 1)
    (told,) = sent.err.splitlines()
    assert str(known) in told


def test_a_home_that_can_be_read_only_is_enough_to_read(cli: Cli) -> None:
    cli.accounts("reader1")
    cli.ok("--profile", "reader1", "send", "reader1", "hi")
    for folder in (cli.home.config, *cli.home.config.rglob("*")):
        folder.chmod(folder.stat().st_mode & ~0o222)
    try:
        assert "hi" in cli.ok("--profile", "reader1", "history").out
    finally:
        for folder in (cli.home.config, *cli.home.config.rglob("*")):
            folder.chmod(folder.stat().st_mode | 0o200)
