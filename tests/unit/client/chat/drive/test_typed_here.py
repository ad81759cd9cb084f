"""Hints of the command line as they are typed in the chat."""

import pytest

from cnmessage_client.chat.drive.typed_here import HintsHere, typed_here

COMMANDS = {"login", "signup", "users", "files"}


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("not logged in; use: cnmessage login NAME", "not logged in; use: /login NAME"),
        (
            "use: cnmessage --profile bob login NAME, or: cnmessage --profile bob signup NAME",
            "use: /login NAME, or: /signup NAME",
        ),
        ("'cnmessage users' lists them; 'cnmessage files rm ID'", "'/users' lists them; '/files rm ID'"),
        (
            "start another chat: cnmessage --profile NAME chat",
            "start another chat: cnmessage --profile NAME chat",
        ),
        ("no cnmessage broker there", "no cnmessage broker there"),
    ],
)
def test_calls_of_commands_lose_the_programs_name(text: str, here: str) -> None:
    assert typed_here(text, "/", COMMANDS) == here
    assert typed_here(text, "", COMMANDS) == here.replace("/", "")


def test_data_stays_as_it_is() -> None:
    class Kept:
        person, colour, width = True, False, 80

        def __init__(self) -> None:
            self.told: list[str] = []

        def out(self, text: str) -> None:
            self.told.append(f"out {text}")

        def err(self, text: str) -> None:
            self.told.append(f"err {text}")

    behind = Kept()
    surface = HintsHere(behind, str.upper)
    surface.out("data")
    surface.err("hint")
    assert behind.told == ["out data", "err HINT"]
    assert (surface.person, surface.colour, surface.width) == (True, False, 80)
