"""Items on their way to the application, with a bound on how many may wait.

When the application is slow, the connection stops taking pushes and the session stops asking; the broker's
inbox keeps the rest.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from cnmessage_client.link.connection import Connection
from cnmessage_client.model import Message, Unknown
from cnmessage_protocol.conversation import Everyone, to_wire
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.records import Direction, InboxItem, Item, Kind

P = ParamSpec("P")
Caller = TypeVar("Caller")

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
        self._loop = asyncio.get_running_loop()
        self._lists: deque[tuple[deque[Item], int]] = deque()
        """What came together, with its bytes."""
        self._count = self._bytes = 0
        self._read: int | None = None
        self._changed = asyncio.Event()
        self._failure: CnMessageError | None = None
        self._following = False

    def put(self, items: Sequence[Item]) -> None:
        """New items came."""
        size = sum([item.size for item in items])
        self._lists.append((deque(items), size))
        self._count += len(items)
        self._bytes += size
        self._changed.set()
        if self._count > PAUSE_AT or self._bytes > PAUSE_BYTES:
            self._pause(paused=True)

    def fail(self, error: CnMessageError) -> None:
        """Nothing will come any more; what waits is still handed over."""
        self._failure = error
        self._changed.set()

    async def items(self, after: int | None) -> AsyncIterator[Item]:
        """Every item from the read mark on, or above `after`; then live."""
        if self._following and after is not None:
            raise CnMessageError(
                ErrorCode.USAGE, "this client follows already; `after` is for its first messages()"
            )
        if not self._following:
            self._following = True
            self._connection.perform(self._session.follow(self._connection.now(), after))
        while True:
            while self._lists:
                items, size = self._lists[0]
                while items:
                    item = items.popleft()
                    self._count -= 1
                    yield item
                if self._lists and self._lists[0][0] is items:  # else another iteration has seen to it
                    self._lists.popleft()
                    self._bytes -= size
                if self._connection.paused and self._count < RESUME_AT and self._bytes < PAUSE_BYTES // 2:
                    self._pause(paused=False)
            if self._failure is not None:
                raise self._failure
            self._changed.clear()
            await self._changed.wait()

    def read(self, seq: int) -> None:
        """The application has seen everything up to `seq`. What it sees in one turn is told together."""
        if self._read is None:
            self._loop.call_soon(self.tell_read)
        self._read = max(self._read or 0, seq)

    def tell_read(self) -> None:
        """Tell the session now how far the application has read."""
        if self._read is not None:
            seq, self._read = self._read, None
            self._connection.perform(self._session.mark_read(self._connection.now(), seq))

    def _pause(self, *, paused: bool) -> None:
        if self._connection.paused is paused:
            return
        self._connection.paused = paused
        self._connection.perform(self._session.pause(self._connection.now(), paused=paused))
        self._connection.look()


def only_messages(
    call: Callable[Concatenate[Caller, P], Coroutine[Any, Any, list[Message | Unknown]]],
) -> Callable[Concatenate[Caller, P], Coroutine[Any, Any, list[Message]]]:
    """The same call, without what this version cannot show."""

    @wraps(call)
    async def filtered(self: Caller, /, *args: P.args, **kwargs: P.kwargs) -> list[Message]:
        return [each for each in await call(self, *args, **kwargs) if isinstance(each, Message)]

    return filtered


def following_messages(
    call: Callable[Concatenate[Caller, P], AsyncIterator[Message | Unknown]],
) -> Callable[Concatenate[Caller, P], AsyncIterator[Message]]:
    """The same iteration, without what this version cannot show."""

    @wraps(call)
    async def filtered(self: Caller, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[Message]:
        async for each in call(self, *args, **kwargs):
            if isinstance(each, Message):
                yield each

    return filtered


async def not_read(
    items: AsyncIterator[Item], marks: Callable[[], Coroutine[Any, Any, Mapping[str, int]]]
) -> AsyncIterator[Item]:
    """Those that were not read in their conversation; `marks` are asked for once there is something.

    A seq that does not rise means that the broker's database was restored: old marks count no more.
    """
    read: Mapping[str, int] | None = None
    latest = 0
    async for item in items:
        if read is None:
            read = await marks()
        elif item.seq <= latest:
            read = {}
        latest = item.seq
        if item.seq > read.get(_received_in(item), 0):
            yield item


def _received_in(item: Item) -> str:
    """The conversation in which a received item counts as read, by name; nothing for another item."""
    if not isinstance(item, InboxItem) or item.direction is Direction.SENT:
        return ""
    return to_wire(Everyone()) if item.kind is Kind.BROADCAST else item.sender
