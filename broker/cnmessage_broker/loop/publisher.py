"""Deliveries on their way out: one after the other in the order in which they were handed over, in bites.

A message to hundreds takes a while to publish, and the loop has others to serve meanwhile. Must not know what
a delivery tells.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from cnmessage_broker.loop.effects import Push


class Publisher:
    """`ring` publishes one delivery, at a time in seconds of `monotonic`."""

    def __init__(self, ring: Callable[[Push, float], None], monotonic: Callable[[], float]) -> None:
        self._ring = ring
        self._monotonic = monotonic
        self._waiting: deque[Iterator[Push]] = deque()

    def __len__(self) -> int:
        """How much was handed over and is not all published."""
        return len(self._waiting)

    def put(self, pushes: Iterable[Push]) -> None:
        """Publish these after what waits; they may be made as they are asked for."""
        self._waiting.append(iter(pushes))

    def bite(self, seconds: float) -> None:
        """Publish for so long, and for as much longer as more was handed over than once: it comes as fast."""
        now = self._monotonic()
        ends = now + seconds * len(self._waiting)
        while self._waiting and now <= ends:
            push = next(self._waiting[0], None)
            if push is None:
                self._waiting.popleft()
            else:
                self._ring(push, now)
            now = self._monotonic()

    def last(self, seconds: float) -> None:
        """Publish for so long at most, and drop the rest: what was stored is in the inboxes."""
        ends = self._monotonic() + seconds
        while self._waiting and self._monotonic() <= ends:
            self.bite(0.0)
        self._waiting.clear()
