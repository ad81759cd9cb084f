"""Machine: a clock that runs only while the broker hears what is said to it.

Silence counts against a client only as far as somebody was listening. While requests wait unread in our own
socket, or the whole process stood still, this clock stands too, so nobody expires for our being late. Takes
the time in seconds; knows no socket.
"""

STRIDE = 0.5
"""Most seconds that one look at an empty socket can prove: longer gaps were our own standing still."""


ROUND = 8
_LEAST_LINKS = 64
"""Messages for each connection, of so many at least, after which each was heard several times: libzmq takes
from them in turn. A flood must not stop this clock, or nobody would ever be offline."""


class Attention:
    """`heard_all` and `heard_one` move it on; `seconds` is how long the broker has been all ears."""

    def __init__(self, now: float) -> None:
        self._looked_at = now
        self._round_began = now
        self._round = 0
        self.seconds = 0.0

    def heard_one(self, now: float, links: int) -> None:
        """A message was read while more may wait, from one of so many connections."""
        self._round += 1
        if self._round >= ROUND * max(_LEAST_LINKS, links):
            began, self._round_began = self._round_began, now
            self._round = 0
            self._move(began)

    def heard_all(self, now: float) -> None:
        """Nothing waits unread any more."""
        self._round, self._round_began = 0, now
        self._move(now)

    def _move(self, now: float) -> None:
        self.seconds += max(0.0, min(now - self._looked_at, STRIDE))
        self._looked_at = now
