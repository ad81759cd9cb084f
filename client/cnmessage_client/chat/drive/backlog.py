"""How much of what waits in the inbox is shown at the start, and what that means for the read mark.

Thousands of unread messages must not flood the screen: the latest are shown, and the mark, which covers all
below it, stays where it is until the others were read by other means. Own messages between them take no
place: whoever opens a view is shown those.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from cnmessage_client.client import Client
from cnmessage_client.model import Message, Unknown
from cnmessage_protocol.conversation import Everyone, to_wire
from cnmessage_protocol.errors import CnMessageError
from cnmessage_protocol.results import Identity

MOST_SHOWN = 200
"""Unread messages that are shown at the start."""


class Backlog:
    """Where a client's stream begins, and whether the read mark may rise."""

    def __init__(self) -> None:
        self._seen: tuple[str, int] | None = None
        self._below: int | None = None
        self._wanted = 0
        self._in_part: set[str] | None = None

    @property
    def held(self) -> bool:
        """Whether messages below those that were shown are unread."""
        return self._below is not None

    async def begin(
        self, client: Client, me: Identity, left_out: Callable[[int, int], None]
    ) -> tuple[Sequence[Message | Unknown], int]:
        """What is shown at once, oldest first, and the seq after which the stream of this client begins.

        `left_out` is told how many are unread, at least, and how many of them are shown, if not all are.
        """
        if self._seen is not None and self._seen[0] == me.user:
            return [], self._seen[1]
        self._below, self._wanted = None, 0
        # `me` may be older than the list: one more than is shown tells that there are more.
        found = await client.entries(MOST_SHOWN + 1, unread=True) if me.unread else []
        if not found:
            return [], me.head
        unread, shown = max(me.unread, len(found)), found[-MOST_SHOWN:]
        if len(shown) < unread:
            self._below = shown[0].seq - 1
            left_out(unread, len(shown))
            self._in_part = await _in_part(client, shown)
        return shown, max(me.head, shown[-1].seq)

    def came(self, user: str, seq: int) -> None:
        """An item came."""
        self._seen = (user, seq)

    def markable(self, seq: int) -> int | None:
        """How far the mark may rise when all up to `seq` was shown; None while it may not."""
        self._wanted = max(self._wanted, seq)
        return None if self.held else seq

    def whole(self, name: str) -> bool:
        """Whether all that waited in this conversation is shown, so that its mark may rise."""
        return not self.held or (self._in_part is not None and name not in self._in_part)

    def read(self, upto: int) -> int | None:
        """The broker's mark stands at `upto`; what may be marked now, if that was held back so far."""
        if self._below is None or upto < self._below:
            return None
        self._below = None
        return self._wanted or None


async def _in_part(client: Client, shown: Sequence[Message | Unknown]) -> set[str] | None:
    """Conversations of which more waits than is shown; None where the broker cannot say so."""
    told = Counter(
        to_wire(Everyone()) if each.kind == "broadcast" else each.sender
        for each in shown
        if isinstance(each, Message)
    )
    try:
        return {each.name for each in await client.conversations() if each.unread > told[each.name]}
    except CnMessageError:
        return None
