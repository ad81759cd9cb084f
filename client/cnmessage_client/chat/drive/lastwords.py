"""What a command that asks prints, held back while the chat may still have to drop what was typed.

Whoever reads a last word replies to it, and that line must not be taken for a secret that nobody asked for.
A Surface in front of another; knows neither commands nor questions.
"""

from collections import deque
from collections.abc import Callable

from cnmessage_client.shell.out.surface import InFront, Surface


class LastWords(InFront):
    """A Surface. What it gets is shown at the next release; printed on one thread, released on any."""

    def __init__(self, surface: Surface) -> None:
        super().__init__(surface)
        self._held: deque[tuple[Callable[[str], None], str]] = deque()

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
