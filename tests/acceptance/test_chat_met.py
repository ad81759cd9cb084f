"""What people met who had only the README: a slip is noticed, and nothing goes where it was not meant to."""

import re
from pathlib import Path

import pytest

from tests.acceptance.conftest import Cli
from tests.support.chat import open_chat, talker


def test_a_command_without_its_slash_is_asked_about_and_up_stays_out_of_the_answer(cli: Cli) -> None:
    cli.accounts("slip1", "slip2")
    with open_chat(cli, "slip1") as chat:
        chat.online()
        chat.enter("to slip2")
        chat.until_line("slip1 → slip2>")
        chat.until_status("slip2 is offline")
        for line in ("users", "history 5", "send slip2 hi", "login slip1", "block slip2", "chat slip2"):
            chat.enter(line)
            chat.until_line("[y/N]")
            assert f"the command is '/{line}'" in " ".join(chat.text.split())
            chat.key("up", "tab")
            chat.type("n")
            chat.until_line("[y/N] n")
            chat.key("enter")
            chat.until_line("slip1 → slip2>")
            chat.key("up")
            chat.until_line(f"slip1 → slip2> {line}")
            chat.key("ctrl-u")
        chat.enter("send me the file")
        chat.said("send me the file ✓")


def test_what_is_typed_in_place_of_an_answer_is_neither_lost_nor_glued_nor_sent(cli: Cli) -> None:
    cli.accounts("answer1", "answer2")
    with open_chat(cli, "answer1", rows=40) as chat:
        chat.online()
        chat.enter("to answer2")
        chat.until_line("answer1 → answer2>")
        chat.enter("WHO")
        chat.until("Send 'WHO' as text to answer2? In a conversation the command is '/who'.")
        chat.enter("a long important thought")
        chat.until_line("answer1 → answer2> a long important thought")
        chat.type("second thought")  # takes its place
        chat.until_line("answer1 → answer2> second thought")
        chat.key("enter")
        chat.said("second thought ✓")
        chat.key("up", "up")
        chat.until_line("answer1 → answer2> a long important thought")
        chat.key("enter")
        chat.said("a long important thought ✓")
        chat.enter("users")
        chat.until_line("[y/N]")
        chat.enter("passwd")
        chat.until_line("[y/N]")
        chat.type("correct horse battery\rhunter two\rhunter two\r")
        chat.until("may be a secret")
        chat.enter("/to answer1")
        chat.until_line("answer1 → answer1>")
        assert not [row for row in chat.body if "hunter" in row or "horse" in row]
        chat.enter("who")
        chat.until_line("[y/N]")
        chat.enter("/exit")
        assert chat.finish() == 0
    rows = [row[5] for row in cli.ok("--profile", "answer2", "history").rows]
    assert rows == ["second thought", "a long important thought"]


def test_the_first_chat_says_how_to_begin_until_there_is_something_to_show(cli: Cli) -> None:
    cli.accounts("blank1", "blank2")
    with open_chat(cli, "blank1") as chat, talker(cli.home, "blank2", cli.address) as other:
        chat.online()
        chat.said("'to NAME' begins a conversation, 'help' lists the rest.")
        chat.enter("to blank2")
        chat.until_line("blank1 → blank2>")
        assert "'to NAME'" not in chat.text
        chat.enter("/home")
        other.send("blank1", "hello")
        chat.said("hello")
        assert "'to NAME'" not in chat.text


@pytest.mark.parametrize("how", ["screen", "plain"])
def test_a_half_typed_text_is_no_command_when_the_login_ends_elsewhere(cli: Cli, how: str) -> None:
    names = [f"half{how}{number}" for number in (1, 2)]
    cli.accounts(*names)
    arguments = ["--plain"] if how == "plain" else []
    with open_chat(cli, names[0], names[1], *arguments) as chat:
        chat.until(f"[to {names[1]}]" if how == "plain" else f"{names[0]} → {names[1]}>")
        chat.type("ex")
        chat.until(re.compile(r"(?m)ex$"))
        cli.ok("--profile", names[0], "logout")
        chat.until("not logged in any more; type: /login NAME")
        chat.enter("it")
        chat.until("nobody is logged in here; use: /login NAME")
        chat.enter(f"/login {names[0]}")
        chat.until("Password:")
        chat.enter("correct horse battery")
        chat.until("Logged in" if how == "plain" else f"{names[0]} → {names[1]}>")
        assert "correct horse" not in chat.text
        chat.enter("text again")
        chat.until(re.compile(r"\[stored\].*text again|text again ✓"))


