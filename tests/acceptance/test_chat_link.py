"""What a person sees when the connection goes: countdown, marks, the way back; and how the chat ends."""

import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.support.chat import open_chat, talker
from tests.support.harness import BrokerProcess, home_at

OTHER_KEY = "is not the expected one"
COUNTDOWN = re.compile(r"reconnecting in \d+ s \(try \d+\)")


def own_broker(broker: BrokerProcess, folder: Path) -> Cli:
    """The command line at a broker that no other test uses."""
    return Cli(home_at(folder / "home"), broker.address)


def pause(broker: BrokerProcess, number: signal.Signals) -> None:
    """Stop it, so that it is silent, or let it go on."""
    assert broker.process is not None
    broker.process.send_signal(number)


def test_break_counts_down_queues_what_is_typed_and_comes_back_by_itself(cli: Cli) -> None:
    cli.accounts("cut1", "cut2")
    with open_chat(cli, "cut1") as chat, talker(cli.home, "cut2", cli.address) as other:
        chat.online()
        chat.enter("to cut2")
        chat.until_line("cut1 → cut2>")
        chat.enter("/break 6")
        chat.until_status(COUNTDOWN)
        chat.until("connection lost")
        chat.enter("typed while away")
        chat.said("typed while away …")
        chat.until_status("1 queued")
        for number in range(3):
            other.send("cut1", f"missed {number}")
        chat.until(re.compile(r"back after \d+s, 3 missed"))
        rows = chat.wait(lambda lines: any(line.endswith("missed 2") for line in lines), "all three")
        # Below the line that counts them, unless an attempt fails after they came: see test_talk.py.
        assert [row[-1] for row in rows if "missed" in row and "back" not in row] == ["0", "1", "2"]
        chat.said("typed while away ✓")
        chat.until_status("queued", gone=True)
        chat.online()
        assert "Password" not in chat.text


def test_a_broker_that_is_killed_and_started_again_is_found_without_a_login(
    broker_process: BrokerProcess, tmp_path: Path
) -> None:
    cli = own_broker(broker_process, tmp_path)
    cli.accounts("kill1", "kill2")
    with open_chat(cli, "kill1") as chat:
        chat.online()
        chat.enter("to kill2")
        chat.until_line("kill1 → kill2>")
        chat.enter("before")
        chat.said("before ✓")
        broker_process.kill()
        chat.until_status(re.compile(r"reconnecting in \d+ s \(try [23]\)"))
        chat.enter("while it is gone")
        chat.said("while it is gone …")
        chat.enter("/users")  # nothing hangs: a command fails in its own time, typing goes on
        chat.type("typing goes on")
        chat.until_line("kill1 → kill2> typing goes on")
        broker_process.start()
        chat.until(re.compile(r"back after \d+s, nothing missed"))
        chat.said("while it is gone ✓")
        chat.online()
        assert chat.line == "kill1 → kill2> typing goes on"
    assert [row[5] for row in cli.ok("--profile", "kill2", "history").rows] == ["before", "while it is gone"]


@pytest.mark.parametrize("how", ["gone", "silent"])
def test_who_signed_up_since_is_talked_with_while_the_broker_cannot_be_asked(
    broker_process: BrokerProcess, tmp_path: Path, how: str
) -> None:
    cli = own_broker(broker_process, tmp_path)
    cli.accounts("ask1", "ask2")
    with open_chat(cli, "ask1") as chat:
        chat.online()
        chat.enter("to ask2")
        chat.until_status("ask2 is offline")  # the list of users is here
        cli.accounts("dave")
        process = broker_process.process
        assert process is not None
        if how == "gone":
            broker_process.kill()
            chat.until("connection lost")
        else:
            process.send_signal(signal.SIGSTOP)
        chat.type("/to dave\rfor dave alone\r")
        chat.until("it is not known yet whether there is a user 'dave'")
        chat.until_line("ask1 → dave>")
        chat.said("for dave alone …")
        if how == "gone":
            broker_process.start()
        else:
            process.send_signal(signal.SIGCONT)
        chat.said("for dave alone ✓")
        assert "there is no user" not in chat.text
    assert [row[5] for row in cli.ok("--profile", "dave", "history").rows] == ["for dave alone"]
    assert cli.ok("--profile", "ask2", "history").rows == []


def test_what_is_queued_when_a_person_leaves_is_told_and_goes_out_with_the_next_command(
    broker_process: BrokerProcess, tmp_path: Path
) -> None:
    cli = own_broker(broker_process, tmp_path)
    cli.accounts("quit1", "quit2")
    with open_chat(cli, "quit1") as chat:
        chat.online()
        broker_process.kill()
        chat.until_status(COUNTDOWN)
        chat.enter("@quit2 one")
        chat.enter("@quit2 two")
        chat.until_status("2 queued")
        chat.key("ctrl-d")
        assert chat.finish() == 0
        chat.until("2 messages wait; they go out with the next command that connects")
    broker_process.start()
    cli.ok("--profile", "quit1", "whoami")
    assert [row[5] for row in cli.ok("--profile", "quit2", "history").rows] == ["one", "two"]


def test_a_chat_that_starts_without_a_broker_waits_for_it(
    broker_process: BrokerProcess, tmp_path: Path
) -> None:
    cli = own_broker(broker_process, tmp_path)
    cli.accounts("early1", "early2")
    broker_process.kill()
    with open_chat(cli, "early1") as chat:
        chat.until_status(COUNTDOWN)
        chat.enter("@early2 too early")
        chat.said("too early …")
        broker_process.start()
        chat.online()
        chat.said("too early ✓")


