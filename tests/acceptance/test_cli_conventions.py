"""What holds for every command: streams, options on both sides, precedence, JSON, tab-separated lines."""

import json
import re
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.support.harness import PASSWORD, BrokerProcess, free_port

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")


def test_data_goes_to_stdout_and_everything_else_to_stderr(cli: Cli) -> None:
    made = cli.ok("--profile", "data1", "signup", "data1", "--password-stdin", stdin=PASSWORD + "\n")
    assert made.out == f"data1\tdata1\t{cli.address.removeprefix('cnm://').partition('#')[0]}\n"
    assert "Try: " in made.err
    assert PASSWORD not in made.out + made.err
    empty = cli.ok("--profile", "data1", "history")
    assert (empty.out, empty.err) == ("", "Nothing there.\n")
    failed = cli("--profile", "data1", "send", "nobody-there", "hi")
    assert failed.out == ""
    assert failed.err.startswith("cnmessage: there is no user 'nobody-there'")


def test_quiet_leaves_data_and_errors_only(cli: Cli) -> None:
    made = cli.ok("signup", "quiet1", "--quiet", "--password-stdin", stdin=PASSWORD)
    assert made.out.startswith("quiet1\t")
    assert made.err == ""
    assert cli("-q", "send", "nobody-there", "hi").err != ""


def test_options_are_accepted_before_and_after_the_command(cli: Cli) -> None:
    cli.accounts("both1")
    options = (
        "--profile",
        "both1",
        "--broker",
        cli.address,
        "--json",
        "--no-input",
        "--quiet",
        "--timeout",
        "9",
    )
    before = cli.ok(*options, "whoami", CNMESSAGE_BROKER="")
    after = cli.ok("whoami", *options, CNMESSAGE_BROKER="")
    assert before.objects == after.objects
    assert before.objects[0]["user"] == "both1"


def test_what_stands_after_the_command_wins_over_what_stands_before_it(cli: Cli) -> None:
    cli.accounts("win1", "win2")
    result = cli.ok("--profile", "win1", "whoami", "--profile", "win2", CNMESSAGE_PROFILE="nobody")
    assert result.rows[0][0] == "win2"
    nested = cli.ok("--json", "blacklist", "--profile", "win1", "add", "win2")
    assert nested.objects == [{"name": "win2", "status": "blocked"}]


def test_for_the_profile_a_flag_wins_over_the_variable_and_the_variable_over_the_file(cli: Cli) -> None:
    cli.accounts("default", "file1", "var1", "flag1")
    assert cli.ok("whoami").rows[0][1] == "default"
    cli.ok("profile", "use", "file1")
    assert cli.ok("whoami").rows[0][1] == "file1"
    assert cli.ok("whoami", CNMESSAGE_PROFILE="var1").rows[0][1] == "var1"
    for arguments in (("--profile", "flag1", "whoami"), ("whoami", "--profile", "flag1")):
        assert cli.ok(*arguments, CNMESSAGE_PROFILE="var1").rows[0][1] == "flag1"


def test_for_the_broker_a_flag_wins_over_the_variable_and_the_variable_over_the_file(cli: Cli) -> None:
    cli.accounts("place1")
    place = cli.address.removeprefix("cnm://").partition("#")[0]
    # Nothing listens on these, so which one was asked stands in the error.
    flag, variable = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    assert cli.ok("--profile", "place1", "whoami", CNMESSAGE_BROKER="").rows[0][2] == place
    command = ("whoami", "--profile", "place1", "--timeout", "0.3")
    assert variable in cli(*command, CNMESSAGE_BROKER=variable).err
    for arguments in ((*command, "--broker", flag), ("--broker", flag, *command)):
        assert flag in cli(*arguments, CNMESSAGE_BROKER=variable).err
    # The default, when nothing says anything: a new profile knows no address.
    missing = cli("whoami", "--profile", "new1", "--timeout", "0.3", CNMESSAGE_BROKER="")
    assert "127.0.0.1:12416" in missing.err or missing.status == 4


