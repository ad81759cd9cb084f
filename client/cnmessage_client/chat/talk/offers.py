"""Machine: which files that others offer can still be had, and when the broker is asked about them.

Nobody is told when a file is taken back or its time is over, so whoever shows an offer asks now and then:
soon after it came, when the connection is back, when something is typed, and ever more seldom. Knows no view.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_client.chat.talk.effects import AskFiles
from cnmessage_client.chat.talk.entries import Said
from cnmessage_client.model import FileInfo

FIRST, LAST = 2.0, 30.0
"""Seconds between two questions: they double while nothing happens."""

_FOR_GOOD = frozenset({"withdrawn", "expired", "gone"})
"""Nothing becomes of these any more; what was declined may be fetched after all."""


class Offers:
    """The offers of one user."""

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self._bounds = bounds
        self._open: dict[str, Said] = {}
        self._gone: dict[str, str] = {}
        self._due, self._pause = 0.0, FIRST
        self._asked = -FIRST
        self._up = False

    def seen(self, said: Said) -> Said:
        """A message is to be shown; gives it with what is known of its file."""
        if said.file is None or said.mark is not None:
            return said
        file = said.file.id
        said = replace(said, gone=self._gone.get(file, ""))
        if said.gone not in _FOR_GOOD and file not in self._open:
            self._open[file] = said
            _bounded(self._open, self._bounds.watched)
            self.ask_soon()
        return said

    def linked(self, *, up: bool) -> None:
        """The connection is up, so all is asked for at once, or it is not."""
        self._up = up
        self.ask_soon()

    def ask_soon(self) -> None:
        """Something happened that may have changed what can be had, or somebody is here who looks."""
        self._due, self._pause = self._asked + FIRST, FIRST

    def listed(self, found: Sequence[FileInfo], asked: Collection[str]) -> list[Said]:
        """The answer: of those `asked` for, the ones that are there; gives what is to be shown otherwise."""
        here = {each.id: each for each in found}
        changed = []
        for file in asked:
            self._gone[file] = gone = _gone(here.get(file))
            said = self._open.pop(file, None)
            if said is not None and said.gone != gone:
                said = replace(said, gone=gone)
                changed.append(said)
            if said is not None and gone not in _FOR_GOOD:
                self._open[file] = said
        _bounded(self._gone, self._bounds.keys)
        return changed

    def tick(self, now: float) -> list[AskFiles]:
        """Time passed: what to ask for."""
        if self.deadline is None or now < self._due:
            return []
        self._asked, self._due, self._pause = now, now + self._pause, min(LAST, 2 * self._pause)
        return [AskFiles(tuple(self._open))]

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to ask, or None."""
        return self._due if self._up and self._open else None


def _gone(info: FileInfo | None) -> str:
    """Why a file is offered no more; nothing for one that is."""
    if info is None:
        return "gone"
    if info.state in {"withdrawn", "expired"}:
        return info.state
    states = {each.state for each in info.recipients}
    return "declined" if states == {"failed"} else ""


def _bounded(records: dict[str, Said] | dict[str, str], most: int) -> None:
    while len(records) > most:
        del records[next(iter(records))]
