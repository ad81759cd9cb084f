"""Stopped from outside and brought back: the terminal is the chat's again, whatever a shell made of it."""

import re
from pathlib import Path

from tests.acceptance.conftest import Cli
from tests.support.chat import Chat, open_chat
from tests.support.harness import PASSWORD, eventually

RAW = (False, False, False)


def brought_back(chat: Chat) -> None:
    chat.stop()
    assert chat.modes == (True, True, True)
    chat.go_on()
    eventually(lambda: chat.modes == RAW)


def test_what_is_typed_stays_and_ctrl_c_only_clears_it(cli: Cli) -> None:
    cli.accounts("stop1", "stop2")
    with open_chat(cli, "stop1") as chat:
        chat.online()
        chat.enter("@stop2 hello")
        chat.said("hello ✓")
        chat.type("half a line")
        chat.until_line("stop1> half a line")
        for _ in range(2):
            brought_back(chat)
            chat.until_line("stop1> half a line")
            assert chat.said("hello ✓")
            chat.online()
        chat.key("ctrl-c")
        chat.until_line("stop1>")
        chat.paste("a block\nof two")
        chat.until_line("       of two")
        chat.key("ctrl-c")
        chat.until_line("stop1>")


def test_a_question_of_the_chat_and_a_secret_are_asked_on(cli: Cli) -> None:
    cli.accounts("stop3", "stop4")
    with open_chat(cli, "stop3") as chat:
        chat.online()
        chat.enter("to stop4")
        chat.until_line("stop3 → stop4>")
        chat.enter("users")
        chat.until_line("[y/N]")
        brought_back(chat)
        chat.until_line("[y/N]")
        chat.key("enter")
        chat.until("Not sent; Up brings it back.")
        chat.enter("/passwd")
        chat.until_line("Old password:")
        chat.type("not seen")
        chat.until_line("Old password: ********")
        brought_back(chat)
        chat.until_line("Old password: ********")
        chat.type("either")
        chat.until_line("Old password: **************")
        assert b"either" not in chat.raw
        chat.key("ctrl-c")


def test_a_scrolled_view_and_the_menu_of_completions_come_back(cli: Cli) -> None:
    cli.accounts("stop5", "stop6")
    with open_chat(cli, "stop5") as chat:
        chat.online()
        chat.enter("help")
        chat.until_status("↓ End: latest")
        chat.until("What may be typed.")
        brought_back(chat)
        chat.until("What may be typed.")
        chat.until_status("↓ End: latest")


def test_behind_an_editor_the_terminal_is_the_chats(cli: Cli, tmp_path: Path) -> None:
    cli.accounts("stop7", "stop8")
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho here\nread answer\nprintf "%s" "$answer" > "$1"\n')
    editor.chmod(0o755)
    with open_chat(cli, "stop7", EDITOR=str(editor), VISUAL="") as chat:
        chat.online()
        chat.enter("to stop8")
        chat.until_line("stop7 → stop8>")
        chat.enter("/edit")
        chat.until("here")
        chat.stop()
        chat.go_on()
        chat.enter("from the editor")
        chat.until_line("stop7 → stop8> from the editor")
        assert chat.modes == RAW
        chat.key("ctrl-c")
        chat.until_line("stop7 → stop8>")


def test_line_after_line_a_secret_is_asked_again_and_not_seen(cli: Cli) -> None:
    cli.accounts("stop9")
    with open_chat(cli, "stop9", "--plain") as chat:
        chat.until("[online]")
        chat.enter("passwd")
        chat.until("Old password:")
        chat.stop()
        chat.go_on()
        eventually(lambda: chat.modes == (False, True, True))
        chat.until("Old password:")
        chat.enter(PASSWORD)
        chat.until(re.compile("New password"))
        assert PASSWORD.encode() not in chat.raw
