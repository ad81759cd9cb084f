"""A test kit for whoever drives the machines of this package: a clock, a recorder and a faulty link.

All pure: time moves only when told to, and every fault is chosen by a function that the test hands in, so a
failing run can be repeated. Public, for clients in this repository and elsewhere; imported by tests only.
"""

import heapq
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K")


class FakeClock:
    """Seconds that pass when told to; call it wherever a monotonic clock is wanted."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time."""
        return self.now

    def advance(self, seconds: float) -> float:
        """Let `seconds` pass and give the new time; ValueError for a negative number."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self.now += seconds
        return self.now

    def advance_to(self, moment: float) -> float:
        """Move on to `moment`; stay where we are when it has passed already."""
        self.now = max(self.now, moment)
        return self.now


class Recorder:
    """Keeps every effect a machine gave, in order."""

    def __init__(self) -> None:
        self.effects: list[Any] = []

    def __call__(self, effect: Any) -> None:
        """Record one effect; a recorder fits wherever a callback for effects is wanted."""
        self.effects.append(effect)

    def record(self, effects: Iterable[Any]) -> None:
        """Record what a machine returned."""
        self.effects.extend(effects)

    def of(self, kind: type[K]) -> list[K]:
        """The effects of one kind so far."""
        return [each for each in self.effects if isinstance(each, kind)]

    def take(self, kind: type[K]) -> list[K]:
        """The effects of one kind, which are forgotten now."""
        taken = self.of(kind)
        self.effects = [each for each in self.effects if not isinstance(each, kind)]
        return taken


class Fate(Enum):
    """What becomes of something put on a link."""

    PASS = "pass"  # noqa: S105 - a fate, not a password
    DROP = "drop"
    TWICE = "twice"
    LATE = "late"


def calm() -> Fate:
    """The fate of everything on a healthy link."""
    return Fate.PASS


class NetworkPath(Generic[T]):
    """One direction of a network: what is sent arrives after `latency` seconds, or as `fate` wills it.

    `fate` is asked once for each thing sent. DROP loses it, TWICE delivers it now and again `lateness`
    later, LATE delivers it `lateness` later, so that it comes after what was sent behind it. With
    `ordered`, nothing overtakes: a late one holds up what follows, as one TCP connection does.
    """

    def __init__(
        self,
        fate: Callable[[], Fate] = calm,
        *,
        latency: float = 0.01,
        lateness: float = 0.25,
        ordered: bool = False,
    ) -> None:
        self.fate = fate
        self._latency = latency
        self._lateness = lateness
        self._ordered = ordered
        self._under_way: list[tuple[float, int, T]] = []
        self._sent = 0
        self._latest = float("-inf")

    def __len__(self) -> int:
        return len(self._under_way)

    def send(self, now: float, item: T) -> None:
        """Put something on the link."""
        fate = self.fate()
        if fate is Fate.DROP:
            return
        soon = now + self._latency
        self._enter(soon + self._lateness if fate is Fate.LATE else soon, item)
        if fate is Fate.TWICE:
            self._enter(soon + self._lateness, item)

    def arrived(self, now: float) -> list[T]:
        """What has come by `now`, in order of arrival; each is given once."""
        come: list[T] = []
        while self._under_way and self._under_way[0][0] <= now:
            come.append(heapq.heappop(self._under_way)[2])
        return come

    def cut(self) -> None:
        """Lose everything under way, as a broken connection does."""
        self._under_way.clear()

    def heal(self) -> None:
        """No more faults; what is under way still arrives."""
        self.fate = calm

    @property
    def next_arrival(self) -> float | None:
        """When something arrives next, or None when nothing is under way."""
        return self._under_way[0][0] if self._under_way else None

    def _enter(self, moment: float, item: T) -> None:
        if self._ordered:
            self._latest = moment = max(moment, self._latest)
        self._sent += 1
        heapq.heappush(self._under_way, (moment, self._sent, item))
