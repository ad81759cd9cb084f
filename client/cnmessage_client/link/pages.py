"""Machine: a walk over the pages of one answer: that it gets on, that it ends, and what it may take.

A broker could say `more` for ever, with a page just inside every time-out. Here a walk goes on as long as
it brings what was asked for: a full page gives it time for the next. Knows no clock.
"""

from collections.abc import Iterable
from typing import TypeVar

from cnmessage_protocol.errors import ErrorCode, NoProgressError, RequestError

STRETCH = 6
"""How many times its time-out a walk may take between two full pages."""

FULL = 1 << 16
"""Bytes that make a page a full one, however few its rows are."""

MOST_ROWS = 100_000
"""Most users, or files, that a broker may list."""

MOST_BYTES = 128 << 20
"""Most bytes, as they are on the wire, that one answer may bring into memory."""


class Walk:
    """One walk. `until` is when it ends at the latest, unless a full page comes before."""

    def __init__(self, now: float, timeout: float) -> None:
        self._stretch = STRETCH * timeout
        self.until = now + self._stretch
        self.began = False
        """Whether a page came."""
        self._bytes = 0
        self._rows = 0

    def came(self, now: float, rows: int, size: int, *, asked: int) -> None:
        """A page of that many rows and bytes came; TOO_LARGE when all pages are more than fits."""
        if rows > asked:
            raise NoProgressError(f"it gives {rows} rows where {asked} were asked for")
        self.began = True
        self._rows += rows
        self._bytes += size
        if self._bytes > MOST_BYTES:
            text = f"this is more than {MOST_BYTES >> 20} MiB; ask for less, or for one part after another"
            raise RequestError(ErrorCode.TOO_LARGE, text)
        if rows == asked or size >= FULL:
            self.until = now + self._stretch

    def listed(self, rows: int, *, more: bool) -> None:
        """The page was one of a list that is wanted as a whole."""
        if more and not rows:
            raise NoProgressError("it says that there is more, and gives nothing")
        if self._rows > MOST_ROWS:
            raise NoProgressError(f"it lists more than {MOST_ROWS:,}")


Place = TypeVar("Place", int, str, tuple[int, str])


def check_order(places: Iterable[Place], above: Place) -> None:
    """Places must rise strictly, from above one that the walk has reached."""
    for place in places:
        if place <= above:
            raise NoProgressError(f"it gives what stands at {place} behind what stands at {above}")
        above = place
