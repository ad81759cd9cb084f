"""Where the words of a command go: a terminal, a pipe, or the screen of a chat."""

from typing import Protocol


class Surface(Protocol):
    """Where text goes. What is written is safe text already, with SGR sequences only if `colour`."""

    @property
    def person(self) -> bool:
        """Whether a person looks at `out`: then tables and sentences, else tab-separated lines."""

    @property
    def colour(self) -> bool:
        """Whether colours are shown; never without `person`."""

    @property
    def width(self) -> int:
        """Columns that a table may take."""

    def out(self, text: str) -> None:
        """Data: whole lines without the last line feed."""

    def err(self, text: str) -> None:
        """All else: hints and errors, in the same form."""


class InFront:
    """A Surface in front of another, to which it passes all on."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    @property
    def person(self) -> bool:
        """As the surface behind it."""
        return self._surface.person

    @property
    def colour(self) -> bool:
        """As the surface behind it."""
        return self._surface.colour

    @property
    def width(self) -> int:
        """As the surface behind it."""
        return self._surface.width

    def out(self, text: str) -> None:
        """Data."""
        self._surface.out(text)

    def err(self, text: str) -> None:
        """All else."""
        self._surface.err(text)
