"""What the command line's commands tell, in the chat's form: a hint names `/login`, as it is typed here.

Their data stays as it is. Knows no command by name, and no screen.
"""

import re
from collections.abc import Callable, Collection

from cnmessage_client.shell.command import PROGRAM
from cnmessage_client.shell.out.surface import InFront, Surface

_CALL = re.compile(rf"\b{PROGRAM} (?:--profile \S+ )?([a-z_]+)")


def typed_here(text: str, slash: str, commands: Collection[str]) -> str:
    """The text, with each call of one of these commands as it is typed where `slash` stands before them."""
    return _CALL.sub(lambda call: f"{slash}{call[1]}" if call[1] in commands else call[0], text)


class HintsHere(InFront):
    """A Surface in front of another: what is no data passes `here` first."""

    def __init__(self, surface: Surface, here: Callable[[str], str]) -> None:
        super().__init__(surface)
        self._here = here

    def err(self, text: str) -> None:
        """All else, as it is typed here."""
        self._surface.err(self._here(text))
