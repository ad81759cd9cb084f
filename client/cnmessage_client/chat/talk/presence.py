"""Machine: which users there are, and who of them is online. Tells nobody: who wants to know looks."""

import difflib
from collections.abc import Iterable, Sequence, Sized
from itertools import islice

from cnmessage_protocol.conversation import Conversation, Direct

MOST_NAMES = 20_000
"""Names that are remembered."""


class KnownUsers:
    """Names known, and who of them is online."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        """Every user seen so far."""
        self.listed = False
        """Whether the whole list of users came, so that a name that is not known is probably mistyped."""
        self._online: set[str] = set()

    def learn(self, names: Iterable[str]) -> None:
        """These are users."""
        self.known.update(islice((name for name in names if name not in self.known), self._room(self.known)))

    def roster(self, users: Sequence[tuple[str, bool]]) -> None:
        """The whole list of users."""
        self.learn(name for name, _ in users)
        self._online = set(islice((name for name, online in users if online), MOST_NAMES))
        self.listed = True

    def changed(self, changes: Sequence[tuple[str, bool]]) -> set[str]:
        """Users came or went; gives who came."""
        self.learn(name for name, _ in changes)
        for name, online in changes:
            if not online:
                self._online.discard(name)
            elif self._room(self._online):
                self._online.add(name)
        return {name for name, online in changes if online}

    def partner(self, conversation: Conversation | None, me: str | None) -> tuple[Conversation, bool] | None:
        """Whom one talks with, and whether that user is online, where this is known."""
        match conversation:
            case Direct(name) if name != me and self.listed:
                return conversation, name in self._online
            case _:
                return None

    def count(self, me: str) -> int | None:
        """How many are online, `me` among them; None before the first list."""
        return len(self._online | {me}) if self.listed else None

    def names_online(self, me: str) -> list[str] | None:
        """Who is online, `me` among them, in order; None before the first list."""
        return sorted(self._online | {me}) if self.listed else None

    def who(self, me: str, *, up: bool) -> str:
        """Who is online, in words; `up`: there is a connection."""
        names = self.names_online(me) if up else None
        if names is None:
            return "who is online is not known yet: there is no connection"
        return f"online: {', '.join(names)}"

    def no_user(self, name: str, slash: str) -> str:
        """That there is no user of this name, and whom it may have meant; `slash` is before commands here."""
        near = difflib.get_close_matches(name, self.known, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"'{slash}users' lists those there are"
        return f"there is no user '{name}'; {hint}"

    @staticmethod
    def not_known_yet(name: str) -> str:
        """That nobody can say now whether there is a user of this name."""
        return f"it is not known yet whether there is a user '{name}'; if not, what you write will fail"

    @staticmethod
    def _room(names: Sized) -> int:
        """How many more names may be remembered: a broker could tell of them without end."""
        return max(0, MOST_NAMES - len(names))
