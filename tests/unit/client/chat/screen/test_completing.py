"""What TAB offers, in words and on the screen."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from cnmessage_client.chat.screen.completing import ChatCompleter, escaped, read_words
from cnmessage_client.chat.talk.status import Completions
from cnmessage_client.cli.main import cli
from tests.support.stage import on_stage

KNOWN = Completions(("bob", "bobby", "carol"), ("break", "exit", "help", "home", "to"))


def completer(*, talking: bool = False) -> ChatCompleter:
    return ChatCompleter(cli, lambda: KNOWN, lambda: talking)


def becomes(text: str, *, talking: bool = False) -> list[str]:
    """All that a line may become."""
    found = completer(talking=talking).get_completions(Document(text), CompleteEvent())
    return [text[: len(text) + each.start_position] + each.text for each in found]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.txt", "my file.txt", "it's", ".hidden", "bad\x1b[2J.txt", "inner/deep.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CNMESSAGE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hi", ["history "]),
        ("h", ["help", "history", "home"]),
        ("/his", ["/history "]),
        ("to b", ["to bob", "to bobby"]),
        ("to a", ["to all "]),
        ("to bob ", []),
        ("@c", ["@carol "]),
        ("@bob hel", []),
        ("send bo", ["send bob", "send bobby"]),
        ("send Bo", ["send bob", "send bobby"]),
        ("send --wait de", ["send --wait delivered "]),
        ("files s", ["files send "]),
        ("blacklist a", ["blacklist add "]),
        ("history --unr", ["history --unread "]),
        ("help his", ["help history "]),
        ("help files s", ["help files send "]),
        ("nonsense wo", []),
        ("files nonsense wo", []),
        ("one\nhi", []),
        ("w", ["whoami "]),
        ("help w", ["help watch", "help whoami"]),
        ("blacklist ", ["blacklist add", "blacklist list", "blacklist rm"]),
        ("block add bo", ["block add bob", "block add bobby"]),
        ("files send ca", ["files send carol "]),
        ("whoami bo", []),
        ("HI", ["history "]),
        ("/His", ["/history "]),
        ("TO B", ["TO bob", "TO bobby"]),
        ("Files S", ["Files send "]),
        ("HELP Files s", ["HELP Files send "]),
        ("Block Add bo", ["Block Add bob", "Block Add bobby"]),
        ("History --unr", ["History --unread "]),
    ],
)
def test_at_home_words_are_commands_names_and_what_click_knows(
    folder: Path, text: str, expected: list[str]
) -> None:
    assert becomes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("hi", []), ("/his", ["/history "]), ("/to c", ["/to carol "]), ("@c", ["@carol "]), ("", [])],
)
def test_in_a_conversation_only_a_slash_or_an_at_begins_what_can_be_completed(
    folder: Path, text: str, expected: list[str]
) -> None:
    assert becomes(text, talking=True) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("files send bob a", ["files send bob a.txt "]),
        ("files send bob my", ["files send bob my\\ file.txt "]),
        ("files send bob 'my f", ["files send bob my\\ file.txt "]),
        ("files send bob it", ["files send bob it\\'s "]),
        ("files send bob .h", ["files send bob .hidden "]),
        ("files send bob in", ["files send bob inner/"]),
        ("files send bob inner/d", ["files send bob inner/deep.txt "]),
        ("files send bob bad", []),
        ("files send bob none/", []),
        ("login --password-file a", ["login --password-file a.txt "]),
    ],
)
def test_paths_are_written_so_that_they_are_read_as_one_word(
    folder: Path, text: str, expected: list[str]
) -> None:
    assert becomes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/sendfile a.", ["/sendfile a.txt "]),
        ("/sendfile inner/d", ["/sendfile inner/deep.txt "]),
        ("/files send my", ["/files send my\\ file.txt "]),
        ("/files send --note x a.", ["/files send --note x a.txt "]),
        ("/files send a.txt in", ["/files send a.txt inner/"]),
        ("/sendfile carol a.", ["/sendfile carol a.txt "]),
        ("/sendfile c", ["/sendfile carol "]),
        ("/send a.", []),
        ("/blacklist add a.", []),
    ],
)
def test_in_a_conversation_a_file_goes_to_the_partner_unnamed(
    folder: Path, text: str, expected: list[str]
) -> None:
    assert becomes(text, talking=True) == expected


def test_no_shell_is_here_to_write_out_a_tilde(folder: Path) -> None:
    assert becomes("files send bob ~/my") == [f"files send bob {folder}/my\\ file.txt "]


@given(st.lists(st.text(st.sampled_from("ab '\"\\~é"), min_size=1), max_size=4))
def test_escaped_words_are_read_back_whole(words: list[str]) -> None:
    import shlex

    line = " ".join(map(escaped, words))
    assert shlex.split(line) == words
    found = read_words(f"{line} ")
    assert (found.done, found.typed, found.length) == (words, "", 0)


@given(st.text(st.sampled_from("ab '\"\\"), max_size=30))
def test_the_length_of_the_last_word_is_what_stands_on_the_line(text: str) -> None:
    found = read_words(text)
    assert 0 <= found.length <= len(text)
    before = read_words(text[: len(text) - found.length])
    assert (before.done, before.length) == (found.done, 0)


def test_tab_completes_in_the_line_and_shows_a_menu_where_there_is_a_choice(folder: Path) -> None:
    async def test() -> None:
        async with on_stage(completer=completer()) as stage:
            stage.type("hist")
            stage.key("tab")
            await stage.drafts("history ")
            stage.key("ctrl-c")
            stage.type("to b")
            stage.key("tab")
            await stage.shows("bobby")
            assert stage.screen.draft == "to bob"
            stage.key("tab", "tab")
            await stage.drafts("to bobby")
            stage.key("enter")
            assert await stage.line() == "to bobby"
            await stage.hides("bobby")

    asyncio.run(test())


def test_a_question_is_not_completed(folder: Path) -> None:
    async def test() -> None:
        async with on_stage(completer=completer()) as stage:
            asked = stage.ask("Name: ")
            await stage.shows("Name:")
            stage.type("hist")
            stage.key("tab")
            stage.type("!\r")
            assert await asked == "hist!"

    asyncio.run(test())
