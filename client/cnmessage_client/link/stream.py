"""Items on their way to the application, with a bound on how many may wait.

When the application is slow, the connection stops taking pushes and the session stops asking; the broker's
inbox keeps the rest.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

from cnmessage_client.link.connection import Connection
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.records import InboxItem

PAUSE_AT = 8192
RESUME_AT = 1024
"""Items that may wait before the client stops taking more, and until it goes on."""


PAUSE_BYTES = 16 << 20
"""Bytes that may wait, whatever the number of items."""


class Stream:
    """Hands items over one by one, in order."""

    def __init__(self, session: Session, connection: Connection) -> None:
        self._session = session
        self._connection = connection
        self._items: deque[InboxItem] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._failure: CnMessageError | None = None
        self._following = False

    def put(self, items: Sequence[InboxItem]) -> None:
        """New items came."""
        self._items.extend(items)
        self._bytes += sum(item.size for item in items)
        self._changed.set()
        if len(self._items) > PAUSE_AT or self._bytes > PAUSE_BYTES:
            self._pause(paused=True)

    def fail(self, error: CnMessageError) -> None:
        """Nothing will come any more; what waits is still handed over."""
        self._failure = error
        self._changed.set()

    async def items(self, after: int | None) -> AsyncIterator[InboxItem]:
        """Every item from the read mark on, or above `after`; then live."""
        if self._following and after is not None:
            raise CnMessageError(
                ErrorCode.USAGE, "this client follows already; `after` is for its first messages()"
            )
        if not self._following:
            self._following = True
            self._connection.perform(self._session.follow(self._connection.now(), after))
        while True:
            while self._items:
                item = self._items.popleft()
                self._bytes -= item.size
                if (
                    self._connection.paused
                    and len(self._items) < RESUME_AT
                    and self._bytes < PAUSE_BYTES // 2
                ):
                    self._pause(paused=False)
                yield item
            if self._failure is not None:
                raise self._failure
            self._changed.clear()
            await self._changed.wait()

    def _pause(self, *, paused: bool) -> None:
        if self._connection.paused is paused:
            return
        self._connection.paused = paused
        self._connection.perform(self._session.pause(self._connection.now(), paused=paused))
        self._connection.look()