@pytest.mark.parametrize("how", ["screen", "plain"])
@pytest.mark.parametrize("live", [True, False], ids=["logged in", "logged out"])
def test_a_wrong_password_is_one_line_with_what_to_type_and_the_conversation_stays(
    cli: Cli, how: str, *, live: bool
) -> None:
    names = [f"slip{how}{live:d}{number}" for number in (1, 2)]
    cli.accounts(*names)
    arguments = ["--plain"] if how == "plain" else []
    with open_chat(cli, names[0], names[1], *arguments, columns=120) as chat:
        chat.until(f"[to {names[1]}]" if how == "plain" else f"{names[0]} → {names[1]}>")
        if not live:
            cli.ok("--profile", names[0], "logout")
            chat.until("not logged in any more; type: /login NAME")
        chat.enter(f"/login {names[0]}")
        chat.until("Password:")
        chat.enter("not the one")
        told = "wrong user name or password; try again: /login NAME, or, if you are new: /signup NAME"
        chat.until(re.compile(rf"(?m)^{re.escape(told)}$"))
        assert "not the one" not in chat.text
        chat.enter(f"/login {names[0]}")
        chat.until(re.compile("(?s)Password:.*Password:") if how == "plain" else "Password:")
        chat.enter("correct horse battery")
        chat.until("Logged in")  # until then, what is typed could be an answer
        chat.enter("still to you")
        chat.until(re.compile(r"\[stored\].*still to you|still to you ✓"))
    assert [row[5] for row in cli.ok("--profile", names[1], "history").rows] == ["still to you"]


@pytest.mark.parametrize("how", ["screen", "plain"])
def test_without_a_login_commands_need_no_slash_in_a_conversation(cli: Cli, how: str) -> None:
    names = [f"bare{how}{number}" for number in (1, 2)]
    cli.accounts(*names)
    arguments = ["--plain"] if how == "plain" else []
    with open_chat(cli, names[0], names[1], *arguments) as chat:
        chat.until(f"[to {names[1]}]" if how == "plain" else f"{names[0]} → {names[1]}>")
        cli.ok("--profile", names[0], "logout")
        chat.until("not logged in any more; type: /login NAME")
        chat.enter(f"login {names[0]}")
        chat.until("Password:")
        chat.enter("correct horse battery")
        chat.until("Logged in" if how == "plain" else f"{names[0]} → {names[1]}>")
        assert "correct horse" not in chat.text
        cli.ok("--profile", names[0], "logout")
        chat.until(re.compile("(?s)any more; type: /login NAME.*any more; type: /login NAME"))
        chat.enter("hello")
        chat.until("nobody is logged in here; use: /login NAME")
        chat.enter("exit")
        assert chat.finish() == 0
    assert cli.ok("--profile", names[1], "history").rows == []


def test_who_is_not_there_is_not_talked_to_and_what_follows_goes_nowhere(cli: Cli) -> None:
    cli.accounts("there1", "there2")
    with open_chat(cli, "there1") as chat:
        chat.online()
        chat.until_status("online · there1")
        chat.enter("to there2")
        chat.until_line("there1 → there2>")
        chat.until_status("there2 is offline")  # the list of users is here
        chat.type("/to dave\rfor dave alone\r")
        chat.until("there is no user 'dave'")
        chat.until("1 line behind it was not carried out; Up brings it back")
        chat.until_line("there1 → there2>")
        chat.key("up")
        chat.until_line("there1 → there2> for dave alone")
        chat.key("ctrl-u")
        cli.accounts("dave2")
        chat.enter("/to dave2")  # nobody has told the chat of them
        chat.until_line("there1 → dave2>")
    assert cli.ok("--profile", "there2", "history").rows == []


@pytest.mark.parametrize("how", ["terminal", "pipe", "plain"])
def test_the_chat_may_begin_in_a_conversation(cli: Cli, how: str) -> None:
    names = [f"{how}{number}" for number in (1, 2)]
    cli.accounts(*names)
    if how == "pipe":
        result = cli("--profile", names[0], "chat", names[1], stdin="hello\n")
        assert result.status == 0, result
        assert cli("--profile", names[0], "chat", "no such", stdin="hello\n").status == 2
        assert cli("--profile", names[0], "chat", "dave3", stdin="hello\n").status == 5
    else:
        arguments = ["--plain"] if how == "plain" else []
        with open_chat(cli, names[0], names[1], *arguments) as chat:
            chat.until(f"[to {names[1]}]" if how == "plain" else f"{names[0]} → {names[1]}>")
            chat.enter("hello")
            chat.until(re.compile(r"\[stored\].*hello|hello ✓"))
    assert [row[5] for row in cli.ok("--profile", names[1], "history").rows] == ["hello"]


