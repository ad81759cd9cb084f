"""Machine: the connection as a person sees it: up, away since when, and the countdown to the next attempt.

Takes the states that the client's session moves through, and the time; says when a person is to be told.

    LIVE → … → WAITING    Change.LOST, once however many attempts fail
    WAITING → … → LIVE    Change.BACK with how long it was away; Turn.UP when it never was live before
"""

from dataclasses import dataclass
from enum import Enum
from math import ceil

from cnmessage_protocol.machines.states import State


class Change(Enum):
    """What a change of state means to a person."""

    NONE = "nothing to tell"
    UP = "up"
    LOST = "lost"
    BACK = "back"


@dataclass(slots=True)
class LinkStatus:
    """`state` is the session's; `away` for how many seconds the last absence lasted."""

    state: State = State.CLOSED
    away: float = 0.0
    was_live: bool = False
    """Whether it was up since this client began."""
    _away_since: float | None = None
    _attempts: int = 0
    _retry_at: float = 0.0
    _seconds_left: int = 0

    @property
    def up(self) -> bool:
        """Whether the broker can be asked now."""
        return self.state in {State.LIVE, State.CATCHING_UP}

    @property
    def returning(self) -> bool:
        """Whether it is on its way back after an absence: what comes now was missed."""
        return self.was_live and self._away_since is not None and self.state is not State.WAITING

    def moved(self, state: State, retry_in: float, now: float) -> Change:
        """The session has another state; while WAITING it tries again in `retry_in` seconds."""
        self.state = state
        if state is State.WAITING:
            self._attempts += 1
            self._retry_at, self._seconds_left = now + retry_in, ceil(retry_in)
            if self._away_since is not None:
                return Change.NONE
            self._away_since = now
            return Change.LOST
        if state is State.CLOSED:
            self._away_since, self.was_live, self._attempts = None, False, 0
        if state is not State.LIVE:
            return Change.NONE
        back, first = self._away_since is not None, not self.was_live
        self.away = now - (now if self._away_since is None else self._away_since)
        self._away_since, self.was_live, self._attempts = None, True, 0
        return Change.UP if first else Change.BACK if back else Change.NONE

    def words(self, user: str | None, now: float) -> str:
        """The state in words, for the status line."""
        match self.state:
            case State.WAITING:
                seconds = max(ceil(self._retry_at - now), 0)
                return f"reconnecting in {seconds} s (try {self._attempts})"
            case _ if user is None:
                return "not logged in"
            case State.LIVE:
                return "online"
            case State.CLOSED:
                return "offline"
            case _:
                return f"connecting (try {self._attempts})" if self._attempts else "connecting"

    def tick(self, now: float) -> None:
        """Time passed."""
        while self._seconds_left > 0 and now >= self._retry_at - self._seconds_left + 1:
            self._seconds_left -= 1

    @property
    def deadline(self) -> float | None:
        """When the words of the countdown change next, or None."""
        if self.state is not State.WAITING or self._seconds_left <= 0:
            return None
        return self._retry_at - self._seconds_left + 1


def span(seconds: float) -> str:
    """A time as a person reads it: 12s, 3m12s, 2h05m."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
