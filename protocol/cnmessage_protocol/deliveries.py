"""What a broker pushes, once opened: `[kind, map]`.

A push is a doorbell: losing one loses nothing, because the inbox machine notices and asks.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from msgspec import Struct

from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.ids import ID_SIZE
from cnmessage_protocol.records import MAX_FILE_NAME, Item, inbox_item
from cnmessage_protocol.schema import blob, boolean, build, count, many, row, text, username, word

MAX_KIND = 32
"""Characters of an unknown kind that are kept."""

PUSH_ITEMS = 256
"""Most inbox items in one delivery."""


class Hello(Struct, frozen=True):
    """The first delivery on a granted topic: from here on pushes arrive."""

    KIND: ClassVar[str] = "hello"
    head: Annotated[int, count]


class Items(Struct, frozen=True):
    """New inbox items, in rising `seq`."""

    KIND: ClassVar[str] = "items"
    items: Annotated[tuple[Item, ...], many(inbox_item, PUSH_ITEMS, minimum=1)]


class Presence(Struct, frozen=True):
    """Who came or went, in rows `[name, online]`; at most one such delivery a second."""

    KIND: ClassVar[str] = "presence"
    changes: Annotated[tuple[tuple[str, bool], ...], many(row(username, boolean), 1024, minimum=1)]


class FileState(Struct, frozen=True):
    """A recipient of this user's file `file` now has state `state`: fetching, done or failed."""

    KIND: ClassVar[str] = "file_state"
    file: Annotated[bytes, blob(ID_SIZE)]
    name: Annotated[str, text(MAX_FILE_NAME)]
    user: Annotated[str, username]
    state: Annotated[str, word("fetching", "done", "failed")]


class OfferState(Struct, frozen=True):
    """The file `file`, which `user` offered, can be had no more, or again: `state` is withdrawn, expired,
    declined (by this user, elsewhere perhaps) or offered.
    """

    KIND: ClassVar[str] = "offer_state"
    file: Annotated[bytes, blob(ID_SIZE)]
    name: Annotated[str, text(MAX_FILE_NAME)]
    user: Annotated[str, username]
    state: Annotated[str, word("withdrawn", "expired", "declined", "offered")]


class Closed(Struct, frozen=True):
    """This listener has ended; `reason` is an error code."""

    KIND: ClassVar[str] = "closed"
    reason: Annotated[str, text(32)]


class UnknownDelivery(Struct, frozen=True):
    """A delivery of a kind that this version does not know; what it says is not looked at."""

    kind: str


Delivery = Hello | Items | Presence | FileState | OfferState | Closed | UnknownDelivery
DELIVERIES: Mapping[str, type[Any]] = MappingProxyType(
    {each.KIND: each for each in (Hello, Items, Presence, FileState, OfferState, Closed)},
)
"""Kind on the wire to delivery."""


def parse_delivery(value: Any) -> Delivery:
    """The checked delivery behind a decoded `[kind, map]`. What a later broker adds to it is ignored."""
    if type(value) is not list or len(value) != 2 or type(value[0]) is not str or type(value[1]) is not dict:
        raise ProtocolError("a delivery must be an array [kind, map]")
    if value[0] not in DELIVERIES:
        return UnknownDelivery(value[0][:MAX_KIND])
    delivery: Delivery = build(DELIVERIES[value[0]], value[1], lenient=True)
    return delivery
