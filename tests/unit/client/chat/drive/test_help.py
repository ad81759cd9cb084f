"""The chat's help: all there is, by group, with an example that can be typed, in the width there is."""

import pytest

from cnmessage_client.chat.drive.help import help_text
from cnmessage_client.chat.talk.lines import OWN_COMMANDS, Hint, SendText, read
from cnmessage_client.cli.main import cli
from cnmessage_client.shell.command import Section, facts_of
from cnmessage_protocol.conversation import Conversation
from tests.support.conversations import BOB

TITLES = {section.value for section in Section}


def overview(slash: str = "", width: int = 80, *, colour: bool = False) -> list[str]:
    text = help_text(cli, (), slash=slash, width=width, colour=colour)
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


def test_own_commands_are_explained_here_and_others_by_the_command_line() -> None:
    text = help_text(cli, ("break",), slash="/", width=80, colour=False)
    assert text is not None
    assert text.startswith("/break [SECONDS]\n")
    assert help_text(cli, ("/quit",), slash="", width=80, colour=False) == help_text(
        cli, ("exit",), slash="", width=80, colour=False
    )
    assert help_text(cli, ("send",), slash="", width=80, colour=False) is None
    assert help_text(cli, ("files", "send"), slash="", width=80, colour=False) is None


def test_titles_are_bold_where_there_are_colours() -> None:
    assert "\x1b[1mMessages\x1b[0m" in overview(colour=True)
    assert "\x1b" not in "".join(overview())
