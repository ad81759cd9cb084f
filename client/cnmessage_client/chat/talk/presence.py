"""Machine: who is online, and one line for many comings and goings.

Changes within WINDOW seconds become one line; who came and went in that time is not told. Right after a
connection is up nothing is told for QUIET seconds: the list of users says it all.
"""

from collections.abc import Iterable, Sequence, Sized
from itertools import islice

WINDOW = 2.0
QUIET = 3.0
"""Seconds: how long changes are gathered, and how long none are told after the connection is up."""

MOST_NAMED = 5
"""Names in one line; of more only their number is told."""

MOST_NAMES = 20_000
"""Names that are remembered."""


class KnownUsers:
    """Names known, and who of them is online."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        """Every user seen so far."""
        self.listed = False
        """Whether the whole list of users came, so that a name that is not known is probably mistyped."""
        self.deadline: float | None = None
        """When `tick` has a line, or None."""
        self._online: set[str] = set()
        self._before: dict[str, bool] = {}
        self._quiet_until = float("-inf")

    def learn(self, names: Iterable[str]) -> None:
        """These are users."""
        self.known.update(islice((name for name in names if name not in self.known), self._room(self.known)))

    def up(self, now: float) -> None:
        """The connection is up."""
        self._quiet_until = now + QUIET
        self._drop()

    def down(self) -> None:
        """The connection is lost: who is online is not known any more."""
        self._drop()

    def roster(self, users: Sequence[tuple[str, bool]]) -> None:
        """The whole list of users; nothing of it is news."""
        self.learn(name for name, _ in users)
        self._online = set(islice((name for name, online in users if online), MOST_NAMES))
        self.listed = True
        self._drop()

    def changed(self, changes: Sequence[tuple[str, bool]], me: str | None, now: float) -> set[str]:
        """Users came or went; gives who came."""
        self.learn(name for name, _ in changes)
        came = {name for name, online in changes if online}
        for name, online in changes:
            was = name in self._online
            news = now >= self._quiet_until and name != me and was != online
            if news and self._room(self._before):
                self._before.setdefault(name, was)
            if not online:
                self._online.discard(name)
            elif self._room(self._online):
                self._online.add(name)
        if self._before and self.deadline is None:
            self.deadline = now + WINDOW
        return came

    def count(self, me: str) -> int | None:
        """How many are online, `me` among them; None before the first list."""
        return len(self._online | {me}) if self.listed else None

    def tick(self, now: float) -> str | None:
        """Time passed: the line, if one is due and says anything."""
        if self.deadline is None or now < self.deadline:
            return None
        news = [name for name, was in self._before.items() if (name in self._online) != was]
        self._drop()
        came = sorted(name for name in news if name in self._online)
        left = sorted(name for name in news if name not in self._online)
        told = [(names, verb) for names, verb in ((came, "came"), (left, "left")) if names]
        if len(news) > MOST_NAMED:
            return ", ".join(f"{len(names)} {verb}" for names, verb in told)
        return " · ".join(f"{', '.join(names)} {verb}" for names, verb in told) or None

    @staticmethod
    def _room(names: Sized) -> int:
        """How many more names may be remembered: a broker could tell of them without end."""
        return max(0, MOST_NAMES - len(names))

    def _drop(self) -> None:
        self._before.clear()
        self.deadline = None
