"""Own lines that can be had again with Up and Down, newest first. Pure and bounded.

What answers a question, or may be meant to, is not added.
"""

from collections import deque

MOST_LINES = 500


class Recall:
    """Lines that were entered, and which of them is shown in place of the draft."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._place = 0
        self._draft = ""

    def add(self, line: str) -> None:
        """A line was entered."""
        if line.strip() and (not self._lines or self._lines[-1] != line):
            self._lines.append(line)
        self.leave()

    def leave(self) -> None:
        """The draft was given up: begin again at the newest."""
        self._place, self._draft = 0, ""

    def older(self, shown: str) -> str | None:
        """The line before the one that is `shown`; None at the oldest."""
        if self._place == len(self._lines):
            return None
        if self._place == 0:
            self._draft = shown
        self._place += 1
        return self._lines[-self._place]

    def newer(self) -> str | None:
        """The line after, at last the draft again; None when that is shown already."""
        if self._place == 0:
            return None
        self._place -= 1
        return self._lines[-self._place] if self._place else self._draft
