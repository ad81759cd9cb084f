"""The first run: from nothing to a conversation in a few lines, typed or piped."""

from collections.abc import Callable
from pathlib import Path

from tests.acceptance.conftest import Cli
from tests.support.chat import Chat, open_chat
from tests.support.harness import BIN

SECRET = "a long secret"


def asks_after(refusals: int) -> Callable[[list[str]], bool]:
    """Whether the screen asks for the password after so many were refused."""
    return lambda lines: (
        lines[-1].startswith("Password") and sum("wrong user name" in line for line in lines) == refusals
    )


def test_a_newcomer_is_led_to_an_account_and_talks(cli: Cli) -> None:
    cli.accounts("guide1")
    with open_chat(cli, "first1") as chat:
        chat.until_line("User name:")
        chat.enter("First1")
        chat.until_line("New here? [y/N]:")
        chat.enter("y")
        chat.until_line("Password, at least 8 characters:")
        chat.enter("short")
        chat.until("a password has at least 8 characters")
        chat.enter(SECRET)
        chat.until_line("The same again:")
        chat.enter(SECRET)
        chat.until("Welcome, first1.")
        chat.online()
        chat.until_line("first1>")
        chat.enter("send guide1 hello")
        chat.said("hello ✓")
        assert SECRET not in chat.raw.decode()
    assert "first1" in cli.ok("--profile", "first1", "whoami").out


def test_a_wrong_password_is_said_and_asked_for_again_three_times(cli: Cli) -> None:
    cli.accounts("known1")
    with open_chat(cli, "known2") as chat:
        for answer, question in (("known1", "User name:"), ("n", "New here? [y/N]:")):
            chat.until_line(question)
            chat.enter(answer)
        chat.until_line("Password:")
        chat.enter("not this one")
        chat.until("wrong user name or password")
        chat.until_line("Password (nothing: another name):")
        chat.enter("")
        chat.until_line("User name:")
        chat.enter("known1")
        chat.until_line("New here? [y/N]:")
        chat.enter("perhaps")
        chat.until("answer y for yes or n for no")
        chat.until_line("New here? [y/N]:")
        chat.enter("n")
        chat.until_line("Password:")
        chat.enter("correct horse battery")
        chat.until("Welcome back, known1.")
        chat.online()
    with open_chat(cli, "known3") as chat:
        for answer, question in (("known1", "User name:"), ("n", "New here? [y/N]:")):
            chat.until_line(question)
            chat.enter(answer)
        for before in range(3):
            chat.wait(asks_after(before), f"question {before + 1}")
            chat.enter("not this one")
        assert chat.finish() == 4
        assert "cnmessage: wrong user name or password" in chat.text


def test_the_same_answers_through_a_pipe_lead_to_the_same(cli: Cli) -> None:
    cli.accounts("guide2")
    answers = ("Piped1", "y", "short", SECRET, SECRET, "send guide2 from a pipe", "exit")
    result = cli("--profile", "piped1", "chat", stdin="".join(f"{line}\n" for line in answers))
    assert result.status == 0, result
    shown = result.out + result.err
    for told in ("User name:", "New here?", "a password has at least 8 characters", "Welcome, piped1."):
        assert told in shown
    assert [row[5] for row in cli.ok("--profile", "guide2", "history").rows] == ["from a pipe"]


def test_who_types_ahead_answers_the_next_questions(cli: Cli) -> None:
    cli.accounts("guide3")
    with open_chat(cli, "ahead1") as chat:
        chat.until_line("User name:")
        chat.type("".join(f"{line}\r" for line in ("ahead1", "y", SECRET, SECRET, "one line too many")))
        chat.until("Welcome, ahead1.")
        chat.until("1 typed ahead without being asked for")
        chat.online()
        assert SECRET not in chat.text
        for _ in range(5):
            chat.key("up")
        chat.type("x")
        chat.until_line("ahead1> x")
        assert SECRET not in chat.raw.decode()


def test_the_broker_is_asked_for_when_none_was_named_and_asked_again_when_nobody_answers(cli: Cli) -> None:
    environment = {**cli.environment(TERM="xterm-256color", LANG="C.UTF-8")}
    place = environment.pop("CNMESSAGE_BROKER").removeprefix("cnm://").partition("#")[0]
    command = [str(BIN / "cnmessage"), "--profile", "asked1", "--timeout", "1", "chat"]
    with Chat(command, environment) as chat:
        chat.until_line("Broker [127.0.0.1:12416]:")
        chat.enter("127.0.0.1:1")
        chat.until("127.0.0.1:1 refuses connections")
        chat.until_line("Broker [127.0.0.1:12416]:")
        chat.enter(place)
        chat.until("accepted the key of the broker")
        chat.until_line("User name:")
        chat.key("ctrl-c")
        assert chat.finish() == 130


def test_three_answers_that_are_neither_yes_nor_no_are_not_taken_for_a_no(cli: Cli) -> None:
    cli.accounts("neither1")
    for piped in (True, False):
        if piped:
            result = cli("--profile", "neither2", "chat", stdin="neither1\nja\nsure\nj\n" + SECRET)
            assert result.status == 2
            shown = result.err
        else:
            with open_chat(cli, "neither2") as chat:
                chat.until_line("User name:")
                chat.enter("neither1")
                for answer in ("ja", "sure", "j"):
                    chat.until_line("New here? [y/N]:")
                    chat.enter(answer)
                assert chat.finish() == 2
                shown = " ".join(chat.text.split())
        assert "answered 3 times with neither y nor n" in shown
        assert "Password" not in shown
    assert not cli.home.profile("neither2").folder.exists()


def test_line_after_line_ctrl_c_leaves_a_first_run_as_its_first_words_say(cli: Cli) -> None:
    with open_chat(cli, "leaves1", "--plain") as chat:
        chat.until("Ctrl-C leaves")
        chat.until("User name:")
        chat.key("ctrl-c")
        assert chat.finish() == 130


def test_answers_that_end_too_early_leave_nobody_logged_in(cli: Cli) -> None:
    result = cli("--profile", "ended1", "chat", stdin="ended1\ny\n")
    assert result.status == 4
    assert "the answers ended before anybody was logged in" in result.err


def test_without_input_it_says_how_to_log_in(cli: Cli) -> None:
    result = cli("--profile", "noinput1", "chat", "--no-input")
    assert result.status == 4
    assert "signup" in result.err


def test_the_program_alone_opens_the_chat_only_where_a_person_sits(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("bare1")
    assert "Usage" in cli.ok("--profile", "bare1").out
    with Chat(
        [str(BIN / "cnmessage"), "--profile", "bare1"], cli.environment(TERM="xterm-256color", LANG="C.UTF-8")
    ) as chat:
        chat.online()
        chat.until_line("bare1>")
        chat.key("ctrl-d")
        assert chat.finish() == 0
