"""What the status line tells, as one frozen record. The screens give it its form."""

from dataclasses import dataclass

from cnmessage_protocol.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Status:
    """`connection` is words such as "online" or "reconnecting in 4 s (3)".

    `queued` counts own messages that wait, `unread` those of others by conversation. `online`
    counts users, oneself too; `partner` is whom one talks with, and whether that user is online. Each is None
    while it is not known.
    """

    connection: str
    user: str | None
    queued: int
    unread: tuple[tuple[Conversation, int], ...]
    online: int | None
    partner: tuple[Conversation, bool] | None = None


@dataclass(frozen=True, slots=True)
class Completions:
    """What the line may be completed with: names of users, and the words of the chat's own commands."""

    names: tuple[str, ...]
    words: tuple[str, ...]
