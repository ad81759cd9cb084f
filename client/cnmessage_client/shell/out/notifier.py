"""Notifications on an event loop: what rings is shown at once, or when the pause after the last one is over.

Knows no terminal, and not why something rings.
"""

import asyncio
from collections.abc import Callable

from cnmessage_client.model import Message
from cnmessage_client.ringing import PAUSE, Notification, Ringing


class Notifier:
    """Gives `show` one notification in `pause` seconds at most. Made where an event loop runs."""

    def __init__(self, show: Callable[[Notification], object], *, pause: float = PAUSE) -> None:
        self._show = show
        self._ringing = Ringing(pause)
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None

    def came(self, message: Message) -> None:
        """A message that rings came."""
        self._tell(self._ringing.came(message, self._loop.time()))

    def flush(self) -> None:
        """What waits is told now."""
        self._tell(self._ringing.flush(self._loop.time()))

    def close(self) -> None:
        """Time brings nothing any more."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _tick(self) -> None:
        self._tell(self._ringing.tick(self._loop.time()))

    def _tell(self, notification: Notification | None) -> None:
        self.close()
        due = self._ringing.deadline
        self._alarm = None if due is None else self._loop.call_at(due, self._tick)
        if notification is not None:
            self._show(notification)
