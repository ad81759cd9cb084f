"""Machine: a clock that runs only while the broker hears what is said to it.

Silence counts against a client only as far as somebody was listening. While requests wait unread in our own
socket, or the whole process stood still, this clock stands too, so nobody expires for our being late. Takes
the time in seconds; knows no socket.
"""

STRIDE = 0.5
"""Most seconds that one look at an empty socket can prove: longer gaps were our own standing still."""


class Attention:
    """`heard_all(now)` moves it on; `seconds` is how long the broker has been all ears."""

    def __init__(self, now: float) -> None:
        self._looked_at = now
        self.seconds = 0.0

    def heard_all(self, now: float) -> None:
        """Nothing waits unread any more."""
        self.seconds += max(0.0, min(now - self._looked_at, STRIDE))
        self._looked_at = now
