"""Machines of time: is the other side alive, and how long to wait before trying again.

Both sides keep a Liveness: a client for its link, where any traffic is a sign of life, and a broker for each
listener, where heartbeats are. Silence longer than `expiry` ends it. Knows no clock: every call is told
the time, in seconds.
"""

from collections.abc import Callable

from msgspec import Struct

HEARTBEAT = 1.0
"""Seconds between heartbeats."""

EXPIRY = 3.0
"""Seconds of silence after which the other side counts as gone."""

EARLY_BEAT = 4096
"""Items after which a client's heartbeat goes out early, so that the broker's send window keeps moving."""


class Liveness(Struct):
    """One side's view of the other."""

    heard_at: float
    expiry: float = EXPIRY
    heartbeat: float = HEARTBEAT
    beat_at: float = float("-inf")

    def heard(self, now: float) -> None:
        """Anything came from the other side."""
        self.heard_at = max(self.heard_at, now)

    def agreed(self, now: float, heartbeat: float, expiry: float) -> None:
        """Both sides have these from now on."""
        self.heartbeat, self.expiry = heartbeat, expiry
        self.beat_at = now + heartbeat

    def beat_due(self, now: float) -> bool:
        """Whether to send a heartbeat now; saying yes starts the next interval."""
        if now < self.beat_at:
            return False
        self.beat_at = now + self.heartbeat
        return True

    def expired(self, now: float) -> bool:
        """Whether the silence has lasted too long."""
        return now - self.heard_at > self.expiry

    @property
    def deadline(self) -> float:
        """When something is due: the next heartbeat or the expiry."""
        return min(self.beat_at, self.heard_at + self.expiry)


BACKOFF_FIRST = 0.2
BACKOFF_LIMIT = 10.0
"""Seconds to wait before the first new attempt, and at most."""


class Backoff(Struct):
    """Growing pauses between attempts. `jitter` gives numbers from 0 to 1, so that clients spread out."""

    jitter: Callable[[], float]
    _attempt: int = 0

    @property
    def pausing(self) -> bool:
        """Whether there was a pause since things went well."""
        return self._attempt > 0

    def pause(self) -> float:
        """Seconds to wait before the next attempt, by chance: up to a bound that doubles each time.

        All of it is chance, so that thousands whom one event cut off spread over the whole time; but for a
        tenth, so that nobody comes back without any pause.
        """
        longest = min(BACKOFF_LIMIT, BACKOFF_FIRST * 2.0**self._attempt)
        self._attempt = min(self._attempt + 1, 16)
        return longest * (0.1 + 0.9 * self.jitter())

    def succeeded(self) -> None:
        """Begin with short pauses again."""
        self._attempt = 0
