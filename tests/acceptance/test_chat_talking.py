"""Two people at the chat, each in a terminal, at a real broker: what they write, see and are asked."""

import re

import pytest

from tests.acceptance.conftest import Cli
from tests.support.chat import masked, open_chat, talker
from tests.support.harness import eventually
from tests.support.terminal import KEYS

PASTED = "\n".join(f"line {number} of 34" for number in range(1, 35))


def test_two_users_chat_and_each_line_shows_how_far_it_has_come(cli: Cli) -> None:
    cli.accounts("two1", "two2")
    with open_chat(cli, "two1") as one, open_chat(cli, "two2") as two:
        one.online()
        two.online()
        one.until_line("two1>")
        one.enter("to two2")
        one.until_line("two1 → two2>")
        one.enter("Hello, how are you?")
        assert one.said("✓✓").startswith("12:34 two1: Hello, how are you? ✓✓")
        assert two.said("Hello, how are you?") == "12:34 two1: Hello, how are you?"
        two.enter("@two1 Well, and you?")
        assert one.said("Well, and you?") == "12:34 two2: Well, and you?"
        two.until_line("two2>")  # it was one message; the conversation is not open
        assert two.bells >= 1


def test_a_message_to_somebody_who_is_offline_is_stored_and_delivered_once_they_come(cli: Cli) -> None:
    cli.accounts("away1", "away2")
    with open_chat(cli, "away1") as one:
        one.online()
        one.enter("to away2")
        one.enter("Are you there?")
        assert one.said("✓").endswith("Are you there? ✓")
        with open_chat(cli, "away2") as two:
            two.said("Are you there?")
            one.said("Are you there? ✓✓")


def test_a_message_that_comes_leaves_the_half_typed_line_as_it_is(cli: Cli) -> None:
    cli.accounts("half1", "half2")
    with open_chat(cli, "half1") as chat, talker(cli.home, "half2", cli.address) as other:
        chat.online()
        chat.enter("to half2")
        chat.type("a line that is not fin")
        chat.until_line("half1 → half2> a line that is not fin")
        chat.key("left", "left", "left")
        chat.wait(lambda _: chat.cursor[0] == len("half1 → half2> a line that is not "), "the cursor to move")
        for number in range(30):
            other.send("half1", f"in between {number}")
        chat.said("in between 29")
        assert chat.line == "half1 → half2> a line that is not fin"
        assert chat.cursor == (len("half1 → half2> a line that is not "), 23)
        chat.key("end")
        chat.enter("ished")
        chat.said("a line that is not finished ✓")


def test_all_hear_what_is_said_to_all(cli: Cli) -> None:
    cli.accounts("every1", "every2", "every3")
    with open_chat(cli, "every1") as one, open_chat(cli, "every2") as two, open_chat(cli, "every3") as three:
        for chat in (one, two, three):
            chat.online()
        one.enter("to all")
        one.until_line("every1 → all>")
        one.enter("Lunch!")
        assert two.said("Lunch!").startswith("12:34 every1 → ")
        three.enter("send all Coming")
        assert one.said("Coming").startswith("12:34 every3 → ")


def test_another_conversation_is_told_in_a_line_and_counted_until_it_is_entered(cli: Cli) -> None:
    cli.accounts("view1", "view2", "view3")
    with (
        open_chat(cli, "view1") as chat,
        talker(cli.home, "view2", cli.address) as second,
        talker(cli.home, "view3", cli.address) as third,
    ):
        chat.online()
        chat.enter("to view2")
        chat.until_line("view1 → view2>")
        third.send("view1", "one for later")
        third.send("view1", "two for later")
        second.send("view1", "one for now")
        chat.said("one for now")
        assert chat.said("» view3: 2 new, last: two for later")
        chat.until_status("unread: view3 2")
        # What is on screen is read, the others wait.
        eventually(lambda: cli.ok("--profile", "view1", "whoami").rows[0][-1] == "2")
        chat.enter("/to view3")
        chat.until_line("view1 → view3>")
        rows = chat.wait(lambda lines: any(line.startswith("── new") for line in lines), "the new rule")
        rule = next(at for at, line in enumerate(rows) if line.startswith("── new"))
        assert [masked(line) for line in rows[rule + 1 : rule + 3]] == [
            "12:34 view3: one for later",
            "12:34 view3: two for later",
        ]
        chat.until_status("unread", gone=True)
        chat.enter("//done")
        assert chat.said("✓").startswith("12:34 view1: /done")


