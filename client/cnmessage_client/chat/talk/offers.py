"""Machine: which files that were offered can still be had, and when the broker is asked about them.

What the broker tells of that may be lost on its way, so whoever shows an offer, an own one too, also asks now
and then: soon after it came, when the connection is back, when something is typed, and ever more seldom.
Knows no view.
"""

from collections.abc import Iterable, Sequence
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
        """A message is to be shown, perhaps with another mark; gives it with what is known of its file."""
        if said.file is None:
            return said
        file = said.file.id
        said = replace(said, gone=self._gone.get(file, ""))
        if said.gone not in _FOR_GOOD:
            new = file not in self._open
            self._open[file] = said
            if new:
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

    def listed(self, found: Sequence[FileInfo], asked: AskFiles) -> list[Said]:
        """The answer: of those `asked` for, the ones that are there; gives what is to be shown otherwise."""
        here = {each.id: each for each in found}
        return [
            each for file in asked.ids for each in self.became(file, _gone(here.get(file), sent=asked.sent))
        ]

    def became(self, file: str, gone: str) -> list[Said]:
        """It is `gone`, and why, or nothing for one that can be had; gives what is to be shown otherwise."""
        if self._gone.get(file) in _FOR_GOOD:
            return []
        self._gone[file] = gone
        _bounded(self._gone, self._bounds.keys)
        said = self._open.get(file)
        if said is None:
            return []
        if gone in _FOR_GOOD:
            del self._open[file]
        if said.gone == gone:
            return []
        said = replace(said, gone=gone)
        if gone not in _FOR_GOOD:
            self._open[file] = said
        return [said]

    def tick(self, now: float) -> list[AskFiles]:
        """Time passed: what to ask for."""
        if self.deadline is None or now < self._due:
            return []
        self._asked, self._due, self._pause = now, now + self._pause, min(LAST, 2 * self._pause)
        return about(self._open.values())

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to ask, or None."""
        return self._due if self._up and self._open else None


def about(messages: Iterable[Said]) -> list[AskFiles]:
    """The questions what became of the files of these messages."""
    files = [(each.file.id, each.mark is not None) for each in messages if each.file is not None]
    asked = [AskFiles(tuple(file for file, own in files if own is sent), sent) for sent in (False, True)]
    return [each for each in asked if each.ids]


def _gone(info: FileInfo | None, *, sent: bool) -> str:
    """Why a file is offered no more; nothing for one that is."""
    if info is None:
        return "gone"
    if info.state in {"withdrawn", "expired"}:
        return info.state
    states = {each.state for each in info.recipients}  # of an own one many: each of them is told otherwise
    return "declined" if not sent and states == {"failed"} else ""


def _bounded(records: dict[str, Said] | dict[str, str], most: int) -> None:
    while len(records) > most:
        del records[next(iter(records))]
