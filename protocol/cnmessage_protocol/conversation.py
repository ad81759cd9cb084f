"""Whom one talks with: a value, its one spelling on the wire and its one on a screen.

Users and whatever else can be talked with share one namespace. Must know nothing of messages, inboxes and
views.
"""

from functools import lru_cache
from typing import assert_never

from msgspec import Struct

from cnmessage_protocol.ids import UserName, user_name

_ALL = UserName("all")
"""The word for everyone. It is reserved, so that no user has it for a name."""


class Direct(Struct, frozen=True):
    """The conversation with one user."""

    name: UserName


class Everyone(Struct, frozen=True):
    """What is said to every user who is online."""


# A room will be a third value here, `Room(name)`: mypy then asks for its case in every match.
Conversation = Direct | Everyone


@lru_cache(4096)  # a name comes again and again, and the value never changes
def from_wire(text: str) -> Conversation:
    """The conversation behind a name in any case; ValueError says what a name may look like."""
    name = user_name(text)
    return Everyone() if name == _ALL else Direct(name)


def to_wire(conversation: Conversation) -> UserName:
    """The text that `from_wire` reads back; also what scripts, JSON and the broker's rows have for it."""
    match conversation:
        case Direct(name):
            return name
        case Everyone():
            return _ALL
        case _ as never:
            assert_never(never)


def on_screen(conversation: Conversation) -> str:
    """What a person reads, and may type, for it."""
    match conversation:
        case Direct(name):
            return name
        case Everyone():
            return _ALL
        case _ as never:
            assert_never(never)