def test_a_broker_with_another_key_is_told_and_nothing_is_sent_to_it(
    broker_process: BrokerProcess, tmp_path: Path
) -> None:
    cli = own_broker(broker_process, tmp_path)
    cli.accounts("key1")
    with open_chat(cli, "key1") as chat:
        chat.online()
        broker_process.kill()
        chat.until_status(COUNTDOWN)
        shutil.rmtree(broker_process.data)
        broker_process.start()
        chat.until(re.compile(r"the key of the broker \S+ is not the expected one"))
        chat.until_status("offline")
        chat.enter("@key1 hello")
        chat.said("hello …")
        chat.until_status("1 queued")
        chat.key("ctrl-d")
        assert chat.finish() == 0
        chat.until("1 message waits; it goes out with the next command that connects")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_the_terminal_as_it_was(cli: Cli, number: signal.Signals) -> None:
    name = f"term{number.value}"
    cli.accounts(name)
    with open_chat(cli, name) as chat:
        chat.online()
        chat.process.send_signal(number)
        assert chat.finish() == 130
        assert b"\x1b[?1049l" in chat.raw
        assert "Traceback" not in chat.text


def test_a_chat_that_is_logged_out_elsewhere_says_so_and_logs_in_again(cli: Cli) -> None:
    cli.accounts("gone1", "gone2")
    with open_chat(cli, "gone1") as chat:
        chat.online()
        cli.ok("--profile", "gone1", "logout")
        chat.until("is not logged in any more; type: login NAME")
        chat.until_status("not logged in")
        chat.until_line("not logged in>")
        chat.enter("@gone2 hello")
        chat.until("nobody is logged in here")
        chat.enter("login gone1")
        chat.until_line("Password:")
        chat.enter("correct horse battery")
        chat.online()
        chat.until_line("gone1>")
        chat.enter("@gone2 hello again")
        chat.said("hello again ✓")
        assert "correct horse" not in chat.text


def test_thousands_of_unread_messages_do_not_flood_and_stay_unread(cli: Cli) -> None:
    cli.accounts("many1", "many2")
    with talker(cli.home, "many2", cli.address) as other:
        for number in range(250):
            other.send("many1", f"number {number}.")
    with open_chat(cli, "many1") as chat:
        chat.online()
        chat.said("number 249.")
        for _ in range(20):
            chat.key("page up")
        chat.until("250 unread messages; the latest 200 are shown here")
        assert cli.ok("--profile", "many1", "whoami").rows[0][-1] == "250"
        chat.enter("history --unread")
        chat.enter("whoami")
        chat.until("0 unread")


@pytest.mark.slow  # every look for the broker waits longer than the one before
def test_the_right_broker_is_found_again_after_one_with_another_key_stood_in_its_place(
    broker_process: BrokerProcess, tmp_path: Path
) -> None:
    cli = own_broker(broker_process, tmp_path)
    cli.accounts("key1", "key2")
    with open_chat(cli, "key1", "--timeout", "2") as chat:
        chat.online()
        broker_process.kill()
        with BrokerProcess(tmp_path / "impostor", broker_process.port):
            chat.wait(lambda rows: any(OTHER_KEY in row for row in rows), "the warning", patience=60)
            chat.enter("@key2 kept for the right one")
            chat.said("kept for the right one …")
            chat.enter("@key2 this too")
            chat.said("this too …")
            chat.enter("users")  # its own error is the second time that it is said
            chat.wait(lambda rows: sum(OTHER_KEY in row for row in rows) == 2, "the error", patience=60)
            chat.until_status("offline")
        broker_process.start()
        chat.wait(lambda rows: any(row.endswith("this too ✓") for row in rows), "the way back", patience=60)
        chat.online()
        assert sum(OTHER_KEY in row for row in chat.lines) == 2
    rows = cli.ok("--profile", "key2", "history").rows
    assert [row[5] for row in rows] == ["kept for the right one", "this too"]


@pytest.mark.parametrize("how", ["down", "silent"])
@pytest.mark.parametrize("with_whom", ["begin2", "all"])
def test_a_conversation_that_the_chat_begins_in_is_open_though_the_broker_is_not_there(
    broker_process: BrokerProcess, tmp_path: Path, how: str, with_whom: str
) -> None:
    cli = own_broker(broker_process, tmp_path)
    cli.accounts("begin1", "begin2")
    if how == "down":
        broker_process.kill()
    else:
        pause(broker_process, signal.SIGSTOP)
    try:
        with open_chat(cli, "begin1", with_whom) as chat:
            chat.until_line(f"begin1 → {with_whom}>")
            chat.type("hello\rand more\r")
            rows = chat.wait(lambda lines: any("and more …" in each for each in lines), "what is typed")
            assert any("hello …" in each for each in rows)
            assert "(try" not in chat.status, "it came only after a wait"
            chat.key("ctrl-d")
            assert chat.finish() == 0
    finally:
        if how == "silent":
            pause(broker_process, signal.SIGCONT)


def test_a_conversation_with_nobody_that_the_chat_begins_in_is_left_when_that_is_known(
    broker_process: BrokerProcess, tmp_path: Path
) -> None:
    cli = own_broker(broker_process, tmp_path)
    cli.accounts("begin3", "begin4")
    broker_process.kill()
    with open_chat(cli, "begin3", "begin44") as chat:
        chat.until_line("begin3 → begin44>")
        broker_process.start()
        chat.until("there is no user 'begin44'; did you mean 'begin4'?")
        chat.until_line("begin3>")
