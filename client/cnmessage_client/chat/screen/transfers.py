"""Files on their way, for the rows above the status line: one row a file, changing in place.

Told from any thread through the View of each command; read by the screen when it draws. The clock is passed
in. Knows no terminal. Made and read by fullscreen.py.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Self

from cnmessage_client.chat.screen.cells import cells, cut, tame
from cnmessage_client.model import TransferProgress
from cnmessage_client.shell.out.render import in_units
from cnmessage_client.shell.out.safe_text import safe_text

MOST_LINES = 4
WINDOW = 5.0
"""Seconds over which the rate is taken."""

PAUSE = 0.1
"""Seconds between two calls of `changed`, unless a file has another phase."""

_NAME = 24
_MOVING = {"sending", "receiving"}
_ENDED = {"done", "failed"}
_UP = "sending"


class _File:
    """How far one file has come, and when it was how far."""

    def __init__(self, arrow: str) -> None:
        self._arrow = arrow
        self._latest: TransferProgress | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def moved(self, progress: TransferProgress, now: float) -> bool:
        """Whether it has another phase now."""
        before, self._latest = self._latest, progress
        if progress.phase not in _MOVING:
            self._seen.clear()
        elif not self._seen or now >= self._seen[-1][0] + PAUSE:
            self._seen.append((now, progress.done))
        while self._seen and self._seen[0][0] < now - WINDOW and len(self._seen) > 2:
            self._seen.popleft()
        return before is None or before.phase != progress.phase

    @property
    def runs(self) -> bool:
        """Whether it is to be shown."""
        return self._latest is not None and self._latest.phase not in _ENDED

    def line(self, now: float, width: int) -> str:
        """Name, per cent, rate and time left; or what else happens to it."""
        file = self._latest
        if file is None:
            return ""
        per_cent = 100 if file.size <= 0 else file.done * 100 // file.size
        name = cut(tame(safe_text(file.name)), _NAME)
        parts = [f" {self._arrow} {name}", f"{per_cent:>3} %"]
        rate = self._rate(file, now)
        if file.phase not in _MOVING:
            parts.append(file.phase)
        elif rate > 0:
            parts += [f"{in_units(int(rate))}/s", _minutes((file.size - file.done) / rate)]
        return cut("  ".join(parts), width)

    def _rate(self, file: TransferProgress, now: float) -> float:
        if not self._seen:
            return 0.0
        since, done = self._seen[0]
        # What stands still gets slower and slower, rather than keeping the last rate.
        return (file.done - done) / (now - since) if now > since else 0.0


class TransferRows:
    """All files of all commands that run. `changed` is called, from any thread, when there is news."""

    def __init__(self, clock: Callable[[], float], changed: Callable[[], None]) -> None:
        self._clock = clock
        self._changed = changed
        self._lock = threading.Lock()
        self._files: dict[tuple[int, str], _File] = {}
        self._views = 0
        self._reported_at = float("-inf")

    def view(self, verb: str) -> "TransferView":
        """For one command; `verb` is what happens to its files: sending or receiving."""
        with self._lock:
            self._views += 1
            return TransferView(self, self._views, "↑" if verb == _UP else "↓")

    def lines(self, width: int) -> list[str]:
        """At most MOST_LINES lines, the oldest first; the last one counts what has no line of its own."""
        with self._lock:
            now = self._clock()
            running = [each for each in self._files.values() if each.runs]
            shown = running if len(running) <= MOST_LINES else running[: MOST_LINES - 1]
            lines = [each.line(now, width) for each in shown]
        if len(shown) < len(running):
            lines.append(cut(f"   and {len(running) - len(shown)} more", width))
        return [line + " " * (width - cells(line)) for line in lines]

    def moved(self, view: int, arrow: str, key: str, progress: TransferProgress) -> None:
        """A file of a view has moved."""
        with self._lock:
            now = self._clock()
            fresh = self._files.setdefault((view, key), _File(arrow)).moved(progress, now)
            tell = fresh or now >= self._reported_at + PAUSE
            if tell:
                self._reported_at = now
        if tell:
            self._changed()

    def closed(self, view: int) -> None:
        """The command has ended: its files have no lines any more."""
        with self._lock:
            self._files = {key: file for key, file in self._files.items() if key[0] != view}
        self._changed()


class TransferView:
    """The View of one command (see progress.py)."""

    def __init__(self, transfers: TransferRows, number: int, arrow: str) -> None:
        self._transfers, self._number, self._arrow = transfers, number, arrow

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Take the lines away."""
        self._transfers.closed(self._number)

    def moved(self, key: str, progress: TransferProgress) -> None:
        """The file that the caller calls `key` came so far."""
        self._transfers.moved(self._number, self._arrow, key, progress)


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