def test_switching_keeps_what_was_being_typed(cli: Cli) -> None:
    cli.accounts("draft1", "draft2", "draft3")
    with open_chat(cli, "draft1") as chat, talker(cli.home, "draft3", cli.address) as third:
        chat.online()
        chat.enter("to draft2")
        chat.until_line("draft1 → draft2>")
        third.send("draft1", "look here")
        chat.until_status("unread: draft3 1")
        chat.type("half a thought")
        chat.until_line("draft1 → draft2> half a thought")
        chat.key("alt-n")  # to the next that is unread
        chat.until_line("draft1 → draft3>")
        chat.type("another half")
        chat.key("alt-n")  # nothing is unread any more: home
        chat.until_line("draft1>")
        chat.enter("to draft2")
        chat.until_line("draft1 → draft2> half a thought")
        chat.key("ctrl-u")
        chat.enter("/to draft3")
        chat.until_line("draft1 → draft3> another half")


def test_earlier_messages_come_on_entry_and_more_when_wanted(cli: Cli) -> None:
    cli.accounts("more1", "more2")
    with talker(cli.home, "more2", cli.address) as other:
        for number in range(120):
            other.send("more1", f"message {number}.")
    cli.ok("--profile", "more1", "history", "200", "--unread")
    with open_chat(cli, "more1") as chat:
        chat.online()
        assert "message 119." not in chat.text  # it is read
        chat.enter("to more2")
        chat.said("message 119.")
        chat.until_top("message 0.")  # PgUp at the top asks for more
        assert "message 119." not in chat.text
        chat.until_status("↓ ")
        chat.key("end")
        chat.said("message 119.")
        chat.until_status("↓ ", gone=True)
        chat.enter("/more")
        chat.until("this is the beginning; nothing is older")


def test_an_unknown_word_is_never_sent_and_gets_a_suggestion(cli: Cli) -> None:
    cli.accounts("word1", "word2")
    with open_chat(cli, "word1") as chat:
        chat.online()
        chat.enter("histroy 5")
        chat.until("did you mean 'history'?")
        chat.enter("to word2")
        chat.enter("/user")
        chat.until("did you mean '/users'?")
        chat.enter("frobnicate")  # plain text here
        chat.said("frobnicate ✓")
    assert [row[5] for row in cli.ok("--profile", "word2", "history", "9").rows] == ["frobnicate"]


def test_help_lists_by_group_and_explains_one_command(cli: Cli) -> None:
    cli.accounts("help1")
    with open_chat(cli, "help1", rows=80) as chat:
        chat.online()
        chat.enter("help")
        chat.until("This machine")
        for wanted in (
            "The chat",
            "Messages",
            "Files",
            "People",
            "Account",
            "history 5 --with bob",
            "break 10",
        ):
            assert wanted in chat.text
        chat.enter("help sendfile")
        chat.until("sendfile bob report.pdf figures.csv")
        chat.enter("help break")
        chat.until("Cut the connection as a network fault would")


def test_commands_of_the_first_cnmessage_work_in_their_own_spelling(cli: Cli) -> None:
    cli.accounts("orig1", "orig2")
    with open_chat(cli, "orig1", rows=40) as chat, open_chat(cli, "orig2") as other:
        chat.online()
        other.online()
        chat.enter("list_users")
        chat.until(re.compile(r"orig2 +online"))
        chat.enter("send orig2 hi there")
        assert other.said("hi there") == "12:34 orig1: hi there"
        chat.enter("send all hi all")
        other.said("hi all")
        other.enter("blacklist add orig1")
        other.until("orig1: blocked")
        chat.enter("history 0")
        chat.until("Nothing there.")
        other.enter("history 5")
        other.until(re.compile(r"orig1: hi there\n"))
        chat.enter("exit")
        assert chat.finish() == 0


def test_a_refused_message_says_why_and_goes_out_again_with_retry(cli: Cli) -> None:
    cli.accounts("retry1")
    with open_chat(cli, "retry1") as chat:
        chat.online()
        chat.enter("@nobodyhere are you there?")
        chat.until(re.compile(r"are you there\? ✗ .*nobodyhere"))
        cli.accounts("nobodyhere")
        chat.enter("retry")
        chat.said("are you there? ✓")
    assert [row[5] for row in cli.ok("--profile", "nobodyhere", "history", "9").rows] == ["are you there?"]


