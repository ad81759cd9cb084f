"""Machine: whose request is next. One key's flood is that key's wait and nobody else's.

Start-time fair queueing (Goyal, Vin, Cheng 1996): each key has a tag, the work it has had; next is who will
have had the least once its request is done, as far as that is known before, and pays what it turned out to
cost. Who is new begins at the tag being served. Who used less than the others lately is before them by what
was saved, up to a bound, so a light user is next however many others there are; time gives back what was
saved and used. Bounded for each key and in all. Knows neither requests nor sockets.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item")


MOST_KEYS = 10_000
"""Keys kept before those with nothing to pay are dropped."""

SAVED = 0.02
"""Seconds of work that a key can have saved up, and may have done before others get theirs."""


RECOVERY = 0.002
"""Seconds of work that a key saves up in a second: six messages. The less it is, the more keys that flood
together can be told from those that talk."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much may wait: items and bytes of one key, bytes of all."""

    items_of_key: int = 256
    bytes_of_key: int = 48 << 20
    bytes_of_all: int = 64 << 20


@dataclass(slots=True)
class _Line(Generic[Item]):
    tag: float
    items: deque[tuple[Item, int]] = field(default_factory=deque)
    size: int = 0
    held: int = 0
    served: bool = False


class FairQueue(Generic[Item]):
    """Items by key. After each `take` comes a `served` for the same key; until then the key has no turn.
    `expect(item)`: its cost.
    """

    def __init__(self, room: Room | None = None, expect: Callable[[Item], float] = lambda _: 0.0) -> None:
        self._room = room or Room()
        self._expect = expect
        self._lines: dict[str, _Line[Item]] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._order = count()
        self._now = 0.0
        self._looked_at: float | None = None
        self._serving = 0
        self.taken_at = 0.0
        """How much work the key that was taken last will have had."""
        self.size = 0
        """Bytes of all that waits."""

    def __bool__(self) -> bool:
        return bool(self._heap)

    def elapse(self, now: float) -> None:
        """It is `now`, in seconds: who did nothing meanwhile has saved some work up."""
        if self._looked_at is not None:
            self._now += max(0.0, now - self._looked_at) * RECOVERY
        self._looked_at = now

    def has_room(self, key: str, size: int) -> bool:
        """Whether the key may let something of so many bytes wait; room in all is made by `shorten`."""
        line = self._lines.get(key)
        if line is None:
            return True
        fits = line.size + size <= self._room.bytes_of_key or not line.size
        return fits and len(line.items) + line.held < self._room.items_of_key

    def shorten(self) -> tuple[str, Item] | None:
        """While too much waits in all, what came last of the key that has the most; it waits no more."""
        if self.size <= self._room.bytes_of_all:
            return None
        key, line = max(self._lines.items(), key=lambda each: each[1].size if each[1].items else -1)
        if not line.items:
            return None  # all of it is held elsewhere
        item, size = line.items.pop()
        self._count(line, -size)
        if not line.items:
            self._heap = [each for each in self._heap if each[2] != key]
            heapq.heapify(self._heap)
        return key, item

    def serves(self, key: str) -> bool:
        """Whether something was taken of the key that is not done yet."""
        line = self._lines.get(key)
        return line is not None and line.served

    def has(self, key: str) -> bool:
        """Whether something of the key waits, or is being done."""
        line = self._lines.get(key)
        return line is not None and (line.served or bool(line.items))

    def first(self, key: str) -> Item | None:
        """What of the key waits first."""
        line = self._lines.get(key)
        return line.items[0][0] if line is not None and line.items else None

    def put(self, key: str, item: Item, size: int) -> None:
        """Let it wait behind the key's others."""
        line = self._line(key)
        line.items.append((item, size))
        self._count(line, size)
        if len(line.items) == 1 and not line.served:
            self._enter(key, line)

    def put_back(self, key: str, item: Item, size: int) -> None:
        """Let it wait before the key's others: it was taken and could not be finished."""
        line = self._line(key)
        line.items.appendleft((item, size))
        self._count(line, size)
        if len(line.items) == 1 and not line.served:
            self._enter(key, line)

    def take(self) -> tuple[str, Item, int] | None:
        """The next key, its first item and that one's bytes; None when nothing waits."""
        if not self._heap:
            return None
        self.taken_at, _, key = heapq.heappop(self._heap)
        line = self._lines[key]
        self._now = max(self._now, line.tag)
        item, size = line.items.popleft()
        self._count(line, -size)
        line.served = True
        self._serving += 1
        return key, item, size

    def served(self, key: str, cost: float) -> None:
        """What was taken of this key has cost so much."""
        line = self._lines[key]
        line.served = False
        self._serving -= 1
        line.tag += cost
        if line.items:
            self._enter(key, line)
        if not self._heap and not self._serving:
            self._now = max(self._now, line.tag)  # everybody was served: debts are over
        if len(self._lines) > MOST_KEYS:
            self._forget()

    def hold(self, key: str, size: int) -> None:
        """Something of the key waits elsewhere and takes its room; all of that is counted there."""
        line = self._line(key)
        line.held += 1
        line.size += size

    def release(self, key: str, size: int) -> None:
        """It does not any more."""
        line = self._line(key)
        line.held -= 1
        line.size -= size

    def _line(self, key: str) -> _Line[Item]:
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(self._now)
        return line

    def _count(self, line: _Line[Item], size: int) -> None:
        line.size += size
        self.size += size

    def _enter(self, key: str, line: _Line[Item]) -> None:
        line.tag = max(line.tag, self._now - SAVED)
        after = line.tag + self._expect(line.items[0][0])
        heapq.heappush(self._heap, (after, next(self._order), key))

    def _forget(self) -> None:
        """Drop keys whose tag says nothing any more."""
        self._lines = {
            key: line
            for key, line in self._lines.items()
            if line.items or line.held or line.served or line.tag > self._now
        }
