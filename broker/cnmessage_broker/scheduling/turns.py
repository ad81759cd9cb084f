"""Machine: light users at once, heavy ones in the time that is left, and not all of that while others talk.

Strangers, of whom nobody knows what they have used, count as heavy: keys cost nothing.

A loop that works all the time is scheduled like any program that does; one that rests is woken at once when
somebody comes. So while a light user talks, heavy work has half of the time at most, in small pieces. Who is
alone has all of it. Takes the time in seconds; knows neither requests nor sockets. Fairness among equals is
fairness.py's.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from cnmessage_broker.limits import Budget
from cnmessage_broker.logs import KEY_SHORT
from cnmessage_broker.scheduling.fairness import FairQueue, Room
from cnmessage_broker.scheduling.ranked import Rank
from cnmessage_protocol.trace import Trail

Item = TypeVar("Item")

LIGHT = (0.03, 0.03)
"""Seconds of the loop's time that a light key uses: at once, and a second."""

LATELY = 2.0
"""Seconds after a light user's message in which others must expect the next."""


_MANY = 10_000
"""Heavy keys that are remembered for the trail."""

NEGLECT = 0.1
"""Seconds after which a heavy user is served once, however many light ones wait."""


class Turns(Generic[Item]):
    """Items by key. After each `take` comes a `served` for the same key, sooner or later; until then the key
    has no other turn. `expect(item)`: its seconds.
    """

    def __init__(
        self,
        room: Room | None = None,
        trail: Trail | None = None,
        expect: Callable[[Item], float] = lambda _: 0.0,
    ) -> None:
        self._trail = trail or Trail()
        self._noted: set[str] = set()
        self._light: FairQueue[Item] = FairQueue(room, expect)
        self._heavy: FairQueue[Item] = FairQueue(room, expect)
        self._used: Budget[str] = Budget(*LIGHT)
        self._talk_until = float("-inf")
        self._rest_until = float("-inf")
        self._heavy_at = float("-inf")
        self._taken: FairQueue[Item] = self._light

    @property
    def size(self) -> int:
        """Bytes of all that waits."""
        return self._light.size + self._heavy.size

    def company(self, now: float) -> bool:
        """Whether a light user has talked lately."""
        return now < self._talk_until

    def wait(self, now: float) -> float | None:
        """Seconds until somebody may be served; None when nothing waits."""
        if self._light:
            return 0.0
        if not self._heavy:
            return None
        return max(0.0, self._rest_until - now) if self.company(now) else 0.0

    def talked(self, now: float) -> None:
        """A message is being sent by who was just taken."""
        if self._taken is self._light:
            self._talk_until = now + LATELY

    def has_room(self, key: str, size: int, now: float) -> bool:
        """Whether the key may let something of so many bytes wait; room in all is made by `shorten`."""
        return self._light.has_room(key, size) and self._line_of(key, now).has_room(key, size)

    def put(self, key: str, item: Item, size: int, now: float, *, stranger: bool = False) -> None:
        """Let it wait behind the key's others."""
        line = self._heavy if stranger and not self._light.has(key) else self._line_of(key, now)
        if line is self._heavy and not line:
            self._heavy_at = now
        self._note(key, line)
        line.elapse(now)
        line.put(key, item, size)

    def put_back(self, key: str, item: Item, size: int, now: float) -> None:
        """Let it wait before the key's others: it was taken and could not be finished."""
        self._line_of(key, now).put_back(key, item, size)

    def first(self, key: str) -> Item | None:
        """What of the key waits first."""
        return self._heavy.first(key) or self._light.first(key)

    def shorten(self) -> tuple[str, Item] | None:
        """While too much waits in all, what came last of the key that has the most; it waits no more."""
        return self._heavy.shorten() or self._light.shorten()

    def take(self, now: float) -> tuple[str, Item, int] | None:
        """The next key, its first item and that one's bytes; None when nobody may be served now."""
        if self.wait(now) != 0.0:
            return None
        rested = bool(self._heavy) and (not self.company(now) or now >= self._rest_until)
        if not self._light or (rested and now - self._heavy_at > NEGLECT):
            self._taken, self._heavy_at = self._heavy, now
        else:
            self._taken = self._light
        return self._taken.take()

    @property
    def heavy(self) -> bool:
        """Whether what was taken last is a heavy key's."""
        return self._taken is self._heavy

    @property
    def rank(self) -> Rank:
        """Where who was taken last stands among those who wait for something else."""
        return self.heavy, self._taken.taken_at

    def served(self, key: str, cost: float, now: float) -> None:
        """What was taken of this key has taken so many seconds."""
        self._used.spend(key, now, cost)
        (self._heavy if self._heavy.serves(key) else self._light).served(key, cost)

    def rest(self, seconds: float, now: float) -> None:
        """So long was worked for heavy keys: as long they wait, if anybody else is there."""
        self._rest_until = max(self._rest_until, now + seconds)

    def hold(self, key: str, size: int) -> None:
        """Something of this key waits elsewhere, and takes its room."""
        self._light.hold(key, size)

    def release(self, key: str, size: int) -> None:
        """It does not any more."""
        self._light.release(key, size)

    def _note(self, key: str, line: FairQueue[Item]) -> None:
        """For the trail: the key waits in this line from now on."""
        if not self._trail.listening or (line is self._heavy) == (key in self._noted):
            return
        short = key[:KEY_SHORT]
        if line is self._heavy:
            if len(self._noted) >= _MANY:
                self._noted.clear()
            self._noted.add(key)
            self._trail.note("turns", "light", "used much", "heavy", "", short)
        else:
            self._noted.discard(key)
            self._trail.note("turns", "heavy", "rested", "light", "", short)

    def _line_of(self, key: str, now: float) -> FairQueue[Item]:
        """A key that has something in the heavy line stays there until that is done, so its order holds."""
        heavy = self._heavy.has(key)
        if not heavy and not self._light.has(key):
            heavy = self._used.wait(key, now, 0.0) > 0
        return self._heavy if heavy else self._light
