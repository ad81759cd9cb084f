"""The chat's help: all there is, by group, with an example that can be typed, in the width there is."""

import pytest

from cnmessage_client.chat.drive.help import asked_about, help_text
from cnmessage_client.chat.talk.lines import OWN_COMMANDS, read
from cnmessage_client.chat.talk.meanings import Hint, SendText
from cnmessage_client.cli.main import cli
from cnmessage_client.shell.command import Section, facts_of
from cnmessage_protocol.conversation import Conversation
from cnmessage_protocol.errors import CnMessageError
from tests.support.conversations import BOB

TITLES = {section.value for section in Section}


def overview(slash: str = "", width: int = 80, *, colour: bool = False) -> list[str]:
    text = help_text(cli, (), slash, width, colour=colour, keys=False)
    assert text is not None
    return text.splitlines()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("slash", ["", "/"])
def test_no_line_is_wider_than_the_screen(width: int, slash: str) -> None:
    assert max(len(line) for line in overview(slash, width)) <= width


def test_every_command_is_there_with_an_example_under_its_theme() -> None:
    examples = [line.strip() for line in overview()]
    for name, command in cli.commands.items():
        facts = facts_of(command)
        shown = [line for line in examples if line.split()[:1] == [name]]
        assert bool(shown) is facts.in_chat, name
        if shown and name not in OWN_COMMANDS:
            assert shown[0].startswith(facts.words)
            above = [line for line in examples[: examples.index(shown[0])] if line in TITLES]
            assert above[-1] == facts.section.value, name
    for own in OWN_COMMANDS.values():
        assert [line for line in examples if line.startswith(own.example.removeprefix("/"))]


@pytest.mark.parametrize("conversation", [None, BOB])
def test_every_example_can_be_typed_where_it_is_shown(conversation: Conversation | None) -> None:
    lines = overview("" if conversation is None else "/")
    shown = [line[2:38].strip() for line in lines if line.startswith("  ") and line[2] != " "]
    assert len(shown) > 25
    for example in shown:
        if conversation is None and example.startswith(("//", "@@")):
            continue  # for a conversation, as the line says
        meant = read(example, conversation, cli.facts)
        assert not isinstance(meant, Hint), example
        assert not (isinstance(meant, SendText) and meant.body == example), (
            f"{example} would be sent as a text"
        )


def explained(*words: str, slash: str = "/") -> str:
    text = help_text(cli, words, slash, 80, colour=False, keys=True)
    assert text is not None
    return text


def test_own_commands_are_explained_and_those_of_the_command_line_as_they_are_typed_here() -> None:
    assert explained("break").startswith("/break [SECONDS]\n")
    assert explained("/quit", slash="") == explained("exit", slash="")
    text = explained("files", "send")
    assert text.startswith("Usage: /files send [OPTIONS] NAME... PATH...")
    assert 'Example: /files send bob carol report.pdf --note "Please check page 3"' in text
    assert "--expires" in text
    assert explained("list_users", slash="").startswith("Usage: list_users [OPTIONS]")
    assert "cnmessage" not in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("frobnicate",), "there is no command 'frobnicate'; '/help' lists what there is"),
        (("hsitory",), "there is no command 'hsitory'; did you mean '/help history'?"),
        (("/hoem",), "there is no command 'hoem'; did you mean '/help home'?"),
        (("files", "nothing"), "there is no '/files nothing'; '/files' has: send, get, list, rm, cancel"),
        (("block", "x", "y"), "there is no '/block x'; '/block' has: add, rm, list"),
        (("send", "bob"), "there is no '/send bob' to explain; for '/send' type: /help send"),
        (("to", "bob"), "there is no '/to bob' to explain; for '/to' type: /help to"),
        (("quit", "now"), "there is no '/quit now' to explain; for '/quit' type: /help quit"),
        (
            ("files", "send", "x"),
            "there is no '/files send x' to explain; for '/files send' type: /help files send",
        ),
    ],
)
def test_what_cannot_be_explained_is_told_in_a_line_with_what_there_is(
    words: tuple[str, ...], told: str
) -> None:
    with pytest.raises(CnMessageError) as caught:
        explained(*words)
    assert caught.value.message == told


def test_arguments_before_the_option_are_no_topic() -> None:
    text = help_text(cli, ("send", "bob", "hi"), "/", 80, colour=False, keys=True, exact=False)
    assert text == explained("send")


@pytest.mark.parametrize("words", [("HELP",), ("/Files", "SEND"), ("Quit",), ("List_Users",)])
def test_a_topic_is_known_in_any_case(words: tuple[str, ...]) -> None:
    assert explained(*words) == explained(*(word.lower() for word in words))


def test_commands_that_a_text_quotes_have_their_slash_too() -> None:
    assert "`/logout`" in "\n".join(overview("/", 200))
    assert "`logout`" in "\n".join(overview("", 200))
    assert "`/files send`" in explained("sendfile")


@pytest.mark.parametrize("name", [name for name, each in cli.facts.items() if each.in_chat])
def test_no_option_is_listed_that_a_chat_refuses(name: str) -> None:
    assert not {"--profile", "--broker", "--debug", "--no-input"} & set(explained(name).split())


def test_keys_are_explained_where_they_do_something() -> None:
    shown = help_text(cli, (), "", 80, colour=False, keys=True)
    assert shown is not None
    for key in ("PgDn", "Alt-N", "Alt-Enter", "Ctrl-C", "Ctrl-L", "Up, Down"):
        assert key in shown
        assert key not in "\n".join(overview())


def test_help_is_asked_for_by_a_command_or_by_an_option() -> None:
    assert asked_about(("help", "send"), explains=True) == ("send",)
    assert asked_about(("history", "5", "--help"), explains=False) == ["history", "5"]
    assert asked_about(("history", "5"), explains=False) is None
    assert asked_about(("history", "5", "-h"), explains=False) == ["history", "5"]


def test_titles_are_bold_where_there_are_colours() -> None:
    assert "\x1b[1mMessages\x1b[0m" in overview(colour=True)
    assert "\x1b" not in "".join(overview())
