"""Every documented exit status, each produced by a real command, and what stderr says with it."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

from cnmessage_client import Client
from cnmessage_client.address import parse_address
from cnmessage_client.known_brokers import KnownBrokers
from tests.acceptance.conftest import Cli, Running
from tests.support.harness import BIN, PASSWORD, BrokerProcess, free_port, home_at
from tests.support.patience import PATIENCE


def test_0_done(cli: Cli) -> None:
    cli.accounts("zero1")
    assert cli("--profile", "zero1", "send", "zero1", "hi").status == 0


def test_1_when_the_reader_of_a_pipe_goes_away_without_a_word_about_it(cli: Cli) -> None:
    cli.accounts("pipe1")
    cli.ok("--profile", "pipe1", "send", "pipe1", "hi")
    reader, writer = os.pipe()
    os.close(reader)
    command = [str(BIN / "cnmessage"), "--profile", "pipe1", "history"]
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, env=cli.environment(), check=False, timeout=PATIENCE
    )
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == b""


def test_6_with_one_clear_line_when_standard_output_is_full(cli: Cli) -> None:
    cli.accounts("full1")
    command = [str(BIN / "cnmessage"), "--profile", "full1", "whoami"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, env=cli.environment(), check=False, timeout=PATIENCE
        )
    assert done.returncode == 6
    assert "no room for the output" in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_an_unusable_home_is_one_clear_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a regular file")
    result = cli(
        "signup", "nohome1", "--password-stdin", stdin=PASSWORD, CNMESSAGE_HOME=str(tmp_path / "file" / "x")
    )
    assert result.status not in {0, 2}
    assert "Traceback" not in result.err
    assert result.err.startswith("cnmessage: ")


def test_text_the_locale_cannot_write_is_printed_all_the_same(cli: Cli) -> None:
    cli.accounts("locale1")
    cli.ok("--profile", "locale1", "send", "locale1", "grüße ✓")
    result = cli("--profile", "locale1", "history", PYTHONIOENCODING="ascii")
    assert (result.status, result.err) == (0, "")
    assert "gr" in result.out


def test_2_a_password_that_is_no_text(cli: Cli) -> None:
    result = cli("--profile", "binary", "signup", "binary1", "--password-stdin", stdin=b"\xff\xfe12345678\n")
    assert (result.status, result.out) == (2, "")
    assert "not UTF-8 text" in result.err


def test_2_usage(cli: Cli) -> None:
    cli.accounts("usage1")
    for arguments, hint in (
        (("send", "bob"), 'cnmessage send NAME "TEXT"'),
        (("broadcast",), "--help"),
        (("history", "many"), "many"),
        (("send", "usage1", ""), "empty"),
        (("send", "No Name!", "hi"), "cannot be a user"),
        (("send", "usage1", "Lunch?", "now"), "put the text in quotes"),
        (("whoami", "--broker", "x y"), "HOST:PORT"),
        (("--profile", "../../etc", "whoami"), "cannot be a profile"),
        (("profile", "use", "missing"), "signup"),
        (("signup", "All", "--password-stdin"), "reserved"),
        (("--profile", "fresh", "signup", "x", "--password-stdin"), "at least"),
        (("whoami", "--timeout", "0"), "0"),
        (("whoami", "--timeout", "nan"), "is no time"),
    ):
        result = cli("--profile", "usage1", *arguments, stdin="short\n")
        assert (result.status, result.out) == (2, ""), arguments
        assert hint in result.err
        assert result.err.startswith("cnmessage: ")
        assert len(result.err.splitlines()) == 1


def test_2_a_client_id_that_is_none_says_what_one_looks_like(cli: Cli) -> None:
    cli.accounts("uuid1")
    result = cli("--profile", "uuid1", "send", "uuid1", "x", "--client-id", "seventeen")
    assert result.status == 2
    assert "seventeen" in result.err or "client-id" in result.err


def test_3_an_unreachable_broker_within_the_time_out_and_what_became_of_the_message(cli: Cli) -> None:
    cli.accounts("far1")
    nowhere = cli.address.replace(cli.address.split(":")[2].split("#")[0], str(free_port()))
    send = cli("--profile", "far1", "--broker", nowhere, "--timeout", "0.3", "send", "far1", "hi", "--json")
    assert (send.status, send.out) == (3, "")
    assert send.error["code"] == "unreachable"
    assert send.error["retryable"] is True
    assert send.error["message"].endswith("The message was not sent.")
    other = cli("--profile", "far1", "--broker", nowhere, "--timeout", "0.3", "whoami")
    assert other.status == 3
    assert "is it running?" in other.err
    assert "message was" not in other.err


def test_4_wrong_password_and_not_logged_in(cli: Cli) -> None:
    cli.accounts("auth1")
    wrong = cli("login", "auth1", "--password-stdin", "--json", stdin="not the password\n")
    unknown = cli("login", "nobody-there", "--password-stdin", "--json", stdin="not the password\n")
    assert wrong.status == unknown.status == 4
    # Who exists is not told apart from who does not.
    assert wrong.error == unknown.error
    for command in (
        ("send", "auth1", "hi"),
        ("history",),
        ("users",),
        ("passwd", "--password-stdin"),
        ("sessions",),
    ):
        result = cli("--profile", "fresh", *command, stdin="old password\nnew password\n")
        assert (result.status, result.out) == (4, "")
        assert "login" in result.err


def test_4_a_changed_broker_key_is_refused_before_a_secret_is_sent(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("key1")
    place = parse_address(cli.address)._replace(key=None)
    KnownBrokers(cli.home).pin(place, bytes(range(32)))
    told = cli("--profile", "key1", "whoami")
    assert told.status == 4
    assert f"broker forget {place.place}" in told.err
    # Now the address holds no key either: only the broker itself can show that it has another one.
    for arguments in (("--profile", "key1", "whoami"), ("login", "key1", "--password-stdin")):
        result = cli(*arguments, "--broker", place.place, "--json", stdin=PASSWORD)
        assert result.status == 4
        assert result.error["code"] == "broker_key_changed"
        assert place.place in result.error["message"]


def test_5_no_such_user_or_session(cli: Cli) -> None:
    cli.accounts("none1")
    for arguments in (
        ("send", "nobody-there", "hi"),
        ("send", "none1", "nobody-there", "hi"),
        ("history", "--with", "nobody-there"),
        ("blacklist", "add", "nobody-there"),
        ("sessions", "revoke", "999999"),
    ):
        result = cli("--profile", "none1", *arguments)
        assert (result.status, result.out) == (5, ""), result.err
    assert cli.ok("--profile", "none1", "history").out == ""


def test_6_a_name_that_is_taken_and_what_one_may_not_do(cli: Cli, password_file: str) -> None:
    cli.accounts("taken1")
    taken = cli(
        "--profile", "other", "signup", "Taken1", "--password-stdin", "--json", stdin="another password"
    )
    assert (taken.status, taken.error["code"]) == (6, "name_taken")
    assert cli("--profile", "taken1", "blacklist", "add", "taken1").status == 6
    one = "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001"
    first = cli.ok("--profile", "taken1", "send", "taken1", "one", "--client-id", one)
    assert cli.ok("--profile", "taken1", "send", "taken1", "one", "--client-id", one).out == first.out
    assert cli("--profile", "taken1", "send", "taken1", "two", "--client-id", one).status == 6


def test_7_a_message_that_is_too_large_and_not_one_byte_less(cli: Cli) -> None:
    cli.accounts("large1")
    cli.ok("--profile", "large1", "send", "large1", "-", stdin="é" * 32768)
    result = cli("--profile", "large1", "send", "large1", "-", stdin="é" * 32768 + "x")
    assert result.status == 7
    assert "65537" in result.err
    assert "65536" in result.err


def test_7_too_many_attempts(tmp_path: Path) -> None:
    strict = BrokerProcess(
        tmp_path / "strict", CNMESSAGE_BROKER_LOGIN_BURST="1", CNMESSAGE_BROKER_LOGIN_RATE="0.01"
    )
    with strict:
        cli = Cli(home_at(tmp_path / "home"), strict.address)
        assert cli("login", "anybody", "--password-stdin", stdin="guess number one").status == 4
        result = cli("login", "anybody", "--password-stdin", "--json", stdin="guess number two")
    assert (result.status, result.error["code"]) == (7, "rate_limited")
    assert result.error["retryable"] is True


def test_8_partly_done_says_which_part_was_not(cli: Cli) -> None:
    cli.accounts("part1", "part2")
    result = cli("--profile", "part1", "blacklist", "add", "part2", "nobody-there")
    assert (result.status, result.rows) == (8, [["part2", "blocked"]])
    assert "'nobody-there'" in result.err
    assert "1 of 2" in result.err
    as_json = cli("--profile", "part1", "sessions", "revoke", "999", "998", "--json")
    assert as_json.status == 5
    assert "999" in as_json.err
    assert "998" in as_json.err


def test_each_failure_of_several_is_reported_once(cli: Cli) -> None:
    cli.accounts("once1")
    result = cli("--profile", "once1", "sessions", "revoke", "999", "998")
    assert result.status == 5
    assert len(result.err.splitlines()) == len(set(result.err.splitlines()))


def test_9_damaged_files_are_named(cli: Cli) -> None:
    cli.accounts("harm1", "harm2", "harm3")
    key = cli.home.config / "profiles/harm1/device.key"
    key.write_bytes(key.read_bytes()[:50])
    swapped = cli.home.config / "profiles/harm2/device.key"
    secret = (cli.home.config / "profiles/harm3/device.key").read_bytes().split()[1]
    swapped.write_bytes(swapped.read_bytes().split()[0] + b"\n" + secret + b"\n")
    (cli.home.config / "profiles/harm3/profile.toml").write_text('user = "harm3')
    for name, file in (("harm1", key), ("harm2", swapped), ("harm3", "profile.toml")):
        result = cli("--profile", name, "whoami", "--json", CNMESSAGE_BROKER="")
        assert result.status == 9
        assert result.error["code"] == "integrity"
        assert str(file) in result.error["message"]


def test_9_a_damaged_list_of_known_brokers_is_named(cli: Cli) -> None:
    cli.accounts("pins1")
    for damage in (b"127.0.0.1:1 AAA\n", b"127.0.0.1:1\n", b"\xff\xfe\n"):
        (cli.home.config / "known_brokers").write_bytes(damage)
        result = cli("--profile", "pins1", "whoami", CNMESSAGE_BROKER="127.0.0.1:1")
        assert result.status == 9, result.err[-300:]
        assert "known_brokers" in result.err


def test_10_stored_but_not_delivered_or_read_in_time(cli: Cli) -> None:
    cli.accounts("wait1", "wait2")
    send = ("--profile", "wait1", "--json", "send", "wait2", "hi", "--wait")
    result = cli(*send, "delivered", "--timeout", "0.3")
    assert result.status == 10
    assert result.objects[0]["status"] == "stored"
    assert result.error["code"] == "not_delivered"

    async def fetch() -> None:
        # Receives, and reads nothing: what the message then has is "delivered", within a beat or two.
        async with Client(home=cli.home, profile="wait2", broker=cli.address) as client:
            assert (await anext(client.messages(auto_ack=False))).body == "hi"
            reached = await asyncio.to_thread(cli, *send, "delivered")
            assert (reached.status, reached.objects[0]["status"]) == (0, "delivered")
            unread = await asyncio.to_thread(cli, *send, "read", "--timeout", "2.5")
            assert (unread.status, unread.objects[0]["status"]) == (10, "delivered")

    asyncio.run(fetch())


def test_10_says_how_to_wait_longer_and_the_same_of_who_is_away_and_of_who_blocks_the_sender(
    cli: Cli,
) -> None:
    cli.accounts("closed1", "closed2", "closed3")
    cli.ok("--profile", "closed2", "blacklist", "add", "closed1")
    told = set()
    for name in ("closed2", "closed3"):
        send = ("--profile", "closed1", "send", name, "hi", "--wait", "delivered", "--timeout", "0.3")
        result = cli(*send)
        assert result.status == 10
        text, _, again = result.err.partition(" type the same again with ")
        assert text.endswith("it may still arrive, so do not send it anew; to wait longer,")
        told.add(text)
        twice = cli(*send, *again.split())
        assert (twice.status, twice.rows) == (10, result.rows), "that waits longer, and sends nothing more"
        sent = cli.ok("--profile", "closed1", "history", "--with", name).rows
        assert [row[5] for row in sent] == ["hi"]
    assert len(told) == 1


def test_130_when_interrupted_without_a_traceback(cli: Cli) -> None:
    cli.accounts("stop1")
    with cli.start("--profile", "stop1", "watch") as watch:
        cli.ok("--profile", "stop1", "send", "stop1", "to myself")
        assert watch.line().endswith("to myself")
        result = watch.end(signal.SIGINT)
    assert (result.status, result.out) == (130, "")
    assert "Traceback" not in result.err


def test_sigterm_ends_what_a_script_started_in_its_background(cli: Cli) -> None:
    cli.accounts("behind1", "behind2")
    command = ["sh", "-c", 'trap "" INT; exec "$0" "$@"', str(BIN / "cnmessage"), "--profile", "behind1"]
    with Running([*command, "watch"], cli.environment()) as watch:
        cli.ok("--profile", "behind2", "send", "behind1", "it is up")
        watch.wait_for("it is up", "stdout")
        result = watch.end(signal.SIGTERM)
    assert result.status == 130
    assert "Traceback" not in result.err
