"""The chat without a screen: `--plain` in a terminal, and command lines through a pipe."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from cnmessage_client import Client
from tests.acceptance.conftest import Cli, Result
from tests.support.chat import open_chat, talker
from tests.support.harness import BrokerProcess, home_at


def chat(cli: Cli, profile: str, *lines: str, arguments: tuple[str, ...] = ()) -> Result:
    """The chat, with these lines through a pipe."""
    return cli("--profile", profile, "chat", *arguments, stdin="".join(f"{line}\n" for line in lines))


def test_lines_through_a_pipe_are_carried_out_and_it_ends_when_all_is_stored(cli: Cli) -> None:
    cli.accounts("pipe1", "pipe2")
    result = chat(cli, "pipe1", "send pipe2 hi", "to pipe2", "plain text", "/whoami", "@pipe1 to myself")
    assert (result.status, "\x1b" in result.out + result.err) == (0, False)
    assert "pipe1\tpipe1" in result.out
    sent = [row[5] for row in cli.ok("--profile", "pipe2", "history").rows]
    assert sent == ["hi", "plain text"]


def test_what_came_meanwhile_is_shown_a_line_each(cli: Cli) -> None:
    cli.accounts("came1", "came2")
    with cli.start("--profile", "came1", "chat") as nothing_typed:  # standard input is empty
        assert nothing_typed.finish().status == 0
    with open_chat(cli, "came1", "--plain") as plain, talker(cli.home, "came2", cli.address) as other:
        other.send("came1", "first\nwith a second line")
        other.send("came1", "second")
        plain.until(re.compile(r"came2.*first"))
        plain.until(re.compile(r"came2.*second"))
        plain.enter("send came2 an answer")
        plain.until(re.compile(r"an answer"))
        plain.key("ctrl-d")
        assert plain.finish() == 0
        assert b"\x1b" not in plain.raw


@pytest.mark.parametrize("wrong", ["frobnicate", "history --nonsense", "to", "@nobody-there hi"])
def test_a_line_that_fails_does_not_stop_the_others_and_the_status_is_8(cli: Cli, wrong: str) -> None:
    names = (f"part{len(wrong)}a", f"part{len(wrong)}b")
    cli.accounts(*names)
    result = chat(cli, names[0], wrong, f"@{names[1]} after it")
    assert result.status == (0 if wrong == "to" else 8), result
    assert [row[5] for row in cli.ok("--profile", names[1], "history").rows] == ["after it"]


@pytest.mark.parametrize(
    "line",
    ["@{0} caf\udce9", "send --wait stored {0} 'caf\udce9'", "send {0} caf\udce9", "to {0}\ncaf\udce9"],
)
def test_bytes_that_are_no_text_are_refused_and_nothing_is_sent_in_their_place(cli: Cli, line: str) -> None:
    names = [f"bytes{len(line)}{each}" for each in "ab"]
    cli.accounts(*names)
    stdin = f"{line.format(names[1])}\n@{names[1]} after it\n".encode(errors="surrogateescape")
    result = cli("--profile", names[0], "chat", stdin=stdin)
    assert result.status == 8, result
    assert "the message is not" in result.err
    assert [row[5] for row in cli.ok("--profile", names[1], "history").rows] == ["after it"]


def test_an_answer_that_is_no_text_is_refused(cli: Cli) -> None:
    cli.accounts("bytes1")
    result = cli("--profile", "bytes1", "chat", stdin=b"passwd\ncaf\xe9\n")
    assert (result.status, "the answer is not UTF-8 text" in result.err) == (8, True), result


def test_own_messages_take_no_place_of_unread_ones_and_are_no_news(cli: Cli) -> None:
    cli.accounts("many1", "many2")
    cli.ok("--profile", "many2", "send", "many1", "this waits")

    async def write_many() -> None:
        async with Client(home=cli.home, profile="many1", broker=cli.address) as client:
            await asyncio.gather(*(client.send("many2", f"own {number}") for number in range(1100)))

    asyncio.run(write_many())
    with open_chat(cli, "many1", "--plain") as plain:
        plain.until(re.compile(r"many2: this waits"))
        plain.key("ctrl-d")
        assert plain.finish() == 0
        assert not re.findall(rb"\[stored\]|\[delivered\]|unread messages", plain.raw)


def test_messages_that_cannot_be_stored_in_time_are_kept_and_the_status_is_10(
    broker_process: BrokerProcess, tmp_path: Path
) -> None:
    cli = Cli(home_at(tmp_path / "home"), broker_process.address)
    cli.accounts("late1", "late2")
    broker_process.kill()
    result = chat(cli, "late1", "@late2 one", "@late2 two", arguments=("--timeout", "1"))
    assert result.status == 10
    assert "2 messages" in result.err
    broker_process.start()
    cli.ok("--profile", "late1", "whoami")
    assert [row[5] for row in cli.ok("--profile", "late2", "history").rows] == ["one", "two"]


def test_questions_of_commands_are_answered_by_the_next_lines(cli: Cli) -> None:
    cli.accounts("quiz1")
    result = chat(cli, "quiz1", "passwd", "correct horse battery", "another one 1", "another one 1", "whoami")
    assert result.status == 0, result
    assert "quiz1\tquiz1" in result.out


def test_a_script_may_log_out_and_in_again(cli: Cli) -> None:
    cli.accounts("script1", "script2")
    lines = ("logout", "login script1", "correct horse battery", "send script2 back again", "exit")
    result = chat(cli, "script1", *lines)
    assert result.status == 0, result
    assert [row[5] for row in cli.ok("--profile", "script2", "history").rows] == ["back again"]


def test_a_script_is_shown_what_was_said_before_only_where_it_opens_a_conversation(cli: Cli) -> None:
    cli.accounts("before1", "before2")
    cli.ok("--profile", "before2", "send", "before1", "said before")
    cli.ok("--profile", "before1", "history", "--unread")
    for line in ("@before2 one", "send before2 two"):
        assert "said before" not in chat(cli, "before1", line).out
    opened = chat(cli, "before1", "to before2", "three")
    assert opened.out.splitlines()[0].endswith("before2: said before")


def test_what_belongs_to_the_command_line_is_refused_here(cli: Cli) -> None:
    cli.accounts("refuse1")
    for line, told in (
        ("watch", "messages are shown as they come"),
        ("chat", "this is the chat already"),
        ("whoami --profile other", "a chat has one profile and one broker"),
        ("whoami --broker 127.0.0.1:1", "a chat has one profile and one broker"),
        ("send --wait stored refuse1 -", "standard input is the chat's"),
        ("files get -o - 12345678", "standard output is the chat's"),
    ):
        result = chat(cli, "refuse1", line)
        assert (result.status, told in result.err + result.out) == (8, True), (line, result)


def test_with_json_every_line_is_an_object(cli: Cli) -> None:
    cli.accounts("json1", "json2")
    result = chat(cli, "json1", "whoami", "@json2 hello", "frobnicate", arguments=("--json",))
    assert result.status == 8
    assert result.objects[0]["user"] == "json1"
    assert "stored" in [each.get("status") for each in result.objects]
    assert all(json.loads(line) for line in result.err.splitlines())


def test_at_a_terminal_no_line_has_an_escape_in_place_of_a_break(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("rows1", "rows2")
    (tmp_path / "a.txt").write_text("a")
    with open_chat(cli, "rows1", "--plain", columns=120) as one:
        one.until("[online]")
        cli.ok(
            "--profile", "rows2", "files", "send", "rows1", str(tmp_path / "a.txt"), "--note", "see\npage 3"
        )
        one.until("page 3")
        cli.ok("--profile", "rows2", "send", "rows1", "C:\\new\nthing")
        one.until("thing")
        cli.ok("--profile", "rows1", "send", "rows2", "mine\ntoo")
        one.until("too")
        one.enter("to rows2")
        one.until("[to rows2]")
        one.enter("/history 3")
        one.until(re.compile(r"C:\\new.*C:\\new", re.DOTALL))
        assert "\\n" not in one.text.replace("C:\\new", "")
        assert "\\\\" not in one.text


def test_commands_of_a_group_and_topics_are_known_in_any_case(cli: Cli) -> None:
    cli.accounts("case1", "case2")
    result = chat(
        cli,
        "case1",
        "To CASE2",
        "/FILES List",
        "/Blacklist ADD case2",
        "/HELP Files send",
        "/Retry ALL",
        "/QUIT",
    )
    assert result.status == 0, result.err
    assert "Usage: /files send" in result.out
    assert cli.ok("--profile", "case1", "blacklist", "list").lines == ["case2"]


@pytest.mark.parametrize(
    "line", ["help files nothing", "help nothing", "help to bob", "/help send bob", "files no --help"]
)
def test_help_that_there_is_not_is_told_in_one_line_and_fails(cli: Cli, line: str) -> None:
    cli.accounts("topic1")
    result = chat(cli, "topic1", line)
    assert result.status == 8
    assert len([each for each in result.err.splitlines() if each.startswith("there is no ")]) == 1
    assert "Usage" not in result.out + result.err


def test_lines_through_a_pipe_find_the_connection_there(cli: Cli) -> None:
    cli.accounts("there1", "there2")
    cli.ok("--profile", "there1", "send", "there2", "written before")
    for line in ("more", "to there2\n/more", "to there2"):
        result = chat(cli, "there1", line, "/who", arguments=("--json",))
        assert result.status == 0
        notes = [each["note"] for each in map(json.loads, result.err.splitlines()) if "note" in each]
        assert any(note.startswith("online: ") and "there1" in note for note in notes)
        assert not any("no connection" in note for note in notes)
        (old,) = [each for each in result.objects if "body" in each]
        assert (old["from"], old["body"]) == ("there1", "written before"), "a message, not a receipt"
        assert all("status" not in each for each in result.objects)


def test_what_is_to_be_typed_has_its_slash_in_a_conversation(cli: Cli) -> None:
    cli.accounts("slash1", "slash2")
    with open_chat(cli, "slash1", "--plain", columns=120) as one:
        one.until("[online]")
        one.key("ctrl-c")
        one.until("Ctrl-D or 'exit' leaves")
        one.enter("to slash2")
        one.until("[to slash2]")
        one.key("ctrl-c")
        one.until("Ctrl-D or '/exit' leaves")
        cli.ok("--profile", "slash1", "logout")
        one.until("not logged in any more; type: /login NAME")
        one.enter("/whoami")
        one.until("use: /login NAME, or, if you are new: /signup NAME")


def test_who_cannot_be_asked_is_told_how_to_log_in_to_this_profile(cli: Cli) -> None:
    for arguments in (("--no-input",), ()):
        result = chat(cli, "other", arguments=arguments)
        assert result.status == 4
        assert re.search(
            r"--profile other login NAME, or, if you are new: .*--profile other signup NAME$", result.err
        )


@pytest.mark.parametrize(
    "line", ["to stray3", "/to nobody-here", "/to da ve", "@da:ve", "/too stray3", "TO stray3", "users"]
)
def test_what_follows_a_line_that_fails_to_turn_elsewhere_reaches_nobody(cli: Cli, line: str) -> None:
    names = [f"{name}{abs(hash(line)) % 10**6}" for name in ("strayone", "straytwo")]
    cli.accounts(*names)
    result = chat(
        cli, names[0], f"to {names[1]}", "for both", line.replace("stray3", names[0]), "for one alone"
    )
    assert result.status == 8, result
    assert "what follows that line may be for somebody else: nothing of it was done" in result.err
    assert [row[5] for row in cli.ok("--profile", names[1], "history").rows] == ["for both"]
    assert cli.ok("--profile", names[0], "history").rows == []


def test_a_partner_who_does_not_exist_is_refused_before_a_line_is_read(cli: Cli) -> None:
    cli.accounts("alone1", "alone2")
    for lines in ((), ("hello", "/whoami")):
        result = chat(cli, "alone1", *lines, arguments=("nobody-here",))
        assert (result.status, result.out) == (5, ""), result
        assert "nobody-here" in result.err
        assert "users' lists" in result.err
        assert "[to nobody-here]" not in result.err
    assert chat(cli, "alone1", "to nobody-here").status == 8
    assert chat(cli, "alone1", "hello", arguments=("alone2",)).status == 0
    assert chat(cli, "alone1", arguments=("all",)).status == 0
