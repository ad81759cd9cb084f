"""Items of an inbox, or of conversations, from the oldest on: any number of them, a page in memory.

A broker gives the latest first. A whole inbox is asked for in spans, as its numbers have no gaps. Where its
items are narrowed down, a walk back notes first where each page begins. Reads nothing but history: nothing
counts as received or read. Must know no socket.
"""

from array import array
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Protocol

from msgspec import Struct

from cnmessage_client.link import arguments
from cnmessage_client.model import Message, Unknown
from cnmessage_protocol.errors import NoProgressError
from cnmessage_protocol.results import PAGE_ITEMS, Identity

Entry = Message | Unknown


class History(Protocol):
    """A client, as far as it is needed to look back."""

    async def whoami(self) -> Identity:
        """How far the inbox goes."""
        ...

    async def entries(
        self,
        limit: int,
        *,
        peer: str | None,
        since: datetime | None,
        until: datetime | None,
        before: int,
        own: bool,
    ) -> list[Entry]:
        """The latest `limit` items below `before` that match, oldest first."""
        ...


class _Narrowed(Struct, frozen=True):
    """Which items are wanted."""

    client: History
    peer: str | None
    since: datetime | None
    until: datetime | None

    async def page(self, before: int) -> list[Entry]:
        """The latest below `before`; a page that is not full is the last."""
        return await self.client.entries(
            PAGE_ITEMS,
            peer=self.peer,
            since=self.since,
            until=self.until,
            before=before,
            own=self.peer is None,
        )


async def oldest_first(
    self: History,
    *,
    peers: str | Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> AsyncIterator[Entry]:
    """Every item there is by now, oldest first, what this user sent too; of any number a page is in memory.

    `peers`: only the conversations with these users; "all" for broadcasts. An item of several comes once.
    `since`, `until`: not older, and older, by the broker's clock; without a zone, local. What this version
    cannot show is among them. Marks nothing.
    """
    names = dict.fromkeys(name.lower() for name in arguments.names("peers", peers))
    end = (await self.whoami()).head + 1
    if names or since is not None or until is not None:
        ways = [_Narrowed(self, name, since, until) for name in names or (None,)]
        streams = [_items(each, await _pages(each, end)) for each in ways]
    else:
        streams = [_items(_Narrowed(self, None, None, None), _spans(end))]
    async for entry in _merged(streams):
        yield entry


def _spans(end: int) -> Iterable[tuple[int, int]]:
    """All numbers below `end` in pieces of a page: the first of each, and the one behind its last."""
    return ((first, min(first + PAGE_ITEMS, end)) for first in range(1, end, PAGE_ITEMS))


async def _pages(wanted: _Narrowed, end: int) -> Iterable[tuple[int, int]]:
    """Where pages begin and end that hold all wanted items below `end`; eight bytes are kept for each.

    Even of an empty inbox one is asked for: whether there is such a user, the broker knows.
    """
    begins = array("Q", [end])
    full = True
    while full:
        page = await wanted.page(begins[-1])
        if page:
            begins.append(page[0].seq)
        full = len(page) == PAGE_ITEMS and begins[-1] > 1
    return pairwise(reversed(begins))


async def _items(wanted: _Narrowed, pages: Iterable[tuple[int, int]]) -> AsyncIterator[Entry]:
    for first, end in pages:
        page = [entry for entry in await wanted.page(end) if entry.seq >= first]
        if not page:
            raise NoProgressError(f"it gives nothing from {first} to {end - 1}, where it has said there is")
        for entry in page:
            yield entry


async def _merged(streams: Sequence[AsyncIterator[Entry]]) -> AsyncIterator[Entry]:
    """The items of all in the order of their numbers, each once."""
    last, heads = 0, [(stream, await anext(stream, None)) for stream in streams]
    while ready := [(head.seq, at) for at, (_, head) in enumerate(heads) if head is not None]:
        seq, at = min(ready)
        stream, head = heads[at]
        if head is not None and seq > last:
            last = seq
            yield head
        heads[at] = stream, await anext(stream, None)
