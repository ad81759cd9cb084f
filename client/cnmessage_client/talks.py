"""What the client hands to applications about conversations: with whom one talks, and what of it waits.

Knows nothing of how it is asked for.
"""

from typing import Any

from msgspec import Struct

from cnmessage_client.model import Message, Unknown, entry_of
from cnmessage_protocol.results import ListedConversation


class Talk(Struct, frozen=True):
    """A conversation: with a user, or "all". `unread` counts what was received and is not read, `last` is its
    last item, of either direction.
    """

    name: str
    unread: int
    last: Message | Unknown

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints for it."""
        return {"name": self.name, "unread": self.unread, "last": self.last.as_json()}


def talk_of(row: ListedConversation) -> Talk:
    """The application's view of a row of the list of conversations."""
    return Talk(row.name, row.unread, entry_of(row.last))
