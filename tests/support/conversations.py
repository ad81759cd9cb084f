"""Conversations by the words that tests have for them."""

from cnmessage_protocol.conversation import Conversation, Direct, Everyone, to_wire
from cnmessage_protocol.ids import UserName


def talk_with(name: str) -> Conversation:
    """As `from_wire`, but any text will do for a name: screens are shown hostile ones."""
    return Everyone() if name == to_wire(Everyone()) else Direct(UserName(name))


def whom(*names: str) -> tuple[Conversation, ...]:
    """Whom a message goes to."""
    return tuple(map(talk_with, names))


ALL, ALICE, BOB, CAROL = whom("all", "alice", "bob", "carol")
