"""What a command prints, held back while the chat may still have to drop what was typed.

Whoever reads a last word replies to it, and that line must not be taken for a secret that nobody asked for.
A Surface in front of another; knows neither commands nor questions.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cnmessage_client.shell.out.surface import Surface


class LastWords:
    """A Surface. What is `held` is shown with the next question, or at the release.

    Safe to use from any thread.
    """

    def __init__(self, surface: Surface, *, held: bool) -> None:
        self._surface = surface
        self._lock = threading.Lock()
        self._holding = held
        self._held: list[tuple[Callable[[str], None], str]] = []

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
        """Data, now or at the release."""
        self._show(self._surface.out, text)

    def err(self, text: str) -> None:
        """All else, in the same order."""
        self._show(self._surface.err, text)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While a question is asked all is shown."""
        holding = self._holding
        self.release()
        try:
            yield
        finally:
            self._holding = holding

    def release(self) -> None:
        """Show what was kept, and from now on what comes."""
        with self._lock:
            self._holding = False
            held, self._held = self._held, []
            for show, text in held:
                show(text)

    def _show(self, show: Callable[[str], None], text: str) -> None:
        with self._lock:
            if self._holding:
                self._held.append((show, text))
            else:
                show(text)
