"""Which texts are like a command whose slash was forgotten."""

import pytest

from cnmessage_client.chat.talk.lines import OWN_ALIASES, OWN_COMMANDS
from cnmessage_client.chat.talk.mistaken import like_command
from cnmessage_client.cli.main import cli
from tests.unit.client.chat.talk.talking import COMMANDS


@pytest.mark.parametrize(
    ("text", "like"),
    [
        *(
            (word, True)
            for word in ("users", "who", "quit", "exit", "help", "logout", "files", "devices", "more")
        ),
        *(
            (line, True)
            for line in ("history 5", "history --with bob", "users --online", "help send", "to carol")
        ),
        *(
            (line, True)
            for line in ("send bob hi", "send all hi", "broadcast it works", "retry all", "break 10")
        ),
        *(
            (line, True)
            for line in ("sendfile bob a.txt", "files send bob a.txt", "login bob", "cnmessage users")
        ),
        ("files get report.pdf", True),
        *(
            (line, True)
            for line in ("HELP", "Users", "BLOCK alice", "Block alice", "To Carol", "Cnmessage USERS", "QUIT")
        ),
        *(
            (line, True)
            for line in ("chat carol", "watch", "sendfile", "broker list", "profile rm work", "FILES LIST")
        ),
        *((line, True) for line in ("HISTORY 5", "list_users", "block carol", "login", "sendfile a.txt")),
        ("  users ", True),
        *(
            (line, False)
            for line in ("send me the file", "history is long", "users like it", "help me", "hello")
        ),
        *(
            (line, False)
            for line in ("to be or not to be", "files are gone", "break it", "edit the text", "/x", "@x")
        ),
        *(
            (line, False)
            for line in (
                "users aren't here",
                "users\nlike it",
                "",
                "more than that",
                "blocks away",
                "block it now",
            )
        ),
    ],
)
def test_a_text_is_like_a_command_if_it_could_be_one(text: str, like: bool) -> None:
    found = like_command(
        text, COMMANDS, could_be=cli.could_be, user=lambda name: name in {"bob", "carol"}, partner="bob"
    )
    assert found is like


@pytest.mark.parametrize("command", COMMANDS)
def test_every_name_in_any_case_is_like_a_command_and_every_example(command: str) -> None:
    facts = COMMANDS[command]
    lines = (facts.words, facts.words.title()) if facts.in_chat else ()
    for each in (command, command.upper(), command.capitalize(), *lines):
        assert like_command(each, COMMANDS, could_be=cli.could_be, user=lambda _: True), each


@pytest.mark.parametrize("command", [*OWN_COMMANDS, *OWN_ALIASES])
def test_every_name_of_an_own_command_in_any_case_is_like_a_command(command: str) -> None:
    for each in (command, command.upper(), command.capitalize()):
        assert like_command(each, COMMANDS, could_be=cli.could_be, user=lambda _: True), each
