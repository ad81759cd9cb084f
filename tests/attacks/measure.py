"""What honest users noticed: messages and newcomers by window of time; what was lost, doubled, disordered.

Filled from the lines that honest.py prints; knows no process and no clock of its own.
"""

import json
import statistics
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

FAIR = 1.0
"""Seconds that someone new may take."""


class Window(NamedTuple):
    """A stretch of CLOCK_MONOTONIC."""

    start: float
    end: float

    def holds(self, at: float) -> bool:
        """Whether it was then."""
        return self.start <= at < self.end


@dataclass(slots=True)
class Letter:
    """One honest message. `shown` has every time at which its recipient displayed it."""

    number: int
    sender: int
    recipient: int
    sent: float
    acked: float | None = None
    failed: str | None = None
    shown: list[float] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        """Whether nothing more is awaited of it."""
        return self.failed is not None or (self.acked is not None and bool(self.shown))


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds to the acknowledgement, and to the display."""

    ack_p50: float
    ack_p99: float
    shown_p99: float


class Ledger:
    """All that honest users told. `take` is called by a reader thread, everything else by the run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._letters: dict[int, Letter] = {}
        self._order: dict[tuple[int, int], list[int]] = {}
        self._newcomers: dict[int, list[float]] = {}
        self._away: list[float] = []
        self.ended = False

    def take(self, line: str) -> None:
        """One line of honest.py."""
        said: dict[str, Any] = json.loads(line)
        with self._lock:
            match said["event"]:
                case "sent":
                    number = said["number"]
                    self._letters[number] = Letter(number, said["by"], said["to"], said["at"])
                case "acked":
                    self._letters[said["number"]].acked = said["at"]
                case "failed":
                    self._letters[said["number"]].failed = said["error"]
                case "shown":
                    letter = self._letters[said["number"]]
                    letter.shown.append(said["at"])
                    self._order.setdefault((letter.sender, said["by"]), []).append(letter.number)
                case "away":
                    self._away.append(said["at"])
                case "ended":
                    self.ended = True
                case "new" | "joined":
                    self._newcomers.setdefault(said["number"], []).append(said["at"])

    def latency(self, windows: Sequence[Window], now: float) -> Latency:
        """Of all that was sent in these windows; what is not settled yet counts as if it were settled `now`.

        Taken together: one window has so few messages that its 99th percentile would be its slowest one.
        """
        with self._lock:
            sent = [each for each in self._letters.values() if any(one.holds(each.sent) for one in windows)]
        acks = sorted((each.acked or now) - each.sent for each in sent)
        shows = sorted((each.shown or [now])[0] - each.sent for each in sent)
        if not sent:
            nothing = sum(each.end - each.start for each in windows) * 1000
            return Latency(nothing, nothing, nothing)
        return Latency(
            statistics.median(acks) * 1000, percentile(acks, 0.99) * 1000, percentile(shows, 0.99) * 1000
        )

    def unsettled(self, before: float) -> int:
        """How many messages sent before then are still on their way."""
        with self._lock:
            return sum(not each.settled for each in self._letters.values() if each.sent < before)

    def newcomers(self, window: Window, now: float) -> list[float]:
        """Seconds to live, of each that began in the window; who never came counts until `now`."""
        with self._lock:
            began = [each for each in self._newcomers.values() if window.holds(each[0])]
        return [(each[1] if len(each) > 1 else now) - each[0] for each in began]

    def kept_out(self, window: Window) -> int:
        """How many began well before the window's end and were not live at it."""
        with self._lock:
            began = [each for each in self._newcomers.values() if window.holds(each[0])]
        return sum(window.end - each[0] > FAIR and (len(each) < 2 or each[1] > window.end) for each in began)

    def away(self, window: Window) -> int:
        """How often one who was attached lost that: taken for silent, or cut off."""
        with self._lock:
            return sum(window.holds(each) for each in self._away)

    @property
    def count(self) -> int:
        """How many messages were sent."""
        return len(self._letters)

    def lost(self) -> int:
        """Acknowledged and not shown, though a later one of the same two was."""
        last = {pair: max(shown) for pair, shown in self._order.items()}
        return sum(
            each.acked is not None
            and not each.shown
            and each.number < last.get((each.sender, each.recipient), -1)
            for each in self._letters.values()
        )

    def late(self) -> int:
        """Neither shown nor failed when the run had waited long enough, and not lost for certain."""
        return sum(not each.settled for each in self._letters.values()) - self.lost()

    def doubled(self) -> int:
        """Shown more than once."""
        return sum(len(each.shown) > 1 for each in self._letters.values())

    def disordered(self) -> int:
        """Shown after a later one of the same sender."""
        return sum(later < earlier for shown in self._order.values() for earlier, later in pairwise(shown))

    def refused(self) -> int:
        """Given up by the client, with an error."""
        return sum(each.failed is not None for each in self._letters.values())


def percentile(values: Sequence[float], part: float) -> float:
    """Of sorted values, the one below which that part of them lies."""
    return values[min(len(values) - 1, int(len(values) * part))]
