"""Machine: who came and went, told to all who are online, at a pace and in bites.

When thousands come at once each of them hears of all others: without a bound nothing else would be done.
Takes the time; knows no socket.
"""

from collections import deque
from collections.abc import Iterator

from cnmessage_broker.loop import delivery
from cnmessage_broker.loop.effects import Push
from cnmessage_broker.loop.listeners import Listeners
from cnmessage_protocol.deliveries import Presence

INTERVAL = 1.0
"""Seconds between two rounds, at least."""

RATE = 5000
ROWS = 32
"""Deliveries of such news a second, and rows in one that take as long as another delivery."""

BITE = 50
"""Deliveries in one turn: a message that comes meanwhile waits a millisecond for them."""

_MOST_ROWS = 1024


class News:
    """Rounds of news, one after the other."""

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners
        self._next = 0.0
        self._telling: deque[Push] = deque()

    @property
    def telling(self) -> bool:
        """Whether a round is on its way to some."""
        return bool(self._telling)

    def look(self, now: float) -> None:
        """Begin a round if it is time for one; what cancels out meanwhile is no news."""
        if now < self._next or self._telling:
            return
        changes = self._listeners.take_changes()
        for start in range(0, len(changes), _MOST_ROWS):
            values = {"changes": changes[start : start + _MOST_ROWS]}
            self._telling.extend(delivery.notices(self._listeners, Presence.KIND, values))
        cost = len(self._telling) + len(changes) * len(self._listeners) / ROWS
        self._next = now + max(INTERVAL, cost / RATE)

    def bite(self) -> Iterator[Push]:
        """Some of those who have not been told yet; who left meanwhile need not be."""
        for _ in range(min(BITE, len(self._telling))):
            push = self._telling.popleft()
            if push.listener.granted:
                yield push
