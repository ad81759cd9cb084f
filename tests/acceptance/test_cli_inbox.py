"""`inbox`, and what counts as read of one conversation."""

from tests.acceptance.conftest import Cli
from tests.support.chat import open_chat


def test_an_inbox_tells_what_waits_and_reading_one_conversation_leaves_the_others(cli: Cli) -> None:
    cli.accounts("in1", "in2", "in3")
    cli.ok("--profile", "in2", "send", "in1", "from two")
    cli.ok("--profile", "in3", "send", "in1", "from three\nand more")
    listed = cli.ok("--profile", "in1", "inbox", "--json").objects
    assert [(each["name"], each["unread"], each["last"]["body"]) for each in listed] == [
        ("in3", 1, "from three\nand more"),
        ("in2", 1, "from two"),
    ]
    assert cli.ok("--profile", "in1", "history", "--unread", "--with", "in2").out.count("from two") == 1
    rows = [line.split("\t") for line in cli.ok("--profile", "in1", "inbox").out.splitlines()]
    assert [(row[0], row[1]) for row in rows] == [("in3", "1"), ("in2", "0")]
    waiting = cli.ok("--profile", "in1", "conversations", "--unread").out.splitlines()
    assert [line.split("\t")[0] for line in waiting] == ["in3"]
    left = cli.ok("--profile", "in1", "history", "--unread").out
    assert ("from three" in left, "from two" in left) == (True, False)
    assert cli.ok("--profile", "in1", "inbox", "--unread").err == "Nothing waits.\n"
    assert cli.ok("--profile", "in1", "inbox").out.count("\n") == 2


def test_where_not_all_that_waits_in_a_conversation_is_shown_nothing_counts_as_read(
    cli: Cli,
) -> None:
    cli.accounts("in4", "in5")
    for number in range(3):
        cli.ok("--profile", "in5", "send", "in4", f"number {number}")
    cli.ok("--profile", "in4", "history", "2", "--unread", "--with", "in5")
    (talk,) = cli.ok("--profile", "in4", "inbox", "--json").objects
    assert talk["unread"] == 3
    cli.ok("--profile", "in4", "history", "3", "--unread", "--with", "in5")
    (talk,) = cli.ok("--profile", "in4", "inbox", "--json").objects
    assert talk["unread"] == 0


def test_an_inbox_without_a_conversation_says_what_to_do(cli: Cli) -> None:
    cli.accounts("in6")
    empty = cli.ok("--profile", "in6", "inbox")
    assert (empty.out, empty.err) == ("", "You have no conversation yet; write to somebody first.\n")


def test_a_chat_reads_what_is_on_screen_and_nothing_of_the_others(cli: Cli) -> None:
    cli.accounts("in7", "in8", "in9")
    with open_chat(cli, "in7") as chat:
        chat.online()
        chat.enter("to in8")
        chat.until_line("in7 → in8>")
        cli.ok("--profile", "in9", "send", "in7", "waits for later")
        chat.said("waits for later")  # in a line of another conversation
        cli.ok("--profile", "in8", "send", "in7", "on screen", "--wait", "read")
        listed = cli.ok("--profile", "in7", "inbox", "--json").objects
        assert {each["name"]: each["unread"] for each in listed} == {"in8": 0, "in9": 1}
    with open_chat(cli, "in7") as chat:
        chat.said("waits for later")
        assert not [line for line in chat.lines if "on screen" in line], "it was read"
