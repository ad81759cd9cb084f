"""Machine: what waits for a thread of which there are few, first who had least of the loop's time.

Knows neither jobs nor threads.
"""

import heapq
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item")

Rank = tuple[bool, float]
"""Whether it is a heavy user's, and how much work that user will have had; the lesser goes first."""

LAST: Rank = (True, float("inf"))
"""After everybody."""


class Ranked(Generic[Item]):
    """Items by rank; of the same rank, the one that waited longer goes first."""

    def __init__(self) -> None:
        self._heap: list[tuple[Rank, int, Item]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, rank: Rank, item: Item) -> None:
        """Let it wait."""
        heapq.heappush(self._heap, (rank, next(self._order), item))

    def take(self) -> Item:
        """The next; IndexError when nothing waits."""
        return heapq.heappop(self._heap)[2]