def test_a_file_goes_to_whom_one_talks_with_and_whoever_fetches_it_reads_where_it_is(
    cli: Cli, tmp_path: Path
) -> None:
    cli.accounts("file1", "file2", "file3")
    for name in ("report.pdf", "two.txt"):
        (tmp_path / name).write_text(name)
    with open_chat(cli, "file1") as chat:
        chat.online()
        chat.enter("to file2")
        chat.until_line("file1 → file2>")
        chat.until_status("file2 is offline")
        for line in ("/sendfile {0}/report.pdf", "/files send {0}/report.pdf {0}/two.txt --note x"):
            chat.enter(line.format(tmp_path))
        chat.until(re.compile(r"two.txt, 7 bytes: stored for 1 user"))
        chat.enter(f"/sendfile file3 {tmp_path}/two.txt")
        chat.until(re.compile(r"(?s)two.txt, 7 bytes: stored.*two.txt, 7 bytes: stored"))
    got = cli.ok("--profile", "file2", "files", "list", "--received", "--json").objects
    assert sorted(each["name"] for each in got) == ["report.pdf", "report.pdf", "two.txt"]
    assert len(cli.ok("--profile", "file3", "files", "list", "--received", "--json").objects) == 1
    with open_chat(cli, "file2", columns=200) as chat:
        chat.online()
        chat.enter(f"files get two.txt -o {tmp_path} --force")
        chat.until(f"fetched, saved as {tmp_path}/two.txt")


def test_what_commands_say_is_typed_here_as_they_say(cli: Cli) -> None:
    cli.accounts("form1", "form2")
    with open_chat(cli, "form1", columns=120) as chat:
        chat.online()
        chat.enter("to form2")
        chat.until_line("form1 → form2>")
        chat.enter("/history 5 --with dave9")
        chat.until("'/users' lists those there are")
        chat.enter("/files frobnicate")
        chat.until("'frobnicate'; write: /files get frobnicate")
        chat.enter("/history x")
        chat.until("write: /history --with x")
        chat.enter("/etc/passwd")
        chat.until("//… sends it as a text")
        chat.enter("/history --help")
        chat.until("Usage: /history [OPTIONS] [N]")
        assert "--broker" not in chat.text
        assert "cnmessage" not in chat.text
        chat.enter("/logout")
        chat.until_line("not logged in>")


def test_many_of_another_conversation_fold_and_nobody_is_announced(cli: Cli) -> None:
    cli.accounts("fold1", "fold2", "robot1")
    with open_chat(cli, "fold1") as chat, talker(cli.home, "fold2", cli.address) as friend:
        chat.online()
        chat.enter("to fold2")
        chat.until_line("fold1 → fold2>")
        friend.send("fold1", "of a person")
        chat.said("of a person")
        with talker(cli.home, "robot1", cli.address) as robot:
            for number in range(100):
                robot.send("fold1", f"line {number}")
        chat.said("» robot1: 100 new, last: line 99")
        assert chat.said("of a person")
        assert len([row for row in chat.body if "robot1" in row]) == 1
        before = chat.body
        with open_chat(cli, "fold2") as other:
            other.online()
            chat.until_status("fold2 is online")
        chat.until_status("fold2 is offline")
        assert chat.body == before
        chat.enter("/who")
        chat.until("online: fold1")


def test_page_up_at_the_top_tells_of_the_beginning_once_and_counts_nothing_as_new(cli: Cli) -> None:
    cli.accounts("top1", "top2")
    with talker(cli.home, "top2", cli.address) as other, talker(cli.home, "top1", cli.address) as own:
        for number in range(30):
            other.send("top1", f"theirs {number}.")
            own.send("top2", f"mine {number}.")
        own.mark_read(60)
    with open_chat(cli, "top1") as chat:
        chat.online()
        chat.key("page up")
        chat.said("theirs 29.")
        chat.until(re.compile(r"mine 29\. ✓"))  # own ones too
        chat.until_top("nothing is older")
        for _ in range(3):
            chat.key("page up")
        chat.until_status("↓ End: latest")
        assert len([row for row in chat.body if "nothing is older" in row]) == 1
        chat.key("end")
        chat.said("theirs 29.")
        assert "nothing is older" not in chat.text


def test_a_pasted_block_and_a_family_arrive_whole(cli: Cli) -> None:
    cli.accounts("whole1", "whole2")
    family = "👨‍👩‍👧‍👦"
    with open_chat(cli, "whole1") as chat:
        chat.online()
        chat.enter("to whole2")
        chat.until_line("whole1 → whole2>")
        chat.paste(f"one\ntwo {family} end\n")
        chat.key("enter")
        chat.said("end ✓")
        assert f"{family}".encode() in chat.raw
    (row,) = cli.ok("--profile", "whole2", "history", "--json").objects
    assert row["body"] == f"one\ntwo {family} end"
