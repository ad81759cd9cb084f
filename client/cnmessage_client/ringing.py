"""Machine: which messages ring for a person, with what text, and how often.

Takes messages and the time, gives what is to be told. Knows no terminal, no clock, and not where messages are
shown. Texts in here are not cleaned: whoever shows them does that.
"""

import re
from dataclasses import dataclass
from enum import StrEnum, auto

from cnmessage_client.model import Message
from cnmessage_protocol.conversation import Everyone, on_screen

PAUSE = 1.0
"""Seconds between two notifications."""

_NAMED = 3
"""Senders that are named of those who have written meanwhile."""

_MOST = 1000
"""Characters of a body that are looked at for its notification, which shows fewer."""


class NotifyLevel(StrEnum):
    """What rings: every message; those to this user and those that mention the user; none."""

    ALL = auto()
    MENTIONS = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True)
class Notification:
    """What a person is told who looks elsewhere."""

    title: str
    body: str


def rings(message: Message, me: str, level: NotifyLevel, *, seen: bool = False) -> bool:
    """Whether a message rings for user `me`; `seen`: it stands where that person looks."""
    if seen or not message.received or level is NotifyLevel.NONE:
        return False
    return level is NotifyLevel.ALL or message.kind != "broadcast" or mentions(message.body, me)


def mentions(text: str, name: str) -> bool:
    """Whether `@name` is a word of the text, in any case; `@name.` at the end of a sentence is one."""
    # Names are ASCII: a letter of another script ends one, as where no blanks stand between words.
    word = rf"(?<![\w@])@{re.escape(name)}(?!\w|[.-]+\w)"
    return re.search(word, text, re.ASCII | re.IGNORECASE) is not None


def notification_of(message: Message) -> Notification:
    """What is told of one message: who wrote, to everyone perhaps, and how it begins."""
    everyone = f" → {on_screen(Everyone())}" if message.kind == "broadcast" else ""
    file = "" if message.file is None else f"[file] {message.file.name[:_MOST]} "
    return Notification(f"{message.sender}{everyone}", (file + message.body[:_MOST]).strip())


class Ringing:
    """Notifications, at most one in `pause` seconds; the next tells how many messages came meanwhile."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._pause = pause
        self._quiet_until = float("-inf")
        self._count = 0
        self._last: Message | None = None
        self._senders: dict[str, None] = {}

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to tell, or None."""
        return self._quiet_until if self._count else None

    def came(self, message: Message, now: float) -> Notification | None:
        """A message that rings came; what is told at once, if anything."""
        self._count += 1
        self._last = message
        if len(self._senders) <= _NAMED:  # one more than are named: there are others
            self._senders[message.sender] = None
        return self.tick(now)

    def tick(self, now: float) -> Notification | None:
        """Time passed; what is told now, if anything."""
        return self.flush(now) if now >= self._quiet_until else None

    def flush(self, now: float) -> Notification | None:
        """What waits is told now, though it is early."""
        count, last, senders = self._count, self._last, list(self._senders)
        if last is None:
            return None
        self._count, self._last = 0, None
        self._senders.clear()
        self._quiet_until = now + self._pause
        if count == 1:
            return notification_of(last)
        others = " and others" if len(senders) > _NAMED else ""
        return Notification("cnmessage", f"{count:,} more from {', '.join(senders[:_NAMED])}{others}")