def test_tab_completes_commands_users_and_paths(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    cli.accounts("tab1", "tabitha", "tabor")
    folder = tmp_path_factory.mktemp("tab")
    (folder / "report.pdf").write_bytes(b"x")
    with open_chat(cli, "tab1") as chat:
        chat.online()
        chat.until_status("1 online")
        chat.type("his")
        chat.key("tab")
        chat.until_line("tab1> history")
        chat.key("ctrl-u")
        chat.type("to tabi")
        chat.key("tab")
        chat.until_line("tab1> to tabitha")
        chat.key("ctrl-u")
        chat.type("send tab")
        chat.key("tab")
        chat.until("tabor")
        chat.key("escape")
        chat.key("ctrl-u")
        chat.type(f"sendfile tabor {folder}/rep")
        chat.key("tab")
        chat.until("report.pdf")


def test_a_pasted_block_is_one_message_after_a_yes(cli: Cli) -> None:
    cli.accounts("paste1", "paste2")
    with open_chat(cli, "paste1", rows=60) as chat:
        chat.online()
        chat.enter("to paste2")
        chat.until_line("paste1 → paste2>")
        chat.paste(PASTED)
        chat.key("enter")
        chat.until("Send 34 lines to paste2 as one message? [y/N]")
        chat.enter("n")
        chat.wait(lambda lines: not any("[y/N]" in line for line in lines[-1:]), "the question to end")
        chat.key("up", "enter")
        chat.until_line("[y/N]")
        chat.enter("y")
        chat.said("line 34 of 34 ✓")
    assert [row[5] for row in cli.ok("--profile", "paste2", "history", "9").rows] == [
        PASTED.replace("\n", "\\n")
    ]


def test_a_pasted_block_of_few_lines_needs_no_question(cli: Cli) -> None:
    cli.accounts("few1", "few2")
    with open_chat(cli, "few1") as chat:
        chat.online()
        chat.enter("to few2")
        chat.until_line("few1 → few2>")
        chat.paste("one\ntwo\nthree")
        chat.key("enter")
        chat.said("three ✓")
    assert [row[5] for row in cli.ok("--profile", "few2", "history", "9").rows] == ["one\\ntwo\\nthree"]


def test_up_recalls_ctrl_c_clears_and_ctrl_d_leaves_the_terminal_as_it_was(cli: Cli) -> None:
    cli.accounts("keys1", "keys2")
    with open_chat(cli, "keys1") as chat:
        chat.online()
        chat.enter("whoami")
        chat.until("profile keys1")
        chat.key("up")
        chat.until_line("keys1> whoami")
        chat.key("ctrl-c")
        chat.until_line("keys1>")
        chat.key("ctrl-c")  # on an empty line, with nothing running, it leaves nobody alone
        chat.type("still here")
        chat.until_line("keys1> still here")
        chat.key("ctrl-c")
        chat.until_line("keys1>")
        chat.key("ctrl-d")
        assert chat.finish() == 0
        assert b"\x1b[?1049l" in chat.raw
        assert b"\x1b[?2004l" in chat.raw[chat.raw.rindex(b"\x1b[?2004h") :]


def test_edit_opens_the_editor_on_what_is_typed(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    cli.accounts("edit1", "edit2")
    editor = tmp_path_factory.mktemp("editor") / "editor"
    editor.write_text('#!/bin/sh\nprintf "from the editor" > "$1"\n')
    editor.chmod(0o755)
    with open_chat(cli, "edit1", EDITOR=str(editor), VISUAL="") as chat:
        chat.online()
        chat.enter("to edit2")
        chat.until_line("edit1 → edit2>")
        chat.enter("/edit a beginning")
        chat.until_line("edit1 → edit2> from the editor")
        chat.key("enter")
        chat.said("from the editor ✓")


def test_two_instances_of_one_profile_see_what_the_other_sends(cli: Cli) -> None:
    cli.accounts("twin1", "twin2")
    with open_chat(cli, "twin1") as desk, open_chat(cli, "twin1") as lap, open_chat(cli, "twin2") as other:
        for chat in (desk, lap, other):
            chat.online()
        for chat in (desk, lap):
            chat.enter("to twin2")
            chat.until_line("twin1 → twin2>")
        desk.enter("from the desk")
        lap.said("from the desk ✓✓")
        lap.enter("from the lap")
        desk.said("from the lap ✓✓")
        other.enter("send twin1 to both")
        for chat in (desk, lap):
            chat.said("to both")


def test_the_window_may_change_its_size(cli: Cli) -> None:
    cli.accounts("size1")
    with open_chat(cli, "size1") as chat:
        chat.online()
        chat.type("kept as it is")
        chat.until_line("size1> kept as it is")
        for columns, rows in ((120, 40), (40, 10), (80, 24)):
            chat.resize(columns, rows)
            chat.until_wide(columns)
            assert (len(chat.lines), chat.line) == (rows, "size1> kept as it is")
        chat.type(KEYS["enter"])
        chat.until("there is no command 'kept'")
