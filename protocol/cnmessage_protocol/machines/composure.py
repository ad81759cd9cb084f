"""Machine: how a session keeps its temper with a broker that hangs up, refuses or gets nowhere.

Every pause grows until things go well again, so that no broker makes a client call it without end. Takes
the time; decides nothing but pauses.
"""

from collections.abc import Callable

from cnmessage_protocol.machines.liveness import EXPIRY, Backoff
from cnmessage_protocol.trace import Trail

STEADY = EXPIRY
"""Seconds that a listener must have lasted before its end counts as bad luck and not as a habit."""

LOGGED_OUT = "this session was logged out"
"""What a session ends with that another device, or its user, has ended."""

JOIN_PATIENCE = 1.0
"""Seconds to wait for the hello on a fresh topic before subscribing anew; twice as long each time."""

LONGEST_JOIN = 8.0

PATIENCE_LIMIT = 12.0
"""Seconds of silence that a new link may begin with, at most."""

_TEMPER = {False: "calm", True: "waiting"}
"""What a trail calls it, by whether there was a pause since things went well."""


class Composure:
    """Pauses of one session. `jitter` gives numbers from 0 to 1."""

    def __init__(self, jitter: Callable[[], float], trail: Trail | None = None) -> None:
        self._trail = trail or Trail()
        self._link = Backoff(jitter)
        self._fetch = Backoff(jitter)
        self._ack = Backoff(jitter)
        self._joined_at: float | None = None
        self._disowned_at = float("-inf")
        self._patience = EXPIRY
        self._join_patience = JOIN_PATIENCE
        self.ack_at = float("-inf")
        """When the broker may be told again how far was read."""

    @property
    def patience(self) -> float:
        """Seconds of silence that a link may begin with.

        Longer after each link that was lost before it had lasted: where thousands come at once everybody
        waits, and who gives up too soon waits anew and makes the others wait.
        """
        return self._patience

    def joining(self) -> float:
        """Seconds to wait for a hello; longer each time since one came, for each try costs a handshake."""
        patience = self._join_patience
        self._join_patience = min(LONGEST_JOIN, patience * 2)
        return patience

    def joined(self, now: float) -> None:
        """A fresh topic works."""
        self._joined_at = now
        self._join_patience = JOIN_PATIENCE

    def answered(self) -> None:
        """A link without a listener works."""
        self._calm(self._link, "link")

    def lost(self, now: float) -> float:
        """Seconds to stay away from a link that has ended."""
        if self._joined_at is not None and now - self._joined_at >= STEADY:
            self._calm(self._link, "link")
            self._patience = EXPIRY
        else:
            self._patience = min(PATIENCE_LIMIT, self._patience * 2)
        self._joined_at = None
        return self._pause(self._link, "link")

    def disowned(self, now: float) -> float | None:
        """Seconds to stay away from a broker that does not know our listener; None: attach again at once.

        Once it happens to everybody. A broker that does it again and again is left alone for a while.
        """
        soon = now - self._disowned_at < STEADY
        self._disowned_at = now
        return self._pause(self._link, "link") if soon else None

    def fetch_failed(self) -> float:
        """Seconds until items are asked for again that the broker refused for the moment."""
        return self._pause(self._fetch, "fetch")

    def fetched(self) -> None:
        """It did not refuse them."""
        self._calm(self._fetch, "fetch")

    def ack_refused(self, now: float) -> None:
        """The broker did not take note of what was read, for the moment."""
        self.ack_at = now + self._pause(self._ack, "ack")

    def ack_taken(self) -> None:
        """It did."""
        self._calm(self._ack, "ack")

    def _pause(self, backoff: Backoff, what: str) -> float:
        before, pause = backoff.pausing, backoff.pause()
        self._trail.note(
            "composure", _TEMPER[before], "pause", _TEMPER[backoff.pausing], f"{pause:.2f} s", what
        )
        return pause

    def _calm(self, backoff: Backoff, what: str) -> None:
        if backoff.pausing:
            backoff.succeeded()
            self._trail.note("composure", _TEMPER[True], "success", _TEMPER[False], "", what)
