"""What a command that asks prints, held back while the chat may still have to drop what was typed.

Whoever reads a last word replies to it, and that line must not be taken for a secret that nobody asked for.
A Surface in front of another; knows neither commands nor questions.
"""

from collections import deque
from collections.abc import Callable

from cnmessage_client.shell.out.surface import Surface


class LastWords:
    """A Surface. What it gets is shown at the next release; printed on one thread, released on any."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._held: deque[tuple[Callable[[str], None], str]] = deque()

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
        """Data, at the release."""
        self._held.append((self._surface.out, text))

    def err(self, text: str) -> None:
        """All else, in the same order."""
        self._held.append((self._surface.err, text))

    def release(self) -> None:
        """Show what was kept."""
        while self._held:
            show, text = self._held.popleft()
            show(text)
