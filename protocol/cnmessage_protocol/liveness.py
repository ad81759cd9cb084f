"""Machine: is the other side alive? Heartbeats and expiry from (now, traffic).

Both sides keep one: a client for its link, a broker for each attachment. Silence longer than `expiry` ends
it; any traffic counts as a sign of life. Knows no clock: every call is told the time, in seconds.
"""

from dataclasses import dataclass

HEARTBEAT = 1.0
"""Seconds between heartbeats."""

EXPIRY = 3.0
"""Seconds of silence after which the other side counts as gone."""


@dataclass(slots=True)
class Liveness:
    """One side's view of the other."""

    heard_at: float
    expiry: float = EXPIRY
    heartbeat: float = HEARTBEAT
    beat_at: float = float("-inf")

    def heard(self, now: float) -> None:
        """Anything came from the other side."""
        self.heard_at = max(self.heard_at, now)

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
