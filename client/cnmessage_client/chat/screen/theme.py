"""The looks of the full screen: what is dim, what is red, which colour a name has; none of it without colour.

Looks are style strings of prompt_toolkit, but this module knows only their words. Made from the environment
by fullscreen.py; read by drawing.py and statusline.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from cnmessage_client.shell.out.colours import name_colour, wants_colour


@dataclass(frozen=True, slots=True)
class Theme:
    """With `colour` off no text has a look; marks and words say the same."""

    colour: bool = True

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """As NO_COLOR and TERM want it."""
        return cls(wants_colour(environment))

    def name(self, name: str) -> str:
        """The look of a user's name."""
        return self._look(f"bold ansi{name_colour(name).replace('_', '')}")

    @property
    def dim(self) -> str:
        """What is read and forgotten."""
        return self._look("dim")

    @property
    def trouble(self) -> str:
        """What went wrong."""
        return self._look("ansired")

    @property
    def fresh(self) -> str:
        """What is new since one looked last."""
        return self._look("ansiyellow")

    @property
    def good(self) -> str:
        """What is as it should be."""
        return self._look("ansigreen")

    def _look(self, style: str) -> str:
        return style if self.colour else ""