def test_cnmessage_home_holds_everything(cli: Cli, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    own = {"HOME": str(elsewhere), "XDG_CONFIG_HOME": str(elsewhere), "XDG_STATE_HOME": str(elsewhere)}
    cli.ok("signup", "home1", "--password-stdin", stdin=PASSWORD, **own)
    cli.ok("send", "home1", "to myself", **own)
    cli.ok("profile", "use", "default", **own)
    assert list(elsewhere.iterdir()) == []
    found = {str(path.relative_to(cli.home.config)) for path in cli.home.config.rglob("*") if path.is_file()}
    wanted = {"config.toml", "known_brokers", "profiles/default/device.key", "profiles/default/profile.toml"}
    assert wanted <= found
    assert (cli.home.config / "profiles/default/device.key").stat().st_mode & 0o777 == 0o600


def test_json_objects_are_exactly_the_documented_ones(cli: Cli) -> None:
    cli.accounts("exact1", "exact2")
    (sent,) = cli.ok("--profile", "exact1", "send", "exact2", "hello", "--json").objects
    assert set(sent) == {"id", "client_id", "status", "recipients"}
    assert UUID.match(sent["id"])
    assert UUID.match(sent["client_id"])
    assert (sent["status"], sent["recipients"]) == ("stored", 1)
    (message,) = cli.ok("--profile", "exact2", "history", "--json").objects
    assert TIME.match(message.pop("time"))
    expected = {
        "id": sent["id"],
        "seq": 1,
        "kind": "direct",
        "from": "exact1",
        "to": ["exact2"],
        "body": "hello",
    }
    assert message == expected
    for user in cli.ok("--profile", "exact2", "users", "--json").objects:
        assert set(user) == {"name", "online", "last_seen"}
        assert user["online"] is False
        assert user["last_seen"] is None or TIME.match(user["last_seen"])
    refused = cli("--profile", "exact1", "send", "nobody-there", "x", "--json")
    assert refused.out == ""
    assert set(refused.error) == {"code", "message", "retryable"}
    assert (refused.error["code"], refused.error["retryable"]) == ("no_such_user", False)


def test_json_is_one_ascii_object_a_line_for_every_command(cli: Cli, password_file: str) -> None:
    file = ("--password-file", password_file)
    (made,) = cli.ok("signup", "every1", *file, "--json").objects
    assert made["user"] == "every1"
    cli.accounts("every2")
    assert cli.ok("logout", "--json").objects == [{"status": "logged out"}]
    assert cli.ok("login", "every1", *file, "--json").objects == [made]
    (me,) = cli.ok("whoami", "--json").objects
    assert set(me) == {"user", "profile", "broker", "session", "unread"}
    (session,) = cli.ok("sessions", "--json").objects
    assert set(session) == {"id", "label", "created", "last_seen", "online", "current"}
    assert (session["id"], session["current"]) == (me["session"], True)
    assert cli.ok("blacklist", "add", "every2", "--json").objects == [{"name": "every2", "status": "blocked"}]
    assert cli.ok("blacklist", "list", "--json").objects == [{"name": "every2"}]
    assert cli.ok("blacklist", "rm", "every2", "--json").objects == [
        {"name": "every2", "status": "unblocked"}
    ]
    (cast,) = cli.ok("broadcast", "grüße", "--json").objects
    assert cast["recipients"] == 0
    current = {one["name"]: one["current"] for one in cli.ok("profile", "list", "--json").objects}
    assert current == {"default": True, "every2": False}
    assert cli.ok("profile", "use", "every2", "--json").objects == [{"profile": "every2"}]


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("send",),
        ("history", "--no-such-option"),
        ("history", "--since", "never"),
        ("users", "--timeout", "soon"),
        ("blacklist", "remove", "bob"),
        ("completion", "tcsh"),
    ],
)
def test_usage_errors_are_json_objects_too(cli: Cli, arguments: tuple[str, ...]) -> None:
    result = cli(*arguments, "--json")
    assert result.status == 2
    assert result.out == ""
    assert result.error["code"] == "usage"
    assert result.error["message"]


def test_without_a_terminal_lines_are_tab_separated_and_one_message_is_one_line(cli: Cli) -> None:
    cli.accounts("tab1", "tab2")
    cli.ok("--profile", "tab1", "send", "tab2", "a\tb\nc\\d")
    (row,) = cli.ok("--profile", "tab2", "history").rows
    seq, time, kind, sender, to, body = row
    assert (seq, kind, sender, to, body) == ("1", "direct", "tab1", "tab2", "a\\tb\\nc\\\\d")
    assert TIME.match(time)
    assert ["tab2", "offline", ""] in cli.ok("--profile", "tab2", "users").rows


@pytest.mark.parametrize("variable", ["NO_COLOR", "TERM", "CLICOLOR_FORCE", "FORCE_COLOR"])
def test_a_pipe_gets_no_colour_whatever_the_environment_says(cli: Cli, variable: str) -> None:
    cli.accounts(f"pipe-{variable.lower()}")
    result = cli.ok("--profile", f"pipe-{variable.lower()}", "users", **{variable: "1"})
    assert "\x1b" not in result.out + result.err
    assert "\t" in result.out


def test_secrets_are_never_the_value_of_a_flag(cli: Cli) -> None:
    for command in ("signup", "login", "passwd"):
        assert cli(command, "--password", "secret").status == 2
        assert "--password-stdin" in cli.ok("help", command).out


def test_password_from_standard_input_and_from_a_file_are_the_same(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "with-crlf"
    file.write_bytes(b"gr\xc3\xbc\xc3\x9fe aus K\xc3\xb6ln\r\nsecond line\n")
    cli.ok("signup", "secret1", "--password-file", str(file))
    cli.ok("logout")
    cli.ok("login", "secret1", "--password-stdin", stdin="grüße aus Köln\n")
    both = cli("login", "secret1", "--password-stdin", "--password-file", str(file), stdin="x")
    assert (both.status, "not both" in both.err) == (2, True)
    missing = cli("login", "secret1", "--password-file", str(tmp_path / "none"))
    assert missing.status == 2
    assert "none" in missing.err


def test_nothing_is_ever_asked_without_a_terminal(cli: Cli) -> None:
    for arguments in (("signup", "asked1"), ("login", "asked1"), ("passwd",), ("signup",)):
        result = cli(*arguments)
        assert result.status == 2
        assert result.out == ""
        assert "needed" in result.err


def test_help_lists_every_command_and_explains_each(cli: Cli, town: BrokerProcess) -> None:
    overview = cli.ok("help").out
    assert overview == cli.ok("--help").out == cli.ok().out
    commands = ["send", "broadcast", "history", "watch", "users", "blacklist", "profile", "completion"]
    for name in (*commands, "signup", "login", "logout", "passwd", "whoami", "devices", "broker"):
        assert f"  {name} " in overview
    for name in ("send", "block", "list_users", "history"):
        explained = cli.ok("help", name).out
        assert "Usage: cnmessage" in explained
        assert "--json" in explained


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("sned", "send"), ("histroy", "history"), ("list_user", "list_users"), ("blok", "block")],
)
def test_an_unknown_command_is_answered_with_what_it_may_have_been(cli: Cli, typed: str, meant: str) -> None:
    for arguments in ((typed, "bob", "hi"), ("help", typed)):
        result = cli(*arguments)
        assert result.status == 2
        assert f"did you mean '{meant}'?" in result.err
    assert "did you mean" not in cli("xyzzy").err


def test_a_dash_reads_the_message_from_standard_input(cli: Cli) -> None:
    cli.accounts("dash1")
    text = "erste Zeile\nzweite ✓ 👩‍👩‍👧 نص\n\nletzte\n"
    cli.ok("--profile", "dash1", "send", "dash1", "-", stdin=text)
    cli.ok("--profile", "dash1", "broadcast", "-", stdin="hello all")
    (message,) = cli.ok("--profile", "dash1", "history", "--json").objects
    assert message["body"] == text.removesuffix("\n")
    broken = cli("--profile", "dash1", "send", "dash1", "-", stdin=b"\xff\xfe")
    assert (broken.status, "UTF-8" in broken.err) == (2, True)


def test_json_is_written_line_by_line_even_when_unicode_is_not_in_the_locale(cli: Cli) -> None:
    cli.accounts("ascii1")
    cli.ok("--profile", "ascii1", "send", "ascii1", "ünï ✓")
    result = cli.ok("--profile", "ascii1", "history", "--json", PYTHONIOENCODING="ascii")
    assert json.loads(result.out)["body"] == "ünï ✓"
    assert result.out.isascii()
